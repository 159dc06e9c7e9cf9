import type { Flag, Variable } from '../command.ts';

export const TOKEN_VARIABLE = 'SIDECAR_DRAIN_PROMETHEUS_TOKEN';
export const DEFAULT_METRIC = 'istio_request_duration_milliseconds';

/** Where a Prometheus is, and how it is asked. */
export const PROMETHEUS_FLAGS: readonly Flag[] = [
  {
    name: 'prometheus',
    type: 'string',
    value: 'URL',
    description:
      "Address of a Prometheus, or of anything with its HTTP API (Thanos, Mimir, VictoriaMetrics), with the path's prefix if it has one. Only reads.",
  },
  {
    name: 'window',
    type: 'string',
    value: 'DURATION',
    default: '7d',
    description: 'How far back to look: 12h, 7d, 2w.',
  },
  {
    name: 'prometheus-token-file',
    type: 'string',
    value: 'FILE',
    description: `A file with a bearer token; otherwise ${TOKEN_VARIABLE}.`,
  },
  {
    name: 'prometheus-ca',
    type: 'string',
    value: 'FILE',
    description: "The certificate authority (PEM) of the server, where the system's do not know it.",
  },
  {
    name: 'prometheus-header',
    type: 'string',
    multiple: true,
    value: 'NAME=VALUE',
    description: 'A header for every request, for example X-Scope-OrgID=shop for a tenant.',
  },
  {
    name: 'prometheus-timeout',
    type: 'string',
    value: 'DURATION',
    default: '30s',
    description: 'How long one answer may take.',
  },
  {
    name: 'metric',
    type: 'string',
    value: 'NAME',
    default: DEFAULT_METRIC,
    description:
      'The histogram of request lengths, without _bucket. A name that ends in _seconds counts seconds, any other milliseconds.',
  },
  {
    name: 'workload-label',
    type: 'string',
    value: 'LABEL',
    default: 'destination_workload',
    description: 'The label with the name of the workload that served the request.',
  },
  {
    name: 'namespace-label',
    type: 'string',
    value: 'LABEL',
    default: 'destination_workload_namespace',
    description: "The label with that workload's namespace.",
  },
];

export const PROMETHEUS_VARIABLES: readonly Variable[] = [
  { name: TOKEN_VARIABLE, description: 'A bearer token for Prometheus, where --prometheus-token-file names none.' },
];
