import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { KubeClient, loadClusterConfig, Reflector, Transport, defineResource } from '../../src/kube/index.ts';
import type { ClusterConfig, ReflectorOptions, ReflectorState, Resource } from '../../src/kube/index.ts';
import type { KubernetesObject } from '../../src/api/kubernetes.ts';
import { startControlPlane, useCluster } from '../support/cluster.ts';
import type { Cluster, ControlPlane } from '../support/cluster.ts';

const configMaps = defineResource({
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
});
const gadgets = defineResource({
  group: 'reflector.test',
  version: 'v1',
  plural: 'gadgets',
  kind: 'Gadget',
  namespaced: true,
});
jest.setTimeout(180_000);
const timings = { backoffBaseMs: 200, backoffMaxMs: 1_000, absentMaxMs: 500, forbiddenMs: 500, relistJitterMs: 50 };

interface ConfigMap extends KubernetesObject {
  data?: Record<string, string>;
}

interface Followed {
  reflector: Reflector<ConfigMap, string>;
  client: KubeClient;
  changes: string[];
  states: ReflectorState[];
  relists: string[];
}

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup();
  }
});

async function configOf(cluster: Cluster, kubeconfig = cluster.kubeconfigPath): Promise<ClusterConfig> {
  return loadClusterConfig({ file: kubeconfig });
}

function follow(
  config: ClusterConfig,
  resource: Resource,
  options: Partial<ReflectorOptions<ConfigMap, string>> = {},
): Followed {
  const transport = new Transport({ config, userAgent: 'sidecar-drain-operator/test' });
  const followed: Omit<Followed, 'reflector'> = {
    client: new KubeClient(transport),
    changes: [],
    states: [],
    relists: [],
  };
  const name = (key: string) => key.slice(key.indexOf('/') + 1);
  const reflector = new Reflector<ConfigMap, string>({
    client: followed.client,
    resource,
    project: (raw) => raw.data?.value ?? '',
    handlers: {
      onAdd: (key, value, initial) => {
        followed.changes.push(`+${name(key)}=${value}${initial ? '*' : ''}`);
      },
      onUpdate: (key, value) => {
        followed.changes.push(`~${name(key)}=${value}`);
      },
      onDelete: (key) => {
        followed.changes.push(`-${name(key)}`);
      },
    },
    equal: (a, b) => a === b,
    onStateChange: (state) => {
      followed.states.push(state);
    },
    metrics: {
      onRelist: (_resource, reason) => {
        followed.relists.push(reason);
      },
    },
    timings,
    ...options,
  });
  reflector.start();
  cleanups.push(
    () => transport.close(),
    () => reflector.stop(),
  );
  return { ...followed, reflector };
}

