import type { HookRun } from '../../hooks/index.ts';
import type { ContainerSettings } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';
import type { Application, InboundRequest } from './application.ts';
import { hookEndOf, playHook } from './hooks.ts';
import {
  lastExitOf,
  sigkillAfter,
  SIGKILL_EXIT_CODE,
  type ContainerEnd,
  type TerminationInput,
} from './termination.ts';
import type { AppListener, Interval, PodActivity } from './world.ts';

export interface AppsPlayed {
  readonly ends: readonly ContainerEnd[];
  readonly beforeSigterm: PodActivity;
  readonly activity: PodActivity;
  /** The first of the containers that may serve closes its listeners then. */
  readonly firstListenerClosesAt: Seconds;
}

/** What cuts an application from outside: the end of a classic proxy. Not known in a first play. */
export interface ProxyEnd {
  readonly at: Seconds;
}

interface Stopped {
  readonly container: ContainerSettings;
  readonly preStop?: HookRun;
  readonly sigtermAt: Seconds;
  readonly sigkillAt: Seconds;
}

/**
 * App containers know nothing of the proxy and nothing of each other: each gets SIGTERM when its own preStop ends
 * [measured]. Requests depend on the containers that serve; where several may, on each of them.
 */
export function playApps(
  input: TerminationInput,
  requests: readonly InboundRequest[],
  gracePeriod: Seconds,
  proxyEnd?: ProxyEnd,
): AppsPlayed {
  const { settings, application } = input;
  const beforeSigterm: PodActivity = {
    inbound: requests.map((request) => ({ from: request.startsAt, to: request.startsAt + request.lasts })),
    appListeners: listenersOf(settings, () => Infinity),
    idleKeepAliveClient: application.idleKeepAliveClient,
  };
  const stopped = settings.apps
    .filter((container) => container.role === 'App')
    .map((container): Stopped => {
      const preStop = playHook(container.preStop?.value, {
        input,
        activity: beforeSigterm,
        container: 'App',
        environment: container.hookEnvironment,
        until: gracePeriod,
        httpCutAt: proxyEnd?.at,
      });
      const hookEnd = hookEndOf(preStop, gracePeriod);
      // A hook may tell the app to stop by itself, long before it ends.
      const sigtermAt = Math.min(preStop?.toldAppToStopAt ?? Infinity, hookEnd);
      return { container, preStop, sigtermAt, sigkillAt: sigkillAfter(hookEnd, gracePeriod) };
    });
  const serving = stopped.filter(({ container }) => container.serves);
  const firstSigterm = serving.reduce((earliest, { sigtermAt }) => Math.min(earliest, sigtermAt), Infinity);
  const served = servedRequests(application, requests, firstSigterm, proxyEnd);
  const ends = stopped.map((one) =>
    one.container.serves ? endOfServer(one, application, served.idleAt) : endOfHelper(one, application),
  );
  const servers = ends.filter((end) => end.serves);
  const closesAt = (end: ContainerEnd): Seconds =>
    application.onSigterm === 'KeepListeningUntilIdle'
      ? Math.max(end.sigtermAt, Math.min(served.idleAt, end.exitAt))
      : end.sigtermAt;
  const lastExit = lastExitOf(servers);
  const pooled = application.callsOutEverySecond === 'Pooled' ? { from: -Infinity, to: lastExit } : undefined;
  return {
    ends,
    beforeSigterm,
    firstListenerClosesAt: servers.reduce((first, end) => Math.min(first, closesAt(end)), Infinity),
    activity: {
      inbound: served.intervals.map(({ from, to }) => ({ from, to: ends.length === 0 ? to : Math.min(to, lastExit) })),
      appListeners: listenersOf(settings, (name) => {
        const end = ends.find((candidate) => candidate.name === name);
        return end === undefined ? 0 : end.serves ? closesAt(end) : end.exitAt;
      }),
      idleKeepAliveClient: application.idleKeepAliveClient,
      pooledOutbound: pooled,
    },
  };
}

/** The ports that containers declare; where none does, the one that is assumed, of every container that may serve. */
function listenersOf(settings: TerminationInput['settings'], closesAt: (container: string) => Seconds): AppListener[] {
  const apps = settings.apps.filter((container) => container.role === 'App');
  const declared = apps.some(({ ports }) => ports.length > 0);
  return apps.flatMap(({ name, ports, serves }) =>
    (declared ? ports : serves ? settings.appPorts : []).map((port) => ({ port, closesAt: closesAt(name) })),
  );
}

function endOfServer(stopped: Stopped, application: Application, idleAt: Seconds): ContainerEnd {
  const { sigtermAt } = stopped;
  const workDoneAt = application.onSigterm === 'ExitAtOnce' ? sigtermAt : idleAt;
  return endOf(stopped, sigtermAt + application.runsOnAfterSigterm, workDoneAt);
}

function endOfHelper(stopped: Stopped, application: Application): ContainerEnd {
  return endOf(stopped, stopped.sigtermAt + (application.helpersRunOn?.[stopped.container.name] ?? 0), 0);
}

function endOf(
  { container, preStop, sigtermAt, sigkillAt }: Stopped,
  ownWorkDone: Seconds,
  requestsDone: Seconds,
): ContainerEnd {
  // SIGTERM and SIGKILL both come a moment after the whole second, so that a request that ends with the grace period is just over.
  const killed = requestsDone > sigkillAt || (ownWorkDone >= sigkillAt && ownWorkDone > sigtermAt);
  return {
    name: container.name,
    role: 'App',
    serves: container.serves,
    preStop,
    sigtermAt,
    sigkillAt,
    exitAt: killed ? sigkillAt : Math.max(sigtermAt, ownWorkDone, requestsDone),
    exitCode: killed ? SIGKILL_EXIT_CODE : 0,
    how: killed ? 'Sigkill' : 'Finished',
  };
}

/** A server finds out that a stream was cut when it next writes or reads; seen were 5 s for one that writes once a second. */
const CUT_STREAM_NOTICED_SECONDS = 3;

/**
 * Which requests the app takes, and when the last of them is done. It works them to their end even where the client has
 * gone; only a stream that is cut is given up [measured].
 */
function servedRequests(
  application: Application,
  requests: readonly InboundRequest[],
  sigtermAt: Seconds,
  proxyEnd: ProxyEnd | undefined,
): { intervals: Interval[]; idleAt: Seconds } {
  const intervals: Interval[] = [];
  let idleAt = 0;
  for (const request of [...requests].sort((a, b) => a.startsAt - b.startsAt)) {
    const listening =
      request.startsAt < sigtermAt ||
      (application.onSigterm === 'KeepListeningUntilIdle' && request.startsAt < idleAt) ||
      sigtermAt === Infinity;
    if (!listening) {
      continue;
    }
    const natural = request.startsAt + request.lasts;
    const cutAt = request.stream === true ? (proxyEnd?.at ?? Infinity) : Infinity;
    const to = natural <= cutAt ? natural : Math.min(natural, cutAt + CUT_STREAM_NOTICED_SECONDS);
    intervals.push({ from: request.startsAt, to });
    idleAt = Math.max(idleAt, to);
  }
  return { intervals, idleAt };
}
