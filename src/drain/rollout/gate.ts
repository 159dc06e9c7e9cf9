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
  /** Replicas; of one that is rolled out and whose old pods still drain, those pods. */
  readonly pods: number;
  /** It is rolled out, and its old pods still drain. */
  readonly draining?: true;
  /** It halts its policy: it had its time. */
  readonly halts?: boolean;
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
  const others = [...rolling].filter(({ workload }) => workload !== candidate.workload);
  const here = others.filter((each) => each.namespace === namespace);
  const ofPolicy = others.filter(({ policy }) => policy === candidate.policy || policy === UNKNOWN_POLICY);
  const ofPolicyHere = ofPolicy.filter((each) => each.namespace === namespace);
  if (ofPolicy.length >= limits.maxConcurrent) {
    return full(ofPolicy, 'of the policy', '', `maxConcurrent is ${limits.maxConcurrent}`);
  }
  if (ofPolicyHere.length >= limits.maxPerNamespace) {
    return full(
      ofPolicyHere,
      'of the policy',
      ` in namespace ${namespace}`,
      `maxPerNamespace is ${limits.maxPerNamespace}`,
    );
  }
  const counted = countedForAll(others, caps);
  if (counted.length >= caps.workloads) {
    return full(counted, '', '', `the operator's cap is ${caps.workloads}`);
  }
  if (here.length >= caps.perNamespace) {
    return full(here, `of namespace ${namespace}`, '', `the operator's cap per namespace is ${caps.perNamespace}`);
  }
  const pods = ofPolicy.reduce((sum, each) => sum + each.pods, 0);
  if (ofPolicy.length > 0 && pods + candidate.pods > limits.maxPods) {
    return {
      open: false,
      for: 'Pods',
      because: `${pods} replica(s) of the policy's workloads are rolling out and this one has ${candidate.pods}; maxPods is ${limits.maxPods}`,
    };
  }
  return OPEN;
}

/**
 * What counts for the cap over all policies. Whoever may write workloads of one namespace can make them roll out for ever, and
 * say in their notes that we began it: no namespace counts for more than it may have, and none after its time. Such a
 * workload holds up its own policy, which says so, and its own namespace.
 */
export function countedForAll(rolling: readonly Rolling[], caps: OperatorCaps): readonly Rolling[] {
  const counts = new Map<string, number>();
  return rolling.filter(({ namespace, halts }) => {
    const count = (counts.get(namespace) ?? 0) + (halts === true ? 0 : 1);
    counts.set(namespace, count);
    return halts !== true && count <= caps.perNamespace;
  });
}

function full(rolling: readonly Rolling[], whose: string, where: string, limit: string): GateAnswer {
  const draining = rolling.filter((each) => each.draining === true).length;
  const drains = draining === 0 ? '' : ` (of ${draining} only old pods are left, which drain)`;
  return {
    open: false,
    because: `${rolling.length} workload(s) ${whose === '' ? '' : `${whose} `}are rolling out${where}${drains}; ${limit}`,
  };
}
