import { isUnknown, NotUnderstood, step, stepOnce, write } from '../shell/run-state.ts';
import { readOperands } from '../tools/files.ts';
import type { Tool } from '../tools/tool.ts';
import { linesOf, notUnderstood, passUnknown } from '../tools/tool.ts';
import type { Machine } from './evaluate.ts';
import { runAwk } from './evaluate.ts';
import { parseAwk } from './parse.ts';
import { AwkProblem } from './syntax.ts';
import type { Value } from './values.ts';
import { Field } from './values.ts';

/** What it is to read a character of a program. */
const STEPS_PER_CHARACTER = 6;

/** awk, mawk, gawk: the language of one-liners; functions, getline and output to files are not modelled. */
export const awkTool: Tool = (shell, words) => {
  const variables = new Map<string, Value>();
  let index = 1;
  for (; words[index]?.startsWith('-') === true && words[index] !== '-'; index += 1) {
    const word = words[index] ?? '';
    if (word === '--') {
      index += 1;
      break;
    }
    const option = /^-([Fv])(.*)$/s.exec(word);
    if (option === null) {
      throw notUnderstood(words);
    }
    let value = option[2] ?? '';
    if (value === '') {
      index += 1;
      value = words[index] ?? '';
    }
    if (option[1] === 'F') {
      variables.set('FS', value === 't' || value === '\\t' ? '\t' : value);
    } else {
      const equals = value.indexOf('=');
      if (equals <= 0) {
        throw notUnderstood(words);
      }
      variables.set(value.slice(0, equals), new Field(value.slice(equals + 1)));
    }
  }
  const [source, ...operands] = words.slice(index);
  if (source === undefined || operands.length > 1 || operands.some((operand) => operand.includes('='))) {
    throw notUnderstood(words);
  }
  try {
    stepOnce(shell.run, 'awk', source, source.length * STEPS_PER_CHARACTER);
    const program = parseAwk(source);
    const text = program.readsInput ? readOperands(shell, operands) : '';
    if (isUnknown(text)) {
      return passUnknown(shell, text);
    }
    const machine: Machine = {
      variables,
      arrays: new Map(),
      line: '',
      fields: undefined,
      records: 0,
      output: '',
      status: 0,
      openRanges: new Set(),
      run: shell.run,
      charge: (steps) => {
        step(shell.run, steps);
      },
    };
    runAwk(program, linesOf(text), machine);
    write(shell.output, machine.output);
    return machine.status;
  } catch (error) {
    if (error instanceof AwkProblem) {
      throw new NotUnderstood(`${words.join(' ').slice(0, 120)} (${error.message})`);
    }
    throw error;
  }
};
