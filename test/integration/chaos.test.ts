// A small chaos run: `make chaos` is the long one. A seed that fails is repeated with CHAOS_SEED.
import { expect, it, jest } from '@jest/globals';
import { chaosRun } from '../chaos/run.ts';
import { SMALL_SIZE } from '../chaos/sizes.ts';

jest.setTimeout(300_000);

it('keeps every promise through edits of users, faults of the network and restarts', async () => {
  const seed = Number(process.env.CHAOS_SEED ?? 20_261);
  const said: string[] = [];

  const report = await chaosRun({
    seed,
    size: SMALL_SIZE,
    quietMs: 6_000,
    settleMs: 90_000,
    watchMs: 4_000,
    say: (text) => said.push(text),
  });

  expect({ seed, violations: report.violations }).toEqual({ seed, violations: [] });
  // How many there are depends on what the faults leave time for; a run that writes hardly anything proves nothing.
  expect(report.disruptiveWrites).toBeGreaterThan(SMALL_SIZE.workloads / 2);
  expect(report.faults).toBeGreaterThan(5);
});
