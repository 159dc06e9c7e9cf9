import type { KubernetesObject } from '../../api/kubernetes.ts';
import {
  assembleMesh,
  isIstiod,
  readInjectorWebhooks,
  readIstioConfigMap,
  readIstiod,
  readProxyConfig,
  INJECTOR_LABEL_SELECTOR,
  type InjectorRecord,
  type IstiodRecord,
  type MeshConfigRecord,
  type RawDeployment,
} from '../../drain/mesh/facts.ts';
import type {
  InjectorWebhook,
  MeshFacts,
  NamespaceFacts,
  ProxyConfigResource,
  StatedFacts,
} from '../../drain/model/mesh.ts';
import type { NodeBudget } from '../../drain/model/nodes.ts';
import { objectKind, workloadKey, type Seconds, type Workload } from '../../drain/model/workload.ts';
import { isClusterAutoscaler, readAutoscalerLimit } from '../../drain/nodes/read.ts';
import { countingExemption } from '../../drain/plan/assess.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import type { ActiveExemption, ExemptionRecord } from '../../drain/selection/exemptions.ts';
import {
  BUILT_IN_KINDS,
  projectWorkload,
  SPEC_TEMPLATE,
  type KindTable,
  type TemplatePlace,
  type WorkloadKindAdapter,
} from '../../drain/template/index.ts';
import {
  defineResource,
  pictureOf,
  Reflector,
  type EventSubject,
  type KubeClient,
  type Logger,
  type Picture,
  type ReflectorMetrics,
  type ReflectorState,
  type Resource,
} from '../../kube/index.ts';
import { ExemptionCache } from '../exemption/exemption-controller.ts';
import { BudgetCache } from './budgets.ts';
import { OffSwitch } from './off-switch.ts';
import { KindWatches, type WatchedKind } from './kind-watches.ts';
import { NamespaceLooks } from './namespace-looks.ts';
import { PolicyCache } from './policy-cache.ts';
import { NodeWatches } from './node-watches.ts';
import { configMaps, injectorWebhooks, namespaces, proxyConfigs } from './resources.ts';

export type { CachedPolicy } from './policy-cache.ts';

/** Told of what changed; each may be called thousands of times at start. */
export interface CacheHandlers {
  readonly onWorkload: (key: string, initial: boolean) => void;
  readonly onPoliciesSynced: () => void;
  readonly onPolicy: (name: string, before: PolicyRecord | undefined, after: PolicyRecord | undefined) => void;
  /** `changed` is false where only its status is another one. */
  readonly onExemption: (exemption: ExemptionRecord, changed: boolean) => void;
  readonly onNamespace: (name: string) => void;
  /** Something that decides about proxies has changed: every workload must be looked at again. */
  readonly onMesh: () => void;
  readonly onProxyConfig: (resource: ProxyConfigResource) => void;
  readonly onOffSwitch: () => void;
  /** A Deployment calls itself istiod where no control plane of Istio is. Told once of each. */
  readonly onFalseIstiod: (deployment: EventSubject) => void;
  /** A PodDisruptionBudget of this namespace says something else now. */
  readonly onBudget: (namespace: string | undefined) => void;
}

export interface CachesOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly handlers: CacheHandlers;
  readonly stated: StatedFacts;
  /** Where Istio's control planes are: their ConfigMaps and istiod itself are believed there and nowhere else. */
  readonly istioNamespaces: readonly string[];
  readonly operatorNamespace: string;
  /** The only namespaces that are looked into; undefined for all. Then policies of the cluster are not read. */
  readonly watchNamespaces?: readonly string[];
  readonly reflectorMetrics?: ReflectorMetrics;
  /** The kinds of workloads; without it those that need no configuration. */
  readonly kinds?: KindTable;
  /** How long a kind is watched on after the last policy has stopped naming it. */
  readonly kindLingerMs?: number;
}

/** A kind that is not installed is looked for this often: who installs it should not have to wait. */
const ABSENT_LOOK_MS = 5_000;

/** Whoever may create Deployments must not be able to fill the memory with names. */
const MOST_FALSE_ISTIODS = 100;

