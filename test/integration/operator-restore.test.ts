// Restoring: what stood there before the first write, whatever happened in between, and a finalizer that never hangs.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { installMesh } from '../support/mesh.ts';
import {
  deployment,
  fixed,
  policyPath,
  startScene,
  staysSo,
  waves,
  type PolicyObject,
  type Scene,
  type WorkloadObject,
} from '../support/scene.ts';

jest.setTimeout(180_000);

let scene: Scene;
/** Runs beside the other tests, because it takes a minute. */
let stuck: ReturnType<typeof stickFast>;
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false' } });
  stuck = stickFast();
  await stuck;
});
afterAll(async () => {
  await scene.stop();
});

const CONFIG = 'proxy.istio.io/config';
const STATE = 'sidecardrain.io/state';

function graceOf(workload: WorkloadObject): number {
  return workload.spec.template.spec.terminationGracePeriodSeconds;
}

function revisionOf(workload: WorkloadObject): string | undefined {
  return workload.metadata.annotations?.['deployment.kubernetes.io/revision'];
}

/** What of an object is a user's, without what the API server and the controllers count. */
function own(workload: WorkloadObject): unknown {
  const {
    annotations = {},
    labels = {},
    finalizers = [],
  } = workload.metadata as { annotations?: Record<string, string>; labels?: object; finalizers?: string[] };
  const rest = Object.entries(annotations).filter(([key]) => key !== 'deployment.kubernetes.io/revision');
  return { spec: workload.spec, annotations: rest, labels, finalizers };
}

function managersOf(workload: WorkloadObject): string[] {
  const entries = (workload.metadata as unknown as { managedFields: { manager: string; subresource?: string }[] })
    .managedFields;
  return entries.filter(({ subresource }) => subresource === undefined).map(({ manager }) => manager);
}

async function given(
  prefix: string,
  policyMore: Record<string, unknown> = {},
): Promise<{ namespace: string; before: WorkloadObject }> {
  const namespace = await scene.meshed(prefix);
  await scene.cluster.create(deployment(namespace, 'web', { annotations: { team: 'shop' } }));
  await scene.rolledOut(namespace, 'web');
  const before = await scene.workload(namespace, 'web');
  await scene.createPolicy(prefix, fixed(namespace, policyMore));
  await scene.compliant(prefix, 1);
  await scene.rolledOut(namespace, 'web');
  return { namespace, before };
}

/** Deletes a policy whose only workload is paused, which is waited for. */
async function stickFast(): Promise<{
  namespace: string;
  before: WorkloadObject;
  deletedAt: number;
  goneAt: Promise<number>;
}> {
  const { namespace, before } = await given('minute', waves(1));
  await scene.cluster.kubectlOk(['rollout', 'pause', '-n', namespace, 'deployment/web']);
  const deletedAt = Date.now();
  await scene.deletePolicy('minute');
  await scene.cluster.waitFor<PolicyObject>(
    policyPath('minute'),
    ({ status }) =>
      status?.conditions?.some(
        ({ type, reason, message }) =>
          type === 'Reconciling' && reason === 'Restoring' && message.startsWith('1 workload'),
      ) === true,
  );
  return { namespace, before, deletedAt, goneAt: scene.gone('minute', 100_000).then(() => Date.now()) };
}

