import type { EventReason } from '../../api/events.ts';
import type { ManagedValues } from '../../drain/model/managed.ts';
import type { CountDelivered } from '../../drain/admit/index.ts';
import { workloadKey, type Workload } from '../../drain/model/workload.ts';
import { assess, type Assessment } from '../../drain/plan/assess.ts';
import type { OwnProxyConfig } from '../../drain/plan/decide.ts';
import { intentKey } from '../../drain/promise/intent.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import { stateOf, type WorkloadState } from '../../drain/template/note/state.ts';
import type { Patience } from '../../drain/rollout/patience.ts';
import type { OperatorCaps, Rolling } from '../../drain/rollout/gate.ts';
import type { Stage } from '../../drain/rollout/stage.ts';
import type { EventRecorder, KubeClient, Logger } from '../../kube/index.ts';
import { done, requeueAfter, type Outcome, type WorkQueue } from '../../runtime/index.ts';
import type { Caches } from '../watches/caches.ts';
import { waitMs, type EpochMs } from '../time.ts';
import { EnvironmentProof } from './environment-proof.ts';
import { TerminatingPods } from './terminating-pods.ts';
import { firstRefusal, holdsEverything, type RefusedBy, type WriteInput } from './gates.ts';
import { Restorer, RESTORING } from './restorer.ts';
import { countsForPolicy } from './note-standing.ts';
import { WorkloadMemories } from './workload-memory.ts';
import { WriteRefusals } from './write-refusals.ts';
import { haltToldBefore, workloadToldBefore } from '../reports/told-before.ts';
import { troubleOf } from '../reports/trouble.ts';
import { entriesOf, entriesWith, type Ledger, type LedgerEntry } from '../reports/ledger.ts';
import type { Permits } from '../policy/permits.ts';
import type { OperatorMetrics } from '../reports/operator-metrics.ts';
import type { Candidate } from '../rollout/rollout-slots.ts';
import { Rollouts } from '../rollout/rollouts.ts';
import { RevertTracker } from './revert-tracker.ts';
import { limitsOf, policySubject, subjectOf } from './workload-record.ts';
import { WorkloadWriter } from './workload-writer.ts';

export interface WorkloadControllerOptions {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly ledger: Ledger;
  readonly queue: WorkQueue;
  readonly recorder: EventRecorder<EventReason>;
  readonly logger: Logger;
  readonly metrics: OperatorMetrics;
  readonly caps: OperatorCaps;
  readonly patience: Patience;
  readonly permits: Permits;
  /** Until when policies that concern a namespace may still be changing; undefined where they are quiet. */
  readonly policiesSettleUntil: (namespace: string) => EpochMs | undefined;
  /** Until when istiod may not know yet of the ProxyConfig that a policy has in a namespace. */
  readonly proxyConfigKnownAt: (policy: PolicyRecord, namespace: string) => EpochMs | undefined;
  readonly operatorNamespace: string;
  /** Namespaced policies may govern where no policy of the cluster would. */
  readonly unboundedTenants: boolean;
  readonly now: () => number;
  readonly ownProxyConfig: (policy: PolicyRecord, namespace: string) => OwnProxyConfig | undefined;
  /** Counts the pods of policies with delivery: Admission. */
  readonly countDelivered: CountDelivered;
  /** The admission webhook can be called. */
  readonly admissionServes: () => boolean;
  /** The waves of a policy have come to another stage. */
  readonly onTurn: (policy: string) => void;
  /** Told of the environment that a workload needs from a ProxyConfig resource. */
  readonly onDecision: (workload: Workload, assessment: Assessment) => void;
}

/** Keeps each workload to its policy. One pass reads: gather, assess, gate, write, account. */
export class WorkloadController {
  private readonly options: WorkloadControllerOptions;
  readonly rollouts: Rollouts;
  private readonly writer: WorkloadWriter;
  private readonly restorer: Restorer;
  private readonly reverts: RevertTracker;
  private readonly refusals: WriteRefusals;
  private readonly memories = new WorkloadMemories();
  private readonly proof: EnvironmentProof;
  private readonly terminating: TerminatingPods;

