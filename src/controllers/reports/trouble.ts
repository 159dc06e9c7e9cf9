import type { Decision, WorkloadOutcome } from '../../drain/model/decision.ts';
import type { Observed } from './ledger.ts';

/** What nobody cures by waiting. */
const TROUBLE: ReadonlySet<WorkloadOutcome> = new Set(['Conflicted', 'Failed', 'Unknown']);

/** What an Event tells of a workload under the policy that governs it, in the words of the status. Undefined where nothing is the matter. */
export function troubleOf({ outcome, reason, message }: Decision): Observed | undefined {
  return TROUBLE.has(outcome) ? { reason: reason ?? outcome, message } : undefined;
}
