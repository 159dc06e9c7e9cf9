import { beforeEach, describe, expect, it } from '@jest/globals';
import { fc } from '../../support/fast-check.ts';
import { DelayedKeys } from '../../../src/runtime/delayed.ts';
import { OrderedKeys } from '../../../src/runtime/ordered-keys.ts';
import { VirtualClock, WorkQueue } from '../../../src/runtime/index.ts';

let clock: VirtualClock;
let queue: WorkQueue;

beforeEach(() => {
  clock = new VirtualClock();
  queue = new WorkQueue({ name: 'test', clock, backoffBaseMs: 100, backoffMaxMs: 1_000, random: () => 1 });
});

/** What the workers would get now, without finishing any of it. */
async function takeAll(): Promise<string[]> {
  const keys: string[] = [];
  while (queue.depth > 0) {
    keys.push((await queue.take())!);
  }
  return keys;
}

describe('WorkQueue', () => {
  it('holds a key once, however often it is added', async () => {
    for (const key of ['a', 'b', 'a', 'a']) {
      queue.add(key);
    }
    expect(queue.depth).toBe(2);
    expect(await takeAll()).toEqual(['a', 'b']);
  });

  it('gives live changes before the initial list, each in their order', async () => {
    queue.add('i1', 'initial');
    queue.add('i2', 'initial');
    queue.add('l1', 'live');
    queue.add('i3', 'initial');
    queue.add('l2');
    expect(await takeAll()).toEqual(['l1', 'l2', 'i1', 'i2', 'i3']);
  });

  it('lets a key of the initial list overtake when it changes, and never the other way round', async () => {
    queue.add('i1', 'initial');
    queue.add('i2', 'initial');
    queue.add('i2', 'live');
    queue.add('i2', 'initial');
    expect(await takeAll()).toEqual(['i2', 'i1']);
  });

  it('gives a key to one worker at a time, and again when it was added meanwhile', async () => {
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a', 'initial');
    expect(queue.depth).toBe(0);

    queue.done('a');
    expect(await takeAll()).toEqual(['a']);
    queue.done('a');
    expect(queue.idle).toBe(true);
  });

  it.each([[['initial', 'live']], [['live', 'initial']]] as const)(
    'keeps the highest priority of what was added during the work: %j',
    async (priorities) => {
      queue.add('a');
      await queue.take();
      queue.add('b', 'initial');
      for (const priority of priorities) {
        queue.add('a', priority);
      }
      queue.done('a');
      expect(await takeAll()).toEqual(['a', 'b']);
    },
  );

  it('lets what turned out to be no news come behind everything else, and a change after it overtake again', async () => {
    queue.add('a');
    queue.add('b');
    await queue.take();
    await queue.take();
    queue.add('c', 'initial');
    queue.add('a', 'live');
    queue.defer('a');
    queue.add('b', 'live');
    queue.defer('b');
    queue.add('b', 'live');
    queue.done('a');
    queue.done('b');
    expect(await takeAll()).toEqual(['b', 'c', 'a']);
  });

  it('defers nothing that was not added during the work', async () => {
    queue.add('a');
    queue.defer('a');
    expect(await takeAll()).toEqual(['a']);
    queue.defer('a');
    queue.done('a');
    expect(queue.depth).toBe(0);
  });

  it('wakes workers in the order in which they came', async () => {
    const first = queue.take();
    const second = queue.take();
    queue.add('a');
    queue.add('b');
    expect(await Promise.all([first, second])).toEqual(['a', 'b']);
  });

  it('gives delayed keys when they are due, at the earliest time asked for', async () => {
    queue.addAfter('late', 500);
    queue.addAfter('late', 200);
    queue.addAfter('late', 900);
    queue.addAfter('soon', 100);
    queue.addAfter('now', 0);

    expect(await takeAll()).toEqual(['now']);
    await clock.advance(99);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(await takeAll()).toEqual(['soon']);
    await clock.advance(100);
    expect(await takeAll()).toEqual(['late']);
    queue.done('late');
    await clock.advance(10_000);
    expect(queue.depth).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('doubles the wait with each failure of a key, up to the maximum, until it is forgotten', () => {
    const waits = () => Array.from({ length: 6 }, () => queue.addRateLimited('a'));
    expect(waits()).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(queue.failuresOf('a')).toBe(6);
    expect(queue.addRateLimited('b')).toBe(100);
    queue.forget('a');
    expect(queue.addRateLimited('a')).toBe(100);
  });

  it('waits longer where the server asked for it', () => {
    expect(queue.addRateLimited('a', 5_000)).toBe(5_000);
  });

  it('a live change of a failed key does not wait for its backoff', async () => {
    queue.addRateLimited('a');
    queue.add('a');
    expect(await takeAll()).toEqual(['a']);
  });

  it('gives nothing more after it is shut down, and lets the workers go', async () => {
    queue.add('working');
    await queue.take();
    const waiting = queue.take();
    queue.addAfter('late', 10);
    queue.shutDown();
    expect(clock.pendingTimers).toBe(0);
    queue.add('more');
    queue.addAfter('more', 0);
    queue.done('working');
    await clock.advance(1_000);

    expect(await waiting).toBeUndefined();
    expect(await queue.take()).toBeUndefined();
    expect([queue.depth, queue.delayedCount, queue.idle, clock.pendingTimers]).toEqual([0, 0, true, 0]);
  });

  it('tells how long keys waited and were worked on, and how long work is under way', async () => {
    const seen: string[] = [];
    queue.observe({
      onAdd: () => {
        seen.push('add');
      },
      onTake: (seconds) => {
        seen.push(`take ${seconds}`);
      },
      onDone: (seconds) => {
        seen.push(`done ${seconds}`);
      },
      onRetry: () => {
        seen.push('retry');
      },
    });
    queue.add('a', 'initial');
    await clock.advance(2_000);
    queue.add('a');
    await queue.take();
    await clock.advance(1_000);
    queue.add('a');
    await clock.advance(2_000);
    expect(queue.unfinishedSeconds()).toEqual({ sum: 3, longest: 3 });
    queue.done('a');
    queue.addRateLimited('a');
    await queue.take();

    expect(seen).toEqual(['add', 'take 2', 'add', 'done 3', 'retry', 'take 2']);
  });

  it('holds its promises under any order of events', async () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const action = fc.oneof(
      fc.record({
        do: fc.constant('add' as const),
        key,
        priority: fc.constantFrom('live' as const, 'initial' as const),
      }),
      fc.record({ do: fc.constant('after' as const), key, ms: fc.integer({ min: 1, max: 50 }) }),
      fc.record({ do: fc.constant('fail' as const), key }),
      fc.record({ do: fc.constant('take' as const) }),
      fc.record({ do: fc.constant('done' as const), key }),
      fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 60 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
        clock = new VirtualClock();
        queue = new WorkQueue({ name: 'test', clock, backoffBaseMs: 10, backoffMaxMs: 40 });
        const working = new Set<string>();
        // A key is owed when it was added after work on it last began.
        const owed = new Set<string>();
        const take = async () => {
          const taken = (await queue.take())!;
          expect(working.has(taken)).toBe(false);
          working.add(taken);
          owed.delete(taken);
        };
        for (const one of actions) {
          if (one.do === 'add') {
            queue.add(one.key, one.priority);
          }
          if (one.do === 'after') {
            queue.addAfter(one.key, one.ms);
          }
          if (one.do === 'fail') {
            queue.addRateLimited(one.key);
          }
          if (one.do === 'add' || one.do === 'after' || one.do === 'fail') {
            owed.add(one.key);
          }
          if (one.do === 'take' && queue.depth > 0) {
            await take();
          }
          if (one.do === 'done' && working.delete(one.key)) {
            queue.done(one.key);
          }
          if (one.do === 'advance') {
            await clock.advance(one.ms);
          }
        }
        for (let round = 0; round < 3; round += 1) {
          for (const one of [...working]) {
            working.delete(one);
            queue.done(one);
          }
          await clock.advance(100);
          while (queue.depth > 0) {
            await take();
          }
        }
        expect([...owed]).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

describe('OrderedKeys', () => {
  it('is a list, whatever is pushed, removed and taken', () => {
    const action = fc.oneof(
      fc.record({ do: fc.constant('push' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.record({ do: fc.constant('delete' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.record({ do: fc.constant('shift' as const) }),
      fc.record({ do: fc.constant('clear' as const) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 50 }), (actions) => {
        const keys = new OrderedKeys();
        let model: [string, number][] = [];
        for (const [time, one] of actions.entries()) {
          if (one.do === 'push' && !keys.has(one.key)) {
            keys.push(one.key, time);
            model.push([one.key, time]);
          }
          if (one.do === 'delete') {
            keys.delete(one.key);
            model = model.filter(([key]) => key !== one.key);
          }
          if (one.do === 'shift') {
            expect(keys.shift()).toEqual(model.shift());
          }
          if (one.do === 'clear') {
            keys.clear();
            model = [];
          }
          expect(keys.size).toBe(model.length);
        }
      }),
    );
  });
});

describe('DelayedKeys', () => {
  it('gives every key at its earliest time, in the order of time', async () => {
    const entries = fc.array(
      fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), ms: fc.integer({ min: 0, max: 1_000 }) }),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(entries, async (added) => {
        const time = new VirtualClock();
        const fired: [string, number][] = [];
        const delayed = new DelayedKeys(time, (key) => {
          fired.push([key, time.monotonic()]);
        });
        const earliest = new Map<string, number>();
        for (const { key, ms } of added) {
          delayed.add(key, ms);
          earliest.set(key, Math.min(earliest.get(key) ?? Infinity, ms));
        }
        await time.advance(1_000);

        expect(fired.map(([key]) => key).sort()).toEqual([...earliest.keys()].sort());
        for (const [key, at] of fired) {
          expect(Math.abs(at - earliest.get(key)!)).toBeLessThanOrEqual(1);
        }
        expect(delayed.size).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('forgets what was removed', async () => {
    const fired: string[] = [];
    const delayed = new DelayedKeys(clock, (key) => {
      fired.push(key);
    });
    delayed.add('a', 10);
    delayed.add('b', 10);
    delayed.remove('a');
    await clock.advance(20);
    expect(fired).toEqual(['b']);
  });
});
