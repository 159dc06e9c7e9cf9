import type { EventReason } from '../../api/events.ts';
import { exemptionCondition, setExemptionCondition, type NewExemptionCondition } from '../../api/exemption.ts';
import type { KubernetesObject } from '../../api/kubernetes.ts';
import { FIELD_MANAGER } from '../../api/names.ts';
import type { DrainExemption, DrainExemptionStatus, ExemptionCondition } from '../../api/policy.ts';
import { workloadKey, type Seconds, type Workload } from '../../drain/model/workload.ts';
import {
  exemptionOf,
  exemptionText,
  isActive,
  readExemption,
  type ExemptionRecord,
} from '../../drain/selection/exemptions.ts';
import {
  isApiError,
  pictureOf,
  type EventRecorder,
  type KubeClient,
  type Logger,
  type Picture,
  type ReflectorMetrics,
} from '../../kube/index.ts';
import { done, requeueAfter, type Outcome } from '../../runtime/index.ts';
import { exemptions } from '../watches/resources.ts';

/** A timer of Node can be no longer than 24.8 days, and a clock may be set meanwhile. */
const LONGEST_WAIT_MS = 6 * 3_600_000;

interface CachedExemption {
  readonly record: ExemptionRecord;
  readonly status?: DrainExemptionStatus;
}

export interface ExemptionCacheOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly metrics?: ReflectorMetrics;
  readonly absentLookMs: number;
  /** Undefined for all. */
  readonly watchNamespaces?: readonly string[];
  /** `changed` is false where only its status is another one. */
  readonly onExemption: (record: ExemptionRecord, changed: boolean) => void;
}

/** The DrainExemptions of the cluster, by namespace. */
export class ExemptionCache {
  readonly reflector: Picture<CachedExemption>;
  private readonly byNamespace = new Map<string, Map<string, ExemptionRecord>>();

  constructor({ client, logger, metrics, absentLookMs, watchNamespaces, onExemption }: ExemptionCacheOptions) {
    this.reflector = pictureOf<DrainExemption & KubernetesObject, CachedExemption>(
      {
        client,
        logger,
        resource: exemptions,
        timings: { absentMaxMs: absentLookMs },
        metrics,
        project: (raw) => ({ record: readExemption(raw), status: raw.status }),
        onStateChange: (state) => {
          if (state === 'Absent') {
            logger.warn(
              `the kind DrainExemption is not installed: apply crds/ (or config/crd); checked again every ${absentLookMs / 1000} s`,
            );
          }
        },
        handlers: {
          onAdd: (_key, { record }) => {
            this.put(record);
            onExemption(record, true);
          },
          onUpdate: (_key, { record }, previous) => {
            this.put(record);
            onExemption(record, record.generation !== previous.record.generation || record.uid !== previous.record.uid);
          },
          onDelete: (_key, { record }) => {
            const left = this.byNamespace.get(record.namespace);
            left?.delete(record.name);
            if (left?.size === 0) {
              this.byNamespace.delete(record.namespace);
            }
            onExemption(record, true);
          },
        },
      },
      watchNamespaces,
    );
  }

  get(name: string): CachedExemption | undefined {
    return this.reflector.store.get(name);
  }

  in(namespace: string): Iterable<ExemptionRecord> {
    return this.byNamespace.get(namespace)?.values() ?? [];
  }

  /** The one that holds for a workload. @param now since 1970 */
  of(workload: Workload, now: Seconds): ExemptionRecord | undefined {
    return exemptionOf(workload, this.in(workload.namespace), now);
  }

  private put(record: ExemptionRecord): void {
    const records = this.byNamespace.get(record.namespace) ?? new Map<string, ExemptionRecord>();
    records.set(record.name, record);
    this.byNamespace.set(record.namespace, records);
  }
}

export interface ExemptionControllerOptions {
  readonly client: KubeClient;
  readonly cache: ExemptionCache;
  readonly workloadsIn: (namespace: string) => Iterable<Workload>;
  /** Asks for another look at a workload. */
  readonly look: (workload: string) => void;
  readonly recorder: EventRecorder<EventReason>;
  readonly now: () => number;
}

/** Keeps the status of exemptions, and has their workloads looked at again when one ends: nothing in the cluster changes then. */
export class ExemptionController {
  private readonly options: ExemptionControllerOptions;
  private readonly active = new Set<string>();
  /** By exemption and workload: why it does not count there. */
  private readonly refusals = new Map<string, Map<string, string>>();

