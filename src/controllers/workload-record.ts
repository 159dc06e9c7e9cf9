import { STATE_ANNOTATION } from '../api/names.ts';
import type { Workload } from '../drain/model/workload.ts';
import type { PolicyRecord } from '../drain/plan/policies.ts';
import { decodeState, type WorkloadState } from '../drain/restore/state.ts';
import type { RolloutLimits } from '../drain/rollout/gate.ts';
import type { EventSubject } from '../kube/index.ts';

export function stateOf(workload: Workload): WorkloadState | undefined {
  const text = workload.annotations[STATE_ANNOTATION];
  const decoded = text === undefined ? undefined : decodeState(text);
  return decoded?.ok === true ? decoded.state : undefined;
}

export function limitsOf(policy: PolicyRecord): RolloutLimits {
  const { rollout } = policy.spec;
  return { strategy: rollout.strategy, maxConcurrent: rollout.waves?.maxConcurrent ?? Infinity };
}

export function subjectOf(workload: Workload): EventSubject {
  return { apiVersion: workload.apiVersion, kind: workload.kind, name: workload.name, namespace: workload.namespace, uid: workload.uid };
}

/** What in the workload itself is in the way of a restart of its pods now. */
export function ownObstacle({ rollout }: Workload): string | undefined {
  if (rollout.paused) {
    return 'the Deployment is paused';
  }
  if (rollout.rolling) {
    return 'another rollout of it is under way';
  }
  return !rollout.complete && rollout.replicas > 0 && !rollout.healthy ? 'it is not healthy' : undefined;
}
