import { formatPrintf } from '../tools/printf.ts';
import type { Run } from '../shell/run-state.ts';
import type { Expression as Regex } from '../tools/regex.ts';
import { findAll, findMatch, matches, replaceMatches, splitBy, translateAwk } from '../tools/regex.ts';
import type { AwkProgram, Expression, Place, Rule, Statement } from './syntax.ts';
import { AwkProblem } from './syntax.ts';
import type { Value } from './values.ts';
import { compareValues, Field, isTrue, toNumber, toText, UNSET } from './values.ts';

/** One run of a program over a text. */
export interface Machine {
  readonly variables: Map<string, Value>;
  readonly arrays: Map<string, Map<string, Value>>;
  line: string;
  /** Split when first asked for. */
  fields: string[] | undefined;
  records: number;
  output: string;
  status: number;
  readonly openRanges: Set<Rule>;
  /** Whose budget pays. */
  readonly run: Run;
  /** Accounts for work done, so that every program comes to an end. */
  charge(steps: number): void;
}

type Flow = 'next' | 'next-record' | 'break' | 'continue' | 'exit';

const MAXIMUM_OUTPUT = 100_000;
const CHARACTERS_PER_STEP = 64;

/** How much more than a look at a character it is to make it a part of a field. */
const SPLIT_COST = 8;

export function runAwk(program: AwkProgram, lines: readonly string[], machine: Machine): void {
  let flow = runRules(program, machine, 'BEGIN');
  if (flow !== 'exit' && program.readsInput) {
    for (const line of lines) {
      machine.line = line;
      machine.fields = undefined;
      machine.records += 1;
      flow = runMain(program, machine);
      if (flow === 'exit') {
        break;
      }
    }
  }
  runRules(program, machine, 'END');
}

function runRules(program: AwkProgram, machine: Machine, pattern: 'BEGIN' | 'END'): Flow {
  for (const rule of program.rules) {
    if (rule.pattern !== pattern || rule.action === undefined) {
      continue;
    }
    if (run(machine, rule.action) === 'exit') {
      return 'exit';
    }
  }
  return 'next';
}

function runMain(program: AwkProgram, machine: Machine): Flow {
  for (const rule of program.rules) {
    if (rule.pattern === 'BEGIN' || rule.pattern === 'END' || !selects(machine, rule, rule.pattern)) {
      continue;
    }
    machine.charge(1);
    if (rule.action === undefined) {
      print(machine, `${machine.line}\n`);
      continue;
    }
    const flow = run(machine, rule.action);
    if (flow === 'exit') {
      return flow;
    }
    if (flow === 'next-record') {
      return 'next';
    }
  }
  return 'next';
}

function selects(
  machine: Machine,
  rule: Rule,
  pattern: { readonly from: Expression; readonly to?: Expression } | undefined,
): boolean {
  if (pattern === undefined) {
    return true;
  }
  if (pattern.to === undefined) {
    return condition(machine, pattern.from);
  }
  if (!machine.openRanges.has(rule) && !condition(machine, pattern.from)) {
    return false;
  }
  if (condition(machine, pattern.to)) {
    machine.openRanges.delete(rule);
  } else {
    machine.openRanges.add(rule);
  }
  return true;
}

function print(machine: Machine, text: string): void {
  machine.output += sized(machine, text, machine.output.length);
}

/** A text that is about to be kept. */
function sized(machine: Machine, text: string, before = 0): string {
  machine.charge(text.length / CHARACTERS_PER_STEP);
  if (before + text.length > MAXIMUM_OUTPUT) {
    throw new AwkProblem('a text of this size');
  }
  return text;
}

