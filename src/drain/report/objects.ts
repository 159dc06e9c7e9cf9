import type { KubernetesObject, OwnerReference } from '../../api/kubernetes.ts';
import { FIELD_MANAGER } from '../../api/names.ts';
import type { Seconds } from '../model/workload.ts';
import { fnv1a } from '../hash.ts';
import { byText, REPORT_SOURCE, type ReportResult } from './results.ts';
import { reportName, type Shard } from './shards.ts';

/** The two APIs have the same results; they differ in their names, and in where an engine may name itself. */
export interface ReportApi {
  readonly apiVersion: string;
  readonly kind: string;
  /** The object itself has a field `source`. */
  readonly source: boolean;
}

/** What of a report that stands in the cluster has to be remembered. */
export interface ReportRecord {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Of everything that is ours in it, times left out. */
  readonly fingerprint: string;
  /** When each of its results was first found, by the fingerprint of the result; seconds since 1970. */
  readonly times: ReadonlyMap<string, Seconds>;
}

/** Says that an object is ours, together with its name. */
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';

interface Timestamp {
  readonly seconds?: number;
  readonly nanos?: number;
}

interface RawReport extends KubernetesObject {
  readonly source?: string;
  readonly summary?: object;
  readonly results?: readonly (object & { readonly timestamp?: Timestamp })[];
}

/** The object to apply. A result that was there before keeps its time, in whichever shard it stood. */
export function reportObject(
  api: ReportApi,
  namespace: string,
  shard: Shard,
  owners: readonly OwnerReference[],
  times: ReadonlyMap<string, Seconds>,
  now: Seconds,
): { readonly name: string; readonly body: object; readonly fingerprint: string } {
  const results = shard.results.map((result) => ({
    ...result,
    timestamp: { seconds: times.get(fingerprintOf(result)) ?? Math.floor(now), nanos: 0 },
  }));
  const own = { ...(api.source ? { source: REPORT_SOURCE } : {}), summary: shard.summary, results };
  const name = reportName(shard.number);
  return {
    name,
    body: {
      apiVersion: api.apiVersion,
      kind: api.kind,
      metadata: { namespace, name, labels: { [MANAGED_BY_LABEL]: FIELD_MANAGER }, ownerReferences: owners },
      ...own,
    },
    fingerprint: contentOf(
      own,
      owners.map(({ uid }) => uid),
      shard.results.map(fingerprintOf),
    ),
  };
}

export function readReport(raw: RawReport): ReportRecord {
  const { metadata, source, summary, results = [] } = raw;
  const times = new Map<string, Seconds>();
  const fingerprints = results.map(({ timestamp, ...result }) => {
    const fingerprint = fingerprintOf(result);
    if (timestamp?.seconds === undefined) {
      return `${fingerprint} without time`;
    }
    times.set(fingerprint, timestamp.seconds);
    return fingerprint;
  });
  return {
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    fingerprint: contentOf(
      { source, summary },
      (metadata?.ownerReferences ?? []).map(({ uid }) => uid),
      fingerprints,
    ),
    times,
  };
}

function contentOf(
  { source, summary }: { readonly source?: string; readonly summary?: object },
  owners: readonly string[],
  results: readonly string[],
): string {
  return digest({ source, summary, owners: [...owners].sort(byText), results });
}

function fingerprintOf(result: ReportResult | object): string {
  return digest(result);
}

/** Two hashes of 32 bits from different beginnings: a change that one of them misses the other one sees. */
function digest(value: unknown): string {
  const text = JSON.stringify(canonical(value));
  return fnv1a(text) + fnv1a(`${text.length} ${text}`);
}

/** The API server gives the keys back in another order. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(canonical);
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => byText(a, b))
        .map(([key, inner]) => [key, canonical(inner)]),
    );
  }
  return value;
}
