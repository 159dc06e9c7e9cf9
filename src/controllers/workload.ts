import { workloadKey, type Seconds, type Workload } from '../drain/model/workload.ts';
import { assess, type Assessment, type AssessInput } from '../drain/plan/assess.ts';
import type { OwnProxyConfig } from '../drain/plan/decide.ts';
import type { PolicyRecord } from '../drain/plan/policies.ts';
import { writtenValuesStand, type WorkloadState } from '../drain/restore/state.ts';
import type { Patience } from '../drain/rollout/patience.ts';
import type { OperatorCaps, Rolling } from '../drain/rollout/gate.ts';
import type { ManagedValues } from '../drain/template/index.ts';
import type { EventRecorder, KubeClient, Logger } from '../kube/index.ts';
import { done, requeueAfter, type Outcome, type WorkQueue } from '../runtime/index.ts';
import type { Caches } from './caches.ts';
import { GiveBack } from './give-back.ts';
import { entriesOf, type Ledger } from './ledger.ts';
import type { OperatorMetrics } from './metrics.ts';
import { Rollouts } from './rollouts.ts';
import { limitsOf, stateOf, subjectOf } from './workload-record.ts';
import { WorkloadWriter } from './workload-writer.ts';

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
  /** Milliseconds until the policies have been quiet for a moment; 0 where they are. */
  readonly policiesSettleInMs: () => number;
  readonly operatorNamespace: string;
  /** Namespaced policies may govern where no policy of the cluster would. */
  readonly unboundedTenants: boolean;
  readonly now: () => number;
  readonly ownProxyConfig: (policy: PolicyRecord, namespace: string) => OwnProxyConfig | undefined;
  /** Told of the environment that a workload needs from a ProxyConfig resource. */
  readonly onDecision: (workload: Workload, assessment: Assessment) => void;
}

/** Keeps each workload to its policy. One pass reads: gather, assess, gate, write, account. */
export class WorkloadController {
  private readonly options: WorkloadControllerOptions;
  readonly rollouts: Rollouts;
  private readonly writer: WorkloadWriter;
  private readonly giveBack: GiveBack;
  /** When the values of ours were first seen undone, in seconds: managedFields do not tell when somebody takes one out. */
  private readonly undoneSince = new Map<string, Seconds>();

