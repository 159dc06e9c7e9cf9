import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { type ControlPlane, type KubeObject, startControlPlane } from '../support/cluster.ts';
import { projectRoot } from '../support/control-plane/index.ts';
import { converge, CONVERGED } from '../support/deployed.ts';
import { installMesh } from '../support/mesh.ts';

jest.setTimeout(180_000);

// A control plane of its own, because this test installs and removes what others on a shared one use.
let plane: ControlPlane;
const config = join(projectRoot(), 'config');
const namespace = 'sidecar-drain-system';
const account = `system:serviceaccount:${namespace}:sidecar-drain-operator`;

interface Pod extends KubeObject {
  spec: Record<string, unknown>;
}

async function render(folder: string): Promise<KubeObject[]> {
  const text = await plane.kubectlOk(['kustomize', folder]);
  return parseAllDocuments(text).map((one) => one.toJS() as KubeObject);
}

function identity(object: KubeObject): string {
  return `${String(object.kind)} ${object.metadata.namespace ?? '-'}/${object.metadata.name}`;
}

async function mayOperator(
  verb: string,
  resource: string,
  where: { namespace?: string; name?: string } = {},
): Promise<boolean> {
  const [full = '', ...group] = resource.split('.');
  const [plural, subresource] = full.split('/');
  const answer = await plane.client.call<{ status: { allowed: boolean } }>(
    'POST',
    '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    {
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: {
          user: account,
          groups: ['system:serviceaccounts', 'system:authenticated'],
          resourceAttributes: { verb, group: group.join('.'), resource: plural, subresource, ...where },
        },
      },
    },
  );
  return answer.status.allowed;
}

beforeAll(async () => {
  plane = await startControlPlane({ audit: false });
  await installMesh(plane, { nativeSidecars: 'false' });
});

afterAll(async () => {
  await plane?.stop();
});

