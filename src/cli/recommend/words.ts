import type { PolicyDrain } from '../../api/policy.ts';
import { formatGoDuration } from '../../drain/duration.ts';
import type { Seconds } from '../../drain/model/workload.ts';
import type { LengthRange } from '../../drain/recommend/distribution.ts';
import type { DrainNeed } from '../../drain/recommend/need.ts';
import { drainOf } from '../../drain/recommend/policies.ts';

/** `longer than 1h`, `at most 250ms`: a bucket tells bounds, and no length within them. */
export function rangeWords({ above, to }: LengthRange): string {
  return to === Infinity ? `longer than ${secondsWords(above)}` : `at most ${secondsWords(to)}`;
}

/** To the millisecond: the bounds of native buckets are powers with many digits. */
export function secondsWords(seconds: Seconds): string {
  if (seconds === Infinity) {
    return 'any length';
  }
  return formatGoDuration(seconds >= 60 ? Math.round(seconds) : Math.max(0.001, Math.round(seconds * 1000) / 1000));
}

export function needWords(need: DrainNeed): string {
  return drainWords(drainOf(need));
}

/** `Fixed, duration 30s`, `Combined, duration 15s, maxWait 5m`. */
export function drainWords({ mode, duration, maxWait }: PolicyDrain): string {
  return [
    mode,
    ...(duration === undefined ? [] : [`duration ${duration}`]),
    ...(maxWait === undefined ? [] : [`maxWait ${maxWait}`]),
  ].join(', ');
}
