import type { Token } from './lexer.ts';
import { tokenize } from './lexer.ts';
import type { AwkProgram, Expression, Place, Rule, Statement } from './syntax.ts';
import { AwkProblem } from './syntax.ts';

interface Reader {
  readonly tokens: readonly Token[];
  position: number;
  depth: number;
  /** Inside `print a, b` without parentheses, where `>` would redirect. */
  noGreater: boolean;
  noIn: boolean;
}

const MAXIMUM_DEPTH = 80;
const MAXIMUM_CACHED = 200;
const cache = new Map<string, AwkProgram | AwkProblem>();

/** Parses an awk program; throws AwkProblem. */
export function parseAwk(text: string): AwkProgram {
  let known = cache.get(text);
  if (known === undefined) {
    known = parseFresh(text);
    if (cache.size >= MAXIMUM_CACHED) cache.clear();
    cache.set(text, known);
  }
  if (known instanceof AwkProblem) throw known;
  return known;
}

function parseFresh(text: string): AwkProgram | AwkProblem {
  try {
    const reader: Reader = { tokens: tokenize(text), position: 0, depth: 0, noGreater: false, noIn: false };
    const rules: Rule[] = [];
    for (;;) {
      while (is(reader, ';') || peek(reader).kind === 'newline') reader.position += 1;
      if (peek(reader).kind === 'end') break;
      rules.push(parseRule(reader));
    }
    return { rules, readsInput: rules.some((rule) => rule.pattern !== 'BEGIN') };
  } catch (error) {
    if (error instanceof AwkProblem) return error;
    throw error;
  }
}

const END: Token = { kind: 'end', text: 'the end' };

function peek(reader: Reader): Token {
  return reader.tokens[reader.position] ?? END;
}

function is(reader: Reader, symbol: string): boolean {
  const token = peek(reader);
  return token.kind === 'symbol' && token.text === symbol;
}

function isWord(reader: Reader, word: string): boolean {
  const token = peek(reader);
  return (token.kind === 'name' || token.kind === 'call') && token.text === word;
}

function take(reader: Reader, symbol: string): boolean {
  if (!is(reader, symbol)) return false;
  reader.position += 1;
  return true;
}

function takeWord(reader: Reader, word: string): boolean {
  if (!isWord(reader, word)) return false;
  reader.position += 1;
  return true;
}

function expect(reader: Reader, symbol: string): void {
  if (!take(reader, symbol)) throw new AwkProblem(`${symbol} expected at ${peek(reader).text}`);
}

function skipNewlines(reader: Reader): void {
  while (peek(reader).kind === 'newline') reader.position += 1;
}

function deeper<T>(reader: Reader, parse: () => T): T {
  reader.depth += 1;
  if (reader.depth > MAXIMUM_DEPTH) throw new AwkProblem('nested too deeply');
  const result = parse();
  reader.depth -= 1;
  return result;
}

function parseRule(reader: Reader): Rule {
  if (isWord(reader, 'function') || isWord(reader, 'func')) throw new AwkProblem('functions');
  if (takeWord(reader, 'BEGIN')) return { pattern: 'BEGIN', action: parseBlock(reader) };
  if (takeWord(reader, 'END')) return { pattern: 'END', action: parseBlock(reader) };
  if (is(reader, '{')) return { pattern: undefined, action: parseBlock(reader) };
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
      while (is(reader, ';') || peek(reader).kind === 'newline') reader.position += 1;
      if (take(reader, '}')) return { type: 'block', statements };
      statements.push(parseStatement(reader));
    }
  });
}

function parseStatement(reader: Reader): Statement {
  return deeper(reader, () => {
    skipNewlines(reader);
    if (is(reader, '{')) return parseBlock(reader);
    if (take(reader, ';')) return { type: 'block', statements: [] };
    if (takeWord(reader, 'if')) return parseIf(reader);
    if (takeWord(reader, 'while')) {
      const condition = parseParenthesised(reader);
      return { type: 'while', condition, body: parseStatement(reader), atLeastOnce: false };
    }
    if (takeWord(reader, 'do')) return parseDo(reader);
    if (takeWord(reader, 'for')) return parseFor(reader);
    const statement = parseSimple(reader);
    endStatement(reader);
    return statement;
  });
}

function endStatement(reader: Reader): void {
  const token = peek(reader);
  if (token.kind === 'newline' || is(reader, ';')) reader.position += 1;
  else if (!is(reader, '}') && token.kind !== 'end') throw new AwkProblem(`unexpected ${token.text}`);
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
  while (is(reader, ';') || peek(reader).kind === 'newline') reader.position += 1;
  if (takeWord(reader, 'else')) return { type: 'if', condition, yes, no: parseStatement(reader) };
  reader.position = before;
  return { type: 'if', condition, yes };
}

