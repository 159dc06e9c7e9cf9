import { describe, expect, it } from '@jest/globals';
import type { Caches } from '../../../src/controllers/watches/caches.ts';
import type { Candidate } from '../../../src/controllers/rollout/rollout-slots.ts';
import { Rollouts } from '../../../src/controllers/rollout/rollouts.ts';
import type { Refusal } from '../../../src/controllers/workload/gates.ts';
import { stateOf, type WorkloadState } from '../../../src/drain/template/note/state.ts';
import { EXEMPT_ANNOTATION, STATE_ANNOTATION } from '../../../src/api/names.ts';
import { workloadKey, type Workload } from '../../../src/drain/model/workload.ts';
import { intentKey } from '../../../src/drain/promise/intent.ts';
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
    rollout = {},
    at = T0,
    namespace = 'shop',
  }: {
    written?: boolean;
    at?: number;
    namespace?: string;
    rolling?: boolean;
    annotations?: Record<string, string>;
    rollout?: Partial<Workload['rollout']>;
  } = {},
): Workload {
  const state = {
    v: 1,
    policy: { name: 'p', uid: 'u' },
    intent: intentKey(policy.intent),
    onDelete: 'Restore',
    maxConcurrent: 3,
    at: new Date(at).toISOString(),
    fields: {},
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    namespace,
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
      ...rollout,
    },
  } as unknown as Workload;
}

interface World {
  readonly rollouts: Rollouts;
  readonly asked: string[];
  readonly failed: string[];
  readonly world: {
    now: number;
    exempt: boolean;
    terminating: boolean;
    budgetsLost: string | undefined;
    counts: (each: Workload, state: WorkloadState) => boolean;
    environment: 'Yes' | 'Unproven' | 'Missing';
    terminatingPods: number | undefined;
    workloads: Workload[];
  };
  readonly show: (workload: Workload) => void;
}

function given(): World {
  const asked: string[] = [];
  const failed: string[] = [];
  const world: World['world'] = {
    now: T0,
    exempt: false,
    terminating: false,
    budgetsLost: undefined,
    counts: () => true,
    environment: 'Yes',
    terminatingPods: undefined,
    workloads: [],
  };
  const caches = {
    exemptionOf: () => (world.exempt ? { name: 'shop/e' } : undefined),
    namespace: (name: string) => ({ name, deleting: world.terminating }),
    budgets: { lostBecause: () => world.budgetsLost, in: () => [] },
    workload: () => undefined,
    allWorkloads: () => world.workloads,
    policies: { store: new Map() },
  } as unknown as Caches;
  const rollouts = new Rollouts({
    caches,
    caps: { workloads: 10, perNamespace: 10 },
    now: () => world.now,
    counts: (each, state) => world.counts(each, state),
    podsCarryEnvironment: () => world.environment,
    terminatingPods: () => world.terminatingPods,
    failed: (key) => {
      failed.push(key);
    },
    enqueue: (key) => {
      asked.push(key);
    },
    enqueueAfter: () => undefined,
    echoed: () => undefined,
    onTurn: () => undefined,
  });
  rollouts.stages.know(policy, undefined);
  return {
    rollouts,
    asked,
    failed,
    world,
    show: (each) => {
      rollouts.observe(workloadKey(each), each, stateOf(each));
    },
  };
}

const candidate = (name: string): Candidate => ({
  me: { workload: `Deployment/shop/${name}`, policy: 'p', namespace: 'shop', pods: 2 },
  limits: { strategy: 'Waves', maxConcurrent: 1, maxPerNamespace: 1, maxPods: 50 },
  uid: 'u',
});

/** What keeps the next workload from starting; it waits from then on where it waits for a slot. */
function startNext(rollouts: Rollouts): Refusal | undefined {
  const [next, record] = [candidate('next'), workload('next')];
  const obstacle = rollouts.obstacle('Deployment/shop/next', next, record);
  const slot = obstacle === undefined ? rollouts.slot(next, record) : undefined;
  if (slot !== undefined) {
    rollouts.waitForSlot(next);
  }
  return obstacle ?? slot;
}

describe('a workload that does not get well', () => {
  const stuck = (more: Record<string, string> = {}): Workload =>
    workload('bad', { written: true, rolling: true, annotations: more });

  it('halts its policy after progressDeadline', () => {
    const { rollouts, world, show } = given();
    show(stuck());
    world.now += 601_000;
    show(stuck());

    expect(rollouts.haltOf('Deployment/shop/bad')).toBeDefined();
    expect(startNext(rollouts)?.message).toContain('halted');
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
    startNext(rollouts);
    asked.length = 0;

    show(change(all));

    expect(rollouts.haltOf('Deployment/shop/bad')).toBeUndefined();
    expect(asked).toContain('Deployment/shop/next');
    expect(startNext(rollouts)).toBeUndefined();
  });
});

