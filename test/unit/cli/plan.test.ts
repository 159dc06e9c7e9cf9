import { afterAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { CLASSIC, cli, deployment, folderWith, policy, removeFolders } from './support.ts';

afterAll(removeFolders);

interface Plan {
  readonly hash: string;
  readonly totals: Record<string, number>;
  readonly notes: readonly string[];
  readonly policies: readonly { name: string; outcomes: Record<string, number>; overridden: number }[];
  readonly workloads: readonly {
    policy: string;
    outcome: string;
    reason?: string;
    restarts: number;
    line: number;
    workload: { name: string };
    changes: readonly { field: string; before?: string; after?: string; why: string; line: number }[];
    cost?: { quietBefore: number; quietAfter: number; worstBefore: number; worstAfter: number };
    overridden: readonly { policy: string; by: string }[];
  }[];
  readonly ungoverned: readonly { name: string }[];
  readonly meshDefault?: { covers: number; of: number; yaml: string };
}

async function plan(
  files: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<{ code: number; plan: Plan; text: string }> {
  const folder = folderWith(files);
  const json = await cli(['plan', '-f', folder, ...CLASSIC, '-o', 'json', ...args]);
  const text = await cli(['plan', '-f', folder, ...CLASSIC, ...args]);
  return { code: json.code, plan: JSON.parse(json.out) as Plan, text: text.out };
}

const SLOW = policy('slow', 'mode: Fixed, duration: 30s');

describe('the price of node drains', () => {
  const budget = (spec: string): string => `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: till, namespace: market}
spec: {selector: {matchLabels: {app: till}}, ${spec}}
`;
  const node = (name: string): string => `apiVersion: v1
kind: Node
metadata: {name: ${name}}
---
`;
  const podOn = (name: string, on: string): string => `apiVersion: v1
kind: Pod
metadata:
  name: till-7d9-${name}
  namespace: market
  labels: {app: till, pod-template-hash: 7d9}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: till-7d9, uid: r, controller: true}]
spec: {nodeName: ${on}, containers: [{name: till, image: "registry.example/till:2"}]}
---
`;
  const files = {
    'w.yaml': deployment({ name: 'till', namespace: 'market' }),
    'p.yaml': policy('slow', 'mode: Fixed, duration: 60s'),
    'n.yaml': node('n1') + node('n2'),
  };

  it('has a round for each pod that a budget lets go at a time, and says what is a bound and what is not known', async () => {
    const { text } = await plan({ ...files, 'b.yaml': budget('maxUnavailable: 1') });
    expect(text).toMatch(
      /a node drain may wait 1\d\d s for pods instead of 60 s, in 2 rounds by PodDisruptionBudget market\/till \(where all pods/,
    );
    expect(text).toMatch(/an upgrade of 2 nodes, one after the other, may take up to \d+ s longer/);
    expect(text).toContain('not known: how long replacements take to be ready');
  });

  it('goes by where the pods are, where they are among the input', async () => {
    const placed = { 'b.yaml': budget('maxUnavailable: 1'), 'pods.yaml': podOn('a', 'n1') + podOn('b', 'n2') };
    const { text } = await plan({ ...files, ...placed });
    expect(text).toMatch(/a node drain may wait \d+ s for pods instead of 30 s \(as pods are placed now\)/);
  });

  it('names a budget that never lets a pod go', async () => {
    const { text } = await plan({ ...files, 'b.yaml': budget('maxUnavailable: 0') });
    expect(text).toContain('not known: PodDisruptionBudget market/till never lets a pod go');
  });
});

describe('plan', () => {
  it('says what would change, where, why, what restarts and what it costs', async () => {
    const {
      code,
      plan: { workloads, totals },
      text,
    } = await plan({ 'p.yaml': SLOW, 'a.yaml': deployment({ name: 'a' }) });

    expect(code).toBe(0);
    expect(workloads).toMatchObject([
      {
        policy: 'slow',
        outcome: 'Pending',
        restarts: 2,
        workload: { name: 'a' },
        cost: { quietBefore: 5, quietAfter: 35, worstBefore: 30, worstAfter: 40 },
        changes: [
          { field: 'proxyConfig', after: 'terminationDrainDuration: 35s\n', line: 8 },
          { field: 'gracePeriod', after: '40', line: 10 },
        ],
      },
    ]);
    expect(totals).toMatchObject({ workloads: 1, changes: 1, podRestarts: 2, nodeDrainBefore: 30, nodeDrainAfter: 40 });
    expect(text).toContain('+ terminationDrainDuration: 35s');
    expect(text).toContain('(not set) -> 40');
    expect(text).toContain('a node drain may wait 40 s for a pod instead of 30 s');
    expect(text).toContain('a quiet pod ends after 35 s instead of 5 s');
  });

  it('tells every outcome apart', async () => {
    const {
      plan: { workloads, ungoverned, policies },
      text,
    } = await plan({
      'p.yaml': `${SLOW}  gracePeriod: {maximum: 5m}\n`,
      'w.yaml': [
        deployment({ name: 'pending' }),
        deployment({ name: 'compliant', grace: 90, config: 'terminationDrainDuration: 45s' }),
        deployment({ name: 'conflicted', grace: 5 }),
        deployment({ name: 'exempt', annotations: { 'sidecardrain.io/exempt': 'soon gone' } }),
        deployment({ name: 'malformed', config: 'terminationDrainDuration: 60' }),
        deployment({ name: 'single', kind: 'StatefulSet' }).replace('replicas: 2', 'replicas: 1'),
        deployment({ name: 'daemon', kind: 'DaemonSet' }),
      ].join('---\n'),
    });

    expect(
      Object.fromEntries(workloads.map((one) => [one.workload.name, `${one.outcome} ${one.reason ?? ''}`.trim()])),
    ).toEqual({
      pending: 'Pending',
      compliant: 'Compliant',
      conflicted: 'Conflicted FieldConflict',
      exempt: 'Exempt Exempt',
      malformed: 'Failed AnnotationMalformed',
      single: 'Exempt DowntimePerDeploy',
    });
    expect(ungoverned.map((one) => one.name)).toEqual(['daemon']);
    expect(policies[0]?.outcomes).toMatchObject({ Pending: 1, Compliant: 1, Conflicted: 1, Exempt: 2, Failed: 1 });
    expect(text).toContain('soon gone');
    expect(text).toContain('declared by manifest');
  });

  it('has one hash for the same changes, in any order of files, and another for others', async () => {
    const documents = [deployment({ name: 'a' }), deployment({ name: 'b' }), SLOW];
    const hash = async (...contents: string[]): Promise<string> =>
      (await plan(Object.fromEntries(contents.map((content, index) => [`${index}.yaml`, content])))).plan.hash;

    const first = await hash(...documents);

    expect(first).toMatch(/^[0-9a-f]{16}$/);
    expect(await hash(...[...documents].reverse())).toBe(first);
    expect(await hash(documents.join('---\n'))).toBe(first);
    expect(
      await hash(...documents, deployment({ name: 'exempt', annotations: { 'sidecardrain.io/exempt': '' } })),
    ).toBe(first);
    expect(await hash(documents[0] ?? '', documents[1] ?? '', policy('slow', 'mode: Fixed, duration: 31s'))).not.toBe(
      first,
    );
    expect(await hash(documents[0] ?? '', SLOW)).not.toBe(first);
  });

  it('shows who overrides whom, and what an Audit policy would do', async () => {
    const {
      plan: { workloads, totals },
      text,
    } = await plan({
      'a.yaml': deployment({ name: 'a' }),
      'low.yaml': SLOW,
      'high.yaml': policy('high', 'mode: Fixed, duration: 60s', '  priority: 10\n'),
      'audit.yaml': policy('trial', 'mode: Fixed, duration: 90s').replace('Enforce', 'Audit'),
    });

    expect(workloads.map((one) => [one.policy, one.outcome, one.overridden])).toEqual([
      ['high', 'Pending', [{ policy: 'slow', by: 'high' }]],
      ['trial', 'NonCompliant', []],
    ]);
    expect(totals).toMatchObject({ changes: 1, wouldChangeInAudit: 1 });
    expect(text).toContain('overridden by high');
    expect(text).toContain('1 more under policies in Audit');
  });

  it('says when one line of mesh config would do for most', async () => {
    const {
      plan: { meshDefault },
      text,
    } = await plan({
      'p.yaml': SLOW,
      'w.yaml': [
        deployment({ name: 'a', grace: 90 }),
        deployment({ name: 'b', grace: 90 }),
        deployment({ name: 'c', grace: 90, config: 'terminationDrainDuration: 10s' }),
      ].join('---\n'),
    });

    expect(meshDefault).toMatchObject({ covers: 2, of: 3, yaml: 'defaultConfig:\n  terminationDrainDuration: 35s\n' });
    expect(text).toContain('MeshDefaultWouldDo: 2 of 3 workloads');
  });

  it('does not where that would not help most of them', async () => {
    const own = (name: string): string => deployment({ name, grace: 90, config: 'terminationDrainDuration: 10s' });
    const {
      plan: { meshDefault },
    } = await plan({
      'p.yaml': SLOW,
      'w.yaml': [own('a'), own('b'), deployment({ name: 'c', grace: 90 })].join('---\n'),
    });

    expect(meshDefault).toBeUndefined();
  });

  it('says that labels of namespaces are not known where a policy may select by them', async () => {
    const selecting = SLOW.replace('namespaceSelector: {}', 'namespaceSelector: {matchLabels: {drain: managed}}');
    const files = { 'p.yaml': selecting, 'a.yaml': deployment({ name: 'a', namespace: 'shop' }) };

    const unknown = await plan(files);
    const stated = await plan(files, '--namespace-labels', 'shop:drain=managed');
    const seen = await plan({
      ...files,
      'ns.yaml':
        'apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {drain: managed, istio-injection: enabled}}\n',
    });

    expect(unknown.plan.notes.at(-1)).toMatch(/^not known: the labels of shop/);
    expect([unknown, stated, seen].map((one) => one.plan.totals['changes'])).toEqual([0, 1, 1]);
  });

  it("says what a hook in a template means for its owner's own apply", async () => {
    const of = async (more: string, drain = ', strategy: PreStopHook'): Promise<readonly string[]> => {
      const hooking = policy('hooking', `mode: Adaptive, maxWait: 30s${drain}`, more);
      const files = { 'p.yaml': hooking, 'a.yaml': deployment({ name: 'a' }) };
      return (await plan(files, '--assume', 'injected=true', '--proxy-image', 'with-shell')).plan.notes;
    };

    expect(await of('')).toEqual([
      expect.stringMatching(
        /^policy hooking: where its hook \(exec\) stands on istio-proxy .* refuses an owner's apply/,
      ),
    ]);
    expect(await of('', ', strategy: PreStopHook, hook: Custom, lifecycle: {preStop: {sleep: {seconds: 40}}}')).toEqual(
      [expect.stringContaining('its hook (sleep)')],
    );
    expect(await of('  delivery: Admission\n')).toEqual([]);
    expect(await of('', '')).toEqual([]);
  });

  it.each([
    ['rollout: {strategy: OnNextRollout}', 'rides along with its next rollout, no pod restarts', 'Rollout'],
    ['delivery: Admission', 'its pods get it when they are created, none restarts', 'Pod'],
  ])('restarts nothing under %s', async (field, says, carrier) => {
    const riding = SLOW.replace('match: {namespaceSelector: {}}', `match: {namespaceSelector: {}}\n  ${field}`);
    const {
      plan: { workloads, totals },
      text,
    } = await plan({ 'p.yaml': riding, 'a.yaml': deployment({ name: 'a' }) });

    expect(workloads).toMatchObject([{ outcome: 'Pending', restarts: 0, carrier }]);
    expect(totals).toMatchObject({ changes: 1, podRestarts: 0 });
    expect(text).toContain(says);
  });

  it.each([
    ['never', 0],
    ['changes', 1],
    ['attention', 1],
  ])('--fail-on %s ends with %i', async (failOn, expected) => {
    const folder = folderWith({
      'p.yaml': SLOW,
      'w.yaml': `${deployment({ name: 'a' })}---\n${deployment({ name: 'b', grace: 5 })}`,
    });

    expect(
      (await cli(['plan', '-f', join(folder, 'w.yaml'), '-p', join(folder, 'p.yaml'), ...CLASSIC, '--fail-on', failOn]))
        .code,
    ).toBe(expected);
  });

  it('gives the reason that the policy is stalled, and ends with 2 without any policy', async () => {
    const stalled = await plan({
      'p.yaml': SLOW.replace('match: {namespaceSelector: {}}', 'match: {namespaceSelector: {}, names: ["UPPER"]}'),
      'a.yaml': deployment({}),
    });
    const none = await cli(['plan', '-f', folderWith({ 'a.yaml': deployment({}) })]);

    expect(stalled.text).toContain('stalled: ');
    expect(none).toMatchObject({ code: 2, err: expect.stringContaining('-p') });
  });
});
