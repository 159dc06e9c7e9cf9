import { evaluateArithmetic } from './arithmetic.ts';
import { fork, joinStatus } from './branches.ts';
import { ExpansionProblem, mayEndShell, splitFields } from './expand.ts';
import { readScript } from './parse.ts';
import type { Flow, Shell } from './run-state.ts';
import {
  advanceTo,
  demandKnown,
  isUnknown,
  mayTake,
  NotUnderstood,
  setVariable,
  step,
  UNKNOWN_STATUS,
  unknownText,
  unknownWords,
  write,
} from './run-state.ts';
import { testStatus } from './test-expression.ts';
import { isFound, runTool } from '../tools/index.ts';
import { formatPrintf } from '../tools/printf.ts';

type Builtin = (shell: Shell, words: readonly string[]) => Flow;

const EXIT: Flow = { kind: 'exit' };
const RETURN: Flow = { kind: 'return' };

/** Status of a `return` that bash refuses. */
const OUTSIDE_OF_FUNCTION = 2;

/** They are in every image that has a shell, and every user may enter them. */
const FOLDERS = /^(\/|\/tmp|\/dev|\/etc|\/usr|\.|\.\/)$/;

function changeFolder(shell: Shell, words: readonly string[]): Flow {
  const target = words.at(-1) ?? '';
  shell.status = FOLDERS.test(target) ? 0 : UNKNOWN_STATUS;
  shell.run.unknownStatus = `the result of ${words.join(' ').slice(0, 120)}`;
  return 'next';
}

/** It lists the background commands that still run. */
function jobs(shell: Shell, words: readonly string[]): Flow {
  shell.status = 0;
  if (shell.run.jobs.length > 0) {
    write(shell.output, unknownText(`the output of ${words.join(' ').slice(0, 120)}`));
  }
  return 'next';
}

function always(status: number): Builtin {
  return (shell) => {
    shell.status = status;
    return 'next';
  };
}

function bracket(shell: Shell, words: readonly string[]): Flow {
  if (words.at(-1) === ']') {
    shell.status = testStatus(shell, words.slice(1, -1));
  } else {
    write(shell.errors, `${shell.name}: [: missing ]\n`);
    shell.status = 2;
  }
  return 'next';
}

function leave(kind: 'break' | 'continue'): Builtin {
  return (shell, words) => {
    shell.status = 0;
    if (shell.loops === 0) {
      return 'next';
    }
    return { kind, levels: Math.min(shell.loops, Math.max(1, Number(words[1] ?? 1) || 1)) };
  };
}

function exit(shell: Shell, words: readonly string[]): Flow {
  takeStatus(shell, words);
  return EXIT;
}

/**
 * Outside of a function dash ends the script, and bash fails and goes on; a `sh` that is bash ends it, unless somebody
 * looks at the status.
 */
function returnFrom(shell: Shell, words: readonly string[]): Flow {
  takeStatus(shell, words);
  if (shell.locals !== undefined || shell.dialect === 'dash') {
    return RETURN;
  }
  const { run, status } = shell;
  shell.status = OUTSIDE_OF_FUNCTION;
  if (shell.dialect === 'bash') {
    return 'next';
  }
  const reason = `${words.join(' ')} outside of a function (shells differ)`;
  if (shell.conditional === 0) {
    shell.status = joinStatus(status, OUTSIDE_OF_FUNCTION);
    run.unknownStatus = status < 0 ? run.unknownStatus : reason;
    return RETURN;
  }
  const { unknownStatus } = run;
  return fork(shell, reason, [
    () => 'next',
    () => {
      shell.status = status;
      run.unknownStatus = unknownStatus;
      return RETURN;
    },
  ]);
}

function takeStatus(shell: Shell, words: readonly string[]): void {
  const [, status] = words;
  if (status === undefined) {
    return;
  }
  if (isUnknown(status)) {
    shell.run.unknownStatus = unknownWords(status);
  }
  const number = Number(isUnknown(status) ? NaN : status);
  shell.status = isUnknown(status) ? UNKNOWN_STATUS : Number.isInteger(number) ? number & 255 : 2;
}

function assignAll(shell: Shell, words: readonly string[]): Flow {
  for (const word of words.slice(1)) {
    const match = /^([A-Za-z_]\w*)=(.*)$/s.exec(word);
    if (match?.[1] !== undefined) {
      setVariable(shell, match[1], match[2] ?? '');
    } else if (/^-[aAnfi]/.test(word)) {
      throw new NotUnderstood(words.join(' '));
    }
  }
  shell.status = 0;
  return 'next';
}

