import { testStatus } from '../shell/test-expression.ts';
import {
  isUnknown,
  NotUnderstood,
  step,
  UNKNOWN_STATUS,
  unknownText,
  unknownWords,
  write,
} from '../shell/run-state.ts';
import { expr } from './expr.ts';
import { formatPrintf } from './printf.ts';
import type { Tool } from './tool.ts';
import { notUnderstood, readInput } from './tool.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  a: '',
  b: '',
  f: '\f',
  v: '\v',
};

const echo: Tool = (shell, words) => {
  let index = 1;
  let newline = '\n';
  let escapes = shell.dialect === 'dash';
  for (; /^-[neE]+$/.test(words[index] ?? ''); index += 1) {
    const option = words[index] ?? '';
    // dash knows -n only; it prints -e.
    if (shell.dialect === 'dash' && option !== '-n') {
      break;
    }
    if (option.includes('n')) {
      newline = '';
    }
    if (option.includes('e')) {
      escapes = true;
    }
  }
  const text = words.slice(index).join(' ');
  write(
    shell.output,
    (escapes && text.includes('\\')
      ? text.replace(/\\([ntrabfv\\])/g, (_, letter: string) => ESCAPES[letter] ?? '')
      : text) + newline,
  );
  return 0;
};

const printf: Tool = (shell, words) => {
  const text = formatPrintf(shell.run, words.slice(1));
  if (text === undefined) {
    throw notUnderstood(words);
  }
  write(shell.output, text);
  return 0;
};

const MAXIMUM_NUMBERS = 20_000;

const seq: Tool = (shell, words) => {
  let separator = '\n';
  let operands = words.slice(1);
  const [option = ''] = operands;
  if (option.startsWith('-s')) {
    separator = option === '-s' ? (operands[1] ?? '') : option.slice(2);
    operands = operands.slice(option === '-s' ? 2 : 1);
  }
  const numbers = operands.map(Number);
  if (numbers.length === 0 || numbers.length > 3 || operands.some((word) => !/^-?\d+(\.\d+)?$/.test(word))) {
    if (operands.some((word) => /^-[a-z]/.test(word))) {
      throw notUnderstood(words);
    }
    return 1;
  }
  const [first = 1, second = 1, third = 1] =
    numbers.length === 1 ? [1, 1, numbers[0]] : numbers.length === 2 ? [numbers[0], 1, numbers[1]] : numbers;
  if (second === 0) {
    return 1;
  }
  if ((third - first) / second > MAXIMUM_NUMBERS) {
    throw notUnderstood(words);
  }
  step(shell.run, Math.max(0, (third - first) / second));
  const lines: string[] = [];
  for (let index = 0; second > 0 ? first + index * second <= third : first + index * second >= third; index += 1) {
    lines.push(String(first + index * second));
  }
  if (lines.length > 0) {
    write(shell.output, `${lines.join(separator)}\n`);
  }
  return 0;
};

const exprTool: Tool = (shell, words) => {
  const value = expr(words.slice(1), shell.run);
  if (value === undefined) {
    return 2;
  }
  write(shell.output, `${value}\n`);
  return value === '' || value === '0' ? 1 : 0;
};

const bracket: Tool = (shell, words) => (words.at(-1) === ']' ? testStatus(shell, words.slice(1, -1)) : 2);

/** Without a command xargs is echo: the well-known trick to trim what wc prints. */
const xargs: Tool = (shell, words) => {
  let index = 1;
  let skipsEmpty = false;
  for (; words[index]?.startsWith('-') === true; index += 1) {
    if (words[index] !== '-r' && words[index] !== '--no-run-if-empty') {
      throw notUnderstood(words);
    }
    skipsEmpty = true;
  }
  const text = readInput(shell);
  if (isUnknown(text) && words.length === index) {
    write(shell.output, text);
    return UNKNOWN_STATUS;
  }
  if (/['"\\]/.test(text)) {
    throw notUnderstood(words);
  }
  const items = isUnknown(text) ? [unknownText(unknownWords(text))] : text.split(/\s+/).filter((item) => item !== '');
  if (items.length === 0 && skipsEmpty) {
    return 0;
  }
  const command = words.length === index ? ['echo'] : words.slice(index);
  const status = shell.run.machine.runCommand(shell, [...command, ...items]);
  return status > 0 && status < 126 ? 123 : status;
};

const which: Tool = (shell, words) => {
  let status = 0;
  for (const name of words.slice(1)) {
    if (name.startsWith('-')) {
      continue;
    }
    if (shell.run.machine.isFound(shell, name)) {
      write(shell.output, `/usr/bin/${name}\n`);
    } else {
      status = 1;
    }
  }
  return status;
};

const shellTool: Tool = (shell, words) => shell.run.machine.runShell(shell, words);

const basename: Tool = (shell, words) => {
  const [, path, suffix = ''] = words;
  if (path === undefined || words.length > 3) {
    throw new NotUnderstood(words.join(' '));
  }
  const name =
    path
      .split('/')
      .filter((part) => part !== '')
      .at(-1) ?? '';
  write(
    shell.output,
    `${name.endsWith(suffix) && name !== suffix ? name.slice(0, name.length - suffix.length) : name}\n`,
  );
  return 0;
};

const dirname: Tool = (shell, words) => {
  const path = words[1] ?? '';
  write(shell.output, `${path.includes('/') ? path.slice(0, path.lastIndexOf('/')) || '/' : '.'}\n`);
  return 0;
};

export const wordTools: readonly (readonly [string, Tool])[] = [
  ['echo', echo],
  ['printf', printf],
  ['seq', seq],
  ['expr', exprTool],
  ['[', bracket],
  ['xargs', xargs],
  ['which', which],
  ['test', (shell, words) => testStatus(shell, words.slice(1))],
  ['true', () => 0],
  ['false', () => 1],
  ['sh', shellTool],
  ['dash', shellTool],
  ['bash', shellTool],
  ['ash', shellTool],
  ['busybox', (shell, words) => shell.run.machine.runCommand(shell, words.slice(1))],
  ['basename', basename],
  ['dirname', dirname],
];
