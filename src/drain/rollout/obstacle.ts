import type { LabelSelector } from '../../api/kubernetes.ts';
import type { RolloutFacts, Workload } from '../model/workload.ts';
import { matchesSelector } from '../selection/labels.ts';

/** What in the workload itself is in the way of a restart of its pods. */
export interface Obstacle {
  /** Passes without anybody's doing, as a rule: a rollout that is under way. */
  readonly passing: boolean;
  readonly because: string;
}

/** Whether a write of the template ends any pod. Where it does not, it needs no turn and meets no obstacle. */
export function restartsPods({ strategy, replicas }: RolloutFacts): boolean {
  return strategy !== 'None' && strategy !== 'OnDelete' && replicas > 0;
}

/** What in the workload itself has to pass before it may be written. */
export function ownObstacle({ kind, rollout }: Pick<Workload, 'kind' | 'rollout'>): Obstacle | undefined {
  if (!restartsPods(rollout)) {
    return undefined;
  }
  if (rollout.paused) {
    return { passing: false, because: `the ${kind} is paused; it is written when its rollouts are resumed` };
  }
  if (rollout.partition > 0) {
    return {
      passing: false,
      because: `its update is held by updateStrategy.rollingUpdate.partition: ${rollout.partition}; it is written when that is 0`,
    };
  }
  if (rollout.stuck) {
    return { passing: false, because: 'a rollout of it is stuck (ProgressDeadlineExceeded)' };
  }
  if (rollout.rolling) {
    return { passing: true, because: 'another rollout of it is under way' };
  }
  return rollout.complete || rollout.healthy
    ? undefined
    : { passing: false, because: 'it is not healthy: not every replica is available' };
}

/** A PodDisruptionBudget, as far as it matters here. */
export interface Budget {
  readonly namespace: string;
  readonly name: string;
  /** Absent: it selects no pod. The empty selector selects every one. */
  readonly selector?: LabelSelector;
  /** False until its controller has looked at the newest spec. */
  readonly observed: boolean;
  readonly disruptionsAllowed: number;
  readonly desiredHealthy: number;
  readonly expectedPods: number;
}

/** Rolling updates do not ask a budget. Who allows no disruption is waited for all the same: that is what the budget says. */
export function budgetObstacle(
  workload: Pick<Workload, 'rollout' | 'template'>,
  budgets: Iterable<Budget>,
): Obstacle | undefined {
  if (!restartsPods(workload.rollout)) {
    return undefined;
  }
  for (const budget of budgets) {
    const { name, selector, observed, disruptionsAllowed, desiredHealthy, expectedPods } = budget;
    if (
      selector === undefined ||
      (observed && disruptionsAllowed > 0) ||
      !matchesSelector(selector, workload.template.metadata?.labels ?? {})
    ) {
      continue;
    }
    if (!observed) {
      return { passing: true, because: `PodDisruptionBudget ${name} has not been evaluated yet` };
    }
    return {
      passing: false,
      because:
        desiredHealthy >= expectedPods
          ? `PodDisruptionBudget ${name} wants all of its ${expectedPods} pod(s) healthy and so never allows a disruption: lower its minAvailable, or raise its maxUnavailable`
          : `PodDisruptionBudget ${name} allows no disruption at present`,
    };
  }
  return undefined;
}