  constructor(options: WorkloadControllerOptions) {
    this.options = options;
    this.rollouts = new Rollouts({
      caches: options.caches,
      caps: options.caps,
      now: options.now,
      onTurn: (policy, before, after) => {
        this.turned(policy, before, after);
      },
      counts: (workload, state) => this.countsForPolicy(workload, state),
      podsCarryEnvironment: (key, workload) => this.proof.of(key, workload),
      terminatingPods: (key, workload) => this.terminating.of(key, workload),
      failed: (key, error) => {
        options.logger.error('a workload cannot be evaluated; the others go on', { workload: key, error });
      },
      enqueue: (key) => {
        options.queue.add(key);
      },
      enqueueAfter: (key, ms) => {
        options.queue.addAfter(key, ms);
      },
      echoed: (key) => {
        options.queue.defer(key);
      },
    });
    this.refusals = new WriteRefusals(this.memories, options.now);
    this.writer = new WorkloadWriter({ ...options, refusals: this.refusals });
    this.reverts = new RevertTracker(this.memories, options.patience, options.now);
    this.proof = new EnvironmentProof({
      ...options,
      onProven: (key) => {
        options.queue.add(key);
      },
    });
    this.terminating = new TerminatingPods({
      ...options,
      lookAgain: (key, ms) => {
        options.queue.addAfter(key, ms);
      },
    });
    this.restorer = new Restorer({ ...options, rollouts: this.rollouts, writer: this.writer, memories: this.memories });
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const { caches, ledger } = this.options;

    // 1. Gather.
    const workload = caches.workload(key);
    if (workload === undefined || workload.deleting) {
      ledger.forget(key);
      this.memories.drop(key);
      this.proof.forget(key);
      this.terminating.forget(key);
      this.options.permits.forget(key);
      this.rollouts.forget(key);
      return done;
    }
    const state = stateOf(workload);
    if (state === undefined) {
      // What was restored waits for no evidence any more: it would be looked at again for ever.
      this.restorer.forget(key);
    }
    this.rollouts.observe(key, workload, state);
    if (this.rollouts.isBehind(key, workload)) {
      return requeueAfter(BEHIND_LOOK_MS);
    }

    // 2. Assess: who governs, and what follows from it.
    const exemption = caches.exemptions.of(workload, this.options.now() / 1000);
    const namespace = caches.namespace(workload.namespace);
    const assessment = assess({
      workload,
      namespace,
      mesh: caches.meshFacts(),
      policies: caches.policiesIn(namespace),
      exemption,
      unboundedTenants: this.options.unboundedTenants,
      operatorNamespace: this.options.operatorNamespace,
      ownProxyConfig: this.options.ownProxyConfig,
      patience: this.reverts.patience(key, workload, state),
      countDelivered: this.options.countDelivered,
    });
    this.options.onDecision(workload, assessment);
    if (assessment.governing === undefined) {
      this.reverts.forget(key);
    }

    // 3. Account for what was found, before anything is done about it.
    const held = firstRefusal(this.heldInput(workload, state));
    ledger.record(key, this.withHalt(key, entriesOf(assessment, held?.message), assessment));
    this.warn(workload, assessment);
    const due = state !== undefined && this.restorer.isDue(key, workload, state, assessment);
    this.options.permits.note(workload, state, assessment, due);

    // 4. Write, restore, or leave.
    const { governing } = assessment;
    const decision = governing?.decision;
    if (decision?.write !== undefined && decision.carrier === undefined && governing !== undefined) {
      return await this.enforce(workload, state, assessment, governing, signal);
    }
    if (state !== undefined && decision?.adopt !== undefined && governing !== undefined) {
      return await this.adopt(workload, state, governing.policy, decision.adopt, signal);
    }
    if (state !== undefined && due) {
      this.reverts.forget(key);
      return await this.withdraw(workload, state, signal);
    }
    if (state !== undefined && governing !== undefined && yieldsTo(workload, governing)) {
      return await this.yieldFields(workload, state, governing.policy, signal);
    }
    return this.laterLook(key, decision?.notBefore);
  }

