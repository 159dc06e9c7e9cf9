// recommend and lint --prometheus against a real Prometheus, fed with request lengths of known shape in both forms of histogram.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { runProgram } from '../support/cli.ts';
import { projectRoot } from '../support/control-plane/index.ts';
import { findPrometheus, type RunningPrometheus, startPrometheus } from '../support/prometheus.ts';
import { type Exporter, type Series, startExporter } from '../support/request-lengths.ts';

jest.setTimeout(180_000);

const found = await findPrometheus();
const GOLDEN_RATIO = 0.6180339887498949;

function labels(name: string, reporter = 'destination'): Record<string, string> {
  return { reporter, destination_workload_namespace: 'depot', destination_workload: name, response_code: '200' };
}

/** Evenly spread numbers between 0 and 1. */
const spread = (n: number): number => ((n + 1) * GOLDEN_RATIO) % 1;

const SHAPES: readonly Series[] = [
  { labels: labels('exponential'), length: (n) => -Math.log(1 - spread(n)) * 400, atOnce: 2000, perScrape: 300 },
  { labels: labels('two-peaks'), length: (n) => (n % 40 === 0 ? 150_000 : 180), atOnce: 2000, perScrape: 200 },
  { labels: labels('endless'), length: () => 7_200_000, atOnce: 500, perScrape: 100 },
  { labels: labels('nearly-endless'), length: (n) => (n === 7 ? 7_200_000 : 700), atOnce: 5000, perScrape: 100 },
  { labels: labels('rare'), length: (n) => (n === 3 ? 240_000 : 40), atOnce: 5000, perScrape: 50 },
  { labels: labels('quiet'), length: () => 30, atOnce: 12, perScrape: 0 },
  { labels: labels('by-clients', 'source'), length: () => 8000, atOnce: 400, perScrape: 10 },
];

const NAMES = [...SHAPES.map((one) => one.labels.destination_workload ?? ''), 'missing'];

function manifest(name: string): string {
  return `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: depot}
spec:
  replicas: 3
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      containers: [{name: app, image: registry.example/${name}:1}]
`;
}

const FACTS = ['--assume', 'injected=true', '--istio-version', '1.29.1', '--native-sidecars', 'false'];

interface Row {
  name: string;
  state: string;
  need?: { mode: string; duration: number; maxWait?: number };
  lengths?: { longest: { above: number; to: number | null } };
}

let scratch: string;
let manifests: string;
const exporters: Exporter[] = [];
const running: RunningPrometheus[] = [];

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sidecar-drain-recommend-'));
  manifests = join(scratch, 'workloads.yaml');
  await writeFile(manifests, NAMES.map(manifest).join(''));
});

afterAll(async () => {
  await Promise.all(running.map((one) => one.stop()));
  await Promise.all(exporters.map((one) => one.stop()));
  await rm(scratch, { recursive: true, force: true });
});

async function prometheusWith(native: boolean): Promise<RunningPrometheus> {
  if (!found.ok) {
    throw new Error(found.why);
  }
  const store = '{reporter="destination",destination_workload_namespace="depot",destination_workload="store"}';
  const connections = `istio_tcp_connections_opened_total${store} 41\nistio_tcp_connections_closed_total${store} 39\n`;
  const exporter = await startExporter(SHAPES, { native, more: native ? '' : connections });
  exporters.push(exporter);
  const folder = await mkdtemp(join(scratch, 'prometheus-'));
  const features = native ? ['native-histograms'] : [];
  const prometheus = await startPrometheus(found.programs.prometheus, folder, exporter.address, undefined, features);
  running.push(prometheus);
  const metric = `istio_request_duration_milliseconds${native ? '' : '_count'}`;
  for (let tries = 0; tries < 100; tries++) {
    const { result } = await prometheus.get<{ result: unknown[] }>(
      `query?query=${encodeURIComponent(`increase(${metric}{destination_workload="exponential"}[1m])`)}`,
    );
    if (result.length > 0) {
      return prometheus;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
  }
  throw new Error('Prometheus has scraped nothing');
}

const EXPECTED: Readonly<Record<string, string>> = {
  exponential: 'Proposed Fixed 5',
  endless: 'TooLong',
  'nearly-endless': 'Proposed Fixed 5',
  rare: 'Proposed Combined 5..300',
  quiet: 'TooFew',
  'by-clients': 'Proposed Fixed 10',
  missing: 'NoRequests',
};

(found.ok ? describe : describe.skip).each([
  ['classic', false, { 'two-peaks': 'Proposed Combined 30..300', store: 'TcpOnly' }],
  // Native buckets are narrower. The exporter has no connections there.
  ['native', true, { 'two-peaks': 'Proposed Combined 30..180' }],
] as const)('with %s histograms', (form, native, more) => {
  let url: string;

  beforeAll(async () => {
    ({ url } = await prometheusWith(native));
  });

  it('recommend proposes what each shape needs, and nothing where nothing can be known', async () => {
    const args = ['recommend', '--prometheus', url, '-o', 'json', manifests, ...FACTS];
    const { code, stdout, stderr } = await runProgram(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const answer = JSON.parse(stdout) as { workloads: Row[] };
    const table = answer.workloads.map(({ name, state, need }) => [
      name,
      [
        state,
        ...(need === undefined
          ? []
          : [need.mode, [need.duration, ...(need.maxWait === undefined ? [] : [need.maxWait])].join('..')]),
      ].join(' '),
    ]);
    expect(Object.fromEntries(table)).toEqual({ ...EXPECTED, ...more });
    const endless = answer.workloads.find(({ name }) => name === 'nearly-endless')?.lengths?.longest;
    expect(endless?.to === null).toBe(!native);
    const schema = JSON.parse(
      await readFile(join(projectRoot(), 'docs/reference/recommend-output.schema.json'), 'utf8'),
    ) as object;
    expect(new Ajv2020().validate(schema, answer)).toBe(true);
  });

  // The form of the histogram changes nothing here any more: once is enough.
  if (native) {
    return;
  }

  it('the proposals, applied, leave lint --prometheus nothing to find', async () => {
    const before = await lintedClean([manifests], url);
    expect([...before].filter((name) => EXPECTED[name]?.startsWith('Proposed'))).toEqual([]);
    const policies = join(scratch, `policies-${form}.yaml`);
    const yaml = await runProgram(['recommend', '--prometheus', url, '-o', 'yaml', manifests, ...FACTS]);
    await writeFile(policies, yaml.stdout.replaceAll('Audit', 'Enforce'));
    const rendered = join(scratch, `rendered-${form}.yaml`);
    await writeFile(rendered, (await runProgram(['render', manifests, '-p', policies, ...FACTS])).stdout);
    const after = await lintedClean([rendered, policies], url);
    expect([...after].sort()).toEqual(['by-clients', 'exponential', 'nearly-endless', 'rare', 'two-peaks']);
  });
});

/** The names of the workloads without an error. */
async function lintedClean(files: readonly string[], url: string): Promise<Set<string>> {
  const { stdout } = await runProgram(['lint', ...files, '--prometheus', url, '-o', 'json', ...FACTS]);
  const { findings } = JSON.parse(stdout) as { findings: { severity: string; workload: { name: string } }[] };
  const unclean = new Set(findings.filter(({ severity }) => severity === 'error').map(({ workload }) => workload.name));
  return new Set(NAMES.filter((name) => !unclean.has(name)));
}
