/**
 * The second bound of an analysis, where the program sets one. Steps are what decides, because the same hook then always gets the
 * same answer; this one is for work that a step does not pay enough for. It counts CPU time and not the time of day: a process
 * that has to wait for its turn has done nothing meanwhile, and must not judge a hook otherwise for it.
 */
let cpuMillis: (() => number) | undefined;

/**
 * Bounds each analysis by CPU time from now on.
 * @param clock milliseconds of CPU time that the process has used; undefined for no bound
 */
export function boundHooksByCpuTime(clock: (() => number) | undefined): void {
  cpuMillis = clock;
}

/** Milliseconds of CPU time for each step of a budget: 100 ms for a hook that has its pod's share to itself. */
const MILLIS_PER_STEP = 100 / 100_000;
const LEAST_MILLIS = 10;

/** @returns whether the CPU time that so many steps may take is used up; undefined where nothing bounds it */
export function startWorkClock(steps: number): (() => boolean) | undefined {
  const clock = cpuMillis;
  if (clock === undefined) {
    return undefined;
  }
  const until = clock() + Math.max(LEAST_MILLIS, steps * MILLIS_PER_STEP);
  return () => clock() > until;
}
