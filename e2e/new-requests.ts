// Requests that arrive while a pod is going: without a delay of the application, and with one.
import { isApiError } from '../src/kube/index.ts';
import { MUTATING_POLICIES, MUTATING_POLICY_BINDINGS, until, type KubeObject } from './cluster/api.ts';
import type { LoadRequest } from './observe/lines.ts';
import type { PodStory } from './observe/pods.ts';
import { policyObject, RUN_LABEL } from './plan/objects.ts';
import type { ScenarioParts } from './scenario.ts';

export interface NewRequestsScene {
  readonly namespace: string;
  /** Until the new pods are there. */
  readonly restart: () => Promise<void>;
  /** The requests that were sent until the old pods were gone. */
  readonly restartUnderLoad: () => Promise<readonly LoadRequest[]>;
  readonly currentPods: () => Promise<readonly PodStory[]>;
  /** All pods of the server that were seen, those that are gone too. */
  readonly pods: () => readonly PodStory[];
  /** Seconds within which a pod that was told to stop has ended. */
  readonly longestEnd: number;
  readonly troubles: () => Promise<string>;
}

/** Some restarts lose nothing: what is lost depends on when each client hears of a pod's going. */
const TRIES = 5;

/**
 * An application that closes its listener at once refuses what arrives late; with `application: Delay`, here by a
 * MutatingAdmissionPolicy, its pods go on listening until their clients have heard of their going.
 */
export async function playNewRequests(parts: ScenarioParts, scene: NewRequestsScene): Promise<void> {
  const { checks, say } = parts;
  let lost = 0;
  let sent = 0;
  for (let each = 1; each <= TRIES && lost === 0; each++) {
    const requests = await scene.restartUnderLoad();
    sent += requests.length;
    lost += lostOf(requests).length;
  }
  checks.add(
    'without a delay new requests are refused',
    lost > 0 ? 'Passed' : 'Void',
    `${lost} of ${sent} requests lost${lost > 0 ? '' : `; none in ${TRIES} restarts, so a delay has nothing to prove`}`,
  );
  say('application: Delay, by a MutatingAdmissionPolicy');
  if (!(await createPolicies(parts, scene.namespace))) {
    checks.add('with Delay none is lost', 'Void', 'the API server has no MutatingAdmissionPolicy v1 (Kubernetes 1.36)');
    return;
  }
  await untilPodsSleep(parts, scene);
  await olderGone(parts, scene);
  const requests = await scene.restartUnderLoad();
  const left = lostOf(requests);
  checks.add(
    'with Delay none is lost',
    left.length === 0 ? 'Passed' : 'Failed',
    `${left.length} of ${requests.length} requests lost`,
    left.map(({ id, error }) => `${id}: ${error ?? 'lost'}`),
  );
}

function lostOf(requests: readonly LoadRequest[]): LoadRequest[] {
  return requests.filter(({ survived }) => survived !== true);
}

/** False where the API server does not know the kind. */
async function createPolicies({ cluster, run, renderMap }: ScenarioParts, namespace: string): Promise<boolean> {
  const drain = { mode: 'Fixed', duration: '5s', endpointDelay: '5s', application: 'Delay' };
  const documents = await renderMap(policyObject(namespace, run, namespace, { drain, delivery: 'Admission' }));
  for (const document of documents) {
    const kind = document.kind === 'MutatingAdmissionPolicy' ? MUTATING_POLICIES : MUTATING_POLICY_BINDINGS;
    try {
      await cluster.client.create(kind, labelled(document, run));
    } catch (error) {
      if (isApiError(error) && error.isNotFound) {
        return false;
      }
      throw error;
    }
  }
  return true;
}

/** By this label the end of the run finds what stands in the cluster's own scope. */
function labelled(object: KubeObject, run: string): KubeObject {
  return { ...object, metadata: { ...object.metadata, labels: { ...object.metadata.labels, [RUN_LABEL]: run } } };
}

/** Restarts until the pods carry the sleep: the API server takes a moment to enforce a policy. */
async function untilPodsSleep({ signal, options }: ScenarioParts, scene: NewRequestsScene): Promise<void> {
  await until(
    async () => {
      await scene.restart();
      const pods = await scene.currentPods();
      return pods.every(({ last }) => JSON.stringify(last).includes('"sleep"')) ? true : undefined;
    },
    { seconds: 3 * options.readyTimeoutSeconds, signal, what: 'new pods get a preStop.sleep', everyMs: 2000 },
  );
}

/** Under a load that goes on, what pods of an older template still lose would be counted against the present one. */
async function olderGone({ options, signal }: ScenarioParts, scene: NewRequestsScene): Promise<void> {
  const current = new Set((await scene.currentPods()).map(({ uid }) => uid));
  await until(
    () => (scene.pods().every(({ uid, goneAt }) => goneAt !== undefined || current.has(uid)) ? true : undefined),
    {
      seconds: options.readyTimeoutSeconds + scene.longestEnd,
      signal,
      what: 'the pods of older templates are gone',
      instead: scene.troubles,
    },
  );
}
