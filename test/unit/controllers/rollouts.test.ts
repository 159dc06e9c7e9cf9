import { describe, expect, it } from '@jest/globals';
import type { Caches } from '../../../src/controllers/caches.ts';
import { Rollouts } from '../../../src/controllers/rollouts.ts';
import { stateOf } from '../../../src/drain/restore/state.ts';
import { EXEMPT_ANNOTATION, STATE_ANNOTATION } from '../../../src/api/names.ts';
import { workloadKey, type Workload } from '../../../src/drain/model/workload.ts';
import { intentKey } from '../../../src/drain/plan/intent.ts';
import { readPolicy, type PolicyRecord } from '../../../src/drain/plan/policies.ts';

const T0 = Date.parse('2026-01-01T00:00:00Z');
const policy: PolicyRecord = readPolicy({
  apiVersion: 'sidecardrain.io/v1alpha1',
  kind: 'SidecarDrainPolicy',
  metadata: { name: 'p', uid: 'u', generation: 1 },
  spec: {
    match: { namespaceSelector: {} },
    drain: { mode: 'Fixed', duration: '20s' },
    rollout: { strategy: 'Waves', waves: { canary: 0 } },
  },
} as unknown as Parameters<typeof readPolicy>[0]);

/** As much of a workload as waves look at. */
function workload(
  name: string,
  {
    written = false,
    rolling = false,
    annotations = {},
  }: { written?: boolean; rolling?: boolean; annotations?: Record<string, string> } = {},
): Workload {
  const state = {
    v: 1,
    policy: { name: 'p', uid: 'u' },
    intent: intentKey(policy.intent),
    onDelete: 'Restore',
    maxConcurrent: 3,
    at: new Date(T0).toISOString(),
    fields: {},
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    namespace: 'shop',
    name,
    uid: name,
    resourceVersion: '1',
    deleting: false,
    annotations: { ...annotations, ...(written ? { [STATE_ANNOTATION]: JSON.stringify(state) } : {}) },
    template: { metadata: { labels: {} }, spec: { containers: [] } },
    rollout: {
      strategy: 'RollingUpdate',
      replicas: 2,
      rolling,
      complete: !rolling,
      healthy: !rolling,
      paused: false,
      partition: 0,
      stuck: false,
    },
  } as unknown as Workload;
}

interface World {
  readonly rollouts: Rollouts;
  readonly asked: string[];
  readonly world: { now: number; exempt: boolean; terminating: boolean; budgetsLost: string | undefined };
  readonly show: (workload: Workload) => void;
}

function given(): World {
  const asked: string[] = [];
  const world = { now: T0, exempt: false, terminating: false, budgetsLost: undefined as string | undefined };
  const caches = {
    exemptions: { of: () => (world.exempt ? { name: 'shop/e' } : undefined) },
    namespace: (name: string) => ({ name, deleting: world.terminating }),
    budgets: { lostBecause: () => world.budgetsLost, in: () => [] },
    workload: () => undefined,
  } as unknown as Caches;
  const rollouts = new Rollouts({
    caches,
    caps: { workloads: 10, perNamespace: 10 },
    now: () => world.now,
    ask: (key) => {
      asked.push(key);
    },
    askAfter: () => undefined,
    echoed: () => undefined,
    onTurn: () => undefined,
  });
  rollouts.stages.know(policy, undefined);
  return {
    rollouts,
    asked,
    world,
    show: (each) => {
      rollouts.observe(workloadKey(each), each, stateOf(each));
    },
  };
}

const candidate = (name: string): Parameters<Rollouts['mayStart']>[1] => ({
  me: { workload: `Deployment/shop/${name}`, policy: 'p', namespace: 'shop', pods: 2 },
  limits: { strategy: 'Waves', maxConcurrent: 1, maxPerNamespace: 1, maxPods: 50 },
  uid: 'u',
});

describe('a workload that does not get well', () => {
  const stuck = (more: Record<string, string> = {}): Workload =>
    workload('bad', { written: true, rolling: true, annotations: more });

  it('halts its policy after progressDeadline', () => {
    const { rollouts, world, show } = given();
    show(stuck());
    world.now += 601_000;
    show(stuck());

    expect(rollouts.haltOf('Deployment/shop/bad')).toBeDefined();
    expect(rollouts.mayStart('Deployment/shop/next', candidate('next'), workload('next'))?.because).toContain('halted');
  });

  it.each<[string, (given: World) => Workload]>([
    ['its own annotation exempts it', () => stuck({ [EXEMPT_ANNOTATION]: 'known to be broken' })],
    [
      'a DrainExemption does',
      ({ world }) => {
        world.exempt = true;
        return stuck();
      },
    ],
    [
      'its namespace is being deleted',
      ({ world }) => {
        world.terminating = true;
        return stuck();
      },
    ],
  ])('halts it no longer once %s', (_, change) => {
    const all = given();
    const { rollouts, world, show, asked } = all;
    show(stuck());
    world.now += 601_000;
    show(stuck());
    rollouts.mayStart('Deployment/shop/next', candidate('next'), workload('next'));
    asked.length = 0;

    show(change(all));

    expect(rollouts.haltOf('Deployment/shop/bad')).toBeUndefined();
    expect(asked).toContain('Deployment/shop/next');
    expect(rollouts.mayStart('Deployment/shop/next', candidate('next'), workload('next'))).toBeUndefined();
  });
});

describe('workloads that wait because budgets may not be looked at', () => {
  it('are asked again when they may be, also where their namespace has no budget', () => {
    const { rollouts, asked, world } = given();
    world.budgetsLost = 'forbidden';
    expect(rollouts.mayStart('Deployment/shop/next', candidate('next'), workload('next'))?.because).toContain(
      'forbidden',
    );
    world.budgetsLost = undefined;

    rollouts.budgetChanged('elsewhere');
    expect(asked).toEqual([]);
    rollouts.budgetChanged(undefined);
    expect(asked).toEqual(['Deployment/shop/next']);
  });
});
