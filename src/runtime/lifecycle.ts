// The life of the process, in one place: which state it is in, what a signal does, in which order things stop.
//
//   Starting -> Running -> Stopping -> Stopped
//
// What was started last stops first. The whole stop has a deadline; a second signal ends the process at once. An
// error that nobody caught is logged and ends the process with 1: a controller in an unknown state must not write.

import { setMaxListeners } from 'node:events';
import { silentLogger, sleep, systemClock } from '../kube/index.ts';
import type { Logger } from '../kube/index.ts';
import type { Clock } from './clock.ts';

export type LifecycleState = 'Starting' | 'Running' | 'Stopping' | 'Stopped';

/** The parts of `process` that are used here. */
export interface ProcessPort {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  exit(code: number): void;
}

export interface LifecycleOptions {
  logger?: Logger;
  clock?: Clock;
  /** For the whole ordered stop. Less than the pod's grace period. */
  stopDeadlineMs?: number;
  process?: ProcessPort;
}

interface StopStep {
  name: string;
  stop: () => void | Promise<void>;
}

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
// As shells report a process that a signal ended.
const exitCodes: Record<(typeof signals)[number], number> = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 };

export class Lifecycle {
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly process: ProcessPort;
  private readonly deadlineMs: number;
  private readonly steps: StopStep[] = [];
  private readonly stopping = new AbortController();
  private currentState: LifecycleState = 'Starting';
  private stopped: Promise<number> | undefined;
  private readonly listeners: [string, (...args: unknown[]) => void][] = [];

  constructor(options: LifecycleOptions = {}) {
    this.logger = options.logger ?? silentLogger;
    this.clock = options.clock ?? systemClock;
    this.process = options.process ?? process;
    this.deadlineMs = options.stopDeadlineMs ?? 20_000;
    setMaxListeners(0, this.stopping.signal);
  }

  get state(): LifecycleState {
    return this.currentState;
  }

  /** Aborted when stopping begins: for everything that waits. */
  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  /** Registers what has to be stopped; call it right after it was started. */
  onStop(name: string, stop: () => void | Promise<void>): void {
    this.steps.push({ name, stop });
  }

  running(): void {
    if (this.currentState === 'Starting') {
      this.currentState = 'Running';
    }
  }

  /** Signals and uncaught errors, from here on, are this object's business. */
  install(): void {
    for (const signal of signals) {
      this.listen(signal, () => {
        this.onSignal(signal);
      });
    }
    this.listen('unhandledRejection', (error) => {
      this.onFatal('unhandled promise rejection', error);
    });
    this.listen('uncaughtException', (error) => {
      this.onFatal('uncaught exception', error);
    });
  }

  uninstall(): void {
    for (const [event, listener] of this.listeners.splice(0)) {
      this.process.off(event, listener);
    }
  }

  /** Stops everything in order and ends the process. Further calls wait for the first. */
  async stopAndExit(code: number, reason: string): Promise<void> {
    this.process.exit(await this.stop(code, reason));
  }

  /** Stops everything in order. The result is the exit code: the given one, or 1 where something did not stop. */
  stop(code: number, reason: string): Promise<number> {
    if (this.stopped === undefined) {
      let settle: (exitCode: number) => void = () => undefined;
      this.stopped = new Promise((resolve) => {
        settle = resolve;
      });
      // Only now: what listens to the signal may ask to stop, too, and must then find this stop and not begin its own.
      void this.stopAll(code, reason).then(settle);
    }
    return this.stopped;
  }

  private async stopAll(code: number, reason: string): Promise<number> {
    this.currentState = 'Stopping';
    this.logger.info('stopping', { reason });
    this.stopping.abort(new Error(`stopping: ${reason}`));
    const deadline = this.clock.monotonic() + this.deadlineMs;
    let result = code;
    for (let step = this.steps.pop(); step !== undefined; step = this.steps.pop()) {
      const leftMs = deadline - this.clock.monotonic();
      if (leftMs <= 0 || !(await this.runStep(step, leftMs))) {
        result = code === 0 ? 1 : code;
      }
    }
    this.currentState = 'Stopped';
    this.logger.info('stopped', { exitCode: result });
    return result;
  }

  private async runStep(step: StopStep, leftMs: number): Promise<boolean> {
    const timeout = new AbortController();
    const late = sleep(this.clock, leftMs, timeout.signal).then(() => !timeout.signal.aborted);
    const ended = (async () => {
      try {
        await step.stop();
        return true;
      } catch (error) {
        this.logger.error('a part did not stop cleanly', { part: step.name, error });
        return false;
      }
    })();
    const outcome = await Promise.race([ended, late.then(() => 'late' as const)]);
    timeout.abort();
    if (outcome !== 'late') {
      return outcome;
    }
    this.logger.error('a part did not stop in time', { part: step.name, deadlineMs: this.deadlineMs });
    return false;
  }

  private onSignal(signal: (typeof signals)[number]): void {
    if (this.currentState === 'Stopping' || this.currentState === 'Stopped') {
      this.logger.warn('second signal: exiting at once', { signal });
      this.process.exit(exitCodes[signal]);
      return;
    }
    // To be asked to stop, and to stop in order, is success.
    void this.stopAndExit(0, signal);
  }

  private onFatal(message: string, error: unknown): void {
    this.logger.error(message, { error: error instanceof Error ? error : new Error(String(error)) });
    if (this.currentState === 'Stopping') {
      return;
    }
    void this.stopAndExit(1, 'an unexpected error');
  }

  private listen(event: string, listener: (...args: unknown[]) => void): void {
    this.listeners.push([event, listener]);
    this.process.on(event, listener);
  }
}