/** The local picture of everything that decisions are made of. */
export class Caches {
  readonly policies: PolicyCache;
  readonly exemptions: ExemptionCache;
  readonly budgets: BudgetCache;
  readonly namespaces: Picture<NamespaceFacts>;
  private readonly nodes: NodeWatches;
  private readonly webhooks: Reflector<KubernetesObject, readonly InjectorWebhook[]>;
  private readonly istioConfigMaps: readonly Reflector<KubernetesObject, MeshConfigRecord | InjectorRecord>[];
  private readonly proxyConfigs: Picture<ProxyConfigResource>;
  readonly offSwitch: OffSwitch;
  private readonly workloads: KindWatches;
  private readonly istiods = new Map<string, IstiodRecord>();
  /** What each cluster autoscaler's own flag says; undefined where it says nothing. */
  private readonly autoscalers = new Map<string, Seconds | undefined>();
  /** Deployments that call themselves istiod elsewhere, each told once. */
  readonly falseIstiods = new Map<string, EventSubject>();
  private readonly byNamespace = new Map<string, Set<string>>();
  private mesh: MeshFacts | undefined;
  private readonly options: CachesOptions;

  constructor(options: CachesOptions) {
    this.options = options;
    const { client, logger, handlers, watchNamespaces } = options;
    const common = { client, logger, metrics: options.reflectorMetrics };
    const meshChanged = (): void => {
      this.meshChanged();
    };
    const onMesh = { onAdd: meshChanged, onUpdate: meshChanged, onDelete: meshChanged };
    const onStateChange = (state: ReflectorState, previous: ReflectorState): void => {
      if (state !== previous) {
        this.meshChanged();
      }
    };
    const kinds = (options.kinds ?? BUILT_IN_KINDS).all;
    this.policies = new PolicyCache({
      ...common,
      watchNamespaces,
      absentLookMs: ABSENT_LOOK_MS,
      knownKinds: new Set(kinds.map(({ kind }) => kind)),
      onPolicy: handlers.onPolicy,
      onSynced: handlers.onPoliciesSynced,
    });
    this.exemptions = new ExemptionCache({
      ...common,
      watchNamespaces,
      absentLookMs: ABSENT_LOOK_MS,
      onExemption: handlers.onExemption,
    });
    const ofNamespace = {
      project: (raw: KubernetesObject): NamespaceFacts => ({
        name: raw.metadata?.name ?? '',
        labels: raw.metadata?.labels ?? {},
        deleting: raw.metadata?.deletionTimestamp !== undefined,
      }),
      equal: (a: NamespaceFacts, b: NamespaceFacts) =>
        a.deleting === b.deleting && sameLabels(a.labels ?? {}, b.labels ?? {}),
      handlers: { onAdd: handlers.onNamespace, onUpdate: handlers.onNamespace, onDelete: handlers.onNamespace },
    };
    this.namespaces =
      watchNamespaces === undefined
        ? new Reflector<KubernetesObject, NamespaceFacts>({
            ...common,
            ...ofNamespace,
            resource: namespaces,
            metadataOnly: true,
          })
        : new NamespaceLooks({ client, logger, ...ofNamespace, names: watchNamespaces });
    this.nodes = new NodeWatches({ ...common, onChange: meshChanged });
    this.webhooks = new Reflector<KubernetesObject, readonly InjectorWebhook[]>({
      ...common,
      resource: injectorWebhooks,
      labelSelector: INJECTOR_LABEL_SELECTOR,
      onStateChange,
      project: (raw) => readInjectorWebhooks(raw),
      // istiod patches the CA bundle into it; that changes nothing for us.
      equal: (a, b) => JSON.stringify(a) === JSON.stringify(b),
      handlers: onMesh,
    });
    this.istioConfigMaps = options.istioNamespaces.map(
      (namespace) =>
        new Reflector<KubernetesObject, MeshConfigRecord | InjectorRecord>({
          ...common,
          resource: configMaps,
          namespace,
          onStateChange,
          project: (raw) => readIstioConfigMap(raw),
          equal: (a, b) => JSON.stringify(a) === JSON.stringify(b),
          handlers: onMesh,
        }),
    );
    this.proxyConfigs = pictureOf<KubernetesObject, ProxyConfigResource>(
      {
        ...common,
        resource: proxyConfigs,
        onStateChange,
        timings: { absentMaxMs: ABSENT_LOOK_MS },
        project: (raw) => readProxyConfig(raw),
        equal: (a, b) => JSON.stringify(a) === JSON.stringify(b),
        handlers: {
          onAdd: (_key, record) => {
            this.mesh = undefined;
            handlers.onProxyConfig(record);
          },
          onUpdate: (_key, record) => {
            this.mesh = undefined;
            handlers.onProxyConfig(record);
          },
          onDelete: (_key, last) => {
            this.mesh = undefined;
            handlers.onProxyConfig(last);
          },
        },
      },
      watchNamespaces,
    );
    this.budgets = new BudgetCache({
      client,
      logger,
      watchNamespaces,
      onBudget: handlers.onBudget,
      metrics: options.reflectorMetrics,
    });
    this.offSwitch = new OffSwitch({ ...common, namespace: options.operatorNamespace, onChange: handlers.onOffSwitch });
    this.workloads = new KindWatches({
      kinds,
      logger,
      watch: (adapter, isCurrent) => this.workloadReflector(adapter, common, isCurrent),
      named: () => this.namedKinds(),
      lingerMs: options.kindLingerMs,
    });
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
    const optional = new Set<unknown>([...this.meshSources(), this.budgets.reflector]);
    await Promise.all(this.all().map((reflector) => reflector.waitForSync(signal, optional.has(reflector))));
    // Which of the other kinds are needed is known only with the policies. One that may not be read holds up nobody.
    this.workloads.startOnDemand();
    await Promise.all([...this.workloads.all()].map(({ reflector }) => reflector.waitForSync(signal, true)));
    this.workloads.review();
  }

