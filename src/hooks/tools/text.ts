import type { Expression } from './regex.ts';
import { escapeText, findAll, matches, translateBasic, translateExtended, translatePerl } from './regex.ts';
import type { Run } from '../shell/run-state.ts';
import { isUnknown, step, write } from '../shell/run-state.ts';
import { followForEver } from './clock.ts';
import { readOperands } from './files.ts';
import type { Options, Tool } from './tool.ts';
import { joinLines, linesOf, notUnderstood, parseOptions, passUnknown } from './tool.ts';

/** How many looks at a character a step pays for. */
const LOOKS_PER_STEP = 64;

const GREP_LONG: Readonly<Record<string, string>> = {
  '--quiet': 'q',
  '--silent': 'q',
  '--count': 'c',
  '--invert-match': 'v',
  '--extended-regexp': 'E',
  '--ignore-case': 'i',
  '--word-regexp': 'w',
  '--line-regexp': 'x',
  '--only-matching': 'o',
  '--fixed-strings': 'F',
  '--no-messages': 's',
  '--no-filename': 'h',
  '--perl-regexp': 'P',
  '--line-buffered': 'h',
  '--text': 'a',
};

function grepWith(kind: 'basic' | 'extended' | 'fixed'): Tool {
  return (shell, words) => {
    const options = parseOptions(
      words.filter((word) => !word.startsWith('--color')),
      'vEFPcqiwxoshGan',
      'em',
      Object.keys(GREP_LONG),
    );
    if (options === undefined) {
      throw notUnderstood(words);
    }
    const letters = new Set([...options.letters].map((letter) => GREP_LONG[letter] ?? letter));
    const pattern = options.values.get('e') ?? options.operands[0];
    const operands = options.values.has('e') ? options.operands : options.operands.slice(1);
    const several = words.filter((word) => word === '-e').length > 1;
    if (pattern === undefined || several || operands.length > 1 || letters.has('n')) {
      throw notUnderstood(words);
    }
    const text = readOperands(shell, operands);
    const expression = grepExpression(shell.run, pattern, letters, kind);
    if (isUnknown(text)) {
      return passUnknown(shell, letters.has('q') ? '' : text);
    }
    const limit = Number(options.values.get('m') ?? Infinity);
    const inverted = letters.has('v');
    const found = linesOf(text)
      .filter((line) => matches(shell.run, expression, line) !== inverted)
      .slice(0, limit);
    if (letters.has('c')) {
      write(shell.output, `${found.length}\n`);
    } else if (!letters.has('q')) {
      write(
        shell.output,
        joinLines(letters.has('o') ? found.flatMap((line) => matchesIn(shell.run, expression, line)) : found),
      );
    }
    return found.length > 0 ? 0 : 1;
  };
}

function grepExpression(
  run: Run,
  pattern: string,
  letters: ReadonlySet<string>,
  kind: 'basic' | 'extended' | 'fixed',
): Expression {
  const fixed = kind === 'fixed' || letters.has('F');
  const extended = kind === 'extended' || letters.has('E');
  const translate = letters.has('P') ? translatePerl : fixed || extended ? translateExtended : translateBasic;
  const cover = letters.has('x') ? 'line' : letters.has('w') ? 'word' : 'part';
  const text = fixed ? pattern.split('\n').map(escapeText).join('|') : pattern;
  return translate(run, text, { ignoreCase: letters.has('i'), cover });
}

function matchesIn(run: Run, expression: Expression, line: string): string[] {
  return findAll(run, expression, line)
    .map(({ start, end }) => line.slice(start, end))
    .filter((text) => text !== '');
}

