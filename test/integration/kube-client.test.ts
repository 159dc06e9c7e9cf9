import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ApiError, KubeClient, loadClusterConfig, Transport, defineResource } from '../../src/kube/index.ts';
import type { KubernetesObject } from '../../src/api/kubernetes.ts';
import { useCluster } from '../support/cluster.ts';
import { startConnectProxy } from '../support/connect-proxy.ts';

jest.setTimeout(180_000);
const cluster = useCluster();
const configMaps = defineResource({
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
});
const deployments = defineResource({
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  namespaced: true,
});
const namespaces = defineResource({
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
});
const transports: Transport[] = [];

interface ConfigMap extends KubernetesObject {
  data?: Record<string, string>;
}

async function connect(
  kubeconfig: string,
  options: { connections?: number; maxWritesInFlight?: number } = {},
): Promise<KubeClient> {
  const transport = new Transport({
    config: await loadClusterConfig({ file: kubeconfig }),
    userAgent: 'sidecar-drain-operator/test',
    ...options,
  });
  transports.push(transport);
  return new KubeClient(transport);
}

function deployment(name: string, namespace: string, spec: object = {}): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'app', image: 'app:1' }], ...spec },
      },
    },
  };
}

function graceApply(name: string, namespace: string, grace: number, metadata: object = {}): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, ...metadata },
    spec: { template: { spec: { terminationGracePeriodSeconds: grace } } },
  };
}

let client: KubeClient;
let ns = '';

beforeAll(async () => {
  client = await connect(cluster.kubeconfigPath);
  ns = await cluster.namespace('kube-client');
});

afterAll(async () => {
  for (const transport of transports) {
    await transport.close();
  }
});

describe('the verbs', () => {
  it('create, get, patch, replace and delete an object', async () => {
    const ref = { name: 'verbs', namespace: ns };
    const created = await client.create<ConfigMap>(configMaps, { metadata: { name: 'verbs' }, data: { a: '1' } }, ns);
    await client.mergePatch(configMaps, ref, { data: { b: '2' } });
    const patched = await client.jsonPatch<ConfigMap>(configMaps, ref, [
      { op: 'test', path: '/metadata/uid', value: created.metadata?.uid },
      { op: 'replace', path: '/data/a', value: '3' },
    ]);
    const replaced = await client.replace<ConfigMap>(configMaps, ref, {
      ...patched,
      data: { ...patched.data, c: '4' },
    });
    expect(replaced.data).toEqual({ a: '3', b: '2', c: '4' });

    await client.delete(configMaps, ref, { preconditions: { uid: created.metadata?.uid ?? '' } });
    await expect(client.find(configMaps, ref)).resolves.toBeUndefined();
  });

  it('refuse a replace and a JSON patch that were made from an older version', async () => {
    const ref = { name: 'stale', namespace: ns };
    const old = await client.create<ConfigMap>(configMaps, { metadata: { name: 'stale' }, data: { a: '1' } }, ns);
    await client.mergePatch(configMaps, ref, { data: { a: '2' } });

    await expect(client.replace(configMaps, ref, old)).rejects.toMatchObject({
      isConflict: true,
      isAlreadyExists: false,
    });
    await expect(
      client.jsonPatch(configMaps, ref, [
        { op: 'test', path: '/metadata/resourceVersion', value: old.metadata?.resourceVersion },
        { op: 'replace', path: '/data/a', value: '3' },
      ]),
    ).rejects.toMatchObject({ status: 422 });
    await expect(client.create(configMaps, { metadata: { name: 'stale' } }, ns)).rejects.toMatchObject({
      isAlreadyExists: true,
      isConflict: false,
    });
  });

  it('with dryRun store nothing', async () => {
    const answer = await client.create<ConfigMap>(configMaps, { metadata: { name: 'dry' }, data: { a: '1' } }, ns, {
      dryRun: true,
    });
    expect(answer.metadata?.uid).toBeDefined();
    await expect(client.find(configMaps, { name: 'dry', namespace: ns })).resolves.toBeUndefined();
  });

  it('list in pages, by labels, and as metadata only', async () => {
    for (let index = 0; index < 7; index += 1) {
      await client.create(
        configMaps,
        { metadata: { name: `page-${index}`, labels: { paged: index < 5 ? 'yes' : 'no' } }, data: { a: 'x' } },
        ns,
      );
    }
    const pages: number[] = [];
    for await (const page of client.pages<ConfigMap>(configMaps, {
      namespace: ns,
      labelSelector: 'paged in (yes)',
      limit: 2,
    })) {
      pages.push(page.items.length);
    }
    const slim = await client.list<ConfigMap>(configMaps, {
      namespace: ns,
      labelSelector: 'paged',
      metadataOnly: true,
    });

    expect(pages).toEqual([2, 2, 1]);
    expect(slim.items).toHaveLength(7);
    expect(slim.items.every((item) => item.data === undefined && item.metadata?.name !== undefined)).toBe(true);
    expect(slim.resourceVersion).not.toBe('');
  });

  it('read what is no resource', async () => {
    await expect(client.raw<{ gitVersion: string }>('/version')).resolves.toMatchObject({
      gitVersion: expect.stringMatching(/^v1\./),
    });
    await expect(client.rawText('/readyz')).resolves.toBe('ok');
    await expect(client.raw<{ resources: { name: string }[] }>('/apis/apps/v1')).resolves.toMatchObject({
      resources: expect.arrayContaining([expect.objectContaining({ name: 'deployments' })]),
    });
    await expect(client.raw('/apis/networking.istio.io/v9')).rejects.toMatchObject({ isNotFound: true });
  });
});

