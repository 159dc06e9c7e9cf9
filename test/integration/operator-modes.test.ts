// What each mode and strategy becomes in a workload, by the form of its sidecar. Numbers: a = 5 s (endpointDelay, longer
// than any preStop of the application here unless said), margin = 5 s.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parse } from 'yaml';
import { installMesh } from '../support/mesh.ts';
import {
  deployment,
  eventually,
  fixed,
  inNamespace,
  startScene,
  type Scene,
  type WorkloadObject,
} from '../support/scene.ts';

jest.setTimeout(180_000);

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false' } });
});
afterAll(async () => {
  await scene.stop();
});

const CONFIG = 'proxy.istio.io/config';

interface Shape {
  readonly grace: number;
  /** The parsed annotation; null where there is none. */
  readonly config: unknown;
  /** First lines of the hook on istio-proxy; null where there is no such container. */
  readonly hook: string | null;
  /** Other annotations of the pod template. */
  readonly others?: Readonly<Record<string, string>>;
}

function shapeOf(workload: WorkloadObject): Shape {
  const { metadata, spec } = workload.spec.template;
  const { [CONFIG]: text, ...others } = metadata?.annotations ?? {};
  const proxy = spec.containers.find((container) => container.name === 'istio-proxy');
  return {
    grace: spec.terminationGracePeriodSeconds,
    config: text === undefined ? null : parse(text),
    hook: proxy === undefined ? null : (proxy.lifecycle?.preStop?.exec?.command[2]?.split('\n')[0] ?? ''),
    ...(Object.keys(others).length === 0 ? {} : { others }),
  };
}

interface Row {
  readonly what: string;
  readonly drain: Record<string, unknown>;
  readonly proxy?: Record<string, unknown>;
  readonly containers?: readonly object[];
  readonly annotations?: Record<string, string>;
  readonly expected: Shape;
}

