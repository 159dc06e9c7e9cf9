import type {
  AndOr,
  Assignment,
  Command,
  Dialect,
  List,
  Pipeline,
  Program,
  Redirection,
  SimpleCommand,
  Word,
} from './ast.ts';
import { withBraces } from './braces.ts';
import { parseCompound } from './parse-compound.ts';
import { literalWord, parseHereDocument, parseWord } from './parse-word.ts';
import type { ProgramParser } from './parse-word.ts';
import type { Run } from './run-state.ts';
import { stepOnce } from './run-state.ts';
import type { Source } from './source.ts';
import {
  atEnd,
  current,
  deeper,
  excerpt,
  newSource,
  peekPlainWord,
  skipBlanks,
  spendOn,
  spentOn,
  startsWith,
  SyntaxProblem,
  take,
  Unsupported,
} from './source.ts';

/** Reserved words that end a list; where a command is expected, they are not commands. */
const CLOSERS = new Set(['then', 'else', 'elif', 'fi', 'do', 'done', 'esac', '}', ']]']);

const programs: ProgramParser = {
  parenthesised(source) {
    const list = parseList(source);
    if (!take(source, ')')) {
      throw new SyntaxProblem(`")" expected at ${excerpt(source)}`);
    }
    return { lines: [list], leavesVariables: leavesVariables([list]), cost: 0 };
  },
  whole(text, source) {
    const inner = newSource(text, source.dialect, source);
    const list = parseList(inner);
    if (!atEnd(inner)) {
      throw new SyntaxProblem(`${excerpt(inner)} unexpected`);
    }
    return { lines: [list], leavesVariables: leavesVariables([list]), cost: 0 };
  },
};

const MAXIMUM_LENGTH = 10_000;
const MAXIMUM_CACHED = 500;
const cache = new Map<string, Program>();

/** A script that a hook has a shell read; the hook pays for it, also where the result is known already. */
export function readScript(run: Run, text: string, dialect: Dialect): Program {
  const program = parseScript(text, dialect);
  stepOnce(run, dialect, text, program.cost);
  return program;
}

/** Parses a script; never throws. Parsing is pure, so that its results can be kept. */
function parseScript(text: string, dialect: Dialect): Program {
  if (text.length > MAXIMUM_LENGTH) {
    return { lines: [], unsupported: 'a script of this length', leavesVariables: false, cost: 1 };
  }
  const key = `${dialect} ${text}`;
  const known = cache.get(key);
  if (known !== undefined) {
    return known;
  }
  const program = parseLines(text, dialect);
  if (cache.size >= MAXIMUM_CACHED) {
    cache.clear();
  }
  cache.set(key, program);
  return program;
}

function parseLines(text: string, dialect: Dialect): Program {
  const source = newSource(text, dialect);
  const lines: List[] = [];
  try {
    for (;;) {
      skipNewlines(source);
      if (atEnd(source)) {
        return { lines, leavesVariables: leavesVariables(lines), cost: costOf(source) };
      }
      lines.push(parseLine(source));
    }
  } catch (error) {
    if (error instanceof SyntaxProblem) {
      return { lines, syntaxError: error.message, leavesVariables: false, cost: costOf(source) };
    }
    if (error instanceof Unsupported) {
      return { lines, unsupported: error.message, leavesVariables: false, cost: costOf(source) };
    }
    throw error;
  }
}

const CHARACTERS_PER_STEP = 2;
const PARTS_PER_STEP = 2;

function costOf(source: Source): number {
  return source.text.length / CHARACTERS_PER_STEP + spentOn(source) / PARTS_PER_STEP;
}

function skipNewlines(source: Source): void {
  for (;;) {
    skipBlanks(source);
    if (current(source) !== '\n') {
      return;
    }
    source.position += 1;
    readHereDocuments(source);
  }
}

/** One complete command of the top level: everything up to the end of its line. */
function parseLine(source: Source): List {
  const items: AndOr[] = [];
  for (;;) {
    skipBlanks(source);
    if (atEnd(source)) {
      return items;
    }
    if (current(source) === '\n') {
      source.position += 1;
      readHereDocuments(source);
      return items;
    }
    if (current(source) === ')' || CLOSERS.has(peekPlainWord(source))) {
      throw new SyntaxProblem(`${excerpt(source)} unexpected`);
    }
    items.push(parseItem(source));
  }
}

/** Commands up to a reserved word, parenthesis or `;;` that ends them (not taken), or the end of the text. */
export function parseList(source: Source): List {
  return deeper(source, () => {
    const items: AndOr[] = [];
    for (;;) {
      skipNewlines(source);
      if (atEnd(source) || current(source) === ')' || startsWith(source, ';;')) {
        return items;
      }
      if (CLOSERS.has(peekPlainWord(source))) {
        return items;
      }
      items.push(parseItem(source));
    }
  });
}

