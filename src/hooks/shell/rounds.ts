import type { Seconds } from '../../api/duration.ts';
import {
  apart,
  changeAside,
  goOnFrom,
  isRepeated,
  joinMoments,
  joinStatus,
  momentOf,
  putAside,
  returnTo,
  takeAside,
} from './branches.ts';
import type { Aside, Flow, Moment, Run, Shell } from './run-state.ts';
import { advanceTo, isClockUnknown, mayTake, NotUnderstood, step, TimeUp, unknownText } from './run-state.ts';

/** What loops have in common: rounds whose number may not be known before, and the ways in which they are left. */

export const OVER: Flow = { kind: 'over' };

/** What a loop makes of how its body ended: `undefined` means another round. */
function afterBody(flow: Flow): Flow | undefined {
  if (flow === 'next') {
    return undefined;
  }
  if (flow.kind === 'break') {
    return flow.levels > 1 ? { kind: 'break', levels: flow.levels - 1 } : 'next';
  }
  if (flow.kind === 'continue') {
    return flow.levels > 1 ? { kind: 'continue', levels: flow.levels - 1 } : undefined;
  }
  return flow;
}

/** Rounds in the same moment that cost nothing; a real round takes some milliseconds. */
const FREE_ROUNDS = 50;

/** What a round of a loop without any sleep costs, so that a busy loop runs into its clock or the end of time. */
function busyCost(rounds: number): number {
  if (rounds < 500) {
    return 0.01;
  }
  return rounds < 2000 ? 0.1 : 1;
}

const SLEEPLESS = 'how long a loop without a sleep takes';

/**
 * Rounds of a loop in which no time passes. How long many of them take depends on the machine: only a loop that does
 * nothing but look, at a clock or at the pod, is left at a time that can be known.
 */
export class TimelessRounds {
  private inARow = 0;
  private counted = false;

  /** After each round. Rounds that passed no time in a row, this one among them. */
  add(run: Run, { start, version, clockLooks }: { start: Seconds; version: number; clockLooks: number }): number {
    if (run.now > start) {
      this.inARow = 0;
      return 0;
    }
    this.inARow += 1;
    if (this.inARow > FREE_ROUNDS && run.version - version !== run.clockLooks - clockLooks) {
      this.counted = true;
    }
    return this.inARow;
  }

  /** When the loop is over. */
  settle(run: Run): void {
    if (this.counted) {
      mayTake(run, Infinity, SLEEPLESS);
    }
  }

  /** Before so much passes: where the time would be up by what the rounds are taken to need, nobody knows whether it is. */
  demandTime(run: Run, seconds: Seconds): void {
    if (this.counted && run.now + seconds > run.deadline) {
      throw new NotUnderstood(SLEEPLESS);
    }
  }
}

/** How a loop may have been left by now, besides the way that is followed. */
export interface Exits {
  moment: Moment | undefined;
}

function addExit(exits: Exits, moment: Moment, reason: string): void {
  exits.moment = exits.moment === undefined ? moment : joinMoments(exits.moment, moment, reason);
}

/**
 * Runs a body once and sorts out the ways that it may have ended: those that leave the loop become exits, those that
 * ask for another round are joined. `undefined` means another round.
 */
export function runRound(shell: Shell, exits: Exits, body: () => Flow): Flow | undefined {
  return apart(shell, () => runApart(shell, exits, body));
}

function runApart(shell: Shell, exits: Exits, body: () => Flow): Flow | undefined {
  let result = afterBody(body());
  for (const { flow, moment } of takeAside(shell, isAboutLoops)) {
    const after = afterBody(flow);
    if (after === 'next') {
      addExit(exits, moment, shell.run.unknownStatus);
    } else if (after !== undefined) {
      putAside(shell, after, moment);
    } else if (result === undefined) {
      goOnFrom(shell, 'next', moment);
    } else {
      if (result === 'next') {
        addExit(exits, momentOf(shell), shell.run.unknownStatus);
      } else {
        putAside(shell, result, momentOf(shell));
      }
      returnTo(shell, moment);
      result = undefined;
    }
  }
  return result;
}

function isAboutLoops(flow: Exclude<Flow, 'next'>): boolean {
  return flow.kind === 'break' || flow.kind === 'continue';
}

/** The loop is over: it goes on from all the ways that it may have been left. */
export function leave(shell: Shell, exits: Exits, flow: Flow): Flow {
  return exits.moment === undefined ? flow : goOnFrom(shell, flow, exits.moment);
}

/** Rounds with an unknown condition after which what changes from round to round is not followed any more. */
const EXACT_ROUNDS = 300;

export interface Rounds {
  /** Whether there is another round; its flow where it ended more than that. */
  readonly condition: () => boolean | 'unknown' | Exclude<Flow, 'next'>;
  readonly body: () => Flow;
}

