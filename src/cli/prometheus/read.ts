import {
  addDistributions,
  distributionOf,
  fromClassic,
  type Distribution,
} from '../../drain/recommend/distribution.ts';
import type { ObservedRequests, Reporter } from '../../drain/recommend/observed.ts';
import { CliError } from '../command.ts';
import { QueryError, type PrometheusClient } from './client.ts';
import { bucketsQuery, connectionsQuery, quoted, type MetricNames } from './queries.ts';

/** TCP connections to a workload. Istio has no metric for how long they last. */
export interface ObservedConnections {
  readonly opened: number;
  readonly openNow: number;
}

/** What metrics say of all the workloads that were asked for, by `namespace/name`. */
export interface Observations {
  readonly requests: ReadonlyMap<string, ObservedRequests>;
  readonly connections: ReadonlyMap<string, ObservedConnections>;
  /** What could not be read, in words. */
  readonly gaps: readonly string[];
}

export interface ReadOptions {
  readonly names: MetricNames;
  /** One namespace only. */
  readonly namespace?: string;
  readonly windowSeconds: number;
  /** Seconds since 1970: the end of the window. */
  readonly now: number;
  readonly onNamespace?: (namespace: string, index: number, of: number) => void;
}

/** A mesh has hundreds of namespaces; beyond these the rest is named as a gap. */
const MOST_NAMESPACES = 2000;
/** All queries together: then what is left is named as a gap. */
const MOST_SECONDS = 600;
/** A window that is too much for one query is asked for in halves, down to this. */
const LEAST_CHUNK_SECONDS = 3600;
const EMPTY: Distribution = distributionOf([]);

interface VectorSample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: readonly [number, string];
  readonly histogram?: readonly [
    number,
    { readonly buckets?: readonly (readonly [rule: number, low: string, high: string, count: string])[] },
  ];
}

/**
 * Reads the lengths of requests, namespace by namespace.
 * @throws CliError where there is nothing to go by: no Prometheus, no metrics of a mesh, other labels
 */
export async function readObservations(client: PrometheusClient, options: ReadOptions): Promise<Observations> {
  const { classic, native } = await namespacesOf(client, options);
  const all = [...new Set([...classic, ...native])].sort();
  const asked = all.slice(0, MOST_NAMESPACES);
  const gaps =
    all.length > asked.length ? [`${all.length - asked.length} namespaces were not asked for: name one with -n`] : [];
  const requests = new Map<string, ObservedRequests>();
  const connections = new Map<string, ObservedConnections>();
  const started = Date.now();
  for (const [index, namespace] of asked.entries()) {
    options.onNamespace?.(namespace, index, asked.length);
    if (Date.now() - started > MOST_SECONDS * 1000) {
      gaps.push(`after ${MOST_SECONDS} s the namespaces from ${namespace} on were not asked for: name one with -n`);
      break;
    }
    try {
      const forms = [
        ...(classic.has(namespace) ? (['Classic'] as const) : []),
        ...(native.has(namespace) ? (['Native'] as const) : []),
      ];
      for (const form of forms) {
        addRequests(requests, await bucketsOf(client, options, form, namespace), options.names, form);
      }
      await addConnections(connections, client, options, namespace);
    } catch (error) {
      if (!(error instanceof QueryError)) {
        throw error;
      }
      gaps.push(`namespace ${namespace}: ${error.message}`);
    }
  }
  if (requests.size === 0 && connections.size === 0 && gaps.length > 0) {
    throw new CliError(gaps[0] ?? '');
  }
  return { requests, connections, gaps };
}

/** The namespaces with requests in the window, by the form of their histograms. */
async function namespacesOf(
  client: PrometheusClient,
  { names, namespace, windowSeconds, now }: ReadOptions,
): Promise<{ readonly classic: ReadonlySet<string>; readonly native: ReadonlySet<string> }> {
  const within = { start: String(now - windowSeconds), end: String(now) };
  const only = namespace === undefined ? '' : `{${names.namespace}=${quoted(namespace)}}`;
  const values = async (metric: string): Promise<Set<string>> =>
    new Set(
      (
        await asCliError(
          client.get<readonly string[]>(`label/${names.namespace}/values`, {
            ...within,
            'match[]': `${metric}${only}`,
          }),
        )
      ).filter((value) => value !== '' && value !== 'unknown'),
    );
  const classic = await values(`${names.metric}_bucket`);
  const native = await values(names.metric);
  const tcp = await values('istio_tcp_connections_opened_total');
  if (classic.size + native.size + tcp.size === 0) {
    await explainNothing(client, names, namespace, within);
  }
  // A namespace with TCP alone is asked for too: its connections are told.
  return { classic: new Set([...classic, ...tcp]), native };
}

/** Why there is nothing: no such metric at all, or one with other labels, or a namespace without requests. */
async function explainNothing(
  client: PrometheusClient,
  names: MetricNames,
  namespace: string | undefined,
  within: { readonly start: string; readonly end: string },
): Promise<never> {
  const labels = await asCliError(
    client.get<readonly string[]>('labels', { ...within, 'match[]': [`${names.metric}_bucket`, names.metric] }),
  );
  if (labels.length === 0) {
    const istio = await asCliError(
      client.get<readonly string[]>('label/__name__/values', { ...within, 'match[]': '{__name__=~"istio_.+"}' }),
    );
    throw new CliError(
      istio.length === 0
        ? `${client.where}: no metrics of Istio in the window: does this Prometheus scrape the proxies (port 15020, /stats/prometheus)? For metrics under another name: --metric`
        : `${client.where}: no ${names.metric}, only ${istio.slice(0, 3).join(', ')}${istio.length > 3 ? ' and others' : ''}: give the histogram's name with --metric`,
    );
  }
  if (namespace !== undefined && labels.includes(names.namespace)) {
    throw new CliError(`${client.where}: no requests to namespace ${namespace} in the window`);
  }
  throw new CliError(
    `${client.where}: ${names.metric} has no label ${names.namespace}; its labels are ${labels.filter((label) => label !== '__name__').join(', ')}: set --workload-label and --namespace-label`,
  );
}

