import type {
  Command,
  CaseCommand,
  Condition,
  CountingForCommand,
  ForCommand,
  IfCommand,
  List,
  Redirection,
  Word,
} from './ast.ts';
import { withBraces } from './braces.ts';
import type { ProgramParser } from './parse-word.ts';
import { parseArithmetic, parseUntil, parseWord, takeName } from './parse-word.ts';
import type { Source } from './source.ts';
import {
  atEnd,
  current,
  deeper,
  excerpt,
  newSource,
  peekPlainWord,
  skipBlanks,
  startsWith,
  SyntaxProblem,
  take,
  Unsupported,
} from './source.ts';

/** What the parsers of compound commands need of the parser of commands. */
export interface CommandParser {
  readonly programs: ProgramParser;
  parseList(source: Source): List;
  parseRedirections(source: Source): Redirection[];
  skipNewlines(source: Source): void;
  parseCommand(source: Source): Command;
}

/** A compound command, where one begins here. */
export function parseCompound(source: Source, commands: CommandParser): Command | undefined {
  return deeper(source, () => {
    const body = parseBody(source, commands);
    if (body === undefined || body.type === 'function') {
      return body;
    }
    return { ...body, redirections: commands.parseRedirections(source) };
  });
}

function parseBody(source: Source, commands: CommandParser): Command | undefined {
  const plain = peekPlainWord(source);
  switch (plain) {
    case '':
      return current(source) === '(' ? parseParenthesis(source, commands) : undefined;
    case '{': {
      source.position += 1;
      const body = filledList(source, commands);
      expectWord(source, commands, '}');
      return { type: 'group', subshell: false, body, redirections: [] };
    }
    case 'if':
      return parseIf(source, commands);
    case 'while':
    case 'until': {
      source.position += plain.length;
      const condition = filledList(source, commands);
      return {
        type: 'loop',
        until: plain === 'until',
        condition,
        body: parseDoGroup(source, commands),
        redirections: [],
      };
    }
    case 'for':
      return parseFor(source, commands);
    case 'case':
      return parseCase(source, commands);
    case '[[':
      if (source.dialect === 'dash') {
        return undefined;
      }
      source.position += 2;
      return parseCondition(source, commands);
    case 'function':
      if (source.dialect === 'dash') {
        return undefined;
      }
      if (source.dialect === 'unknown') {
        throw new Unsupported('function (dash has no such word)');
      }
      source.position += plain.length;
      skipBlanks(source);
      return parseFunction(source, commands);
    case 'select':
    case 'coproc':
      if (source.dialect === 'dash') {
        return undefined;
      }
      throw new Unsupported(plain);
    default:
      return /^[A-Za-z_][\w.-]*$/.test(plain) &&
        /^[\w.-]+[ \t]*\([ \t]*\)/.test(source.text.slice(source.position, source.position + 100))
        ? parseFunction(source, commands)
        : undefined;
  }
}

function filledList(source: Source, commands: CommandParser): List {
  const list = commands.parseList(source);
  if (list.length === 0) {
    throw new SyntaxProblem(`${excerpt(source)} unexpected`);
  }
  return list;
}

function expectWord(source: Source, commands: CommandParser, word: string): void {
  commands.skipNewlines(source);
  if (peekPlainWord(source) !== word) {
    throw new SyntaxProblem(`${excerpt(source)} unexpected (expecting "${word}")`);
  }
  source.position += word.length;
}

function parseParenthesis(source: Source, commands: CommandParser): Command {
  if (startsWith(source, '((') && source.dialect !== 'dash') {
    const expression = parseArithmetic(source, commands.programs);
    if (expression !== undefined && source.dialect === 'unknown') {
      throw new Unsupported('(( )) (bash knows it, other shells do not)');
    }
    if (expression !== undefined) {
      return { type: 'arithmetic', expression, redirections: [] };
    }
  }
  source.position += 1;
  const body = filledList(source, commands);
  commands.skipNewlines(source);
  if (!take(source, ')')) {
    throw new SyntaxProblem(`${excerpt(source)} unexpected (expecting ")")`);
  }
  return { type: 'group', subshell: true, body, redirections: [] };
}