function parseDo(reader: Reader): Statement {
  const body = parseStatement(reader);
  while (is(reader, ';') || peek(reader).kind === 'newline') reader.position += 1;
  if (!takeWord(reader, 'while')) throw new AwkProblem('while expected');
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
  return {
    type: 'for', body, ...(first === undefined ? {} : { first }), ...(condition === undefined ? {} : { condition }), ...(next === undefined ? {} : { next }),
  };
}

function atEndOfStatement(reader: Reader): boolean {
  return is(reader, ';') || is(reader, '}') || peek(reader).kind === 'newline' || peek(reader).kind === 'end';
}

function parseSimple(reader: Reader): Statement {
  for (const word of ['next', 'break', 'continue'] as const) {
    if (takeWord(reader, word)) return { type: word };
  }
  if (takeWord(reader, 'exit')) {
    return atEndOfStatement(reader) ? { type: 'exit' } : { type: 'exit', status: parseExpression(reader) };
  }
  if (takeWord(reader, 'print')) return { type: 'print', values: parsePrinted(reader) };
  if (takeWord(reader, 'printf')) return { type: 'printf', values: parsePrinted(reader) };
  if (takeWord(reader, 'delete')) {
    const name = peek(reader).text;
    reader.position += 1;
    return is(reader, '[') ? { type: 'delete', name, subscript: parseSubscript(reader) } : { type: 'delete', name };
  }
  if (isWord(reader, 'return') || isWord(reader, 'getline') || isWord(reader, 'nextfile')) throw new AwkProblem(peek(reader).text);
  return { type: 'expression', expression: parseExpression(reader) };
}

function parsePrinted(reader: Reader): Expression[] {
  if (atEndOfStatement(reader)) return [];
  const start = reader.position;
  if (take(reader, '(')) {
    const values = parseExpressions(reader);
    if (take(reader, ')') && atEndOfStatement(reader)) return values;
    reader.position = start;
  }
  reader.noGreater = true;
  const values = parseExpressions(reader);
  reader.noGreater = false;
  if (is(reader, '>') || is(reader, '|')) throw new AwkProblem('print to a file or command');
  return values;
}

function parseExpressions(reader: Reader): Expression[] {
  const values = [parseExpression(reader)];
  while (take(reader, ',')) {
    skipNewlines(reader);
    values.push(parseExpression(reader));
  }
  return values;
}

function parseSubscript(reader: Reader): Expression[] {
  expect(reader, '[');
  const subscript = parseExpressions(reader);
  expect(reader, ']');
  return subscript;
}

const ASSIGNMENTS = ['=', '+=', '-=', '*=', '/=', '%=', '^='];

function parseExpression(reader: Reader): Expression {
  return deeper(reader, () => {
    const left = parseChoice(reader);
    const operator = ASSIGNMENTS.find((symbol) => is(reader, symbol));
    if (operator === undefined) return left;
    if (left.type !== 'variable' && left.type !== 'field' && left.type !== 'element') throw new AwkProblem('assignment to a value');
    reader.position += 1;
    skipNewlines(reader);
    return { type: 'assign', target: left, operator, value: parseExpression(reader) };
  });
}

function parseChoice(reader: Reader): Expression {
  const condition = parseOr(reader);
  if (!take(reader, '?')) return condition;
  const yes = parseExpression(reader);
  expect(reader, ':');
  return { type: 'choice', condition, yes, no: parseExpression(reader) };
}

function parseOr(reader: Reader): Expression {
  let left = parseAnd(reader);
  while (take(reader, '||')) {
    skipNewlines(reader);
    left = { type: 'binary', operator: '||', left, right: parseAnd(reader) };
  }
  return left;
}

function parseAnd(reader: Reader): Expression {
  let left = parseIn(reader);
  while (take(reader, '&&')) {
    skipNewlines(reader);
    left = { type: 'binary', operator: '&&', left, right: parseIn(reader) };
  }
  return left;
}

function parseIn(reader: Reader): Expression {
  let left = parseMatch(reader);
  while (takeWord(reader, 'in')) {
    left = { type: 'in', name: peek(reader).text, subscript: [left] };
    reader.position += 1;
  }
  return left;
}

function parseMatch(reader: Reader): Expression {
  let left = parseComparison(reader);
  while (is(reader, '~') || is(reader, '!~')) {
    const negated = is(reader, '!~');
    reader.position += 1;
    left = { type: 'match', negated, left, right: parseComparison(reader) };
  }
  return left;
}

function parseComparison(reader: Reader): Expression {
  const left = parseConcatenation(reader);
  const operator = ['==', '!=', '<=', '>=', '<', '>'].find((symbol) => is(reader, symbol));
  if (operator === undefined || (operator === '>' && reader.noGreater)) return left;
  reader.position += 1;
  return { type: 'binary', operator, left, right: parseConcatenation(reader) };
}

function startsOperand(reader: Reader): boolean {
  const token = peek(reader);
  if (token.kind === 'name') return token.text !== 'in';
  if (token.kind === 'number' || token.kind === 'text' || token.kind === 'call') return true;
  return token.kind === 'symbol' && ['(', '$', '!', '-', '+', '++', '--'].includes(token.text);
}