/** An error at which dash ends the script and bash goes on. */
function fail(shell: Shell, message: string): Flow {
  write(shell.errors, `${shell.name}: ${message}\n`);
  if (shell.dialect === 'unknown') {
    mayEndShell(shell, `${message} (dash ends the script)`);
  }
  shell.status = shell.dialect === 'dash' ? 2 : 1;
  return shell.dialect === 'dash' ? EXIT : 'next';
}

function local(shell: Shell, words: readonly string[]): Flow {
  if (shell.locals === undefined) {
    return fail(shell, 'local: not in a function');
  }
  for (const word of words.slice(1)) {
    const [name = ''] = word.split('=');
    if (!shell.locals.has(name)) {
      shell.locals.set(name, shell.variables.get(name));
    }
  }
  return assignAll(shell, words);
}

/**
 * dash of Ubuntu 24.04 (0.5.12), which the proxy image has as sh, knows no pipefail and ends the script at this
 * point; bash and busybox know it.
 */
function set(shell: Shell, words: readonly string[]): Flow {
  shell.status = 0;
  for (let index = 1; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word === '--' || !/^[-+]/.test(word)) {
      shell.positional = words.slice(word === '--' ? index + 1 : index);
      return 'next';
    }
    const on = word.startsWith('-');
    for (const letter of word.slice(1)) {
      if (letter === 'o') {
        index += 1;
        if (!setOption(shell, words[index] ?? '', on)) {
          return EXIT;
        }
      } else {
        setLetter(shell, letter, on);
      }
    }
  }
  return 'next';
}

function switchOption(shell: Shell, name: keyof Shell['options'], on: boolean): void {
  if (shell.options[name] !== on) {
    shell.options[name] = on;
    shell.run.version += 1;
  }
}

export function setLetter(shell: Shell, letter: string, on: boolean): void {
  if (letter === 'e') {
    switchOption(shell, 'errexit', on);
  }
  if (letter === 'u') {
    switchOption(shell, 'nounset', on);
  }
  if (letter === 'n') {
    throw new NotUnderstood('set -n');
  }
}

export function setOption(shell: Shell, name: string, on: boolean): boolean {
  if (name === 'errexit' || name === 'nounset') {
    switchOption(shell, name, on);
  } else if (name === 'pipefail') {
    if (shell.dialect === 'dash') {
      write(shell.errors, `${shell.name}: set: Illegal option -o pipefail\n`);
      shell.status = 2;
      return false;
    }
    if (shell.dialect === 'unknown') {
      mayEndShell(shell, 'set -o pipefail (dash has none)');
    }
    switchOption(shell, 'pipefail', on);
  }
  return true;
}

function shift(shell: Shell, words: readonly string[]): Flow {
  const count = Math.max(0, Number(words[1] ?? 1) || 0);
  if (count > shell.positional.length) {
    return fail(shell, "shift: can't shift that many");
  }
  shell.positional = shell.positional.slice(count);
  shell.status = 0;
  return 'next';
}

function unset(shell: Shell, words: readonly string[]): Flow {
  for (const name of words.slice(1)) {
    if (shell.functions.has(name)) {
      shell.functions = new Map([...shell.functions].filter(([other]) => other !== name));
    }
    if (shell.variables.has(name)) {
      shell.run.version += 1;
    }
    shell.variables.delete(name);
    // The container's own variable of that name must not come back; whether "" or nothing is there, few scripts tell.
    if (/^[A-Z_][A-Z0-9_]*$/.test(name) && name !== 'IFS') {
      setVariable(shell, name, unknownText(`$${name} once it is unset`));
    }
  }
  shell.status = 0;
  return 'next';
}

function evaluate(shell: Shell, words: readonly string[]): Flow {
  const text = demandKnown(words.slice(1).join(' '));
  shell.status = 0;
  shell.depth += 1;
  const flow = shell.run.machine.runProgram(shell, readScript(shell.run, text, shell.dialect));
  shell.depth -= 1;
  return flow;
}

function execute(shell: Shell, words: readonly string[]): Flow {
  if (words.length === 1) {
    shell.status = 0;
    return 'next';
  }
  shell.status = runTool(shell, words.slice(1));
  return EXIT;
}

function trap(shell: Shell, words: readonly string[]): Flow {
  const signals = words.slice(2);
  // Those of bash come after any command; signals do not reach a hook.
  if (signals.some((signal) => /^(ERR|DEBUG|RETURN)$/.test(signal))) {
    throw new NotUnderstood(words.join(' '));
  }
  if (signals.includes('EXIT') || signals.includes('0')) {
    shell.exitTrap = words[1] === '-' ? '' : (words[1] ?? '');
    shell.run.version += 1;
  }
  shell.status = 0;
  return 'next';
}