function run(machine: Machine, statement: Statement): Flow {
  machine.charge(1);
  switch (statement.type) {
    case 'block':
      for (const inner of statement.statements) {
        const flow = run(machine, inner);
        if (flow !== 'next') {
          return flow;
        }
      }
      return 'next';
    case 'expression':
      evaluate(machine, statement.expression);
      return 'next';
    case 'print': {
      const separator = toText(machine.variables.get('OFS') ?? ' ');
      const text =
        statement.values.length === 0
          ? machine.line
          : statement.values.map((value) => toText(evaluate(machine, value))).join(separator);
      print(machine, text + toText(machine.variables.get('ORS') ?? '\n'));
      return 'next';
    }
    case 'printf': {
      const text = formatPrintf(
        machine.run,
        statement.values.map((value) => toText(evaluate(machine, value))),
        false,
      );
      if (text === undefined) {
        throw new AwkProblem('printf');
      }
      print(machine, text);
      return 'next';
    }
    case 'if':
      if (condition(machine, statement.condition)) {
        return run(machine, statement.yes);
      }
      return statement.no === undefined ? 'next' : run(machine, statement.no);
    case 'while':
      return repeat(
        machine,
        statement.body,
        () => condition(machine, statement.condition),
        () => undefined,
        statement.atLeastOnce,
      );
    case 'for': {
      if (statement.first !== undefined) {
        run(machine, statement.first);
      }
      const { condition: test, next } = statement;
      return repeat(
        machine,
        statement.body,
        () => test === undefined || condition(machine, test),
        () => next !== undefined && run(machine, next),
        false,
      );
    }
    case 'for-in':
      machine.charge(machine.arrays.get(statement.array)?.size ?? 0);
      for (const key of [...(machine.arrays.get(statement.array)?.keys() ?? [])]) {
        machine.charge(1);
        machine.variables.set(statement.variable, new Field(key));
        const flow = run(machine, statement.body);
        if (flow === 'break') {
          break;
        }
        if (flow === 'exit' || flow === 'next-record') {
          return flow;
        }
      }
      return 'next';
    case 'delete':
      if (statement.subscript === undefined) {
        machine.arrays.delete(statement.name);
      } else {
        machine.arrays.get(statement.name)?.delete(subscriptText(machine, statement.subscript));
      }
      return 'next';
    case 'next':
      return 'next-record';
    case 'break':
      return 'break';
    case 'continue':
      return 'continue';
    case 'exit':
      if (statement.status !== undefined) {
        machine.status = Math.trunc(toNumber(evaluate(machine, statement.status))) & 255;
      }
      return 'exit';
  }
}

function repeat(
  machine: Machine,
  body: Statement,
  test: () => boolean,
  next: () => unknown,
  atLeastOnce: boolean,
): Flow {
  let first = atLeastOnce;
  while (first || test()) {
    first = false;
    machine.charge(1);
    const flow = run(machine, body);
    if (flow === 'break') {
      return 'next';
    }
    if (flow === 'exit' || flow === 'next-record') {
      return flow;
    }
    next();
  }
  return 'next';
}

function condition(machine: Machine, expression: Expression): boolean {
  return isTrue(evaluate(machine, expression));
}

function subscriptText(machine: Machine, subscript: readonly Expression[]): string {
  return sized(machine, subscript.map((part) => toText(evaluate(machine, part))).join('\u001c'));
}

function evaluate(machine: Machine, expression: Expression): Value {
  machine.charge(1);
  switch (expression.type) {
    case 'number':
    case 'text':
      return expression.value;
    case 'regex':
      return matches(machine.run, translateAwk(machine.run, expression.source), machine.line) ? 1 : 0;
    case 'variable':
      return variable(machine, expression.name);
    case 'field':
      return fieldValue(machine, toNumber(evaluate(machine, expression.index)));
    case 'element':
      return machine.arrays.get(expression.name)?.get(subscriptText(machine, expression.subscript)) ?? UNSET;
    case 'in':
      return machine.arrays.get(expression.name)?.has(subscriptText(machine, expression.subscript)) === true ? 1 : 0;
    case 'unary': {
      const value = evaluate(machine, expression.operand);
      if (expression.operator === '!') {
        return isTrue(value) ? 0 : 1;
      }
      return expression.operator === '-' ? -toNumber(value) : toNumber(value);
    }
    case 'match': {
      const text = toText(evaluate(machine, expression.left));
      const found = matches(machine.run, regexOf(machine, expression.right), text);
      return found !== expression.negated ? 1 : 0;
    }
    case 'choice':
      return evaluate(machine, condition(machine, expression.condition) ? expression.yes : expression.no);
    case 'assign': {
      const value = evaluate(machine, expression.value);
      const result =
        expression.operator === '='
          ? value
          : arithmetic(
              expression.operator.slice(0, -1),
              toNumber(evaluate(machine, expression.target)),
              toNumber(value),
            );
      assign(machine, expression.target, result);
      return result;
    }
    case 'step': {
      const old = toNumber(evaluate(machine, expression.target));
      assign(machine, expression.target, old + expression.by);
      return expression.prefix ? old + expression.by : old;
    }
    case 'call':
      return callFunction(machine, expression.name, expression.parameters);
    case 'binary':
      return binary(machine, expression.operator, expression.left, expression.right);
  }
}

