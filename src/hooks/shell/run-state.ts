import type { Seconds } from '../../api/duration.ts';
import type { EstablishedConnection, HookEffect, ListeningSocket, PodWorld } from '../world.ts';
import { startWorkClock } from '../work-clock.ts';
import type { Command, Dialect, Program, SimpleCommand } from './ast.ts';

/** Everything that the commands of one hook share: the clock, the pod, what was done to the proxy. */
export interface Run {
  readonly world: PodWorld;
  readonly container: 'Proxy' | 'App';
  /** The earliest that it can be by now. */
  now: Seconds;
  /** The latest that it can be by now; `Infinity` behind something whose length has no bound. */
  latest: Seconds;
  /** Nobody looks beyond this time: the end of the simulation, or of an enclosing `timeout`. */
  deadline: Seconds;
  readonly until: Seconds;
  /** The deadline that the last TimeUp stands for. */
  timeUpAt: Seconds;
  readonly steadyFrom: Seconds;
  /** Replaced, never changed. */
  effects: readonly HookEffect[];
  /** Since when the proxy is gone, because this hook told it to quit. */
  proxyGoneAt: Seconds;
  toldAppToStopAt: Seconds | undefined;
  readonly budget: Budget;
  /** A way through the hook on which the proxy is gone has been joined with one on which it is not. */
  proxyMayBeGone: boolean;
  /** Grows with every look at a clock and every variable that changed: a loop that leaves it alone repeats itself. */
  version: number;
  /** Looks at a clock that said something. */
  clockLooks: number;
  /** How often the run has gone two ways. */
  forks: number;
  /** What is not known and made the length, or a decision, unknown. */
  readonly reasons: Set<string>;
  /** What may have changed sockets, requests and processes in ways that nobody knows. */
  disturbedBy: string | undefined;
  /** How the run stands on the ways that reached the deadline, and on those on which the container ended. */
  overs: Moment | undefined;
  ended: Moment | undefined;
  /** What loops without a sleep were taken to need: no more than an estimate. */
  busyTime: Seconds;
  /** No way through the hook that was put aside is shorter. */
  shortestAside: Seconds;
  /** Words for the last command whose exit status cannot be known. */
  unknownStatus: string;
  /** Replaced, never changed. */
  jobs: readonly Job[];
  /** Files that the hook wrote; `undefined` as content: it may not have been possible. Replaced, never changed. */
  files: ReadonlyMap<string, string | undefined>;
  /** What is known of the container's environment, and whether other variables are certainly unset. */
  readonly environment: Readonly<Record<string, string | undefined>> | undefined;
  readonly environmentIsWhole: boolean;
  readonly doubtsDefaults: boolean;
  readonly seen: Observations;
  readonly machine: Machine;
  /** What commands that only depend on their words and their input made of the last input. */
  readonly remembered: Map<SimpleCommand, Remembered>;
  readonly tables: Map<string, SocketTable>;
}

/** What may still be done for a hook, shared by all the runs that its analysis plays. */
export interface Budget {
  /** Steps that are left. Every command, round, expansion and parsed construct costs one, texts cost by their length. */
  steps: number;
  /** What has been read or compiled and paid for already: scripts, programs of awk, regular expressions. */
  readonly paid: Set<string>;
  /** Whether the CPU time for it is used up; absent where only steps count. */
  readonly isTimeUp: (() => boolean) | undefined;
  /** The steps that are left when that is asked next. */
  askAt: number;
}

export function newBudget(steps: number): Budget {
  return { steps, paid: new Set(), isTimeUp: startWorkClock(steps), askAt: steps - STEPS_BETWEEN_LOOKS };
}

/** About a millisecond of work. */
const STEPS_BETWEEN_LOOKS = 2_000;

function askForTime(budget: Budget): void {
  budget.askAt = budget.steps - STEPS_BETWEEN_LOOKS;
  if (budget.isTimeUp?.() === true) {
    budget.steps = 0;
    throw new OutOfSteps('more work than can be done for one hook');
  }
}

export interface Remembered {
  readonly input: string;
  readonly output: string;
  readonly status: number;
  readonly unknownStatus: string;
}

/** A printed socket table, good as long as the sockets are the same. */
export interface SocketTable {
  readonly listeners: readonly ListeningSocket[];
  readonly connections: readonly EstablishedConnection[];
  readonly text: string;
}

