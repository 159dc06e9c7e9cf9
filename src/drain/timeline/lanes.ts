import type { EffectiveSettings } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';
import {
  DEFAULT_APPLICATION,
  DEFAULT_ENDPOINT_DELAY_SECONDS,
  DEFAULT_LONGEST_REQUEST_SECONDS,
  type Application,
} from './application.ts';
import { eventsOf } from './draw/events.ts';
import { containersOf, REQUEST_ID, requestOf, worse, type Played } from './draw/played.ts';
import { judgeTimeline, type TimelineVerdict } from './draw/verdict.ts';
import { drainWords, secondsWords } from './draw/words.ts';
import { simulateTermination } from './simulate.ts';
import type { ContainerEnd, Termination, UnknownHooks } from './termination.ts';
import { podEnd, survivalOf } from './verdict.ts';

export type LaneId = 'kubelet' | 'endpoints' | 'application' | 'proxy' | 'inbound' | 'outbound';

/**
 * - `Grace`: the grace period runs; `Spare`: what is left of it when the pod is gone.
 * - `Serving`, `Failing`: requests and calls work, or do not.
 * - `PreStop`, `Finishing`, `Draining`: what a container does on its way out.
 * - `Room`: a longer request would survive until here.
 * - `Uncertain`: it depends on the length of a hook that is not known.
 */
export type SegmentState =
  'Grace' | 'Spare' | 'Serving' | 'Failing' | 'PreStop' | 'Finishing' | 'Draining' | 'Room' | 'Uncertain';

export interface Segment {
  readonly from: Seconds;
  readonly to: Seconds;
  readonly state: SegmentState;
  readonly label: string;
  /** For where `label` does not fit. */
  readonly short: string;
}

export interface Mark {
  readonly at: Seconds;
  readonly kind: 'Deleted' | 'Sigterm' | 'Exit' | 'Killed' | 'Lost' | 'Done' | 'Refuses';
  readonly label: string;
}

export interface Lane {
  readonly id: LaneId;
  readonly title: string;
  readonly segments: readonly Segment[];
  readonly marks: readonly Mark[];
}

export interface TimelineEvent {
  readonly at: Seconds;
  readonly lane: LaneId;
  readonly sentence: string;
}

/** Something that is ended before it is done. */
export interface Cut {
  readonly at: Seconds;
  readonly lane: LaneId;
  readonly kind: 'Sigkill' | 'ConnectionLost';
  readonly label: string;
}

/** What is assumed of the application and of its clients: nothing in a manifest says it. */
export interface Scenario {
  readonly application: Application;
  /** How long a request that is in flight when the pod is deleted still needs. */
  readonly longestRequest: Seconds;
  /** How long new requests keep coming after the deletion. */
  readonly endpointDelay: Seconds;
  readonly unknownHooks: UnknownHooks;
}

export const DEFAULT_SCENARIO: Scenario = {
  application: DEFAULT_APPLICATION,
  longestRequest: DEFAULT_LONGEST_REQUEST_SECONDS,
  endpointDelay: DEFAULT_ENDPOINT_DELAY_SECONDS,
  unknownHooks: 'EndAtOnce',
};

/** One termination, ready to be drawn or told. */
export interface Timeline extends Played {
  /** In the order in which they are drawn; empty where no pod of the template starts. */
  readonly lanes: readonly Lane[];
  readonly events: readonly TimelineEvent[];
  readonly cuts: readonly Cut[];
  readonly verdict: TimelineVerdict;
  /** Everything that matters happens before; the grace period may be longer. */
  readonly endsAt: Seconds;
}

/** A grace period that is this many times longer than all that happens in it would squeeze the picture. */
const GRACE_SHOWN_WHOLE = 2.5;
const SPARE_SHOWN = 1.2;

/** Plays one termination with one request in flight, and puts it on lanes. */
export function timelineOf(settings: EffectiveSettings, scenario: Scenario = DEFAULT_SCENARIO): Timeline {
  const { application, unknownHooks } = scenario;
  const play = (lasts: Seconds): Termination =>
    simulateTermination({ settings, application, unknownHooks, requests: [{ id: REQUEST_ID, startsAt: -1, lasts }] });
  const termination = play(scenario.longestRequest + 1);
  const latest =
    termination.unknownHooks.length === 0
      ? termination
      : simulateTermination({
          settings,
          application,
          unknownHooks: 'NeverEnd',
          requests: [{ id: REQUEST_ID, startsAt: -1, lasts: scenario.longestRequest + 1 }],
        });
  const base = {
    settings,
    scenario,
    termination,
    latest,
    survival: survivalOf(settings, application, unknownHooks),
    busy: play(Infinity),
    cuts: cutsOf(termination),
  };
  const verdict = judgeTimeline(base);
  if (settings.podsRefused !== undefined) {
    return { ...base, cuts: [], lanes: [], events: [], verdict, endsAt: 0 };
  }
  const lanes = [
    kubeletLane(termination, latest),
    endpointsLane(termination, latest, scenario),
    ...termination.apps.map((end, index) => applicationLane(end, latest.apps[index] ?? end)),
    ...(termination.proxy === undefined
      ? []
      : [proxyLane(termination.proxy, latest.proxy ?? termination.proxy, settings, termination)]),
    inboundLane(base),
    ...(termination.apps.length === 0 ? [] : [outboundLane(termination)]),
  ];
  return { ...base, lanes, events: eventsOf(base), verdict, endsAt: endOf(latest, scenario) };
}

