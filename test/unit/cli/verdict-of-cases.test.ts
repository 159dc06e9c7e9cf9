import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import type { TerminationCase } from '../../../src/drain/timeline/cases.ts';
import { cli, folderWith, policy, removeFolders } from './support.ts';

afterAll(removeFolders);

/**
 * One verdict for every termination that was measured or worked out: what explain lets die, lint does not call clean; what
 * lint calls cut, explain does not let live; and what render has written is compliant to plan and clean to lint.
 */

function casesOf(file: string | URL): TerminationCase[] {
  return (JSON.parse(readFileSync(file, 'utf8')) as { cases: TerminationCase[] }).cases;
}

const measured = process.env['SIDECAR_DRAIN_CASES'];
const cases = [
  ...['cases.json', 'container-cases.json'].flatMap((name) =>
    casesOf(new URL(`../../fixtures/drain/${name}`, import.meta.url)),
  ),
  ...(measured === undefined ? [] : casesOf(measured)),
].filter(({ proxy, proxyConfigSeenByInjection }) => proxy !== 'none' && proxyConfigSeenByInjection !== false);

/** Cases of one kind of mesh, which one run of a command judges. */
interface Group {
  readonly flags: readonly string[];
  readonly cases: readonly TerminationCase[];
}

const groups = new Map<string, Group>();
for (const given of cases) {
  const native = given.istioDefaultsToNative ?? given.proxy === 'native';
  const image = given.proxyImage ?? 'with-shell';
  const mesh = ['--native-sidecars', String(native), '--istio-version', '1.29.0', '--proxy-image', image];
  const name = `native sidecars ${native}, image ${image}`;
  const group = groups.get(name);
  groups.set(name, { flags: ['--assume', 'injected=true', ...mesh], cases: [...(group?.cases ?? []), given] });
}

function manifestOf({ id, podTemplate, proxyConfigs = [] }: TerminationCase): string {
  const namespace = `ns-${id}`;
  const workload = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace },
    spec: { replicas: 2, selector: { matchLabels: podTemplate.metadata?.labels }, template: podTemplate },
  };
  const configs = proxyConfigs.map(({ metadata, spec }) => ({
    apiVersion: 'networking.istio.io/v1beta1',
    kind: 'ProxyConfig',
    metadata: { ...metadata, namespace },
    spec,
  }));
  return [...configs, workload].map((object) => stringify(object)).join('---\n');
}

interface Found {
  readonly code: string;
  readonly severity: string;
}

interface Linted {
  readonly findings: readonly (Found & { readonly workload: { readonly namespace: string } })[];
}

/** What is found of each case, infos left out. */
async function lint(text: string, flags: readonly string[]): Promise<ReadonlyMap<string, readonly Found[]>> {
  const { out } = await cli(['lint', '-', '-o', 'json', ...flags], { stdin: text });
  const found = new Map<string, Found[]>();
  for (const finding of (JSON.parse(out) as Linted).findings.filter(({ severity }) => severity !== 'info')) {
    const id = finding.workload.namespace.slice('ns-'.length);
    found.set(id, [...(found.get(id) ?? []), finding]);
  }
  return found;
}

interface Explained {
  readonly timelines: readonly { readonly verdict: { readonly survives: boolean } }[];
}

async function survives(text: string, flags: readonly string[]): Promise<boolean> {
  const { out } = await cli(['explain', '-f', '-', '-o', 'json', ...flags], { stdin: text });
  return (JSON.parse(out) as Explained).timelines.every(({ verdict }) => verdict.survives);
}

const codesOf = (found: readonly Found[] = []): string[] => found.map(({ code }) => code);
/** What lint says of a workload only once something was written: each a true word about what stands beside it. */
const LEFT_BEHIND: readonly { readonly code: string; readonly where: (before: readonly string[]) => boolean }[] = [
  // A drain means nothing beside the EXIT_ON_ZERO or the hook that was written, or beside a ProxyConfig that wins.
  { code: 'DrainIgnored', where: () => true },
  // The owner's minimum means nothing without EXIT_ON_ZERO, which a fixed drain or a hook switches off.
  { code: 'MinimumDrainInert', where: () => true },
  // The EXIT_ON_ZERO that was written makes the proxy export what the owner's loop reads: it begins to wait, and an idle
  // client holds it until the grace period ends. The promise holds at both ends, which the last test of this file plays.
  { code: 'HookUnbounded', where: (before) => before.includes('StatsNotExported') },
];
const CUTS = new Set(['DrainTooShort', 'MinimumDrainTooShort']);

