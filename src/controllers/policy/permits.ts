import type { EventReason } from '../../api/events.ts';
import {
  APPROVED_PLAN_ANNOTATION,
  APPROVED_WITHDRAWAL_ANNOTATION,
  GROUP,
  STATE_ANNOTATION,
  VERSION,
} from '../../api/names.ts';
import type { ConditionReason } from '../../api/conditions.ts';
import type { ReasonCode } from '../../api/reasons.ts';
import { workloadKey, type Workload } from '../../drain/model/workload.ts';
import type { Assessment } from '../../drain/plan/assess.ts';
import { policyPlanHash, workloadPlanHash } from '../../drain/plan/hash.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import { fingerprint } from '../../drain/template/note/fingerprint.ts';
import { noteOrigin, stateOf, type WorkloadState } from '../../drain/template/note/state.ts';
import { approveCommand, notApproved, NOT_APPROVED } from '../../drain/rollout/approval.ts';
import { windowAt, windowMessage, type WindowAnswer } from '../../drain/rollout/windows.ts';
import { EVERY_WITHDRAWAL, isMassWithdrawal, withdrawalHash } from '../../drain/rollout/withdrawal.ts';
import { matches } from '../../drain/selection/match.ts';
import { isApiError, type EventRecorder, type KubeClient, type Logger } from '../../kube/index.ts';
import type { Refusal } from '../workload/gates.ts';
import { policySubject } from '../workload/workload-record.ts';
import { toldText, waitToldBefore } from '../reports/told-before.ts';
import { Approvals, type ApprovalOf } from './approvals.ts';
import type { CachedPolicy, Caches } from '../watches/caches.ts';

/** What a person or a time has to allow; the other reasons for waiting are no business of the policy's condition. */
type Permission = Extract<ReasonCode, 'WaitsForWindow' | 'ApprovalRequired' | 'WithdrawalHeld'>;

/** What a policy waits for, as its condition says it. */
export interface Waits {
  readonly reason: Extract<ConditionReason<'Reconciling'>, Permission | 'ApprovalStale'>;
  readonly message: string;
  /** Workloads that wait for it to be written. */
  readonly workloads: number;
}

interface Withdrawal {
  readonly hash: string;
  readonly leaving: ReadonlyMap<string, string>;
  readonly held: number;
}

/** What is remembered of one policy, by its uid. All of it may be lost: a restart looks at its workloads anew. */
interface PermitMemory {
  /** By workload: the hash of what is wanted. */
  readonly plans: Map<string, string>;
  /** By workload: what it waits for before it is written. */
  readonly waiting: Map<string, Refusal>;
  /** Workloads that would be restored, with what was written to them. */
  readonly leaving: Map<string, string>;
  leavingSince: number;
  /** When workloads of it were restored in the last hour. */
  lately: readonly number[];
  withdrawal?: { readonly at: number; readonly found: Withdrawal };
  /** The hash of the withdrawal that is approved. */
  inForce?: string;
  /** What the last Event said. */
  told?: string;
  /** Why what is approved cannot be stored. */
  trouble?: string;
  /** Workloads of it were refused because too many would leave. */
  heldBack: boolean;
  window?: { readonly of: PolicyRecord; readonly until: number; readonly answer: WindowAnswer };
}

export interface PermitsOptions {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly operatorNamespace: string;
  readonly logger: Logger;
  readonly recorder: EventRecorder<EventReason>;
  readonly now: () => number;
  /** Looks at a workload again. */
  readonly enqueue: (workload: string) => void;
  /** What is told of a policy has changed. */
  readonly onChange: (policy: string) => void;
}

/** One selector edit takes workloads away one after the other: none goes before their number has been still for this long. */
const SETTLE_MS = 2_000;
/** Restored within this time counts together: a hundred small withdrawals are a large one. */
const LATELY_MS = 60 * 60_000;
/** An open window is not asked for again for this long. */
const OPEN_FOR_MS = 1_000;
const FORBIDDEN_RETRY_MS = 60_000;

