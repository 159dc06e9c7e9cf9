import type { Seconds } from '../model/workload.ts';
import type { PricedBudget } from './budgets.ts';

/** What one pod of a workload takes to end, before and after a change. */
export interface PricedWorkload {
  readonly kind: string;
  readonly replicas: number;
  /** With nothing in flight. */
  readonly quietBefore: Seconds;
  readonly quietAfter: Seconds;
  /** At most: the grace period. */
  readonly worstBefore: Seconds;
  readonly worstAfter: Seconds;
}

/** Where pods are, and what holds their evictions up. */
export interface Surroundings {
  /** How many nodes there are; 0 where that is not known. */
  readonly nodes: number;
  /** By key of a workload. */
  readonly budgets?: ReadonlyMap<string, PricedBudget>;
  /** By key of a workload how many of its pods are on each node; absent where no pods were looked at. */
  readonly places?: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** What all that a policy changes costs whoever deploys, drains and upgrades afterwards. */
export interface PolicyPrice {
  /** By how much the slowest deploy gets longer while nothing is in flight. */
  readonly deployAdds: Seconds;
  /** `Deployment/shop/checkout`, whose deploy that is; absent where none gets longer. */
  readonly slowest?: string;
  /** The longest that a node drain may have to wait for pods to end, PodDisruptionBudgets included. */
  readonly nodeDrainBefore: Seconds;
  readonly nodeDrainAfter: Seconds;
  /** By how much an upgrade of all nodes, one after the other, may get longer at most; absent where the nodes are not known. */
  readonly upgradeAdds?: Seconds;
  readonly nodes?: number;
  /** The figures are of the pods as they are on nodes now; otherwise all pods of a workload may be on one node. */
  readonly placed?: true;
  /** `namespace/name` of the budget that makes the longest drain go round by round, and how many rounds. */
  readonly budget?: { readonly name: string; readonly rounds: number };
  /** `namespace/name` of budgets that never let a pod go: a drain waits for them without end. */
  readonly blocked?: readonly string[];
}

/**
 * Pods that are replaced one after the other: a StatefulSet waits for the end of each before it makes the next, a DaemonSet
 * (maxUnavailable 1, its default) too. A Deployment does not wait for pods that are ending: its deploy gets longer by one end.
 */
const ONE_BY_ONE: ReadonlySet<string> = new Set(['StatefulSet', 'DaemonSet']);

/**
 * The price of a policy, from the workloads that it changes, each with its key. Undefined where it changes none.
 * A drain ends the pods of a node side by side, so it waits for the longest; where a PodDisruptionBudget lets fewer go at a time
 * than it counts on the node, in rounds. How long a pod's replacement takes to be ready, for which each round waits too, is not
 * in these figures. Pods of DaemonSets stay on a node that is drained (kubectl drain --ignore-daemonsets).
 */
export function priceOf(
  workloads: ReadonlyMap<string, PricedWorkload>,
  surroundings: Surroundings,
): PolicyPrice | undefined {
  if (workloads.size === 0) {
    return undefined;
  }
  let deployAdds = 0;
  let slowest: string | undefined;
  for (const [key, { kind, replicas, quietBefore, quietAfter }] of workloads) {
    const adds = Math.max(0, quietAfter - quietBefore) * (ONE_BY_ONE.has(kind) ? replicas : Math.min(1, replicas));
    if (adds > deployAdds) {
      deployAdds = adds;
      slowest = key;
    }
  }
  const drained = [...workloads].filter(([, { kind }]) => kind !== 'DaemonSet');
  return { deployAdds, slowest, ...drainPrice(drained, surroundings) };
}

type Drained = readonly (readonly [key: string, workload: PricedWorkload])[];

function drainPrice(workloads: Drained, around: Surroundings): Omit<PolicyPrice, 'deployAdds' | 'slowest'> {
  const { nodes, budgets, places } = around;
  let longest: { before: Seconds; after: Seconds; budget?: PricedBudget; rounds: number } | undefined;
  const blocked = new Set<string>();
  const addsByNode = new Map<string, Seconds>();
  for (const [key, workload] of workloads) {
    const budget = budgets?.get(key);
    if (budget?.allowed === 0) {
      blocked.add(budget.name);
      continue;
    }
    for (const [node, rounds] of roundsByNode(key, workload, budget, around)) {
      const [before, after] = [workload.worstBefore * rounds, workload.worstAfter * rounds];
      if (longest === undefined || after > longest.after) {
        longest = { before: Math.max(before, longest?.before ?? 0), after, budget, rounds };
      } else if (before > longest.before) {
        longest.before = before;
      }
      addsByNode.set(node, Math.max(addsByNode.get(node) ?? 0, after - before));
    }
  }
  const adds = [...addsByNode.values()].reduce((sum, each) => sum + each, 0);
  return {
    nodeDrainBefore: longest?.before ?? 0,
    nodeDrainAfter: longest?.after ?? 0,
    ...(nodes === 0 ? {} : { nodes, upgradeAdds: places === undefined ? atMost(nodes, adds, workloads) : adds }),
    placed: places === undefined ? undefined : true,
    budget:
      longest?.budget === undefined || longest.rounds <= 1
        ? undefined
        : { name: longest.budget.name, rounds: longest.rounds },
    blocked: blocked.size === 0 ? undefined : [...blocked].sort(),
  };
}

/** In how many rounds the pods of a workload leave each node that has some; without places all of them may be on one. */
function roundsByNode(
  key: string,
  { replicas }: PricedWorkload,
  budget: PricedBudget | undefined,
  { places }: Surroundings,
): (readonly [node: string, rounds: number])[] {
  if (places === undefined) {
    return replicas === 0 ? [] : [['', budget === undefined ? 1 : Math.ceil(replicas / budget.allowed)]];
  }
  return [...(places.get(key) ?? [])].map(([node, own]) => {
    const counted = budget?.workloads.reduce((sum, each) => sum + (places.get(each)?.get(node) ?? 0), 0) ?? own;
    return [node, budget === undefined ? 1 : Math.ceil(Math.max(own, counted) / budget.allowed)];
  });
}

/** Without places: as if each node waited for the longest drain, or each pod for itself, whichever is less. */
function atMost(nodes: number, longest: Seconds, workloads: Drained): Seconds {
  const onEach = workloads.reduce(
    (sum, [, { replicas, worstBefore, worstAfter }]) => sum + replicas * Math.max(0, worstAfter - worstBefore),
    0,
  );
  return Math.min(nodes * Math.max(0, longest), onEach);
}
