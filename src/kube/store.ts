// The records of a reflector, and who is told of their changes. A relist does not empty the store first: it marks what
// it saw and then deletes the rest, so readers never see half a collection.

export interface StoreHandlers<T> {
  /** `initial`: it came with a list, not as a live change. */
  onAdd?(key: string, record: T, initial: boolean): void;
  onUpdate?(key: string, record: T, previous: T, initial: boolean): void;
  onDelete?(key: string, last: T): void;
}

export interface Refill<T> {
  put(key: string, record: T | undefined): void;
  delete(key: string): void;
  /** What was not put is gone. */
  finish(): void;
}

export class RecordStore<T> {
  private readonly records = new Map<string, T>();

  constructor(
    private readonly handlers: StoreHandlers<T>,
    private readonly equal: ((a: T, b: T) => boolean) | undefined,
    private readonly onHandlerError: (error: unknown, handler: string, key: string) => void,
  ) {}

  get size(): number {
    return this.records.size;
  }

  get(key: string): T | undefined {
    return this.records.get(key);
  }

  has(key: string): boolean {
    return this.records.has(key);
  }

  keys(): IterableIterator<string> {
    return this.records.keys();
  }

  values(): IterableIterator<T> {
    return this.records.values();
  }

  entries(): IterableIterator<[string, T]> {
    return this.records.entries();
  }

  put(key: string, record: T, initial: boolean): void {
    const previous = this.records.get(key);
    this.records.set(key, record);
    if (previous === undefined) {
      this.tell('onAdd', key, () => this.handlers.onAdd?.(key, record, initial));
      return;
    }
    if (this.equal?.(previous, record) === true) {
      return;
    }
    this.tell('onUpdate', key, () => this.handlers.onUpdate?.(key, record, previous, initial));
  }

  /** @param before told first, also of what had no record */
  remove(key: string, before?: (last: T | undefined) => void): void {
    const last = this.records.get(key);
    if (before !== undefined) {
      this.tell('onGone', key, () => {
        before(last);
      });
    }
    if (last === undefined) {
      return;
    }
    this.records.delete(key);
    this.tell('onDelete', key, () => this.handlers.onDelete?.(key, last));
  }

  clear(): void {
    for (const key of [...this.records.keys()]) {
      this.remove(key);
    }
  }

  refill(): Refill<T> {
    const seen = new Set<string>();
    return {
      put: (key, record) => {
        if (record === undefined) {
          return;
        }
        seen.add(key);
        this.put(key, record, true);
      },
      delete: (key) => {
        seen.delete(key);
      },
      finish: () => {
        if (seen.size === this.records.size) {
          return;
        }
        for (const key of [...this.records.keys()]) {
          if (!seen.has(key)) {
            this.remove(key);
          }
        }
      },
    };
  }

  private tell(handler: string, key: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.onHandlerError(error, handler, key);
    }
  }
}
