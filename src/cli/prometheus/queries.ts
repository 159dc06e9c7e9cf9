/** The names that the metrics of a mesh have. */
export interface MetricNames {
  /** Of the histogram, without _bucket. */
  readonly metric: string;
  readonly workload: string;
  readonly namespace: string;
  /** What one unit of the histogram is in seconds. */
  readonly unitSeconds: number;
}

const REPORTERS = 'reporter=~"destination|source|waypoint"';

/**
 * What a namespace's requests added to the buckets within a window that ends where the query is evaluated.
 * `increase` does not count what a series brings with it when it appears (a new pod, a first response code), and the one long
 * request of a day is often just that: so a series that was not there when the window began counts whole. Of native
 * histograms that holds for pods that still run: Prometheus 2.42 answers last_over_time of them with 0 (seen on Debian's).
 */
export function bucketsQuery(
  names: MetricNames,
  form: 'Classic' | 'Native',
  namespace: string,
  seconds: number,
): string {
  const { metric, workload, namespace: namespaceLabel } = names;
  const name = form === 'Classic' ? `${metric}_bucket` : metric;
  const series = `${name}{${namespaceLabel}=${quoted(namespace)},${REPORTERS}}`;
  const by = [namespaceLabel, workload, 'reporter', ...(form === 'Classic' ? ['le'] : [])].join(', ');
  const last = form === 'Classic' ? `last_over_time(${series}[${seconds}s])` : series;
  return `sum by (${by}) ((${last} unless ${series} offset ${seconds}s) or increase(${series}[${seconds}s]))`;
}

/** TCP connections that were opened in the window, and those open now, by workload. Istio counts them and measures no length. */
export function connectionsQuery(
  names: MetricNames,
  namespace: string,
  what: 'Opened' | 'Open',
  seconds: number,
): string {
  const by = `${names.namespace}, ${names.workload}`;
  const selector = `{${names.namespace}=${quoted(namespace)},reporter="destination"}`;
  return what === 'Opened'
    ? `sum by (${by}) (increase(istio_tcp_connections_opened_total${selector}[${seconds}s]))`
    : `sum by (${by}) (istio_tcp_connections_opened_total${selector}) - sum by (${by}) (istio_tcp_connections_closed_total${selector})`;
}

export function quoted(text: string): string {
  return JSON.stringify(text);
}
