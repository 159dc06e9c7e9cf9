import type { ReasonCode } from '../api/reasons.ts';
import { workloadKey, type Workload } from '../drain/model/workload.ts';
import { stateOf, type WorkloadState } from '../drain/restore/state.ts';
import { isExempt } from '../drain/selection/exemptions.ts';
import { UNKNOWN_POLICY, type OperatorCaps, type Rolling } from '../drain/rollout/gate.ts';
import { budgetObstacle, ownObstacle, restartsPods, type Obstacle } from '../drain/rollout/obstacle.ts';
import type { Halt, Member, Stage } from '../drain/rollout/stage.ts';
import type { Caches } from './caches.ts';
import { isAtLeast, type OwnWrite, type Written } from './own-writes.ts';
import { Places, type Candidate, type Spots } from './places.ts';
import { DEFAULT_RULES, Stages } from './stages.ts';

export interface RolloutsOptions {
  readonly caches: Caches;
  readonly caps: OperatorCaps;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Called with a workload whose turn has come. */
  readonly ask: (workload: string) => void;
  /** The same, after so many milliseconds. */
  readonly askAfter: (workload: string, ms: number) => void;
  /** Called when the cache has shown a write of ours before the answer to it came. */
  readonly echoed: (workload: string) => void;
  /** The stage of a policy has turned, by the policy's name. */
  readonly onTurn: (policy: string, before: Stage | undefined, after: Stage) => void;
}

/** What a workload waits for. */
export interface Wait {
  readonly because: string;
  /** A code of the closed list, where somebody may have to do something; else empty. */
  readonly reason: Extract<ReasonCode, 'WaitsForWorkload'> | '';
}

/** What rolls out because of us, as the cluster shows it and as our own latest writes say, and who may start next. */
export class Rollouts {
  readonly stages: Stages;
  private readonly options: RolloutsOptions;
  private readonly places: Places;
  private readonly ownWrites = new Map<string, OwnWrite>();
  /** Given back and not yet rolled out: the state annotation that would tell is gone by then. */
  private readonly givingBack = new Map<
    string,
    { readonly me: Rolling; readonly uid: string; readonly since: number }
  >();
  /** Under way when leading began, and not known to be ours: until when it keeps its place, in milliseconds. */
  private readonly found = new Map<string, number>();
  private readonly waitingForBudget = new Set<string>();

  constructor(options: RolloutsOptions) {
    this.options = options;
    this.stages = new Stages({
      now: options.now,
      onTurn: (policy, before, after) => {
        this.turned(policy, before, after);
      },
    });
    this.places = new Places({ caps: options.caps, ask: options.ask, spotsOf: (candidate) => this.spotsOf(candidate) });
  }

  /** How many workloads roll out because of us now. */
  get rollingCount(): number {
    return this.places.rollingCount;
  }

  get waitingCount(): number {
    return this.places.waitingCount;
  }

  /**
   * Reads from the cluster what is under way: a new leader must not start more beside it. What was being given back carries
   * no state any more, so for a while every rollout that is under way takes a place.
   */
  findRollouts(): void {
    const { caches, now, askAfter } = this.options;
    for (const workload of caches.allWorkloads()) {
      const key = workloadKey(workload);
      const { rollout } = workload;
      const state = stateOf(workload);
      if (rollout.rolling && !rollout.paused && !rollout.stuck && restartsPods(rollout) && !isOurs(workload, state)) {
        this.found.set(key, now() + DEFAULT_RULES.progressDeadline * 1000);
        askAfter(key, DEFAULT_RULES.progressDeadline * 1000);
      }
      this.observe(key, workload, state);
    }
    // Only now: a soak that the status remembers would be given up where its canaries are not known.
    for (const { record, raw } of caches.policies.store.values()) {
      this.stages.know(record, raw.status?.rollout);
    }
    for (const workload of caches.allWorkloads()) {
      this.observe(workloadKey(workload), workload, stateOf(workload));
    }
  }

  /** Where the cluster shows a workload of ours between written and rolled out, it takes a place; else it frees one. */
  observe(key: string, workload: Workload, state: WorkloadState | undefined): void {
    const behind = this.isBehind(key, workload);
    if (!behind) {
      this.observeMember(key, workload, state);
    }
    this.settle(key, this.rollingOf(workload, state));
    const dueInMs = behind ? undefined : this.stages.dueInMs(key);
    if (dueInMs !== undefined) {
      this.options.askAfter(key, dueInMs + 10);
    }
  }

  /** The workload is gone. */
  forget(key: string): void {
    this.ownWrites.delete(key);
    this.found.delete(key);
    this.waitingForBudget.delete(key);
    this.givingBack.delete(key);
    this.stages.set(undefined, key, undefined);
    this.places.stopWaiting(key);
    this.settle(key, undefined);
  }

