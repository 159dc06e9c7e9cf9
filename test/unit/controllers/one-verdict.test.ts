import { afterAll, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import type { LifecycleHandler } from '../../../src/api/kubernetes.ts';
import { withDefaults } from '../../../src/api/policy.ts';
import { entriesOf, Ledger } from '../../../src/controllers/reports/ledger.ts';
import { troubleOf } from '../../../src/controllers/reports/trouble.ts';
import { workloadKey, type Workload } from '../../../src/drain/model/workload.ts';
import { assess, type Assessment } from '../../../src/drain/plan/assess.ts';
import { delayCounts, delayWords } from '../../../src/drain/plan/late-requests.ts';
import { readPolicy } from '../../../src/drain/plan/policies.ts';
import { resultsOf } from '../../../src/drain/report/index.ts';
import { sh } from '../../fixtures/drain/hooks.ts';
import { meshOf, NAMESPACE, workloadOf } from '../../fixtures/drain/objects.ts';
import { cli, folderWith, policy, removeFolders } from '../cli/support.ts';

afterAll(removeFolders);

/** A workload whose promise cannot be proven is the same in status, Events, reports, plan and lint. */

const NAME = 'long';
const DRAIN = { mode: 'Fixed', duration: '20s' } as const;
const LONG = readPolicy({
  apiVersion: 'sidecardrain.io/v1alpha1',
  kind: 'SidecarDrainPolicy',
  spec: withDefaults({ enforcement: 'Enforce', match: { namespaceSelector: {} }, drain: DRAIN }),
  metadata: { name: NAME, uid: 'uid-long', generation: 1 },
});
const MESH = ['--assume', 'injected=true', '--native-sidecars', 'false', '--istio-version', '1.30.3'];

/** Settings that keep every promise, were it not for the hook. */
const CONFIG = JSON.stringify({ terminationDrainDuration: '120s' });
const GRACE = 300;

const PLAIN: LifecycleHandler = { exec: { command: ['/bin/sleep', '5'] } };
const hooks: readonly (readonly [string, LifecycleHandler | undefined, string])[] = [
  ['a program that is not known', { exec: { command: ['/srv/bin/flush-queue'] } }, 'HookUnbounded'],
  ['a known sleep, then an unknown program', sh('sleep 20; /srv/bin/flush-queue'), 'HookUnbounded'],
  ['an unknown program, then a known sleep', sh('/srv/bin/flush-queue && sleep 5'), 'HookUnbounded'],
  ['a length in a variable that nobody gives a value here', sh('sleep "${PAUSE_FOR}"'), 'HookUnbounded'],
  ['an answer that is waited for', { httpGet: { port: 8080, path: '/drain' } }, 'HookUnbounded'],
  ['a loop that never ends', sh('while true; do sleep 1; done'), 'HookNeverEnds'],
];

function assessed(preStop?: LifecycleHandler): Assessment {
  const workload = workloadOf({ appPreStop: preStop, config: CONFIG, grace: GRACE });
  return assess({ workload, namespace: NAMESPACE, mesh: meshOf('classic'), policies: [LONG] });
}

function manifest(preStop?: LifecycleHandler): string {
  const { apiVersion, kind, name, template } = workloadOf({ appPreStop: preStop, config: CONFIG, grace: GRACE });
  const spec = { selector: { matchLabels: template.metadata?.labels }, template };
  return stringify({ apiVersion, kind, metadata: { name, namespace: NAMESPACE.name }, spec });
}

interface Planned {
  readonly workloads: readonly { outcome: string; reason?: string; message: string; newRequestsRefused?: string }[];
}

async function planned(text: string): Promise<Planned['workloads'][number] | undefined> {
  const folder = folderWith({ 'policy.yaml': policy(NAME, 'mode: Fixed, duration: 20s') });
  const { out } = await cli(['plan', '-', '-p', folder, '-o', 'json', ...MESH], { stdin: text });
  return (JSON.parse(out) as Planned).workloads[0];
}

async function linted(text: string): Promise<readonly { code: string; message: string }[]> {
  const folder = folderWith({ 'policy.yaml': policy(NAME, 'mode: Fixed, duration: 20s') });
  const { out } = await cli(['lint', '-', '-p', folder, '-o', 'json', ...MESH], { stdin: text });
  return (JSON.parse(out) as { findings: readonly { code: string; message: string }[] }).findings;
}

function told(assessment: Assessment): { readonly ledger: Ledger; readonly key: string } {
  const ledger = new Ledger(() => undefined);
  const key = workloadKey(workloadOf());
  ledger.record(key, entriesOf(assessment, undefined));
  return { ledger, key };
}

describe('a hook for which nothing can be proven', () => {
  it.each(hooks)('is the same wherever it is told: %s', async (_, preStop, reason) => {
    const assessment = assessed(preStop);
    const decision = assessment.governing?.decision;
    const outcome = reason === 'HookNeverEnds' ? 'Failed' : 'Unknown';
    const message = decision?.message ?? '';
    expect(decision).toMatchObject({ outcome, reason });

    const { ledger, key } = told(assessment);
    expect(ledger.countsOf(NAME)).toMatchObject({ matched: 1, compliant: 0, [outcome.toLowerCase()]: 1 });
    expect(ledger.attentionOf(NAME)).toMatchObject([{ name: 'checkout', reason, message: message.slice(0, 512) }]);
    expect(decision === undefined ? undefined : troubleOf(decision)).toEqual({ reason, message });
    const { results } = resultsOf({ ...workloadOf(), entries: ledger.entriesOf(key) });
    expect(results.map(({ rule, properties }) => `${rule} ${properties.outcome}`)).toEqual([`${reason} ${outcome}`]);

    const text = manifest(preStop);
    expect(await planned(text)).toMatchObject({ outcome, reason, message });
    expect(await linted(text)).toContainEqual(expect.objectContaining({ code: reason, message }));
  });

  it('was all that was wrong there', async () => {
    const assessment = assessed(PLAIN);

    expect(assessment.governing?.decision).toMatchObject({ outcome: 'Compliant' });
    expect(assessment.governing === undefined ? 0 : troubleOf(assessment.governing.decision)).toBeUndefined();
    expect(told(assessment).ledger.attentionOf(NAME)).toEqual([]);
    expect(await planned(manifest(PLAIN))).toMatchObject({ outcome: 'Compliant' });
  });
});

describe('requests that arrive late', () => {
  it('are told of a compliant workload, in status, reports, plan and lint, and in no Event', async () => {
    const assessment = assessed();
    const decision = assessment.governing?.decision;
    expect(decision?.outcome).toBe('Compliant');
    expect(decision === undefined ? 0 : troubleOf(decision)).toBeUndefined();

    const { ledger, key } = told(assessment);
    const [attention] = ledger.attentionOf(NAME);
    expect(attention).toMatchObject({ reason: 'NewRequestsRefused' });
    expect(ledger.countsOf(NAME)).toMatchObject({ matched: 1, compliant: 1 });
    expect(resultsOf({ ...workloadOf(), entries: ledger.entriesOf(key) }).results).toMatchObject([
      { rule: 'NewRequestsRefused', result: 'warn', scored: false },
    ]);

    const text = manifest();
    const message = attention?.message;
    expect(await planned(text)).toMatchObject({ outcome: 'Compliant', newRequestsRefused: message });
    expect(await linted(text)).toContainEqual(expect.objectContaining({ code: 'NewRequestsRefused', message }));
  });

  it('are no warning where the policy delays the application itself', () => {
    const delaying = readPolicy({
      apiVersion: 'sidecardrain.io/v1alpha1',
      kind: 'SidecarDrainPolicy',
      spec: withDefaults({
        enforcement: 'Audit',
        match: { namespaceSelector: {} },
        drain: { ...DRAIN, application: 'Delay' },
        delivery: 'Admission',
      }),
      metadata: { name: NAME, uid: 'uid-long', generation: 1 },
    });
    const under = (workload: Workload): Ledger =>
      told(assess({ workload, namespace: NAMESPACE, mesh: meshOf('classic'), policies: [delaying] })).ledger;
    const plain = workloadOf({ config: CONFIG, grace: GRACE });
    const [first] = plain.template.spec.containers;
    const portless = { ...first, name: 'app', ports: [] };
    const withoutPorts = {
      ...plain,
      template: { ...plain.template, spec: { ...plain.template.spec, containers: [portless] } },
    };

    expect(under(plain).warnedOf(NAME, 'NewRequestsRefused')).toBe(0);
    expect([withoutPorts, plain, workloadOf({ appPreStop: PLAIN })].map((each) => under(each).delayOf(NAME))).toEqual([
      { Sleep: 0, SleepWithoutPorts: 1, OwnHook: 0 },
      { Sleep: 1, SleepWithoutPorts: 0, OwnHook: 0 },
      { Sleep: 0, SleepWithoutPorts: 0, OwnHook: 1 },
    ]);
    expect(under(workloadOf({ metadata: { 'sidecardrain.io/exempt': 'batch' } })).delayOf(NAME)).toEqual(
      delayCounts([]),
    );
    expect(delayWords({ Sleep: 3, SleepWithoutPorts: 1, OwnHook: 2 })).toBe(
      'application Delay: 4 get the sleep (1 without a declared port, so that all their containers are taken to serve), 2 have a preStop of their own',
    );
    expect(delayWords(delayCounts([undefined]))).toBe('');
  });
});
