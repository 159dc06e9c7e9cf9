import type { Workload } from '../../drain/model/workload.ts';
import type { AssessInput } from '../../drain/plan/assess.ts';
import { writtenValuesStand, type WorkloadState } from '../../drain/template/note/state.ts';
import type { Patience } from '../../drain/rollout/patience.ts';
import type { EpochMs } from '../time.ts';
import type { WorkloadMemories } from './workload-memory.ts';

/**
 * What the object itself does not tell of a change back: when a value was taken out (managedFields book a removal to nobody),
 * and that we had written at all, where a PUT has wiped out fields and note together. A restart of the operator forgets this,
 * which costs one more write of a workload at most.
 */
export class RevertTracker {
  private readonly memories: WorkloadMemories;
  private readonly rules: Patience;
  private readonly now: () => EpochMs;

  constructor(memories: WorkloadMemories, rules: Patience, now: () => EpochMs) {
    this.memories = memories;
    this.rules = rules;
    this.now = now;
  }

  /** @param reverts how often in a row our values have been changed back before this write */
  wrote(key: string, reverts = 0): void {
    const memory = this.memories.of(key);
    memory.undoneSince = undefined;
    memory.written = { at: this.now() / 1000, reverts };
  }

  /** Nobody governs the workload: whoever takes our values out now undoes nothing. */
  forget(key: string): void {
    this.memories.clear(key, 'undoneSince', 'written');
  }

  patience(key: string, workload: Workload, state: WorkloadState | undefined): NonNullable<AssessInput['patience']> {
    const now = this.now() / 1000;
    const { rules } = this;
    const wiped = state === undefined ? this.memories.peek(key).written : undefined;
    if (wiped === undefined && (state === undefined || writtenValuesStand(workload.template, state))) {
      this.memories.clear(key, 'undoneSince');
      return { now, rules };
    }
    const memory = this.memories.of(key);
    memory.undoneSince ??= now;
    return {
      now,
      rules,
      undoneSince: memory.undoneSince,
      wiped: wiped === undefined ? undefined : { writtenAt: wiped.at, reverts: wiped.reverts },
    };
  }
}
