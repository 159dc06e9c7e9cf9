import type { HookEffect } from '../world.ts';
import type { Aside, Flow, Job, Moment, Run, Shell } from './run-state.ts';
import { isUnknown, SOME_FAILURE, step, UNKNOWN_STATUS, unknownText } from './run-state.ts';

/**
 * A run goes two ways where nobody knows how a command ended: both are played from the same moment and joined again.
 * Joined, the clocks are the earliest and the latest of both, and what differs is not known.
 */

const COPIES_PER_STEP = 2;

export function momentOf(shell: Shell): Moment {
  const { run } = shell;
  step(run, 2 + shell.variables.size / COPIES_PER_STEP);
  return {
    now: run.now,
    latest: run.latest,
    effects: run.effects,
    jobs: run.jobs,
    files: run.files,
    proxyGoneAt: run.proxyGoneAt,
    proxyMayBeGone: run.proxyMayBeGone,
    toldAppToStopAt: run.toldAppToStopAt,
    disturbedBy: run.disturbedBy,
    unknownStatus: run.unknownStatus,
    variables: new Map(shell.variables),
    functions: shell.functions,
    positional: shell.positional,
    status: shell.status,
    substituted: shell.substituted,
    lastJob: shell.lastJob,
    exitTrap: shell.exitTrap,
    locals: shell.locals === undefined ? undefined : new Map(shell.locals),
    options: { ...shell.options },
    lost: shell.lost,
    output: shell.output,
    outputText: shell.output.text,
    errors: shell.errors,
    errorsText: shell.errors.text,
    input: shell.input,
    inputText: shell.input.text,
    inputPosition: shell.input.position,
  };
}

/** Puts the run back, but not the shell: for ways that crossed from one shell into another. */
export function returnRunTo(run: Run, moment: Moment): void {
  run.now = moment.now;
  run.latest = moment.latest;
  run.effects = moment.effects;
  run.jobs = moment.jobs;
  run.files = moment.files;
  run.proxyGoneAt = moment.proxyGoneAt;
  run.proxyMayBeGone = moment.proxyMayBeGone;
  run.toldAppToStopAt = moment.toldAppToStopAt;
  run.disturbedBy = moment.disturbedBy;
  run.unknownStatus = moment.unknownStatus;
  moment.output.text = moment.outputText;
  moment.errors.text = moment.errorsText;
  moment.input.text = moment.inputText;
  moment.input.position = moment.inputPosition;
}

/** Redirections are the business of the commands around: where a moment had others, what it wrote is not known. */
export function returnTo(shell: Shell, moment: Moment): void {
  const { output, errors, input } = shell;
  step(shell.run, moment.variables.size / COPIES_PER_STEP);
  returnRunTo(shell.run, moment);
  shell.variables = new Map(moment.variables);
  shell.functions = moment.functions;
  shell.positional = moment.positional;
  shell.status = moment.status;
  shell.substituted = moment.substituted;
  shell.lastJob = moment.lastJob;
  shell.exitTrap = moment.exitTrap;
  shell.locals = moment.locals === undefined ? undefined : new Map(moment.locals);
  shell.options = { ...moment.options };
  shell.lost = moment.lost;
  if (output !== moment.output && !output.discard) {
    output.text = unknownText('what a command wrote');
  }
  if (errors !== moment.errors && !errors.discard) {
    errors.text = unknownText('what a command wrote');
  }
  if (input !== moment.input && input.text !== '') {
    input.text = unknownText('what a command left to be read');
    input.position = 0;
  }
}

/** Plays the ways one after the other from where the shell stands, and goes on with all of them joined. */
export function fork(shell: Shell, reason: string, ways: readonly (() => Flow)[]): Flow {
  const { run } = shell;
  const [only, second] = ways;
  if (only !== undefined && second === undefined) {
    return only();
  }
  run.forks += 1;
  const start = momentOf(shell);
  run.shortestAside = Math.min(run.shortestAside, run.now);
  let flow: Flow | undefined;
  for (const way of ways) {
    if (flow === undefined) {
      flow = way();
      continue;
    }
    const before = { flow, moment: momentOf(shell) };
    // "exec >file" on one way is no matter of the other.
    Object.assign(shell, { output: start.output, errors: start.errors, input: start.input });
    returnTo(shell, start);
    flow = meet(shell, reason, before.flow, before.moment, way());
  }
  return flow ?? 'next';
}

