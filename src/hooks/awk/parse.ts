import { tokenize } from './lexer.ts';
import { parseExpression, parseExpressions, parseSubscript } from './parse-expression.ts';
import type { Reader } from './reader.ts';
import { deeper, expect, is, isWord, peek, skipNewlines, take, takeWord } from './reader.ts';
import type { AwkProgram, Expression, Rule, Statement } from './syntax.ts';
import { AwkProblem } from './syntax.ts';

const MAXIMUM_CACHED = 200;
const MAXIMUM_LENGTH = 10_000;
const cache = new Map<string, AwkProgram | AwkProblem>();

/** Parses an awk program; throws AwkProblem. */
export function parseAwk(text: string): AwkProgram {
  if (text.length > MAXIMUM_LENGTH) {
    throw new AwkProblem('a program of this length');
  }
  let known = cache.get(text);
  if (known === undefined) {
    known = parseFresh(text);
    if (cache.size >= MAXIMUM_CACHED) {
      cache.clear();
    }
    cache.set(text, known);
  }
  if (known instanceof AwkProblem) {
    throw known;
  }
  return known;
}

function parseFresh(text: string): AwkProgram | AwkProblem {
  try {
    const reader: Reader = { tokens: tokenize(text), position: 0, depth: 0, noGreater: false };
    const rules: Rule[] = [];
    for (;;) {
      while (is(reader, ';') || peek(reader).kind === 'newline') {
        reader.position += 1;
      }
      if (peek(reader).kind === 'end') {
        break;
      }
      rules.push(parseRule(reader));
    }
    return { rules, readsInput: rules.some((rule) => rule.pattern !== 'BEGIN') };
  } catch (error) {
    if (error instanceof AwkProblem) {
      return error;
    }
    throw error;
  }
}

function parseRule(reader: Reader): Rule {
  if (isWord(reader, 'function') || isWord(reader, 'func')) {
    throw new AwkProblem('functions');
  }
  if (takeWord(reader, 'BEGIN')) {
    return { pattern: 'BEGIN', action: parseBlock(reader) };
  }
  if (takeWord(reader, 'END')) {
    return { pattern: 'END', action: parseBlock(reader) };
  }
  if (is(reader, '{')) {
    return { pattern: undefined, action: parseBlock(reader) };
  }
  const from = parseExpression(reader);
  const to = take(reader, ',') ? parseExpression(reader) : undefined;
  const pattern = to === undefined ? { from } : { from, to };
  return is(reader, '{') ? { pattern, action: parseBlock(reader) } : { pattern };
}

function parseBlock(reader: Reader): Statement {
  return deeper(reader, () => {
    expect(reader, '{');
    const statements: Statement[] = [];
    for (;;) {
      while (is(reader, ';') || peek(reader).kind === 'newline') {
        reader.position += 1;
      }
      if (take(reader, '}')) {
        return { type: 'block', statements };
      }
      statements.push(parseStatement(reader));
    }
  });
}

function parseStatement(reader: Reader): Statement {
  return deeper(reader, () => {
    skipNewlines(reader);
    if (is(reader, '{')) {
      return parseBlock(reader);
    }
    if (take(reader, ';')) {
      return { type: 'block', statements: [] };
    }
    if (takeWord(reader, 'if')) {
      return parseIf(reader);
    }
    if (takeWord(reader, 'while')) {
      const condition = parseParenthesised(reader);
      return { type: 'while', condition, body: parseStatement(reader), atLeastOnce: false };
    }
    if (takeWord(reader, 'do')) {
      return parseDo(reader);
    }
    if (takeWord(reader, 'for')) {
      return parseFor(reader);
    }
    const statement = parseSimple(reader);
    endStatement(reader);
    return statement;
  });
}

function endStatement(reader: Reader): void {
  const token = peek(reader);
  if (token.kind === 'newline' || is(reader, ';')) {
    reader.position += 1;
  } else if (!is(reader, '}') && token.kind !== 'end') {
    throw new AwkProblem(`unexpected ${token.text}`);
  }
}

function parseParenthesised(reader: Reader): Expression {
  expect(reader, '(');
  const expression = parseExpression(reader);
  expect(reader, ')');
  return expression;
}

function parseIf(reader: Reader): Statement {
  const condition = parseParenthesised(reader);
  const yes = parseStatement(reader);
  const before = reader.position;
  while (is(reader, ';') || peek(reader).kind === 'newline') {
    reader.position += 1;
  }
  if (takeWord(reader, 'else')) {
    return { type: 'if', condition, yes, no: parseStatement(reader) };
  }
  reader.position = before;
  return { type: 'if', condition, yes };
}

function parseDo(reader: Reader): Statement {
  const body = parseStatement(reader);
  while (is(reader, ';') || peek(reader).kind === 'newline') {
    reader.position += 1;
  }
  if (!takeWord(reader, 'while')) {
    throw new AwkProblem('while expected');
  }
  const condition = parseParenthesised(reader);
  endStatement(reader);
  return { type: 'while', condition, body, atLeastOnce: true };
}

function parseFor(reader: Reader): Statement {
  expect(reader, '(');
  const [variable, word, array, close] = reader.tokens.slice(reader.position, reader.position + 4);
  if (variable?.kind === 'name' && word?.text === 'in' && array?.kind === 'name' && close?.text === ')') {
    reader.position += 4;
    return { type: 'for-in', variable: variable.text, array: array.text, body: parseStatement(reader) };
  }
  const first = is(reader, ';') ? undefined : parseSimple(reader);
  expect(reader, ';');
  const condition = is(reader, ';') ? undefined : parseExpression(reader);
  expect(reader, ';');
  const next = is(reader, ')') ? undefined : parseSimple(reader);
  expect(reader, ')');
  const body = parseStatement(reader);
  return { type: 'for', body, first, condition, next };
}

function atEndOfStatement(reader: Reader): boolean {
  return is(reader, ';') || is(reader, '}') || peek(reader).kind === 'newline' || peek(reader).kind === 'end';
}

function parseSimple(reader: Reader): Statement {
  for (const word of ['next', 'break', 'continue'] as const) {
    if (takeWord(reader, word)) {
      return { type: word };
    }
  }
  if (takeWord(reader, 'exit')) {
    return atEndOfStatement(reader) ? { type: 'exit' } : { type: 'exit', status: parseExpression(reader) };
  }
  if (takeWord(reader, 'print')) {
    return { type: 'print', values: parsePrinted(reader) };
  }
  if (takeWord(reader, 'printf')) {
    return { type: 'printf', values: parsePrinted(reader) };
  }
  if (takeWord(reader, 'delete')) {
    const name = peek(reader).text;
    reader.position += 1;
    return is(reader, '[') ? { type: 'delete', name, subscript: parseSubscript(reader) } : { type: 'delete', name };
  }
  if (isWord(reader, 'return') || isWord(reader, 'getline') || isWord(reader, 'nextfile')) {
    throw new AwkProblem(peek(reader).text);
  }
  return { type: 'expression', expression: parseExpression(reader) };
}

function parsePrinted(reader: Reader): Expression[] {
  if (atEndOfStatement(reader)) {
    return [];
  }
  const start = reader.position;
  if (take(reader, '(')) {
    const values = parseExpressions(reader);
    if (take(reader, ')') && atEndOfStatement(reader)) {
      return values;
    }
    reader.position = start;
  }
  reader.noGreater = true;
  const values = parseExpressions(reader);
  reader.noGreater = false;
  if (is(reader, '>') || is(reader, '|')) {
    throw new AwkProblem('print to a file or command');
  }
  return values;
}
