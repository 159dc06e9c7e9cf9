import type { Condition } from './ast.ts';
import { arithmeticValue, expandText, matchesWord } from './expand.ts';
import { literalWord } from './parse-word.ts';
import { matches, translateExtended } from '../tools/regex.ts';
import type { Shell } from './run-state.ts';
import { demandKnown, NotUnderstood } from './run-state.ts';

const TRUE = 0;
const FALSE = 1;
const ERROR = 2;

/** Thrown for what `test` itself reports as an error; its status is 2, which a `while` takes for false. */
class TestProblem extends Error {}

/** `test` and `[`: the status for these arguments (without the closing bracket). */
export function testStatus(shell: Shell, words: readonly string[]): number {
  for (const word of words) {
    demandKnown(word);
  }
  const [first = '', second = '', third = ''] = words;
  if (words.length === 3 && isComparison(second)) {
    return statusOf(() => compare(shell, first, second, third));
  }
  return statusOf(() => {
    const reader = { words, position: 0, shell };
    if (words.length === 0) {
      return false;
    }
    if (words.length === 1) {
      return first !== '';
    }
    const result = parseOr(reader);
    if (reader.position < words.length) {
      throw new TestProblem('unexpected operator');
    }
    return result;
  });
}

function statusOf(decide: () => boolean): number {
  try {
    return decide() ? TRUE : FALSE;
  } catch (error) {
    if (error instanceof TestProblem) {
      return ERROR;
    }
    throw error;
  }
}

interface Reader {
  readonly words: readonly string[];
  position: number;
  readonly shell: Shell;
}

function parseOr(reader: Reader): boolean {
  let result = parseAnd(reader);
  while (reader.words[reader.position] === '-o') {
    reader.position += 1;
    const right = parseAnd(reader);
    result = result || right;
  }
  return result;
}

function parseAnd(reader: Reader): boolean {
  let result = parseNot(reader);
  while (reader.words[reader.position] === '-a') {
    reader.position += 1;
    const right = parseNot(reader);
    result = result && right;
  }
  return result;
}

function parseNot(reader: Reader): boolean {
  let negate = false;
  while (reader.words[reader.position] === '!' && !isComparison(reader.words[reader.position + 1] ?? '')) {
    negate = !negate;
    reader.position += 1;
  }
  return parsePrimary(reader) !== negate;
}

function parsePrimary(reader: Reader): boolean {
  const word = reader.words[reader.position];
  if (word === undefined) {
    throw new TestProblem('argument expected');
  }
  const operator = reader.words[reader.position + 1];
  const right = reader.words[reader.position + 2];
  if (operator !== undefined && right !== undefined && isComparison(operator)) {
    reader.position += 3;
    return compare(reader.shell, word, operator, right);
  }
  if (word === '(' && operator !== undefined) {
    reader.position += 1;
    const inner = parseOr(reader);
    if (reader.words[reader.position] !== ')') {
      throw new TestProblem('closing paren expected');
    }
    reader.position += 1;
    return inner;
  }
  if (/^-[a-zA-Z]$/.test(word) && operator !== undefined && operator !== '-a' && operator !== '-o') {
    reader.position += 2;
    return unary(reader.shell, word, operator);
  }
  reader.position += 1;
  return word !== '';
}

function isComparison(word: string): boolean {
  return (
    word === '=' ||
    word === '==' ||
    word === '!=' ||
    word === '<' ||
    word === '>' ||
    (word.length === 3 && /^-(eq|ne|lt|le|gt|ge|nt|ot|ef)$/.test(word))
  );
}

function compare(shell: Shell, left: string, operator: string, right: string): boolean {
  demandKnown(left);
  demandKnown(right);
  switch (operator) {
    case '==':
      // dash's own test knows only "=": it prints "unexpected operator".
      if (shell.dialect === 'dash') {
        throw new TestProblem('unexpected operator');
      }
      if (shell.dialect === 'unknown') {
        throw new NotUnderstood(`== in test (dash knows = only)`);
      }
      return left === right;
    case '=':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '>':
      return left > right;
    case '-eq':
      return integer(left) === integer(right);
    case '-ne':
      return integer(left) !== integer(right);
    case '-lt':
      return integer(left) < integer(right);
    case '-le':
      return integer(left) <= integer(right);
    case '-gt':
      return integer(left) > integer(right);
    case '-ge':
      return integer(left) >= integer(right);
    default:
      throw new NotUnderstood(`test ${operator}`);
  }
}

function integer(text: string): number {
  if (!/^\s*[-+]?\d+\s*$/.test(text)) {
    throw new TestProblem(`Illegal number: ${text}`);
  }
  return Number(text);
}

function unary(shell: Shell, operator: string, operand: string): boolean {
  demandKnown(operand);
  switch (operator) {
    case '-n':
      return operand !== '';
    case '-z':
      return operand === '';
    case '-t':
      return false;
    case '-f':
    case '-e':
    case '-r':
    case '-s':
    case '-w':
    case '-d':
    case '-x':
    case '-S':
    case '-p':
    case '-L':
    case '-h':
      return fileExists(shell, operand, operator);
    default:
      throw new NotUnderstood(`test ${operator} ${operand}`);
  }
}

function fileExists(shell: Shell, path: string, operator: string): boolean {
  const { files } = shell.run;
  if (files.has(path) && operator !== '-x' && operator !== '-d') {
    const content = files.get(path);
    if (content === undefined) {
      throw new NotUnderstood(path);
    }
    return operator !== '-s' || content !== '';
  }
  if (path === '/dev/null') {
    return operator === '-e' || operator === '-r' || operator === '-w';
  }
  if (/^\/proc\/(uptime|net\/tcp6?|loadavg)$/.test(path)) {
    return '-f-e-r'.includes(operator);
  }
  if (/^\/(tmp|proc|bin|usr|etc|dev)\/?$/.test(path)) {
    return operator === '-d' || operator === '-e';
  }
  throw new NotUnderstood(`test ${operator} ${path}`);
}

/** `[[ ... ]]` */
export function conditionStatus(shell: Shell, condition: Condition): number {
  const status = statusOf(() => holds(shell, condition));
  if (status === TRUE && shell.dialect === 'unknown') {
    // dash looks for a program of that name, and finds none.
    throw new NotUnderstood('[[ ]] (dash has none)');
  }
  return status;
}

function holds(shell: Shell, condition: Condition): boolean {
  switch (condition.type) {
    case 'or':
      return holds(shell, condition.left) || holds(shell, condition.right);
    case 'and':
      return holds(shell, condition.left) && holds(shell, condition.right);
    case 'not':
      return !holds(shell, condition.operand);
    case 'unary':
      return unary(shell, condition.operator, expandText(shell, condition.operand));
    case 'binary':
      break;
  }
  const left = demandKnown(expandText(shell, condition.left));
  switch (condition.operator) {
    case '=':
    case '==':
      return matchesWord(shell, condition.right, left);
    case '!=':
      return !matchesWord(shell, condition.right, left);
    case '=~': {
      return matches(shell.run, translateExtended(shell.run, demandKnown(expandText(shell, condition.right))), left);
    }
    case '<':
    case '>':
      return compare(shell, left, condition.operator, expandText(shell, condition.right));
    default:
      break;
  }
  // Inside [[ ]] both sides of a numeric comparison are arithmetic.
  const right = demandKnown(expandText(shell, condition.right));
  const numbers = [left, right].map((text) => String(arithmeticValue(shell, literalWord(text))));
  return compare(shell, numbers[0] ?? '', condition.operator, numbers[1] ?? '');
}
