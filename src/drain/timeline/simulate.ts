import type { LifecycleHandler } from '../../api/kubernetes.ts';
import { PROXY_CONTAINER } from '../../api/names.ts';
import { runHook } from '../../hooks/index.ts';
import type { HookEffect, HookRun } from '../../hooks/index.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';
import type { Application, InboundRequest } from './application.ts';
import { buildWorld, countActive, type Interval, type PodActivity } from './world.ts';

/**
 * The kubelet leaves a container at least this long between SIGTERM and SIGKILL, also where its preStop has used up
 * the grace period (kubelet `minimumGracePeriodInSeconds`; measured: 137 at grace + 2).
 */
export const MINIMUM_SHUTDOWN_WINDOW_SECONDS = 2;

/** From the end of the last container until the pod object is gone [measured: about 1.5 s]. */
export const POD_REMOVAL_SECONDS = 1.5;

/** Exit code of a container that was ended by SIGKILL. */
export const SIGKILL_EXIT_CODE = 137;

/** How a preStop of unknown length is taken: as one that never ends, or as one that ends at once. */
export type UnknownHooks = 'NeverEnd' | 'EndAtOnce';

export interface TerminationInput {
  readonly settings: EffectiveSettings;
  readonly application: Application;
  readonly requests: readonly InboundRequest[];
  /** The grace period of the delete call itself, which replaces the template's. */
  readonly deletedWithGracePeriod?: Seconds;
  readonly unknownHooks?: UnknownHooks;
}

export interface ContainerEnd {
  readonly name: string;
  readonly role: 'App' | 'Proxy';
  readonly preStop?: HookRun;
  readonly sigtermAt: Seconds;
  /** When SIGKILL comes if it still runs. */
  readonly sigkillAt: Seconds;
  readonly exitAt: Seconds;
  readonly exitCode: 0 | typeof SIGKILL_EXIT_CODE;
  readonly how: 'Finished' | 'DrainOver' | 'NoConnectionLeft' | 'EndedByAgentCall' | 'Sigkill';
}

export interface RequestOutcome {
  readonly id: string;
  readonly survived: boolean;
  /** When it was answered or lost. */
  readonly at: Seconds;
  readonly lostBecause?: 'ProxyGone' | 'AppGone' | 'AppRefuses' | 'ProxyRefuses' | 'OutboundGone';
}

