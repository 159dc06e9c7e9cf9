// Kinds of workloads beside Deployments: what is written into each is restored to the byte, and what cannot be written is
// said. The definitions of the custom resources are typed out; nobody runs their controllers here, so nothing of them rolls.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { objectKind } from '../../src/drain/model/workload.ts';
import { projectRoot } from '../support/control-plane/index.ts';
import { fixed, startScene, type KubeObject, type Scene } from '../support/scene.ts';

jest.setTimeout(180_000);

type Json = any; // eslint-disable-line @typescript-eslint/no-explicit-any

interface Sample {
  /** As a policy names it. */
  readonly kind: string;
  readonly apiVersion: string;
  readonly plural: string;
  readonly path: readonly string[];
  /** The manifest's spec around the template; with no replicas, so that a rollout is over at once. */
  readonly spec: (template: object) => object;
  /** What the controller of the kind would say of no replicas. */
  readonly status?: (generation: number) => object;
}

const SELECTOR = { matchLabels: { app: 'x' } };
const replicated = (template: object): object => ({ replicas: 0, selector: SELECTOR, template });
const AT_TEMPLATE = ['spec', 'template'];
const JOB_TEMPLATE = { metadata: { labels: { app: 'x' } } };

const SAMPLES: readonly Sample[] = [
  { kind: 'Deployment', apiVersion: 'apps/v1', plural: 'deployments', path: AT_TEMPLATE, spec: replicated },
  {
    kind: 'StatefulSet',
    apiVersion: 'apps/v1',
    plural: 'statefulsets',
    path: AT_TEMPLATE,
    spec: (template) => ({ ...replicated(template), serviceName: 'x' }),
  },
  {
    kind: 'DaemonSet',
    apiVersion: 'apps/v1',
    plural: 'daemonsets',
    path: AT_TEMPLATE,
    spec: (template) => ({ selector: SELECTOR, template }),
  },
  {
    kind: 'CronJob',
    apiVersion: 'batch/v1',
    plural: 'cronjobs',
    path: ['spec', 'jobTemplate', 'spec', 'template'],
    spec: (template) => ({ schedule: '0 0 1 1 *', jobTemplate: { ...JOB_TEMPLATE, spec: { template } } }),
  },
  {
    kind: 'Rollout',
    apiVersion: 'argoproj.io/v1alpha1',
    plural: 'rollouts',
    path: AT_TEMPLATE,
    spec: (template) => ({ ...replicated(template), strategy: { canary: {} } }),
    status: (generation) => ({
      observedGeneration: String(generation),
      phase: 'Healthy',
      stableRS: 'a',
      currentPodHash: 'a',
    }),
  },
  {
    kind: 'CloneSet',
    apiVersion: 'apps.kruise.io/v1alpha1',
    plural: 'clonesets',
    path: AT_TEMPLATE,
    spec: replicated,
    status: (generation) => ({
      observedGeneration: generation,
      replicas: 0,
      readyReplicas: 0,
      updatedReplicas: 0,
      updatedReadyReplicas: 0,
    }),
  },
  {
    kind: 'StatefulSet.apps.kruise.io',
    apiVersion: 'apps.kruise.io/v1beta1',
    plural: 'statefulsets',
    path: AT_TEMPLATE,
    spec: replicated,
    status: (generation) => ({ observedGeneration: generation, replicas: 0, readyReplicas: 0, updatedReplicas: 0 }),
  },
  {
    kind: 'DaemonSet.apps.kruise.io',
    apiVersion: 'apps.kruise.io/v1alpha1',
    plural: 'daemonsets',
    path: AT_TEMPLATE,
    spec: (template) => ({ selector: SELECTOR, template }),
    status: (generation) => ({
      observedGeneration: generation,
      currentNumberScheduled: 0,
      desiredNumberScheduled: 0,
      numberAvailable: 0,
      updatedNumberScheduled: 0,
    }),
  },
  {
    kind: 'GameServer',
    apiVersion: 'apps.example.com/v1',
    plural: 'gameservers',
    path: ['spec', 'pods'],
    spec: (template) => ({ pods: template }),
  },
];
const WRITTEN = SAMPLES.map(({ kind }) => kind);

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false' }, operator: false });
  await boundGameServers();
  const extra = {
    apiGroups: ['apps.example.com'],
    resources: ['gameservers'],
    verbs: ['get', 'list', 'watch', 'patch'],
  };
  await scene.cluster.create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'gameservers' },
    rules: [extra],
  });
  await scene.cluster.create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'gameservers' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'gameservers' },
    subjects: [{ kind: 'ServiceAccount', name: 'sidecar-drain-operator', namespace: 'sidecar-drain-system' }],
  });
  await start();
});
afterAll(async () => {
  await scene.stop();
});

