import { observedProblem, observedReason, type TerminationRecord } from '../../drain/observe/index.ts';
import type { AdviceInput, ObservedProblem } from '../../drain/observe/index.ts';
import type { Clock, TimerHandle } from '../../kube/index.ts';

export interface ObservedOptions {
  readonly clock: Clock;
  /** What is to be said of a workload from now on; undefined: nothing any more. */
  readonly onChange: (policy: string, workload: string, problem: ObservedProblem | undefined) => void;
}

/** What follows from a termination needs these of its workload as it stands now. */
export type ObservedWorkload = Omit<AdviceInput, 'records'>;

interface Remembered {
  readonly policy: string;
  /** Those that went wrong, the latest last. */
  readonly records: readonly TerminationRecord[];
  readonly timer: TimerHandle;
}

/** So long without a new one, and it is taken for repaired. */
export const FORGET_AFTER_MS = 24 * 60 * 60 * 1000;
const MOST_RECORDS = 20;
/** The oldest is forgotten for a new one. */
export const MOST_WORKLOADS = 1_000;

/** Terminations that went wrong, by workload, for a day after the last of them. */
export class ObservedTerminations {
  private readonly remembered = new Map<string, Remembered>();
  private readonly options: ObservedOptions;

  constructor(options: ObservedOptions) {
    this.options = options;
  }

  note(workload: string, policy: string, record: TerminationRecord, about: ObservedWorkload): void {
    if (observedReason(record) === undefined) {
      return;
    }
    const before = this.remembered.get(workload);
    if (before !== undefined) {
      this.drop(workload, before, before.policy !== policy);
    } else if (this.remembered.size >= MOST_WORKLOADS) {
      this.forgetOldest();
    }
    const records = [...(before?.records ?? []), record].slice(-MOST_RECORDS);
    const timer = this.options.clock.setTimeout(() => {
      this.forgetWorkload(workload);
    }, FORGET_AFTER_MS);
    this.remembered.set(workload, { policy, records, timer });
    this.options.onChange(policy, workload, observedProblem({ ...about, records }));
  }

  forgetWorkload(workload: string): void {
    const found = this.remembered.get(workload);
    if (found !== undefined) {
      this.drop(workload, found, true);
    }
  }

  forgetPolicy(policy: string): void {
    for (const [workload, found] of this.remembered) {
      if (found.policy === policy) {
        this.drop(workload, found, true);
      }
    }
  }

  stop(): void {
    for (const [workload, found] of this.remembered) {
      this.drop(workload, found, false);
    }
  }

  private forgetOldest(): void {
    const [oldest] = this.remembered.keys();
    if (oldest !== undefined) {
      this.forgetWorkload(oldest);
    }
  }

  private drop(workload: string, { policy, timer }: Remembered, tell: boolean): void {
    this.options.clock.clearTimeout(timer);
    this.remembered.delete(workload);
    if (tell) {
      this.options.onChange(policy, workload, undefined);
    }
  }
}
