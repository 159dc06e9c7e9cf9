import { EXEMPT_ANNOTATION, FIELD_MANAGER } from '../api/names.ts';
import { workloadKey, type Seconds, type Workload } from '../drain/model/workload.ts';
import { assess, type Assessment, type AssessInput } from '../drain/plan/assess.ts';
import type { OwnProxyConfig } from '../drain/plan/decide.ts';
import { intentKey } from '../drain/plan/intent.ts';
import type { PolicyRecord } from '../drain/plan/policies.ts';
import { nextState, writtenValuesStand, type WorkloadState } from '../drain/restore/state.ts';
import { planRestore } from '../drain/restore/restore.ts';
import type { Patience } from '../drain/rollout/patience.ts';
import type { OperatorCaps, Rolling, RolloutLimits } from '../drain/rollout/gate.ts';
import { buildApply, type ManagedValues, type RawObject } from '../drain/template/index.ts';
import { isApiError, type EventRecorder, type KubeClient, type Logger, type Resource } from '../kube/index.ts';
import { done, requeueAfter, terminal, TerminalError, type Outcome, type WorkQueue } from '../runtime/index.ts';
import type { Caches } from './caches.ts';
import { entriesOf, type Ledger } from './ledger.ts';
import type { OperatorMetrics } from './metrics.ts';
import { isAtLeast, type OwnWrite, type Written } from './own-writes.ts';
import { limitsOf, ownObstacle, stateOf, subjectOf } from './workload-record.ts';
import { Places, type Candidate } from './places.ts';

/** Evidence that a hook of ours stands where nothing is injected must last this long before it is withdrawn. */
const WITHDRAW_AFTER_MS = 10 * 60_000;
/** Patches of one giving back, until its ownership is given up too; then the next look at the workload goes on. */
const RESTORE_TRIES = 6;

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
  readonly now: () => number;
  readonly ownProxyConfig: (policy: PolicyRecord, namespace: string) => OwnProxyConfig | undefined;
  /** Told of the environment that a workload needs from a ProxyConfig resource. */
  readonly onDecision: (workload: Workload, assessment: Assessment) => void;
}

/** Keeps each workload to its policy. One pass reads: gather, assess, gate, write, account. */
export class WorkloadController {
  private readonly options: WorkloadControllerOptions;
  private readonly ownWrites = new Map<string, OwnWrite>();
  private readonly places: Places;
  private readonly notInjectedSince = new Map<string, number>();
  /** When the values of ours were first seen undone, in seconds: managedFields do not tell when somebody takes one out. */
  private readonly undoneSince = new Map<string, Seconds>();
  /** Given back and not yet rolled out: the state annotation that would tell is gone by then. */
  private readonly givingBack = new Map<string, Rolling>();

  constructor(options: WorkloadControllerOptions) {
    this.options = options;
    this.places = new Places(options.caps, (key) => { options.queue.add(key); });
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const { caches, ledger } = this.options;

    // 1. Gather.
    const workload = caches.workload(key);
    if (workload === undefined || workload.deleting) {
      ledger.forget(key);
      this.ownWrites.delete(key);
      this.notInjectedSince.delete(key);
      this.undoneSince.delete(key);
      this.places.stopWaiting(key);
      this.releasePlace(key);
      return done;
    }
    const state = stateOf(workload);
    this.settleRollout(key, this.rollingOf(workload, state));
    if (this.isBehind(key, workload)) {
      return done;
    }

    // 2. Assess: who governs, and what follows from it.
    const assessment = assess({
      workload,
      namespace: caches.namespace(workload.namespace),
      mesh: caches.meshFacts(),
      policies: caches.policyRecords(),
      operatorNamespace: this.options.operatorNamespace,
      ownProxyConfig: this.options.ownProxyConfig,
      patience: this.patienceWith(key, workload, state),
    });
    this.options.onDecision(workload, assessment);

    // 3. Account for what was found, before anything is done about it.
    const held = caches.writesHeldBecause() ?? this.heldByStalled(state);
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
    if (state !== undefined && this.mayGiveBack(key, workload, state, assessment)) {
      return held === undefined ? await this.giveBack(workload, state, signal) : done;
    }
    return this.laterLook(key, decision?.notBefore);
  }

  /** How many workloads roll out because of us now. */
  rollingCount(): number {
    return this.places.rollingCount;
  }

