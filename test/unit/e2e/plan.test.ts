import { describe, expect, it } from '@jest/globals';
import { OptionsError, readOptions } from '../../../e2e/plan/options.ts';
import { FORMS_AND_SCENARIOS } from './support.ts';
import { policyObject } from '../../../e2e/plan/objects.ts';
import { policyOf, timingOf, timingProblems } from '../../../e2e/plan/scenarios.ts';
import { exitCodeOf, resultsJunit, resultsTable, type Check } from '../../../e2e/results.ts';
import { validatePolicy } from '../../../src/api/policy.ts';
import { podTrouble } from '../../../e2e/cluster/trouble.ts';
import { PodRecorder, type RawPod } from '../../../e2e/observe/pods.ts';

describe('the variables', () => {
  it("have defaults that need no registry of one's own and no operator in the cluster", () => {
    expect(readOptions({ PATH: '/bin' })).toMatchObject({
      only: [],
      forms: 'auto',
      operator: { how: 'outside' },
      addressing: 'auto',
      clients: ['mesh'],
      replicas: 2,
      keep: false,
      image: { pullPolicy: 'IfNotPresent', node: 'node', programs: 'configmap' },
      injectionLabels: { 'istio-injection': 'enabled' },
    });
  });

  it.each([
    [
      { E2E_ONLY: 'fixed,adaptive/classic' },
      { only: [{ scenario: 'fixed' }, { scenario: 'adaptive', form: 'classic' }] },
    ],
    [
      { E2E_OPERATOR: 'image', E2E_OPERATOR_IMAGE: 'reg.example/op:1' },
      { operator: { how: 'image', image: 'reg.example/op:1' } },
    ],
    [{ E2E_OPERATOR: 'image reg.example/op:1' }, { operator: { how: 'image', image: 'reg.example/op:1' } }],
    [{ E2E_INJECTION_LABELS: 'istio.io/rev=canary' }, { injectionLabels: { 'istio.io/rev': 'canary' } }],
    [{ E2E_KEEP: '0' }, { keep: false }],
    [{ E2E_HOLD: '1m30s', E2E_INTERVAL: '500ms' }, { timing: { hold: 90, interval: 0.5 } }],
  ])('%j', (env, options) => {
    expect(readOptions(env)).toMatchObject(options);
  });

  it.each([
    [{ E2E_ONLY: 'fxied' }, 'E2E_ONLY: "fxied" is none of default, fixed, adaptive, combined'],
    [{ E2E_OPERATOR: 'image' }, 'with the reference in E2E_OPERATOR_IMAGE'],
    [{ E2E_HOLD: '20' }, 'E2E_HOLD: "20" must be a duration such as 20s'],
    [{ E2E_REPLICAS: '0' }, 'E2E_REPLICAS: "0" must be a whole number of at least 1'],
    [{ E2E_NODE_SELECTOR: 'zone' }, 'must look like key=value'],
    [{ E2E_FORMS: 'ambient' }, 'E2E_FORMS'],
    [{ E2E_KUBECONFG: 'x' }, 'E2E_KUBECONFG is not a variable of this suite'],
  ])('refuses %j', (env, words) => {
    expect(() => readOptions(env)).toThrow(OptionsError);
    expect(() => readOptions(env)).toThrow(words);
  });
});

describe('the scenarios', () => {
  it.each(FORMS_AND_SCENARIOS)('%s %s: timing fits together and the policy is valid', (form, scenario) => {
    const timing = timingOf(form, {});
    const policy = policyOf(scenario, timing);

    expect(timingProblems(form, timing)).toEqual([]);
    expect(policy === undefined ? [] : validatePolicy(policyObject('p', 'r', 'n', policy) as never)).toEqual([]);
  });

  it('refuses requests that are longer than what the policies promise', () => {
    expect(timingProblems('classic', timingOf('classic', { hold: 60 }))[0]).toContain(
      'E2E_DURATION and E2E_MAX_WAIT must not be shorter than E2E_HOLD (60s)',
    );
  });
});

const CHECKS: readonly Check[] = [
  {
    scenario: 'fixed',
    form: 'classic',
    check: 'no request is lost',
    verdict: 'Passed',
    detail: '40 requests',
    seconds: 12,
  },
  {
    scenario: 'default',
    form: 'classic',
    check: 'requests are lost',
    verdict: 'Void',
    detail: 'none was <lost>',
    seconds: 30,
  },
  { scenario: 'default', form: 'classic', check: 'other', verdict: 'Skipped', detail: 'not here', seconds: 0 },
];

