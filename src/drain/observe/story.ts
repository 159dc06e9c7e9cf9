import {
  deletionOfPod,
  endsOfPod,
  mergeEnds,
  proxyOfPod,
  runningIn,
  type PodDeletion,
  type RawPod,
  type SeenEnd,
} from './pod.ts';

/** What is known of the termination of one pod so far: a few strings and numbers, never the pod. */
export interface PodEnding extends PodDeletion {
  readonly pod: string;
  readonly namespace: string;
  readonly uid: string;
  readonly proxy: 'Classic' | 'Native' | 'None';
  readonly ends: readonly SeenEnd[];
  /** Containers that are still running. */
  readonly running: readonly string[];
  /** `Missed`: it is gone and nobody saw its last state. */
  readonly gone: 'No' | 'Seen' | 'Missed';
}

/**
 * Takes in one more state of a pod. Undefined where it is not being deleted.
 * @param before what was known of the same pod
 * @param now milliseconds since 1970, where this state is news
 */
export function endingOf(pod: RawPod, before?: PodEnding, now?: number): PodEnding | undefined {
  const uid = pod.metadata.uid ?? pod.metadata.name;
  const known = before?.uid === uid ? before : undefined;
  const deletion = deletionIn(pod, known, now);
  if (deletion === undefined) {
    return undefined;
  }
  const running = runningIn(pod);
  // What had ended long before the deletion (a container that runs once) is no part of the termination.
  const ends = endsOfPod(pod).filter(({ finishedAt }) => finishedAt >= deletion.deletedAt - 1500);
  return {
    pod: pod.metadata.name,
    namespace: pod.metadata.namespace ?? '',
    uid,
    proxy: proxyOfPod(pod),
    ...deletion,
    ends: mergeEnds(known?.ends ?? [], ends),
    running,
    gone: 'No',
  };
}

/** The last state of a pod, as the watch brings it with the deletion of the object. */
export function endingOfGone(pod: RawPod, before?: PodEnding, now?: number): PodEnding | undefined {
  const ending = endingOf(pod, before, now);
  if (ending !== undefined) {
    return { ...ending, gone: 'Seen' };
  }
  // An object that was removed at once has no deletionTimestamp.
  const running = runningIn(pod);
  return running.length === 0 || now === undefined
    ? undefined
    : {
        pod: pod.metadata.name,
        namespace: pod.metadata.namespace ?? '',
        uid: pod.metadata.uid ?? pod.metadata.name,
        proxy: proxyOfPod(pod),
        deletedAt: now,
        gracePeriodSeconds: 0,
        ends: [],
        running,
        gone: 'Seen',
      };
}

function deletionIn(pod: RawPod, known: PodEnding | undefined, now: number | undefined): PodDeletion | undefined {
  const present = deletionOfPod(pod, now);
  if (known === undefined || present === undefined) {
    return present ?? known;
  }
  // The kubelet's own last delete, with a grace period of 0, moves the time stamp: the first one counts. A person's second
  // delete may shorten the time while containers still run.
  const shortened = present.gracePeriodSeconds > 0 && present.gracePeriodSeconds < known.gracePeriodSeconds;
  return {
    deletedAt: known.deletedAt,
    gracePeriodSeconds: shortened ? present.gracePeriodSeconds : known.gracePeriodSeconds,
  };
}
