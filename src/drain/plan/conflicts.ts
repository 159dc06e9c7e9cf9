import type { Change, Conflict } from '../model/decision.ts';
import type { Workload } from '../model/workload.ts';

/** Fields that would change and that somebody else declares. */
export function conflictsOf(workload: Workload, changes: readonly Change[]): Conflict[] {
  const conflicts: Conflict[] = [];
  for (const change of changes) {
    if (change.field === 'applicationPreStop' || change.field === 'proxyEnvironment') {
      continue;
    }
    const { ownership, owners } = workload.fields[change.field];
    if (ownership === 'Declared' || ownership === 'Shared') {
      conflicts.push({ field: change.field, path: change.path, owners, wanted: change.after ?? '' });
    }
  }
  return conflicts;
}

export function conflictMessage(conflicts: readonly Conflict[]): string {
  return conflicts
    .map(
      (conflict) =>
        `${conflict.path} is declared by ${conflict.owners.join(', ') || 'somebody else'}; it would have to be ${conflict.wanted}`,
    )
    .join('; ');
}
