import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { holdTerminationLabel } from '../support/control-plane/pods.ts';
import { eventually, fixed, type KubeObject, startScene, type Scene } from '../support/scene.ts';
import { cli } from '../unit/cli/support.ts';

jest.setTimeout(180_000);

let scene: Scene;
let namespace: string;

beforeAll(async () => {
  scene = await startScene();
  namespace = await scene.meshed('endings');
  await scene.createPolicy('endings', fixed(namespace));
  await scene.cluster.create({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'checkout', namespace },
    spec: {
      // The pods of this test are made by hand: nothing here plays a kubelet that ends containers over time.
      replicas: 0,
      selector: { matchLabels: { app: 'checkout' } },
      template: {
        metadata: { labels: { app: 'checkout' } },
        spec: { containers: [{ name: 'server', image: 'registry.example/server:1' }] },
      },
    },
  });
  await scene.compliant('endings', 1);
});

afterAll(async () => {
  await scene.stop();
});

interface End {
  readonly server: number;
  readonly proxy: number;
  readonly after: number;
}

/** A pod of the Deployment as the injector would have made it, deleted, with the statuses that a kubelet writes at the end. */
async function ends(name: string, { server, proxy, after }: End, grace = 30, hookFails = false): Promise<void> {
  const { client } = scene.cluster;
  const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
  const replicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: 'checkout-5d9f7c',
    uid: '00000000-0000-4000-8000-000000000001',
    controller: true,
  };
  const created = await scene.cluster.create<{ metadata: { uid: string } }>({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      finalizers: ['test.sidecardrain.io/stay'],
      ownerReferences: [replicaSet],
      labels: {
        'pod-template-hash': '5d9f7c',
        'service.istio.io/canonical-name': 'checkout',
        [holdTerminationLabel]: 'true',
      },
      annotations: { 'proxy.istio.io/config': 'terminationDrainDuration: 5s' },
    },
    spec: {
      terminationGracePeriodSeconds: grace,
      nodeName: 'node-0',
      containers: [
        { name: 'server', image: 'registry.example/server:1' },
        { name: 'istio-proxy', image: 'docker.io/istio/proxyv2:1.30.3' },
      ],
    },
  });
  await scene.cluster.waitFor<KubeObject & { status?: { phase?: string } }>(
    path,
    (pod) => pod.status?.phase === 'Running',
  );
  await client.call('DELETE', path);
  const { metadata } = await client.call<{ metadata: { deletionTimestamp: string } }>('GET', path);
  const deleted = Date.parse(metadata.deletionTimestamp) - grace * 1000;
  const stamp = (seconds: number): string => new Date(deleted + seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
  const terminated = (container: string, exitCode: number, at: number): object => ({
    name: container,
    image: 'x',
    imageID: '',
    ready: false,
    restartCount: 0,
    state: {
      terminated: {
        exitCode,
        reason: exitCode === 0 ? 'Completed' : 'Error',
        startedAt: stamp(-60),
        finishedAt: stamp(at),
      },
    },
  });
  if (hookFails) {
    await scene.cluster.create({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.hook`, namespace },
      type: 'Warning',
      reason: 'FailedPreStopHook',
      message: 'PreStopHook failed',
      involvedObject: {
        apiVersion: 'v1',
        kind: 'Pod',
        namespace,
        name,
        uid: created.metadata.uid,
        fieldPath: 'spec.containers{istio-proxy}',
      },
      firstTimestamp: stamp(0),
      lastTimestamp: stamp(0),
      count: 1,
      source: { component: 'kubelet', host: 'node-0' },
    });
  }
  await client.call('PATCH', `${path}/status`, {
    contentType: 'application/merge-patch+json',
    body: {
      status: {
        phase: 'Failed',
        containerStatuses: [
          terminated('server', server, after),
          terminated('istio-proxy', proxy, proxy === 0 ? 5 : after),
        ],
      },
    },
  });
}

/** As the kubelet does once all containers have ended. */
async function remove(name: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
  await scene.cluster.client.call('DELETE', path, { body: { gracePeriodSeconds: 0 } });
  await scene.cluster.client.call('PATCH', path, {
    contentType: 'application/merge-patch+json',
    body: { metadata: { finalizers: null } },
  });
}

async function counted(outcome: string): Promise<number | undefined> {
  const text = await scene.operator.metrics();
  const value = new RegExp(
    `^sidecar_drain_terminations_total\\{policy="endings",outcome="${outcome}"\\} (\\d+)`,
    'm',
  ).exec(text)?.[1];
  return value === undefined ? undefined : Number(value);
}

async function verify(
  args: readonly string[],
  onErr: (text: string) => void = () => undefined,
): Promise<{ code: number; out: string; err: string }> {
  return await cli(
    [
      'verify',
      'deployment/checkout',
      '-n',
      namespace,
      '--kubeconfig',
      scene.cluster.kubeconfigPath,
      '--istio-version',
      '1.30.3',
      '--native-sidecars',
      'false',
      ...args,
    ],
    { onErr },
  );
}

/** Watches of the pods of one namespace, as the API server counts them. */
async function podWatches(): Promise<number> {
  const { body } = await scene.cluster.client.raw<string>('GET', '/metrics', { accept: 'text/plain' });
  return [...body.matchAll(/^apiserver_longrunning_requests\{([^}]*)\} (\d+)/gm)]
    .filter(([, labels = '']) =>
      ['resource="pods"', 'scope="namespace"', 'verb="WATCH"'].every((one) => labels.includes(one)),
    ) // prettier-ignore
    .reduce((sum, [, , count]) => sum + Number(count), 0);
}

describe('terminations', () => {
  it('are told by the CLI and counted by the operator, which warns on the workload of a kill', async () => {
    for (const outcome of ['Finished', 'Killed', 'HookFailed', 'Forced', 'Unknown']) {
      expect(await counted(outcome)).toBe(0);
    }
    await ends('checkout-5d9f7c-aaaaa', { server: 0, proxy: 0, after: 12 });
    await ends('checkout-5d9f7c-bbbbb', { server: 137, proxy: 0, after: 30 });
    await ends('checkout-5d9f7c-ccccc', { server: 0, proxy: 0, after: 9 }, 30, true);
    const mark = scene.cluster.audit.mark();

    const { code, out } = await verify(['-o', 'json']);

    const told = JSON.parse(out) as {
      terminations: { pod: string; outcome: string; took: number; forecast: { differences: string[] } }[];
      summary: object;
      advice: { code: string }[];
    };
    expect(code).toBe(1);
    expect(told.terminations.map(({ pod, outcome }) => `${pod.slice(-5)} ${outcome}`).sort()).toEqual([
      'aaaaa Finished',
      'bbbbb Killed',
      'ccccc HookFailed',
    ]);
    expect(told.terminations.map(({ forecast }) => forecast.differences)).toEqual([[], [], []]);
    expect(told.summary).toMatchObject({ count: 3, outcomes: { Killed: 1 }, forecast: { compared: 3, agree: 3 } });
    expect(told.advice.map((each) => each.code)).toEqual(['LookCloser', 'RepairHook']);
    expect(scene.cluster.audit.writes({ since: mark, user: 'admin', namespace })).toEqual([]);

    for (const name of ['aaaaa', 'bbbbb', 'ccccc']) {
      await remove(`checkout-5d9f7c-${name}`);
    }
    await eventually(
      async () =>
        (await counted('Finished')) === 1 && (await counted('Killed')) === 1 && (await counted('HookFailed')) === 1,
      'all three are counted',
    );
    const metrics = await scene.operator.metrics();
    expect(metrics).toMatch(/^sidecar_drain_termination_duration_seconds_count 3$/m);
    expect(metrics).toMatch(/^sidecar_drain_termination_duration_seconds_bucket\{le="10"\} 1$/m);
    await eventually(
      async () =>
        (await scene.events(namespace)).some(
          ({ reason, type, involvedObject }) =>
            reason === 'PodKilled' && type === 'Warning' && involvedObject.name === 'checkout',
        ),
      'the kill is told',
    );
    const { status } = await scene.settled('endings', ({ attention = [] }) => attention.length > 0);
    expect(status?.attention).toEqual([
      expect.objectContaining({
        name: 'checkout',
        reason: 'PodsKilled',
        message: expect.stringMatching(/^1 pod still ran when the grace period was over and got SIGKILL\. /),
      }),
    ]);
    expect(status?.workloads).toMatchObject({ matched: 1, compliant: 1 });
    expect(metrics).toMatch(/^sidecar_drain_forecasts_total\{policy="endings",result="agrees"\} 3$/m);
    expect(metrics).toMatch(/^sidecar_drain_forecasts_total\{policy="endings",result="differs"\} 0$/m);
  });

  it('are seen whole by --watch', async () => {
    const before = await podWatches();
    const watching = verify(['--watch', '3m', '--require', '1', '-o', 'json'], (text) => {
      if (text.includes('checkout-5d9f7c-ddddd')) {
        // As by Ctrl-C.
        process.emit('SIGINT');
      }
    });
    await eventually(async () => (await podWatches()) > before, 'it watches');
    await ends('checkout-5d9f7c-ddddd', { server: 0, proxy: 0, after: 3 });
    await remove('checkout-5d9f7c-ddddd');

    const { code, out, err } = await watching;

    expect(JSON.parse(out)).toMatchObject({
      passed: true,
      summary: { count: 1, took: { seen: 1 }, outcomes: { Finished: 1 } },
      advice: [{ code: 'NothingToDo' }],
    });
    expect(err).toContain('checkout-5d9f7c-ddddd');
    expect(code).toBe(0);
  });

  it('say plainly where nothing is left to see', async () => {
    const { code, out } = await verify(['--last', '1s', '--require', '2']);

    expect(code).toBe(1);
    expect(out).toContain('none was seen');
    expect(out).toContain('too few: 0 seen to the end, --require 2');
    expect(out).toContain('leaves nothing but its Events');
  });
});
