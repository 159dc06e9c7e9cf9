import type { EventReason } from '../../api/events.ts';
import { FIELD_MANAGER, FINALIZER } from '../../api/names.ts';
import { condition, setCondition, type NewCondition } from '../../api/conditions.ts';
import type { Condition, PolicyWorkloadCounts, SidecarDrainPolicyStatus } from '../../api/policy.ts';
import { hookRemark } from '../../drain/plan/hook-remark.ts';
import { delayWords } from '../../drain/plan/late-requests.ts';
import { policyObject, type PolicyRecord } from '../../drain/plan/policies.ts';
import { workloadKey, type Workload } from '../../drain/model/workload.ts';
import { noteOrigin, stateOf } from '../../drain/template/note/state.ts';
import { canonical } from '../../drain/template/raw.ts';
import { isApiError, type EventRecorder, type KubeClient, type Logger } from '../../kube/index.ts';
import { done, requeueAfter, type Outcome, type WorkQueue } from '../../runtime/index.ts';
import type { AdmissionSide } from '../webhook/admission-side.ts';
import {
  admissionRequired,
  isLeftToAdmissionPolicies,
  LEFT_TO_ADMISSION_POLICIES,
  needsAdmission,
  ridesAlong,
} from './admission-need.ts';
import type { CachedPolicy, Caches } from '../watches/caches.ts';
import type { Ledger } from '../reports/ledger.ts';
import type { Permits, Waits } from './permits.ts';
import type { Rollouts } from '../rollout/rollouts.ts';
import { haltConditions, rolloutStatus, stageDueAt } from './rollout-status.ts';
import { policySubject } from '../workload/workload-record.ts';

type Counts = Required<PolicyWorkloadCounts>;

/** A policy that is deleted goes after this long at most; restoring goes on without it. */
const FINALIZER_LIMIT_MS = 60_000;
/** What waits to be restored is told when its turn comes; to ask thousands twice a second would starve everything else. */
const ASK_AGAIN_MS = 5_000;
/** While workloads are still looked at for the first time, a status would count what has not been seen. */
const EVALUATION_POLL_MS = 200;
const EVALUATION_LIMIT_MS = 5_000;
/** The admission webhook is given this long to be ready before a policy that needs it is stalled. */
const ADMISSION_START_MS = 15_000;

export interface PolicyControllerOptions {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly ledger: Ledger;
  readonly workloadQueue: WorkQueue;
  readonly recorder: EventRecorder<EventReason>;
  readonly logger: Logger;
  readonly permits: Permits;
  readonly rollouts: Rollouts;
  readonly admission: () => Pick<AdmissionSide, 'state' | 'detail'>;
  /** The admission policies of config/admission-policies are installed: whoever started the operator says so. */
  readonly admissionPolicies: boolean;
  readonly now: () => number;
}

/** Keeps a policy's finalizer and status. It changes no workload. */
export class PolicyController {
  private readonly options: PolicyControllerOptions;
  private readonly waitingSince = new Map<string, number>();
  /** By uid: when the workloads of a policy that is going were last looked at for its sake. */
  private readonly askedAt = new Map<string, number>();
  private admissionAwaitedSince: number | undefined;

  constructor(options: PolicyControllerOptions) {
    this.options = options;
  }

