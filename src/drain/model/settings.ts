import type { LifecycleHandler, PodTemplate } from '../../api/kubernetes.ts';
import type { ProxyImage, StatsInclusion } from './mesh.ts';
import type { Seconds } from './workload.ts';

/** What kind of proxy the pods of a template will have. */
export type ProxyKind = 'None' | 'Classic' | 'Native' | 'Gateway' | 'GrpcAgent' | 'Unknown';

export interface ProxyVerdict {
  readonly kind: ProxyKind;
  /** For a Gateway: where its proxy stands; for the others equal to `kind` where it applies. */
  readonly container: 'Classic' | 'Native' | 'Unknown' | 'None';
  /** Revision whose istiod injects; `undefined` where not injected or unknown. */
  readonly revision?: string;
  /** The steps that led here, for people. */
  readonly because: readonly string[];
  /** What would have to be known, where `kind` is Unknown. */
  readonly missing: readonly string[];
  /** The pods are in the ambient mesh; of a gateway: it speaks the tunnel protocol of the ambient mesh (HBONE). */
  readonly ambient: boolean;
  /**
   * istiod itself makes the pod template, from a Gateway: no injector sees the pods, so that the annotation's durations
   * count (the agent reads them) and its environment does not.
   */
  readonly rendered?: 'Gateway' | 'Waypoint';
  /** Injection itself is an assumption: nobody stated it, and the injector's configuration was not seen. */
  readonly assumed?: true;
}

/** Where a value came from, lowest precedence first. */
export type OriginLevel =
  | 'BuiltIn'
  | 'MeshConfig'
  | 'Injector'
  | 'RootProxyConfig'
  | 'NamespaceProxyConfig'
  | 'LivePod'
  | 'Annotation'
  | 'SelectorProxyConfig'
  | 'Template'
  | 'Delete';

export interface Origin {
  readonly level: OriginLevel;
  /** Which object, for example `ProxyConfig shop/slow` or `ConfigMap istio-system/istio`. */
  readonly object?: string;
  /** Field path inside it. */
  readonly path?: string;
}

export interface Sourced<T> {
  readonly value: T;
  readonly origin: Origin;
  /** Nobody has seen where the value would stand: it is Istio's default unless the mesh says otherwise. */
  readonly assumed?: true;
  /** What Istio makes of a bad value: for example that `"20"` is not a duration, so that the default holds. */
  readonly note?: string;
}

/** A problem found on the way to the effective values; findings are made from these. */
export interface SettingProblem {
  readonly kind:
    | 'AnnotationMalformed'
    | 'AnnotationKeyUnknown'
    | 'AnnotationValueDangerous'
    | 'AnnotationMisplaced'
    | 'ProxyConfigShadowed'
    | 'ProxyConfigDead'
    | 'ProxyConfigTooYoung'
    | 'EnvironmentValueIgnored'
    | 'InjectionTemplateUnread';
  readonly message: string;
  readonly path: string;
}

/** What of one container decides about the end of its pod. */
export interface ContainerSettings {
  readonly name: string;
  readonly role: 'App' | 'Proxy' | 'NativeSidecar';
  /**
   * Requests may be for this container: it declares a port or a probe over the network, or no container of the pod does.
   * Never true of native sidecars. The others only hold up the end of the pod [measured].
   */
  readonly serves: boolean;
  /** Ports that it declares. */
  readonly ports: readonly number[];
  readonly preStop?: Sourced<LifecycleHandler>;
  readonly postStart?: Sourced<LifecycleHandler>;
  /** The variables of the container that its preStop names; undefined as value: set, but not in the pod template. */
  readonly hookEnvironment?: Readonly<Record<string, string | undefined>>;
}

/** The value of each clock of a pod's termination, with its origin. */
export interface EffectiveSettings {
  /** What they were read from; of a workload's template only what decides about termination. */
  readonly template: PodTemplate;
  readonly proxy: ProxyVerdict;
  /** Of the Istio that injects, where it is known. */
  readonly istioVersion?: string;
  readonly terminationDrainDuration: Sourced<Seconds>;
  readonly drainDuration: Sourced<Seconds>;
  readonly minimumDrainDuration: Sourced<Seconds>;
  readonly exitOnZeroActiveConnections: Sourced<boolean>;
  readonly holdApplicationUntilProxyStarts: Sourced<boolean>;
  readonly gracePeriod: Sourced<Seconds>;
  readonly proxyImage: Sourced<ProxyImage | 'unknown'>;
  readonly statsInclusion: Sourced<StatsInclusion>;
  readonly proxyPreStop?: Sourced<LifecycleHandler>;
  readonly proxyPostStart?: Sourced<LifecycleHandler>;
  /** Every container that will run beside the proxy, in no meaningful order. */
  readonly apps: readonly ContainerSettings[];
  /** Ports that app containers state; 8080 where none does. */
  readonly appPorts: readonly number[];
  /** Stated by annotation where the length of an app preStop cannot be known. */
  readonly statedPreStop?: Sourced<Seconds>;
  /** Pods of this template are refused at creation (for example by a malformed annotation): nothing here will hold. */
  readonly podsRefused?: { readonly code: 'AnnotationMalformed' | 'HookHandlerIllegal'; readonly message: string };
  /** What decides about the drain and stands where nobody has looked: nothing can be said of these pods. */
  readonly notKnown?: string;
  readonly problems: readonly SettingProblem[];
}