describe('the results', () => {
  it.each([
    [[CHECKS[0]!], false, 0],
    [[CHECKS[0]!, CHECKS[2]!], false, 0],
    [CHECKS, false, 1],
    [[], false, 1],
    [[CHECKS[2]!], false, 1],
    [[CHECKS[0]!], true, 130],
  ])('exit code %#', (checks, interrupted, code) => {
    expect(exitCodeOf({ checks, interrupted })).toBe(code);
  });

  it('are a table that counts what proved nothing', () => {
    expect(resultsTable({ checks: CHECKS }, 120)).toContain('1 passed, 0 failed, 1 proved nothing, 1 skipped');
    expect(resultsTable({ checks: CHECKS }, 120)).toContain('PROVES NOTHING');
  });

  it('are JUnit in which what proved nothing has failed', () => {
    const xml = resultsJunit({ checks: CHECKS, run: 'r1' });

    expect(xml).toContain('<testsuites name="sidecar-drain e2e r1" tests="3" failures="1" errors="0">');
    expect(xml).toContain('<failure type="Void" message="none was &lt;lost&gt;">');
    expect(xml).toContain('<skipped message="not here"/>');
  });
});

function pod(more: Partial<RawPod['status']> & object, metadata: Partial<RawPod['metadata']> = {}): RawPod {
  return {
    metadata: { name: 'server-1', uid: 'u1', ...metadata },
    spec: {
      containers: [
        { name: 'server', image: 'node:24' },
        { name: 'istio-proxy', image: 'proxyv2' },
      ],
    },
    status: more,
  };
}

describe('why a pod is not ready', () => {
  it.each([
    [
      'an image that cannot be pulled',
      pod({
        containerStatuses: [
          { name: 'server', state: { waiting: { reason: 'ErrImageNeverPull', message: 'not present' } } },
        ],
      }),
      'waits for image node:24 (ErrImageNeverPull: not present)',
    ],
    [
      'no node that takes it',
      pod({ conditions: [{ type: 'PodScheduled', status: 'False', message: '0/1 nodes: untolerated taint' }] }),
      'E2E_TOLERATE_ALL=1',
    ],
    [
      'a program that ends',
      pod({
        containerStatuses: [
          {
            name: 'server',
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: { exitCode: 127 } },
          },
        ],
      }),
      'exit code 127',
    ],
    [
      'a proxy that is not ready',
      pod({
        phase: 'Running',
        containerStatuses: [
          { name: 'server', ready: true, state: { running: {} } },
          { name: 'istio-proxy', ready: false, state: { running: {} } },
        ],
      }),
      'istio-proxy is not ready',
    ],
  ])('%s', (_, given, words) => {
    expect(podTrouble(given)).toContain(words);
  });
});

describe('the record of a termination', () => {
  const deletion = { deletionTimestamp: '2026-11-21T10:00:30Z', deletionGracePeriodSeconds: 30 };
  const base = Date.parse('2026-11-21T10:00:00Z');

  it("takes the moment of deletion from our own clock where that does not contradict, and never from the kubelet's last delete", () => {
    const recorder = new PodRecorder();
    recorder.event('ADDED', pod({}), base - 5000);
    recorder.event('MODIFIED', pod({}, deletion), base + 400);
    recorder.event(
      'MODIFIED',
      pod({}, { deletionTimestamp: '2026-11-21T10:00:21Z', deletionGracePeriodSeconds: 0 }),
      base + 21_000,
    );

    expect(recorder.all()[0]).toMatchObject({
      deletedAt: base + 400,
      gracePeriodSeconds: 30,
      heardOfDeletionAt: base + 400,
      proxy: 'Classic',
    });
  });

  it.each([
    [-60_000, base],
    [60_000, base + 999],
  ])('bounds a clock that is %d ms off by what the API server says', (off, deletedAt) => {
    const recorder = new PodRecorder();
    recorder.event('MODIFIED', pod({}, deletion), base + off);

    expect(recorder.all()[0]?.deletedAt).toBe(deletedAt);
  });

  it('keeps the ends of containers that a later status leaves out', () => {
    const recorder = new PodRecorder();
    const ended = (name: string, exitCode: number): object => ({
      name,
      state: { terminated: { exitCode, reason: 'x', finishedAt: '2026-11-21T10:00:05Z' } },
    });
    recorder.event('MODIFIED', pod({ containerStatuses: [ended('istio-proxy', 137) as never] }, deletion), base);
    recorder.event('DELETED', pod({ containerStatuses: [ended('server', 0) as never] }, deletion), base + 20_000);

    expect(recorder.all()[0]).toMatchObject({
      goneAt: base + 20_000,
      ends: [
        { container: 'istio-proxy', role: 'Proxy', exitCode: 137 },
        { container: 'server', role: 'App', exitCode: 0 },
      ],
    });
  });
});
