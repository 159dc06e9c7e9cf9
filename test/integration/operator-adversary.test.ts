// What somebody who may only write workloads of his own, or a policy that writes nothing, can do to the operator: nothing
// that lasts, nothing to others. All of it at once, while the operator has to answer, to keep its lease and to do its work.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { STATE_ANNOTATION } from '../../src/api/names.ts';
import { forgedNotes, soundNote } from '../support/forged-notes.ts';
import { takePulse, type Pulse } from '../support/pulse.ts';
import {
  deployment,
  eventually,
  fixed,
  startScene,
  waves,
  workloadPath,
  type Scene,
  type WorkloadObject,
} from '../support/scene.ts';
import { HOSTILE_SCRIPTS } from '../unit/hooks/hostile-hooks.ts';

jest.setTimeout(240_000);

const ARGS = ['--leader-elect'];
const OURS = 8;
/** What is written for it depends on whether sidecars are native. */
const COMBINED = { mode: 'Combined', duration: '20s', maxWait: '60s' };
const SLOWEST_ANSWER_MS = 250;
/** A leader that has not renewed for 7 s stops leading. */
const LONGEST_UNRENEWED_MS = 7_000;

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false' }, operator: false });
});
afterAll(async () => {
  await scene.stop();
});

async function createAll(objects: readonly object[]): Promise<void> {
  for (let start = 0; start < objects.length; start += 20) {
    await Promise.all(objects.slice(start, start + 20).map(async (object) => await scene.cluster.create(object)));
  }
}

function hookShapes(namespace: string): readonly object[] {
  const commands = [
    ...HOSTILE_SCRIPTS.map((script) => ['sh', '-c', script]),
    ...HOSTILE_SCRIPTS.slice(0, 20).map((script) => ['/bin/bash', '-ec', `(${script}\n) & wait`]),
    ['sh', '-c', 'x'.repeat(100_000)],
    Array.from({ length: 5_000 }, () => 'sh'),
  ];
  return commands.map((command, index) =>
    deployment(namespace, `hook-${index}`, {
      replicas: 0,
      containers: [
        { name: 'app', image: 'registry.example/app:1', lifecycle: { preStop: { exec: { command } } } },
        { name: 'istio-proxy', image: 'auto', lifecycle: { preStop: { exec: { command } } } },
      ],
    }),
  );
}

/**
 * More workloads than the operator rolls out at once, all of one namespace, which its policy selects: none ever gets a pod, and
 * each says in a note for itself that the operator's write is what it is waiting for.
 */
async function crowd(): Promise<void> {
  const namespace = await scene.meshed('crowd');
  const { metadata } = await scene.createPolicy('crowd', fixed(namespace, { ...waves(2), drain: COMBINED }));
  await scene.cluster.create({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { namespace, name: 'none' },
    spec: { hard: { pods: '0' } },
  });
  await Promise.all(
    Array.from({ length: 12 }, async (_, index) => {
      const { metadata: own } = await scene.cluster.create<WorkloadObject>(deployment(namespace, `stuck-${index}`));
      const note = { ...soundNote({ name: 'crowd', uid: metadata.uid ?? '' }), uid: own.uid };
      await scene.patchWorkload(namespace, own.name, {
        metadata: { annotations: { [STATE_ANNOTATION]: JSON.stringify({ ...note, at: '2126-03-01T10:00:00Z' }) } },
      });
    }),
  );
}

/** Changes something of a tenant's own again and again, and more than ten times. */
function withoutPause(change: (round: number) => Promise<unknown>): () => Promise<number> {
  let ended = false;
  let rounds = 0;
  const running = (async () => {
    while (!ended || rounds <= 10) {
      await change(rounds++);
      await sleep(100);
    }
  })();
  return async () => {
    ended = true;
    await running;
    return rounds;
  };
}

