import type { Seconds } from '../model/workload.ts';
import type { RequestLengths } from './observed.ts';

/** The part of a policy that follows from the lengths of requests. */
export type DrainNeed =
  | { readonly mode: 'Fixed'; readonly duration: Seconds }
  | { readonly mode: 'Combined'; readonly duration: Seconds; readonly maxWait: Seconds };

/** Lengths are rounded up to these, so that workloads of like needs share a policy. In seconds. */
const STEPS: readonly Seconds[] = [
  5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1200, 1800, 2700, 3600,
];
/** Up to here a fixed wait costs little, works with every Istio and proxy image, and covers late outbound calls. */
const FIXED_UP_TO: Seconds = 30;

export interface NeedLimits {
  /** The longest grace period that a proposal may ask for. */
  readonly maximum: Seconds;
  readonly endpointDelay: Seconds;
  readonly margin: Seconds;
}

/** The longest request that a grace period within the limits leaves room for. */
export function mostThatFits({ maximum, endpointDelay, margin }: NeedLimits): Seconds {
  return maximum - endpointDelay - margin;
}

/**
 * The mode and lengths for requests of which those of `cover` seconds have to survive.
 * - Fixed, where that is short.
 * - Combined, where it is long: the pod stays as long as 99 % of the requests take, at most FIXED_UP_TO (so that calls which the
 *   application makes after a request still work), and goes after that with its last connection.
 */
export function needFor(lengths: RequestLengths, cover: Seconds, limits: NeedLimits): DrainNeed {
  const most = mostThatFits(limits);
  const longest = stepped(cover, most);
  return longest <= FIXED_UP_TO
    ? { mode: 'Fixed', duration: longest }
    : { mode: 'Combined', duration: Math.min(stepped(lengths.p99.to, most), FIXED_UP_TO), maxWait: longest };
}

function stepped(seconds: Seconds, most: Seconds): Seconds {
  const step = STEPS.find((one) => one >= seconds);
  return Math.min(step ?? Math.ceil(seconds), Math.max(most, Math.ceil(seconds)));
}
