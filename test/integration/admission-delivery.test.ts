// What the admission webhook puts into workloads and pods on a real API server, with every way in which manifests get there.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  admissionArguments,
  CONFIGURATION_PATH,
  installAdmission,
  type ConfigurationObject,
} from '../support/admission.ts';
import { startRecorder, type InjectorRecorder, type RecordedPod } from '../support/injector-recorder.ts';
import {
  deployment,
  eventually,
  fixed,
  startScene,
  staysSo,
  workloadPath,
  type KubeObject,
  type Scene,
  type WorkloadObject,
} from '../support/scene.ts';

jest.setTimeout(180_000);

const CONFIG = 'proxy.istio.io/config';
const STATE = 'sidecardrain.io/state';
const DELIVERED = 'sidecardrain.io/delivered';

let scene: Scene;
let recorder: InjectorRecorder;
let args: readonly string[];
beforeAll(async () => {
  scene = await startScene({ operator: false });
  await installAdmission(scene.cluster);
  recorder = await startRecorder(scene.cluster);
  ({ args } = await admissionArguments());
  await scene.start({ args });
});
afterAll(async () => {
  await recorder.stop();
  await scene.stop();
});

function riding(namespace: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return fixed(namespace, { rollout: { strategy: 'OnNextRollout' }, ...more });
}

function toPods(namespace: string): Record<string, unknown> {
  return fixed(namespace, { delivery: 'Admission', rollout: undefined });
}

/** Waits until the API server asks the webhook about this namespace: it learns of a configuration with a delay of its own. */
async function asked(namespace: string, resource: string, label = namespace): Promise<void> {
  await scene.cluster.waitFor<ConfigurationObject>(CONFIGURATION_PATH, ({ webhooks = [] }) =>
    webhooks.some(
      ({ rules, namespaceSelector, clientConfig }) =>
        clientConfig.caBundle !== undefined &&
        rules.some(({ resources }) => resources.includes(resource)) &&
        namespaceSelector.matchExpressions.some(
          ({ operator, values }) => operator === 'In' && values?.includes(label) === true,
        ),
    ),
  );
  const probe =
    resource === 'pods'
      ? {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'probe', namespace },
          spec: { containers: [{ name: 'probe', image: 'probe:1' }] },
        }
      : deployment(namespace, 'probe', { replicas: 0 });
  const path = await scene.cluster.pathOf({
    apiVersion: resource === 'pods' ? 'v1' : 'apps/v1',
    kind: resource === 'pods' ? 'Pod' : 'Deployment',
    metadata: { namespace },
  });
  // Nothing is delivered to a pod without a workload: that the webhook was asked shows in its count, to which others add.
  let asked = 0;
  await eventually(async () => {
    const before = resource === 'pods' ? await requestsForPods() : 0;
    const { metadata } = await scene.cluster.client.call('POST', `${path}?dryRun=All`, { body: probe });
    if (resource !== 'pods') {
      return metadata.annotations?.[STATE] !== undefined;
    }
    asked = (await requestsForPods()) > before ? asked + 1 : 0;
    return asked === 3;
  }, `the webhook answers about ${resource} of ${namespace}`);
}