function endOf(termination: Termination, scenario: Scenario): Seconds {
  const last = Math.max(termination.podGoneAt, scenario.endpointDelay, scenario.longestRequest);
  return termination.gracePeriod <= last * GRACE_SHOWN_WHOLE
    ? Math.max(last, termination.gracePeriod)
    : last * SPARE_SHOWN;
}

function segment(from: Seconds, to: Seconds, state: SegmentState, label: string, short: string = label): Segment[] {
  return to > from ? [{ from, to, state, label, short }] : [];
}

function kubeletLane(termination: Termination, latest: Termination): Lane {
  const { gracePeriod } = termination;
  const end = podEnd(termination);
  const last = Math.min(gracePeriod, podEnd(latest));
  const spare = secondsWords(gracePeriod - end);
  return {
    id: 'kubelet',
    title: 'kubelet',
    segments: [
      ...segment(
        0,
        Math.min(end, gracePeriod),
        'Grace',
        `grace period ${secondsWords(gracePeriod)}`,
        secondsWords(gracePeriod),
      ),
      ...segment(end, last, 'Uncertain', 'the pod may end from here on', 'may end'),
      ...(last > end
        ? segment(last, gracePeriod, 'Spare', '')
        : segment(end, gracePeriod, 'Spare', `${spare} to spare`, spare)),
    ],
    marks: [
      { at: 0, kind: 'Deleted', label: 'pod deleted' },
      ...sigkills(termination).map((at): Mark => ({ at, kind: 'Killed', label: 'SIGKILL' })),
    ],
  };
}

function sigkills(termination: Termination): Seconds[] {
  const killed = containersOf(termination)
    .filter((end) => end.how === 'Sigkill')
    .map((end) => end.exitAt);
  return [...new Set(killed)].sort((a, b) => a - b);
}

/** Clients do not hear of a deletion at once: until then they go on sending, and what they send may not be taken any more. */
function endpointsLane(termination: Termination, latest: Termination, { endpointDelay }: Scenario): Lane {
  const refused = termination.newInboundConnections;
  const takenIn = ({ newInboundConnections, apps, appListenerClosesAt }: Termination): Seconds =>
    Math.min(newInboundConnections.until, apps.length === 0 ? Infinity : appListenerClosesAt);
  const taken = Math.min(takenIn(termination), endpointDelay);
  const perhaps = Math.max(taken, Math.min(takenIn(latest), endpointDelay));
  return {
    id: 'endpoints',
    title: 'new requests',
    segments: [
      ...segment(0, taken, 'Serving', 'still arrive, are served', 'served'),
      ...segment(taken, perhaps, 'Uncertain', 'still arrive, may fail', 'may fail'),
      ...segment(perhaps, endpointDelay, 'Failing', 'still arrive, fail', 'fail'),
    ],
    marks:
      refused.endedBy === 'DrainDuration'
        ? [{ at: refused.until, kind: 'Refuses', label: 'new connections refused' }]
        : [],
  };
}

/** Its preStop takes a time that is not known, and so does all that comes after it. */
export function isUncertain(end: ContainerEnd, latest: ContainerEnd): boolean {
  return latest.exitAt > end.exitAt || latest.sigtermAt > end.sigtermAt;
}

function applicationLane(end: ContainerEnd, latest: ContainerEnd): Lane {
  if (isUncertain(end, latest)) {
    return {
      id: 'application',
      title: end.name,
      segments: [
        ...segment(0, end.sigtermAt, 'PreStop', 'preStop'),
        ...segment(end.sigtermAt, latest.exitAt, 'Uncertain', 'preStop of unknown length, then SIGTERM', 'not known'),
      ],
      marks: [],
    };
  }
  return {
    id: 'application',
    title: end.name,
    segments: [
      ...segment(0, Math.min(end.sigtermAt, end.exitAt), 'PreStop', 'preStop'),
      ...segment(end.sigtermAt, end.exitAt, 'Finishing', 'finishes what is in flight', 'finishes'),
    ],
    marks: containerMarks(end),
  };
}