  constructor(options: ExemptionControllerOptions) {
    this.options = options;
  }

  /**
   * Takes down whether an exemption counts for a workload.
   * @param why it does not; undefined where it does
   * @returns whether that is news
   */
  note(exemption: string, workload: string, why: string | undefined): boolean {
    const known = this.refusals.get(exemption) ?? new Map<string, string>();
    if (known.get(workload) === why) {
      return false;
    }
    if (why === undefined) {
      known.delete(workload);
    } else {
      known.set(workload, why);
    }
    this.refusals.set(exemption, known);
    return true;
  }

  async reconcile(name: string, signal: AbortSignal): Promise<Outcome> {
    const { cache, now, workloadsIn, look } = this.options;
    const cached = cache.get(name);
    if (cached === undefined) {
      this.active.delete(name);
      this.refusals.delete(name);
      return done;
    }
    const { record } = cached;
    const selected = [...workloadsIn(record.namespace)].filter((workload) => record.selects(workload));

    // 1. Its time is over: the workloads are the policies' again.
    const active = isActive(record, now() / 1000);
    if (!active && this.active.delete(name)) {
      for (const workload of selected) {
        look(workloadKey(workload));
      }
    }
    if (active) {
      this.active.add(name);
    }

    // 2. Say what is.
    const known = this.refusals.get(name);
    const refused = selected.flatMap((workload) => known?.get(workloadKey(workload)) ?? []);
    await this.writeStatus(cached, conditionsOf(record, active, selected.length, refused), selected.length, signal);
    return active ? requeueAfter(Math.min(LONGEST_WAIT_MS, Math.max(1, record.expiresAt * 1000 - now()))) : done;
  }

  private async writeStatus(
    { record, status: before }: CachedExemption,
    news: readonly NewExemptionCondition[],
    matched: number,
    signal: AbortSignal,
  ): Promise<void> {
    const time = new Date(this.options.now()).toISOString();
    const present = before?.conditions ?? [];
    const conditions = news.reduce<readonly ExemptionCondition[]>(
      (all, each) => setExemptionCondition(all, each, time),
      present,
    );
    if (conditions === present && before?.matched === matched && before.observedGeneration === record.generation) {
      return;
    }
    const object = { namespace: record.namespace, name: record.name.slice(record.namespace.length + 1) };
    try {
      await this.options.client.mergePatch(
        exemptions,
        object,
        {
          apiVersion: exemptions.apiVersion,
          kind: exemptions.kind,
          status: { observedGeneration: record.generation, conditions, matched },
        },
        { subresource: 'status', fieldManager: FIELD_MANAGER, metadataOnly: true, retry: 'idempotent', signal },
      );
    } catch (error) {
      if (isApiError(error) && error.isNotFound) {
        return;
      }
      throw error;
    }
    const [next] = news;
    const old = present.find((each) => each.type === 'Active');
    if (next !== undefined && (old?.status !== next.status || old.reason !== next.reason)) {
      this.options.recorder.event(
        { apiVersion: exemptions.apiVersion, kind: exemptions.kind, ...object, uid: record.uid },
        next.reason === 'Exempting' ? 'Normal' : 'Warning',
        next.reason,
        next.message,
      );
    }
  }
}

function conditionsOf(
  record: ExemptionRecord,
  active: boolean,
  matched: number,
  refused: readonly string[],
): NewExemptionCondition[] {
  const { generation: at, stalled } = record;
  if (stalled !== undefined) {
    return [
      exemptionCondition('Active', stalled.reason, at, stalled.message),
      exemptionCondition('Stalled', stalled.reason, at, stalled.message),
    ];
  }
  return [
    !active
      ? exemptionCondition('Active', 'Expired', at)
      : matched === 0
        ? exemptionCondition('Active', 'NoMatchingWorkloads', at)
        : refused.length === matched
          ? exemptionCondition('Active', 'OutsideBounds', at, refused[0])
          : exemptionCondition(
              'Active',
              'Exempting',
              at,
              `${matched - refused.length} workload(s) left alone: ${exemptionText(record)}${refused[0] === undefined ? '' : `; ${refused.length} not: ${refused[0]}`}`,
            ),
    exemptionCondition('Stalled', 'NotStalled', at),
  ];
}
