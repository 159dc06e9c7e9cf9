// How long `lint` takes on a repository of 400 kustomize roots beside `kustomize build` of the same roots alone, as many at once
// as there are cores, and how much memory both hold at most with all their processes; alternating in one run.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { findBinaries } from '../test/support/control-plane/index.ts';
import { say, wholeNumber } from '../test/support/program.ts';
import { writeTrees } from './cli-repository.ts';
import { rounded, spreadOf, type Spread } from './measure.ts';

const ROUNDS = wholeNumber('BENCH_ROUNDS', 5);
const ROOTS = wholeNumber('BENCH_ROOTS', 400);
const DOCUMENTS = ROOTS * 25;
const AIM = 1.3;

interface Run {
  readonly seconds: number;
  /** Processor time of all processes. */
  readonly processorSeconds: number;
  /** Memory of all processes at the moment at which it was most, as sampled; pages that processes share count for each. */
  readonly peakMiB: number;
}

/** Runs programs below this one, and takes the time, the processor time and the memory of all that they start. */
async function measured(work: () => Promise<void>): Promise<Run> {
  const started = process.hrtime.bigint();
  const before = childrenSeconds();
  let peak = 0;
  const sampler = setInterval(() => {
    peak = Math.max(peak, treeMiB(process.pid) - ownMiB(process.pid));
  }, 20);
  try {
    await work();
  } finally {
    clearInterval(sampler);
  }
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  return { seconds, processorSeconds: childrenSeconds() - before, peakMiB: peak };
}

/** Of children that have ended, and of theirs (proc_pid_stat(5): cutime and cstime, in hundredths). */
function childrenSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

function treeMiB(pid: number): number {
  return ownMiB(pid) + childrenOf(pid).reduce((sum, child) => sum + treeMiB(child), 0);
}

function ownMiB(pid: number): number {
  const pages = Number(readOr(`/proc/${pid}/statm`, '0 0').split(' ')[1]);
  return (pages * 4096) / 1024 ** 2;
}

function childrenOf(pid: number): number[] {
  return readdirOr(`/proc/${pid}/task`).flatMap((task) =>
    readOr(`/proc/${pid}/task/${task}/children`, '').split(' ').filter(Boolean).map(Number),
  );
}

/** A process may end while it is looked at. */
function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

function readdirOr(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

async function run(program: string, args: readonly string[], expected: readonly number[]): Promise<void> {
  await new Promise<void>((done, fail) => {
    const child = spawn(program, [...args], { stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', fail);
    child.once('close', (code) => {
      if (expected.includes(code ?? -1)) {
        done();
      } else {
        fail(new Error(`${program} ${args.join(' ')} ended with ${code}`));
      }
    });
  });
}

async function buildAll(kustomize: string, roots: readonly string[]): Promise<void> {
  const queue = [...roots];
  const worker = async (): Promise<void> => {
    for (let root = queue.shift(); root !== undefined; root = queue.shift()) {
      await run(kustomize, ['build', root], [0]);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

async function main(folder: string): Promise<void> {
  const { kustomize } = await findBinaries(['kustomize']);
  const { roots, ...repository } = writeTrees(folder, ROOTS, DOCUMENTS);
  const lintArguments = ['dist/main.js', 'lint', '-f', folder, '-o', 'json', '--output-file', '/dev/null'];
  const build: Run[] = [];
  const lint: Run[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    build.push(await measured(async () => await buildAll(kustomize, roots)));
    lint.push(
      await measured(async () => await run(process.execPath, [...lintArguments, '--kustomize', kustomize], [0, 1])),
    );
    const text = ({ seconds, processorSeconds, peakMiB }: Run): string =>
      `${seconds.toFixed(1)} s (${processorSeconds.toFixed(1)} s of processors), ${peakMiB.toFixed(0)} MiB`;
    say(`round ${round + 1}: build ${text(build[round]!)}; lint ${text(lint[round]!)}`);
  }
  const of = (runs: readonly Run[], key: keyof Run): Spread => rounded(spreadOf(runs.map((each) => each[key])), 1);
  const ratio = (key: keyof Run): Spread =>
    rounded(spreadOf(lint.map((each, index) => each[key] / build[index]![key])), 2);
  const results = {
    what: 'sidecar-drain lint on kustomize trees beside kustomize build of the same roots, as many at once as there are cores',
    repository: { ...repository, roots: roots.length },
    rounds: ROUNDS,
    machine: {
      node: process.version,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
    },
    aim: AIM,
    ratio: ratio('seconds'),
    processorRatio: ratio('processorSeconds'),
    memoryRatio: ratio('peakMiB'),
    build: { seconds: of(build, 'seconds'), peakMiB: of(build, 'peakMiB') },
    lint: { seconds: of(lint, 'seconds'), peakMiB: of(lint, 'peakMiB') },
  };
  mkdirSync('bench/results', { recursive: true });
  writeFileSync('bench/results/cli-trees.json', `${JSON.stringify(results, null, 2)}\n`);
  console.log(JSON.stringify(results, null, 2));
}

const folder = mkdtempSync(join(tmpdir(), 'sidecar-drain-bench-'));
try {
  await main(folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
