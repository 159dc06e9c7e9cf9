import { describe, expect, it } from '@jest/globals';
import type { RolloutFacts } from '../../../../src/drain/model/workload.ts';
import { budgetObstacle, ownObstacle, restartsPods, type Budget } from '../../../../src/drain/rollout/obstacle.ts';

const REST: RolloutFacts = {
  replicas: 2,
  strategy: 'RollingUpdate',
  paused: false,
  partition: 0,
  complete: true,
  healthy: true,
  rolling: false,
  stuck: false,
};
const of = (rollout: Partial<RolloutFacts>): { kind: string; rollout: RolloutFacts } => ({
  kind: 'StatefulSet',
  rollout: { ...REST, ...rollout },
});

describe('a workload', () => {
  it.each<[string, Partial<RolloutFacts>, boolean | undefined, RegExp]>([
    ['at rest', {}, undefined, /./],
    ['paused', { paused: true }, false, /StatefulSet is paused/],
    ['with a partition', { partition: 2 }, false, /partition: 2/],
    ['that rolls', { rolling: true, complete: false }, true, /under way/],
    ['that is stuck', { rolling: true, complete: false, healthy: false, stuck: true }, false, /stuck/],
    ['that is not healthy', { complete: false, healthy: false }, false, /not healthy/],
    [
      'of OnDelete, paused and ill: its pods do not restart by a write',
      { strategy: 'OnDelete', complete: false, healthy: false, paused: true },
      undefined,
      /./,
    ],
    ['without pods', { replicas: 0, paused: true, complete: false, healthy: false }, undefined, /./],
  ])('%s', (_, rollout, passing, because) => {
    const obstacle = ownObstacle(of(rollout));

    expect(obstacle?.passing).toBe(passing);
    expect(obstacle?.because ?? '-').toMatch(because);
  });

  it.each<[Partial<RolloutFacts>, boolean]>([
    [{}, true],
    [{ replicas: 0 }, false],
    [{ strategy: 'OnDelete' }, false],
    [{ strategy: 'None' }, false],
    [{ strategy: 'Recreate' }, true],
  ])('%j restarts its pods: %s', (rollout, restarts) => {
    expect(restartsPods({ ...REST, ...rollout })).toBe(restarts);
  });
});

describe('a PodDisruptionBudget', () => {
  const workload = { rollout: REST, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [] } } };
  const budget: Budget = {
    namespace: 'shop',
    name: 'web',
    selector: { matchLabels: { app: 'web' } },
    observed: true,
    disruptionsAllowed: 0,
    desiredHealthy: 1,
    expectedPods: 2,
  };

  it.each<[string, Partial<Budget>, RegExp | undefined]>([
    ['that allows nothing now', {}, /budget web allows no disruption at present/i],
    ['that can never allow anything', { desiredHealthy: 2 }, /never allows.*lower its minAvailable/],
    ['that allows one', { disruptionsAllowed: 1 }, undefined],
    ['of other pods', { selector: { matchLabels: { app: 'other' } } }, undefined],
    ['without a selector, which selects nothing', { selector: undefined }, undefined],
    ['with the empty selector, which selects everything', { selector: {} }, /at present/],
    ['that nobody has evaluated yet', { observed: false, disruptionsAllowed: 1 }, /not been evaluated/],
  ])('%s', (_, more, because) => {
    expect(budgetObstacle(workload, [{ ...budget, ...more }])?.because ?? 'nothing').toMatch(because ?? /^nothing$/);
  });

  it('does not matter where no pod restarts', () => {
    expect(budgetObstacle({ ...workload, rollout: { ...REST, strategy: 'OnDelete' } }, [budget])).toBeUndefined();
  });
});