describe('kubectl apply -k config/default', () => {
  let applied: { code: number | null; stdout: string; stderr: string };

  beforeAll(async () => {
    applied = await plane.kubectl(['apply', '-k', join(config, 'default')]);
    await plane.crdsEstablished();
  });

  it('creates every object without a warning', () => {
    const lines = applied.stdout.trim().split('\n');

    expect(applied).toMatchObject({ code: 0, stderr: '' });
    expect(lines.filter((line) => !line.endsWith(' created'))).toEqual([]);
    expect(lines).toHaveLength(21);
  });

  it('changes nothing when it is applied again', async () => {
    const again = await plane.kubectlOk(['apply', '-k', join(config, 'default')]);

    expect(
      again
        .trim()
        .split('\n')
        .filter((line) => !line.endsWith(' unchanged')),
    ).toEqual([]);
  });

  it("has a pod that the namespace's restricted profile lets in", async () => {
    await plane.waitFor(`/apis/apps/v1/namespaces/${namespace}/deployments/sidecar-drain-operator`, (deployment) => {
      const status = deployment.status as
        { availableReplicas?: number; conditions?: { type: string; status: string }[] } | undefined;
      return status?.availableReplicas === 1 && !(status.conditions ?? []).some((one) => one.type === 'ReplicaFailure');
    });
    const pods = await plane.client.call<{ items: Pod[] }>('GET', `/api/v1/namespaces/${namespace}/pods`);

    expect(pods.items).toHaveLength(1);
    expect(pods.items[0]?.spec).toMatchObject({
      serviceAccountName: 'sidecar-drain-operator',
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65532,
        runAsGroup: 65532,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          args: ['controller', '--leader-elect'],
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          livenessProbe: { httpGet: { path: '/healthz', port: 'health' } },
          readinessProbe: { httpGet: { path: '/readyz', port: 'health' } },
        },
      ],
    });
  });

  it.each([
    [
      'runs as root',
      (pod: Pod) => {
        (pod.spec.securityContext as Record<string, unknown>).runAsNonRoot = false;
      },
      'runAsNonRoot != true',
    ],
    [
      'keeps capabilities',
      (pod: Pod) => {
        delete (pod.spec.containers as { securityContext: { capabilities?: unknown } }[])[0]?.securityContext
          .capabilities;
      },
      'unrestricted capabilities',
    ],
  ])('is in a namespace that refuses the same pod when it %s', async (_, spoil, message) => {
    const rendered = (await render(join(config, 'default'))).find((one) => one.kind === 'Deployment');
    const template = (rendered?.spec as { template: Pod }).template;
    const body = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...template.metadata, name: 'probe' },
      spec: structuredClone(template.spec),
    };
    const path = `/api/v1/namespaces/${namespace}/pods?dryRun=All`;

    const asWritten = await plane.client.raw('POST', path, { body });
    spoil(body);
    const spoilt = await plane.client.raw<{ message: string }>('POST', path, { body });

    expect(asWritten.status).toBe(201);
    expect(spoilt.status).toBe(403);
    expect(spoilt.body.message).toContain(message);
  });

  it.each([
    ['get', 'sidecardrainpolicies.sidecardrain.io', {}, true],
    ['patch', 'sidecardrainpolicies.sidecardrain.io', {}, true],
    ['patch', 'sidecardrainpolicies/status.sidecardrain.io', {}, true],
    ['delete', 'sidecardrainpolicies.sidecardrain.io', {}, false],
    ['create', 'sidecardrainpolicies.sidecardrain.io', {}, false],
    ['patch', 'deployments.apps', { namespace: 'shop' }, true],
    ['patch', 'statefulsets.apps', { namespace: 'shop' }, true],
    ['patch', 'daemonsets.apps', { namespace: 'shop' }, true],
    ['update', 'deployments.apps', { namespace: 'shop' }, false],
    ['delete', 'deployments.apps', { namespace: 'shop' }, false],
    ['create', 'deployments.apps', { namespace: 'shop' }, false],
    ['watch', 'namespaces', {}, true],
    ['patch', 'namespaces', {}, false],
    ['watch', 'nodes', {}, true],
    ['patch', 'nodes', {}, false],
    ['list', 'mutatingwebhookconfigurations.admissionregistration.k8s.io', {}, true],
    ['patch', 'mutatingwebhookconfigurations.admissionregistration.k8s.io', {}, false],
    ['create', 'proxyconfigs.networking.istio.io', { namespace: 'shop' }, true],
    ['delete', 'proxyconfigs.networking.istio.io', { namespace: 'shop' }, true],
    ['list', 'configmaps', { namespace: 'istio-system' }, true],
    ['patch', 'configmaps', { namespace: 'istio-system' }, false],
    ['list', 'configmaps', { namespace: 'shop' }, false],
    ['list', 'configmaps', {}, false],
    ['watch', 'configmaps', { namespace, name: 'sidecar-drain-operator' }, true],
    ['get', 'configmaps', { namespace, name: 'other' }, false],
    // Approvals are kept in ConfigMaps of its own namespace, under names that nobody can list beforehand.
    ['patch', 'configmaps', { namespace }, true],
    ['patch', 'configmaps', { namespace: 'shop' }, false],
    ['create', 'leases.coordination.k8s.io', { namespace }, true],
    ['update', 'leases.coordination.k8s.io', { namespace, name: 'sidecar-drain-operator' }, true],
    ['update', 'leases.coordination.k8s.io', { namespace, name: 'other' }, false],
    ['update', 'leases.coordination.k8s.io', { namespace: 'kube-system', name: 'kube-controller-manager' }, false],
    ['create', 'events', { namespace: 'shop' }, true],
    ['get', 'secrets', { namespace: 'shop' }, false],
    ['get', 'secrets', { namespace }, false],
    ['create', 'pods/exec', { namespace: 'shop' }, false],
    ['get', 'pods', { namespace: 'shop' }, false],
    ['create', 'serviceaccounts/token', { namespace }, false],
    ['escalate', 'clusterroles.rbac.authorization.k8s.io', {}, false],
  ])('lets the operator %s %s %j: %s', async (verb, resource, where, allowed) => {
    expect(await mayOperator(verb, resource, where)).toBe(allowed);
  });

  it("lets ConfigMaps be listed in its own namespace, and nowhere else but in Istio's", async () => {
    const token = await plane.tokenFor({ namespace, name: 'sidecar-drain-operator' });
    const list = async (of: string): Promise<number> =>
      (await plane.client.raw('GET', `/api/v1/namespaces/${of}/configmaps`, { token })).status;

    expect([await list(namespace), await list('istio-system'), await list('default')]).toEqual([200, 200, 403]);
  });

  it("has policy roles that join the cluster's own", async () => {
    await plane.waitFor('/apis/rbac.authorization.k8s.io/v1/clusterroles/view', (role) =>
      JSON.stringify(role).includes('sidecardrainpolicies'),
    );
    const edit = await plane.waitFor('/apis/rbac.authorization.k8s.io/v1/clusterroles/edit', (role) =>
      JSON.stringify(role).includes('sidecardrainpolicies'),
    );
    const verbs = (edit.rules as { resources?: string[]; verbs: string[] }[])
      .filter((rule) => rule.resources?.includes('sidecardrainpolicies'))
      .flatMap((rule) => rule.verbs);

    expect([...new Set(verbs)].sort()).toEqual(['get', 'list', 'watch']);
  });

  describe('the samples', () => {
    it('are accepted, are in Audit, and say what they are for', async () => {
      const accepted = await plane.kubectlOk([
        'apply',
        '--dry-run=server',
        '-o',
        'yaml',
        '-k',
        join(config, 'samples'),
      ]);
      const files = (await readdir(join(config, 'samples'))).filter((name) => name !== 'kustomization.yaml');
      const [list] = parseAllDocuments(accepted).map(
        (one) => one.toJS() as { items: { kind: string; spec: { enforcement?: string; drain?: { mode: string } } }[] },
      );
      const policies = list?.items.filter((one) => one.kind !== 'DrainExemption') ?? [];

      expect(new Set(list?.items.map((one) => one.kind))).toEqual(
        new Set(['SidecarDrainPolicy', 'NamespacedSidecarDrainPolicy', 'DrainExemption']),
      );
      expect(new Set(policies.map((one) => one.spec.enforcement))).toEqual(new Set(['Audit']));
      expect(new Set(policies.map((one) => one.spec.drain?.mode))).toEqual(new Set(['Fixed', 'Adaptive', 'Combined']));
      for (const file of files) {
        expect(await readFile(join(config, 'samples', file), 'utf8')).toMatch(/^# .*\n/);
      }
    });

    it('show their columns', async () => {
      await plane.kubectlOk(['apply', '-k', join(config, 'samples')]);

      const [head = '', ...rows] = (await plane.kubectlOk(['get', 'sdp', '-o', 'wide'])).trim().split('\n');
      const short = (await plane.kubectlOk(['get', 'sdp'])).split('\n')[0] ?? '';
      const category = await plane.kubectlOk(['get', 'sidecardrain']);

      for (const row of [
        'sidecardrainpolicy.sidecardrain.io/idle-clients',
        'namespacedsidecardrainpolicy.sidecardrain.io/long-uploads',
        'drainexemption.sidecardrain.io/legacy-checkout',
      ]) {
        expect(category).toContain(row);
      }

      expect(short.split(/\s+/)).toEqual(['NAME', 'MODE', 'ENFORCEMENT', 'MATCHED', 'COMPLIANT', 'READY', 'AGE']);
      expect(head.split(/\s+/).slice(7)).toEqual(['PRIORITY', 'STRATEGY', 'ROLLOUT', 'SUSPENDED', 'REASON']);
      expect(rows.find((row) => row.startsWith('idle-clients'))).toMatch(
        /Combined\s+Audit.*50\s+PreStopHook\s+Waves\s+false/,
      );
    });
  });

  it.each([
    [
      'sdp.spec.drain',
      [
        'Adaptive and Combined only: how the end of the connections is noticed.',
        'enum: Auto, ActiveConnections, PreStopHook',
        '-required-',
      ],
    ],
    ['sdp.spec.drain.mode', ['Fixed: for exactly duration, busy or idle.', 'Combined: for at least duration']],
    ['sdp.spec.gracePeriod', ['Default 10m, because the cluster']],
    ['sdp.status.workloads', ['Governed by another policy.']],
  ])('makes kubectl explain %s readable', async (field, texts) => {
    const explained = await plane.kubectlOk(['explain', field]);

    for (const text of texts) {
      expect(explained).toContain(text);
    }
    // Nothing is left without a description.
    expect(explained).not.toContain('<no description>');
    expect(explained.split('\n').filter((line) => line.length > 85)).toEqual([]);
  });

  it('keeps a status that the operator writes with its own permissions, and refuses a wrong one', async () => {
    const token = await plane.tokenFor({ namespace, name: 'sidecar-drain-operator' });
    const path = '/apis/sidecardrain.io/v1alpha1/sidecardrainpolicies/payments/status';
    const patch = (status: unknown): ReturnType<typeof plane.client.raw> =>
      plane.client.raw('PATCH', path, { token, contentType: 'application/merge-patch+json', body: { status } });
    const ready = {
      type: 'Ready',
      status: 'True',
      reason: 'Evaluated',
      message: 'Fine.',
      lastTransitionTime: '2026-01-01T00:00:00.123Z',
      observedGeneration: 1,
    };

    const right = await patch({
      observedGeneration: 1,
      conditions: [ready],
      workloads: { matched: 2, compliant: 1, exempt: 1 },
    });
    const twice = await patch({ conditions: [ready, ready] });
    const many = await patch({
      attention: Array.from({ length: 21 }, (_, index) => ({
        namespace: 'a',
        kind: 'Deployment',
        name: `n${index}`,
        reason: 'X',
        message: '',
      })),
    });

    expect(right.status).toBe(200);
    expect((await plane.kubectlOk(['wait', '--for=condition=Ready', '--timeout=5s', 'sdp/payments'])).trim()).toMatch(
      /condition met$/,
    );
    expect([twice.status, many.status]).toEqual([422, 422]);
  });
});