export interface Termination {
  readonly gracePeriod: Seconds;
  readonly apps: readonly ContainerEnd[];
  /** Other native sidecars of the pod. */
  readonly sidecars: readonly ContainerEnd[];
  readonly proxy?: ContainerEnd;
  readonly podGoneAt: Seconds;
  /** When the proxy began to drain, if it did before its end. */
  readonly drainStartsAt?: Seconds;
  /** The app's listeners are closed from then on. */
  readonly appListenerClosesAt: Seconds;
  /** New inbound TCP connections are refused from then on, and why. */
  readonly newInboundConnections: {
    readonly until: Seconds;
    readonly endedBy: 'DrainDuration' | 'ProxyExit' | 'AppListener';
  };
  /** Outbound calls of the app work until then. */
  readonly outboundUntil: Seconds;
  /** The first late call of the app (`callsOutEverySecond`) that fails; undefined where none does. */
  readonly callsOutFailFrom?: Seconds;
  readonly requests: readonly RequestOutcome[];
  /** Hooks whose length could not be known, with what was not understood. */
  readonly unknownHooks: readonly { readonly container: string; readonly notUnderstood: readonly string[] }[];
}

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
  // The kubelet never works with less than a second (pkg/kubelet/pod_workers.go calculateEffectiveGracePeriod).
  const gracePeriod = Math.max(1, input.deletedWithGracePeriod ?? input.settings.gracePeriod.value);
  const apps = playApps(input, requests, gracePeriod);
  const activity = apps.activity;
  const effects = apps.ends.flatMap((end) => end.preStop?.effects ?? []);
  const { proxy, sidecars } = playProxyAndSidecars(input, apps, effects, gracePeriod);
  const lastAppExit = lastExitOf([...apps.ends, ...sidecars]);
  const drainStartsAt = proxy?.drainStartsAt;
  const proxyExit = proxy?.end.exitAt ?? Infinity;
  const listenersClose = proxy?.listenersCloseAt ?? Infinity;
  const partial: Termination = {
    gracePeriod,
    apps: apps.ends,
    sidecars,
    ...(proxy === undefined ? {} : { proxy: proxy.end }),
    podGoneAt: Math.max(lastAppExit, proxy?.end.exitAt ?? 0) + POD_REMOVAL_SECONDS,
    ...(drainStartsAt === undefined ? {} : { drainStartsAt }),
    appListenerClosesAt: activity.appListenerClosesAt,
    newInboundConnections:
      proxy === undefined
        ? { until: activity.appListenerClosesAt, endedBy: 'AppListener' }
        : listenersClose < proxyExit
          ? { until: listenersClose, endedBy: 'DrainDuration' }
          : { until: proxyExit, endedBy: 'ProxyExit' },
    outboundUntil: Math.min(proxyExit, apps.ends.length === 0 ? proxyExit : lastAppExit),
    ...firstFailingCall(input.application, apps.ends, proxyExit),
    requests: [],
    unknownHooks: [...apps.ends, ...sidecars, ...(proxy === undefined ? [] : [proxy.end])]
      .filter((end) => end.preStop?.how === 'Unknown')
      .map((end) => ({ container: end.name, notUnderstood: end.preStop?.notUnderstood ?? [] })),
  };
  return { ...partial, requests: input.requests.map((request) => judge(request, partial, input)) };
}

function lastExitOf(ends: readonly ContainerEnd[]): Seconds {
  return ends.reduce((last, end) => Math.max(last, end.exitAt), 0);
}

/**
 * Native sidecars get SIGTERM after all containers, in the reverse order of their list; the injector puts its own first,
 * so that it is the last (kubelet terminationOrdering). A classic proxy is one of the containers that they wait for.
 */
function playProxyAndSidecars(
  input: TerminationInput,
  apps: AppsPlayed,
  effects: readonly HookEffect[],
  gracePeriod: Seconds,
): { readonly proxy?: ProxyPlayed; readonly sidecars: readonly ContainerEnd[] } {
  const { container } = input.settings.proxy;
  const lastAppExit = lastExitOf(apps.ends);
  const playSidecarsAfter = (last: Seconds): ContainerEnd[] =>
    playSidecars(input, apps.beforeSigterm, gracePeriod, last);
  const playProxyAfter = (last: Seconds): ProxyPlayed =>
    playProxy({ input, activity: apps.activity, effects, gracePeriod, lastAppExit: last });
  if (container === 'None') {
    return { sidecars: playSidecarsAfter(lastAppExit) };
  }
  if (container === 'Native') {
    const sidecars = playSidecarsAfter(lastAppExit);
    return { proxy: playProxyAfter(lastExitOf([...apps.ends, ...sidecars])), sidecars };
  }
  const proxy = playProxyAfter(lastAppExit);
  return { proxy, sidecars: playSidecarsAfter(Math.max(lastAppExit, proxy.end.exitAt)) };
}

interface AppsPlayed {
  readonly ends: readonly ContainerEnd[];
  readonly beforeSigterm: PodActivity;
  readonly activity: PodActivity;
}

