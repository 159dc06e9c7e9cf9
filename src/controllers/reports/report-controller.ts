import type { KubernetesObject, OwnerReference } from '../../api/kubernetes.ts';
import { FIELD_MANAGER } from '../../api/names.ts';
import {
  MANAGED_BY_LABEL,
  readReport,
  reportNumber,
  reportObject,
  resultsOf,
  shardCountOf,
  shardsOf,
  type ReportRecord,
  type Shard,
  type WorkloadResults,
} from '../../drain/report/index.ts';
import {
  defineResource,
  isApiError,
  pictureOf,
  type KubeClient,
  type Logger,
  type Picture,
  type ReflectorMetrics,
  type Resource,
} from '../../kube/index.ts';
import { done, requeueAfter, type Outcome, type WorkQueue } from '../../runtime/index.ts';
import type { Caches } from '../watches/caches.ts';
import type { Ledger } from './ledger.ts';

export type ReportsMode = 'auto' | 'off';

export interface ReportControllerOptions {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly ledger: Ledger;
  readonly queue: WorkQueue;
  readonly workloadQueue: WorkQueue;
  readonly logger: Logger;
  readonly metrics?: ReflectorMetrics;
  readonly mode: ReportsMode;
  /** The only namespaces that are looked into; undefined for all. */
  readonly watchNamespaces?: readonly string[];
  readonly now: () => number;
}

/** A thousand changes make one write of each shard that they concern. */
const SETTLE_MS = 5_000;
/** The APIs may be installed after the operator. */
const ABSENT_LOOK_MS = 10_000;
/** After a start nobody has said yet what is the matter with the workloads: until then no report is made smaller. */
const EVALUATION_POLL_MS = 500;
const EVALUATION_LIMIT_MS = 60_000;
/** The one key of the queue where reports are off. */
const CLEAN_UP = 'clean-up';
const OWN = `${MANAGED_BY_LABEL}=${FIELD_MANAGER}`;

const APIS: readonly { readonly resource: Resource; readonly source: boolean }[] = [
  {
    resource: defineResource({
      group: 'wgpolicyk8s.io',
      version: 'v1alpha2',
      plural: 'policyreports',
      kind: 'PolicyReport',
      namespaced: true,
    }),
    source: false,
  },
  {
    resource: defineResource({
      group: 'openreports.io',
      version: 'v1alpha1',
      plural: 'reports',
      kind: 'Report',
      namespaced: true,
    }),
    source: true,
  },
];

interface Target {
  readonly resource: Resource;
  readonly source: boolean;
  readonly reports: Picture<ReportRecord>;
  /** The reports that stand in a namespace. */
  readonly byNamespace: Map<string, Map<string, ReportRecord>>;
}

/** Keeps the reports of violations, by namespace, in each of the two APIs that is installed. Only the leader does. */
export class ReportController {
  private readonly options: ReportControllerOptions;
  private readonly targets: readonly Target[];
  private startedAt = 0;
  private evaluated = false;

  constructor(options: ReportControllerOptions) {
    this.options = options;
    this.targets = options.mode === 'off' ? [] : APIS.map((api) => this.target(api));
  }

  start(): void {
    this.startedAt = this.options.now();
    if (this.options.mode === 'off') {
      this.options.queue.add(CLEAN_UP);
    }
    for (const { reports } of this.targets) {
      reports.start();
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.targets.map(({ reports }) => reports.stop()));
  }

  /** Something else is said of a workload, given by its key. */
  changed(workload: string): void {
    const [, namespace = ''] = workload.split('/');
    this.look(namespace);
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    if (this.options.mode === 'off') {
      return await this.cleanUp(signal);
    }
    const targets = this.targets.filter(({ reports }) => reports.state === 'Synced');
    const { caches } = this.options;
    // A namespace that goes takes its reports along, and nothing new is let into it.
    if (targets.length === 0 || !caches.namespaces.store.has(key) || caches.namespace(key).deleting === true) {
      return done;
    }
    if (!this.isEvaluated()) {
      return requeueAfter(EVALUATION_POLL_MS);
    }
    const present = Math.max(
      ...targets.map(({ byNamespace }) =>
        shardCountOf([...(byNamespace.get(key)?.values() ?? [])].map(({ name }) => reportNumber(name) ?? 0)),
      ),
    );
    const { shards, leftOut } = shardsOf(this.resultsIn(key), present);
    if (leftOut > 0) {
      this.options.logger.warn('a namespace has more violations than fit into its reports', {
        namespace: key,
        leftOut,
      });
    }
    for (const target of targets) {
      await this.write(target, key, shards, signal);
    }
    return done;
  }

  private look(namespace: string): void {
    if (this.targets.some(({ reports }) => reports.state === 'Synced')) {
      this.options.queue.addAfter(namespace, SETTLE_MS);
    }
  }

