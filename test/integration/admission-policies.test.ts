// Admission policies on the real API server: those that `render -o map` and `-o vap` print, and those of config/admission-policies, which
// read the policy with each request. Both write what the engine would have, and tell of what is left.
import { join } from 'node:path';
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import type { SidecarDrainPolicySpec } from '../../src/api/policy.ts';
import { mutatingAdmissionPolicies } from '../../src/cli/render/mutating.ts';
import { validatingAdmissionPolicies } from '../../src/cli/render/rules.ts';
import { admitPod } from '../../src/drain/admit/index.ts';
import { effectiveSettings } from '../../src/drain/mesh/settings.ts';
import { readPolicy } from '../../src/drain/plan/policies.ts';
import { projectTemplate } from '../../src/drain/template/project.ts';
import { meshOf, NAMESPACE, workloadOf } from '../fixtures/drain/objects.ts';
import { useCluster, type KubeObject } from '../support/cluster.ts';
import { projectRoot } from '../support/control-plane/index.ts';
import { installCrds } from '../support/crds.ts';
import { eventually } from '../support/scene.ts';
import { carriedOut } from '../unit/drain/admit/objects.ts';

jest.setTimeout(180_000);
const cluster = useCluster();
/** Where policies are printed, and where the API server reads them. */
let namespace: string;
let read: string;

type Spec = Omit<SidecarDrainPolicySpec, 'match'> & { readonly match?: Partial<SidecarDrainPolicySpec['match']> };

function object(name: string, { match, ...spec }: Spec, where = namespace): KubeObject {
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': where } };
  return {
    apiVersion: 'sidecardrain.io/v1alpha1',
    kind: 'SidecarDrainPolicy',
    metadata: { name, labels: { 'sidecardrain.io/admission-policy': 'enabled' } },
    spec: { enforcement: 'Enforce', match: { namespaceSelector, ...match }, ...spec },
  };
}

function policy(name: string, spec: Spec): ReturnType<typeof readPolicy> {
  return readPolicy(object(name, spec) as never);
}

async function apply(text: string): Promise<void> {
  for (const document of parseAllDocuments(text)) {
    await cluster.create(document.toJS() as KubeObject);
  }
}

const DRAIN = { mode: 'Fixed', duration: '30s', endpointDelay: '6s' } as const;
const delivery = 'Admission';
/** One policy each for the pods with its label `case`. */
const CASES: Readonly<Record<string, Spec>> = {
  fixed: { delivery, drain: DRAIN },
  adaptive: { delivery, drain: { mode: 'Adaptive', maxWait: '1m30s' }, gracePeriod: { margin: '7s' } },
  combined: {
    delivery,
    drain: { mode: 'Combined', duration: '20s', maxWait: '45s', endpointDelay: '3s' },
    match: {
      names: ['other-*', 'w?b'],
      workloadSelector: {
        matchExpressions: [
          { key: 'case', operator: 'In', values: ['combined'] },
          { key: 'case', operator: 'NotIn', values: ['fixed'] },
          { key: 'pod-template-hash', operator: 'Exists' },
          { key: 'none', operator: 'DoesNotExist' },
        ],
      },
    },
  },
  'not-raised': { delivery, drain: DRAIN, gracePeriod: { change: 'Never' } },
  'too-long': { delivery, drain: DRAIN, gracePeriod: { maximum: '50s' } },
  delay: { delivery, drain: { ...DRAIN, application: 'Delay' } },
  'no-delay': { delivery, drain: { ...DRAIN, endpointDelay: '0s', application: 'Delay' } },
};
/** Policies that are not carried out by the API server. */
const LEFT: Readonly<Record<string, Spec>> = {
  audit: { enforcement: 'Audit', delivery, drain: DRAIN },
  suspended: { suspend: true, delivery, drain: DRAIN },
  'not-approved': { drain: DRAIN, rollout: { approval: 'Required' } },
  revision: { delivery, drain: DRAIN, match: { revisions: ['stable'] } },
  gateway: { delivery, drain: DRAIN, match: { proxies: ['Gateway'] } },
  'daemon-set': { delivery, drain: DRAIN, match: { kinds: ['DaemonSet'] } },
  'other-name': { delivery, drain: DRAIN, match: { names: ['web?-*', 'a.b'] } },
  'other-label': {
    delivery,
    drain: DRAIN,
    match: {
      workloadSelector: {
        matchLabels: { case: 'other-label' },
        matchExpressions: [{ key: 'pod-template-hash', operator: 'DoesNotExist' }],
      },
    },
  },
};

