import { RE2JS } from 're2js';
import type { Run } from '../shell/run-state.ts';
import { demandSize, NotUnderstood, step, stepOnce, stepText } from '../shell/run-state.ts';

/**
 * POSIX, awk, Perl and RE2 regular expressions, matched by RE2's engine: its time grows with the length of the text times
 * the size of the expression, whatever the expression, and that product is charged before each search. JavaScript's own
 * engine backtracks, and a hook's text comes from whoever wrote the workload.
 */
const MAXIMUM_LENGTH = 500;
const MAXIMUM_CACHED = 500;
const cache = new Map<string, Expression | string>();

/** A compiled expression. */
export interface Expression {
  readonly compiled: RE2JS;
  /** The group that holds what is asked for: 1 where the expression had to be wrapped to cover a word. */
  readonly group: 0 | 1;
}

/** One place where an expression matches. */
export interface Match {
  readonly start: number;
  readonly end: number;
  /** The text of its groups, the whole match first; `undefined` for one that took no part. */
  readonly groups: readonly (string | undefined)[];
}

const CLASSES: Readonly<Record<string, string>> = {
  digit: '0-9',
  alpha: 'A-Za-z',
  alnum: 'A-Za-z0-9',
  upper: 'A-Z',
  lower: 'a-z',
  space: '\\s',
  blank: ' \\t',
  xdigit: '0-9A-Fa-f',
  punct: '!-\\/:-@\\[-`{-~',
  word: 'A-Za-z0-9_',
};

type Flavour = 'basic' | 'extended' | 'awk' | 'perl';

/** What the expression has to cover: any part, a whole line (`grep -x`) or a whole word (`grep -w`). */
export type Cover = 'part' | 'line' | 'word';

/** How an expression is read, besides its flavour. */
export interface Reading {
  readonly ignoreCase?: boolean;
  readonly cover?: Cover;
}

/** `grep`, `sed`: basic expressions with GNU's additions. */
export function translateBasic(run: Run, pattern: string, reading: Reading = {}): Expression {
  return translate(run, pattern, 'basic', reading);
}

/** `grep -E`, `[[ =~ ]]` */
export function translateExtended(run: Run, pattern: string, reading: Reading = {}): Expression {
  return translate(run, pattern, 'extended', reading);
}

/** awk's expressions: extended ones in which a backslash escapes inside brackets too. */
export function translateAwk(run: Run, pattern: string): Expression {
  return translate(run, pattern, 'awk', {});
}

/** `grep -P` and Envoy's filters: RE2's own notation. */
export function translatePerl(run: Run, pattern: string, reading: Reading = {}): Expression {
  return translate(run, pattern, 'perl', reading);
}

/** Whether an RE2 expression matches a short text, such as the name of a stat; one that is not understood matches nothing. */
export function matchesPerl(pattern: string, text: string, cover: Cover = 'part'): boolean {
  const known = lookUp(pattern, 'perl', { cover });
  return typeof known !== 'string' && known.compiled.matcher(text).find();
}

