// The machinery of the admission webhook on a real API server: that it can be called, that nobody notices when it cannot be,
// that its certificates are replaced while it serves, and that its configuration follows the policies.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { bundleAuthorities } from '../../src/admission/bundle.ts';
import {
  admissionArguments,
  caBundle,
  configuration,
  CONFIGURATION_PATH,
  failedOpen,
  installAdmission,
  type ConfigurationObject,
} from '../support/admission.ts';
import { startOperator, type OperatorHandle } from '../support/operator.ts';
import {
  deployment,
  eventually,
  fixed,
  podTemplate,
  startScene,
  staysSo,
  workloadPath,
  type Scene,
} from '../support/scene.ts';

jest.setTimeout(180_000);

let scene: Scene;
const started: OperatorHandle[] = [];
beforeAll(async () => {
  scene = await startScene({ operator: false });
  await installAdmission(scene.cluster);
});
afterAll(async () => {
  await scene.stop();
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((operator) => operator.kill()));
  // A killed one leaves its authority behind until that expires.
  await empty();
  for (const {
    metadata: { name },
  } of (
    await scene.cluster.client.call<{ items: { metadata: { name: string } }[] }>(
      'GET',
      '/apis/sidecardrain.io/v1alpha1/sidecardrainpolicies',
    )
  ).items) {
    await scene.cluster.client.raw('PATCH', `/apis/sidecardrain.io/v1alpha1/sidecardrainpolicies/${name}`, {
      contentType: 'application/merge-patch+json',
      body: { metadata: { finalizers: null } },
    });
    await scene.cluster.client.raw('DELETE', `/apis/sidecardrain.io/v1alpha1/sidecardrainpolicies/${name}`);
  }
});

async function operator(more: readonly string[] = []): Promise<OperatorHandle> {
  const { args } = await admissionArguments(more);
  const handle = await startOperator(scene.cluster, { args });
  started.push(handle);
  return handle;
}

async function empty(): Promise<void> {
  await scene.cluster.client.call('PATCH', CONFIGURATION_PATH, {
    contentType: 'application/merge-patch+json',
    body: { metadata: { annotations: null }, webhooks: null },
  });
}

/** The webhooks once they are as expected. */
async function webhooks(
  accept: (object: ConfigurationObject) => boolean,
): Promise<NonNullable<ConfigurationObject['webhooks']>> {
  return (await scene.cluster.waitFor<ConfigurationObject>(CONFIGURATION_PATH, accept)).webhooks ?? [];
}

const some = (object: ConfigurationObject): boolean => (object.webhooks ?? []).length > 0;
const none = (object: ConfigurationObject): boolean => (object.webhooks ?? []).length === 0;

async function requests(handle: OperatorHandle, kind: string): Promise<number> {
  const lines = (await handle.metrics())
    .split('\n')
    .filter((line) => line.startsWith(`sidecar_drain_admission_requests_total{kind="${kind}"`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = Date.now();
  await work();
  return Date.now() - began;
}

function pod(namespace: string, name: string): object {
  const { metadata, spec } = podTemplate(name, {}) as { metadata: object; spec: object };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, namespace, name }, spec };
}

describe('the webhook configuration', () => {
  it('follows the policies: entries for Enforce only, never for system namespaces, and none when the last one goes', async () => {
    const namespace = await scene.meshed('follow');
    await operator();
    await scene.createPolicy('follow', fixed(namespace));

    const [entry, ...others] = await webhooks(some);
    await scene.patchPolicy('follow', { enforcement: 'Audit' });
    const inAudit = await webhooks(none);
    await scene.patchPolicy('follow', { enforcement: 'Enforce', match: { kinds: ['StatefulSet'] } });
    const [again] = await webhooks(some);
    await scene.deletePolicy('follow');
    const afterwards = await webhooks(none);

    expect(others).toEqual([]);
    expect(entry).toMatchObject({
      failurePolicy: 'Ignore',
      sideEffects: 'None',
      matchPolicy: 'Equivalent',
      reinvocationPolicy: 'IfNeeded',
    });
    expect(entry?.timeoutSeconds).toBeLessThanOrEqual(3);
    expect(entry?.rules).toEqual([
      {
        operations: ['CREATE', 'UPDATE'],
        apiGroups: ['apps'],
        apiVersions: ['v1'],
        resources: ['deployments', 'statefulsets'],
        scope: 'Namespaced',
      },
    ]);
    expect(entry?.namespaceSelector.matchExpressions).toEqual([
      { key: 'kubernetes.io/metadata.name', operator: 'In', values: [namespace] },
      {
        key: 'kubernetes.io/metadata.name',
        operator: 'NotIn',
        values: expect.arrayContaining(['kube-system', 'istio-system', 'sidecar-drain-system']),
      },
    ]);
    expect(again?.rules[0]?.resources).toEqual(['statefulsets']);
    expect([inAudit, afterwards]).toEqual([[], []]);
  });

  it('is written only where something differs, and mended where somebody else changes it', async () => {
    const namespace = await scene.meshed('mend');
    await operator();
    await scene.createPolicy('mend', fixed(namespace));
    const before = await webhooks(some);

    const versions = await staysSo(async () => (await configuration(scene.cluster)).metadata.resourceVersion, 1_500);
    await empty();
    const mended = await webhooks(some);

    expect(versions).toHaveLength(1);
    expect(mended).toEqual(before);
  });

  it('holds the authorities of two replicas; one that stops takes its own away', async () => {
    const namespace = await scene.meshed('pair');
    const leader = await operator(['--leader-elect']);
    const second = await operator(['--leader-elect']);
    await scene.createPolicy('pair', fixed(namespace));

    const [both] = await webhooks(({ webhooks: list = [] }) => bundleAuthorities(caBundle(list[0])).length === 2);
    const code = await second.stop();
    const [one] = await webhooks(({ webhooks: list = [] }) => bundleAuthorities(caBundle(list[0])).length === 1);

    const authorities = bundleAuthorities(caBundle(both));
    expect(new Set(authorities).size).toBe(2);
    expect(bundleAuthorities(caBundle(one))).toEqual(authorities.filter((name) => name.includes(`-${leader.pid} `)));
    expect(code).toBe(0);
  });
});

