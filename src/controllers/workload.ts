import type { CountDelivered } from '../drain/admit/index.ts';
import { workloadKey, type Workload } from '../drain/model/workload.ts';
import { assess, type Assessment } from '../drain/plan/assess.ts';
import type { OwnProxyConfig } from '../drain/plan/decide.ts';
import { intentKey } from '../drain/plan/intent.ts';
import type { PolicyRecord } from '../drain/plan/policies.ts';
import { stateOf, type WorkloadState } from '../drain/restore/state.ts';
import type { Patience } from '../drain/rollout/patience.ts';
import type { OperatorCaps, Rolling } from '../drain/rollout/gate.ts';
import type { Stage } from '../drain/rollout/stage.ts';
import type { ManagedValues } from '../drain/template/index.ts';
import type { EventRecorder, KubeClient, Logger } from '../kube/index.ts';
import { done, requeueAfter, type Outcome, type WorkQueue } from '../runtime/index.ts';
import type { Caches } from './caches.ts';
import { GiveBack } from './give-back.ts';
import { entriesOf, entriesWith, type Ledger, type LedgerEntry } from './ledger.ts';
import type { Permits, Refusal } from './permits.ts';
import type { OperatorMetrics } from './metrics.ts';
import type { Candidate } from './places.ts';
import { Rollouts } from './rollouts.ts';
import { Undone } from './undone.ts';
import { limitsOf, subjectOf } from './workload-record.ts';
import { WorkloadWriter } from './workload-writer.ts';

/** A timer holds 24 days at most; a look a day costs nothing. */
const LONGEST_WAIT_MS = 24 * 60 * 60_000;

export interface WorkloadControllerOptions {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly ledger: Ledger;
  readonly queue: WorkQueue;
  readonly recorder: EventRecorder;
  readonly logger: Logger;
  readonly metrics: OperatorMetrics;
  readonly caps: OperatorCaps;
  readonly patience: Patience;
  readonly permits: Permits;
  /** Milliseconds until the policies have been quiet for a moment; 0 where they are. */
  readonly policiesSettleInMs: () => number;
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
  private readonly giveBack: GiveBack;
  private readonly undone: Undone;

  constructor(options: WorkloadControllerOptions) {
    this.options = options;
    this.rollouts = new Rollouts({
      caches: options.caches,
      caps: options.caps,
      now: options.now,
      onTurn: (policy, before, after) => {
        this.turned(policy, before, after);
      },
      ask: (key) => {
        options.queue.add(key);
      },
      askAfter: (key, ms) => {
        options.queue.addAfter(key, ms);
      },
      echoed: (key) => {
        options.queue.defer(key);
      },
    });
    this.writer = new WorkloadWriter(options);
    this.undone = new Undone(options.patience, options.now);
    this.giveBack = new GiveBack({ ...options, rollouts: this.rollouts, writer: this.writer });
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const { caches, ledger } = this.options;

    // 1. Gather.
    const workload = caches.workload(key);
    if (workload === undefined || workload.deleting) {
      ledger.forget(key);
      this.undone.forget(key);
      this.giveBack.forget(key);
      this.options.permits.forget(key);
      this.rollouts.forget(key);
      return done;
    }
    const state = stateOf(workload);
    if (state === undefined) {
      // What was given back waits for no evidence any more: it would be looked at again for ever.
      this.giveBack.forget(key);
    }
    this.rollouts.observe(key, workload, state);
    if (this.rollouts.isBehind(key, workload)) {
      return done;
    }

    // 2. Assess: who governs, and what follows from it.
    const exemption = caches.exemptions.of(workload, this.options.now() / 1000);
    const assessment = assess({
      workload,
      namespace: caches.namespace(workload.namespace),
      mesh: caches.meshFacts(),
      policies: caches.policyRecords(workload.namespace),
      exemption,
      unboundedTenants: this.options.unboundedTenants,
      operatorNamespace: this.options.operatorNamespace,
      ownProxyConfig: this.options.ownProxyConfig,
      patience: this.undone.patience(key, workload, state),
      countDelivered: this.options.countDelivered,
    });
    this.options.onDecision(workload, assessment);
    if (assessment.governing === undefined) {
      this.undone.forget(key);
    }

    // 3. Account for what was found, before anything is done about it.
    const held = caches.writesHeldBecause() ?? this.heldByNamespace(workload) ?? this.giveBack.heldByStalled(state);
    ledger.record(key, this.withHalt(key, entriesOf(assessment, held), assessment));
    this.warn(workload, assessment);
    const due = state !== undefined && this.giveBack.isDue(key, workload, state, assessment);
    this.options.permits.note(workload, state, assessment, due);

    // 4. Write, give back, or leave.
    const decision = assessment.governing?.decision;
    if (decision?.write !== undefined && decision.carrier === undefined && assessment.governing !== undefined) {
      return held === undefined ? await this.enforce(workload, state, assessment, assessment.governing, signal) : done;
    }
    if (state !== undefined && decision?.adopt !== undefined && assessment.governing !== undefined) {
      return held === undefined
        ? await this.adopt(workload, state, assessment.governing.policy, decision.adopt, signal)
        : done;
    }
    if (state !== undefined && due) {
      this.undone.forget(key);
      const refusal = held === undefined ? this.options.permits.mayGiveBack(workload, state) : undefined;
      return held !== undefined
        ? done
        : refusal !== undefined
          ? this.refused(key, refusal)
          : await this.giveBack.run(workload, state, signal);
    }
    return this.laterLook(key, decision?.notBefore);
  }

