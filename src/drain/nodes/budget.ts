import type { Seconds } from '../../api/duration.ts';
import type { PodTemplate } from '../../api/kubernetes.ts';
import type { NodeBudget, NodeGroup } from '../model/nodes.ts';
import type { NodeFacts } from '../model/mesh.ts';
import type { Workload } from '../model/workload.ts';
import { mayLandOn } from './landing.ts';

/** What cluster-autoscaler waits for a pod where its flag says nothing else (FAQ: --max-graceful-termination-sec, default 600). */
export const DEFAULT_DRAIN_BUDGET: NodeBudget = {
  seconds: 600,
  from: "the cluster autoscaler's default (--max-graceful-termination-sec)",
};

/** The least that a pod of this template may be given where its node goes, with the nodes that give no more. */
export interface LandingBudget extends NodeBudget {
  /** How many such nodes there are now; absent where only what makes them is known, or where it holds for every node. */
  readonly nodes?: number;
}

/** The smallest budget of all nodes that a pod of the template may come to run on. */
export function smallestBudget({ spec }: PodTemplate, { groups = [], drain }: NodeFacts): LandingBudget {
  const everywhere = drain ?? DEFAULT_DRAIN_BUDGET;
  // They are sorted by their budgets: the first that takes the pod is the smallest.
  const found = groups.find((group) => group.budget.seconds < everywhere.seconds && lands(spec.scheduling, group));
  if (found === undefined) {
    return everywhere;
  }
  const alike = groups.filter(
    ({ budget, nodes }) =>
      nodes !== undefined && budget.seconds === found.budget.seconds && budget.from === found.budget.from,
  );
  const nodes = alike
    .filter((group) => lands(spec.scheduling, group))
    .reduce((sum, group) => sum + (group.nodes ?? 0), 0);
  return { ...found.budget, nodes: nodes === 0 ? undefined : nodes };
}

/** A budget that a workload's grace period is longer than, with the pods that it is about. */
export interface ExceededBudget extends LandingBudget {
  readonly pods: number;
}

/** Undefined where every node that may take its pods gives them their grace period. */
export function exceededBudget(
  { template, rollout }: Pick<Workload, 'template' | 'rollout'>,
  grace: Seconds,
  nodes: NodeFacts,
): ExceededBudget | undefined {
  const budget = smallestBudget(template, nodes);
  return grace > budget.seconds ? { ...budget, pods: rollout.replicas } : undefined;
}

function lands(scheduling: PodTemplate['spec']['scheduling'], group: NodeGroup): boolean {
  return mayLandOn(scheduling ?? {}, group);
}

/** In words: `15 s on GKE Spot nodes (...), of which there are 3`. */
export function budgetWords({ seconds, from, nodes }: LandingBudget): string {
  const count = nodes === undefined ? '' : `, of which ${nodes === 1 ? 'there is 1' : `there are ${nodes}`}`;
  return `${seconds} s by ${from}${count}`;
}
