// Whose a field is, and what happens when two write at once: no grace period may ever end below its user's.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { projectRoot } from '../support/control-plane/index.ts';
import {
  deployment,
  eventually,
  fixed,
  policyPath,
  startScene,
  workloadPath,
  type PolicyObject,
  type Scene,
  type WorkloadObject,
} from '../support/scene.ts';

jest.setTimeout(180_000);

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({
    mesh: { nativeSidecars: 'false' },
    operator: { args: ['--foreign-change-wait', '1s', '--admission-policies', 'on'] },
  });
});
afterAll(async () => {
  await scene.stop();
});

const CONFIG = 'proxy.istio.io/config';

function graceOf(workload: WorkloadObject): number {
  return workload.spec.template.spec.terminationGracePeriodSeconds;
}

/** Counts the rollouts of a Deployment. Its generation would not do: the API server raises that for annotations too. */
function revisionOf(workload: WorkloadObject): string | undefined {
  return workload.metadata.annotations?.['deployment.kubernetes.io/revision'];
}

type Maker = (manifest: object) => Promise<unknown>;
const makers: { how: string; owner: string; make: Maker }[] = [
  {
    how: 'client-side kubectl apply',
    owner: 'kubectl-client-side-apply',
    make: async (manifest) => await scene.cluster.kubectlApply(JSON.stringify(manifest)),
  },
  {
    how: 'server-side apply',
    owner: 'flux',
    make: async (manifest) => await scene.cluster.apply(manifest, { fieldManager: 'flux' }),
  },
  {
    how: 'a plain create',
    owner: 'control-plane-support',
    make: async (manifest) => await scene.cluster.create(manifest),
  },
];

describe.each(makers)('a Deployment made by $how', ({ owner, make }) => {
  const slug = owner.slice(0, 5);

  it("is enforced: its defaulted grace period is nobody's", async () => {
    const namespace = await scene.meshed('default');
    await make(deployment(namespace, 'web'));

    await scene.createPolicy(`default-${slug}`, fixed(namespace));

    await scene.compliant(`default-${slug}`, 1);
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(40);
  });

  it('keeps a lower grace period that it declares, whole, and the policy names its owner', async () => {
    const namespace = await scene.meshed('lower');
    const name = `lower-${slug}`;
    await make(deployment(namespace, 'web', { grace: 5 }));
    const before = await scene.workload(namespace, 'web');
    const mark = scene.mark();

    await scene.createPolicy(name, fixed(namespace));
    const { status } = await scene.settled(name, ({ workloads }) => workloads?.conflicted === 1);

    expect(status?.attention).toEqual([
      {
        namespace,
        kind: 'Deployment',
        name: 'web',
        reason: 'FieldConflict',
        message: expect.stringContaining(`spec.template.spec.terminationGracePeriodSeconds is declared by ${owner}`),
      },
    ]);
    expect(status?.conditions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: 'Ready', status: 'True' }),
        expect.objectContaining({ type: 'Compliant', status: 'False', reason: 'AttentionNeeded' }),
        expect.objectContaining({ type: 'Conflicted', status: 'True', reason: 'FieldConflict' }),
      ]),
    );
    expect(scene.writes({ since: mark, namespace })).toEqual([]);
    expect((await scene.workload(namespace, 'web')).metadata.generation).toBe(before.metadata.generation);
    await scene.cluster.waitFor(`/api/v1/namespaces/${namespace}/events`, (list) =>
      (list as unknown as { items: { reason: string; message: string }[] }).items.some(
        ({ reason, message }) => reason === 'FieldConflict' && message.includes(owner),
      ),
    );

    // Force takes it; what the policy takes it restores.
    await scene.patchPolicy(name, { conflicts: 'Force' });
    await scene.compliant(name, 1);
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(40);
    await scene.rolledOut(namespace, 'web');
    await scene.deletePolicy(name);
    await scene.gone(name);
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(5);
  });

  it('keeps a longer grace period', async () => {
    const namespace = await scene.meshed('longer');
    await make(deployment(namespace, 'web', { grace: 120 }));

    await scene.createPolicy(`longer-${slug}`, fixed(namespace));

    await scene.compliant(`longer-${slug}`, 1);
    const workload = await scene.workload(namespace, 'web');
    expect(graceOf(workload)).toBe(120);
    expect(workload.spec.template.metadata?.annotations).toEqual({
      [CONFIG]: expect.stringContaining('terminationDrainDuration: 35s'),
    });
  });

  it('keeps an annotation that it declares, whichever key would be needed', async () => {
    const namespace = await scene.meshed('declared');
    const name = `declared-${slug}`;
    await make(deployment(namespace, 'web', { annotations: { [CONFIG]: 'concurrency: 2\n' } }));
    const mark = scene.mark();

    await scene.createPolicy(name, fixed(namespace));
    const { status } = await scene.settled(name, ({ workloads }) => workloads?.conflicted === 1);

    expect(status?.attention?.[0]?.message).toContain(owner);
    expect(scene.writes({ since: mark, namespace })).toEqual([]);
  });
});

