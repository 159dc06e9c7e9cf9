import { memoizeByObjectAndWord } from '../memoize.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import { isJob, type Seconds, type WorkloadRef } from '../model/workload.ts';
import { clocksOf, type Clocks } from '../promise/clocks.ts';
import { assumedIntent, type Intent } from '../promise/intent.ts';

/** What is assumed of requests where no policy says anything. */
export interface AssumedRequests {
  readonly longestRequest: Seconds;
  readonly endpointDelay: Seconds;
}

export interface Assumed {
  readonly intent: Intent;
  readonly clocks: Clocks;
}

/**
 * The intent that a workload without a policy is judged by, and its clocks. The settings that are there say what is meant: a
 * proxy that waits for requests is judged as adaptive, one that takes a fixed time as fixed. Nobody sends a Job requests.
 */
export function assumedFor(
  workload: Pick<WorkloadRef, 'kind'>,
  settings: EffectiveSettings,
  { longestRequest, endpointDelay }: AssumedRequests,
): Assumed {
  return assumed(settings, isJob(workload) ? '0 0' : `${longestRequest} ${endpointDelay}`);
}

const assumed = memoizeByObjectAndWord((settings: EffectiveSettings, requests: string): Assumed => {
  const [longestRequest = 0, endpointDelay = 0] = requests.split(' ').map(Number);
  const clocks = clocksOf(settings, endpointDelay);
  const fixed = assumedIntent(longestRequest, endpointDelay);
  const { busy, floor } = clocks.proxy;
  return { intent: busy > floor ? { ...fixed, mode: 'Adaptive', duration: 0 } : fixed, clocks };
});
