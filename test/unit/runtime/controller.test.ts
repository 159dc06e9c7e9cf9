import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ApiError } from '../../../src/kube/index.ts';
import {
  Controller,
  done,
  requeueAfter,
  retry,
  terminal,
  TerminalError,
  VirtualClock,
  WorkQueue,
} from '../../../src/runtime/index.ts';
import type { LogFields, Logger, Outcome } from '../../../src/runtime/index.ts';

let clock: VirtualClock;
let queue: WorkQueue;
let logged: string[];
let ends: string[];
let controllers: Controller[];

beforeEach(() => {
  clock = new VirtualClock();
  queue = new WorkQueue({ name: 'test', clock, backoffBaseMs: 100, backoffMaxMs: 1_000, random: () => 1 });
  logged = [];
  ends = [];
  controllers = [];
});
afterEach(() => {
  for (const controller of controllers) {
    controller.abortNow('test is over');
  }
});

function logger(): Logger {
  const at = (level: string) => (message: string, fields?: LogFields) => {
    logged.push(`${level}: ${message} ${(fields?.error as Error).message}`);
  };
  const result: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => result,
  };
  return result;
}

function start(reconcile: (key: string, signal: AbortSignal) => Promise<Outcome>, concurrency = 1): Controller {
  const controller = new Controller({
    name: 'test',
    queue,
    concurrency,
    reconcile,
    clock,
    logger: logger(),
    observer: {
      onStart: () => undefined,
      onEnd: (result, _seconds, isTerminal) => {
        ends.push(isTerminal ? `${result} (terminal)` : result);
      },
    },
  });
  controllers.push(controller);
  controller.start();
  return controller;
}

const conflict = new ApiError(409, { reason: 'Conflict', message: 'changed meanwhile' }, '', {
  verb: 'patch',
  resource: 'x',
});
const throttled = new ApiError(429, { message: 'slow down' }, '', { verb: 'patch', resource: 'x' }, 700);

describe('the table of outcomes', () => {
  it.each<[string, () => Promise<Outcome>, string, number | undefined, string[]]>([
    ['done', () => Promise.resolve(done), 'success', undefined, []],
    ['requeueAfter', () => Promise.resolve(requeueAfter(300)), 'requeue_after', 300, []],
    [
      'retry',
      () => Promise.resolve(retry(new Error('passing'))),
      'error',
      100,
      ['warn: reconcile failed, retrying passing'],
    ],
    [
      'anything thrown is a retry',
      () => Promise.reject(new Error('a bug')),
      'error',
      100,
      ['warn: reconcile failed, retrying a bug'],
    ],
    [
      'a conflict is a quiet retry',
      () => Promise.reject(conflict),
      'error',
      100,
      [expect.stringMatching(/^debug: reconcile met a conflict/) as unknown as string],
    ],
    [
      'a retry waits as long as the server asks',
      () => Promise.reject(throttled),
      'error',
      700,
      [expect.stringMatching(/^warn/) as unknown as string],
    ],
    [
      'terminal',
      () => Promise.resolve(terminal(new Error('never'))),
      'error (terminal)',
      undefined,
      ['error: reconcile failed and is not retried before a change never'],
    ],
    [
      'a TerminalError thrown is terminal',
      () => Promise.reject(new TerminalError('BAD_SELECTOR', 'never')),
      'error (terminal)',
      undefined,
      ['error: reconcile failed and is not retried before a change never'],
    ],
  ])('%s', async (_name, first, result, againAfterMs, log) => {
    const calls: number[] = [];
    start(() => {
      calls.push(clock.monotonic());
      return calls.length === 1 ? first() : Promise.resolve(done);
    });
    queue.add('a');
    await clock.advance(5_000);

    expect(ends[0]).toBe(result);
    expect(calls).toEqual(againAfterMs === undefined ? [0] : [0, againAfterMs]);
    expect(logged).toEqual(log);
  });

  it('success forgets the failures of a key', async () => {
    const outcomes = [retry(new Error('1')), retry(new Error('2')), done, retry(new Error('3')), done];
    const calls: number[] = [];
    start(() => {
      calls.push(clock.monotonic());
      return Promise.resolve(outcomes.shift() ?? done);
    });
    queue.add('a');
    await clock.advance(1_000);
    queue.add('a');
    await clock.advance(1_000);

    expect(calls).toEqual([0, 100, 300, 1_000, 1_100]);
  });
});

describe('Controller', () => {
  it('works on as many keys at once as it was told, never on one key twice', async () => {
    const working = new Map<string, number>();
    let most = 0;
    start(async (key) => {
      working.set(key, (working.get(key) ?? 0) + 1);
      most = Math.max(
        most,
        [...working.values()].reduce((sum, count) => sum + count, 0),
      );
      expect(working.get(key)).toBe(1);
      queue.add(key === 'a' && ends.length < 3 ? 'a' : 'z');
      await new Promise<void>((resolve) => {
        clock.setTimeout(resolve, 10);
      });
      working.set(key, 0);
      return done;
    }, 3);
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      queue.add(key);
    }
    await clock.advance(200);

    expect(most).toBe(3);
    expect(ends.every((result) => result === 'success')).toBe(true);
  });

  it('stop lets the present work end and starts nothing more', async () => {
    const started: string[] = [];
    const controller = start(async (key) => {
      started.push(key);
      await new Promise<void>((resolve) => {
        clock.setTimeout(resolve, 100);
      });
      return done;
    });
    queue.add('a');
    queue.add('b');
    await clock.advance(10);
    const stopped = controller.stop(5_000);
    await clock.advance(100);
    await stopped;

    expect(started).toEqual(['a']);
    expect(ends).toEqual(['success']);
  });

  it('stop aborts work that does not end by its deadline, and calls that no failure', async () => {
    const controller = start(
      (_key, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(new Error('aborted'));
          });
        }),
    );
    queue.add('a');
    await clock.advance(10);
    const stopped = controller.stop(5_000);
    await clock.advance(4_999);
    expect(ends).toEqual([]);
    await clock.advance(1);
    await stopped;

    expect(ends).toEqual(['success']);
    expect(logged).toEqual([]);
  });
});