describe('a Deployment that its owner applies server-side', () => {
  /** What managedFields book to the operator of the template. */
  const heldIn = ({ metadata }: WorkloadObject): unknown =>
    (metadata['managedFields'] as { manager: string; fieldsV1: Record<string, unknown> }[]).find(
      ({ manager }) => manager === 'sidecar-drain-operator',
    )?.fieldsV1['f:spec'];
  const hookIn = ({ spec }: WorkloadObject): unknown =>
    spec.template.spec.containers.find(({ name }) => name === 'istio-proxy')?.lifecycle;

  it('is held by the note alone: a field that it states later goes in without force, and what is no longer wanted goes', async () => {
    const namespace = await scene.meshed('yields');
    await scene.cluster.apply(deployment(namespace, 'web'), { fieldManager: 'flux' });
    await scene.createPolicy('yields', {
      ...fixed(namespace),
      drain: { mode: 'Adaptive', maxWait: '20s', strategy: 'PreStopHook' },
    });
    await scene.untilWorkload(
      namespace,
      'web',
      (object) => hookIn(object) !== undefined && heldIn(object) === undefined,
    );
    await scene.rolledOut(namespace, 'web');
    const hooked = await scene.workload(namespace, 'web');

    // Given up or not: a hook that the policy wants no more is taken out, in one rollout.
    const mark = scene.mark();
    await scene.patchPolicy('yields', { drain: { mode: 'Fixed', duration: '30s', maxWait: null, strategy: null } });
    const plain = await scene.untilWorkload(
      namespace,
      'web',
      (object) => hookIn(object) === undefined && graceOf(object) === 40 && heldIn(object) === undefined,
    );
    await scene.rolledOut(namespace, 'web');
    expect(Number(revisionOf(await scene.workload(namespace, 'web'))) - Number(revisionOf(hooked))).toBe(1);
    // What was given up is taken back as it stands, then the values are written.
    expect(scene.writes({ since: mark, namespace })).toHaveLength(2);
    expect(graceOf(plain)).toBe(40);

    const answer = await scene.cluster.client.raw('PATCH', `${workloadPath(namespace, 'web')}?fieldManager=flux`, {
      body: deployment(namespace, 'web', { grace: 5 }),
      contentType: 'application/apply-patch+yaml',
    });
    expect(answer.status).toBe(200);
    await scene.settled('yields', ({ workloads }) => workloads?.conflicted === 1);
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(5);
  });
});