/** The characters of a fixed string as an expression. */
export function escapeText(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** How many looks of the engine, one at each part of the expression for each character, a step pays for. */
const LOOKS_PER_STEP = 256;

/** What it is to read an expression, whether it can be compiled or not. */
const STEPS_PER_CHARACTER = 2;

/** What it is to compile an expression, by its instructions. */
const STEPS_PER_INSTRUCTION = 16;

/** What it is to begin a search. */
const SEARCH = 3;

function charge(run: Run, { compiled }: Expression, length: number): void {
  stepOnce(run, 'expression', compiled.pattern(), compiled.programSize() * STEPS_PER_INSTRUCTION);
  step(run, SEARCH + ((compiled.programSize() + 1) * (length + 1)) / LOOKS_PER_STEP);
}

/** Whether the expression matches anywhere in the text. */
export function matches(run: Run, expression: Expression, text: string): boolean {
  charge(run, expression, text.length);
  return expression.compiled.matcher(text).find();
}

/** The first match at or behind `from`: the leftmost, and for POSIX expressions the longest there. */
export function findMatch(run: Run, expression: Expression, text: string, from = 0): Match | undefined {
  charge(run, expression, text.length - from);
  const matcher = expression.compiled.matcher(text);
  if (!matcher.find(from)) {
    return undefined;
  }
  const groups: (string | undefined)[] = [];
  for (let group: number = expression.group; group <= matcher.groupCount(); group += 1) {
    groups.push(matcher.group(group) ?? undefined);
  }
  return { start: matcher.start(expression.group), end: matcher.end(expression.group), groups };
}

/** Every match, one behind the other; an empty one is followed by a step of one character. */
export function findAll(run: Run, expression: Expression, text: string): Match[] {
  const found: Match[] = [];
  let from = 0;
  while (from <= text.length) {
    const match = findMatch(run, expression, text, from);
    if (match === undefined) {
      break;
    }
    const last = found.at(-1);
    // An empty match right behind the last one is none: "abc" by b* is -a-c-.
    if (match.end > match.start || match.start !== last?.end) {
      found.push(match);
    }
    from = match.end > match.start ? match.end : match.end + 1;
  }
  return found;
}

/** The text with these matches replaced. */
export function replaceMatches(
  run: Run,
  text: string,
  found: readonly Match[],
  replacement: (match: Match) => string,
): string {
  let result = '';
  let from = 0;
  for (const match of found) {
    result += text.slice(from, match.start) + replacement(match);
    demandSize(result);
    from = match.end;
  }
  result += text.slice(from);
  stepText(run, result);
  return result;
}

/** The pieces of a text between the matches that are not empty. */
export function splitBy(run: Run, expression: Expression, text: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  for (const match of findAll(run, expression, text)) {
    if (match.end > match.start) {
      pieces.push(text.slice(from, match.start));
      from = match.end;
    }
  }
  return [...pieces, text.slice(from)];
}

function translate(run: Run, pattern: string, flavour: Flavour, reading: Reading): Expression {
  // Paid before it is read: one that cannot be compiled has been read too.
  stepOnce(run, `read ${flavour}`, pattern, Math.min(pattern.length, MAXIMUM_LENGTH) * STEPS_PER_CHARACTER);
  const known = lookUp(pattern, flavour, reading);
  if (typeof known === 'string') {
    throw new NotUnderstood(known);
  }
  return known;
}

function lookUp(
  pattern: string,
  flavour: Flavour,
  { ignoreCase = false, cover = 'part' }: Reading,
): Expression | string {
  const key = `${flavour} ${ignoreCase} ${cover} ${pattern.slice(0, MAXIMUM_LENGTH + 1)}`;
  let known = cache.get(key);
  if (known === undefined) {
    known = compile(pattern, flavour, ignoreCase, cover);
    if (cache.size >= MAXIMUM_CACHED) {
      cache.clear();
    }
    cache.set(key, known);
  }
  return known;
}

const COVERS: Readonly<Record<Cover, readonly [string, string]>> = {
  part: ['', ''],
  line: ['^(?:', ')$'],
  word: ['(?:^|\\W)(', ')(?:\\W|$)'],
};

function compile(pattern: string, flavour: Flavour, ignoreCase: boolean, cover: Cover): Expression | string {
  const problem = `the expression ${pattern.slice(0, 80)}`;
  const source =
    pattern.length > MAXIMUM_LENGTH ? undefined : flavour === 'perl' ? pattern : toSource(pattern, flavour);
  if (source === undefined) {
    return problem;
  }
  const [before, after] = COVERS[cover];
  const flags = (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0) | (flavour === 'perl' ? 0 : RE2JS.LONGEST_MATCH);
  try {
    return { compiled: RE2JS.compile(before + source + after, flags), group: cover === 'word' ? 1 : 0 };
  } catch {
    // It does not parse, or would be too large, or uses what RE2 has not, such as a reference back.
    return problem;
  }
}

function toSource(pattern: string, flavour: Flavour): string | undefined {
  let result = '';
  for (let index = 0; index < pattern.length; index += 1) {
    const character = pattern.charAt(index);
    if (character === '[') {
      const set = translateSet(pattern, index, flavour);
      if (set === undefined) {
        return undefined;
      }
      result += set.source;
      index = set.end;
    } else if (character === '\\') {
      index += 1;
      const escaped = translateEscape(pattern.charAt(index), flavour);
      if (escaped === undefined) {
        return undefined;
      }
      result += escaped;
    } else if (flavour === 'basic') {
      result += translateBasicCharacter(character, index, pattern);
    } else if (character === '{' && !/^\{\d*,?\d*\}/.test(pattern.slice(index, index + 20))) {
      result += '\\{';
    } else if (character === '{' && pattern.charAt(index + 1) === ',') {
      result += '{0';
    } else if (
      '*+?'.includes(character) &&
      (index === 0 || pattern.charAt(index - 1) === '(' || pattern.charAt(index - 1) === '|')
    ) {
      result += `\\${character}`;
    } else {
      result += character === '/' ? '\\/' : character;
    }
  }
  return result;
}

function translateBasicCharacter(character: string, index: number, pattern: string): string {
  if ('+?(){}|/'.includes(character)) {
    return `\\${character}`;
  }
  const before = pattern.slice(0, index);
  if (character === '*' && (before === '' || before === '^' || before.endsWith('\\(') || before.endsWith('\\|'))) {
    return '\\*';
  }
  if (character === '^' && before !== '' && !before.endsWith('\\(') && !before.endsWith('\\|')) {
    return '\\^';
  }
  const after = pattern.slice(index + 1);
  if (character === '$' && after !== '' && !after.startsWith('\\)') && !after.startsWith('\\|')) {
    return '\\$';
  }
  return character;
}

function translateEscape(character: string, flavour: Flavour): string | undefined {
  if (character === '') {
    return undefined;
  }
  if (flavour === 'basic' && '(){}|+?'.includes(character)) {
    return character;
  }
  if (character === '<' || character === '>') {
    return '\\b';
  }
  if ('wWsSbB'.includes(character)) {
    return `\\${character}`;
  }
  if (flavour === 'awk' && 'tnrfv'.includes(character)) {
    return `\\${character}`;
  }
  if (/[1-9]/.test(character)) {
    return undefined;
  }
  return escapeText(character);
}

function translateSet(pattern: string, start: number, flavour: Flavour): { source: string; end: number } | undefined {
  let index = start + 1;
  let source = '[';
  if (pattern.charAt(index) === '^') {
    source += '^';
    index += 1;
  }
  for (let first = true; ; first = false) {
    const character = pattern.charAt(index);
    if (character === '') {
      return undefined;
    }
    if (character === ']' && !first) {
      return { source: `${source}]`, end: index };
    }
    if (pattern.startsWith('[:', index)) {
      const close = pattern.indexOf(':]', index);
      const known = CLASSES[pattern.slice(index + 2, close)];
      if (close < 0 || known === undefined) {
        return undefined;
      }
      source += known;
      index = close + 2;
    } else if (character === '\\' && flavour === 'awk') {
      const next = pattern.charAt(index + 1);
      source += 'tnrfv'.includes(next) ? `\\${next}` : escapeInSet(next);
      index += 2;
    } else {
      source += character === '-' ? '-' : escapeInSet(character);
      index += 1;
    }
  }
}

function escapeInSet(character: string): string {
  return '\\]^[/'.includes(character) ? `\\${character}` : character;
}
