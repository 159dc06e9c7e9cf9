// Uninstalling in any order: whatever goes first, no finalizer stays, no namespace is stuck, and every workload ends as its
// policy has promised. What happens while the operator runs comes first; then it is gone for good.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { runProgram, type CliResult } from '../support/cli.ts';
import { installCrds } from '../support/crds.ts';
import { OPERATOR_NAMESPACE } from '../support/operator.ts';
import {
  deployment,
  eventually,
  fixed,
  policyPath,
  startScene,
  type Scene,
  type WorkloadObject,
} from '../support/scene.ts';

jest.setTimeout(180_000);

const STATE = 'sidecardrain.io/state';
const CRDS = ['sidecardrainpolicies', 'namespacedsidecardrainpolicies', 'drainexemptions'].map(
  (plural) => `${plural}.sidecardrain.io`,
);
const MANAGED_BY = 'app.kubernetes.io%2Fmanaged-by%3Dsidecar-drain-operator';

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false' }, operator: { args: ['--leader-elect'] } });
});
afterAll(async () => {
  await scene.stop();
});

function crdPath(name: string): string {
  return `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
}

async function restorer(...args: string[]): Promise<CliResult> {
  return await runProgram(['restore', ...args, '--kubeconfig', scene.cluster.kubeconfigPath]);
}

/** What of an object is a user's, without what the API server and the controllers count. */
function own(workload: WorkloadObject): unknown {
  const { annotations = {}, labels = {} } = workload.metadata;
  return {
    spec: workload.spec,
    annotations: Object.entries(annotations).filter(([key]) => key !== 'deployment.kubernetes.io/revision'),
    labels,
  };
}

function managersOf(workload: WorkloadObject): string[] {
  return (workload.metadata['managedFields'] as { manager: string; subresource?: string }[])
    .filter(({ subresource }) => subresource === undefined)
    .map(({ manager }) => manager);
}

async function made(namespace: string, name: string): Promise<WorkloadObject> {
  await scene.cluster.create(deployment(namespace, name, { annotations: { team: 'shop' } }));
  await scene.rolledOut(namespace, name);
  return await scene.workload(namespace, name);
}

async function expectAsBefore(namespace: string, name: string, before: WorkloadObject): Promise<void> {
  const after = await scene.untilWorkload(
    namespace,
    name,
    ({ metadata }) => metadata.annotations?.[STATE] === undefined,
  );
  expect(own(after)).toEqual(own(before));
  expect(managersOf(after)).toEqual(managersOf(before));
}

function mistakes(): string[] {
  return scene.operator.lines.filter(({ level }) => level === 'error').map((line) => JSON.stringify(line));
}

describe('while the operator runs', () => {
  it('the CRDs go only after everything is restored, and nothing holds them up; the operator waits for them to return', async () => {
    const namespace = await scene.meshed('crds');
    const before = await made(namespace, 'web');
    const kept = await made(namespace, 'kept');
    await scene.createPolicy(
      'crds',
      fixed(namespace, {
        match: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } }, names: ['web'] },
      }),
    );
    await scene.createPolicy(
      'crds-orphan',
      fixed(namespace, {
        onDelete: 'Orphan',
        match: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } }, names: ['kept'] },
      }),
    );
    await Promise.all([scene.compliant('crds', 1), scene.compliant('crds-orphan', 1)]);

    await scene.cluster.kubectlOk(['delete', 'crd', ...CRDS, '--wait=false']);

    for (const name of CRDS) {
      await scene.cluster.waitForGone(crdPath(name), 120_000);
    }
    await expectAsBefore(namespace, 'web', before);
    const orphan = await scene.workload(namespace, 'kept');
    expect([
      orphan.spec.template.spec.terminationGracePeriodSeconds,
      orphan.metadata.annotations?.[STATE],
      managersOf(orphan),
    ]).toEqual([40, undefined, managersOf(kept)]);
    expect(mistakes()).toEqual([]);

    await installCrds(scene.cluster);
    await scene.createPolicy('again', fixed(namespace));
    await scene.compliant('again', 2);
    await scene.deletePolicy('again');
    await scene.gone('again');
  });

  it('a namespace ends at once, with its workloads, its policies and one that somebody else holds; nothing is written in it', async () => {
    const namespace = await scene.meshed('ending');
    await made(namespace, 'web');
    await scene.cluster.create(deployment(namespace, 'slow', {}));
    await scene.patchWorkload(namespace, 'slow', { metadata: { finalizers: ['example.com/backup'] } });
    await scene.createPolicy('ending', fixed(namespace, { tenants: 'Allow', priority: -5 }));
    await scene.createPolicy(`${namespace}/own`, { ...fixed(namespace), match: {} });
    await scene.compliant(`${namespace}/own`, 2);
    await scene.rolledOut(namespace, 'web');
    await scene.rolledOut(namespace, 'slow');
    const mark = scene.mark();

    await scene.cluster.client.call('DELETE', `/api/v1/namespaces/${namespace}`);
    // The tenant's policy does not wait for a workload that is going anyway.
    await scene.cluster.waitForGone(policyPath(`${namespace}/own`), 45_000);
    await scene.patchWorkload(namespace, 'slow', { metadata: { finalizers: null } });
    await scene.cluster.waitForGone(`/api/v1/namespaces/${namespace}`, 120_000);

    expect(scene.writes({ since: mark, namespace })).toEqual([]);
    expect(mistakes()).toEqual([]);
    await scene.settled('ending', ({ workloads }) => workloads?.matched === 0);
    await scene.deletePolicy('ending');
    await scene.gone('ending');
  });

  it('restore refuses: the operator would write it all again', async () => {
    const namespace = await scene.meshed('refused');
    await made(namespace, 'web');
    await scene.createPolicy('refused', fixed(namespace));
    await scene.compliant('refused', 1);
    const held = await scene.workload(namespace, 'web');

    const { code, stderr } = await restorer('--all', '--yes');

    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/an operator is at work \(sidecar-drain-system\/.*Delete their policies instead/),
    ]);
    expect(own(await scene.workload(namespace, 'web'))).toEqual(own(held));
    await scene.deletePolicy('refused');
    await scene.gone('refused');
  });
});

describe('after the operator has gone', () => {
  it('restore shows what is left, writes nothing unasked, and then restores everything and takes every finalizer', async () => {
    const namespace = await scene.meshed('left');
    const stuck = await scene.meshed('stuck');
    const inNamespace = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } };
    const names = ['web', 'kept', 'exempt', 'env', 'foreign', 'lost'];
    const before = new Map(await Promise.all(names.map(async (name) => [name, await made(namespace, name)] as const)));
    await scene.createPolicy(
      'left',
      fixed(namespace, {
        match: { ...inNamespace, names: ['web', 'exempt', 'foreign'] },
        drain: { mode: 'Combined', duration: '20s', maxWait: '60s', strategy: 'PreStopHook', hook: 'ActiveRequests' },
      }),
    );
    await scene.createPolicy(
      'left-orphan',
      fixed(namespace, { onDelete: 'Orphan', match: { ...inNamespace, names: ['kept'] } }),
    );
    await scene.createPolicy('left-lost', fixed(namespace, { match: { ...inNamespace, names: ['lost'] } }));
    await scene.createPolicy(
      'left-env',
      fixed(namespace, {
        priority: -1,
        match: { ...inNamespace, workloadSelector: { matchLabels: { app: 'env' } } },
        drain: { mode: 'Adaptive', maxWait: '60s', environment: 'ProxyConfig' },
      }),
    );
    await scene.createPolicy('left-parent', fixed(stuck, { tenants: 'Allow', priority: -5 }));
    await scene.createPolicy(`${stuck}/own`, { ...fixed(stuck), match: {} });
    await scene.compliant('left', 3);
    await Promise.all(['left-orphan', 'left-lost', 'left-env'].map(async (name) => await scene.compliant(name, 1)));
    await scene.settled(`${stuck}/own`, ({ workloads }) => workloads?.matched === 0);
    await scene.cluster.kubectlOk([
      'annotate',
      'deployment',
      '-n',
      namespace,
      'exempt',
      'sidecardrain.io/exempt=leave it',
    ]);
    await scene.patchWorkload(namespace, 'foreign', {
      spec: { template: { spec: { terminationGracePeriodSeconds: 500 } } },
    });
    await Promise.all(names.map(async (name) => await scene.rolledOut(namespace, name)));

    // Everything goes at once, and in the worst order: operator, its namespace, the kinds, a tenant's namespace.
    await scene.operator.stop();
    await scene.cluster.client.call('DELETE', `/api/v1/namespaces/${OPERATOR_NAMESPACE}`);
    await scene.cluster.kubectlOk(['delete', 'crd', ...CRDS, '--wait=false']);
    await scene.cluster.client.call('DELETE', `/api/v1/namespaces/${stuck}`);
    await scene.patchWorkload(namespace, 'lost', { metadata: { annotations: { [STATE]: '{"v":1,"policy"' } } });
    await scene.cluster.waitForGone(`/api/v1/namespaces/${OPERATOR_NAMESPACE}`, 120_000);
    const mark = scene.mark();

    const shown = await restorer('--all', '-o', 'json');
    const plan = JSON.parse(shown.stdout) as {
      workloads: { workload: string; how: string }[];
      unreadable: { key: string }[];
      finalizers: string[];
      proxyConfigs: string[];
    };
    expect(shown.code).toBe(1);
    expect(plan.workloads.map(({ workload, how }) => [workload, how])).toEqual([
      [`Deployment/${namespace}/env`, 'Restore'],
      [`Deployment/${namespace}/exempt`, 'Orphan'],
      [`Deployment/${namespace}/foreign`, 'Restore'],
      [`Deployment/${namespace}/kept`, 'Orphan'],
      [`Deployment/${namespace}/web`, 'Restore'],
    ]);
    expect(plan.unreadable.map(({ key }) => key)).toEqual([`Deployment/${namespace}/lost`]);
    expect([...plan.finalizers].sort()).toEqual([
      `NamespacedSidecarDrainPolicy ${stuck}/own`,
      ...['left', 'left-env', 'left-lost', 'left-orphan', 'left-parent'].map((name) => `SidecarDrainPolicy ${name}`),
    ]);
    expect(plan.proxyConfigs).toEqual([`ProxyConfig ${namespace}/sidecar-drain-left-env`]);
    expect(scene.cluster.audit.writes({ since: mark, namespace, resource: 'deployments', subresource: '' })).toEqual(
      [],
    );

    const done = await restorer('--all', '--yes', '--max-concurrent', '2');

    // One note cannot be read: that is said, and does not hold up anything else.
    expect([done.code, done.stdout]).toEqual([
      1,
      expect.stringContaining(`Deployment/${namespace}/lost: cannot be restored`),
    ]);
    for (const name of ['web', 'env']) {
      await expectAsBefore(namespace, name, before.get(name)!);
    }
    const [kept, exempt, foreign] = await Promise.all(
      ['kept', 'exempt', 'foreign'].map(async (name) => await scene.workload(namespace, name)),
    );
    for (const workload of [kept!, exempt!, foreign!]) {
      expect([workload.metadata.name, workload.metadata.annotations?.[STATE]]).toEqual([
        workload.metadata.name,
        undefined,
      ]);
      expect(managersOf(workload)).not.toContain('sidecar-drain-operator');
    }
    expect(kept!.spec.template.spec.terminationGracePeriodSeconds).toBe(40);
    expect(exempt!.spec.template.spec.containers).toHaveLength(2);
    expect([
      foreign!.spec.template.spec.terminationGracePeriodSeconds,
      foreign!.spec.template.spec.containers.length,
    ]).toEqual([500, 1]);
    const { items } = await scene.cluster.client.call<{ items: unknown[] }>(
      'GET',
      `/apis/networking.istio.io/v1beta1/proxyconfigs?labelSelector=${MANAGED_BY}`,
    );
    expect(items).toEqual([]);
    for (const path of [...CRDS.map(crdPath), `/api/v1/namespaces/${stuck}`]) {
      await scene.cluster.waitForGone(path, 120_000);
    }

    // The kinds are gone: what is left is seen by the workloads alone.
    await scene.patchWorkload(namespace, 'lost', { metadata: { annotations: { [STATE]: null } } });
    const after = await restorer('--all');
    expect([after.code, after.stdout]).toEqual([0, 'Nothing is left to restore.\n']);
  });

  it('restore goes by the workloads alone, one after the other, and stops at the first that does not get healthy', async () => {
    const namespace = await scene.meshed('alone');
    const all = ['a', 'b', 'c'];
    const before = new Map(await Promise.all(all.map(async (name) => [name, await made(namespace, name)] as const)));
    await installCrds(scene.cluster);
    await scene.cluster.kubectl(['create', 'namespace', OPERATOR_NAMESPACE]);
    await scene.restorePermissions();
    const operator = await scene.start();
    await scene.createPolicy('alone', fixed(namespace));
    await scene.compliant('alone', 3);
    await Promise.all(all.map(async (name) => await scene.rolledOut(namespace, name)));
    await operator.stop();
    // By hand, as people do it when a policy hangs.
    await scene.cluster.client.call('PATCH', policyPath('alone'), {
      contentType: 'application/merge-patch+json',
      body: { metadata: { finalizers: null } },
    });
    await scene.deletePolicy('alone');
    await scene.gone('alone');
    // No pod may be made: b cannot roll out.
    const quota = await scene.cluster.create({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { namespace, name: 'none' },
      spec: { hard: { pods: '0' } },
    });
    await eventually(
      async () =>
        (
          await scene.cluster.client.call<{ status?: { hard?: object } }>(
            'GET',
            `/api/v1/namespaces/${namespace}/resourcequotas/none`,
          )
        ).status?.hard !== undefined,
      'the quota holds',
    );

    const halted = await restorer('--policy', 'alone', '--yes', '--progress-deadline', '3s');

    expect([halted.code, halted.stdout.split('\n')]).toEqual([
      1,
      [
        `Deployment/${namespace}/a: restored: the values from before the policy are back; Deployment/${namespace}/a was restored and has not rolled out within 3 s`,
        `Deployment/${namespace}/b: not tried: Deployment/${namespace}/a was restored and has not rolled out within 3 s`,
        `Deployment/${namespace}/c: not tried: Deployment/${namespace}/a was restored and has not rolled out within 3 s`,
        '',
      ],
    ]);
    expect((await scene.workload(namespace, 'b')).spec.template.spec.terminationGracePeriodSeconds).toBe(40);

    await scene.cluster.client.call('DELETE', `/api/v1/namespaces/${namespace}/resourcequotas/${quota.metadata.name}`);
    const gone = await restorer('--policy', 'alone', '--yes', '--no-wait');

    expect(gone.code).toBe(0);
    for (const name of all) {
      await expectAsBefore(namespace, name, before.get(name)!);
    }
  });
});