  /** The note of a workload counts for its policy only where the policy selects the workload. */
  private countsForPolicy(workload: Workload, state: WorkloadState): boolean {
    const { caches, operatorNamespace } = this.options;
    return countsForPolicy(
      workload,
      state,
      caches.policies.store.get(state.policy.name)?.record,
      caches.namespace(workload.namespace),
      { rootNamespace: caches.meshFacts().rootNamespace, operatorNamespace },
    );
  }

  /** What holds back every write, whatever is to be written. */
  private heldInput(workload: Workload, state: WorkloadState | undefined): WriteInput {
    const { caches, now } = this.options;
    return {
      kind: 'Adopt',
      now: now(),
      offSwitch: caches.writesHeldBecause(),
      namespaceEnding: caches.namespace(workload.namespace).deleting === true,
      holderStalled: this.restorer.heldByStalled(state),
      approval: open,
      window: open,
      withdrawal: open,
      obstacle: open,
      slot: open,
    };
  }

  private enforceInput(
    workload: Workload,
    state: WorkloadState | undefined,
    { policy, decision }: Governing,
    candidate: Candidate,
  ): WriteInput {
    const { permits, policiesSettleUntil, proxyConfigKnownAt } = this.options;
    const key = workloadKey(workload);
    return {
      ...this.heldInput(workload, state),
      kind: 'Enforce',
      policiesSettleUntil: candidate.limits.strategy === 'Waves' ? policiesSettleUntil(workload.namespace) : undefined,
      refused: this.refusals.of(key, workload, intentKey(policy.intent)),
      environmentKnownAt:
        decision.write?.proxyConfigMark === undefined ? undefined : proxyConfigKnownAt(policy, workload.namespace),
      approval: () => permits.approval(policy, key),
      window: () => permits.window(policy),
      obstacle: () => this.rollouts.obstacle(key, candidate, workload),
      slot: () => this.rollouts.slot(candidate, workload),
    };
  }

  /**
   * Reads the off switch where every gate is open and the picture of it is old. Between the gates and the slot that is taken
   * nothing may be awaited, or two would take the same one: so they are asked again after this.
   * @returns false where the workload has changed meanwhile
   */
  private async isStillTrue(workload: Workload, input: WriteInput, signal: AbortSignal): Promise<boolean> {
    const { caches } = this.options;
    if (firstRefusal(input) !== undefined || !(await caches.offSwitch.refresh(signal))) {
      return true;
    }
    return caches.workload(workloadKey(workload)) === workload;
  }

  private waits(key: string, refused: RefusedBy, candidate?: Candidate): Outcome {
    this.options.logger.debug('a gate holds a write back', {
      workload: key,
      gate: refused.gate,
      reason: refused.message,
    });
    if (refused.gate === 'Slot' && candidate !== undefined) {
      this.rollouts.waitForSlot(candidate);
    } else {
      this.rollouts.leaveQueue(key);
    }
    return requeueAfter(waitMs(refused.lookAgainAt, this.options.now()));
  }

  private async enforce(
    workload: Workload,
    state: WorkloadState | undefined,
    assessment: Assessment,
    governing: Governing,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { ledger, metrics, permits } = this.options;
    const { policy, decision } = governing;
    const key = workloadKey(workload);
    const values = decision.write;
    if (values === undefined) {
      return done;
    }
    const intent = intentKey(policy.intent);
    const candidate: Candidate = { me: rollingOf(workload, policy), limits: limitsOf(policy), uid: policy.uid };
    const record = (entry: LedgerEntry): void => {
      ledger.record(key, entriesWith(assessment, policy.name, entry));
    };
    const input = (): WriteInput => this.enforceInput(workload, state, governing, candidate);
    if (!(await this.isStillTrue(workload, input(), signal))) {
      return requeueAfter(0);
    }
    const refused = firstRefusal(input());
    permits.waits(policy, key, refused !== undefined && isPermission(refused) ? refused : undefined);
    if (refused !== undefined) {
      if (refused.gate === 'RefusedLately') {
        record({ outcome: 'Failed', reason: '', message: refused.message });
      } else if (!holdsEverything(refused)) {
        record({ outcome: 'Pending', reason: refused.reason, message: refused.message });
      }
      return this.waits(key, refused, candidate);
    }
    this.rollouts.start(candidate, workload, intent);
    try {
      this.rollouts.noteWrite(
        key,
        await this.writer.apply(workload, state, policy, values, decision.reverts, signal),
        candidate.me,
      );
      this.reverts.wrote(key, decision.reverts);
      this.refusals.taken(key);
    } catch (error) {
      this.rollouts.release(key);
      return this.writer.failed(workload, intent, error, (message) => {
        record({ outcome: 'Failed', reason: '', message });
      });
    }
    metrics.written(policy.name, 'apply');
    const what = decision.changes.map((change) => change.why).join('; ');
    this.options.logger.info('workload brought under its policy', {
      workload: key,
      policy: policy.name,
      changes: decision.changes.map((change) => change.path),
      why: what,
    });
    this.options.recorder.event(
      subjectOf(workload),
      'Normal',
      'DrainApplied',
      `Policy ${policy.name}: ${what}`,
      policySubject(policy),
    );
    record({ outcome: 'Updating', reason: '', message: 'written' });
    return done;
  }

