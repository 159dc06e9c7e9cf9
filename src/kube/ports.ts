// What this room expects of its surroundings: a logger and a clock. src/runtime has the real ones (winston behind
// the logger, a virtual clock for tests); the interfaces stand here because src/kube may not import src/runtime.

import { offAbort, onAbort } from './aborts.ts';

export type LogFields = Readonly<Record<string, unknown>>;

/** Messages are constant; everything that varies goes into `fields`. An Error belongs into the field `error`. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
}

/** An opaque handle of a timer. */
export interface TimerHandle {
  readonly timer: unknown;
}

export interface Clock {
  /** Wall-clock time, milliseconds since 1970. It may jump. */
  now(): number;
  /** Milliseconds that only grow, for measuring spans. */
  monotonic(): number;
  /** Timers do not keep the process alive. */
  setTimeout(callback: () => void, milliseconds: number): TimerHandle;
  clearTimeout(handle: TimerHandle | undefined): void;
}

const longestTimerMs = 0x7fff_ffff;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (callback, milliseconds) => {
    // A longer span overflows and would fire at once.
    const timer = setTimeout(callback, Math.min(Math.max(milliseconds, 0), longestTimerMs));
    timer.unref();
    return { timer };
  },
  clearTimeout: (handle) => {
    if (handle !== undefined) {
      clearTimeout(handle.timer as NodeJS.Timeout);
    }
  },
};

function nothing(): void {
  // The silent logger.
}

export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLogger,
};

/** Waits on a clock; ends early, without an error, when the signal is aborted: the caller looks at the signal. */
export function sleep(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const end = () => {
      clock.clearTimeout(handle);
      if (watch !== undefined) {
        offAbort(watch);
      }
      resolve();
    };
    const handle = clock.setTimeout(end, milliseconds);
    const watch = signal === undefined ? undefined : onAbort(signal, end);
  });
}
