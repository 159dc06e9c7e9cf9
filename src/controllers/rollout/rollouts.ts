import { DEFAULT_GRACE_PERIOD_SECONDS } from '../../api/kubernetes.ts';
import { workloadKey, type Seconds, type Workload } from '../../drain/model/workload.ts';
import { stateOf, type WorkloadState } from '../../drain/template/note/state.ts';
import { isExempt } from '../../drain/selection/exemptions.ts';
import { UNKNOWN_POLICY, type OperatorCaps, type Rolling } from '../../drain/rollout/gate.ts';
import { budgetObstacle, ownObstacle, restartsPods, type Obstacle } from '../../drain/rollout/obstacle.ts';
import type { Halt, Member, Stage } from '../../drain/rollout/stage.ts';
import type { Refusal } from '../workload/gates.ts';
import type { Caches } from '../watches/caches.ts';
import { isAtLeast, type OwnWrite, type Written } from './own-writes.ts';
import { RolloutSlots, type Candidate, type FreeSlots } from './rollout-slots.ts';
import { DEFAULT_RULES, Stages } from './stages.ts';

export interface RolloutsOptions {
  readonly caches: Caches;
  readonly caps: OperatorCaps;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Whether what the note of a workload says counts for others than itself; see note-standing.ts. */
  readonly counts: (workload: Workload, state: WorkloadState) => boolean;
  /** Whether the new pods of a workload have been seen to carry what they need; `Missing`: they do not. */
  readonly podsCarryEnvironment: (key: string, workload: Workload) => 'Yes' | 'Unproven' | 'Missing';
  /** How many pods of a workload still terminate, as the pods themselves say; undefined: nobody has looked yet. */
  readonly terminatingPods: (key: string, workload: Workload) => number | undefined;
  /** A workload of which something went wrong: the others go on. */
  readonly failed: (workload: string, error: unknown) => void;
  /** Called with a workload whose turn has come. */
  readonly enqueue: (workload: string) => void;
  /** The same, after so many milliseconds. */
  readonly enqueueAfter: (workload: string, ms: number) => void;
  /** Called when the cache has shown a write of ours before the answer to it came. */
  readonly echoed: (workload: string) => void;
  /** The stage of a policy has turned, by the policy's name. */
  readonly onTurn: (policy: string, before: Stage | undefined, after: Stage) => void;
}

/** What is remembered of the rollout of one workload beside what the cluster tells. */
interface RolloutMemory {
  /** Our latest write, until the cache shows it. */
  ownWrite?: OwnWrite;
  /** Restored and not yet rolled out: the state annotation that would tell is gone by then. */
  restoring?: {
    readonly me: Rolling;
    readonly uid: string;
    readonly since: number;
    readonly drains: Seconds;
    readonly inWaves: boolean;
  };
  /** Under way when leading began, and not known to be ours: until when it keeps its slot, in milliseconds. */
  foundUntil?: number;
  /** Rolled out, and old pods may still drain: until when they can, in milliseconds. */
  drainsUntil?: number;
  /** Written by this process, and not seen rolled out since: it keeps its slot whatever becomes of its policy. */
  started?: boolean;
}

/** What rolls out because of us, as the cluster shows it and as our own latest writes say, and who may start next. */
export class Rollouts {
  readonly stages: Stages;
  private readonly options: RolloutsOptions;
  private readonly slots: RolloutSlots;
  private readonly memories = new Map<string, RolloutMemory>();
  /** Apart from the memories: a change of a budget asks these alone. */
  private readonly waitingForBudget = new Set<string>();

  constructor(options: RolloutsOptions) {
    this.options = options;
    this.stages = new Stages({
      now: options.now,
      onTurn: (policy, before, after) => {
        this.turned(policy, before, after);
      },
    });
    this.slots = new RolloutSlots({
      caps: options.caps,
      enqueue: options.enqueue,
      spotsOf: (candidate) => this.spotsOf(candidate),
      halts: (workload) => this.haltOf(workload) !== undefined,
    });
  }