function proxyLane(
  end: ContainerEnd,
  latest: ContainerEnd,
  settings: EffectiveSettings,
  termination: Termination,
): Lane {
  if (isUncertain(end, latest)) {
    return {
      id: 'proxy',
      title: end.name,
      segments: [
        ...segment(0, end.exitAt, 'Serving', 'lives', 'lives'),
        ...segment(end.exitAt, latest.exitAt, 'Uncertain', 'may end from here on', 'may end'),
      ],
      marks: [],
    };
  }
  const hookEnd = Math.min(
    end.preStop === undefined ? 0 : (end.preStop.endsAt ?? end.sigtermAt),
    end.sigtermAt,
    end.exitAt,
  );
  const drains = Math.min(termination.drainStartsAt ?? end.sigtermAt, end.exitAt);
  const waits = drains <= hookEnd && drains < end.sigtermAt;
  return {
    id: 'proxy',
    title: end.name,
    segments: [
      ...segment(0, hookEnd, 'PreStop', waits ? 'preStop, draining' : 'preStop'),
      ...segment(
        hookEnd,
        Math.min(end.sigtermAt, end.exitAt),
        waits ? 'Draining' : 'Serving',
        waits ? 'drains, lives until the application has exited' : 'serves until the application has exited',
        waits ? 'drains' : 'serves',
      ),
      ...segment(end.sigtermAt, end.exitAt, 'Draining', drainWords(end, settings), 'drains'),
    ],
    marks: containerMarks(end),
  };
}

function containerMarks(end: ContainerEnd): Mark[] {
  const killed = end.how === 'Sigkill';
  return [
    ...(end.sigtermAt <= end.exitAt ? [{ at: end.sigtermAt, kind: 'Sigterm' as const, label: 'SIGTERM' }] : []),
    {
      at: end.exitAt,
      kind: killed ? 'Killed' : 'Exit',
      label: killed ? `SIGKILL (${end.exitCode})` : `exits (${end.exitCode})`,
    },
  ];
}

function inboundLane({ termination, latest, scenario, survival }: Played): Lane {
  const outcome = worse(requestOf(termination), requestOf(latest));
  const natural = scenario.longestRequest;
  const lost = outcome?.survived === false ? outcome.at : undefined;
  const room = Math.min(survival.longestInFlight, 1e9);
  const longer = Number.isFinite(survival.longestInFlight)
    ? `longer ones too, up to ${secondsWords(room)}`
    : 'longer ones too';
  return {
    id: 'inbound',
    title: 'in flight',
    segments:
      lost === undefined
        ? [
            ...segment(0, natural, 'Serving', `a request of ${secondsWords(natural)} is served`, 'served'),
            ...segment(natural, room, 'Room', longer, `up to ${secondsWords(room)}`),
          ]
        : [
            ...segment(0, Math.max(0, lost), 'Serving', 'served'),
            ...segment(Math.max(0, lost), natural, 'Failing', `lost: it needed ${secondsWords(natural)}`, 'lost'),
          ],
    marks: [
      lost === undefined
        ? { at: natural, kind: 'Done', label: 'answered' }
        : { at: Math.max(0, lost), kind: 'Lost', label: 'lost' },
    ],
  };
}

function outboundLane(termination: Termination): Lane {
  const until = termination.outboundUntil;
  const lastApp = termination.apps.reduce((last, end) => Math.max(last, end.exitAt), 0);
  return {
    id: 'outbound',
    title: 'calls out',
    segments: [
      ...segment(0, until, 'Serving', 'calls of the application work', 'work'),
      ...segment(until, lastApp, 'Failing', 'refused'),
    ],
    marks: until < lastApp ? [{ at: until, kind: 'Lost', label: 'refused from here on' }] : [],
  };
}

function cutsOf(termination: Termination): Cut[] {
  const outcome = requestOf(termination);
  const killed = containersOf(termination)
    .filter((end) => end.how === 'Sigkill')
    .map((end): Cut => ({
      at: end.exitAt,
      lane: end.role === 'Proxy' ? 'proxy' : 'application',
      kind: 'Sigkill',
      label: `SIGKILL ends ${end.name}`,
    }));
  const lost: Cut[] =
    outcome?.survived === false
      ? [{ at: Math.max(0, outcome.at), lane: 'inbound', kind: 'ConnectionLost', label: 'requests in flight are lost' }]
      : [];
  return [...killed, ...lost].sort((a, b) => a.at - b.at);
}
