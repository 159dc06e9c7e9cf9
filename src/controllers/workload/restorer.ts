import type { EventReason } from '../../api/events.ts';
import { FIELD_MANAGER } from '../../api/names.ts';
import { workloadKey, type Workload } from '../../drain/model/workload.ts';
import type { Assessment } from '../../drain/plan/assess.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import { restoreResult, restoreResultText } from '../../drain/restore/result.ts';
import { planRestore, type RestoreStep } from '../../drain/restore/restore.ts';
import type { WorkloadState } from '../../drain/template/note/state.ts';
import { NO_LIMITS } from '../../drain/rollout/gate.ts';
import { isExempt } from '../../drain/selection/exemptions.ts';
import type { RawObject } from '../../drain/template/index.ts';
import { patchInSteps, type EventRecorder, type KubeClient, type Logger, type Resource } from '../../kube/index.ts';
import { done, type Outcome } from '../../runtime/index.ts';
import type { Caches } from '../watches/caches.ts';
import type { OperatorMetrics } from '../reports/operator-metrics.ts';
import type { Permits } from '../policy/permits.ts';
import type { Candidate } from '../rollout/rollout-slots.ts';
import type { Rollouts } from '../rollout/rollouts.ts';
import { limitsOf, limitsOfState, policySubject, subjectOf } from './workload-record.ts';
import type { WorkloadMemories } from './workload-memory.ts';
import type { WorkloadWriter } from './workload-writer.ts';

/** Evidence that a hook of ours stands where nothing is injected must last this long before it is withdrawn. */
const WITHDRAW_AFTER_MS = 10 * 60_000;
/**
 * API servers learn of a changed webhook configuration with a delay, and a pod that is made before stays without its settings
 * for life: what stands in a template goes back only after this.
 */
const ADMISSION_KNOWN_MS = 10_000;
/** Patches of one restore, until its ownership is given up too; then the next look at the workload goes on. */
const RESTORE_TRIES = 6;

export interface RestorerOptions {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly recorder: EventRecorder<EventReason>;
  readonly logger: Logger;
  readonly metrics: OperatorMetrics;
  readonly rollouts: Rollouts;
  readonly permits: Permits;
  readonly writer: WorkloadWriter;
  readonly memories: WorkloadMemories;
  readonly admissionServes: () => boolean;
  readonly now: () => number;
}

/** What a refused restore is remembered by; no intent is called so. */
export const RESTORING = 'restoring';

export interface PlannedRestore {
  readonly state: WorkloadState;
  readonly candidate: Candidate;
  /** Pods restart: it needs a slot. */
  readonly restarts: boolean;
}

/** Restores workloads that no policy governs any more: what stood there before, or ownership alone. */
export class Restorer {
  private readonly options: RestorerOptions;

  constructor(options: RestorerOptions) {
    this.options = options;
  }

  /** It waits for no evidence any more. */
  forget(key: string): void {
    this.options.memories.clear(key, 'notInjectedSince', 'supersededSince');
  }

  /** Milliseconds until evidence will have lasted long enough; undefined where there is none. */
  dueInMs(key: string): number | undefined {
    const { notInjectedSince, supersededSince } = this.options.memories.peek(key);
    const due =
      supersededSince !== undefined
        ? supersededSince + ADMISSION_KNOWN_MS
        : notInjectedSince === undefined
          ? undefined
          : notInjectedSince + WITHDRAW_AFTER_MS;
    return due === undefined ? undefined : Math.max(1_000, due - this.options.now());
  }

  /** A stalled policy still governs what it has written: whom it means cannot be known until it is corrected. */
  heldByStalled(state: WorkloadState | undefined): string | undefined {
    const holder = this.holderOf(state);
    return holder?.stalled === undefined
      ? undefined
      : `policy ${holder.name}, which governs it, is stalled: ${holder.stalled.reason}`;
  }

  /** Whether nobody governs the workload any more, as far as that can be known. */
  isDue(key: string, workload: Workload, state: WorkloadState, assessment: Assessment): boolean {
    const { caches, memories, now } = this.options;
    const governing = assessment.governing;
    if (governing !== undefined && this.isSupersededByPods(governing.policy)) {
      const memory = memories.of(key);
      memory.supersededSince ??= now();
      return now() - memory.supersededSince >= ADMISSION_KNOWN_MS;
    }
    memories.clear(key, 'supersededSince');
    if (governing !== undefined) {
      // A hook of ours where nothing is injected never starts: withdrawn on evidence that has lasted.
      if (governing.decision.reason !== 'NotInjected' || state.fields.proxyContainer === undefined) {
        memories.clear(key, 'notInjectedSince');
        return false;
      }
      const memory = memories.of(key);
      memory.notInjectedSince ??= now();
      return now() - memory.notInjectedSince >= WITHDRAW_AFTER_MS;
    }
    memories.clear(key, 'notInjectedSince');
    if (
      caches.policies.state !== 'Synced' ||
      caches.namespace(workload.namespace).labels === undefined ||
      caches.namespace(workload.namespace).deleting === true
    ) {
      return false;
    }
    if (this.isHeldByScope(state, assessment)) {
      return false;
    }
    // A policy that only audits now, or is suspended, writes nothing: the values stay, nothing restarts.
    const holder = this.holderOf(state);
    // An injector that is gone for a moment (an Istio upgrade) takes every workload out of `revisions`: no reason to restart them all.
    const mesh = caches.meshFacts();
    if (holder?.spec.match.revisions !== undefined && mesh.istio !== 'Present' && mesh.stated.injected === undefined) {
      return false;
    }
    return holder === undefined || (holder.spec.enforcement === 'Enforce' && !holder.spec.suspend);
  }

