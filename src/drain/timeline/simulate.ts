import type { HookEffect } from '../../hooks/index.ts';
import type { Seconds } from '../model/workload.ts';
import type { Application, InboundRequest } from './application.ts';
import { playApps, type AppsPlayed, type ProxyEnd } from './apps.ts';
import { playHelpers } from './helpers.ts';
import { playProxy, type ProxyPlayed } from './proxy.ts';
import {
  lastExitOf,
  POD_REMOVAL_SECONDS,
  type ContainerEnd,
  type RequestOutcome,
  type Termination,
  type TerminationInput,
} from './termination.ts';

/**
 * Plays one pod's termination, deleted at t = 0. The rules are those that were measured on a real kubelet with a real
 * Istio; docs/termination.md tells them in words.
 */
export function simulateTermination(input: TerminationInput): Termination {
  const first = play(input, input.requests);
  // A request that comes after the proxy stopped accepting never reaches the app, so it must not keep the app busy.
  const delivered = input.requests.filter((request) => request.startsAt < first.newInboundConnections.until);
  if (delivered.length === input.requests.length) {
    return first;
  }
  const again = play(input, delivered);
  return { ...again, requests: input.requests.map((request) => judge(request, again, input)) };
}

function play(input: TerminationInput, requests: readonly InboundRequest[]): Termination {
  const asked = input.deletedWithGracePeriod ?? input.settings.gracePeriod.value;
  // The kubelet never works with less than a second (pkg/kubelet/pod_workers.go calculateEffectiveGracePeriod).
  const gracePeriod = Math.max(1, asked);
  const { apps, proxy, helpers } = playContainers(input, requests, gracePeriod);
  const drainStartsAt = proxy?.drainStartsAt;
  const proxyExit = proxy?.end.exitAt ?? Infinity;
  const listenersClose = proxy?.listenersCloseAt ?? Infinity;
  const lastExit = lastExitOf([...apps.ends, ...helpers, ...(proxy === undefined ? [] : [proxy.end])]);
  const partial: Termination = {
    gracePeriod,
    apps: apps.ends,
    sidecars: helpers,
    ...(proxy === undefined ? {} : { proxy: proxy.end }),
    // A grace period of 0 removes the object at once; its containers are ended behind it [measured].
    podGoneAt: asked === 0 ? 0 : lastExit + POD_REMOVAL_SECONDS,
    ...(drainStartsAt === undefined ? {} : { drainStartsAt }),
    appListenerClosesAt: apps.firstListenerClosesAt,
    newInboundConnections:
      proxy === undefined
        ? { until: apps.firstListenerClosesAt, endedBy: 'AppListener' }
        : listenersClose < proxyExit
          ? { until: listenersClose, endedBy: 'DrainDuration' }
          : { until: proxyExit, endedBy: 'ProxyExit' },
    outboundUntil: Math.min(proxyExit, apps.ends.length === 0 ? proxyExit : lastExitOf([...apps.ends, ...helpers])),
    ...firstFailingCall(input.application, apps.ends, proxyExit),
    requests: [],
    unknownHooks: [...apps.ends, ...helpers, ...(proxy === undefined ? [] : [proxy.end])]
      .filter((end) => end.preStop?.how === 'Unknown')
      .map((end) => ({ container: end.name, notUnderstood: end.preStop?.notUnderstood ?? [] })),
  };
  return { ...partial, requests: input.requests.map((request) => judge(request, partial, input)) };
}

interface ContainersPlayed {
  readonly apps: AppsPlayed;
  readonly proxy?: ProxyPlayed;
  readonly helpers: readonly ContainerEnd[];
}

/**
 * The end of the proxy cuts streams, and hooks that the kubelet calls through it. Until then the world is the same, so that a
 * first play finds the end and a second one what it cuts.
 */
function playContainers(
  input: TerminationInput,
  requests: readonly InboundRequest[],
  gracePeriod: Seconds,
): ContainersPlayed {
  const first = playOnce(input, requests, gracePeriod);
  const canBeCut =
    requests.some(({ stream }) => stream === true) ||
    input.settings.apps.some(({ preStop }) => preStop?.value.httpGet !== undefined);
  return first.proxy === undefined || !canBeCut
    ? first
    : playOnce(input, requests, gracePeriod, { at: first.proxy.end.exitAt });
}

