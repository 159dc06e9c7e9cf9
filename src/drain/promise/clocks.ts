import { PROXY_CONTAINER } from '../../api/names.ts';
import type { LifecycleHandler } from '../../api/kubernetes.ts';
import type { HookAnalysis } from '../../hooks/index.ts';
import { analyseAppHook, analyseProxyHook } from '../mesh/container-hooks.ts';
import { whereOf } from '../mesh/settings.ts';
import type { EffectiveSettings, Origin } from '../model/settings.ts';
import { memoizeByObject, memoizeByObjectAndWord } from '../memoize.ts';
import type { Seconds } from '../model/workload.ts';

/** An app preStop for whose length there is no bound that is known and stated. */
export interface UnboundedHook {
  readonly container: string;
  readonly path: string;
  readonly summary: string;
  /** How long it certainly takes. */
  readonly atLeast: Seconds;
  /** It goes on for ever even in a quiet pod. */
  readonly neverEnds: boolean;
  /** Requests may be for its container, so that nothing is certain of them. */
  readonly serves: boolean;
}

/** How long the application may hold on before it gets SIGTERM: an interval, whose bad end is what a promise rests on. */
export interface AppDelay {
  /**
   * The longest that a preStop of a container that serves can take, or the endpoint delay if that is greater. Of hooks
   * without a bound only what is certain is in it: where `unbounded` has one that serves, it can be longer than this.
   */
  readonly seconds: Seconds;
  /** Which of the two it is. */
  readonly is: 'EndpointDelay' | 'PreStop';
  readonly unbounded: readonly UnboundedHook[];
  /** The longest preStop of the containers that serve nothing: it holds up the end of the pod, and no request. */
  readonly helper?: { readonly container: string; readonly seconds: Seconds };
}

/** `a` of the compile table: counted from deletion to the application's SIGTERM. */
export function appDelayOf(settings: EffectiveSettings, endpointDelay: Seconds): AppDelay {
  let seconds = endpointDelay;
  let is: AppDelay['is'] = 'EndpointDelay';
  let helper: AppDelay['helper'];
  const unbounded: UnboundedHook[] = [];
  for (const { name: container, preStop, serves, hookEnvironment } of settings.apps) {
    if (preStop === undefined) {
      continue;
    }
    const { atMost, atLeast, summary, neverEnds } = analyseAppHook(preStop.value, settings, hookEnvironment);
    const stated = settings.statedPreStop?.value;
    const bound =
      typeof atMost === 'number' ? atMost : stated === undefined || neverEnds ? undefined : Math.max(stated, atLeast);
    if (bound === undefined) {
      const path = preStop.origin.path ?? container;
      unbounded.push({ container, path, summary, atLeast, neverEnds, serves });
    }
    // What never ends has no length: it is a fault of its own, not a number to cover.
    const known = bound ?? (neverEnds ? 0 : atLeast);
    if (serves) {
      is = known > 0 && known >= seconds ? 'PreStop' : is;
      seconds = Math.max(seconds, known);
    } else if (known > (helper?.seconds ?? 0)) {
      helper = { container, seconds: known };
    }
  }
  return { seconds, is, unbounded, helper };
}

/** The life of a proxy after deletion, from its own settings alone: never cut by the grace period here. */
export interface ProxyClocks {
  /** Its preStop: shortest, longest (`Infinity` where unbounded or unknown), and while a request is in flight. */
  readonly preStopAtLeast: Seconds;
  readonly preStopAtMost: Seconds;
  readonly preStopWhenBusy: Seconds;
  /** The preStop asks the agent for the drain (or to quit), so that no drain follows it. */
  readonly callsDrain: boolean;
  /** How long it certainly lives, whatever is in flight. */
  readonly floor: Seconds;
  /** How long it lives while a request is in flight; `Infinity` where only the grace period ends it. */
  readonly busy: Seconds;
  /** Requests that begin until then hold it until `busy`; later ones only find what is left of `floor`. */
  readonly heldFrom: Seconds;
  /** The longest that it may want to live. */
  readonly ceiling: Seconds;
  /** After the last app container has exited (native): how much longer it takes. */
  readonly afterApps: Seconds;
  /** The longest that it may want to live as far as that has a bound: where it has none, how long it lives in a quiet pod. */
  readonly bounded: Seconds;
  /** What follows a preStop that has no bound of its own but ends with the last request. */
  readonly afterUnboundedPreStop: Seconds;
  /** When a hook of any container tells it to quit; `Infinity` where none does. */
  readonly quitsAt: Seconds;
  /** Whose hook that is. */
  readonly quitBy?: { readonly container: string; readonly path: string };
  readonly hook?: HookAnalysis;
}

interface HookNumbers {
  readonly atLeast: Seconds;
  readonly atMost: Seconds;
  readonly whenBusy: Seconds;
  readonly callsDrain: boolean;
  readonly quitsAt: Seconds;
}

const BUILT_IN: Origin = { level: 'BuiltIn' };

const NO_HOOK: HookNumbers = { atLeast: 0, atMost: 0, whenBusy: 0, callsDrain: false, quitsAt: Infinity };

/** What a pod of the template will do, in the few numbers that the promise is checked against. */
export interface Clocks {
  readonly delay: AppDelay;
  readonly proxy: ProxyClocks;
}

/** Workloads with the same settings have the same clocks, as one object. */
export const clocksOf: (settings: EffectiveSettings, endpointDelay: Seconds) => Clocks = memoizeByObjectAndWord(
  (settings: EffectiveSettings, endpointDelay: Seconds) => ({
    delay: appDelayOf(settings, endpointDelay),
    proxy: proxyClocks(settings),
  }),
);

