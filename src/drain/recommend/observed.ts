import type { Seconds } from '../model/workload.ts';
import { longestOf, quantileOf, type Distribution, type LengthRange } from './distribution.ts';

/** Who measured: the proxy of the workload itself, or those of its clients, which count retries and the network too. */
export type Reporter = 'destination' | 'source';

/** What metrics say of the requests to one workload. */
export interface ObservedRequests {
  readonly namespace: string;
  readonly name: string;
  readonly byReporter: Partial<Record<Reporter, Distribution>>;
}

/** The lengths of a workload's requests in the few figures that a duration follows from: of both reporters the longer one. */
export interface RequestLengths {
  readonly requests: number;
  readonly p99: LengthRange;
  readonly p999: LengthRange;
  readonly longest: LengthRange;
  /** Whose measurement `longest` is. */
  readonly longestBy: Reporter;
}

/** Below this the rare long request, which is the one that matters, has hardly had a chance to be seen. */
export const LEAST_REQUESTS = 100;

/** Undefined where no request was seen. */
export function requestLengths({ byReporter }: ObservedRequests): RequestLengths | undefined {
  let result: RequestLengths | undefined;
  for (const reporter of ['destination', 'source'] as const) {
    const distribution = byReporter[reporter];
    const longest = distribution === undefined ? undefined : longestOf(distribution);
    if (distribution === undefined || longest === undefined) {
      continue;
    }
    const own = {
      requests: distribution.total,
      p99: quantileOf(distribution, 0.99) ?? longest,
      p999: quantileOf(distribution, 0.999) ?? longest,
      longest,
      longestBy: reporter,
    };
    result = result === undefined ? own : longerOf(result, own);
  }
  return result;
}

function longerOf(a: RequestLengths, b: RequestLengths): RequestLengths {
  const later = (x: LengthRange, y: LengthRange): LengthRange => (y.to > x.to ? y : x);
  return {
    requests: Math.max(a.requests, b.requests),
    p99: later(a.p99, b.p99),
    p999: later(a.p999, b.p999),
    longest: later(a.longest, b.longest),
    longestBy: b.longest.to > a.longest.to ? b.longestBy : a.longestBy,
  };
}

/** How long requests have to be let go on, or why nothing can be said. */
export type LengthToCover =
  | { readonly kind: 'All' | 'AllButOneInThousand'; readonly seconds: Seconds }
  | { readonly kind: 'TooFew'; readonly requests: number }
  | { readonly kind: 'TooLong'; readonly range: LengthRange };

/**
 * The longest request that was seen; where it does not fit into `most` (or has no upper bound), the bound of 99.9 %; where
 * that does not fit either, nothing.
 * @param most the longest length that a grace period leaves room for
 */
export function lengthToCover(lengths: RequestLengths, most: Seconds): LengthToCover {
  if (lengths.requests < LEAST_REQUESTS) {
    return { kind: 'TooFew', requests: lengths.requests };
  }
  if (lengths.longest.to <= most) {
    return { kind: 'All', seconds: lengths.longest.to };
  }
  return lengths.p999.to <= most
    ? { kind: 'AllButOneInThousand', seconds: lengths.p999.to }
    : { kind: 'TooLong', range: lengths.p999 };
}
