import { setConditionIn } from './conditions.ts';
import type { ConditionStatus, ExemptionCondition } from './policy.gen.ts';

const INVALID_SELECTOR = 'The label selector cannot be evaluated, so nothing is exempt until it is corrected.';
const INVALID_NAME_PATTERN =
  "A pattern in selector.names cannot be a workload's name, so nothing is exempt until it is corrected.";

/** Each condition's closed list of reasons of a DrainExemption. A reason fixes the status. */
export const EXEMPTION_REASONS = {
  Active: {
    Exempting: { status: 'True', sentence: 'Policies leave the workloads that it selects alone.' },
    NoMatchingWorkloads: {
      status: 'True',
      sentence: 'It selects no workload at present: see whether its names and labels are right, or delete it.',
    },
    Expired: {
      status: 'False',
      sentence: 'Its time is over: policies govern the workloads again. Write a later time to expires, or delete it.',
    },
    OutsideBounds: {
      status: 'False',
      sentence: "It does not keep to what the cluster's policy says of exemptions, so it does not count.",
    },
    InvalidSelector: { status: 'False', sentence: INVALID_SELECTOR },
    InvalidNamePattern: { status: 'False', sentence: INVALID_NAME_PATTERN },
  },
  Stalled: {
    InvalidSelector: { status: 'True', sentence: INVALID_SELECTOR },
    InvalidNamePattern: { status: 'True', sentence: INVALID_NAME_PATTERN },
    NotStalled: { status: 'False', sentence: 'Nothing is in the way.' },
  },
} as const satisfies Record<string, Record<string, { readonly status: ConditionStatus; readonly sentence: string }>>;

export type ExemptionConditionType = keyof typeof EXEMPTION_REASONS;
export const EXEMPTION_CONDITION_TYPES = Object.keys(EXEMPTION_REASONS) as readonly ExemptionConditionType[];

export type ExemptionReason<T extends ExemptionConditionType> = Extract<keyof (typeof EXEMPTION_REASONS)[T], string>;
export type AnyExemptionReason = { [T in ExemptionConditionType]: ExemptionReason<T> }[ExemptionConditionType];

export type NewExemptionCondition = Omit<ExemptionCondition, 'lastTransitionTime' | 'reason'> & {
  readonly reason: AnyExemptionReason;
};

export function exemptionCondition<T extends ExemptionConditionType>(
  type: T,
  reason: ExemptionReason<T>,
  observedGeneration: number,
  message?: string,
): NewExemptionCondition {
  const { status, sentence } = EXEMPTION_REASONS[type][reason] as {
    readonly status: ConditionStatus;
    readonly sentence: string;
  };
  return { type, status, observedGeneration, reason: reason as AnyExemptionReason, message: message ?? sentence };
}

/** As `setCondition` does for policies. */
export function setExemptionCondition(
  conditions: readonly ExemptionCondition[],
  next: NewExemptionCondition,
  now: string,
): readonly ExemptionCondition[] {
  return setConditionIn(EXEMPTION_CONDITION_TYPES, conditions, next, now);
}
