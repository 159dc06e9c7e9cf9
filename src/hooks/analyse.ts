import type { LifecycleHandler } from '../api/kubernetes.ts';
import type { Seconds } from '../api/duration.ts';
import { exportedBy, exportsAll, worldOf } from './canonical-worlds.ts';
import type { WorldShape } from './canonical-worlds.ts';
import { productHook, recogniseProductHook } from './product-hook.ts';
import type { Recognised } from './recognise.ts';
import { recognise, summarise } from './recognise.ts';
import type { ObservedRun } from './run.ts';
import { needsMoreThanProxy, runHookObserved, stepsFor } from './run.ts';
import type { Budget } from './shell/run-state.ts';
import { newBudget } from './shell/run-state.ts';
import { matchesPerl } from './tools/regex.ts';
import type { HookRun, ProxyImage, StatsInclusion } from './world.ts';

export interface AnalysisOptions {
  readonly container: 'Proxy' | 'App';
  readonly image: ProxyImage | 'unknown';
  /** Ports that the app listens on; 8080 where none is stated. */
  readonly appPorts?: readonly number[];
  readonly statsInclusion?: StatsInclusion;
  readonly exitOnZero?: boolean;
  /** What is known of the container's environment; undefined as value: set to what nobody knows. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** How many hooks its pod has: they share what may be done for one pod. 1 where it is not stated. */
  readonly hooksInPod?: number;
}

/** `unbounded`: still running after hours, or proven to go on for ever. */
export type Length = Seconds | 'unbounded' | 'unknown';

export type WaitedFor =
  | 'Sleep'
  | 'AppListener'
  | 'AnyListener'
  | 'InboundConnections'
  | 'AnyConnection'
  | 'ActiveRequests'
  | 'Stats'
  | 'HttpEndpoint'
  | 'Unknown';

export interface HookAnalysis {
  /** One sentence for people. */
  readonly summary: string;
  /** Two hours for a hook that never ends. */
  readonly atLeast: Seconds;
  readonly atMost: Length;
  /** How long it takes in a pod in which nothing is in flight and the app has closed its listener. */
  readonly whenQuiet: Length;
  /** How long it takes while a request is in flight all the time; the app has closed its listener, as graceful ones do. */
  readonly whenBusy: Length;
  /** True where a distroless proxy image cannot start it. */
  readonly needsShell: boolean;
  /** Programs that it runs or asks for, sorted. */
  readonly tools: readonly string[];
  /** Those that it tries to run and that Istio's proxy image does not have, not even the one with a shell. */
  readonly missingTools: readonly string[];
  /** It asks the agent to drain, so that a later SIGTERM ends the proxy at once. */
  readonly callsDrain: boolean;
  /** When at the earliest it tells the proxy to quit; absent where it does not. */
  readonly quitsAt?: Seconds;
  readonly waitsFor: readonly WaitedFor[];
  /** It goes on for ever even in a quiet pod. */
  readonly neverEnds: boolean;
  /** It ends (or fails) within a second although a request is in flight. */
  readonly endsAtOnce: boolean;
  /** It cannot start, or ends with an error, while a request is in flight. */
  readonly fails: boolean;
  /** Ends of the names of stats that it reads and that this proxy does not export. */
  readonly statsNeeded: readonly string[];
  readonly recognised?: Recognised;
  /** Variables whose default in the hook its length rests on: the pod template sets them not, and the image may. */
  readonly defaults: readonly string[];
  /** What could not be understood, word for word. */
  readonly notUnderstood: readonly string[];
}

const MAXIMUM_CACHED = 2000;
const MAXIMUM_CACHED_CHARACTERS = 4_000_000;
const cache = new Map<string, HookAnalysis>();
let cachedCharacters = 0;

/**
 * What a lifecycle handler waits for and how long, found out by running it in a handful of pods that differ in one
 * thing at a time. Pure; results are kept, because thousands of workloads share a few hooks.
 */
export function analyseHook(handler: LifecycleHandler, options: AnalysisOptions): HookAnalysis {
  const { hooksInPod, ...rest } = options;
  // A variable that is set to what nobody knows is not one that is not set.
  const key = JSON.stringify([handler, rest, stepsFor(hooksInPod)], (_, value: unknown) => value ?? null);
  const known = cache.get(key);
  if (known !== undefined) {
    return known;
  }
  const { analysis } = examineHook(handler, options);
  cachedCharacters += key.length;
  if (cache.size >= MAXIMUM_CACHED || cachedCharacters > MAXIMUM_CACHED_CHARACTERS) {
    cache.clear();
    cachedCharacters = key.length;
  }
  cache.set(key, analysis);
  return analysis;
}

/** Our own hook with its longest waits: nobody else wrote a character of it. */
const OWN_STEPS = 3_000_000;