function regexOf(machine: Machine, expression: Expression): Regex {
  return translateAwk(
    machine.run,
    expression.type === 'regex' ? expression.source : toText(evaluate(machine, expression)),
  );
}

function binary(machine: Machine, operator: string, leftSide: Expression, rightSide: Expression): Value {
  const left = evaluate(machine, leftSide);
  if (operator === '&&') {
    return isTrue(left) && condition(machine, rightSide) ? 1 : 0;
  }
  if (operator === '||') {
    return isTrue(left) || condition(machine, rightSide) ? 1 : 0;
  }
  const right = evaluate(machine, rightSide);
  if (typeof left !== 'number' && typeof right !== 'number') {
    machine.charge(Math.min(toText(left).length, toText(right).length) / CHARACTERS_PER_STEP);
  }
  switch (operator) {
    case ' ':
      return sized(machine, toText(left) + toText(right));
    case '==':
      return compareValues(left, right) === 0 ? 1 : 0;
    case '!=':
      return compareValues(left, right) !== 0 ? 1 : 0;
    case '<':
      return compareValues(left, right) < 0 ? 1 : 0;
    case '<=':
      return compareValues(left, right) <= 0 ? 1 : 0;
    case '>':
      return compareValues(left, right) > 0 ? 1 : 0;
    case '>=':
      return compareValues(left, right) >= 0 ? 1 : 0;
    default:
      return arithmetic(operator, toNumber(left), toNumber(right));
  }
}

function arithmetic(operator: string, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '^':
      return left ** right;
    default:
      break;
  }
  if (right === 0) {
    throw new AwkProblem('division by zero');
  }
  return operator === '/' ? left / right : left % right;
}

function variable(machine: Machine, name: string): Value {
  if (name === 'NF') {
    return fieldsOf(machine).length;
  }
  if (name === 'NR' || name === 'FNR') {
    return machine.records;
  }
  return machine.variables.get(name) ?? UNSET;
}

function fieldsOf(machine: Machine): string[] {
  machine.fields ??= splitFields(machine, machine.line, toText(machine.variables.get('FS') ?? ' '));
  return machine.fields;
}

function splitFields(machine: Machine, text: string, separator: string): string[] {
  machine.charge((text.length * SPLIT_COST) / CHARACTERS_PER_STEP);
  if (separator === ' ') {
    const trimmed = text.trim();
    return trimmed === '' ? [] : trimmed.split(/[ \t\n]+/);
  }
  if (text === '') {
    return [];
  }
  if (separator.length === 1 && separator !== '\\') {
    return text.split(separator);
  }
  return splitBy(machine.run, translateAwk(machine.run, separator), text);
}

function fieldValue(machine: Machine, index: number): Value {
  if (index === 0) {
    machine.charge(machine.line.length / CHARACTERS_PER_STEP);
    return new Field(machine.line);
  }
  if (index < 0) {
    throw new AwkProblem('a negative field');
  }
  const text = fieldsOf(machine)[Math.trunc(index) - 1];
  machine.charge((text?.length ?? 0) / CHARACTERS_PER_STEP);
  return text === undefined ? UNSET : new Field(text);
}

function assign(machine: Machine, target: Place, value: Value): void {
  if (target.type === 'variable') {
    if (target.name === 'NF' || target.name === 'NR' || target.name === 'RS') {
      throw new AwkProblem(`assignment to ${target.name}`);
    }
    machine.variables.set(target.name, value);
  } else if (target.type === 'element') {
    const array = machine.arrays.get(target.name) ?? new Map<string, Value>();
    machine.arrays.set(target.name, array);
    array.set(subscriptText(machine, target.subscript), value);
  } else {
    setField(machine, Math.trunc(toNumber(evaluate(machine, target.index))), toText(value));
  }
}

const MAXIMUM_FIELDS = 1000;

