import type { KubernetesObject } from '../../api/kubernetes.ts';
import type { NamespacedSidecarDrainPolicy, SidecarDrainPolicy } from '../../api/policy.ts';
import { memoizeByObject } from '../../drain/memoize.ts';
import type { NamespaceFacts } from '../../drain/model/mesh.ts';
import { withKnownKinds } from '../../drain/plan/known-kinds.ts';
import { readNamespacedPolicy, readPolicy, type PolicyRecord } from '../../drain/plan/policies.ts';
import { namespaceMismatch } from '../../drain/selection/match.ts';
import {
  pictureOf,
  Reflector,
  type KubeClient,
  type Logger,
  type Picture,
  type ReflectorMetrics,
  type ReflectorState,
  type Resource,
} from '../../kube/index.ts';
import { namespacedPolicies, policies } from './resources.ts';

type RawPolicy = Pick<SidecarDrainPolicy, 'metadata' | 'status'>;

/** A policy as the cache keeps it: ready to be held against workloads, with the raw object for status and finalizers. */
export interface CachedPolicy {
  readonly record: PolicyRecord;
  readonly raw: RawPolicy;
  /** Where it is patched. */
  readonly resource: Resource;
}

export interface PolicyCacheOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly metrics?: ReflectorMetrics;
  /** How often a kind that is not installed is looked for. */
  readonly absentLookMs: number;
  /** The only namespaces whose policies are read; undefined for all, and those of the cluster. */
  readonly watchNamespaces?: readonly string[];
  /** The kinds of workloads that a policy may name. */
  readonly knownKinds: ReadonlySet<string>;
  /** It is certain again, or from now on, which policies there are: what was not decided for want of that can be. */
  readonly onSynced: () => void;
  readonly onPolicy: (name: string, before: PolicyRecord | undefined, after: PolicyRecord | undefined) => void;
}

/**
 * The policies of both kinds as one picture. The cluster's are kept by name, namespaced ones by `namespace/name`: that is what
 * their records are called too, and no two can be called the same, because no name has a slash.
 */
export class PolicyCache {
  /** Undefined where policies of the cluster may not be read. */
  private readonly cluster: Picture<CachedPolicy> | undefined;
  private readonly namespaced: Picture<CachedPolicy>;
  /** What was worked out of the policies, until one of them changes. */
  private all: readonly PolicyRecord[] | undefined;
  private byNamespace: ((namespace: NamespaceFacts) => readonly PolicyRecord[]) | undefined;
  readonly store: {
    get(name: string): CachedPolicy | undefined;
    values(): IterableIterator<CachedPolicy>;
    readonly size: number;
  };

  constructor({
    client,
    logger,
    metrics,
    absentLookMs,
    knownKinds,
    watchNamespaces,
    onPolicy,
    onSynced,
  }: PolicyCacheOptions) {
    const common = { client, logger, metrics, timings: { absentMaxMs: absentLookMs } };
    const changed: typeof onPolicy = (name, before, after) => {
      this.all = undefined;
      this.byNamespace = undefined;
      onPolicy(name, before, after);
    };
    const handlers = {
      onAdd: (name: string, cached: CachedPolicy) => {
        changed(name, undefined, cached.record);
      },
      onUpdate: (name: string, cached: CachedPolicy, previous: CachedPolicy) => {
        changed(name, previous.record, cached.record);
      },
      onDelete: (name: string, last: CachedPolicy) => {
        changed(name, last.record, undefined);
      },
    };
    const onStateChange =
      (kind: string) =>
      (state: ReflectorState): void => {
        if (state === 'Absent') {
          logger.warn(
            `the kind ${kind} is not installed: apply crds/ (or config/crd); checked again every ${absentLookMs / 1000} s`,
          );
        }
        if (state === 'Synced') {
          onSynced();
        }
      };
    this.cluster =
      watchNamespaces !== undefined
        ? undefined
        : new Reflector<SidecarDrainPolicy & KubernetesObject, CachedPolicy>({
            ...common,
            resource: policies,
            onStateChange: onStateChange(policies.kind),
            handlers,
            project: (raw) => ({
              record: withKnownKinds(readPolicy(raw), knownKinds),
              raw: withoutManagedFields(raw),
              resource: policies,
            }),
          });
    this.namespaced = pictureOf<NamespacedSidecarDrainPolicy & KubernetesObject, CachedPolicy>(
      {
        ...common,
        resource: namespacedPolicies,
        onStateChange: onStateChange(namespacedPolicies.kind),
        handlers,
        project: (raw) => ({
          record: withKnownKinds(readNamespacedPolicy(raw), knownKinds),
          raw: withoutManagedFields(raw),
          resource: namespacedPolicies,
        }),
      },
      watchNamespaces,
    );
    const { cluster, namespaced } = this;
    this.store = {
      get: (name) => (name.includes('/') ? namespaced : cluster)?.store.get(name),
      *values() {
        if (cluster !== undefined) {
          yield* cluster.store.values();
        }
        yield* namespaced.store.values();
      },
      get size() {
        return (cluster?.store.size ?? 0) + namespaced.store.size;
      },
    };
  }

  get reflectors(): readonly Picture<unknown>[] {
    return this.cluster === undefined ? [this.namespaced] : [this.cluster, this.namespaced];
  }

  /** `Synced` only where it is certain which policies there are. That the namespaced kind is not installed is certain too. */
  get state(): ReflectorState {
    const cluster = this.cluster?.state;
    return cluster === undefined || (cluster === 'Synced' && this.namespaced.state !== 'Absent')
      ? this.namespaced.state
      : cluster;
  }

  /** Whether a policy that is not here does not exist: its kind may only have been taken away, or may not be read by us. */
  isGone(name: string): boolean {
    return (
      this.state === 'Synced' &&
      this.store.get(name) === undefined &&
      (name.includes('/') ? this.namespaced.state === 'Synced' : this.cluster !== undefined)
    );
  }

  /** All of both kinds: the same array as long as no policy changes. */
  records(): readonly PolicyRecord[] {
    return (this.all ??= [...this.store.values()].map(({ record }) => record));
  }

  /** Those that may select a workload of a namespace, as its name and labels tell: of hundreds of policies mostly a few. */
  recordsIn(namespace: NamespaceFacts): readonly PolicyRecord[] {
    this.byNamespace ??= memoizeByObject(({ name, labels }) => {
      const all = this.records();
      const some = all.filter(
        ({ compiled }) => compiled !== undefined && namespaceMismatch(compiled, name, labels) === undefined,
      );
      // Thousands of namespaces that all policies select share one array.
      return some.length === all.length ? all : some;
    });
    return this.byNamespace(namespace);
  }
}

function withoutManagedFields({ metadata, status }: RawPolicy): RawPolicy {
  const slim = { ...metadata };
  Reflect.deleteProperty(slim, 'managedFields');
  return { metadata: slim, status };
}
