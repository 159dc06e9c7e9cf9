import { workloadKey, type Workload } from '../drain/model/workload.ts';
import type { WorkloadState } from '../drain/restore/state.ts';
import type { OperatorCaps, Rolling } from '../drain/rollout/gate.ts';
import type { Caches } from './caches.ts';
import { isAtLeast, type OwnWrite, type Written } from './own-writes.ts';
import { Places, type Candidate } from './places.ts';
import { ownObstacle, stateOf } from './workload-record.ts';

export interface RolloutsOptions {
  readonly caches: Caches;
  readonly caps: OperatorCaps;
  /** Called with a workload whose turn has come. */
  readonly ask: (workload: string) => void;
  /** Called when the cache has shown a write of ours before the answer to it came. */
  readonly echoed: (workload: string) => void;
}

/** What rolls out because of us, as the cluster shows it and as our own latest writes say, and who may start next. */
export class Rollouts {
  private readonly options: RolloutsOptions;
  private readonly places: Places;
  private readonly ownWrites = new Map<string, OwnWrite>();
  /** Given back and not yet rolled out: the state annotation that would tell is gone by then. */
  private readonly givingBack = new Map<string, Rolling>();

  constructor(options: RolloutsOptions) {
    this.options = options;
    this.places = new Places(options.caps, options.ask);
  }

  /** How many workloads roll out because of us now. */
  get rollingCount(): number {
    return this.places.rollingCount;
  }

  get waitingCount(): number {
    return this.places.waitingCount;
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

  /** Where the cluster shows a workload of ours between written and rolled out, it takes a place; else it frees one. */
  observe(key: string, workload: Workload, state: WorkloadState | undefined): void {
    this.settle(key, this.rollingOf(workload, state));
  }

  /** The workload is gone. */
  forget(key: string): void {
    this.ownWrites.delete(key);
    this.places.stopWaiting(key);
    this.release(key);
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
  mayStart(key: string, candidate: Candidate, workload: Workload): string | undefined {
    const own = candidate.limits.strategy === 'Waves' ? ownObstacle(workload) : undefined;
    if (own !== undefined) {
      this.places.stopWaiting(key);
      return `waits: ${own}`;
    }
    const because = this.places.waitsBecause(candidate);
    return because === undefined ? undefined : `waits: ${because}`;
  }

  /** It starts: from here on it takes a place. */
  start(me: Rolling): void {
    this.places.take(me);
  }

  startGivingBack(me: Rolling): void {
    this.givingBack.set(me.workload, me);
    this.places.take(me);
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
    this.places.stopWaiting(key);
  }

  /** It did not start after all. */
  release(key: string): void {
    this.givingBack.delete(key);
    this.ownWrites.delete(key);
    this.settle(key, undefined);
  }

  private settle(key: string, rolling: Rolling | undefined): void {
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
}
