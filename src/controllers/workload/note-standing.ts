import type { NamespaceFacts } from '../../drain/model/mesh.ts';
import type { Workload } from '../../drain/model/workload.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import { noteOrigin, type WorkloadState } from '../../drain/template/note/state.ts';
import { matches } from '../../drain/selection/match.ts';

/**
 * Whether what a note says counts for others than its own workload: for its policy's stage, for a place, a cap, a count of
 * what would be restored. Whoever may write a workload may write its note, so it takes the policy's own selection and a
 * note that was written for this object. A note from before notes named their object counts where the policy selects.
 */
export function countsForPolicy(
  workload: Workload,
  state: WorkloadState,
  policy: PolicyRecord | undefined,
  { labels }: Pick<NamespaceFacts, 'labels'>,
  scope: Parameters<typeof matches>[3],
): boolean {
  if (policy?.uid !== state.policy.uid || noteOrigin(workload, state) === 'OtherObject') {
    return false;
  }
  // Whom a stalled policy means is not known, and it starts nothing.
  if (policy.compiled === undefined) {
    return true;
  }
  const match = matches(policy.compiled, workload, labels, scope);
  return match === 'Match' || match.no === 'NamespaceUnknown';
}