  /** The policy puts its settings into pods now: what stands in the template goes back, once new pods are sure to get them. */
  private isSupersededByPods({ spec, stalled }: PolicyRecord): boolean {
    return spec.delivery === 'Admission' && !spec.suspend && stalled === undefined && this.options.admissionServes();
  }

  /** How it would be restored now, and the place that it would take. */
  plan(workload: Workload, remembered: WorkloadState): PlannedRestore {
    const { caches } = this.options;
    const key = workloadKey(workload);
    // A policy that is just going says itself what it wants; afterwards the workload remembers it.
    const going = caches.policies.store.get(remembered.policy.name)?.record;
    const wanted =
      going !== undefined && going.uid === remembered.policy.uid ? going.spec.onDelete : remembered.onDelete;
    // Who exempts a workload wants it left alone: it keeps its values, and no pod restarts.
    const exempt = isExempt(workload, caches.exemptionOf(workload, this.options.now() / 1000));
    const state: WorkloadState = { ...remembered, onDelete: exempt ? 'Orphan' : wanted };
    const restarts = state.onDelete === 'Restore';
    const candidate: Candidate = {
      me: { workload: key, policy: state.policy.name, namespace: workload.namespace, pods: workload.rollout.replicas },
      // As long as the policy is there it says how; what it has written remembers the rest.
      limits: !restarts
        ? NO_LIMITS
        : going !== undefined && going.uid === remembered.policy.uid && going.compiled !== undefined
          ? limitsOf(going)
          : limitsOfState(state),
      uid: state.policy.uid,
      restoring: true,
    };
    return { state, candidate, restarts };
  }

  async run(workload: Workload, { state, candidate, restarts }: PlannedRestore, signal: AbortSignal): Promise<Outcome> {
    const { caches, metrics, rollouts } = this.options;
    const key = workloadKey(workload);
    const resource = caches.resourceOf(workload.kind);
    if (resource === undefined) {
      return done;
    }
    if (restarts) {
      rollouts.startRestoring(candidate, workload);
    }
    try {
      const steps: RestoreStep[] = [];
      const live = await this.restore(resource, workload, state, steps, signal);
      if (live === undefined) {
        rollouts.release(key);
        return done;
      }
      rollouts.noteWrite(key, live, candidate.me);
      this.options.permits.gaveBack(key, state);
      const given = restoreResult(steps);
      const kept = state.onDelete === 'Orphan' || (given.kept.length > 0 && given.restored.length === 0);
      metrics.written(state.policy.name, kept ? 'orphan' : 'restore');
      this.options.logger.info('workload restored', {
        workload: key,
        policy: state.policy.name,
        how: state.onDelete,
        restored: given.restored,
        kept: given.kept,
        nearest: given.nearest,
      });
      this.options.recorder.event(
        subjectOf(workload),
        'Normal',
        'DrainRestored',
        state.onDelete === 'Restore'
          ? `Policy ${state.policy.name} no longer governs: ${restoreResultText(given)}`
          : `Policy ${state.policy.name} no longer governs: its values stay and belong to nobody`,
        policySubject(state.policy),
      );
    } catch (error) {
      rollouts.release(key);
      return this.options.writer.failed(workload, RESTORING, error);
    }
    return done;
  }

  /**
   * A namespaced policy governs by leave of one of the cluster's. While such a one is stalled it cannot be known whom it means,
   * and while a kind is away nobody has decided about its policies.
   */
  private isHeldByScope({ policy }: WorkloadState, { refused }: Assessment): boolean {
    const { policies } = this.options.caches;
    if (policies.store.get(policy.name) === undefined) {
      return !policies.isGone(policy.name);
    }
    return (
      refused.some((each) => each.policy.uid === policy.uid && each.reason === 'NoClusterPolicy') &&
      policies
        .records()
        .some((record) => record.namespace === undefined && record.compiled === undefined && !record.deleting)
    );
  }

  /** The policy that has written the workload, as long as it lives. */
  private holderOf(state: WorkloadState | undefined): PolicyRecord | undefined {
    const record = state === undefined ? undefined : this.options.caches.policies.store.get(state.policy.name)?.record;
    return record?.uid === state?.policy.uid && record?.deleting === false ? record : undefined;
  }

  /** Values first, then ownership: two patches at most, and a crash between them is found again by the state annotation. */
  private async restore(
    resource: Resource,
    workload: Workload,
    state: WorkloadState,
    steps: RestoreStep[],
    signal: AbortSignal,
  ): Promise<RawObject | undefined> {
    const { client, caches } = this.options;
    return await patchInSteps<RawObject>(
      client,
      resource,
      workload,
      (live) => {
        const step = planRestore(live, state, state.onDelete, caches.placeOf(workload.kind));
        steps.push(step);
        return step;
      },
      {
        // The pods restart once the first patch is taken, so what conflicts after that goes on.
        fieldManager: FIELD_MANAGER,
        tries: RESTORE_TRIES,
        retryFirst: false,
        signal,
      },
    );
  }
}
