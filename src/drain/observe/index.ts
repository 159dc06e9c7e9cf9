/**
 * What really happened when a pod ended: from its statuses and Events, beside the engine's forecast.
 *
 * - `pod`: what of a pod tells of its end
 * - `story`: one state after another, put together
 * - `outcome`: how it ended, of a closed list
 * - `forecast`: whether the engine would have said so
 * - `events`: what Events say, also of pods that are gone
 * - `pod-settings`: the settings of one pod
 * - `problem`: what went wrong, and what follows, in one sentence
 * - `record`, `summary`: one termination, and many, with what follows
 */
export { compareEnding, proxyWords, type ForecastComparison, type ProxyForecast } from './forecast.ts';
export { PodEvents, POD_EVENT_REASONS, type RawEvent } from './events.ts';
export {
  endedAfter,
  judgeEnding,
  NO_NEWS,
  TERMINATION_OUTCOMES,
  tookSeconds,
  type HookFailure,
  type Judged,
  type PodNews,
  type TerminationOutcome,
} from './outcome.ts';
export {
  deletionOfPod,
  endsOfPod,
  mergeEnds,
  proxyOfPod,
  restartsOfPod,
  runningIn,
  TOLERANCE_SECONDS,
  type PodDeletion,
  type RawPod,
  type SeenEnd,
} from './pod.ts';
export { settingsOfPod } from './pod-settings.ts';
export {
  OBSERVED_REASONS,
  observedProblem,
  observedReason,
  type ObservedProblem,
  type ObservedReason,
} from './problem.ts';
export { recordOf, recordOfGone, type TerminationRecord } from './record.ts';
export { endingOf, endingOfGone, type PodEnding } from './story.ts';
export { recommend, summarise, type Advice, type AdviceInput, type TerminationSummary } from './summary.ts';