describe('a workload whose old pods drain for long', () => {
  const slow = (): Workload => workload('slow', { written: true, rolling: true, rollout: { drainRounds: 3 } });

  it('has the time that its drains need beside progressDeadline', () => {
    const { rollouts, world, show } = given();
    show(slow());

    // Three pods of 30 s, one after the other.
    world.now += 689_000;
    show(slow());
    expect(rollouts.haltOf('Deployment/shop/slow')).toBeUndefined();
    world.now += 2_000;
    show(slow());

    expect(rollouts.haltOf('Deployment/shop/slow')?.message).toContain('90 s for the drains');
  });
});

describe('a Deployment that is paused while it carries our values', () => {
  it('takes no slot, halts nobody, and keeps no canary from being chosen', () => {
    const { rollouts, world, show } = given();
    rollouts.stages.know({ ...policy, spec: withWaves({ canary: 1 }) }, undefined);
    const paused = workload('paused', { written: true, rolling: true, rollout: { paused: true } });

    show(paused);
    expect(rollouts.rollingCount).toBe(0);
    expect(startNext(rollouts)).toBeUndefined();
    world.now += 3_600_000;
    show(paused);

    expect(rollouts.haltOf('Deployment/shop/paused')).toBeUndefined();
    expect(startNext(rollouts)).toBeUndefined();
  });
});

describe('a Deployment that is rolled out while its old pods still drain', () => {
  const rolledOut = (terminating: number | 'NotInStatus'): Workload =>
    workload('first', { written: true, rollout: { terminating } });
  const started = (): World => {
    const all = given();
    all.rollouts.stages.know({ ...policy, spec: withWaves({ maxConcurrent: 1 }) }, undefined);
    all.rollouts.start(candidate('first'), workload('first'), intentKey(policy.intent));
    all.show(workload('first', { written: true, rolling: true, rollout: { terminating: 1 } }));
    return all;
  };

  it('keeps its slot until its status shows that none is left', () => {
    const { rollouts, show } = started();

    show(rolledOut(2));
    expect(startNext(rollouts)?.message).toBe(
      'waits: 1 workload(s) of the policy are rolling out (of 1 only old pods are left, which drain); maxConcurrent is 1',
    );
    show(rolledOut(0));
    expect(startNext(rollouts)).toBeUndefined();
  });

  it('keeps it no longer than the grace period lets a pod drain', () => {
    const { rollouts, world, show } = started();

    show(rolledOut(1));
    world.now += 44_000;
    show(rolledOut(1));
    expect(rollouts.rollingCount).toBe(1);
    world.now += 2_000;
    show(rolledOut(1));

    expect(rollouts.rollingCount).toBe(0);
  });

  it('asks the pods where the status does not tell', () => {
    const { rollouts, world, show } = started();

    show(rolledOut('NotInStatus'));
    expect(rollouts.rollingCount).toBe(1);
    world.terminatingPods = 1;
    show(rolledOut('NotInStatus'));
    expect(rollouts.rollingCount).toBe(1);
    world.terminatingPods = 0;
    show(rolledOut('NotInStatus'));

    expect(rollouts.rollingCount).toBe(0);
  });

  it('gives it away at once under countTerminating: false', () => {
    const { rollouts, show } = started();
    rollouts.stages.know({ ...policy, spec: withWaves({ maxConcurrent: 1, countTerminating: false }) }, undefined);

    show(rolledOut(2));

    expect(startNext(rollouts)).toBeUndefined();
  });

  it('takes no slot for pods that end because of somebody else', () => {
    const { rollouts, show } = started();
    show(rolledOut(0));

    show(rolledOut(2));

    expect(rollouts.rollingCount).toBe(0);
  });

  it('takes its slot again in a new leader, where our write is recent', () => {
    const { rollouts, world } = given();
    world.workloads = [rolledOut(2)];

    rollouts.findRollouts();

    expect(rollouts.rollingCount).toBe(1);
  });

  it('takes none in a new leader, where it is long ago', () => {
    const { rollouts, world } = given();
    world.workloads = [rolledOut(2)];
    world.now += 700_000;

    rollouts.findRollouts();

    expect(rollouts.rollingCount).toBe(0);
  });

  it('counts its old pods for maxPods', () => {
    const { rollouts, show } = started();
    rollouts.stages.know(
      { ...policy, spec: withWaves({ maxConcurrent: 3, maxPerNamespace: 3, maxPods: 3 }) },
      undefined,
    );
    show(rolledOut(2));
    const next: Candidate = {
      ...candidate('next'),
      limits: { strategy: 'Waves', maxConcurrent: 3, maxPerNamespace: 3, maxPods: 3 },
    };

    expect(rollouts.slot(next, workload('next'))?.message).toContain('maxPods is 3');
    show(rolledOut(1));
    expect(rollouts.slot(next, workload('next'))).toBeUndefined();
  });
});

