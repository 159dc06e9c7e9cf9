import type { Io } from '../command.ts';

/** One line on a terminal that says how far long work is; silent everywhere else. */
export interface Progress {
  update(what: string, done: number, total: number): void;
  /** Wipes the line. */
  done(): void;
}

const FIRST_AFTER_MS = 500;
const EVERY_MS = 100;

export function progressOn(stderr: Io['stderr'], now: () => number = Date.now): Progress {
  if (stderr.isTTY !== true) {
    return { update: () => undefined, done: () => undefined };
  }
  const started = now();
  let last = started + FIRST_AFTER_MS - EVERY_MS;
  let shown = false;
  return {
    update(what, done, total) {
      const time = now();
      if (time - last < EVERY_MS) {
        return;
      }
      last = time;
      shown = true;
      const text = `${done} of ${total}: ${what}`;
      stderr.write(`\r\u001b[2K${text.slice(0, Math.max(20, (stderr.columns ?? 80) - 1))}`);
    },
    done() {
      if (shown) {
        stderr.write('\r\u001b[2K');
        shown = false;
      }
    },
  };
}
