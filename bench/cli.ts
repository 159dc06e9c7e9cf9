// How long `lint` takes beside the bare parse of the same bytes by the `yaml` package, what it costs beside its build of an
// earlier commit (BENCH_BASE), and how much memory: a repository of 10,000 generated documents in 100 files, each as a
// process of its own, alternating in one run.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { programOf } from '../test/support/earlier-build.ts';
import { writeRepository } from './cli-repository.ts';
import { rounded, spreadOf } from './measure.ts';
import { baseCommit } from './operators.ts';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);
const FILES = 100;
const DOCUMENTS = 10_000;

interface Run {
  readonly seconds: number;
  /** Of all its threads. */
  readonly processorSeconds: number;
  readonly peakMiB: number;
}

/** The kernel's own figures for the process, which it reports of itself when it ends: kilobytes and microseconds. */
const REPORT = `process.on("exit",()=>{
  const {maxRSS,userCPUTime,systemCPUTime}=process.resourceUsage();
  require("node:fs").writeSync(2,"\\nUSED "+maxRSS+" "+(userCPUTime+systemCPUTime)+"\\n");
})`;

const BARE_PARSE = `
import { parseAllDocuments } from 'yaml';
import { readdirSync, readFileSync } from 'node:fs';
let documents = 0;
for (const name of readdirSync(process.argv[1]).sort()) {
  documents += parseAllDocuments(readFileSync(process.argv[1] + '/' + name, 'utf8')).length;
}
console.log(documents);
`;

function run(args: readonly string[], expectedStatus: readonly number[]): Run {
  const started = process.hrtime.bigint();
  const child = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 30 });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  if (!expectedStatus.includes(child.status ?? -1)) {
    throw new Error(`${args.join(' ').slice(0, 200)} ended with ${child.status}: ${child.stderr.slice(0, 2000)}`);
  }
  const [, peak, microseconds] = /USED (\d+) (\d+)/.exec(child.stderr) ?? [];
  return { seconds, processorSeconds: Number(microseconds) / 1e6, peakMiB: Number(peak) / 1024 };
}

function ratios(above: readonly Run[], below: readonly Run[], of: (run: Run) => number): number[] {
  return above.map((each, index) => of(each) / of(below[index]!));
}

const folder = mkdtempSync(join(tmpdir(), 'sidecar-drain-bench-'));
try {
  const repository = writeRepository(folder, FILES, DOCUMENTS);
  const preload = join(folder, '..', `peak-${process.pid}.cjs`);
  writeFileSync(preload, REPORT);
  const base = baseCommit();
  const program = base === undefined ? undefined : await programOf(base);
  const lintBy = (main: string): Run =>
    run(['--require', preload, main, 'lint', '-f', folder, '-o', 'json', '--output-file', '/dev/null'], [0, 1]);
  const lint: Run[] = [];
  const earlier: Run[] = [];
  const parse: Run[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    parse.push(run(['--require', preload, '--input-type=module', '-e', BARE_PARSE, folder], [0]));
    if (program !== undefined) {
      earlier.push(lintBy(program));
    }
    lint.push(lintBy('dist/main.js'));
    console.log(
      `round ${round + 1}: parse ${parse[round]!.seconds.toFixed(2)} s, lint ${lint[round]!.seconds.toFixed(2)} s, ${lint[round]!.peakMiB.toFixed(0)} MiB`,
    );
  }
  rmSync(preload);
  const results = {
    what: 'sidecar-drain lint beside the bare parse of the same bytes by the yaml package (parseAllDocuments), and beside an earlier build',
    repository,
    rounds: ROUNDS,
    machine: {
      node: process.version,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
    },
    parseSeconds: rounded(spreadOf(parse.map((each) => each.seconds)), 3),
    lintSeconds: rounded(spreadOf(lint.map((each) => each.seconds)), 3),
    ratio: rounded(spreadOf(ratios(lint, parse, (each) => each.seconds)), 3),
    ...(program === undefined
      ? {}
      : {
          base,
          processorTimeOfBase: rounded(spreadOf(ratios(lint, earlier, (each) => each.processorSeconds)), 3),
          basePeakMiB: rounded(spreadOf(earlier.map((each) => each.peakMiB)), 0),
        }),
    lintPeakMiB: rounded(spreadOf(lint.map((each) => each.peakMiB)), 0),
    parsePeakMiB: rounded(spreadOf(parse.map((each) => each.peakMiB)), 0),
  };
  mkdirSync('bench/results', { recursive: true });
  writeFileSync('bench/results/cli.json', `${JSON.stringify(results, null, 2)}\n`);
  console.log(JSON.stringify(results, null, 2));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