/** An and-or list with the `;` or `&` behind it. */
function parseItem(source: Source): AndOr {
  const first = parsePipeline(source);
  const rest: { operator: '&&' | '||'; pipeline: Pipeline }[] = [];
  for (;;) {
    skipBlanks(source);
    const operator = startsWith(source, '&&') ? '&&' : startsWith(source, '||') ? '||' : undefined;
    if (operator === undefined) {
      break;
    }
    source.position += 2;
    skipNewlines(source);
    rest.push({ operator, pipeline: parsePipeline(source) });
  }
  const background = current(source) === '&' && take(source, '&');
  if (!background && current(source) === ';' && !startsWith(source, ';;')) {
    source.position += 1;
  }
  return { first, rest, background };
}

function parsePipeline(source: Source): Pipeline {
  let negate = false;
  skipBlanks(source);
  while (peekPlainWord(source) === '!') {
    if (negate && source.dialect === 'dash') {
      throw new SyntaxProblem('"!" unexpected');
    }
    source.position += 1;
    negate = !negate;
    skipBlanks(source);
  }
  const commands: Command[] = [parseCommand(source)];
  for (;;) {
    skipBlanks(source);
    if (current(source) !== '|' || startsWith(source, '||')) {
      return { negate, commands };
    }
    source.position += 1;
    if (current(source) === '&') {
      throw new Unsupported('|&');
    }
    skipNewlines(source);
    commands.push(parseCommand(source));
  }
}

function parseCommand(source: Source): Command {
  spendOn(source, 1);
  skipBlanks(source);
  const compound = parseCompound(source, { programs, parseList, parseRedirections, skipNewlines, parseCommand });
  return compound ?? parseSimple(source);
}

const ASSIGNMENT = /([A-Za-z_][A-Za-z0-9_]*)(\+?)=/y;

function parseSimple(source: Source): SimpleCommand {
  const assignments: Assignment[] = [];
  const words: Word[] = [];
  const redirections: Redirection[] = [];
  for (;;) {
    skipBlanks(source);
    const redirection = parseRedirection(source);
    if (redirection !== undefined) {
      redirections.push(redirection);
      continue;
    }
    const assignment = words.length === 0 ? parseAssignment(source) : undefined;
    if (assignment !== undefined) {
      assignments.push(assignment);
      continue;
    }
    const word = parseWord(source, programs);
    if (word === undefined) {
      break;
    }
    words.push(...withBraces(word, source));
  }
  if (assignments.length + words.length + redirections.length === 0) {
    throw new SyntaxProblem(`${excerpt(source)} unexpected`);
  }
  return {
    type: 'simple',
    assignments,
    words,
    redirections,
    pure: isPure(assignments, words, redirections),
    setsNothing: assignments.length === 0 && SETS_NOTHING.has(words[0]?.literal ?? '') && words.every(setsNothing),
  };
}

/** Programs that look at nothing but their words and their input, as long as no file is named. */
const FILTERS = new Set([
  'grep',
  'egrep',
  'fgrep',
  'awk',
  'mawk',
  'wc',
  'xargs',
  'cut',
  'tr',
  'sort',
  'uniq',
  'sed',
  'head',
]);

function isPure(
  assignments: readonly Assignment[],
  words: readonly Word[],
  redirections: readonly Redirection[],
): boolean {
  const [name] = words;
  return (
    assignments.length === 0 &&
    redirections.length === 0 &&
    FILTERS.has(name?.literal ?? '') &&
    words.every(
      (word) => word.literal !== undefined && !word.literal.includes('/proc') && !word.literal.includes('/dev'),
    ) &&
    (name?.literal !== 'xargs' || words.length === 1)
  );
}

function parseAssignment(source: Source): Assignment | undefined {
  ASSIGNMENT.lastIndex = source.position;
  const match = ASSIGNMENT.exec(source.text);
  const name = match?.[1];
  if (match === null || name === undefined) {
    return undefined;
  }
  if (match[2] === '+' && source.dialect === 'dash') {
    return undefined;
  }
  source.position += match[0].length;
  if (current(source) === '(') {
    if (source.dialect === 'dash') {
      throw new SyntaxProblem('"(" unexpected');
    }
    throw new Unsupported(`the array ${name}`);
  }
  return { name, append: match[2] === '+', value: parseWord(source, programs) ?? literalWord('') };
}

