import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { appDelayOf } from '../../../src/drain/promise/clocks.ts';
import { assumedFor } from '../../../src/drain/plan/assumed.ts';
import { drainTooShort } from '../../../src/drain/findings/checks/drain.ts';
import { playCase, settingsOf, type TerminationCase } from '../../../src/drain/timeline/cases.ts';
import { cli, folderWith, policy, removeFolders } from './support.ts';

afterAll(removeFolders);

/** lint, explain, plan and render say one thing of one workload. */

const MESH = ['--assume', 'injected=true', '--native-sidecars', 'false', '--istio-version', '1.30.3'];
const SHELL = ['--proxy-image', 'with-shell'];

interface Found {
  readonly findings: readonly { readonly code: string; readonly severity: string }[];
}

function manifest(preStop?: number, annotation?: string): string {
  return stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'orders', namespace: 'shop' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'orders' } },
      template: {
        metadata: {
          labels: { app: 'orders' },
          ...(annotation === undefined ? {} : { annotations: { 'proxy.istio.io/config': annotation } }),
        },
        spec: {
          containers: [
            {
              name: 'orders',
              image: 'shop.example/orders:4',
              ports: [{ containerPort: 8080 }],
              ...(preStop === undefined ? {} : { lifecycle: { preStop: { sleep: { seconds: preStop } } } }),
            },
          ],
        },
      },
    },
  });
}

async function severe(text: string, flags: readonly string[]): Promise<string[]> {
  const { out } = await cli(['lint', '-', '-o', 'json', ...MESH, ...flags], { stdin: text });
  return (JSON.parse(out) as Found).findings.filter(({ severity }) => severity !== 'info').map(({ code }) => code);
}

describe('what render has written', () => {
  it.each([
    ['Fixed', 'mode: Fixed, duration: 40s', []],
    ['Adaptive', 'mode: Adaptive, maxWait: 60s', []],
    ['Combined', 'mode: Combined, duration: 20s, maxWait: 60s', []],
    ['a hook', 'mode: Combined, duration: 20s, maxWait: 60s, strategy: PreStopHook', SHELL],
    [
      'a hook that counts requests',
      'mode: Combined, duration: 20s, maxWait: 60s, strategy: PreStopHook, hook: ActiveRequests',
      SHELL,
    ],
  ])('is clean to lint, and compliant to plan: %s', async (_, drain, flags) => {
    const folder = folderWith({ 'policy.yaml': policy('slow', drain) });
    for (const preStop of [5, 12]) {
      const rendered = await cli(['render', '-', '-p', folder, ...MESH, ...flags], { stdin: manifest(preStop) });
      expect(rendered.code).toBe(0);

      expect(await severe(rendered.out, flags)).toEqual([]);
      const plan = await cli(['plan', '-', '-p', folder, '-o', 'json', ...MESH, ...flags], { stdin: rendered.out });
      expect(JSON.parse(plan.out)).toMatchObject({ workloads: [{ outcome: 'Compliant', changes: [] }] });
    }
  });

  it('still has the late requests of an application without a preStop', async () => {
    const folder = folderWith({ 'policy.yaml': policy('slow', 'mode: Fixed, duration: 40s') });
    const rendered = await cli(['render', '-', '-p', folder, ...MESH], { stdin: manifest() });

    expect(await severe(rendered.out, [])).toEqual(['NewRequestsRefused']);
  });
});

describe('lint and explain', () => {
  const zero = JSON.stringify({ proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true' } });

  it.each([
    ['nothing set', undefined, false],
    ['a drain that is long enough', '{"terminationDrainDuration":"25s"}', true],
    ['a drain that is too short', '{"terminationDrainDuration":"12s"}', false],
    ['a proxy that waits for connections', zero, true],
  ])('agree on a request of 15 s: %s', async (_, annotation, survives) => {
    const text = manifest(5, annotation);
    const { out } = await cli(['explain', '-f', '-', '-o', 'json', ...MESH], { stdin: text });
    const { timelines } = JSON.parse(out) as { timelines: { verdict: { survives: boolean } }[] };

    expect(timelines.map(({ verdict }) => verdict.survives)).toEqual([survives]);
    expect((await severe(text, [])).includes('DrainTooShort')).toBe(!survives);
  });
});

function casesOf(file: string | URL): TerminationCase[] {
  return (JSON.parse(readFileSync(file, 'utf8')) as { cases: TerminationCase[] }).cases;
}

const measured = process.env['SIDECAR_DRAIN_CASES'];
const cases = [
  ...casesOf(new URL('../../fixtures/drain/cases.json', import.meta.url)),
  ...(measured === undefined ? [] : casesOf(measured)),
];

describe('lint of a termination that was played', () => {
  const survivors = cases.filter(
    ({ observed, deletedWithGracePeriodSeconds, load = [] }) =>
      deletedWithGracePeriodSeconds === undefined &&
      load.length > 0 &&
      Object.values(observed.requests ?? {}).every((outcome) => outcome === 'survived'),
  );

  it.each(survivors.map((given) => [given.id, given] as const))('finds no drain too short: %s', (_, given) => {
    const settings = settingsOf(given);
    const requests = playCase(given).requests;
    const delay = appDelayOf(settings, 0).seconds;
    const last = requests.reduce((end, { at }) => Math.max(end, at), delay);
    const { intent, clocks } = assumedFor({ kind: 'Deployment' }, settings, {
      longestRequest: last - delay,
      endpointDelay: 0,
    });

    const errors = drainTooShort({ settings, intent, clocks, job: false }).filter(
      ({ severity }) => severity === 'error',
    );
    // A request may well end before the proxy does, and the application's hook go on.
    const endsInTime = Object.keys(given.observed.requests ?? {}).length > 0 && last > delay;

    expect(endsInTime ? errors : []).toEqual([]);
  });
});