describe('the deletion of a policy', () => {
  it('restores every value and every trace, and then the policy is gone', async () => {
    const { namespace, before } = await given('restore', {
      drain: { mode: 'Combined', duration: '20s', maxWait: '60s', strategy: 'PreStopHook', hook: 'ActiveRequests' },
    });
    expect((await scene.workload(namespace, 'web')).spec.template.spec.containers).toHaveLength(2);

    await scene.deletePolicy('restore');
    await scene.gone('restore');

    const after = await scene.workload(namespace, 'web');
    expect(own(after)).toEqual(own(before));
    expect(managersOf(after)).toEqual(managersOf(before));
    await scene.rolledOut(namespace, 'web');
  });

  it('leaves the values where the policy says Orphan, restarts nothing, and lets go of them', async () => {
    const { namespace, before } = await given('orphan', { onDelete: 'Orphan' });
    const held = await scene.workload(namespace, 'web');

    await scene.deletePolicy('orphan');
    await scene.gone('orphan');

    const after = await scene.workload(namespace, 'web');
    expect(after.spec.template).toEqual(held.spec.template);
    expect(revisionOf(after)).toBe(revisionOf(held));
    expect(after.metadata.annotations).not.toHaveProperty([STATE]);
    expect(managersOf(after)).toEqual(managersOf(before));
  });

  it('goes by the last word on Orphan or Restore, although that alone wrote no value', async () => {
    const { namespace, before } = await given('lastword', { onDelete: 'Orphan' });

    await scene.patchPolicy('lastword', { onDelete: 'Restore' });
    await scene.deletePolicy('lastword');
    await scene.gone('lastword');

    expect(own(await scene.workload(namespace, 'web'))).toEqual(own(before));
  });

  it('restores the first original after three edits of the policy', async () => {
    const { namespace, before } = await given('thrice');
    for (const duration of ['60s', '15s', '120s']) {
      await scene.patchPolicy('thrice', { drain: { duration } });
      const seconds = Number(duration.slice(0, -1));
      await scene.untilWorkload(namespace, 'web', (workload) => graceOf(workload) === Math.max(30, seconds + 10));
      await scene.compliant('thrice', 1);
      await scene.rolledOut(namespace, 'web');
    }

    await scene.deletePolicy('thrice');
    await scene.gone('thrice');

    expect(own(await scene.workload(namespace, 'web'))).toEqual(own(before));
  });

  it('keeps what a user has changed in between, and takes only its own keys out of an annotation', async () => {
    const { namespace } = await given('between');
    await scene.patchWorkload(namespace, 'web', {
      spec: {
        template: {
          metadata: { annotations: { [CONFIG]: 'concurrency: 4\nterminationDrainDuration: 35s\n', note: 'mine' } },
          spec: { terminationGracePeriodSeconds: 90 },
        },
      },
    });
    await scene.rolledOut(namespace, 'web');

    await scene.deletePolicy('between');
    await scene.gone('between');

    const { metadata, spec } = (await scene.workload(namespace, 'web')).spec.template;
    expect(spec.terminationGracePeriodSeconds).toBe(90);
    expect(metadata?.annotations).toEqual({ team: 'shop', note: 'mine', [CONFIG]: 'concurrency: 4\n' });
  });

  it('lets an exempt workload go with its values and without a restart', async () => {
    const { namespace } = await given('exempted');
    await scene.cluster.kubectlOk([
      'annotate',
      'deployment',
      '-n',
      namespace,
      'web',
      'sidecardrain.io/exempt=leave it',
    ]);
    await scene.settled('exempted', ({ workloads }) => workloads?.exempt === 1);
    const held = await scene.workload(namespace, 'web');
    expect(graceOf(held)).toBe(40);

    await scene.deletePolicy('exempted');
    await scene.gone('exempted');

    const after = await scene.workload(namespace, 'web');
    expect([graceOf(after), revisionOf(after)]).toEqual([40, revisionOf(held)]);
    expect(after.metadata.annotations).not.toHaveProperty([STATE]);
  });

  it('restores a workload of a policy that has stopped to enforce, once the policy goes', async () => {
    const { namespace, before } = await given('audited');
    const held = await scene.workload(namespace, 'web');
    const mark = scene.mark();
    await scene.patchPolicy('audited', { enforcement: 'Audit' });
    await scene.compliant('audited', 1);
    // An Audit policy writes nothing, not even to take back what it does not select any more.
    await scene.patchPolicy('audited', { match: { names: ['other'] } });
    await scene.settled('audited', ({ workloads }) => workloads?.matched === 0);
    expect(await staysSo(() => scene.writes({ since: mark, namespace }).length, 1_500)).toEqual([0]);
    expect(revisionOf(await scene.workload(namespace, 'web'))).toBe(revisionOf(held));

    await scene.deletePolicy('audited');
    await scene.gone('audited');
    expect(own(await scene.workload(namespace, 'web'))).toEqual(own(before));
  });
});