/** Runs a loop whose rounds have no number that is known before. */
export function runRounds(shell: Shell, rounds: Rounds): Flow {
  const { run } = shell;
  const exits: Exits = { moment: undefined };
  const asideBefore = new Set(shell.aside);
  const timeless = new TimelessRounds();
  let status = 0;
  let uncertain = 0;
  let head: Moment | undefined;
  shell.loops += 1;
  const end = (flow: Flow): Flow => {
    shell.loops -= 1;
    timeless.settle(run);
    return leave(shell, exits, flow);
  };
  for (;;) {
    step(run);
    const { now: start, version, clockLooks, forks } = run;
    const { positional, functions, status: before } = shell;
    const result = runRound(shell, exits, () => {
      const answer = ask(shell, rounds, status);
      if (typeof answer === 'object') {
        return answer;
      }
      if (answer !== true) {
        const { status: asked } = shell;
        shell.status = status;
        if (!answer) {
          return LEFT;
        }
        run.forks += 1;
        addExit(exits, momentOf(shell), run.unknownStatus);
        run.reasons.add(run.unknownStatus);
        run.shortestAside = Math.min(run.shortestAside, run.now);
        shell.status = asked;
      }
      return rounds.body();
    });
    if (result !== undefined) {
      return end(result);
    }
    ({ status } = shell);
    const inARow = timeless.add(run, { start, version, clockLooks });
    if (inARow > FREE_ROUNDS) {
      timeless.demandTime(run, busyCost(inARow));
      if (!pass(run, busyCost(inARow))) {
        return end(OVER);
      }
    }
    if (run.forks === forks) {
      head = undefined;
      uncertain = 0;
      // Nothing that this round depended on can change any more: it repeats itself for ever.
      const isSame =
        version === run.version &&
        positional === shell.positional &&
        functions === shell.functions &&
        before === shell.status;
      if (start >= run.steadyFrom && isSame && shell.input.text === '') {
        return endRepeated(shell, exits, asideBefore, end);
      }
      continue;
    }
    const tail = momentOf(shell);
    const isSteady = start >= run.steadyFrom || isClockUnknown(run);
    if (head !== undefined && isSteady && clockLooks === run.clockLooks && isRepeated(head, tail)) {
      return endRepeated(shell, exits, asideBefore, end);
    }
    uncertain += 1;
    if (head !== undefined && uncertain > EXACT_ROUNDS) {
      // Of the same cause as what made the first of the rounds uncertain.
      const [cause = run.unknownStatus] = run.reasons;
      returnTo(shell, { ...joinMoments(head, tail, cause), now: tail.now });
      head = momentOf(shell);
    } else {
      head = tail;
    }
  }
}

const LEFT = { kind: 'break', levels: 1 } as const;

/** Asks for another round. Where the condition itself leaves the round, its body is passed over. */
function ask(shell: Shell, rounds: Rounds, status: number): ReturnType<Rounds['condition']> {
  const answer = rounds.condition();
  if (typeof answer === 'object' && isAboutLoops(answer)) {
    shell.status = statusBehind(shell, status);
  }
  changeAside(shell, ({ flow, moment }) =>
    isAboutLoops(flow) ? { flow, moment: { ...moment, status: statusBehind(shell, status) } } : undefined,
  );
  return answer;
}

/** Behind a `break` in the condition bash has its status, and dash that of the body before. */
function statusBehind(shell: Shell, status: number): number {
  if (shell.dialect === 'unknown' && status > 0) {
    shell.run.unknownStatus = 'a loop that its condition leaves (shells differ)';
  }
  return shell.dialect === 'bash' ? 0 : shell.dialect === 'dash' ? status : joinStatus(0, status);
}

/** A `continue` in the condition of `until` has succeeded, at which bash ends the loop; dash asks again. */
export function leftByContinue(shell: Shell, flow: Flow): Flow {
  if (shell.dialect === 'dash') {
    return flow;
  }
  const isBash = shell.dialect === 'bash';
  const ended: Moment[] = [];
  changeAside(shell, (one) => {
    if (!isContinue(one.flow)) {
      return undefined;
    }
    ended.push(one.moment);
    return isBash ? { flow: LEFT, moment: one.moment } : one;
  });
  if (isContinue(flow)) {
    if (isBash) {
      return LEFT;
    }
    ended.push(momentOf(shell));
  }
  if (!isBash && ended.length > 0) {
    shell.run.forks += 1;
    shell.run.reasons.add('continue in the condition of until (shells differ)');
    for (const moment of ended) {
      putAside(shell, LEFT, moment);
    }
  }
  return flow;
}

function isContinue(flow: Flow): boolean {
  return flow !== 'next' && flow.kind === 'continue' && flow.levels === 1;
}

/** Lets time pass; false where the deadline is reached. */
function pass(run: Run, seconds: number): boolean {
  try {
    advanceTo(run, run.now + seconds);
    run.busyTime += seconds;
    return true;
  } catch (error) {
    if (!(error instanceof TimeUp)) {
      throw error;
    }
    return false;
  }
}

/** Nothing changes any more but the clocks: the loop is left at any later time, or never. */
function endRepeated(shell: Shell, exits: Exits, before: ReadonlySet<Aside>, end: (flow: Flow) => Flow): Flow {
  const { run } = shell;
  if (exits.moment !== undefined) {
    exits.moment = { ...exits.moment, latest: Infinity, ...changingOutput(exits.moment, shell) };
  }
  for (const [index, one] of shell.aside.entries()) {
    if (!before.has(one)) {
      shell.aside[index] = { flow: one.flow, moment: { ...one.moment, latest: Infinity } };
    }
  }
  run.latest = Infinity;
  run.now = Math.max(run.now, run.deadline);
  run.timeUpAt = run.deadline;
  return end(OVER);
}

/** What the rounds wrote is as long as there were rounds. */
function changingOutput(moment: Moment, shell: Shell): Partial<Moment> {
  return moment.output === shell.output && moment.outputText !== shell.output.text
    ? { outputText: unknownText('what a loop wrote') }
    : {};
}
