/** Milliseconds of work without a look at the network: short against the timeouts of probes and of a lease. */
const SLICE_MS = 10;

/**
 * Shares the one thread. A reconcile that waits for nothing never lets the event loop turn, and neither do a thousand of them
 * one after the other: no probe would be answered and no lease renewed meanwhile. So each asks here before it begins, and
 * where the slice of this turn is used up it waits for a turn of its own. One reconcile alone bounds how long a turn takes.
 */
export class Turns {
  private readonly monotonic: () => number;
  private readonly waiting: (() => void)[] = [];
  /** When the first piece of work of the present turn began; undefined before it. */
  private began: number | undefined;

  /** @param monotonic milliseconds */
  constructor(monotonic: () => number = () => performance.now()) {
    this.monotonic = monotonic;
  }

  /** @returns undefined where the work may begin at once, in this same tick; else what to wait for */
  due(): Promise<void> | undefined {
    if (this.began === undefined) {
      this.begin();
      return undefined;
    }
    if (this.monotonic() - this.began < SLICE_MS) {
      return undefined;
    }
    return new Promise((resolve) => {
      this.waiting.push(resolve);
    });
  }

  private begin(): void {
    this.began = this.monotonic();
    setImmediate(() => {
      this.began = undefined;
      const next = this.waiting.shift();
      if (next !== undefined) {
        this.begin();
        next();
      }
    });
  }
}