/** App containers know nothing of the proxy: each gets SIGTERM when its own preStop ends [measured]. */
function playApps(input: TerminationInput, requests: readonly InboundRequest[], gracePeriod: Seconds): AppsPlayed {
  const { settings, application } = input;
  const beforeSigterm: PodActivity = {
    inbound: requests.map((request) => ({ from: request.startsAt, to: request.startsAt + request.lasts })),
    appListenerClosesAt: Infinity,
    idleKeepAliveClient: application.idleKeepAliveClient,
  };
  const stopped = settings.apps
    .filter((container) => container.role === 'App')
    .map((container) => {
      const preStop = playHook(container.preStop?.value, {
        input,
        activity: beforeSigterm,
        container: 'App',
        until: gracePeriod,
        stated: settings.statedPreStop?.value,
      });
      const hookEnd = Math.min(preStop?.endsAt ?? (preStop === undefined ? 0 : gracePeriod), gracePeriod);
      // A hook may tell the app to stop by itself, long before it ends.
      const sigtermAt = Math.min(preStop?.toldAppToStopAt ?? Infinity, hookEnd);
      return { container, preStop, sigtermAt, sigkillAt: sigkillAfter(hookEnd, gracePeriod) };
    });
  const firstSigterm = stopped.reduce((earliest, { sigtermAt }) => Math.min(earliest, sigtermAt), Infinity);
  const lastSigterm = stopped.reduce((latest, { sigtermAt }) => Math.max(latest, sigtermAt), 0);
  const served = servedRequests(application, requests, firstSigterm);
  const ends = stopped.map(({ container, preStop, sigtermAt, sigkillAt }): ContainerEnd => {
    const idleAt = application.onSigterm === 'ExitAtOnce' ? sigtermAt : served.idleAt;
    const ownWorkDone = sigtermAt + application.runsOnAfterSigterm;
    const finished = Math.max(sigtermAt, ownWorkDone, idleAt);
    // SIGTERM and SIGKILL both come a moment after the whole second, so that a request that ends with the grace period is just over.
    const killed = idleAt > sigkillAt || (ownWorkDone >= sigkillAt && ownWorkDone > sigtermAt);
    return {
      name: container.name,
      role: 'App',
      preStop,
      sigtermAt,
      sigkillAt,
      exitAt: killed ? sigkillAt : finished,
      exitCode: killed ? SIGKILL_EXIT_CODE : 0,
      how: killed ? 'Sigkill' : 'Finished',
    };
  });
  const lastExit = lastExitOf(ends);
  const pooled = application.callsOutEverySecond === 'Pooled' ? { from: -Infinity, to: lastExit } : undefined;
  return {
    ends,
    beforeSigterm,
    activity: {
      inbound: served.intervals.map(({ from, to }) => ({ from, to: ends.length === 0 ? to : Math.min(to, lastExit) })),
      appListenerClosesAt:
        application.onSigterm === 'KeepListeningUntilIdle'
          ? Math.max(lastSigterm, Math.min(served.idleAt, lastExit))
          : lastSigterm,
      idleKeepAliveClient: application.idleKeepAliveClient,
      pooledOutbound: pooled,
    },
  };
}

/** Other native sidecars: their preStop runs at once, their SIGTERM waits for the app containers, and then they end. */
function playSidecars(
  input: TerminationInput,
  activity: PodActivity,
  gracePeriod: Seconds,
  lastAppExit: Seconds,
): ContainerEnd[] {
  return input.settings.apps
    .filter((container) => container.role === 'NativeSidecar')
    .map((container): ContainerEnd => {
      const preStop = playHook(container.preStop?.value, {
        input,
        activity,
        container: 'App',
        until: gracePeriod,
        stated: input.settings.statedPreStop?.value,
      });
      const preStopEnd = preStop?.endsAt ?? (preStop === undefined ? 0 : gracePeriod);
      const sigtermAt = Math.min(Math.max(preStopEnd, lastAppExit), gracePeriod);
      return {
        name: container.name,
        role: 'App',
        preStop,
        sigtermAt,
        sigkillAt: sigkillAfter(sigtermAt, gracePeriod),
        exitAt: sigtermAt,
        exitCode: 0,
        how: 'Finished',
      };
    });
}

