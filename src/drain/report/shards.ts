import { fnv1a } from '../hash.ts';
import { byText, type ReportResult, type WorkloadResults } from './results.ts';

/** Everything that one report object says, but for its name and the times of its results. */
export interface Shard {
  readonly number: number;
  readonly results: readonly ReportResult[];
  readonly summary: ReportSummary;
  /** The policies that the results are of. */
  readonly policies: readonly string[];
}

export interface ReportSummary {
  readonly pass: 0;
  readonly fail: number;
  readonly warn: number;
  readonly error: number;
  readonly skip: 0;
}

export interface Sharding {
  readonly shards: readonly Shard[];
  /** Results for which there is no room in the most shards that a namespace may have. */
  readonly leftOut: number;
}

/** etcd takes 1.5 MiB by default, and everybody who watches reports reads the whole object at each change. */
export const LARGEST_REPORT_BYTES = 256 * 1024;
/** Name, labels, and what the API server adds: uid, times, managedFields. */
const HEAD_BYTES = 4 * 1024;
/** `"timestamp":{"nanos":0,"seconds":1234567890},` and the comma between results. */
const TIME_BYTES = 64;
/** An owner reference, and its line in managedFields; the name comes on top. */
const OWNER_BYTES = 400;
/** 64 MiB of violations in one namespace; a power of two. */
const MOST_SHARDS = 256;

/**
 * Sorts a namespace's results into shards by a hash of the workload: a workload that changes rewrites one shard, and
 * where it stands depends on no other workload. The number of shards is a power of two that doubles while a shard is too
 * large. It is halved only when half as many would be less than half full, so that a workload that comes and goes does
 * not reshuffle its whole namespace each time.
 * @param present how many shards there are now; 0 where it is not known
 */
export function shardsOf(
  workloads: Iterable<WorkloadResults>,
  present: number,
  limitBytes: number = LARGEST_REPORT_BYTES,
): Sharding {
  const measured = [...workloads]
    .filter(({ results }) => results.length > 0)
    .sort((a, b) => byText(a.workload, b.workload))
    .map(measure);
  if (measured.length === 0) {
    return { shards: [], leftOut: 0 };
  }
  let count = Math.min(MOST_SHARDS, powerOfTwo(present));
  while (count > 1 && fits(measured, count / 2, limitBytes / 2)) {
    count /= 2;
  }
  while (count < MOST_SHARDS && !fits(measured, count, limitBytes)) {
    count *= 2;
  }
  let leftOut = 0;
  const shards: Shard[] = [];
  for (const [number, bucket] of buckets(measured, count)) {
    const kept = bytesOf(bucket) <= limitBytes ? bucket : whatFits(bucket, limitBytes);
    leftOut += bucket.reduce((sum, one) => sum + one.results.length, 0);
    const results = kept.flatMap((one) => one.results);
    leftOut -= results.length;
    if (results.length > 0) {
      shards.push({
        number,
        results,
        summary: summaryOf(results),
        policies: [...new Set(results.map(({ policy }) => policy))].sort(byText),
      });
    }
  }
  return { shards: shards.sort((a, b) => a.number - b.number), leftOut };
}

/** How many shards there must have been, from the numbers of those that are there: empty ones are not kept. */
export function shardCountOf(numbers: Iterable<number>): number {
  let highest = -1;
  for (const number of numbers) {
    highest = Math.max(highest, number);
  }
  return highest < 0 ? 0 : powerOfTwo(highest + 1);
}

export function reportName(number: number): string {
  return `sidecar-drain-${number}`;
}

/** The number of a shard of ours, or undefined for any other name. */
export function reportNumber(name: string): number | undefined {
  const digits = /^sidecar-drain-(0|[1-9][0-9]{0,8})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * Bytes of a value as the API server writes it: Go escapes `<`, `>` and `&` to six bytes each, and our messages say
 * `30 s -> 40 s`.
 */
export function jsonBytes(value: unknown): number {
  const text = JSON.stringify(value);
  let bytes = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x80) {
      bytes += code === 0x3c || code === 0x3e || code === 0x26 ? 6 : 1;
    } else if (code < 0x800 || (code >= 0xd800 && code <= 0xdfff)) {
      // Two for each half of a surrogate pair, which is four bytes of UTF-8.
      bytes += 2;
    } else {
      bytes += code === 0x2028 || code === 0x2029 ? 6 : 3;
    }
  }
  return bytes;
}

interface Measured extends WorkloadResults {
  readonly hash: number;
  /** Of its results alone: what their policies add to the object is shared by all of its shard. */
  readonly bytes: number;
}

function measure({ workload, results }: WorkloadResults): Measured {
  return {
    workload,
    results,
    hash: hashOf(workload),
    bytes: results.reduce((sum, result) => sum + jsonBytes(result) + TIME_BYTES, 0),
  };
}

/** FNV's low bits hardly depend on the high bits of the text; folding brings them together. */
function hashOf(workload: string): number {
  const hash = Number.parseInt(fnv1a(workload), 16);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function fits(measured: readonly Measured[], count: number, limitBytes: number): boolean {
  return [...buckets(measured, count).values()].every((bucket) => bytesOf(bucket) <= limitBytes);
}

function bytesOf(bucket: readonly Measured[]): number {
  const policies = new Set<string>();
  let bytes = HEAD_BYTES;
  for (const one of bucket) {
    bytes += one.bytes;
    for (const { policy } of one.results) {
      policies.add(policy);
    }
  }
  for (const policy of policies) {
    bytes += OWNER_BYTES + policy.length;
  }
  return bytes;
}

function whatFits(bucket: readonly Measured[], limitBytes: number): Measured[] {
  const kept: Measured[] = [];
  for (const one of bucket) {
    kept.push(one);
    if (bytesOf(kept) > limitBytes) {
      kept.pop();
    }
  }
  return kept;
}

/** @param count a power of two */
function buckets(measured: readonly Measured[], count: number): Map<number, Measured[]> {
  const found = new Map<number, Measured[]>();
  for (const one of measured) {
    const number = one.hash & (count - 1);
    const bucket = found.get(number);
    if (bucket === undefined) {
      found.set(number, [one]);
    } else {
      bucket.push(one);
    }
  }
  return found;
}

function powerOfTwo(atLeast: number): number {
  let power = 1;
  while (power < atLeast) {
    power *= 2;
  }
  return power;
}

function summaryOf(results: readonly ReportResult[]): ReportSummary {
  const count = (wanted: ReportResult['result']): number => results.filter(({ result }) => result === wanted).length;
  return { pass: 0, fail: count('fail'), warn: count('warn'), error: count('error'), skip: 0 };
}