  /** The policies, or what they need, may have changed: kinds are watched from now on, or no longer. */
  reviewKinds(): void {
    this.workloads.review();
  }

  /** Kinds that the policy names and that are not read yet. */
  awaitsKinds({ spec }: Pick<PolicyRecord, 'spec'>): boolean {
    return (spec.match?.kinds ?? []).some((kind) => {
      const reflector = this.workloads.get(kind)?.reflector;
      return reflector?.hasSynced === false && reflector.state !== 'Forbidden';
    });
  }

  /** What keeps workloads of a kind that the policy names from being seen, for people. */
  kindTroubles({ spec }: Pick<PolicyRecord, 'spec'>): {
    readonly forbidden: readonly string[];
    readonly absent: readonly string[];
  } {
    const named = (spec.match?.kinds ?? []).flatMap((kind) => this.workloads.get(kind) ?? []);
    const inState = (wanted: ReflectorState): WatchedKind[] =>
      named.filter(({ reflector }) => reflector.state === wanted);
    return {
      forbidden: inState('Forbidden').map(({ resource }) => `the operator may not list ${resource.fullName}`),
      absent: inState('Absent').map(
        ({ adapter }) => `the kind ${adapter.kind} (${adapter.apiVersion}) is not installed`,
      ),
    };
  }

  /** What is still waited for, and why, for people. */
  notSyncedBecause(): string | undefined {
    const optional = new Set<unknown>([...this.meshSources(), this.budgets.reflector]);
    const waiting = this.all().filter(
      (reflector) => !reflector.hasSynced && !(optional.has(reflector) && reflector.state === 'Forbidden'),
    );
    return waiting.length === 0
      ? undefined
      : waiting
          .map((reflector) => reflector.stateDetail ?? `${reflector.resource.fullName} is not read yet`)
          .join('; ');
  }

  async stop(): Promise<void> {
    await Promise.all([...this.all().map((reflector) => reflector.stop()), this.workloads.stop()]);
  }

  workload(key: string): Workload | undefined {
    const slash = key.indexOf('/');
    const kind = key.slice(0, slash);
    return this.workloads.get(kind)?.reflector.store.get(key.slice(slash + 1));
  }

  resourceOf(kind: string): Resource | undefined {
    return this.workloads.get(kind)?.resource;
  }

  adapterOf(kind: string): WorkloadKindAdapter | undefined {
    return this.workloads.get(kind)?.adapter;
  }

  /** Where the pod template of a kind stands. */
  placeOf(kind: string): TemplatePlace {
    return this.workloads.get(kind)?.adapter ?? { templatePath: SPEC_TEMPLATE };
  }

  *workloadKeys(): IterableIterator<string> {
    for (const { adapter, reflector } of this.workloads.all()) {
      for (const key of reflector.store.keys()) {
        yield `${adapter.kind}/${key}`;
      }
    }
  }

  *allWorkloads(): IterableIterator<Workload> {
    for (const { reflector } of this.workloads.all()) {
      yield* reflector.store.values();
    }
  }

  workloadKeysIn(namespace: string): Iterable<string> {
    return this.byNamespace.get(namespace) ?? [];
  }

  /** The exemption that counts for a workload: one that holds now and keeps to the bounds of the cluster's policy. @param now since 1970 */
  exemptionOf(workload: Workload, now: Seconds): ActiveExemption | undefined {
    const exemption = this.exemptions.of(workload, now);
    if (exemption === undefined) {
      return undefined;
    }
    const namespace = this.namespace(workload.namespace);
    return countingExemption({
      workload,
      namespace,
      mesh: this.meshFacts(),
      policies: this.policiesIn(namespace),
      operatorNamespace: this.options.operatorNamespace,
      exemption,
    });
  }

