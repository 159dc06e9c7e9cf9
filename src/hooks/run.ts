import type { HttpGetAction, LifecycleHandler } from '../api/kubernetes.ts';
import type { Seconds } from '../api/duration.ts';
import { runCommand, runProgram } from './shell/interpret.ts';
import type { Budget, Observations, Run, Shell } from './shell/run-state.ts';
import {
  ContainerEnded,
  newShell,
  newBudget,
  NotUnderstood,
  readable,
  TimeUp,
  UNKNOWN_STATUS,
  whyNotUnderstood,
} from './shell/run-state.ts';
import { runShellWords } from './shell/start.ts';
import { isFound, isPresent, noteMissing, runTool } from './tools/index.ts';
import { runUnknown } from './tools/tool.ts';
import type { HookEffect, HookRun, PodWorld } from './world.ts';

export interface HookOptions {
  readonly container: 'Proxy' | 'App';
  /** When the kubelet starts the hook. */
  readonly start: Seconds;
  /** A hook that still runs then is left there. */
  readonly until: Seconds;
  /** What is known of the container's environment; undefined as value: set to what nobody knows. Others may come from the image, unless this is all of it. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly environmentIsWhole?: boolean;
  /** A default that the hook states itself (`${WAIT:-30}`) does not count where the image may set the variable. */
  readonly doubtsDefaults?: boolean;
  /** From then on the world does not change any more, so that a loop without an end can be recognised. */
  readonly steadyFrom?: Seconds;
  /** What may still be done, where several runs share it; else the hook has its share of the pod to itself. */
  readonly budget?: Budget;
  /** How many hooks its pod has; 1 where it is not stated. */
  readonly hooksInPod?: number;
}

/**
 * What may be done for one hook: some hundredths of a second. The usual ones take a few hundred steps; what
 * needs more than this is called not understood.
 */
const HOOK_STEPS = 100_000;

/** What may be done for all hooks of one pod, so that a pod of many costs no more than one of a few. */
const POD_STEPS = 2 * HOOK_STEPS;

/** Hooks of one pod beyond which none of them is looked at. */
const MAXIMUM_HOOKS = 100;

/** The share of each hook where a pod has so many. */
export function stepsFor(hooksInPod = 1): number {
  return hooksInPod > MAXIMUM_HOOKS ? 0 : Math.min(HOOK_STEPS, Math.floor(POD_STEPS / Math.max(1, hooksInPod)));
}

/** What a lifecycle handler does in this pod. Pure: the same arguments give the same run. */
export function runHook(handler: LifecycleHandler, world: PodWorld, options: HookOptions): HookRun {
  return runHookObserved(handler, world, options).run;
}

export interface ObservedRun {
  readonly run: HookRun;
  readonly statsRead: ReadonlySet<string>;
  readonly defaults: ReadonlySet<string>;
  readonly tools: ReadonlySet<string>;
  readonly missing: ReadonlySet<string>;
}

export function runHookObserved(handler: LifecycleHandler, world: PodWorld, options: HookOptions): ObservedRun {
  const seen: Observations = {
    statsRead: new Set(),
    assumed: new Set(),
    defaults: new Set(),
    tools: new Set(),
    missing: new Set(),
  };
  const ended = (how: HookRun['how'], endsAt?: Seconds, notUnderstood: readonly string[] = []): ObservedRun => ({
    run: { how, effects: [], notUnderstood, endsAt, ...(how === 'Unknown' ? { atLeast: options.start } : {}) },
    statsRead: seen.statsRead,
    defaults: seen.defaults,
    tools: seen.tools,
    missing: seen.missing,
  });
  const { start, until } = options;
  const kinds = [handler.exec, handler.httpGet, handler.sleep, handler.tcpSocket].filter((kind) => kind !== undefined);
  // The API server refuses a handler with no kind or with two, so that no pod ever gets here.
  if (kinds.length !== 1) {
    return ended('CannotStart', start);
  }
  if (handler.sleep !== undefined) {
    const end = start + Math.max(0, handler.sleep.seconds);
    return end > until ? ended('StillRunning') : ended('Completed', end);
  }
  // Kubernetes never implemented it for lifecycle handlers; the kubelet fails at once.
  if (handler.tcpSocket !== undefined) {
    return ended('Failed', start);
  }
  if (handler.httpGet !== undefined) {
    return httpGet(handler.httpGet, world, start, ended);
  }
  return execute(handler.exec?.command ?? [], world, options, seen);
}