describe('a hook of ours on istio-proxy, beside which its owner adds one of another type', () => {
  const theirs = {
    name: 'istio-proxy',
    image: 'auto',
    // Left out it would stay as we had it.
    imagePullPolicy: 'IfNotPresent',
    lifecycle: { preStop: { sleep: { seconds: 7 } } },
  };
  const stated = (namespace: string, name: string, containers: readonly object[] = []): object =>
    deployment(namespace, name, { containers: [{ name: 'app', image: 'app:1' }, ...containers], replicas: 0 });
  const merge = async (namespace: string, more = ''): Promise<{ status: number }> =>
    await scene.cluster.client.raw('PATCH', `${workloadPath(namespace, 'helm')}?fieldManager=helm${more}`, {
      contentType: 'application/strategic-merge-patch+json',
      body: { spec: { template: { spec: { containers: [{ name: 'app', image: 'app:1' }, theirs] } } } },
    });
  const kubectl = async (object: object, ...flags: string[]): Promise<string> =>
    await scene.cluster.kubectlOk(['apply', ...flags, '-f', '-'], { input: JSON.stringify(object) });
  const made = async (namespace: string): Promise<void> => {
    await kubectl(stated(namespace, 'client'));
    await kubectl(stated(namespace, 'server'), '--server-side');
    await scene.cluster.create(stated(namespace, 'helm'));
  };
  const added = async (namespace: string): Promise<void> => {
    await kubectl(stated(namespace, 'client', [theirs]));
    await kubectl(stated(namespace, 'server', [theirs]), '--server-side');
    expect((await merge(namespace)).status).toBe(200);
  };
  const templates = async (namespace: string): Promise<unknown[]> =>
    await Promise.all(
      ['client', 'server', 'helm'].map(async (name) => (await scene.workload(namespace, name)).spec.template),
    );

  it('gives way by the admission policy, and the policy says so', async () => {
    const namespace = await scene.meshed('second');
    await made(namespace);
    await scene.createPolicy('second', {
      ...fixed(namespace),
      drain: { mode: 'Adaptive', maxWait: '20s', strategy: 'PreStopHook' },
    });
    const { status: before } = await scene.compliant('second', 3);
    expect(before?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain(
      "the API server refuses an owner's apply that adds a hook of another type there",
    );
    expect((await merge(namespace, '&dryRun=All')).status).toBe(422);

    await scene.cluster.kubectlOk(['apply', '-f', join(projectRoot(), 'config/admission-policies/hooks.yaml')]);
    // The API server takes a moment to enforce a policy.
    await eventually(async () => (await merge(namespace, '&dryRun=All')).status === 200, 'a second handler goes in');
    await added(namespace);

    const { status } = await scene.settled('second', ({ workloads }) => workloads?.failed === 3);
    expect(status?.attention).toEqual(
      ['client', 'helm', 'server'].map((name) =>
        expect.objectContaining({ name, message: expect.stringContaining("which is its owner's") }),
      ),
    );
    await scene.deletePolicy('second');
    await scene.gone('second');
    const plain = await scene.meshed('plain');
    await made(plain);
    await added(plain);
    expect(await templates(namespace)).toEqual(await templates(plain));
  });
});

describe('a policy with delivery: Admission, without the webhook', () => {
  it('is not Stalled where the API server carries it out, and what is not seen is Unknown', async () => {
    const namespace = await scene.meshed('left');
    await scene.cluster.create(deployment(namespace, 'web'));
    const spec = { ...fixed(namespace), delivery: 'Admission', rollout: undefined };
    await scene.createPolicy('left', spec);
    const label = async (value: string | null): Promise<unknown> =>
      await scene.cluster.client.call('PATCH', policyPath('left'), {
        contentType: 'application/merge-patch+json',
        body: { metadata: { labels: { 'sidecardrain.io/admission-policy': value } } },
      });
    const stalled = async (reason: string): Promise<PolicyObject> =>
      await scene.settled('left', ({ conditions = [] }) =>
        conditions.some((each) => each.type === 'Stalled' && each.reason === reason),
      );
    await stalled('AdmissionRequired');

    await label('enabled');
    const { status } = await stalled('NotStalled');

    expect(status?.conditions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          type: 'Ready',
          status: 'True',
          message: expect.stringContaining('the operator does not see what they have written'),
        }),
        expect.objectContaining({ type: 'Compliant', status: 'Unknown', reason: 'FactsMissing' }),
        expect.objectContaining({ type: 'Reconciling', status: 'False' }),
      ]),
    );
    expect((await scene.workload(namespace, 'web')).metadata.annotations ?? {}).not.toHaveProperty(
      'sidecardrain.io/state',
    );

    await label(null);
    await stalled('AdmissionRequired');
    await scene.deletePolicy('left');
  });
});