  constructor(options: WorkloadControllerOptions) {
    this.options = options;
    this.rollouts = new Rollouts({
      caches: options.caches, caps: options.caps, ask: (key) => { options.queue.add(key); }, echoed: (key) => { options.queue.defer(key); },
    });
    this.writer = new WorkloadWriter(options);
    this.giveBack = new GiveBack({ ...options, rollouts: this.rollouts, writer: this.writer });
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const { caches, ledger } = this.options;

    // 1. Gather.
    const workload = caches.workload(key);
    if (workload === undefined || workload.deleting) {
      ledger.forget(key);
      this.undoneSince.delete(key);
      this.giveBack.forget(key);
      this.rollouts.forget(key);
      return done;
    }
    const state = stateOf(workload);
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
      ...(exemption === undefined ? {} : { exemption }),
      unboundedTenants: this.options.unboundedTenants,
      hold: caches.exemptions.isLost(),
      operatorNamespace: this.options.operatorNamespace,
      ownProxyConfig: this.options.ownProxyConfig,
      patience: this.patienceWith(key, workload, state),
    });
    this.options.onDecision(workload, assessment);

    // 3. Account for what was found, before anything is done about it.
    const held = caches.writesHeldBecause() ?? this.giveBack.heldByStalled(state);
    ledger.record(key, entriesOf(assessment, held));
    this.warn(workload, assessment);

    // 4. Write, give back, or leave.
    const decision = assessment.governing?.decision;
    if (decision?.write !== undefined && assessment.governing !== undefined) {
      return held === undefined ? await this.enforce(workload, state, assessment, assessment.governing, signal) : done;
    }
    if (state !== undefined && decision?.adopt !== undefined && assessment.governing !== undefined) {
      return held === undefined ? await this.adopt(workload, state, assessment.governing.policy, decision.adopt, signal) : done;
    }
    if (state !== undefined && this.giveBack.isDue(key, workload, state, assessment)) {
      return held === undefined ? await this.giveBack.run(workload, state, signal) : done;
    }
    return this.laterLook(key, decision?.notBefore);
  }

  private patienceWith(key: string, workload: Workload, state: WorkloadState | undefined): NonNullable<AssessInput['patience']> {
    const now = this.options.now() / 1000;
    const rules = this.options.patience;
    if (state === undefined || writtenValuesStand(workload.template, state)) {
      this.undoneSince.delete(key);
      return { now, rules };
    }
    const undoneSince = this.undoneSince.get(key) ?? now;
    this.undoneSince.set(key, undoneSince);
    return { now, rules, undoneSince };
  }

  private async enforce(workload: Workload, state: WorkloadState | undefined, assessment: Assessment, governing: NonNullable<Assessment['governing']>, signal: AbortSignal): Promise<Outcome> {
    const { metrics } = this.options;
    const { policy, decision } = governing;
    const key = workloadKey(workload);
    const values = decision.write;
    if (values === undefined) {
      return done;
    }
    const me: Rolling = { workload: key, policy: policy.name, namespace: workload.namespace };
    const limits = limitsOf(policy);
    const settling = limits.strategy === 'Waves' ? this.options.policiesSettleInMs() : 0;
    if (settling > 0) {
      this.options.ledger.record(key, entriesOf(assessment, undefined).set(policy.name, { outcome: 'Pending', reason: '', message: 'waits: policies have just changed' }));
      return requeueAfter(settling);
    }
    const turn = this.rollouts.mayStart(key, { me, limits }, workload);
    if (turn !== undefined) {
      this.options.ledger.record(key, entriesOf(assessment, undefined).set(policy.name, { outcome: 'Pending', reason: '', message: turn }));
      return done;
    }
    this.rollouts.start(me);
    try {
      this.rollouts.noteWrite(key, await this.writer.apply(workload, state, policy, values, decision.reverts, signal), me);
    } catch (error) {
      this.rollouts.release(key);
      return this.writer.failed(workload, error, (message) => {
        this.options.ledger.record(key, entriesOf(assessment, undefined).set(policy.name, { outcome: 'Failed', reason: '', message }));
      });
    }
    metrics.written(policy.name, 'apply');
    const what = decision.changes.map((change) => change.why).join('; ');
    this.options.logger.info('workload brought under its policy', { workload: key, policy: policy.name, changes: decision.changes.map((change) => change.path), why: what });
    this.options.recorder.event(subjectOf(workload), 'Normal', 'DrainApplied', `Policy ${policy.name}: ${what}`);
    this.options.ledger.record(key, entriesOf(assessment, undefined).set(policy.name, { outcome: 'Updating', reason: '', message: 'written' }));
    return done;
  }

  /** The workload passes to another policy, or remembers an older wish of its own: the state is written, no pod restarts. */
  private async adopt(workload: Workload, state: WorkloadState, policy: PolicyRecord, values: ManagedValues, signal: AbortSignal): Promise<Outcome> {
    const key = workloadKey(workload);
    try {
      this.rollouts.noteWrite(key, await this.writer.apply(workload, state, policy, values, state.reverts, signal), { workload: key, policy: policy.name, namespace: workload.namespace });
    } catch (error) {
      return this.writer.failed(workload, error);
    }
    this.options.metrics.written(policy.name, 'adopt');
    this.options.logger.info('workload adopted by its policy, nothing to change', { workload: key, policy: policy.name, from: state.policy.name });
    return done;
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
      this.options.recorder.event(subjectOf(workload), 'Warning', decision.reason ?? decision.outcome, `Policy ${decision.policy ?? ''}: ${decision.message}`);
    }
  }
}