/** Joins a way that was played before with the one that has just been played, whose flow is given. */
function meet(shell: Shell, reason: string, oldFlow: Flow, old: Moment, flow: Flow): Flow {
  if (sameFlow(oldFlow, flow)) {
    const joined = joinMoments(old, momentOf(shell), reason);
    if (old.now !== shell.run.now || old.latest !== shell.run.latest) {
      shell.run.reasons.add(reason);
    }
    returnTo(shell, joined);
    return flow;
  }
  shell.run.reasons.add(reason);
  if (oldFlow !== 'next') {
    putAside(shell, oldFlow, old);
    return flow;
  }
  if (flow !== 'next') {
    putAside(shell, flow, momentOf(shell));
  }
  returnTo(shell, old);
  return 'next';
}

function sameFlow(left: Flow, right: Flow): boolean {
  if (left === 'next' || right === 'next') {
    return left === right;
  }
  return left.kind === right.kind && levelsOf(left) === levelsOf(right);
}

function levelsOf(flow: Exclude<Flow, 'next'>): number {
  return 'levels' in flow ? flow.levels : 0;
}

/** Keeps a way for the command that it left for. */
export function putAside(shell: Shell, flow: Exclude<Flow, 'next'>, moment: Moment): void {
  const { run } = shell;
  run.shortestAside = Math.min(run.shortestAside, moment.now);
  if (flow.kind === 'over') {
    run.overs = run.overs === undefined ? moment : joinMoments(run.overs, moment, '');
    return;
  }
  if (flow.kind === 'ended') {
    run.ended = run.ended === undefined ? moment : joinMoments(run.ended, moment, '');
    return;
  }
  keepAside(shell, { flow, moment });
}

function keepAside(shell: Shell, one: Aside): void {
  const index = shell.aside.findIndex(({ flow }) => sameFlow(flow, one.flow));
  const known = shell.aside[index];
  if (known === undefined) {
    shell.aside.push(one);
  } else {
    const moment = joinMoments(known.moment, one.moment, 'an earlier command');
    shell.aside[index] = { flow: one.flow, moment };
  }
}

/** Changes the ways that were put aside, where there is another one to be had of them. */
export function changeAside(shell: Shell, change: (one: Aside) => Aside | undefined): void {
  if (shell.aside.length > 0) {
    for (const one of shell.aside.splice(0)) {
      keepAside(shell, change(one) ?? one);
    }
  }
}

/** Runs a loop's round or a function, which takes up none of the ways that had left for a command around it before. */
export function apart<T>(shell: Shell, act: () => T): T {
  const before = shell.aside.splice(0);
  try {
    return act();
  } finally {
    for (const one of before) {
      keepAside(shell, one);
    }
  }
}

/** Takes the ways that `wanted` asks for out of those that were put aside. */
export function takeAside(shell: Shell, wanted: (flow: Aside['flow']) => boolean): Aside[] {
  if (shell.aside.length === 0) {
    return [];
  }
  const all = shell.aside.splice(0);
  shell.aside.push(...all.filter((one) => !wanted(one.flow)));
  return all.filter((one) => wanted(one.flow));
}

/** The shell goes on from a moment besides the one where it stands, or instead of it where its flow is no `next`. */
export function goOnFrom(shell: Shell, flow: Flow, moment: Moment): Flow {
  if (flow === 'next') {
    returnTo(shell, joinMoments(momentOf(shell), moment, shell.run.unknownStatus));
    return 'next';
  }
  putAside(shell, flow, momentOf(shell));
  returnTo(shell, moment);
  return 'next';
}

/** A subshell, or the body of a function, is over: every way that left it goes on behind it. */
export function gather(shell: Shell, flow: Flow, wanted: (flow: Aside['flow']) => boolean): Flow {
  let result: Flow = flow !== 'next' && wanted(flow) ? 'next' : flow;
  for (const { moment } of takeAside(shell, wanted)) {
    result = goOnFrom(shell, result, moment);
  }
  return result;
}

