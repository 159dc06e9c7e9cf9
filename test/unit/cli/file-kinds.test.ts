import { afterAll, expect, it } from '@jest/globals';
import { cli, folderWith, removeFolders, type Ran } from './support.ts';

afterAll(removeFolders);

const NATIVE = ['--assume', 'injected=true', '--native-sidecars', 'true', '--istio-version', '1.30.3'];

function pods(grace: number | undefined): string {
  const line = grace === undefined ? '' : `terminationGracePeriodSeconds: ${grace}, `;
  return `{${line}containers: [{name: app, image: "registry.example/app:4"}]}`;
}

function lint(text: string, ...more: string[]): Promise<Ran> {
  return cli(['lint', folderWith({ 'all.yaml': text }), ...NATIVE, ...more]);
}

interface Report {
  readonly findings: readonly { code: string; path?: string; line: number; workload: { kind: string; name: string } }[];
  readonly summary: { readonly workloads: number; readonly clean: number };
}

async function graces(text: string): Promise<{ short: readonly string[]; summary: Report['summary'] }> {
  const report = JSON.parse((await lint(text, '-o', 'json')).out) as Report;
  const short = report.findings
    .filter(({ code }) => code === 'GraceTooShort')
    .map(({ workload, path, line }) => `${workload.kind} ${workload.name} ${path}:${line}`);
  return { short, summary: report.summary };
}

it('takes the time limit of a Knative Service for its grace period, and leaves the Services of the core alone', async () => {
  const service = (name: string, seconds: string): string => `apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: ${name}}
spec:
  template:
    spec:
${seconds}      containers: [{image: "registry.example/${name}:1"}]
---
`;
  const core = 'apiVersion: v1\nkind: Service\nmetadata: {name: plain}\nspec: {ports: [{port: 80}]}\n';
  const text = `${service('short', '      timeoutSeconds: 9\n')}${service('unset', '')}${service('zero', '      timeoutSeconds: 0\n')}${core}`;
  expect(await graces(text)).toMatchObject({
    short: ['Service short spec.template.spec.timeoutSeconds:7'],
    summary: { workloads: 3, clean: 2 },
  });
  expect((await lint(text)).out).toContain('Set timeoutSeconds: 21.');
});

it('judges every template of a RayCluster', async () => {
  const text = `apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: train}
spec:
  headGroupSpec:
    template: {spec: ${pods(90)}}
  workerGroupSpecs:
    - groupName: small
      template: {spec: ${pods(4)}}
    - template:
        spec: ${pods(5)}
`;
  expect(await graces(text)).toMatchObject({
    short: [
      'RayCluster train:small spec.workerGroupSpecs[0].template.spec.terminationGracePeriodSeconds:9',
      'RayCluster train:workerGroupSpecs[1] spec.workerGroupSpecs[1].template.spec.terminationGracePeriodSeconds:11',
    ],
    summary: { workloads: 3, clean: 1 },
  });
});

it('knows two groups of one kind apart', async () => {
  const set = (apiVersion: string, grace: number): string => `apiVersion: ${apiVersion}
kind: StatefulSet
metadata: {name: db}
spec: {selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: ${pods(grace)}}}
---
`;
  const text = set('apps/v1', 90) + set('apps.kruise.io/v1beta1', 7) + set('apps.kruise.io/v1alpha1', 8);
  const { short, summary } = await graces(text);
  expect(short.map((line) => line.split(' ')[0])).toEqual(['StatefulSet.apps.kruise.io', 'StatefulSet.apps.kruise.io']);
  expect(summary.workloads).toBe(3);
  const explained = await cli([
    'explain',
    'statefulset.apps/db',
    '-f',
    folderWith({ 'all.yaml': set('apps/v1', 90) + set('apps.kruise.io/v1beta1', 7) }),
    ...NATIVE,
  ]);
  expect(explained.out).toContain('90 s');
});

it('judges a DeploymentConfig, and for a Rollout with workloadRef the Deployment that it names', async () => {
  const text = `apiVersion: apps.openshift.io/v1
kind: DeploymentConfig
metadata: {name: till}
spec: {template: {metadata: {labels: {app: till}}, spec: ${pods(5)}}}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: front-canary}
spec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: front}, strategy: {canary: {}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: front}
spec: {selector: {matchLabels: {app: front}}, template: {metadata: {labels: {app: front}}, spec: ${pods(6)}}}
`;
  const { code, err } = await lint(text);
  expect([code, err]).toEqual([1, '']);
  expect((await graces(text)).short.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
    'DeploymentConfig till',
    'Deployment front',
  ]);
});

it('counts by kind what it leaves aside, also where that is all', async () => {
  const broker = `apiVersion: queue.example/v1
kind: Broker
metadata: {name: NAME}
spec: {pods: {spec: ${pods(undefined)}}}
---
`;
  const both = broker.replace('NAME', 'a') + broker.replace('NAME', 'b');
  const pod = `apiVersion: v1\nkind: Pod\nmetadata: {name: alone}\nspec: ${pods(60)}\n`;
  expect((await lint(both + pod)).out).toContain('seen and not judged: 2 Broker (queue.example/v1)');
  const nothing = await lint(both);
  expect([nothing.code, nothing.err]).toEqual([2, expect.stringContaining('2 Broker (queue.example/v1)')]);
});