/** What expansions and tools need of the interpreter, which itself is built on them. */
export interface Machine {
  /** Runs a program in this shell. */
  runProgram(shell: Shell, program: Program): Flow;
  /** Runs the body of a function in this shell. */
  runBody(shell: Shell, body: Command): Flow;
  /** Runs a program of the image, as `timeout` or `xargs` do: no function and no builtin. Returns its status. */
  runCommand(shell: Shell, words: readonly string[]): number;
  /** Whether the image has this program, as `which` sees it. */
  isFound(shell: Shell, path: string): boolean;
  /** Runs `sh -c SCRIPT` and the like. Returns its status. */
  runShell(shell: Shell, words: readonly string[]): number;
}

/** What a run looked at, for the analysis. */
export interface Observations {
  readonly statsRead: Set<string>;
  readonly assumed: Set<string>;
  /** Variables for which the hook's own default counted, where only the image could have set them. */
  readonly defaults: Set<string>;
  /** Programs that were run or asked for. */
  readonly tools: Set<string>;
  /** Programs that it tried to run and that the proxy image does not have. */
  readonly missing: Set<string>;
}

export interface Job {
  readonly id: number;
  /** The shell that started it, and alone can wait for it; undefined where one or the other may have. */
  readonly by: Shell | undefined;
  /** The earliest and the latest. */
  readonly endsAt: Seconds;
  readonly endsBy: Seconds;
  readonly status: number;
  readonly effects: readonly HookEffect[];
}

export interface Sink {
  text: string;
  /** Nobody reads it. */
  readonly discard: boolean;
  /** Whose budget pays for what is written. */
  readonly run: Run;
}

export interface Input {
  text: string;
  position: number;
}

/** One shell: a subshell is a copy of it with the same run. */
export interface Shell {
  readonly run: Run;
  readonly dialect: Dialect;
  /** `$0` */
  name: string;
  variables: Map<string, string>;
  functions: Map<string, Command>;
  positional: readonly string[];
  status: number;
  /** Of the last command substitution of a simple command: it becomes the status of one without a name. */
  substituted: number;
  lastJob: number;
  /** What `trap ... EXIT` asked for. */
  exitTrap: string;
  /** Inside a function: what the names that it declared `local` were before. */
  locals: Map<string, string | undefined> | undefined;
  readonly startedAt: Seconds;
  options: { errexit: boolean; nounset: boolean; pipefail: boolean };
  input: Input;
  output: Sink;
  errors: Sink;
  depth: number;
  /** Inside a condition, where `set -e` does not act. */
  conditional: number;
  loops: number;
  /** Ways through the script that left its sequence, until the command that they left for takes them up. */
  readonly aside: Aside[];
  /** Why nobody can know what this shell does from here on. */
  lost: string | undefined;
}

/** A way that ended with another flow than the one that is followed. */
export interface Aside {
  readonly flow: Exclude<Flow, 'next'>;
  readonly moment: Moment;
}

/** All of a run and its shell that a command can change. */
export interface Moment {
  readonly now: Seconds;
  readonly latest: Seconds;
  readonly effects: readonly HookEffect[];
  readonly jobs: readonly Job[];
  readonly files: ReadonlyMap<string, string | undefined>;
  readonly proxyGoneAt: Seconds;
  readonly proxyMayBeGone: boolean;
  readonly toldAppToStopAt: Seconds | undefined;
  readonly disturbedBy: string | undefined;
  readonly unknownStatus: string;
  readonly variables: ReadonlyMap<string, string>;
  readonly functions: Map<string, Command>;
  readonly positional: readonly string[];
  readonly status: number;
  readonly substituted: number;
  readonly lastJob: number;
  readonly exitTrap: string;
  readonly locals: ReadonlyMap<string, string | undefined> | undefined;
  readonly options: Shell['options'];
  readonly lost: string | undefined;
  readonly output: Sink;
  readonly outputText: string;
  readonly errors: Sink;
  readonly errorsText: string;
  readonly input: Input;
  readonly inputText: string;
  readonly inputPosition: number;
}

/** How a command ended, for the commands around it. */
export type Flow =
  | 'next'
  | { readonly kind: 'break' | 'continue'; readonly levels: number }
  | { readonly kind: 'return' }
  | { readonly kind: 'exit' }
  /** The deadline was reached. */
  | { readonly kind: 'over' }
  /** The hook's own container ended under it. */
  | { readonly kind: 'ended' };

