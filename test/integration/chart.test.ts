// The Helm chart: what it renders, that it says the same as config/, and that an operator started as its Deployment says works
// under its permissions. UPDATE_GOLDEN=1 writes the golden files anew.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { type ControlPlane, type KubeObject, startControlPlane } from '../support/cluster.ts';
import { findBinaries, projectRoot } from '../support/control-plane/index.ts';
import { converge, CONVERGED } from '../support/deployed.ts';
import { installMesh } from '../support/mesh.ts';
import { eventually } from '../support/scene.ts';

// Where helm is not in the cache yet, it is built first.
jest.setTimeout(600_000);

const chart = join(projectRoot(), 'charts/sidecar-drain-operator');
const golden = join(projectRoot(), 'test/golden/chart');
const namespace = 'sidecar-drain-system';
/** What the API server must serve for admissionPolicies. */
const MUTATING = 'admissionregistration.k8s.io/v1/MutatingAdmissionPolicy';
let helmPath: string;
let plane: ControlPlane;

interface Rendered extends KubeObject {
  spec: { replicas?: number; [field: string]: unknown };
}

function helm(args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, KUBECONFIG: plane.kubeconfigPath, HOME: plane.folder };
    execFile(helmPath, args, { env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}

async function template(args: string[], release = 'sidecar-drain-operator', into = namespace): Promise<string> {
  const { code, stdout, stderr } = await helm([
    'template',
    release,
    chart,
    '--namespace',
    into,
    '--kube-version',
    '1.36.0',
    ...args,
  ]);
  if (code !== 0) {
    throw new Error(stderr);
  }
  return stdout;
}

function objectsOf(text: string): Rendered[] {
  return parseAllDocuments(text)
    .map((one) => one.toJS() as Rendered | null)
    .filter((one) => one !== null);
}

function identity(object: KubeObject): string {
  return `${String(object.kind)} ${object.metadata.namespace ?? '-'}/${object.metadata.name}`;
}

/** Labels that say only which tool installed the object; and a default that only one of the two writes. */
function normalised(objects: Rendered[]): Record<string, unknown> {
  const tool = [
    'helm.sh/chart',
    'app.kubernetes.io/managed-by',
    'app.kubernetes.io/instance',
    'app.kubernetes.io/version',
    'app.kubernetes.io/part-of',
  ];
  return Object.fromEntries(
    objects.map((original) => {
      const object = structuredClone(original);
      const labels = Object.fromEntries(
        Object.entries(object.metadata.labels ?? {}).filter(([key]) => !tool.includes(key)),
      );
      object.metadata.labels = labels;
      return [
        identity(object),
        JSON.parse(JSON.stringify(object).replace(',"imagePullPolicy":"IfNotPresent"', '')) as unknown,
      ];
    }),
  );
}

beforeAll(async () => {
  [{ helm: helmPath }, plane] = await Promise.all([findBinaries(['helm']), startControlPlane({ audit: false })]);
});
afterAll(async () => {
  await plane?.stop();
});

describe('the chart', () => {
  it.each([
    ['defaults', []],
    ['everything', ['-f', join(golden, 'everything.values.yaml'), '--api-versions', MUTATING]],
  ])('renders the golden file of %s', async (name, args) => {
    const text = (await template(args))
      .split(/^(?=---$)/m)
      .filter((part) => !part.includes('kind: CustomResourceDefinition'))
      .join('');
    const file = join(golden, `${name}.yaml`);
    if (process.env.UPDATE_GOLDEN === '1') {
      await writeFile(file, text);
    }

    expect(text).toBe(await readFile(file, 'utf8'));
  });

  it('passes helm lint, strictly', async () => {
    expect(await helm(['lint', '--strict', chart])).toMatchObject({ code: 0 });
  });

  it.each([
    ['an unknown value', 'replicas=2', 'replicas'],
    ['a number as text', 'replicaCount=two', 'replicaCount'],
    ['an unknown level', 'logLevel=trace', 'logLevel'],
    ['a digest without its algorithm', 'image.digest=abc', 'digest'],
    ['no Istio namespace', 'istioNamespaces=null', 'istioNamespaces'],
    ['an Istio namespace that cannot exist', 'istioNamespaces={Istio_System}', 'istioNamespaces'],
    [
      'the webhook in some namespaces',
      'watchNamespaces={a},admission.enabled=true',
      'cannot be used with watchNamespaces',
    ],
    [
      'the page in some namespaces',
      'watchNamespaces={a},dashboard.enabled=true',
      'cannot be used with watchNamespaces',
    ],
    [
      'admission policies where the API server has none that write',
      'admissionPolicies.enabled=true',
      'serves admissionregistration.k8s.io/v1/MutatingAdmissionPolicy (Kubernetes 1.36 and newer)',
    ],
    ['an unknown action', 'admissionPolicies.validationActions={Refuse}', 'validationActions'],
    ["its own namespace as Istio's", `istioNamespaces={${namespace}}`, 'give it a namespace of its own'],
  ])('refuses %s', async (_, set, message) => {
    await expect(template(['--set', set])).rejects.toThrow(message);
  });

  it('has the objects of config/with-prometheus when it is given the same settings', async () => {
    const settings =
      'replicaCount=1,crds.keep=false,podDisruptionBudget.enabled=false,topologySpreadConstraints=null,metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true';
    const ours = objectsOf(await template(['--set', settings]));
    const theirs = objectsOf(await plane.kubectlOk(['kustomize', join(projectRoot(), 'config/with-prometheus')]));

    expect(normalised(ours)).toEqual(normalised(theirs.filter((one) => one.kind !== 'Namespace')));
  });

  it('has the objects of config/namespaced, and no ClusterRole, with watchNamespaces', async () => {
    const settings =
      'replicaCount=1,crds.install=false,writeBounds.enabled=false,podDisruptionBudget.enabled=false,topologySpreadConstraints=null,networkPolicy.enabled=false,watchNamespaces={team-a,team-b},extraArgs={--assume-injected=true,--istio-version=1.30.3,--native-sidecars=true}';
    const ours = objectsOf(await template(['--set', settings]));
    const theirs = objectsOf(await plane.kubectlOk(['kustomize', join(projectRoot(), 'config/namespaced')]));

    expect(ours.filter(({ kind }) => /^Cluster/.test(String(kind)))).toEqual([]);
    expect(normalised(ours)).toEqual(normalised(theirs));
  });

  it('has the objects of config/with-webhook with the admission webhook', async () => {
    // The chart's own PodDisruptionBudget is there without the webhook, too.
    const settings = 'admission.enabled=true,crds.keep=false,podDisruptionBudget.enabled=false';
    const ours = objectsOf(await template(['--set', settings]));
    const theirs = objectsOf(await plane.kubectlOk(['kustomize', join(projectRoot(), 'config/with-webhook')]));

    expect(normalised(ours)).toEqual(
      normalised(theirs.filter((one) => one.kind !== 'Namespace' && one.kind !== 'PodDisruptionBudget')),
    );
  });

  it('has the objects of config/with-dashboard with the page, and mounts a certificate where it is given one', async () => {
    const settings =
      'dashboard.enabled=true,replicaCount=1,crds.keep=false,podDisruptionBudget.enabled=false,topologySpreadConstraints=null';
    const ours = objectsOf(await template(['--set', settings]));
    const theirs = objectsOf(await plane.kubectlOk(['kustomize', join(projectRoot(), 'config/with-dashboard')]));
    expect(normalised(ours)).toEqual(normalised(theirs.filter((one) => one.kind !== 'Namespace')));

    const files = await template(['--set', `${settings},dashboard.tlsSecret=page-tls`]);
    for (const part of [
      '--dashboard-cert-dir=/var/run/dashboard',
      'mountPath: /var/run/dashboard',
      'secretName: page-tls',
    ]) {
      // prettier-ignore
      expect(files).toContain(part);
    }
  });

  it('has the objects of config/admission-policies with the admission policies', async () => {
    const ours = objectsOf(await template(['--set', 'admissionPolicies.enabled=true', '--api-versions', MUTATING]));
    const theirs = objectsOf(await plane.kubectlOk(['kustomize', join(projectRoot(), 'config/admission-policies')]));

    expect(theirs).toHaveLength(6);
    expect(normalised(ours)).toMatchObject(normalised(theirs));
    // The operator is told, but of no selector other than the label that it knows.
    expect(JSON.stringify(ours)).toContain('"--admission-policies=on"');
    const others = ['--set', 'admissionPolicies.enabled=true,admissionPolicies.policySelector.matchLabels.team=a'];
    expect(await template([...others, '--api-versions', MUTATING])).not.toContain('--admission-policies=on');
    await expect(
      template(['--set', 'admissionPolicies.enabled=true,watchNamespaces={a}', '--api-versions', MUTATING]),
    ).rejects.toThrow('cannot be used with watchNamespaces');
  });

  it('takes hooks of ours out from beside their owners wherever the API server can, unless it is told not to', async () => {
    const named = async (...args: string[]): Promise<unknown[]> =>
      objectsOf(await template(args))
        .filter(({ kind }) => kind?.startsWith('MutatingAdmissionPolicy'))
        .map(({ kind, metadata }) => `${kind} ${metadata.name}`);

    expect(await named('--api-versions', MUTATING)).toEqual([
      'MutatingAdmissionPolicy sidecar-drain-operator-hooks',
      'MutatingAdmissionPolicyBinding sidecar-drain-operator-hooks',
    ]);
    expect(await named()).toEqual([]);
    expect(await named('--api-versions', MUTATING, '--set', 'admissionPolicies.hooks=false')).toEqual([]);
    expect(await named('--api-versions', MUTATING, '--set', 'watchNamespaces={a}')).toEqual([]);
  });

  it('has the version of the package, and a table of every value', async () => {
    const about = parse(await readFile(join(chart, 'Chart.yaml'), 'utf8')) as { version: string; appVersion: string };
    const { version } = JSON.parse(await readFile(join(projectRoot(), 'package.json'), 'utf8')) as { version: string };
    const table = new Map(
      [...(await readFile(join(chart, 'README.md'), 'utf8')).matchAll(/^\| `([\w.]+)` \| `(.*?)` \|/gm)].map(
        ([, path, text]) => [path!, JSON.parse(text!) as unknown],
      ),
    );
    const leaves = new Map<string, unknown>();
    const walk = (value: unknown, path: string): void => {
      if (
        table.has(path) ||
        typeof value !== 'object' ||
        value === null ||
        Array.isArray(value) ||
        Object.keys(value).length === 0
      ) {
        leaves.set(path, value);
        return;
      }
      for (const [key, inner] of Object.entries(value)) {
        walk(inner, path === '' ? key : `${path}.${key}`);
      }
    };
    walk(parse(await readFile(join(chart, 'values.yaml'), 'utf8')), '');

    expect([about.version, about.appVersion]).toEqual([version, version]);
    expect(Object.fromEntries(table)).toEqual(Object.fromEntries(leaves));
  });
});

describe('helm install', () => {
  const own = 'drain-by-chart';
  let installed: { code: number; stdout: string; stderr: string };

  beforeAll(async () => {
    await installMesh(plane, { nativeSidecars: 'false' });
    await plane.create({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: own,
        labels: { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/warn': 'restricted' },
      },
    });
    installed = await helm([
      'install',
      'drain',
      chart,
      '--namespace',
      own,
      '--wait',
      '--timeout',
      '60s',
      '--set',
      'logFormat=json,logLevel=debug',
    ]);
  });

  it('is taken by the API server, with two pods under the restricted profile', async () => {
    const pods = await plane.client.call<{ items: Rendered[] }>('GET', `/api/v1/namespaces/${own}/pods`);

    expect(installed).toMatchObject({ code: 0, stderr: '' });
    expect(pods.items).toHaveLength(2);
  });

  it('is taken by server-side apply as well', async () => {
    const text = await template(['--set', 'fullnameOverride=again'], 'drain', own);

    const answer = await plane.kubectl(['apply', '--server-side', '--dry-run=server', '--force-conflicts', '-f', '-'], {
      input: text,
    });

    expect(answer).toMatchObject({ code: 0, stderr: '' });
  });

  it('gives an operator that converges a policy as the Deployment starts it', async () => {
    expect(await converge(plane, own)).toEqual(CONVERGED);
  });

  it('is taken away by helm uninstall, but for the definition of policies', async () => {
    const answer = await helm(['uninstall', 'drain', '--namespace', own, '--wait', '--timeout', '60s']);
    const left = await plane.kubectlOk([
      'get',
      'clusterroles,clusterrolebindings,roles,rolebindings',
      '-A',
      '-o',
      'name',
    ]);

    expect(answer.code).toBe(0);
    expect(left.split('\n').filter((line) => line.includes('sidecar-drain'))).toEqual([]);
    await eventually(
      async () =>
        (await plane.client.raw('GET', `/apis/apps/v1/namespaces/${own}/deployments/drain-sidecar-drain-operator`))
          .status === 404,
      'the Deployment is gone',
    );
    expect(
      (
        await plane.client.raw(
          'GET',
          '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/sidecardrainpolicies.sidecardrain.io',
        )
      ).status,
    ).toBe(200);
  });
});