describe('whoever creates something', () => {
  it('does not notice that the webhook is down', async () => {
    const namespace = await scene.meshed('down');
    const handle = await operator();
    await scene.createPolicy('down', fixed(namespace));
    await webhooks(some);
    // The API server learns of the new webhooks a moment after they are stored.
    await eventually(async () => {
      await scene.cluster.client.call('POST', `${workloadPath(namespace, '').replace(/\/$/, '')}?dryRun=All`, {
        body: deployment(namespace, 'probe'),
      });
      return (await requests(handle, 'Deployment')) > 0;
    }, 'the webhook was asked');
    await handle.kill();

    const ofDeployment = await timed(async () => await scene.cluster.create(deployment(namespace, 'web')));
    const ofPod = await timed(async () => await scene.cluster.create(pod(namespace, 'alone')));
    await scene.rolledOut(namespace, 'web');

    expect((await configuration(scene.cluster)).webhooks).toHaveLength(1);
    expect(await failedOpen(scene.cluster)).toBeGreaterThan(0);
    expect([ofDeployment, ofPod].filter((milliseconds) => milliseconds >= 9_000)).toEqual([]);
  });

  it("is asked about again by a stranger's change of the spec, not by one of labels or by the operator's own write", async () => {
    const namespace = await scene.meshed('asked');
    await scene.cluster.create(deployment(namespace, 'web'));
    const handle = await operator();
    await scene.createPolicy('asked', fixed(namespace));
    await scene.compliant('asked', 1);
    await webhooks(some);
    const afterOwnWrite = await requests(handle, 'Deployment');

    await scene.patchWorkload(namespace, 'web', { metadata: { labels: { team: 'a' } } });
    const afterLabel = await requests(handle, 'Deployment');
    // The API server learns of the new webhooks a moment after they are stored.
    await eventually(async () => {
      await scene.patchWorkload(namespace, 'web', { spec: { minReadySeconds: Date.now() % 7 } });
      return (await requests(handle, 'Deployment')) > 0;
    }, 'the webhook was asked');

    expect([afterOwnWrite, afterLabel]).toEqual([0, 0]);
  });

  it('meets no failure while certificates are replaced', async () => {
    const namespace = await scene.meshed('rotate');
    // Replaced after 8 s.
    const handle = await operator(['--admission-cert-lifetime', '12s']);
    await scene.createPolicy(
      'rotate',
      fixed(namespace, {
        match: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } }, names: ['nobody'] },
      }),
    );
    const [first] = await webhooks(some);
    const create = async (index: number): Promise<void> => {
      await scene.cluster.client.call('POST', `${workloadPath(namespace, '').replace(/\/$/, '')}?dryRun=All`, {
        body: deployment(namespace, `web-${index}`),
      });
    };
    await eventually(async () => {
      await create(0);
      return (await requests(handle, 'Deployment')) > 0;
    }, 'the API server knows the webhook');
    const failedBefore = await failedOpen(scene.cluster);
    const askedBefore = await requests(handle, 'Deployment');
    const renewals = (): number => handle.lines.filter((line) => line.message.includes('was renewed')).length;

    let created = 0;
    const until = Date.now() + 90_000;
    while (renewals() < 2 && Date.now() < until) {
      created += 1;
      await create(created);
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
    }
    const [last] = (await configuration(scene.cluster)).webhooks ?? [];

    expect(renewals()).toBe(2);
    expect(caBundle(last)).not.toContain(caBundle(first).trim());
    expect(await failedOpen(scene.cluster)).toBe(failedBefore);
    expect((await requests(handle, 'Deployment')) - askedBefore).toBe(created);
  });
});
