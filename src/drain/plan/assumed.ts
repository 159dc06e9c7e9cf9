import type { EffectiveSettings } from '../model/settings.ts';
import type { Seconds, WorkloadRef } from '../model/workload.ts';
import { appDelayOf, proxyClocks } from '../promise/clocks.ts';
import { assumedIntent, type Intent } from '../promise/intent.ts';
import type { Clocks } from '../promise/promise.ts';

/** What is assumed of requests where no policy says anything. */
export interface AssumedRequests {
  readonly longestRequest: Seconds;
  readonly endpointDelay: Seconds;
}

/**
 * The intent that a workload without a policy is judged by, and its clocks. The settings that are there say what is meant: a
 * proxy that waits for requests is judged as adaptive, one that takes a fixed time as fixed. Nobody sends a Job requests.
 */
export function assumedFor(
  { kind }: Pick<WorkloadRef, 'kind'>,
  settings: EffectiveSettings,
  { longestRequest, endpointDelay }: AssumedRequests,
): { readonly intent: Intent; readonly clocks: Clocks } {
  const serves = kind !== 'Job' && kind !== 'CronJob';
  const delay = serves ? endpointDelay : 0;
  const proxy = proxyClocks(settings);
  const fixed = assumedIntent(serves ? longestRequest : 0, delay);
  return {
    intent: proxy.busy > proxy.floor ? { ...fixed, mode: 'Adaptive', duration: 0 } : fixed,
    clocks: { delay: appDelayOf(settings, delay), proxy },
  };
}