type Ended = (how: HookRun['how'], endsAt?: Seconds, notUnderstood?: readonly string[]) => ObservedRun;

/** The kubelet asks from outside the pod, with GET, and takes every answer for success, whatever its status. */
function httpGet(action: HttpGetAction, world: PodWorld, start: Seconds, ended: Ended): ObservedRun {
  const port = Number(action.port);
  const path = action.path ?? '/';
  const words = `httpGet ${action.host ?? ''}:${action.port}${path.startsWith('/') ? path : `/${path}`}`;
  if (!Number.isInteger(port) || (action.host !== undefined && action.host !== '')) {
    return ended('Unknown', undefined, [words]);
  }
  const listener = world.listeners(start).find((one) => one.port === port);
  // Sockets on 127.0.0.1 (Envoy's admin port) are out of the kubelet's reach.
  if (listener?.address === '127.0.0.1') {
    return ended('Failed', start);
  }
  const answer = world.http(start, 'GET', port, path.startsWith('/') ? path : `/${path}`);
  if (listener === undefined && answer !== 'unknown') {
    return ended('Failed', start);
  }
  if (answer === 'refused') {
    return ended('Failed', start);
  }
  return answer === 'unknown' ? ended('Unknown', undefined, [words]) : ended('Completed', start);
}

const SHELLS = new Set(['sh', 'bash', 'dash', 'ash']);

/** Programs that a distroless proxy image has (istio/istio pilot/docker/Dockerfile.proxyv2). */
const DISTROLESS_PROGRAMS = new Set(['pilot-agent', 'envoy', '/usr/local/bin/pilot-agent', '/usr/local/bin/envoy']);

/** True where only an image with a shell and tools can start the handler. */
export function needsMoreThanProxy(handler: LifecycleHandler): boolean {
  return handler.exec !== undefined && !DISTROLESS_PROGRAMS.has(handler.exec.command?.[0] ?? '');
}

function execute(words: readonly string[], world: PodWorld, options: HookOptions, seen: Observations): ObservedRun {
  const run = newRun(world, options, seen);
  const outcome = attempt(words, directShell(run), options);
  const { toldAppToStopAt } = run;
  return {
    run: {
      ...settle(run, outcome),
      effects: allEffects(run, options.until),
      ...(toldAppToStopAt === undefined ? {} : { toldAppToStopAt }),
      ...(seen.assumed.size === 0 ? {} : { assumed: [...seen.assumed] }),
    },
    statsRead: seen.statsRead,
    defaults: seen.defaults,
    tools: seen.tools,
    missing: seen.missing,
  };
}

/** How the way ended that was followed to the end. */
interface Outcome {
  readonly how: 'Completed' | 'Failed' | 'CannotStart' | 'StillRunning' | 'GivenUp';
  readonly why?: string;
}

/** One answer from all the ways that the hook may have gone. */
function settle(
  run: Run,
  { how, why }: Outcome,
): Pick<HookRun, 'how' | 'endsAt' | 'atLeast' | 'atMost' | 'notUnderstood'> {
  const reasons = [...(why === undefined ? [] : [why]), ...run.reasons].filter((one) => one !== '');
  if (how === 'GivenUp') {
    return {
      how: 'Unknown',
      atLeast: leastOf(run, Math.min(run.now, run.shortestAside)),
      notUnderstood: unique(reasons),
    };
  }
  const mayRunOn = how === 'StillRunning' || run.overs !== undefined;
  const ends = [how === 'StillRunning' ? undefined : run, run.ended].filter((end) => end !== undefined);
  if (ends.length === 0) {
    return { how: 'StillRunning', notUnderstood: [] };
  }
  const earliest = Math.min(...ends.map((end) => end.now));
  const last = mayRunOn ? Infinity : Math.max(...ends.map((end) => end.latest));
  // What may go on after the last moment that was played has no end in it.
  const latest = last > run.until ? Infinity : last;
  if (earliest === latest) {
    return { how: how === 'StillRunning' ? 'Completed' : how, endsAt: earliest, notUnderstood: [] };
  }
  return {
    how: 'Unknown',
    atLeast: leastOf(run, earliest),
    ...(latest === Infinity ? {} : { atMost: latest }),
    notUnderstood: reasons.length === 0 ? ['how a command ends'] : unique(reasons),
  };
}

