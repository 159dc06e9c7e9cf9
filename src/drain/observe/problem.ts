import type { AdviceInput } from './summary.ts';
import { recommend } from './summary.ts';
import type { TerminationRecord } from './record.ts';

/** What is wrong with how the pods of a workload really ended, the worst first. */
export const OBSERVED_REASONS = ['PodsKilled', 'PreStopFailed', 'ForecastMissed'] as const;
export type ObservedReason = (typeof OBSERVED_REASONS)[number];

export interface ObservedProblem {
  readonly reason: ObservedReason;
  /** How often, and what follows, in the words of `verify`. No times, so that it stays the same while nothing new happens. */
  readonly message: string;
}

const SAID: Readonly<Record<ObservedReason, string>> = {
  PodsKilled: 'still ran when the grace period was over and got SIGKILL',
  PreStopFailed: 'got SIGTERM at once because a preStop failed',
  ForecastMissed: 'did not end as the engine says',
};

/** Undefined for a termination that went as it should, or of which too little was seen. */
export function observedReason({ outcome, forecast }: TerminationRecord): ObservedReason | undefined {
  switch (outcome) {
    case 'Killed':
      return 'PodsKilled';
    case 'HookFailed':
      return 'PreStopFailed';
    default:
      return (forecast?.differences.length ?? 0) > 0 ? 'ForecastMissed' : undefined;
  }
}

/** What is said of a workload's terminations; undefined where none of them went wrong. */
export function observedProblem(input: AdviceInput): ObservedProblem | undefined {
  const seen = input.records.map(observedReason);
  const reason = OBSERVED_REASONS.find((one) => seen.includes(one));
  if (reason === undefined) {
    return undefined;
  }
  const number = seen.filter((one) => one === reason).length;
  const advice = recommend(input)[0]?.message ?? '';
  return { reason, message: `${number} ${number === 1 ? 'pod' : 'pods'} ${SAID[reason]}. ${advice}` };
}
