import type { LifecycleHandler } from '../../api/kubernetes.ts';
import { analyseHook, type HookAnalysis } from '../../hooks/index.ts';
import type { ProxyImage } from '../model/mesh.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';

/** How long the application may hold on before it gets SIGTERM. */
export interface AppDelay {
  /** The longest app preStop, or the endpoint delay if that is greater. Hooks of unknown length are not in it. */
  readonly seconds: Seconds;
  /** Containers whose preStop has no bound that could be known. */
  readonly unbounded: readonly { readonly container: string; readonly path: string; readonly summary: string }[];
}

/** `a` of the compile table: counted from deletion to the application's SIGTERM. */
export function appDelayOf(settings: EffectiveSettings, endpointDelay: Seconds): AppDelay {
  let seconds = endpointDelay;
  const unbounded: { container: string; path: string; summary: string }[] = [];
  for (const app of settings.apps) {
    if (app.preStop === undefined) {
      continue;
    }
    const analysis = analyseAppHook(app.preStop.value, settings);
    const bound = typeof analysis.atMost === 'number' ? analysis.atMost : settings.statedPreStop?.value;
    if (bound === undefined) {
      unbounded.push({ container: app.name, path: app.preStop.origin.path ?? app.name, summary: analysis.summary });
      continue;
    }
    seconds = Math.max(seconds, bound);
  }
  return { seconds, unbounded };
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
  readonly hook?: HookAnalysis;
}

interface HookNumbers {
  readonly atLeast: Seconds;
  readonly atMost: Seconds;
  readonly whenBusy: Seconds;
  readonly callsDrain: boolean;
  readonly quitsAt: Seconds;
}

const NO_HOOK: HookNumbers = { atLeast: 0, atMost: 0, whenBusy: 0, callsDrain: false, quitsAt: Infinity };

/** One definition of how preStop, terminationDrainDuration and EXIT_ON_ZERO add up (docs/termination.md). */
export function proxyClocks(settings: EffectiveSettings): ProxyClocks {
  const hook = settings.proxyPreStop?.value;
  const [analysis, ...others] = hook === undefined ? [] : analysesFor(hook, settings);
  const variants = [analysis, ...others].filter((variant) => variant !== undefined).map(hookNumbers);
  const shapes = (variants.length === 0 ? [NO_HOOK] : variants).map((numbers) => lifeOf(numbers, settings));
  const quitsAt = Math.min(appsQuitAt(settings), ...variants.map((numbers) => numbers.quitsAt));
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
    afterApps: Math.max(...shapes.map((shape) => shape.afterApps)),
    hook: analysis,
  };
}

/** All containers share the agent's localhost, so that a hook of the app can end the proxy. */
function appsQuitAt(settings: EffectiveSettings): Seconds {
  return settings.apps.reduce((earliest, app) => {
    const quitsAt = app.preStop === undefined ? undefined : analyseAppHook(app.preStop.value, settings).quitsAt;
    return Math.min(earliest, quitsAt ?? Infinity);
  }, Infinity);
}

function analyseAppHook(hook: LifecycleHandler, settings: EffectiveSettings): HookAnalysis {
  return analyseHook(hook, { container: 'App', image: 'unknown', appPorts: settings.appPorts });
}

/** Where the image is not known, a hook that needs a shell may work or fail: both must be reckoned with. */
function analysesFor(hook: LifecycleHandler, settings: EffectiveSettings): HookAnalysis[] {
  const analyse = (image: ProxyImage): HookAnalysis =>
    analyseHook(hook, {
      container: 'Proxy',
      image,
      appPorts: settings.appPorts,
      statsInclusion: settings.statsInclusion.value,
      exitOnZero: settings.exitOnZeroActiveConnections.value,
    });
  if (settings.proxyImage.value !== 'unknown') {
    return [analyse(settings.proxyImage.value)];
  }
  const withShell = analyse('with-shell');
  return withShell.needsShell ? [withShell, analyse('distroless')] : [withShell];
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

type Life = Omit<ProxyClocks, 'hook' | 'bounded' | 'afterUnboundedPreStop' | 'quitsAt'>;

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
