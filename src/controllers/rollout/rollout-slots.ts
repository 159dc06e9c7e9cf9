import {
  countedForAll,
  mayRoll,
  type OperatorCaps,
  type Rolling,
  type RolloutLimits,
} from '../../drain/rollout/gate.ts';

export interface Candidate {
  readonly me: Rolling;
  readonly limits: RolloutLimits;
  /** The policy on whose behalf, by its uid. */
  readonly uid: string;
  /** It is to be restored. */
  readonly restoring?: boolean;
}

/** How many more a policy may start, other limits aside, and why no more. */
export interface FreeSlots {
  readonly spots: number;
  readonly because: string;
}

export interface RolloutSlotsOptions {
  readonly caps: OperatorCaps;
  readonly spotsOf: (candidate: Candidate) => FreeSlots;
  /** Whether a workload that rolls out halts its policy. */
  readonly halts: (workload: string) => boolean;
  /** Called with a workload that would get a slot now. */
  readonly enqueue: (workload: string) => void;
}

/** The slots in which workloads may roll out at the same time: who has one, and who waits for one. */
export class RolloutSlots {
  /** What rolls out because of us, as the cluster shows it. */
  private readonly rolling = new Map<string, Rolling>();
  /** Who waits for its own rollout is not here: the watch brings it back. */
  private readonly waiting = new Map<string, Candidate>();
  /** The keys of `waiting` by kind, namespace and name, so that a rollout has an order that people can foresee. Some may be gone. */
  private order: readonly string[] | undefined;
  /** The first workload of a policy that waits for room for its replicas: those behind it must not take that away. */
  private readonly makingRoom = new Map<string, string>();
  private readonly options: RolloutSlotsOptions;

  constructor(options: RolloutSlotsOptions) {
    this.options = options;
  }

  get rollingCount(): number {
    return this.rolling.size;
  }

  get waitingCount(): number {
    return this.waiting.size;
  }

  /** Undefined where there is a slot; else why not. */
  fullBecause(candidate: Candidate): string | undefined {
    return this.obstacle(candidate, this.rollingNow(), 0);
  }

  /** It waits for a slot from now on. */
  wait(candidate: Candidate): void {
    const { workload } = candidate.me;
    if (!this.waiting.has(workload)) {
      this.order = undefined;
    }
    this.waiting.set(workload, candidate);
  }

  has(workload: string): boolean {
    return this.rolling.has(workload);
  }

  /** A candidate starts, or the cluster shows that it rolls. */
  take(me: Rolling): void {
    const candidate = this.waiting.get(me.workload);
    if (candidate !== undefined) {
      this.waiting.delete(me.workload);
      this.roomMade(candidate.uid, me.workload);
    }
    this.rolling.set(me.workload, me);
  }

  free(workload: string): void {
    if (this.rolling.delete(workload)) {
      this.offer();
    }
  }

  /** It takes no slot after all. It may have been the one that was asked, so the next one is. */
  stopWaiting(workload: string): void {
    const candidate = this.waiting.get(workload);
    if (candidate !== undefined) {
      this.waiting.delete(workload);
      this.roomMade(candidate.uid, workload);
      this.offer();
    }
  }

  /** Asks those that would get a slot now, in their order. Limits differ, so the first may have to wait on. */
  offer(): void {
    const rolling = this.rollingNow();
    const asked = new Map<string, number>();
    this.order ??= [...this.waiting.keys()].sort();
    for (const workload of this.order) {
      const candidate = this.waiting.get(workload);
      if (candidate === undefined) {
        continue;
      }
      if (countedForAll(rolling, this.options.caps).length >= this.options.caps.workloads) {
        return;
      }
      const already = asked.get(candidate.uid) ?? 0;
      if (this.obstacle(candidate, rolling, already) === undefined) {
        rolling.push(candidate.me);
        asked.set(candidate.uid, already + 1);
        this.options.enqueue(workload);
      }
    }
  }

  private rollingNow(): Rolling[] {
    return [...this.rolling.values()].map((each) => ({ ...each, halts: this.options.halts(each.workload) }));
  }

  private obstacle(candidate: Candidate, rolling: readonly Rolling[], asked: number): string | undefined {
    const { me, limits, uid } = candidate;
    if (limits.strategy === 'Immediate') {
      return undefined;
    }
    const { spots, because } = this.options.spotsOf(candidate);
    if (spots <= asked) {
      return because === '' ? 'other workloads of the policy go first' : because;
    }
    const first = this.makingRoom.get(uid);
    if (first !== undefined && first !== me.workload && this.stillMakesRoom(first, rolling)) {
      return `${first} goes first: it waits for room for its replicas (maxPods)`;
    }
    const answer = mayRoll(me, rolling, limits, this.options.caps);
    if (answer.open) {
      return undefined;
    }
    if (answer.for === 'Pods') {
      this.makingRoom.set(uid, me.workload);
    }
    return answer.because;
  }

  /** Who waits for something else by now (its policy is halted, its namespace is at its cap) holds up nobody. */
  private stillMakesRoom(workload: string, rolling: readonly Rolling[]): boolean {
    const candidate = this.waiting.get(workload);
    if (candidate === undefined || this.options.spotsOf(candidate).spots <= 0) {
      return false;
    }
    const answer = mayRoll(candidate.me, rolling, candidate.limits, this.options.caps);
    return answer.open || answer.for === 'Pods';
  }

  private roomMade(uid: string, workload: string): void {
    if (this.makingRoom.get(uid) === workload) {
      this.makingRoom.delete(uid);
    }
  }
}