function withWaves(changed: Partial<NonNullable<PolicyRecord['spec']['rollout']['waves']>>): PolicyRecord['spec'] {
  const { rollout } = policy.spec;
  return rollout.waves === undefined
    ? policy.spec
    : { ...policy.spec, rollout: { ...rollout, waves: { ...rollout.waves, ...changed } } };
}

describe('workloads that wait because budgets may not be looked at', () => {
  it('are asked again when they may be, also where their namespace has no budget', () => {
    const { rollouts, asked, world } = given();
    world.budgetsLost = 'forbidden';
    expect(startNext(rollouts)?.message).toContain('forbidden');
    world.budgetsLost = undefined;

    rollouts.budgetChanged('elsewhere');
    expect(asked).toEqual([]);
    rollouts.budgetChanged(undefined);
    expect(asked).toEqual(['Deployment/shop/next']);
  });
});

describe('what others have written into a note', () => {
  it('counts for nobody where it does not count for the policy: no halt, no slot', () => {
    const { rollouts, world, show } = given();
    world.counts = () => false;
    show(workload('copied', { written: true, rolling: true }));
    world.now += 601_000;
    show(workload('copied', { written: true, rolling: true }));

    expect(rollouts.haltOf('Deployment/shop/copied')).toBeUndefined();
    expect(rollouts.rollingCount).toBe(0);
    expect(startNext(rollouts)).toBeUndefined();
  });

  it.each<[string, (world: World['world'], round: number) => number]>([
    ['in the future', () => T0 + 10 * 365 * 86_400_000],
    ['ever later', ({ now }) => now],
    ['to and fro', (_, round) => T0 + (round % 2) * 60_000],
  ])('wins no time: a workload that is never rolled out, with a start %s, halts its policy', (_, at) => {
    const { rollouts, world, show } = given();
    for (let round = 0; round <= 12; round++) {
      show(workload('late', { written: true, rolling: true, at: at(world, round) }));
      world.now += 60_000;
    }

    expect(rollouts.haltOf('Deployment/shop/late')).toBeDefined();
  });

  it('holds up other policies by the cap of the operator no longer than until it halts its own', () => {
    const { rollouts, asked, world } = given();
    const other: Candidate = {
      me: { workload: 'Deployment/bank/next', policy: 'q', namespace: 'bank', pods: 2 },
      limits: { strategy: 'Waves', maxConcurrent: 5, maxPerNamespace: 5, maxPods: 50 },
      uid: 'v',
    };
    const next = workload('next', { namespace: 'bank' });
    const showAll = (): void => {
      for (let index = 0; index < 20; index++) {
        const each = workload(`forged-${index}`, { written: true, rolling: true, namespace: `team-${index % 10}` });
        rollouts.observe(workloadKey(each), each, stateOf(each));
      }
    };
    showAll();
    expect(rollouts.slot(other, next)?.message).toContain("the operator's cap is 10");
    rollouts.waitForSlot(other);

    world.now += 601_000;
    showAll();

    expect(asked).toContain('Deployment/bank/next');
    expect(rollouts.slot(other, next)).toBeUndefined();
  });

  it('keeps nobody from leading: the workload is named, and the others are looked at', () => {
    const { rollouts, world, failed } = given();
    world.workloads = [
      workload('hostile', { written: true, rolling: true }),
      workload('mine', { written: true, rolling: true }),
    ];
    world.counts = ({ name }) => {
      if (name === 'hostile') {
        throw new Error('cannot be read');
      }
      return true;
    };

    rollouts.findRollouts();

    expect(failed).toContain('Deployment/shop/hostile');
    expect(rollouts.rollingCount).toBe(1);
  });
});

describe('a workload whose environment comes from a ProxyConfig', () => {
  it('keeps its slot until a new pod has been seen with it, and halts its policy where a pod lacks it', () => {
    const { rollouts, world, show } = given();
    rollouts.start(candidate('first'), workload('first'), intentKey(policy.intent));
    world.environment = 'Unproven';
    show(workload('first', { written: true }));
    expect(startNext(rollouts)?.message).toContain('maxConcurrent');

    world.environment = 'Missing';
    show(workload('first', { written: true }));
    expect(rollouts.haltOf('Deployment/shop/first')?.message).toContain('lack the variables');

    world.environment = 'Yes';
    show(workload('first', { written: true }));
    expect(startNext(rollouts)).toBeUndefined();
  });
});
