import type { ReasonCode } from '../../api/reasons.ts';
import type { EpochMs } from '../time.ts';

/**
 * May this be written now? One list of small checks, in the order in which they are asked; the first that refuses is what the
 * workload waits for. Whoever reads this file knows every reason for which the operator holds a write back.
 *
 * A wave, as one workload goes through it:
 *
 *   selected --> Pending --(every gate is open)--> Updating --(rolled out)--> Compliant
 *                  ^  \                               |
 *                  |   \--(a gate refuses)--> waits   \--(no progress in time)--> Failed: halts the policy
 *                  \------(at lookAgainAt, 60 s at most)--/
 *
 * A withdrawal (the policy is gone, or does not select the workload any more):
 *
 *   governed --> leaving --(still for 2 s, few)------------------\
 *                   \--(many: WithdrawalHeld)--(approved)---------+--(every gate is open)--> restoring --> restored
 *                                                                        \--(no progress in time)--> halts the restore
 */

/**
 * `Enforce`: the policy's values are written. `Adopt`: the note alone. `Restore`: what stood there before comes back.
 * `Admit`: the webhook writes into a request of somebody else, which restarts nothing that would not restart anyway.
 */
export type WriteKind = 'Enforce' | 'Adopt' | 'Restore' | 'Admit';

export interface Refusal {
  /** A code of the closed list where somebody may have to do something, else empty. */
  readonly reason:
    Extract<ReasonCode, 'WaitsForWorkload' | 'WaitsForWindow' | 'ApprovalRequired' | 'WithdrawalHeld'> | '';
  /** For people, as it stands in the policy's status. */
  readonly message: string;
  /** When to look again where that is known; what waits is looked at every minute in any case. */
  readonly lookAgainAt?: EpochMs;
}

/** Everything that the gates ask for. What costs something is a function, asked only where every earlier gate is open. */
export interface WriteInput {
  readonly kind: WriteKind;
  readonly now: EpochMs;
  /** Why nothing may be written at all. */
  readonly offSwitch: string | undefined;
  readonly namespaceEnding: boolean;
  /** Why it cannot be known whom the policy means that has written the workload. */
  readonly holderStalled: string | undefined;
  /** Until when policies that may override each other are still being applied. Only where pods restart in waves. */
  readonly policiesSettleUntil?: EpochMs;
  /** What the API server has said to this very write, and until when it is not tried again. */
  readonly refused?: { readonly until: EpochMs; readonly message: string };
  /** Until when istiod may not know yet of the ProxyConfig that new pods need. */
  readonly environmentKnownAt?: EpochMs;
  readonly approval: () => Refusal | undefined;
  readonly window: () => Refusal | undefined;
  readonly withdrawal: () => Refusal | undefined;
  /** Its own rollout, its health, and PodDisruptionBudgets. */
  readonly obstacle: () => Refusal | undefined;
  /** The stage of the policy's waves, and every cap. */
  readonly slot: () => Refusal | undefined;
}

export interface Gate {
  readonly name: string;
  readonly kinds: readonly WriteKind[];
  readonly check: (input: WriteInput) => Refusal | undefined;
}

const EVERY_WRITE = ['Enforce', 'Adopt', 'Restore', 'Admit'] as const;
const OUR_WRITES = ['Enforce', 'Adopt', 'Restore'] as const;
const RESTARTS = ['Enforce', 'Restore'] as const;

export const GATES = [
  { name: 'OffSwitch', kinds: EVERY_WRITE, check: whileOff },
  { name: 'NamespaceEnding', kinds: EVERY_WRITE, check: whileNamespaceEnds },
  { name: 'HolderStalled', kinds: OUR_WRITES, check: whileHolderIsStalled },
  { name: 'RefusedLately', kinds: OUR_WRITES, check: afterRefusal },
  { name: 'PoliciesSettle', kinds: ['Enforce'], check: whilePoliciesSettle },
  { name: 'Approval', kinds: ['Enforce', 'Adopt'], check: ({ approval }) => approval() },
  { name: 'MassWithdrawal', kinds: ['Restore'], check: ({ withdrawal }) => withdrawal() },
  { name: 'Window', kinds: RESTARTS, check: ({ window }) => window() },
  { name: 'EnvironmentKnown', kinds: ['Enforce'], check: beforeEnvironmentIsKnown },
  { name: 'Workload', kinds: RESTARTS, check: ({ obstacle }) => obstacle() },
  { name: 'Slot', kinds: RESTARTS, check: ({ slot }) => slot() },
] as const satisfies readonly Gate[];

export type GateName = (typeof GATES)[number]['name'];

export interface RefusedBy extends Refusal {
  readonly gate: GateName;
}

/** The first gate that is closed; undefined where the write may be made. */
export function firstRefusal(input: WriteInput): RefusedBy | undefined {
  for (const gate of GATES) {
    if (!(gate.kinds as readonly WriteKind[]).includes(input.kind)) {
      continue;
    }
    const refusal = gate.check(input);
    if (refusal !== undefined) {
      return { ...refusal, gate: gate.name };
    }
  }
  return undefined;
}

/** Whoever is held by one of these is not on its way: its outcome stays what was found of it. */
export function holdsEverything({ gate }: Pick<RefusedBy, 'gate'>): boolean {
  return gate === 'OffSwitch' || gate === 'NamespaceEnding' || gate === 'HolderStalled';
}

/** The off switch may be seen late behind a connection that is half open, so it is asked for again soon. */
const OFF_LOOK_MS = 5_000;

function whileOff({ offSwitch, now }: WriteInput): Refusal | undefined {
  return offSwitch === undefined ? undefined : { reason: '', message: offSwitch, lookAgainAt: now + OFF_LOOK_MS };
}

/** What ends anyway is left in peace, whichever of its policies goes first. */
function whileNamespaceEnds({ namespaceEnding }: WriteInput): Refusal | undefined {
  return namespaceEnding ? { reason: '', message: 'its namespace is being deleted' } : undefined;
}

function whileHolderIsStalled({ holderStalled }: WriteInput): Refusal | undefined {
  return holderStalled === undefined ? undefined : { reason: '', message: holderStalled };
}

function afterRefusal({ refused, now }: WriteInput): Refusal | undefined {
  return refused === undefined || refused.until <= now
    ? undefined
    : { reason: '', message: refused.message, lookAgainAt: refused.until };
}

function whilePoliciesSettle({ policiesSettleUntil, now }: WriteInput): Refusal | undefined {
  return policiesSettleUntil === undefined || policiesSettleUntil <= now
    ? undefined
    : { reason: '', message: 'waiting for the policies to settle after a change', lookAgainAt: policiesSettleUntil };
}

function beforeEnvironmentIsKnown({ environmentKnownAt, now }: WriteInput): Refusal | undefined {
  return environmentKnownAt === undefined || environmentKnownAt <= now
    ? undefined
    : { reason: '', message: 'waiting until istiod surely uses the new ProxyConfig', lookAgainAt: environmentKnownAt };
}
