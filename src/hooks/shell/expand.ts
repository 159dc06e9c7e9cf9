import type { CommandPart, ParameterPart, TextPart, Word, WordPart } from './ast.ts';
import { ArithmeticProblem, evaluateArithmetic } from './arithmetic.ts';
import { gather, joinStatus, leavesShell, momentOf, putAside } from './branches.ts';
import type { Charge, PatternItem } from './glob.ts';
import { compilePattern, matchesPattern, withoutMatch } from './glob.ts';
import { literalWord } from './parse-word.ts';
import type { Run, Shell } from './run-state.ts';
import {
  capture,
  ContainerEnded,
  demandKnown,
  demandSize,
  isClockUnknown,
  isUnknown,
  NotUnderstood,
  setVariable,
  SOME_FAILURE,
  step,
  stepText,
  subshell,
  TIME_UP,
  UNKNOWN_STATUS,
  unknownText,
  unknownWords,
  whyNotUnderstood,
} from './run-state.ts';

/** The shell ends with this status in the middle of an expansion: `${x?}`, `set -u`, a bad number. */
export class ExpansionProblem extends Error {}

const DEFAULT_SEPARATORS = ' \t\n';

/** The kernel bounds the arguments of a program as well. */
const MAXIMUM_FIELDS = 20_000;

/** How many looks at a character a step pays for. */
const LOOKS_PER_STEP = 64;

/** An arithmetic expression of so many characters costs a step, a longer one a step for each. */
const SHORT_ARITHMETIC = 20;

/** The fields that words become, as arguments of a command. */
export function expandWords(shell: Shell, words: readonly Word[]): string[] {
  const fields: string[] = [];
  for (const word of words) {
    step(shell.run, 1 / LOOKS_PER_STEP);
    if (word.literal !== undefined) {
      if (word.quoted || word.literal !== '') {
        fields.push(word.literal);
      }
    } else {
      expandFields(shell, word, fields);
    }
  }
  if (fields.length > MAXIMUM_FIELDS) {
    throw new NotUnderstood('a command of so many words');
  }
  step(shell.run, fields.length / LOOKS_PER_STEP);
  return fields;
}

/** The text that a word becomes where it is not split: assignments, redirections, `case`, quotes. */
export function expandText(shell: Shell, word: Word): string {
  if (word.literal !== undefined) {
    return word.literal;
  }
  let text = '';
  for (const part of word.parts) {
    text += partText(shell, part);
    demandSize(text);
  }
  stepText(shell.run, text);
  return text;
}

/** The field being built; `undefined` where none has begun. */
interface Fields {
  readonly done: string[];
  current: string | undefined;
}

function expandFields(shell: Shell, word: Word, fields: string[]): void {
  const state: Fields = { done: fields, current: undefined };
  expandParts(shell, word.parts, state, false);
  // "$@" without parameters is no word at all, although quotes stand around it.
  if (state.current === '' && isOnlyAllParameters(word, shell)) {
    return;
  }
  if (state.current !== undefined) {
    fields.push(state.current);
  }
}

function expandParts(shell: Shell, parts: readonly WordPart[], state: Fields, splitText: boolean): void {
  for (const part of parts) {
    if (part.type === 'parameter' && part.name === '@' && part.quoted && part.operator === '') {
      step(shell.run, shell.positional.length);
      for (const [index, value] of shell.positional.entries()) {
        stepText(shell.run, value);
        if (index > 0) {
          endField(state);
        }
        state.current = (state.current ?? '') + value;
      }
      continue;
    }
    if (part.quoted || (part.type === 'text' && !splitText)) {
      const text = partText(shell, part);
      stepText(shell.run, text);
      state.current = (state.current ?? '') + text;
      demandSize(state.current);
      continue;
    }
    const chosen = part.type === 'parameter' ? chosenArgument(shell, part) : undefined;
    if (chosen !== undefined) {
      expandParts(shell, chosen.parts, state, true);
    } else {
      const text = partText(shell, part);
      const separators = shell.variables.get('IFS') ?? DEFAULT_SEPARATORS;
      step(shell.run, (text.length * (1 + separators.length)) / LOOKS_PER_STEP);
      addSplit(state, splitFields(text, separators));
    }
  }
}

function endField(state: Fields): void {
  if (state.current !== undefined) {
    state.done.push(state.current);
  }
  state.current = undefined;
}

