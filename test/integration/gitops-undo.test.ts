// Exact undo of everything together: whatever policies have made of a workload in between, and whatever its owner has changed
// meanwhile, it ends with its owner's values, to the byte, and nobody can see that we were there.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { GitOpsTool } from '../support/gitops.ts';
import { deployment, eventually, fixed, startScene, type Scene, type WorkloadObject } from '../support/scene.ts';

jest.setTimeout(180_000);

const STATE = 'sidecardrain.io/state';
const CONFIG = 'proxy.istio.io/config';
const HOOK = { mode: 'Combined', duration: '20s', maxWait: '60s', strategy: 'PreStopHook', hook: 'ActiveRequests' };

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false' }, operator: { args: ['--foreign-change-wait', '1s'] } });
});
afterAll(async () => {
  await scene.stop();
});

/** What of an object is a user's, as text: order counts. */
function bytes({ metadata, spec }: WorkloadObject): string {
  const annotations = Object.entries(metadata.annotations ?? {}).filter(
    ([key]) => key !== 'deployment.kubernetes.io/revision',
  );
  return JSON.stringify({ labels: metadata.labels, annotations, spec });
}

/** Who owns what of the object, without the time, which moves with everything. */
function ownership({ metadata }: WorkloadObject): unknown {
  const entries = metadata['managedFields'] as {
    manager: string;
    operation: string;
    subresource?: string;
    fieldsV1: unknown;
  }[];
  return entries
    .filter(({ subresource }) => subresource === undefined)
    .map(({ manager, operation, fieldsV1 }) => ({ manager, operation, fieldsV1 }));
}

/** The policy is spelled out: a merge patch would keep what the other mode must not have. */
async function edit(name: string, spec: Record<string, unknown>): Promise<void> {
  const { drain } = (await scene.policy(name)).spec as { drain: Record<string, unknown> };
  const cleared = Object.fromEntries(Object.keys(drain).map((key) => [key, null]));
  await scene.patchPolicy(name, { ...spec, drain: { ...cleared, ...(spec['drain'] as object) } });
  await scene.compliant(name, 1);
}

async function made(
  namespace: string,
): Promise<{ tool: GitOpsTool; before: WorkloadObject; manifest: (image: string) => object }> {
  const manifest = (image: string): object =>
    deployment(namespace, 'web', {
      annotations: { team: 'shop', 'z-last': 'kept' },
      ownAnnotations: { 'example.com/owner': 'shop' },
      containers: [
        { name: 'app', image, lifecycle: { preStop: { sleep: { seconds: 3 } } } },
        { name: 'logs', image: 'registry.example/logs:1' },
      ],
    });
  const tool = new GitOpsTool(
    scene.cluster,
    { manager: 'kustomize-controller', how: 'ServerSideApply' },
    manifest('registry.example/app:1'),
  );
  await tool.sync();
  await scene.rolledOut(namespace, 'web');
  return { tool, before: await scene.workload(namespace, 'web'), manifest };
}

async function backTo(namespace: string, wanted: WorkloadObject): Promise<void> {
  const after = await scene.untilWorkload(
    namespace,
    'web',
    ({ metadata }) => metadata.annotations?.[STATE] === undefined,
  );
  expect(bytes(after)).toBe(bytes(wanted));
  expect(ownership(after)).toEqual(ownership(wanted));
}

