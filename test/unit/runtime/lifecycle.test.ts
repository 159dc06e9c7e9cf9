import { beforeEach, describe, expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import { Lifecycle, VirtualClock } from '../../../src/runtime/index.ts';
import type { LogFields, Logger, ProcessPort } from '../../../src/runtime/index.ts';

class FakeProcess extends EventEmitter implements ProcessPort {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

let clock: VirtualClock;
let port: FakeProcess;
let logged: string[];
let lifecycle: Lifecycle;

beforeEach(() => {
  clock = new VirtualClock();
  port = new FakeProcess();
  logged = [];
  const write = (message: string, fields?: LogFields) => {
    logged.push(fields?.error instanceof Error ? `${message}: ${fields.error.message}` : message);
  };
  const logger: Logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
  lifecycle = new Lifecycle({ clock, process: port, logger, stopDeadlineMs: 1_000 });
  lifecycle.install();
});

function part(name: string, order: string[], takesMs = 0): void {
  lifecycle.onStop(name, async () => {
    order.push(`${name} stops`);
    if (takesMs > 0) {
      await new Promise<void>((resolve) => {
        clock.setTimeout(resolve, takesMs);
      });
    }
    order.push(`${name} stopped`);
  });
}

describe('Lifecycle', () => {
  it('goes through its states, and stops what was started last first', async () => {
    const order: string[] = [];
    const states = [lifecycle.state];
    part('reflectors', order, 10);
    part('controllers', order, 10);
    lifecycle.running();
    states.push(lifecycle.state);
    port.emit('SIGTERM', 'SIGTERM');
    states.push(lifecycle.state);
    expect(lifecycle.signal.aborted).toBe(true);
    await clock.advance(100);
    states.push(lifecycle.state);

    expect(states).toEqual(['Starting', 'Running', 'Stopping', 'Stopped']);
    expect(order).toEqual(['controllers stops', 'controllers stopped', 'reflectors stops', 'reflectors stopped']);
    expect(port.exits).toEqual([0]);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('a second signal (%s) ends the process at once', async (signal, code) => {
    lifecycle.onStop('stuck', () => new Promise(() => undefined));
    port.emit('SIGTERM', 'SIGTERM');
    await clock.advance(10);
    port.emit(signal, signal);
    expect(port.exits).toEqual([code]);
  });

  it('a part that does not stop is left behind at the deadline, and the exit code says so', async () => {
    const order: string[] = [];
    part('never reached', order);
    lifecycle.onStop('stuck', () => new Promise(() => undefined));
    part('first', order);
    port.emit('SIGTERM', 'SIGTERM');
    await clock.advance(999);
    expect(port.exits).toEqual([]);
    await clock.advance(1);

    expect(port.exits).toEqual([1]);
    expect(logged).toContain('a part did not stop in time');
    expect(order).toEqual(['first stops', 'first stopped']);
  });

  it('a part that fails does not keep the others from stopping', async () => {
    const order: string[] = [];
    part('reflectors', order);
    lifecycle.onStop('lease', () => Promise.reject(new Error('no answer')));
    lifecycle.onStop('server', () => {
      throw new Error('not running');
    });
    port.emit('SIGINT', 'SIGINT');
    await clock.advance(10);

    expect(order).toEqual(['reflectors stops', 'reflectors stopped']);
    expect(logged).toEqual(
      expect.arrayContaining(['a part did not stop cleanly: no answer', 'a part did not stop cleanly: not running']),
    );
    expect(port.exits).toEqual([1]);
  });

  it.each(['unhandledRejection', 'uncaughtException'])(
    '%s is logged, and ends the process in order with 1',
    async (event) => {
      const order: string[] = [];
      part('controllers', order);
      lifecycle.running();
      port.emit(event, new Error('a bug'));
      await clock.advance(10);

      expect(logged[0]).toMatch(/(uncaught exception|unhandled promise rejection): a bug$/);
      expect(order).toEqual(['controllers stops', 'controllers stopped']);
      expect(port.exits).toEqual([1]);
    },
  );

  it('an uncaught error while it stops changes neither the order nor the end', async () => {
    const order: string[] = [];
    part('controllers', order, 50);
    port.emit('SIGTERM', 'SIGTERM');
    port.emit('unhandledRejection', 'not even an error');
    await clock.advance(100);

    expect(port.exits).toEqual([0]);
    expect(order).toEqual(['controllers stops', 'controllers stopped']);
  });

  it('stops once, however often it is asked to', async () => {
    const order: string[] = [];
    part('controllers', order);
    const [first, second] = await Promise.all([lifecycle.stop(3, 'a'), lifecycle.stop(4, 'b')]);
    expect([first, second]).toEqual([3, 3]);
    expect(order).toHaveLength(2);
  });

  it('stops once, also when a listener of the signal asks for it', async () => {
    const order: string[] = [];
    part('connections', order);
    part('controllers', order, 10);
    lifecycle.signal.addEventListener('abort', () => {
      void lifecycle.stop(1, 'asked by a listener');
    });
    const code = lifecycle.stop(0, 'first');
    await clock.advance(100);

    expect(await code).toBe(0);
    expect(order).toEqual(['controllers stops', 'controllers stopped', 'connections stops', 'connections stopped']);
  });

  it('gives the signals back', () => {
    lifecycle.uninstall();
    expect(port.eventNames()).toEqual([]);
  });
});