/** The operator writes its workloads; new pods need not wait for that. */
const IN_WAVES: Spec = { drain: DRAIN, rollout: { strategy: 'Waves' } };

function only(name: string, spec: Spec): Spec {
  return { ...spec, match: { workloadSelector: { matchLabels: { case: name } }, ...spec.match } };
}

beforeAll(async () => {
  const labels = { 'istio-injection': 'enabled' };
  [namespace, read] = await Promise.all([
    cluster.namespace('admission-policies', labels),
    cluster.namespace('admission-policies', labels),
    installCrds(cluster),
  ]);
  const cases = Object.entries(CASES).map(([name, spec]) => only(name, spec));
  const policies = [
    ...cases.map((spec, index) => policy(`${namespace}-${index}`, spec)),
    policy('workloads-of-it', { drain: DRAIN }),
  ];
  await cluster.create(web({}, 'older'));
  await apply(mutatingAdmissionPolicies(policies));
  await apply(validatingAdmissionPolicies([policy('warned', { drain: { ...DRAIN, duration: '50s' } })]));
  for (const [name, spec] of Object.entries({ ...LEFT, 'in-waves': IN_WAVES, ...CASES })) {
    await cluster.create(object(`${read}-${name}`, only(name, spec), read));
  }
  // Not hooks.yaml: it would hold for the tests that share this API server.
  for (const file of ['mutating.yaml', 'validating.yaml']) {
    await cluster.kubectlOk(['apply', '-f', join(projectRoot(), 'config/admission-policies', file)]);
  }
  // The API server takes a moment to enforce a policy.
  const serving = { name: 'a', image: 'a:1' };
  await eventually(async () => {
    const { template, warnings: said } = await deployment({});
    return said !== '' && template.metadata.annotations?.['proxy.istio.io/config'] !== undefined;
  }, 'a Deployment is completed and warned of');
  await eventually(async () => (await warnings(bare('not-raised', [serving]))) !== '', 'a pod is warned of');
  for (const where of [namespace, read]) {
    for (const name of Object.keys(CASES).filter((each) => each !== 'not-raised')) {
      await eventually(async () => (await grace(name, [serving], where)) !== 30, `${name} is carried out in ${where}`);
    }
  }
});

interface Pod {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly terminationGracePeriodSeconds: number;
    readonly containers: readonly {
      readonly name: string;
      readonly lifecycle?: { preStop?: { sleep?: { seconds: number } } };
    }[];
  };
}

/** A pod as the ReplicaSet of Deployment web creates it. */
function bare(name: string, containers: readonly object[]): KubeObject & { spec: object } {
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-6d5f', uid: 'u-1', controller: true };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web-6d5f-x1', labels: { case: name, 'pod-template-hash': '6d5f' }, ownerReferences: [owner] },
    spec: { containers },
  };
}

/** What the API server says of a pod beside taking it. */
async function warnings(pod: KubeObject): Promise<string> {
  const { code, stderr } = await cluster.kubectl(['create', '-n', read, '--dry-run=server', '-f', '-'], {
    input: JSON.stringify(pod),
  });
  if (code !== 0) {
    throw new Error(stderr);
  }
  return stderr;
}

/** What a dry run makes of it. */
async function created(body: object, where = namespace): Promise<Pod> {
  return await cluster.client.call<Pod>('POST', `/api/v1/namespaces/${where}/pods?dryRun=All`, { body });
}

async function grace(name: string, containers: readonly object[], where: string): Promise<number> {
  return (await created(bare(name, containers), where)).spec.terminationGracePeriodSeconds;
}

/** Containers that have got a sleep of the policy's length. */
async function sleeps(containers: readonly object[], where: string): Promise<string[]> {
  return (await created(bare('delay', containers), where)).spec.containers
    .filter(({ lifecycle }) => lifecycle?.preStop?.sleep?.seconds === 6)
    .map(({ name }) => name);
}

/** Those that serve and have no preStop, by the engine. */
function late(containers: readonly object[]): string[] {
  const template = projectTemplate({ spec: { containers } });
  return effectiveSettings({ template, namespace: { name: namespace }, mesh: meshOf('classic') })
    .apps.filter(({ serves, preStop }) => serves && preStop === undefined)
    .map(({ name }) => name);
}

interface Written {
  readonly grace: number;
  readonly config?: string;
  readonly sleeps: readonly (number | undefined)[];
}

