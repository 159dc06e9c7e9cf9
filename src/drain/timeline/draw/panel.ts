import type { Timeline } from '../lanes.ts';

/** One timeline of a drawing, for example `now` or `with policy checkout`. */
export interface Panel {
  readonly heading: string;
  readonly timeline: Timeline;
}
