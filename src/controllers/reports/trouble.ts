import type { ReasonCode } from '../../api/reasons.ts';
import type { Decision, WorkloadOutcome } from '../../drain/model/decision.ts';

/** What nobody cures by waiting. */
const TROUBLE: ReadonlySet<WorkloadOutcome> = new Set(['Conflicted', 'Failed', 'Unknown']);

export interface Trouble {
  readonly reason: ReasonCode;
  readonly message: string;
}

/** What an Event tells of a workload under the policy that governs it, in the words of the status. Undefined where nothing is the matter. */
export function troubleOf({ outcome, reason, message }: Decision): Trouble | undefined {
  return TROUBLE.has(outcome) && reason !== undefined ? { reason, message } : undefined;
}
