import { describe, expect, it } from '@jest/globals';
import type { SidecarDrainPolicyStatus } from '../../../src/api/policy.ts';
import {
  haltToldBefore,
  toldText,
  waitToldBefore,
  workloadToldBefore,
} from '../../../src/controllers/reports/told-before.ts';

const web = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web' };

/** As much of a status as tells of earlier Events. */
function status(more: object): SidecarDrainPolicyStatus {
  return { observedGeneration: 1, conditions: [], ...more };
}

describe('a workload in the attention of its policy', () => {
  const attention = [
    { namespace: 'shop', kind: 'Deployment', name: 'web', reason: 'FieldConflict', message: 'helm declares it' },
  ];

  it.each<[string, string, string, boolean]>([
    ['for the same', 'FieldConflict', 'helm declares it', true],
    ['with a message that the status has cut', 'FieldConflict', 'helm declares it, and so does argocd', true],
    ['for another reason', 'GraceAboveMaximum', 'helm declares it', false],
    ['with other words', 'FieldConflict', 'kubectl declares it', false],
  ])('%s: was told %s', (_, reason, message, told) => {
    expect(workloadToldBefore(status({ attention }), web, reason, message)).toBe(told);
  });

  it('is told where another one, or no status, is there', () => {
    expect(
      workloadToldBefore(status({ attention }), { ...web, name: 'api' }, 'FieldConflict', 'helm declares it'),
    ).toBe(false);
    expect(workloadToldBefore(undefined, web, 'FieldConflict', 'helm declares it')).toBe(false);
  });
});

it('a halt was told where the status names it in the same words', () => {
  const halted = status({
    rollout: { phase: 'Halted', intent: 'i', haltedBy: { workload: 'w', message: 'w is stuck' } },
  });

  expect(haltToldBefore(halted, 'w is stuck')).toBe(true);
  expect(haltToldBefore(halted, 'v is stuck')).toBe(false);
  expect(haltToldBefore(undefined, 'w is stuck')).toBe(false);
});

it('what waits for a person was told for that plan; what waits for a time tells nothing', () => {
  const waiting = (reason: string): SidecarDrainPolicyStatus =>
    status({ planHash: '9f2c', conditions: [{ type: 'Reconciling', status: 'True', reason, message: '' }] });

  expect(waitToldBefore(waiting('ApprovalRequired'))).toBe(toldText('ApprovalRequired', '9f2c'));
  expect(waitToldBefore(waiting('WaitsForWindow'))).toBe('');
  expect(waitToldBefore(undefined)).toBe('');
});
