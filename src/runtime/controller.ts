// The worker loop: takes keys, reconciles them, and does with each outcome what the one table below says.

import { setMaxListeners } from 'node:events';
import { isApiError, silentLogger, systemClock } from '../kube/index.ts';
import type { Logger } from '../kube/index.ts';
import type { Clock } from './clock.ts';
import type { WorkQueue } from './queue.ts';
import { Turns } from './turns.ts';

export type Outcome =
  | { readonly kind: 'done' }
  /** All is well; look again then, though nothing changes. */
  | { readonly kind: 'requeueAfter'; readonly delayMs: number }
  /** It failed in a way that may pass. */
  | { readonly kind: 'retry'; readonly error: unknown }
  /** It failed, and only a change of the object or of the world can help: a watch event brings it back. */
  | { readonly kind: 'terminal'; readonly error: unknown };

export const done: Outcome = { kind: 'done' };

export function requeueAfter(delayMs: number): Outcome {
  return { kind: 'requeueAfter', delayMs };
}

export function retry(error: unknown): Outcome {
  return { kind: 'retry', error };
}

export function terminal(error: unknown): Outcome {
  return { kind: 'terminal', error };
}

/** Thrown anywhere below a reconcile, it is a terminal outcome. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

export type ReconcileResult = 'success' | 'requeue_after' | 'error';

export interface ControllerObserver {
  onStart(): void;
  onEnd(result: ReconcileResult, seconds: number, terminal: boolean): void;
}

export interface ControllerOptions {
  name: string;
  queue: WorkQueue;
  /** Keys that are worked on at once. */
  concurrency: number;
  /** The signal ends with the controller, or with the leadership. */
  reconcile: (key: string, signal: AbortSignal) => Promise<Outcome>;
  /** All controllers of a process share one: they share its thread. Without it the controller has its own. */
  turns?: Turns;
  logger?: Logger;
  clock?: Clock;
  observer?: ControllerObserver;
}

export class Controller {
  readonly name: string;
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly turns: Turns;
  private readonly abort = new AbortController();
  private workers: Promise<void>[] = [];

  constructor(private readonly options: ControllerOptions) {
    this.name = options.name;
    this.logger = (options.logger ?? silentLogger).child({ controller: options.name });
    this.clock = options.clock ?? systemClock;
    this.turns = options.turns ?? new Turns();
    // Every request that is under way listens to it.
    setMaxListeners(0, this.abort.signal);
  }

  start(): void {
    if (this.workers.length > 0) {
      return;
    }
    for (let index = 0; index < this.options.concurrency; index += 1) {
      this.workers.push(this.work());
    }
  }

  /** Takes no more keys, lets the present ones end, and after the deadline aborts them. */
  async stop(deadlineMs = 10_000): Promise<void> {
    this.options.queue.shutDown();
    const ended = Promise.all(this.workers);
    const timer = this.clock.setTimeout(() => {
      this.abortNow('the controller stops');
    }, deadlineMs);
    await ended;
    this.clock.clearTimeout(timer);
    this.abortNow('the controller has stopped');
  }

  /** Ends the present work at once: we do not lead any more. */
  abortNow(reason: string): void {
    this.options.queue.shutDown();
    this.abort.abort(new Error(reason));
  }

  private async work(): Promise<void> {
    const { queue } = this.options;
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      const turn = this.turns.due();
      if (turn !== undefined) {
        await turn;
      }
      this.options.observer?.onStart();
      const started = this.clock.monotonic();
      const outcome = await this.reconcile(key);
      this.settle(key, outcome, (this.clock.monotonic() - started) / 1000);
      queue.done(key);
    }
  }

  private async reconcile(key: string): Promise<Outcome> {
    try {
      return await this.options.reconcile(key, this.abort.signal);
    } catch (error) {
      // Work that we ended ourselves did not fail.
      if (this.abort.signal.aborted) {
        return done;
      }
      return error instanceof TerminalError ? terminal(error) : retry(error);
    }
  }

  // The table of outcomes: what happens to the key, and how it is counted.
  private settle(key: string, outcome: Outcome, seconds: number): void {
    const { queue, observer } = this.options;
    switch (outcome.kind) {
      case 'done':
        queue.forget(key);
        observer?.onEnd('success', seconds, false);
        return;
      case 'requeueAfter':
        queue.forget(key);
        queue.addAfter(key, outcome.delayMs);
        observer?.onEnd('requeue_after', seconds, false);
        return;
      case 'retry': {
        const { error } = outcome;
        const delayMs = Math.round(queue.addRateLimited(key, isApiError(error) ? error.retryAfterMs : undefined));
        observer?.onEnd('error', seconds, false);
        const fields = { key, error, delayMs, failures: queue.failuresOf(key) };
        // A conflict is how two writers find out about each other: no reason to worry anybody.
        if (isApiError(error) && error.isConflict) {
          this.logger.debug('reconcile met a conflict, retrying', fields);
        } else {
          this.logger.warn('reconcile failed, retrying', fields);
        }
        return;
      }
      case 'terminal':
        queue.forget(key);
        observer?.onEnd('error', seconds, true);
        this.logger.error('reconcile failed and is not retried before a change', { key, error: outcome.error });
        return;
    }
  }
}
