import type { SidecarDrainPolicyStatus } from '../../api/policy.ts';
import type { WorkloadRef } from '../../drain/model/workload.ts';

/**
 * What an earlier process has told in Events already, read from the status that it has left: a restart or a new leader tells
 * nothing twice. What happened while nobody led is not in the status, and is told.
 */

/** The workload stood in the policy's attention, for the same reason and with the same message. */
export function workloadToldBefore(
  status: SidecarDrainPolicyStatus | undefined,
  { namespace, kind, name }: WorkloadRef,
  reason: string,
  message: string,
): boolean {
  return (status?.attention ?? []).some(
    (each) =>
      each.namespace === namespace &&
      each.kind === kind &&
      each.name === name &&
      each.reason === reason &&
      // The status cuts long messages.
      message.startsWith(each.message ?? ''),
  );
}

export function haltToldBefore(status: SidecarDrainPolicyStatus | undefined, message: string): boolean {
  return status?.rollout?.haltedBy?.message === message;
}

/** What the policy waited for a person to allow, as `told` has it: the reason and the plan; empty where it waited for nobody. */
export function waitToldBefore(status: SidecarDrainPolicyStatus | undefined): string {
  const reason = status?.conditions?.find(({ type }) => type === 'Reconciling')?.reason;
  return reason === 'ApprovalRequired' || reason === 'ApprovalStale' || reason === 'WithdrawalHeld'
    ? toldText(reason, status?.planHash ?? '')
    : '';
}

export function toldText(reason: string, planHash: string): string {
  return `${reason} ${planHash}`;
}