describe('forged notes, hostile hooks, a false istiod and tenants who write without pause, all at once', () => {
  let pulse: Pulse;
  let ours: string;
  let outside: string;
  let aside: string;
  let forged: string;

  beforeAll(async () => {
    ours = await scene.meshed('ours');
    outside = await scene.cluster.namespace('outside');
    forged = await scene.meshed('forged');
    const hooks = await scene.meshed('hooks');
    const { metadata } = await scene.createPolicy(
      'ours',
      fixed(ours, { ...waves(2, { soak: '0s' }), drain: COMBINED }),
    );
    const notes = forgedNotes({ name: 'ours', uid: metadata.uid ?? '' });
    expect(notes.length).toBeGreaterThan(100);
    const carriers = (namespace: string): readonly object[] =>
      notes.map(({ text }, index) =>
        deployment(namespace, `note-${index}`, { replicas: 0, ownAnnotations: { [STATE_ANNOTATION]: text } }),
      );
    await createAll([...carriers(outside), ...carriers(forged)]);
    await createAll(
      Array.from({ length: 12 }, (_, index) =>
        deployment(outside, `copy-${index}`, {
          spec: { paused: true },
          ownAnnotations: { [STATE_ANNOTATION]: JSON.stringify(soundNote({ name: 'ours', uid: metadata.uid ?? '' })) },
        }),
      ),
    );
    await createAll(Array.from({ length: OURS }, (_, index) => deployment(ours, `web-${index}`)));
    await crowd();
    // Of two that claim a revision the first one by name was once believed.
    aside = await scene.cluster.namespace('aside');
    expect(aside < 'istio-system').toBe(true);
    const pretender = deployment(aside, 'istiod', {
      replicas: 0,
      containers: [
        {
          name: 'discovery',
          image: 'docker.io/istio/pilot:1.20.1',
          env: [{ name: 'ENABLE_NATIVE_SIDECARS', value: 'true' }],
        },
      ],
    }) as { metadata: { labels?: object } };
    pretender.metadata.labels = { app: 'istiod', 'istio.io/rev': 'default' };
    await scene.cluster.create(pretender);
    await createAll(hookShapes(hooks));
    await scene.createPolicy('hooks', fixed(hooks, { enforcement: 'Audit' }));
    await scene.createPolicy('forged', fixed(forged, { enforcement: 'Audit' }));

    const operator = await scene.start({ args: ARGS });
    const stop = takePulse(scene.cluster, operator);
    let rounds: readonly number[];
    const tenants = [
      withoutPause(
        async (round) =>
          await scene.patchPolicy('forged', { drain: { mode: 'Fixed', duration: `${20 + (round % 9)}s` } }),
      ),
      withoutPause(
        async (round) =>
          await scene.patchWorkload(outside, 'copy-0', {
            metadata: { annotations: { [STATE_ANNOTATION]: `{"v":1,"at":${round}}` } },
          }),
      ),
    ];
    try {
      await scene.compliant('ours', OURS, 120_000);
      await scene.settled('hooks', ({ workloads }) => judged(workloads) === hookShapes(hooks).length, 100_000);
    } finally {
      rounds = await Promise.all(tenants.map(async (end) => await end()));
      pulse = await stop();
    }
    expect(Math.min(...rounds)).toBeGreaterThan(10);
  });

  it('leave it answering within 250 ms', () => {
    expect(pulse.failures).toEqual([]);
    expect(pulse.answers.length).toBeGreaterThan(20);
    expect(Math.max(...pulse.answers)).toBeLessThan(SLOWEST_ANSWER_MS);
  });

  it('leave it the lease, which it renews in time', () => {
    expect([...pulse.holders].filter((holder) => holder !== '')).toHaveLength(1);
    expect(pulse.longestUnrenewed).toBeLessThan(LONGEST_UNRENEWED_MS);
  });

  it('halt no wave, and change nothing of the workloads of others', async () => {
    const { status } = await scene.policy('ours');
    expect(status?.rollout?.phase).toBe('Done');
    expect(scene.writes({ namespace: ours })).toHaveLength(OURS);
    expect(scene.writes({ namespace: forged }).length).toBe(0);
  });

  it('a Deployment that calls itself istiod changes nothing that is written, and an Event on it says so', async () => {
    const { metadata } = (await scene.workload(ours, 'web-0')).spec.template;
    // Native sidecars, as it claims, need none of it.
    expect(metadata?.annotations?.['proxy.istio.io/config']).toContain('MINIMUM_DRAIN_DURATION: 25s');
    await eventually(
      async () => (await scene.events(aside)).some(({ reason }) => reason === 'IstiodIgnored'),
      'the Event is there',
    );
  });

  it('leave it able to start again', async () => {
    expect(await scene.operator.stop()).toBe(0);
    await scene.start({ args: ARGS });
    await eventually(
      async () => /^leader_election_master_status\{.*\} 1$/m.test(await scene.operator.metrics()),
      'it leads',
    );
  });
});

it('two control planes that disagree about one revision are both named, and both ignored', async () => {
  // A change of the mesh looks at everything again, and at hostile hooks for seconds.
  await scene.deletePolicy('hooks');
  await scene.gone('hooks');
  const second = deployment('istio-system', 'istiod-second', {
    replicas: 0,
    containers: [{ name: 'discovery', image: 'docker.io/istio/pilot:1.20.1' }],
  }) as { metadata: { labels?: object } };
  second.metadata.labels = { app: 'istiod', 'istio.io/rev': 'default' };
  await scene.cluster.create(second);

  const { status } = await scene.settled(
    'ours',
    ({ conditions }) => conditions?.some(({ message }) => message.includes('both claim')) === true,
    60_000,
  );

  expect(status?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain(
    'istio-system/istiod and istio-system/istiod-second both claim Istio revision default',
  );
  await scene.cluster.client.call('DELETE', workloadPath('istio-system', 'istiod-second'));
  await scene.compliant('ours', OURS, 60_000);
});

it('a write that an admission policy refuses is tried again by itself when the policy is gone', async () => {
  const namespace = await scene.meshed('refused', { guarded: 'yes' });
  await scene.cluster.create(deployment(namespace, 'web'));
  await scene.rolledOut(namespace, 'web');
  await scene.cluster.create({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'no-operator' },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        namespaceSelector: { matchLabels: { guarded: 'yes' } },
        resourceRules: [
          { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['deployments'] },
        ],
      },
      validations: [
        { expression: 'object.spec.template == oldObject.spec.template', message: 'frozen', reason: 'Invalid' },
      ],
    },
  });
  await scene.cluster.create({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'no-operator' },
    spec: { policyName: 'no-operator', validationActions: ['Deny'] },
  });
  // The API server takes a moment to enforce it.
  await eventually(async () => {
    const { status } = await scene.cluster.client.raw('PATCH', `${workloadPath(namespace, 'web')}?dryRun=All`, {
      contentType: 'application/merge-patch+json',
      body: { spec: { template: { metadata: { labels: { probe: 'yes' } } } } },
    });
    return status === 422;
  }, 'templates are frozen');
  await scene.createPolicy('refused', fixed(namespace));
  await scene.settled('refused', ({ workloads }) => workloads?.failed === 1);

  const path = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/no-operator';
  await scene.cluster.client.call('DELETE', path);
  await scene.compliant('refused', 1, 90_000);
});

function judged(workloads: Readonly<Record<string, number>> = {}): number {
  const { matched, ...states } = workloads;
  return Object.values(states).reduce((sum, count) => sum + count, 0) === matched ? matched : 0;
}
