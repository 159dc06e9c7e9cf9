/**
 * Remembers the results of a pure function of one text. Templates of a fleet repeat a few annotations thousands of
 * times; the bound keeps hostile or merely varied input from growing the process.
 */
export function memoizeByText<T>(limit: number, compute: (text: string) => T): (text: string) => T {
  const results = new BoundedMap<T>(limit);
  return (text) => getOrCompute(results, text, compute);
}

/** Remembers the result of a pure function for as long as the object lives, which nobody changes. */
export function memoizeByObject<O extends object, T>(compute: (object: O) => T): (object: O) => T {
  const results = new WeakMap<O, T>();
  return (object) => getOrCompute(results, object, compute);
}

/** How many words are remembered of one object: there are few, unless somebody makes them up. */
const MOST_WORDS = 64;

/** The same of an object and a word beside it. */
export function memoizeByObjectAndWord<O extends object, W extends string | number, T>(
  compute: (object: O, word: W) => T,
): (object: O, word: W) => T {
  const ofObject = memoizeByObject<O, BoundedMap<T, W>>(() => new BoundedMap<T, W>(MOST_WORDS));
  return (object, word) => getOrCompute(ofObject(object), word, () => compute(object, word));
}

interface Results<K, T> {
  get(key: K): T | undefined;
  set(key: K, value: T): unknown;
}

/** What is remembered for a key, or else worked out now and remembered. */
export function getOrCompute<K, T>(results: Results<K, T>, key: K, compute: (key: K) => T): T {
  let result = results.get(key);
  if (result === undefined) {
    result = compute(key);
    results.set(key, result);
  }
  return result;
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
