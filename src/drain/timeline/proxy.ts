import { PROXY_CONTAINER } from '../../api/names.ts';
import type { HookEffect } from '../../hooks/index.ts';
import { neverSeesZero } from '../mesh/exit-on-zero.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';
import { hookEndOf, playHook } from './hooks.ts';
import { sigkillAfter, SIGKILL_EXIT_CODE, type ContainerEnd, type TerminationInput } from './termination.ts';
import { countActive, type PodActivity } from './world.ts';

export interface ProxyPlayed {
  readonly end: ContainerEnd;
  readonly drainStartsAt?: Seconds;
  readonly listenersCloseAt: Seconds;
}

export interface ProxyPlay {
  readonly input: TerminationInput;
  readonly activity: PodActivity;
  /** What hooks of other containers do to the proxy: all containers share its localhost. */
  readonly effects: readonly HookEffect[];
  readonly gracePeriod: Seconds;
  /** When the last of the containers that a native proxy waits for has exited. */
  readonly lastExit: Seconds;
}

export function playProxy({ input, activity, effects: foreign, gracePeriod, lastExit }: ProxyPlay): ProxyPlayed {
  const { settings } = input;
  const preStop = playHook(settings.proxyPreStop?.value, { input, activity, container: 'Proxy', until: gracePeriod });
  const preStopEnd = hookEndOf(preStop, gracePeriod);
  // Only SIGTERM is ordered on native sidecars: preStops all run at t = 0 [measured].
  const sigtermAt =
    settings.proxy.container === 'Native' ? Math.min(Math.max(preStopEnd, lastExit), gracePeriod) : preStopEnd;
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
  const common = { name: PROXY_CONTAINER, role: 'Proxy' as const, serves: false, preStop, sigtermAt, sigkillAt };

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
  if (neverSeesZero(settings)) {
    return Infinity;
  }
  const pooled = activity.pooledOutbound;
  for (let look = sigtermAt + Math.max(0, settings.minimumDrainDuration.value) + 1; look < sigkillAt; look++) {
    const outbound = pooled !== undefined && pooled.from <= look && look < pooled.to;
    if (!activity.idleKeepAliveClient && !outbound && countActive(activity.inbound, look) === 0) {
      return look;
    }
  }
  return Infinity;
}

function effectAt(effects: readonly HookEffect[], kind: HookEffect['kind']): Seconds | undefined {
  return effects.find((effect) => effect.kind === kind)?.at;
}