describe('the operator, started as the Deployment says and with its permissions', () => {
  it('brings a workload under a policy, and back', async () => {
    expect(await converge(plane, namespace)).toEqual(CONVERGED);
  });
});

describe('the other overlays', () => {
  it('add the ServiceMonitor and the alerts, and nothing else, for Prometheus', async () => {
    const plain = (await render(join(config, 'default'))).map(identity).sort();
    const monitored = (await render(join(config, 'with-prometheus'))).map(identity).sort();

    expect(monitored.filter((one) => !plain.includes(one))).toEqual([
      `PrometheusRule ${namespace}/sidecar-drain-operator`,
      `ServiceMonitor ${namespace}/sidecar-drain-operator`,
    ]);
    expect(plain.filter((one) => !monitored.includes(one))).toEqual([]);
  });

  it('add the admission webhook, its permission and a second replica with config/with-webhook', async () => {
    const plain = await render(join(config, 'default'));
    const hooked = await render(join(config, 'with-webhook'));
    const added = hooked
      .map(identity)
      .filter((one) => !plain.map(identity).includes(one))
      .sort();
    const manager = hooked.find((one) => one.kind === 'Deployment') as unknown as {
      spec: { replicas: number; template: { spec: { containers: { args: string[]; ports: { name: string }[] }[] } } };
    };
    const service = hooked.find(
      (one) => identity(one) === `Service ${namespace}/sidecar-drain-operator-admission`,
    ) as unknown as { spec: { ports: { targetPort: string }[] } };

    expect(added).toEqual([
      'ClusterRole -/sidecar-drain-operator-admission',
      'ClusterRoleBinding -/sidecar-drain-operator-admission',
      'MutatingWebhookConfiguration -/00-sidecar-drain-operator',
      `NetworkPolicy ${namespace}/sidecar-drain-operator-admission`,
      `PodDisruptionBudget ${namespace}/sidecar-drain-operator`,
      `Service ${namespace}/sidecar-drain-operator-admission`,
    ]);
    expect(manager.spec.replicas).toBe(2);
    expect(manager.spec.template.spec.containers[0]?.args).toContain('--admission=on');
    expect(manager.spec.template.spec.containers[0]?.ports.map((port) => port.name)).toContain(
      service.spec.ports[0]?.targetPort,
    );
  });

  it('give read access in another root namespace to the same service account', async () => {
    await mkdir(join(projectRoot(), '.cache'), { recursive: true });
    const overlay = await mkdtemp(join(projectRoot(), '.cache', 'overlay-'));
    try {
      await writeFile(
        join(overlay, 'kustomization.yaml'),
        `namespace: my-istio\nresources: [${relative(overlay, join(config, 'istio-access'))}]\n`,
      );

      const objects = await render(overlay);

      expect(objects.map(identity).sort()).toEqual([
        'Role my-istio/sidecar-drain-operator',
        'RoleBinding my-istio/sidecar-drain-operator',
      ]);
      expect(objects.find((one) => one.kind === 'RoleBinding')?.subjects).toEqual([
        { kind: 'ServiceAccount', name: 'sidecar-drain-operator', namespace },
      ]);
    } finally {
      await rm(overlay, { recursive: true });
    }
  });
});

