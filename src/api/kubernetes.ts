/**
 * The parts of Kubernetes' own types that this product reads. They are ours, not the client library's, because the
 * domain must stay free of clients, and because a record that keeps only these parts is a tenth of the object.
 */

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

export interface ManagedFieldsEntry {
  readonly manager?: string;
  readonly operation?: string;
  readonly apiVersion?: string;
  readonly time?: string;
  readonly fieldsType?: string;
  readonly subresource?: string;
  readonly fieldsV1?: Record<string, unknown>;
}

export interface ObjectMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: ObjectMeta;
}

export interface LabelSelectorRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly LabelSelectorRequirement[];
}

export interface HttpGetAction {
  readonly path?: string;
  readonly port: number | string;
  readonly host?: string;
  readonly scheme?: string;
}

/** A lifecycle handler as the pod template states it. More than one member set is an error that the API server finds. */
export interface LifecycleHandler {
  readonly exec?: { readonly command?: readonly string[] };
  readonly httpGet?: HttpGetAction;
  readonly tcpSocket?: { readonly port: number | string; readonly host?: string };
  readonly sleep?: { readonly seconds: number };
}

export interface Lifecycle {
  readonly preStop?: LifecycleHandler;
  readonly postStart?: LifecycleHandler;
  /** Alpha since Kubernetes 1.33 (gate ContainerStopSignals). */
  readonly stopSignal?: string;
}

/** Of what a probe asks only the way matters here: over the network it tells that the container serves. */
export interface Probe {
  readonly terminationGracePeriodSeconds?: number;
  readonly httpGet?: object;
  readonly tcpSocket?: object;
  readonly grpc?: object;
}

export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: object;
}

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly imagePullPolicy?: string;
  /** Only on init containers; `Always` makes one a native sidecar. */
  readonly restartPolicy?: string;
  readonly lifecycle?: Lifecycle;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
  readonly ports?: readonly { readonly containerPort: number }[];
  /** Kept only where it speaks of ending the proxy. */
  readonly command?: readonly string[];
  /** Kept there too, and for `istio-proxy`: they tell a sidecar, a gateway and ztunnel apart. */
  readonly args?: readonly string[];
  /** Kept whole only for `istio-proxy`; of others, what their preStop names. */
  readonly env?: readonly EnvVar[];
  /** Where variables of the preStop may come from besides; what they are is not in the pod template. */
  readonly envFrom?: readonly object[];
}

/** A requirement of a node affinity term, which has two operators more than label selectors. */
export interface NodeRequirement {
  readonly key: string;
  readonly operator: LabelSelectorRequirement['operator'] | 'Gt' | 'Lt';
  readonly values?: readonly string[];
}

/** Without a key it tolerates every taint, without a value (operator Exists) each of that key. */
export interface Toleration {
  readonly key?: string;
  readonly value?: string;
  /** Absent for every effect. */
  readonly effect?: string;
}

/** Where a pod may be put, as far as nodes are told apart by it. */
export interface PodScheduling {
  readonly nodeSelector?: Readonly<Record<string, string>>;
  /** The terms of requiredDuringSchedulingIgnoredDuringExecution, of which one has to be met. */
  readonly nodeAffinity?: readonly (readonly NodeRequirement[])[];
  readonly tolerations?: readonly Toleration[];
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly terminationGracePeriodSeconds?: number;
  readonly hostNetwork?: boolean;
  readonly nodeName?: string;
  /** `os.name` or the node selector says Windows. */
  readonly windows?: true;
  /** Absent where it says nothing: then every node without taints takes it. */
  readonly scheduling?: PodScheduling;
}

export interface PodTemplate {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: PodSpec;
}

/** `terminationGracePeriodSeconds` where a pod template states none (Kubernetes API default). */
export const DEFAULT_GRACE_PERIOD_SECONDS = 30;
