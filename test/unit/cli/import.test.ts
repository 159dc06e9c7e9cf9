import { afterAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { validatePolicy, type SidecarDrainPolicySpec } from '../../../src/api/policy.ts';
import { CLASSIC, cli, deployment, folderWith, removeFolders } from './support.ts';

afterAll(removeFolders);

interface Remark {
  readonly kind: 'NotCarried' | 'Differs';
  readonly line: number;
  readonly path: string;
  readonly message: string;
}

interface Imported {
  readonly code: number;
  readonly policies: readonly {
    readonly from: string;
    readonly line: number;
    readonly policy: { metadata: { name: string }; spec: SidecarDrainPolicySpec };
  }[];
  readonly remarks: readonly Remark[];
  readonly lost: readonly string[];
  readonly text: string;
  readonly err: string;
}

async function importFrom(source: 'kyverno' | 'mesh', input: string, ...args: string[]): Promise<Imported> {
  const file = join(folderWith({ 'in.yaml': input }), 'in.yaml');
  const json = await cli(['import', source, file, '-o', 'json', ...args]);
  const text = await cli(['import', source, file, ...args]);
  expect(json.err).toBe('');
  const { policies, remarks } = JSON.parse(json.out) as Pick<Imported, 'policies' | 'remarks'>;
  for (const { policy } of policies) {
    expect(validatePolicy(policy)).toEqual([]);
  }
  const lost = remarks.filter(({ kind }) => kind === 'NotCarried').map(({ path, message }) => `${path}: ${message}`);
  return { code: json.code, policies, remarks, lost, text: text.out, err: text.err };
}

/** What `plan` would write into a Deployment without settings of its own. */
async function planned(
  policies: string,
  workload = deployment({ name: 'shop' }),
  ...args: string[]
): Promise<Record<string, string>> {
  const folder = folderWith({ 'p.yaml': policies, 'w.yaml': workload });
  const { out, err } = await cli(['plan', folder, ...CLASSIC, '--assume', 'injected=true', '-o', 'json', ...args]);
  expect(err).toBe('');
  const { workloads } = JSON.parse(out) as { workloads: { changes: { field: string; after: string }[] }[] };
  return Object.fromEntries((workloads[0]?.changes ?? []).map(({ field, after }) => [field, after]));
}

function rule(patch: string, { kinds = '[Deployment]', more = '', name = 'one' } = {}): string {
  return `  - name: ${name}\n    match: {any: [{resources: {kinds: ${kinds}}}]}\n${more}    mutate:\n      patchStrategicMerge: ${patch}\n`;
}

function clusterPolicy(rules: string, name = 'ends-well'): string {
  return `apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: ${name}}\nspec:\n  rules:\n${rules}`;
}

const IN_TEMPLATE = (inside: string): string => `{spec: {template: ${inside}}}`;
const config = (text: string): string => `{metadata: {annotations: {proxy.istio.io/config: ${JSON.stringify(text)}}}}`;

describe('import kyverno: values', () => {
  it.each([
    ['a grace period', IN_TEMPLATE('{spec: {terminationGracePeriodSeconds: 77}}'), { gracePeriod: '77' }],
    [
      'a drain',
      IN_TEMPLATE(config('terminationDrainDuration: 22s\n')),
      { proxyConfig: 'terminationDrainDuration: 22s\n' },
    ],
    [
      'a short drain',
      IN_TEMPLATE(config('terminationDrainDuration: 6s\n')),
      { proxyConfig: 'terminationDrainDuration: 6s\n' },
    ],
    [
      'waiting for connections, with a floor',
      IN_TEMPLATE(config('proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true", MINIMUM_DRAIN_DURATION: 14s}')),
      { proxyConfig: 'proxyMetadata:\n  EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"\n  MINIMUM_DRAIN_DURATION: "14s"\n' },
    ],
    [
      'the listener open for the whole drain',
      `{spec: {template: {metadata: {annotations: {proxy.istio.io/config: "{drainDuration: 80s, terminationDrainDuration: 80s}"}}, spec: {terminationGracePeriodSeconds: 95}}}}`,
      { proxyConfig: 'terminationDrainDuration: 1m20s\ndrainDuration: 1m20s\n', gracePeriod: '95' },
    ],
  ])('%s: plan gives the values of the rule', async (_, patch, values) => {
    const { policies, text, lost } = await importFrom('kyverno', clusterPolicy(rule(patch)));

    expect(lost).toEqual([]);
    expect(policies).toHaveLength(1);
    const got = await planned(text);
    expect({ ...got, proxyConfig: got['proxyConfig']?.replaceAll(/["\s]+/g, ' ') }).toEqual({
      ...values,
      proxyConfig: (values as { proxyConfig?: string }).proxyConfig?.replaceAll(/["\s]+/g, ' '),
    });
  });

  it('takes a hook of istio-proxy from a foreach, and says that pods are written', async () => {
    const { policies, text, lost } = await importFrom(
      'kyverno',
      `apiVersion: kyverno.io/v1
kind: Policy
metadata: {name: hold, namespace: till}
spec:
  rules:
  - name: hold
    match: {resources: {kinds: [Pod], selector: {matchLabels: {app: shop}}}}
    mutate:
      foreach:
      - list: request.object.spec.containers
        preconditions: {all: [{key: "{{ element.name }}", operator: Equals, value: istio-proxy}]}
        patchStrategicMerge:
          spec: {containers: [{name: "{{ element.name }}", lifecycle: {preStop: {exec: {command: [sleep, "18"]}}}}]}
`,
    );

    expect(lost).toEqual([]);
    expect(policies[0]?.policy.spec).toMatchObject({
      delivery: 'Admission',
      match: {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'till' } },
        workloadSelector: { matchLabels: { app: 'shop' } },
      },
      drain: { mode: 'Adaptive', strategy: 'PreStopHook', hook: 'Custom' },
    });
    const got = await planned(
      text,
      deployment({ name: 'shop', namespace: 'till' }),
      '--namespace-labels',
      'till:istio-injection=enabled',
      '--proxy-image',
      'with-shell',
    );
    expect(JSON.parse(got['proxyContainer'] ?? '{}')).toEqual({ preStop: { exec: { command: ['sleep', '18'] } } });
  });

  it('joins rules for the same workloads into one policy, and counts those about something else', async () => {
    const { policies, text, err } = await importFrom(
      'kyverno',
      clusterPolicy(
        rule(IN_TEMPLATE('{spec: {terminationGracePeriodSeconds: 64}}'), { name: 'grace' }) +
          rule(IN_TEMPLATE(config('terminationDrainDuration: 31s')), { name: 'drain' }) +
          rule('{metadata: {labels: {team: till}}}', { name: 'label' }),
      ),
    );

    expect(policies.map(({ from }) => from)).toEqual(['ClusterPolicy ends-well, rule grace and drain']);
    expect(await planned(text)).toEqual({ proxyConfig: 'terminationDrainDuration: 31s\n', gracePeriod: '64' });
    expect(err).toContain('1 passed over, about something else');
  });

  it('tells where the policy does another thing than the rule', async () => {
    const { remarks, code } = await importFrom(
      'kyverno',
      clusterPolicy(
        rule(
          `{spec: {template: {metadata: {annotations: {proxy.istio.io/config: "terminationDrainDuration: 50s"}}, spec: {terminationGracePeriodSeconds: 40}}}}`,
        ),
      ),
    );

    expect(code).toBe(0);
    expect(remarks.map(({ message }) => message).join('\n')).toContain(
      'the source sets terminationGracePeriodSeconds 40 s; the policy makes it 51 s on a plain workload',
    );
  });
});

describe('import kyverno: what is matched', () => {
  const GRACE = IN_TEMPLATE('{spec: {terminationGracePeriodSeconds: 77}}');

  it('carries selectors, exclusions and conditions that labels can say', async () => {
    const { policies, lost } = await importFrom(
      'kyverno',
      `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: picky}
spec:
  rules:
  - name: r
    match:
      all:
      - resources: {kinds: [Deployment, StatefulSet], names: [pay-*]}
      - resources: {namespaceSelector: {matchExpressions: [{key: tier, operator: Exists}]}}
    exclude: {any: [{resources: {namespaces: [attic, cellar]}}]}
    preconditions:
      all:
      - {key: "{{ request.operation }}", operator: In, value: [CREATE, UPDATE]}
      - {key: '{{ request.object.spec.template.metadata.labels."example.com/part" }}', operator: NotEquals, value: db}
    mutate:
      patchStrategicMerge:
        spec:
          template:
            metadata: {labels: {(lane): fast}}
            spec: {terminationGracePeriodSeconds: 77}
`,
    );

    expect(lost).toEqual([]);
    expect(policies.map(({ policy }) => policy.spec.match)).toEqual([
      {
        namespaceSelector: {
          matchExpressions: [
            { key: 'tier', operator: 'Exists' },
            { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['attic', 'cellar'] },
          ],
        },
        workloadSelector: {
          matchLabels: { lane: 'fast' },
          matchExpressions: [
            { key: 'example.com/part', operator: 'NotIn', values: ['db'] },
            { key: 'example.com/part', operator: 'Exists' },
          ],
        },
        names: ['pay-*'],
      },
    ]);
  });

  it.each([
    [
      'kinds nobody knows',
      `match: {any: [{resources: {kinds: [Deployment, Widget]}}]}`,
      'Widget is not a kind that policies know',
    ],
    [
      'annotations',
      `match: {any: [{resources: {kinds: [Deployment], annotations: {a: b}}}]}`,
      'a condition on annotations',
    ],
    [
      'patterns of namespaces',
      `match: {any: [{resources: {kinds: [Deployment], namespaces: [prod-*]}}]}`,
      'patterns of namespace names (prod-*)',
    ],
    [
      'patterns of labels',
      `match: {any: [{resources: {kinds: [Deployment], selector: {matchLabels: {a: "x*"}}}}]}`,
      'a pattern of labels',
    ],
    ['who asks', `match: {any: [{resources: {kinds: [Deployment]}, clusterRoles: [admin]}]}`, 'who makes the request'],
    ['Jobs', `match: {any: [{resources: {kinds: [Deployment, Job]}}]}`, 'a policy only reports a Job'],
    [
      'exclusion by name',
      `match: {any: [{resources: {kinds: [Deployment]}}]}\n    exclude: {any: [{resources: {names: [till]}}]}`,
      'an exclusion by name',
    ],
    [
      'exclusion by two conditions',
      `match: {any: [{resources: {kinds: [Deployment]}}]}\n    exclude: {any: [{resources: {namespaces: [a], selector: {matchLabels: {b: c}}}}]}`,
      'this exclusion',
    ],
    [
      'conditions',
      `match: {any: [{resources: {kinds: [Deployment]}}]}\n    preconditions: {all: [{key: "{{ request.object.spec.replicas }}", operator: GreaterThan, value: 1}]}`,
      'the condition {{ request.object.spec.replicas }}',
    ],
    [
      'alternatives',
      `match: {any: [{resources: {kinds: [Deployment]}}]}\n    preconditions: {any: [{key: "{{ request.namespace }}", operator: Equals, value: a}, {key: "{{ request.namespace }}", operator: Equals, value: b}]}`,
      'conditions of which one is enough',
    ],
    [
      'CEL',
      `match: {any: [{resources: {kinds: [Deployment]}}]}\n    celPreconditions: [{name: x, expression: "true"}]`,
      'conditions in CEL',
    ],
  ])('lists what it cannot carry over: %s', async (_, match, message) => {
    const { code, lost, policies } = await importFrom(
      'kyverno',
      clusterPolicy(`  - name: r\n    ${match}\n    mutate: {patchStrategicMerge: ${GRACE}}\n`),
    );

    expect(code).toBe(1);
    expect(lost).toHaveLength(1);
    expect(lost[0]).toContain(message);
    expect(policies).toHaveLength(1);
  });

  it.each([
    [
      'the grace period of a computed value',
      `{spec: {template: {spec: {terminationGracePeriodSeconds: "{{ seconds }}"}}}}`,
      'is computed when the rule runs',
    ],
    [
      'an annotation of the Deployment itself',
      config('terminationDrainDuration: 9s'),
      'this is on the Deployment itself',
    ],
    ['text that Istio refuses', IN_TEMPLATE(config('terminationDrainDuration: 9')), 'Istio cannot read this value'],
    [
      'a preStop of the application',
      IN_TEMPLATE('{spec: {containers: [{(name): "*", lifecycle: {preStop: {sleep: {seconds: 7}}}}]}}'),
      'drain.application: Delay with endpointDelay: 7s',
    ],
    [
      'classic sidecars',
      IN_TEMPLATE('{metadata: {annotations: {sidecar.istio.io/nativeSidecar: "false"}}}'),
      'never asks for classic ones',
    ],
    [
      'a hook that never ends',
      IN_TEMPLATE(
        '{spec: {containers: [{name: istio-proxy, lifecycle: {preStop: {exec: {command: [sleep, infinity]}}}}]}}',
      ),
      'never ends',
    ],
    [
      'a handler that no policy has',
      IN_TEMPLATE(
        '{spec: {containers: [{name: istio-proxy, lifecycle: {preStop: {httpGet: {port: 15020, path: /quitquitquit}}}}]}}',
      ),
      'neither exec nor sleep',
    ],
  ])('makes no policy from %s, and says why', async (_, patch, message) => {
    const { code, lost, policies } = await importFrom('kyverno', clusterPolicy(rule(patch)));

    expect(policies).toEqual([]);
    expect(code).toBe(1);
    expect(lost.join('\n')).toContain(message);
  });

  it('writes pods only where Kyverno makes no rules for controllers', async () => {
    const pods = '{spec: {terminationGracePeriodSeconds: 77}}';
    const free = await importFrom('kyverno', clusterPolicy(rule(pods, { kinds: '[Pod]' })));
    const none = await importFrom(
      'kyverno',
      clusterPolicy(rule(pods, { kinds: '[Pod]' })).replace(
        'metadata: {name: ends-well}',
        'metadata: {name: ends-well, annotations: {pod-policies.kyverno.io/autogen-controllers: none}}',
      ),
    );
    const some = await importFrom(
      'kyverno',
      clusterPolicy(rule(pods, { kinds: '[Pod]' })).replace(
        'metadata: {name: ends-well}',
        'metadata: {name: ends-well, annotations: {pod-policies.kyverno.io/autogen-controllers: "StatefulSet,Job"}}',
      ),
    );

    expect(free.policies[0]?.policy.spec).toMatchObject({
      rollout: { strategy: 'OnNextRollout' },
      match: { kinds: ['Deployment', 'StatefulSet', 'DaemonSet', 'CronJob'] },
    });
    expect(none.policies[0]?.policy.spec).toMatchObject({ delivery: 'Admission' });
    expect(some.policies[0]?.policy.spec.match.kinds).toEqual(['StatefulSet']);
    expect(some.remarks.map(({ message }) => message).join()).toContain('and for Job');
  });

  it('takes the targets of a rule that changes what is there, and restarts nothing at once', async () => {
    const { policies } = await importFrom(
      'kyverno',
      `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: existing}
spec:
  mutateExistingOnPolicyUpdate: true
  rules:
  - name: r
    match: {any: [{resources: {kinds: [ConfigMap]}}]}
    mutate:
      targets: [{apiVersion: apps/v1, kind: StatefulSet, namespace: till, name: ledger}]
      patchStrategicMerge: ${GRACE}
`,
    );

    expect(policies[0]?.policy.spec.match).toEqual({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'till' } },
      kinds: ['StatefulSet'],
      names: ['ledger'],
    });
    expect(policies[0]?.policy.spec.rollout).toBeUndefined();
  });

  it('gives the first of rules of which one applies the highest priority', async () => {
    const { policies } = await importFrom(
      'kyverno',
      clusterPolicy(rule(GRACE, { name: 'a' }) + rule(GRACE, { name: 'b', kinds: '[StatefulSet]' })).replace(
        'spec:\n',
        'spec:\n  applyRules: One\n',
      ),
    );

    expect(policies.map(({ policy }) => [policy.metadata.name, policy.spec.priority])).toEqual([
      ['ends-well-a', 2],
      ['ends-well-b', 1],
    ]);
  });

  it('names file, line and field', async () => {
    const { err } = await importFrom(
      'kyverno',
      clusterPolicy(
        rule(
          '\n        spec:\n          template:\n            spec:\n              terminationGracePeriodSeconds: soon\n',
        ),
      ),
    );

    expect(err).toMatch(
      /in\.yaml:13: not carried over: ClusterPolicy ends-well spec\.rules\[0\]\.mutate\.patchStrategicMerge\.spec\.template\.spec\.terminationGracePeriodSeconds: .*whole number of seconds/,
    );
  });
});

describe('import kyverno: CEL', () => {
  const mutating = (
    expression: string,
    more = '',
    kind = 'policies.kyverno.io/v1\nkind: MutatingPolicy',
  ): string => `apiVersion: ${kind}
metadata: {name: in-cel}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {lane: slow}}
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}]
${more}  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: ${JSON.stringify(expression)}
`;
  const OBJECT =
    'Object{spec: Object.spec{template: Object.spec.template{metadata: Object.spec.template.metadata{annotations: {"proxy.istio.io/config": "terminationDrainDuration: " + "33s\\n"}}, spec: Object.spec.template.spec{terminationGracePeriodSeconds: 58}}}}';

  it('reads objects, patches and conditions on namespaces', async () => {
    const { policies, text, lost } = await importFrom(
      'kyverno',
      mutating(OBJECT, '  matchConditions: [{name: a, expression: "object.metadata.namespace != \'attic\'"}]\n'),
    );

    expect(lost).toEqual([]);
    expect(policies[0]?.policy.spec.match).toEqual({
      namespaceSelector: {
        matchLabels: { lane: 'slow' },
        matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['attic'] }],
      },
      kinds: ['Deployment'],
    });
    expect(await planned(text, deployment({ name: 'shop' }), '--namespace-labels', 'default:lane=slow')).toEqual({
      proxyConfig: 'terminationDrainDuration: 33s\n',
      gracePeriod: '58',
    });
  });

  it.each([
    [
      'a condition around it',
      `has(object.spec.paused) && object.spec.paused ? Object{} : ${OBJECT}`,
      'it holds only where !(has(object.spec.paused)',
    ],
    [
      'a program',
      'Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{terminationGracePeriodSeconds: object.spec.minReadySeconds + 60}}}}',
      'is computed',
    ],
    ['what is no value at all', 'object.spec.terminationGracePeriodSeconds > 3', 'more than values'],
  ])('says what it cannot follow: %s', async (_, expression, message) => {
    const { lost, code } = await importFrom('kyverno', mutating(expression));

    expect(code).toBe(1);
    expect(lost.join('\n')).toContain(message);
  });

  it('reads a JSON patch, and a MutatingAdmissionPolicy', async () => {
    const { policies } = await importFrom(
      'kyverno',
      `apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: native}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  mutations:
  - patchType: JSONPatch
    jsonPatch:
      expression: '[JSONPatch{op: "add", path: "/metadata/annotations/" + jsonpatch.escapeKey("proxy.istio.io/config"), value: "terminationDrainDuration: 17s"}]'
`,
    );

    expect(policies[0]?.policy.spec).toMatchObject({
      delivery: 'Admission',
      drain: { mode: 'Fixed', duration: '12s' },
    });
  });
});

