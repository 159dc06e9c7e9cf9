import type { ReasonCode } from '../../api/reasons.ts';
import { istioMinor, NATIVE_ANNOTATION_SINCE_MINOR } from '../mesh/version.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';
import type { AppDelay, ProxyClocks } from './clocks.ts';
import { classicStrategy, compile } from './compile.ts';
import type { Intent } from './intent.ts';

/** A clause of the promise that a pod template does not keep. */
export interface BrokenClause {
  readonly code: ReasonCode;
  readonly message: string;
  readonly needed: Seconds;
  readonly present: Seconds;
}

/** What a pod of the template will do, in the few numbers that the promise is checked against. */
export interface Clocks {
  readonly delay: AppDelay;
  readonly proxy: ProxyClocks;
}

/** How long a request must be able to go on after the application's SIGTERM. */
export function longestPromised(intent: Intent): Seconds {
  return Math.max(intent.duration, intent.maxWait);
}

/**
 * What the proxy's own settings must give, apart from the grace period. A native proxy lives until the application has
 * exited whatever they say, unless a hook tells it to quit; one of unknown form is judged as classic, which is the form
 * that needs them.
 */
export function brokenDrainClauses(settings: EffectiveSettings, intent: Intent, clocks: Clocks): BrokenClause[] {
  const { delay, proxy } = clocks;
  if (settings.proxy.container === 'Native' && proxy.quitsAt < delay.seconds + longestPromised(intent)) {
    return [
      {
        code: 'DrainTooShort',
        message: `a preStop hook tells the proxy to quit after ${proxy.quitsAt} s; the promise needs it for ${delay.seconds + longestPromised(intent)} s`,
        needed: delay.seconds + longestPromised(intent),
        present: proxy.quitsAt,
      },
    ];
  }
  if (settings.proxy.container === 'Native' || settings.proxy.container === 'None') {
    return [];
  }
  const broken: BrokenClause[] = [];
  const floor = delay.seconds + (intent.mode === 'Adaptive' ? 0 : intent.duration);
  if (proxy.floor < floor) {
    broken.push({
      code: settings.exitOnZeroActiveConnections.value && !proxy.callsDrain ? 'MinimumDrainTooShort' : 'DrainTooShort',
      message: `the proxy may be gone after ${proxy.floor} s; the promise needs it for ${floor} s (${delay.seconds} s until the application gets SIGTERM${intent.mode === 'Adaptive' ? '' : ` + ${intent.duration} s`})`,
      needed: floor,
      present: proxy.floor,
    });
  }
  const longest = delay.seconds + longestPromised(intent);
  // Requests come until the application gets SIGTERM, or until load balancers have stopped sending.
  const busy = proxy.heldFrom >= delay.seconds ? proxy.busy : proxy.floor;
  if (busy < longest) {
    broken.push({
      code: 'DrainTooShort',
      message: `requests in flight are cut when the proxy ends after ${busy} s; the promise is ${longest} s`,
      needed: longest,
      present: busy,
    });
  }
  const strategy = classicStrategy(intent, settings);
  // How long the user's own hook takes is the user's choice.
  const isOwnChoice = strategy === 'PreStopHook' && intent.hook === 'Custom';
  const wantsToEndEarly = intent.maxWait > intent.duration && strategy !== 'Drain' && !isOwnChoice;
  if (wantsToEndEarly && proxy.busy <= proxy.floor && proxy.floor > floor) {
    broken.push({
      code: 'DrainNotAdaptive',
      message: `every pod lingers ${proxy.floor} s although nothing is in flight; the policy wants it to end when it is quiet`,
      needed: floor,
      present: proxy.floor,
    });
  }
  return broken;
}

/**
 * What the policy wants besides the promise and this pod could have. A wish that no write can fulfil (another form on an
 * Istio that knows none, a hold on a gateway) is not held against the workload.
 */
export function unmetWishes(settings: EffectiveSettings, intent: Intent, clocks: Clocks): string[] {
  const { kind, container } = settings.proxy;
  const unmet: string[] = [];
  if (intent.form === 'Native' && kind === 'Classic' && canBeNative(settings)) {
    unmet.push('a native sidecar');
  }
  const target = compile(intent, settings, clocks.delay);
  if (target.hold === true && kind === 'Classic' && !settings.holdApplicationUntilProxyStarts.value) {
    unmet.push('holdApplicationUntilProxyStarts');
  }
  if (
    container !== 'Native' &&
    target.drainDuration !== undefined &&
    settings.drainDuration.value < target.drainDuration
  ) {
    unmet.push(`drainDuration ${target.drainDuration} s`);
  }
  unmet.push(...lateRequestsRefusedBy(settings, intent).map((name) => `a preStop on ${name}`));
  return unmet;
}

/** Under `application: Delay`: containers that serve and close their listener as soon as the pod is deleted. */
export function lateRequestsRefusedBy(settings: EffectiveSettings, intent: Intent): string[] {
  return intent.application === 'Leave' || intent.endpointDelay <= 0
    ? []
    : settings.apps.filter((app) => app.serves && app.preStop === undefined).map((app) => app.name);
}

/** Whether the annotation that asks for a native sidecar counts; a version that is not known is taken as one where it does. */
export function canBeNative(settings: EffectiveSettings): boolean {
  const minor = istioMinor(settings.istioVersion);
  return minor === undefined || minor >= NATIVE_ANNOTATION_SINCE_MINOR;
}

/**
 * The grace period that the promise needs, margin included. This is the product's constraint:
 * `preStop + drain < terminationGracePeriodSeconds` on classic, `preStop + longest request < ...` on native.
 */
export function neededGrace(settings: EffectiveSettings, intent: Intent, clocks: Clocks): Seconds {
  switch (settings.proxy.container) {
    case 'Native':
      return Math.ceil(nativeNeed(settings, intent, clocks) + intent.margin);
    case 'Unknown':
      return Math.ceil(Math.max(nativeNeed(settings, intent, clocks), classicNeed(intent, clocks)) + intent.margin);
    case 'Classic':
    case 'None':
      return Math.ceil(classicNeed(intent, clocks) + intent.margin);
  }
}

/** The proxy gets SIGTERM when its own preStop and all app containers are over; a drain of its own comes after that. */
function nativeNeed(settings: EffectiveSettings, intent: Intent, { delay, proxy }: Clocks): Seconds {
  const apps = delay.seconds + longestPromised(intent);
  // Where the form is unknown and nobody has put a hook there, a native proxy would have Istio's own drain call.
  const drains = proxy.callsDrain || (settings.proxy.container === 'Unknown' && settings.proxyPreStop === undefined);
  return Math.max(apps, finite(proxy.preStopAtMost, finite(proxy.preStopAtLeast, 0))) + (drains ? 0 : proxy.afterApps);
}

function classicNeed(intent: Intent, { delay, proxy }: Clocks): Seconds {
  const promised = delay.seconds + longestPromised(intent);
  const hook =
    intent.mode !== 'Fixed' && intent.strategy === 'PreStopHook' && proxy.callsDrain ? promised + intent.duration : 0;
  return Math.max(promised + proxy.afterUnboundedPreStop, finite(proxy.floor, 0), proxy.bounded, hook);
}

function finite(value: Seconds, otherwise: Seconds): Seconds {
  return Number.isFinite(value) ? value : otherwise;
}
