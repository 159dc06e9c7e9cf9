import { describe, expect, it } from '@jest/globals';
import { DEFAULT_PATIENCE, holdAfterForeignChange } from '../../../../src/drain/rollout/patience.ts';

const minute = 60;
const hour = 60 * minute;

describe('holdAfterForeignChange', () => {
  it.each([
    { name: 'nobody else has written', history: { writtenAt: 1000 }, earlier: 0 },
    {
      name: 'the other change is older than ours',
      history: { writtenAt: 1000, changedAt: 900, changedBy: 'kubectl' },
      earlier: 0,
    },
    { name: 'we never wrote it', history: undefined, earlier: 0 },
  ])('holds nothing back where $name', ({ history, earlier }) => {
    expect(holdAfterForeignChange(history, earlier, DEFAULT_PATIENCE)).toBeUndefined();
  });

  it.each([
    { name: 'the first quick revert', after: minute, earlier: 0, reverts: 1, fight: false, distance: 30 * minute },
    { name: 'the second quick revert', after: minute, earlier: 1, reverts: 2, fight: true, distance: hour },
    { name: 'the third', after: minute, earlier: 2, reverts: 3, fight: true, distance: 2 * hour },
    {
      name: 'the twentieth: never more than a day',
      after: minute,
      earlier: 19,
      reverts: 20,
      fight: true,
      distance: 24 * hour,
    },
    {
      name: 'a change long after our write: no revert in a row',
      after: 2 * hour,
      earlier: 5,
      reverts: 1,
      fight: false,
      distance: 30 * minute,
    },
    {
      name: 'the same second: the API server knows whole seconds only',
      after: 0,
      earlier: 0,
      reverts: 1,
      fight: false,
      distance: 30 * minute,
    },
  ])('waits after $name', ({ after, earlier, reverts, fight, distance }) => {
    const hold = holdAfterForeignChange(
      { writtenAt: 1000, changedAt: 1000 + after, changedBy: 'argocd-controller' },
      earlier,
      DEFAULT_PATIENCE,
    );

    expect(hold).toEqual({ until: 1000 + after + distance, by: 'argocd-controller', fight, reverts });
  });
});
