import type { Seconds } from '../../model/workload.ts';
import type { ContainerEnd } from '../termination.ts';
import { slackOf } from '../verdict.ts';
import { agentDrained, containersOf, requestOf, worse, type Played } from './played.ts';
import { list, secondsWords, valueWords } from './words.ts';

export interface TimelineVerdict {
  /** The request that the timeline follows is answered. False too where no pod starts. */
  readonly survives: boolean;
  /** The longest that a request in flight at deletion may still take; undefined where nothing in sight ends it. */
  readonly longestInFlight?: Seconds;
  /** What is left of the grace period when the last container has ended; 0 or less where something was killed. */
  readonly slack: Seconds;
  /** All of it in one sentence. */
  readonly sentence: string;
  readonly slackSentence: string;
}

export function judgeTimeline(played: Played): TimelineVerdict {
  const { settings, termination, latest, survival } = played;
  const slack = Math.min(slackOf(termination), slackOf(latest));
  if (settings.podsRefused !== undefined) {
    return {
      survives: false,
      slack,
      sentence: `No pod of this template is created: ${settings.podsRefused.message}.`,
      slackSentence: 'Nothing here takes effect until that is corrected.',
    };
  }
  const survives = worse(requestOf(termination), requestOf(latest))?.survived === true;
  return {
    survives,
    ...(Number.isFinite(survival.longestInFlight) ? { longestInFlight: survival.longestInFlight } : {}),
    slack,
    sentence: `${limitSentence(played)} ${outcomeSentence(played)}`,
    slackSentence: slackSentence(played, slack),
  };
}

function limitSentence({ settings, survival, termination, busy, scenario }: Played): string {
  const limit = survival.longestInFlight;
  if (!Number.isFinite(limit)) {
    return 'Nothing in sight ends a request that is in flight.';
  }
  const upTo =
    limit <= 0 ? 'Requests in flight are lost at once' : `Requests in flight survive up to ${secondsWords(limit)}`;
  const appGone = busy.apps.reduce((first, end) => Math.min(first, end.exitAt), Infinity);
  if (scenario.application.onSigterm === 'ExitAtOnce' && appGone <= limit) {
    return `${upTo}: the application exits at SIGTERM without finishing them.`;
  }
  if (survival.endedBy === 'AppGone') {
    return `${upTo}: then the grace period ends and the application is killed.`;
  }
  const grace = termination.gracePeriod;
  if (limit >= grace && grace > 0) {
    return `${upTo}, when the grace period ends: until then ${livesBecause(settings, busy.proxy)}.`;
  }
  const gone = limit <= 0 ? 'at once' : `${secondsWords(limit)} after deletion`;
  return `${upTo}; the proxy is gone ${gone} because ${proxyReason(settings, busy.proxy)}.`;
}

function livesBecause(settings: Played['settings'], proxy: ContainerEnd | undefined): string {
  if (proxy?.preStop?.how === 'StillRunning') {
    return 'the preStop of the proxy keeps it alive';
  }
  if (settings.proxy.container === 'Native') {
    return 'the proxy lives as long as the application';
  }
  return settings.exitOnZeroActiveConnections.value ? 'the proxy waits for open connections' : 'the proxy drains';
}

function proxyReason(settings: Played['settings'], proxy: ContainerEnd | undefined): string {
  if (proxy?.how === 'EndedByAgentCall') {
    return 'its preStop tells the agent to quit';
  }
  const hook = proxy?.preStop;
  const parts: string[] = [];
  if (hook !== undefined && (hook.how === 'Failed' || hook.how === 'CannotStart')) {
    parts.push('its preStop fails');
  } else if (hook !== undefined && proxy !== undefined && settings.proxy.container !== 'Native') {
    parts.push(proxy.sigtermAt < 1 ? 'its preStop ends at once' : `its preStop takes ${secondsWords(proxy.sigtermAt)}`);
  }
  if (proxy !== undefined && agentDrained(proxy)) {
    return list([...parts, 'SIGTERM ends it at once after the drain call']);
  }
  return list([...parts, valueWords('terminationDrainDuration', settings.terminationDrainDuration)]);
}

function outcomeSentence({ scenario, termination, latest }: Played): string {
  const outcome = worse(requestOf(termination), requestOf(latest));
  const request = `A request that still needs ${secondsWords(scenario.longestRequest)}`;
  if (outcome?.survived === true) {
    return `${request} is answered.`;
  }
  return `${request} is lost ${outcome === undefined || outcome.at <= 0 ? 'at once' : `after ${secondsWords(outcome.at)}`}.`;
}

function slackSentence({ termination }: Played, slack: Seconds): string {
  if (termination.unknownHooks.length > 0) {
    const hooks = list(termination.unknownHooks.map(({ container }) => container));
    return `How much is left of the grace period of ${secondsWords(termination.gracePeriod)} is not known: the length of the preStop of ${hooks} is not, and it may take all of it.`;
  }
  const killed = containersOf(termination).filter((end) => end.how === 'Sigkill');
  const grace = secondsWords(termination.gracePeriod);
  if (killed.length > 0) {
    const at = killed.reduce((last, end) => Math.max(last, end.exitAt), 0);
    return `Nothing is left of the grace period of ${grace}: SIGKILL ends ${list(killed.map((end) => end.name))} after ${secondsWords(at)}.`;
  }
  return slack <= 0
    ? `Nothing is left of the grace period of ${grace}.`
    : `${secondsWords(slack)} of the grace period of ${grace} are left before SIGKILL.`;
}