describe('two writers at once', () => {
  it('leaves a grace period that a user raises while the operator writes', async () => {
    const namespace = await scene.meshed('race');
    const names = Array.from({ length: 12 }, (_, index) => `web-${index}`);
    await Promise.all(
      names.map(async (name) => await scene.cluster.create(deployment(namespace, name, { grace: 5, replicas: 0 }))),
    );
    const watched = await watchGrace(namespace);
    // Each raise is one more chance to fall between the operator's read and its forced write.
    const raises = Promise.all(
      names.map(async (name, index) => {
        for (let round = 0; round < 6; round += 1) {
          await new Promise((resolve) => {
            setTimeout(resolve, 10 + 7 * index);
          });
          await scene.patchWorkload(
            namespace,
            name,
            { spec: { template: { spec: { terminationGracePeriodSeconds: 200 + round } } } },
            'user',
          );
        }
      }),
    );

    await scene.createPolicy('race', fixed(namespace, { conflicts: 'Force' }));
    await raises;
    await scene.compliant('race', names.length);

    for (const name of names) {
      expect([name, graceOf(await scene.workload(namespace, name))]).toEqual([name, 205]);
    }
    const history = await watched.stop();
    // Once a user has said 200 or more, nothing below what they said last was ever stored.
    for (const [name, seen] of history) {
      const raised = seen.slice(seen.findIndex((grace) => grace >= 200));
      expect([name, raised]).toEqual([name, [...raised].sort((a, b) => a - b)]);
    }
  });

  it('refuses its own write on a stale read, and then goes by what is there', async () => {
    const namespace = await scene.meshed('stale');
    const names = Array.from({ length: 8 }, (_, index) => `web-${index}`);
    await Promise.all(
      names.map(async (name) => await scene.cluster.create(deployment(namespace, name, { grace: 5, replicas: 0 }))),
    );
    await scene.createPolicy('stale', fixed(namespace, { conflicts: 'Force', enforcement: 'Audit' }));
    await scene.settled('stale', ({ workloads }) => workloads?.nonCompliant === names.length);
    // A process that stands still has a cache that is old; what it sends first when it goes on is about the old objects.
    process.kill(scene.operator.pid, 'SIGSTOP');
    await scene.patchPolicy('stale', { enforcement: 'Enforce' });
    await Promise.all(
      names.map(
        async (name) =>
          await scene.patchWorkload(
            namespace,
            name,
            { spec: { template: { spec: { terminationGracePeriodSeconds: 240 } } } },
            'user',
          ),
      ),
    );
    process.kill(scene.operator.pid, 'SIGCONT');

    await scene.compliant('stale', names.length);

    for (const name of names) {
      expect([name, graceOf(await scene.workload(namespace, name))]).toEqual([name, 240]);
    }
  });

  it('makes one write where two policies change places, and the first original survives', async () => {
    const namespace = await scene.meshed('places');
    await scene.cluster.create(deployment(namespace, 'web', { annotations: { team: 'shop' } }));
    const original = await scene.workload(namespace, 'web');
    await scene.createPolicy('places-a', fixed(namespace, { priority: 10 }));
    await scene.createPolicy('places-b', fixed(namespace, { priority: 5, drain: { mode: 'Fixed', duration: '60s' } }));
    await scene.compliant('places-a', 1);
    const { status } = await scene.settled('places-b', ({ workloads }) => workloads?.overridden === 1);
    expect(status?.workloads).toMatchObject({ matched: 1, compliant: 0, overridden: 1 });
    await scene.rolledOut(namespace, 'web');
    const mark = scene.mark();

    await scene.patchPolicy('places-b', { priority: 20 });
    await scene.compliant('places-b', 1);
    await scene.settled('places-a', ({ workloads }) => workloads?.overridden === 1);

    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(70);
    expect(scene.writes({ since: mark, namespace })).toHaveLength(1);
    await scene.rolledOut(namespace, 'web');
    // Who has lost it does not wait for it, nor does it give it back.
    await scene.deletePolicy('places-a');
    await scene.gone('places-a', 30_000);
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(70);
    await scene.deletePolicy('places-b');
    await scene.gone('places-b');
    expect((await scene.workload(namespace, 'web')).spec.template).toEqual(original.spec.template);
  });

  it('passes a workload on without a restart where the other policy wants the same', async () => {
    const namespace = await scene.meshed('same');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.createPolicy('same-a', fixed(namespace, { priority: 10 }));
    await scene.createPolicy('same-b', fixed(namespace, { priority: 5, onDelete: 'Orphan' }));
    await scene.compliant('same-a', 1);
    await scene.rolledOut(namespace, 'web');
    const revision = revisionOf(await scene.workload(namespace, 'web'));

    await scene.patchPolicy('same-b', { priority: 20 });
    await scene.compliant('same-b', 1);
    await scene.deletePolicy('same-a');
    await scene.gone('same-a', 30_000);
    await scene.rolledOut(namespace, 'web');
    expect(revisionOf(await scene.workload(namespace, 'web'))).toBe(revision);

    // And from then on the intents of the second one hold.
    await scene.deletePolicy('same-b');
    await scene.gone('same-b');
    await scene.untilWorkload(
      namespace,
      'web',
      (workload) => workload.metadata.annotations?.['sidecardrain.io/state'] === undefined,
    );
    await scene.rolledOut(namespace, 'web');
    const after = await scene.workload(namespace, 'web');
    expect([graceOf(after), revisionOf(after)]).toEqual([40, revision]);
  });
});

/** Every grace period that the API server ever stored, in order, per workload. */
async function watchGrace(namespace: string): Promise<{ stop(): Promise<Map<string, number[]>> }> {
  const seen = new Map<string, number[]>();
  const following = await scene.cluster.follow(workloadPath(namespace, '').replace(/\/$/, ''), (object) => {
    const { metadata, spec } = object as WorkloadObject;
    seen.set(metadata.name, [...(seen.get(metadata.name) ?? []), spec.template.spec.terminationGracePeriodSeconds]);
  });
  return {
    async stop() {
      await eventually(() => [...seen.values()].every((graces) => graces.at(-1) === 205), 'the last raise is seen');
      await following.stop();
      return seen;
    },
  };
}
