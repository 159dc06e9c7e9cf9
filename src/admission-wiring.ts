import { hostname } from 'node:os';
import { Admission, type AdmissionHandler } from './admission/index.ts';
import { SYSTEM_NAMESPACES } from './api/names.ts';
import type { Operator } from './controllers/operator.ts';
import type { WorkloadKindAdapter } from './drain/template/index.ts';
import type { KubeClient, Logger } from './kube/index.ts';
import type { Metrics } from './runtime/index.ts';

export interface AdmissionSettings {
  readonly address: string;
  readonly certificateFolder: string | undefined;
  readonly certificateLifetimeSeconds: number;
  readonly serviceName: string;
  readonly url: string | undefined;
  /** The operator's own. */
  readonly namespace: string;
  readonly istioNamespaces: readonly string[];
  readonly inCluster: boolean;
  readonly kinds: readonly WorkloadKindAdapter[];
}

export interface AdmissionSurroundings {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Made after this, because it is told of the webhook. */
  readonly operator: () => Operator;
  readonly handler: AdmissionHandler;
}

/** The Service of config/webhook and of the chart. */
const SERVICE_PORT = 443;
/** Until every API server and kube-proxy knows that this replica is going. */
const DRAIN_IN_CLUSTER_MS = 5_000;

export function makeAdmission(
  settings: AdmissionSettings,
  { client, logger, metrics, operator, handler }: AdmissionSurroundings,
): Admission {
  return new Admission({
    client,
    logger,
    handler,
    registry: metrics.registry,
    address: settings.address,
    ...(settings.certificateFolder === undefined ? {} : { certificateFolder: settings.certificateFolder }),
    certificateLifetimeMs: settings.certificateLifetimeSeconds * 1000,
    service: { namespace: settings.namespace, name: settings.serviceName, port: SERVICE_PORT },
    ...(settings.url === undefined ? {} : { url: settings.url }),
    // In a container the process is always the first one, so a restarted container finds its own entry again.
    instance: `${hostname()}-${process.pid}`,
    drainMs: settings.inCluster ? DRAIN_IN_CLUSTER_MS : 0,
    onState: () => {
      operator().admissionChanged();
    },
    sources: {
      isSynced: () => operator().isSynced,
      isLeading: () => operator().isLeading,
      policies: () => operator().caches.policyRecords(),
      kinds: () => settings.kinds,
      excludedNamespaces: () => [
        ...SYSTEM_NAMESPACES,
        ...settings.istioNamespaces,
        operator().caches.meshFacts().rootNamespace,
        settings.namespace,
      ],
    },
  });
}