  waitingCount(): number {
    return this.places.waitingCount;
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

  private isBehind(key: string, workload: Workload): boolean {
    const own = this.ownWrites.get(key);
    if (own === undefined) {
      return false;
    }
    if (isAtLeast(workload, own)) {
      this.ownWrites.delete(key);
      return false;
    }
    return true;
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
    const turn = this.mayStart(key, { me, limits }, workload);
    if (turn !== undefined) {
      this.options.ledger.record(key, entriesOf(assessment, undefined).set(policy.name, { outcome: 'Pending', reason: '', message: turn }));
      return done;
    }
    this.places.take(me);
    try {
      this.noteWrite(key, await this.apply(workload, state, policy, values, decision.reverts, signal), me);
    } catch (error) {
      this.releasePlace(key);
      return this.failedWrite(workload, error, (message) => {
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
      this.noteWrite(key, await this.apply(workload, state, policy, values, state.reverts, signal), { workload: key, policy: policy.name, namespace: workload.namespace });
    } catch (error) {
      return this.failedWrite(workload, error);
    }
    this.options.metrics.written(policy.name, 'adopt');
    this.options.logger.info('workload adopted by its policy, nothing to change', { workload: key, policy: policy.name, from: state.policy.name });
    return done;
  }

  private async apply(
    workload: Workload, state: WorkloadState | undefined, policy: PolicyRecord, values: ManagedValues, reverts: number | undefined, signal: AbortSignal,
  ): Promise<Written> {
    const resource = this.options.caches.resourceOf(workload.kind);
    if (resource === undefined) {
      throw new TerminalError('KIND_UNKNOWN', `kind ${workload.kind} is not watched`);
    }
    const limits = limitsOf(policy);
    const next = nextState({
      ...(state === undefined ? {} : { previous: state }),
      workload, values,
      policy: { name: policy.name, uid: policy.uid },
      intent: intentKey(policy.intent),
      onDelete: policy.spec.onDelete,
      ...(limits.strategy === 'Waves' ? { maxConcurrent: limits.maxConcurrent } : {}),
      at: new Date(this.options.now()).toISOString(),
      ...(reverts === undefined ? {} : { reverts }),
    });
    return await this.options.client.apply<Written>(resource, workload, buildApply(workload, values, next), {
      fieldManager: FIELD_MANAGER,
      // A default that the API server wrote counts as somebody's value there; what a person declared was found before
      // (conflicts), and the resourceVersion makes sure that nobody has declared anything since.
      force: true, metadataOnly: true, retry: 'idempotent', signal,
    });
  }

  /** Undefined where it may start now, else what it waits for. */
  private mayStart(key: string, candidate: Candidate, workload: Workload): string | undefined {
    const own = candidate.limits.strategy === 'Waves' ? ownObstacle(workload) : undefined;
    if (own !== undefined) {
      this.places.stopWaiting(key);
      return `waits: ${own}`;
    }
    const because = this.places.waitsBecause(candidate);
    return because === undefined ? undefined : `waits: ${because}`;
  }

  /** Reads from the cluster what is under way: a new leader must not start more beside it. */
  findRollouts(): void {
    for (const workload of this.options.caches.allWorkloads()) {
      const rolling = this.rollingOf(workload, stateOf(workload));
      if (rolling !== undefined) {
        this.places.take(rolling);
      }
    }
  }

  /** A stalled policy still governs what it has written: whom it means cannot be known until it is corrected. */
  private heldByStalled(state: WorkloadState | undefined): string | undefined {
    const holder = this.holderOf(state);
    return holder?.stalled === undefined ? undefined : `policy ${holder.name}, which governs it, is stalled: ${holder.stalled.reason}`;
  }

  /** The policy that has written the workload, as long as it lives. */
  private holderOf(state: WorkloadState | undefined): PolicyRecord | undefined {
    const record = state === undefined ? undefined : this.options.caches.policies.store.get(state.policy.name)?.record;
    return record?.uid === state?.policy.uid && record?.deleting === false ? record : undefined;
  }

  private mayGiveBack(key: string, workload: Workload, state: WorkloadState, assessment: Assessment): boolean {
    const { caches, now } = this.options;
    const governing = assessment.governing;
    if (governing !== undefined) {
      // A hook of ours where nothing is injected never starts: withdrawn on evidence that has lasted.
      if (governing.decision.reason !== 'NotInjected' || state.fields.proxyContainer === undefined) {
        this.notInjectedSince.delete(key);
        return false;
      }
      const since = this.notInjectedSince.get(key) ?? now();
      this.notInjectedSince.set(key, since);
      return now() - since >= WITHDRAW_AFTER_MS;
    }
    if (caches.policies.state !== 'Synced' || caches.namespace(workload.namespace).labels === undefined || caches.namespace(workload.namespace).deleting === true) {
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

  private async giveBack(workload: Workload, remembered: WorkloadState, signal: AbortSignal): Promise<Outcome> {
    const { caches, metrics } = this.options;
    const key = workloadKey(workload);
    const resource = caches.resourceOf(workload.kind);
    if (resource === undefined) {
      return done;
    }
    // A policy that is just going says itself what it wants; afterwards the workload remembers it.
    const going = caches.policies.store.get(remembered.policy.name)?.record;
    const wanted = going !== undefined && going.uid === remembered.policy.uid ? going.spec.onDelete : remembered.onDelete;
    // Who exempts a workload wants it left alone: it keeps its values, and no pod restarts.
    const state: WorkloadState = { ...remembered, onDelete: workload.annotations[EXEMPT_ANNOTATION] === undefined ? wanted : 'Orphan' };
    const me: Rolling = { workload: key, policy: state.policy.name, namespace: workload.namespace };
    const limits: RolloutLimits = state.maxConcurrent === undefined ? { strategy: 'Immediate', maxConcurrent: Infinity } : { strategy: 'Waves', maxConcurrent: state.maxConcurrent };
    if (state.onDelete === 'Restore' && this.mayStart(key, { me, limits }, workload) !== undefined) {
      return done;
    }
    if (state.onDelete === 'Restore') {
      this.givingBack.set(key, me);
      this.places.take(me);
    }
    try {
      const live = await this.restore(resource, workload, state, signal);
      if (live === undefined) {
        this.releasePlace(key);
        return done;
      }
      this.noteWrite(key, live, me);
      metrics.written(state.policy.name, state.onDelete === 'Restore' ? 'restore' : 'orphan');
      this.options.logger.info('workload given back', { workload: key, policy: state.policy.name, how: state.onDelete });
      this.options.recorder.event(subjectOf(workload), 'Normal', 'DrainRestored', state.onDelete === 'Restore'
        ? `Policy ${state.policy.name} no longer governs: the values from before it are back`
        : `Policy ${state.policy.name} no longer governs: its values stay and belong to nobody`);
    } catch (error) {
      this.releasePlace(key);
      return this.failedWrite(workload, error);
    }
    return done;
  }

  /** Values first, then ownership: two patches at most, and a crash between them is found again by the state annotation. */
  private async restore(resource: Resource, workload: Workload, state: WorkloadState, signal: AbortSignal): Promise<RawObject | undefined> {
    const { client } = this.options;
    let live = await client.find<RawObject>(resource, workload, { signal });
    for (let last = false, patched = 0; live !== undefined && !last;) {
      const step = planRestore(live, state, state.onDelete);
      try {
        live = await client.jsonPatch<RawObject>(resource, workload, step.patch, { fieldManager: FIELD_MANAGER, retry: 'never', signal });
        last = step.last;
        patched += 1;
      } catch (error) {
        // The Deployment controller answers the first patch within milliseconds. The pods restart by now, so this goes on.
        if (patched === 0 || patched >= RESTORE_TRIES || !isApiError(error) || !error.isConflict) {
          throw error;
        }
        patched += 1;
        live = await client.find<RawObject>(resource, workload, { signal });
      }
    }
    return live;
  }

  private failedWrite(workload: Workload, error: unknown, refused: (message: string) => void = () => undefined): Outcome {
    if (isApiError(error)) {
      // 409: somebody else wrote since we read. The watch brings the newer object; a short wait covers the rest.
      if (error.isConflict) {
        this.options.metrics.conflicted();
        return requeueAfter(1_000);
      }
      if (error.isNotFound) {
        return done;
      }
      if (error.isInvalid || error.isSchemaError || error.isForbidden) {
        const message = `the API server refused the write: ${error.message}`;
        refused(message);
        this.options.logger.warn('a write was refused', { workload: workloadKey(workload), error });
        this.options.recorder.event(subjectOf(workload), 'Warning', 'DrainWriteRefused', message);
        return error.isForbidden ? requeueAfter(60_000) : terminal(error);
      }
    }
    throw error;
  }

  private noteWrite(key: string, written: Written, rolling: Rolling): void {
    const seen = this.options.caches.workload(key);
    const resourceVersion = written.metadata?.resourceVersion ?? '';
    if (seen?.resourceVersion !== resourceVersion) {
      this.ownWrites.set(key, { resourceVersion, generation: written.metadata?.generation ?? 0, rolling });
    }
  }

  /** Where the cluster shows a workload of ours between written and rolled out, it takes a place; else it frees one. */
  private settleRollout(key: string, rolling: Rolling | undefined): void {
    if (rolling !== undefined) {
      this.places.take(rolling);
    } else if (!this.ownWrites.has(key)) {
      this.places.free(key);
    }
  }

  private rollingOf(workload: Workload, state: WorkloadState | undefined): Rolling | undefined {
    const own = this.ownWrites.get(workloadKey(workload));
    if (own !== undefined && this.isBehind(workloadKey(workload), workload)) {
      return own.rolling;
    }
    if (!workload.rollout.rolling) {
      this.givingBack.delete(workloadKey(workload));
      return undefined;
    }
    return state === undefined
      ? this.givingBack.get(workloadKey(workload))
      : { workload: workloadKey(workload), policy: state.policy.name, namespace: workload.namespace };
  }

  private releasePlace(key: string): void {
    this.givingBack.delete(key);
    this.ownWrites.delete(key);
    this.settleRollout(key, undefined);
  }

  private laterLook(key: string, notBefore: number | undefined): Outcome {
    this.places.stopWaiting(key);
    if (notBefore !== undefined) {
      return requeueAfter(Math.max(1_000, notBefore * 1000 - this.options.now()));
    }
    const since = this.notInjectedSince.get(key);
    return since === undefined ? done : requeueAfter(Math.max(1_000, since + WITHDRAW_AFTER_MS - this.options.now()));
  }

  private warn(workload: Workload, assessment: Assessment): void {
    const decision = assessment.governing?.decision;
    if (decision !== undefined && (decision.outcome === 'Conflicted' || decision.outcome === 'Failed')) {
      this.options.recorder.event(subjectOf(workload), 'Warning', decision.reason ?? decision.outcome, `Policy ${decision.policy ?? ''}: ${decision.message}`);
    }
  }
}
