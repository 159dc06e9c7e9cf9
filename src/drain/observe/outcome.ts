import type { Seconds } from '../model/workload.ts';
import { SIGKILL_EXIT_CODE } from '../timeline/termination.ts';
import type { SeenEnd } from './pod.ts';
import type { PodEnding } from './story.ts';

/**
 * How a termination ended, the worst first:
 * - `Forced`: nobody waited: grace period 0, or the object was removed while containers ran.
 * - `Killed`: a container was ended by SIGKILL when the grace period was over.
 * - `HookFailed`: a preStop hook failed, so that SIGTERM came at once.
 * - `Finished`: every container ended by itself.
 * - `Unknown`: what was seen does not tell.
 */
export const TERMINATION_OUTCOMES = ['Forced', 'Killed', 'HookFailed', 'Finished', 'Unknown'] as const;
export type TerminationOutcome = (typeof TERMINATION_OUTCOMES)[number];

export interface HookFailure {
  readonly container: string;
  readonly message: string;
}

/** What Events say of one pod. */
export interface PodNews {
  readonly hookFailures: readonly HookFailure[];
  /** ExceededGracePeriod. */
  readonly exceeded: boolean;
}

export const NO_NEWS: PodNews = { hookFailures: [], exceeded: false };

export interface Judged {
  readonly outcome: TerminationOutcome;
  /** In words. */
  readonly why: string;
}

/** Both ends of the time are cut to whole seconds. */
const ROUNDING_SECONDS = 1;

/** Seconds after the deletion; half a second because the status cuts the time to its whole second. */
export function endedAfter(end: SeenEnd, deletedAt: number): Seconds {
  return Math.max(0, (end.finishedAt + 500 - deletedAt) / 1000);
}

/** Undefined while it goes on, and for a pod in which nothing ran. */
export function judgeEnding(ending: PodEnding, news: PodNews = NO_NEWS): Judged | undefined {
  const { ends, running, gone, gracePeriodSeconds } = ending;
  const killed = ends.filter((end) => end.exitCode === SIGKILL_EXIT_CODE);
  const atTheEnd = killed.filter((end) => endedAfter(end, ending.deletedAt) >= gracePeriodSeconds - ROUNDING_SECONDS);
  if (gone === 'No' && running.length > 0) {
    return undefined;
  }
  if (ends.length === 0 && running.length === 0) {
    return undefined;
  }
  if (gone === 'Seen' && running.length > 0) {
    return {
      outcome: 'Forced',
      why: `the pod was removed while ${listed(running)} still ran: nobody waited for the end`,
    };
  }
  if (gracePeriodSeconds === 0) {
    return { outcome: 'Forced', why: 'it was deleted with a grace period of 0' };
  }
  if (atTheEnd.length > 0 || news.exceeded) {
    return {
      outcome: 'Killed',
      why:
        atTheEnd.length > 0
          ? `${listed(atTheEnd.map(({ container }) => container))} still ran when the grace period of ${gracePeriodSeconds} s was over and got SIGKILL`
          : `the kubelet reported that the grace period of ${gracePeriodSeconds} s was exceeded`,
    };
  }
  if (news.hookFailures.length > 0) {
    return {
      outcome: 'HookFailed',
      why: news.hookFailures
        .map(({ container, message }) => `the preStop of ${container} failed${message === '' ? '' : `: ${message}`}`)
        .join('; '),
    };
  }
  const [early] = killed;
  if (early !== undefined) {
    return {
      outcome: 'Unknown',
      why: `${early.container} got SIGKILL (${early.reason ?? 'no reason given'}) after ${Math.round(endedAfter(early, ending.deletedAt))} s, long before the grace period was over`,
    };
  }
  if (gone === 'Missed' && running.length > 0) {
    return { outcome: 'Unknown', why: `the pod is gone, and how ${listed(running)} ended was not seen` };
  }
  return { outcome: 'Finished', why: 'every container ended by itself' };
}

/** From the deletion to the end of the last container that was seen to end; undefined while some run. */
export function tookSeconds({ ends, running, deletedAt }: PodEnding): Seconds | undefined {
  return running.length > 0 || ends.length === 0
    ? undefined
    : ends.reduce((last, end) => Math.max(last, endedAfter(end, deletedAt)), 0);
}

function listed(names: readonly string[]): string {
  return names.length === 1 ? `container ${names[0] ?? ''}` : `containers ${names.join(', ')}`;
}
