import { describe, expect, it } from '@jest/globals';
import type { Intent } from '../../../../src/drain/promise/intent.ts';
import { intentKey } from '../../../../src/drain/promise/intent.ts';
import { sleep } from '../../../fixtures/drain/hooks.ts';
import { decideFor, intentFor, meshOf, policyOf, workloadOf } from '../../../fixtures/drain/objects.ts';

const DELAY: Partial<Intent> = { application: 'Delay', endpointDelay: 7, duration: 30, maxWait: 30 };

describe('application: Delay', () => {
  it.each(['classic', 'native'] as const)('is a sleep of endpointDelay, also where all else holds: %s', (form) => {
    const workload = workloadOf({ grace: 600, config: 'terminationDrainDuration: 60s' });
    const decision = decideFor(workload, policyOf(DELAY), meshOf(form));

    expect(decision.write).toEqual({ applicationSleep: { seconds: 7, containers: ['app'] } });
    expect(decision.changes).toEqual([
      expect.objectContaining({ field: 'applicationPreStop', container: 'app', after: '{"sleep":{"seconds":7}}' }),
    ]);
  });

  it('leaves a preStop of the application as it is', () => {
    const workload = workloadOf({ grace: 600, config: 'terminationDrainDuration: 60s', appPreStop: sleep(3) });
    expect(decideFor(workload, policyOf(DELAY)).outcome).toBe('Compliant');
  });

  it('says that a kubelet is too old for the handler', () => {
    const mesh = meshOf('classic', { nodes: { lowestKubeletMinor: 29 } });
    const decision = decideFor(workloadOf(), policyOf(DELAY), mesh);
    expect(decision).toMatchObject({ outcome: 'Failed', reason: 'PromiseUnreachable' });
    expect(decision.message).toContain('since 1.30; a node runs 1.29');
  });

  it('changes no key of a policy that does not ask for it', () => {
    // Written by the build that did not know the field: what it stands for in annotations must not change.
    expect(intentKey(intentFor())).toBe('53808e12');
    expect(intentKey(intentFor(DELAY))).not.toBe(intentKey(intentFor({ ...DELAY, application: 'Leave' })));
  });
});