const PRE_STOP_OF_20_S = [
  { name: 'app', image: 'registry.example/app:1', lifecycle: { preStop: { sleep: { seconds: 20 } } } },
];
const adaptive = { mode: 'Adaptive', maxWait: '60s' };
const combined = { mode: 'Combined', duration: '20s', maxWait: '60s' };
const followed = { mode: 'Fixed', duration: '60s', drainDuration: 'Follow' };
const establishedHook = { ...combined, strategy: 'PreStopHook' };
const requestsHook = { ...adaptive, strategy: 'PreStopHook', hook: 'ActiveRequests' };
const exitOnZero = { proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true' } };
const exitOnZeroAfter25 = { proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true', MINIMUM_DRAIN_DURATION: '25s' } };

const classic: Row[] = [
  {
    what: 'Fixed',
    drain: { mode: 'Fixed', duration: '30s' },
    expected: { grace: 40, config: { terminationDrainDuration: '35s' }, hook: null },
  },
  {
    what: 'Fixed beside a preStop of 20 s',
    drain: { mode: 'Fixed', duration: '30s' },
    containers: PRE_STOP_OF_20_S,
    expected: { grace: 55, config: { terminationDrainDuration: '50s' }, hook: null },
  },
  {
    what: 'Fixed, keeping other keys of the annotation',
    drain: { mode: 'Fixed', duration: '30s' },
    annotations: { [CONFIG]: '# ours\nconcurrency: 2\n' },
    expected: { grace: 40, config: { concurrency: 2, terminationDrainDuration: '35s' }, hook: null },
  },
  {
    what: 'Fixed, drainDuration Follow',
    drain: followed,
    expected: { grace: 70, config: { terminationDrainDuration: '1m5s', drainDuration: '1m5s' }, hook: null },
  },
  {
    what: 'Fixed, hold',
    drain: { mode: 'Fixed', duration: '30s' },
    proxy: { holdApplicationUntilProxyStarts: 'Enabled' },
    expected: {
      grace: 40,
      config: { terminationDrainDuration: '35s', holdApplicationUntilProxyStarts: true },
      hook: null,
    },
  },
  {
    what: 'Fixed, form Native',
    drain: { mode: 'Fixed', duration: '30s' },
    proxy: { form: 'Native' },
    expected: { grace: 40, config: null, hook: null, others: { 'sidecar.istio.io/nativeSidecar': 'true' } },
  },
  { what: 'Adaptive', drain: adaptive, expected: { grace: 70, config: exitOnZero, hook: null } },
  {
    what: 'Adaptive, ActiveConnections',
    drain: { ...adaptive, strategy: 'ActiveConnections' },
    expected: { grace: 70, config: exitOnZero, hook: null },
  },
  {
    what: 'Adaptive, PreStopHook with ActiveRequests',
    drain: requestsHook,
    expected: {
      grace: 70,
      config: null,
      hook: '# sidecardrain.io hook 1: ActiveRequests, at least 5s, at most 65s',
      others: { 'sidecar.istio.io/statsInclusionSuffixes': 'downstream_rq_active' },
    },
  },
  { what: 'Combined', drain: combined, expected: { grace: 70, config: exitOnZeroAfter25, hook: null } },
  {
    what: 'Combined, PreStopHook with EstablishedConnections',
    drain: establishedHook,
    expected: {
      grace: 90,
      config: { terminationDrainDuration: '25s' },
      hook: '# sidecardrain.io hook 1: EstablishedConnections, at least 25s, at most 65s',
    },
  },
];
const native: Row[] = [
  { what: 'Fixed', drain: { mode: 'Fixed', duration: '30s' }, expected: { grace: 40, config: null, hook: null } },
  {
    what: 'Fixed beside a preStop of 20 s',
    drain: { mode: 'Fixed', duration: '30s' },
    containers: PRE_STOP_OF_20_S,
    expected: { grace: 55, config: null, hook: null },
  },
  { what: 'Adaptive', drain: adaptive, expected: { grace: 70, config: null, hook: null } },
  { what: 'Combined', drain: combined, expected: { grace: 70, config: null, hook: null } },
  {
    what: 'Combined, PreStopHook: never a hook',
    drain: establishedHook,
    expected: { grace: 70, config: null, hook: null },
  },
  {
    what: 'a grace period that is long enough',
    drain: { mode: 'Fixed', duration: '10s' },
    expected: { grace: 30, config: null, hook: null },
  },
];
const unknown: Row[] = [
  {
    what: 'Fixed',
    drain: { mode: 'Fixed', duration: '30s' },
    expected: { grace: 40, config: { terminationDrainDuration: '35s' }, hook: null },
  },
  { what: 'Combined', drain: combined, expected: { grace: 70, config: exitOnZeroAfter25, hook: null } },
  {
    what: 'Combined, PreStopHook: never a hook',
    drain: establishedHook,
    expected: { grace: 70, config: exitOnZeroAfter25, hook: null },
  },
];

/** One workload per row, each under a policy of its own, all at once. */
async function become(
  prefix: string,
  rows: readonly Row[],
): Promise<{ namespace: string; shapes: Map<string, Shape>; restarts: number[] }> {
  const namespace = await scene.meshed(prefix);
  const names = rows.map((_row, index) => `${prefix}-${index}`);
  await Promise.all(
    rows.map(async (row, index) => {
      const name = names[index] ?? '';
      await scene.cluster.create(
        deployment(namespace, name, {
          ...(row.containers === undefined ? {} : { containers: row.containers }),
          ...(row.annotations === undefined ? {} : { annotations: row.annotations }),
        }),
      );
      // The annotation that stands there was declared by whoever created the workload.
      await scene.createPolicy(name, {
        enforcement: 'Enforce',
        conflicts: row.annotations === undefined ? 'Report' : 'Force',
        match: { namespaceSelector: inNamespace(namespace), workloadSelector: { matchLabels: { app: name } } },
        drain: row.drain,
        ...(row.proxy === undefined ? {} : { proxy: row.proxy }),
        rollout: { strategy: 'Immediate' },
      });
    }),
  );
  await Promise.all(
    names.map(async (name) => {
      await scene.compliant(name, 1);
    }),
  );
  const objects = await Promise.all(names.map(async (name) => await scene.workload(namespace, name)));
  return {
    namespace,
    shapes: new Map(objects.map((object, index) => [rows[index]?.what ?? '', shapeOf(object)])),
    restarts: objects.map((object) => object.metadata.generation ?? 0),
  };
}

function expectedOf(rows: readonly Row[]): Map<string, Shape> {
  return new Map(rows.map((row) => [row.what, row.expected]));
}

/** Nothing of a policy may be left in the way of what the next part of the mesh does. */
async function forget(prefix: string, rows: readonly Row[]): Promise<void> {
  await Promise.all(
    rows.map(async (_row, index) => {
      await scene.deletePolicy(`${prefix}-${index}`);
      await scene.gone(`${prefix}-${index}`);
    }),
  );
}

describe('a classic sidecar', () => {
  it('gets what its mode and strategy need, in one template change', async () => {
    const { shapes, restarts } = await become('classic', classic);

    expect(shapes).toEqual(expectedOf(classic));
    expect(restarts).toEqual(classic.map(() => 2));
    await forget('classic', classic);
  });

  it('carries the hook in a container that the injector completes', async () => {
    const namespace = await scene.meshed('hook');
    await scene.cluster.create(deployment(namespace, 'web'));

    await scene.createPolicy('hook', fixed(namespace, { drain: establishedHook }));
    await scene.compliant('hook', 1);

    const { containers } = (await scene.workload(namespace, 'web')).spec.template.spec;
    expect(containers.map((container) => container.name)).toEqual(['app', 'istio-proxy']);
    expect(containers[1]).toMatchObject({ image: 'auto', imagePullPolicy: 'IfNotPresent' });
    expect(Object.keys(containers[1]?.lifecycle ?? {})).toEqual(['preStop']);
    await scene.deletePolicy('hook');
    await scene.gone('hook');
  });

  it('takes no hook where the proxy image has no shell, and says why', async () => {
    const namespace = await scene.meshed('distroless');
    await scene.cluster.create(deployment(namespace, 'web'));
    await installMesh(scene.cluster, { nativeSidecars: 'false', variant: 'distroless' });

    await scene.createPolicy('distroless', fixed(namespace, { drain: establishedHook }));
    const { status } = await scene.settled('distroless', ({ workloads }) => workloads?.failed === 1);

    expect(status?.attention).toEqual([expect.objectContaining({ name: 'web', reason: 'HookNeedsShell' })]);
    expect(shapeOf(await scene.workload(namespace, 'web'))).toEqual({ grace: 30, config: null, hook: null });
    await installMesh(scene.cluster, { nativeSidecars: 'false' });
    await scene.compliant('distroless', 1);
    expect(shapeOf(await scene.workload(namespace, 'web')).hook).not.toBeNull();
    await scene.deletePolicy('distroless');
    await scene.gone('distroless');
  });

  it('is unknown with an application hook of unknown length, in status and Events alike', async () => {
    const namespace = await scene.meshed('unknown');
    const lifecycle = { preStop: { exec: { command: ['/srv/bin/flush-queue'] } } };
    const containers = [{ name: 'app', image: 'registry.example/app:1', lifecycle }];
    await scene.cluster.create(deployment(namespace, 'web', { containers, grace: 300 }));

    await scene.createPolicy('unknown', fixed(namespace));
    const { status } = await scene.settled('unknown', ({ workloads }) => workloads?.unknown === 1);

    const told = status?.attention?.[0];
    expect(told).toMatchObject({ name: 'web', reason: 'HookUnbounded' });
    await eventually(
      async () =>
        (await scene.events(namespace)).some(
          ({ reason, type, message }) =>
            reason === told?.reason && type === 'Warning' && message === `Policy unknown: ${told.message}`,
        ),
      'the Event says what the status says',
    );
    await scene.deletePolicy('unknown');
    await scene.gone('unknown');
  });

  it('takes no strategy before Istio 1.23 that does not work there', async () => {
    const namespace = await scene.meshed('old');
    await scene.cluster.create(deployment(namespace, 'web'));
    await installMesh(scene.cluster, { nativeSidecars: 'false', version: '1.22.8' });

    await scene.createPolicy('old', fixed(namespace, { drain: adaptive }));
    await scene.compliant('old', 1);

    expect(shapeOf(await scene.workload(namespace, 'web'))).toEqual({
      grace: 70,
      config: { terminationDrainDuration: '1m5s' },
      hook: null,
    });
    await scene.deletePolicy('old');
    await scene.gone('old');
  });
});

describe('a native sidecar', () => {
  it('gets a grace period, and nothing that does nothing there', async () => {
    await installMesh(scene.cluster, { nativeSidecars: 'true' });

    const { shapes, restarts } = await become('native', native);

    expect(shapes).toEqual(expectedOf(native));
    expect(restarts).toEqual([2, 2, 2, 2, 2, 1]);
    await forget('native', native);
  });

  it('is known from the kubelets of the nodes where istiod decides by them', async () => {
    const namespace = await scene.meshed('auto');
    await scene.cluster.create(deployment(namespace, 'web'));
    await installMesh(scene.cluster, { nativeSidecars: 'auto' });

    await scene.createPolicy('auto', fixed(namespace));
    await scene.compliant('auto', 1);

    expect(shapeOf(await scene.workload(namespace, 'web'))).toEqual({ grace: 40, config: null, hook: null });
    await scene.deletePolicy('auto');
    await scene.gone('auto');
  });
});

describe('a sidecar of unknown form', () => {
  it('gets what is right on both forms, and a finding says so', async () => {
    // Which form it is hangs on the nodes, and those may not be read.
    await installMesh(scene.cluster, { nativeSidecars: 'auto' });
    await scene.operator.stop();
    await scene.takePermission('nodes');
    await scene.start();

    const { shapes } = await become('unknown', unknown);

    expect(shapes).toEqual(expectedOf(unknown));
    await forget('unknown', unknown);
  });

  it('is left alone where injection itself is not known', async () => {
    const namespace = await scene.meshed('dark');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.operator.stop();
    await scene.takePermission('mutatingwebhookconfigurations');
    const mark = scene.mark();
    await scene.start();

    await scene.createPolicy('dark', fixed(namespace));
    const { status } = await scene.settled('dark', ({ workloads }) => workloads?.unknown === 1);

    expect(status?.conditions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          type: 'Ready',
          status: 'Unknown',
          reason: 'FactsMissing',
          message: expect.stringContaining('mutatingwebhookconfigurations'),
        }),
      ]),
    );
    expect(scene.writes({ since: mark })).toEqual([]);
    expect(scene.operator.lines.filter((line) => line.level === 'warn').map((line) => line.message)).toContain(
      'the API server forbids the watch',
    );
  });
});