/** Which requests the app takes, and when the last of them is done. It works them to their end even where the client has gone [measured]. */
function servedRequests(
  application: Application,
  requests: readonly InboundRequest[],
  sigtermAt: Seconds,
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
    const to = request.startsAt + request.lasts;
    intervals.push({ from: request.startsAt, to });
    idleAt = Math.max(idleAt, to);
  }
  return { intervals, idleAt };
}

interface ProxyPlayed {
  readonly end: ContainerEnd;
  readonly drainStartsAt?: Seconds;
  readonly listenersCloseAt: Seconds;
}

interface ProxyPlay {
  readonly input: TerminationInput;
  readonly activity: PodActivity;
  /** What hooks of other containers do to the proxy: all containers share its localhost. */
  readonly effects: readonly HookEffect[];
  readonly gracePeriod: Seconds;
  readonly lastAppExit: Seconds;
}

function playProxy({ input, activity, effects: foreign, gracePeriod, lastAppExit }: ProxyPlay): ProxyPlayed {
  const { settings } = input;
  const preStop = playHook(settings.proxyPreStop?.value, { input, activity, container: 'Proxy', until: gracePeriod });
  const preStopEnd = Math.min(preStop?.endsAt ?? (preStop === undefined ? 0 : gracePeriod), gracePeriod);
  // Only SIGTERM is ordered on native sidecars: preStops all run at t = 0 [measured].
  const sigtermAt =
    settings.proxy.container === 'Native' ? Math.min(Math.max(preStopEnd, lastAppExit), gracePeriod) : preStopEnd;
  const sigkillAt = sigkillAfter(sigtermAt, gracePeriod);
  // A hook of another container takes a moment to start, so that at t = 0 SIGTERM comes first.
  const effects = [
    ...(preStop?.effects ?? []),
    ...foreign.filter((effect) => effect.at < sigtermAt || effect.kind === 'AgentQuit'),
  ]
    .filter((effect) => effect.at <= gracePeriod)
    .sort((a, b) => a.at - b.at);
  const quit = effectAt(effects, 'AgentQuit');
  // SIGTERM decides how the agent ends; a drain call that comes later finds it waiting already.
  const drainCall = effectAt(effects, 'AgentDrain');
  const agentDrain = drainCall !== undefined && drainCall <= sigtermAt ? drainCall : undefined;
  const envoyDrain = effects.find(
    (effect) => effect.kind === 'EnvoyDrain' && effect.at < Math.min(agentDrain ?? Infinity, sigtermAt),
  );
  const stopped = effectAt(effects, 'EnvoyStopListeners') ?? Infinity;
  const drainStartsAt = Math.min(agentDrain ?? Infinity, envoyDrain?.at ?? Infinity, sigtermAt);
  const common = { name: PROXY_CONTAINER, role: 'Proxy' as const, preStop, sigtermAt, sigkillAt };

  const bySigterm: { at: Seconds; how: ContainerEnd['how'] } =
    agentDrain !== undefined
      ? { at: sigtermAt, how: 'DrainOver' }
      : settings.exitOnZeroActiveConnections.value
        ? { at: firstQuietLook(settings, activity, sigtermAt, sigkillAt), how: 'NoConnectionLeft' }
        : { at: sigtermAt + Math.max(0, settings.terminationDrainDuration.value), how: 'DrainOver' };
  const planned =
    quit !== undefined && quit < bySigterm.at ? { at: quit, how: 'EndedByAgentCall' as const } : bySigterm;
  const killed = planned.at >= sigkillAt && planned.at > sigtermAt;
  const end: ContainerEnd = killed
    ? { ...common, exitAt: sigkillAt, exitCode: SIGKILL_EXIT_CODE, how: 'Sigkill' }
    : { ...common, exitAt: planned.at, exitCode: 0, how: planned.how };
  return {
    end,
    ...(drainStartsAt < end.exitAt ? { drainStartsAt } : {}),
    // The first call that starts Envoy's drain decides: the agent's keeps listeners open for ever (skip_exit); the SIGTERM
    // path closes them after drainDuration [measured].
    listenersCloseAt: Math.min(
      stopped,
      agentDrain !== undefined && envoyDrain === undefined ? Infinity : drainStartsAt + settings.drainDuration.value,
    ),
  };
}

