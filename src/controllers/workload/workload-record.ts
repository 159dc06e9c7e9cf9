import { objectKind, type Workload } from '../../drain/model/workload.ts';
import { restartLimitOf } from '../../drain/plan/delivery.ts';
import { GROUP, VERSION } from '../../api/names.ts';
import { policyObject, type PolicyRecord } from '../../drain/plan/policies.ts';
import type { WorkloadState } from '../../drain/template/note/state.ts';
import { NO_LIMITS, type RolloutLimits } from '../../drain/rollout/gate.ts';
import type { EventSubject } from '../../kube/index.ts';

/** Where a policy says nothing, as a workload that outlives its policy does. */
const DEFAULT_WAVES = { maxPerNamespace: 1, maxPods: 50 };

/** How a policy's workloads may restart. Under OnNextRollout the operator restarts nothing but what it restores. */
export function limitsOf(policy: PolicyRecord): RolloutLimits {
  const { waves } = policy.spec.rollout;
  return wavesOf(restartLimitOf(policy), waves);
}

/** The same of a workload that is restored without its policy. */
export function limitsOfState({ maxConcurrent }: WorkloadState): RolloutLimits {
  return wavesOf(maxConcurrent, undefined);
}

function wavesOf(
  maxConcurrent: number | undefined,
  waves: { readonly maxPerNamespace: number; readonly maxPods: number } | undefined,
): RolloutLimits {
  const { maxPerNamespace, maxPods } = waves ?? DEFAULT_WAVES;
  return maxConcurrent === undefined ? NO_LIMITS : { strategy: 'Waves', maxConcurrent, maxPerNamespace, maxPods };
}

export function subjectOf(workload: Workload): EventSubject {
  return {
    apiVersion: workload.apiVersion,
    kind: objectKind(workload.kind),
    name: workload.name,
    namespace: workload.namespace,
    uid: workload.uid,
  };
}

/** @param name as a note has it: of a namespaced policy `namespace/name` */
export function policySubject({ name, uid }: Pick<PolicyRecord, 'name' | 'uid'>): EventSubject {
  const slash = name.indexOf('/');
  const namespace = slash === -1 ? undefined : name.slice(0, slash);
  return { apiVersion: `${GROUP}/${VERSION}`, ...policyObject({ name, namespace }), uid };
}