function parseFunction(source: Source, commands: CommandParser): Command {
  const name = peekPlainWord(source);
  source.position += name.length;
  skipBlanks(source);
  if (take(source, '(')) {
    skipBlanks(source);
    if (!take(source, ')')) {
      throw new SyntaxProblem(`${excerpt(source)} unexpected`);
    }
  }
  commands.skipNewlines(source);
  return { type: 'function', name, body: commands.parseCommand(source), redirections: [] };
}

function parseIf(source: Source, commands: CommandParser): IfCommand {
  const branches: { condition: List; body: List }[] = [];
  expectWord(source, commands, 'if');
  for (;;) {
    const condition = filledList(source, commands);
    expectWord(source, commands, 'then');
    branches.push({ condition, body: filledList(source, commands) });
    commands.skipNewlines(source);
    const next = peekPlainWord(source);
    if (next !== 'elif') {
      break;
    }
    source.position += next.length;
  }
  if (peekPlainWord(source) !== 'else') {
    expectWord(source, commands, 'fi');
    return { type: 'if', branches, redirections: [] };
  }
  source.position += 'else'.length;
  const otherwise = filledList(source, commands);
  expectWord(source, commands, 'fi');
  return { type: 'if', branches, otherwise, redirections: [] };
}

function parseDoGroup(source: Source, commands: CommandParser): List {
  expectWord(source, commands, 'do');
  const body = filledList(source, commands);
  expectWord(source, commands, 'done');
  return body;
}

function parseFor(source: Source, commands: CommandParser): ForCommand | CountingForCommand {
  source.position += 'for'.length;
  skipBlanks(source);
  if (startsWith(source, '((')) {
    return parseCountingFor(source, commands);
  }
  const name = takeName(source);
  if (name === '') {
    throw new SyntaxProblem('bad for loop variable');
  }
  commands.skipNewlines(source);
  let words: Word[] | undefined;
  if (peekPlainWord(source) === 'in') {
    source.position += 2;
    words = [];
    for (;;) {
      skipBlanks(source);
      const word = parseWord(source, commands.programs);
      if (word === undefined) {
        break;
      }
      words.push(...withBraces(word, source));
    }
  }
  skipBlanks(source);
  if (current(source) === ';' && !startsWith(source, ';;')) {
    source.position += 1;
  }
  const body = parseDoGroup(source, commands);
  return { type: 'for', name, words, body, redirections: [] };
}

function parseCountingFor(source: Source, commands: CommandParser): CountingForCommand {
  if (source.dialect === 'dash') {
    throw new SyntaxProblem('bad for loop variable');
  }
  if (source.dialect === 'unknown') {
    throw new Unsupported('for (( )) (bash knows it, other shells do not)');
  }
  const end = source.text.indexOf('))', source.position);
  const parts = source.text.slice(source.position + 2, end < 0 ? undefined : end).split(';');
  if (end < 0 || parts.length !== 3) {
    throw new SyntaxProblem('bad for (( ))');
  }
  const [first, condition, next] = parts.map((text) => {
    const inner = newSource(`((${text.trim() === '' ? '1' : text}))`, source.dialect, source);
    const word = parseArithmetic(inner, commands.programs);
    if (word === undefined || !atEnd(inner)) {
      throw new SyntaxProblem('bad for (( ))');
    }
    return word;
  });
  if (first === undefined || condition === undefined || next === undefined) {
    throw new SyntaxProblem('bad for (( ))');
  }
  source.position = end + 2;
  skipBlanks(source);
  if (current(source) === ';') {
    source.position += 1;
  }
  return { type: 'counting-for', first, condition, next, body: parseDoGroup(source, commands), redirections: [] };
}

