import type { Seconds } from '../../api/duration.ts';

/** How long a node that goes gives its pods to end, at most, and what says so. */
export interface NodeBudget {
  readonly seconds: Seconds;
  /** What gives no more: `EKS Spot nodes (eks.amazonaws.com/capacityType: SPOT)`. */
  readonly from: string;
}

/** One that keeps pods away. */
export interface Taint {
  readonly key: string;
  readonly value: string;
  readonly effect: 'NoSchedule' | 'NoExecute';
}

/** Nodes, present or to be made, that take the same pods and give them the same time. */
export interface NodeGroup {
  readonly budget: NodeBudget;
  /** By key of a label the values that it may have. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** Labels that are not among `labels` may be there all the same: all of them, or those of the platform's own domains. */
  readonly open: 'All' | 'Platform' | 'Hostname';
  readonly taints: readonly Taint[];
  /** How many there are now; absent where only what makes them is known. */
  readonly nodes?: number;
}
