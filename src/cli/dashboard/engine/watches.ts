import { OFF_SWITCH_CONFIG_MAP } from '../../../api/names.ts';
import type { KubernetesObject } from '../../../api/kubernetes.ts';
import type { RawConfigMap } from '../../../drain/mesh/facts.ts';
import type { Workload } from '../../../drain/model/workload.ts';
import { projectWorkload } from '../../../drain/template/index.ts';
import { Reflector, type KubeClient, type Resource } from '../../../kube/index.ts';
import { isKarpenterNode } from '../../../drain/nodes/read.ts';
import { CONFIG_MAPS, FACTS, NODE_POOLS, workloadsOf } from '../../facts/cluster.ts';
import type { JudgedKinds } from '../../input/kinds.ts';
import { NODES, sameFact, slimFact, type RawFact } from './facts.ts';

export interface WatchesOptions {
  readonly client: KubeClient;
  readonly kinds: JudgedKinds;
  /** Of the workloads; all where it is absent. */
  readonly namespace?: string;
  /** Where the operator runs, and its off switch is. */
  readonly operatorNamespace: string;
  /** Something changed by which workloads are judged. */
  readonly onFacts: () => void;
  /** A policy's status changed, and nothing else of it. */
  readonly onStatus: () => void;
  readonly onWorkload: (key: string, workload: Workload | undefined) => void;
  /** What may be read, or whether the API server is there, is another answer now. */
  readonly onState: () => void;
}

type FactReflector = Reflector<RawFact, RawFact>;

/** One watch of each collection that is shown. */
export class Watches {
  private readonly options: WatchesOptions;
  private readonly factReflectors: FactReflector[] = [];
  private readonly workloadReflectors: Reflector<KubernetesObject, Workload>[] = [];
  private readonly offSwitch: FactReflector;
  private readonly meshNamespaces = new Set<string>();

  constructor(options: WatchesOptions) {
    this.options = options;
    const { kinds, namespace, operatorNamespace, onState } = options;
    for (const { resource, labelSelector } of FACTS) {
      this.factReflectors.push(this.reflectFact(resource, { labelSelector }));
    }
    for (const { resource } of workloadsOf(kinds)) {
      this.workloadReflectors.push(this.reflectWorkload(resource, kinds, namespace));
    }
    this.offSwitch = new Reflector<RawFact, RawFact>({
      client: options.client,
      resource: CONFIG_MAPS,
      namespace: operatorNamespace,
      fieldSelector: `metadata.name=${OFF_SWITCH_CONFIG_MAP}`,
      project: (raw) => raw,
      handlers: { onAdd: onState, onUpdate: onState, onDelete: onState },
      onStateChange: onState,
    });
  }

  start(): void {
    for (const reflector of this.all()) {
      reflector.start();
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.all().map((reflector) => reflector.stop()));
  }

  /** Istio's own configuration, once it is known where it runs. */
  watchMeshNamespace(namespace: string): void {
    if (this.meshNamespaces.has(namespace)) {
      return;
    }
    this.meshNamespaces.add(namespace);
    const reflector = this.reflectFact(CONFIG_MAPS, { namespace });
    this.factReflectors.push(reflector);
    reflector.start();
  }

  /** Every collection was read, or it is known that it cannot be. */
  get ready(): boolean {
    return this.loading().length === 0;
  }

  loading(): string[] {
    return [...this.factReflectors, ...this.workloadReflectors]
      .filter(({ hasSynced, state }) => !hasSynced && state !== 'Forbidden')
      .map(({ resource }) => resource.fullName);
  }

  forbidden(): Resource[] {
    return this.all()
      .filter(({ state, resource }) => state === 'Forbidden' && (resource.kind !== NODE_POOLS || this.sawKarpenter()))
      .map(({ resource }) => resource);
  }

  /** Who may not list NodePools is told so where there are none too. */
  private sawKarpenter(): boolean {
    const nodes = this.factReflectors.find(({ resource }) => resource.kind === NODES)?.store;
    return [...(nodes?.values() ?? [])].some(isKarpenterNode);
  }

  /** Why the picture is not up to date, where it is not. */
  awayBecause(): string | undefined {
    return this.all().find(
      ({ state, stateDetail }) => state === 'Disconnected' || (state === 'Starting' && stateDetail !== undefined),
    )?.stateDetail;
  }

  /** Undefined where it is not known. */
  paused(): boolean | undefined {
    const { store, state, hasSynced } = this.offSwitch;
    if (!hasSynced || state === 'Forbidden') {
      return undefined;
    }
    const [raw] = store.values();
    return (raw as RawConfigMap | undefined)?.data?.paused === 'true';
  }

  *facts(): IterableIterator<{ readonly resource: Resource; readonly raw: RawFact }> {
    for (const { resource, store } of this.factReflectors) {
      for (const raw of store.values()) {
        yield { resource, raw };
      }
    }
  }

  *workloads(): IterableIterator<[key: string, workload: Workload]> {
    for (const { resource, store } of this.workloadReflectors) {
      for (const [key, workload] of store.entries()) {
        yield [`${resource.kind}/${key}`, workload];
      }
    }
  }

  workload(key: string): Workload | undefined {
    const slash = key.indexOf('/');
    return this.workloadReflectors
      .find(({ resource }) => resource.kind === key.slice(0, slash))
      ?.store.get(key.slice(slash + 1));
  }

  /** Kinds of workloads of which there are any. */
  kindsSeen(): Resource[] {
    return this.workloadReflectors.filter(({ store }) => store.size > 0).map(({ resource }) => resource);
  }

  /** The newest of an object by which workloads are judged. */
  fact(kind: string, key: string): RawFact | undefined {
    return this.factReflectors.find(({ resource }) => resource.kind === kind)?.store.get(key);
  }

  /** 0 where it is not known. */
  nodes(): number {
    return this.factReflectors.find(({ resource }) => resource.kind === NODES)?.store.size ?? 0;
  }

  private all(): (FactReflector | Reflector<KubernetesObject, Workload>)[] {
    return [...this.factReflectors, ...this.workloadReflectors, this.offSwitch];
  }

  private reflectFact(
    resource: Resource,
    where: { namespace?: string; labelSelector?: string | undefined },
  ): FactReflector {
    const { client, onFacts, onStatus, onState } = this.options;
    return new Reflector<RawFact, RawFact>({
      client,
      resource,
      ...where,
      project: (raw) => slimFact(resource, raw),
      handlers: {
        onAdd: onFacts,
        onDelete: onFacts,
        onUpdate: (_, now, before) => {
          (sameFact(now, before) ? onStatus : onFacts)();
        },
      },
      onStateChange: () => {
        onState();
        onFacts();
      },
    });
  }

  private reflectWorkload(
    resource: Resource,
    kinds: JudgedKinds,
    namespace: string | undefined,
  ): Reflector<KubernetesObject, Workload> {
    const { client, onWorkload, onState } = this.options;
    const adapter = kinds.get(resource.kind, resource.apiVersion);
    return new Reflector<KubernetesObject, Workload>({
      client,
      resource,
      namespace,
      project: (raw) => (adapter === undefined ? undefined : projectWorkload(raw, adapter)),
      handlers: {
        onAdd: (key, workload) => {
          onWorkload(`${resource.kind}/${key}`, workload);
        },
        onUpdate: (key, workload) => {
          onWorkload(`${resource.kind}/${key}`, workload);
        },
        onDelete: (key) => {
          onWorkload(`${resource.kind}/${key}`, undefined);
        },
      },
      onStateChange: onState,
    });
  }
}