  namespace(name: string): NamespaceFacts {
    return this.namespaces.store.get(name) ?? { name };
  }

  policyRecords(): readonly PolicyRecord[] {
    return this.policies.records();
  }

  /** The policies that may select a workload of a namespace, as far as its name and labels tell. */
  policiesIn(namespace: NamespaceFacts): readonly PolicyRecord[] {
    return this.policies.recordsIn(namespace);
  }

  meshFacts(): MeshFacts {
    this.mesh ??= this.assemble();
    return this.mesh;
  }

  /** Why nothing may be written now: the off switch, or that it cannot be looked at. */
  writesHeldBecause(): string | undefined {
    return this.offSwitch.heldBecause();
  }

  /** The kind ProxyConfig of Istio: installed, absent, or not known. */
  proxyConfigState(): ReflectorState {
    return this.proxyConfigs.state;
  }

  /** Resources that could not be read, for people. */
  troubles(): string[] {
    return this.all()
      .filter((reflector) => reflector.state === 'Forbidden')
      .map((reflector) => reflector.stateDetail ?? reflector.resource.fullName);
  }

  private meshSources(): unknown[] {
    return [...this.nodes.all, this.webhooks, ...this.istioConfigMaps, this.proxyConfigs];
  }

  private all(): Picture<unknown>[] {
    return [
      ...this.policies.reflectors,
      this.exemptions.reflector,
      this.namespaces,
      ...this.nodes.all,
      this.webhooks,
      ...this.istioConfigMaps,
      this.proxyConfigs,
      this.offSwitch.reflector,
      this.budgets.reflector,
      ...[...this.workloads.all()].map(({ reflector }) => reflector),
    ];
  }

  private namedKinds(): ReadonlySet<string> {
    return new Set(this.policyRecords().flatMap((policy) => policy.spec.match?.kinds ?? []));
  }

  private workloadReflector(
    adapter: WorkloadKindAdapter,
    common: { client: KubeClient; logger: Logger },
    isCurrent: () => boolean,
  ): WatchedKind {
    const [group = '', version = ''] = adapter.apiVersion.split('/');
    const kind = objectKind(adapter.kind);
    const resource = defineResource({ group, version, plural: adapter.plural, kind, namespaced: true });
    const { handlers } = this.options;
    const reflector = pictureOf<KubernetesObject, Workload>(
      {
        ...common,
        resource,
        ...(adapter.onDemand === true ? { timings: { absentMaxMs: ABSENT_LOOK_MS } } : {}),
        project: (raw) => {
          if (
            adapter.partsLeftOut === true &&
            raw.metadata?.ownerReferences?.some((owner) => owner.controller === true) === true
          ) {
            return undefined;
          }
          if (adapter.kind === 'Deployment') {
            this.noteDeployment(raw);
          }
          return projectWorkload(raw, adapter);
        },
        equal: sameForUs,
        onStateChange: () => {
          if (adapter.onDemand === true && isCurrent()) {
            this.kindsChanged();
          }
        },
        handlers: {
          onAdd: (_key, record, initial) => {
            if (!isCurrent()) {
              return;
            }
            this.index(record);
            handlers.onWorkload(workloadKey(record), initial);
          },
          onUpdate: (_key, record, _previous, initial) => {
            handlers.onWorkload(workloadKey(record), initial);
          },
          onDelete: (_key, last) => {
            this.unindex(last);
            if (last.kind === 'Deployment') {
              this.forgetDeployment(`${last.namespace}/${last.name}`);
            }
            handlers.onWorkload(workloadKey(last), false);
          },
        },
      },
      this.options.watchNamespaces,
    );
    return { adapter, resource, reflector };
  }

  private index(workload: Workload): void {
    const keys = this.byNamespace.get(workload.namespace) ?? new Set<string>();
    keys.add(workloadKey(workload));
    this.byNamespace.set(workload.namespace, keys);
  }

  private unindex(workload: Workload): void {
    const keys = this.byNamespace.get(workload.namespace);
    keys?.delete(workloadKey(workload));
    if (keys?.size === 0) {
      this.byNamespace.delete(workload.namespace);
    }
  }

  private noteDeployment(raw: RawDeployment): void {
    if (isIstiod(raw)) {
      this.noteIstiod(raw);
    }
    if (isClusterAutoscaler(raw)) {
      const key = `${raw.metadata?.namespace ?? ''}/${raw.metadata?.name ?? ''}`;
      const seconds = readAutoscalerLimit(raw);
      if (this.autoscalers.get(key) !== seconds) {
        this.autoscalers.set(key, seconds);
        this.meshChanged();
      }
    }
  }

