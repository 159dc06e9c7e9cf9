import type {
  AndOr,
  Command,
  CountingForCommand,
  ForCommand,
  List,
  LoopCommand,
  Pipeline,
  Program,
  SimpleCommand,
} from './ast.ts';
import { arithmeticValue, ExpansionProblem, expandText, expandWords, matchesWord } from './expand.ts';
import { redirect } from './redirect.ts';
import { runSimple } from './simple-command.ts';
import type { Flow, Input, Job, Remembered, Shell } from './run-state.ts';
import {
  advanceTo,
  capture,
  demandKnown,
  emptyInput,
  MAXIMUM_CALLS,
  NotUnderstood,
  nowhere,
  setVariable,
  step,
  stepText,
  subshell,
  TimeUp,
  UNKNOWN_STATUS,
  write,
} from './run-state.ts';
import { conditionStatus } from './test-expression.ts';

const EXIT: Flow = { kind: 'exit' };

const SYNTAX_ERROR = 2;

/** Status of a shell in which an expansion failed. */
function expansionStatus(shell: Shell): number {
  return shell.dialect === 'bash' ? 1 : 2;
}

/** Runs a program in this shell. */
export function runProgram(shell: Shell, program: Program): Flow {
  if (shell.depth > MAXIMUM_CALLS) {
    throw new NotUnderstood('calls nested too deeply');
  }
  try {
    for (const line of program.lines) {
      const flow = runList(shell, line);
      if (flow !== 'next') {
        return flow;
      }
    }
  } catch (error) {
    if (!(error instanceof ExpansionProblem)) {
      throw error;
    }
    write(shell.errors, `${shell.name}: ${error.message}\n`);
    shell.status = expansionStatus(shell);
    return EXIT;
  }
  if (program.unsupported !== undefined) {
    throw new NotUnderstood(program.unsupported);
  }
  if (program.syntaxError === undefined) {
    return 'next';
  }
  write(shell.errors, `${shell.name}: Syntax error: ${program.syntaxError}\n`);
  shell.status = SYNTAX_ERROR;
  return EXIT;
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

/**
 * A background command runs beside the script, and since nothing that one of them does changes the pod that the
 * other sees, it can be run to its end at once, with the clock put back afterwards.
 */
function runInBackground(shell: Shell, item: AndOr): Flow {
  const { run } = shell;
  const before = { now: run.now, effects: run.effects, deadline: run.deadline };
  const inner = subshell(shell);
  inner.input = emptyInput();
  const effects: Shell['run']['effects'] = [];
  run.effects = effects;
  run.deadline = run.until;
  let endsAt = Infinity;
  try {
    asSubshell(inner, () => runAndOr(inner, { ...item, background: false }));
    endsAt = run.now;
  } catch (error) {
    if (!(error instanceof TimeUp)) {
      throw error;
    }
  } finally {
    run.now = before.now;
    run.effects = before.effects;
    run.deadline = before.deadline;
  }
  const job: Job = { id: 5000 + run.jobs.length, endsAt, status: inner.status, effects };
  run.jobs.push(job);
  run.version += 1;
  shell.lastJob = job.id;
  shell.status = 0;
  return 'next';
}

function truth(shell: Shell): boolean {
  if (shell.status === UNKNOWN_STATUS) {
    throw new NotUnderstood(shell.run.unknownStatus);
  }
  return shell.status === 0;
}

function runAndOr(shell: Shell, item: AndOr): Flow {
  if (item.rest.length === 0) {
    return runPipeline(shell, item.first);
  }
  let flow = inCondition(shell, () => runPipeline(shell, item.first));
  for (const [index, { operator, pipeline }] of item.rest.entries()) {
    if (flow !== 'next') {
      return flow;
    }
    if (truth(shell) !== (operator === '&&')) {
      continue;
    }
    const last = index === item.rest.length - 1;
    flow = last ? runPipeline(shell, pipeline) : inCondition(shell, () => runPipeline(shell, pipeline));
  }
  return flow;
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
    if (flow !== 'next') {
      return flow;
    }
    shell.status = truth(shell) ? 1 : 0;
    return 'next';
  }
  const flow = runStages(shell, pipeline, first);
  if (flow !== 'next' || !shell.options.errexit || shell.conditional > 0) {
    return flow;
  }
  return truth(shell) || endsCompound(first, pipeline) ? 'next' : EXIT;
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
  const start = run.now;
  let end = start;
  let input = shell.input;
  let failed = 0;
  const last = pipeline.commands.length - 1;
  for (let index = 0; index <= last; index += 1) {
    const command = pipeline.commands[index] ?? first;
    const output = index === last ? shell.output : capture(run);
    const remembered =
      index > 0 && command.type === 'simple' && command.pure ? recall(shell, command, input) : undefined;
    if (remembered !== undefined) {
      write(output, remembered.output);
      shell.status = remembered.status;
    } else {
      const copy = command.type !== 'simple' || !command.setsNothing || shell.functions.size > 0;
      const stage = subshell(shell, copy);
      stage.input = input;
      stage.output = output;
      run.now = start;
      asSubshell(stage, () => runCommand(stage, command));
      if (run.now > end) {
        end = run.now;
      }
      shell.status = stage.status;
    }
    if (shell.status !== 0) {
      failed = shell.status;
    }
    if (index < last) {
      stepText(run, output.text);
    }
    input = { text: output.text, position: 0 };
  }
  advanceTo(run, end);
  run.now = end;
  if (shell.options.pipefail) {
    shell.status = failed;
  }
  return 'next';
}

