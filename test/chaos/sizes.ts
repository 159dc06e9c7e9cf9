import type { ChaosSize } from './operations.ts';

/** What `make chaos` runs. */
export function longSize(operations: number): ChaosSize {
  return {
    operations,
    workloads: 60,
    policies: 6,
    namespaces: 8,
    leaderStopMs: 30_000,
    pauseMs: 600,
    killsPerHundred: 3,
    restartsPerHundred: 2,
  };
}

/** What `make test` has time for: no leader is stopped, which takes longer than all of it. */
export const SMALL_SIZE: ChaosSize = {
  operations: 60,
  workloads: 12,
  policies: 3,
  namespaces: 3,
  leaderStopMs: 0,
  pauseMs: 200,
  killsPerHundred: 2,
  restartsPerHundred: 1,
};
