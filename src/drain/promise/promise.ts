import type { ReasonCode } from '../../api/reasons.ts';
import { neverSeesZero } from '../mesh/exit-on-zero.ts';
import { istioMinor, NATIVE_ANNOTATION_SINCE_MINOR } from '../mesh/version.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';
import type { AppDelay, Clocks, ProxyClocks, UnboundedHook } from './clocks.ts';
import { classicStrategy, compile } from './compile.ts';
import type { Intent } from './intent.ts';

/** A clause of the promise that a pod template does not keep. */
export interface BrokenClause {
  readonly code: ReasonCode;
  readonly message: string;
  readonly needed: Seconds;
  readonly present: Seconds;
  /** Where the cause stands and what to do about it, where it is not the drain's own setting. */
  readonly path?: string;
  readonly action?: string;
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
  const longest = delay.seconds + longestPromised(intent);
  if (settings.proxy.container !== 'None' && proxy.quitBy !== undefined && proxy.quitsAt < longest) {
    const { container, path } = proxy.quitBy;
    return [
      {
        code: 'DrainTooShort',
        message: `the preStop of ${container} tells the proxy to quit after ${proxy.quitsAt} s; the promise needs it for ${longest} s`,
        needed: longest,
        present: proxy.quitsAt,
        path,
        action: `Take the call that ends the proxy (quitquitquit) out of the preStop of ${container}; no drain setting helps while it is there.`,
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
      message: `the proxy may be gone after ${proxy.floor} s; the promise needs it for ${floor} s (${delay.seconds} s ${DELAY_IS[delay.is]}${intent.mode === 'Adaptive' ? '' : ` + ${intent.duration} s`})`,
      needed: floor,
      present: proxy.floor,
    });
  }
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
  if (intent.mode !== 'Fixed' && waitsForZero(settings, proxy) && neverSeesZero(settings)) {
    broken.push({
      code: 'ExitOnZeroNeverFires',
      message: `EXIT_ON_ZERO_ACTIVE_CONNECTIONS never ends this gateway: Istio ${settings.istioVersion ?? 'of an unknown version'} counts the tunnels of the ambient mesh inside Envoy as connections, so that it lives until SIGKILL after ${settings.gracePeriod.value} s`,
      needed: longest,
      present: settings.gracePeriod.value,
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

function waitsForZero(settings: EffectiveSettings, proxy: ProxyClocks): boolean {
  return settings.exitOnZeroActiveConnections.value && !proxy.callsDrain;
}

/**
 * What the policy wants besides the promise and this pod could have. An option that no write can fulfil (another form on an
 * Istio that knows none, a hold on a gateway) is not held against the workload.
 */
export function unmetOptions(settings: EffectiveSettings, intent: Intent, clocks: Clocks): string[] {
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

/** What a grace period has to have room for. The parts add up. */
export interface GraceNeed {
  readonly parts: readonly { readonly what: string; readonly seconds: Seconds }[];
  /** Margin included, in whole seconds. */
  readonly seconds: Seconds;
}

type Part = GraceNeed['parts'][number];

/** The grace period that the promise needs, margin included. */
export function neededGrace(settings: EffectiveSettings, intent: Intent, clocks: Clocks): Seconds {
  return graceNeed(settings, intent, clocks).seconds;
}

/**
 * The grace period that the promise needs, and what for. This is the product's constraint:
 * `preStop + drain < terminationGracePeriodSeconds` on classic, `preStop + longest request < ...` on native.
 */
export function graceNeed(settings: EffectiveSettings, intent: Intent, clocks: Clocks): GraceNeed {
  const { container } = settings.proxy;
  const parts = longestOf([
    ...(container === 'Native' || container === 'Unknown' ? [nativeParts(settings, intent, clocks)] : []),
    ...(container === 'Native' ? [] : classicParts(intent, clocks)),
    ...(clocks.delay.helper === undefined
      ? []
      : [[{ what: `preStop of container ${clocks.delay.helper.container}`, seconds: clocks.delay.helper.seconds }]]),
  ]);
  return {
    parts: [...parts, { what: 'margin', seconds: intent.margin }],
    seconds: Math.ceil(sumOf(parts) + intent.margin),
  };
}

/** `30 s preStop of istio-proxy + 5 s drain + 1 s margin`. */
export function graceWords({ parts }: GraceNeed): string {
  return parts
    .filter(({ seconds }) => seconds > 0)
    .map(({ what, seconds }) => `${seconds} s ${what}`)
    .join(' + ');
}

function sumOf(parts: readonly Part[]): Seconds {
  return parts.reduce((sum, { seconds }) => sum + seconds, 0);
}

function longestOf(ways: readonly (readonly Part[])[]): readonly Part[] {
  return ways.reduce((longest, way) => (sumOf(way) > sumOf(longest) ? way : longest), []);
}

const DELAY_IS: Readonly<Record<AppDelay['is'], string>> = {
  EndpointDelay: 'endpoint delay',
  PreStop: 'until the application gets SIGTERM',
};
const FOR_REQUESTS = 'for requests in flight';
const PROXY_PRE_STOP = 'preStop of istio-proxy';

/** The proxy gets SIGTERM when its own preStop and all app containers are over; a drain of its own comes after that. */
function nativeParts(settings: EffectiveSettings, intent: Intent, { delay, proxy }: Clocks): readonly Part[] {
  const preStop = finite(proxy.preStopAtMost, finite(proxy.preStopAtLeast, 0));
  // Where the form is unknown and nobody has put a hook there, a native proxy would have Istio's own drain call.
  const drains = proxy.callsDrain || (settings.proxy.container === 'Unknown' && settings.proxyPreStop === undefined);
  const before = longestOf([
    promised(intent, delay),
    [{ what: PROXY_PRE_STOP, seconds: preStop }],
    ...(drains || delay.helper === undefined
      ? []
      : [[{ what: `preStop of container ${delay.helper.container}`, seconds: delay.helper.seconds }]]),
  ]);
  return drains ? before : [...before, { what: 'drain of the proxy after that', seconds: proxy.afterApps }];
}

function classicParts(intent: Intent, { delay, proxy }: Clocks): (readonly Part[])[] {
  const wanted = promised(intent, delay);
  const life = Math.max(finite(proxy.floor, 0), proxy.bounded);
  const drain = Math.min(life, proxy.callsDrain ? 0 : proxy.afterApps);
  const hook = intent.mode !== 'Fixed' && intent.strategy === 'PreStopHook' && proxy.callsDrain;
  return [
    [...wanted, { what: 'drain of the proxy after its preStop', seconds: proxy.afterUnboundedPreStop }],
    [
      { what: PROXY_PRE_STOP, seconds: life - drain },
      { what: 'drain', seconds: drain },
    ],
    ...(hook ? [[...wanted, { what: 'drain, should the hook fail', seconds: intent.duration }]] : []),
  ];
}

function promised(intent: Intent, delay: AppDelay): readonly Part[] {
  return [
    { what: DELAY_IS[delay.is], seconds: delay.seconds },
    { what: FOR_REQUESTS, seconds: longestPromised(intent) },
  ];
}

function finite(value: Seconds, otherwise: Seconds): Seconds {
  return Number.isFinite(value) ? value : otherwise;
}

/**
 * The hook for which no setting can be proven to keep the promise: the container that serves gets SIGTERM when it is over,
 * which is not known, or when the grace period is, and then nothing is left of it.
 */
export function unprovableHook({ delay }: Clocks): UnboundedHook | undefined {
  return delay.unbounded.find(({ serves }) => serves);
}
