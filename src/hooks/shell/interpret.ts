import type {
  AndOr,
  CaseCommand,
  Command,
  Condition,
  CountingForCommand,
  ForCommand,
  IfCommand,
  List,
  LoopCommand,
  Pipeline,
  Program,
  SimpleCommand,
  Word,
} from './ast.ts';
import { fork, gather, leavesShell, momentOf, putAside } from './branches.ts';
import { arithmeticOrUnknown, ExpansionProblem, expandText, expandWords, matchesWord } from './expand.ts';
import { doubtfulFile, redirect } from './redirect.ts';
import { leave, leftByContinue, OVER, runRound, runRounds, TimelessRounds, type Exits } from './rounds.ts';
import { runSimple } from './simple-command.ts';
import type { Flow, Input, Job, Remembered, Shell } from './run-state.ts';
import {
  capture,
  ContainerEnded,
  disturb,
  emptyInput,
  isUnknown,
  MAXIMUM_CALLS,
  mayTake,
  NotUnderstood,
  OutOfSteps,
  setVariable,
  SOME_FAILURE,
  step,
  stepText,
  subshell,
  TimeUp,
  UNKNOWN_STATUS,
  unknownText,
  unknownWords,
  write,
  whyNotUnderstood,
} from './run-state.ts';
import { conditionStatus } from './test-expression.ts';

const EXIT: Flow = { kind: 'exit' };
const ENDED: Flow = { kind: 'ended' };

const SYNTAX_ERROR = 2;

/** Status of a shell in which an expansion failed. */
function expansionStatus(shell: Shell): number {
  return shell.dialect === 'bash' ? 1 : 2;
}

/** Runs a program in this shell. */
export function runProgram(shell: Shell, program: Program): Flow {
  if (shell.depth > MAXIMUM_CALLS) {
    throw new OutOfSteps('calls nested too deeply');
  }
  for (const line of program.lines) {
    const flow = runList(shell, line);
    if (flow !== 'next') {
      return flow;
    }
  }
  if (program.unsupported !== undefined) {
    return lose(shell, program.unsupported);
  }
  if (program.syntaxError === undefined) {
    return 'next';
  }
  write(shell.errors, `${shell.name}: Syntax error: ${program.syntaxError}\n`);
  shell.status = SYNTAX_ERROR;
  return EXIT;
}

/** Nobody can know what this shell does from here on: it may end now, or at any later time. */
function lose(shell: Shell, reason: string): Flow {
  const { run } = shell;
  mayTake(run, Infinity, reason);
  disturb(run, reason);
  write(shell.output, unknownText(reason));
  shell.status = UNKNOWN_STATUS;
  run.unknownStatus = reason;
  return EXIT;
}

/** Runs all of a subshell: whatever way it ends, the shell around it goes on. */
export function runSubshell(inner: Shell, act: () => Flow): Flow {
  return gather(inner, act(), leavesShell);
}

export function runList(shell: Shell, list: List): Flow {
  for (const item of list) {
    const flow = item.background ? runInBackground(shell, item) : runAndOr(shell, item);
    if (flow !== 'next') {
      return flow;
    }
  }
  return 'next';
}

const JOBS_PER_STEP = 4;

/**
 * A background command runs beside the script, and since nothing that one of them does changes the pod that the
 * other sees, it can be run to its end at once, with the clocks put back afterwards.
 */
function runInBackground(shell: Shell, item: AndOr): Flow {
  const { run } = shell;
  const before = { now: run.now, latest: run.latest, effects: run.effects, deadline: run.deadline, overs: run.overs };
  const inner = subshell(shell);
  inner.input = emptyInput();
  run.effects = [];
  run.deadline = run.until;
  run.overs = undefined;
  let flow: Flow;
  try {
    flow = runSubshell(inner, () => runAndOr(inner, { ...item, background: false }));
  } catch (error) {
    run.now = before.now;
    throw error;
  }
  const isOver = flow !== 'next' && flow.kind === 'over';
  const mayBeOver = isOver || run.overs !== undefined;
  if (flow !== 'next' && flow.kind === 'ended') {
    putAside(shell, flow, momentOf(shell));
  }
  const job: Job = {
    id: 5000 + run.jobs.length,
    by: shell,
    endsAt: isOver ? Infinity : run.now,
    endsBy: mayBeOver ? Infinity : run.latest,
    status: inner.status,
    effects: run.effects,
  };
  Object.assign(run, before);
  step(run, run.jobs.length / JOBS_PER_STEP);
  run.jobs = [...run.jobs, job];
  run.version += 1;
  shell.lastJob = job.id;
  shell.status = 0;
  return 'next';
}