describe('a policy that no longer selects a workload', () => {
  it('gives it back', async () => {
    const { namespace, before } = await given('unselect');

    await scene.patchPolicy('unselect', { match: { names: ['other-*'] } });
    await scene.settled('unselect', ({ workloads }) => workloads?.matched === 0);

    await scene.untilWorkload(namespace, 'web', (workload) => workload.metadata.annotations?.[STATE] === undefined);
    expect(own(await scene.workload(namespace, 'web'))).toEqual(own(before));
  });

  it('takes nothing back while it is suspended, and goes on afterwards', async () => {
    const { namespace, before } = await given('suspended');
    const mark = scene.mark();

    await scene.patchPolicy('suspended', { suspend: true, match: { names: ['other-*'] } });
    await scene.settled('suspended', ({ workloads }) => workloads?.matched === 0);
    expect(await staysSo(() => scene.writes({ since: mark, namespace }).length, 1_500)).toEqual([0]);

    await scene.patchPolicy('suspended', { suspend: false });
    await scene.untilWorkload(namespace, 'web', (workload) => workload.metadata.annotations?.[STATE] === undefined);
    expect(own(await scene.workload(namespace, 'web'))).toEqual(own(before));
  });
});

describe('a hook that never ends, which a policy has replaced by force', () => {
  const NEVER_ENDS = 'while [ $(netstat -plunt | grep tcp | grep -v envoy | wc -l | xargs) -ne 0 ]; do sleep 1; done';
  const containers = [
    { name: 'app', image: 'registry.example/app:1', ports: [{ containerPort: 8080 }] },
    {
      name: 'istio-proxy',
      image: 'auto',
      imagePullPolicy: 'IfNotPresent',
      lifecycle: { preStop: { exec: { command: ['/bin/sh', '-c', NEVER_ENDS] } } },
    },
  ];
  const drain = { mode: 'Adaptive', maxWait: '60s' };

  it.each(['client-side apply', 'server-side apply', 'create'])(
    'comes back as its owner wrote it by %s',
    async (by) => {
      const name = `cure-${by.replace(' apply', '')}`;
      const namespace = await scene.meshed(name);
      const manifest = deployment(namespace, 'web', { containers });
      if (by === 'client-side apply') {
        await scene.cluster.kubectlApply(JSON.stringify(manifest));
      } else if (by === 'server-side apply') {
        await scene.cluster.apply(manifest, { fieldManager: 'flux' });
      } else {
        await scene.cluster.create(manifest);
      }
      await scene.rolledOut(namespace, 'web');
      const before = await scene.workload(namespace, 'web');

      await scene.createPolicy(name, fixed(namespace, { drain, conflicts: 'Force' }));
      await scene.compliant(name, 1);
      const held = (await scene.workload(namespace, 'web')).spec.template.spec.containers[1];
      expect(held?.lifecycle?.preStop?.exec?.command).toEqual(['pilot-agent', 'version']);
      await scene.deletePolicy(name);
      await scene.gone(name);

      expect(own(await scene.workload(namespace, 'web'))).toEqual(own(before));
    },
  );
});

describe('the finalizer', () => {
  it('never hangs: the policy goes while the operator is down, and once it is up again all is restored', async () => {
    const { namespace, before } = await given('down');
    await scene.operator.stop();
    await scene.deletePolicy('down');
    expect((await scene.policy('down')).metadata.deletionTimestamp).toBeDefined();
    await scene.start();

    await scene.gone('down');
    expect(own(await scene.workload(namespace, 'web'))).toEqual(own(before));
  });

  it("never hangs: workloads are restored after Istio's kinds and its injector have gone", async () => {
    const { namespace, before } = await given('crdsgone');
    await scene.cluster.kubectlOk(['delete', 'crd', 'proxyconfigs.networking.istio.io']);
    await scene.cluster.kubectlOk(['delete', 'mutatingwebhookconfiguration', 'istio-sidecar-injector']);

    await scene.deletePolicy('crdsgone');
    await scene.gone('crdsgone');

    expect(own(await scene.workload(namespace, 'web'))).toEqual(own(before));
    await installMesh(scene.cluster, { nativeSidecars: 'false' });
  });

  it('goes after a minute from a policy whose workload cannot be restored yet; restoring goes on without it', async () => {
    const { namespace, before, deletedAt, goneAt } = await stuck;

    expect((await goneAt) - deletedAt).toBeGreaterThan(50_000);
    expect((await goneAt) - deletedAt).toBeLessThan(100_000);
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(40);
    await scene.cluster.kubectlOk(['rollout', 'resume', '-n', namespace, 'deployment/web']);
    await scene.untilWorkload(namespace, 'web', (workload) => workload.metadata.annotations?.[STATE] === undefined);
    expect(own(await scene.workload(namespace, 'web'))).toEqual(own(before));
  });
});
