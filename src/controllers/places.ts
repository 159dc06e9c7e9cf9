import { mayRoll, type OperatorCaps, type Rolling, type RolloutLimits } from '../drain/rollout/gate.ts';

export interface Candidate {
  readonly me: Rolling;
  readonly limits: RolloutLimits;
}

/** The places in which workloads may roll out at the same time: who has one, and who waits for one. */
export class Places {
  /** What rolls out because of us, as the cluster shows it. */
  private readonly rolling = new Map<string, Rolling>();
  /** In the order of asking. Who waits for its own rollout is not here: the watch brings it back. */
  private readonly waiting = new Map<string, Candidate>();
  private readonly caps: OperatorCaps;
  private readonly ask: (workload: string) => void;

  /** `ask` is called with a workload that would get a place now. */
  constructor(caps: OperatorCaps, ask: (workload: string) => void) {
    this.caps = caps;
    this.ask = ask;
  }

  get rollingCount(): number {
    return this.rolling.size;
  }

  get waitingCount(): number {
    return this.waiting.size;
  }

  /** Undefined where there is a place; else why not, and it waits from now on. */
  waitsBecause(candidate: Candidate): string | undefined {
    const { me, limits } = candidate;
    const answer = mayRoll(me, this.rolling.values(), limits, this.caps);
    if (answer.open) {
      this.waiting.delete(me.workload);
      return undefined;
    }
    this.waiting.set(me.workload, candidate);
    return answer.because;
  }

  take(me: Rolling): void {
    this.rolling.set(me.workload, me);
  }

  free(workload: string): void {
    if (this.rolling.delete(workload)) {
      this.offer();
    }
  }

  /** It takes no place after all. It may have been the one that was asked, so the next one is. */
  stopWaiting(workload: string): void {
    if (this.waiting.delete(workload)) {
      this.offer();
    }
  }

  /** Asks those that would get a place now, the longest-waiting first. Limits differ, so the first may have to wait on. */
  private offer(): void {
    const rolling = [...this.rolling.values()];
    for (const [workload, { me, limits }] of this.waiting) {
      if (rolling.length >= this.caps.workloads) {
        return;
      }
      if (mayRoll(me, rolling, limits, this.caps).open) {
        rolling.push(me);
        this.ask(workload);
      }
    }
  }
}