async function requestsForPods(): Promise<number> {
  const lines = (await scene.operator.metrics())
    .split('\n')
    .filter((line) => line.startsWith('sidecar_drain_admission_requests_total{kind="Pod"'));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

async function replicaSets(namespace: string, name: string): Promise<readonly WorkloadObject[]> {
  const { items } = await scene.cluster.client.call<{ items: WorkloadObject[] }>(
    'GET',
    `/apis/apps/v1/namespaces/${namespace}/replicasets?labelSelector=app=${name}`,
  );
  return items;
}

function graceOf({ spec }: WorkloadObject): number {
  return spec.template.spec.terminationGracePeriodSeconds;
}

function without(object: WorkloadObject): unknown {
  const annotations = Object.entries(object.metadata.annotations ?? {}).filter(
    ([key]) => key !== 'deployment.kubernetes.io/revision',
  );
  return { annotations, spec: object.spec };
}

const image = (text: string): object => ({
  containers: [{ name: 'app', image: text, ports: [{ containerPort: 8080 }] }],
});

interface Way {
  readonly how: string;
  readonly put: (namespace: string, image: string, first: boolean) => Promise<unknown>;
}

const ways: readonly Way[] = [
  {
    how: 'kubectl apply',
    put: async (namespace, text) =>
      await scene.cluster.kubectlApply(JSON.stringify(deployment(namespace, 'web', image(text)))),
  },
  {
    how: 'kubectl apply --server-side',
    put: async (namespace, text) =>
      await scene.cluster.kubectlOk(['apply', '--server-side', '-f', '-'], {
        input: JSON.stringify(deployment(namespace, 'web', image(text))),
      }),
  },
  {
    how: 'a three-way patch, as Helm sends',
    put: async (namespace, text, first) =>
      first
        ? await scene.cluster.client.call(
            'POST',
            `/apis/apps/v1/namespaces/${namespace}/deployments?fieldManager=helm`,
            { body: deployment(namespace, 'web', image(text)) },
          )
        : await scene.cluster.client.call('PATCH', `${workloadPath(namespace, 'web')}?fieldManager=helm`, {
            contentType: 'application/strategic-merge-patch+json',
            body: { spec: { template: { spec: { containers: [{ name: 'app', image: text }] } } } },
          }),
  },
  {
    how: 'PUT of the whole manifest',
    put: async (namespace, text, first) =>
      first
        ? await scene.cluster.create(deployment(namespace, 'web', image(text)))
        : await scene.cluster.client.call('PUT', `${workloadPath(namespace, 'web')}?fieldManager=deployer`, {
            body: deployment(namespace, 'web', image(text)),
          }),
  },
];

/** One policy for all of them: namespaces come under it, and go, by their label. */
async function label(namespace: string, value: string | null): Promise<void> {
  await scene.cluster.client.call('PATCH', `/api/v1/namespaces/${namespace}`, {
    contentType: 'application/merge-patch+json',
    body: { metadata: { labels: { ride: value } } },
  });
}

describe('an application', () => {
  it.each(ways)(
    'deployed by $how restarts for nobody but itself, has the settings from its next rollout on, and gets back what it had',
    async ({ put }) => {
      const namespace = await scene.meshed('ride');
      // Each its own policy: what one restores counts for an hour, and four of them would be a mass withdrawal.
      const name = namespace;
      await scene.createPolicy(name, {
        ...riding('any'),
        match: { namespaceSelector: { matchLabels: { ride: name } } },
      });
      await put(namespace, 'app:1', true);
      await scene.rolledOut(namespace, 'web');
      const mark = scene.mark();
      await label(namespace, name);
      const waiting = await scene.settled(name, ({ workloads }) => workloads?.pending === 1);
      await asked(namespace, 'deployments', name);

      expect(await replicaSets(namespace, 'web')).toHaveLength(1);
      expect(scene.writes({ since: mark, namespace })).toEqual([]);
      expect(waiting.status?.conditions).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ type: 'Ready', status: 'True' }),
          expect.objectContaining({ type: 'Reconciling', status: 'False', reason: 'RidesAlong' }),
        ]),
      );

      await put(namespace, 'app:2', false);
      await scene.rolledOut(namespace, 'web');
      await scene.compliant(name, 1);
      const deployed = await scene.workload(namespace, 'web');

      expect(graceOf(deployed)).toBe(40);
      expect(deployed.spec.template.metadata?.annotations?.[CONFIG]).toContain('terminationDrainDuration: 35s');
      expect((await replicaSets(namespace, 'web')).map(graceOf).sort()).toEqual([30, 40]);

      // The same again changes nothing, whatever it leaves out.
      await put(namespace, 'app:2', false);
      expect(await replicaSets(namespace, 'web')).toHaveLength(2);
      expect(graceOf(await scene.workload(namespace, 'web'))).toBe(40);
      expect(scene.writes({ since: mark, namespace })).toEqual([]);

      await label(namespace, null);
      const back = await scene.untilWorkload(
        namespace,
        'web',
        ({ metadata }) => metadata.annotations?.[STATE] === undefined,
      );
      await scene.deletePolicy(name);
      const untouched = await scene.meshed('plain');
      await put(untouched, 'app:1', true);
      await put(untouched, 'app:2', false);
      const never = await scene.workload(untouched, 'web');
      expect(JSON.stringify(without(back)).replaceAll(namespace, '')).toBe(
        JSON.stringify(without(never)).replaceAll(untouched, ''),
      );
    },
  );
});