async function eventually(check: () => boolean, what: string, timeoutMs = 60_000): Promise<void> {
  const until = performance.now() + timeoutMs;
  while (!check()) {
    if (performance.now() > until) {
      throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

function map(name: string, namespace: string, value: string): object {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, labels: { own: 'yes' } },
    data: { value },
  };
}

/** A road to the API server that can be closed. */
async function road(config: ClusterConfig): Promise<{ config: ClusterConfig; close: () => void; open: () => void }> {
  const target = new URL(config.server);
  const sockets = new Set<Socket>();
  let closed = false;
  const server = createServer((socket) => {
    if (closed) {
      socket.destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    for (const one of [socket, upstream]) {
      sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        socket.destroy();
        upstream.destroy();
        sockets.delete(one);
      });
    }
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const close = () => {
    closed = true;
    for (const socket of sockets) {
      socket.destroy();
    }
  };
  cleanups.push(
    () =>
      new Promise<void>((resolve) => {
        close();
        server.close(() => {
          resolve();
        });
      }),
  );
  return {
    config: { ...config, server: `https://127.0.0.1:${(server.address() as AddressInfo).port}` },
    close,
    open: () => {
      closed = false;
    },
  };
}

describe('on the shared control plane', () => {
  const cluster = useCluster();

  it('lists, then follows creations, changes and deletions', async () => {
    const ns = await cluster.namespace('follow');
    await cluster.create(map('one', ns, '1'));
    const { reflector, client, changes } = follow(await configOf(cluster), configMaps, {
      namespace: ns,
      labelSelector: 'own=yes',
    });
    await reflector.waitForSync();
    expect([...reflector.store.entries()]).toEqual([[`${ns}/one`, '1']]);

    await cluster.create(map('two', ns, '1'));
    await client.mergePatch(configMaps, { name: 'one', namespace: ns }, { data: { value: '2' } });
    // A change of nothing that the record holds is told to nobody.
    await client.mergePatch(configMaps, { name: 'one', namespace: ns }, { data: { other: 'x' } });
    await client.delete(configMaps, { name: 'two', namespace: ns });
    await eventually(() => changes.includes('-two'), 'the deletion arrives');

    expect(changes).toEqual(['+one=1*', '+two=1', '~one=2', '-two']);
    expect(reflector.state).toBe('Synced');
    expect(reflector.lastSyncAt).toBeGreaterThan(Date.now() - 60_000);
  });

  it('an object that no longer matches the selector is gone', async () => {
    const ns = await cluster.namespace('selector');
    await cluster.create(map('one', ns, '1'));
    const { reflector, client, changes } = follow(await configOf(cluster), configMaps, {
      namespace: ns,
      labelSelector: 'own=yes',
    });
    await reflector.waitForSync();
    await client.mergePatch(configMaps, { name: 'one', namespace: ns }, { metadata: { labels: { own: 'no' } } });
    await eventually(() => reflector.store.size === 0, 'it leaves the store');
    expect(changes).toEqual(['+one=1*', '-one']);
  });

  it('follows metadata only, and one object by its name', async () => {
    const ns = await cluster.namespace('metadata');
    await cluster.create(map('one', ns, '1'));
    await cluster.create(map('other', ns, '1'));
    const raws: ConfigMap[] = [];
    const { reflector } = follow(await configOf(cluster), configMaps, {
      namespace: ns,
      fieldSelector: 'metadata.name=one',
      metadataOnly: true,
      project: (raw) => {
        raws.push(raw);
        return raw.kind ?? '';
      },
    });
    await reflector.waitForSync();

    expect([...reflector.store.entries()]).toEqual([[`${ns}/one`, 'PartialObjectMetadata']]);
    expect(raws[0]).not.toHaveProperty('data');
  });

  it('asks for the initial list as a stream, without a list request', async () => {
    const ns = await cluster.namespace('stream');
    const asked: string[] = [];
    const transport = new Transport({
      config: await configOf(cluster),
      userAgent: 'test',
      onRequest: ({ verb, resource }) => {
        asked.push(`${verb} ${resource}`);
      },
    });
    cleanups.push(() => transport.close());
    const { reflector } = follow(await configOf(cluster), configMaps, {
      namespace: ns,
      client: new KubeClient(transport),
    });
    await reflector.waitForSync();
    // A watch is observed when it is answered.
    expect(asked).toEqual(['watch configmaps']);
  });

  it('finds a kind whose CRD comes later, and empties its store when the CRD goes', async () => {
    const ns = await cluster.namespace('gadgets');
    const { reflector, states, changes } = follow(await configOf(cluster), gadgets, {
      project: (raw) => raw.metadata?.name,
    });
    await reflector.waitForSync();
    expect([reflector.state, reflector.store.size]).toEqual(['Absent', 0]);
    expect(reflector.stateDetail).toContain('gadgets.reflector.test');

    const crd = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'gadgets.reflector.test' },
      spec: {
        group: 'reflector.test',
        scope: 'Namespaced',
        names: { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', listKind: 'GadgetList' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    };
    await cluster.create(crd);
    await eventually(() => reflector.state === 'Synced', 'the kind appears');
    await cluster.create({ apiVersion: 'reflector.test/v1', kind: 'Gadget', metadata: { name: 'g', namespace: ns } });
    await eventually(() => reflector.store.size === 1, 'its object is seen');

    await cluster.kubectlOk(['delete', 'crd', 'gadgets.reflector.test']);
    await eventually(() => reflector.state === 'Absent', 'the kind is gone');
    expect(reflector.store.size).toBe(0);
    expect(changes).toEqual(['+g=g', '-g']);
    expect(states[0]).toBe('Absent');
    expect(states.at(-1)).toBe('Absent');

    await cluster.create(crd);
    await eventually(() => reflector.state === 'Synced', 'the kind is back');
    await cluster.kubectlOk(['delete', 'crd', 'gadgets.reflector.test']);
  });

  it('without permission says so, and starts when it is granted', async () => {
    const ns = await cluster.namespace('forbidden');
    await cluster.create(map('one', ns, '1'));
    const account = { namespace: ns, name: 'default' };
    const { reflector } = follow(await configOf(cluster, await cluster.kubeconfigFor(account)), configMaps, {
      namespace: ns,
      labelSelector: 'own=yes',
    });
    await eventually(() => reflector.state === 'Forbidden', 'the refusal');
    expect(reflector.hasSynced).toBe(false);
    expect(reflector.stateDetail).toMatch(
      /cannot watch resource "configmaps".*apiGroups: \[""\], resources: \["configmaps"\], verbs: \["watch"\]/,
    );

    await cluster.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'read', namespace: ns },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list', 'watch'] }],
    });
    await cluster.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'read', namespace: ns },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'read' },
      subjects: [{ kind: 'ServiceAccount', ...account }],
    });
    await eventually(() => reflector.state === 'Synced', 'the permission');
    expect(reflector.store.get(`${ns}/one`)).toBe('1');
  });

  it('syncs 2,000 objects', async () => {
    const ns = await cluster.namespace('many');
    const transport = new Transport({ config: await configOf(cluster), userAgent: 'test' });
    cleanups.push(() => transport.close());
    const client = new KubeClient(transport);
    await Promise.all(
      Array.from({ length: 2_000 }, (_, index) =>
        client.create(configMaps, map(`m-${index}`, ns, 'x'.repeat(500)), ns, { metadataOnly: true }),
      ),
    );
    const { reflector } = follow(await configOf(cluster), configMaps, {
      namespace: ns,
      labelSelector: 'own=yes',
      project: (raw) => raw.metadata?.name,
    });
    await reflector.waitForSync();

    expect(reflector.store.size).toBe(2_000);
  });
});

