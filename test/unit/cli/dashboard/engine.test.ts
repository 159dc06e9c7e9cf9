import { describe, expect, it } from '@jest/globals';
import type { SidecarDrainPolicy } from '../../../../src/api/policy.ts';
import { sameFact, slimFact, type RawFact } from '../../../../src/cli/dashboard/engine/facts.ts';
import { Moments, MOST_MOMENTS } from '../../../../src/cli/dashboard/engine/moments.ts';
import { policyView } from '../../../../src/cli/dashboard/engine/policies.ts';
import type { PolicyView } from '../../../../src/cli/dashboard/wire.ts';
import { readPolicy } from '../../../../src/drain/plan/policies.ts';
import { defineResource } from '../../../../src/kube/index.ts';

const NODES = defineResource({ group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false });
const NAMESPACES = defineResource({
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
});

function policy(rollout: object, status?: object): SidecarDrainPolicy {
  return {
    apiVersion: 'sidecardrain.io/v1alpha1',
    kind: 'SidecarDrainPolicy',
    metadata: { name: 'slow' },
    spec: {
      enforcement: 'Enforce',
      match: { namespaceSelector: {} },
      drain: { mode: 'Fixed', duration: '30s' },
      rollout,
    },
    status,
  } as unknown as SidecarDrainPolicy;
}

function view(raw: SidecarDrainPolicy): PolicyView {
  return policyView(raw, readPolicy(raw), undefined);
}

describe('what workloads are judged by', () => {
  it('keeps of a node its name and version alone, so that its heartbeats change nothing', () => {
    const node = (heartbeat: string): RawFact =>
      slimFact(NODES, {
        metadata: { name: 'n', resourceVersion: heartbeat },
        status: { conditions: [{ lastHeartbeatTime: heartbeat }], nodeInfo: { kubeletVersion: 'v1.33.1' } },
      });

    expect(node('a')).toEqual({ metadata: { name: 'n' }, status: { nodeInfo: { kubeletVersion: 'v1.33.1' } } });
    expect(sameFact(node('a'), node('b'))).toBe(true);
  });

  it('is another fact where a label is, and the same where only the status is another', () => {
    const namespace = (labels: object, phase: string): RawFact =>
      slimFact(NAMESPACES, { metadata: { name: 'n', labels }, spec: {}, status: { phase } } as unknown as RawFact);

    expect(sameFact(namespace({}, 'Active'), namespace({}, 'Terminating'))).toBe(true);
    expect(sameFact(namespace({}, 'Active'), namespace({ a: 'b' }, 'Active'))).toBe(false);
  });
});

describe('a policy on the page', () => {
  it('says how it restarts pods, with the defaults filled in', () => {
    expect(view(policy({ strategy: 'Waves', waves: { canary: 2, soak: '5m' }, approval: 'Required' })).rollout).toMatch(
      /^Waves, canary 2, soak 5m, \d+ at a time, \d+ in a namespace, \d+ pods, after approval$/,
    );
    expect(view(policy({ strategy: 'Immediate' })).rollout).toBe('Immediate');
  });

  it('says when the soak is over, while there is one', () => {
    const rollout = { strategy: 'Waves', waves: { canary: 1, soak: '10m' } };
    const stage = { intent: 'x', healthySince: '2026-01-02T03:04:05.000Z' };

    expect(view(policy(rollout, { rollout: { ...stage, phase: 'Soaking' } })).soakedAt).toBe(
      '2026-01-02T03:14:05.000Z',
    );
    expect(view(policy(rollout, { rollout: { ...stage, phase: 'Rolling' } })).soakedAt).toBeUndefined();
  });

  it('that cannot be evaluated is shown with what it has', () => {
    expect(view(policy({ strategy: 'Waves', windows: [{ schedule: 'never', duration: '1h' }] }))).toMatchObject({
      name: 'slow',
      rollout: '',
      attention: [],
    });
  });
});

describe('the moments of rollouts', () => {
  const at = new Date('2026-01-02T03:04:05Z');
  const standing = (phase: string, compliant: number): PolicyView[] => [
    view(policy({}, { rollout: { phase, intent: 'x' }, workloads: { matched: 3, compliant } })),
  ];

  it('are one for each change', () => {
    const moments = new Moments();

    expect(moments.note(standing('Canary', 0), at)).toEqual([
      { at: at.toISOString(), policy: 'slow', phase: 'Canary', counts: { matched: 3, compliant: 0 }, halt: undefined },
    ]);
    expect(moments.note(standing('Canary', 0), at)).toEqual([]);
    expect(moments.note(standing('Canary', 1), at)).toHaveLength(1);
    expect(moments.all).toHaveLength(2);
  });

  it('are bounded: the oldest go', () => {
    const moments = new Moments();
    for (let compliant = 0; compliant < MOST_MOMENTS + 10; compliant++) {
      moments.note(standing('Rolling', compliant), at);
    }

    expect(moments.all).toHaveLength(MOST_MOMENTS);
    expect(moments.all[0]?.counts['compliant']).toBe(10);
  });
});
