import { describe, expect, it } from '@jest/globals';
import { validatePolicy } from '../../../../src/api/policy.ts';
import {
  addDistributions,
  distributionOf,
  fromClassic,
  longestOf,
  quantileOf,
  shareLongerThan,
} from '../../../../src/drain/recommend/distribution.ts';
import { needFor } from '../../../../src/drain/recommend/need.ts';
import { lengthToCover, requestLengths } from '../../../../src/drain/recommend/observed.ts';
import { policiesFor, type NamedNeed } from '../../../../src/drain/recommend/policies.ts';

const LIMITS = { maximum: 600, endpointDelay: 5, margin: 5 };

describe('a distribution', () => {
  it('is made of cumulative buckets in any order, and keeps those that are not empty', () => {
    expect(
      fromClassic([
        [Infinity, 11],
        [1, 8],
        [0.5, 0],
        [5, 10],
        [10, 10],
      ]),
    ).toEqual({
      total: 11,
      buckets: [
        { above: 0.5, to: 1, count: 8 },
        { above: 1, to: 5, count: 2 },
        { above: 10, to: Infinity, count: 1 },
      ],
    });
  });

  it('takes a bucket that seems to shrink, because it was scraped earlier, for an empty one', () => {
    expect(
      fromClassic([
        [1, 8],
        [5, 7],
        [10, 9],
      ]).buckets,
    ).toEqual([
      { above: 0, to: 1, count: 8 },
      { above: 5, to: 10, count: 1 },
    ]);
  });

  it('tells the bucket of a quantile, the longest, and the share above a length', () => {
    const distribution = distributionOf([
      { above: 0, to: 1, count: 990 },
      { above: 1, to: 30, count: 9 },
      { above: 300, to: 600, count: 1 },
    ]);
    expect(quantileOf(distribution, 0.99)).toEqual({ above: 0, to: 1 });
    expect(quantileOf(distribution, 0.999)).toEqual({ above: 1, to: 30 });
    expect(longestOf(distribution)).toEqual({ above: 300, to: 600 });
    expect(shareLongerThan(distribution, 30)).toBeCloseTo(0.001);
    expect(addDistributions(distribution, distribution).total).toBe(2000);
    expect(longestOf(distributionOf([]))).toBeUndefined();
  });
});

function lengthsOf(buckets: readonly [to: number, count: number][], source: readonly [number, number][] = []) {
  const made = (pairs: readonly [number, number][]) =>
    distributionOf(pairs.map(([to, count]) => ({ above: to === Infinity ? 3600 : to / 2, to, count })));
  const lengths = requestLengths({
    namespace: 'depot',
    name: 'api',
    byReporter: { destination: made(buckets), source: made(source) },
  });
  if (lengths === undefined) {
    throw new Error('no requests');
  }
  return lengths;
}

describe('the length to cover', () => {
  it.each([
    ['the longest', [[1, 5000], [300, 1]], { kind: 'All', seconds: 300 }], // prettier-ignore
    ['99.9 % where the longest has no bound', [[1, 5000], [Infinity, 1]], { kind: 'AllButOneInThousand', seconds: 1 }], // prettier-ignore
    ['nothing where too many have none', [[1, 500], [Infinity, 5]], { kind: 'TooLong', range: { above: 3600, to: Infinity } }], // prettier-ignore
    ['nothing of too few', [[1, 99]], { kind: 'TooFew', requests: 99 }],
  ] as [string, [number, number][], object][])('is %s', (_, buckets, expected) => {
    expect(lengthToCover(lengthsOf(buckets), 590)).toEqual(expected);
  });

  it('is of both reporters the longer one, and says whose it is', () => {
    expect(lengthsOf([[1, 500]], [[60, 400]])).toMatchObject({
      longest: { to: 60 },
      longestBy: 'source',
      requests: 500,
    });
  });
});

describe('the need', () => {
  it('is Fixed up to 30 s, and Combined beyond', () => {
    expect(needFor(lengthsOf([[2.5, 1000]]), 2.5, LIMITS)).toEqual({ mode: 'Fixed', duration: 5 });
    expect(needFor(lengthsOf([[1, 99_999], [300, 1]]), 300, LIMITS)).toEqual({ mode: 'Combined', duration: 5, maxWait: 300 }); // prettier-ignore
    expect(needFor(lengthsOf([[300, 1000]]), 300, LIMITS)).toEqual({ mode: 'Combined', duration: 30, maxWait: 300 });
  });

  it('is never rounded up beyond what the grace period leaves room for', () => {
    expect(needFor(lengthsOf([[580, 1000]]), 580, LIMITS)).toMatchObject({ maxWait: 590 });
  });
});

describe('policies', () => {
  const fixed = (namespace: string, name: string, duration: number, kind = 'Deployment'): NamedNeed => ({
    namespace,
    name,
    kind,
    need: { mode: 'Fixed', duration },
  });

  it('are one per need across namespaces, and all of them are accepted', () => {
    const needs = [fixed('a', 'x', 10), fixed('b', 'y', 10), fixed('b', 'z', 30, 'DaemonSet')];
    const policies = policiesFor(needs, new Set(['a/x', 'b/y', 'b/z']), 600);
    expect(policies.map(({ metadata, spec }) => [metadata.name, spec.match.names, spec.match.kinds])).toEqual([
      ['observed-fixed-10s', ['x', 'y'], undefined],
      ['observed-fixed-30s', ['z'], ['DaemonSet', 'Deployment', 'StatefulSet']],
    ]);
    expect(policies.flatMap(validatePolicy)).toEqual([]);
  });

  it('do not select a workload of the same name in another namespace that needs something else or nothing', () => {
    const needs = [fixed('a', 'x', 10), fixed('b', 'y', 10)];
    const policies = policiesFor(needs, new Set(['a/x', 'a/y', 'b/y']), 600);
    expect(policies.map(({ metadata, spec }) => [metadata.name, spec.match.names])).toEqual([
      ['observed-fixed-10s-1', ['x']],
      ['observed-fixed-10s-2', ['y']],
    ]);
  });

  it('hold at most 64 names each', () => {
    const needs = Array.from({ length: 130 }, (_, index) => fixed('a', `w${index}`, 10));
    const policies = policiesFor(needs, new Set(), 1200);
    expect(policies.map(({ spec }) => spec.match.names?.length)).toEqual([64, 64, 2]);
    expect(policies[0]?.spec.gracePeriod).toEqual({ maximum: '20m' });
    expect(policies.flatMap(validatePolicy)).toEqual([]);
  });
});
