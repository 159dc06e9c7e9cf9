import type { Seconds } from '../../drain/model/workload.ts';
import type { EpochMs } from '../time.ts';

/** A write that the API server has refused: how often in a row, and until when it is not tried again. */
export interface RefusedWrite {
  /** What was to be written, on which template: another write is tried at once. */
  readonly what: string;
  readonly times: number;
  readonly until: EpochMs;
  /** What the API server said. */
  readonly message: string;
}

/** What is remembered of one workload beside what the cluster tells. All of it may be lost: a restart costs a look or a write. */
export interface WorkloadMemory {
  /** Since when our values are not there, seconds since 1970; see revert-tracker.ts. */
  undoneSince?: Seconds;
  /** Our last write, for one that wipes out every trace of it. */
  written?: { readonly at: Seconds; readonly reverts: number };
  /** Since when a hook of ours stands where nothing is injected. */
  notInjectedSince?: EpochMs;
  /** Since when the webhook puts into pods what stands in the template. */
  supersededSince?: EpochMs;
  refused?: RefusedWrite;
  /** What the last Warning said of it; empty where it has been well since. Absent where nobody has looked at it in this process. */
  warned?: string;
}

/** One record for each workload of which there is something to remember, dropped when the workload is gone. */
export class WorkloadMemories {
  private readonly memories = new Map<string, WorkloadMemory>();

  of(key: string): WorkloadMemory {
    let memory = this.memories.get(key);
    if (memory === undefined) {
      memory = {};
      this.memories.set(key, memory);
    }
    return memory;
  }

  /** The same, where there is nothing to remember yet. */
  peek(key: string): Readonly<WorkloadMemory> {
    return this.memories.get(key) ?? {};
  }

  /** Takes back what is remembered of these, where anything is. */
  clear(key: string, ...names: readonly (keyof WorkloadMemory)[]): void {
    const memory = this.memories.get(key);
    if (memory !== undefined) {
      for (const name of names) {
        memory[name] = undefined;
      }
    }
  }

  drop(key: string): void {
    this.memories.delete(key);
  }
}