describe('through faults', () => {
  let plane: ControlPlane;

  beforeAll(async () => {
    // Without its cache for ConfigMaps the API server watches etcd itself: only so does a compaction become visible.
    plane = await startControlPlane({
      controllerManager: false,
      audit: false,
      apiServerFlags: ['--etcd-compaction-interval=1s', '--watch-cache-sizes=configmaps#0'],
    });
  });
  afterAll(() => plane.stop());

  it('goes on after the API server was killed and started again', async () => {
    const ns = await plane.namespace('restart', {}, { controllerManager: false });
    await plane.create(map('one', ns, '1'));
    const { reflector, states, changes } = follow(await configOf(plane), configMaps, {
      namespace: ns,
      labelSelector: 'own=yes',
    });
    await reflector.waitForSync();

    await plane.stopApiServer();
    await eventually(() => reflector.state === 'Disconnected', 'the loss is noticed');
    expect(reflector.store.get(`${ns}/one`)).toBe('1');
    await plane.startApiServer();
    await plane.create(map('two', ns, '1'));
    await eventually(() => reflector.store.has(`${ns}/two`), 'the new object is seen');

    expect(changes).toEqual(['+one=1*', expect.stringMatching(/^\+two=1/)]);
    expect(states).not.toContain('Absent');
    expect(reflector.state).toBe('Synced');
  });

  it('learns what was deleted while its version was compacted away', async () => {
    const ns = await plane.namespace('compacted', {}, { controllerManager: false });
    await plane.create(map('kept', ns, '1'));
    await plane.create(map('deleted', ns, '1'));
    const way = await road(await configOf(plane));
    const { reflector, changes, relists } = follow(way.config, configMaps, { namespace: ns, labelSelector: 'own=yes' });
    await reflector.waitForSync();

    way.close();
    await eventually(() => reflector.state === 'Disconnected', 'the loss is noticed');
    const list = await plane.client.call('GET', `/api/v1/namespaces/${ns}/configmaps`);
    const seen = `resourceVersion=${list.metadata.resourceVersion ?? ''}`;
    await plane.client.call(
      'DELETE',
      await plane.pathOf({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'deleted', namespace: ns } }),
    );
    await plane.create(map('created', ns, '1'));
    // The server compacts what was the present one interval ago: only then is it refused.
    let status = 200;
    while (status !== 410) {
      await new Promise((resolve) => {
        setTimeout(resolve, 200);
      });
      ({ status } = await plane.client.raw(
        'GET',
        `/api/v1/namespaces/${ns}/configmaps?${seen}&resourceVersionMatch=Exact`,
      ));
    }
    way.open();
    await eventually(() => reflector.state === 'Synced', 'a new list after the 410');

    expect(relists).toEqual(['start', 'expired']);

    expect([...reflector.store.keys()].sort()).toEqual([`${ns}/created`, `${ns}/kept`]);
    expect([...changes].sort()).toEqual(['+created=1*', '+deleted=1*', '+kept=1*', '-deleted']);
  });
});
