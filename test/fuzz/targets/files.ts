import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import {
  EXEMPTION_KIND,
  NAMESPACED_POLICY_KIND,
  POLICY_KIND,
  validateObject,
  type DrainExemption,
  type NamespacedSidecarDrainPolicy,
  type SidecarDrainPolicy,
} from '../../../src/api/policy.ts';
import { cliCommands } from '../../../src/cli/commands.ts';
import { readDocuments } from '../../../src/cli/input/documents.ts';
import { runCli } from '../../../src/cli/run.ts';
import { assess } from '../../../src/drain/plan/assess.ts';
import { readNamespacedPolicy, readPolicy, type PolicyRecord } from '../../../src/drain/plan/policies.ts';
import { exemptionOf, readExemption } from '../../../src/drain/selection/exemptions.ts';
import { meshOf, NAMESPACE, workloadOf } from '../../fixtures/drain/objects.ts';
import { projectRoot } from '../../support/control-plane/paths.ts';
import { demand, type FuzzTarget } from './target.ts';

function fileOf(path: string): string {
  return readFileSync(join(projectRoot(), path), 'utf8');
}

const SAMPLES = [
  'global_fixed',
  'hook_combined',
  'namespace_adaptive',
  'tenants_allowed',
  'tenants_own',
  'workload_combined',
  'gateway_combined',
  'exemption',
].map((name) => fileOf(`config/samples/${name}.yaml`).replace(/^#.*\n/gm, ''));

const MANIFEST_WORDS =
  'apiVersion: apps/v1 v1 kind: Deployment StatefulSet Pod List CronJob SidecarDrainPolicy metadata: name: namespace: labels: annotations: proxy.istio.io/config: spec: template: containers: initContainers: lifecycle: preStop: exec: command: sleep: seconds: httpGet: terminationGracePeriodSeconds: image: istio-proxy restartPolicy: Always : - ? | |- > & &a *a <<: !!int !x # --- ... { } [ ] , \n \n\u0020\u0020 \n\u0020\u0020\u0020\u0020 \t \r \r\n " \' \\ {{ }} null ~ true yes 0 -1 1e9 30 "30" .inf \ufeff \u0000'.split(
    ' ',
  );

/** Files of manifests, as lint reads them. */
export const yamlTarget: FuzzTarget = {
  name: 'yaml',
  about: 'files of manifests, through lint',
  seeds: [
    fileOf('docs/examples/first-policy/workloads.yaml').slice(0, 3_500),
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: b}\nspec:\n  template:\n    metadata:\n      annotations:\n        proxy.istio.io/config: |\n          terminationDrainDuration: 30s\n    spec:\n      terminationGracePeriodSeconds: 60\n      containers:\n        - name: app\n          lifecycle: {preStop: {exec: {command: [sh, -c, "sleep 10"]}}}\n        - name: istio-proxy\n          image: auto\n',
    '{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c"}]}}]}',
    'kind: Deployment\napiVersion: apps/v1\nmetadata: &m\n  name: x\nspec: {template: {metadata: {<<: *m}, spec: {containers: [{name: a}, {name: a}]}}}\n---\n# nothing\n---\na: b\n',
  ],
  words: MANIFEST_WORDS,
  async run(text) {
    const { code, out, err } = await lint(text);
    demand(code === 0 || code === 1 || code === 2, 'lint ends with one of its codes', code);
    if (code === 2) {
      demand(err.trim() !== '', 'an error says what it is');
      return;
    }
    const { problems } = JSON.parse(out) as { readonly problems?: readonly unknown[] };
    demand(
      code !== 0 || (problems ?? []).length === 0,
      'with --strict, what could not be read is no success',
      problems,
    );
  },
};

async function lint(text: string): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const written = { out: '', err: '' };
  const into = (which: keyof typeof written): Writable =>
    new Writable({
      write(chunk: Buffer, _, done) {
        written[which] += chunk.toString();
        done();
      },
    });
  const code = await runCli(['lint', '--strict', '--allow-empty', '--output', 'json', '-'], {
    program: 'sidecar-drain',
    commands: cliCommands(),
    io: { stdin: Readable.from([Buffer.from(text)]), stdout: into('out'), stderr: into('err'), env: {} },
  });
  return { code, ...written };
}

const POLICY_WORDS =
  'apiVersion: sidecardrain.io/v1alpha1 kind: SidecarDrainPolicy NamespacedSidecarDrainPolicy DrainExemption metadata: name: namespace: spec: enforcement: Enforce Audit suspend: priority: match: namespaceSelector: {} matchLabels: matchExpressions: key: operator: In NotIn Exists values: workloadSelector: kinds: names: "*" "checkout-*" revisions: proxies: drain: mode: Fixed Adaptive Combined duration: maxWait: endpointDelay: strategy: ActiveConnections PreStopHook hook: environment: ProxyConfig proxy: form: Native gracePeriod: change: Never margin: maximum: conflicts: Force delivery: Admission rollout: Waves OnNextRollout Immediate waves: maxConcurrent: canary: soak: windows: schedule: "0\u00202\u0020*\u0020*\u00201-5" timeZone: Europe/Berlin approval: Required onDelete: Orphan tenants: Allow bounds: exemptions: reason: until: 0s 1s 5m 10m 9999h 1h1m1s "1" -1 1e9 null true [ ] { } , : \n \n\u0020\u0020 \n\u0020\u0020\u0020\u0020 -'.split(
    ' ',
  );

/** Policies and exemptions: what the schema accepts is held against a workload. */
export const policyTarget: FuzzTarget = {
  name: 'policy',
  about: 'policies and exemptions: validated, compiled, held against a workload',
  seeds: SAMPLES,
  words: POLICY_WORDS,
  run(text) {
    const values: Readonly<Record<string, unknown>>[] = [];
    readDocuments(text, 'input', {
      wants: () => true,
      document: ({ value }) => values.push(value),
      other: () => undefined,
      problem: () => undefined,
    });
    for (const value of values.slice(0, 3)) {
      judgeObject(value);
    }
  },
};

const NOW = 1_800_000_000;

function judgeObject(value: Readonly<Record<string, unknown>>): void {
  const kind =
    [POLICY_KIND, NAMESPACED_POLICY_KIND, EXEMPTION_KIND].find((one) => one === value['kind']) ?? POLICY_KIND;
  const accepted = validateObject(value, kind as typeof POLICY_KIND).length === 0;
  if (!accepted) {
    return;
  }
  const workload = workloadOf({ config: 'terminationDrainDuration: 30s', grace: 60 });
  if (kind === EXEMPTION_KIND) {
    exemptionOf(workload, [readExemption(value as unknown as DrainExemption)], NOW);
    return;
  }
  const policy =
    kind === POLICY_KIND
      ? readPolicy(value as unknown as SidecarDrainPolicy)
      : readNamespacedPolicy(value as unknown as NamespacedSidecarDrainPolicy);
  holdAgainst(policy);
}

function holdAgainst(policy: PolicyRecord): void {
  const { governing, audits } = assess({
    workload: workloadOf({ config: 'terminationDrainDuration: 30s', grace: 60 }),
    namespace: NAMESPACE,
    mesh: meshOf('classic'),
    policies: [policy],
    operatorNamespace: 'operator',
  });
  for (const { decision } of [...(governing === undefined ? [] : [governing]), ...audits]) {
    demand(
      policy.stalled === undefined || decision.write === undefined,
      'a stalled policy writes nothing',
      policy.stalled,
    );
    const { write } = decision;
    demand((write?.gracePeriodSeconds ?? 60) >= 60, 'no grace period is lowered', write);
  }
}