  async reconcile(name: string, signal: AbortSignal): Promise<Outcome> {
    const cached = this.options.caches.policies.store.get(name);
    if (cached === undefined) {
      this.waitingSince.delete(name);
      await this.options.permits.gone(signal);
      return done;
    }

    // 1. On its way out: the finalizer shows progress and goes in time.
    if (cached.record.deleting) {
      return await this.finish(cached, signal);
    }

    // 2. Whoever may write wants to know when the policy goes.
    if (cached.record.spec.enforcement === 'Enforce' && !hasFinalizer(cached)) {
      await this.setFinalizers(cached, [...(cached.raw.metadata.finalizers ?? []), FINALIZER], signal);
    }

    // 3. Let the evaluation end first, within reason.
    if (this.options.workloadQueue.depth > 0 || this.options.caches.awaitsKinds(cached.record)) {
      const since = this.waitingSince.get(name) ?? this.options.now();
      this.waitingSince.set(name, since);
      if (this.options.now() - since < EVALUATION_LIMIT_MS) {
        return requeueAfter(EVALUATION_POLL_MS);
      }
    }
    this.waitingSince.delete(name);
    if (needsAdmission(cached.record) && this.admissionMayComeYet()) {
      return requeueAfter(EVALUATION_POLL_MS);
    }

    // 4. What is approved follows the annotations.
    const lookAgainAt = await this.options.permits.settle(cached, signal);

    // 5. Say what is.
    await this.writeStatus(cached, this.conditionsOf(cached.record), signal);
    const due = earliest(lookAgainAt, stageDueAt(this.options.rollouts.stages.stageOf(cached.record.uid)));
    return due === undefined ? done : requeueAfter(Math.max(0, due - this.options.now()));
  }

  private async finish(cached: CachedPolicy, signal: AbortSignal): Promise<Outcome> {
    if (!hasFinalizer(cached)) {
      return done;
    }
    const left = this.heldWorkloads(cached.record);
    const deletedAt = Date.parse(cached.raw.metadata.deletionTimestamp ?? '');
    const overdue = this.options.now() - deletedAt >= FINALIZER_LIMIT_MS;
    if (left.length > 0 && !overdue && this.options.caches.writesHeldBecause() === undefined) {
      const { uid } = cached.record;
      if (this.options.now() - (this.askedAt.get(uid) ?? -Infinity) >= ASK_AGAIN_MS) {
        this.askedAt.set(uid, this.options.now());
        for (const key of left) {
          this.options.workloadQueue.add(key);
        }
      }
      const { generation } = cached.record;
      await this.writeStatus(
        cached,
        [
          condition('Ready', 'Terminating', generation),
          condition('Reconciling', 'Restoring', generation, `${left.length} workload(s) still to be restored`),
        ],
        signal,
      );
      return requeueAfter(500);
    }
    this.askedAt.delete(cached.record.uid);
    if (left.length > 0) {
      this.options.logger.warn(
        'the policy is gone before all its workloads were restored; the rest follow without it',
        { policy: cached.record.name, left: left.length },
      );
    }
    await this.setFinalizers(
      cached,
      (cached.raw.metadata.finalizers ?? []).filter((each) => each !== FINALIZER),
      signal,
    );
    return done;
  }

  /** What the policy has written and nobody else governs: a workload that has another policy is not restored. */
  private heldWorkloads({ uid }: PolicyRecord): string[] {
    const others = this.options.caches
      .policyRecords()
      .filter((policy) => policy.uid !== uid && !policy.deleting && policy.spec.enforcement === 'Enforce');
    const held: string[] = [];
    for (const workload of this.options.caches.allWorkloads()) {
      const key = workloadKey(workload);
      // What is going anyway is not restored, nor is it waited for: a finalizer would hold up the end of its namespace.
      if (
        !workload.deleting &&
        this.options.caches.namespace(workload.namespace).deleting !== true &&
        holdsFrom(workload, uid) &&
        !others.some(({ name }) => this.governs(name, key))
      ) {
        held.push(key);
      }
    }
    return held;
  }

  private governs(policy: string, workload: string): boolean {
    const entry = this.options.ledger.entryOf(policy, workload);
    return entry !== undefined && entry.outcome !== 'Overridden';
  }

  private async setFinalizers(cached: CachedPolicy, finalizers: readonly string[], signal: AbortSignal): Promise<void> {
    const { resourceVersion, uid } = cached.raw.metadata;
    try {
      await this.options.client.mergePatch(
        cached.resource,
        policyObject(cached.record),
        { metadata: { finalizers, resourceVersion, uid } },
        { fieldManager: FIELD_MANAGER, metadataOnly: true, retry: 'idempotent', signal },
      );
    } catch (error) {
      if (isApiError(error) && error.isNotFound) {
        return;
      }
      throw error;
    }
  }

