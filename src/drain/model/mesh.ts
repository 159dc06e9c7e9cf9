import type { LabelSelector, Lifecycle } from '../../api/kubernetes.ts';
import type { ProxyImage, StatsInclusion } from '../../hooks/index.ts';
import type { NodeBudget, NodeGroup } from './nodes.ts';
import type { Seconds } from './workload.ts';

export type { ProxyImage, StatsInclusion };

/** Istio's ProxyConfig message as far as termination goes; from mesh config's defaultConfig or the annotation, already parsed. */
export interface ProxyConfigValues {
  readonly terminationDrainDuration?: Seconds;
  readonly drainDuration?: Seconds;
  readonly holdApplicationUntilProxyStarts?: boolean;
  readonly proxyMetadata?: Readonly<Record<string, string>>;
  readonly statsInclusion?: StatsInclusion;
  /** `image.imageType`: `distroless`, `debug`, `default`. */
  readonly imageType?: string;
}

/** A ProxyConfig custom resource (networking.istio.io), as far as termination goes. */
export interface ProxyConfigResource {
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339; Istio lets the oldest of a level win, then the name. Absent in files. */
  readonly creationTimestamp?: string;
  /** `undefined` = no selector at all; an empty matchLabels matches nothing in Istio. */
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  readonly environmentVariables: Readonly<Record<string, string>>;
  readonly imageType?: string;
}

export type NativeSetting = 'true' | 'false' | 'auto';

/** One istiod revision: what its mesh config and injector say. A field that is `undefined` is not known. */
export interface Revision {
  /** `default` for the revision without a name. */
  readonly name: string;
  /** For example `1.30.3`. */
  readonly version?: string;
  readonly rootNamespace?: string;
  readonly defaultConfig?: ProxyConfigValues;
  /** The object that states `defaultConfig`, for example `HelmRelease istio-system/istiod`. */
  readonly defaultConfigFrom?: string;
  /** AKS: the users' own mesh config, which counts below that of the control plane. */
  readonly sharedConfig?: { readonly values: ProxyConfigValues; readonly from: string };
  /** Only `sharedConfig` was seen: what the control plane itself sets is not known. */
  readonly sharedOnly?: true;
  /** Why nothing certain is known of the mesh's own settings; Istio's defaults are then an assumption. */
  readonly settingsUnknown?: string;
  /** ENABLE_NATIVE_SIDECARS of istiod, or what its version defaults to. */
  readonly nativeSidecars?: NativeSetting;
  readonly injector?: InjectorValues;
}

/** The injector's own ConfigMap, as far as it decides. */
export interface InjectorValues {
  readonly policy: 'enabled' | 'disabled';
  readonly neverInjectSelector: readonly LabelSelector[];
  readonly alwaysInjectSelector: readonly LabelSelector[];
  /** Helm `global.proxy.lifecycle`: replaces both the hold hook and the native drain hook. */
  readonly proxyLifecycle?: Lifecycle;
  /** Helm `sidecarInjectorWebhook.enableNamespacesByDefault`: namespaces without an injection label are injected. */
  readonly byDefault?: true;
  /** Custom injection templates by name. */
  readonly templates?: Readonly<Record<string, InjectionTemplate>>;
  /** The templates of pods that name none. */
  readonly defaultTemplates?: readonly string[];
  /** Image variant that Helm `global.variant` or the tag states, if any. */
  readonly imageType?: string;
}

/** What a custom injection template gives to `istio-proxy`, as far as termination goes. */
export interface InjectionTemplate {
  readonly lifecycle?: Lifecycle;
  /** It is Go template text that was not understood. */
  readonly unread?: true;
}

/** One webhook of a MutatingWebhookConfiguration labelled `app=sidecar-injector`. */
export interface InjectorWebhook {
  readonly configuration: string;
  readonly name: string;
  /** Revision that it calls (`istio.io/rev` label of the configuration; `default` where there is none). */
  readonly revision: string;
  /** Revision tag (`istio.io/tag` label), if it is one. */
  readonly tag?: string;
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  /** It stands in for webhooks that were not seen: what it selects is injected if Istio's defaults hold. */
  readonly assumed?: true;
}

/** The nodes' kubelets: the lowest minor decides `auto`. */
export interface NodeFacts {
  /** Lowest kubelet minor version over all nodes, for example 33. */
  readonly lowestKubeletMinor?: number;
  readonly kubeletMinorByNode?: Readonly<Record<string, number>>;
  /** Nodes that give their pods less time than a drain does elsewhere, the smallest budgets first. */
  readonly groups?: readonly NodeGroup[];
  /** What whoever drains nodes waits for a pod, where it is known. */
  readonly drain?: NodeBudget;
}

/** What flags state for facts that cannot be seen. */
export interface StatedFacts {
  readonly injected?: boolean;
  readonly istioVersion?: string;
  readonly nativeSidecars?: NativeSetting;
  readonly proxyImage?: ProxyImage;
  /** meshConfig.defaultConfig of a mesh whose settings cannot be read. */
  readonly meshDefaults?: ProxyConfigValues;
  /** What the kubelets' graceful shutdown gives pods that are not critical. */
  readonly nodeShutdown?: Seconds;
  /** What whoever drains nodes waits for a pod. */
  readonly nodeDrain?: Seconds;
}

/** All that is known of the mesh when a workload is judged. Unknown is said, never guessed. */
export interface MeshFacts {
  /** `Absent`: it is certain that there is no injector. `Unknown`: it could not be looked at. */
  readonly istio: 'Present' | 'Absent' | 'Unknown';
  /** Why `istio` is Unknown, for people. */
  readonly unknownBecause?: string;
  readonly rootNamespace: string;
  readonly revisions: readonly Revision[];
  readonly webhooks: readonly InjectorWebhook[];
  /** `undefined`: not known (403 or not synced); empty: there are none, or the kind is not installed. */
  readonly proxyConfigs?: readonly ProxyConfigResource[];
  readonly nodes: NodeFacts;
  /** A cluster was asked: settings that were not seen there are kept where nobody may look, as managed meshes do. */
  readonly cluster?: true;
  readonly stated: StatedFacts;
}

export interface NamespaceFacts {
  readonly name: string;
  /** `undefined`: the namespace has not been seen, so its labels are unknown. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The labels are not those of a namespace that was seen: more of them are possible. */
  readonly assumed?: true;
  /** It has the annotation `linkerd.io/inject` for another mesh. */
  readonly linkerd?: true;
  readonly deleting?: boolean;
}