function wait(shell: Shell, words: readonly string[]): Flow {
  const { run } = shell;
  const ids = words.slice(1);
  if (ids.some((id) => id.startsWith('-'))) {
    throw new NotUnderstood(words.join(' '));
  }
  step(run, run.jobs.length);
  if (ids.some(isUnknown)) {
    mayTake(run, Infinity, unknownWords(ids.find(isUnknown) ?? ''));
    shell.status = UNKNOWN_STATUS;
    run.unknownStatus = 'the result of wait';
    return 'next';
  }
  // Nobody waits for the jobs of another shell, such as those of a subshell that is over.
  const jobs = run.jobs.filter(
    (job) => (ids.length === 0 || ids.includes(String(job.id))) && (job.by === undefined || job.by === shell),
  );
  let until = run.now;
  let { latest } = run;
  for (const job of jobs) {
    until = Math.max(until, job.by === undefined ? run.now : job.endsAt);
    latest = Math.max(latest, job.endsBy);
  }
  if (until > run.deadline || until === Infinity) {
    advanceTo(run, until);
  }
  run.now = until;
  run.latest = latest;
  run.version += 1;
  shell.status = ids.length === 0 ? 0 : (jobs.at(-1)?.status ?? 127);
  if (shell.status < 0) {
    run.unknownStatus = 'the result of a background command';
  }
  return 'next';
}

function read(shell: Shell, words: readonly string[]): Flow {
  const names: string[] = [];
  for (let index = 1; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word === '-r' || word === '-s') {
      continue;
    }
    if (word === '-t' || word === '-p') {
      index += 1;
    } else if (word.startsWith('-')) {
      throw new NotUnderstood(words.join(' '));
    } else {
      names.push(word);
    }
  }
  const { input } = shell;
  if (isUnknown(input.text)) {
    for (const name of names.length === 0 ? ['REPLY'] : names) {
      setVariable(shell, name, unknownText(unknownWords(input.text)));
    }
    shell.status = UNKNOWN_STATUS;
    shell.run.unknownStatus = unknownWords(input.text);
    return 'next';
  }
  const from = input.text.indexOf('\n', input.position);
  const end = from < 0 ? input.text.length : from;
  // The hook has no standard input of its own, so that `read -t 5` at the top does not wait.
  shell.status = from < 0 ? 1 : 0;
  const line = input.text.slice(input.position, end);
  step(shell.run, (line.length * (names.length + 1)) / LOOKS_PER_STEP);
  input.position = from < 0 ? end : end + 1;
  assignFields(shell, names.length === 0 ? ['REPLY'] : names, line);
  return 'next';
}

function assignFields(shell: Shell, names: readonly string[], line: string): void {
  const separators = shell.variables.get('IFS') ?? ' \t\n';
  let rest = line;
  for (const [index, name] of names.entries()) {
    const last = index === names.length - 1;
    rest = trimStart(rest, separators);
    if (last) {
      setVariable(shell, name, trimEnd(rest, separators));
      return;
    }
    const { pieces } = splitFields(rest, separators);
    const piece = pieces[0] ?? '';
    setVariable(shell, name, piece);
    rest = rest.slice(piece.length);
    if (rest !== '' && !' \t\n'.includes(rest.charAt(0))) {
      rest = rest.slice(1);
    }
  }
}

function trimStart(text: string, separators: string): string {
  let start = 0;
  while (start < text.length && ' \t\n'.includes(text.charAt(start)) && separators.includes(text.charAt(start))) {
    start += 1;
  }
  return text.slice(start);
}

function trimEnd(text: string, separators: string): string {
  let stop = text.length;
  while (stop > 0 && ' \t\n'.includes(text.charAt(stop - 1)) && separators.includes(text.charAt(stop - 1))) {
    stop -= 1;
  }
  return text.slice(0, stop);
}

/** How many looks at a character a step pays for. */
const LOOKS_PER_STEP = 64;

const KEYWORDS = new Set(['if', 'while', 'until', 'for', 'case', '{', '!']);

/** `command -v x`, `type x`, `hash x`; `command x` runs x, but no function of that name. */
function command(shell: Shell, words: readonly string[]): Flow {
  const [, option, ...names] = words;
  if (option === '-v' || option === '-V') {
    return find(shell, names);
  }
  if (option === undefined) {
    shell.status = 0;
    return 'next';
  }
  const rest = words.slice(1);
  const builtin = builtins.get(option);
  if (builtin !== undefined) {
    return builtin(shell, rest);
  }
  shell.status = runTool(shell, rest);
  return 'next';
}

function find(shell: Shell, names: readonly string[]): Flow {
  shell.status = names.length === 0 ? 1 : 0;
  for (const raw of names) {
    const name = demandKnown(raw);
    if (shell.functions.has(name) || builtins.has(name) || KEYWORDS.has(name)) {
      write(shell.output, `${name}\n`);
      continue;
    }
    if (isFound(shell, name)) {
      write(shell.output, name.includes('/') ? `${name}\n` : `/usr/bin/${name}\n`);
    } else {
      shell.status = shell.dialect === 'dash' ? 127 : 1;
    }
  }
  return 'next';
}

