import { describe, expect, it } from '@jest/globals';
import type { SidecarDrainPolicy } from '../../../../src/api/policy.ts';
import { sameFact, slimFact, type RawFact } from '../../../../src/cli/dashboard/engine/facts.ts';
import { heldGroups, type HeldOptions, type Turn } from '../../../../src/cli/dashboard/engine/held.ts';
import { Moments, MOST_MOMENTS } from '../../../../src/cli/dashboard/engine/moments.ts';
import { policyView } from '../../../../src/cli/dashboard/engine/policies.ts';
import type { HeldGroup, PolicyView } from '../../../../src/cli/dashboard/wire.ts';
import { readPolicy } from '../../../../src/drain/plan/policies.ts';
import { defineResource } from '../../../../src/kube/index.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
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
  return policyView(raw, readPolicy(raw), { turns: [], paused: false, now: NOW });
}

describe('what workloads are judged by', () => {
  it('keeps of a node what tells its version and its budget alone, so that its heartbeats change nothing', () => {
    const labels = { 'cloud.google.com/gke-spot': 'true' };
    const node = (heartbeat: string, version = 'v1.33.1'): RawFact =>
      slimFact(NODES, {
        metadata: { name: 'n', labels, resourceVersion: heartbeat },
        spec: { providerID: 'gce://n', podCIDR: '10.0.0.0/24' },
        status: { conditions: [{ lastHeartbeatTime: heartbeat }], nodeInfo: { kubeletVersion: version } },
      });

    expect(node('a')).toEqual({
      metadata: { name: 'n', labels },
      spec: { providerID: 'gce://n', taints: undefined },
      status: { nodeInfo: { kubeletVersion: 'v1.33.1' } },
    });
    expect(sameFact(node('a'), node('a', 'v1.34.0'))).toBe(false);
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

describe('who waits', () => {
  const turn = (name: string, more: Partial<Turn> = {}): Turn => ({
    workload: `Deployment/shop/${name}`,
    policy: 'slow',
    namespace: 'shop',
    pods: 2,
    state: 'Pending',
    ...more,
  });
  const held = (turns: readonly Turn[], more: Partial<HeldOptions> = {}, rollout: object = {}): HeldGroup[] =>
    heldGroups({
      policy: readPolicy(policy({ strategy: 'Waves', waves: { maxConcurrent: 1, maxPerNamespace: 9 }, ...rollout })),
      stage: { phase: 'Rolling', intent: 'x' },
      soakedAt: undefined,
      approval: undefined,
      paused: false,
      turns,
      now: NOW,
      ...more,
    });

  it('is told by gate, with the first names, the largest group first', () => {
    const many = Array.from({ length: 7 }, (_, index) => turn(`web-${index}`));

    expect(
      held([turn('broken', { obstacle: 'the Deployment is paused' }), ...many, turn('now', { state: 'Updating' })]),
    ).toEqual([
      {
        gate: 'Slot',
        because: '1 workload(s) of the policy are rolling out; maxConcurrent is 1',
        workloads: 7,
        names: many.slice(0, 5).map(({ workload }) => workload),
      },
      { gate: 'Workload', because: 'the Deployment is paused', workloads: 1, names: ['Deployment/shop/broken'] },
    ]);
  });

  it('is nobody where nothing is to be written', () => {
    expect(held([turn('now', { state: 'Updating' })], { paused: true })).toEqual([]);
  });

  it('waits for the off switch first, then for approval, then for a window, whose opening is told', () => {
    const rollout = { windows: [{ schedule: '0 5 * * *', duration: '1h' }] };
    const all = { paused: true, approval: 'the plan 9f2c waits for approval' };

    expect(held([turn('a')], all, rollout)[0]?.gate).toBe('OffSwitch');
    expect(held([turn('a')], { ...all, paused: false }, rollout)[0]).toMatchObject({
      gate: 'Approval',
      because: 'the plan 9f2c waits for approval',
    });
    expect(held([turn('a')], {}, rollout)[0]).toMatchObject({ gate: 'Window', until: '2026-01-02T05:00:00.000Z' });
  });

  it.each([
    ['Halted', 'the rollout is halted', undefined],
    ['Canary', 'the canaries go first', undefined],
    ['Soaking', 'the canaries are watched', '2026-01-02T03:14:05.000Z'],
  ] as const)('waits for the stage %s', (phase, because, until) => {
    const soakedAt = '2026-01-02T03:14:05.000Z';

    expect(held([turn('a')], { stage: { phase, intent: 'x' }, soakedAt })[0]).toMatchObject({ gate: 'Slot', because });
    expect(held([turn('a')], { stage: { phase, intent: 'x' }, soakedAt })[0]?.until).toBe(until);
  });

  it('is next where nothing holds it', () => {
    expect(held([turn('a')])[0]?.gate).toBe('None');
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