/** Who may write what and when: windows, approvals, and the guard against a mass withdrawal. */
export class Permits {
  private readonly options: PermitsOptions;
  private readonly approvals: Approvals;
  private readonly memories = new Map<string, PermitMemory>();
  /** By workload: the uids of the policies that have a plan for it. */
  private readonly policiesOf = new Map<string, readonly string[]>();
  /** The uids of policies that workloads are leaving: every look at a workload goes through these, and not through all. */
  private readonly left = new Set<string>();

  constructor(options: PermitsOptions) {
    this.options = options;
    this.approvals = new Approvals({ client: options.client, namespace: options.operatorNamespace });
  }

  /** Takes down what a workload's plan is under each policy, and whether it is about to be restored. */
  note(workload: Workload, state: WorkloadState | undefined, assessment: Assessment, dueToBeRestored: boolean): void {
    const key = workloadKey(workload);
    const shown = [...(assessment.governing === undefined ? [] : [assessment.governing]), ...assessment.audits];
    const uids = shown.map(({ policy }) => policy.uid);
    this.dropPlans(key, uids);
    for (const { policy, decision } of shown) {
      this.setPlan(policy, key, workloadPlanHash(workload, decision));
    }
    if (uids.length > 0) {
      this.policiesOf.set(key, uids);
    }
    this.stopLeaving(key, dueToBeRestored ? state?.policy.uid : undefined);
  }

  forget(workload: string): void {
    this.dropPlans(workload, []);
    this.stopLeaving(workload, undefined);
  }

  planHashOf({ name, uid }: PolicyRecord): string {
    return policyPlanHash(name, this.memories.get(uid)?.plans ?? []);
  }

  /** Takes down what a workload of the policy waits for, so that the policy's condition can say it. */
  waits(policy: PolicyRecord, workload: string, refusal: Refusal | undefined): void {
    if (refusal === undefined) {
      this.memories.get(policy.uid)?.waiting.delete(workload);
    } else {
      this.of(policy.uid).waiting.set(workload, refusal);
    }
  }

  /** Whether the policy's plan for the workload is approved, where that is asked for. */
  approval(policy: PolicyRecord, workload: string): Refusal | undefined {
    if (policy.spec.rollout.approval !== 'Required') {
      return undefined;
    }
    const hash = this.memories.get(policy.uid)?.plans.get(workload) ?? '';
    const why = notApproved(
      this.annotation(policy, APPROVED_PLAN_ANNOTATION),
      this.approvals.of(policy.uid, 'plan'),
      workload,
      hash,
    );
    if (why === undefined) {
      return undefined;
    }
    return {
      message: `waiting for approval: ${NOT_APPROVED[why]} (the policy's condition Reconciling says how to approve)`,
      reason: 'ApprovalRequired',
    };
  }

  /** Whether a workload that is due to be restored may be. Where its policy was deleted, that is the will. */
  withdrawal(workload: Workload, state: WorkloadState): Refusal | undefined {
    const holder = this.livingHolder(state);
    if (holder === undefined) {
      return undefined;
    }
    const key = workloadKey(workload);
    this.startLeaving(holder, key, stateMark(workload));
    return this.massWithdrawalRefusal(holder, key);
  }

  /** The window of the policy that a workload is restored from, as long as there is one. */
  windowOfHolder(state: WorkloadState): Refusal | undefined {
    const holder = this.livingHolder(state);
    return holder === undefined ? undefined : this.window(holder);
  }

  /** It was restored: it counts with those that follow. */
  gaveBack(workload: string, state: WorkloadState): void {
    const { uid } = state.policy;
    if (this.livingHolder(state) !== undefined && !this.isApprovedWithdrawal(uid, workload)) {
      this.of(uid).lately = [...this.latelyOf(uid), this.options.now()];
    }
    this.stopLeaving(workload, undefined);
  }

