// Violations as PolicyReport and OpenReports results: from the moment their kinds are installed, in bounded objects, and
// written only when something differs.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { projectRoot } from '../support/control-plane/index.ts';
import {
  deployment,
  eventually,
  fixed,
  policy,
  startScene,
  staysSo,
  type KubeObject,
  type Scene,
} from '../support/scene.ts';

jest.setTimeout(180_000);

const APIS = { policyreports: '/apis/wgpolicyk8s.io/v1alpha2', reports: '/apis/openreports.io/v1alpha1' } as const;
type Api = keyof typeof APIS;

interface Report extends KubeObject {
  readonly source?: string;
  readonly summary: Readonly<Record<string, number>>;
  readonly results: readonly {
    readonly policy: string;
    readonly rule: string;
    readonly result: string;
    readonly message: string;
    readonly timestamp: { readonly seconds: number; readonly nanos: number };
    readonly resources: readonly {
      readonly apiVersion: string;
      readonly kind: string;
      readonly name: string;
      readonly uid: string;
    }[];
  }[];
}

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false' } });
});
afterAll(async () => {
  await scene.stop();
});

async function install(api: Api): Promise<void> {
  const file = join(projectRoot(), `test/fixtures/reports/${api}.yaml`);
  await scene.cluster.kubectlOk(['apply', '--server-side', '-f', file]);
  await scene.cluster.crdsEstablished();
}

async function reports(api: Api, namespace: string): Promise<readonly Report[]> {
  const { body } = await scene.cluster.client.raw<{ items?: readonly Report[] }>(
    'GET',
    `${APIS[api]}/namespaces/${namespace}/${api}`,
  );
  return body.items ?? [];
}

/** `name: policy rule result` of every result, in a stable order. */
async function told(api: Api, namespace: string): Promise<string[]> {
  return (await reports(api, namespace))
    .flatMap(({ results }) =>
      results.map((one) => `${one.resources[0]?.name ?? ''}: ${one.policy} ${one.rule} ${one.result}`),
    )
    .sort();
}

async function untilTold(api: Api, namespace: string, expected: readonly string[]): Promise<void> {
  let last: string[] = [];
  await eventually(
    async () => {
      last = await told(api, namespace);
      return JSON.stringify(last) === JSON.stringify(expected);
    },
    `${api} of ${namespace} say ${JSON.stringify(expected)}`,
  ).catch((error: unknown) => {
    throw new Error(
      `${String(error)}; they say ${JSON.stringify(last)}\nthe operator said last:\n${scene.operator.lines
        .slice(-8)
        .map((line) => JSON.stringify(line))
        .join('\n')}`,
    );
  });
}

function reportWrites(since: number, namespace?: string): string[] {
  return scene
    .everyWrite({ since, ...(namespace === undefined ? {} : { namespace }) })
    .filter(({ resource }) => resource === 'policyreports' || resource === 'reports')
    .map(({ verb, resource, name, code }) => `${verb} ${resource} ${name} ${code}`)
    .sort();
}

/** Somebody has declared a grace period for `long`, by a patch: to the operator that is a conflict. */
const CHANGED = ['long: told FieldConflict fail', 'web: told NonCompliant fail'];

const audit = (namespace: string): Record<string, unknown> => ({ ...fixed(namespace), enforcement: 'Audit' });

