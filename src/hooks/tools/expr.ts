import type { Run } from '../shell/run-state.ts';
import { step } from '../shell/run-state.ts';
import { findMatch, translateBasic } from './regex.ts';

interface Reader {
  readonly words: readonly string[];
  position: number;
  depth: number;
  readonly run: Run;
}

const LEVELS: readonly (readonly string[])[] = [
  ['|'],
  ['&'],
  ['=', '==', '!=', '<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/', '%'],
  [':'],
];

class ExprProblem extends Error {}

/** `expr`: the value it prints; `undefined` where it ends with an error. */
export function expr(words: readonly string[], run: Run): string | undefined {
  step(run, words.length);
  const reader: Reader = { words, position: 0, depth: 0, run };
  try {
    const value = parse(reader, 0);
    return reader.position === words.length ? value : undefined;
  } catch (error) {
    if (error instanceof ExprProblem) {
      return undefined;
    }
    throw error;
  }
}

function parse(reader: Reader, level: number): string {
  const operators = LEVELS[level];
  if (operators === undefined) {
    return parsePrimary(reader);
  }
  let left = parse(reader, level + 1);
  for (;;) {
    const operator = reader.words[reader.position];
    if (operator === undefined || !operators.includes(operator)) {
      return left;
    }
    reader.position += 1;
    left = apply(reader, left, operator, parse(reader, level + 1));
  }
}

function parsePrimary(reader: Reader): string {
  const word = reader.words[reader.position];
  if (word === undefined) {
    throw new ExprProblem();
  }
  reader.position += 1;
  if (word === 'length' && reader.words[reader.position] !== undefined) {
    reader.position += 1;
    return String((reader.words[reader.position - 1] ?? '').length);
  }
  if (word !== '(') {
    return word;
  }
  reader.depth += 1;
  if (reader.depth > 50) {
    throw new ExprProblem();
  }
  const inner = parse(reader, 0);
  if (reader.words[reader.position] !== ')') {
    throw new ExprProblem();
  }
  reader.position += 1;
  reader.depth -= 1;
  return inner;
}

function isNull(value: string): boolean {
  return value === '' || value === '0';
}

function apply(reader: Reader, left: string, operator: string, right: string): string {
  switch (operator) {
    case '|':
      return isNull(left) ? right : left;
    case '&':
      return isNull(left) || isNull(right) ? '0' : left;
    case ':': {
      const match = findMatch(reader.run, translateBasic(reader.run, `^${right}`), left);
      return match?.groups[1] ?? (right.includes('\\(') ? '' : String(match?.groups[0]?.length ?? 0));
    }
    default:
      break;
  }
  const numbers = /^-?\d+$/.test(left) && /^-?\d+$/.test(right);
  const [first, second] = [Number(left), Number(right)];
  const order = numbers ? Math.sign(first - second) : left < right ? -1 : left > right ? 1 : 0;
  switch (operator) {
    case '=':
    case '==':
      return order === 0 ? '1' : '0';
    case '!=':
      return order === 0 ? '0' : '1';
    case '<':
      return order < 0 ? '1' : '0';
    case '<=':
      return order <= 0 ? '1' : '0';
    case '>':
      return order > 0 ? '1' : '0';
    case '>=':
      return order >= 0 ? '1' : '0';
    default:
      break;
  }
  if (!numbers) {
    throw new ExprProblem();
  }
  if (operator === '+') {
    return String(first + second);
  }
  if (operator === '-') {
    return String(first - second);
  }
  if (operator === '*') {
    return String(first * second);
  }
  if (second === 0) {
    throw new ExprProblem();
  }
  const quotient = Math.trunc(first / second);
  return String(operator === '/' ? quotient : first - quotient * second);
}