  /** How many workloads roll out because of us now. */
  get rollingCount(): number {
    return this.slots.rollingCount;
  }

  get waitingCount(): number {
    return this.slots.waitingCount;
  }

  /**
   * Reads from the cluster what is under way: a new leader must not start more beside it. What was being restored carries
   * no state any more, so for a while every rollout that is under way takes a place.
   */
  findRollouts(): void {
    const { caches, now, enqueueAfter } = this.options;
    const underWay: Workload[] = [];
    for (const workload of caches.allWorkloads()) {
      const key = workloadKey(workload);
      const { rollout } = workload;
      this.each(key, () => {
        const state = this.counted(key, workload, stateOf(workload));
        if (rollout.rolling && !rollout.paused && !rollout.stuck && restartsPods(rollout) && !isOurs(workload, state)) {
          this.memoryOf(key).foundUntil = now() + DEFAULT_RULES.progressDeadline * 1000;
          enqueueAfter(key, DEFAULT_RULES.progressDeadline * 1000);
        }
        if (state !== undefined && wasWrittenLately(workload, state, now())) {
          this.memoryOf(key).drainsUntil = this.drainEnd(workload, state);
        }
        this.observe(key, workload, stateOf(workload));
        if (!this.isOver(key)) {
          underWay.push(workload);
        }
      });
    }
    // Only now: a soak that the status remembers would be given up where its canaries are not known.
    for (const { record, raw } of caches.policies.store.values()) {
      this.stages.know(record, raw.status?.rollout);
    }
    // What is over is the same under every policy's rules.
    for (const workload of underWay) {
      const key = workloadKey(workload);
      this.each(key, () => {
        this.observe(key, workload, stateOf(workload));
      });
    }
  }

  /** Where it is not, what is known of it depends on the time, and on the rules of its policy. */
  private isOver(key: string): boolean {
    return !this.memories.has(key) && (this.stages.memberOf(key)?.health ?? 'Whole') === 'Whole';
  }

  /** One workload that cannot be looked at must not keep the others from being led. */
  private each(key: string, look: () => void): void {
    try {
      look();
    } catch (error) {
      this.options.failed(key, error);
    }
  }

  /** The note of a workload, where it counts for its policy and for caps. */
  private counted(key: string, workload: Workload, state: WorkloadState | undefined): WorkloadState | undefined {
    return state !== undefined && (this.memories.get(key)?.started === true || this.options.counts(workload, state))
      ? state
      : undefined;
  }

  /** Where the cluster shows a workload of ours between written and rolled out, it takes a place; else it frees one. */
  observe(key: string, workload: Workload, note: WorkloadState | undefined): void {
    const state = this.counted(key, workload, note);
    const behind = this.isBehind(key, workload);
    if (!behind) {
      this.observeMember(key, workload, state);
    }
    this.updateSlot(key, this.rollingOf(workload, state));
    const dueInMs = behind ? undefined : this.stages.dueInMs(key);
    if (dueInMs !== undefined) {
      this.options.enqueueAfter(key, dueInMs + 10);
    }
  }

  /** The workload is gone. */
  forget(key: string): void {
    this.memories.delete(key);
    this.waitingForBudget.delete(key);
    this.stages.set(undefined, key, undefined);
    this.slots.stopWaiting(key);
    this.updateSlot(key, undefined);
  }

  /** A write of ours is not in the cache yet: no decision on the older record may be carried out. */
  isBehind(key: string, workload: Workload): boolean {
    const memory = this.memories.get(key);
    if (memory?.ownWrite === undefined) {
      return false;
    }
    if (isAtLeast(workload, memory.ownWrite)) {
      memory.ownWrite = undefined;
      return false;
    }
    return true;
  }

