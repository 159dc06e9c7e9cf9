import {
  parsePolicyDuration,
  type DefaultedPolicyRollout,
  type NamespacedSidecarDrainPolicy,
  type PolicyRolloutStatus,
  type SidecarDrainPolicy,
} from '../../../api/policy.ts';
import type { PolicyRecord } from '../../../drain/plan/policies.ts';
import type { PolicyPrice } from '../../../drain/price/price.ts';
import { heldGroups, type Turn } from './held.ts';
import type { PolicyView } from '../wire.ts';

/** What is known of a policy besides itself. */
export interface PolicyInput {
  readonly price?: PolicyPrice;
  readonly turns: readonly Turn[];
  readonly paused: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** A policy as the API server has it, with what the operator says of it in its status. */
export function policyView(
  { status }: SidecarDrainPolicy | NamespacedSidecarDrainPolicy,
  record: PolicyRecord,
  { price, turns, paused, now }: PolicyInput,
): PolicyView {
  const { name, spec, deleting, stalled } = record;
  const { rollout } = spec;
  // One that cannot be evaluated has no defaults filled in.
  const waves = stalled === undefined ? rollout.waves : undefined;
  const soaked = waves === undefined ? undefined : soakedAt(status?.rollout, waves.soak);
  return {
    name,
    enforcement: spec.enforcement,
    mode: spec.drain.mode,
    duration: spec.drain.duration,
    maxWait: spec.drain.maxWait,
    suspended: spec.suspend,
    deleting,
    rollout: stalled === undefined ? rolloutWords(rollout) : '',
    conditions: (status?.conditions ?? []).map(({ type, status: value, reason, message }) => ({
      type,
      status: value,
      reason,
      message,
    })),
    counts: status?.workloads === undefined ? undefined : { ...status.workloads },
    stage: status?.rollout,
    soakedAt: soaked,
    attention: status?.attention ?? [],
    held: heldGroups({
      policy: record,
      stage: status?.rollout,
      soakedAt: soaked,
      approval: status?.conditions?.find(({ reason }) => reason === 'ApprovalRequired')?.message,
      paused,
      turns,
      now,
    }),
    price,
  };
}

function rolloutWords({ strategy, waves, windows, approval }: DefaultedPolicyRollout): string {
  const more = [
    ...(windows === undefined || windows.length === 0 ? [] : [`${windows.length} window(s)`]),
    ...(approval === 'Required' ? ['after approval'] : []),
  ];
  if (strategy !== 'Waves' || waves === undefined) {
    return [strategy, ...more].join(', ');
  }
  const { canary, soak, maxConcurrent, maxPerNamespace, maxPods } = waves;
  const first = canary === 0 ? 'no canary' : `canary ${canary}, soak ${soak}`;
  return [
    'Waves',
    first,
    `${maxConcurrent} at a time`,
    `${maxPerNamespace} in a namespace`,
    `${maxPods} pods`,
    ...more,
  ].join(', ');
}

function soakedAt(stage: PolicyRolloutStatus | undefined, soak: string): string | undefined {
  if (stage?.phase !== 'Soaking' || stage.healthySince === undefined) {
    return undefined;
  }
  return new Date(Date.parse(stage.healthySince) + parsePolicyDuration(soak) * 1000).toISOString();
}
