import { NotUnderstood } from '../shell/run-state.ts';

/**
 * POSIX and RE2 regular expressions as JavaScript ones. A hook's text comes from whoever wrote the workload, and
 * JavaScript backtracks: an expression that could take long is not run but called not understood.
 */
const MAXIMUM_LENGTH = 500;
const MAXIMUM_UNBOUNDED = 4;
const MAXIMUM_CACHED = 500;
const cache = new Map<string, RegExp | string>();

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

/** `grep`, `sed`: basic expressions with GNU's additions. */
export function translateBasic(pattern: string, flags = '', cover: Cover = 'part'): RegExp {
  return translate(pattern, 'basic', flags, cover);
}

/** `grep -E`, `[[ =~ ]]` */
export function translateExtended(pattern: string, flags = '', cover: Cover = 'part'): RegExp {
  return translate(pattern, 'extended', flags, cover);
}

/** awk's expressions: extended ones in which a backslash escapes inside brackets too. */
export function translateAwk(pattern: string, flags = ''): RegExp {
  return translate(pattern, 'awk', flags, 'part');
}

/** `grep -P` and Envoy's RE2 filters: JavaScript's own notation, for all that hooks use of it. */
export function translatePerl(pattern: string, flags = '', cover: Cover = 'part'): RegExp {
  return translate(pattern, 'perl', flags, cover);
}

/** Whether an RE2 expression matches; one that is not understood matches nothing. */
export function matchesPerl(pattern: string, text: string, cover: Cover = 'part'): boolean {
  const known = lookUp(pattern, 'perl', '', cover);
  return typeof known !== 'string' && known.test(text);
}

/** The characters of a fixed string as an expression. */
export function escapeText(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** With how many parts of a text's length the time of an expression may grow. */
const exponents = new WeakMap<RegExp, number>();
const CHARACTERS_PER_STEP = 64;
const TRIES_PER_STEP = 2000;

/** Steps to charge for one search, by the worst case. */
export function costOf(expression: RegExp, text: string): number {
  const exponent = exponents.get(expression) ?? 1;
  const plain = 1 + text.length / CHARACTERS_PER_STEP;
  return exponent < 2 ? plain : plain + text.length ** exponent / TRIES_PER_STEP;
}

function translate(pattern: string, flavour: Flavour, flags: string, cover: Cover): RegExp {
  const known = lookUp(pattern, flavour, flags, cover);
  if (typeof known === 'string') {
    throw new NotUnderstood(known);
  }
  return known;
}

function lookUp(pattern: string, flavour: Flavour, flags: string, cover: Cover): RegExp | string {
  const key = `${flavour} ${flags} ${cover} ${pattern}`;
  let known = cache.get(key);
  if (known === undefined) {
    known = compile(pattern, flavour, flags, cover);
    if (cache.size >= MAXIMUM_CACHED) {
      cache.clear();
    }
    cache.set(key, known);
  }
  if (typeof known !== 'string') {
    known.lastIndex = 0;
  }
  return known;
}

function compile(pattern: string, flavour: Flavour, flags: string, cover: Cover): RegExp | string {
  const problem = `the expression ${pattern.slice(0, 80)}`;
  if (pattern.length > MAXIMUM_LENGTH) {
    return problem;
  }
  try {
    const source = flavour === 'perl' ? pattern.replace(/^\(\?i\)/, '') : toSource(pattern, flavour);
    const repetitions = source === undefined ? undefined : countRepetitions(source);
    if (source === undefined || repetitions === undefined || repetitions > MAXIMUM_UNBOUNDED) {
      return problem;
    }
    const covering = cover === 'line' ? `^(?:${source})$` : cover === 'word' ? `(?<!\\w)(?:${source})(?!\\w)` : source;
    const expression = new RegExp(covering, flavour === 'perl' && pattern.startsWith('(?i)') ? `${flags}i` : flags);
    exponents.set(expression, repetitions + (covering.startsWith('^') ? 0 : 1));
    return expression;
  } catch {
    return problem;
  }
}

/** How many repetitions it has; `undefined` where a repeated group repeats or chooses inside, or a part refers back. */
function countRepetitions(source: string): number | undefined {
  let unbounded = 0;
  const groups: boolean[] = [];
  let closed = false;
  for (let index = 0; index < source.length; index += 1) {
    const character = source.charAt(index);
    const repeats = '*+{'.includes(character);
    if (repeats || character === '?') {
      if (repeats && closed) {
        return undefined;
      }
      if (repeats) {
        unbounded += 1;
        for (let group = 0; group < groups.length; group += 1) {
          groups[group] = true;
        }
      }
      closed = false;
      continue;
    }
    closed = false;
    if (character === '|') {
      for (let group = 0; group < groups.length; group += 1) {
        groups[group] = true;
      }
    } else if (character === '\\') {
      if (/[1-9k]/.test(source.charAt(index + 1))) {
        return undefined;
      }
      index += 1;
    } else if (character === '[') {
      index = jsSetEnd(source, index);
    } else if (character === '(') {
      groups.push(false);
      if (source.charAt(index + 1) === '?') {
        index += 1;
      }
    } else if (character === ')') {
      closed = groups.pop() ?? false;
    }
  }
  return unbounded;
}

function jsSetEnd(source: string, start: number): number {
  for (let index = start + 1; index < source.length; index += 1) {
    if (source.charAt(index) === '\\') {
      index += 1;
    } else if (source.charAt(index) === ']') {
      return index;
    }
  }
  return source.length;
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
    } else if (character === '{' && !/^\{\d*,?\d*\}/.test(pattern.slice(index))) {
      result += '\\{';
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