/** Where its template stands, for the bounds of what the operator writes. */
async function boundGameServers(): Promise<void> {
  const value = '{"gameservers.apps.example.com": "pods"}';
  await scene.cluster.client.call(
    'PATCH',
    '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/sidecar-drain-operator-workloads',
    {
      contentType: 'application/json-patch+json',
      body: [{ op: 'replace', path: '/spec/variables/0/expression', value }],
    },
  );
}

async function start(): Promise<void> {
  await scene.start({
    args: ['--workload-kind', 'apps.example.com/v1/gameservers:GameServer=spec.pods', '--proxy-image', 'with-shell'],
  });
}

async function installKinds(): Promise<void> {
  for (const name of ['rollout', 'cloneset', 'kruise-statefulset', 'kruise-daemonset', 'gameserver']) {
    const input = await readFile(join(projectRoot(), `test/fixtures/kinds/${name}-crd.yaml`), 'utf8');
    await scene.cluster.kubectlOk(['apply', '-f', '-'], { input });
  }
  await scene.cluster.crdsEstablished();
}

function pathOf({ apiVersion, plural }: Sample, namespace: string, name: string): string {
  return `/apis/${apiVersion}/namespaces/${namespace}/${plural}/${name}`;
}

function sampleOf(kind: string): Sample {
  return SAMPLES.find((sample) => sample.kind === kind)!;
}

async function create(sample: Sample, namespace: string, name: string, template: object): Promise<void> {
  await scene.cluster.create({
    apiVersion: sample.apiVersion,
    kind: objectKind(sample.kind),
    metadata: { name, namespace },
    spec: sample.spec(template),
  });
  await follow(sample, namespace, name);
}

/** What the controllers would do that nobody runs here. */
async function follow(sample: Sample, namespace: string, name: string): Promise<void> {
  if (sample.status !== undefined) {
    const { metadata } = await get(sample, namespace, name);
    await scene.cluster.client.call('PATCH', `${pathOf(sample, namespace, name)}/status`, {
      contentType: 'application/merge-patch+json',
      body: { status: sample.status(metadata.generation) },
    });
  }
}

async function get(sample: Sample, namespace: string, name: string): Promise<Json> {
  return await scene.cluster.client.call<Json>('GET', pathOf(sample, namespace, name));
}

function templateOf(sample: Sample, object: Json): Json {
  return sample.path.reduce<Json>((value, key) => value?.[key], object);
}

function container(image = 'registry.example/app:1'): object {
  return { name: 'app', image };
}

const JOB_PODS = { restartPolicy: 'Never' };

function templates(kind: string): Record<string, object> {
  const pods = kind === 'CronJob' ? JOB_PODS : {};
  const labels = { labels: { app: 'x' } };
  return {
    plain: { metadata: labels, spec: { ...pods, containers: [container()] } },
    edited: { metadata: { ...labels, annotations: { team: 'shop' } }, spec: { ...pods, containers: [container()] } },
    // Only where there is no selector may a template be without labels.
    ...(kind === 'CronJob' || kind === 'GameServer' ? { bare: { spec: { ...pods, containers: [container()] } } } : {}),
    ...(kind === 'GameServer'
      ? {
          empty: {
            metadata: { annotations: {} },
            spec: { containers: [container()], terminationGracePeriodSeconds: 30 },
          },
        }
      : {}),
  };
}

