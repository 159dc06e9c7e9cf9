import { OFF_SWITCH_CONFIG_MAP } from '../api/names.ts';
import type { KubernetesObject } from '../api/kubernetes.ts';
import {
  assembleMesh, isIstiod, readInjectorWebhooks, readIstioConfigMap, readIstiod, readKubeletMinor, readProxyConfig, INJECTOR_LABEL_SELECTOR,
  type InjectorRecord, type IstiodRecord, type MeshConfigRecord, type RawConfigMap, type RawDeployment,
} from '../drain/mesh/facts.ts';
import type { InjectorWebhook, MeshFacts, NamespaceFacts, ProxyConfigResource, StatedFacts } from '../drain/model/mesh.ts';
import { workloadKey, type Workload } from '../drain/model/workload.ts';
import type { PolicyRecord } from '../drain/plan/policies.ts';
import type { ExemptionRecord } from '../drain/selection/exemptions.ts';
import { projectWorkload, WORKLOAD_KINDS, type WorkloadKindAdapter } from '../drain/template/index.ts';
import { defineResource, Reflector, type KubeClient, type Logger, type ReflectorMetrics, type ReflectorState, type Resource } from '../kube/index.ts';
import { PolicyCache } from './policy-cache.ts';
import { ExemptionCache } from './exemptions.ts';
import { configMaps, injectorWebhooks, namespaces, nodes, proxyConfigs } from './resources.ts';

export type { CachedPolicy } from './policy-cache.ts';

/** Told of what changed; each may be called thousands of times at start. */
export interface CacheHandlers {
  readonly onWorkload: (key: string, initial: boolean) => void;
  readonly onPolicy: (name: string, before: PolicyRecord | undefined, after: PolicyRecord | undefined) => void;
  /** `changed` is false where only its status is another one. */
  readonly onExemption: (exemption: ExemptionRecord, changed: boolean) => void;
  readonly onNamespace: (name: string) => void;
  /** Something that decides about proxies has changed: every workload must be looked at again. */
  readonly onMesh: () => void;
  readonly onProxyConfig: (resource: ProxyConfigResource) => void;
  readonly onOffSwitch: () => void;
}

export interface CachesOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly handlers: CacheHandlers;
  readonly stated: StatedFacts;
  /** Namespaces that are looked in for Istio's ConfigMaps. */
  readonly istioNamespaces: readonly string[];
  readonly operatorNamespace: string;
  readonly reflectorMetrics?: ReflectorMetrics;
}

/** A kind that is not installed is looked for this often: who installs it should not have to wait. */
const ABSENT_LOOK_MS = 5_000;

interface WorkloadReflector {
  readonly adapter: WorkloadKindAdapter;
  readonly resource: Resource;
  readonly reflector: Reflector<KubernetesObject, Workload>;
}

/** The local picture of everything that decisions are made of. */
export class Caches {
  readonly policies: PolicyCache;
  readonly exemptions: ExemptionCache;
  readonly namespaces: Reflector<KubernetesObject, NamespaceFacts>;
  private readonly nodes: Reflector<KubernetesObject, { minor: number }>;
  private readonly webhooks: Reflector<KubernetesObject, readonly InjectorWebhook[]>;
  private readonly istioConfigMaps: readonly Reflector<KubernetesObject, MeshConfigRecord | InjectorRecord>[];
  private readonly proxyConfigs: Reflector<KubernetesObject, ProxyConfigResource>;
  private readonly offSwitch: Reflector<KubernetesObject, { paused: boolean }>;
  private readonly workloads: readonly WorkloadReflector[];
  private readonly istiods = new Map<string, IstiodRecord>();
  private readonly byNamespace = new Map<string, Set<string>>();
  private mesh: MeshFacts | undefined;
  private readonly options: CachesOptions;

