import type { Seconds, TemplateHistory } from '../model/workload.ts';

/** How long we hold back after somebody else has undone what we wrote. */
export interface Patience {
  /** After a foreign change of the pod template, for example a `rollout undo` in an incident. */
  readonly afterForeignChange: Seconds;
  /** A change back within this time after our write counts as a revert of it. */
  readonly fightWindow: Seconds;
  /** Reverts in a row that make a fight. */
  readonly fightReverts: number;
  /** The first distance in a fight; each further revert doubles it. */
  readonly fightDistance: Seconds;
  readonly longestDistance: Seconds;
}

export const DEFAULT_PATIENCE: Patience = {
  afterForeignChange: 30 * 60,
  fightWindow: 10 * 60,
  fightReverts: 2,
  fightDistance: 60 * 60,
  longestDistance: 24 * 60 * 60,
};

export interface Hold {
  /** Seconds since 1970. */
  readonly until: Seconds;
  readonly by: string;
  readonly fight: boolean;
  /** Reverts in a row, this one included. */
  readonly reverts: number;
}

/**
 * What a foreign change of the template since our last write means. Undefined where there was none. All of it is read
 * from the object (managedFields and our state), so that a restart of the operator forgets nothing.
 * @param undoneSince when our values were first seen undone, for a change that managedFields do not tell
 */
export function holdAfterForeignChange(
  history: TemplateHistory | undefined,
  earlierReverts: number,
  patience: Patience,
  undoneSince?: Seconds,
): Hold | undefined {
  const told =
    history?.changedAt !== undefined && history.changedAt >= history.writtenAt ? history.changedAt : undefined;
  // managedFields book a removal to nobody: then it counts from when it was seen.
  const changedAt = told ?? undoneSince;
  if (history === undefined || changedAt === undefined) {
    return undefined;
  }
  const quick = changedAt - history.writtenAt <= patience.fightWindow;
  const reverts = quick ? earlierReverts + 1 : 1;
  const fight = reverts >= patience.fightReverts;
  const distance = fight
    ? Math.min(patience.longestDistance, patience.fightDistance * 2 ** Math.min(reverts - patience.fightReverts, 10))
    : patience.afterForeignChange;
  return {
    until: changedAt + distance,
    by: (told === undefined ? undefined : history.changedBy) ?? 'somebody',
    fight,
    reverts,
  };
}
