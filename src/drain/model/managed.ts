import type { LifecycleHandler } from '../../api/kubernetes.ts';
import {
  EXIT_ON_ZERO_VARIABLE,
  MINIMUM_DRAIN_VARIABLE,
  NATIVE_SIDECAR_ANNOTATION,
  PROXY_CONFIG_ANNOTATION,
  PROXY_CONFIG_MARK_ANNOTATION,
  STATS_SUFFIXES_ANNOTATION,
} from '../../api/names.ts';
import type { ManagedField } from './workload.ts';

/** The variables of proxyMetadata, or of a ProxyConfig, that policies write. */
export const DRAIN_VARIABLES: readonly string[] = [EXIT_ON_ZERO_VARIABLE, MINIMUM_DRAIN_VARIABLE];

/** The keys of proxy.istio.io/config that policies write, in both spellings that Istio reads. */
export const PROXY_CONFIG_KEYS: readonly string[] = [
  'terminationDrainDuration',
  'termination_drain_duration',
  'drainDuration',
  'drain_duration',
  'holdApplicationUntilProxyStarts',
  'hold_application_until_proxy_starts',
  'proxyMetadata',
  'proxy_metadata',
];

/** The fields that are annotations of the pod template. */
export const ANNOTATION_OF: Readonly<Record<Exclude<ManagedField, 'gracePeriod' | 'proxyContainer'>, string>> = {
  proxyConfig: PROXY_CONFIG_ANNOTATION,
  statsSuffixes: STATS_SUFFIXES_ANNOTATION,
  nativeSidecar: NATIVE_SIDECAR_ANNOTATION,
  proxyConfigMark: PROXY_CONFIG_MARK_ANNOTATION,
};
export type AnnotationField = keyof typeof ANNOTATION_OF;
export const ANNOTATION_FIELDS = Object.keys(ANNOTATION_OF) as readonly AnnotationField[];

/**
 * All values that we want to hold on a workload. A server-side apply must repeat everything that is to stay ours: what
 * it leaves out is given up, and removed where nobody else holds it.
 */
export interface ManagedValues {
  readonly gracePeriodSeconds?: number;
  /** The whole text of the annotation, foreign keys included. */
  readonly proxyConfig?: string;
  readonly statsSuffixes?: string;
  readonly nativeSidecar?: 'true';
  readonly proxyConfigMark?: string;
  /** A `preStop.sleep` for containers of the application: in pods and manifests only, never in a live workload. */
  readonly applicationSleep?: { readonly seconds: number; readonly containers: readonly string[] };
  /** Environment of the container `istio-proxy`, where no injector would put it there: in manifests only. */
  readonly proxyEnvironment?: Readonly<Record<string, string>>;
  /** The preStop of a container `istio-proxy`. Without it no hook is wanted, and one of ours goes. */
  readonly proxyPreStop?: LifecycleHandler;
  /** The postStart beside it; only ever with a preStop, and where the owner has none. */
  readonly proxyPostStart?: LifecycleHandler;
}