const wc: Tool = (shell, words) => {
  const options = parseOptions(words, 'lwcm', '', ['--lines', '--words', '--bytes', '--chars']);
  if (options === undefined || options.operands.length > 1) {
    throw notUnderstood(words);
  }
  const text = readOperands(shell, options.operands);
  if (isUnknown(text)) {
    return passUnknown(shell, text);
  }
  const has = (letter: string, long: string): boolean => options.letters.has(letter) || options.letters.has(long);
  const counts: number[] = [];
  const all = options.letters.size === 0;
  if (all || has('l', '--lines')) {
    counts.push(countNewlines(text));
  }
  if (all || has('w', '--words')) {
    counts.push(text.split(/\s+/).filter((word) => word !== '').length);
  }
  if (all || has('c', '--bytes') || has('m', '--chars')) {
    counts.push(text.length);
  }
  const numbers = counts.length === 1 ? String(counts[0]) : counts.map((count) => String(count).padStart(7)).join(' ');
  write(shell.output, `${[numbers, ...options.operands].join(' ')}\n`);
  return 0;
};

function countNewlines(text: string): number {
  let count = 0;
  for (let index = text.indexOf('\n'); index >= 0; index = text.indexOf('\n', index + 1)) {
    count += 1;
  }
  return count;
}

/** A program that makes lines of lines. */
function lineTool(
  flags: string,
  valued: string,
  work: (lines: readonly string[], options: Options, words: readonly string[], run: Run) => readonly string[],
  keepsEnd = false,
): Tool {
  return (shell, words) => {
    const options = parseOptions(
      words.map((word, index) => (index > 0 && /^-\d+$/.test(word) ? `-n${word.slice(1)}` : word)),
      flags,
      valued,
    );
    if (options === undefined || options.operands.length > 1) {
      throw notUnderstood(words);
    }
    if (options.letters.has('f') || options.letters.has('F')) {
      return followForEver(shell, words);
    }
    const text = readOperands(shell, options.operands);
    if (isUnknown(text)) {
      return passUnknown(shell, text);
    }
    const output = joinLines(work(linesOf(text), options, words, shell.run));
    // head and tail hand on a last line as it was.
    write(
      shell.output,
      keepsEnd && !text.endsWith('\n') && text.endsWith(output.slice(0, -1)) ? output.slice(0, -1) : output,
    );
    return 0;
  };
}

const head = lineTool('q', 'n', (lines, options) => lines.slice(0, Number(options.values.get('n') ?? 10)), true);

const tail = lineTool(
  'qfF',
  'n',
  (lines, options) => {
    const wanted = options.values.get('n') ?? '10';
    if (wanted.startsWith('+')) {
      return lines.slice(Math.max(0, Number(wanted) - 1));
    }
    const count = Number(wanted);
    return count === 0 ? [] : lines.slice(-count);
  },
  true,
);

const cut = lineTool('s', 'dfc', (lines, options, words, run) => {
  const spec = options.values.get('f') ?? options.values.get('c');
  if (spec === undefined || !/^[\d,-]+$/.test(spec)) {
    throw notUnderstood(words);
  }
  const delimiter = options.values.get('d') ?? '\t';
  const ranges = spec.split(',').map((part) => part.split('-'));
  step(run, (lines.reduce((sum, line) => sum + line.length, 0) * ranges.length) / LOOKS_PER_STEP);
  const wanted = (position: number): boolean =>
    ranges.some(([from = '', to]) =>
      to === undefined
        ? position === Number(from)
        : position >= Number(from || 1) && position <= Number(to || Infinity),
    );
  return lines.flatMap((line) => {
    if (options.values.has('c')) {
      return [[...line].filter((_, index) => wanted(index + 1)).join('')];
    }
    if (!line.includes(delimiter)) {
      return options.letters.has('s') ? [] : [line];
    }
    return [
      line
        .split(delimiter)
        .filter((_, index) => wanted(index + 1))
        .join(delimiter),
    ];
  });
});