  /** What ends anyway is left in peace, whichever of its policies goes first. */
  private heldByNamespace({ namespace }: Workload): string | undefined {
    return this.options.caches.namespace(namespace).deleting === true ? 'its namespace is being deleted' : undefined;
  }

  private async enforce(
    workload: Workload,
    state: WorkloadState | undefined,
    assessment: Assessment,
    governing: NonNullable<Assessment['governing']>,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { metrics } = this.options;
    const { policy, decision } = governing;
    const key = workloadKey(workload);
    const values = decision.write;
    if (values === undefined) {
      return done;
    }
    const limits = limitsOf(policy);
    const candidate: Candidate = { me: rollingOf(workload, policy), limits, uid: policy.uid };
    const settling = limits.strategy === 'Waves' ? this.options.policiesSettleInMs() : 0;
    if (settling > 0) {
      this.options.ledger.record(
        key,
        entriesWith(assessment, policy.name, {
          outcome: 'Pending',
          reason: '',
          message: 'waits: policies have just changed',
        }),
      );
      return requeueAfter(settling);
    }
    const refusal = this.options.permits.mayWrite(policy, key);
    if (refusal !== undefined) {
      this.options.ledger.record(
        key,
        entriesWith(assessment, policy.name, { outcome: 'Pending', reason: refusal.reason, message: refusal.because }),
      );
      return this.refused(key, refusal);
    }
    const wait = this.rollouts.mayStart(key, candidate, workload);
    if (wait !== undefined) {
      this.options.ledger.record(
        key,
        entriesWith(assessment, policy.name, { outcome: 'Pending', reason: wait.reason, message: wait.because }),
      );
      return done;
    }
    this.rollouts.start(candidate, workload, intentKey(policy.intent));
    try {
      this.rollouts.noteWrite(
        key,
        await this.writer.apply(workload, state, policy, values, decision.reverts, signal),
        candidate.me,
      );
      this.undone.wrote(key, decision.reverts);
    } catch (error) {
      this.rollouts.release(key);
      return this.writer.failed(workload, error, (message) => {
        this.options.ledger.record(
          key,
          entriesWith(assessment, policy.name, { outcome: 'Failed', reason: '', message }),
        );
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
    this.options.recorder.event(subjectOf(workload), 'Normal', 'DrainApplied', `Policy ${policy.name}: ${what}`);
    this.options.ledger.record(
      key,
      entriesWith(assessment, policy.name, { outcome: 'Updating', reason: '', message: 'written' }),
    );
    return done;
  }

  /** The workload passes to another policy, or remembers an older wish of its own: the state is written, no pod restarts. */
  private async adopt(
    workload: Workload,
    state: WorkloadState,
    policy: PolicyRecord,
    values: ManagedValues,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const key = workloadKey(workload);
    const refusal = this.options.permits.mayAdopt(policy, key);
    if (refusal !== undefined) {
      return this.refused(key, refusal);
    }
    try {
      this.rollouts.noteWrite(
        key,
        await this.writer.apply(workload, state, policy, values, state.reverts, signal, true),
        rollingOf(workload, policy),
      );
    } catch (error) {
      return this.writer.failed(workload, error);
    }
    this.options.metrics.written(policy.name, 'adopt');
    this.options.logger.info('workload adopted by its policy, nothing to change', {
      workload: key,
      policy: policy.name,
      from: state.policy.name,
    });
    return done;
  }

  /** It takes no place while it may not be written; where the time is known when it may, it is looked at again then. */
  private refused(key: string, { lookAgainAt }: Refusal): Outcome {
    this.rollouts.stopWaiting(key);
    return lookAgainAt === undefined
      ? done
      : requeueAfter(Math.min(LONGEST_WAIT_MS, Math.max(0, lookAgainAt - this.options.now())));
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
    logger.info('the waves of a policy have come to another stage', {
      policy,
      stage: after.phase,
      ...(after.halt === undefined ? {} : { because: after.halt.message }),
    });
    const culprit = after.halt === undefined ? undefined : caches.workload(after.halt.workload);
    if (culprit !== undefined && after.halt !== undefined) {
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
      return requeueAfter(Math.max(1_000, notBefore * 1000 - this.options.now()));
    }
    const dueInMs = this.giveBack.dueInMs(key);
    return dueInMs === undefined ? done : requeueAfter(dueInMs);
  }

  private warn(workload: Workload, assessment: Assessment): void {
    const decision = assessment.governing?.decision;
    if (decision !== undefined && (decision.outcome === 'Conflicted' || decision.outcome === 'Failed')) {
      this.options.recorder.event(
        subjectOf(workload),
        'Warning',
        decision.reason ?? decision.outcome,
        `Policy ${decision.policy ?? ''}: ${decision.message}`,
      );
    }
  }
}

function rollingOf(workload: Workload, policy: PolicyRecord): Rolling {
  return {
    workload: workloadKey(workload),
    policy: policy.name,
    namespace: workload.namespace,
    pods: workload.rollout.replicas,
  };
}