describe('import mesh', () => {
  const MESH = (defaults: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: |\n    defaultConfig: ${defaults}\n`;

  it('makes a policy that gives what the mesh gave', async () => {
    const { policies, text, lost } = await importFrom('mesh', MESH('{terminationDrainDuration: 24s}'));

    expect(lost).toEqual([]);
    expect(policies[0]).toMatchObject({ from: 'ConfigMap istio-system/istio', policy: { metadata: { name: 'mesh' } } });
    expect(policies[0]?.policy.spec.match).toMatchObject({ namespaceSelector: {}, proxies: ['Sidecar', 'Gateway'] });
    expect(await planned(text)).toEqual({ proxyConfig: 'terminationDrainDuration: 24s\n' });
  });

  it("takes ProxyConfig resources by how much they are for, and the injector's hook", async () => {
    const { policies } = await importFrom(
      'mesh',
      `${MESH('{proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"}}')}---
apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: {name: floor, namespace: till}
spec: {environmentVariables: {MINIMUM_DRAIN_DURATION: 21s}}
---
apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: {name: other, namespace: till}
spec: {environmentVariables: {LANE: slow}}
`,
    );

    expect(policies.map(({ policy: { metadata, spec } }) => [metadata.name, spec.priority ?? 0, spec.drain])).toEqual([
      ['mesh', 0, { mode: 'Adaptive', maxWait: '24s', strategy: 'ActiveConnections' }],
      ['till-floor', 10, { mode: 'Combined', duration: '16s', maxWait: '24s', strategy: 'ActiveConnections' }],
    ]);
  });

  it('takes the hook of every proxy, and says what of the injector it cannot carry', async () => {
    const { policies, lost } = await importFrom(
      'mesh',
      `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: istiod, namespace: istio-system}
spec:
  chart: {spec: {chart: istiod, version: 1.29.2}}
  values:
    global: {proxy: {lifecycle: {preStop: {exec: {command: [sleep, "11"]}}, postStart: {exec: {command: [pilot-agent, wait]}}}}}
`,
    );

    expect(policies[0]?.policy.spec.drain).toMatchObject({
      hook: 'Custom',
      lifecycle: { preStop: { exec: { command: ['sleep', '11'] } } },
    });
    expect(lost.join('\n')).toContain('postStart');
  });
});

describe('import: errors', () => {
  it.each([
    [['import', 'opa', 'x.yaml'], 'must be one of kyverno, mesh'],
    [['import', 'kyverno'], 'no input: give files or folders with the rules'],
    [['import', 'kyverno', '--cluster'], 'kubectl get clusterpolicies'],
    [['import', 'kyverno', '-'], 'nothing to import: 1 rule'],
    [['import', 'mesh', '-'], 'nothing to import: no setting of the mesh'],
  ])('%j', async (args, message) => {
    const { code, err, out } = await cli(args, { stdin: clusterPolicy(rule('{metadata: {labels: {a: b}}}')) });

    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(out).toBe('');
  });

  it('prints nothing but YAML on standard output', async () => {
    const { text } = await importFrom(
      'kyverno',
      clusterPolicy(rule(IN_TEMPLATE('{spec: {terminationGracePeriodSeconds: 77}}'))),
    );

    expect(parseAllDocuments(text).map((each) => (each as { toJS(): { kind: string } }).toJS().kind)).toEqual([
      'SidecarDrainPolicy',
    ]);
  });
});