function addSplit(state: Fields, split: Split): void {
  if (split.leading) {
    endField(state);
  }
  for (const [index, piece] of split.pieces.entries()) {
    if (index > 0) {
      state.done.push(state.current ?? '');
      state.current = undefined;
    }
    state.current = (state.current ?? '') + piece;
  }
  if (split.trailing) {
    endField(state);
  }
}

/** The word of `${x:-word}` and `${x:+word}` where it is what the parameter becomes: quotes inside it keep their meaning. */
function chosenArgument(shell: Shell, part: ParameterPart): Word | undefined {
  const { operator, argument } = part;
  if (argument === undefined || argument.quoted === false || !/^:?[-+]$/.test(operator)) {
    return undefined;
  }
  const value = variable(shell, part.name);
  if (value !== undefined && isUnknown(value)) {
    return undefined;
  }
  const empty = operator.startsWith(':') ? value === undefined || value === '' : value === undefined;
  return operator.endsWith('-') === empty ? argument : undefined;
}

function isOnlyAllParameters(word: Word, shell: Shell): boolean {
  return (
    shell.positional.length === 0 &&
    word.parts.every(
      (part) => (part.type === 'text' && part.text === '') || (part.type === 'parameter' && part.name === '@'),
    )
  );
}

interface Split {
  readonly leading: boolean;
  readonly pieces: readonly string[];
  readonly trailing: boolean;
}

export function splitFields(text: string, separators: string): Split {
  if (text === '') {
    return { leading: false, pieces: [], trailing: false };
  }
  const pieces: string[] = [];
  let piece: string | undefined;
  let leading = false;
  let afterSpace = false;
  for (const character of text) {
    if (!separators.includes(character)) {
      if (afterSpace && piece !== undefined) {
        pieces.push(piece);
        piece = undefined;
      }
      afterSpace = false;
      piece = (piece ?? '') + character;
    } else if (DEFAULT_SEPARATORS.includes(character)) {
      if (piece === undefined && pieces.length === 0) {
        leading = true;
      }
      afterSpace = true;
    } else {
      pieces.push(piece ?? '');
      piece = undefined;
      afterSpace = false;
    }
  }
  if (piece !== undefined) {
    pieces.push(piece);
  }
  return { leading, pieces, trailing: piece === undefined || afterSpace };
}

/** The text of a part; unknown text where the interpreter does not understand it. */
function partText(shell: Shell, part: WordPart): string {
  if (part.type === 'text') {
    return part.text;
  }
  try {
    return expandedText(shell, part);
  } catch (error) {
    return unknownText(whyNotUnderstood(error));
  }
}

function expandedText(shell: Shell, part: Exclude<WordPart, TextPart>): string {
  switch (part.type) {
    case 'parameter':
      return parameterText(shell, part);
    case 'command':
      return substitution(shell, part);
    case 'arithmetic': {
      const value = arithmeticOrUnknown(shell, part.expression);
      return typeof value === 'number' ? String(value) : unknownText(value.unknown);
    }
  }
}

function substitution(shell: Shell, part: CommandPart): string {
  const { run } = shell;
  const output = capture(run);
  const inner = subshell(shell, !part.program.leavesVariables);
  inner.output = output;
  step(run);
  const flow = gather(inner, run.machine.runProgram(inner, part.program), leavesShell);
  if (flow !== 'next') {
    throw flow.kind === 'over' ? TIME_UP : new ContainerEnded('the proxy was told to quit');
  }
  stepText(run, output.text);
  shell.substituted = inner.status;
  showStatus(shell, inner.status);
  return withoutTrailingNewlines(output.text);
}

/** bash shows it in $? at once, dash only when the command around it is done. */
function showStatus(shell: Shell, status: number): void {
  if (shell.dialect === 'dash' || shell.status === status) {
    return;
  }
  if (shell.dialect === 'unknown' && status !== UNKNOWN_STATUS) {
    shell.run.unknownStatus = '$(...) before the command around it is done (shells differ)';
  }
  shell.status = shell.dialect === 'bash' ? status : joinStatus(shell.status, status);
}

function withoutTrailingNewlines(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 10) {
    end -= 1;
  }
  return end === text.length ? text : text.slice(0, end);
}

export function arithmeticValue(shell: Shell, expression: Word): number {
  const text = demandKnown(expandText(shell, expression));
  step(shell.run, text.length > SHORT_ARITHMETIC ? text.length : 1);
  try {
    return evaluateArithmetic(text, {
      dialect: shell.dialect,
      get: (name) => demandKnown(variable(shell, name) ?? ''),
      set: (name, value) => {
        setVariable(shell, name, value);
      },
    });
  } catch (error) {
    if (error instanceof ArithmeticProblem) {
      throw new ExpansionProblem(error.message);
    }
    throw error;
  }
}

