/**
 * Remembers the results of a pure function of one text. Templates of a fleet repeat a few annotations thousands of
 * times; the bound keeps hostile or merely varied input from growing the process.
 */
export function memoizeByText<T>(limit: number, compute: (text: string) => T): (text: string) => T {
  const results = new BoundedMap<T>(limit);
  return (text) => {
    let result = results.get(text);
    if (result === undefined) {
      result = compute(text);
      results.set(text, result);
    }
    return result;
  };
}

/** Remembers the result of a pure function for as long as the object lives, which nobody changes. */
export function memoizeByObject<O extends object, T>(compute: (object: O) => T): (object: O) => T {
  const results = new WeakMap<O, T>();
  return (object) => {
    let result = results.get(object);
    if (result === undefined) {
      result = compute(object);
      results.set(object, result);
    }
    return result;
  };
}

/** How many words are remembered of one object: there are few, unless somebody makes them up. */
const MOST_WORDS = 64;

/** The same of an object and a word beside it. */
export function memoizeByObjectAndWord<O extends object, W extends string | number, T>(
  compute: (object: O, word: W) => T,
): (object: O, word: W) => T {
  const ofObject = memoizeByObject<O, BoundedMap<T, W>>(() => new BoundedMap<T, W>(MOST_WORDS));
  return (object, word) => {
    const results = ofObject(object);
    let result = results.get(word);
    if (result === undefined) {
      result = compute(object, word);
      results.set(word, result);
    }
    return result;
  };
}

/** A map of so many entries at most; the oldest goes first. */
export class BoundedMap<T, K extends string | number = string> {
  private readonly entries = new Map<K, T>();
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  get(key: K): T | undefined {
    return this.entries.get(key);
  }

  set(key: K, value: T): void {
    if (this.entries.size >= this.limit) {
      // A Map keeps the order of insertion.
      const oldest = this.entries.keys().next();
      if (oldest.done !== true) {
        this.entries.delete(oldest.value);
      }
    }
    this.entries.set(key, value);
  }
}