  /** What in the workload, or in a budget of its pods, is in the way of a restart. */
  obstacle(key: string, candidate: Candidate, workload: Workload): Refusal | undefined {
    this.waitingForBudget.delete(key);
    if (!needsSlot(candidate, workload)) {
      return undefined;
    }
    const obstacle = this.obstacleOf(key, workload);
    return obstacle === undefined
      ? undefined
      : { message: `waits: ${obstacle.because}`, reason: obstacle.passing ? '' : 'WaitsForWorkload' };
  }

  /** Whether there is a slot for it: the stage of its policy, and every cap. */
  slot(candidate: Candidate, workload: Workload): Refusal | undefined {
    if (!needsSlot(candidate, workload)) {
      return undefined;
    }
    const because = this.slots.fullBecause(candidate);
    return because === undefined ? undefined : { message: `waits: ${because}`, reason: '' };
  }

  waitForSlot(candidate: Candidate): void {
    this.slots.wait(candidate);
  }

  /** It starts: from here on it takes a place. */
  start(candidate: Candidate, workload: Workload, intent: string): void {
    if (restartsPods(workload.rollout)) {
      const now = this.options.now() / 1000;
      this.memoryOf(candidate.me.workload).started = true;
      this.slots.take(candidate.me);
      this.stages.set(candidate.uid, candidate.me.workload, {
        workload: candidate.me.workload,
        intent,
        startedAt: now,
        since: now,
        health: 'Rolling',
        stuck: false,
        drains: drainsOf(workload, undefined),
      });
    }
  }