const NAMES = ['plain', 'edited', 'bare', 'empty'];
const STATE = 'sidecardrain.io/state';

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > deadline) {
      throw new Error(
        `in vain: ${what}\n${scene.operator.lines
          .slice(-8)
          .map((line) => JSON.stringify(line))
          .join('\n')}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

interface Kept {
  sample: Sample;
  name: string;
  before: Json;
}

describe('three edits and a deletion', () => {
  const kept: Kept[] = [];
  let namespace: string;
  const graces: Record<string, number[]> = {};

  beforeAll(async () => {
    namespace = await scene.meshed('kinds');
    // Named before they are there: they are picked up when they appear.
    await scene.createPolicy(
      'kinds',
      fixed(namespace, {
        match: {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          kinds: WRITTEN,
          names: NAMES,
        },
        drain: { mode: 'Fixed', duration: '60s' },
      }),
    );
    const early = await scene.settled(
      'kinds',
      ({ conditions }) =>
        conditions?.some(({ type, message }) => type === 'Ready' && message.includes('kind Rollout')) === true,
    );
    expect(early.status?.conditions?.find(({ type }) => type === 'Stalled')?.status).toBe('False');
    await scene.patchPolicy('kinds', { suspend: true });
    await installKinds();
    for (const sample of SAMPLES) {
      for (const [name, template] of Object.entries(templates(sample.kind))) {
        await create(sample, namespace, name, template);
        kept.push({ sample, name, before: await get(sample, namespace, name) });
      }
    }
    await scene.settled('kinds', ({ workloads }) => workloads?.matched === kept.length);
    for (const duration of ['60s', '90s', '120s', '45s']) {
      await scene.patchPolicy('kinds', { suspend: false, drain: { mode: 'Fixed', duration } });
      const grace = Number.parseInt(duration) + 10;
      await until(`grace ${grace} everywhere`, async () => {
        const objects = await Promise.all(
          kept.map(async ({ sample, name }) => templateOf(sample, await get(sample, namespace, name))),
        );
        return objects.every((template) => template.spec.terminationGracePeriodSeconds === grace);
      });
      await Promise.all(kept.map(({ sample, name }) => follow(sample, namespace, name)));
      for (const { sample, name } of kept) {
        const template = templateOf(sample, await get(sample, namespace, name));
        (graces[`${sample.kind}/${name}`] ??= []).push(template.spec.terminationGracePeriodSeconds as number);
      }
      await scene.compliant('kinds', kept.length);
      if (duration === '90s') {
        for (const { sample } of kept.filter(({ name }) => name === 'edited')) {
          const body = sample.path.reduceRight<object>((inner, key) => ({ [key]: inner }), {
            spec: {
              containers: [
                {
                  ...templateOf(sample, await get(sample, namespace, 'edited')).spec.containers[0],
                  image: 'registry.example/app:2',
                },
              ],
            },
          });
          await scene.cluster.client.call('PATCH', `${pathOf(sample, namespace, 'edited')}?fieldManager=kubectl-edit`, {
            contentType: 'application/merge-patch+json',
            body,
          });
          await follow(sample, namespace, 'edited');
        }
      }
    }
    await scene.deletePolicy('kinds');
    await scene.gone('kinds');
    await until('everything restored', async () => {
      const objects = await Promise.all(kept.map(({ sample, name }) => get(sample, namespace, name)));
      return objects.every((object) => object.metadata.annotations?.[STATE] === undefined);
    });
  });

  it.each(WRITTEN)('leave a %s as it was, to the byte', async (kind) => {
    const mine = kept.filter(({ sample }) => sample.kind === kind);
    expect(mine.length).toBeGreaterThanOrEqual(2);
    for (const { sample, name, before } of mine) {
      const after = await get(sample, namespace, name);
      const expected = JSON.stringify(templateOf(sample, before));
      expect(JSON.stringify(templateOf(sample, after))).toBe(
        name === 'edited' ? expected.replace('registry.example/app:1', 'registry.example/app:2') : expected,
      );
      expect(graces[`${kind}/${name}`]).toEqual([70, 100, 130, 55]);
      expect(
        ((after.metadata.managedFields as { manager: string }[] | undefined) ?? []).map(({ manager }) => manager),
      ).not.toContain('sidecar-drain-operator');
    }
  });
});

describe('a hook', () => {
  const hook = { mode: 'Combined', duration: '20s', maxWait: '60s', strategy: 'PreStopHook' };

  it('is added to a list of containers by name, and not to one that is a single value', async () => {
    const namespace = await scene.meshed('hooks');
    const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [container()] } };
    await create(sampleOf('Rollout'), namespace, 'canary', template);
    await create(sampleOf('CloneSet'), namespace, 'clones', template);
    const before = await get(sampleOf('Rollout'), namespace, 'canary');

    await scene.createPolicy(
      'hooks',
      fixed(namespace, {
        match: {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          kinds: ['Rollout', 'CloneSet'],
        },
        drain: hook,
      }),
    );
    const { status } = await scene.settled(
      'hooks',
      ({ workloads }) => workloads?.failed === 1 && (workloads.compliant ?? 0) + (workloads.updating ?? 0) === 1,
    );

    expect(status?.attention).toMatchObject([{ kind: 'CloneSet', name: 'clones', reason: 'ContainersNotMergeable' }]);
    expect(
      (
        templateOf(sampleOf('Rollout'), await get(sampleOf('Rollout'), namespace, 'canary')).spec.containers as {
          name: string;
        }[]
      ).map(({ name }) => name),
    ).toEqual(['app', 'istio-proxy']);
    expect(templateOf(sampleOf('CloneSet'), await get(sampleOf('CloneSet'), namespace, 'clones'))).toEqual(template);
    await scene.deletePolicy('hooks');
    await scene.gone('hooks');
    await until(
      'restored',
      async () => (await get(sampleOf('Rollout'), namespace, 'canary')).metadata.annotations?.[STATE] === undefined,
    );
    expect(JSON.stringify((await get(sampleOf('Rollout'), namespace, 'canary')).spec)).toBe(
      JSON.stringify(before.spec),
    );
  });
});

describe('kinds that are reported', () => {
  it('are counted where nobody owns them, and never written', async () => {
    const namespace = await scene.meshed('reported');
    const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [container()] } };
    await scene.cluster.create({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: 'alone', namespace },
      spec: replicated(template),
    });
    await scene.cluster.create({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'once', namespace },
      spec: { suspend: true, template: { spec: { ...JOB_PODS, containers: [container()] } } },
    });
    await create(sampleOf('Deployment'), namespace, 'owner', template);
    const mark = scene.mark();

    await scene.createPolicy(
      'reported',
      fixed(namespace, {
        match: {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          kinds: ['ReplicaSet', 'Job'],
        },
      }),
    );
    const { status } = await scene.settled('reported', ({ workloads }) => workloads?.failed === 2);

    expect(status?.workloads?.matched).toBe(2);
    expect(status?.attention?.map(({ kind, name, reason }) => `${kind}/${name} ${reason}`)).toEqual([
      'Job/once TemplateImmutable',
      'ReplicaSet/alone TemplateNotRolled',
    ]);
    expect(scene.everyWrite({ since: mark, namespace })).toEqual([]);
    await scene.patchPolicy('reported', { match: { kinds: ['Deployment'] } });
    await scene.settled('reported', ({ workloads }) => workloads?.matched === 1 && workloads.failed === 0);
  });

  it('a kind that nobody knows stalls the policy', async () => {
    const namespace = await scene.meshed('unknown');
    await scene.createPolicy(
      'unknown',
      fixed(namespace, {
        match: {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          kinds: ['Deployment', 'Spaceship'],
        },
      }),
    );
    const { status } = await scene.settled(
      'unknown',
      ({ conditions }) => conditions?.some(({ type, status: is }) => type === 'Stalled' && is === 'True') === true,
    );
    expect(status?.conditions?.find(({ type }) => type === 'Stalled')).toMatchObject({
      reason: 'KindUnknown',
      message: expect.stringContaining('Spaceship'),
    });
  });
});

it('finds what it has written after a restart, though no policy names the kind any more', async () => {
  const namespace = await scene.meshed('restart');
  const sample = sampleOf('CronJob');
  await create(sample, namespace, 'nightly', templates('CronJob').plain!);
  const before = await get(sample, namespace, 'nightly');
  await scene.createPolicy(
    'restart',
    fixed(namespace, {
      match: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } }, kinds: ['CronJob'] },
    }),
  );
  await scene.compliant('restart', 1);
  expect(((await get(sample, namespace, 'nightly')) as KubeObject).metadata.annotations?.[STATE]).toBeDefined();
  await scene.operator.kill();
  await scene.patchPolicy('restart', { match: { kinds: ['Deployment'] } });

  await start();

  await until(
    'restored',
    async () => (await get(sample, namespace, 'nightly')).metadata.annotations?.[STATE] === undefined,
  );
  expect(JSON.stringify((await get(sample, namespace, 'nightly')).spec)).toBe(JSON.stringify(before.spec));
});