  /**
   * Brings what is approved in line with the policy's annotations. Call it when the policy's workloads have been looked at.
   * Returns when to look again, where it could not be done.
   */
  async settle({ record, raw }: CachedPolicy, signal: AbortSignal): Promise<number | undefined> {
    const memory = this.of(record.uid);
    memory.trouble = undefined;
    try {
      await this.approvals.load((uid) => this.isAlive(uid), signal);
      await this.settlePlan(record, raw, signal);
      await this.settleWithdrawal(record, raw, signal);
    } catch (error) {
      if (!isApiError(error) || !error.isForbidden) {
        throw error;
      }
      memory.trouble = `cannot store the approval: ${error.message}`;
      this.options.logger.warn('cannot store the approval', { policy: record.name, error });
      return this.options.now() + FORBIDDEN_RETRY_MS;
    }
    return undefined;
  }

  /** A policy is gone: nothing of it is approved any more. */
  async gone(signal: AbortSignal): Promise<void> {
    for (const uid of new Set([...this.memories.keys(), ...this.approvals.uids()])) {
      if (!this.isAlive(uid)) {
        this.memories.delete(uid);
        this.left.delete(uid);
        await this.approvals.drop(uid, 'plan', signal);
        await this.approvals.drop(uid, 'withdrawal', signal);
      }
    }
  }

  /** What the policy waits for: the most pressing first, all of it in one message. */
  waitsOf(policy: PolicyRecord): Waits | undefined {
    const found: { reason: Waits['reason']; message: string }[] = [];
    const withdrawal = this.massWithdrawal(policy);
    if (withdrawal !== undefined) {
      found.push({ reason: 'WithdrawalHeld', message: this.withdrawalMessage(policy, withdrawal) });
    }
    const waiting = [...(this.memories.get(policy.uid)?.waiting.values() ?? [])];
    const unapproved = waiting.filter(({ reason }) => reason === 'ApprovalRequired').length;
    if (unapproved > 0) {
      found.push(this.approvalWanted(policy, unapproved));
    }
    const later = waiting.filter(({ reason }) => reason === 'WaitsForWindow');
    if (later[0] !== undefined) {
      found.push({ reason: 'WaitsForWindow', message: `${later.length} workload(s): ${later[0].message}` });
    }
    const trouble = this.memories.get(policy.uid)?.trouble;
    const messages = [...found.map(({ message }) => message), ...(trouble === undefined ? [] : [trouble])];
    return found[0] === undefined
      ? undefined
      : { reason: found[0].reason, message: messages.join('; '), workloads: waiting.length };
  }

  private approvalWanted(policy: PolicyRecord, workloads: number): { reason: Waits['reason']; message: string } {
    const hash = this.planHashOf(policy);
    const annotation = this.annotation(policy, APPROVED_PLAN_ANNOTATION);
    const stale = annotation !== undefined && this.approvals.of(policy.uid, 'plan')?.hash !== annotation;
    const wanted = `${workloads} workload(s) wait for approval of plan ${hash}: ${approveCommand(policy.name, APPROVED_PLAN_ANNOTATION, hash)}`;
    return stale
      ? {
          reason: 'ApprovalStale',
          message: `the annotation approves ${annotation}, which is not the present plan; ${wanted}`,
        }
      : { reason: 'ApprovalRequired', message: wanted };
  }

  private withdrawalMessage(policy: PolicyRecord, { hash, leaving, held }: Withdrawal): string {
    const some = [...leaving.keys()].sort().slice(0, 3).join(', ');
    const lately = this.latelyOf(policy.uid).length;
    return (
      `${leaving.size} of ${held} workload(s) would be restored (${some}${leaving.size > 3 ? ', ...' : ''})${lately > 0 ? `, ${lately} more were within the last hour` : ''}, ` +
      `and nothing is until somebody approves it: ${approveCommand(policy.name, APPROVED_WITHDRAWAL_ANNOTATION, hash)}`
    );
  }

