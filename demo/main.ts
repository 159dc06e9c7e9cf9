// From nothing to a converged mesh and back: `make demo`. It starts a control plane of its own (a real kube-apiserver, etcd
// and Kubernetes' own controllers; pods are moved by a status writer, since there are no kubelets), applies realistic workloads
// and three policies, lets the operator work under exactly the permissions of config/, and shows what it did and why.
import type { SidecarDrainPolicy } from '../src/api/policy.ts';
import {
  assembleMesh,
  readInjectorWebhooks,
  readIstioConfigMap,
  readIstiod,
  type RawConfigMap,
  type RawDeployment,
  type RawWebhookConfiguration,
} from '../src/drain/mesh/facts.ts';
import { YIELD_MANAGER } from '../src/controllers/workload/workload-writer.ts';
import { effectiveSettings } from '../src/drain/mesh/settings.ts';
import type { MeshFacts, NamespaceFacts } from '../src/drain/model/mesh.ts';
import type { EffectiveSettings } from '../src/drain/model/settings.ts';
import { workloadKey, type Workload } from '../src/drain/model/workload.ts';
import { assess } from '../src/drain/plan/assess.ts';
import { readPolicy, type PolicyRecord } from '../src/drain/plan/policies.ts';
import { projectWorkload, WORKLOAD_KINDS, type RawObject } from '../src/drain/template/index.ts';
import { DEFAULT_APPLICATION } from '../src/drain/timeline/application.ts';
import { drawText } from '../src/drain/timeline/draw/index.ts';
import { DEFAULT_SCENARIO, timelineOf } from '../src/drain/timeline/lanes.ts';
import { survivalOf } from '../src/drain/timeline/verdict.ts';
import { startControlPlane, type ControlPlane } from '../test/support/control-plane/index.ts';
import { meshManifests, type MeshOptions } from '../test/support/mesh.ts';
import { OPERATOR_NAMESPACE, startOperator, type OperatorHandle } from '../test/support/operator.ts';
import { applyServerSide, createClientSide, deleteAll, installMeshObjects, installProduct } from './cluster.ts';
import { EXPECTATIONS } from './expectations.ts';
import { table } from './table.ts';

const MESH: MeshOptions = { version: '1.30.3', nativeSidecars: 'false' };
const NAMESPACES = ['shop', 'payments', 'batch'];
const SIDECAR_DRAIN_POLICY = { apiVersion: 'sidecardrain.io/v1alpha1', kind: 'SidecarDrainPolicy' };
const CONVERGE_LIMIT_MS = 90_000;

const started = Date.now();
const problems: string[] = [];

