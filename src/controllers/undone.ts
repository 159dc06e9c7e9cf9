import type { Seconds, Workload } from '../drain/model/workload.ts';
import type { AssessInput } from '../drain/plan/assess.ts';
import { writtenValuesStand, type WorkloadState } from '../drain/restore/state.ts';
import type { Patience } from '../drain/rollout/patience.ts';

interface Written {
  readonly at: Seconds;
  readonly reverts: number;
}

/**
 * What the object itself does not tell of a change back: when a value was taken out (managedFields book a removal to nobody),
 * and that we had written at all, where a PUT has wiped out fields and note together. A restart of the operator forgets this,
 * which costs one more write of a workload at most.
 */
export class Undone {
  private readonly since = new Map<string, Seconds>();
  private readonly written = new Map<string, Written>();
  private readonly rules: Patience;
  private readonly now: () => number;

  constructor(rules: Patience, now: () => number) {
    this.rules = rules;
    this.now = now;
  }

  /** @param reverts how often in a row our values have been changed back before this write */
  wrote(key: string, reverts = 0): void {
    this.since.delete(key);
    this.written.set(key, { at: this.now() / 1000, reverts });
  }

  /** The workload is gone, or nobody governs it: whoever takes our values out now undoes nothing. */
  forget(key: string): void {
    this.since.delete(key);
    this.written.delete(key);
  }

  patience(key: string, workload: Workload, state: WorkloadState | undefined): NonNullable<AssessInput['patience']> {
    const now = this.now() / 1000;
    const wiped = state === undefined ? this.written.get(key) : undefined;
    if (wiped === undefined && (state === undefined || writtenValuesStand(workload.template, state))) {
      this.since.delete(key);
      return { now, rules: this.rules };
    }
    const undoneSince = this.since.get(key) ?? now;
    this.since.set(key, undoneSince);
    return {
      now,
      rules: this.rules,
      undoneSince,
      ...(wiped === undefined ? {} : { wiped: { writtenAt: wiped.at, reverts: wiped.reverts } }),
    };
  }
}