describe('one policy', () => {
  it('that has put in hook, annotation and grace period, edited three times with a deploy in between, leaves no trace', async () => {
    const namespace = await scene.meshed('all');
    const { tool, manifest } = await made(namespace);
    await scene.createPolicy('all', fixed(namespace, { drain: HOOK }));
    await scene.compliant('all', 1);
    const held = await scene.workload(namespace, 'web');
    expect([
      held.spec.template.spec.containers.length,
      Object.hasOwn(held.spec.template.metadata?.annotations ?? {}, CONFIG),
    ]).toEqual([3, true]);

    await scene.rolledOut(namespace, 'web');
    await edit('all', { drain: { mode: 'Adaptive', maxWait: '90s' } });
    await scene.rolledOut(namespace, 'web');
    await tool.sync(manifest('registry.example/app:2'));
    await scene.rolledOut(namespace, 'web');
    await edit('all', { drain: { mode: 'Fixed', duration: '45s' } });
    await scene.rolledOut(namespace, 'web');
    await edit('all', { drain: HOOK });
    await scene.rolledOut(namespace, 'web');
    await scene.deletePolicy('all');
    await scene.gone('all');

    // What it would be without us: made the same way beside it, with the same deploy.
    const twin = await scene.meshed('twin');
    const other = await made(twin);
    await other.tool.sync(other.manifest('registry.example/app:2'));
    const wanted = await scene.workload(twin, 'web');
    expect(bytes(await scene.workload(namespace, 'web'))).toBe(bytes(wanted));
    expect(ownership(await scene.workload(namespace, 'web'))).toEqual(ownership(wanted));
  });

  it('that moves its environment from a ProxyConfig into the annotation and back leaves no trace', async () => {
    const namespace = await scene.meshed('env');
    const { before } = await made(namespace);
    const drain = { mode: 'Adaptive', maxWait: '60s' };
    await scene.createPolicy('env', fixed(namespace, { drain: { ...drain, environment: 'ProxyConfig' } }));
    await scene.compliant('env', 1);
    await scene.rolledOut(namespace, 'web');
    await edit('env', { drain: { ...drain, environment: 'Annotation' } });
    await scene.untilWorkload(
      namespace,
      'web',
      ({ spec }) => spec.template.metadata?.annotations?.[CONFIG]?.includes('EXIT_ON_ZERO') === true,
    );
    await scene.rolledOut(namespace, 'web');
    await edit('env', { drain: { ...drain, environment: 'ProxyConfig' } });
    await scene.untilWorkload(
      namespace,
      'web',
      ({ spec }) => spec.template.metadata?.annotations?.['sidecardrain.io/proxy-config'] !== undefined,
    );
    await scene.rolledOut(namespace, 'web');

    await scene.deletePolicy('env');
    await scene.gone('env');

    await backTo(namespace, before);
    await scene.cluster.waitForGone(
      `/apis/networking.istio.io/v1beta1/namespaces/${namespace}/proxyconfigs/sidecar-drain-env`,
    );
  });
});

describe('two policies', () => {
  it('that take a workload from each other and back remember what stood there before the first', async () => {
    const namespace = await scene.meshed('turns');
    const { before } = await made(namespace);
    await scene.createPolicy('turns-a', fixed(namespace, { priority: 10, drain: HOOK }));
    await scene.compliant('turns-a', 1);
    await scene.rolledOut(namespace, 'web');
    const underA = await scene.workload(namespace, 'web');

    await scene.createPolicy(
      'turns-b',
      fixed(namespace, { priority: 20, onDelete: 'Orphan', drain: { mode: 'Fixed', duration: '50s' } }),
    );
    await scene.compliant('turns-b', 1);
    await scene.rolledOut(namespace, 'web');
    expect((await scene.workload(namespace, 'web')).spec.template.spec.containers).toHaveLength(2);
    // B loses it again. That it would have orphaned it counts no longer.
    await scene.patchPolicy('turns-b', { priority: 5 });
    await scene.compliant('turns-a', 1);
    await scene.rolledOut(namespace, 'web');
    expect((await scene.workload(namespace, 'web')).spec.template).toEqual(underA.spec.template);
    await scene.deletePolicy('turns-b');
    await scene.gone('turns-b');
    await scene.deletePolicy('turns-a');
    await scene.gone('turns-a');

    await backTo(namespace, before);
  });

  it('of which the last says Orphan leave the values to whoever comes next: nobody owns them', async () => {
    const namespace = await scene.meshed('orphan');
    const { tool, before, manifest } = await made(namespace);
    await scene.createPolicy('orphan', fixed(namespace, { onDelete: 'Orphan', drain: HOOK }));
    await scene.compliant('orphan', 1);
    await scene.rolledOut(namespace, 'web');
    const held = await scene.workload(namespace, 'web');

    await scene.deletePolicy('orphan');
    await scene.gone('orphan');

    const after = await scene.untilWorkload(
      namespace,
      'web',
      ({ metadata }) => metadata.annotations?.[STATE] === undefined,
    );
    expect(after.spec.template).toEqual(held.spec.template);
    expect(ownership(after)).toEqual(ownership(before));
    // The values outlive the next deploy, and whoever states them then meets no conflict.
    await tool.sync(manifest('registry.example/app:2'));
    const deployed = await scene.workload(namespace, 'web');
    expect(deployed.spec.template.spec.terminationGracePeriodSeconds).toBe(
      held.spec.template.spec.terminationGracePeriodSeconds,
    );
    await scene.cluster.apply(
      {
        ...manifest('registry.example/app:2'),
        spec: {
          ...(manifest('registry.example/app:2') as { spec: object }).spec,
          template: {
            ...(manifest('registry.example/app:2') as WorkloadObject).spec.template,
            spec: {
              ...(manifest('registry.example/app:2') as WorkloadObject).spec.template.spec,
              terminationGracePeriodSeconds: 33,
            },
          },
        },
      },
      { fieldManager: 'kustomize-controller', force: false },
    );
    expect((await scene.workload(namespace, 'web')).spec.template.spec.terminationGracePeriodSeconds).toBe(33);
  });
});

