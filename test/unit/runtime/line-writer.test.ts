import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Writable } from 'node:stream';
import { createLogger } from '../../../src/runtime/index.ts';
import type { Logger } from '../../../src/runtime/index.ts';

let writes: string[];
let logger: Logger;
let listenersBefore: NodeJS.ExitListener[];

beforeEach(() => {
  jest.useFakeTimers();
  writes = [];
  listenersBefore = process.listeners('exit');
  const stream = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      writes.push(chunk.toString());
      callback();
    },
  });
  logger = createLogger({ stream, format: 'json', batchMs: 50 });
});

afterEach(() => {
  jest.advanceTimersByTime(1_000);
  jest.useRealTimers();
});

function messages(text: string | undefined): unknown[] {
  return (text ?? '')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { message: unknown }).message);
}

describe('lines that can wait', () => {
  it('are written together, in their order', () => {
    for (const message of ['one', 'two', 'three']) {
      logger.info(message);
    }
    expect(writes).toEqual([]);

    jest.advanceTimersByTime(50);
    expect(writes).toHaveLength(1);
    expect(messages(writes[0])).toEqual(['one', 'two', 'three']);

    logger.info('four');
    jest.advanceTimersByTime(50);
    expect(messages(writes[1])).toEqual(['four']);
  });

  it.each(['warn', 'error'] as const)('go out at once before a line of level %s', (level) => {
    logger.info('one');
    logger[level]('two');
    expect(writes).toHaveLength(1);
    expect(messages(writes[0])).toEqual(['one', 'two']);

    jest.advanceTimersByTime(1_000);
    expect(writes).toHaveLength(1);
  });

  it('do not pile up', () => {
    logger.info('much', { text: 'x'.repeat(20_000) });
    expect(writes).toEqual([]);
    logger.info('more', { text: 'x'.repeat(20_000) });
    expect(messages(writes[0])).toEqual(['much', 'more']);
  });
});

it('writes what still waits when the process ends', () => {
  logger.info('last words');
  for (const listener of process.listeners('exit').filter((one) => !listenersBefore.includes(one))) {
    listener(0);
  }
  expect(messages(writes[0])).toEqual(['last words']);
});
