import type { Seconds, Workload } from '../model/workload.ts';
import { writtenValuesStand, type WorkloadState } from '../template/note/state.ts';
import { holdAfterForeignChange, type Hold, type Patience } from '../rollout/patience.ts';

/** The time, and how long to hold back after foreign changes. */
export interface DecidingPatience {
  /** Seconds since 1970. */
  readonly now: Seconds;
  readonly rules: Patience;
  readonly undoneSince?: Seconds;
  /** We wrote it, and nothing of ours is left, not even the note. */
  readonly wiped?: { readonly writtenAt: Seconds; readonly reverts: number };
}

/** How long a workload is left as somebody else has made it; undefined where what we wrote stands, or we have written nothing. */
export function holdOn(
  workload: Workload,
  state: WorkloadState | undefined,
  patience: DecidingPatience | undefined,
): Hold | undefined {
  if (patience === undefined) {
    return undefined;
  }
  const { rules, undoneSince, wiped } = patience;
  if (state === undefined) {
    return wiped === undefined
      ? undefined
      : holdAfterForeignChange({ writtenAt: wiped.writtenAt }, wiped.reverts, rules, undoneSince);
  }
  return writtenValuesStand(workload.template, state) && workload.history?.rolledBack !== true
    ? undefined
    : holdAfterForeignChange(workload.history, state.reverts ?? 0, rules, undoneSince);
}