  private conditionsOf(policy: PolicyRecord): NewCondition[] {
    const { caches, ledger } = this.options;
    const at = policy.generation;
    const stalled = this.stalledBecause(policy);
    if (stalled !== undefined) {
      return [
        condition('Ready', stalled.reason, at, stalled.message),
        condition('Compliant', 'Stalled', at),
        condition('Reconciling', 'Settled', at),
        condition('Stalled', stalled.reason, at, stalled.message),
        condition('Conflicted', 'NoConflict', at),
      ];
    }
    const counts = ledger.countsOf(policy.name);
    const refusal = this.refusalOf(policy);
    const mesh = caches.meshFacts();
    const troubles = caches.troubles();
    const kinds = caches.kindTroubles(policy);
    const remarks = [
      ...(kinds.absent.length === 0 ? [] : [`${kinds.absent.join(', ')}; checked again when it is`]),
      ...caches.meshDisputes(),
      ...this.hookRemarks(policy),
      ...(this.isLeftToAdmissionPolicies(policy) ? [LEFT_TO_ADMISSION_POLICIES] : []),
    ];
    const remark = remarks.length === 0 ? undefined : remarks.join('; ');
    const held = caches.writesHeldBecause();
    const halt = haltConditions(this.options.rollouts.stages.stageOf(policy.uid), counts, at);
    return [
      troubles.length > 0 && mesh.istio === 'Unknown' && mesh.stated.injected === undefined
        ? condition('Ready', 'FactsMissing', at, troubles.join('; '))
        : mesh.istio === 'Absent' && mesh.stated.injected === undefined
          ? condition('Ready', 'IstioAbsent', at)
          : kinds.forbidden.length > 0
            ? condition('Ready', 'FactsMissing', at, kinds.forbidden.join('; '))
            : counts.matched === 0
              ? condition('Ready', 'NoMatchingWorkloads', at, remark)
              : refusal !== undefined
                ? condition('Ready', refusal.reason, at, refusal.message)
                : policy.spec.suspend
                  ? condition('Ready', 'Suspended', at)
                  : held !== undefined
                    ? condition('Ready', 'Paused', at, held)
                    : condition('Ready', 'Evaluated', at, remark),
      refusal !== undefined && counts.matched === counts.overridden
        ? condition('Compliant', 'Stalled', at)
        : (halt?.compliant ?? compliance(counts, besidesOf(ledger, policy.name), at)),
      halt !== undefined && counts.updating === 0
        ? condition('Reconciling', 'Settled', at)
        : (ridesAlong(policy, counts, at) ?? reconciling(counts, this.options.permits.waitsOf(policy), at)),
      refusal === undefined
        ? (halt?.stalled ?? condition('Stalled', 'NotStalled', at))
        : condition('Stalled', refusal.reason, at, refusal.message),
      conflict(counts, ledger, policy, at),
    ];
  }

  /** With the webhook nobody's apply meets a hook of ours. */
  private hookRemarks(policy: PolicyRecord): string[] {
    const remark =
      policy.spec.enforcement === 'Enforce' && this.options.admission().state === 'Off'
        ? hookRemark(policy)
        : undefined;
    return remark === undefined ? [] : [remark];
  }

  /** A namespaced policy that may not govern a workload that it selects. Where it may govern others it does. */
  private refusalOf({
    name,
    namespace,
  }: PolicyRecord): { reason: 'OutsideBounds' | 'NoClusterPolicy'; message: string } | undefined {
    if (namespace === undefined) {
      return undefined;
    }
    for (const reason of ['OutsideBounds', 'NoClusterPolicy'] as const) {
      const entry = this.options.ledger.firstWith(name, reason);
      if (entry !== undefined) {
        return { reason, message: entry.message };
      }
    }
    return undefined;
  }

