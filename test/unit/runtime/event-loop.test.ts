import { afterEach, describe, expect, it } from '@jest/globals';
import { EventLoopWatch, HealthServer, VirtualClock } from '../../../src/runtime/index.ts';
import { silentLogger, type Logger } from '../../../src/kube/index.ts';

/** Time passes without a timer, as while the thread is blocked, and the timers that were due fire late. */
class BlockableClock extends VirtualClock {
  private blockedMs = 0;

  override monotonic(): number {
    return super.monotonic() + this.blockedMs;
  }

  block(milliseconds: number): void {
    this.blockedMs += milliseconds;
  }
}

function watched(): { clock: BlockableClock; loop: EventLoopWatch; warnings: unknown[] } {
  const clock = new BlockableClock();
  const warnings: unknown[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (_message, fields) => {
      warnings.push(fields);
    },
  };
  const loop = new EventLoopWatch({ clock, logger });
  loop.start();
  stops.push(() => {
    loop.stop();
  });
  return { clock, loop, warnings };
}

const stops: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) {
    await stop();
  }
});

describe('the event loop', () => {
  it('that keeps up, or is late by less than an admission request may wait, is ready and says nothing', async () => {
    const { clock, loop, warnings } = watched();
    await clock.advance(60_000);
    clock.block(2_900);
    await clock.advance(600);

    expect(loop.blockedBecause()).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  it('that was blocked for longer is told once, and for as long as a period of the readiness probe', async () => {
    const { clock, loop, warnings } = watched();
    await clock.advance(5_000);
    clock.block(4_000);
    await clock.advance(1_500);

    expect(loop.blockedBecause()).toBe('the event loop was blocked for 4.0 s, 1.0 s ago');
    await clock.advance(8_000);
    expect(loop.blockedBecause()).toMatch(/^the event loop was blocked for 4\.0 s, 9\.\d s ago$/);
    await clock.advance(1_500);
    expect(loop.blockedBecause()).toBeUndefined();
    expect(warnings).toEqual([{ seconds: 4 }]);
  });

  it('is told also to a probe that is answered before the timer', async () => {
    const { clock, loop, warnings } = watched();
    await clock.advance(5_000);
    clock.block(4_500);

    expect(loop.blockedBecause()).toBe('the event loop was blocked for 4.0 s, 0.0 s ago');
    await clock.advance(1_000);
    expect(warnings).toHaveLength(1);
  });

  it('blocked for real makes its process unready and not unhealthy', async () => {
    const loop = new EventLoopWatch({ longMs: 300 });
    const server = new HealthServer({ address: '127.0.0.1:0', flag: '--health-probe-bind-address' });
    server.addReadiness('event-loop', () => loop.blockedBecause());
    stops.push(
      () => server.stop(),
      () => {
        loop.stop();
      },
    );
    await server.start();
    loop.start();

    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 900);

    const ready = await fetch(`http://127.0.0.1:${server.port}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([
      503,
      expect.stringMatching(/event-loop failed: the event loop was blocked/),
    ]);
    expect((await fetch(`http://127.0.0.1:${server.port}/healthz`)).status).toBe(200);
  });
});