describe('application: Delay', () => {
  const hook = { preStop: { exec: { command: ['/bin/sh', '-c', 'sleep 3'] } } };
  const withHook = (text: string): object => ({
    containers: [{ name: 'app', image: text, ports: [{ containerPort: 8080 }], lifecycle: hook }],
  });
  /** The owner adds a hook of their own, as each tool sends it. */
  const additions: Readonly<Record<string, (namespace: string) => Promise<unknown>>> = {
    'kubectl apply': async (namespace) =>
      await scene.cluster.kubectlApply(JSON.stringify(deployment(namespace, 'web', withHook('app:1')))),
    'kubectl apply --server-side': async (namespace) =>
      await scene.cluster.kubectlOk(['apply', '--server-side', '-f', '-'], {
        input: JSON.stringify(deployment(namespace, 'web', withHook('app:1'))),
      }),
    'a three-way patch, as Helm sends': async (namespace) =>
      await scene.cluster.client.call('PATCH', `${workloadPath(namespace, 'web')}?fieldManager=helm`, {
        contentType: 'application/strategic-merge-patch+json',
        body: { spec: { template: { spec: { containers: [{ name: 'app', lifecycle: hook }] } } } },
      }),
    'PUT of the whole manifest': async (namespace) =>
      await scene.cluster.client.call('PUT', `${workloadPath(namespace, 'web')}?fieldManager=deployer`, {
        body: deployment(namespace, 'web', withHook('app:1')),
      }),
  };

  it.each(ways)(
    "is in the pods of $how, and its owner's own hook goes in without a word and wins",
    async ({ how, put }) => {
      const namespace = await scene.meshed('late');
      await scene.createPolicy(namespace, {
        ...toPods(namespace),
        drain: { mode: 'Fixed', duration: '30s', endpointDelay: '6s', application: 'Delay' },
      });
      await asked(namespace, 'pods');
      await put(namespace, 'app:1', true);
      await scene.rolledOut(namespace, 'web');
      const hooks = (): unknown[] =>
        recorder.pods
          .filter(({ metadata }) => metadata.namespace === namespace && metadata.generateName !== undefined)
          .map(({ spec }) => (spec.containers[0] as { lifecycle?: unknown }).lifecycle);

      expect(hooks()).toEqual([{ preStop: { sleep: { seconds: 6 } } }]);
      expect((await scene.workload(namespace, 'web')).spec.template.spec.containers[0]).not.toHaveProperty('lifecycle');

      await additions[how]?.(namespace);
      await scene.rolledOut(namespace, 'web');

      expect(hooks()[1]).toEqual(hook);
      expect((await scene.workload(namespace, 'web')).spec.template.spec.containers[0]?.lifecycle).toEqual(hook);
      await scene.deletePolicy(namespace);
    },
  );
});

describe('a hook of ours on istio-proxy', () => {
  const theirs = { name: 'istio-proxy', image: 'auto', lifecycle: { preStop: { sleep: { seconds: 7 } } } };
  const stated = (namespace: string, name: string, containers: readonly object[]): object =>
    deployment(namespace, name, {
      containers: [{ name: 'app', image: 'app:1', ports: [{ containerPort: 8080 }] }, ...containers],
      replicas: 0,
    });
  const apply = async (object: object, ...flags: string[]): Promise<string> =>
    await scene.cluster.kubectlOk(['apply', '-f', '-', ...flags], { input: JSON.stringify(object) });

  it('gives way to one of another type that its owner adds, by every writer', async () => {
    const namespace = await scene.meshed('gives-way');
    await scene.createPolicy('gives-way', {
      ...riding(namespace),
      drain: { mode: 'Adaptive', maxWait: '20s', strategy: 'PreStopHook' },
    });
    await asked(namespace, 'deployments');
    await apply(stated(namespace, 'client', []));
    await apply(stated(namespace, 'server', []), '--server-side');
    await scene.cluster.create(stated(namespace, 'helm', []));
    const hooks = async (): Promise<unknown[]> =>
      await Promise.all(
        ['client', 'server', 'helm'].map(
          async (name) => (await scene.workload(namespace, name)).spec.template.spec.containers[1]?.lifecycle?.preStop,
        ),
      );
    const ours = await hooks();

    await apply(stated(namespace, 'client', [theirs]));
    await apply(stated(namespace, 'server', [theirs]), '--server-side');
    await scene.cluster.client.call('PATCH', `${workloadPath(namespace, 'helm')}?fieldManager=helm`, {
      contentType: 'application/strategic-merge-patch+json',
      body: { spec: { template: { spec: { containers: [theirs] } } } },
    });

    expect(ours).toEqual(Array(3).fill({ exec: expect.anything() }));
    expect(await hooks()).toEqual(Array(3).fill(theirs.lifecycle.preStop));
    await scene.deletePolicy('gives-way');
  });
});

