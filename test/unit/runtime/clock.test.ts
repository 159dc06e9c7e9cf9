import { describe, expect, it } from '@jest/globals';
import { sleep } from '../../../src/kube/index.ts';
import { systemClock, VirtualClock } from '../../../src/runtime/index.ts';

describe('VirtualClock', () => {
  it('fires timers in the order of their times, and lets each one finish before the next', async () => {
    const clock = new VirtualClock(1_000);
    const seen: string[] = [];
    clock.setTimeout(() => {
      seen.push(`late at ${clock.now()}`);
    }, 50);
    clock.setTimeout(() => {
      seen.push(`early at ${clock.now()}`);
      void Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => {
          seen.push('what early woke up');
        });
      clock.setTimeout(() => {
        seen.push(`nested at ${clock.monotonic()}`);
      }, 10);
    }, 20);
    const cancelled = clock.setTimeout(() => {
      seen.push('never');
    }, 30);
    clock.clearTimeout(cancelled);
    await clock.advance(60);

    expect(seen).toEqual(['early at 1020', 'what early woke up', 'nested at 30', 'late at 1050']);
    expect([clock.now(), clock.monotonic(), clock.pendingTimers]).toEqual([1_060, 60, 0]);
  });
});

describe('sleep', () => {
  it('ends at its time, or when the signal is aborted, and leaves no timer', async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const ended: string[] = [];
    const both = [
      sleep(clock, 100).then(() => {
        ended.push('slept');
      }),
      sleep(clock, 1_000, controller.signal).then(() => {
        ended.push('woken');
      }),
    ];
    await clock.advance(100);
    controller.abort();
    await Promise.all(both);
    await sleep(clock, 1_000, controller.signal);

    expect(ended).toEqual(['slept', 'woken']);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('systemClock', () => {
  it('a very long wait does not fire at once', async () => {
    let fired = false;
    const handle = systemClock.setTimeout(() => {
      fired = true;
    }, 2 ** 40);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
    systemClock.clearTimeout(handle);
    expect(fired).toBe(false);
  });
});
