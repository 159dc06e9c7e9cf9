import { describe, expect, it } from '@jest/globals';
import { EVERY_WITHDRAWAL, isMassWithdrawal, withdrawalHash } from '../../../../src/drain/rollout/withdrawal.ts';

describe('a mass withdrawal', () => {
  it.each([
    // A small policy is not in the way of its owner.
    [{ leaving: 3, lately: 0, held: 3 }, false],
    [{ leaving: 3, lately: 0, held: 9 }, false],
    // From four on the share counts.
    [{ leaving: 4, lately: 0, held: 4 }, true],
    [{ leaving: 4, lately: 0, held: 20 }, false],
    [{ leaving: 1, lately: 3, held: 9 }, true],
    // More than a fifth.
    [{ leaving: 12, lately: 0, held: 60 }, false],
    [{ leaving: 13, lately: 0, held: 60 }, true],
    // More than fifty, whatever the share.
    [{ leaving: 50, lately: 0, held: 5000 }, false],
    [{ leaving: 51, lately: 0, held: 5000 }, true],
    // Many small ones are one large one: what has gone counts on both sides.
    [{ leaving: 3, lately: 9, held: 51 }, false],
    [{ leaving: 4, lately: 9, held: 51 }, true],
    [{ leaving: 1, lately: 50, held: 4950 }, true],
    [{ leaving: 0, lately: 0, held: 0 }, false],
  ])('%j: %s', (count, expected) => {
    expect(isMassWithdrawal(count)).toBe(expected);
  });

  it('is every one where each write needs an approval', () => {
    expect(isMassWithdrawal({ leaving: 1, lately: 0, held: 100 }, EVERY_WITHDRAWAL)).toBe(true);
    expect(isMassWithdrawal({ leaving: 0, lately: 0, held: 100 }, EVERY_WITHDRAWAL)).toBe(false);
  });
});

describe('the name of a withdrawal', () => {
  const leaving = new Map([
    ['Deployment/a/web', '1'],
    ['Deployment/b/web', '2'],
  ]);

  it('does not depend on the order, and does on the workloads, on what was written to them and on the policy', () => {
    const name = withdrawalHash('p', leaving);

    expect(withdrawalHash('p', new Map([...leaving].reverse()))).toBe(name);
    expect(withdrawalHash('p', new Map([...leaving].slice(1)))).not.toBe(name);
    expect(withdrawalHash('p', new Map([...leaving, ['Deployment/a/web', '3']]))).not.toBe(name);
    expect(withdrawalHash('q', leaving)).not.toBe(name);
  });
});
