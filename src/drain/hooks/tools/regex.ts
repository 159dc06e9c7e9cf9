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
  digit: '0-9', alpha: 'A-Za-z', alnum: 'A-Za-z0-9', upper: 'A-Z', lower: 'a-z', space: '\\s', blank: ' \\t',
  xdigit: '0-9A-Fa-f', punct: '!-\\/:-@\\[-`{-~', word: 'A-Za-z0-9_',
};

type Flavour = 'basic' | 'extended' | 'awk' | 'perl';

/** `grep`, `sed`: basic expressions with GNU's additions. */
export function translateBasic(pattern: string, flags: string): RegExp {
  return translate(pattern, flags, 'basic');
}

/** `grep -E`, `[[ =~ ]]` */
export function translateExtended(pattern: string, flags: string): RegExp {
  return translate(pattern, flags, 'extended');
}

/** awk's expressions: extended ones in which a backslash escapes inside brackets too. */
export function translateAwk(pattern: string): RegExp {
  return translate(pattern, '', 'awk');
}

/** `grep -P` and Envoy's RE2 filters: JavaScript's own notation, for all that hooks use of it. */
export function translatePerl(pattern: string, flags: string): RegExp {
  return translate(pattern, flags, 'perl');
}

/** The characters of a fixed string as an expression. */
export function escapeText(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

function translate(pattern: string, flags: string, flavour: Flavour): RegExp {
  const key = `${flavour} ${flags} ${pattern}`;
  let known = cache.get(key);
  if (known === undefined) {
    known = compile(pattern, flags, flavour);
    if (cache.size >= MAXIMUM_CACHED) cache.clear();
    cache.set(key, known);
  }
  if (typeof known === 'string') throw new NotUnderstood(known);
  known.lastIndex = 0;
  return known;
}

function compile(pattern: string, flags: string, flavour: Flavour): RegExp | string {
  const problem = `the expression ${pattern.slice(0, 80)}`;
  if (pattern.length > MAXIMUM_LENGTH) return problem;
  try {
    const source = flavour === 'perl' ? pattern.replace(/^\(\?i\)/, '') : toSource(pattern, flavour);
    if (source === undefined || mayTakeLong(source)) return problem;
    return new RegExp(source, flavour === 'perl' && pattern.startsWith('(?i)') ? `${flags}i` : flags);
  } catch {
    return problem;
  }
}

/** True where a repeated group repeats or chooses inside, where there are many repetitions, or a back reference. */
function mayTakeLong(source: string): boolean {
  let unbounded = 0;
  const groups: boolean[] = [];
  let closed = false;
  for (let index = 0; index < source.length; index += 1) {
    const character = source.charAt(index);
    const repeats = '*+{'.includes(character);
    if (repeats || character === '?') {
      if (repeats && closed) return true;
      if (repeats) {
        unbounded += 1;
        for (let group = 0; group < groups.length; group += 1) groups[group] = true;
      }
      closed = false;
      continue;
    }
    closed = false;
    if (character === '|') {
      for (let group = 0; group < groups.length; group += 1) groups[group] = true;
    } else if (character === '\\') {
      if (/[1-9k]/.test(source.charAt(index + 1))) return true;
      index += 1;
    } else if (character === '[') {
      index = jsSetEnd(source, index);
    } else if (character === '(') {
      groups.push(false);
      if (source.charAt(index + 1) === '?') index += 1;
    } else if (character === ')') {
      closed = groups.pop() ?? false;
    }
  }
  return unbounded > MAXIMUM_UNBOUNDED;
}

function jsSetEnd(source: string, start: number): number {
  for (let index = start + 1; index < source.length; index += 1) {
    if (source.charAt(index) === '\\') index += 1;
    else if (source.charAt(index) === ']') return index;
  }
  return source.length;
}

function toSource(pattern: string, flavour: Flavour): string | undefined {
  let result = '';
  for (let index = 0; index < pattern.length; index += 1) {
    const character = pattern.charAt(index);
    if (character === '[') {
      const set = translateSet(pattern, index, flavour);
      if (set === undefined) return undefined;
      result += set.source;
      index = set.end;
    } else if (character === '\\') {
      index += 1;
      const escaped = translateEscape(pattern.charAt(index), flavour);
      if (escaped === undefined) return undefined;
      result += escaped;
    } else if (flavour === 'basic') {
      result += translateBasicCharacter(character, index, pattern);
    } else if (character === '{' && !/^\{\d*,?\d*\}/.test(pattern.slice(index))) {
      result += '\\{';
    } else if ('*+?'.includes(character) && (index === 0 || pattern.charAt(index - 1) === '(' || pattern.charAt(index - 1) === '|')) {
      result += `\\${character}`;
    } else {
      result += character === '/' ? '\\/' : character;
    }
  }
  return result;
}

function translateBasicCharacter(character: string, index: number, pattern: string): string {
  if ('+?(){}|/'.includes(character)) return `\\${character}`;
  const before = pattern.slice(0, index);
  if (character === '*' && (before === '' || before === '^' || before.endsWith('\\(') || before.endsWith('\\|'))) return '\\*';
  if (character === '^' && before !== '' && !before.endsWith('\\(') && !before.endsWith('\\|')) return '\\^';
  const after = pattern.slice(index + 1);
  if (character === '$' && after !== '' && !after.startsWith('\\)') && !after.startsWith('\\|')) return '\\$';
  return character;
}

function translateEscape(character: string, flavour: Flavour): string | undefined {
  if (character === '') return undefined;
  if (flavour === 'basic' && '(){}|+?'.includes(character)) return character;
  if (character === '<' || character === '>') return '\\b';
  if ('wWsSbB'.includes(character)) return `\\${character}`;
  if (flavour === 'awk' && 'tnrfv'.includes(character)) return `\\${character}`;
  if (/[1-9]/.test(character)) return undefined;
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
    if (character === '') return undefined;
    if (character === ']' && !first) return { source: `${source}]`, end: index };
    if (pattern.startsWith('[:', index)) {
      const close = pattern.indexOf(':]', index);
      const known = CLASSES[pattern.slice(index + 2, close)];
      if (close < 0 || known === undefined) return undefined;
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
