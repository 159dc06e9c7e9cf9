// Collects what a watch of pods says of their terminations. Pure but for the clock that comes with each event.
import { PROXY_CONTAINER } from '../../src/api/names.ts';
import type { SeenEnd } from './forecast.ts';

interface RawState {
  readonly terminated?: { readonly exitCode: number; readonly reason?: string; readonly finishedAt?: string | null };
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: object;
}

interface RawContainerStatus {
  readonly name: string;
  readonly state?: RawState;
  readonly lastState?: RawState;
  readonly ready?: boolean;
  readonly restartCount?: number;
}

export interface RawPod {
  readonly metadata: {
    readonly name: string; readonly namespace?: string; readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
    readonly deletionTimestamp?: string; readonly deletionGracePeriodSeconds?: number; readonly creationTimestamp?: string;
  };
  readonly spec: {
    readonly nodeName?: string;
    readonly containers: readonly { readonly name: string; readonly image?: string }[];
    readonly initContainers?: readonly { readonly name: string; readonly image?: string; readonly restartPolicy?: string }[];
  };
  readonly status?: {
    readonly phase?: string; readonly podIP?: string; readonly reason?: string; readonly message?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string; readonly message?: string }[];
    readonly containerStatuses?: readonly RawContainerStatus[];
    readonly initContainerStatuses?: readonly RawContainerStatus[];
  };
}

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
      name: pod.metadata.name, uid, proxy: proxyOfPod(pod),
      ...(replicaSet === undefined ? {} : { replicaSet }),
      ...deletion,
      ...(type === 'DELETED' ? { goneAt: now } : before?.goneAt === undefined ? {} : { goneAt: before.goneAt }),
      ends: mergeEnds(before?.ends ?? [], deletion.deletedAt === undefined ? [] : endsOf(pod)),
      restarts: [...pod.status?.containerStatuses ?? [], ...sidecarStatuses(pod)].reduce((sum, status) => sum + (status.restartCount ?? 0), 0),
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

export function proxyOfPod(pod: Pick<RawPod, 'spec'>): 'Classic' | 'Native' | 'None' {
  if (pod.spec.containers.some(({ name }) => name === PROXY_CONTAINER)) {
    return 'Classic';
  }
  return pod.spec.initContainers?.some(({ name, restartPolicy }) => name === PROXY_CONTAINER && restartPolicy === 'Always') === true ? 'Native' : 'None';
}

function deletionOf(pod: RawPod, before: PodStory | undefined, now: number): Pick<PodStory, 'deletedAt' | 'gracePeriodSeconds' | 'heardOfDeletionAt'> {
  if (before?.deletedAt !== undefined) {
    // The kubelet's own last delete, with a grace period of 0, moves the time stamp: the first one counts.
    const { deletedAt, gracePeriodSeconds, heardOfDeletionAt } = before;
    return {
      deletedAt, ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }), ...(heardOfDeletionAt === undefined ? {} : { heardOfDeletionAt }),
    };
  }
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  if (deletionTimestamp === undefined) {
    return {};
  }
  const grace = deletionGracePeriodSeconds ?? 0;
  // deletionTimestamp is when the grace period will be over, cut to its whole second. Our own clock says more about the
  // moment, as far as it does not contradict.
  const whole = Date.parse(deletionTimestamp) - grace * 1000;
  return { deletedAt: Math.max(whole, Math.min(now, whole + 999)), gracePeriodSeconds: grace, heardOfDeletionAt: now };
}

function sidecarStatuses(pod: RawPod): RawContainerStatus[] {
  const always = new Set((pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name));
  return (pod.status?.initContainerStatuses ?? []).filter(({ name }) => always.has(name));
}

function endsOf(pod: RawPod): SeenEnd[] {
  return [...pod.status?.containerStatuses ?? [], ...sidecarStatuses(pod)].flatMap(({ name, state }): SeenEnd[] => {
    const ended = state?.terminated;
    return ended === undefined || typeof ended.finishedAt !== 'string' ? [] : [{
      container: name, role: name === PROXY_CONTAINER ? 'Proxy' : 'App', exitCode: ended.exitCode,
      ...(ended.reason === undefined ? {} : { reason: ended.reason }), finishedAt: Date.parse(ended.finishedAt),
    }];
  });
}

function mergeEnds(before: readonly SeenEnd[], now: readonly SeenEnd[]): SeenEnd[] {
  return [...before.filter((old) => !now.some(({ container }) => container === old.container)), ...now];
}
