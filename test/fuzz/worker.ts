// Runs in a thread of its own: one that never ends is stopped from outside, and one that eats the memory ends alone.
import { parentPort, workerData } from 'node:worker_threads';
import { Coverage } from './coverage.ts';
import type { FuzzJob, WorkerReport } from './messages.ts';
import { search } from './search.ts';
import { FUZZ_TARGETS } from './targets/index.ts';
import type { FuzzTarget } from './targets/target.ts';

/** Generous: nothing that is bounded takes so long, even with counters and beside other work. */
const MOST_CPU_MS = 3_000;

/** What is kept in the repository stays small enough to be read. */
const LONGEST_KEPT = 800;
const MOST_KEPT = 40;

const job = workerData as FuzzJob;
const target = FUZZ_TARGETS.find(({ name }) => name === job.target);
const present = new Uint8Array(job.present);
const length = new Int32Array(job.length);
const encoder = new TextEncoder();
const coverage = new Coverage();
let slowest = 0;

function report(message: WorkerReport): void {
  parentPort?.postMessage(message);
}

if (target !== undefined) {
  const until = Date.now() + job.millis;
  const { corpus, executions } = await search({
    seeds: [...job.corpus, ...target.seeds],
    words: target.words,
    seed: job.seed,
    coverage,
    async run(input) {
      const before = process.cpuUsage();
      await target.run(input);
      const { user, system } = process.cpuUsage(before);
      const millis = (user + system) / 1_000;
      slowest = Math.max(slowest, millis);
      if (millis > MOST_CPU_MS) {
        throw new Error(`it took ${Math.round(millis)} ms of CPU time`);
      }
    },
    goOn: () => Date.now() < until,
    begin(input) {
      const { written } = encoder.encodeInto(input, present);
      Atomics.store(length, 0, written);
      Atomics.add(length, 1, 1);
    },
    found(input, error) {
      report({ kind: 'Found', input, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    },
  });
  const picked = job.pick ? await pick(corpus, target) : [];
  report({ kind: 'Done', picked, executions, reached: coverage.reached, total: coverage.total, slowest });
}

/** The shortest first, each only where it reaches something that those before it do not. */
async function pick(corpus: readonly string[], tried: FuzzTarget): Promise<string[]> {
  const reached = new Coverage(false);
  const picked: string[] = [];
  const short = corpus.filter(({ length: characters }) => characters <= LONGEST_KEPT);
  for (const input of short.sort((a, b) => a.length - b.length)) {
    await tried.run(input);
    if (reached.take() > 0) {
      picked.push(input);
    }
  }
  return picked.slice(0, MOST_KEPT);
}
