/**
 * Who may roll now. A template patch restarts pods under the old settings, so only few workloads may be between "written"
 * and "rolled out" at once. The gate holds no truth of its own: what rolls is read from the cluster, so a restart of the
 * operator goes on where it was.
 */

export interface RolloutLimits {
  readonly strategy: 'Immediate' | 'Waves';
  /** Workloads of one policy that may roll at once. */
  readonly maxConcurrent: number;
}

/** Across all policies, and per namespace: what waves never exceed together. */
export interface OperatorCaps {
  readonly workloads: number;
  readonly perNamespace: number;
}

export const DEFAULT_CAPS: OperatorCaps = { workloads: 10, perNamespace: 1 };

export interface Rolling {
  readonly workload: string;
  readonly policy: string;
  readonly namespace: string;
}

export type GateAnswer = { readonly open: true } | { readonly open: false; readonly because: string };

const OPEN: GateAnswer = { open: true };

/** Whether one more workload may start to roll, beside those that roll already. */
export function mayRoll(candidate: Rolling, rolling: Iterable<Rolling>, limits: RolloutLimits, caps: OperatorCaps): GateAnswer {
  if (limits.strategy === 'Immediate') {
    return OPEN;
  }
  let ofPolicy = 0;
  let ofNamespace = 0;
  let all = 0;
  for (const each of rolling) {
    if (each.workload === candidate.workload) {
      continue;
    }
    all++;
    ofPolicy += each.policy === candidate.policy ? 1 : 0;
    ofNamespace += each.namespace === candidate.namespace ? 1 : 0;
  }
  if (ofPolicy >= limits.maxConcurrent) {
    return { open: false, because: `${ofPolicy} workloads of the policy are rolling out; maxConcurrent is ${limits.maxConcurrent}` };
  }
  if (all >= caps.workloads) {
    return { open: false, because: `${all} workloads are rolling out; the operator's cap is ${caps.workloads}` };
  }
  if (ofNamespace >= caps.perNamespace) {
    return { open: false, because: `${ofNamespace} workload(s) of namespace ${candidate.namespace} are rolling out; the operator's cap per namespace is ${caps.perNamespace}` };
  }
  return OPEN;
}