  private forgetDeployment(key: string): void {
    const wasIstiod = this.istiods.delete(key);
    if (this.autoscalers.delete(key) || wasIstiod) {
      this.meshChanged();
    }
  }

  /** The least that any cluster autoscaler waits, where one says so. */
  private autoscalerLimit(): NodeBudget | undefined {
    const limits = [...this.autoscalers.values()].filter((seconds) => seconds !== undefined);
    return limits.length === 0
      ? undefined
      : { seconds: Math.min(...limits), from: 'the cluster autoscaler (--max-graceful-termination-sec)' };
  }

  private noteIstiod(raw: RawDeployment): void {
    const record = readIstiod(raw);
    const key = `${record.namespace}/${record.name}`;
    if (!this.options.istioNamespaces.includes(record.namespace)) {
      if (!this.falseIstiods.has(key) && this.falseIstiods.size < MOST_FALSE_ISTIODS) {
        const { namespace, name } = record;
        const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name, uid: raw.metadata?.uid };
        this.falseIstiods.set(key, deployment);
        this.options.handlers.onFalseIstiod(deployment);
        this.options.logger.warn(
          'a Deployment is labelled app: istiod outside the namespaces of Istio: its settings are ignored',
          { deployment: key, istioNamespaces: this.options.istioNamespaces },
        );
      }
      return;
    }
    if (JSON.stringify(this.istiods.get(key)) !== JSON.stringify(record)) {
      this.istiods.set(key, record);
      this.meshChanged();
    }
  }

  /** A kind that is named can be seen now, or no longer: its policies have something else to say. */
  private kindsChanged(): void {
    for (const record of this.policyRecords()) {
      this.options.handlers.onPolicy(record.name, record, record);
    }
  }

  private meshChanged(): void {
    this.mesh = undefined;
    this.options.handlers.onMesh();
  }

  /** Several istiods that disagree about one revision: nothing they say of it is known. */
  private istiodsByRevision(): { readonly believed: readonly IstiodRecord[]; readonly disputes: readonly string[] } {
    const claims = new Map<string, IstiodRecord[]>();
    for (const istiod of this.istiods.values()) {
      claims.set(istiod.revision, [...(claims.get(istiod.revision) ?? []), istiod]);
    }
    const disputes: string[] = [];
    const believed: IstiodRecord[] = [];
    for (const [revision, istiods] of claims) {
      const [first] = istiods;
      const agree = istiods.every(
        (each) => each.version === first?.version && each.nativeSidecars === first?.nativeSidecars,
      );
      if (agree && first !== undefined) {
        believed.push(first);
      } else {
        const names = istiods.map(({ namespace, name }) => `${namespace}/${name}`).sort();
        disputes.push(`${names.join(' and ')} both claim Istio revision ${revision} and say different things of it`);
      }
    }
    return { believed, disputes };
  }

  /** What the control planes contradict each other in, for people. */
  meshDisputes(): readonly string[] {
    return this.istiodsByRevision().disputes;
  }

  private assemble(): MeshFacts {
    const unknown =
      this.webhooks.state === 'Forbidden' || !this.webhooks.hasSynced
        ? `the injector's webhooks: ${this.webhooks.stateDetail ?? 'not read yet'}`
        : undefined;
    return assembleMesh({
      configMaps: this.istioConfigMaps.flatMap((reflector) => [...reflector.store.values()]),
      istiods: this.istiodsByRevision().believed,
      webhooks: [...this.webhooks.store.values()].flat(),
      proxyConfigs: this.proxyConfigs.state === 'Forbidden' ? undefined : [...this.proxyConfigs.store.values()],
      ...this.nodes.records(),
      autoscalerLimit: this.autoscalerLimit(),
      stated: this.options.stated,
      cluster: true,
      webhooksUnknownBecause: unknown,
      defaultRootNamespace: this.options.istioNamespaces[0] ?? 'istio-system',
    });
  }
}

/** Two states of a workload that lead to the same decision. Status traffic is most of a cluster's traffic. */
function sameForUs(a: Workload, b: Workload): boolean {
  return (
    a.generation === b.generation &&
    a.rollout === b.rollout &&
    a.deleting === b.deleting &&
    a.fields === b.fields &&
    a.hold === b.hold &&
    sameLabels(a.annotations, b.annotations) &&
    a.uid === b.uid &&
    a.controllerOwner?.name === b.controllerOwner?.name
  );
}

function sameLabels(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