describe('kubectl delete -k config/default', () => {
  it("takes everything away again, and leaves Istio's namespace", async () => {
    await plane.kubectlOk(['delete', '--wait=false', '-k', join(config, 'default')]);

    await plane.waitForGone(`/api/v1/namespaces/${namespace}`);
    await plane.waitForGone(
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/sidecardrainpolicies.sidecardrain.io',
    );
    const left = await plane.kubectlOk([
      'get',
      'clusterroles,clusterrolebindings,roles,rolebindings',
      '-A',
      '-o',
      'name',
    ]);
    expect(left.split('\n').filter((line) => line.includes('sidecar-drain'))).toEqual([]);
    expect(
      (await plane.client.call('GET', '/api/v1/namespaces/istio-system')).metadata.deletionTimestamp,
    ).toBeUndefined();
  });
});

describe('install.yaml', () => {
  const file = join(projectRoot(), 'install.yaml');

  it('is config/default in one file (UPDATE_GOLDEN=1 writes it anew)', async () => {
    const head =
      '# sidecar-drain-operator, all of it in one file, made from config/default: kubectl apply -f install.yaml\n' +
      '# No image is published before the first release: build one with the Dockerfile, and write its name at `image:`.\n';
    const text = head + (await plane.kubectlOk(['kustomize', join(config, 'default')]));
    if (process.env.UPDATE_GOLDEN === '1') {
      await writeFile(file, text);
    }

    expect(await readFile(file, 'utf8')).toBe(text);
  });

  it('installs an operator that works, and is taken away again', async () => {
    const applied = await plane.kubectl(['apply', '-f', file]);
    await plane.crdsEstablished();
    await plane.waitFor(
      `/apis/apps/v1/namespaces/${namespace}/deployments/sidecar-drain-operator`,
      (object) => (object.status as { availableReplicas?: number } | undefined)?.availableReplicas === 1,
    );

    expect(applied).toMatchObject({ code: 0, stderr: '' });
    expect(await converge(plane, namespace)).toEqual(CONVERGED);
    await plane.kubectlOk(['delete', '--wait=false', '-f', file]);
    await plane.waitForGone(`/api/v1/namespaces/${namespace}`);
  });
});