describe('server-side apply', () => {
  it('that changes nothing leaves the object as it is', async () => {
    const ref = { name: 'same', namespace: ns };
    await client.create(configMaps, { metadata: { name: 'same' }, data: { theirs: 'x' } }, ns);
    const apply = () =>
      client.apply<KubernetesObject>(
        configMaps,
        ref,
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'same', namespace: ns }, data: { ours: 'y' } },
        { fieldManager: 'test-operator' },
      );
    const first = await apply();
    const second = await apply();

    expect(second.metadata?.resourceVersion).toBe(first.metadata?.resourceVersion);
    expect(first.metadata?.managedFields?.map((entry) => entry.manager)).toContain('test-operator');
  });

  it('without force names the field and its owner', async () => {
    await client.apply(
      deployments,
      { name: 'owned', namespace: ns },
      deployment('owned', ns, { terminationGracePeriodSeconds: 5 }),
      { fieldManager: 'flux' },
    );

    const error = await client
      .apply(deployments, { name: 'owned', namespace: ns }, graceApply('owned', ns, 90), {
        fieldManager: 'test-operator',
      })
      .catch((caught: unknown) => caught as ApiError);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      isApplyConflict: true,
      causes: [
        {
          reason: 'FieldManagerConflict',
          message: expect.stringContaining('flux'),
          field: '.spec.template.spec.terminationGracePeriodSeconds',
        },
      ],
    });
  });

  it('with an unknown field is a terminal error, although the code is 500', async () => {
    await client.create(deployments, deployment('unknown', ns), ns);

    const error = await client
      .apply(
        deployments,
        { name: 'unknown', namespace: ns },
        { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'unknown', namespace: ns }, spec: { bogus: 1 } },
        { fieldManager: 'test-operator', force: true, retry: 'idempotent' },
      )
      .catch((caught: unknown) => caught as ApiError);
    expect(error).toMatchObject({ status: 500, isSchemaError: true, retryable: false });
  });

  it('with a uid does not bring back what was deleted, nor take what came instead', async () => {
    const ref = { name: 'reborn', namespace: ns };
    const first = await client.create<KubernetesObject>(configMaps, { metadata: { name: 'reborn' } }, ns);
    const apply = () =>
      client.apply(
        configMaps,
        ref,
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'reborn', namespace: ns, uid: first.metadata?.uid },
          data: { a: '1' },
        },
        { fieldManager: 'test-operator', force: true },
      );
    await client.delete(configMaps, ref);
    await expect(apply()).rejects.toMatchObject({ isConflict: true });

    await client.create(configMaps, { metadata: { name: 'reborn' } }, ns);
    await expect(apply()).rejects.toMatchObject({ status: 422, isInvalid: true });
  });

  it('on a stale resourceVersion is a conflict, though it is forced', async () => {
    const ref = { name: 'race', namespace: ns };
    const read = await client.create<KubernetesObject>(
      deployments,
      deployment('race', ns, { terminationGracePeriodSeconds: 60 }),
      ns,
    );
    await client.mergePatch(deployments, ref, { spec: { template: { spec: { terminationGracePeriodSeconds: 300 } } } });

    const { uid, resourceVersion } = read.metadata ?? {};
    await expect(
      client.apply(deployments, ref, graceApply('race', ns, 90, { uid, resourceVersion }), {
        fieldManager: 'test-operator',
        force: true,
      }),
    ).rejects.toMatchObject({ isConflict: true, isApplyConflict: false });
    await expect(client.get(deployments, ref)).resolves.toMatchObject({
      spec: { template: { spec: { terminationGracePeriodSeconds: 300 } } },
    });
  });

  it('can answer with the metadata only', async () => {
    await client.create(deployments, deployment('slim', ns), ns);
    const answer = await client.apply<KubernetesObject>(
      deployments,
      { name: 'slim', namespace: ns },
      graceApply('slim', ns, 90),
      { fieldManager: 'test-operator', force: true, metadataOnly: true },
    );

    expect(answer).not.toHaveProperty('spec');
    expect(answer.metadata?.resourceVersion).toBeDefined();
  });

  it('of the status goes to the subresource', async () => {
    await client.create(deployments, deployment('status', ns), ns);
    const ref = { name: 'status', namespace: ns };
    await client.mergePatch(
      deployments,
      ref,
      { status: { observedGeneration: 77 }, spec: { replicas: 3 } },
      { subresource: 'status' },
    );

    const read = await client.get<{ status: { observedGeneration?: number }; spec: { replicas: number } }>(
      deployments,
      ref,
    );
    expect(read.spec.replicas).toBe(0);
  });
});

