import { expect, it } from '@jest/globals';
import { Turns } from '../../../src/runtime/index.ts';

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

it('lets work begin at once while the slice lasts, and then each piece in a turn of its own', async () => {
  let now = 0;
  const turns = new Turns(() => now);
  const begun: string[] = [];

  expect(turns.due()).toBeUndefined();
  now = 9;
  expect(turns.due()).toBeUndefined();
  now = 10;
  for (const name of ['a', 'b']) {
    void turns.due()?.then(() => {
      begun.push(name);
      now += 100;
    });
  }
  await Promise.resolve();
  expect(begun).toEqual([]);

  await nextTurn();
  expect(begun).toEqual(['a']);
  await nextTurn();
  expect(begun).toEqual(['a', 'b']);
  await nextTurn();
  expect(turns.due()).toBeUndefined();
});

it('lets timers through between pieces of work that wait for nothing', async () => {
  let now = 0;
  const turns = new Turns(() => now);
  let left = 500;
  let seenAt: number | undefined;
  setTimeout(() => {
    seenAt = left;
  }, 0);
  const worker = async (): Promise<void> => {
    while (left > 0) {
      const turn = turns.due();
      if (turn !== undefined) {
        await turn;
      }
      left -= 1;
      now += 10;
      const until = performance.now() + 0.2;
      while (performance.now() < until) {
        // Work.
      }
      await Promise.resolve();
    }
  };

  await Promise.all(Array.from({ length: 16 }, worker));

  expect(seenAt).toBeGreaterThan(400);
});
