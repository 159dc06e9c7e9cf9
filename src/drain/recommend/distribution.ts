import type { Seconds } from '../model/workload.ts';

/** Requests whose length lay in one bucket of a histogram. */
export interface LengthRange {
  /** Longer than this. */
  readonly above: Seconds;
  /** At most this; Infinity for the last bucket of a classic histogram. */
  readonly to: Seconds;
}

export interface LengthBucket extends LengthRange {
  /** Prometheus extrapolates, so that it need not be whole. */
  readonly count: number;
}

/** The lengths of requests as a histogram tells them: the buckets that are not empty, the shortest first. */
export interface Distribution {
  readonly buckets: readonly LengthBucket[];
  readonly total: number;
}

/** Less than this is the rounding of a sum, and no request. */
const NO_REQUEST = 1e-6;

/**
 * From a classic histogram, whose buckets count all requests up to their bound.
 * @param cumulative pairs of the bound `le` in seconds and the number of requests up to it, in any order
 */
export function fromClassic(cumulative: readonly (readonly [le: Seconds, count: number])[]): Distribution {
  const buckets: LengthBucket[] = [];
  let above = 0;
  let before = 0;
  for (const [to, upTo] of [...cumulative].sort(([a], [b]) => a - b)) {
    buckets.push({ above, to, count: upTo - before });
    // Buckets that are scraped in different moments may seem to shrink.
    before = Math.max(before, upTo);
    above = to;
  }
  return distributionOf(buckets);
}

/** From buckets that count only what lies in them, such as those of a native histogram. */
export function distributionOf(buckets: readonly LengthBucket[]): Distribution {
  const seen = buckets.filter(({ count }) => count > NO_REQUEST).sort((a, b) => a.to - b.to || a.above - b.above);
  return { buckets: seen, total: seen.reduce((sum, { count }) => sum + count, 0) };
}

/** Both together: the parts of a window, or the classic and the native form of a metric while pods change from one to the other. */
export function addDistributions(a: Distribution, b: Distribution): Distribution {
  const sums = new Map<string, LengthBucket>();
  for (const bucket of [...a.buckets, ...b.buckets]) {
    const key = `${bucket.above} ${bucket.to}`;
    sums.set(key, { ...bucket, count: bucket.count + (sums.get(key)?.count ?? 0) });
  }
  return distributionOf([...sums.values()]);
}

/** The bucket in which a quantile (0 to 1) lies: its bounds are certain, a number between them would be a guess. */
export function quantileOf({ buckets, total }: Distribution, quantile: number): LengthRange | undefined {
  let upTo = 0;
  for (const { above, to, count } of buckets) {
    upTo += count;
    if (upTo >= quantile * total - NO_REQUEST) {
      return { above, to };
    }
  }
  return longestOf({ buckets, total });
}

/** The highest bucket that is not empty. */
export function longestOf({ buckets }: Distribution): LengthRange | undefined {
  const last = buckets.at(-1);
  return last === undefined ? undefined : { above: last.above, to: last.to };
}

/** The share (0 to 1) of requests that may be longer than `length`: a bucket that reaches beyond it counts as a whole. */
export function shareLongerThan({ buckets, total }: Distribution, length: Seconds): number {
  const longer = buckets.filter(({ to }) => to > length).reduce((sum, { count }) => sum + count, 0);
  return total === 0 ? 0 : longer / total;
}
