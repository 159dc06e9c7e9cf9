// The CLI's verdict is the operator's: the same manifests, judged from files alone, from the cluster, and by the running
// operator.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { stringify } from 'yaml';
import { meshManifests, type MeshOptions } from '../support/mesh.ts';
import { policy as policyObject, startScene, type Scene } from '../support/scene.ts';
import { cli, deployment, folderWith, removeFolders, type Sketch } from '../unit/cli/support.ts';

jest.setTimeout(180_000);
afterAll(removeFolders);

const POLICIES: Readonly<Record<string, object>> = {
  fixed: { drain: { mode: 'Fixed', duration: '30s' } },
  follow: { drain: { mode: 'Fixed', duration: '60s', drainDuration: 'Follow' } },
  adaptive: { drain: { mode: 'Adaptive', maxWait: '45s' } },
  combined: { drain: { mode: 'Combined', duration: '20s', maxWait: '60s' } },
  hook: { drain: { mode: 'Combined', duration: '20s', maxWait: '60s', strategy: 'PreStopHook' } },
  native: { drain: { mode: 'Fixed', duration: '30s' }, proxy: { form: 'Native' } },
  tight: { drain: { mode: 'Fixed', duration: '30s' }, gracePeriod: { maximum: '1m' } },
  never: { drain: { mode: 'Fixed', duration: '30s' }, gracePeriod: { change: 'Never' } },
  force: { drain: { mode: 'Fixed', duration: '30s' }, conflicts: 'Force' },
};

type Lines = readonly (readonly [string, string])[];
interface Shape extends Sketch {
  readonly lines?: Lines;
}

const PRE_STOP = (hook: string): Lines => [
  ['        image: example/server:1', `        lifecycle: {preStop: ${hook}}\n        image: example/server:1`],
];
const SHAPES: readonly Shape[] = [
  { name: 'plain' },
  { name: 'short', grace: 5 },
  { name: 'default-stated', grace: 30 },
  { name: 'long', grace: 300 },
  { name: 'right', grace: 120, config: 'terminationDrainDuration: 90s\ndrainDuration: 90s' },
  {
    name: 'quiet-exit',
    grace: 120,
    config: 'proxyMetadata:\n  EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"\n  MINIMUM_DRAIN_DURATION: 40s',
  },
  { name: 'foreign-keys', config: '# ours\nconcurrency: 2' },
  { name: 'malformed', config: 'terminationDrainDuration: 60' },
  { name: 'sleeps', lines: PRE_STOP('{sleep: {seconds: 20}}') },
  { name: 'sleeps-in-shell', lines: PRE_STOP('{exec: {command: [sh, -c, "sleep 25"]}}') },
  { name: 'unbounded', lines: PRE_STOP('{exec: {command: [sh, -c, "while true; do sleep 1; done"]}}') },
  { name: 'exempt', annotations: { 'sidecardrain.io/exempt': 'because' } },
  {
    name: 'not-injected',
    lines: [
      ['      labels: {app: not-injected}', '      labels: {app: not-injected, sidecar.istio.io/inject: "false"}'],
    ],
  },
  {
    name: 'own-form',
    lines: [['    spec:\n', '      annotations: {sidecar.istio.io/nativeSidecar: "true"}\n    spec:\n']],
  },
  { name: 'recreate', lines: [['  replicas: 2\n', '  replicas: 2\n  strategy: {type: Recreate}\n']] },
  { name: 'single', kind: 'StatefulSet', lines: [['  replicas: 2\n', '  replicas: 1\n  serviceName: single\n']] },
  { name: 'daemon', kind: 'DaemonSet', lines: [['  replicas: 2\n', '']] },
];

function manifest(shape: Shape, namespace: string): string {
  return (shape.lines ?? []).reduce(
    (text, [from, to]) => text.replace(from, to),
    deployment({ ...shape, namespace, selector: true }),
  );
}

interface Judged {
  readonly counts: Readonly<Record<string, number>>;
  readonly attention: readonly string[];
}