describe('our own values, put there again by kubectl in its own name', () => {
  const kubectl = async (args: string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await scene.cluster.kubectl(args, input === undefined ? {} : { input });
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('rror')]);
    return stdout;
  };
  const grace = ({ spec }: WorkloadObject): number | undefined => spec.template.spec.terminationGracePeriodSeconds;

  it('by an undo to a revision of ours: replaced after the wait, and restored in the end', async () => {
    const namespace = await scene.meshed('revision');
    await kubectl(['apply', '-f', '-'], JSON.stringify(deployment(namespace, 'web')));
    await scene.rolledOut(namespace, 'web');
    const before = await scene.workload(namespace, 'web');
    await scene.createPolicy('revision', fixed(namespace, { drain: { mode: 'Fixed', duration: '60s' } }));
    await scene.compliant('revision', 1);
    await scene.rolledOut(namespace, 'web');
    await edit('revision', { drain: { mode: 'Fixed', duration: '90s' } });
    await scene.rolledOut(namespace, 'web');
    const longer = grace(await scene.workload(namespace, 'web'));
    const stored: unknown[] = [];
    const following = await scene.cluster.follow(`/apis/apps/v1/namespaces/${namespace}/deployments`, (object) => {
      const seen = grace(object as WorkloadObject);
      if (seen !== stored.at(-1)) {
        stored.push(seen);
      }
    });

    await kubectl(['rollout', 'undo', 'deployment/web', '-n', namespace, '--to-revision=2']);
    // It may be replaced before anybody could look: managedFields tell whole seconds, so the wait may be a moment.
    await eventually(() => stored.length >= 3, 'what was undone is replaced');
    await following.stop();
    await scene.compliant('revision', 1);
    await scene.rolledOut(namespace, 'web');
    await scene.deletePolicy('revision');
    await scene.gone('revision');

    expect(stored).toEqual([longer, 70, longer]);
    expect(longer).toBe(100);
    const after = await scene.workload(namespace, 'web');
    expect(after.spec).toEqual({ ...before.spec });
    expect(after.metadata.annotations?.[STATE]).toBeUndefined();
  });

  it('by a copy of the object: with its hook and container it goes back like the first', async () => {
    const namespace = await scene.meshed('copied');
    await kubectl(['apply', '-f', '-'], JSON.stringify(deployment(namespace, 'web')));
    await scene.rolledOut(namespace, 'web');
    const before = await scene.workload(namespace, 'web');
    await scene.createPolicy('copied', fixed(namespace, { drain: HOOK }));
    await scene.compliant('copied', 1);
    await scene.rolledOut(namespace, 'web');

    const live = JSON.parse(await kubectl(['get', 'deployment/web', '-n', namespace, '-o', 'json'])) as WorkloadObject;
    live.metadata.name = 'copy';
    await kubectl(['create', '-f', '-'], JSON.stringify(live));
    await scene.compliant('copied', 2);
    await scene.rolledOut(namespace, 'copy');
    await scene.deletePolicy('copied');
    await scene.gone('copied');

    const copy = await scene.workload(namespace, 'copy');
    expect(copy.spec).toEqual(before.spec);
    expect(copy.metadata.annotations?.[STATE]).toBeUndefined();
  });
});

it('a value from before that is not valid any more: the nearest one that is goes back, and the Event says so', async () => {
  const namespace = await scene.meshed('nearest');
  await scene.cluster.create(deployment(namespace, 'web'));
  await scene.rolledOut(namespace, 'web');
  await scene.createPolicy('nearest', fixed(namespace, { drain: { mode: 'Fixed', duration: '100s' } }));
  await scene.compliant('nearest', 1);
  await scene.rolledOut(namespace, 'web');
  const container = { name: 'app', lifecycle: { preStop: { sleep: { seconds: 45 } } } };
  await scene.cluster.client.call(
    'PATCH',
    `/apis/apps/v1/namespaces/${namespace}/deployments/web?fieldManager=kubectl-edit`,
    {
      contentType: 'application/strategic-merge-patch+json',
      body: { spec: { template: { spec: { containers: [container] } } } },
    },
  );
  await scene.rolledOut(namespace, 'web');

  await scene.deletePolicy('nearest');
  await scene.gone('nearest');

  const after = await scene.workload(namespace, 'web');
  expect(after.spec.template.spec.terminationGracePeriodSeconds).toBe(45);
  expect(after.metadata.annotations?.[STATE]).toBeUndefined();
  await eventually(
    async () =>
      (await scene.events(namespace)).some(
        ({ reason, message }) =>
          reason === 'DrainRestored' && message.includes('goes to 45 s and not to the 30 s from before'),
      ),
    'the Event says so',
  );
});
