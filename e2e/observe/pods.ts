// Collects what a watch of pods says of their terminations. Pure but for the clock that comes with each event.
import {
  deletionOfPod,
  endsOfPod,
  mergeEnds,
  proxyOfPod,
  restartsOfPod,
  type RawPod,
  type SeenEnd,
} from '../../src/drain/observe/index.ts';

export { proxyOfPod, type RawPod };

/** What is known of one pod so far. Times are milliseconds since 1970. */
export interface PodStory {
  readonly name: string;
  readonly uid: string;
  readonly proxy: 'Classic' | 'Native' | 'None';
  readonly replicaSet?: string;
  readonly deletedAt?: number;
  readonly gracePeriodSeconds?: number;
  /** By our own clock. */
  readonly heardOfDeletionAt?: number;
  readonly goneAt?: number;
  readonly ends: readonly SeenEnd[];
  readonly restarts: number;
  readonly last: RawPod;
}

export class PodRecorder {
  private readonly stories = new Map<string, PodStory>();

  event(type: 'ADDED' | 'MODIFIED' | 'DELETED', pod: RawPod, now: number): void {
    const uid = pod.metadata.uid ?? pod.metadata.name;
    const before = this.stories.get(uid);
    const deletion = deletionOf(pod, before, now);
    const replicaSet = pod.metadata.ownerReferences?.find(({ kind }) => kind === 'ReplicaSet')?.name;
    this.stories.set(uid, {
      name: pod.metadata.name,
      uid,
      proxy: proxyOfPod(pod),
      ...(replicaSet === undefined ? {} : { replicaSet }),
      ...deletion,
      ...(type === 'DELETED' ? { goneAt: now } : before?.goneAt === undefined ? {} : { goneAt: before.goneAt }),
      ends: mergeEnds(before?.ends ?? [], deletion.deletedAt === undefined ? [] : endsOfPod(pod)),
      restarts: restartsOfPod(pod),
      last: pod,
    });
  }

  /** A list after a break of the watch: what is not in it is gone, though nobody knows since when. */
  missed(present: ReadonlySet<string>): void {
    for (const [uid, story] of this.stories) {
      if (story.goneAt === undefined && !present.has(uid)) {
        this.stories.set(uid, { ...story, goneAt: Number.NaN });
      }
    }
  }

  all(): PodStory[] {
    return [...this.stories.values()];
  }
}

function deletionOf(
  pod: RawPod,
  before: PodStory | undefined,
  now: number,
): Pick<PodStory, 'deletedAt' | 'gracePeriodSeconds' | 'heardOfDeletionAt'> {
  if (before?.deletedAt !== undefined) {
    // The kubelet's own last delete, with a grace period of 0, moves the time stamp: the first one counts.
    const { deletedAt, gracePeriodSeconds, heardOfDeletionAt } = before;
    return {
      deletedAt,
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(heardOfDeletionAt === undefined ? {} : { heardOfDeletionAt }),
    };
  }
  const deletion = deletionOfPod(pod, now);
  return deletion === undefined ? {} : { ...deletion, heardOfDeletionAt: now };
}