/**
 * Native sidecars get SIGTERM after all containers, in the reverse order of their list; the injector puts its own first,
 * so that it is the last (kubelet terminationOrdering) [measured]. A classic proxy is one of the containers that they wait for.
 */
function playOnce(
  input: TerminationInput,
  requests: readonly InboundRequest[],
  gracePeriod: Seconds,
  proxyEnd?: ProxyEnd,
): ContainersPlayed {
  const apps = playApps(input, requests, gracePeriod, proxyEnd);
  const { activity, beforeSigterm } = apps;
  const effects: HookEffect[] = apps.ends.flatMap((end) => end.preStop?.effects ?? []);
  const lastAppExit = lastExitOf(apps.ends);
  const helpersAfter = (lastExit: Seconds): ContainerEnd[] =>
    playHelpers({ input, activity: beforeSigterm, gracePeriod, lastExit, proxyEnd });
  const proxyAfter = (lastExit: Seconds): ProxyPlayed => playProxy({ input, activity, effects, gracePeriod, lastExit });
  switch (input.settings.proxy.container) {
    case 'None':
      return { apps, helpers: helpersAfter(lastAppExit) };
    case 'Native': {
      const helpers = helpersAfter(lastAppExit);
      return { apps, helpers, proxy: proxyAfter(lastExitOf([...apps.ends, ...helpers])) };
    }
    default: {
      const proxy = proxyAfter(lastAppExit);
      return { apps, proxy, helpers: helpersAfter(Math.max(lastAppExit, proxy.end.exitAt)) };
    }
  }
}

function firstFailingCall(
  application: Application,
  ends: readonly ContainerEnd[],
  proxyExit: Seconds,
): { callsOutFailFrom?: Seconds } {
  if (application.callsOutEverySecond === undefined) {
    return {};
  }
  for (const end of ends.filter(({ serves }) => serves)) {
    // Calls are made 1 s, 2 s, ... after the app's SIGTERM and stop when it exits.
    const call = end.sigtermAt + Math.max(1, Math.floor(proxyExit - end.sigtermAt) + 1);
    if (call < end.exitAt) {
      return { callsOutFailFrom: call };
    }
  }
  return {};
}

function judge(request: InboundRequest, world: Termination, input: TerminationInput): RequestOutcome {
  const end = request.startsAt + request.lasts;
  const lost = (at: Seconds, lostBecause: NonNullable<RequestOutcome['lostBecause']>): RequestOutcome => ({
    id: request.id,
    survived: false,
    at,
    lostBecause,
  });
  if (request.startsAt >= world.newInboundConnections.until) {
    return lost(request.startsAt, world.proxy === undefined ? 'AppRefuses' : 'ProxyRefuses');
  }
  const hasApp = world.apps.some(({ serves }) => serves);
  if (hasApp && request.startsAt >= world.appListenerClosesAt) {
    return lost(request.startsAt, 'AppRefuses');
  }
  const proxyExit = world.proxy?.exitAt ?? Infinity;
  if (request.callsOutAt !== undefined && request.callsOutAt > proxyExit) {
    return lost(Math.min(request.callsOutAt, proxyExit), proxyExit < end ? 'ProxyGone' : 'OutboundGone');
  }
  // Where several containers may be the one that serves, the first that is killed, or exits without finishing, ends it.
  const appLimit = world.apps
    .filter(({ serves }) => serves)
    .reduce((limit, app) => {
      const cut = app.how === 'Sigkill' || input.application.onSigterm === 'ExitAtOnce';
      return cut ? Math.min(limit, app.exitAt) : limit;
    }, Infinity);
  const limit = Math.min(proxyExit, appLimit);
  if (end > limit) {
    return lost(limit, proxyExit <= appLimit ? 'ProxyGone' : 'AppGone');
  }
  return { id: request.id, survived: true, at: end };
}