function written({ metadata, spec }: Pod): Written {
  return {
    grace: spec.terminationGracePeriodSeconds,
    config: metadata.annotations?.['proxy.istio.io/config'],
    sleeps: spec.containers.map(({ lifecycle }) => lifecycle?.preStop?.sleep?.seconds),
  };
}

/** What the operator's webhook makes of such a pod. */
function byTheEngine(name: string, containers: readonly object[], spec: Spec): Written {
  const pod = bare(name, containers);
  const raw = { ...pod, spec: { terminationGracePeriodSeconds: 30, ...pod.spec } };
  const facts = { namespace: NAMESPACE, mesh: meshOf('classic'), policies: [policy(name, anywhere(spec))] };
  const { patch } = admitPod({ pod: raw, workload: workloadOf(), facts: () => facts });
  return written(carriedOut(raw, patch) as Pod);
}

function anywhere(spec: Spec): Spec {
  return { ...spec, match: { namespaceSelector: {} } };
}

const PORT = { ports: [{ containerPort: 8080 }] };
const probe = (name: string, how: object): object => ({ [name]: how });
const OWN = { lifecycle: { preStop: { exec: { command: ['true'] } } } };

const APP = { name: 'c', image: 'c:1' };
const IMAGE = { template: { spec: { containers: [{ name: 'web', image: 'web:2' }] } } };
const SLEEPING = { lifecycle: { preStop: { sleep: { seconds: 20 } } } };

describe.each<[string, () => string]>([
  ['printed for a policy', () => namespace],
  ['that reads the policy', () => read],
])('a MutatingAdmissionPolicy %s', (_, where) => {
  it.each(
    Object.entries(CASES).flatMap(([name, spec]) =>
      [
        ['one container', {}],
        ['a port', PORT],
        ['a sleep of 20 s', SLEEPING],
      ].map(([what, parts]) => ({ name, spec, what, containers: [{ ...APP, ...(parts as object) }] })),
    ),
  )('writes what the webhook would: $name, $what', async ({ name, spec, containers }) => {
    expect(written(await created(bare(name, containers), where()))).toEqual(byTheEngine(name, containers, spec));
  });

  it.each<[string, readonly object[], number]>([
    ['ports', [PORT, {}], 1],
    ['no container that declares anything', [{}, {}], 2],
    ['a readiness probe over HTTP', [probe('readinessProbe', { httpGet: { port: 80 } }), {}], 1],
    ['a liveness probe over TCP', [{}, probe('livenessProbe', { tcpSocket: { port: 80 } })], 1],
    ['a startup probe by gRPC', [probe('startupProbe', { grpc: { port: 80 } }), {}], 1],
    ['a probe by exec, which serves nobody', [probe('readinessProbe', { exec: { command: ['true'] } }), PORT], 1],
    ['a hook of its own', [{ ...PORT, ...OWN }, {}], 0],
  ])('gives the sleep to the containers that serve by the engine: %s', async (_case, parts, count) => {
    const containers = parts.map((part, index) => ({ name: `c${index}`, image: 'c:1', ...part }));
    const wanted = late(containers);
    expect(wanted).toHaveLength(count);
    expect(await sleeps(containers, where())).toEqual(wanted);
  });

  it('completes the pods of a StatefulSet', async () => {
    expect(written(await created(ownedBy(bare('fixed', [APP]), 'apps/v1', 'StatefulSet'), where())).grace).toBe(41);
  });

  it.each<[string, (pod: ReturnType<typeof bare>) => object]>([
    ['of no workload', (pod) => ({ ...pod, metadata: { ...pod.metadata, ownerReferences: [] } })],
    ['of a Job', (pod) => ownedBy(pod, 'batch/v1', 'Job')],
    ['of another group', (pod) => ownedBy(pod, 'apps.kruise.io/v1beta1', 'StatefulSet')],
    ['of a ReplicaSet that stands alone', (pod) => withLabel(pod, 'pod-template-hash', 'other')],
    ['without a sidecar', (pod) => withLabel(pod, 'sidecar.istio.io/inject', 'false')],
    ['on the network of its host', (pod) => ({ ...pod, spec: { ...pod.spec, hostNetwork: true } })],
    ['that is exempt', (pod) => withAnnotation(pod, 'sidecardrain.io/exempt', 'a reason')],
    ['of a gateway', (pod) => withAnnotation(pod, 'inject.istio.io/templates', 'gateway')],
  ])('leaves a pod alone %s', async (_case, changed) => {
    const pod = await created(changed(bare('delay', [APP])), where());
    expect(written(pod)).toEqual({ grace: 30, config: undefined, sleeps: [undefined] });
  });
});