  startRestoring({ me, uid, limits }: Candidate, workload: Workload): void {
    if (restartsPods(workload.rollout)) {
      const now = this.options.now() / 1000;
      const drains = drainsOf(workload, undefined);
      this.memoryOf(me.workload).restoring = { me, uid, since: now, drains, inWaves: limits.strategy === 'Waves' };
      this.slots.take(me);
      this.stages.set(uid, me.workload, {
        workload: me.workload,
        intent: '',
        restoring: true,
        since: now,
        health: 'Rolling',
        stuck: false,
        drains,
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
    this.memoryOf(key).ownWrite = { resourceVersion, generation: written.metadata?.generation ?? 0, rolling };
  }

  /** The cache shows what we wrote ourselves, and nothing newer: there is no news in that. */
  isEcho(key: string): boolean {
    const own = this.memories.get(key)?.ownWrite;
    return own !== undefined && this.options.caches.workload(key)?.resourceVersion === own.resourceVersion;
  }

  /** It waits for no slot; for a budget it may. */
  leaveQueue(key: string): void {
    this.slots.stopWaiting(key);
  }

  stopWaiting(key: string): void {
    this.waitingForBudget.delete(key);
    this.slots.stopWaiting(key);
  }

  /** It did not start after all. */
  release(key: string): void {
    this.memories.delete(key);
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
        this.options.enqueue(key);
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
        : { passing: false, because: `PodDisruptionBudgets cannot be read: ${lost}` };
    if (obstacle !== undefined) {
      this.waitingForBudget.add(key);
    }
    return obstacle;
  }

  private spotsOf({ me, uid, restoring }: Candidate): FreeSlots {
    if (this.haltOf(me.workload) !== undefined) {
      return { spots: Infinity, because: '' };
    }
    if (restoring === true) {
      const halt = this.stages.haltOfRestoring(uid);
      return halt === undefined
        ? { spots: Infinity, because: '' }
        : { spots: 0, because: `restoring is halted: ${halt.message}` };
    }
    return this.stages.stageOf(uid) ?? { spots: Infinity, because: '' };
  }

  private turned(policy: string, before: Stage | undefined, after: Stage): void {
    for (const halt of [before?.halt, after.halt]) {
      if (halt !== undefined && before?.halt?.message !== after.halt?.message) {
        this.options.enqueue(halt.workload);
      }
    }
    this.options.onTurn(policy, before, after);
    if (after.spots > 0 || after.halt !== undefined) {
      this.slots.offer();
    }
  }

  private observeMember(key: string, workload: Workload, state: WorkloadState | undefined): void {
    const before = this.stages.memberOf(key);
    const now = this.options.now() / 1000;
    const restored = this.memories.get(key)?.restoring;
    if (restored !== undefined && state === undefined) {
      const member: Member = {
        workload: key,
        intent: '',
        restoring: true,
        since: restored.since,
        health: 'Rolling',
        stuck: workload.rollout.stuck,
        drains: restored.drains,
      };
      this.stages.set(restored.uid, key, workload.rollout.rolling ? member : undefined);
      return;
    }
    if (state === undefined) {
      this.stages.set(undefined, key, undefined);
      return;
    }
    const startedAt = state.adopted === true || !restartsPods(workload.rollout) ? undefined : secondsOf(state.at);
    const environment = this.environmentOf(key, workload);
    const shown = healthOf(workload, state);
    const health = shown === 'Whole' && environment !== 'Yes' && startedAt !== undefined ? 'Rolling' : shown;
    if (health !== 'Whole' && (workload.rollout.paused || this.isLeftAlone(workload, now))) {
      this.stages.set(undefined, key, undefined);
      return;
    }
    // Our own write begins another rollout, in start(). A note that another hand gives another time does not.
    const same =
      before !== undefined &&
      before.health === health &&
      before.restoring !== true &&
      (health === 'Rolling' || sameStart(before.startedAt, startedAt));
    const since = same
      ? before.since
      : // What rolls when it is first seen rolls since our write, as far as anybody can tell.
        before === undefined && health === 'Rolling'
        ? Math.min(startedAt ?? now, now)
        : now;
    this.stages.set(state.policy.uid, key, {
      workload: key,
      intent: state.intent,
      health,
      since,
      stuck: workload.rollout.stuck || environment === 'Missing',
      ...(environment === 'Missing' ? { stuckBecause: NO_ENVIRONMENT } : {}),
      startedAt,
      drains: drainsOf(workload, state),
    });
  }

  /** Exempt, or in a namespace that is being deleted: whether it ever gets well is no matter of its policy's any more, and nobody waits for it. */
  private isLeftAlone(workload: Workload, now: number): boolean {
    const { caches } = this.options;
    return (
      caches.namespace(workload.namespace).deleting === true || isExempt(workload, caches.exemptionOf(workload, now))
    );
  }

  /** What was rolled out before this process began to lead is taken as proven until somebody has looked. */
  private environmentOf(key: string, workload: Workload): 'Yes' | 'Unproven' | 'Missing' {
    const verdict = this.options.podsCarryEnvironment(key, workload);
    return verdict === 'Unproven' && this.memories.get(key)?.started !== true ? 'Yes' : verdict;
  }

  private updateSlot(key: string, rolling: Rolling | undefined): void {
    if (rolling !== undefined) {
      this.slots.take(rolling);
    } else if (this.memories.get(key)?.ownWrite === undefined) {
      this.slots.free(key);
    }
  }

  private rollingOf(workload: Workload, state: WorkloadState | undefined): Rolling | undefined {
    const key = workloadKey(workload);
    const { rollout, namespace } = workload;
    const memory = this.memories.get(key);
    const own = memory?.ownWrite;
    if (own !== undefined && this.isBehind(key, workload)) {
      return restartsPods(rollout) ? own.rolling : undefined;
    }
    const me: Rolling = {
      workload: key,
      policy: state?.policy.name ?? UNKNOWN_POLICY,
      namespace,
      pods: rollout.replicas,
    };
    const unproven =
      memory?.started === true &&
      state !== undefined &&
      restartsPods(rollout) &&
      this.environmentOf(key, workload) !== 'Yes';
    if ((!rollout.rolling && !unproven) || !restartsPods(rollout)) {
      return this.drainingOf(me, workload, state);
    }
    // Paused in the middle: it goes on when somebody resumes it, and nobody waits for that.
    if (rollout.paused || (state !== undefined && this.isLeftAlone(workload, this.options.now() / 1000))) {
      return undefined;
    }
    if (isOurs(workload, state) || unproven) {
      return me;
    }
    if (memory?.foundUntil !== undefined && this.options.now() < memory.foundUntil) {
      return me;
    }
    if (memory !== undefined) {
      memory.foundUntil = undefined;
    }
    return state === undefined ? memory?.restoring?.me : undefined;
  }

  /** What is rolled out keeps its slot while the pods from before still drain, as long as their grace period lets them. */
  private drainingOf(me: Rolling, workload: Workload, state: WorkloadState | undefined): Rolling | undefined {
    const memory = this.memories.get(me.workload);
    if (memory === undefined) {
      return undefined;
    }
    const byUs = memory.started === true || memory.restoring !== undefined || memory.drainsUntil !== undefined;
    const counts =
      memory.restoring?.inWaves ?? (state !== undefined && this.stages.countsTerminating(state.policy.uid));
    if (byUs && counts && restartsPods(workload.rollout)) {
      const now = this.options.now();
      memory.drainsUntil ??= this.drainEnd(workload, state);
      const terminating = now < memory.drainsUntil ? this.terminatingOf(me.workload, workload) : 0;
      if (terminating > 0) {
        this.options.enqueueAfter(me.workload, memory.drainsUntil - now);
        return { ...me, pods: terminating, draining: true };
      }
    }
    // Whoever waits for the echo of a write of ours does not come here: nothing is left to remember.
    this.memories.delete(me.workload);
    return undefined;
  }

  /** Until when pods from before can drain, were it rolled out now. */
  private drainEnd(workload: Workload, state: WorkloadState | undefined): number {
    return this.options.now() + graceOf(workload, state) * 1000 + DRAIN_MARGIN_MS;
  }

  /** Where only the pods tell, all of them, as long as nobody has looked. */
  private terminatingOf(key: string, workload: Workload): number {
    const { terminating = 0, replicas } = workload.rollout;
    return terminating === 'NotInStatus' ? (this.options.terminatingPods(key, workload) ?? replicas) : terminating;
  }

  private memoryOf(key: string): RolloutMemory {
    let memory = this.memories.get(key);
    if (memory === undefined) {
      memory = {};
      this.memories.set(key, memory);
    }
    return memory;
  }
}

/** The kubelet and the controller need a moment to tell that a pod is gone. */
const DRAIN_MARGIN_MS = 15_000;

const NO_ENVIRONMENT =
  'its new pods lack the variables of its ProxyConfig: restart it (kubectl rollout restart) once istiod serves the resource';

function needsSlot({ limits }: Candidate, { rollout }: Workload): boolean {
  return limits.strategy !== 'Immediate' && restartsPods(rollout);
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

/**
 * How long old pods may drain one after the other before the rollout can be over: no drain is taken for a lack of progress.
 */
function drainsOf(workload: Workload, state: WorkloadState | undefined): Seconds {
  return (workload.rollout.drainRounds ?? 0) * graceOf(workload, state);
}

/** The longer grace period of the two from before and after our write: it matters less which one a pod runs under. */
function graceOf({ template }: Workload, state: WorkloadState | undefined): Seconds {
  return Math.max(
    template.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_PERIOD_SECONDS,
    state?.fields.gracePeriod?.before ?? 0,
  );
}

/** So lately that, were it rolled out at once, pods from before could still drain. */
function wasWrittenLately(workload: Workload, state: WorkloadState, now: number): boolean {
  const at = secondsOf(state.at);
  return (
    at !== undefined &&
    state.adopted !== true &&
    now - at * 1000 < DEFAULT_RULES.progressDeadline * 1000 + graceOf(workload, state) * 1000
  );
}

function secondsOf(time: string | undefined): number | undefined {
  const ms = Date.parse(time ?? '');
  return Number.isNaN(ms) ? undefined : ms / 1000;
}

/** Our own clock at the write, and the state that shows it afterwards, differ by the moment in between. */
function sameStart(a: number | undefined, b: number | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Math.abs(a - b) < 1);
}
