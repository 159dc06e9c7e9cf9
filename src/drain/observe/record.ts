import type { EffectiveSettings } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';
import type { GonePod } from './events.ts';
import { compareEnding, type ForecastComparison } from './forecast.ts';
import {
  endedAfter,
  judgeEnding,
  NO_NEWS,
  tookSeconds,
  type HookFailure,
  type PodNews,
  type TerminationOutcome,
} from './outcome.ts';
import type { PodEnding } from './story.ts';

/** One termination: what was seen, what it means, and what the engine would have said. */
export interface TerminationRecord {
  readonly pod: string;
  /** Milliseconds since 1970. */
  readonly deletedAt: number;
  /** Of the deletion itself; absent where the pod is gone and only Events tell of it. */
  readonly gracePeriod?: Seconds;
  readonly proxy?: 'Classic' | 'Native' | 'None';
  readonly containers: readonly {
    readonly name: string;
    readonly role: 'App' | 'Proxy';
    readonly exitCode: number;
    readonly reason?: string;
    /** Seconds after the deletion. */
    readonly endedAfter: Seconds;
  }[];
  readonly hookFailures: readonly HookFailure[];
  /** Until the last container ended. */
  readonly took?: Seconds;
  readonly outcome: TerminationOutcome;
  readonly why: string;
  /** Absent where nothing could be compared. */
  readonly forecast?: ForecastComparison;
}

/**
 * Undefined while the termination goes on, and for a pod in which nothing ran.
 * @param settings of this very pod: what its template says now may be something else
 */
export function recordOf(
  ending: PodEnding,
  settings: EffectiveSettings | undefined,
  news: PodNews = NO_NEWS,
): TerminationRecord | undefined {
  const judged = judgeEnding(ending, news);
  if (judged === undefined) {
    return undefined;
  }
  const took = tookSeconds(ending);
  const compared = settings === undefined ? undefined : compareEnding(ending, settings);
  return {
    pod: ending.pod,
    deletedAt: ending.deletedAt,
    gracePeriod: ending.gracePeriodSeconds,
    proxy: ending.proxy,
    containers: ending.ends.map((end) => ({
      name: end.container,
      role: end.role,
      exitCode: end.exitCode,
      reason: end.reason,
      endedAfter: endedAfter(end, ending.deletedAt),
    })),
    hookFailures: news.hookFailures,
    took,
    ...judged,
    ...(compared === undefined || compared.compared === 0 ? {} : { forecast: compared }),
  };
}

/** Of a pod that is gone Events tell when it was told to stop and which hook failed; how it ended nobody can say any more. */
export function recordOfGone({ pod, deletedAt }: GonePod, news: PodNews): TerminationRecord {
  const { hookFailures, exceeded } = news;
  const common = { pod, deletedAt, containers: [], hookFailures };
  if (exceeded) {
    return { ...common, outcome: 'Killed', why: 'the kubelet reported that the grace period was exceeded' };
  }
  if (hookFailures.length > 0) {
    return {
      ...common,
      outcome: 'HookFailed',
      why: hookFailures
        .map(({ container, message }) => `the preStop of ${container} failed${message === '' ? '' : `: ${message}`}`)
        .join('; '),
    };
  }
  return { ...common, outcome: 'Unknown', why: 'the pod is gone, and its Events do not say how it ended' };
}