function setField(machine: Machine, index: number, text: string): void {
  if (index < 0 || index > MAXIMUM_FIELDS) {
    throw new AwkProblem('a field of this number');
  }
  if (index === 0) {
    machine.line = text;
    machine.fields = undefined;
    return;
  }
  const fields = fieldsOf(machine);
  while (fields.length < index) {
    fields.push('');
  }
  fields[index - 1] = text;
  const separator = toText(machine.variables.get('OFS') ?? ' ');
  machine.charge(fields.length * (1 + separator.length / CHARACTERS_PER_STEP));
  machine.line = sized(machine, fields.join(separator));
}

const WHOLE_LINE: Place = { type: 'field', index: { type: 'number', value: 0 } };

function callFunction(machine: Machine, name: string, parameters: readonly Expression[]): Value {
  const [first, second, third] = parameters;
  const text = (expression: Expression | undefined): string =>
    expression === undefined ? '' : sized(machine, toText(evaluate(machine, expression)));
  switch (name) {
    case 'length':
      return lengthOf(machine, first);
    case 'tolower':
      return text(first).toLowerCase();
    case 'toupper':
      return text(first).toUpperCase();
    case 'int':
      return first === undefined ? 0 : Math.trunc(toNumber(evaluate(machine, first)));
    case 'index':
      return text(first).indexOf(text(second)) + 1;
    case 'substr': {
      const start = second === undefined ? 1 : Math.round(toNumber(evaluate(machine, second)));
      const length = third === undefined ? Infinity : Math.round(toNumber(evaluate(machine, third)));
      return text(first).slice(Math.max(0, start - 1), Math.max(0, start - 1 + length));
    }
    case 'sprintf': {
      const formatted = formatPrintf(machine.run, parameters.map(text), false);
      if (formatted === undefined) {
        throw new AwkProblem('sprintf');
      }
      return formatted;
    }
    case 'match': {
      if (second === undefined) {
        throw new AwkProblem('match');
      }
      const found = findMatch(machine.run, regexOf(machine, second), text(first));
      machine.variables.set('RSTART', found === undefined ? 0 : found.start + 1);
      machine.variables.set('RLENGTH', found === undefined ? -1 : found.end - found.start);
      return found === undefined ? 0 : found.start + 1;
    }
    case 'split':
      return split(machine, text(first), second, third);
    case 'sub':
    case 'gsub':
      return substitute(machine, parameters, name === 'gsub');
    default:
      throw new AwkProblem(`the function ${name}`);
  }
}

function lengthOf(machine: Machine, expression: Expression | undefined): number {
  if (expression === undefined) {
    return machine.line.length;
  }
  if (expression.type === 'variable') {
    const array = machine.arrays.get(expression.name);
    if (array !== undefined) {
      return array.size;
    }
  }
  return toText(evaluate(machine, expression)).length;
}

function split(
  machine: Machine,
  text: string,
  target: Expression | undefined,
  separator: Expression | undefined,
): number {
  if (target?.type !== 'variable') {
    throw new AwkProblem('split');
  }
  const pieces =
    separator?.type === 'regex'
      ? text === ''
        ? []
        : splitBy(machine.run, regexOf(machine, separator), text)
      : splitFields(
          machine,
          text,
          separator === undefined ? toText(machine.variables.get('FS') ?? ' ') : toText(evaluate(machine, separator)),
        );
  machine.charge(pieces.length);
  machine.arrays.set(target.name, new Map(pieces.map((piece, index) => [String(index + 1), new Field(piece)])));
  return pieces.length;
}

function substitute(machine: Machine, parameters: readonly Expression[], all: boolean): number {
  const [pattern, replacement, target = WHOLE_LINE] = parameters;
  if (pattern === undefined || replacement === undefined) {
    throw new AwkProblem('sub');
  }
  if (target.type !== 'variable' && target.type !== 'field' && target.type !== 'element') {
    throw new AwkProblem('sub of a value');
  }
  const expression = regexOf(machine, pattern);
  const by = toText(evaluate(machine, replacement));
  const before = toText(evaluate(machine, target));
  const first = all ? undefined : findMatch(machine.run, expression, before);
  const found = all ? findAll(machine.run, expression, before) : first === undefined ? [] : [first];
  const changed = replaceMatches(machine.run, before, found, ({ start, end }) => {
    machine.charge(1 + by.length / CHARACTERS_PER_STEP);
    return by.replace(/\\&|&/g, (mark) => (mark === '&' ? before.slice(start, end) : '&'));
  });
  if (found.length > 0) {
    assign(machine, target, changed);
  }
  return found.length;
}