  /** Whether pods may be restarted at this time. */
  window(policy: PolicyRecord): Refusal | undefined {
    if (policy.windows === undefined) {
      return undefined;
    }
    const now = this.options.now();
    const memory = this.of(policy.uid);
    if (memory.window?.of !== policy || now >= memory.window.until) {
      const answer = windowAt(policy.windows, now);
      memory.window = { of: policy, answer, until: answer.open ? now + OPEN_FOR_MS : (answer.opensAt ?? Infinity) };
    }
    const { answer } = memory.window;
    if (answer.open) {
      return undefined;
    }
    return { message: `waits: ${windowMessage(answer)}`, reason: 'WaitsForWindow', lookAgainAt: answer.opensAt };
  }

  private massWithdrawalRefusal(holder: PolicyRecord, key: string): Refusal | undefined {
    if (this.isApprovedWithdrawal(holder.uid, key)) {
      return undefined;
    }
    const memory = this.of(holder.uid);
    const still = memory.leavingSince + SETTLE_MS;
    if (this.options.now() < still) {
      return {
        message: 'waiting for the selection to settle before anything is restored',
        reason: 'WithdrawalHeld',
        lookAgainAt: still,
      };
    }
    if (this.massWithdrawal(holder) === undefined) {
      return undefined;
    }
    memory.heldBack = true;
    // What was restored lately counts for an hour, and nothing in the cluster tells when that is over.
    const [oldest] = this.latelyOf(holder.uid);
    return {
      message: 'waiting for the approval of a mass withdrawal',
      reason: 'WithdrawalHeld',
      ...(oldest === undefined ? {} : { lookAgainAt: oldest + LATELY_MS }),
    };
  }

  private massWithdrawal(policy: PolicyRecord): Withdrawal | undefined {
    if ((this.memories.get(policy.uid)?.leaving.size ?? 0) === 0) {
      return undefined;
    }
    const withdrawal = this.withdrawalOf(policy);
    const limits = policy.spec.rollout.approval === 'Required' ? EVERY_WITHDRAWAL : undefined;
    const count = { leaving: withdrawal.leaving.size, lately: this.latelyOf(policy.uid).length, held: withdrawal.held };
    return withdrawal.leaving.size > 0 && isMassWithdrawal(count, limits) ? withdrawal : undefined;
  }

  /**
   * Everything that would leave the policy, seen at once in the caches: the workloads are looked at one after the other, and
   * a count of those that were would let the first ones go.
   */
  private withdrawalOf(policy: PolicyRecord): Withdrawal {
    const { caches, now, operatorNamespace } = this.options;
    const memory = this.of(policy.uid);
    if (memory.withdrawal !== undefined && now() - memory.withdrawal.at < OPEN_FOR_MS) {
      return memory.withdrawal.found;
    }
    const scope = { rootNamespace: caches.meshFacts().rootNamespace, operatorNamespace };
    const governing = caches.policyRecords().filter((each) => !each.deleting && each.spec.enforcement === 'Enforce');
    const approved = this.approvals.of(policy.uid, 'withdrawal')?.items;
    const leaving = new Map<string, string>();
    let held = 0;
    for (const workload of caches.allWorkloads()) {
      // The whole note need not be read to see whose it is.
      if (workload.deleting || workload.annotations[STATE_ANNOTATION]?.includes(policy.uid) !== true) {
        continue;
      }
      // A note that was copied from another object holds up nobody.
      const note = stateOf(workload);
      if (note?.policy.uid !== policy.uid || noteOrigin(workload, note) === 'OtherObject') {
        continue;
      }
      held++;
      const key = workloadKey(workload);
      const { labels, deleting } = caches.namespace(workload.namespace);
      const gone =
        labels !== undefined &&
        deleting !== true &&
        !governing.some(
          ({ compiled }) => compiled !== undefined && matches(compiled, workload, labels, scope) === 'Match',
        );
      const mark = stateMark(workload);
      if ((gone || memory.leaving.has(key)) && approved?.get(key) !== mark) {
        leaving.set(key, mark);
      }
    }
    const found = { leaving, held, hash: withdrawalHash(policy.name, leaving) };
    memory.withdrawal = { at: now(), found };
    return found;
  }