function isOwn(handler: LifecycleHandler): boolean {
  const parameters = recogniseProductHook(handler);
  if (parameters === undefined || parameters.maxWait > HORIZON) {
    return false;
  }
  return JSON.stringify(productHook(parameters)) === JSON.stringify(handler);
}

/** What an analysis found and what it cost. */
export interface Examination {
  readonly analysis: HookAnalysis;
  /** Steps that were paid for, of `allowed` ones; a step is some microseconds, and 64 characters that are kept. */
  readonly steps: number;
  readonly allowed: number;
}

/** `analyseHook` afresh, for tests and fuzzers: nothing is looked up, and the work done is told. Never throws. */
export function examineHook(handler: LifecycleHandler, options: AnalysisOptions): Examination {
  const allowed = isOwn(handler) ? OWN_STEPS : stepsFor(options.hooksInPod);
  const budget = newBudget(allowed);
  const analysis = analyse(handler, options, budget);
  return { analysis, steps: allowed - budget.steps, allowed };
}

/** Longer than any grace period in use; a hook that still runs then is called unbounded. */
const HORIZON: Seconds = 2 * 3600;

/** How much longer than its known lengths a hook is followed to find out what it waits for. */
const PATIENCE: Seconds = 300;

const AT_ONCE: Seconds = 1;

/** The length where it is one number, or none. */
function lengthOf(run: HookRun): Length {
  if (run.how === 'Unknown') {
    return 'unknown';
  }
  return run.endsAt ?? 'unbounded';
}

/** The good end of the interval. */
function shortestOf(run: HookRun): Seconds {
  return run.endsAt ?? (run.how === 'Unknown' ? (run.atLeast ?? 0) : HORIZON);
}

/** The bad end of the interval. */
function longestOf(run: HookRun): Length {
  return run.how === 'Unknown' ? (run.atMost ?? 'unknown') : lengthOf(run);
}

function analyse(handler: LifecycleHandler, options: AnalysisOptions, budget: Budget): HookAnalysis {
  const exported = exportedBy(options.statsInclusion, options.exitOnZero ?? false);
  // An app's own preStop runs before its SIGTERM, so that its listener is open all the time.
  const base: WorldShape = {
    image: options.image,
    appPorts: options.appPorts === undefined || options.appPorts.length === 0 ? [8080] : options.appPorts,
    proxyListeners: true,
    appListener: options.container === 'App',
    otherConnections: true,
    inboundConnections: 0,
    activeRequests: 0,
    isExported: exported,
    http: 200,
  };
  const observed: ObservedRun[] = [];
  const runIn = (change: Partial<WorldShape>, until = HORIZON, doubtsDefaults?: boolean): HookRun => {
    const one = runHookObserved(handler, worldOf({ ...base, ...change }), {
      container: options.container,
      start: 0,
      until,
      steadyFrom: 0,
      environment: options.environment,
      doubtsDefaults,
      budget,
    });
    observed.push(one);
    return one.run;
  };
  const quiet = runIn({});
  const busy = runIn({ inboundConnections: 1, activeRequests: 1 });
  const busyListening = runIn({ inboundConnections: 1, activeRequests: 1, appListener: true });
  const idleClient = runIn({ inboundConnections: 1 });
  const runs = [quiet, busy, busyListening, idleClient];
  const lengths = runs.map(lengthOf);
  const numbers = lengths.filter((length) => typeof length === 'number');
  const notUnderstood = [...new Set(runs.flatMap((run) => run.notUnderstood))];
  const patience = Math.min(HORIZON, Math.max(0, ...numbers) + PATIENCE);
  const waitsFor = notUnderstood.length > 0 ? ['Unknown' as const] : findWaits((change) => runIn(change, patience));
  const atLeast = Math.min(...runs.map(shortestOf));
  const whenBusy = lengthOf(busy);
  const partial = {
    atLeast,
    atMost: longest(runs.map(longestOf)),
    whenQuiet: lengthOf(quiet),
    whenBusy,
    needsShell: options.container === 'Proxy' && needsMoreThanProxy(handler),
    tools: toolsOf(handler, options, observed),
    missingTools: missingTools(handler, options, observed),
    callsDrain: busy.effects.some((effect) => effect.kind === 'AgentDrain'),
    waitsFor,
    neverEnds: lengthOf(quiet) === 'unbounded',
    endsAtOnce: typeof whenBusy === 'number' && whenBusy <= AT_ONCE,
    fails: busy.how === 'Failed' || busy.how === 'CannotStart',
    statsNeeded: statsNeeded(observed, exported, base),
    notUnderstood,
    defaults: defaultsThatCount(observed, runs, () => runIn({}, HORIZON, true)),
  };
  const recognised = recognise(handler, partial);
  const quits = runs
    .flatMap((run) => run.effects)
    .filter((effect) => effect.kind === 'AgentQuit')
    .map((effect) => effect.at);
  const quitsAt = quits.length === 0 ? {} : { quitsAt: Math.min(...quits) };
  return {
    summary: summarise(handler, partial, busy),
    ...partial,
    ...quitsAt,
    ...(recognised === undefined ? {} : { recognised }),
  };
}