/** Runs the one or the other by the status of the command before; both where nobody can know it. */
function byStatus(shell: Shell, yes: () => Flow, no: () => Flow): Flow {
  if (shell.status !== UNKNOWN_STATUS) {
    return shell.status === 0 ? yes() : no();
  }
  return fork(shell, shell.run.unknownStatus, [
    () => {
      shell.status = 0;
      return yes();
    },
    () => {
      shell.status = SOME_FAILURE;
      return no();
    },
  ]);
}

function goOn(): Flow {
  return 'next';
}

function runAndOr(shell: Shell, item: AndOr): Flow {
  if (item.rest.length === 0) {
    return runPipeline(shell, item.first);
  }
  const flow = inCondition(shell, () => runPipeline(shell, item.first));
  return flow === 'next' ? runRest(shell, item, 0) : flow;
}

/** The pipelines behind the first, each only where the status before it asks for it. */
function runRest(shell: Shell, item: AndOr, from: number): Flow {
  for (let index = from; index < item.rest.length; index += 1) {
    const link = item.rest[index];
    if (link === undefined) {
      break;
    }
    if (shell.status === UNKNOWN_STATUS) {
      const go = (): Flow => runLink(shell, item, index);
      const skip = (): Flow => runRest(shell, item, index + 1);
      return link.operator === '&&' ? byStatus(shell, go, skip) : byStatus(shell, skip, go);
    }
    if ((shell.status === 0) === (link.operator === '&&')) {
      return runLink(shell, item, index);
    }
  }
  return 'next';
}

function runLink(shell: Shell, item: AndOr, index: number): Flow {
  const link = item.rest[index];
  if (link === undefined) {
    return 'next';
  }
  if (index === item.rest.length - 1) {
    return runPipeline(shell, link.pipeline);
  }
  const flow = inCondition(shell, () => runPipeline(shell, link.pipeline));
  return flow === 'next' ? runRest(shell, item, index + 1) : flow;
}

/** `set -e` does not act on a command whose status is looked at. */
function inCondition(shell: Shell, act: () => Flow): Flow {
  shell.conditional += 1;
  const flow = act();
  shell.conditional -= 1;
  return flow;
}

function runPipeline(shell: Shell, pipeline: Pipeline): Flow {
  const [first] = pipeline.commands;
  if (first === undefined) {
    return 'next';
  }
  if (pipeline.negate) {
    const flow = inCondition(shell, () => runStages(shell, pipeline, first));
    if (flow === 'next' && shell.status !== UNKNOWN_STATUS) {
      shell.status = shell.status === 0 ? 1 : 0;
    }
    return flow;
  }
  const flow = runStages(shell, pipeline, first);
  if (flow !== 'next' || !shell.options.errexit || shell.conditional > 0 || endsCompound(first, pipeline)) {
    return flow;
  }
  return byStatus(shell, goOn, () => EXIT);
}

/** The commands inside a compound have been judged by `set -e` already, except those of a subshell. */
function endsCompound(first: Command, pipeline: Pipeline): boolean {
  if (pipeline.commands.length > 1) {
    return false;
  }
  return first.type === 'group'
    ? !first.subshell
    : first.type !== 'simple' && first.type !== 'condition' && first.type !== 'arithmetic';
}

function runStages(shell: Shell, pipeline: Pipeline, first: Command): Flow {
  if (pipeline.commands.length === 1) {
    return runCommand(shell, first);
  }
  const { run } = shell;
  const start = { now: run.now, latest: run.latest };
  const end = { ...start };
  let input = shell.input;
  let failed = 0;
  const last = pipeline.commands.length - 1;
  for (let index = 0; index <= last; index += 1) {
    const command = pipeline.commands[index] ?? first;
    const output = index === last ? shell.output : capture(run);
    run.now = start.now;
    run.latest = start.latest;
    const remembered =
      index > 0 && command.type === 'simple' && command.pure ? recall(shell, command, input) : undefined;
    if (remembered !== undefined) {
      write(output, remembered.output);
      shell.status = remembered.status;
      run.unknownStatus = remembered.unknownStatus;
    } else {
      const copy = command.type !== 'simple' || !command.setsNothing || shell.functions.size > 0;
      const stage = subshell(shell, copy);
      stage.input = input;
      stage.output = output;
      const flow = runSubshell(stage, () => runCommand(stage, command));
      if (flow !== 'next') {
        return flow;
      }
      shell.status = stage.status;
    }
    end.now = Math.max(end.now, run.now);
    end.latest = Math.max(end.latest, run.latest);
    if (shell.status !== 0) {
      failed = joinFailures(failed, shell.status);
    }
    if (index < last) {
      stepText(run, output.text);
    }
    input = { text: output.text, position: 0 };
  }
  run.now = end.now;
  run.latest = end.latest;
  if (shell.options.pipefail) {
    shell.status = failed;
  }
  return 'next';
}