/** What loops without a sleep were taken to need is no time that has certainly passed. In whole milliseconds. */
function leastOf(run: Run, earliest: Seconds): Seconds {
  // Thousands of additions leave an error of less than a microsecond.
  return Math.max(0, Math.floor((earliest - run.busyTime) * 1000 + 0.001) / 1000);
}

/** Nobody reads more of them. */
const MAXIMUM_REASONS = 10;

function unique(reasons: readonly string[]): string[] {
  return [...new Set(reasons.map(readable))].slice(0, MAXIMUM_REASONS);
}

function attempt(words: readonly string[], shell: Shell, options: HookOptions): Outcome {
  const [program] = words;
  if (program === undefined || program === '') {
    return { how: 'CannotStart' };
  }
  const { world } = shell.run;
  try {
    if (options.container === 'Proxy' && !DISTROLESS_PROGRAMS.has(program)) {
      if (world.image === 'distroless') {
        return { how: 'CannotStart' };
      }
      if (world.image === 'unknown') {
        return { how: 'GivenUp', why: `whether the proxy image has ${program}` };
      }
    }
    if (!mayBePresent(shell, program)) {
      noteMissing(shell, program);
      return { how: 'CannotStart' };
    }
    const base = program.slice(program.lastIndexOf('/') + 1);
    const status = SHELLS.has(base) ? runShell(shell, words) : runTool(shell, words);
    return { how: status === 0 || status === UNKNOWN_STATUS ? 'Completed' : 'Failed' };
  } catch (error) {
    if (error instanceof TimeUp) {
      return { how: 'StillRunning' };
    }
    if (error instanceof ContainerEnded) {
      return { how: 'Completed' };
    }
    if (error instanceof NotUnderstood) {
      return { how: 'GivenUp', why: error.message };
    }
    // The last net: nothing that a hook's text makes our own stack or strings do may reach the caller.
    if (error instanceof RangeError) {
      shell.run.now = options.start;
      return { how: 'GivenUp', why: 'something nested too deeply or too long' };
    }
    throw error;
  }
}

/** A program of the application may be there as well. */
function mayBePresent(shell: Shell, program: string): boolean {
  try {
    return isPresent(shell, program);
  } catch (error) {
    whyNotUnderstood(error);
    return true;
  }
}

function runShell(shell: Shell, words: readonly string[]): number {
  try {
    return runShellWords(shell, words);
  } catch (error) {
    return runUnknown(shell, whyNotUnderstood(error));
  }
}

function newRun(world: PodWorld, options: HookOptions, seen: Observations): Run {
  return {
    world,
    container: options.container,
    now: options.start,
    latest: options.start,
    deadline: options.until,
    until: options.until,
    timeUpAt: options.until,
    steadyFrom: options.steadyFrom ?? Infinity,
    effects: [],
    proxyGoneAt: Infinity,
    toldAppToStopAt: undefined,
    budget: options.budget ?? newBudget(stepsFor(options.hooksInPod)),
    proxyMayBeGone: false,
    version: 0,
    clockLooks: 0,
    forks: 0,
    reasons: new Set(),
    disturbedBy: undefined,
    overs: undefined,
    ended: undefined,
    busyTime: 0,
    shortestAside: Infinity,
    unknownStatus: '',
    jobs: [],
    files: new Map(),
    remembered: new Map(),
    tables: new Map(),
    environment: options.environment,
    environmentIsWhole: options.environmentIsWhole ?? false,
    doubtsDefaults: options.doubtsDefaults ?? options.container === 'Proxy',
    seen,
    machine: { runProgram, runBody: runCommand, runCommand: runTool, isFound, runShell: runShellWords },
  };
}

/** Stands around a command that is executed without a shell. */
function directShell(run: Run): Shell {
  return newShell({ run, dialect: 'bash', name: 'exec' });
}

/** Of the script, on any of its ways, and of its background commands, as far as they lived, in the order of time. */
function allEffects(run: Run, until: Seconds): readonly HookEffect[] {
  const { overs, ended, jobs } = run;
  if (jobs.length === 0 && overs === undefined && ended === undefined) {
    return run.effects;
  }
  const fromJobs = jobs.flatMap((job) => job.effects.filter((effect) => effect.at <= Math.min(job.endsBy, until)));
  const all = [...run.effects, ...(overs?.effects ?? []), ...(ended?.effects ?? []), ...fromJobs];
  const distinct = new Map(all.map((effect) => [`${effect.kind} ${effect.at}`, effect]));
  return [...distinct.values()].sort((left, right) => left.at - right.at);
}