describe('a workload on its way in', () => {
  it('is right from its first ReplicaSet, under Waves too', async () => {
    const namespace = await scene.meshed('first');
    await scene.createPolicy('first', fixed(namespace, { rollout: { strategy: 'Waves' } }));
    await asked(namespace, 'deployments');
    const mark = scene.mark();

    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.compliant('first', 1);
    await scene.rolledOut(namespace, 'web');

    expect((await replicaSets(namespace, 'web')).map(graceOf)).toEqual([40]);
    expect(scene.writes({ since: mark, namespace })).toEqual([]);
  });

  it('keeps what its author declares, who is told', async () => {
    const namespace = await scene.meshed('told');
    await scene.createPolicy('told', riding(namespace));
    await asked(namespace, 'deployments');

    const { stderr } = await scene.cluster.kubectl(['apply', '--server-side', '-f', '-'], {
      input: JSON.stringify(deployment(namespace, 'web', { grace: 10 })),
    });

    expect(stderr).toMatch(
      /Warning: SidecarDrainPolicy told is not kept \(FieldConflict\): .*terminationGracePeriodSeconds is declared by kubectl; it would have to be 40/,
    );
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(10);
  });

  it('goes back by rollout undo, and is left so', async () => {
    const namespace = await scene.meshed('undo');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.rolledOut(namespace, 'web');
    await scene.createPolicy('undo', riding(namespace));
    await asked(namespace, 'deployments');
    await scene.patchWorkload(
      namespace,
      'web',
      { spec: { template: { metadata: { labels: { version: '2' } } } } },
      'deployer',
    );
    await scene.rolledOut(namespace, 'web');
    const between = graceOf(await scene.workload(namespace, 'web'));

    await scene.cluster.kubectlOk(['-n', namespace, 'rollout', 'undo', 'deployment/web']);
    await scene.rolledOut(namespace, 'web');

    expect([between, graceOf(await scene.workload(namespace, 'web'))]).toEqual([40, 30]);
    expect(await replicaSets(namespace, 'web')).toHaveLength(2);
  });
});

