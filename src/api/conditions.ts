import type { Condition, ConditionStatus } from './policy.gen.ts';

/**
 * The conditions of a policy, in the order in which they are shown. Ready, Reconciling and Stalled mean what kstatus means by them,
 * so that Flux, Argo CD and `kubectl wait` understand a policy without being told. Ready says that the policy was accepted
 * and evaluated at this generation; it never waits for rollouts, or every GitOps tool would time out on a slow one.
 */
export const CONDITION_TYPES = ['Ready', 'Compliant', 'Reconciling', 'Stalled', 'Conflicted'] as const;
export type ConditionType = (typeof CONDITION_TYPES)[number];

interface ReasonOfCondition {
  readonly status: ConditionStatus;
  readonly sentence: string;
}

const EVALUATING = {
  status: 'Unknown',
  sentence: 'The policy has not been evaluated at this generation yet.',
} as const;
const FACTS_MISSING = {
  status: 'Unknown',
  sentence: 'Something that has to be known could not be read, so nothing is written and nothing is taken back.',
} as const;
const INVALID_SELECTOR = 'A label selector cannot be evaluated; nothing is written until it is corrected.';
const INVALID_NAME_PATTERN =
  "A pattern in match.names cannot be a workload's name; nothing is written until it is corrected.";
const INVALID_WINDOW =
  'A window of rollout.windows has a schedule or a time zone that does not exist; nothing is written until it is corrected.';
const KIND_UNKNOWN =
  'A kind in match.kinds is not known to the operator; nothing is written until it is corrected, or the kind configured (--workload-kind).';
const INVALID_SPEC =
  'The stored policy does not satisfy the schema of this version; nothing is written until it is corrected.';
const PROXY_CONFIG_KIND_ABSENT =
  'The setting environment: ProxyConfig needs the kind ProxyConfig (networking.istio.io), which is not installed; checked again when it is.';

const ROLLOUT_HALTED =
  'A workload that was changed does not become healthy, so no other one is changed; it goes on when that one is healthy, gone, exempt or no longer governed by the policy.';
const OUTSIDE_BOUNDS =
  'At least one workload that the policy selects is governed by a cluster policy whose bounds this one does not keep to; it does not govern there.';
const NO_CLUSTER_POLICY =
  'No cluster policy that allows tenants selects the workloads, and without one a namespaced policy may not govern.';

const ADMISSION_REQUIRED =
  'The policy needs the admission webhook, which is not serving; nothing is written until it is. Run the operator with --admission on, or choose rollout.strategy: Waves with delivery: PodTemplate.';