  private isApprovedWithdrawal(uid: string, key: string): boolean {
    const kept = this.approvals.of(uid, 'withdrawal');
    const memory = this.memories.get(uid);
    const mark = memory?.leaving.get(key);
    return kept !== undefined && mark !== undefined && memory?.inForce === kept.hash && kept.items.get(key) === mark;
  }

  private async settlePlan(policy: PolicyRecord, raw: CachedPolicy['raw'], signal: AbortSignal): Promise<void> {
    const wanted =
      policy.spec.rollout.approval === 'Required' ? raw.metadata.annotations?.[APPROVED_PLAN_ANNOTATION] : undefined;
    const kept = this.approvals.of(policy.uid, 'plan');
    const { plans, waiting } = this.of(policy.uid);
    if (wanted === undefined || wanted === '') {
      await this.approvals.drop(policy.uid, 'plan', signal);
    } else if (kept?.hash !== wanted && wanted === this.planHashOf(policy)) {
      this.refuse(
        policy,
        await this.approvals.keep(approvalOf(policy), 'plan', { hash: wanted, items: new Map(plans) }, signal),
      );
      this.options.logger.info('plan approved', { policy: policy.name, plan: wanted, workloads: plans.size });
    }
    // Whether it is newly kept, put back, or no longer asked for: those that waited are looked at again.
    for (const [workload, { reason }] of waiting) {
      if (reason === 'ApprovalRequired' && this.approval(policy, workload) === undefined) {
        this.options.enqueue(workload);
      }
    }
  }

  private async settleWithdrawal(policy: PolicyRecord, raw: CachedPolicy['raw'], signal: AbortSignal): Promise<void> {
    const wanted = raw.metadata.annotations?.[APPROVED_WITHDRAWAL_ANNOTATION] ?? '';
    const { uid } = policy;
    const memory = this.of(uid);
    let kept = this.approvals.of(uid, 'withdrawal');
    if (wanted === '') {
      await this.approvals.drop(uid, 'withdrawal', signal);
    } else if (kept?.hash !== wanted) {
      memory.withdrawal = undefined;
      const withdrawal = this.massWithdrawal(policy);
      if (withdrawal?.hash === wanted) {
        // What an earlier approval has not carried out yet stays approved.
        const items = new Map([...(kept?.items ?? []), ...withdrawal.leaving]);
        this.refuse(
          policy,
          await this.approvals.keep(approvalOf(policy), 'withdrawal', { hash: wanted, items }, signal),
        );
        this.options.logger.info('withdrawal approved', {
          policy: policy.name,
          withdrawal: wanted,
          workloads: withdrawal.leaving.size,
        });
      } else if (kept !== undefined) {
        await this.approvals.drop(uid, 'withdrawal', signal);
      }
    }
    memory.withdrawal = undefined;
    kept = this.approvals.of(uid, 'withdrawal');
    const before = memory.inForce;
    memory.inForce = kept?.hash;
    // Approved; or no longer too many, because others of them have come back.
    const eased = memory.heldBack && this.massWithdrawal(policy) === undefined;
    if (eased) {
      memory.heldBack = false;
    }
    if (eased || (kept !== undefined && before !== kept.hash)) {
      for (const workload of memory.leaving.keys()) {
        this.options.enqueue(workload);
      }
    }
    this.tell(policy, raw);
  }

  private refuse(policy: PolicyRecord, why: string | undefined): void {
    if (why !== undefined) {
      this.of(policy.uid).trouble = `cannot store the approval: ${why}`;
    }
  }