/** EXIT_ON_ZERO_ACTIVE_CONNECTIONS looks first 1 s after MINIMUM_DRAIN_DURATION, then every second [measured]. */
function firstQuietLook(
  settings: EffectiveSettings,
  activity: PodActivity,
  sigtermAt: Seconds,
  sigkillAt: Seconds,
): Seconds {
  const pooled = activity.pooledOutbound;
  for (let look = sigtermAt + Math.max(0, settings.minimumDrainDuration.value) + 1; look < sigkillAt; look++) {
    const outbound = pooled !== undefined && pooled.from <= look && look < pooled.to;
    if (!activity.idleKeepAliveClient && !outbound && countActive(activity.inbound, look) === 0) {
      return look;
    }
  }
  return Infinity;
}

interface HookPlay {
  readonly input: TerminationInput;
  readonly activity: PodActivity;
  readonly container: 'Proxy' | 'App';
  readonly until: Seconds;
  readonly stated?: Seconds;
}

function playHook(handler: LifecycleHandler | undefined, play: HookPlay): HookRun | undefined {
  if (handler === undefined) {
    return undefined;
  }
  const run = runHook(handler, buildWorld(play.input.settings, play.activity), {
    container: play.container,
    start: 0,
    until: play.until,
  });
  if (run.how !== 'Unknown') {
    return run;
  }
  if (play.stated !== undefined) {
    return { how: 'Completed', endsAt: play.stated, effects: run.effects, notUnderstood: [] };
  }
  const { how, effects, notUnderstood } = run;
  return play.input.unknownHooks === 'EndAtOnce'
    ? { how, effects, notUnderstood, endsAt: 0 }
    : { how, effects, notUnderstood };
}

function sigkillAfter(sigtermAt: Seconds, gracePeriod: Seconds): Seconds {
  return Math.max(gracePeriod, sigtermAt + MINIMUM_SHUTDOWN_WINDOW_SECONDS);
}

function effectAt(effects: readonly HookEffect[], kind: HookEffect['kind']): Seconds | undefined {
  return effects.find((effect) => effect.kind === kind)?.at;
}

function firstFailingCall(
  application: Application,
  ends: readonly ContainerEnd[],
  proxyExit: Seconds,
): { callsOutFailFrom?: Seconds } {
  if (application.callsOutEverySecond === undefined) {
    return {};
  }
  for (const end of ends) {
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
  const hasApp = world.apps.length > 0;
  if (hasApp && request.startsAt >= world.appListenerClosesAt) {
    return lost(request.startsAt, 'AppRefuses');
  }
  const proxyExit = world.proxy?.exitAt ?? Infinity;
  if (request.callsOutAt !== undefined && request.callsOutAt > proxyExit) {
    return lost(Math.min(request.callsOutAt, proxyExit), proxyExit < end ? 'ProxyGone' : 'OutboundGone');
  }
  // Every app container may be the one that serves: the first that is killed, or exits without finishing, ends it.
  const appLimit = world.apps.reduce((limit, app) => {
    const cut = app.how === 'Sigkill' || input.application.onSigterm === 'ExitAtOnce';
    return cut ? Math.min(limit, app.exitAt) : limit;
  }, Infinity);
  const limit = Math.min(proxyExit, appLimit);
  if (end > limit) {
    return lost(limit, proxyExit <= appLimit ? 'ProxyGone' : 'AppGone');
  }
  return { id: request.id, survived: true, at: end };
}
