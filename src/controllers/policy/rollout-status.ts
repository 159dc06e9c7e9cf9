import { condition, type NewCondition } from '../../api/conditions.ts';
import type { PolicyRolloutStatus, PolicyWorkloadCounts } from '../../api/policy.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import type { Stage } from '../../drain/rollout/stage.ts';

type Counts = Required<PolicyWorkloadCounts>;

/** What the status says of a policy's waves. Absent where the policy has none, or writes nothing. */
export function rolloutStatus(
  policy: PolicyRecord,
  stage: Stage | undefined,
  counts: Counts,
  before: PolicyRolloutStatus | undefined,
  now: number,
): PolicyRolloutStatus | undefined {
  if (stage === undefined || policy.deleting || policy.spec.enforcement !== 'Enforce') {
    return undefined;
  }
  const phase = stage.halt === undefined && counts.pending + counts.updating === 0 ? 'Done' : stage.phase;
  const { intent, healthySince, soaked } = stage.memory;
  const since = before?.phase === phase && before.intent === intent ? before.since : undefined;
  return {
    phase,
    intent,
    since: since ?? new Date(now).toISOString(),
    ...(healthySince === undefined ? {} : { healthySince: new Date(healthySince * 1000).toISOString() }),
    ...(soaked === undefined ? {} : { soaked }),
    ...(stage.halt === undefined ? {} : { haltedBy: stage.halt }),
  };
}

/** The conditions that a halted rollout turns. It is Ready all the same: it was accepted and evaluated. */
export function haltConditions(
  stage: Stage | undefined,
  counts: Counts,
  at: number,
): { readonly compliant: NewCondition; readonly stalled: NewCondition } | undefined {
  if (stage?.halt === undefined) {
    return undefined;
  }
  const message = `${stage.halt.message}; no other workload is changed until it is healthy, gone, exempt or no longer governed by this policy`;
  return {
    compliant: condition(
      'Compliant',
      'RolloutHalted',
      at,
      `${counts.compliant} of ${counts.matched - counts.exempt - counts.overridden} workloads comply; ${stage.halt.message}`,
    ),
    stalled: condition('Stalled', 'RolloutHalted', at, message),
  };
}

/** Where time alone brings the next stage: when, in milliseconds since 1970. */
export function stageDueAt(stage: Stage | undefined): number | undefined {
  return stage?.lookAt === undefined ? undefined : stage.lookAt * 1000;
}
