import type { Reader } from './reader.ts';
import { deeper, expect, is, peek, skipNewlines, take, takeWord } from './reader.ts';
import type { Expression, Place } from './syntax.ts';
import { AwkProblem } from './syntax.ts';

export function parseExpressions(reader: Reader): Expression[] {
  const values = [parseExpression(reader)];
  while (take(reader, ',')) {
    skipNewlines(reader);
    values.push(parseExpression(reader));
  }
  return values;
}

export function parseSubscript(reader: Reader): Expression[] {
  expect(reader, '[');
  const subscript = parseExpressions(reader);
  expect(reader, ']');
  return subscript;
}

const ASSIGNMENTS = ['=', '+=', '-=', '*=', '/=', '%=', '^='];

export function parseExpression(reader: Reader): Expression {
  return deeper(reader, () => {
    const left = parseChoice(reader);
    const operator = ASSIGNMENTS.find((symbol) => is(reader, symbol));
    if (operator === undefined) {
      return left;
    }
    if (left.type !== 'variable' && left.type !== 'field' && left.type !== 'element') {
      throw new AwkProblem('assignment to a value');
    }
    reader.position += 1;
    skipNewlines(reader);
    return { type: 'assign', target: left, operator, value: parseExpression(reader) };
  });
}

function parseChoice(reader: Reader): Expression {
  const condition = parseOr(reader);
  if (!take(reader, '?')) {
    return condition;
  }
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
  if (operator === undefined || (operator === '>' && reader.noGreater)) {
    return left;
  }
  reader.position += 1;
  return { type: 'binary', operator, left, right: parseConcatenation(reader) };
}

function startsOperand(reader: Reader): boolean {
  const token = peek(reader);
  if (token.kind === 'name') {
    return token.text !== 'in';
  }
  if (token.kind === 'number' || token.kind === 'text' || token.kind === 'call') {
    return true;
  }
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
    if (operator === undefined) {
      return left;
    }
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
      if (take(reader, operator)) {
        return { type: 'unary', operator, operand: parseUnary(reader) };
      }
    }
    const base = parsePostfix(reader);
    return take(reader, '^') ? { type: 'binary', operator: '^', left: base, right: parseUnary(reader) } : base;
  });
}

function asPlace(expression: Expression): Place {
  if (expression.type === 'variable' || expression.type === 'field' || expression.type === 'element') {
    return expression;
  }
  throw new AwkProblem('++ of a value');
}

function parsePostfix(reader: Reader): Expression {
  for (const [symbol, by] of [
    ['++', 1],
    ['--', -1],
  ] as const) {
    if (take(reader, symbol)) {
      return { type: 'step', target: asPlace(parsePrimary(reader)), by, prefix: true };
    }
  }
  const operand = parsePrimary(reader);
  if (operand.type !== 'variable' && operand.type !== 'field' && operand.type !== 'element') {
    return operand;
  }
  for (const [symbol, by] of [
    ['++', 1],
    ['--', -1],
  ] as const) {
    if (take(reader, symbol)) {
      return { type: 'step', target: operand, by, prefix: false };
    }
  }
  return operand;
}

const FUNCTIONS = new Set([
  'length',
  'substr',
  'index',
  'split',
  'sub',
  'gsub',
  'tolower',
  'toupper',
  'int',
  'sprintf',
  'match',
]);

function parsePrimary(reader: Reader): Expression {
  return deeper(reader, () => {
    const token = peek(reader);
    reader.position += 1;
    switch (token.kind) {
      case 'number':
        return { type: 'number', value: Number(token.text) };
      case 'text':
        return { type: 'text', value: token.text };
      case 'regex':
        return { type: 'regex', source: token.text };
      case 'call':
        return parseCall(reader, token.text);
      case 'name':
        if (token.text === 'length') {
          return { type: 'call', name: 'length', parameters: [] };
        }
        if (/^(getline|function|func|in|else|if|while|print|printf|BEGIN|END)$/.test(token.text)) {
          throw new AwkProblem(`unexpected ${token.text}`);
        }
        return is(reader, '[')
          ? { type: 'element', name: token.text, subscript: parseSubscript(reader) }
          : { type: 'variable', name: token.text };
      case 'symbol':
        if (token.text === '(') {
          return parseGroup(reader);
        }
        if (token.text === '$') {
          return { type: 'field', index: parseFieldIndex(reader) };
        }
        throw new AwkProblem(`unexpected ${token.text}`);
      case 'newline':
      case 'end':
        throw new AwkProblem(`unexpected ${token.kind}`);
    }
  });
}

function parseFieldIndex(reader: Reader): Expression {
  if (is(reader, '++') || is(reader, '--')) {
    return parsePostfix(reader);
  }
  if (take(reader, '-')) {
    return { type: 'unary', operator: '-', operand: parsePrimary(reader) };
  }
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
    if (!takeWord(reader, 'in')) {
      throw new AwkProblem('a list in parentheses');
    }
    reader.position += 1;
    return { type: 'in', name: reader.tokens[reader.position - 1]?.text ?? '', subscript: values };
  }
  // In parentheses a place is a value: "(a)++" is nobody's program.
  return only;
}

function parseCall(reader: Reader, name: string): Expression {
  // A keyword or variable in front of a parenthesis is not a call.
  if (name === 'in' || name === 'getline') {
    throw new AwkProblem(name);
  }
  if (!FUNCTIONS.has(name)) {
    if (/^[A-Z]+$/.test(name)) {
      return { type: 'variable', name };
    }
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