function type(shell: Shell, words: readonly string[]): Flow {
  return find(
    shell,
    words.slice(1).filter((word) => !word.startsWith('-')),
  );
}

function letValue(shell: Shell, words: readonly string[]): Flow {
  if (shell.dialect !== 'bash') {
    shell.status = runTool(shell, words);
    return 'next';
  }
  let value = 0;
  for (const text of words.slice(1)) {
    try {
      value = evaluateArithmetic(demandKnown(text), {
        dialect: shell.dialect,
        get: (name) => demandKnown(shell.variables.get(name) ?? ''),
        set: (name, next) => {
          setVariable(shell, name, next);
        },
      });
    } catch (error) {
      if (error instanceof NotUnderstood || !(error instanceof Error)) {
        throw error;
      }
      throw new ExpansionProblem(error.message);
    }
  }
  shell.status = value === 0 ? 1 : 0;
  return 'next';
}

/** `printf -v name` of bash sets a variable; others print an error, or the text. */
function print(shell: Shell, words: readonly string[]): Flow {
  const [, option, name = '', ...rest] = words;
  if (option !== '-v' || shell.dialect === 'dash') {
    shell.status = option === '-v' ? 2 : runTool(shell, words);
    return 'next';
  }
  const known = shell.dialect === 'bash' && !words.some(isUnknown) ? formatPrintf(shell.run, rest) : undefined;
  const reason = shell.dialect === 'bash' ? words.join(' ') : 'printf -v (bash has it, other shells do not)';
  setVariable(shell, name, known ?? unknownText(reason));
  shell.status = known === undefined ? UNKNOWN_STATUS : 0;
  shell.run.unknownStatus = reason;
  return 'next';
}

function notModelled(_shell: Shell, words: readonly string[]): Flow {
  throw new NotUnderstood(words.join(' '));
}

/** Killing a job of one's own ends it; every other `kill` is the tool of that name. */
function kill(shell: Shell, words: readonly string[]): Flow {
  step(shell.run, shell.run.jobs.length);
  const ids = words.slice(1).filter((word) => !word.startsWith('-') && !/^[A-Z]+$/.test(word));
  const jobs = shell.run.jobs.filter((job) => ids.includes(String(job.id)));
  if (jobs.length === 0 || jobs.length < ids.length) {
    shell.status = runTool(shell, words);
    return 'next';
  }
  const { run } = shell;
  const { now, latest } = run;
  run.version += 1;
  run.clockLooks += 1;
  const live = jobs.map((job) => (job.endsAt > latest ? true : job.endsBy <= now ? false : undefined));
  shell.status = live.includes(false) ? 1 : live.includes(undefined) ? UNKNOWN_STATUS : 0;
  run.unknownStatus = 'whether a background command still runs';
  if (words[1] === '-0') {
    return 'next';
  }
  run.jobs = run.jobs.map((job) =>
    jobs.includes(job)
      ? { ...job, endsAt: Math.min(job.endsAt, now), endsBy: Math.min(job.endsBy, latest), status: UNKNOWN_STATUS }
      : job,
  );
  return 'next';
}

/** Builtins that change nothing of the shell itself. */
export const keepsShell: ReadonlySet<string> = new Set(['[', 'test', 'command', 'type', 'hash', 'kill', 'wait']);

export const builtins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  [':', always(0)],
  ['true', always(0)],
  ['false', always(1)],
  ['umask', always(0)],
  ['ulimit', always(0)],
  ['cd', changeFolder],
  ['shopt', always(0)],
  ['alias', always(0)],
  ['jobs', jobs],
  ['disown', always(0)],
  ['[', bracket],
  [
    'test',
    (shell, words) => {
      shell.status = testStatus(shell, words.slice(1));
      return 'next';
    },
  ],
  ['break', leave('break')],
  ['continue', leave('continue')],
  ['exit', exit],
  ['return', returnFrom],
  ['export', assignAll],
  ['readonly', assignAll],
  ['local', local],
  ['declare', assignAll],
  ['typeset', assignAll],
  ['set', set],
  ['shift', shift],
  ['unset', unset],
  ['eval', evaluate],
  ['exec', execute],
  ['trap', trap],
  ['wait', wait],
  ['read', read],
  ['command', command],
  ['type', type],
  ['hash', type],
  ['let', letValue],
  ['kill', kill],
  ['printf', print],
  ['.', notModelled],
  ['source', notModelled],
  ['getopts', notModelled],
  ['mapfile', notModelled],
  ['readarray', notModelled],
]);
