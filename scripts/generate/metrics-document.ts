// Prints {path: content} of docs/reference/metrics.md, made from the metrics as the program registers them.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AdmissionMetrics } from '../../src/admission/metrics.ts';
import { OperatorMetrics } from '../../src/controllers/reports/operator-metrics.ts';
import { TerminationMetrics } from '../../src/controllers/reports/termination-metrics.ts';
import { Metrics } from '../../src/runtime/metrics.ts';
import { cell } from './markdown.ts';
import { root } from './root.ts';

const none = (): [] => [];
const metrics = new Metrics({ processMetrics: false });
const common = new Set(metrics.registry.getMetricsAsArray().map(({ name }) => name));
new OperatorMetrics(metrics.registry, {
  workloads: none,
  reasons: none,
  slacks: none,
  held: none,
  rolling: () => 0,
  waiting: () => 0,
  paused: () => false,
});
new AdmissionMetrics(metrics.registry, () => true);
new TerminationMetrics(metrics.registry);

/** Every metric that the source gives a name of ours, so that none can be left out above. */
async function namesInSource(): Promise<string[]> {
  const files = (await readdir(join(root, 'src'), { recursive: true })).filter((file) => file.endsWith('.ts'));
  const texts = await Promise.all(files.map((file) => readFile(join(root, 'src', file), 'utf8')));
  return texts.flatMap((text) => [...text.matchAll(/\bname: '(sidecar_drain_\w+)'/g)].map(([, name = '']) => name));
}

interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames?: readonly string[];
}

function table(entries: readonly Described[]): string[] {
  return [
    '| metric | type | labels | |',
    '|---|---|---|---|',
    ...entries.map(
      ({ name, help, type, labelNames = [] }) =>
        `| \`${name}\` | ${type} | ${labelNames.map((label) => `\`${label}\``).join(', ')} | ${cell(help)} |`,
    ),
    '',
  ];
}

const all = (metrics.registry.getMetricsAsArray() as unknown as Described[])
  .filter(({ labelNames }) => labelNames !== null)
  .sort((a, b) => (a.name < b.name ? -1 : 1));
const page = [
  '# Metrics',
  '',
  '<!-- Generated from the metrics that the program registers (npm run generate). Do not edit. -->',
  '',
  'Served on `/metrics` (`--metrics-bind-address`, port 8080). Labels are bounded: policies, states, reasons of a closed list, kinds; never workloads, namespaces or pods.',
  'Alerts: [monitoring/alerts.yaml](../../monitoring/alerts.yaml) with [runbooks](../runbooks/README.md). Dashboard for Grafana: [monitoring/dashboard.json](../../monitoring/dashboard.json).',
  '',
  '## Of this product',
  '',
  ...table(all.filter(({ name }) => !common.has(name))),
  '## Under the names of controller-runtime and client-go',
  '',
  'Dashboards that know these show this operator too.',
  '',
  ...table(all.filter(({ name }) => common.has(name))),
  'Beside them those of the process (`process_*`, `nodejs_*`).',
  '',
].join('\n');

const missing = (await namesInSource()).filter((name) => !all.some((one) => one.name === name));
if (missing.length > 0) {
  throw new Error(`scripts/generate/metrics-document.ts does not register ${missing.join(', ')}`);
}

process.stdout.write(JSON.stringify({ 'docs/reference/metrics.md': page }));
