import type { Seconds } from '../../model/workload.ts';
import type { Timeline } from '../lanes.ts';

const STEPS: readonly Seconds[] = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600];

/** One scale for several timelines, so that before and after can be compared by eye. */
export interface TimeScale {
  readonly endsAt: Seconds;
  readonly ticks: readonly Seconds[];
}

export function scaleFor(timelines: readonly Timeline[], mostTicks: number): TimeScale {
  const longest = Math.max(1, ...timelines.map((timeline) => timeline.endsAt));
  const step =
    STEPS.find((candidate) => longest / candidate <= mostTicks) ?? Math.ceil(longest / mostTicks / 3600) * 3600;
  const endsAt = Math.ceil(longest);
  const ticks: Seconds[] = [];
  for (let tick = 0; tick <= endsAt; tick += step) {
    ticks.push(tick);
  }
  return { endsAt, ticks };
}
