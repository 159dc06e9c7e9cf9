import { workloadKey } from '../model/workload.ts';
import { kindName } from '../template/kinds.ts';
import { recordOf, textOf } from '../template/raw.ts';

/** What of a pod's metadata tells whose it is. */
export interface PodMetadata {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly unknown[];
}

/** Whose ReplicaSets they are, by the label on ReplicaSets and pods whose value ends the ReplicaSet's name. */
export const TEMPLATE_HASH_LABELS = [
  ['pod-template-hash', 'Deployment'],
  ['rollouts-pod-template-hash', 'Rollout'],
] as const;

/**
 * The key of the workload that a pod belongs to, told by the pod alone: no ReplicaSet has to be read. Undefined for bare
 * pods, bare ReplicaSets and everything that no policy selects.
 * @param namespace of the request, where the pod does not state it yet
 */
export function ownerOfPod(pod: PodMetadata, namespace: string): string | undefined {
  const owner = (pod.ownerReferences ?? []).map(recordOf).find((each) => each['controller'] === true);
  const name = textOf(owner?.['name']);
  const kind = textOf(owner?.['kind']);
  if (name === undefined || kind === undefined) {
    return undefined;
  }
  const apiVersion = textOf(owner?.['apiVersion']);
  if (kind === 'ReplicaSet' && apiVersion === 'apps/v1') {
    for (const [label, above] of TEMPLATE_HASH_LABELS) {
      const hash = pod.labels?.[label] ?? '';
      if (hash !== '' && name.endsWith(`-${hash}`)) {
        return workloadKey({ kind: above, namespace, name: name.slice(0, -hash.length - 1) });
      }
    }
    return undefined;
  }
  const config = pod.labels?.['deploymentconfig'] ?? '';
  if (kind === 'ReplicationController' && config !== '' && name.startsWith(`${config}-`)) {
    return workloadKey({ kind: 'DeploymentConfig', namespace, name: config });
  }
  return workloadKey({ kind: kindName(kind, apiVersion), namespace, name });
}
