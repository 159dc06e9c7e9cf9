// The operator goes by what is, not by what happened: whatever changes in the cluster, status and writes follow.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parse } from 'yaml';
import { nodeManifest } from '../support/control-plane/index.ts';
import { installMesh } from '../support/mesh.ts';
import {
  deployment,
  eventually,
  fixed,
  podTemplate,
  policyPath,
  startScene,
  workloadPath,
  type PolicyObject,
  type Scene,
  type WorkloadObject,
} from '../support/scene.ts';

jest.setTimeout(180_000);

let scene: Scene;
// A foreign change is waited out for a moment here, and for half an hour where nobody says otherwise.
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false' }, operator: { args: ['--foreign-change-wait', '2s'] } });
});
afterAll(async () => {
  await scene.stop();
});

const SOON_MS = 45_000;

function graceOf(workload: WorkloadObject): number {
  return workload.spec.template.spec.terminationGracePeriodSeconds;
}

function drainOf(workload: WorkloadObject): unknown {
  const text = workload.spec.template.metadata?.annotations?.['proxy.istio.io/config'];
  return text === undefined
    ? undefined
    : (parse(text) as { terminationDrainDuration?: unknown }).terminationDrainDuration;
}

describe('what a policy selects', () => {
  it('follows the labels of a namespace, both ways', async () => {
    const namespace = await scene.meshed('labelled');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.createPolicy(
      'labelled',
      fixed(namespace, { match: { namespaceSelector: { matchLabels: { team: 'labelled' } } } }),
    );
    await scene.settled(
      'labelled',
      ({ workloads, conditions }) => workloads?.matched === 0 && conditions?.[0]?.reason === 'NoMatchingWorkloads',
    );

    await scene.cluster.kubectlOk(['label', 'namespace', namespace, 'team=labelled']);
    await scene.compliant('labelled', 1, SOON_MS);
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(40);

    await scene.rolledOut(namespace, 'web');
    await scene.cluster.kubectlOk(['label', 'namespace', namespace, 'team-']);
    await scene.untilWorkload(
      namespace,
      'web',
      (workload) => graceOf(workload) === 30 && drainOf(workload) === undefined,
      SOON_MS,
    );
    await scene.settled('labelled', ({ workloads }) => workloads?.matched === 0, SOON_MS);
  });

  it('follows the labels of a pod template', async () => {
    const namespace = await scene.meshed('tier');
    await scene.cluster.create(deployment(namespace, 'web', { labels: { tier: 'web' } }));
    await scene.createPolicy(
      'tier',
      fixed(namespace, {
        match: {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          workloadSelector: { matchLabels: { tier: 'api' } },
        },
      }),
    );
    await scene.settled('tier', ({ workloads }) => workloads?.matched === 0);

    await scene.patchWorkload(namespace, 'web', { spec: { template: { metadata: { labels: { tier: 'api' } } } } });

    await scene.compliant('tier', 1, SOON_MS);
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(40);
  });

  it('follows new workloads of every kind that it is for, and those that go', async () => {
    const namespace = await scene.meshed('kinds');
    await scene.createPolicy('kinds', fixed(namespace));
    await scene.settled('kinds', ({ workloads }) => workloads?.matched === 0);

    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.cluster.create({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { namespace, name: 'db' },
      spec: {
        replicas: 2,
        serviceName: 'db',
        selector: { matchLabels: { app: 'db' } },
        template: podTemplate('db', {}),
      },
    });
    await scene.cluster.create({
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { namespace, name: 'agent' },
      spec: { selector: { matchLabels: { app: 'agent' } }, template: podTemplate('agent', {}) },
    });

    await scene.compliant('kinds', 2, SOON_MS);
    expect(graceOf(await scene.workload(namespace, 'db', 'statefulsets'))).toBe(40);
    // A DaemonSet is down on a node while it restarts there: nobody asked for that.
    expect(graceOf(await scene.workload(namespace, 'agent', 'daemonsets'))).toBe(30);

    await scene.patchPolicy('kinds', {
      match: { kinds: ['Deployment', 'StatefulSet', 'DaemonSet'], names: ['web', 'db', 'agent'] },
    });
    await scene.compliant('kinds', 3, SOON_MS);
    expect(graceOf(await scene.workload(namespace, 'agent', 'daemonsets'))).toBe(40);

    await scene.cluster.client.call('DELETE', workloadPath(namespace, 'web'));
    await scene.settled('kinds', ({ workloads }) => workloads?.matched === 2 && workloads.compliant === 2, SOON_MS);
  });

  it('leaves alone what is not injected, exempt, owned by a controller, or down while it restarts', async () => {
    const namespace = await scene.meshed('alone');
    const owner = await scene.cluster.create<{ metadata: { uid: string } }>({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace, name: 'owner' },
    });
    await scene.cluster.create(deployment(namespace, 'plain', { labels: { 'sidecar.istio.io/inject': 'false' } }));
    await scene.cluster.create(
      deployment(namespace, 'exempt', { ownAnnotations: { 'sidecardrain.io/exempt': 'batch, may be cut' } }),
    );
    await scene.cluster.create(deployment(namespace, 'recreated', { spec: { strategy: { type: 'Recreate' } } }));
    const owned = deployment(namespace, 'owned') as { metadata: object };
    await scene.cluster.create({
      ...owned,
      metadata: {
        ...owned.metadata,
        ownerReferences: [
          { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid, controller: true },
        ],
      },
    });
    const mark = scene.mark();

    await scene.createPolicy('alone', fixed(namespace));
    const { status } = await scene.settled('alone', ({ workloads }) => workloads?.matched === 4);

    expect(status?.workloads).toMatchObject({ matched: 4, exempt: 4, compliant: 0 });
    expect(scene.writes({ since: mark, namespace })).toEqual([]);
  });
});