/** What a policy's status would say of a plan. */
function asStatus(
  plan: {
    workloads: readonly {
      policy: string;
      outcome: string;
      reason?: string;
      workload: { kind: string; namespace: string; name: string };
    }[];
  },
  policy: string,
): Judged {
  const counts: Record<string, number> = {};
  const attention: string[] = [];
  for (const { outcome, reason, workload } of plan.workloads.filter((one) => one.policy === policy)) {
    const key = `${outcome.charAt(0).toLowerCase()}${outcome.slice(1)}`;
    counts[key] = (counts[key] ?? 0) + 1;
    if (['NonCompliant', 'Conflicted', 'Failed', 'Unknown'].includes(outcome)) {
      attention.push(`${workload.kind} ${workload.namespace}/${workload.name} ${reason ?? outcome}`);
    }
  }
  return { counts, attention: attention.sort() };
}

describe.each([
  ['classic sidecars', { nativeSidecars: 'false' }],
  ['native sidecars', { nativeSidecars: 'true' }],
  [
    'a mesh with defaults of its own',
    {
      nativeSidecars: 'false',
      meshConfig:
        'rootNamespace: istio-system\ndefaultConfig:\n  terminationDrainDuration: 45s\n  proxyMetadata: {MINIMUM_DRAIN_DURATION: 50s}\n',
    },
  ],
] as const satisfies readonly (readonly [string, MeshOptions])[])('%s', (_, mesh) => {
  let scene: Scene;
  const namespaces = new Map<string, string>();
  let workloads = '';
  let policies = '';

  beforeAll(async () => {
    scene = await startScene({ mesh });
    for (const name of Object.keys(POLICIES)) {
      namespaces.set(name, await scene.meshed(`verdict-${name}`));
    }
    workloads = [...namespaces.values()]
      .flatMap((namespace) => SHAPES.map((shape) => manifest(shape, namespace)))
      .join('---\n');
    await scene.cluster.kubectlApply(workloads);
    const objects = Object.entries(POLICIES).map(([name, spec]) =>
      policyObject(name, {
        enforcement: 'Enforce',
        match: {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespaces.get(name) } },
          kinds: ['Deployment', 'StatefulSet', 'DaemonSet'],
        },
        // It governs and writes nothing: what would be written can be compared at leisure.
        suspend: true,
        ...spec,
      }),
    );
    policies = objects.map((object) => stringify(object)).join('---\n');
    await scene.cluster.kubectlApply(policies);
  });
  afterAll(async () => {
    await scene?.stop();
  });

  async function verdictOfOperator(policy: string): Promise<Judged> {
    const { status } = await scene.settled(
      policy,
      ({ workloads: counts }) =>
        (counts?.['matched'] ?? 0) === SHAPES.length &&
        (counts?.['nonCompliant'] ?? 0) + (counts?.['compliant'] ?? 0) > 0,
      120_000,
    );
    return {
      counts: Object.fromEntries(
        Object.entries(status?.workloads ?? {}).filter(([name, count]) => name !== 'matched' && count > 0),
      ),
      attention: (status?.attention ?? [])
        .map((each) => `${each.kind} ${each.namespace}/${each.name} ${each.reason}`)
        .sort(),
    };
  }

  it('files, cluster and operator say the same of every policy', async () => {
    const operator = new Map<string, Judged>();
    for (const policy of Object.keys(POLICIES)) {
      operator.set(policy, await verdictOfOperator(policy));
    }
    const namespaceManifests = [...namespaces.values()]
      .map((name) =>
        stringify({
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name, labels: { 'istio-injection': 'enabled' } },
        }),
      )
      .join('---\n');
    const folder = folderWith({
      'mesh.yaml': meshManifests(mesh),
      'namespaces.yaml': namespaceManifests,
      'workloads.yaml': workloads,
      'policies.yaml': policies,
    });

    const fromFiles = JSON.parse((await cli(['plan', folder, '-o', 'json'])).out) as Parameters<typeof asStatus>[0];
    const fromCluster = JSON.parse(
      (await cli(['plan', '--cluster', '--kubeconfig', scene.cluster.kubeconfigPath, '-o', 'json'])).out,
    ) as Parameters<typeof asStatus>[0];

    for (const [policy, expected] of operator) {
      expect([policy, asStatus(fromCluster, policy)]).toEqual([policy, expected]);
      expect([policy, asStatus(fromFiles, policy)]).toEqual([policy, expected]);
    }
    expect(scene.writes()).toEqual([]);
  });
});