const sort = lineTool('nruhs', 'kt', (lines, options, words, run) => {
  const key = /^(\d+)(?:,\d+)?([nr]*)$/.exec(options.values.get('k') ?? '1');
  if (key === null) {
    throw notUnderstood(words);
  }
  const column = Number(key[1]) - 1;
  const numeric = options.letters.has('n') || options.letters.has('h') || (key[2] ?? '').includes('n');
  const reverse = options.letters.has('r') || (key[2] ?? '').includes('r');
  const separator = options.values.get('t') ?? /\s+/;
  const keyOf = (line: string): string =>
    options.values.has('k') ? (line.trim().split(separator)[column] ?? '') : line;
  step(run, lines.length * Math.ceil(Math.log2(lines.length + 1)));
  const keyed = lines.map((line) => ({ line, key: keyOf(line) }));
  keyed.sort((left, right) => {
    const [first, second] = [left.key, right.key];
    const order = numeric ? (parseFloat(first) || 0) - (parseFloat(second) || 0) : 0;
    const result = order !== 0 ? order : first < second ? -1 : first > second ? 1 : 0;
    return reverse ? -result : result;
  });
  const sorted = keyed.map(({ line }) => line);
  return options.letters.has('u') ? sorted.filter((line, index) => index === 0 || line !== sorted[index - 1]) : sorted;
});

const uniq = lineTool('cdu', '', (lines, options) => {
  const groups: { line: string; count: number }[] = [];
  for (const line of lines) {
    const last = groups.at(-1);
    if (last?.line === line) {
      last.count += 1;
    } else {
      groups.push({ line, count: 1 });
    }
  }
  const kept = groups.filter(
    ({ count }) => (!options.letters.has('d') || count > 1) && (!options.letters.has('u') || count === 1),
  );
  return kept.map(({ line, count }) => (options.letters.has('c') ? `${String(count).padStart(7)} ${line}` : line));
});

const CLASSES: Readonly<Record<string, string>> = {
  '[:space:]': ' \t\n\r\f\v',
  '[:blank:]': ' \t',
  '[:digit:]': '0123456789',
  '[:lower:]': 'abcdefghijklmnopqrstuvwxyz',
  '[:upper:]': 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  '[:alpha:]': 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
  '[:alnum:]': '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
};

function characterSet(text: string): string {
  const named = text
    .replace(/\[:\w+:\]/g, (name) => CLASSES[name] ?? name)
    .replace(/\\([ntr\\])/g, (_, letter: string) => ({ n: '\n', t: '\t', r: '\r' })[letter] ?? '\\');
  return named.replace(/([0-9A-Za-z])-([0-9A-Za-z])/g, (_, first: string, last: string) => {
    let range = '';
    for (let code = first.charCodeAt(0); code <= last.charCodeAt(0); code += 1) {
      range += String.fromCharCode(code);
    }
    return range;
  });
}

const tr: Tool = (shell, words) => {
  const options = parseOptions(words, 'dscC', '');
  if (options === undefined || options.operands.length === 0) {
    throw notUnderstood(words);
  }
  const text = readOperands(shell, []);
  if (isUnknown(text)) {
    return passUnknown(shell, text);
  }
  const complement = options.letters.has('c') || options.letters.has('C');
  const from = characterSet(options.operands[0] ?? '');
  const inFrom = (character: string): boolean => from.includes(character) !== complement;
  const to = options.operands[1] === undefined ? undefined : characterSet(options.operands[1]);
  step(shell.run, (text.length * (from.length + 1)) / LOOKS_PER_STEP);
  let result = '';
  let previous = '';
  for (const character of text) {
    const chosen = inFrom(character);
    if (chosen && options.letters.has('d')) {
      continue;
    }
    const target =
      chosen && to !== undefined && to !== ''
        ? to.charAt(complement ? to.length - 1 : Math.min(from.indexOf(character), to.length - 1))
        : character;
    if (options.letters.has('s') && chosen && target === previous) {
      continue;
    }
    result += target;
    previous = chosen ? target : '';
  }
  write(shell.output, result);
  return 0;
};

export const textTools: readonly (readonly [string, Tool])[] = [
  ['grep', grepWith('basic')],
  ['egrep', grepWith('extended')],
  ['fgrep', grepWith('fixed')],
  ['wc', wc],
  ['head', head],
  ['tail', tail],
  ['cut', cut],
  ['sort', sort],
  ['uniq', uniq],
  ['tr', tr],
];
