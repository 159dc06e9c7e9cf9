import { setHash } from '../hash.ts';

/**
 * When restoring is a mass withdrawal. A selector edit or a lost label of a namespace takes away many workloads with one
 * keystroke, each of which restarts when it is restored; so that much waits for somebody who means it.
 */
export interface WithdrawalLimits {
  /** More workloads than this are too many, whatever the policy holds. */
  readonly workloads: number;
  /** More than this share of what the policy holds is too much ... */
  readonly share: number;
  /** ... but fewer workloads than this never are: a policy with five workloads may lose three. */
  readonly atLeast: number;
}

export const WITHDRAWAL_LIMITS: WithdrawalLimits = { workloads: 50, share: 0.2, atLeast: 4 };
/** With approval Required nothing is written without one, so nothing is restored without one either. */
export const EVERY_WITHDRAWAL: WithdrawalLimits = { workloads: 0, share: 0, atLeast: 0 };

export interface WithdrawalCount {
  /** Workloads that would be restored now. */
  readonly leaving: number;
  /** Workloads that were restored lately without an approval: many small withdrawals are one large one. */
  readonly lately: number;
  /** Workloads that the policy holds now, those that would leave among them. */
  readonly held: number;
}

export function isMassWithdrawal(
  { leaving, lately, held }: WithdrawalCount,
  limits: WithdrawalLimits = WITHDRAWAL_LIMITS,
): boolean {
  const away = leaving + lately;
  return away > limits.workloads || (away >= limits.atLeast && away > limits.share * (held + lately));
}

/**
 * The name of a withdrawal: of the workloads that would leave, and of what was written to each. A workload that is written
 * again later is another one, so an approval never serves twice.
 */
export function withdrawalHash(policy: string, leaving: ReadonlyMap<string, string>): string {
  return setHash([...leaving].map(([workload, state]) => `${policy} ${workload} ${state}`));
}