/** An expansion of what is not known may be an error, at which the shell ends. */
export function mayEndShell(shell: Shell, reason: string): void {
  const { run, status } = shell;
  run.forks += 1;
  run.reasons.add(reason);
  shell.status = SOME_FAILURE;
  putAside(shell, { kind: 'exit' }, momentOf(shell));
  shell.status = status;
}

/** Operators that assign, with the name before or behind them. */
const ASSIGNED = /([A-Za-z_]\w*)\s*(?:\+\+|--|(?:<<|>>|[-+*/%&|^])?=(?!=))|(?:\+\+|--)\s*([A-Za-z_]\w*)/g;

/** The value of an expression, or why it is not known; what it would have set is not known then either. */
export function arithmeticOrUnknown(shell: Shell, expression: Word): number | { readonly unknown: string } {
  const text = expandText(shell, expression);
  try {
    return arithmeticValue(shell, literalWord(text));
  } catch (error) {
    const why = whyNotUnderstood(error);
    mayEndShell(shell, why);
    for (const [, before, behind] of text.matchAll(ASSIGNED)) {
      setVariable(shell, before ?? behind ?? '', unknownText(why));
    }
    return { unknown: why };
  }
}

/** The value of a parameter; `undefined` where it is not set. */
function variable(shell: Shell, name: string): string | undefined {
  const own = shell.variables.get(name);
  if (name === 'SECONDS' && shell.dialect === 'bash') {
    const { run } = shell;
    if (isClockUnknown(run) || (own !== undefined && isUnknown(own))) {
      return unknownText('$SECONDS');
    }
    run.version += 1;
    run.clockLooks += 1;
    return String(Math.floor(run.now - shell.startedAt) + Number(own ?? 0));
  }
  if (own !== undefined) {
    return own;
  }
  if (/^[\d@*#?$!-]/.test(name)) {
    return specialParameter(shell, name);
  }
  if (shell.dialect === 'bash' && (name === 'RANDOM' || name.startsWith('BASH') || name.startsWith('EPOCH'))) {
    return unknownText(`$${name}`);
  }
  const { environment, environmentIsWhole } = shell.run;
  if (isStated(shell.run, name)) {
    return environment?.[name] ?? unknownText(`$${name}, whose value is not in the pod template`);
  }
  if (environmentIsWhole) {
    return undefined;
  }
  // Names in lower case are a script's own; the environment of a container is in upper case.
  return /^[A-Z_][A-Z0-9_]*$/.test(name) ? unknownText(`$${name}`) : undefined;
}

function isStated({ environment }: Run, name: string): boolean {
  return environment !== undefined && Object.hasOwn(environment, name);
}

function specialParameter(shell: Shell, name: string): string | undefined {
  switch (name) {
    case '?':
      return shell.status < 0 ? unknownText(`the exit status of ${shell.run.unknownStatus}`) : String(shell.status);
    case '#':
      return String(shell.positional.length);
    case '@':
    case '*':
      step(shell.run, shell.positional.length);
      return shell.positional.join(' ');
    case '$':
      return '4242';
    case '!':
      return Number.isNaN(shell.lastJob) ? unknownText('$!') : shell.lastJob === 0 ? '' : String(shell.lastJob);
    case '-':
      return '';
    case '0':
      return shell.name;
    default:
      return shell.positional[Number(name) - 1];
  }
}

function parameterText(shell: Shell, part: ParameterPart): string {
  const { operator } = part;
  if (operator === 'bad') {
    throw new ExpansionProblem('Bad substitution');
  }
  const value = variable(shell, part.name);
  if (operator === '') {
    if (value === undefined && shell.options.nounset) {
      throw new ExpansionProblem(`${part.name}: parameter not set`);
    }
    if (shell.options.nounset && value !== undefined && isUnknown(value)) {
      mayEndShell(shell, unknownWords(value));
    }
    return value ?? '';
  }
  if (operator === 'length') {
    return String(demandKnown(value ?? '').length);
  }
  if (operator === '%' || operator === '%%' || operator === '#' || operator === '##') {
    if (value === undefined || part.argument === undefined) {
      return value ?? '';
    }
    if (isUnknown(value)) {
      return value;
    }
    const pattern = patternOf(shell, part.argument);
    return withoutMatch(value, pattern, operator, chargeLooks(shell.run));
  }
  return defaultedText(shell, part);
}

function defaultedText(shell: Shell, part: ParameterPart): string {
  const known = variable(shell, part.name);
  if (known !== undefined && isUnknown(known)) {
    return unknownDefault(shell, part, known);
  }
  const empty = part.operator.startsWith(':') ? known === undefined || known === '' : known === undefined;
  const argument = (): string => (part.argument === undefined ? '' : expandText(shell, part.argument));
  switch (part.operator) {
    case '-':
    case ':-':
      return empty ? argument() : (known ?? '');
    case '=':
    case ':=': {
      if (!empty) {
        return known ?? '';
      }
      const text = argument();
      setVariable(shell, part.name, text);
      return text;
    }
    case '+':
    case ':+':
      return empty ? '' : argument();
    case '?':
    case ':?':
      if (empty) {
        throw new ExpansionProblem(`${part.name}: parameter not set`);
      }
      return known ?? '';
    default:
      return known ?? '';
  }
}

/** Set by the kubelet, the container runtime or a shell, or by images as a matter of course: a default says nothing of them. */
const SET_BY_OTHERS =
  /^(HOSTNAME|HOME|PATH|PWD|OLDPWD|TERM|USER|LOGNAME|SHELL|SHLVL|LANG|LC_.*|TZ|IFS|PS\d|U?ID|EUID|PPID|OPT.*|LINENO|RANDOM|SECONDS|(EPOCH|BASH|KUBERNETES_|HOST|OS|MACH).*|.+_(HOME|VERSION|PORT|PORT_.+|SERVICE_(HOST|PORT.*)))$/;

/** Whether the default that the hook states counts: the pod template sets no such variable, and only the image could. */
function countsDefault({ run, variables }: Shell, { name, operator, argument }: ParameterPart): boolean {
  return (
    !run.doubtsDefaults &&
    argument !== undefined &&
    /[-=]$/.test(operator) &&
    !variables.has(name) &&
    !isStated(run, name) &&
    !SET_BY_OTHERS.test(name)
  );
}

/**
 * The image may set a variable that the pod template does not. What the author of a hook has written for the case that
 * nothing sets it counts then, and that this was assumed is told; without such a word the value is not known.
 */
function unknownDefault(shell: Shell, part: ParameterPart, value: string): string {
  const { name, operator } = part;
  if (operator.endsWith('?')) {
    mayEndShell(shell, unknownWords(value));
    return value;
  }
  const { run } = shell;
  const counts = countsDefault(shell, part);
  if (counts) {
    run.seen.defaults.add(name);
    run.seen.assumed.add(`the image sets no ${name}`);
  }
  const result =
    counts && part.argument !== undefined
      ? expandText(shell, part.argument)
      : isStated(run, name) || shell.variables.has(name)
        ? value
        : unknownText(`$${name}, which the image may set`);
  if (operator.endsWith('=')) {
    setVariable(shell, name, result);
  }
  return result;
}

function chargeLooks(run: Run): Charge {
  return (looks) => {
    step(run, looks / LOOKS_PER_STEP);
  };
}

/** Whether a text matches a word that is a shell pattern. */
export function matchesWord(shell: Shell, pattern: Word, text: string): boolean {
  return matchesPattern(patternOf(shell, pattern), text, chargeLooks(shell.run));
}

/** A word as a shell pattern: what stood in quotes stands for itself. */
function patternOf(shell: Shell, word: Word): readonly PatternItem[] {
  if (word.literal === undefined) {
    return expandedPattern(shell, word);
  }
  let known = literalPatterns.get(word);
  if (known === undefined) {
    known = expandedPattern(shell, word);
    literalPatterns.set(word, known);
  }
  return known;
}

const literalPatterns = new WeakMap<Word, readonly PatternItem[]>();

function expandedPattern(shell: Shell, word: Word): readonly PatternItem[] {
  let text = '';
  const quotedFrom: { start: number; end: number }[] = [];
  for (const part of word.parts) {
    const piece = demandKnown(partText(shell, part));
    if (part.quoted) {
      quotedFrom.push({ start: text.length, end: text.length + piece.length });
    }
    text += piece;
  }
  chargeLooks(shell.run)(text.length * (quotedFrom.length + 1));
  return compilePattern(text, (index) => quotedFrom.some((range) => index >= range.start && index < range.end));
}