describe('kubectl apply -k config/with-webhook', () => {
  it('lets the operator write its own webhook configuration and no other, and goes without a trace', async () => {
    const mayPatch = async (name: string): Promise<boolean> =>
      await mayOperator('patch', 'mutatingwebhookconfigurations.admissionregistration.k8s.io', { name });
    await plane.waitForGone('/apis/apiextensions.k8s.io/v1/customresourcedefinitions/drainexemptions.sidecardrain.io');
    await plane.kubectlOk(['apply', '-k', join(config, 'with-webhook')]);
    await plane.waitUntilAllowed(
      { namespace, name: 'sidecar-drain-operator' },
      {
        verb: 'patch',
        group: 'admissionregistration.k8s.io',
        resource: 'mutatingwebhookconfigurations',
        name: '00-sidecar-drain-operator',
      },
    );

    const rights = [
      await mayPatch('00-sidecar-drain-operator'),
      await mayPatch('istio-sidecar-injector'),
      await mayOperator('get', 'secrets', { namespace }),
    ];
    await plane.kubectlOk(['delete', '--wait=false', '-k', join(config, 'with-webhook')]);
    await plane.waitForGone(`/api/v1/namespaces/${namespace}`);
    const left = await plane.kubectlOk([
      'get',
      'mutatingwebhookconfigurations,clusterroles,clusterrolebindings',
      '-o',
      'name',
    ]);

    expect(rights).toEqual([true, false, false]);
    expect(left.split('\n').filter((line) => line.includes('sidecar-drain'))).toEqual([]);
  });
});