  private target({ resource, source }: (typeof APIS)[number]): Target {
    const { client, logger, metrics } = this.options;
    const byNamespace: Target['byNamespace'] = new Map();
    const put = (record: ReportRecord): void => {
      const records = byNamespace.get(record.namespace) ?? new Map<string, ReportRecord>();
      records.set(record.name, record);
      byNamespace.set(record.namespace, records);
      this.look(record.namespace);
    };
    const reports = pictureOf<KubernetesObject, ReportRecord>(
      {
        client,
        logger,
        resource,
        labelSelector: OWN,
        timings: { absentMaxMs: ABSENT_LOOK_MS },
        metrics,
        // The label alone does not make it ours.
        project: (raw) => (reportNumber(raw.metadata?.name ?? '') === undefined ? undefined : readReport(raw)),
        equal: (a, b) => a.uid === b.uid && a.fingerprint === b.fingerprint,
        handlers: {
          onAdd: (_key, record) => {
            put(record);
          },
          onUpdate: (_key, record) => {
            put(record);
          },
          onDelete: (_key, { namespace, name }) => {
            const records = byNamespace.get(namespace);
            records?.delete(name);
            if (records?.size === 0) {
              byNamespace.delete(namespace);
            }
            this.look(namespace);
          },
        },
        onStateChange: (state, previous) => {
          if (state === 'Synced') {
            logger.info('started to report violations', { resource: resource.fullName });
            for (const namespace of this.options.caches.namespaces.store.keys()) {
              this.options.queue.addAfter(namespace, SETTLE_MS);
            }
          } else if (state === 'Absent' && previous !== 'Starting') {
            logger.info('stopped reporting violations: the kind is no longer installed', {
              resource: resource.fullName,
            });
          }
        },
      },
      this.options.watchNamespaces,
    );
    return { resource, source, reports, byNamespace };
  }

  private isEvaluated(): boolean {
    const { caches, workloadQueue, now } = this.options;
    this.evaluated ||=
      (workloadQueue.idle && !caches.policyRecords().some((policy) => caches.awaitsKinds(policy))) ||
      now() - this.startedAt > EVALUATION_LIMIT_MS;
    return this.evaluated;
  }

  private *resultsIn(namespace: string): IterableIterator<WorkloadResults> {
    const { caches, ledger } = this.options;
    for (const key of caches.workloadKeysIn(namespace)) {
      const workload = caches.workload(key);
      const apiVersion = workload === undefined ? undefined : caches.resourceOf(workload.kind)?.apiVersion;
      if (workload !== undefined && apiVersion !== undefined) {
        const { kind, name, uid } = workload;
        yield resultsOf({ apiVersion, kind, namespace, name, uid, entries: ledger.entriesOf(key) });
      }
    }
  }

  private async write(
    { resource, source, byNamespace }: Target,
    namespace: string,
    shards: readonly Shard[],
    signal: AbortSignal,
  ): Promise<void> {
    const { client, logger, now } = this.options;
    // Both are taken now: what comes by the watch meanwhile is for the next look.
    const present = new Map(byNamespace.get(namespace));
    const times = new Map([...present.values()].flatMap((record) => [...record.times]));
    for (const shard of shards) {
      const { name, body, fingerprint } = reportObject(
        { apiVersion: resource.apiVersion, kind: resource.kind, source },
        namespace,
        shard,
        this.ownersOf(shard),
        times,
        now() / 1000,
      );
      const known = present.get(name);
      present.delete(name);
      if (known?.fingerprint === fingerprint) {
        continue;
      }
      try {
        // By force only over what is known to be ours: under this name there may be somebody else's.
        await client.apply(resource, { namespace, name }, body, {
          fieldManager: FIELD_MANAGER,
          force: known !== undefined,
          metadataOnly: true,
          retry: 'idempotent',
          signal,
        });
      } catch (error) {
        if (isApiError(error) && error.isConflict && known === undefined) {
          logger.warn('another report already has the name that ours would get: nothing is written', {
            resource: resource.fullName,
            namespace,
            name,
          });
          continue;
        }
        if (!isGoing(error)) {
          throw error;
        }
        return;
      }
    }
    for (const { name, uid } of present.values()) {
      await this.remove(resource, { namespace, name, uid }, signal);
    }
  }

  /**
   * The policies that are spoken of: when the last of them goes, the garbage collector takes the report, also while
   * nobody runs the operator. Without `blockOwnerDeletion`, for which more permissions would be needed.
   */
  private ownersOf({ policies }: Shard): OwnerReference[] {
    return policies.flatMap((name) => {
      const cached = this.options.caches.policies.store.get(name);
      return cached === undefined
        ? []
        : [
            {
              apiVersion: cached.resource.apiVersion,
              kind: cached.resource.kind,
              name: cached.raw.metadata.name ?? '',
              uid: cached.record.uid,
            },
          ];
    });
  }

  private async cleanUp(signal: AbortSignal): Promise<Outcome> {
    for (const { resource } of APIS) {
      for (const namespace of this.options.watchNamespaces ?? [undefined]) {
        try {
          await this.cleanUpIn(resource, namespace, signal);
        } catch (error) {
          // Not installed, or its permissions were taken away together with the reports.
          if (!(isApiError(error) && (error.isNotFound || error.isForbidden))) {
            throw error;
          }
        }
      }
    }
    return done;
  }

  private async cleanUpIn(resource: Resource, inNamespace: string | undefined, signal: AbortSignal): Promise<void> {
    const { items } = await this.options.client.list<KubernetesObject>(resource, {
      namespace: inNamespace,
      labelSelector: OWN,
      metadataOnly: true,
      signal,
    });
    for (const { metadata } of items) {
      const { namespace = '', name = '', uid = '' } = metadata ?? {};
      if (reportNumber(name) !== undefined) {
        await this.remove(resource, { namespace, name, uid }, signal);
      }
    }
  }

  private async remove(
    resource: Resource,
    { namespace, name, uid }: { namespace: string; name: string; uid: string },
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.options.client.delete(resource, { namespace, name }, { preconditions: { uid }, signal });
    } catch (error) {
      if (!(isApiError(error) && (error.isNotFound || error.isConflict))) {
        throw error;
      }
    }
  }
}

/** The kind, or the namespace, goes just now. */
function isGoing(error: unknown): boolean {
  return (
    isApiError(error) && (error.isNotFound || error.causes.some(({ reason }) => reason === 'NamespaceTerminating'))
  );
}