describe('reports', () => {
  let namespace: string;

  it('appear when their kinds are installed, each without the other', async () => {
    namespace = await scene.meshed('reports');
    await scene.cluster.create(deployment(namespace, 'web', { replicas: 0 }));
    await scene.cluster.create(
      deployment(namespace, 'long', {
        replicas: 0,
        grace: 300,
        annotations: { 'proxy.istio.io/config': 'terminationDrainDuration: 100s' },
      }),
    );
    await scene.createPolicy('told', audit(namespace));
    await scene.settled('told', ({ workloads }) => workloads?.nonCompliant === 1 && workloads.compliant === 1);

    await install('policyreports');
    await untilTold('policyreports', namespace, ['web: told NonCompliant fail']);
    expect((await scene.cluster.client.raw('GET', `${APIS.reports}/namespaces/${namespace}/reports`)).status).toBe(404);
    await install('reports');
    await untilTold('reports', namespace, ['web: told NonCompliant fail']);

    const [report] = (await reports('policyreports', namespace)) as [Report];
    const [open] = (await reports('reports', namespace)) as [Report];
    const owner = await scene.policy('told');
    expect(report.metadata).toMatchObject({
      name: 'sidecar-drain-0',
      labels: { 'app.kubernetes.io/managed-by': 'sidecar-drain-operator' },
      ownerReferences: [
        { apiVersion: 'sidecardrain.io/v1alpha1', kind: 'SidecarDrainPolicy', name: 'told', uid: owner.metadata.uid },
      ],
    });
    expect(report.summary).toEqual({ pass: 0, fail: 1, warn: 0, error: 0, skip: 0 });
    expect(report.results[0]).toMatchObject({
      source: 'sidecar-drain-operator',
      severity: 'medium',
      scored: true,
      message: expect.stringContaining('grace period 30 s -> 40 s'),
      properties: { outcome: 'NonCompliant' },
      resources: [
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          namespace,
          name: 'web',
          uid: (await scene.workload(namespace, 'web')).metadata.uid,
        },
      ],
    });
    expect(open.source).toBe('sidecar-drain-operator');
    expect(open.results.map((result) => ({ ...result, timestamp: undefined }))).toEqual(
      report.results.map((result) => ({ ...result, timestamp: undefined })),
    );
  });

  it('follow the workloads, keep the time of what stays, and change in one write', async () => {
    const [before] = (await reports('policyreports', namespace)) as [Report];

    await scene.cluster.create(deployment(namespace, 'another', { replicas: 0 }));
    await untilTold('policyreports', namespace, ['another: told NonCompliant fail', 'web: told NonCompliant fail']);
    const [after] = (await reports('policyreports', namespace)) as [Report];
    expect(after.results.find(({ resources }) => resources[0]?.name === 'web')).toEqual(before.results[0]);

    // What comes within a moment is one write in each API.
    const mark = scene.mark();
    await Promise.all([
      scene.cluster.client.call('DELETE', `/apis/apps/v1/namespaces/${namespace}/deployments/another`),
      scene.patchWorkload(namespace, 'long', { spec: { template: { spec: { terminationGracePeriodSeconds: 20 } } } }),
    ]);
    await untilTold('policyreports', namespace, CHANGED);
    await untilTold('reports', namespace, CHANGED);
    expect(reportWrites(mark)).toEqual([
      'patch policyreports sidecar-drain-0 200',
      'patch reports sidecar-drain-0 200',
    ]);
  });

  it("are put right where somebody changes them, and are left alone where they are somebody else's", async () => {
    const emptied = await scene.cluster.client.call<Report>(
      'PATCH',
      `${APIS.policyreports}/namespaces/${namespace}/policyreports/sidecar-drain-0`,
      { contentType: 'application/merge-patch+json', body: { results: [] } },
    );
    await scene.cluster.client.call('DELETE', `${APIS.reports}/namespaces/${namespace}/reports/sidecar-drain-0`);
    expect(emptied.results).toEqual([]);

    const other = await scene.meshed('foreign');
    const foreign = {
      apiVersion: 'wgpolicyk8s.io/v1alpha2',
      kind: 'PolicyReport',
      metadata: { namespace: other, name: 'sidecar-drain-0' },
      results: [{ policy: 'theirs', result: 'fail', resources: [{ name: 'theirs' }], rule: 'x' }],
    };
    await scene.cluster.create(foreign);
    await scene.cluster.create(deployment(other, 'web', { replicas: 0 }));
    await scene.createPolicy('foreign', audit(other));
    await untilTold('reports', other, ['web: foreign NonCompliant fail']);
    await untilTold('policyreports', namespace, CHANGED);
    await untilTold('reports', namespace, CHANGED);
    await eventually(
      () =>
        scene.operator.lines.some(
          ({ message, namespace: where }) => where === other && message.includes('another report already has'),
        ),
      'it is said',
    );
    expect(await told('policyreports', other)).toEqual(['theirs: theirs x fail']);
    await scene.deletePolicy('foreign');
    await untilTold('reports', other, []);
    expect(await told('policyreports', other)).toEqual(['theirs: theirs x fail']);
  });

  it('are adopted after a restart, and nothing is written at rest', async () => {
    const versions = async (): Promise<unknown> =>
      (await Promise.all((Object.keys(APIS) as Api[]).map(async (api) => await reports(api, namespace))))
        .flat()
        .map(({ metadata }) => metadata.resourceVersion);
    const before = await versions();
    const mark = scene.mark();

    expect(await scene.operator.stop()).toBe(0);
    // What changes while nobody runs is told by who comes next.
    const quiet = await scene.meshed('quiet');
    const stale = {
      apiVersion: 'openreports.io/v1alpha1',
      kind: 'Report',
      metadata: {
        namespace: quiet,
        name: 'sidecar-drain-3',
        labels: { 'app.kubernetes.io/managed-by': 'sidecar-drain-operator' },
      },
      results: [],
    };
    await scene.cluster.create(stale);
    await scene.start();
    await eventually(
      async () => (await reports('reports', quiet)).length === 0,
      'a report that nothing stands for any more is deleted',
    );
    await scene.cluster.kubectlOk(['annotate', 'deployment', '-n', namespace, 'web', 'note=not ours']);

    expect(await staysSo(() => reportWrites(mark), 7_000)).toEqual([['delete reports sidecar-drain-3 200']]);
    expect(await versions()).toEqual(before);
  });

  it('go with their policies', async () => {
    const mark = scene.mark();
    await scene.deletePolicy('told');
    await untilTold('policyreports', namespace, []);
    await untilTold('reports', namespace, []);

    await eventually(
      async () =>
        (await reports('policyreports', namespace)).length + (await reports('reports', namespace)).length === 0,
      'no empty report is left',
    );
    expect(reportWrites(mark).filter((write) => !write.startsWith('delete'))).toEqual([]);
  });

  it('stay whole, bounded and few with 1,000 workloads in violation', async () => {
    const namespaces = await Promise.all(
      ['scale-a', 'scale-b', 'scale-c'].map(async (name) => await scene.meshed(name, { scale: 'reports' })),
    );
    const names = Array.from({ length: 1_000 }, (_, index) => index);
    await Promise.all(
      Array.from({ length: 16 }, async (_, worker) => {
        for (const index of names.filter((each) => each % 16 === worker)) {
          // Most of them in one namespace: that is where shards are needed. Paused, so that no ReplicaSets are made.
          await scene.cluster.create(
            deployment(namespaces[index < 800 ? 0 : 1 + (index % 2)] ?? '', `service-${index}`, {
              replicas: 0,
              spec: { paused: true },
            }),
          );
        }
      }),
    );
    await scene.cluster.create(
      policy('scale', { ...audit(''), match: { namespaceSelector: { matchLabels: { scale: 'reports' } } } }),
    );
    await scene.settled('scale', ({ workloads }) => workloads?.nonCompliant === 1_000, 120_000);
    for (const api of Object.keys(APIS) as Api[]) {
      await eventually(
        async () => (await Promise.all(namespaces.map(async (each) => await told(api, each)))).flat().length === 1_000,
        `${api} tell of all of them`,
        120_000,
      );
    }

    const first = await reports('policyreports', namespaces[0] ?? '');
    expect(first.length).toBeGreaterThan(1);
    expect(first.reduce((sum, { summary }) => sum + (summary.fail ?? 0), 0)).toBe(800);
    const sizes = await Promise.all(
      (Object.keys(APIS) as Api[]).map(async (api) => {
        const all = (await Promise.all(namespaces.map(async (each) => await reports(api, each)))).flat();
        const [largest] = all.sort((one, other) => JSON.stringify(other).length - JSON.stringify(one).length);
        // As the API server writes it, which is not how this process would.
        const text = await scene.cluster.kubectlOk([
          'get',
          '--raw',
          `${APIS[api]}/namespaces/${largest?.metadata.namespace ?? ''}/${api}/${largest?.metadata.name ?? ''}`,
        ]);
        return Buffer.byteLength(text);
      }),
    );
    expect(Math.min(...sizes)).toBeGreaterThan(64 * 1024);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256 * 1024);
    const { status } = await scene.policy('scale');
    expect(status?.attention).toHaveLength(20);
    expect(Buffer.byteLength(JSON.stringify(status))).toBeLessThan(32 * 1024);

    // One more change is one write in each API.
    const rest = scene.mark();
    await scene.patchWorkload(namespaces[0] ?? '', 'service-7', {
      spec: { template: { spec: { terminationGracePeriodSeconds: 31 } } },
    });
    await eventually(() => reportWrites(rest).length >= 2, 'the change is told');
    expect(await staysSo(() => reportWrites(rest).map((write) => write.split(' ', 2).join(' ')), 6_000)).toEqual([
      ['patch policyreports', 'patch reports'],
    ]);
  });

  it('are taken away by --reports=off, and survive the removal of one of the kinds', async () => {
    await scene.cluster.kubectlOk(['delete', 'crd', 'policyreports.wgpolicyk8s.io', '--wait=false']);
    const [, second = ''] = (await scene.cluster.kubectlOk(['get', 'ns', '-l', 'scale=reports', '-o', 'name']))
      .split('\n')
      .map((each) => each.replace('namespace/', ''));
    await scene.cluster.client.call('DELETE', `/apis/apps/v1/namespaces/${second}/deployments`);
    await untilTold('reports', second, []);
    await eventually(
      () => scene.operator.lines.some(({ message }) => message.includes('stopped reporting violations')),
      'it is said',
    );

    expect(scene.operator.lines.filter(({ level }) => level === 'error')).toEqual([]);
    expect(await scene.operator.stop()).toBe(0);
    await scene.start({ args: ['--reports', 'off'] });
    await eventually(
      async () => (await scene.cluster.kubectlOk(['get', 'reports', '-A', '-o', 'name'])) === '',
      'all of ours are deleted',
    );
    expect(scene.operator.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