/** Of those that were taken, the ones without which the length would not be known. */
function defaultsThatCount(
  observed: readonly ObservedRun[],
  [quiet]: readonly HookRun[],
  doubting: () => HookRun,
): readonly string[] {
  const taken = new Set(observed.flatMap((one) => [...one.defaults]));
  if (taken.size === 0 || quiet === undefined) {
    return [];
  }
  const other = doubting();
  return shortestOf(other) === shortestOf(quiet) && longestOf(other) === longestOf(quiet) ? [] : [...taken].sort();
}

function longest(lengths: readonly Length[]): Length {
  if (lengths.includes('unknown')) {
    return 'unknown';
  }
  if (lengths.includes('unbounded')) {
    return 'unbounded';
  }
  return Math.max(...lengths.filter((length) => typeof length === 'number'));
}

/** Whatever changes the hook's length when it alone is added to a bare pod is what the hook waits for. */
function findWaits(runIn: (change: Partial<WorldShape>) => HookRun): WaitedFor[] {
  const bare: Partial<WorldShape> = {
    proxyListeners: false,
    appListener: false,
    otherConnections: false,
    isExported: exportsAll,
  };
  const lengthIn = (change: Partial<WorldShape>): Length => lengthOf(runIn({ ...bare, ...change }));
  const length = lengthIn({});
  const matters = (change: Partial<WorldShape>): boolean => lengthIn(change) !== length;
  // Sockets are told from stats by pods that export none.
  const without = lengthIn({ isExported: exportsNothing });
  const socketsMatter = (change: Partial<WorldShape>): boolean =>
    lengthIn({ ...change, isExported: exportsNothing }) !== without;
  const found: WaitedFor[] = [];
  const http = matters({ http: 'refused' }) || matters({ http: 503 });
  if (http) {
    found.push('HttpEndpoint');
  }
  if (length === 'unbounded' ? !http : typeof length === 'number' && length >= AT_ONCE) {
    found.push('Sleep');
  }
  if (socketsMatter({ proxyListeners: true })) {
    found.push('AnyListener');
  } else if (socketsMatter({ appListener: true })) {
    found.push('AppListener');
  }
  const byConnections = socketsMatter({ otherConnections: true })
    ? 'AnyConnection'
    : socketsMatter({ inboundConnections: 1 })
      ? 'InboundConnections'
      : undefined;
  if (byConnections !== undefined) {
    found.push(byConnections);
  }
  if (matters({ activeRequests: 1 })) {
    found.push('ActiveRequests');
  }
  if (byConnections === undefined && (matters({ inboundConnections: 1 }) || matters({ otherConnections: true }))) {
    found.push('Stats');
  }
  return found;
}

function exportsNothing(): boolean {
  return false;
}

const IN_EVERY_SHELL = new Set(['echo', 'printf', 'test', '[', 'true', 'false', 'kill']);

/** On an image where the hook cannot start, its tools are those that it would use elsewhere. */
function toolsOf(handler: LifecycleHandler, options: AnalysisOptions, observed: readonly ObservedRun[]): string[] {
  if (options.container === 'Proxy' && options.image !== 'with-shell') {
    return [...analyseHook(handler, { ...options, image: 'with-shell' }).tools];
  }
  return [...new Set(observed.flatMap((one) => [...one.tools]))].filter((tool) => !IN_EVERY_SHELL.has(tool)).sort();
}

function missingTools(handler: LifecycleHandler, options: AnalysisOptions, observed: readonly ObservedRun[]): string[] {
  if (options.container === 'Proxy' && options.image !== 'with-shell') {
    return [...analyseHook(handler, { ...options, image: 'with-shell' }).missingTools];
  }
  return [...new Set(observed.flatMap((one) => [...one.missing]))].sort();
}

/** More than any hook asks for; one that makes its filters in a loop has been paid for, and this would not be. */
const MAXIMUM_FILTERS = 20;

function statsNeeded(
  observed: readonly ObservedRun[],
  exported: (name: string) => boolean,
  base: WorldShape,
): string[] {
  const filters = new Set(observed.flatMap((one) => [...one.statsRead]));
  const names = worldOf({ ...base, isExported: exportsAll })
    .stats(0)
    .map((stat) => stat.name);
  const needed = new Set<string>();
  for (const filter of [...filters].slice(0, MAXIMUM_FILTERS)) {
    if (filter === '') {
      continue;
    }
    const matching = names.filter((name) => matchesPerl(filter, name));
    if (matching.length === 0 || matching.some(exported)) {
      continue;
    }
    for (const name of matching) {
      needed.add(name.slice(name.lastIndexOf('.') + 1));
    }
  }
  return [...needed].sort();
}