/** A failed expansion ends the subshell that it happens in, not the one around it. */
function asSubshell(shell: Shell, act: () => Flow): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof ExpansionProblem)) {
      throw error;
    }
    shell.status = expansionStatus(shell);
  }
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
  const stage = subshell(shell, false);
  stage.input = input;
  stage.output = output;
  runCommand(stage, command);
  const fresh = { input: input.text, output: output.text, status: stage.status };
  run.remembered.set(command, fresh);
  return fresh;
}

export function runCommand(shell: Shell, command: Command): Flow {
  step(shell.run);
  if (command.type === 'simple') {
    return runSimple(shell, command);
  }
  if (command.type === 'function') {
    shell.functions.set(command.name, command.body);
    shell.status = 0;
    return 'next';
  }
  if (command.redirections.length === 0) {
    return runCompound(shell, command);
  }
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
      asSubshell(inner, () => runList(inner, command.body));
      shell.status = inner.status;
      return 'next';
    }
    case 'if': {
      for (const { condition, body } of command.branches) {
        const flow = inCondition(shell, () => runList(shell, condition));
        if (flow !== 'next') {
          return flow;
        }
        if (truth(shell)) {
          return runList(shell, body);
        }
      }
      if (command.otherwise !== undefined) {
        return runList(shell, command.otherwise);
      }
      shell.status = 0;
      return 'next';
    }
    case 'loop':
      return runLoop(shell, command);
    case 'for':
      return runFor(shell, command);
    case 'counting-for':
      return runCountingFor(shell, command);
    case 'case': {
      const text = demandKnown(expandText(shell, command.word));
      const clause = command.clauses.find(({ patterns }) =>
        patterns.some((pattern) => matchesWord(shell, pattern, text)),
      );
      if (clause === undefined || clause.body.length === 0) {
        shell.status = 0;
      }
      return clause === undefined ? 'next' : runList(shell, clause.body);
    }
    case 'arithmetic':
      shell.status = arithmeticValue(shell, command.expression) === 0 ? 1 : 0;
      return 'next';
    case 'condition':
      shell.status = conditionStatus(shell, command.condition);
      return 'next';
  }
}

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

function runLoop(shell: Shell, command: LoopCommand): Flow {
  const { run } = shell;
  let status = 0;
  let busyRounds = 0;
  shell.loops += 1;
  try {
    for (;;) {
      step(run);
      const start = run.now;
      const { version } = run;
      const flow = inCondition(shell, () => runList(shell, command.condition));
      if (flow !== 'next') {
        return leaveLoop(flow);
      }
      if (truth(shell) === command.until) {
        shell.status = status;
        return 'next';
      }
      const result = afterBody(runList(shell, command.body));
      if (result !== undefined) {
        return result;
      }
      ({ status } = shell);
      if (run.now > start) {
        busyRounds = 0;
      } else {
        busyRounds += 1;
        if (busyRounds > FREE_ROUNDS) {
          advanceTo(run, run.now + busyCost(busyRounds));
        }
      }
      // Nothing that this round depended on can change any more: it repeats itself for ever.
      if (start >= run.steadyFrom && version === run.version && shell.input.text === '') {
        advanceTo(run, Infinity);
      }
    }
  } finally {
    shell.loops -= 1;
  }
}

/** `break` inside the condition of a loop leaves that loop. */
function leaveLoop(flow: Flow): Flow {
  return afterBody(flow) ?? 'next';
}

function runFor(shell: Shell, command: ForCommand): Flow {
  const values = command.words === undefined ? shell.positional : expandWords(shell, command.words);
  if (values.length === 0) {
    shell.status = 0;
  }
  shell.loops += 1;
  for (const value of values) {
    step(shell.run);
    setVariable(shell, command.name, value);
    const result = afterBody(runList(shell, command.body));
    if (result !== undefined) {
      shell.loops -= 1;
      return result;
    }
  }
  shell.loops -= 1;
  return 'next';
}

function runCountingFor(shell: Shell, command: CountingForCommand): Flow {
  arithmeticValue(shell, command.first);
  shell.status = 0;
  shell.loops += 1;
  while (arithmeticValue(shell, command.condition) !== 0) {
    step(shell.run);
    const result = afterBody(runList(shell, command.body));
    if (result !== undefined) {
      shell.loops -= 1;
      return result;
    }
    arithmeticValue(shell, command.next);
  }
  shell.loops -= 1;
  return 'next';
}

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
    ...from,
  };
}
