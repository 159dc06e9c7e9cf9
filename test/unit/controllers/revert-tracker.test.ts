import { expect, it } from '@jest/globals';
import { RevertTracker } from '../../../src/controllers/workload/revert-tracker.ts';
import { WorkloadMemories } from '../../../src/controllers/workload/workload-memory.ts';
import { holdOn } from '../../../src/drain/plan/hold.ts';
import { DEFAULT_PATIENCE } from '../../../src/drain/rollout/patience.ts';
import { BUILT_IN_KINDS, projectWorkload } from '../../../src/drain/template/index.ts';

const adapter = BUILT_IN_KINDS.get('Deployment')!;
const workload = projectWorkload(
  {
    kind: 'Deployment',
    metadata: { namespace: 'shop', name: 'web', uid: 'u' },
    spec: { template: { spec: { containers: [] } } },
  },
  adapter,
);
const KEY = 'Deployment/shop/web';

function clocked(): { reverts: RevertTracker; at: (seconds: number) => void } {
  let now = 0;
  return {
    reverts: new RevertTracker(new WorkloadMemories(), DEFAULT_PATIENCE, () => now * 1000),
    at: (seconds) => {
      now = seconds;
    },
  };
}

it('is patient with a workload from which a PUT has wiped out everything of ours, and in a fight ever longer', () => {
  const { reverts, at } = clocked();
  at(100);
  reverts.wrote(KEY);
  at(110);
  const first = holdOn(workload, undefined, reverts.patience(KEY, workload, undefined));
  at(110 + DEFAULT_PATIENCE.afterForeignChange);
  const later = holdOn(workload, undefined, reverts.patience(KEY, workload, undefined));
  reverts.wrote(KEY, later?.reverts);
  at(120 + DEFAULT_PATIENCE.afterForeignChange);
  const second = holdOn(workload, undefined, reverts.patience(KEY, workload, undefined));

  expect(first).toEqual({ until: 110 + DEFAULT_PATIENCE.afterForeignChange, by: 'somebody', fight: false, reverts: 1 });
  expect(later).toEqual(first);
  expect(second).toEqual({
    until: 120 + DEFAULT_PATIENCE.afterForeignChange + DEFAULT_PATIENCE.fightDistance,
    by: 'somebody',
    fight: true,
    reverts: 2,
  });
});

it('holds nothing back where we have written nothing, nor after a restoring', () => {
  const { reverts } = clocked();

  expect(holdOn(workload, undefined, reverts.patience(KEY, workload, undefined))).toBeUndefined();
  reverts.wrote(KEY);
  reverts.forget(KEY);
  expect(holdOn(workload, undefined, reverts.patience(KEY, workload, undefined))).toBeUndefined();
});
