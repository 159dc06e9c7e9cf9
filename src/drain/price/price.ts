import type { Seconds } from '../model/workload.ts';

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

/** What all that a policy changes costs whoever deploys, drains and upgrades afterwards. */
export interface PolicyPrice {
  /** By how much the slowest deploy gets longer while nothing is in flight. */
  readonly deployAdds: Seconds;
  /** `Deployment/shop/checkout`, whose deploy that is; absent where none gets longer. */
  readonly slowest?: string;
  /** The longest that a node drain may have to wait for one pod. */
  readonly nodeDrainBefore: Seconds;
  readonly nodeDrainAfter: Seconds;
  /** By how much an upgrade of all nodes, one after the other, may get longer; absent where the nodes are not known. */
  readonly upgradeAdds?: Seconds;
  readonly nodes?: number;
}

/**
 * Pods that are replaced one after the other: a StatefulSet waits for the end of each before it makes the next, a DaemonSet
 * (maxUnavailable 1, its default) too. A Deployment does not wait for pods that are ending: its deploy gets longer by one end.
 */
const ONE_BY_ONE: ReadonlySet<string> = new Set(['StatefulSet', 'DaemonSet']);

/**
 * The price of a policy, from the workloads that it changes, each with its key. Undefined where it changes none.
 * A drain ends the pods of a node side by side, so it waits for the longest; where a PodDisruptionBudget lets them go one at a
 * time it waits for their sum, which is not in these figures.
 * @param nodes how many there are; 0 where that is not known
 */
export function priceOf(workloads: ReadonlyMap<string, PricedWorkload>, nodes: number): PolicyPrice | undefined {
  let price: PolicyPrice | undefined;
  for (const [key, { kind, replicas, quietBefore, quietAfter, worstBefore, worstAfter }] of workloads) {
    const adds = Math.max(0, quietAfter - quietBefore) * (ONE_BY_ONE.has(kind) ? replicas : Math.min(1, replicas));
    const slower = adds > (price?.deployAdds ?? 0);
    price = {
      deployAdds: Math.max(adds, price?.deployAdds ?? 0),
      slowest: slower ? key : price?.slowest,
      nodeDrainBefore: Math.max(worstBefore, price?.nodeDrainBefore ?? 0),
      nodeDrainAfter: Math.max(worstAfter, price?.nodeDrainAfter ?? 0),
    };
  }
  if (price === undefined || nodes === 0) {
    return price;
  }
  return { ...price, nodes, upgradeAdds: nodes * Math.max(0, price.nodeDrainAfter - price.nodeDrainBefore) };
}