describe('permissions', () => {
  it('a 403 says which rule is missing', async () => {
    const weak = await connect(await cluster.kubeconfigFor({ namespace: ns, name: 'default' }));

    await expect(weak.list(deployments)).rejects.toMatchObject({
      isForbidden: true,
      message: expect.stringMatching(
        /^list deployments\.apps: forbidden \(403\): .*system:serviceaccount:.* apiGroups: \["apps"\], resources: \["deployments"\], verbs: \["list"\]\.$/,
      ),
    });
    await expect(weak.get(namespaces, { name: ns })).rejects.toMatchObject({
      message: expect.stringContaining('apiGroups: [""], resources: ["namespaces"], verbs: ["get"]'),
    });
  });
});

describe('the way to the API server', () => {
  it('a certificate of an authority that the kubeconfig does not name is one clear error, sent once', async () => {
    const config = await loadClusterConfig({ file: cluster.kubeconfigPath });
    const attempts: string[] = [];
    const transport = new Transport({
      userAgent: 'x',
      onRequest: ({ code }) => {
        attempts.push(code);
      },
      config: { ...config, credentials: async () => ({ ...(await config.credentials()), ca: undefined }) },
    });
    transports.push(transport);

    await expect(new KubeClient(transport).raw('/version')).rejects.toMatchObject({
      code: 'KUBE_TLS',
      message: expect.stringContaining('Check the certificate authority and the server name of this kubeconfig'),
    });
    expect(attempts).toEqual(['<error>']);
  });

  it('may lead through a proxy', async () => {
    const proxy = await startConnectProxy();
    const config = await loadClusterConfig({ file: cluster.kubeconfigPath });
    const transport = new Transport({ userAgent: 'x', connections: 2, config: { ...config, proxyUrl: proxy.url } });
    const proxied = new KubeClient(transport);
    await Promise.all(Array.from({ length: 20 }, () => proxied.get(namespaces, { name: ns })));
    await transport.close();
    await proxy.close();

    expect(new Set(proxy.asked)).toEqual(new Set([new URL(config.server).host]));
    expect(proxy.asked.length).toBeLessThanOrEqual(2);
  });
});

describe('many writes', () => {
  it('1000 patches, 32 asked for at a time, go over the connections of the pool', async () => {
    const many = await connect(cluster.kubeconfigPath, { connections: 4, maxWritesInFlight: 4 });
    for (let index = 0; index < 10; index += 1) {
      await many.create(configMaps, { metadata: { name: `many-${index}` } }, ns);
    }
    let next = 0;
    const worker = async () => {
      for (let index = next++; index < 1_000; index = next++) {
        await many.mergePatch(
          configMaps,
          { name: `many-${index % 10}`, namespace: ns },
          { data: { [`k${index % 10}`]: `${index}` } },
          { metadataOnly: true },
        );
      }
    };
    await Promise.all(Array.from({ length: 32 }, worker));

    const all = await many.list<ConfigMap>(configMaps, { namespace: ns });
    const written = all.items.filter((item) => item.metadata?.name?.startsWith('many-') === true);
    expect(written).toHaveLength(10);
    expect(many.transport.connectionsOpened).toBeLessThanOrEqual(4);
  });
});