  /** The workload passes to another policy, or remembers an older intent of its own: the state is written, no pod restarts. */
  private async adopt(
    workload: Workload,
    state: WorkloadState,
    policy: PolicyRecord,
    values: ManagedValues,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const key = workloadKey(workload);
    const intent = intentKey(policy.intent);
    const input = (): WriteInput => ({
      ...this.heldInput(workload, state),
      kind: 'Adopt',
      refused: this.refusals.of(key, workload, intent),
      approval: () => this.options.permits.approval(policy, key),
    });
    if (!(await this.isStillTrue(workload, input(), signal))) {
      return requeueAfter(0);
    }
    const refused = firstRefusal(input());
    if (refused !== undefined) {
      this.options.permits.waits(policy, key, isPermission(refused) ? refused : undefined);
      return this.waits(key, refused);
    }
    try {
      this.rollouts.noteWrite(
        key,
        await this.writer.apply(workload, state, policy, values, state.reverts, signal, true),
        rollingOf(workload, policy),
      );
      this.refusals.taken(key);
    } catch (error) {
      return this.writer.failed(workload, intent, error);
    }
    this.options.metrics.written(policy.name, 'adopt');
    this.options.logger.info('workload adopted by its policy, nothing to change', {
      workload: key,
      policy: policy.name,
      from: state.policy.name,
    });
    return done;
  }

  /** Nothing of the workload changes but who is said to hold what we wrote. */
  private async yieldFields(
    workload: Workload,
    state: WorkloadState,
    policy: PolicyRecord,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const key = workloadKey(workload);
    const refused = firstRefusal({
      ...this.heldInput(workload, state),
      refused: this.refusals.of(key, workload, YIELDING),
    });
    if (refused !== undefined) {
      return this.waits(key, refused);
    }
    try {
      const live = await this.writer.yieldFields(workload, signal);
      if (live !== undefined) {
        this.rollouts.noteWrite(key, live, rollingOf(workload, policy));
        this.refusals.taken(key);
      }
    } catch (error) {
      return this.writer.failed(workload, YIELDING, error);
    }
    this.options.logger.debug('fields given up in managedFields', { workload: key, policy: policy.name });
    return done;
  }

  private async withdraw(workload: Workload, state: WorkloadState, signal: AbortSignal): Promise<Outcome> {
    const { permits } = this.options;
    const key = workloadKey(workload);
    const plan = this.restorer.plan(workload, state);
    const input = (): WriteInput => ({
      ...this.heldInput(workload, state),
      kind: 'Restore',
      refused: this.refusals.of(key, workload, RESTORING),
      withdrawal: () => permits.withdrawal(workload, state),
      window: () => permits.windowOfHolder(state),
      obstacle: () => this.rollouts.obstacle(key, plan.candidate, workload),
      slot: () => this.rollouts.slot(plan.candidate, workload),
    });
    if (!(await this.isStillTrue(workload, input(), signal))) {
      return requeueAfter(0);
    }
    const refused = firstRefusal(input());
    if (refused !== undefined) {
      return this.waits(key, refused, plan.candidate);
    }
    const outcome = await this.restorer.run(workload, plan, signal);
    if (outcome.kind === 'done') {
      this.refusals.taken(key);
    }
    return outcome;
  }

