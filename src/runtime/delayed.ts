// Keys that are due later: a heap of times and one timer. A key is in it once, with its earliest time.

import type { Clock, TimerHandle } from './clock.ts';

interface Entry {
  at: number;
  key: string;
}

export class DelayedKeys {
  private readonly heap: Entry[] = [];
  private readonly due = new Map<string, number>();
  private timer: TimerHandle | undefined;
  private timerAt = Infinity;

  constructor(
    private readonly clock: Clock,
    private readonly onDue: (key: string) => void,
  ) {}

  get size(): number {
    return this.due.size;
  }

  add(key: string, delayMs: number): void {
    const at = this.clock.monotonic() + delayMs;
    const known = this.due.get(key);
    if (known !== undefined && known <= at) {
      return;
    }
    this.due.set(key, at);
    this.push({ at, key });
    this.arm();
  }

  remove(key: string): void {
    this.due.delete(key);
  }

  clear(): void {
    this.heap.length = 0;
    this.due.clear();
    this.clock.clearTimeout(this.timer);
    this.timer = undefined;
    this.timerAt = Infinity;
  }

  private arm(): void {
    const first = this.heap[0];
    if (first === undefined || first.at >= this.timerAt) {
      return;
    }
    this.clock.clearTimeout(this.timer);
    this.timerAt = first.at;
    this.timer = this.clock.setTimeout(() => {
      this.fire();
    }, first.at - this.clock.monotonic());
  }

  private fire(): void {
    this.timer = undefined;
    this.timerAt = Infinity;
    // Node's timers may fire a millisecond early.
    const now = this.clock.monotonic() + 1;
    for (let first = this.heap[0]; first !== undefined && first.at <= now; first = this.heap[0]) {
      this.pop();
      // Entries that were overtaken by an earlier one, or removed, stay in the heap until here.
      if (this.due.get(first.key) !== first.at) {
        continue;
      }
      this.due.delete(first.key);
      this.onDue(first.key);
    }
    this.arm();
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.at <= entry.at) {
        break;
      }
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) {
      return;
    }
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const left = heap[child];
      if (left === undefined) {
        break;
      }
      const right = heap[child + 1];
      let smaller = left;
      if (right !== undefined && right.at < left.at) {
        smaller = right;
        child += 1;
      }
      if (smaller.at >= last.at) {
        break;
      }
      heap[index] = smaller;
      index = child;
    }
    heap[index] = last;
  }
}
