// Whether the one thread keeps up. A thread that is blocked answers no probe at all, so the kubelet ends it by the timeout of
// its liveness probe; what is told here is that it was blocked for long and may be again: readiness, and a line in the log.

import { silentLogger, systemClock } from '../kube/index.ts';
import type { Clock, Logger, TimerHandle } from '../kube/index.ts';

const BEAT_MS = 500;
/** As long as the API server waits for an answer of the admission webhook. */
const LONG_MS = 3_000;
/** The period of the readiness probe: one that asks in time misses no block, and three must fail before a pod is unready. */
const RECENT_MS = 10_000;

export interface EventLoopWatchOptions {
  clock?: Clock;
  logger?: Logger;
  longMs?: number;
}

export class EventLoopWatch {
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly longMs: number;
  private timer: TimerHandle | undefined;
  private expectedAt = 0;
  private blocked: { readonly at: number; readonly forMs: number } | undefined;

  constructor(options: EventLoopWatchOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger ?? silentLogger;
    this.longMs = options.longMs ?? LONG_MS;
  }

  start(): void {
    this.schedule();
  }

  stop(): void {
    this.clock.clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Why this process may answer too late to be sent requests; undefined where it keeps up. */
  blockedBecause(): string | undefined {
    // Where a probe that waited is answered before the timer that waited.
    this.look();
    const { blocked } = this;
    const agoMs = this.clock.monotonic() - (blocked?.at ?? 0);
    return blocked === undefined || agoMs >= RECENT_MS
      ? undefined
      : `the event loop was blocked for ${seconds(blocked.forMs)}, ${seconds(agoMs)} ago`;
  }

  private schedule(): void {
    this.expectedAt = this.clock.monotonic() + BEAT_MS;
    this.timer = this.clock.setTimeout(() => {
      this.look();
      this.schedule();
    }, BEAT_MS);
  }

  private look(): void {
    const now = this.clock.monotonic();
    const forMs = now - this.expectedAt;
    if (this.timer === undefined || forMs < this.longMs) {
      return;
    }
    this.expectedAt = now;
    this.blocked = { at: now, forMs };
    this.logger.warn('the event loop was blocked: no probe was answered and no lease renewed meanwhile', {
      seconds: Math.round(forMs / 100) / 10,
    });
  }
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
