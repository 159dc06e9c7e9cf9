// Prints the content of every generated document about termination as JSON: {path: content}.
import { Readable, Writable } from 'node:stream';
import { REASONS, type Reason, type Severity } from '../../src/api/reasons.ts';
import type { Io } from '../../src/cli/command.ts';
import { explainCommand } from '../../src/cli/explain/index.ts';
import { runCli } from '../../src/cli/run.ts';
import { cell } from './markdown.ts';

const EXAMPLES = 'docs/examples/termination';
const MESH = [
  '--assume',
  'injected=true',
  '--istio-version',
  '1.30.3',
  '--proxy-image',
  'with-shell',
  '--namespace-labels',
  'istio-injection=enabled',
];

/** What is drawn: the manifest, and what is stated beside it. The page shows the same commands. */
const PICTURES: Readonly<Record<string, readonly string[]>> = {
  'classic-default': [],
  'classic-app-prestop': [],
  'fixed-drain': [],
  'cut-by-grace': ['--longest-request', '45s'],
  'exit-on-zero': [],
  'exit-on-zero-idle': ['--idle-client'],
  'literal-hook': [],
  'filtered-hook': [],
  'native-default': [],
  'native-cut': ['--longest-request', '45s'],
  'long-drain': ['--longest-request', '100s', '--application', 'keep'],
  'with-policy': ['--policy', `${EXAMPLES}/policy.yaml`],
};
const MANIFESTS: Readonly<Record<string, string>> = {
  'exit-on-zero-idle': 'exit-on-zero',
  'native-cut': 'native-default',
  'with-policy': 'classic-default',
};

async function draw(name: string, flags: readonly string[]): Promise<string> {
  const printed: string[] = [];
  const complaints: string[] = [];
  const into = (list: string[]): Writable =>
    new Writable({
      write(chunk: Buffer, _, done) {
        list.push(chunk.toString());
        done();
      },
    });
  const io: Io = { stdin: Readable.from([]), stdout: into(printed), stderr: into(complaints), env: {} };
  const manifest = `${EXAMPLES}/${MANIFESTS[name] ?? name}.yaml`;
  const code = await runCli(['explain', 'deployment/checkout', '-f', manifest, ...flags, ...MESH, '-o', 'svg'], {
    program: 'sidecar-drain',
    commands: [explainCommand],
    io,
  });
  if (code !== 0 || complaints.length > 0) {
    throw new Error(`explain of ${manifest} ended with ${code}: ${complaints.join('')}`);
  }
  return printed.join('');
}

const TITLES: Readonly<Record<Severity, string>> = { error: 'Errors', warning: 'Warnings', info: 'Notes' };
const MEANINGS: Readonly<Record<Severity, string>> = {
  error: 'Requests are lost, pods do not start, or every termination ends in SIGKILL.',
  warning: 'Something is set that does not do what it seems to, or a case is not covered.',
  info: 'Good to know; nothing is wrong by itself.',
};

function findingsPage(): string {
  const reasons: [string, Reason][] = Object.entries(REASONS);
  const lines = [
    '<!-- Generated from src/api/reasons.ts by npm run generate. Do not edit. -->',
    '# Findings',
    '',
    'Every finding, condition reason, event reason and metric label that speaks of a workload has one of these codes.',
    'The severity is the usual one; where a case is less certain, the finding itself says so. `sidecar-drain lint` prints findings,',
    '`sidecar-drain explain` shows what is behind them, and [How termination works](../termination.md) tells why.',
    '',
    '| code | severity | what is the matter |',
    '| --- | --- | --- |',
    ...reasons.map(
      ([code, reason]) => `| [\`${code}\`](#${code.toLowerCase()}) | ${reason.severity} | ${cell(reason.sentence)} |`,
    ),
  ];
  for (const severity of ['error', 'warning', 'info'] as const) {
    lines.push('', `## ${TITLES[severity]}`, '', MEANINGS[severity]);
    for (const [code, reason] of reasons.filter(([, candidate]) => candidate.severity === severity)) {
      lines.push(
        '',
        `### ${code}`,
        '',
        reason.sentence,
        '',
        `**What to do.** ${reason.action}`,
        '',
        `**Known from.** ${sourceWords(reason.source)}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Sources name this project's own page by its path from the root. */
function sourceWords(source: string): string {
  return `${source.replaceAll('docs/termination.md', '[How termination works](../termination.md)')}.`;
}

const outputs: Record<string, string> = { 'docs/reference/findings.md': findingsPage() };
for (const [name, flags] of Object.entries(PICTURES)) {
  outputs[`docs/images/termination/${name}.svg`] = await draw(name, flags);
}
process.stdout.write(JSON.stringify(outputs));
