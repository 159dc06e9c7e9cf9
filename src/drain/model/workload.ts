import type { Seconds } from '../../api/duration.ts';
import type { PodTemplate } from '../../api/kubernetes.ts';

export type { Seconds };

export interface WorkloadRef {
  readonly apiVersion: string;
  /** As policies name it: the object's own, or `StatefulSet.apps.kruise.io` where another group has the plain name. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Where a manifest stood, for people who have to change it. Lines count from 1. */
export interface SourceLocation {
  readonly file: string;
  readonly line: number;
  /** Lines of fields of the manifest, keyed by field path such as `spec.template.spec.terminationGracePeriodSeconds`. */
  readonly fieldLines?: Readonly<Record<string, number>>;
  /** Files of those fields that stand in another one than `file`: a patch of a kustomization. Keys as in `fieldLines`. */
  readonly fieldFiles?: Readonly<Record<string, string>>;
  /** The kustomization or chart that this workload was built from. */
  readonly builtFrom?: string;
}

/**
 * Who holds a field.
 * - `Absent`: it has no value.
 * - `Defaulted`: the API server (or nobody) put it there; nobody asked for it, whatever managedFields say.
 * - `Declared`: somebody else stated it; `owners` are their field managers.
 * - `Ours`: only we hold it.
 * - `Shared`: we and somebody else hold the same value.
 */
export type Ownership = 'Absent' | 'Defaulted' | 'Declared' | 'Ours' | 'Shared';

export interface FieldOwner {
  readonly ownership: Ownership;
  /** Field managers other than ours. Empty for `Absent`, `Defaulted` (nobody is its owner) and `Ours`. */
  readonly owners: readonly string[];
}

/** The fields that a plan may write. The names are used as keys everywhere: state, changes, conflicts. */
export const MANAGED_FIELDS = [
  'gracePeriod',
  'proxyConfig',
  'statsSuffixes',
  'nativeSidecar',
  'proxyConfigMark',
  'proxyContainer',
] as const;
export type ManagedField = (typeof MANAGED_FIELDS)[number];

export type FieldOwners = Readonly<Record<ManagedField, FieldOwner>>;

/** What the status of a workload says of its rollout, in terms that every kind shares. */
export interface RolloutFacts {
  /** Desired replicas (for a DaemonSet: scheduled nodes). */
  readonly replicas: number;
  /** `None`: nothing rolls when the template changes (a CronJob). `Unseen`: the status does not tell what rolls. */
  readonly strategy: 'RollingUpdate' | 'Recreate' | 'OnDelete' | 'None' | 'Unseen';
  readonly paused: boolean;
  /** StatefulSet partition; 0 where there is none. */
  readonly partition: number;
  /** True when every replica runs the current template and is available. */
  readonly complete: boolean;
  /** True when the workload runs what its current template says, or is on its way there without trouble. */
  readonly healthy: boolean;
  /** True between a template change and `complete`. */
  readonly rolling: boolean;
  /** A Deployment that reports ProgressDeadlineExceeded. */
  readonly stuck: boolean;
  /**
   * Pods that are still terminating, of a kind whose rollout may be over before its old pods are gone. `NotInStatus`: only the
   * pods tell; the status of a Deployment does by default since Kubernetes 1.35 (KEP-3973). Absent: none are left by then.
   */
  readonly terminating?: number | 'NotInStatus';
  /**
   * How often in a row a rollout waits until old pods are gone before it goes on: 0 where new pods do not wait for old ones.
   * A StatefulSet's new pod has the old one's name, a DaemonSet's its node, and Recreate ends all of them first.
   */
  readonly drainRounds?: number;
}

/** Why a workload of this kind, or a part of a change of it, is not written. */
export interface KindLimit {
  readonly reason:
    'TemplateNotRolled' | 'TemplateImmutable' | 'TemplateElsewhere' | 'UpdatedInPlace' | 'RenderedFromGateway';
  /** What is meant in this case: the other object, or the strategy; of `RenderedFromGateway` the name of the Gateway. */
  readonly detail?: string;
}

/** What of the pod template is missing or empty in a custom resource, so that restoring leaves it just so. */
export type TemplateGap = 'NoMetadata' | 'EmptyAnnotations';

/** Who wrote the pod template last, by the API server's clock, in seconds since 1970. Only where we wrote it ourselves. */
export interface TemplateHistory {
  readonly writtenAt: Seconds;
  readonly changedAt?: Seconds;
  readonly changedBy?: string;
  /** The change put back values of ours from before, with the note of that time. */
  readonly rolledBack?: true;
}

/** A setting that stands where nothing reads it. */
export interface Misplaced {
  readonly code: 'AnnotationMisplaced' | 'SettingMisplaced';
  /** Field path in the object, and the keys and indexes that it stands for. */
  readonly path: string;
  readonly steps: readonly (string | number)[];
  /** What stands where, and where it belongs. */
  readonly message: string;
}

/** The ConfigMap whose `deployment` istiod merges over what it makes from a Gateway (spec.infrastructure.parametersRef). */
export interface GatewayOverlay {
  readonly gateway: string;
  /** Absent where the Gateway names none yet. */
  readonly configMap?: string;
  /** Its `deployment`, as written; absent where it has none, or is not in the input. */
  readonly text?: string;
  /** Where the ConfigMap stands; absent where it is not in the input. */
  readonly at?: { readonly file: string; readonly line: number };
}

/** A pod of a workload as it runs: its containers are those that the injector made. */
export interface LivePod {
  readonly name: string;
  readonly template: PodTemplate;
}

/** The slim record of a workload: all that the domain reads, and nothing else. */
export interface Workload extends WorkloadRef {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly deleting: boolean;
  /** The owner that reconciles this object, if any (`controller: true`). */
  readonly controllerOwner?: { readonly apiVersion: string; readonly kind: string; readonly name: string };
  readonly labels: Readonly<Record<string, string>>;
  /** Only the annotations of this product (`sidecardrain.io/*`). */
  readonly annotations: Readonly<Record<string, string>>;
  /** Settings that stand where neither Kubernetes nor Istio reads them. */
  readonly misplaced?: readonly Misplaced[];
  /** Keys from the object to its pod template, where they are not `spec`, `template`. */
  readonly templatePath?: readonly string[];
  readonly template: PodTemplate;
  /** The field of the template's spec that decides about the grace period, where it is not `terminationGracePeriodSeconds`. */
  readonly graceField?: string;
  readonly limit?: KindLimit;
  /** To the API server the list of containers is one value: a server-side apply of one container would replace them all. */
  readonly atomicContainers?: true;
  readonly templateGap?: TemplateGap;
  /** What in a custom resource's pod template the API server would refuse in its pods, in words. */
  readonly refused?: string;
  readonly fields: FieldOwners;
  /** What managedFields book to us of the template; see `holdOf`. */
  readonly hold?: 'Fields' | 'AgainstApply';
  readonly rollout: RolloutFacts;
  readonly history?: TemplateHistory;
  /** RFC 3339: when its last rollout was over, where the kind tells it. Pods that were replaced one by one since are younger. */
  readonly rolledOutAt?: string;
  readonly source?: SourceLocation;
  /** Pods of it that were seen, at most a few: they tell what the injector makes of its template. */
  readonly livePods?: readonly LivePod[];
  /** Made here from a Gateway of the input, as istiod would make it: where its overlay stands or would have to. */
  readonly overlay?: GatewayOverlay;
}

/** The kind as it stands in manifests: `StatefulSet` of `StatefulSet.apps.kruise.io`. */
export function objectKind(kind: string): string {
  const dot = kind.indexOf('.');
  return dot === -1 ? kind : kind.slice(0, dot);
}

/** Nobody sends it requests, and it ends when its work is done. */
export function isJob({ kind }: Pick<WorkloadRef, 'kind'>): boolean {
  return kind === 'Job' || kind === 'CronJob';
}

/** `Deployment/shop/checkout`: the key of queues, ledgers and messages. */
export function workloadKey(ref: Pick<WorkloadRef, 'kind' | 'namespace' | 'name'>): string {
  // Kept by the thousand, and V8 keeps the text of a template literal as a tree of its parts, at three times the bytes.
  return [ref.kind, ref.namespace, ref.name].join('/');
}
