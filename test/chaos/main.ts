// make chaos: breaks everything around the operator that can break, and judges from the API server's audit log what it did.
//
//   CHAOS_SEED   repeats a run (a new one each time)
//   CHAOS_OPS    operations and faults (1000)
//   CHAOS_KEEP   a file that the audit log is copied to
import { say, wholeNumber } from '../support/program.ts';
import { longSize } from './sizes.ts';
import { chaosRun } from './run.ts';

async function main(): Promise<void> {
  const seed = wholeNumber('CHAOS_SEED', (Date.now() % 1_000_000) + 1);
  const size = longSize(wholeNumber('CHAOS_OPS', 1000));
  const { violations, ...figures } = await chaosRun({
    seed,
    size,
    quietMs: 75_000,
    settleMs: 300_000,
    watchMs: 20_000,
    say,
    keep: process.env.CHAOS_KEEP,
  });
  console.log(JSON.stringify(figures, undefined, 2));
  for (const { invariant, what } of violations) {
    console.log(`${invariant}: ${what}`);
  }
  console.log(`${violations.length} violation(s); CHAOS_SEED=${seed} repeats the run`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}

try {
  await main();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
process.exit();