function parseConcatenation(reader: Reader): Expression {
  let left = parseAdditive(reader);
  while (startsOperand(reader) && !is(reader, '+') && !is(reader, '-')) {
    left = { type: 'binary', operator: ' ', left, right: parseAdditive(reader) };
  }
  return left;
}

function parseLevel(reader: Reader, operators: readonly string[], next: (reader: Reader) => Expression): Expression {
  let left = next(reader);
  for (;;) {
    const operator = operators.find((symbol) => is(reader, symbol));
    if (operator === undefined) return left;
    reader.position += 1;
    left = { type: 'binary', operator, left, right: next(reader) };
  }
}

function parseAdditive(reader: Reader): Expression {
  return parseLevel(reader, ['+', '-'], parseMultiplicative);
}

function parseMultiplicative(reader: Reader): Expression {
  return parseLevel(reader, ['*', '/', '%'], parseUnary);
}

function parseUnary(reader: Reader): Expression {
  return deeper(reader, () => {
    for (const operator of ['!', '-', '+'] as const) {
      if (take(reader, operator)) return { type: 'unary', operator, operand: parseUnary(reader) };
    }
    const base = parsePostfix(reader);
    return take(reader, '^') ? { type: 'binary', operator: '^', left: base, right: parseUnary(reader) } : base;
  });
}

function asPlace(expression: Expression): Place {
  if (expression.type === 'variable' || expression.type === 'field' || expression.type === 'element') return expression;
  throw new AwkProblem('++ of a value');
}

function parsePostfix(reader: Reader): Expression {
  for (const [symbol, by] of [['++', 1], ['--', -1]] as const) {
    if (take(reader, symbol)) return { type: 'step', target: asPlace(parsePrimary(reader)), by, prefix: true };
  }
  const operand = parsePrimary(reader);
  if (operand.type !== 'variable' && operand.type !== 'field' && operand.type !== 'element') return operand;
  for (const [symbol, by] of [['++', 1], ['--', -1]] as const) {
    if (take(reader, symbol)) return { type: 'step', target: operand, by, prefix: false };
  }
  return operand;
}

const FUNCTIONS = new Set(['length', 'substr', 'index', 'split', 'sub', 'gsub', 'tolower', 'toupper', 'int', 'sprintf', 'match']);

function parsePrimary(reader: Reader): Expression {
  return deeper(reader, () => {
    const token = peek(reader);
    reader.position += 1;
    switch (token.kind) {
      case 'number': return { type: 'number', value: Number(token.text) };
      case 'text': return { type: 'text', value: token.text };
      case 'regex': return { type: 'regex', source: token.text };
      case 'call': return parseCall(reader, token.text);
      case 'name':
        if (token.text === 'length') return { type: 'call', name: 'length', parameters: [] };
        if (/^(getline|function|func|in|else|if|while|print|printf|BEGIN|END)$/.test(token.text)) throw new AwkProblem(`unexpected ${token.text}`);
        return is(reader, '[') ? { type: 'element', name: token.text, subscript: parseSubscript(reader) } : { type: 'variable', name: token.text };
      case 'symbol':
        if (token.text === '(') return parseGroup(reader);
        if (token.text === '$') return { type: 'field', index: parseFieldIndex(reader) };
        throw new AwkProblem(`unexpected ${token.text}`);
      case 'newline':
      case 'end':
        throw new AwkProblem(`unexpected ${token.kind}`);
    }
  });
}

function parseFieldIndex(reader: Reader): Expression {
  if (is(reader, '++') || is(reader, '--')) return parsePostfix(reader);
  if (take(reader, '-')) return { type: 'unary', operator: '-', operand: parsePrimary(reader) };
  return parsePrimary(reader);
}

function parseGroup(reader: Reader): Expression {
  const { noGreater } = reader;
  reader.noGreater = false;
  const values = parseExpressions(reader);
  reader.noGreater = noGreater;
  expect(reader, ')');
  const [only] = values;
  if (values.length > 1 || only === undefined) {
    if (!takeWord(reader, 'in')) throw new AwkProblem('a list in parentheses');
    reader.position += 1;
    return { type: 'in', name: reader.tokens[reader.position - 1]?.text ?? '', subscript: values };
  }
  // In parentheses a place is a value: "(a)++" is nobody's program.
  return only;
}

function parseCall(reader: Reader, name: string): Expression {
  // A keyword or variable in front of a parenthesis is not a call.
  if (name === 'in' || name === 'getline') throw new AwkProblem(name);
  if (!FUNCTIONS.has(name)) {
    if (/^[A-Z]+$/.test(name)) return { type: 'variable', name };
    throw new AwkProblem(`the function ${name}`);
  }
  expect(reader, '(');
  const { noGreater } = reader;
  reader.noGreater = false;
  const parameters = is(reader, ')') ? [] : parseExpressions(reader);
  reader.noGreater = noGreater;
  expect(reader, ')');
  return { type: 'call', name, parameters };
}
