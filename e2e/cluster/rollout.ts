// How a Deployment of the suite gets on, and what keeps its pods.
import type { KubeClient } from '../../src/kube/index.ts';
import type { RawPod } from '../observe/pods.ts';
import { DEPLOYMENTS, E2eError, PODS, REPLICA_SETS, until, type DeploymentObject, type KubeObject } from './api.ts';
import { podTrouble } from './trouble.ts';

/** An image that is not there will not come: after this it is no use to wait for the whole time. */
const IMAGE_MAY_TAKE_MS = 20_000;

export interface Patience {
  readonly seconds: number;
  readonly signal: AbortSignal;
}

export async function podsIn(client: KubeClient, namespace: string): Promise<RawPod[]> {
  return (await client.list<RawPod>(PODS, { namespace })).items;
}

/** What is the matter with the pods of a namespace, in words; empty where nothing is. */
export async function troublesIn(client: KubeClient, namespace: string): Promise<string> {
  const pods = await podsIn(client, namespace);
  const { items } = await client.list<
    KubeObject & { status?: { conditions?: { type: string; status: string; message?: string }[] } }
  >(REPLICA_SETS, { namespace });
  // Where pods are refused only the ReplicaSet says so.
  const refused = items.flatMap(({ status }) =>
    (status?.conditions ?? [])
      .filter(({ type, status: is }) => type === 'ReplicaFailure' && is === 'True')
      .map(({ message }) => `pods are refused: ${message ?? ''}`),
  );
  return [...refused, ...pods.map((pod) => podTrouble(pod)).filter((text) => text !== undefined)].join('; ');
}

/** @throws E2eError where an image cannot be had, or the time is over */
export async function untilRolledOut(
  client: KubeClient,
  namespace: string,
  name: string,
  { seconds, signal }: Patience,
): Promise<void> {
  const started = Date.now();
  await until(
    async () => {
      const { metadata, spec, status } = await client.get<DeploymentObject>(DEPLOYMENTS, { namespace, name });
      const wanted = spec.replicas ?? 1;
      if (
        status?.observedGeneration === metadata.generation &&
        status?.updatedReplicas === wanted &&
        status.availableReplicas === wanted &&
        status.replicas === wanted
      ) {
        return true;
      }
      const stuck =
        Date.now() - started > IMAGE_MAY_TAKE_MS
          ? (await podsIn(client, namespace))
              .map((pod) => podTrouble(pod))
              .find((text) => text?.includes('waits for image') === true)
          : undefined;
      if (stuck !== undefined) {
        throw new E2eError(stuck);
      }
      return undefined;
    },
    { seconds, signal, what: `Deployment ${name} has rolled out`, instead: () => troublesIn(client, namespace) },
  );
}
