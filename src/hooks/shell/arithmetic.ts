import type { Dialect } from './ast.ts';
import { NotUnderstood } from './run-state.ts';

/** Evaluates `$(( ))`; the text has been expanded already. Integers, C precedence, assignments through `scope`. */
export interface ArithmeticScope {
  readonly dialect: Dialect;
  get(name: string): string;
  set(name: string, value: string): void;
}

/** The shell refuses the expression; it ends with status 2. */
export class ArithmeticProblem extends Error {}

interface Reader {
  readonly text: string;
  position: number;
  readonly scope: ArithmeticScope;
  depth: number;
  /** In a branch that is not taken nothing is assigned and nothing divides. */
  skipping: boolean;
}

/** How tightly operators bind. */
const LEVELS: ReadonlyMap<string, number> = new Map(
  [
    ['||'],
    ['&&'],
    ['|'],
    ['^'],
    ['&'],
    ['==', '!='],
    ['<=', '>=', '<', '>'],
    ['<<', '>>'],
    ['+', '-'],
    ['*', '/', '%'],
  ].flatMap((operators, level) => operators.map((operator): [string, number] => [operator, level])),
);
const ALL_OPERATORS = [
  '<<=',
  '>>=',
  '||',
  '&&',
  '==',
  '!=',
  '<=',
  '>=',
  '<<',
  '>>',
  '|',
  '^',
  '&',
  '<',
  '>',
  '+',
  '-',
  '*',
  '/',
  '%',
];
const MAXIMUM_DEPTH = 60;

export function evaluateArithmetic(text: string, scope: ArithmeticScope): number {
  const plain = /^\s*(-?\d{1,15})\s*([-+])\s*(\d{1,15})\s*$/.exec(text);
  if (plain !== null && !/^-?0\d|^0\d/.test(plain[1] ?? '') && !/^0\d/.test(plain[3] ?? '')) {
    return plain[2] === '+' ? Number(plain[1]) + Number(plain[3]) : Number(plain[1]) - Number(plain[3]);
  }
  demandCommon(text, scope.dialect);
  const reader: Reader = { text, position: 0, scope, depth: 0, skipping: false };
  skipSpace(reader);
  if (reader.position >= text.length) {
    return 0;
  }
  const value = comma(reader);
  if (reader.position < text.length) {
    throw new ArithmeticProblem(`arithmetic expression: ${text}`);
  }
  return inRange(value);
}

/** Powers and numbers to a base are bash's; dash takes `++` for two signs, and refuses it behind a name. */
function demandCommon(text: string, dialect: Dialect): void {
  if (/\*\*|\d#/.test(text)) {
    throw dialect === 'dash' ? new ArithmeticProblem(text) : new NotUnderstood(`${text} (arithmetic of bash)`);
  }
  if (dialect === 'unknown' && /\+\+|--/.test(text)) {
    throw new NotUnderstood(`${text} (dash does not count by ++ and --)`);
  }
}

/** A shell would wrap around at 64 bits; no hook means to. */
function inRange(value: number): number {
  if (!Number.isSafeInteger(value)) {
    throw new NotUnderstood('a number of this size');
  }
  return value;
}

function skipSpace(reader: Reader): void {
  while (' \t\n\r'.includes(reader.text.charAt(reader.position)) && reader.position < reader.text.length) {
    reader.position += 1;
  }
}

function take(reader: Reader, symbol: string): boolean {
  if (!reader.text.startsWith(symbol, reader.position)) {
    return false;
  }
  reader.position += symbol.length;
  skipSpace(reader);
  return true;
}

function comma(reader: Reader): number {
  let value = ternary(reader);
  while (take(reader, ',')) {
    value = ternary(reader);
  }
  return value;
}

function ternary(reader: Reader): number {
  reader.depth += 1;
  if (reader.depth > MAXIMUM_DEPTH) {
    throw new ArithmeticProblem('expression nested too deeply');
  }
  const condition = binary(reader, 0);
  if (!take(reader, '?')) {
    reader.depth -= 1;
    return condition;
  }
  const first = branch(reader, condition === 0);
  if (!take(reader, ':')) {
    throw new ArithmeticProblem('":" expected');
  }
  const second = branch(reader, condition !== 0);
  reader.depth -= 1;
  return condition === 0 ? second : first;
}

function branch(reader: Reader, skip: boolean): number {
  const before = reader.skipping;
  reader.skipping = before || skip;
  const value = ternary(reader);
  reader.skipping = before;
  return value;
}

function nextOperator(reader: Reader): string | undefined {
  const character = reader.text.charAt(reader.position);
  if (character === '' || !'|&^=!<>+-*/%'.includes(character)) {
    return undefined;
  }
  return ALL_OPERATORS.find((operator) => reader.text.startsWith(operator, reader.position));
}

const COMPARISONS = new Set(['==', '!=', '<=', '>=']);

/** Operators that bind at least as tightly as `lowest`. */
function binary(reader: Reader, lowest: number): number {
  let left = unary(reader);
  for (;;) {
    const operator = nextOperator(reader);
    const level = operator === undefined ? undefined : LEVELS.get(operator);
    if (operator === undefined || level === undefined || level < lowest) {
      return left;
    }
    // "x += 1" has been taken with its variable; here "=" means an assignment to a value.
    if (!COMPARISONS.has(operator) && reader.text.charAt(reader.position + operator.length) === '=') {
      return left;
    }
    take(reader, operator);
    const before = reader.skipping;
    if ((operator === '||' && left !== 0) || (operator === '&&' && left === 0)) {
      reader.skipping = true;
    }
    const right = binary(reader, level + 1);
    reader.skipping = before;
    left = apply(reader, operator, left, right);
  }
}