  private isLeftToAdmissionPolicies(policy: PolicyRecord): boolean {
    const labels = this.options.caches.policies.store.get(policy.name)?.raw.metadata.labels;
    return (
      this.options.admissionPolicies &&
      this.options.admission().state !== 'Serving' &&
      isLeftToAdmissionPolicies(policy, labels)
    );
  }

  /** A webhook that is just starting is no news: every restart of the operator would say Stalled for a second. */
  private admissionMayComeYet(): boolean {
    if (this.options.admission().state !== 'Starting') {
      this.admissionAwaitedSince = undefined;
      return false;
    }
    this.admissionAwaitedSince ??= this.options.now();
    return this.options.now() - this.admissionAwaitedSince < ADMISSION_START_MS;
  }

  private stalledBecause(
    policy: PolicyRecord,
  ):
    | {
        reason:
          | 'InvalidSelector'
          | 'InvalidNamePattern'
          | 'InvalidSpec'
          | 'InvalidWindow'
          | 'KindUnknown'
          | 'ProxyConfigKindAbsent'
          | 'AdmissionRequired';
        message?: string;
      }
    | undefined {
    if (policy.stalled !== undefined) {
      return policy.stalled;
    }
    if (policy.intent.environment === 'ProxyConfig' && this.options.caches.proxyConfigState() === 'Absent') {
      return { reason: 'ProxyConfigKindAbsent' };
    }
    const { state, detail } = this.options.admission();
    return needsAdmission(policy) && state !== 'Serving' && !this.isLeftToAdmissionPolicies(policy)
      ? { reason: 'AdmissionRequired', message: admissionRequired(policy, detail) }
      : undefined;
  }

  private async writeStatus(cached: CachedPolicy, news: readonly NewCondition[], signal: AbortSignal): Promise<void> {
    const { ledger, now } = this.options;
    const before = cached.raw.status;
    const time = new Date(now()).toISOString();
    const conditions = news.reduce<readonly Condition[]>(
      (all, each) => setCondition(all, each, time),
      before?.conditions ?? [],
    );
    const counts = ledger.countsOf(cached.record.name);
    const rollout = rolloutStatus(
      cached.record,
      this.options.rollouts.stages.stageOf(cached.record.uid),
      counts,
      before?.rollout,
      now(),
    );
    const status: SidecarDrainPolicyStatus = {
      observedGeneration: cached.record.generation,
      planHash: this.options.permits.planHashOf(cached.record),
      conditions,
      workloads: counts,
      rollout,
      nodeBudget: ledger.nodeBudgetOf(cached.record.name),
      attention: ledger.attentionOf(cached.record.name),
    };
    if (before !== undefined && canonical(before) === canonical(status)) {
      return;
    }
    try {
      await this.options.client.mergePatch(
        cached.resource,
        policyObject(cached.record),
        {
          apiVersion: cached.resource.apiVersion,
          kind: cached.resource.kind,
          status: {
            ...status,
            nodeBudget: status.nodeBudget ?? null,
            rollout: rollout === undefined ? null : { ...ABSENT, ...rollout },
          },
        },
        { subresource: 'status', fieldManager: FIELD_MANAGER, metadataOnly: true, retry: 'idempotent', signal },
      );
    } catch (error) {
      if (!(isApiError(error) && error.isNotFound)) {
        throw error;
      }
      return;
    }
    this.tellTransitions(cached, before?.conditions ?? [], news);
  }

  /** An event only where a condition has really turned. */
  private tellTransitions(cached: CachedPolicy, before: readonly Condition[], news: readonly NewCondition[]): void {
    for (const next of news) {
      const old = before.find((each) => each.type === next.type);
      const turned =
        old === undefined
          ? next.type === 'Ready' || (next.type === 'Stalled' && next.status === 'True')
          : old.status !== next.status;
      if (!turned || next.type === 'Reconciling') {
        continue;
      }
      const bad =
        next.type === 'Stalled' || next.type === 'Conflicted' ? next.status === 'True' : next.status === 'False';
      this.options.recorder.event(
        policySubject(cached.record),
        bad ? 'Warning' : 'Normal',
        next.reason,
        `${next.type} is ${next.status}: ${next.message}`,
      );
    }
  }
}