/** The status under `pipefail`: the last one that is not 0, as far as that is known. */
function joinFailures(before: number, status: number): number {
  if (status !== UNKNOWN_STATUS) {
    return status;
  }
  return before === 0 || before === UNKNOWN_STATUS ? UNKNOWN_STATUS : SOME_FAILURE;
}

/** The result of a filter that has the same words and the same input as in the round before. */
function recall(shell: Shell, command: SimpleCommand, input: Input): Remembered | undefined {
  const { run } = shell;
  step(run);
  if (shell.functions.has(command.words[0]?.literal ?? '')) {
    return undefined;
  }
  const known = run.remembered.get(command);
  if (known?.input === input.text) {
    return known;
  }
  const output = capture(run);
  const { latest } = run;
  const stage = subshell(shell, false);
  stage.input = input;
  stage.output = output;
  runSubshell(stage, () => runCommand(stage, command));
  const fresh = { input: input.text, output: output.text, status: stage.status, unknownStatus: run.unknownStatus };
  if (run.latest === latest) {
    run.remembered.set(command, fresh);
  }
  return fresh;
}

/** Runs one command; what ends more than the command comes back as its flow. */
export function runCommand(shell: Shell, command: Command): Flow {
  step(shell.run);
  if (shell.lost !== undefined) {
    return lose(shell, shell.lost);
  }
  const { loops, conditional, input, output, errors } = shell;
  try {
    return command.type === 'simple' ? runSimple(shell, command) : runWithRedirections(shell, command);
  } catch (error) {
    Object.assign(shell, { loops, conditional, input, output, errors });
    return flowOf(shell, error);
  }
}

function flowOf(shell: Shell, error: unknown): Flow {
  if (error instanceof TimeUp) {
    return OVER;
  }
  if (error instanceof ContainerEnded) {
    return ENDED;
  }
  if (error instanceof ExpansionProblem) {
    write(shell.errors, `${shell.name}: ${error.message}\n`);
    shell.status = expansionStatus(shell);
    return EXIT;
  }
  if (error instanceof NotUnderstood && !(error instanceof OutOfSteps)) {
    return lose(shell, error.message);
  }
  throw error;
}

function runWithRedirections(shell: Shell, command: Exclude<Command, { type: 'simple' }>): Flow {
  if (command.type === 'function') {
    step(shell.run, shell.functions.size / JOBS_PER_STEP);
    shell.functions = new Map(shell.functions).set(command.name, command.body);
    shell.status = 0;
    return 'next';
  }
  if (command.redirections.length === 0) {
    return runCompound(shell, command);
  }
  const file = doubtfulFile(shell, command.redirections);
  return file === undefined
    ? openAndRun(shell, command)
    : fork(shell, `whether ${file} can be written`, [
        () => openAndRun(shell, command),
        () => {
          shell.status = 1;
          return 'next';
        },
      ]);
}

function openAndRun(shell: Shell, command: Exclude<Command, { type: 'simple' | 'function' }>): Flow {
  const before = { input: shell.input, output: shell.output, errors: shell.errors };
  const finish = redirect(shell, command.redirections);
  if (finish === undefined) {
    Object.assign(shell, before);
    shell.status = 1;
    return 'next';
  }
  const flow = runCompound(shell, command);
  finish();
  Object.assign(shell, before);
  return flow;
}

function runCompound(shell: Shell, command: Exclude<Command, { type: 'simple' | 'function' }>): Flow {
  switch (command.type) {
    case 'group': {
      if (!command.subshell) {
        return runList(shell, command.body);
      }
      const inner = subshell(shell);
      const flow = runSubshell(inner, () => runList(inner, command.body));
      shell.status = inner.status;
      return flow;
    }
    case 'if':
      return runIf(shell, command, 0);
    case 'loop':
      return runLoop(shell, command);
    case 'for':
      return runFor(shell, command);
    case 'counting-for':
      return runCountingFor(shell, command);
    case 'case':
      return runCase(shell, command);
    case 'arithmetic':
      shell.status = arithmeticStatus(shell, command.expression);
      return 'next';
    case 'condition':
      return runCondition(shell, command.condition);
  }
}

function runCondition(shell: Shell, condition: Condition): Flow {
  try {
    shell.status = conditionStatus(shell, condition);
  } catch (error) {
    const why = whyNotUnderstood(error);
    shell.status = UNKNOWN_STATUS;
    shell.run.unknownStatus = why;
  }
  return 'next';
}

