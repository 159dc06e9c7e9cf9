import { POLICY_API_VERSION, POLICY_KIND, validatePolicy, type SidecarDrainPolicy } from '../../api/policy.ts';
import type { ImportedPolicy, Remarks, Selected, Steps } from './remarks.ts';
import { promiseFor } from './promise.ts';
import type { WantedValues } from './wanted.ts';

export interface PolicyDraft extends Selected {
  readonly name: string;
  readonly wanted: WantedValues;
  readonly from: string;
  readonly steps: Steps;
}

/**
 * The policy, in Audit: it writes nothing until somebody says so. A source that acts when objects are created or changed
 * restarts nothing by itself; the same is `delivery: Admission` for pods and `OnNextRollout` for workloads.
 */
export function assemble(draft: PolicyDraft, remarks: Remarks): ImportedPolicy[] {
  const { wanted, steps, match, from, podsOnly, onNextChange, priority } = draft;
  const parts = promiseFor(wanted, steps, remarks);
  if (parts === undefined) {
    return [];
  }
  const policy: SidecarDrainPolicy = {
    apiVersion: POLICY_API_VERSION,
    kind: POLICY_KIND,
    metadata: { name: objectName(draft.name) },
    spec: {
      enforcement: 'Audit',
      ...(priority === undefined || priority === 0 ? {} : { priority }),
      match,
      ...parts,
      ...(podsOnly ? { delivery: 'Admission' as const } : {}),
      ...(onNextChange && !podsOnly ? { rollout: { strategy: 'OnNextRollout' as const } } : {}),
    },
  };
  const problems = validatePolicy(policy);
  for (const { path, message } of problems) {
    remarks.notCarried(steps, `no policy can say this: ${path}: ${message}`);
  }
  return problems.length > 0 ? [] : [{ policy, from, steps }];
}

const LONGEST_NAME = 253;

/** What a rule is called, as the name of an object. */
function objectName(text: string): string {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, '-')
    .replaceAll(/\.(?=[-.])|(?<=[-.])\./g, '-')
    .slice(0, LONGEST_NAME)
    .replaceAll(/^[-.]+|[-.]+$/g, '');
  return name === '' ? 'imported' : name;
}