describe('what a policy wants', () => {
  it('is followed when it is edited, in one write, and down to what stood there before', async () => {
    const namespace = await scene.meshed('edited');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.createPolicy('edited', fixed(namespace));
    await scene.compliant('edited', 1);
    const mark = scene.mark();

    await scene.patchPolicy('edited', { drain: { duration: '90s' } });
    await scene.untilWorkload(
      namespace,
      'web',
      (workload) => graceOf(workload) === 100 && drainOf(workload) === '1m35s',
      SOON_MS,
    );
    await scene.compliant('edited', 1);
    expect(scene.writes({ since: mark, namespace })).toHaveLength(1);

    // A shorter intent brings our own raise down again, never below the original.
    await scene.patchPolicy('edited', { drain: { duration: '10s' } });
    await scene.untilWorkload(
      namespace,
      'web',
      (workload) => graceOf(workload) === 30 && drainOf(workload) === '15s',
      SOON_MS,
    );
    await scene.compliant('edited', 1);
    expect(scene.writes({ since: mark, namespace })).toHaveLength(2);
  });

  it('is brought back after a hand edit, once that has been respected for a while; status says so at once', async () => {
    const namespace = await scene.meshed('edit');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.createPolicy('edit', fixed(namespace, { conflicts: 'Force' }));
    await scene.compliant('edit', 1);
    await scene.rolledOut(namespace, 'web');

    const compliant: unknown[] = [];
    const following = await scene.cluster.follow(
      `${policyPath('edit').replace(/\/edit$/, '')}?fieldSelector=metadata.name=edit`,
      (object) => {
        compliant.push((object as PolicyObject).status?.workloads?.compliant);
      },
    );
    await scene.patchWorkload(namespace, 'web', {
      spec: { template: { metadata: { annotations: { 'proxy.istio.io/config': null } } } },
    });

    await eventually(() => compliant.includes(0), 'status says so', SOON_MS);
    await following.stop();
    await scene.untilWorkload(namespace, 'web', (workload) => drainOf(workload) === '35s', SOON_MS);
    await scene.compliant('edit', 1, SOON_MS);
  });

  it('is left alone in a fight, and says with whom', async () => {
    const namespace = await scene.meshed('fight');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.createPolicy('fight', fixed(namespace, { conflicts: 'Force' }));
    await scene.compliant('fight', 1);
    const revert = async (): Promise<void> => {
      await scene.patchWorkload(
        namespace,
        'web',
        {
          spec: {
            template: { metadata: { annotations: { 'proxy.istio.io/config': 'terminationDrainDuration: 5s' } } },
          },
        },
        'argocd-controller',
      );
    };

    await revert();
    await scene.untilWorkload(namespace, 'web', (workload) => drainOf(workload) === '35s', SOON_MS);
    await revert();
    const { status } = await scene.settled('fight', ({ workloads }) => workloads?.conflicted === 1, SOON_MS);

    expect(status?.attention).toEqual([
      expect.objectContaining({
        name: 'web',
        reason: 'ChangedBack',
        message: expect.stringContaining('argocd-controller'),
      }),
    ]);
    expect(status?.conditions).toEqual(
      expect.arrayContaining([expect.objectContaining({ type: 'Conflicted', status: 'True', reason: 'ChangedBack' })]),
    );
    expect(drainOf(await scene.workload(namespace, 'web'))).toBe('5s');
  });

  it('is left alone also where somebody only ever takes it out, which managedFields tell of nobody', async () => {
    const namespace = await scene.meshed('prune');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.createPolicy('prune', fixed(namespace));
    await scene.compliant('prune', 1);
    const prune = async (): Promise<void> => {
      await scene.patchWorkload(
        namespace,
        'web',
        { spec: { template: { metadata: { annotations: { 'proxy.istio.io/config': null } } } } },
        'argocd-controller',
      );
    };

    await prune();
    await scene.untilWorkload(namespace, 'web', (workload) => drainOf(workload) === '35s', SOON_MS);
    await prune();

    await scene.settled(
      'prune',
      ({ workloads, attention }) => workloads?.conflicted === 1 && attention?.[0]?.reason === 'ChangedBack',
      SOON_MS,
    );
    expect(drainOf(await scene.workload(namespace, 'web'))).toBeUndefined();
  });

  it('is not written over a longer grace period of a user, who keeps it', async () => {
    const namespace = await scene.meshed('raise');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.createPolicy('raise', fixed(namespace));
    await scene.compliant('raise', 1);
    const mark = scene.mark();

    await scene.patchWorkload(namespace, 'web', {
      spec: { template: { spec: { terminationGracePeriodSeconds: 300 } } },
    });
    await scene.rolledOut(namespace, 'web');
    await scene.compliant('raise', 1);

    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(300);
    expect(scene.writes({ since: mark, namespace })).toEqual([]);
  });
});

