// Why a pod is not ready, in one sentence that says what to do. Pure.
import type { RawPod } from '../observe/pods.ts';

const IMAGE_REASONS = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'ImageInspectError',
]);

/** Undefined where the pod is ready, or only not yet. */
export function podTrouble(pod: RawPod): string | undefined {
  const { name } = pod.metadata;
  const specs = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  for (const status of statuses) {
    const { waiting } = status.state ?? {};
    if (waiting?.reason !== undefined && IMAGE_REASONS.has(waiting.reason)) {
      const image = specs.find((spec) => spec.name === status.name)?.image ?? '?';
      return (
        `pod ${name} waits for image ${image} (${waiting.reason}${waiting.message === undefined ? '' : `: ${oneLine(waiting.message)}`}). ` +
        'Load it into the nodes, or name another one with E2E_IMAGE and E2E_IMAGE_PULL_POLICY'
      );
    }
    const ended = status.state?.terminated ?? status.lastState?.terminated;
    if (
      waiting?.reason === 'CrashLoopBackOff' ||
      (waiting === undefined && ended !== undefined && ended.exitCode !== 0)
    ) {
      return `container ${status.name} of pod ${name} ends with exit code ${ended?.exitCode ?? '?'}${ended?.reason === undefined ? '' : ` (${ended.reason})`}: see its log`;
    }
    if (waiting?.reason !== undefined && !['ContainerCreating', 'PodInitializing'].includes(waiting.reason)) {
      return `container ${status.name} of pod ${name} waits: ${waiting.reason}${waiting.message === undefined ? '' : `: ${oneLine(waiting.message)}`}`;
    }
  }
  const unscheduled = pod.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (unscheduled !== undefined) {
    return `pod ${name} cannot be scheduled: ${oneLine(unscheduled.message ?? unscheduled.reason ?? 'no reason is given')}. A tainted node needs E2E_TOLERATE_ALL=1`;
  }
  const notReady = statuses
    .filter(({ ready, state }) => ready !== true && state?.terminated === undefined)
    .map((status) => status.name);
  return pod.status?.phase === 'Running' && notReady.length > 0
    ? `pod ${name} runs, but ${notReady.join(', ')} is not ready`
    : undefined;
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').slice(0, 300);
}
