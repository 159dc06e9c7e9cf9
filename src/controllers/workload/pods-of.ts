import type { KubernetesObject, PodSpec } from '../../api/kubernetes.ts';
import type { Workload } from '../../drain/model/workload.ts';
import type { KubeClient } from '../../kube/index.ts';
import { pods } from '../watches/resources.ts';

export interface PodObject extends KubernetesObject {
  readonly spec?: PodSpec;
}

/** The first pods of a workload, of this template or of one with the same labels. */
export async function podsOf(
  client: KubeClient,
  { namespace, template }: Workload,
  limit: number,
): Promise<readonly PodObject[]> {
  const labelSelector = Object.entries(template.metadata?.labels ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
  for await (const { items } of client.pages<PodObject>(pods, { namespace, labelSelector, limit })) {
    return items;
  }
  return [];
}
