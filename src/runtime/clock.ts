// The clocks: the real one, and one that stands still until a test moves it.

import type { Clock, TimerHandle } from '../kube/index.ts';

export { systemClock } from '../kube/index.ts';
export type { Clock, TimerHandle } from '../kube/index.ts';

interface VirtualTimer {
  at: number;
  order: number;
  callback: () => void;
}

/** Time passes only in `advance`; timers fire in order, and what they wake up runs before the next one fires. */
export class VirtualClock implements Clock {
  private elapsed = 0;
  private order = 0;
  private readonly timers = new Map<number, VirtualTimer>();

  constructor(private readonly startAt = Date.UTC(2026, 0, 1)) {}

  now(): number {
    return this.startAt + this.elapsed;
  }

  monotonic(): number {
    return this.elapsed;
  }

  setTimeout(callback: () => void, milliseconds: number): TimerHandle {
    this.order += 1;
    this.timers.set(this.order, { at: this.elapsed + Math.max(0, milliseconds), order: this.order, callback });
    return { timer: this.order };
  }

  clearTimeout(handle: TimerHandle | undefined): void {
    if (handle !== undefined) {
      this.timers.delete(handle.timer as number);
    }
  }

  get pendingTimers(): number {
    return this.timers.size;
  }

  async advance(milliseconds: number): Promise<void> {
    const until = this.elapsed + milliseconds;
    await settle();
    for (let next = this.next(until); next !== undefined; next = this.next(until)) {
      this.timers.delete(next.order);
      this.elapsed = next.at;
      next.callback();
      await settle();
    }
    this.elapsed = until;
  }

  private next(until: number): VirtualTimer | undefined {
    let first: VirtualTimer | undefined;
    for (const timer of this.timers.values()) {
      if (timer.at > until) {
        continue;
      }
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) {
        first = timer;
      }
    }
    return first;
  }
}

// A turn of the event loop: promise chains of any length come to rest, and finished IO is seen.
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Milliseconds of CPU time that this process has used, on all threads, garbage collection included. */
export function cpuMillis(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