function apply(reader: Reader, operator: string, left: number, right: number): number {
  switch (operator) {
    case '||':
      return left !== 0 || right !== 0 ? 1 : 0;
    case '&&':
      return left !== 0 && right !== 0 ? 1 : 0;
    case '==':
      return left === right ? 1 : 0;
    case '!=':
      return left !== right ? 1 : 0;
    case '<=':
      return left <= right ? 1 : 0;
    case '>=':
      return left >= right ? 1 : 0;
    case '<':
      return left < right ? 1 : 0;
    case '>':
      return left > right ? 1 : 0;
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '|':
      return Number(BigInt.asIntN(64, BigInt(left) | BigInt(right)));
    case '^':
      return Number(BigInt.asIntN(64, BigInt(left) ^ BigInt(right)));
    case '&':
      return Number(BigInt.asIntN(64, BigInt(left) & BigInt(right)));
    case '<<':
      return left * 2 ** (right & 63);
    case '>>':
      return Math.floor(left / 2 ** (right & 63));
    default:
      break;
  }
  if (right === 0) {
    if (reader.skipping) {
      return 0;
    }
    throw new ArithmeticProblem('division by zero');
  }
  const quotient = Math.trunc(left / right);
  return operator === '/' ? quotient : left - quotient * right;
}

function unary(reader: Reader): number {
  reader.depth += 1;
  if (reader.depth > MAXIMUM_DEPTH) {
    throw new ArithmeticProblem('expression nested too deeply');
  }
  const value = unaryValue(reader);
  reader.depth -= 1;
  return inRange(value);
}

function unaryValue(reader: Reader): number {
  if (reader.scope.dialect !== 'dash' && (take(reader, '++') || take(reader, '--'))) {
    const up = reader.text.slice(0, reader.position).trimEnd().endsWith('++');
    const name = takeName(reader);
    if (name === '') {
      return unary(reader);
    }
    return assign(reader, name, numberOf(reader, name) + (up ? 1 : -1));
  }
  if (take(reader, '!')) {
    return unary(reader) === 0 ? 1 : 0;
  }
  if (take(reader, '~')) {
    return -unary(reader) - 1;
  }
  if (take(reader, '-')) {
    return -unary(reader);
  }
  if (take(reader, '+')) {
    return unary(reader);
  }
  if (take(reader, '(')) {
    const inner = comma(reader);
    if (!take(reader, ')')) {
      throw new ArithmeticProblem('")" expected');
    }
    return inner;
  }
  const name = takeName(reader);
  return name === '' ? takeNumber(reader) : variable(reader, name);
}

function variable(reader: Reader, name: string): number {
  if (reader.scope.dialect !== 'dash' && take(reader, '++')) {
    const old = numberOf(reader, name);
    assign(reader, name, old + 1);
    return old;
  }
  if (reader.scope.dialect !== 'dash' && take(reader, '--')) {
    const old = numberOf(reader, name);
    assign(reader, name, old - 1);
    return old;
  }
  const compound = /(<<|>>|[-+*/%&|^])=(?!=)/y;
  compound.lastIndex = reader.position;
  const operator = compound.exec(reader.text)?.[1];
  if (operator !== undefined) {
    reader.position += operator.length + 1;
    skipSpace(reader);
    return assign(reader, name, apply(reader, operator, numberOf(reader, name), ternary(reader)));
  }
  if (reader.text.startsWith('=', reader.position) && !reader.text.startsWith('==', reader.position)) {
    take(reader, '=');
    return assign(reader, name, ternary(reader));
  }
  return numberOf(reader, name);
}

function assign(reader: Reader, name: string, value: number): number {
  if (!reader.skipping) {
    reader.scope.set(name, String(value));
  }
  return value;
}

function numberOf(reader: Reader, name: string): number {
  const text = reader.scope.get(name).trim();
  if (text === '') {
    return 0;
  }
  const number = parseInteger(text);
  if (number === undefined) {
    throw new ArithmeticProblem(`Illegal number: ${text}`);
  }
  return number;
}

function takeName(reader: Reader): string {
  const name = /[A-Za-z_]\w*/y;
  name.lastIndex = reader.position;
  const found = name.exec(reader.text)?.[0] ?? '';
  reader.position += found.length;
  skipSpace(reader);
  return found;
}

function takeNumber(reader: Reader): number {
  const digits = /[0-9][0-9a-zA-Z]*/y;
  digits.lastIndex = reader.position;
  const found = digits.exec(reader.text)?.[0] ?? '';
  const value = parseInteger(found);
  if (value === undefined) {
    throw new ArithmeticProblem(`arithmetic expression: expecting primary: ${reader.text}`);
  }
  reader.position += found.length;
  skipSpace(reader);
  return value;
}

/** Decimal, `0x` and octal, as shells read them: `08` is an error, the trap of `$(date +%S)`. */
function parseInteger(text: string): number | undefined {
  if (/^[-+]?0x[0-9a-f]+$/i.test(text)) {
    return Number(text);
  }
  if (/^[-+]?0[0-7]+$/.test(text)) {
    return parseInt(text, 8);
  }
  return /^[-+]?(0|[1-9]\d*)$/.test(text) ? Number(text) : undefined;
}