describe.each([...groups])('%s', (_, { flags, cases: own }) => {
  const text = own.map(manifestOf).join('---\n');
  /** By what is assumed of requests, and where every client hears of the deletion at once, as explain plays it. */
  let present: ReadonlyMap<string, readonly Found[]>;
  let found: ReadonlyMap<string, readonly Found[]>;

  beforeAll(async () => {
    present = await lint(text, flags);
    found = await lint(text, [...flags, '--endpoint-delay', '0s']);
  });

  it.each(own.map((given) => [given.id, given] as const))('lint and explain agree: %s', async (id, given) => {
    const lives = await survives(manifestOf(given), flags);
    const errors = (found.get(id) ?? []).filter(({ severity }) => severity === 'error');

    // Of requests that begin while the application's own preStop runs, explain says nothing.
    if (lives && !hasOwnHook(given)) {
      expect(codesOf(errors).filter((code) => CUTS.has(code))).toEqual([]);
    }
    if (!lives) {
      expect(codesOf(found.get(id))).not.toEqual([]);
    }
  });

  it.each([
    ['Fixed', 'mode: Fixed, duration: 40s'],
    ['Adaptive', 'mode: Adaptive, maxWait: 60s'],
    ['Combined', 'mode: Combined, duration: 20s, maxWait: 60s'],
    ['a hook', 'mode: Combined, duration: 20s, maxWait: 60s, strategy: PreStopHook'],
  ])('render makes what plan calls compliant and lint clean: %s', async (_mode, drain) => {
    const folder = folderWith({ 'policy.yaml': policy('slow', drain) });
    const governed = [...flags, '-p', folder];
    const before = await outcomes(text, governed);
    const rendered = await cli(['render', '-', ...governed], { stdin: text });
    const after = await outcomes(rendered.out, governed);
    const [alone, under] = [await lint(rendered.out, flags), await lint(rendered.out, governed)];

    for (const { id } of own) {
      // render writes the values where they are declared, so that nobody is in its way.
      const written = before.get(id) === 'Pending' || before.get(id) === 'Conflicted';
      expect([id, after.get(id)]).toEqual([id, written ? 'Compliant' : before.get(id)]);
      if (after.get(id) === 'Compliant') {
        expect([id, errorsOf(under.get(id)), errorsOf(alone.get(id))]).toEqual([id, [], []]);
      }
      if (written) {
        const before = codesOf(present.get(id));
        const left = LEFT_BEHIND.filter(({ where }) => where(before));
        const known = new Set([...before, ...left.map(({ code }) => code)]);
        expect([id, codesOf(alone.get(id)).filter((code) => !known.has(code))]).toEqual([id, []]);
      }
    }
  });
});

it('a loop over a stat that EXIT_ON_ZERO makes the proxy export keeps the promise, and has no bound', async () => {
  const flags = ['--assume', 'injected=true', '--native-sidecars', 'false', '--istio-version', '1.29.0'];
  const mesh = [...flags, '--proxy-image', 'with-shell'];
  const loop =
    "while [ $(pilot-agent request GET 'stats?filter=15006.downstream_cx_active' | awk '{ n += $2 } END { print n + 0 }') -gt 0 ]; do sleep 2; done";
  const workload = stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'ns-loop' },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [
            { name: 'web', image: 'registry.test/web:1', lifecycle: { preStop: { sleep: { seconds: 5 } } } },
            {
              name: 'istio-proxy',
              image: 'auto',
              imagePullPolicy: 'IfNotPresent',
              lifecycle: { preStop: { exec: { command: ['sh', '-c', loop] } } },
            },
          ],
        },
      },
    },
  });
  const folder = folderWith({ 'policy.yaml': policy('slow', 'mode: Adaptive, maxWait: 60s') });
  const rendered = await cli(['render', '-', ...mesh, '-p', folder], { stdin: workload });
  const idle = ['--longest-request', '60s', '--idle-client'];

  expect(codesOf((await lint(workload, mesh)).get('loop'))).toEqual(['DrainTooShort', 'StatsNotExported']);
  expect((await outcomes(rendered.out, [...mesh, '-p', folder])).get('loop')).toBe('Compliant');
  expect(codesOf((await lint(rendered.out, mesh)).get('loop'))).toEqual(['HookUnbounded']);
  expect(await survives(rendered.out, [...mesh, '--longest-request', '60s'])).toBe(true);
  expect(await survives(rendered.out, [...mesh, ...idle])).toBe(true);
});

function hasOwnHook({ podTemplate: { spec } }: TerminationCase): boolean {
  return spec.containers.some(({ name, lifecycle }) => name !== 'istio-proxy' && lifecycle?.preStop !== undefined);
}

function errorsOf(found: readonly Found[] = []): string[] {
  return codesOf(found.filter(({ severity }) => severity === 'error'));
}

interface Planned {
  readonly workloads: readonly { readonly outcome: string; readonly workload: { readonly namespace: string } }[];
}

async function outcomes(text: string, flags: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { out } = await cli(['plan', '-', '-o', 'json', ...flags], { stdin: text });
  return new Map(
    (JSON.parse(out) as Planned).workloads.map(({ outcome, workload }) => [
      workload.namespace.slice('ns-'.length),
      outcome,
    ]),
  );
}
