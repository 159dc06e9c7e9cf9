import type { NodeRequirement, PodScheduling, Toleration } from '../../api/kubernetes.ts';
import type { NodeGroup, Taint } from '../model/nodes.ts';

const HOSTNAME = 'kubernetes.io/hostname';
/** Domains in which the platform puts labels on nodes by itself (Kubernetes, "Well-Known Labels"; Karpenter's and those of clouds). */
const PLATFORM = /(?:^|\.)(?:kubernetes\.io|k8s\.io|k8s\.aws|karpenter\.sh|amazonaws\.com|azure\.com|google\.com)$/;
/** The platform puts them on nodes that are not ready or are about to go, and takes them off again. */
const PASSING_TAINT =
  /^(?:node\.kubernetes\.io|node\.cloudprovider\.kubernetes\.io|karpenter\.sh)\/|^(?:ToBeDeletedBy|DeletionCandidateOf)ClusterAutoscaler$/;

/**
 * Whether a pod may come to run on nodes of this group, by its node selector, the affinity that it requires and the taints
 * that it tolerates (kube-scheduler: NodeAffinity, TaintToleration). A label that may have several values may have any of them.
 */
export function mayLandOn(
  { nodeSelector = {}, nodeAffinity, tolerations = [] }: PodScheduling,
  group: NodeGroup,
): boolean {
  const selected = Object.entries(nodeSelector).every(([key, value]) =>
    mayMeet({ key, operator: 'In', values: [value] }, group),
  );
  // Of the terms one has to be met; one without requirements meets no node.
  const attracted =
    nodeAffinity === undefined ||
    nodeAffinity.some((term) => term.length > 0 && term.every((each) => mayMeet(each, group)));
  return selected && attracted && group.taints.every((taint) => tolerates(tolerations, taint));
}

/** Whether taints of this key say for how long pods are kept away, and not only for a while. */
export function isLastingTaint(key: string): boolean {
  return !PASSING_TAINT.test(key);
}

function mayMeet({ key, operator, values = [] }: NodeRequirement, { labels, open }: NodeGroup): boolean {
  const possible = Object.hasOwn(labels, key) ? labels[key] : undefined;
  if (possible === undefined) {
    return isOpen(key, open) || operator === 'NotIn' || operator === 'DoesNotExist';
  }
  switch (operator) {
    case 'In':
      return possible.some((value) => values.includes(value));
    case 'NotIn':
      return possible.some((value) => !values.includes(value));
    case 'Exists':
      return true;
    case 'DoesNotExist':
      return false;
    case 'Gt':
      return possible.some((value) => Number(value) > Number(values[0]));
    case 'Lt':
      return possible.some((value) => Number(value) < Number(values[0]));
  }
}

function isOpen(key: string, open: NodeGroup['open']): boolean {
  switch (open) {
    case 'All':
      return true;
    case 'Platform':
      return PLATFORM.test(key.slice(0, Math.max(0, key.indexOf('/'))));
    case 'Hostname':
      return key === HOSTNAME;
  }
}

function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some(
    ({ key, value, effect }) =>
      (key === undefined || key === taint.key) &&
      (value === undefined || value === taint.value) &&
      (effect === undefined || effect === taint.effect),
  );
}