describe('what the mesh says', () => {
  it('makes a workload compliant without a write where mesh config already does it', async () => {
    const namespace = await scene.meshed('meshconfig');
    await scene.cluster.create(deployment(namespace, 'web', { grace: 120 }));
    await scene.createPolicy('meshconfig', fixed(namespace, { enforcement: 'Audit' }));
    await scene.settled('meshconfig', ({ workloads }) => workloads?.nonCompliant === 1);

    await installMesh(scene.cluster, {
      nativeSidecars: 'false',
      meshConfig: 'defaultConfig:\n  terminationDrainDuration: 60s\nrootNamespace: istio-system\n',
    });
    await scene.compliant('meshconfig', 1, SOON_MS);

    await installMesh(scene.cluster, { nativeSidecars: 'false' });
    await scene.settled('meshconfig', ({ workloads }) => workloads?.nonCompliant === 1, SOON_MS);
  });

  it('follows istiod and the kubelets: native while all nodes can, classic with one old node', async () => {
    const namespace = await scene.meshed('nodes');
    await scene.cluster.create(deployment(namespace, 'web'));
    await installMesh(scene.cluster, { nativeSidecars: 'auto' });
    await scene.createPolicy('nodes', fixed(namespace, { drain: { mode: 'Fixed', duration: '20s' } }));
    await scene.compliant('nodes', 1);
    expect(drainOf(await scene.workload(namespace, 'web'))).toBeUndefined();

    const old = nodeManifest('old', 'v1.31.9');
    await scene.cluster.client.call('POST', '/api/v1/nodes', { body: old });
    await scene.untilWorkload(namespace, 'web', (workload) => drainOf(workload) === '25s', SOON_MS);
    await scene.compliant('nodes', 1);

    // What became inert on native sidecars does no harm: nothing is restarted to take it away.
    const mark = scene.mark();
    await scene.cluster.client.call('DELETE', '/api/v1/nodes/old');
    await installMesh(scene.cluster, { nativeSidecars: 'true' });
    await scene.compliant('nodes', 1);
    expect(scene.writes({ since: mark, namespace })).toEqual([]);
    await installMesh(scene.cluster, { nativeSidecars: 'false' });
  });
});