  /** A write of ours is not in the cache yet: no decision on the older record may be carried out. */
  isBehind(key: string, workload: Workload): boolean {
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

  /** Undefined where it may start now, else what it waits for. */
  mayStart(key: string, candidate: Candidate, workload: Workload): Wait | undefined {
    this.waitingForBudget.delete(key);
    if (candidate.limits.strategy === 'Immediate' || !restartsPods(workload.rollout)) {
      return undefined;
    }
    const obstacle = this.obstacleOf(key, workload);
    if (obstacle !== undefined) {
      this.places.stopWaiting(key);
      return { because: `waits: ${obstacle.because}`, reason: obstacle.passing ? '' : 'WaitsForWorkload' };
    }
    const because = this.places.waitsBecause(candidate);
    return because === undefined ? undefined : { because: `waits: ${because}`, reason: '' };
  }

  /** It starts: from here on it takes a place. */
  start(candidate: Candidate, workload: Workload, intent: string): void {
    if (restartsPods(workload.rollout)) {
      const now = this.options.now() / 1000;
      this.places.take(candidate.me);
      this.stages.set(candidate.uid, candidate.me.workload, {
        workload: candidate.me.workload,
        intent,
        startedAt: now,
        since: now,
        health: 'Rolling',
        stuck: false,
      });
    }
  }

  startGivingBack({ me, uid }: Candidate, workload: Workload): void {
    if (restartsPods(workload.rollout)) {
      const now = this.options.now() / 1000;
      this.givingBack.set(me.workload, { me, uid, since: now });
      this.places.take(me);
      this.stages.set(uid, me.workload, {
        workload: me.workload,
        intent: '',
        restoring: true,
        since: now,
        health: 'Rolling',
        stuck: false,
      });
    }
  }

  noteWrite(key: string, written: Written, rolling: Rolling): void {
    const seen = this.options.caches.workload(key);
    const resourceVersion = written.metadata?.resourceVersion ?? '';
    if (seen?.resourceVersion === resourceVersion) {
      this.options.echoed(key);
      return;
    }
    this.ownWrites.set(key, { resourceVersion, generation: written.metadata?.generation ?? 0, rolling });
  }

  /** The cache shows what we wrote ourselves, and nothing newer: there is no news in that. */
  isEcho(key: string): boolean {
    const own = this.ownWrites.get(key);
    return own !== undefined && this.options.caches.workload(key)?.resourceVersion === own.resourceVersion;
  }

  stopWaiting(key: string): void {
    this.waitingForBudget.delete(key);
    this.places.stopWaiting(key);
  }

  /** It did not start after all. */
  release(key: string): void {
    this.givingBack.delete(key);
    this.ownWrites.delete(key);
    const workload = this.options.caches.workload(key);
    if (workload === undefined) {
      this.forget(key);
    } else {
      this.observe(key, workload, stateOf(workload));
    }
  }

  /** A PodDisruptionBudget has changed: those that wait for one in that namespace (or in any) look again. */
  budgetChanged(namespace: string | undefined): void {
    for (const key of this.waitingForBudget) {
      if (namespace === undefined || key.split('/')[1] === namespace) {
        this.options.ask(key);
      }
    }
  }

  /** Why this workload halts its policy, if it does. */
  haltOf(key: string): Halt | undefined {
    return this.stages.haltOf(key);
  }

  private obstacleOf(key: string, workload: Workload): Obstacle | undefined {
    const { caches } = this.options;
    // The one that does not get well is the one that a corrected policy has to reach first.
    if (this.haltOf(key) !== undefined && !workload.rollout.paused) {
      return undefined;
    }
    const own = ownObstacle(workload);
    if (own !== undefined) {
      return own;
    }
    const lost = caches.budgets.lostBecause();
    const obstacle =
      lost === undefined
        ? budgetObstacle(workload, caches.budgets.in(workload.namespace))
        : { passing: false, because: `PodDisruptionBudgets cannot be looked at: ${lost}` };
    if (obstacle !== undefined) {
      this.waitingForBudget.add(key);
    }
    return obstacle;
  }

  private spotsOf({ me, uid, restoring }: Candidate): Spots {
    if (this.haltOf(me.workload) !== undefined) {
      return { spots: Infinity, because: '' };
    }
    if (restoring === true) {
      const halt = this.stages.haltOfRestoring(uid);
      return halt === undefined
        ? { spots: Infinity, because: '' }
        : { spots: 0, because: `giving back is halted: ${halt.message}` };
    }
    return this.stages.stageOf(uid) ?? { spots: Infinity, because: '' };
  }

  private turned(policy: string, before: Stage | undefined, after: Stage): void {
    for (const halt of [before?.halt, after.halt]) {
      if (halt !== undefined && before?.halt?.message !== after.halt?.message) {
        this.options.ask(halt.workload);
      }
    }
    this.options.onTurn(policy, before, after);
    if (after.spots > 0) {
      this.places.offer();
    }
  }

  private observeMember(key: string, workload: Workload, state: WorkloadState | undefined): void {
    const before = this.stages.memberOf(key);
    const now = this.options.now() / 1000;
    const giving = this.givingBack.get(key);
    if (giving !== undefined && state === undefined) {
      const member: Member = {
        workload: key,
        intent: '',
        restoring: true,
        since: giving.since,
        health: 'Rolling',
        stuck: workload.rollout.stuck,
      };
      this.stages.set(giving.uid, key, workload.rollout.rolling ? member : undefined);
      return;
    }
    if (state === undefined) {
      this.stages.set(undefined, key, undefined);
      return;
    }
    const startedAt = state.adopted === true || !restartsPods(workload.rollout) ? undefined : secondsOf(state.at);
    const health = healthOf(workload, state);
    if (health !== 'Whole' && this.isLeftAlone(workload, now)) {
      this.stages.set(undefined, key, undefined);
      return;
    }
    const same =
      before !== undefined &&
      before.health === health &&
      before.restoring !== true &&
      sameStart(before.startedAt, startedAt);
    const since = same
      ? before.since
      : // What rolls when it is first seen rolls since our write, as far as anybody can tell.
        before === undefined && health === 'Rolling'
        ? (startedAt ?? now)
        : now;
    this.stages.set(state.policy.uid, key, {
      workload: key,
      intent: state.intent,
      health,
      since,
      stuck: workload.rollout.stuck,
      startedAt,
    });
  }

  /** Exempt, or in a namespace that is being deleted: whether it ever gets well is no matter of its policy's any more, and nobody waits for it. */
  private isLeftAlone(workload: Workload, now: number): boolean {
    const { caches } = this.options;
    return (
      caches.namespace(workload.namespace).deleting === true || isExempt(workload, caches.exemptions.of(workload, now))
    );
  }

  private settle(key: string, rolling: Rolling | undefined): void {
    if (rolling !== undefined) {
      this.places.take(rolling);
    } else if (!this.ownWrites.has(key)) {
      this.places.free(key);
    }
  }

  private rollingOf(workload: Workload, state: WorkloadState | undefined): Rolling | undefined {
    const key = workloadKey(workload);
    const { rollout, namespace } = workload;
    const own = this.ownWrites.get(key);
    if (own !== undefined && this.isBehind(key, workload)) {
      return restartsPods(rollout) ? own.rolling : undefined;
    }
    if (!rollout.rolling || !restartsPods(rollout)) {
      this.givingBack.delete(key);
      this.found.delete(key);
      return undefined;
    }
    if (state !== undefined && this.isLeftAlone(workload, this.options.now() / 1000)) {
      return undefined;
    }
    if (isOurs(workload, state)) {
      return { workload: key, policy: state?.policy.name ?? UNKNOWN_POLICY, namespace, pods: rollout.replicas };
    }
    const until = this.found.get(key);
    if (until !== undefined && this.options.now() < until) {
      return { workload: key, policy: state?.policy.name ?? UNKNOWN_POLICY, namespace, pods: rollout.replicas };
    }
    this.found.delete(key);
    return state === undefined ? this.givingBack.get(key)?.me : undefined;
  }
}

/** It rolls because of our write: nobody has changed its template since, and the values did not ride along with somebody else's. */
function isOurs({ history, rollout }: Workload, state: WorkloadState | undefined): boolean {
  return (
    state !== undefined &&
    state.adopted !== true &&
    rollout.rolling &&
    !((history?.changedAt ?? 0) > (history?.writtenAt ?? Infinity))
  );
}

function healthOf(workload: Workload, state: WorkloadState): Member['health'] {
  const { rollout } = workload;
  if (!restartsPods(rollout) || (rollout.complete && !rollout.rolling)) {
    return 'Whole';
  }
  if (rollout.rolling) {
    return isOurs(workload, state) ? 'Rolling' : 'Busy';
  }
  return rollout.partition > 0 || rollout.paused || rollout.healthy ? 'Busy' : 'Unwell';
}

function secondsOf(time: string | undefined): number | undefined {
  const ms = Date.parse(time ?? '');
  return Number.isNaN(ms) ? undefined : ms / 1000;
}

/** Our own clock at the write, and the state that shows it afterwards, differ by the moment in between. */
function sameStart(a: number | undefined, b: number | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Math.abs(a - b) < 1);
}