export function leavesShell(flow: Aside['flow']): boolean {
  return flow.kind !== 'over' && flow.kind !== 'ended';
}

export function leavesFunction(flow: Aside['flow']): boolean {
  return flow.kind === 'return';
}

/** What is known when it can be the one moment or the other. */
export function joinMoments(left: Moment, right: Moment, reason: string): Moment {
  return {
    now: Math.min(left.now, right.now),
    latest: Math.max(left.latest, right.latest),
    effects: joinEffects(left.effects, right.effects),
    jobs: joinJobs(left.jobs, right.jobs),
    files: joinFiles(left.files, right.files),
    proxyGoneAt: Math.min(left.proxyGoneAt, right.proxyGoneAt),
    proxyMayBeGone: left.proxyMayBeGone || right.proxyMayBeGone || left.proxyGoneAt !== right.proxyGoneAt,
    toldAppToStopAt: earliest(left.toldAppToStopAt, right.toldAppToStopAt),
    disturbedBy: left.disturbedBy ?? right.disturbedBy,
    unknownStatus: left.status < 0 ? left.unknownStatus : right.status < 0 ? right.unknownStatus : reason,
    variables: joinVariables(left.variables, right.variables, reason),
    functions: left.functions,
    positional: left.positional,
    status: joinStatus(left.status, right.status),
    substituted: joinStatus(left.substituted, right.substituted),
    lastJob: left.lastJob === right.lastJob ? left.lastJob : Number.NaN,
    exitTrap: left.exitTrap,
    locals: left.locals,
    options: left.options,
    lost: left.lost ?? right.lost ?? whyLost(left, right),
    output: left.output,
    outputText: joinTexts(left.output, left.outputText, right.output, right.outputText),
    errors: left.errors,
    errorsText: joinTexts(left.errors, left.errorsText, right.errors, right.errorsText),
    ...joinInputs(left, right),
  };
}

export function joinStatus(left: number, right: number): number {
  if (left === right) {
    return left;
  }
  return left === 0 || right === 0 || left === UNKNOWN_STATUS || right === UNKNOWN_STATUS
    ? UNKNOWN_STATUS
    : SOME_FAILURE;
}

function earliest(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined || right === undefined ? (left ?? right) : Math.min(left, right);
}

function joinVariables(
  left: Moment['variables'],
  right: Moment['variables'],
  reason: string,
): ReadonlyMap<string, string> {
  const joined = new Map(left);
  for (const [name, value] of right) {
    if (left.get(name) !== value) {
      joined.set(name, unknownOf(name, left.get(name), value, reason));
    }
  }
  for (const [name, value] of left) {
    if (!right.has(name)) {
      joined.set(name, unknownOf(name, value, undefined, reason));
    }
  }
  return joined;
}

/** The same unknown for the same cause, so that a loop that is joined again and again comes to rest. */
function unknownOf(name: string, left: string | undefined, right: string | undefined, reason: string): string {
  for (const value of [left, right]) {
    if (value !== undefined && isUnknown(value)) {
      return value;
    }
  }
  return unknownText(reason === '' ? `$${name}` : reason);
}

function joinTexts(left: Moment['output'], leftText: string, right: Moment['output'], rightText: string): string {
  if (left.discard || (left === right && leftText === rightText)) {
    return leftText;
  }
  return unknownText('what a command wrote');
}

function joinInputs(left: Moment, right: Moment): Pick<Moment, 'input' | 'inputText' | 'inputPosition'> {
  const { input, inputText, inputPosition } = left;
  const same = input === right.input && inputText === right.inputText && inputPosition === right.inputPosition;
  return same || inputText === ''
    ? { input, inputText, inputPosition }
    : { input, inputText: unknownText('what a command left to be read'), inputPosition: 0 };
}

function joinEffects(left: readonly HookEffect[], right: readonly HookEffect[]): readonly HookEffect[] {
  if (left === right || right.length === 0) {
    return left;
  }
  const seen = new Set(left.map((effect) => `${effect.kind} ${effect.at}`));
  return [...left, ...right.filter((effect) => !seen.has(`${effect.kind} ${effect.at}`))].sort((a, b) => a.at - b.at);
}

