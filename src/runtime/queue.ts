// The keyed work queue. What waits is the *name* of an object, never an event: however often something changes while
// it waits, it is worked on once, with what is true then.
//
//   - a key is worked on by one worker at a time; added meanwhile, it comes again afterwards
//   - live changes overtake the keys of an initial list, and what is no news (the echo of an own write)
//   - failures wait longer each time, per key, until `forget`
//   - a delayed key comes at the earliest of the times it was asked for

import { backoffMs, systemClock } from '../kube/index.ts';
import type { Clock } from './clock.ts';
import { DelayedKeys } from './delayed.ts';
import { OrderedKeys } from './ordered-keys.ts';

export type Priority = 'live' | 'initial';

export interface QueueObserver {
  onAdd(): void;
  onTake(waitedSeconds: number): void;
  onDone(workedSeconds: number): void;
  onRetry(): void;
}

export interface WorkQueueOptions {
  /** Also the label of its metrics. */
  name: string;
  clock?: Clock;
  /** First wait after a failure; doubles with each further one. */
  backoffBaseMs?: number;
  backoffMaxMs?: number;
  observer?: QueueObserver;
  random?: () => number;
}

export class WorkQueue {
  readonly name: string;
  private readonly clock: Clock;
  private readonly backoffBaseMs: number;
  private readonly backoffMaxMs: number;
  private readonly random: () => number;
  private observer: QueueObserver | undefined;
  // With the time at which each key was added.
  private readonly live = new OrderedKeys();
  private readonly initial = new OrderedKeys();
  private readonly working = new Map<string, number>();
  private readonly again = new Map<string, { at: number; priority: Priority }>();
  private readonly failures = new Map<string, number>();
  private readonly delayed: DelayedKeys;
  private readonly waiters: ((key: string | undefined) => void)[] = [];
  private closed = false;

  constructor(options: WorkQueueOptions) {
    this.name = options.name;
    this.clock = options.clock ?? systemClock;
    this.backoffBaseMs = options.backoffBaseMs ?? 250;
    this.backoffMaxMs = options.backoffMaxMs ?? 5 * 60_000;
    this.random = options.random ?? Math.random;
    this.observer = options.observer;
    this.delayed = new DelayedKeys(this.clock, (key) => {
      this.add(key);
    });
  }

  observe(observer: QueueObserver): void {
    this.observer = observer;
  }

  /** Keys that wait for a worker. */
  get depth(): number {
    return this.live.size + this.initial.size;
  }

  /** Keys that wait for their time. */
  get delayedCount(): number {
    return this.delayed.size;
  }

  get workingCount(): number {
    return this.working.size;
  }

  /** Nothing waits and nothing is worked on; what is delayed does not count. */
  get idle(): boolean {
    return this.depth === 0 && this.working.size === 0;
  }

  add(key: string, priority: Priority = 'live'): void {
    if (this.closed) {
      return;
    }
    if (this.working.has(key)) {
      const known = this.again.get(key);
      if (known === undefined) {
        this.observer?.onAdd();
      }
      this.again.set(key, {
        at: known?.at ?? this.clock.monotonic(),
        priority: known?.priority === 'live' ? 'live' : priority,
      });
      return;
    }
    this.enqueue(key, priority, undefined);
  }

  /**
   * It was added again while it was worked on, for what turned out to be no news: it still comes, but behind all that is.
   * Without effect on a key that is not worked on.
   */
  defer(key: string): void {
    const again = this.again.get(key);
    if (again !== undefined) {
      this.again.set(key, { at: again.at, priority: 'initial' });
    }
  }

  /** Comes after this long, or earlier if it was already asked for earlier. */
  addAfter(key: string, delayMs: number): void {
    if (this.closed) {
      return;
    }
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    this.delayed.add(key, delayMs);
  }

  /** After a failure. Returns the wait in milliseconds. */
  addRateLimited(key: string, atLeastMs = 0): number {
    const failures = (this.failures.get(key) ?? 0) + 1;
    this.failures.set(key, failures);
    this.observer?.onRetry();
    const delayMs = Math.max(atLeastMs, backoffMs(failures, this.backoffBaseMs, this.backoffMaxMs, this.random));
    this.addAfter(key, delayMs);
    return delayMs;
  }

  /** The next failure of this key is its first again. */
  forget(key: string): void {
    this.failures.delete(key);
  }

  failuresOf(key: string): number {
    return this.failures.get(key) ?? 0;
  }

  /** The next key, when there is one; undefined once the queue is shut down. Each key taken must be `done`. */
  take(): Promise<string | undefined> {
    const key = this.takeNow();
    if (key !== undefined || this.closed) {
      return Promise.resolve(key);
    }
    return new Promise((resolve) => {
      this.waiters.push(resolve);
    });
  }

  done(key: string): void {
    const started = this.working.get(key);
    if (started === undefined) {
      return;
    }
    this.working.delete(key);
    this.observer?.onDone((this.clock.monotonic() - started) / 1000);
    const again = this.again.get(key);
    if (again === undefined) {
      return;
    }
    this.again.delete(key);
    if (!this.closed) {
      this.enqueue(key, again.priority, again.at);
    }
  }

  /** Takes nothing more and gives nothing more; what is worked on goes on. */
  shutDown(): void {
    this.closed = true;
    this.delayed.clear();
    this.live.clear();
    this.initial.clear();
    this.again.clear();
    for (const waiter of this.waiters.splice(0)) {
      waiter(undefined);
    }
  }

  /** Sum, and longest, of the times for which the present work has been under way. */
  unfinishedSeconds(): { sum: number; longest: number } {
    const now = this.clock.monotonic();
    let sum = 0;
    let longest = 0;
    for (const started of this.working.values()) {
      const seconds = (now - started) / 1000;
      sum += seconds;
      if (seconds > longest) {
        longest = seconds;
      }
    }
    return { sum, longest };
  }

  private enqueue(key: string, priority: Priority, addedAt: number | undefined): void {
    if (this.live.has(key)) {
      return;
    }
    const waiting = this.initial.get(key);
    if (waiting !== undefined) {
      if (priority === 'initial') {
        return;
      }
      this.initial.delete(key);
      this.live.push(key, waiting);
      return;
    }
    if (addedAt === undefined) {
      this.observer?.onAdd();
    }
    (priority === 'live' ? this.live : this.initial).push(key, addedAt ?? this.clock.monotonic());
    const waiter = this.waiters.shift();
    if (waiter !== undefined) {
      waiter(this.takeNow());
    }
  }

  private takeNow(): string | undefined {
    const first = this.live.shift() ?? this.initial.shift();
    if (first === undefined) {
      return undefined;
    }
    const [key, addedAt] = first;
    const now = this.clock.monotonic();
    this.working.set(key, now);
    this.observer?.onTake((now - addedAt) / 1000);
    return key;
  }
}
