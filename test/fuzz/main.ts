// make fuzz: looks for inputs that break what has to hold, guided by which code each of them reaches.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { projectRoot } from '../support/control-plane/paths.ts';
import { readCorpus, writeCorpus } from './corpus.ts';
import { bundleInstrumented } from './instrument.ts';
import type { FuzzJob, WorkerReport } from './messages.ts';
import { FUZZ_TARGETS } from './targets/index.ts';
import type { FuzzTarget } from './targets/target.ts';

const SECONDS = numberFrom('FUZZ_SECONDS', 240);
const SEED = numberFrom('FUZZ_SEED', Date.now() % 1_000_000);
const ONLY = process.env['FUZZ_TARGET'] ?? '';
const SAVE = process.env['FUZZ_SAVE'] === 'yes';

/** An input that runs so long never ends. */
const HANG_MS = 30_000;
const MEMORY_MIB = 512;
const LONGEST_BYTES = 4 * 4_000;
/** Of one target: more say nothing new. */
const MOST_FOUND = 10;

interface Finding {
  readonly input: string;
  readonly error: string;
}

interface Outcome {
  readonly target: string;
  readonly findings: readonly Finding[];
  readonly done: readonly Extract<WorkerReport, { kind: 'Done' }>[];
  readonly seconds: number;
}

const root = projectRoot();
const targets = FUZZ_TARGETS.filter(({ name }) => ONLY === '' || ONLY.split(',').includes(name));
if (targets.length === 0) {
  console.error(`FUZZ_TARGET=${ONLY}: the targets are ${FUZZ_TARGETS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const program = join(root, '.cache', 'fuzz', `worker-${process.pid}.mjs`);
await bundleInstrumented(root, 'test/fuzz/worker.ts', program);
console.log(`seed ${SEED}, ${Math.round(SECONDS / targets.length)} s for each of ${targets.length} targets`);
const outcomes: Outcome[] = [];
try {
  for (const target of targets) {
    const outcome = await fuzz(target, (SECONDS * 1_000) / targets.length);
    outcomes.push(outcome);
    console.log(lineOf(outcome, target));
    keep(outcome);
  }
} finally {
  rmSync(program, { force: true });
}
process.exit(outcomes.some(({ findings }) => findings.length > 0) ? 1 : 0);

async function fuzz(target: FuzzTarget, millis: number): Promise<Outcome> {
  const began = Date.now();
  const findings: Finding[] = [];
  const done: Extract<WorkerReport, { kind: 'Done' }>[] = [];
  // Whatever ended a thread is left out when the next one begins: its seeds are others.
  for (let round = 0; Date.now() - began < millis && done.length === 0 && findings.length < MOST_FOUND; round += 1) {
    const left = millis - (Date.now() - began);
    const bad = new Set(findings.map(({ input }) => input));
    const corpus = readCorpus(target.name).filter((input) => !bad.has(input));
    await runWorker({ target: target.name, seed: SEED + round, millis: left, corpus, pick: SAVE }, findings, done);
  }
  const [last] = done;
  if (SAVE && last !== undefined && findings.length === 0) {
    await writeCorpus(target.name, last.picked);
  }
  return { target: target.name, findings, done, seconds: (Date.now() - began) / 1_000 };
}

async function runWorker(
  job: Omit<FuzzJob, 'present' | 'length'>,
  findings: Finding[],
  done: Extract<WorkerReport, { kind: 'Done' }>[],
): Promise<void> {
  const present = new SharedArrayBuffer(LONGEST_BYTES);
  const length = new SharedArrayBuffer(8);
  const state = new Int32Array(length);
  const worker = new Worker(program, {
    workerData: { ...job, present, length } satisfies FuzzJob,
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MIB },
    execArgv: ['--enable-source-maps'],
  });
  const presentInput = (): string => Buffer.from(new Uint8Array(present, 0, Atomics.load(state, 0))).toString();
  let ended = false;
  const over = new Promise<void>((resolve) => {
    worker.on('message', (message: WorkerReport) => {
      if (message.kind === 'Done') {
        done.push(message);
      } else if (findings.length < MOST_FOUND) {
        findings.push(message);
      }
    });
    worker.on('error', (error) => {
      findings.push({ input: presentInput(), error: `the thread ended: ${String(error)}` });
    });
    worker.on('exit', () => {
      ended = true;
      resolve();
    });
  });
  const watch = async (): Promise<void> => {
    while (!ended) {
      const begun = Atomics.load(state, 1);
      await Promise.race([sleep(HANG_MS), over]);
      if (!ended && begun > 0 && begun === Atomics.load(state, 1) && done.length === 0) {
        findings.push({ input: presentInput(), error: `still running after ${HANG_MS / 1_000} s` });
        await worker.terminate();
      }
    }
  };
  await Promise.all([over, watch()]);
}

function lineOf({ findings, done, seconds }: Outcome, { name, about }: FuzzTarget): string {
  const [last] = done;
  const figures =
    last === undefined
      ? 'ended early'
      : `${last.executions} inputs, ${last.reached} of ${last.total} places reached, slowest ${Math.round(last.slowest)} ms`;
  return `${name} (${about}): ${figures}, ${findings.length} found, in ${Math.round(seconds)} s`;
}

/** Where whoever mends it finds the inputs. */
function keep({ target, findings }: Outcome): void {
  if (findings.length === 0) {
    return;
  }
  const folder = join(root, 'out', 'fuzz');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${target}-${SEED}.json`);
  writeFileSync(file, `${JSON.stringify(findings, null, 2)}\n`);
  const [first] = findings;
  console.log(
    `  first: ${first?.error.split('\n').slice(0, 4).join('\n  ')}\n  all of them with their inputs: ${file}`,
  );
}

function numberFrom(name: string, otherwise: number): number {
  const value = Number(process.env[name] ?? otherwise);
  if (!Number.isFinite(value) || value < 0) {
    console.error(`${name}: write a number`);
    process.exit(2);
  }
  return value;
}