/** A merge patch leaves what it does not name: what is gone has to be named. */
const ABSENT = { healthySince: null, soaked: null, haltedBy: null };

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

/** The workload carries what the policy has written to it; a copied note holds up no policy. */
function holdsFrom(workload: Workload, uid: string): boolean {
  const note = stateOf(workload);
  return note?.policy.uid === uid && noteOrigin(workload, note) !== 'OtherObject';
}

function hasFinalizer(cached: CachedPolicy): boolean {
  return cached.raw.metadata.finalizers?.includes(FINALIZER) === true;
}

/** What waits for a person or for a time is not under way: tools that wait for a policy to be done must not wait for that. */
function reconciling(counts: Counts, waits: Waits | undefined, at: number): NewCondition {
  const moving = counts.updating + counts.pending - (waits?.workloads ?? 0) > 0;
  if (moving) {
    const message = `${counts.updating} rolling out, ${counts.pending} waiting`;
    return condition('Reconciling', 'RollingOut', at, waits === undefined ? message : `${message}; ${waits.message}`);
  }
  return waits === undefined
    ? condition('Reconciling', 'Settled', at)
    : condition('Reconciling', waits.reason, at, waits.message);
}

/** What the promise does not speak of: requests that arrive late. Begins with a comma, or is empty. */
function besidesOf(ledger: Ledger, policy: string): string {
  const refusing = ledger.warnedOf(policy, 'NewRequestsRefused');
  const delay = delayWords(ledger.delayOf(policy));
  return [
    ...(refusing === 0 ? [] : [`, ${refusing} refuse requests that arrive late (NewRequestsRefused)`]),
    ...(delay === '' ? [] : [`; ${delay}`]),
  ].join('');
}

function compliance(counts: Counts, late: string, at: number): NewCondition {
  const answered = counts.matched - counts.exempt - counts.overridden;
  if (counts.matched === 0) {
    return condition('Compliant', 'NoMatchingWorkloads', at);
  }
  if (counts.compliant === answered) {
    return condition(
      'Compliant',
      'AllCompliant',
      at,
      `${counts.compliant} of ${counts.matched} workloads comply, ${counts.exempt} exempt, ${counts.overridden} overridden${late}`,
    );
  }
  const message = `${counts.compliant} of ${answered} workloads comply${late}`;
  if (counts.failed + counts.conflicted > 0) {
    return condition(
      'Compliant',
      'AttentionNeeded',
      at,
      `${message}; ${counts.failed} cannot be made compliant, ${counts.conflicted} conflict`,
    );
  }
  if (counts.updating + counts.pending > 0) {
    return condition(
      'Compliant',
      'RolloutInProgress',
      at,
      `${message}; ${counts.updating} rolling out, ${counts.pending} waiting`,
    );
  }
  return counts.unknown > 0 && counts.nonCompliant === 0
    ? condition('Compliant', 'FactsMissing', at, `${message}; ${counts.unknown} unknown`)
    : condition(
        'Compliant',
        'WorkloadsNonCompliant',
        at,
        `${message}; ${counts.nonCompliant} do not, and nothing is written`,
      );
}

function conflict(counts: Counts, ledger: Ledger, policy: PolicyRecord, at: number): NewCondition {
  const reasons = new Set(ledger.attentionOf(policy.name).map((each) => each.reason));
  if (counts.conflicted > 0 && reasons.has('ChangedBack') && !reasons.has('FieldConflict')) {
    return condition(
      'Conflicted',
      'ChangedBack',
      at,
      `${counts.conflicted} workload(s): somebody else keeps changing our values back`,
    );
  }
  if (counts.conflicted > 0) {
    return condition(
      'Conflicted',
      'FieldConflict',
      at,
      `${counts.conflicted} workload(s): somebody else declares a field that would have to change`,
    );
  }
  return condition('Conflicted', 'NoConflict', at);
}
