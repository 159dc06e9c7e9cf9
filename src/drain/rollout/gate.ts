/**
 * Who may roll now. A template patch restarts pods under the old settings, so only few workloads may be between "written"
 * and "rolled out" at once. The gate holds no truth of its own: what rolls is read from the cluster, so a restart of the
 * operator goes on where it was.
 */

export interface RolloutLimits {
  readonly strategy: 'Immediate' | 'Waves';
  /** Workloads of one policy that may roll at once. */
  readonly maxConcurrent: number;
  /** Of those, in one namespace. */
  readonly maxPerNamespace: number;
  /** Replicas of those together. One workload that has more may roll alone. */
  readonly maxPods: number;
}

export const NO_LIMITS: RolloutLimits = {
  strategy: 'Immediate',
  maxConcurrent: Infinity,
  maxPerNamespace: Infinity,
  maxPods: Infinity,
};

/** Across all policies, and per namespace: what waves never exceed together. */
export interface OperatorCaps {
  readonly workloads: number;
  readonly perNamespace: number;
}

export const DEFAULT_CAPS: OperatorCaps = { workloads: 10, perNamespace: 1 };

/** The policy of a rollout that was under way when this operator began to lead: it may be any policy's, so it counts for each. */
export const UNKNOWN_POLICY = '';

export interface Rolling {
  readonly workload: string;
  readonly policy: string;
  readonly namespace: string;
  /** Replicas. */
  readonly pods: number;
}

export type GateAnswer =
  | { readonly open: true }
  /** `for: Pods`: it waits for room for its replicas, which smaller ones could go on taking away from it. */
  | { readonly open: false; readonly because: string; readonly for?: 'Pods' };

const OPEN: GateAnswer = { open: true };

/** Whether one more workload may start to roll, beside those that roll already. */
export function mayRoll(
  candidate: Rolling,
  rolling: Iterable<Rolling>,
  limits: RolloutLimits,
  caps: OperatorCaps,
): GateAnswer {
  if (limits.strategy === 'Immediate') {
    return OPEN;
  }
  const { namespace } = candidate;
  let ofPolicy = 0;
  let ofPolicyHere = 0;
  let pods = 0;
  let ofNamespace = 0;
  let all = 0;
  for (const each of rolling) {
    if (each.workload === candidate.workload) {
      continue;
    }
    const here = each.namespace === namespace;
    all++;
    ofNamespace += here ? 1 : 0;
    if (each.policy === candidate.policy || each.policy === UNKNOWN_POLICY) {
      ofPolicy++;
      ofPolicyHere += here ? 1 : 0;
      pods += each.pods;
    }
  }
  if (ofPolicy >= limits.maxConcurrent) {
    return {
      open: false,
      because: `${ofPolicy} workload(s) of the policy are rolling out; maxConcurrent is ${limits.maxConcurrent}`,
    };
  }
  if (ofPolicyHere >= limits.maxPerNamespace) {
    return {
      open: false,
      because: `${ofPolicyHere} workload(s) of the policy are rolling out in namespace ${namespace}; maxPerNamespace is ${limits.maxPerNamespace}`,
    };
  }
  if (all >= caps.workloads) {
    return { open: false, because: `${all} workload(s) are rolling out; the operator's cap is ${caps.workloads}` };
  }
  if (ofNamespace >= caps.perNamespace) {
    return {
      open: false,
      because: `${ofNamespace} workload(s) of namespace ${namespace} are rolling out; the operator's cap per namespace is ${caps.perNamespace}`,
    };
  }
  if (ofPolicy > 0 && pods + candidate.pods > limits.maxPods) {
    return {
      open: false,
      for: 'Pods',
      because: `${pods} replica(s) of the policy's workloads are rolling out and this one has ${candidate.pods}; maxPods is ${limits.maxPods}`,
    };
  }
  return OPEN;
}
