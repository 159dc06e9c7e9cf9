import { PROXY_CONTAINER } from '../../api/names.ts';
import type { Seconds } from '../model/workload.ts';

/** Kubelet, agent and hooks work in whole seconds, and so do the times of a pod's status. */
export const TOLERANCE_SECONDS = 2;

/** How one container ended. */
export interface SeenEnd {
  readonly container: string;
  readonly role: 'App' | 'Proxy';
  readonly exitCode: number;
  readonly reason?: string;
  /** Milliseconds since 1970; as the pod's status says: cut to whole seconds. */
  readonly finishedAt: number;
}

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

/** The parts of a pod that tell how it ended. */
export interface RawPod {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
    readonly deletionTimestamp?: string;
    readonly deletionGracePeriodSeconds?: number;
    readonly creationTimestamp?: string;
  };
  readonly spec: {
    readonly nodeName?: string;
    readonly containers: readonly { readonly name: string; readonly image?: string }[];
    readonly initContainers?: readonly {
      readonly name: string;
      readonly image?: string;
      readonly restartPolicy?: string;
    }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
    readonly containerStatuses?: readonly RawContainerStatus[];
    readonly initContainerStatuses?: readonly RawContainerStatus[];
  };
}

/** When a pod was deleted, and how long it was given. */
export interface PodDeletion {
  readonly deletedAt: number;
  readonly gracePeriodSeconds: Seconds;
}

export function proxyOfPod(pod: Pick<RawPod, 'spec'>): 'Classic' | 'Native' | 'None' {
  if (pod.spec.containers.some(({ name }) => name === PROXY_CONTAINER)) {
    return 'Classic';
  }
  return pod.spec.initContainers?.some(
    ({ name, restartPolicy }) => name === PROXY_CONTAINER && restartPolicy === 'Always',
  ) === true
    ? 'Native'
    : 'None';
}

/**
 * deletionTimestamp is when the grace period will be over, cut to its whole second. Whoever has watched the deletion knows
 * more about the moment, as far as it does not contradict; for whoever comes later the middle of the second is the best guess.
 * @param now milliseconds since 1970, where the deletion was news at that moment
 */
export function deletionOfPod(pod: Pick<RawPod, 'metadata'>, now?: number): PodDeletion | undefined {
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  if (deletionTimestamp === undefined) {
    return undefined;
  }
  const gracePeriodSeconds = deletionGracePeriodSeconds ?? 0;
  const whole = Date.parse(deletionTimestamp) - gracePeriodSeconds * 1000;
  return {
    deletedAt: now === undefined ? whole + 500 : Math.max(whole, Math.min(now, whole + 999)),
    gracePeriodSeconds,
  };
}

/** Statuses of what runs until the pod's end: containers and native sidecars, not init containers that have done their work. */
function runningStatuses(pod: RawPod): RawContainerStatus[] {
  return [...(pod.status?.containerStatuses ?? []), ...sidecarStatuses(pod)];
}

function sidecarStatuses(pod: RawPod): RawContainerStatus[] {
  const always = new Set(
    (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name),
  );
  return (pod.status?.initContainerStatuses ?? []).filter(({ name }) => always.has(name));
}

export function restartsOfPod(pod: RawPod): number {
  return runningStatuses(pod).reduce((sum, status) => sum + (status.restartCount ?? 0), 0);
}

/** Containers that have ended, with when and how; those that nobody saw ending are left out. */
export function endsOfPod(pod: RawPod): SeenEnd[] {
  return runningStatuses(pod).flatMap(({ name, state }): SeenEnd[] => {
    const ended = state?.terminated;
    // The kubelet reports 137 for a container that it could not find any more: no kill, and no time.
    return ended === undefined || typeof ended.finishedAt !== 'string' || ended.reason === 'ContainerStatusUnknown'
      ? []
      : [
          {
            container: name,
            role: name === PROXY_CONTAINER ? 'Proxy' : 'App',
            exitCode: ended.exitCode,
            reason: ended.reason,
            finishedAt: Date.parse(ended.finishedAt),
          },
        ];
  });
}

/** Containers that run, as far as the status says. */
export function runningIn(pod: RawPod): string[] {
  return runningStatuses(pod)
    .filter(({ state }) => state?.running !== undefined)
    .map(({ name }) => name);
}

export function mergeEnds(before: readonly SeenEnd[], now: readonly SeenEnd[]): SeenEnd[] {
  return [...before.filter((old) => !now.some(({ container }) => container === old.container)), ...now];
}