  /** An event where something new waits for a person. */
  private tell(policy: PolicyRecord, raw: CachedPolicy['raw']): void {
    const waits = this.waitsOf(policy);
    const news =
      waits === undefined || waits.reason === 'WaitsForWindow' ? '' : toldText(waits.reason, this.planHashOf(policy));
    const memory = this.of(policy.uid);
    const before = memory.told ?? waitToldBefore(raw.status);
    memory.told = news;
    if (news === before || waits === undefined || news === '') {
      return;
    }
    this.options.recorder.event(
      policySubject(policy),
      waits.reason === 'ApprovalRequired' ? 'Normal' : 'Warning',
      waits.reason,
      waits.message,
    );
  }

  private livingHolder({ policy }: WorkloadState): PolicyRecord | undefined {
    const record = this.options.caches.policies.store.get(policy.name)?.record;
    return record?.uid === policy.uid && !record.deleting ? record : undefined;
  }

  private isAlive(uid: string): boolean {
    return this.options.caches.policyRecords().some((policy) => policy.uid === uid);
  }

  private annotation(policy: PolicyRecord, name: string): string | undefined {
    return this.options.caches.policies.store.get(policy.name)?.raw.metadata.annotations?.[name];
  }

  private latelyOf(uid: string): number[] {
    const since = this.options.now() - LATELY_MS;
    return (this.memories.get(uid)?.lately ?? []).filter((at) => at > since);
  }

  private startLeaving(holder: PolicyRecord, key: string, mark: string): void {
    const memory = this.of(holder.uid);
    if (memory.leaving.get(key) === mark) {
      return;
    }
    memory.leaving.set(key, mark);
    this.left.add(holder.uid);
    memory.leavingSince = this.options.now();
    memory.withdrawal = undefined;
    this.options.onChange(holder.name);
  }

  /** The workload leaves no policy but the one given. */
  private stopLeaving(key: string, except: string | undefined): void {
    for (const uid of this.left) {
      const memory = this.of(uid);
      if (uid === except || !memory.leaving.delete(key)) {
        continue;
      }
      memory.withdrawal = undefined;
      if (memory.leaving.size === 0) {
        this.left.delete(uid);
      }
      this.changed(uid);
    }
  }

  private setPlan({ uid, name }: PolicyRecord, workload: string, hash: string | undefined): void {
    const { plans } = this.of(uid);
    if (plans.get(workload) === hash) {
      return;
    }
    if (hash === undefined) {
      plans.delete(workload);
    } else {
      plans.set(workload, hash);
    }
    this.options.onChange(name);
  }

  /** It waits for no policy, and only these have a plan for it. */
  private dropPlans(key: string, except: readonly string[]): void {
    for (const uid of this.policiesOf.get(key) ?? []) {
      const memory = this.memories.get(uid);
      memory?.waiting.delete(key);
      if (!except.includes(uid) && memory?.plans.delete(key) === true) {
        this.changed(uid);
      }
    }
    this.policiesOf.delete(key);
  }

  private changed(uid: string): void {
    const policy = this.options.caches.policyRecords().find((each) => each.uid === uid);
    if (policy !== undefined) {
      this.options.onChange(policy.name);
    }
  }

  private of(uid: string): PermitMemory {
    let memory = this.memories.get(uid);
    if (memory === undefined) {
      memory = {
        plans: new Map(),
        waiting: new Map(),
        leaving: new Map(),
        leavingSince: 0,
        lately: [],
        heldBack: false,
      };
      this.memories.set(uid, memory);
    }
    return memory;
  }
}

/** What was written to the workload, in short: another write gives another mark. */
function stateMark(workload: Workload): string {
  return fingerprint(workload.annotations[STATE_ANNOTATION] ?? '');
}

function approvalOf({ name, uid, namespace }: PolicyRecord): ApprovalOf {
  // An object of one namespace cannot own one of another.
  return {
    name,
    uid,
    ...(namespace === undefined ? { owner: { apiVersion: `${GROUP}/${VERSION}`, kind: 'SidecarDrainPolicy' } } : {}),
  };
}