export const proxyClocks = memoizeByObject(proxyClocksOf);

/** One definition of how preStop, terminationDrainDuration and EXIT_ON_ZERO add up (docs/termination.md). */
function proxyClocksOf(settings: EffectiveSettings): ProxyClocks {
  const hook = settings.proxyPreStop?.value;
  const [analysis, ...others] = hook === undefined ? [] : analysesFor(hook, settings);
  const variants = [analysis, ...others].filter((variant) => variant !== undefined).map(hookNumbers);
  const shapes = (variants.length === 0 ? [NO_HOOK] : variants).map((numbers) => lifeOf(numbers, settings));
  const { at: quitsAt, by: quitBy } = firstQuit(settings, variants);
  return {
    preStopAtLeast: Math.min(...shapes.map((shape) => shape.preStopAtLeast)),
    preStopAtMost: Math.max(...shapes.map((shape) => shape.preStopAtMost)),
    preStopWhenBusy: Math.min(...shapes.map((shape) => shape.preStopWhenBusy)),
    callsDrain: shapes.every((shape) => shape.callsDrain),
    floor: Math.min(quitsAt, ...shapes.map((shape) => shape.floor)),
    busy: Math.min(quitsAt, ...shapes.map((shape) => shape.busy)),
    heldFrom: Math.min(...shapes.map((shape) => shape.heldFrom)),
    ceiling: Math.max(...shapes.map((shape) => shape.ceiling)),
    bounded: Math.max(
      0,
      ...shapes.map((shape) => (Number.isFinite(shape.ceiling) ? shape.ceiling : shape.floor)).filter(Number.isFinite),
    ),
    afterUnboundedPreStop: Math.max(
      0,
      ...shapes.filter((shape) => shape.preStopAtMost === Infinity).map((shape) => shape.afterApps),
    ),
    quitsAt,
    quitBy,
    afterApps: Math.max(...shapes.map((shape) => shape.afterApps)),
    hook: analysis,
  };
}

interface Quit {
  readonly at: Seconds;
  readonly by?: ProxyClocks['quitBy'];
}

/** All containers share the agent's localhost, so that a hook of the app can end the proxy. */
function firstQuit(settings: EffectiveSettings, variants: readonly HookNumbers[]): Quit {
  const own = Math.min(Infinity, ...variants.map((numbers) => numbers.quitsAt));
  let first: Quit =
    own === Infinity
      ? { at: Infinity }
      : { at: own, by: { container: PROXY_CONTAINER, path: whereOf(settings.proxyPreStop?.origin ?? BUILT_IN) } };
  for (const { name, preStop, hookEnvironment } of settings.apps) {
    const at = preStop === undefined ? undefined : analyseAppHook(preStop.value, settings, hookEnvironment).quitsAt;
    if (at !== undefined && at < first.at) {
      first = { at, by: { container: name, path: preStop?.origin.path ?? name } };
    }
  }
  return first;
}

/** Where the image is not known, a hook that needs a shell may work or fail: both must be reckoned with. */
function analysesFor(hook: LifecycleHandler, settings: EffectiveSettings): HookAnalysis[] {
  if (settings.proxyImage.value !== 'unknown') {
    return [analyseProxyHook(hook, settings)];
  }
  const withShell = analyseProxyHook(hook, settings, 'with-shell');
  return withShell.needsShell ? [withShell, analyseProxyHook(hook, settings, 'distroless')] : [withShell];
}

function hookNumbers(analysis: HookAnalysis): HookNumbers {
  return {
    // The analysis looks only so far; what never ends has no number.
    atLeast: analysis.neverEnds && analysis.whenBusy === 'unbounded' ? Infinity : analysis.atLeast,
    atMost: typeof analysis.atMost === 'number' ? analysis.atMost : Infinity,
    whenBusy:
      typeof analysis.whenBusy === 'number'
        ? analysis.whenBusy
        : analysis.whenBusy === 'unbounded'
          ? Infinity
          : analysis.atLeast,
    callsDrain: analysis.callsDrain || analysis.quitsAt !== undefined,
    quitsAt: analysis.quitsAt ?? Infinity,
  };
}

type Life = Omit<ProxyClocks, 'hook' | 'bounded' | 'afterUnboundedPreStop' | 'quitsAt' | 'quitBy'>;

function lifeOf(hook: HookNumbers, settings: EffectiveSettings): Life {
  // A hook that waits while requests are in flight, and finds none, is over: it does not look again.
  const heldFrom = hook.whenBusy > hook.atLeast ? hook.atLeast : Infinity;
  const base = {
    heldFrom,
    preStopAtLeast: hook.atLeast,
    preStopAtMost: hook.atMost,
    preStopWhenBusy: hook.whenBusy,
    callsDrain: hook.callsDrain,
  };
  if (hook.callsDrain) {
    return { ...base, floor: hook.atLeast, busy: hook.whenBusy, ceiling: hook.atMost, afterApps: 0 };
  }
  if (settings.exitOnZeroActiveConnections.value) {
    const shortest = Math.max(0, settings.minimumDrainDuration.value) + 1;
    return {
      ...base,
      heldFrom: hook.atLeast + shortest,
      floor: hook.atLeast + shortest,
      busy: Infinity,
      ceiling: Infinity,
      afterApps: shortest,
    };
  }
  const drain = Math.max(0, settings.terminationDrainDuration.value);
  return {
    ...base,
    floor: hook.atLeast + drain,
    busy: hook.whenBusy + drain,
    ceiling: hook.atMost + drain,
    afterApps: drain,
  };
}