/** The deadline was reached. */
export class TimeUp extends Error {}

/** Nearly every run of a waiting hook ends by it, and a new Error would have to walk the stack each time. */
export const TIME_UP = new TimeUp('the time is up');

/** Something that the interpreter cannot know; the message is the words of the hook. */
export class NotUnderstood extends Error {}

/** The budget is used up. */
export class OutOfSteps extends NotUnderstood {}

/** Why something is not understood, from what was caught; another error, and the end of the budget, is thrown on. */
export function whyNotUnderstood(error: unknown): string {
  if (error instanceof OutOfSteps || !(error instanceof NotUnderstood)) {
    throw error;
  }
  return error.message;
}

/** The hook's own container ended under it. */
export class ContainerEnded extends Error {}

/** Stands for an exit status that cannot be known. */
export const UNKNOWN_STATUS = -1;

/** Stands for one of which only is known that it is not 0. */
export const SOME_FAILURE = -2;

/** Functions and shells inside one another; deeper ones would only use up our own stack. */
export const MAXIMUM_CALLS = 60;

const MAXIMUM_TEXT = 100_000;

export function emptyInput(): Input {
  return { text: '', position: 0 };
}

export function capture(run: Run): Sink {
  return { text: '', discard: false, run };
}

export function nowhere(run: Run): Sink {
  return { text: '', discard: true, run };
}

export function write(sink: Sink, text: string): void {
  stepText(sink.run, text);
  if (sink.discard) {
    return;
  }
  // What is too long to be kept is not known any more.
  sink.text = sink.text.length + text.length > MAXIMUM_TEXT ? unknownText('a text of this size') : sink.text + text;
}

/** No text of a hook grows beyond this. */
export function demandSize(text: string, before = 0): void {
  if (before + text.length > MAXIMUM_TEXT) {
    throw new NotUnderstood('a text of this size');
  }
}

/** Each command, expansion and round costs a step, so that every run comes to an end. */
export function step(run: Run, cost = 1): void {
  const { budget } = run;
  if (cost > budget.steps) {
    // What is too much is not begun, so nothing is done beyond the budget.
    budget.steps = 0;
    throw new OutOfSteps('more steps than can be followed');
  }
  budget.steps -= cost;
  if (budget.steps < budget.askAt) {
    askForTime(budget);
  }
}

/** Work that is done once for each text of a hook, however often the text is used. */
export function stepOnce(run: Run, kind: string, text: string, cost: number): void {
  const key = `${kind} ${text}`;
  stepText(run, text);
  if (!run.budget.paid.has(key)) {
    step(run, cost);
    run.budget.paid.add(key);
  }
}

/** Since every character that is looked at or kept is paid for, this bounds the memory of a hook as well as its time. */
const CHARACTERS_PER_STEP = 64;

/** Text that is handed on costs steps by its length. */
export function stepText(run: Run, text: string): void {
  step(run, text.length / CHARACTERS_PER_STEP);
}

/** Lets time pass until then at the earliest; ends the run (or the enclosing `timeout`) where its time is up. */
export function advanceTo(run: Run, time: Seconds): void {
  if (time > run.deadline || time === Infinity) {
    run.latest += Math.max(0, time - run.now);
    run.now = Math.max(run.now, Math.min(run.deadline, time));
    run.timeUpAt = run.deadline;
    throw TIME_UP;
  }
  if (time > run.now) {
    run.latest = run.latest === run.now ? time : run.latest + (time - run.now);
    run.now = time;
  }
}

/** Lets a time pass that is not known: none, or up to so much. */
export function mayTake(run: Run, atMost: Seconds, reason: string): void {
  run.latest += atMost;
  if (atMost > 0) {
    run.reasons.add(reason);
  }
}

/** True where the time of day, and all that depends on it, can be one or the other. */
export function isClockUnknown(run: Run): boolean {
  return run.latest > run.now;
}

/** The moment at which the pod is looked at; nobody knows what is seen once that can be one moment or another. */
export function lookAt(run: Run): Seconds {
  if (run.disturbedBy !== undefined) {
    throw new NotUnderstood(run.disturbedBy);
  }
  if (isClockUnknown(run) && run.now < run.steadyFrom) {
    throw new NotUnderstood([...run.reasons].at(-1) ?? 'the time that has passed');
  }
  return run.now;
}

