/** The names by which this product and Istio know their objects. One definition each. */

export const GROUP = 'sidecardrain.io';
export const VERSION = 'v1alpha1';

/** The field manager of every write. */
export const FIELD_MANAGER = 'sidecar-drain-operator';
export const FINALIZER = 'sidecardrain.io/restore';

/** On a workload: why it is left alone. */
export const EXEMPT_ANNOTATION = 'sidecardrain.io/exempt';
/** On a workload or its pod template: how long an app preStop takes that cannot be known from its text. */
export const PRE_STOP_ANNOTATION = 'sidecardrain.io/pre-stop';
/** On a workload, never in its template: what stood there before us, and by which policy we wrote. */
export const STATE_ANNOTATION = 'sidecardrain.io/state';

/** On a policy: the hash of the plan that may be written, with `approval: Required`. */
export const APPROVED_PLAN_ANNOTATION = 'sidecardrain.io/approved-plan';
/** On a policy: the hash of the withdrawal that may be carried out although it is a large one. */
export const APPROVED_WITHDRAWAL_ANNOTATION = 'sidecardrain.io/approved-withdrawal';
/** On a policy of the cluster: the admission policies of the API server (config/admission-policies) carry it out in pods, too. */
export const ADMISSION_POLICY_LABEL = { key: 'sidecardrain.io/admission-policy', value: 'enabled' } as const;
/** On the ConfigMaps in the operator's namespace that keep what was approved: the policy's uid. */
export const APPROVAL_LABEL = 'sidecardrain.io/approval-of';

/** The ConfigMap in the operator's namespace that stops every write when it says `paused: "true"`. */
export const OFF_SWITCH_CONFIG_MAP = 'sidecar-drain-operator';

export const PROXY_CONTAINER = 'istio-proxy';
export const PROXY_CONFIG_ANNOTATION = 'proxy.istio.io/config';
export const NATIVE_SIDECAR_ANNOTATION = 'sidecar.istio.io/nativeSidecar';
/** On namespaces: `enabled` or `disabled`; it beats a revision label. */
export const INJECTION_LABEL = 'istio-injection';
export const INJECT_KEY = 'sidecar.istio.io/inject';
/** On pod templates and namespaces: `enabled` or `ingress` puts the pods into Linkerd's mesh. */
export const LINKERD_INJECT = 'linkerd.io/inject';
/** On pods: which of the injector's templates make the sidecar. */
export const INJECTION_TEMPLATES_ANNOTATION = 'inject.istio.io/templates';
/** On pods: the injector has been there. */
export const INJECTED_ANNOTATION = 'sidecar.istio.io/status';
export const STATS_SUFFIXES_ANNOTATION = 'sidecar.istio.io/statsInclusionSuffixes';
/**
 * In a pod template: which ProxyConfig resource its pods were made after. A resource that is younger than a pod does
 * nothing for it, so with `environment: ProxyConfig` the template carries this mark.
 */
export const PROXY_CONFIG_MARK_ANNOTATION = 'sidecardrain.io/proxy-config';
/**
 * On a pod under `delivery: Admission`: the key of the policy's intent that it was given at its creation. A label, so that
 * the operator can watch such pods alone.
 */
export const DELIVERED_LABEL = 'sidecardrain.io/delivered';
/** Environment of the proxy: with "true" it goes on until no connection is open. */
export const EXIT_ON_ZERO_VARIABLE = 'EXIT_ON_ZERO_ACTIVE_CONNECTIONS';
/** Environment of the proxy: how long it waits at least, with the former. */
export const MINIMUM_DRAIN_VARIABLE = 'MINIMUM_DRAIN_DURATION';
export const REVISION_LABEL = 'istio.io/rev';

/** The group of Gateway, GatewayClass and their kin. */
export const GATEWAY_API_GROUP = 'gateway.networking.k8s.io';
/** On the pods that istiod makes for a Gateway: the name of it (Istio 1.24 and newer; before, the second). */
export const GATEWAY_NAME_LABELS: readonly string[] = [
  'gateway.networking.k8s.io/gateway-name',
  'istio.io/gateway-name',
];
/** On a ConfigMap beside istiod: the GatewayClass whose Gateways all get its overlays. */
export const GATEWAY_CLASS_DEFAULTS_LABEL = 'gateway.istio.io/defaults-for-class';
/** Environment of the proxy: it speaks the tunnel protocol of the ambient mesh. */
export const HBONE_VARIABLE = 'ISTIO_META_ENABLE_HBONE';

/** The API server puts it on every namespace since Kubernetes 1.22, whatever its manifest says. */
export const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name';

/** Namespaces that no policy ever touches, whatever it selects; Istio's root namespace joins them at run time. */
export const SYSTEM_NAMESPACES: readonly string[] = [
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'local-path-storage',
];
export const DEFAULT_ROOT_NAMESPACE = 'istio-system';
