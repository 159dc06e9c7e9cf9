// What differs between minors of Kubernetes and matters here. `make test-integration KUBERNETES=1.37` runs it on another one.
import { expect, it, jest } from '@jest/globals';
import { apiServerSource } from '../support/control-plane/paths.ts';
import { useCluster, type KubeObject } from '../support/cluster.ts';
import { deployment } from '../support/scene.ts';

jest.setTimeout(180_000);

const cluster = useCluster();

interface Expected {
  /** Kept in the status of a Deployment. */
  readonly terminatingReplicas: boolean;
  /** `lifecycle.stopSignal` of a pod that names its `os`. */
  readonly stopSignal: boolean;
  readonly mutatingAdmissionPolicy: boolean;
}

const EXPECTED: Readonly<Record<string, Expected>> = {
  '1.34': { terminatingReplicas: false, stopSignal: false, mutatingAdmissionPolicy: false },
  '1.35': { terminatingReplicas: true, stopSignal: false, mutatingAdmissionPolicy: false },
  '1.36': { terminatingReplicas: true, stopSignal: false, mutatingAdmissionPolicy: true },
  '1.37': { terminatingReplicas: true, stopSignal: false, mutatingAdmissionPolicy: true },
};

const minor = /\d+\.\d+/.exec(apiServerSource().version)?.[0] ?? '';

function pod(namespace: string, os: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'signal', namespace },
    spec: {
      ...os,
      containers: [{ name: 'app', image: 'registry.example/app:1', lifecycle: { stopSignal: 'SIGUSR1' } }],
    },
  };
}

it('is the version that was asked for, and knows of each field what is expected', async () => {
  const { gitVersion } = await cluster.client.call<{ gitVersion: string }>('GET', '/version');
  expect(gitVersion).toBe(apiServerSource().version);

  const namespace = await cluster.namespace('version');
  await cluster.create(deployment(namespace, 'web', { replicas: 0 }));
  const written = await cluster.client.call<KubeObject & { status: { terminatingReplicas?: number } }>(
    'PATCH',
    `/apis/apps/v1/namespaces/${namespace}/deployments/web/status`,
    { contentType: 'application/merge-patch+json', body: { status: { terminatingReplicas: 3 } } },
  );
  const pods = `/api/v1/namespaces/${namespace}/pods?dryRun=All`;
  const kept = await cluster.client.raw<
    KubeObject & { spec: { containers: { lifecycle?: { stopSignal?: string } }[] } }
  >('POST', pods, { body: pod(namespace, { os: { name: 'linux' } }) });
  const { resources } = await cluster.client.call<{ resources: { name: string }[] }>(
    'GET',
    '/apis/admissionregistration.k8s.io/v1',
  );
  expect({
    terminatingReplicas: written.status.terminatingReplicas === 3,
    stopSignal: kept.body.spec?.containers[0]?.lifecycle?.stopSignal === 'SIGUSR1',
    mutatingAdmissionPolicy: resources.some(({ name }) => name === 'mutatingadmissionpolicies'),
  }).toEqual(EXPECTED[minor]);
});
