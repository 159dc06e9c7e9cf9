import type { NamespacedSidecarDrainPolicy, SidecarDrainPolicy } from '../../api/policy.ts';
import type { GatewayClassRecord, GatewayRecord, OverlayRecord } from '../../drain/gateways/records.ts';
import type { InjectorRecord, IstiodRecord, MeshConfigRecord } from '../../drain/mesh/facts.ts';
import type { InjectorWebhook, ProxyConfigResource } from '../../drain/model/mesh.ts';
import type { Workload } from '../../drain/model/workload.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import type { BudgetSpec } from '../../drain/price/budgets.ts';
import type { ExemptionRecord } from '../../drain/selection/exemptions.ts';
import type { Repository } from '../repository/read.ts';
import type { InputDocument } from './documents.ts';
import { JudgedKinds } from './kinds.ts';
import { emptyNodes, type InputNodes } from './node-facts.ts';
import type { InputProblem } from './problems.ts';

/** A policy with the object it was read from: some outputs print it again. */
export interface InputPolicy {
  readonly record: PolicyRecord;
  readonly raw: SidecarDrainPolicy | NamespacedSidecarDrainPolicy;
  /** Absent for one of a cluster. */
  readonly file?: string;
  readonly line?: number;
}

export interface InputStats {
  files: number;
  /** Files in which no Kubernetes object was found. */
  skippedFiles: number;
  /** Kubernetes objects, whatever their kind. */
  documents: number;
  /** Those that neither carry a pod template nor state a fact. */
  otherDocuments: number;
  /** Objects with a pod template of a kind that is not known, by kind and apiVersion. */
  readonly aside: Map<string, number>;
}

/** A ConfigMap with overlays, and where it stands. */
export interface InputOverlay extends OverlayRecord {
  readonly at: { readonly file: string; readonly line: number };
  /** A program built it, so that it cannot be changed where it was read. */
  readonly built: boolean;
}

/** Everything that is kept of the input: small records, whatever the size of the files. */
export interface Collected {
  /** The kinds that are read. */
  readonly kinds: JudgedKinds;
  readonly workloads: Workload[];
  /** Pods and ReplicaSets of a cluster, which only tell of the workloads that own them. */
  readonly livePods: Workload[];
  readonly policies: InputPolicy[];
  readonly exemptions: ExemptionRecord[];
  /** Labels by name of namespace. */
  readonly namespaces: Map<string, Readonly<Record<string, string>>>;
  /** Names of namespaces whose pods go into Linkerd's mesh. */
  readonly linkerdNamespaces: Set<string>;
  readonly proxyConfigs: ProxyConfigResource[];
  readonly configMaps: (MeshConfigRecord | InjectorRecord)[];
  readonly webhooks: InjectorWebhook[];
  readonly istiods: IstiodRecord[];
  /** The data of ConfigMaps that may hold values of a release of Istio, by `namespace/name`. */
  readonly valueMaps: Map<string, Readonly<Record<string, unknown>>>;
  readonly nodes: InputNodes;
  readonly budgets: BudgetSpec[];
  /** Gateways with the documents that they were read from: istiod makes a Deployment from each. */
  readonly gateways: { readonly record: GatewayRecord; readonly document: InputDocument }[];
  readonly gatewayClasses: GatewayClassRecord[];
  readonly overlays: InputOverlay[];
  readonly problems: InputProblem[];
  /** What is to be said of the input as a whole. */
  readonly notes: string[];
  readonly stats: InputStats;
  /** The trees and charts that the files are parts of; absent where no files were read. */
  repository?: Repository;
}

export function emptyCollection(kinds = new JudgedKinds()): Collected {
  return {
    kinds,
    workloads: [],
    livePods: [],
    policies: [],
    exemptions: [],
    namespaces: new Map(),
    linkerdNamespaces: new Set(),
    proxyConfigs: [],
    configMaps: [],
    webhooks: [],
    istiods: [],
    valueMaps: new Map(),
    nodes: emptyNodes(),
    budgets: [],
    gateways: [],
    gatewayClasses: [],
    overlays: [],
    problems: [],
    notes: [],
    stats: { files: 0, skippedFiles: 0, documents: 0, otherDocuments: 0, aside: new Map() },
  };
}