function say(text: string): void {
  console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${text}`);
}

interface Seen {
  readonly workload: Workload;
  readonly settings: EffectiveSettings;
  /** The template as the API server has it, byte for byte. */
  readonly raw: string;
}

async function main(): Promise<number> {
  say('starting a control plane: etcd, kube-apiserver and the controllers of Kubernetes');
  const cluster = await startControlPlane({ kubectl: false });
  let operator: OperatorHandle | undefined;
  try {
    operator = await play(cluster);
    if (process.env.KEEP !== undefined) {
      await keep(cluster);
    }
  } finally {
    await operator?.stop();
    await cluster.stop();
  }
  if (problems.length > 0) {
    console.log('\nNot as expected:');
    for (const problem of problems) {
      console.log(`  ${problem}`);
    }
    return 1;
  }
  say('everything came out as expected');
  return 0;
}

async function play(cluster: ControlPlane): Promise<OperatorHandle> {
  await installMeshObjects(cluster, MESH);
  await installProduct(cluster);
  await createClientSide(cluster, 'demo/manifests/namespaces.yaml');
  await createClientSide(cluster, 'demo/manifests/shop.yaml');
  await applyServerSide(cluster, 'demo/manifests/payments.yaml', 'flux');
  say('three namespaces, thirteen workloads, a mesh of Istio 1.30.3 with classic sidecars');
  await settled(cluster);

  const before = await look(cluster);
  const operator = await startOperator(cluster, { args: ['--max-rolling-per-namespace', '2'] });
  say('the operator runs, as its own service account, with the permissions of config/rbac');
  const mark = cluster.audit.mark();
  await createClientSide(cluster, 'demo/manifests/policies.yaml');
  say('three policies applied; it changes few workloads at once and waits for each rollout');
  const policies = await converge(cluster);
  const after = await look(cluster);

  report(before, after, policies);
  const writes = [
    ...cluster.audit.writesPerObject({
      since: mark,
      user: { namespace: OPERATOR_NAMESPACE, name: 'sidecar-drain-operator' },
      subresource: '',
      succeeded: true,
      // Giving fields up changes no template and restarts nothing (docs/design/2026-11-28-owners-apply.md).
      notFieldManager: YIELD_MANAGER,
    }),
  ].filter(([object]) => object.startsWith('deployments ') || object.startsWith('statefulsets '));
  say(`${writes.length} workloads written, ${Math.max(0, ...writes.map(([, count]) => count))} write each at most`);
  if (writes.some(([, count]) => count > 1)) {
    problems.push(
      `written more than once: ${writes
        .filter(([, count]) => count > 1)
        .map(([object]) => object)
        .join(', ')}`,
    );
  }
  expectEach(after, policies);
  draw(before, after);

  await deleteAll(cluster, SIDECAR_DRAIN_POLICY);
  say('policies deleted');
  await givenBack(cluster);
  const restored = await look(cluster);
  const differing = [...before].filter(([key, seen]) => restored.get(key)?.raw !== seen.raw).map(([key]) => key);
  if (differing.length > 0) {
    problems.push(`not restored byte for byte: ${differing.join(', ')}`);
  } else {
    say(`all ${before.size} pod templates are byte for byte what they were before`);
  }
  return operator;
}

/** The kinds of its manifests. */
const KINDS: readonly string[] = ['Deployment', 'StatefulSet', 'DaemonSet'];

/** Every workload of the demo, as the engine sees it. */
async function look(cluster: ControlPlane): Promise<Map<string, Seen>> {
  const mesh = meshFacts();
  const seen = new Map<string, Seen>();
  for (const adapter of WORKLOAD_KINDS.filter(({ kind }) => KINDS.includes(kind))) {
    const apiVersion = 'apps/v1';
    const path = await cluster.pathOf({ apiVersion, kind: adapter.kind });
    const list = await cluster.client.call<{ items: (RawObject & { spec: { template: unknown } })[] }>('GET', path);
    for (const item of list.items) {
      // Items of a list do not say of which kind they are.
      const raw = { ...item, apiVersion, kind: adapter.kind };
      const workload = projectWorkload(raw, adapter);
      if (NAMESPACES.includes(workload.namespace)) {
        const settings = effectiveSettings({
          template: workload.template,
          workloadAnnotations: workload.annotations,
          namespace: namespaceFacts(workload.namespace),
          mesh,
        });
        seen.set(workloadKey(workload), { workload, settings, raw: JSON.stringify(raw.spec.template) });
      }
    }
  }
  return seen;
}

function namespaceFacts(name: string): NamespaceFacts {
  const labels: Record<string, string> = { 'kubernetes.io/metadata.name': name };
  if (name !== 'batch') {
    labels['istio-injection'] = 'enabled';
  }
  if (name === 'payments') {
    labels.drain = 'adaptive';
  }
  return { name, labels };
}

/** The mesh facts of the objects that the demo has installed, read by the operator's own readers. */
function meshFacts(): MeshFacts {
  const objects = meshManifests(MESH)
    .split('\n---\n')
    .map((text) => JSON.parse(text) as RawConfigMap & RawDeployment & RawWebhookConfiguration & { kind: string });
  return assembleMesh({
    configMaps: objects
      .filter((object) => object.kind === 'ConfigMap')
      .map((object) => readIstioConfigMap(object))
      .filter((record) => record !== undefined),
    istiods: objects.filter((object) => object.kind === 'Deployment').map((object) => readIstiod(object)),
    webhooks: objects
      .filter((object) => object.kind === 'MutatingWebhookConfiguration')
      .flatMap((object) => readInjectorWebhooks(object)),
    proxyConfigs: [],
    kubeletMinorByNode: new Map(),
    stated: {},
    defaultRootNamespace: 'istio-system',
  });
}

async function settled(cluster: ControlPlane): Promise<void> {
  type Workloads = { items: { spec: { replicas?: number }; status?: { readyReplicas?: number } }[] };
  for (const path of ['shop/deployments', 'payments/deployments', 'payments/statefulsets']) {
    await cluster.waitFor<Workloads>(
      `/apis/apps/v1/namespaces/${path}`,
      ({ items }) => items.every(({ spec, status }) => (status?.readyReplicas ?? 0) === (spec.replicas ?? 1)),
      60_000,
    );
  }
}

async function readPolicies(cluster: ControlPlane): Promise<SidecarDrainPolicy[]> {
  const path = await cluster.pathOf(SIDECAR_DRAIN_POLICY);
  return (await cluster.client.call<{ items: SidecarDrainPolicy[] }>('GET', path)).items;
}

/** Waits until nothing is under way, with a line whenever the numbers change. */
async function converge(cluster: ControlPlane): Promise<PolicyRecord[]> {
  const deadline = Date.now() + CONVERGE_LIMIT_MS;
  let last = '';
  while (Date.now() < deadline) {
    const policies = await readPolicies(cluster);
    const lines = policies.map(({ metadata, status }) => {
      const counts = status?.workloads;
      return `${metadata.name ?? ''} ${counts?.compliant ?? 0} of ${counts?.matched ?? '?'} compliant${(counts?.updating ?? 0) > 0 ? `, ${counts?.updating ?? 0} rolling out` : ''}${(counts?.pending ?? 0) > 0 ? `, ${counts?.pending ?? 0} waiting` : ''}`;
    });
    const text = lines.join(' | ');
    if (text !== last) {
      say(text);
      last = text;
    }
    const done =
      policies.length === 3 &&
      policies.every(
        ({ metadata, status }) =>
          status?.observedGeneration === metadata.generation &&
          status?.conditions?.some(
            (condition) => condition.type === 'Reconciling' && condition.reason === 'Settled',
          ) === true,
      );
    if (done) {
      return policies.map(readPolicy);
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  problems.push(`the policies did not settle within ${CONVERGE_LIMIT_MS / 1000} s: ${last}`);
  return (await readPolicies(cluster)).map(readPolicy);
}

async function givenBack(cluster: ControlPlane): Promise<void> {
  const deadline = Date.now() + CONVERGE_LIMIT_MS;
  while (Date.now() < deadline) {
    const seen = await look(cluster);
    if (![...seen.values()].some(({ workload }) => 'sidecardrain.io/state' in workload.annotations)) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  problems.push('not every workload was restored in time');
}

/** Why a workload is as it is, by the same function that the operator asks. */
function assessed(seen: Seen, policies: readonly PolicyRecord[]): ReturnType<typeof assess> {
  return assess({
    workload: seen.workload,
    namespace: namespaceFacts(seen.workload.namespace),
    mesh: meshFacts(),
    policies,
    operatorNamespace: OPERATOR_NAMESPACE,
  });
}

function report(
  before: ReadonlyMap<string, Seen>,
  after: ReadonlyMap<string, Seen>,
  policies: readonly PolicyRecord[],
): void {
  const rows = [...after].map(([key, seen]) => {
    const old = before.get(key);
    const wish = old === undefined ? undefined : assessed(old, policies).governing;
    const now = assessed(seen, policies).governing;
    const changed = old?.raw !== seen.raw;
    return [
      key.replace('Deployment/', '').replace('StatefulSet/', 'sts '),
      now?.policy.name ?? '',
      changedTo(old?.settings.gracePeriod.value, seen.settings.gracePeriod.value),
      changedTo(survives(old), survives(seen)),
      now?.decision.outcome ?? '',
      (changed ? wish?.decision.message : now?.decision.message) ?? '',
    ];
  });
  console.log(
    `\n${table(['workload', 'policy', 'grace', 'survives', 'state', 'why'], rows, process.stdout.columns ?? 120)}\n`,
  );
  console.log(
    'grace: terminationGracePeriodSeconds. survives: the longest that a request in flight can go on, in seconds after\nthe pod is deleted. Both before and after.\n',
  );
}

function survives(seen: Seen | undefined): string {
  if (seen === undefined || seen.settings.proxy.kind === 'None') {
    return '-';
  }
  if (seen.settings.podsRefused !== undefined) {
    return 'no pods';
  }
  return String(survivalOf(seen.settings, DEFAULT_APPLICATION).longestInFlight);
}

function changedTo(before: string | number | undefined, after: string | number): string {
  return before === undefined || before === after ? String(after) : `${before} -> ${after}`;
}

function expectEach(after: ReadonlyMap<string, Seen>, policies: readonly PolicyRecord[]): void {
  for (const expected of EXPECTATIONS) {
    const seen = after.get(expected.workload);
    if (seen === undefined) {
      problems.push(`${expected.workload} is not there`);
      continue;
    }
    const governing = assessed(seen, policies).governing;
    const outcome = expected.leftAlone ?? 'Compliant';
    const found = governing?.decision.reason ?? governing?.decision.outcome;
    if (found !== outcome) {
      problems.push(
        `${expected.workload}: expected ${outcome}, it is ${found ?? 'not governed'} (${governing?.decision.message ?? ''})`,
      );
    }
    if (governing?.policy.name !== expected.policy) {
      problems.push(
        `${expected.workload}: expected policy ${expected.policy ?? 'none'}, it is ${governing?.policy.name ?? 'none'}`,
      );
    }
    if (seen.settings.gracePeriod.value !== expected.grace) {
      problems.push(
        `${expected.workload}: expected a grace period of ${expected.grace} s, it is ${seen.settings.gracePeriod.value}`,
      );
    }
    const annotation = seen.workload.template.metadata?.annotations?.['proxy.istio.io/config'] ?? '';
    for (const part of expected.config ?? []) {
      if (!annotation.includes(part)) {
        problems.push(`${expected.workload}: ${part} is not in its annotation: ${annotation}`);
      }
    }
  }
}

function draw(before: ReadonlyMap<string, Seen>, after: ReadonlyMap<string, Seen>): void {
  const key = 'Deployment/payments/checkout';
  const scenario = { ...DEFAULT_SCENARIO, longestRequest: 20 };
  const panels = [
    ['before', before],
    ['after', after],
  ] as const;
  console.log(`\nWhat happens to a request of 20 s when a pod of ${key} is deleted:\n`);
  console.log(
    drawText(
      panels.flatMap(([heading, all]) => {
        const seen = all.get(key);
        return seen === undefined ? [] : [{ heading, timeline: timelineOf(seen.settings, scenario) }];
      }),
      { width: Math.min(process.stdout.columns ?? 100, 120), unicode: true, color: false },
    ),
  );
  console.log('');
}

async function keep(cluster: ControlPlane): Promise<void> {
  console.log(`\nThe control plane goes on until Ctrl-C:\n  export KUBECONFIG=${cluster.kubeconfigPath}\n`);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});
process.exit();