function parseCase(source: Source, commands: CommandParser): CaseCommand {
  source.position += 'case'.length;
  skipBlanks(source);
  const word = parseWord(source, commands.programs);
  if (word === undefined) {
    throw new SyntaxProblem(`${excerpt(source)} unexpected`);
  }
  expectWord(source, commands, 'in');
  const clauses: { patterns: Word[]; body: List }[] = [];
  for (;;) {
    commands.skipNewlines(source);
    if (peekPlainWord(source) === 'esac') {
      break;
    }
    take(source, '(');
    const patterns: Word[] = [];
    do {
      skipBlanks(source);
      const pattern = parseWord(source, commands.programs);
      if (pattern === undefined) {
        throw new SyntaxProblem(`${excerpt(source)} unexpected`);
      }
      patterns.push(pattern);
      skipBlanks(source);
    } while (take(source, '|'));
    if (!take(source, ')')) {
      throw new SyntaxProblem(`${excerpt(source)} unexpected (expecting ")")`);
    }
    clauses.push({ patterns, body: commands.parseList(source) });
    commands.skipNewlines(source);
    if (startsWith(source, ';;&')) {
      throw new Unsupported(';;&');
    }
    if (!take(source, ';;')) {
      break;
    }
  }
  expectWord(source, commands, 'esac');
  return { type: 'case', word, clauses, redirections: [] };
}

function parseCondition(source: Source, commands: CommandParser): Command {
  const condition = parseOr(source, commands);
  commands.skipNewlines(source);
  if (!take(source, ']]')) {
    throw new SyntaxProblem(`${excerpt(source)} unexpected (expecting "]]")`);
  }
  return { type: 'condition', condition, redirections: [] };
}

function parseOr(source: Source, commands: CommandParser): Condition {
  let left = parseAnd(source, commands);
  commands.skipNewlines(source);
  while (take(source, '||')) {
    left = { type: 'or', left, right: parseAnd(source, commands) };
    commands.skipNewlines(source);
  }
  return left;
}

function parseAnd(source: Source, commands: CommandParser): Condition {
  let left = parsePrimary(source, commands);
  commands.skipNewlines(source);
  while (take(source, '&&')) {
    left = { type: 'and', left, right: parsePrimary(source, commands) };
    commands.skipNewlines(source);
  }
  return left;
}

function parsePrimary(source: Source, commands: CommandParser): Condition {
  return deeper(source, () => {
    commands.skipNewlines(source);
    if (peekPlainWord(source) === '!') {
      source.position += 1;
      return { type: 'not', operand: parsePrimary(source, commands) };
    }
    if (take(source, '(')) {
      const inner = parseOr(source, commands);
      if (!take(source, ')')) {
        throw new SyntaxProblem(`${excerpt(source)} unexpected (expecting ")")`);
      }
      return inner;
    }
    const first = parseWord(source, commands.programs);
    if (first === undefined) {
      throw new SyntaxProblem(`${excerpt(source)} unexpected`);
    }
    commands.skipNewlines(source);
    if (!first.quoted && /^-[a-zA-Z]$/.test(first.literal ?? '')) {
      const operand = parseWord(source, commands.programs);
      if (operand !== undefined) {
        return { type: 'unary', operator: first.literal ?? '', operand };
      }
    }
    const operator = conditionOperator(source);
    if (operator === undefined) {
      return { type: 'unary', operator: '-n', operand: first };
    }
    skipBlanks(source);
    const right =
      operator === '=~'
        ? parseUntil(source, commands.programs, (character) => /[\s]/.test(character))
        : parseWord(source, commands.programs);
    if (right === undefined) {
      throw new SyntaxProblem(`${excerpt(source)} unexpected`);
    }
    return { type: 'binary', operator, left: first, right };
  });
}

function conditionOperator(source: Source): string | undefined {
  const symbol = /(==|=~|!=|=|<|>|-(eq|ne|lt|le|gt|ge|nt|ot|ef)(?=\s))/y;
  symbol.lastIndex = source.position;
  const found = symbol.exec(source.text)?.[0];
  if (found !== undefined) {
    source.position += found.length;
  }
  return found;
}
