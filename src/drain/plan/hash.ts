import type { Decision } from '../model/decision.ts';
import { workloadKey } from '../model/workload.ts';
import { fnv1a } from './intent.ts';

/**
 * A short name for everything that a plan would change: equal exactly where the same fields of the same workloads would
 * get the same values under the same policies, whatever order they came in. Empty plans have one too.
 */
export function planHash(decisions: readonly Decision[]): string {
  const lines = decisions.flatMap((decision) => (decision.outcome === 'Pending' || decision.outcome === 'NonCompliant' ? decision.changes : [])
    .map((change) => JSON.stringify([workloadKey(decision.workload), decision.policy ?? '', change.field, change.before ?? null, change.after ?? null])));
  return fnv1a(lines.sort().join('\n'));
}