function arithmeticStatus(shell: Shell, expression: Word): number {
  const value = arithmeticOrUnknown(shell, expression);
  if (typeof value === 'number') {
    return value === 0 ? 1 : 0;
  }
  shell.run.unknownStatus = value.unknown;
  return UNKNOWN_STATUS;
}

function runIf(shell: Shell, command: IfCommand, index: number): Flow {
  const branch = command.branches[index];
  if (branch === undefined) {
    if (command.otherwise !== undefined) {
      return runList(shell, command.otherwise);
    }
    shell.status = 0;
    return 'next';
  }
  const flow = inCondition(shell, () => runList(shell, branch.condition));
  return flow === 'next'
    ? byStatus(
        shell,
        () => runList(shell, branch.body),
        () => runIf(shell, command, index + 1),
      )
    : flow;
}

/** Every clause that may be the one is a way. */
function runCase(shell: Shell, command: CaseCommand): Flow {
  const text = expandText(shell, command.word);
  const ways: (() => Flow)[] = [];
  for (const { patterns, body } of command.clauses) {
    const fits = patterns.map((pattern) => mayMatch(shell, pattern, text));
    if (fits.every((fit) => fit === false)) {
      continue;
    }
    ways.push(() => {
      if (body.length === 0) {
        shell.status = 0;
      }
      return runList(shell, body);
    });
    if (fits.includes(true)) {
      return fork(shell, unknownReason(text, command.word), ways);
    }
  }
  ways.push(() => {
    shell.status = 0;
    return 'next';
  });
  return fork(shell, unknownReason(text, command.word), ways);
}

function unknownReason(text: string, word: Word): string {
  return isUnknown(text) ? unknownWords(text) : `the pattern of a case on ${word.literal ?? 'a word'}`;
}

/** Whether the text matches; `undefined` where nobody can know. */
function mayMatch(shell: Shell, pattern: Word, text: string): boolean | undefined {
  if (pattern.literal === '*' && !pattern.quoted) {
    return true;
  }
  if (isUnknown(text)) {
    return undefined;
  }
  try {
    return matchesWord(shell, pattern, text);
  } catch (error) {
    whyNotUnderstood(error);
    return undefined;
  }
}

function runLoop(shell: Shell, command: LoopCommand): Flow {
  return runRounds(shell, {
    condition() {
      const flow = inCondition(shell, () => runList(shell, command.condition));
      const left = command.until ? leftByContinue(shell, flow) : flow;
      if (left !== 'next') {
        return left;
      }
      return shell.status === UNKNOWN_STATUS ? 'unknown' : (shell.status === 0) !== command.until;
    },
    body() {
      // There is only another round where the condition ended in the one way.
      if (shell.status === UNKNOWN_STATUS) {
        shell.status = command.until ? SOME_FAILURE : 0;
      }
      return runList(shell, command.body);
    },
  });
}

function runFor(shell: Shell, command: ForCommand): Flow {
  const values = command.words === undefined ? shell.positional : expandWords(shell, command.words);
  const unknown = values.find((value) => isUnknown(value));
  if (unknown !== undefined) {
    // Nobody knows how many words it is, so that the loop has any number of rounds.
    return runRounds(shell, {
      condition() {
        shell.run.unknownStatus = unknownWords(unknown);
        return 'unknown';
      },
      body() {
        setVariable(shell, command.name, unknown);
        return runList(shell, command.body);
      },
    });
  }
  if (values.length === 0) {
    shell.status = 0;
  }
  const { run } = shell;
  const exits: Exits = { moment: undefined };
  const timeless = new TimelessRounds();
  const end = (flow: Flow): Flow => {
    shell.loops -= 1;
    timeless.settle(run);
    return leave(shell, exits, flow);
  };
  shell.loops += 1;
  for (const value of values) {
    step(run);
    const { now: start, version, clockLooks } = run;
    setVariable(shell, command.name, value);
    const result = runRound(shell, exits, () => runList(shell, command.body));
    if (result !== undefined) {
      return end(result);
    }
    timeless.add(run, { start, version, clockLooks });
  }
  return end('next');
}

function runCountingFor(shell: Shell, command: CountingForCommand): Flow {
  arithmeticOrUnknown(shell, command.first);
  let isFirst = true;
  return runRounds(shell, {
    condition() {
      if (isFirst) {
        // This round counts nothing yet, so that it is not one that the others repeat.
        shell.run.version += 1;
      } else {
        arithmeticOrUnknown(shell, command.next);
      }
      isFirst = false;
      const value = arithmeticOrUnknown(shell, command.condition);
      if (typeof value === 'number') {
        return value !== 0;
      }
      shell.run.unknownStatus = value.unknown;
      return 'unknown';
    },
    body: () => runList(shell, command.body),
  });
}