function parseRedirections(source: Source): Redirection[] {
  const found: Redirection[] = [];
  for (;;) {
    skipBlanks(source);
    const redirection = parseRedirection(source);
    if (redirection === undefined) {
      return found;
    }
    found.push(redirection);
  }
}

const REDIRECTION = /(\d*)(<<-|<<<|<<|<>|<&|<|>>|>&|>\||>)/y;

function parseRedirection(source: Source): Redirection | undefined {
  if (source.dialect !== 'dash' && startsWith(source, '&>')) {
    source.position += 2;
    const append = take(source, '>');
    return { fd: 'both', operator: append ? '>>' : '>', target: redirectionTarget(source) };
  }
  REDIRECTION.lastIndex = source.position;
  const match = REDIRECTION.exec(source.text);
  if (match === null) {
    return undefined;
  }
  const [whole, digits = '', symbol = ''] = match;
  const after = source.text.charAt(source.position + whole.length);
  if ((whole === '<' || whole === '>') && after === '(') {
    return undefined;
  }
  source.position += whole.length;
  const fd = digits !== '' ? Number(digits) : symbol.startsWith('<') ? 0 : 1;
  if (symbol === '<<' || symbol === '<<-') {
    return hereDocument(source, fd, symbol === '<<-');
  }
  if (symbol === '<<<') {
    if (source.dialect === 'dash') {
      throw new SyntaxProblem('redirection unexpected');
    }
    if (source.dialect === 'unknown') {
      throw new Unsupported('<<< (bash knows it, other shells do not)');
    }
    const text = redirectionTarget(source);
    const line: Word = { parts: [...text.parts, { type: 'text', text: '\n', quoted: true }], quoted: true };
    return { fd, operator: 'text', target: line };
  }
  const target = redirectionTarget(source);
  if (symbol === '>&' && digits === '' && !/^(\d+|-)$/.test(target.literal ?? '')) {
    return { fd: 'both', operator: '>', target };
  }
  return { fd, operator: symbol === '>|' ? '>' : (symbol as Redirection['operator']), target };
}

function redirectionTarget(source: Source): Word {
  skipBlanks(source);
  const word = parseWord(source, programs);
  if (word === undefined) {
    throw new SyntaxProblem(`redirection without a target at ${excerpt(source)}`);
  }
  return word;
}

function hereDocument(source: Source, fd: number, stripTabs: boolean): Redirection {
  const delimiter = redirectionTarget(source);
  if (delimiter.literal === undefined) {
    throw new Unsupported('a here-document with an expanded delimiter');
  }
  const redirection: { fd: number; operator: 'text'; target: Word } = { fd, operator: 'text', target: literalWord('') };
  source.hereDocuments.push({
    delimiter: delimiter.literal,
    expand: !delimiter.quoted,
    stripTabs,
    fill: (word) => {
      redirection.target = word;
    },
  });
  return redirection;
}

/** Reads the bodies of the here-documents that the line just ended has opened. */
function readHereDocuments(source: Source): void {
  for (const pending of source.hereDocuments.splice(0)) {
    let body = '';
    while (!atEnd(source)) {
      const end = source.text.indexOf('\n', source.position);
      const raw = source.text.slice(source.position, end < 0 ? undefined : end);
      source.position = end < 0 ? source.text.length : end + 1;
      const line = pending.stripTabs ? raw.replace(/^\t+/, '') : raw;
      if (line === pending.delimiter) {
        break;
      }
      body += `${line}\n`;
    }
    pending.fill(pending.expand ? parseHereDocument(body, source, programs) : literalWord(body, true));
  }
}

/** True where no command in it can set a variable: only plain commands with well-known names. */
function leavesVariables(lines: readonly List[]): boolean {
  return lines.every((list) =>
    list.every(
      (item) =>
        !item.background &&
        [item.first, ...item.rest.map((one) => one.pipeline)].every((pipeline) =>
          pipeline.commands.every((command) => command.type === 'simple' && command.setsNothing),
        ),
    ),
  );
}

function setsNothing(word: Word): boolean {
  return word.parts.every(
    (part) =>
      part.type === 'text' ||
      (part.type === 'parameter' && part.operator === '') ||
      (part.type === 'command' && part.program.leavesVariables),
  );
}

const SETS_NOTHING = new Set([
  'netstat',
  'ss',
  'grep',
  'egrep',
  'awk',
  'wc',
  'xargs',
  'date',
  'cat',
  'echo',
  'printf',
  'seq',
  'expr',
  'cut',
  'tr',
  'head',
  'tail',
  'sort',
  'uniq',
  'sed',
  'curl',
  'wget',
  'pilot-agent',
  'sleep',
  'true',
  'false',
  'command',
  'which',
]);
