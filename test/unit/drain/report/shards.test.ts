import { describe, expect, it } from '@jest/globals';
import {
  jsonBytes,
  LARGEST_REPORT_BYTES,
  readReport,
  reportName,
  reportNumber,
  reportObject,
  resultsOf,
  shardCountOf,
  shardsOf,
  type ReportedEntry,
  type Shard,
  type WorkloadResults,
} from '../../../../src/drain/report/index.ts';

const POLICY_API = { apiVersion: 'wgpolicyk8s.io/v1alpha2', kind: 'PolicyReport', source: false };
const OWNERS = [
  {
    apiVersion: 'sidecardrain.io/v1alpha1',
    kind: 'SidecarDrainPolicy',
    name: 'long-requests',
    uid: '6a0e1f3e-0000-4000-8000-000000000001',
  },
];
const MESSAGE =
  'would change: terminationDrainDuration 35s; grace period 30 s -> 40 s: preStop + drain 35 s + margin 5 s';

function workload(
  name: string,
  message = MESSAGE,
  outcome: ReportedEntry['outcome'] = 'NonCompliant',
  reason = '',
): WorkloadResults {
  return resultsOf({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    namespace: 'shop',
    name,
    uid: '0f7c39a4-1111-4000-8000-000000000002',
    entries: [['long-requests', { outcome, reason, message }]],
  });
}

/** Every tenth of them is in violation. */
function fleet(size: number, message?: (index: number) => string): WorkloadResults[] {
  return Array.from({ length: size }, (_, index) =>
    workload(`service-${index}`, message?.(index), index % 10 === 0 ? 'NonCompliant' : 'Compliant'),
  );
}

function objects(shards: readonly Shard[]): object[] {
  return shards.map((shard) => reportObject(POLICY_API, 'shop', shard, OWNERS, new Map(), 1_795_000_000).body);
}

/** The numbers of the shards that one has and the other has not in the same form. */
function different(before: readonly Shard[], after: readonly Shard[]): number[] {
  const texts = (shards: readonly Shard[]): Map<number, string> =>
    new Map(shards.map((shard) => [shard.number, JSON.stringify(shard)]));
  const [one, other] = [texts(before), texts(after)];
  return [...new Set([...one.keys(), ...other.keys()])].filter((number) => one.get(number) !== other.get(number));
}