function joinFiles(left: Moment['files'], right: Moment['files']): Moment['files'] {
  if (left === right) {
    return left;
  }
  const joined = new Map(left);
  for (const path of new Set([...left.keys(), ...right.keys()])) {
    if (!left.has(path) || !right.has(path) || left.get(path) !== right.get(path)) {
      joined.set(path, undefined);
    }
  }
  return joined;
}

/** A job that was only started on one way may not be there to be waited for. */
function joinJobs(left: readonly Job[], right: readonly Job[]): readonly Job[] {
  if (left === right) {
    return left;
  }
  const others = new Map(right.map((job) => [job.id, job]));
  const joined = left.map((job): Job => {
    const other = others.get(job.id);
    others.delete(job.id);
    return other === undefined
      ? { ...job, endsAt: 0, status: UNKNOWN_STATUS }
      : {
          id: job.id,
          by: job.by === other.by ? job.by : undefined,
          endsAt: Math.min(job.endsAt, other.endsAt),
          endsBy: Math.max(job.endsBy, other.endsBy),
          status: joinStatus(job.status, other.status),
          effects: joinEffects(job.effects, other.effects),
        };
  });
  return [...joined, ...[...others.values()].map((job) => ({ ...job, endsAt: 0, status: UNKNOWN_STATUS }))];
}

export const LOST_TRAP = 'a trap or a local that differs from way to way';

/** Differences that no unknown value can stand for. */
function whyLost(left: Moment, right: Moment): string | undefined {
  if (left.exitTrap !== right.exitTrap || !sameLocals(left.locals, right.locals)) {
    return LOST_TRAP;
  }
  if (left.functions !== right.functions && !sameMap(left.functions, right.functions)) {
    return 'a function that was defined on one way only';
  }
  if (
    left.positional !== right.positional &&
    (left.positional.length !== right.positional.length ||
      left.positional.some((one, at) => one !== right.positional[at]))
  ) {
    return 'parameters that differ from way to way';
  }
  const { errexit, nounset, pipefail } = left.options;
  return errexit === right.options.errexit && nounset === right.options.nounset && pipefail === right.options.pipefail
    ? undefined
    : 'options that differ from way to way';
}

function sameLocals(left: Moment['locals'], right: Moment['locals']): boolean {
  return left === undefined || right === undefined ? left === right : sameMap(left, right);
}

export function sameMap<V>(left: ReadonlyMap<string, V>, right: ReadonlyMap<string, V>): boolean {
  if (left.size !== right.size) {
    return false;
  }
  for (const [name, value] of left) {
    if (right.get(name) !== value || !right.has(name)) {
      return false;
    }
  }
  return true;
}

/** Whether a loop whose round began at the one moment and ended at the other repeats itself from here on. */
export function isRepeated(before: Moment, after: Moment): boolean {
  return (
    before.status === after.status &&
    before.lastJob === after.lastJob &&
    before.disturbedBy === after.disturbedBy &&
    before.proxyGoneAt === after.proxyGoneAt &&
    before.proxyMayBeGone === after.proxyMayBeGone &&
    before.toldAppToStopAt === after.toldAppToStopAt &&
    before.lost === after.lost &&
    before.inputText === after.inputText &&
    before.inputPosition === after.inputPosition &&
    before.jobs === after.jobs &&
    after.jobs.every((job) => job.endsAt <= before.now && (job.endsBy <= before.now || job.endsBy === Infinity)) &&
    whyLost(before, after) === undefined &&
    sameMap(before.files, after.files) &&
    sameMap(before.variables, after.variables)
  );
}

/**
 * A program that ran under a deadline of its own has been cut on some ways: the shell around it goes on from those as
 * well, at the moment of the cut and with its status.
 */
export function goOnFromCut(shell: Shell, overs: Moment, cut: Pick<Moment, 'now' | 'latest' | 'status'>): void {
  const here = momentOf(shell);
  const { proxyGoneAt, proxyMayBeGone, toldAppToStopAt, disturbedBy, effects, jobs, files, output, outputText } = overs;
  const there: Moment = {
    ...here,
    ...{ proxyGoneAt, proxyMayBeGone, toldAppToStopAt, disturbedBy, effects, jobs, files, output, outputText },
    ...cut,
  };
  returnTo(shell, joinMoments(here, there, shell.run.unknownStatus));
}
