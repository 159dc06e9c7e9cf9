// A first-in first-out list of keys that can also be looked up and removed by key.

/** A Map keeps the order; its own iterator remembers where the front is, so taking the first never walks over holes. */
export class OrderedKeys {
  private readonly times = new Map<string, number>();
  private front: IterableIterator<[string, number]> | undefined;

  get size(): number {
    return this.times.size;
  }

  has(key: string): boolean {
    return this.times.has(key);
  }

  get(key: string): number | undefined {
    return this.times.get(key);
  }

  /** Appends a key that is not in the list. */
  push(key: string, time: number): void {
    this.times.set(key, time);
  }

  delete(key: string): void {
    this.times.delete(key);
  }

  shift(): [string, number] | undefined {
    // An iterator that has once seen the end stays there; with a key in the list, it does not see it.
    if (this.times.size === 0) {
      return undefined;
    }
    this.front ??= this.times.entries();
    const next = this.front.next();
    if (next.done === true) {
      return undefined;
    }
    this.times.delete(next.value[0]);
    return next.value;
  }

  clear(): void {
    this.times.clear();
    this.front = undefined;
  }
}