async function asCliError<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw error instanceof QueryError ? new CliError(error.message) : error;
  }
}

/** The buckets of a window, in as many parts as Prometheus needs. */
async function bucketsOf(
  client: PrometheusClient,
  options: ReadOptions,
  form: 'Classic' | 'Native',
  namespace: string,
  until = options.now,
  seconds = options.windowSeconds,
): Promise<readonly VectorSample[]> {
  try {
    return await vector(client, bucketsQuery(options.names, form, namespace, seconds), until);
  } catch (error) {
    const half = Math.floor(seconds / 2);
    if (!(error instanceof QueryError) || !error.tooMuch || half < LEAST_CHUNK_SECONDS) {
      throw error;
    }
    return [
      ...(await bucketsOf(client, options, form, namespace, until, half)),
      ...(await bucketsOf(client, options, form, namespace, until - half, seconds - half)),
    ];
  }
}

async function vector(client: PrometheusClient, query: string, time: number): Promise<readonly VectorSample[]> {
  const { resultType, result } = await client.get<{ resultType: string; result: readonly VectorSample[] }>('query', {
    query,
    time: String(time),
  });
  if (resultType !== 'vector') {
    throw new CliError(`${client.where}: answers a query with ${resultType}, which no Prometheus does`);
  }
  return result;
}

function addRequests(
  into: Map<string, ObservedRequests>,
  samples: readonly VectorSample[],
  names: MetricNames,
  form: 'Classic' | 'Native',
): void {
  for (const [id, group] of bySeries(samples, names)) {
    const [namespace = '', name = '', reporterText = ''] = id.split('\n');
    const distribution =
      form === 'Classic'
        ? fromClassic(cumulativeOf(group, names.unitSeconds))
        : group.map((sample) => fromNative(sample, names.unitSeconds)).reduce(addDistributions, EMPTY);
    if (name === '' || name === 'unknown' || distribution.total === 0) {
      continue;
    }
    // A waypoint measures for the workload behind it, as the workload's own sidecar would.
    const reporter: Reporter = reporterText === 'source' ? 'source' : 'destination';
    const key = `${namespace}/${name}`;
    const before = into.get(key)?.byReporter ?? {};
    into.set(key, {
      namespace,
      name,
      byReporter: { ...before, [reporter]: addDistributions(before[reporter] ?? EMPTY, distribution) },
    });
  }
}

function bySeries(samples: readonly VectorSample[], names: MetricNames): Map<string, VectorSample[]> {
  const groups = new Map<string, VectorSample[]>();
  for (const sample of samples) {
    const { metric } = sample;
    const id = [metric[names.namespace] ?? '', metric[names.workload] ?? '', metric['reporter'] ?? ''].join('\n');
    groups.set(id, [...(groups.get(id) ?? []), sample]);
  }
  return groups;
}

/** The parts of a window add up. */
function cumulativeOf(samples: readonly VectorSample[], unit: number): [number, number][] {
  const sums = new Map<number, number>();
  for (const { metric, value } of samples) {
    const le = metric['le'] === '+Inf' ? Infinity : Number(metric['le']) * unit;
    const count = Number(value?.[1]);
    if (!Number.isNaN(le) && Number.isFinite(count)) {
      sums.set(le, (sums.get(le) ?? 0) + count);
    }
  }
  return [...sums];
}

function fromNative({ histogram }: VectorSample, unit: number): Distribution {
  return distributionOf(
    (histogram?.[1].buckets ?? []).map(([, low, high, count]) => ({
      above: Math.max(0, Number(low)) * unit,
      to: high === '+Inf' ? Infinity : Math.max(0, Number(high)) * unit,
      count: Number(count),
    })),
  );
}

async function addConnections(
  into: Map<string, ObservedConnections>,
  client: PrometheusClient,
  { names, windowSeconds, now }: ReadOptions,
  namespace: string,
): Promise<void> {
  // A series of a single scrape has no increase yet, and its connections are open all the same.
  const byWorkload = async (what: 'Opened' | 'Open'): Promise<Map<string, number>> =>
    new Map(
      (await vector(client, connectionsQuery(names, namespace, what, windowSeconds), now)).map(({ metric, value }) => [
        `${metric[names.namespace] ?? ''}/${metric[names.workload] ?? ''}`,
        Number(value?.[1] ?? 0),
      ]),
    );
  const openedBy = await byWorkload('Opened');
  const openBy = await byWorkload('Open');
  for (const workload of new Set([...openedBy.keys(), ...openBy.keys()])) {
    const opened = openedBy.get(workload) ?? 0;
    const openNow = Math.max(0, openBy.get(workload) ?? 0);
    if (opened + openNow > 0) {
      into.set(workload, { opened, openNow });
    }
  }
}
