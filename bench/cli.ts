// How long `lint` takes beside the bare parse of the same bytes by the `yaml` package, and how much memory: a
// repository of 10,000 generated documents in 100 files, both as processes of their own, alternating in one run.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { writeRepository } from './cli-repository.ts';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);
const FILES = 100;
const DOCUMENTS = 10_000;

interface Run {
  readonly seconds: number;
  readonly peakMiB: number;
}

/** The peak is the kernel's own figure for the process, which it reports of itself when it ends. */
const REPORT = 'process.on("exit",()=>require("node:fs").writeSync(2,"\\nPEAK "+process.resourceUsage().maxRSS+"\\n"))';

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
  const peak = /PEAK (\d+)/.exec(child.stderr)?.[1];
  return { seconds, peakMiB: Number(peak) / 1024 };
}

function spread(values: readonly number[]): { min: number; median: number; max: number } {
  const sorted = [...values].sort((a, b) => a - b);
  return { min: sorted[0]!, median: sorted[Math.floor(sorted.length / 2)]!, max: sorted.at(-1)! };
}

function rounded(
  value: { min: number; median: number; max: number },
  digits: number,
): { min: number; median: number; max: number } {
  const round = (number: number): number => Number(number.toFixed(digits));
  return { min: round(value.min), median: round(value.median), max: round(value.max) };
}

const folder = mkdtempSync(join(tmpdir(), 'sidecar-drain-bench-'));
try {
  const repository = writeRepository(folder, FILES, DOCUMENTS);
  const preload = join(folder, '..', `peak-${process.pid}.cjs`);
  writeFileSync(preload, REPORT);
  const lint: Run[] = [];
  const parse: Run[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    parse.push(run(['--require', preload, '--input-type=module', '-e', BARE_PARSE, folder], [0]));
    lint.push(
      run(
        ['--require', preload, 'dist/main.js', 'lint', '-f', folder, '-o', 'json', '--output-file', '/dev/null'],
        [0, 1],
      ),
    );
    console.log(
      `round ${round + 1}: parse ${parse[round]!.seconds.toFixed(2)} s, lint ${lint[round]!.seconds.toFixed(2)} s, ${lint[round]!.peakMiB.toFixed(0)} MiB`,
    );
  }
  rmSync(preload);
  const results = {
    what: 'sidecar-drain lint beside the bare parse of the same bytes by the yaml package (parseAllDocuments)',
    repository,
    rounds: ROUNDS,
    machine: {
      node: process.version,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
    },
    parseSeconds: rounded(spread(parse.map((each) => each.seconds)), 3),
    lintSeconds: rounded(spread(lint.map((each) => each.seconds)), 3),
    ratio: rounded(spread(lint.map((each, index) => each.seconds / parse[index]!.seconds)), 3),
    lintPeakMiB: rounded(spread(lint.map((each) => each.peakMiB)), 0),
    parsePeakMiB: rounded(spread(parse.map((each) => each.peakMiB)), 0),
  };
  mkdirSync('bench/results', { recursive: true });
  writeFileSync('bench/results/cli.json', `${JSON.stringify(results, null, 2)}\n`);
  console.log(JSON.stringify(results, null, 2));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
