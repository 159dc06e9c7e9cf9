import type { DrainLifecycle } from '../../api/policy.ts';
import type { ProductHookParameters } from '../../hooks/index.ts';
import { neverSeesZero } from '../mesh/exit-on-zero.ts';
import { istioMinor, EXIT_ON_ZERO_TRUSTED_SINCE_MINOR } from '../mesh/version.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';
import type { AppDelay } from './clocks.ts';
import type { Intent } from './intent.ts';

/** What the proxy's settings shall be: only what has to be there, `undefined` where the present value may stay. */
export interface Target {
  readonly terminationDrainDuration?: Seconds;
  readonly drainDuration?: Seconds;
  readonly exitOnZero?: boolean;
  readonly minimumDrain?: Seconds;
  readonly hook?: ProductHookParameters;
  /** The user's own hook, in place of ours. */
  readonly customHook?: DrainLifecycle;
  readonly hold?: true;
  readonly native?: true;
}

/** MINIMUM_DRAIN_DURATION is never set below Istio's own default. */
export const LEAST_MINIMUM_DRAIN_SECONDS = 5;

/** How an intent is put into effect on a classic proxy. */
export type ClassicStrategy = 'Drain' | 'ActiveConnections' | 'PreStopHook';

/**
 * Auto never chooses a hook. Before Istio 1.23 a single failed read of the connection count ended the wait
 * (istio/istio#50596), so Auto takes the fixed drain there.
 */
export function classicStrategy(intent: Intent, settings: EffectiveSettings): ClassicStrategy {
  if (intent.mode === 'Fixed') {
    return 'Drain';
  }
  if (intent.strategy === 'PreStopHook') {
    // A hook is written only where the sidecar is certainly classic: on native it would delay SIGTERM and replace a drain that works.
    return settings.proxy.kind === 'Classic' ? 'PreStopHook' : 'ActiveConnections';
  }
  const minor = istioMinor(settings.istioVersion);
  if (intent.strategy === 'Auto' && neverSeesZero(settings)) {
    return 'Drain';
  }
  if (intent.strategy === 'Auto' && minor !== undefined && minor < EXIT_ON_ZERO_TRUSTED_SINCE_MINOR) {
    return 'Drain';
  }
  return 'ActiveConnections';
}

/** One entry per strategy: a new one is a new line here. All times count from deletion. */
const STRATEGIES: Record<ClassicStrategy, (intent: Intent, delay: Seconds, settings: EffectiveSettings) => Target> = {
  Drain(intent, delay, settings) {
    const drain = delay + Math.max(intent.duration, intent.maxWait);
    return {
      terminationDrainDuration: drain,
      // With EXIT_ON_ZERO from elsewhere terminationDrainDuration would be dead [measured].
      ...(settings.exitOnZeroActiveConnections.value ? { exitOnZero: false } : {}),
    };
  },
  ActiveConnections(intent, delay) {
    return { exitOnZero: true, minimumDrain: Math.max(LEAST_MINIMUM_DRAIN_SECONDS, delay + intent.duration) };
  },
  PreStopHook(intent, delay, settings) {
    return {
      ...hookOf(intent, delay),
      // The net for the case that the hook fails; after its drain call it is dead [measured].
      ...(intent.duration > 0 ? { terminationDrainDuration: delay + intent.duration } : {}),
      ...(settings.exitOnZeroActiveConnections.value ? { exitOnZero: false } : {}),
    };
  },
};

function hookOf(intent: Intent, delay: Seconds): Pick<Target, 'hook' | 'customHook'> {
  if (intent.hook === 'Custom') {
    return { customHook: intent.lifecycle };
  }
  return {
    hook: {
      duration: delay + intent.duration,
      maxWait: delay + Math.max(intent.duration, intent.maxWait),
      waitFor: intent.hook,
    },
  };
}

/** The design's table: what one promise means for the proxy at hand. */
export function compile(intent: Intent, settings: EffectiveSettings, delay: AppDelay): Target {
  const hold: Target =
    intent.holdApplicationUntilProxyStarts === 'Enabled' &&
    (settings.proxy.kind === 'Classic' || settings.proxy.kind === 'Unknown')
      ? { hold: true }
      : {};
  if (settings.proxy.container === 'None' || settings.proxy.kind === 'Native') {
    return {};
  }
  const strategy = classicStrategy(intent, settings);
  const base = STRATEGIES[strategy](intent, delay.seconds, settings);
  return { ...base, ...hold, ...followedDrain(intent, strategy, delay.seconds) };
}

/** Envoy refuses new inbound connections when drainDuration is over; `Follow` keeps it as long as the drain can last, in whole seconds. */
function followedDrain(intent: Intent, strategy: ClassicStrategy, delay: Seconds): Target {
  if (intent.drainDuration === 'Leave' || strategy === 'PreStopHook') {
    return {};
  }
  return { drainDuration: Math.ceil(delay + Math.max(intent.duration, intent.maxWait)) };
}