  constructor(options: CachesOptions) {
    this.options = options;
    const { client, logger, handlers } = options;
    const common = { client, logger, ...(options.reflectorMetrics === undefined ? {} : { metrics: options.reflectorMetrics }) };
    const meshChanged = (): void => { this.meshChanged(); };
    const onMesh = { onAdd: meshChanged, onUpdate: meshChanged, onDelete: meshChanged };
    const onStateChange = (state: ReflectorState, previous: ReflectorState): void => {
      if (state !== previous) {
        this.meshChanged();
      }
    };
    this.policies = new PolicyCache({ ...common, absentLookMs: ABSENT_LOOK_MS, onPolicy: handlers.onPolicy });
    this.exemptions = new ExemptionCache({ ...common, absentLookMs: ABSENT_LOOK_MS, onExemption: handlers.onExemption });
    this.namespaces = new Reflector<KubernetesObject, NamespaceFacts>({
      ...common, resource: namespaces, metadataOnly: true,
      project: (raw) => ({ name: raw.metadata?.name ?? '', labels: raw.metadata?.labels ?? {}, deleting: raw.metadata?.deletionTimestamp !== undefined }),
      equal: (a, b) => a.deleting === b.deleting && sameLabels(a.labels ?? {}, b.labels ?? {}),
      handlers: { onAdd: handlers.onNamespace, onUpdate: handlers.onNamespace, onDelete: handlers.onNamespace },
    });
    this.nodes = new Reflector<KubernetesObject, { minor: number }>({
      ...common, resource: nodes, onStateChange,
      project: (raw) => ({ minor: readKubeletMinor(raw as Parameters<typeof readKubeletMinor>[0]) ?? 0 }),
      equal: (a, b) => a.minor === b.minor,
      handlers: onMesh,
    });
    this.webhooks = new Reflector<KubernetesObject, readonly InjectorWebhook[]>({
      ...common, resource: injectorWebhooks, labelSelector: INJECTOR_LABEL_SELECTOR, onStateChange,
      project: (raw) => readInjectorWebhooks(raw),
      // istiod patches the CA bundle into it; that changes nothing for us.
      equal: (a, b) => JSON.stringify(a) === JSON.stringify(b),
      handlers: onMesh,
    });
    this.istioConfigMaps = options.istioNamespaces.map((namespace) => new Reflector<KubernetesObject, MeshConfigRecord | InjectorRecord>({
      ...common, resource: configMaps, namespace, onStateChange,
      project: (raw) => readIstioConfigMap(raw),
      equal: (a, b) => JSON.stringify(a) === JSON.stringify(b),
      handlers: onMesh,
    }));
    this.proxyConfigs = new Reflector<KubernetesObject, ProxyConfigResource>({
      ...common, resource: proxyConfigs, onStateChange, timings: { absentMaxMs: ABSENT_LOOK_MS },
      project: (raw) => readProxyConfig(raw),
      equal: (a, b) => JSON.stringify(a) === JSON.stringify(b),
      handlers: {
        onAdd: (_key, record) => { this.mesh = undefined; handlers.onProxyConfig(record); },
        onUpdate: (_key, record) => { this.mesh = undefined; handlers.onProxyConfig(record); },
        onDelete: (_key, last) => { this.mesh = undefined; handlers.onProxyConfig(last); },
      },
    });
    this.offSwitch = new Reflector<KubernetesObject, { paused: boolean }>({
      ...common, resource: configMaps, namespace: options.operatorNamespace, fieldSelector: `metadata.name=${OFF_SWITCH_CONFIG_MAP}`,
      project: (raw) => ({ paused: (raw as RawConfigMap).data?.paused === 'true' }),
      handlers: { onAdd: handlers.onOffSwitch, onUpdate: handlers.onOffSwitch, onDelete: handlers.onOffSwitch },
      onStateChange: () => { handlers.onOffSwitch(); },
    });
    this.workloads = WORKLOAD_KINDS.map((adapter) => this.workloadReflector(adapter, common));
  }

  start(): void {
    for (const reflector of this.all()) {
      reflector.start();
    }
  }

  /**
   * Resolves when every picture was whole once. A kind that is not installed counts: its absence is a fact. What tells of
   * the mesh may be forbidden: then it is unknown, and every decision knows how to go on from there.
   */
  async waitForSync(signal: AbortSignal): Promise<void> {
    const optional = new Set<unknown>(this.meshSources());
    await Promise.all(this.all().map((reflector) => reflector.waitForSync(signal, optional.has(reflector))));
  }

  /** What is still waited for, and why, for people. */
  notSyncedBecause(): string | undefined {
    const optional = new Set<unknown>(this.meshSources());
    const waiting = this.all().filter((reflector) => !reflector.hasSynced && !(optional.has(reflector) && reflector.state === 'Forbidden'));
    return waiting.length === 0 ? undefined : waiting.map((reflector) => reflector.stateDetail ?? `${reflector.resource.fullName} is not read yet`).join('; ');
  }

  async stop(): Promise<void> {
    await Promise.all(this.all().map((reflector) => reflector.stop()));
  }

  workload(key: string): Workload | undefined {
    const slash = key.indexOf('/');
    const kind = key.slice(0, slash);
    return this.workloads.find(({ adapter }) => adapter.kind === kind)?.reflector.store.get(key.slice(slash + 1));
  }

  resourceOf(kind: string): Resource | undefined {
    return this.workloads.find(({ adapter }) => adapter.kind === kind)?.resource;
  }

  *workloadKeys(): IterableIterator<string> {
    for (const { adapter, reflector } of this.workloads) {
      for (const key of reflector.store.keys()) {
        yield `${adapter.kind}/${key}`;
      }
    }
  }

  *allWorkloads(): IterableIterator<Workload> {
    for (const { reflector } of this.workloads) {
      yield* reflector.store.values();
    }
  }

  workloadKeysIn(namespace: string): Iterable<string> {
    return this.byNamespace.get(namespace) ?? [];
  }

  namespace(name: string): NamespaceFacts {
    return this.namespaces.store.get(name) ?? { name };
  }

  /** All policies, or those that may select a workload of a namespace. */
  policyRecords(namespace?: string): PolicyRecord[] {
    return this.policies.records(namespace);
  }

  meshFacts(): MeshFacts {
    this.mesh ??= this.assemble();
    return this.mesh;
  }

