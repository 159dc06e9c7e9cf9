import { ADMISSION_POLICY_LABEL } from '../../api/names.ts';
import { condition, type NewCondition } from '../../api/conditions.ts';
import type { PolicyWorkloadCounts } from '../../api/policy.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';

/** Whether a policy can do nothing without the admission webhook. */
export function needsAdmission({ spec, stalled }: PolicyRecord): boolean {
  return (
    stalled === undefined &&
    spec.enforcement === 'Enforce' &&
    (spec.delivery === 'Admission' || spec.rollout.strategy === 'OnNextRollout')
  );
}

/**
 * Whether the admission policies of config/admission-policies complete the pods of a policy: `src/cli/render/cluster-policies.ts` says the
 * same in CEL. Pods alone, so what rides along with rollouts needs the webhook all the same.
 */
export function isLeftToAdmissionPolicies(
  { spec, namespace, intent }: PolicyRecord,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  return (
    spec.delivery === 'Admission' &&
    namespace === undefined &&
    labels?.[ADMISSION_POLICY_LABEL.key] === ADMISSION_POLICY_LABEL.value &&
    spec.match.revisions === undefined &&
    spec.match.proxies.includes('Sidecar') &&
    intent.strategy !== 'PreStopHook'
  );
}

/** What is known of such a policy: who installed the admission policies has said so to the operator, and it looks into no pod. */
export const LEFT_TO_ADMISSION_POLICIES =
  "the API server's admission policies complete its pods, as --admission-policies says; the operator does not see what they have written";

/** What to do about a webhook that does not serve. */
export function admissionRequired({ spec }: PolicyRecord, detail: string | undefined): string {
  const [field, otherwise] =
    spec.delivery === 'Admission'
      ? ['delivery: Admission', 'write delivery: PodTemplate']
      : ['rollout.strategy: OnNextRollout', 'write strategy: Waves'];
  return `${field} works through the admission webhook, which does not serve${detail === undefined ? '' : ` (${detail})`}: enable it (operator flag --admission on, with its manifests), or ${otherwise}`;
}

/** What waits for the applications' own rollouts is not under way: tools that wait for a policy must not wait for those. */
export function ridesAlong(
  { spec }: PolicyRecord,
  { pending, updating }: Required<PolicyWorkloadCounts>,
  at: number,
): NewCondition | undefined {
  if (pending === 0 || updating > 0) {
    return undefined;
  }
  if (spec.delivery === 'Admission') {
    return condition(
      'Reconciling',
      'RidesAlong',
      at,
      `${pending} workload(s) have pods that are older than the policy; nothing is restarted for them`,
    );
  }
  return spec.rollout.strategy === 'OnNextRollout'
    ? condition(
        'Reconciling',
        'RidesAlong',
        at,
        `${pending} workload(s) get the settings with their own next rollout; nothing is restarted for them`,
      )
    : undefined;
}