describe('the admission policies of config/', () => {
  it.each(Object.keys(LEFT))('do not carry out a policy: %s', async (name) => {
    expect(await grace(name, [APP], read)).toBe(30);
  });

  it('carry out a policy whose workloads the operator writes, too', async () => {
    expect(await grace('in-waves', [APP], read)).toBe(41);
  });

  it.each([
    ['not-raised', 'terminationGracePeriodSeconds is 30, policy READ-not-raised needs at least 41'],
    ['too-long', 'terminationGracePeriodSeconds is 30, policy READ-too-long needs at least 55'],
    ['fixed', ''],
  ])('tell whose pods are still too short: %s', async (name, message) => {
    const pod = bare(name, [{ ...APP, ...(name === 'too-long' ? SLEEPING : {}) }]);
    const wanted: unknown = message === '' ? '' : expect.stringContaining(message.replace('READ', read));
    expect(await warnings(pod)).toEqual(wanted);
  });
});

function ownedBy(pod: KubeObject, apiVersion: string, kind: string): object {
  const ownerReferences = [{ apiVersion, kind, name: 'web', uid: 'u-1', controller: true }];
  return { ...pod, metadata: { ...pod.metadata, ownerReferences } };
}

function withLabel(pod: KubeObject, key: string, value: string): object {
  return { ...pod, metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, [key]: value } } };
}

function withAnnotation(pod: KubeObject, key: string, value: string): object {
  return { ...pod, metadata: { ...pod.metadata, annotations: { [key]: value } } };
}

describe('a MutatingAdmissionPolicy of workloads', () => {
  it.each<[string, object, string | undefined, number]>([
    ['no annotation', {}, 'terminationDrainDuration: 36s\n', 41],
    ['one of its own, and a longer grace period', { config: 'concurrency: 2\n', grace: 90 }, 'concurrency: 2\n', 90],
  ])('completes a workload with %s', async (_, parts, config, grace) => {
    const { template } = await deployment(parts);
    expect(template.metadata.annotations?.['proxy.istio.io/config']).toBe(config);
    expect(template.spec.terminationGracePeriodSeconds).toBe(grace);
  });
});

describe('a MutatingAdmissionPolicy of workloads, on one that is older', () => {
  it.each<[string, object, string, number]>([
    ['another number of replicas', { replicas: 1 }, 'owner', 30],
    ['a new image', IMAGE, 'owner', 41],
    ['a write of the operator', IMAGE, 'sidecar-drain-operator', 30],
  ])('writes only where its owner changes the template: %s', async (_, spec, manager, wanted) => {
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/older?dryRun=All&fieldManager=${manager}`;
    const body = { spec };
    const contentType = 'application/strategic-merge-patch+json';
    const changed = await cluster.client.call<{ spec: Made }>('PATCH', path, { body, contentType });
    expect(changed.spec.template.spec.terminationGracePeriodSeconds).toBe(wanted);
  });
});

it('a ValidatingAdmissionPolicy beside it warns of what is still too short', async () => {
  expect((await deployment({})).warnings).toContain('needs at least');
  expect((await deployment({ grace: 90 })).warnings).toBe('');
});

interface Made {
  readonly template: {
    readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
    readonly spec: { readonly terminationGracePeriodSeconds: number };
  };
  /** What the API server said beside its answer. */
  readonly warnings: string;
}

function web({ config, grace }: { readonly config?: string; readonly grace?: number }, name = 'web'): KubeObject {
  const labels = { app: 'web' };
  const annotations = config === undefined ? {} : { 'proxy.istio.io/config': config };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations },
        spec: { containers: [{ name: 'web', image: 'web:1' }], terminationGracePeriodSeconds: grace },
      },
    },
  };
}

async function deployment(parts: Parameters<typeof web>[0]): Promise<Made> {
  const { code, stdout, stderr } = await cluster.kubectl(['create', '--dry-run=server', '-o', 'json', '-f', '-'], {
    input: JSON.stringify(web(parts)),
  });
  if (code !== 0) {
    throw new Error(stderr);
  }
  return { template: (JSON.parse(stdout) as { spec: Made }).spec.template, warnings: stderr };
}