describe('delivery: Admission', () => {
  const recordedIn = (namespace: string): readonly RecordedPod[] =>
    recorder.pods.filter((pod) => pod.metadata.namespace === namespace);
  const livePods = async (namespace: string): Promise<readonly (KubeObject & RecordedPod)[]> =>
    (
      await scene.cluster.client.call<{ items: (KubeObject & RecordedPod)[] }>(
        'GET',
        `/api/v1/namespaces/${namespace}/pods`,
      )
    ).items.filter((pod) => pod.metadata.deletionTimestamp === undefined);

  it('gives each pod its settings before the injector sees it, and changes and restarts no workload', async () => {
    const namespace = await scene.meshed('pods');
    await scene.cluster.apply(
      deployment(namespace, 'old', { replicas: 2, annotations: { [CONFIG]: 'concurrency: 2\n' } }),
      { fieldManager: 'flux' },
    );
    await scene.rolledOut(namespace, 'old');
    const mark = scene.mark();
    await scene.createPolicy('pods', toPods(namespace));
    const older = await scene.settled('pods', ({ workloads }) => workloads?.pending === 1);
    await asked(namespace, 'pods');

    await scene.cluster.create(deployment(namespace, 'new'));
    await scene.settled('pods', ({ workloads }) => workloads?.compliant === 1 && workloads.pending === 1);

    const [given] = recordedIn(namespace).filter((pod) => pod.metadata.generateName?.startsWith('new-') === true);
    expect(given?.spec.terminationGracePeriodSeconds).toBe(40);
    expect(given?.metadata.annotations?.[CONFIG]).toContain('terminationDrainDuration: 35s');
    expect(given?.metadata.labels?.[DELIVERED]).toMatch(/^[0-9a-f]{8}$/);
    const unchanged = await scene.workload(namespace, 'new');
    expect([
      graceOf(unchanged),
      unchanged.spec.template.metadata?.annotations,
      unchanged.metadata.annotations?.[STATE],
    ]).toEqual([30, undefined, undefined]);
    expect(older.status?.conditions).toEqual(
      expect.arrayContaining([expect.objectContaining({ type: 'Reconciling', status: 'False', reason: 'RidesAlong' })]),
    );

    // One pod goes for a reason of its own; then the other.
    for (const left of [1, 0]) {
      const [pod] = (await livePods(namespace)).filter(
        ({ metadata }) => metadata.labels?.app === 'old' && metadata.labels[DELIVERED] === undefined,
      );
      await scene.cluster.client.call(
        'DELETE',
        `/api/v1/namespaces/${namespace}/pods/${pod?.metadata.name ?? ''}?gracePeriodSeconds=0`,
      );
      await scene.settled('pods', ({ workloads }) => workloads?.pending === (left === 0 ? 0 : 1));
    }
    await scene.compliant('pods', 2);

    const merged = recordedIn(namespace).filter(
      (pod) => pod.metadata.generateName?.startsWith('old-') === true && pod.metadata.labels?.[DELIVERED] !== undefined,
    );
    expect(merged.map((pod) => pod.metadata.annotations?.[CONFIG])).toEqual(
      Array.from({ length: 2 }, () => 'concurrency: 2\nterminationDrainDuration: 35s\n'),
    );
    expect(scene.writes({ since: mark, namespace })).toEqual([]);
    expect([(await replicaSets(namespace, 'old')).length, (await replicaSets(namespace, 'new')).length]).toEqual([
      1, 1,
    ]);
  });

  it('restores what stands in templates when a policy changes to it, and survives a restart of the operator without a write', async () => {
    const namespace = await scene.meshed('change');
    await scene.createPolicy('change', fixed(namespace));
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.compliant('change', 1);
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(40);

    await scene.cluster.client.call('PATCH', '/apis/sidecardrain.io/v1alpha1/sidecardrainpolicies/change', {
      contentType: 'application/merge-patch+json',
      body: { spec: { delivery: 'Admission', rollout: null } },
    });
    await asked(namespace, 'pods');
    await scene.untilWorkload(
      namespace,
      'web',
      (object) => graceOf(object) === 30 && object.metadata.annotations?.[STATE] === undefined,
    );
    await scene.rolledOut(namespace, 'web');
    await scene.compliant('change', 1);
    expect(
      (await livePods(namespace)).map((pod) => [
        pod.spec.terminationGracePeriodSeconds,
        pod.metadata.labels?.[DELIVERED] !== undefined,
      ]),
    ).toEqual([[40, true]]);

    // What was restored is not looked at again and again.
    const looks = async (): Promise<number> =>
      Number(
        /^controller_runtime_reconcile_total\{controller="workload",result="requeue_after"\} (\d+)$/m.exec(
          await scene.operator.metrics(),
        )?.[1] ?? '0',
      );
    await eventually(async () => (await staysSo(looks, 4_000)).length === 1, 'nothing is looked at for four seconds');

    const mark = scene.mark();
    await scene.operator.stop();
    await scene.start({ args });
    await eventually(
      () => scene.operator.lines.some(({ message }) => message.includes('caches are synced')),
      'the operator is back',
    );
    await scene.patchPolicy('change', { priority: 1 });
    await scene.compliant('change', 1);
    expect(scene.writes({ since: mark })).toEqual([]);
  });
});

describe('without the webhook', () => {
  it.each([
    ['rollout.strategy: OnNextRollout', riding],
    ['delivery: Admission', toPods],
  ] as const)('%s is stalled, with what to do', async (field, spec) => {
    const name = field.includes('delivery') ? 'off-pods' : 'off-ride';
    const namespace = await scene.meshed('off');
    await scene.operator.stop();
    await scene.start();
    await scene.cluster.create(deployment(namespace, 'web'));
    const mark = scene.mark();

    await scene.createPolicy(name, spec(namespace));
    const { status } = await scene.settled(
      name,
      ({ conditions }) => conditions?.some(({ type, status: is }) => type === 'Stalled' && is === 'True') === true,
    );

    expect(status?.conditions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          type: 'Stalled',
          reason: 'AdmissionRequired',
          message: expect.stringMatching(
            new RegExp(`^${field} works through the admission webhook, which does not serve .*--admission on`),
          ),
        }),
        expect.objectContaining({ type: 'Ready', status: 'False', reason: 'AdmissionRequired' }),
      ]),
    );
    expect(scene.writes({ since: mark, namespace })).toEqual([]);
  });
});