/** Each condition's closed list of reasons. A reason fixes the status, so that the two can never disagree. */
export const CONDITION_REASONS = {
  Ready: {
    Evaluated: { status: 'True', sentence: 'The policy is accepted and evaluated.' },
    NoMatchingWorkloads: { status: 'True', sentence: 'The policy is accepted and selects no workload at present.' },
    IstioAbsent: {
      status: 'True',
      sentence:
        'The policy is accepted; no sidecar injector is installed, so there is no proxy to drain. Checked again when one appears.',
    },
    Suspended: {
      status: 'True',
      sentence: 'The policy is accepted and evaluated; suspend is true, so it writes nothing.',
    },
    Paused: {
      status: 'True',
      sentence: "The policy is accepted and evaluated; the operator's off switch is on, so nothing is written.",
    },
    Evaluating: EVALUATING,
    FactsMissing: FACTS_MISSING,
    InvalidSelector: { status: 'False', sentence: INVALID_SELECTOR },
    InvalidNamePattern: { status: 'False', sentence: INVALID_NAME_PATTERN },
    KindUnknown: { status: 'False', sentence: KIND_UNKNOWN },
    InvalidSpec: { status: 'False', sentence: INVALID_SPEC },
    InvalidWindow: { status: 'False', sentence: INVALID_WINDOW },
    ProxyConfigKindAbsent: { status: 'False', sentence: PROXY_CONFIG_KIND_ABSENT },
    AdmissionRequired: { status: 'False', sentence: ADMISSION_REQUIRED },
    OutsideBounds: { status: 'False', sentence: OUTSIDE_BOUNDS },
    NoClusterPolicy: { status: 'False', sentence: NO_CLUSTER_POLICY },
    Terminating: { status: 'False', sentence: 'The policy is being deleted and its workloads are restored.' },
  },
  Compliant: {
    AllCompliant: { status: 'True', sentence: 'The promise holds for every workload that the policy answers for.' },
    NoMatchingWorkloads: { status: 'True', sentence: 'The policy selects no workload at present.' },
    WorkloadsNonCompliant: {
      status: 'False',
      sentence: 'The promise does not hold for every workload, and nothing is written to change that.',
    },
    RolloutInProgress: {
      status: 'False',
      sentence: 'The promise does not hold everywhere yet: workloads are rolling out or waiting for their turn.',
    },
    RolloutHalted: { status: 'False', sentence: ROLLOUT_HALTED },
    AttentionNeeded: {
      status: 'False',
      sentence:
        'The promise does not hold for some workloads, and somebody has to look at them; status.attention lists them.',
    },
    Evaluating: EVALUATING,
    FactsMissing: FACTS_MISSING,
    Stalled: { status: 'Unknown', sentence: 'The policy cannot be evaluated; the condition Stalled says why.' },
  },
  Reconciling: {
    Evaluating: { status: 'True', sentence: 'The policy is being evaluated.' },
    // False, like waiting for a window or a person: tools that wait for a policy would else wait for the whole fleet. Compliant tells how far it is.
    RollingOut: { status: 'False', sentence: 'Workloads are being changed, a few at a time.' },
    Restoring: { status: 'True', sentence: 'Workloads are being restored.' },
    WaitsForWindow: {
      status: 'False',
      sentence: 'Nothing is under way until the next window of rollout.windows opens.',
    },
    ApprovalRequired: { status: 'False', sentence: 'Nothing is under way until somebody approves the plan.' },
    ApprovalStale: {
      status: 'False',
      sentence:
        'What the annotation sidecardrain.io/approved-plan approves is not the present plan, so nothing is written.',
    },
    WithdrawalHeld: {
      status: 'False',
      sentence: 'Many workloads would be restored at once; nothing is restored until somebody approves it.',
    },
    RidesAlong: {
      status: 'False',
      sentence:
        'Nothing is under way; workloads get the settings with their own next rollout, or their pods when they are created.',
    },
    Settled: { status: 'False', sentence: 'Nothing is under way.' },
  },
  Stalled: {
    InvalidSelector: { status: 'True', sentence: INVALID_SELECTOR },
    InvalidNamePattern: { status: 'True', sentence: INVALID_NAME_PATTERN },
    KindUnknown: { status: 'True', sentence: KIND_UNKNOWN },
    InvalidSpec: { status: 'True', sentence: INVALID_SPEC },
    InvalidWindow: { status: 'True', sentence: INVALID_WINDOW },
    ProxyConfigKindAbsent: { status: 'True', sentence: PROXY_CONFIG_KIND_ABSENT },
    AdmissionRequired: { status: 'True', sentence: ADMISSION_REQUIRED },
    OutsideBounds: { status: 'True', sentence: OUTSIDE_BOUNDS },
    NoClusterPolicy: { status: 'True', sentence: NO_CLUSTER_POLICY },
    RolloutHalted: { status: 'True', sentence: ROLLOUT_HALTED },
    NotStalled: { status: 'False', sentence: 'Nothing is in the way.' },
  },
  Conflicted: {
    FieldConflict: {
      status: 'True',
      sentence:
        'At least one workload is left alone, because somebody else declares a field that would have to change.',
    },
    ChangedBack: {
      status: 'True',
      sentence: 'At least one workload is left alone, because somebody else keeps changing it back.',
    },
    NoConflict: { status: 'False', sentence: 'No workload is left alone because of a conflict.' },
  },
} as const satisfies Record<ConditionType, Record<string, ReasonOfCondition>>;

export type ConditionReason<T extends ConditionType> = Extract<keyof (typeof CONDITION_REASONS)[T], string>;
export type AnyConditionReason = { [T in ConditionType]: ConditionReason<T> }[ConditionType];

/** A condition before it has a time. */
export type NewCondition = Omit<Condition, 'lastTransitionTime' | 'reason'> & { readonly reason: AnyConditionReason };

/** A condition whose status follows from its reason; the reason's own sentence stands in where no message is given. */
export function condition<T extends ConditionType>(
  type: T,
  reason: ConditionReason<T>,
  observedGeneration: number | undefined,
  message?: string,
): NewCondition {
  const reasons: Record<string, ReasonOfCondition> = CONDITION_REASONS[type];
  const known = Object.hasOwn(reasons, reason) ? reasons[reason] : undefined;
  if (known === undefined) {
    throw new TypeError(`condition ${type} has no reason ${reason}`);
  }
  return {
    type,
    status: known.status,
    observedGeneration,
    reason: reason as AnyConditionReason,
    message: message ?? known.sentence,
  };
}

/**
 * The conditions with `next` in place of the one of its type. `lastTransitionTime` moves to `now` only when the status
 * changes. When nothing changes the very same list comes back, so that a caller can see that there is nothing to write.
 * @param now RFC 3339
 */
export function setCondition(conditions: readonly Condition[], next: NewCondition, now: string): readonly Condition[] {
  return setConditionIn(CONDITION_TYPES, conditions, next, now);
}

/** The same for any kind. @param types in the order in which they are shown */
export function setConditionIn(
  types: readonly string[],
  conditions: readonly Condition[],
  next: Omit<Condition, 'lastTransitionTime'>,
  now: string,
): readonly Condition[] {
  const present = conditions.find((one) => one.type === next.type);
  if (
    present !== undefined &&
    present.status === next.status &&
    present.reason === next.reason &&
    present.message === next.message &&
    present.observedGeneration === next.observedGeneration
  ) {
    return conditions;
  }
  const lastTransitionTime = present?.status === next.status ? present.lastTransitionTime : now;
  const others = conditions.filter((one) => one.type !== next.type);
  return [...others, { ...next, lastTransitionTime }].sort((a, b) => rank(types, a.type) - rank(types, b.type));
}

/** Foreign types go last, in the order in which they stood. */
function rank(types: readonly string[], type: string): number {
  const at = types.indexOf(type);
  return at === -1 ? types.length : at;
}
