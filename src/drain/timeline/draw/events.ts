import { isUncertain, type LaneId, type TimelineEvent } from '../lanes.ts';
import type { ContainerEnd } from '../termination.ts';
import { podEnd } from '../verdict.ts';
import { agentDrained, requestOf, type Played } from './played.ts';
import { secondsWords, valueWords } from './words.ts';

const LANE_ORDER: readonly LaneId[] = ['kubelet', 'endpoints', 'application', 'proxy', 'inbound', 'outbound'];

/** The termination as a list of sentences, in order of time. */
export function eventsOf(played: Played): TimelineEvent[] {
  const { termination } = played;
  const events = [
    ...kubeletEvents(played),
    ...endpointEvents(played),
    ...termination.apps.flatMap((end) => applicationEvents(end, played)),
    ...(termination.proxy === undefined ? [] : proxyEvents(termination.proxy, played)),
    ...trafficEvents(played),
  ];
  return events
    .map((event, index) => ({ event, index }))
    .sort(
      (a, b) =>
        a.event.at - b.event.at ||
        LANE_ORDER.indexOf(a.event.lane) - LANE_ORDER.indexOf(b.event.lane) ||
        a.index - b.index,
    )
    .map(({ event }) => event);
}

function event(at: number, lane: LaneId, sentence: string): TimelineEvent {
  return { at, lane, sentence };
}

function kubeletEvents({ termination, latest }: Played): TimelineEvent[] {
  const uncertain = latest.podGoneAt > termination.podGoneAt;
  const left = termination.gracePeriod - podEnd(termination);
  return [
    event(
      0,
      'kubelet',
      `The pod is deleted: all preStop hooks start, and ${secondsWords(termination.gracePeriod)} of grace period begin.`,
    ),
    event(
      uncertain ? latest.podGoneAt : termination.podGoneAt,
      'kubelet',
      uncertain
        ? 'The pod is gone by now at the latest.'
        : left > 0
          ? `The pod is gone; ${secondsWords(left)} of the grace period were not needed.`
          : 'The pod is gone.',
    ),
  ];
}

function endpointEvents({ termination, scenario }: Played): TimelineEvent[] {
  const { endpointDelay } = scenario;
  const refused = termination.newInboundConnections;
  const events: TimelineEvent[] = [];
  if (endpointDelay > 0) {
    events.push(
      event(
        endpointDelay,
        'endpoints',
        `Clients have heard of it: no new requests come any more (assumed: ${secondsWords(endpointDelay)}).`,
      ),
    );
  }
  if (refused.endedBy === 'DrainDuration') {
    events.push(event(refused.until, 'endpoints', 'drainDuration is over: the proxy refuses new inbound connections.'));
  }
  return events;
}

function preStopSentence(end: ContainerEnd): string {
  switch (end.preStop?.how) {
    case 'Failed':
      return 'its preStop fails, so it gets SIGTERM at once';
    case 'CannotStart':
      return 'its preStop cannot start (a program is missing), so it gets SIGTERM at once';
    case 'StillRunning':
      return 'its preStop still runs when the grace period ends: SIGTERM now, SIGKILL 2 s later';
    case 'Unknown':
      return 'how long its preStop goes on from here cannot be known, at most until the grace period ends; then it gets SIGTERM';
    case 'Completed':
      return end.sigtermAt > 0
        ? `its preStop is over after ${secondsWords(end.preStop.endsAt ?? end.sigtermAt)}, it gets SIGTERM`
        : 'its preStop ends at once, it gets SIGTERM';
    case undefined:
      return 'it has no preStop and gets SIGTERM';
  }
}

function exitSentence(end: ContainerEnd): string {
  return end.how === 'Sigkill'
    ? `${end.name} is killed (SIGKILL, exit code ${end.exitCode}): its time is up.`
    : `${end.name} exits (${end.exitCode}).`;
}

function applicationEvents(end: ContainerEnd, { scenario }: Played): TimelineEvent[] {
  const doing =
    scenario.application.onSigterm === 'ExitAtOnce'
      ? 'it exits without finishing what is in flight'
      : scenario.application.onSigterm === 'KeepListeningUntilIdle'
        ? 'it goes on accepting until nothing is in flight'
        : 'it closes its listener and finishes what is in flight';
  const exit = end.preStop?.how === 'Unknown' ? [] : [event(end.exitAt, 'application', exitSentence(end))];
  return [event(end.sigtermAt, 'application', `${end.name}: ${preStopSentence(end)}; ${doing}.`), ...exit];
}

function proxyEvents(end: ContainerEnd, { settings, termination, latest }: Played): TimelineEvent[] {
  const events: TimelineEvent[] = [];
  const drains = termination.drainStartsAt;
  if (drains !== undefined && drains < end.sigtermAt) {
    events.push(
      event(drains, 'proxy', `${end.name}: its preStop starts the drain: clients are told to close their connections.`),
    );
  }
  const last = latest.proxy ?? end;
  if (isUncertain(end, last)) {
    return [
      ...events,
      event(
        end.exitAt,
        'proxy',
        `${end.name} ends between now and ${secondsWords(last.exitAt)} after the deletion: when depends on the preStop whose length is not known.`,
      ),
    ];
  }
  if (end.how === 'EndedByAgentCall') {
    return [
      ...events,
      event(end.exitAt, 'proxy', `${end.name}: its preStop tells the agent to quit: the proxy ends now.`),
    ];
  }
  const waited =
    settings.proxy.container === 'Native' &&
    end.sigtermAt > (end.preStop?.endsAt ?? 0) &&
    end.preStop?.how !== 'StillRunning';
  const why = waited ? 'the application has exited, so it gets SIGTERM' : preStopSentence(end);
  const now = agentDrained(end) ? '; it has drained already' : `; it drains: ${drainReason(settings)}`;
  events.push(event(end.sigtermAt, 'proxy', `${end.name}: ${why}${now}.`));
  events.push(
    event(
      end.exitAt,
      'proxy',
      end.how === 'NoConnectionLeft'
        ? `${end.name} exits (${end.exitCode}): no connection is left.`
        : exitSentence(end),
    ),
  );
  return events;
}

function drainReason(settings: Played['settings']): string {
  if (settings.exitOnZeroActiveConnections.value) {
    return `${valueWords('MINIMUM_DRAIN_DURATION', settings.minimumDrainDuration)}, then it looks every second whether a connection is left`;
  }
  return valueWords('terminationDrainDuration', settings.terminationDrainDuration);
}

function trafficEvents({ termination, scenario }: Played): TimelineEvent[] {
  const events: TimelineEvent[] = [];
  const outcome = requestOf(termination);
  const lastApp = termination.apps.reduce((last, end) => Math.max(last, end.exitAt), 0);
  if (outcome?.survived === true) {
    events.push(event(outcome.at, 'inbound', 'The request that was in flight is answered.'));
  } else if (outcome !== undefined) {
    const at = Math.max(0, outcome.at);
    const by =
      outcome.lostBecause === 'AppGone' || outcome.lostBecause === 'AppRefuses'
        ? 'the application is gone'
        : 'the proxy is gone';
    events.push(
      event(
        at,
        'inbound',
        `The request that was in flight is lost, ${secondsWords(scenario.longestRequest - at)} before its end: ${by}.`,
      ),
    );
  }
  if (termination.apps.length > 0 && termination.outboundUntil < lastApp) {
    events.push(
      event(
        termination.outboundUntil,
        'outbound',
        'Calls that the application makes from now on are refused: the proxy is gone.',
      ),
    );
  }
  return events;
}
