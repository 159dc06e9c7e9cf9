import { describe, expect, it } from '@jest/globals';
import { Writable } from 'node:stream';
import { ApiError } from '../../../src/kube/index.ts';
import { createLogger } from '../../../src/runtime/index.ts';
import type { Logger, LoggingOptions } from '../../../src/runtime/index.ts';

class Collector extends Writable {
  text = '';
  constructor(readonly isTTY: boolean) {
    super();
  }
  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.text += chunk.toString();
    callback();
  }
}

function capture(options: LoggingOptions & { tty?: boolean }, write: (logger: Logger) => void): string {
  const stream = new Collector(options.tty ?? false);
  write(createLogger({ stream, colors: false, now: () => Date.UTC(2026, 2, 1, 12, 30, 1, 5), ...options }));
  return stream.text;
}

describe('JSON', () => {
  it('is one object per line: time, level, message, fields', () => {
    const text = capture({ fields: { version: '1.0.0' } }, (log) => {
      log.info('started', { port: 8081, missing: undefined });
      log.child({ controller: 'policy' }).warn('slow', { seconds: 3 });
    });
    expect(
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { time: '2026-03-01T12:30:01.005Z', level: 'info', message: 'started', version: '1.0.0', port: 8081 },
      {
        time: '2026-03-01T12:30:01.005Z',
        level: 'warn',
        message: 'slow',
        version: '1.0.0',
        controller: 'policy',
        seconds: 3,
      },
    ]);
  });

  it('renders an error that has a code without its stack, and another one with it', () => {
    const text = capture({}, (log) => {
      log.error('failed', {
        error: new ApiError(409, { reason: 'Conflict', message: 'changed' }, '', { verb: 'patch', resource: 'pods' }),
      });
      log.error('failed', { error: new Error('outer', { cause: new Error('inner') }) });
    });
    const [coded, unexpected] = text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { error: Record<string, unknown> }).error);
    expect(coded).toEqual({
      code: 'KUBE_API_ERROR',
      status: 409,
      reason: 'Conflict',
      message: 'patch pods: changed (409)',
    });
    expect(unexpected).toEqual({ message: 'outer', cause: 'inner', stack: expect.stringContaining('logging.test') });
  });

  it('survives what JSON cannot say, and keeps its own names', () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    const text = capture({}, (log) => {
      log.info('loop', { loop });
      log.info('big', {
        big: 1n,
        set: new Set(['a']),
        map: new Map([['k', 1]]),
        level: 'mine',
        nested: { error: new Error('deep') },
      });
    });
    const [first, second] = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(first).toMatchObject({ message: 'loop', logError: expect.stringContaining('circular') });
    expect(second).toMatchObject({
      level: 'info',
      level_: 'mine',
      big: '1',
      set: ['a'],
      map: { k: 1 },
      nested: { error: { message: 'deep' } },
    });
  });

  it('writes a message that looks like a format or holds a line break as it is, on one line', () => {
    const text = capture({}, (log) => {
      log.info('100%s', { text: 'a\nb' });
    });
    expect(text.split('\n')).toHaveLength(2);
    expect(JSON.parse(text)).toMatchObject({ message: '100%s', text: 'a\nb' });
  });
});

describe('text', () => {
  it('is one readable line', () => {
    const text = capture({ format: 'text' }, (log) => {
      log.info('workload changed', { workload: 'shop/cart', why: 'too short', changes: ['a'], dry: true });
      log.warn('failed', { error: new ApiError(403, { message: 'no' }, '', { verb: 'list', resource: 'pods' }) });
    });
    expect(text.split('\n')).toEqual([
      '12:30:01.005 INFO  workload changed  workload=shop/cart  why="too short"  changes=["a"]  dry=true',
      expect.stringMatching(/^12:30:01\.005 WARN {2}failed {2}error=\[KUBE_API_ERROR\] list pods: forbidden/),
      '',
    ]);
  });
});

describe('format and level', () => {
  it.each<[LoggingOptions & { tty?: boolean }, boolean]>([
    [{ tty: true }, false],
    [{ tty: false }, true],
    [{ tty: true, format: 'json' }, true],
    [{ tty: false, format: 'text' }, false],
    [{ tty: false, format: 'auto' }, true],
  ])('%j is JSON: %s', (options, json) => {
    expect(
      capture(options, (log) => {
        log.info('x');
      }).startsWith('{'),
    ).toBe(json);
  });

  it.each([
    ['error', ['error']],
    ['warn', ['warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['debug', ['debug', 'info', 'warn', 'error']],
  ] as const)('%s lets %j through', (level, expected) => {
    const text = capture({ level }, (log) => {
      for (const one of ['debug', 'info', 'warn', 'error'] as const) {
        log[one](one);
      }
    });
    expect(
      text
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { level: string }).level),
    ).toEqual(expected);
  });
});