describe('reports of 10,000 workloads in one namespace, 1,000 of them in violation', () => {
  const { shards, leftOut } = shardsOf(fleet(10_000), 0);

  it('hold every violation once, and nothing else', () => {
    const named = shards.flatMap(({ results }) => results.map(({ resources }) => resources[0].name));

    expect(leftOut).toBe(0);
    expect(named).toHaveLength(1_000);
    expect(new Set(named).size).toBe(1_000);
    expect(named.every((name) => name.endsWith('0'))).toBe(true);
    expect(shards.reduce((sum, { summary }) => sum + summary.fail, 0)).toBe(1_000);
  });

  it('are never above 256 KiB, in the bytes that the API server writes', () => {
    const sizes = objects(shards).map(jsonBytes);

    expect(shards.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(LARGEST_REPORT_BYTES);
    // And are no confetti either.
    expect(shards.length).toBeLessThanOrEqual(8);
  });

  it('do not depend on the order in which workloads are found', () => {
    expect(shardsOf(fleet(10_000).reverse(), 0).shards).toEqual(shards);
    expect(shardsOf(fleet(10_000), shardCountOf(shards.map(({ number }) => number))).shards).toEqual(shards);
  });

  it.each([
    [
      'another message',
      (all: WorkloadResults[]) =>
        all.map((one) => (one.workload.endsWith('/service-500') ? workload('service-500', 'something else') : one)),
    ],
    ['a violation less', (all: WorkloadResults[]) => all.filter((one) => !one.workload.endsWith('/service-500'))],
    [
      'a violation more',
      (all: WorkloadResults[]) =>
        all.map((one) => (one.workload.endsWith('/service-501') ? workload('service-501') : one)),
    ],
  ])('change in one shard only for %s', (_what, edit) => {
    const after = shardsOf(edit(fleet(10_000)), shardCountOf(shards.map(({ number }) => number))).shards;

    expect(different(shards, after)).toHaveLength(1);
  });
});

describe('shards', () => {
  it.each([
    ['the longest messages', 'x'.repeat(5_000)],
    ['messages that Go escapes', '<&>'.repeat(2_000)],
    ['messages outside of ASCII', 'Grüße 🚰 '.repeat(500)],
  ])('stay below the limit with %s', (_what, message) => {
    const { shards, leftOut } = shardsOf(
      fleet(10_000, () => message),
      0,
    );

    expect(leftOut).toBe(0);
    expect(Math.max(...objects(shards).map(jsonBytes))).toBeLessThanOrEqual(LARGEST_REPORT_BYTES);
  });

  it('double while one of them is too large, and halve only when there is room twice over', () => {
    const count = (workloads: number, present: number): number =>
      shardCountOf(
        shardsOf(
          Array.from({ length: workloads }, (_, index) => workload(`w-${index}`)),
          present,
          20_000,
        ).shards.map(({ number }) => number),
      );

    const grown = count(200, 1);
    expect(grown).toBeGreaterThan(4);
    expect(count(200, grown)).toBe(grown);
    // Half as many would do for these, but barely.
    const barely =
      Array.from({ length: 200 }, (_, index) => index)
        .filter((size) => size > 0 && count(size, 1) === grown / 2)
        .at(-1) ?? 0;
    expect(barely).toBeGreaterThan(0);
    expect(count(barely, grown)).toBe(grown);
    expect(count(4, grown)).toBe(1);
  });

  it('say how much was left out where even the most shards do not suffice', () => {
    const all = Array.from({ length: 300 }, (_, index) => workload(`w-${index}`));
    const { shards, leftOut } = shardsOf(all, 0, 5_200);

    const kept = shards.reduce((sum, { results }) => sum + results.length, 0);
    expect(kept).toBeGreaterThan(0);
    expect(leftOut).toBeGreaterThan(0);
    expect(kept + leftOut).toBe(300);
  });

  it('are none where there is no violation', () => {
    expect(shardsOf([workload('fine', '', 'Compliant')], 4)).toEqual({ shards: [], leftOut: 0 });
  });

  it.each([
    ['sidecar-drain-0', 0],
    ['sidecar-drain-17', 17],
    ['sidecar-drain-01', undefined],
    ['sidecar-drain-x', undefined],
    ['mine', undefined],
  ])('are known by their names: %s', (name, number) => {
    expect(reportNumber(name)).toBe(number);
    if (number !== undefined) {
      expect(reportName(number)).toBe(name);
    }
  });
});

describe('a report that comes back from the API server', () => {
  const [shard] = shardsOf([workload('web'), workload('api', 'more', 'Failed', 'GraceAboveMaximum')], 0).shards as [
    Shard,
  ];
  const sent = reportObject(POLICY_API, 'shop', shard, OWNERS, new Map(), 1_000.7);
  // The server sorts keys, and adds what is its own.
  const stored = (body: object): object =>
    JSON.parse(
      JSON.stringify(body, (_key, value: unknown) =>
        typeof value === 'object' && value !== null && !Array.isArray(value)
          ? Object.fromEntries(Object.entries(value).sort().reverse())
          : value,
      ),
    ) as object;

  it('is the same, and keeps the times of its results whatever is written with them', () => {
    const record = readReport({ ...stored(sent.body) });
    const [later] = shardsOf([workload('web'), workload('api', 'more'), workload('new')], 0).shards as [Shard];
    const again = reportObject(POLICY_API, 'shop', later, OWNERS, record.times, 2_000).body as {
      results: { resources: { name: string }[]; timestamp: { seconds: number } }[];
    };

    expect(record.fingerprint).toBe(sent.fingerprint);
    expect(reportObject(POLICY_API, 'shop', shard, OWNERS, record.times, 2_000).body).toEqual(sent.body);
    // `api` says something else now: it is a new result.
    expect(again.results.map(({ resources, timestamp }) => [resources[0]?.name, timestamp.seconds])).toEqual([
      ['api', 2_000],
      ['new', 2_000],
      ['web', 1_000],
    ]);
  });

  it.each([
    ['a result', (body: Body) => ({ ...body, results: body.results.slice(1) })],
    [
      'a word of a result',
      (body: Body) => ({ ...body, results: body.results.map((result) => ({ ...result, message: 'other' })) }),
    ],
    [
      'a time',
      (body: Body) => ({ ...body, results: body.results.map((result) => ({ ...result, timestamp: undefined })) }),
    ],
    ['the summary', (body: Body) => ({ ...body, summary: {} })],
    ['an owner', (body: Body) => ({ ...body, metadata: { ...body.metadata, ownerReferences: [] } })],
  ])('is another one where somebody has changed %s', (_what, edit) => {
    expect(readReport({ ...edit(sent.body as Body) }).fingerprint).not.toBe(sent.fingerprint);
  });
});

interface Body {
  readonly metadata: object;
  readonly results: readonly object[];
}

describe("bytes of a value in the API server's JSON", () => {
  it.each([
    ['abc', 5],
    ['30 s -> 40 s', 14 + 5],
    ['a&b<c', 7 + 10],
    ['ü', 4],
    ['€', 5],
    ['🚰', 6],
    ['\u2028', 8],
    ['"', 4],
    [{ a: [1, true] }, 14],
  ])('of %j', (value, bytes) => {
    expect(jsonBytes(value)).toBe(bytes);
  });
});
