import type { EffectiveSettings } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';
import type { Application, InboundRequest } from './application.ts';
import { simulateTermination } from './simulate.ts';
import type { Termination, UnknownHooks } from './termination.ts';

/** What a termination leaves room for, whatever the requests are. */
export interface Survival {
  /**
   * The longest that a request in flight at deletion can go on and survive. A run with an endless request finds it:
   * until a request is cut, the world is the same however long it would have gone on, so it is exactly the cut.
   */
  readonly longestInFlight: Seconds;
  readonly endedBy: 'ProxyGone' | 'AppGone' | 'Nothing';
  /** How long outbound calls of the app work when nothing inbound is left: the floor for late work. */
  readonly outboundFloor: Seconds;
  /** When the proxy ends if no request is in flight at all. */
  readonly quietProxyExit: Seconds;
  /** When the pod ends if a request never does. */
  readonly busyPodEnd: Seconds;
  /** The proxy's end depends on what is in flight. */
  readonly adaptive: boolean;
}

const ENDLESS: readonly InboundRequest[] = [{ id: 'endless', startsAt: -1, lasts: Infinity }];
/** Far beyond any grace period: stands for an app that works on until it is killed. */
const FOR_EVER: Seconds = 1e9;

export function survivalOf(
  settings: EffectiveSettings,
  application: Application,
  unknownHooks: UnknownHooks = 'EndAtOnce',
): Survival {
  const busy = simulateTermination({ settings, application, requests: ENDLESS, unknownHooks });
  const quiet = simulateTermination({ settings, application, requests: [], unknownHooks });
  const late = simulateTermination({
    settings,
    application: { ...application, runsOnAfterSigterm: FOR_EVER, callsOutEverySecond: 'NewConnection' },
    requests: [],
    unknownHooks,
  });
  const cut = busy.requests[0];
  return {
    longestInFlight: cut?.survived === false ? cut.at : Infinity,
    endedBy: cut?.lostBecause === 'ProxyGone' || cut?.lostBecause === 'AppGone' ? cut.lostBecause : 'Nothing',
    outboundFloor: late.outboundUntil,
    quietProxyExit: quiet.proxy?.exitAt ?? 0,
    busyPodEnd: podEnd(busy),
    adaptive: (busy.proxy?.exitAt ?? 0) > (quiet.proxy?.exitAt ?? 0),
  };
}

/** When the last container of the pod ends. */
export function podEnd(termination: Termination): Seconds {
  return [
    ...termination.apps,
    ...termination.sidecars,
    ...(termination.proxy === undefined ? [] : [termination.proxy]),
  ].reduce((last, end) => Math.max(last, end.exitAt), 0);
}

/** Seconds between the end of the last container and the grace period; negative or 0 where something was killed. */
export function slackOf(termination: Termination): Seconds {
  return termination.gracePeriod - podEnd(termination);
}