  /** Why nothing may be written now: the off switch, or that it cannot be looked at. */
  writesHeldBecause(): string | undefined {
    const { state } = this.offSwitch;
    if (state === 'Synced' || state === 'Absent' || state === 'Disconnected') {
      return this.offSwitch.store.get(`${this.options.operatorNamespace}/${OFF_SWITCH_CONFIG_MAP}`)?.paused === true
        ? `the off switch is on (ConfigMap ${this.options.operatorNamespace}/${OFF_SWITCH_CONFIG_MAP})`
        : undefined;
    }
    return `the off switch cannot be looked at: ${this.offSwitch.stateDetail ?? state}`;
  }

  /** The kind ProxyConfig of Istio: installed, absent, or not known. */
  proxyConfigState(): ReflectorState {
    return this.proxyConfigs.state;
  }

  /** Resources that could not be read, for people. */
  troubles(): string[] {
    return this.all().filter((reflector) => reflector.state === 'Forbidden').map((reflector) => reflector.stateDetail ?? reflector.resource.fullName);
  }

  private meshSources(): unknown[] {
    return [this.nodes, this.webhooks, ...this.istioConfigMaps, this.proxyConfigs];
  }

  private all(): Reflector<never, unknown>[] {
    return [
      ...this.policies.reflectors, this.exemptions.reflector, this.namespaces, this.nodes, this.webhooks, ...this.istioConfigMaps, this.proxyConfigs, this.offSwitch,
      ...this.workloads.map(({ reflector }) => reflector),
    ] as unknown as Reflector<never, unknown>[];
  }

  private workloadReflector(adapter: WorkloadKindAdapter, common: { client: KubeClient; logger: Logger }): WorkloadReflector {
    const [group = '', version = ''] = adapter.apiVersion.split('/');
    const resource = defineResource({ group, version, plural: adapter.plural, kind: adapter.kind, namespaced: true });
    const { handlers } = this.options;
    const reflector = new Reflector<KubernetesObject, Workload>({
      ...common, resource,
      project: (raw) => {
        if (adapter.kind === 'Deployment' && isIstiod(raw)) {
          this.noteIstiod(raw);
        }
        return projectWorkload(raw, adapter);
      },
      equal: sameForUs,
      handlers: {
        onAdd: (_key, record, initial) => {
          this.index(record);
          handlers.onWorkload(workloadKey(record), initial);
        },
        onUpdate: (_key, record, _previous, initial) => { handlers.onWorkload(workloadKey(record), initial); },
        onDelete: (_key, last) => {
          this.byNamespace.get(last.namespace)?.delete(workloadKey(last));
          if (last.kind === 'Deployment' && this.istiods.delete(`${last.namespace}/${last.name}`)) {
            this.meshChanged();
          }
          handlers.onWorkload(workloadKey(last), false);
        },
      },
    });
    return { adapter, resource, reflector };
  }

  private index(workload: Workload): void {
    const keys = this.byNamespace.get(workload.namespace) ?? new Set<string>();
    keys.add(workloadKey(workload));
    this.byNamespace.set(workload.namespace, keys);
  }

  private noteIstiod(raw: RawDeployment): void {
    const record = readIstiod(raw);
    const key = `${record.namespace}/${record.name}`;
    if (JSON.stringify(this.istiods.get(key)) !== JSON.stringify(record)) {
      this.istiods.set(key, record);
      this.meshChanged();
    }
  }

  private meshChanged(): void {
    this.mesh = undefined;
    this.options.handlers.onMesh();
  }

  private assemble(): MeshFacts {
    const kubelets = this.nodes.state === 'Forbidden' ? undefined : new Map([...this.nodes.store.entries()].map(([name, { minor }]) => [name, minor]));
    const unknown = this.webhooks.state === 'Forbidden' || !this.webhooks.hasSynced
      ? `the injector's webhooks: ${this.webhooks.stateDetail ?? 'not read yet'}`
      : undefined;
    return assembleMesh({
      configMaps: this.istioConfigMaps.flatMap((reflector) => [...reflector.store.values()]),
      istiods: [...this.istiods.values()],
      webhooks: [...this.webhooks.store.values()].flat(),
      proxyConfigs: this.proxyConfigs.state === 'Forbidden' ? undefined : [...this.proxyConfigs.store.values()],
      kubeletMinorByNode: kubelets,
      stated: this.options.stated,
      ...(unknown === undefined ? {} : { webhooksUnknownBecause: unknown }),
      defaultRootNamespace: this.options.istioNamespaces[0] ?? 'istio-system',
    });
  }
}

/** Two states of a workload that lead to the same decision. Status traffic is most of a cluster's traffic. */
function sameForUs(a: Workload, b: Workload): boolean {
  return a.generation === b.generation && a.rollout === b.rollout && a.deleting === b.deleting && a.fields === b.fields
    && sameLabels(a.annotations, b.annotations) && a.uid === b.uid && a.controllerOwner?.name === b.controllerOwner?.name;
}

function sameLabels(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