  /** A workload that halts its policy is one that somebody has to look at, whatever is decided about it. */
  private withHalt(
    key: string,
    entries: Map<string, LedgerEntry>,
    { governing }: Assessment,
  ): Map<string, LedgerEntry> {
    const halt = this.rollouts.haltOf(key);
    const outcome = governing?.decision.outcome;
    return halt !== undefined && governing !== undefined && (outcome === 'Updating' || outcome === 'Compliant')
      ? entries.set(governing.policy.name, { outcome: 'Failed', reason: 'RolloutStuck', message: halt.message })
      : entries;
  }

  private turned(policy: string, before: Stage | undefined, after: Stage): void {
    const { caches, recorder, logger } = this.options;
    this.options.onTurn(policy);
    if (before?.phase === after.phase && before.halt?.message === after.halt?.message) {
      return;
    }
    logger.info('the rollout stage of a policy has changed', {
      policy,
      stage: after.phase,
      ...(after.halt === undefined ? {} : { because: after.halt.message }),
    });
    const culprit = after.halt === undefined ? undefined : caches.workload(after.halt.workload);
    const status = before === undefined ? caches.policies.store.get(policy)?.raw.status : undefined;
    if (culprit !== undefined && after.halt !== undefined && !haltToldBefore(status, after.halt.message)) {
      recorder.event(
        subjectOf(culprit),
        'Warning',
        'RolloutHalted',
        `Policy ${policy} changes no other workload: ${after.halt.message}`,
      );
    }
  }

  private laterLook(key: string, notBefore: number | undefined): Outcome {
    this.rollouts.stopWaiting(key);
    if (notBefore !== undefined) {
      return requeueAfter(Math.max(1_000, waitMs(notBefore * 1000, this.options.now())));
    }
    const dueInMs = this.restorer.dueInMs(key);
    return dueInMs === undefined ? done : requeueAfter(dueInMs);
  }

  private warn(workload: Workload, assessment: Assessment): void {
    const { governing } = assessment;
    const key = workloadKey(workload);
    const trouble = governing === undefined ? undefined : troubleOf(governing.decision);
    if (governing === undefined || trouble === undefined) {
      // Whatever comes next is news.
      if (this.memories.peek(key).warned !== undefined) {
        this.memories.of(key).warned = '';
      }
      return;
    }
    const { policy } = governing;
    const { reason, message } = trouble;
    const memory = this.memories.of(key);
    const { warned } = memory;
    memory.warned = `${policy.name} ${reason} ${message}`;
    const status = warned === undefined ? this.options.caches.policies.store.get(policy.name)?.raw.status : undefined;
    if (warned === memory.warned || workloadToldBefore(status, workload, reason, message)) {
      return;
    }
    this.options.recorder.event(subjectOf(workload), 'Warning', reason, `Policy ${policy.name}: ${message}`);
  }
}

type Governing = NonNullable<Assessment['governing']>;

/** The watch brings our own write within moments; should it bring nothing that is news, it is looked at again. */
const BEHIND_LOOK_MS = 5_000;

/** What a refused edit of managedFields is remembered by; no intent is called so. */
const YIELDING = 'yielding';

/**
 * Under `conflicts: Report` whoever states a field wins. What managedFields book to us would refuse a server-side apply that
 * states it, so it is given up where somebody applies the workload so.
 */
function yieldsTo({ hold }: Workload, { policy, decision }: Governing): boolean {
  return (
    hold === 'AgainstApply' &&
    policy.spec.conflicts === 'Report' &&
    policy.spec.enforcement === 'Enforce' &&
    !policy.spec.suspend &&
    policy.stalled === undefined &&
    (decision.outcome === 'Compliant' || decision.outcome === 'Updating')
  );
}

function open(): undefined {
  return undefined;
}

/** What the condition of the policy names as waited for. */
function isPermission({ reason }: RefusedBy): boolean {
  return reason === 'ApprovalRequired' || reason === 'WaitsForWindow' || reason === 'WithdrawalHeld';
}

function rollingOf(workload: Workload, policy: PolicyRecord): Rolling {
  return {
    workload: workloadKey(workload),
    policy: policy.name,
    namespace: workload.namespace,
    pods: workload.rollout.replicas,
  };
}
