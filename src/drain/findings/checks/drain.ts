import { finding, type Finding } from '../../../api/reasons.ts';
import { recogniseProductHook } from '../../../hooks/index.ts';
import { DEFAULT_TERMINATION_DRAIN_SECONDS } from '../../mesh/istio-defaults.ts';
import { whereOf } from '../../mesh/settings.ts';
import type { Seconds } from '../../model/workload.ts';
import type { OriginLevel, Sourced } from '../../model/settings.ts';
import { brokenDrainClauses, longestPromised } from '../../promise/promise.ts';
import { isClassic, type SettingsCheckInput } from '../check.ts';

/** Nobody set them for this workload. */
const UNSTATED: ReadonlySet<OriginLevel> = new Set<OriginLevel>(['BuiltIn', 'MeshConfig', 'LivePod']);

function isStated(value: Sourced<unknown>): boolean {
  return !UNSTATED.has(value.origin.level);
}

export function drainTooShort({ settings, intent, clocks }: SettingsCheckInput): Finding[] {
  // Where it ends at once because the application closes its listener, that is said of the hook.
  if (clocks.proxy.hook?.endsAtOnce === true && clocks.proxy.hook.waitsFor.includes('AppListener')) {
    return [];
  }
  const unsure = settings.proxy.container === 'Unknown';
  return brokenDrainClauses(settings, intent, clocks)
    .slice(0, 1)
    .map((clause) => {
      // Open connections hold it: what is not covered are calls of the application, and requests that come later than that.
      const held = clause.code === 'MinimumDrainTooShort' && clocks.proxy.floor >= intent.endpointDelay;
      return finding(clause.code, unsure ? `if the sidecar is classic: ${clause.message}` : clause.message, {
        path: clause.path ?? whereOf(settings.terminationDrainDuration.origin),
        action: clause.action,
        ...(unsure || held ? { severity: 'warning' as const } : {}),
      });
    });
}

/** A live pod shows defaults like everything else. */
function isInjectedDefault({ origin, value }: Sourced<Seconds>): boolean {
  return origin.level === 'BuiltIn' || (origin.level === 'LivePod' && value === DEFAULT_TERMINATION_DRAIN_SECONDS);
}

export function drainIgnored({ settings, clocks }: SettingsCheckInput): Finding[] {
  const drain = settings.terminationDrainDuration;
  if (!isClassic(settings) || isInjectedDefault(drain)) {
    return [];
  }
  const own = settings.proxyPreStop === undefined ? undefined : recogniseProductHook(settings.proxyPreStop.value);
  const by =
    clocks.proxy.callsDrain && own === undefined
      ? 'the preStop asks the agent for the drain, and SIGTERM then ends the proxy at once'
      : settings.exitOnZeroActiveConnections.value
        ? 'EXIT_ON_ZERO_ACTIVE_CONNECTIONS is true'
        : undefined;
  return by === undefined
    ? []
    : [
        finding('DrainIgnored', `terminationDrainDuration ${drain.value} s is ignored: ${by}`, {
          path: whereOf(drain.origin),
        }),
      ];
}

export function inertOnNative({ settings, clocks }: SettingsCheckInput): Finding[] {
  if (settings.proxy.container !== 'Native' || !clocks.proxy.callsDrain) {
    return [];
  }
  const inert: [string, Sourced<unknown>][] = [
    ['terminationDrainDuration', settings.terminationDrainDuration],
    ['EXIT_ON_ZERO_ACTIVE_CONNECTIONS', settings.exitOnZeroActiveConnections],
    ['MINIMUM_DRAIN_DURATION', settings.minimumDrainDuration],
  ];
  return inert
    .filter(([, value]) => isStated(value))
    .map(([name, value]) =>
      finding('InertOnNative', `${name} has no effect on this native sidecar`, { path: whereOf(value.origin) }),
    );
}

export function minimumDrainInert({ settings }: SettingsCheckInput): Finding[] {
  const minimum = settings.minimumDrainDuration;
  if (!isClassic(settings) || minimum.origin.level === 'BuiltIn' || settings.exitOnZeroActiveConnections.value) {
    return [];
  }
  return [
    finding(
      'MinimumDrainInert',
      `MINIMUM_DRAIN_DURATION ${minimum.value} s has no effect: EXIT_ON_ZERO_ACTIVE_CONNECTIONS is not true`,
      { path: whereOf(minimum.origin) },
    ),
  ];
}

export function outboundNotCovered({ settings, intent, clocks }: SettingsCheckInput): Finding[] {
  const covered = clocks.proxy.floor >= clocks.delay.seconds + intent.duration && intent.duration > 0;
  if (!isClassic(settings) || !settings.exitOnZeroActiveConnections.value || covered || settings.apps.length === 0) {
    return [];
  }
  return [
    finding(
      'OutboundNotCovered',
      `the proxy may leave ${clocks.proxy.floor} s after deletion when no connection is open; calls that the application makes later are refused`,
      { path: whereOf(settings.minimumDrainDuration.origin) },
    ),
  ];
}

export function listenerCloses({ settings, intent, clocks }: SettingsCheckInput): Finding[] {
  if (!isClassic(settings) || clocks.proxy.callsDrain) {
    return [];
  }
  const drain = Number.isFinite(clocks.proxy.ceiling)
    ? Math.max(0, settings.terminationDrainDuration.value)
    : Math.min(settings.gracePeriod.value, clocks.delay.seconds + longestPromised(intent));
  const longest = Math.min(drain, clocks.proxy.quitsAt);
  const listeners = settings.drainDuration;
  return longest > listeners.value
    ? [
        finding(
          'ListenerClosesBeforeDrainEnds',
          `the drain can last ${longest} s, but new inbound connections are refused after drainDuration ${listeners.value} s`,
          { path: whereOf(listeners.origin) },
        ),
      ]
    : [];
}
