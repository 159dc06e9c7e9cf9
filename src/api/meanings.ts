// What a code means wherever it stands: in findings, in conditions, on Events.
import { CONDITION_REASONS } from './conditions.ts';
import { EVENTS, type EventMeaning } from './events.ts';
import { EXEMPTION_REASONS } from './exemption.ts';
import type { ConditionStatus } from './policy.gen.ts';
import { REASONS, type Reason } from './reasons.ts';

export interface ConditionMeaning {
  /** Whose condition it is. */
  readonly of: 'policy' | 'DrainExemption';
  readonly type: string;
  readonly status: ConditionStatus;
  readonly sentence: string;
}

/** At least one of the three is there. */
export interface Meanings {
  readonly code: string;
  readonly finding?: Reason;
  readonly conditions: readonly ConditionMeaning[];
  readonly event?: EventMeaning;
}

type Reasons = Readonly<Record<string, Readonly<Record<string, { status: ConditionStatus; sentence: string }>>>>;

function conditionsOf(of: ConditionMeaning['of'], types: Reasons): (ConditionMeaning & { readonly code: string })[] {
  return Object.entries(types).flatMap(([type, reasons]) =>
    Object.entries(reasons).map(([code, { status, sentence }]) => ({ code, of, type, status, sentence })),
  );
}

/** Every reason of every condition, in the order of their lists. */
export const CONDITION_MEANINGS: readonly (ConditionMeaning & { readonly code: string })[] = [
  ...conditionsOf('policy', CONDITION_REASONS),
  ...conditionsOf('DrainExemption', EXEMPTION_REASONS),
];

const FINDINGS: Readonly<Record<string, Reason>> = REASONS;
const RECORDED: Readonly<Record<string, EventMeaning>> = EVENTS;

/** Findings first, then what only conditions and Events say. */
export const MEANINGS: readonly Meanings[] = [
  ...new Set([...Object.keys(FINDINGS), ...CONDITION_MEANINGS.map(({ code }) => code), ...Object.keys(RECORDED)]),
].map((code) => ({
  code,
  finding: FINDINGS[code],
  conditions: CONDITION_MEANINGS.filter((one) => one.code === code).map(({ of, type, status, sentence }) => ({
    of,
    type,
    status,
    sentence,
  })),
  event: RECORDED[code],
}));