export function setFile(run: Run, path: string, content: string | undefined): void {
  step(run, 1 + run.files.size / COPIES_PER_STEP);
  run.files = new Map(run.files).set(path, content);
  run.version += 1;
}

/** Something that may do anything to the pod, though not to the variables of the shell, has run. */
export function disturb(run: Run, reason: string): void {
  run.disturbedBy ??= reason;
  if ([...run.files.values()].some((content) => content !== undefined)) {
    step(run, run.files.size / COPIES_PER_STEP);
    run.files = new Map([...run.files.keys()].map((path) => [path, undefined]));
  }
}

/**
 * Unknown text travels through the script as a marked word, so that only a decision that depends on it makes the
 * hook unknown: an `echo` of it does no harm.
 */
const MARK = '\u0001';
const HARD_SPACE = '\u00a0';

export function unknownText(words: string): string {
  return MARK + words.replace(/[\s\u0001]/g, HARD_SPACE) + MARK;
}

export function isUnknown(text: string): boolean {
  return text.includes(MARK);
}

/** A text for messages: unknown words in it as they stand in the script. */
export function readable(text: string): string {
  return text.replaceAll(MARK, '').replaceAll(HARD_SPACE, ' ');
}

/** The words inside the first mark, for messages. */
export function unknownWords(text: string): string {
  return (text.split(MARK)[1] ?? text).replaceAll(HARD_SPACE, ' ');
}

export function demandKnown(text: string): string {
  if (isUnknown(text)) {
    throw new NotUnderstood(unknownWords(text));
  }
  return text;
}

export function setVariable(shell: Shell, name: string, given: string): void {
  // bash goes on counting from the value that SECONDS is given: what is kept is the difference.
  const counts = name === 'SECONDS' && shell.dialect === 'bash';
  const value = !counts
    ? given
    : isClockUnknown(shell.run)
      ? unknownText('$SECONDS')
      : String((Number(given) || 0) - Math.floor(shell.run.now - shell.startedAt));
  if (shell.variables.get(name) === value) {
    return;
  }
  demandSize(value);
  stepText(shell.run, value);
  shell.variables.set(name, value);
  shell.run.version += 1;
}

/** How many variables are copied for a step. */
const COPIES_PER_STEP = 2;

/** A fresh shell for a script, as `sh -c` starts one. */
export function newShell(from: Pick<Shell, 'run' | 'dialect' | 'name'> & Partial<Shell>): Shell {
  return {
    variables: new Map(),
    functions: new Map(),
    positional: [],
    status: 0,
    lastJob: 0,
    exitTrap: '',
    locals: undefined,
    substituted: 0,
    startedAt: from.run.now,
    options: { errexit: false, nounset: false, pipefail: false },
    input: emptyInput(),
    output: nowhere(from.run),
    errors: nowhere(from.run),
    depth: 0,
    conditional: 0,
    loops: 0,
    aside: [],
    lost: undefined,
    ...from,
  };
}

/** A copy that leaves the original's variables, options and place in the script alone. */
export function subshell(shell: Shell, copyVariables = true): Shell {
  if (copyVariables) {
    step(shell.run, (shell.variables.size + shell.functions.size) / COPIES_PER_STEP);
  }
  // Spelt out, because a spread of this many fields is what a whole round of a polling loop would cost.
  return {
    run: shell.run,
    dialect: shell.dialect,
    name: shell.name,
    variables: copyVariables ? new Map(shell.variables) : shell.variables,
    functions: copyVariables ? new Map(shell.functions) : shell.functions,
    positional: shell.positional,
    status: shell.status,
    substituted: shell.substituted,
    lastJob: shell.lastJob,
    exitTrap: '',
    locals: copyVariables && shell.locals !== undefined ? new Map(shell.locals) : shell.locals,
    startedAt: shell.startedAt,
    options: copyVariables ? { ...shell.options } : shell.options,
    input: shell.input,
    output: shell.output,
    errors: shell.errors,
    depth: shell.depth + 1,
    conditional: shell.conditional,
    loops: shell.loops,
    aside: [],
    lost: undefined,
  };
}

export function addEffect(run: Run, kind: HookEffect['kind']): void {
  run.effects = [...run.effects, { at: run.now, kind }];
  run.version += 1;
  if (kind !== 'AgentQuit') {
    return;
  }
  run.proxyGoneAt = Math.min(run.proxyGoneAt, run.now);
  if (run.container === 'Proxy') {
    throw new ContainerEnded('the proxy was told to quit');
  }
}
