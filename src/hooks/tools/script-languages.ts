import { advanceTo } from '../shell/run-state.ts';
import type { Tool } from './tool.ts';
import { notUnderstood } from './tool.ts';

const NUMBER = String.raw`(\d{1,9}(?:\.\d{1,9})?)`;

interface Language {
  readonly names: readonly string[];
  /** The option that a program follows as a word of its own. */
  readonly option: readonly string[];
  /** The whole of a program that does nothing but wait, with the number in a group. */
  readonly waits: readonly RegExp[];
  /** Of the number in the program. */
  readonly unit: number;
}

const MILLIS = 0.001;

/** One-liners that only wait are understood; every other program is a program that nobody knows. */
const LANGUAGES: readonly Language[] = [
  {
    names: ['python', 'python3'],
    option: ['-c'],
    waits: [
      new RegExp(String.raw`^\s*import time\s*[;\n]\s*time\.sleep\(${NUMBER}\)\s*;?\s*$`),
      new RegExp(String.raw`^\s*from time import sleep\s*[;\n]\s*sleep\(${NUMBER}\)\s*;?\s*$`),
    ],
    unit: 1,
  },
  {
    names: ['node'],
    option: ['-e', '--eval'],
    waits: [
      new RegExp(
        String.raw`^\s*setTimeout\(\s*(?:\(\)\s*=>\s*(?:\{\s*\}|process\.exit\(0?\))|function\s*\(\)\s*\{\s*\})\s*,\s*${NUMBER}\s*\)\s*;?\s*$`,
      ),
    ],
    unit: MILLIS,
  },
  {
    names: ['perl', 'ruby'],
    option: ['-e'],
    waits: [new RegExp(String.raw`^\s*sleep[\s(]\s*(\d{1,9})\s*\)?\s*;?\s*$`)],
    unit: 1,
  },
  { names: ['php'], option: ['-r'], waits: [new RegExp(String.raw`^\s*sleep\((\d{1,9})\)\s*;?\s*$`)], unit: 1 },
];

function interpreter({ option, waits, unit }: Language): Tool {
  return (shell, words) => {
    const [, given = '', program = '', ...others] = words.filter((word) => word !== '-u');
    const number = option.includes(given)
      ? waits.map((one) => one.exec(program)?.[1]).find((one) => one !== undefined)
      : undefined;
    if (number === undefined || others.length > 0) {
      throw notUnderstood(words);
    }
    const { run } = shell;
    advanceTo(run, run.now + Number(number) * unit);
    return 0;
  };
}

export const scriptTools: readonly (readonly [string, Tool])[] = LANGUAGES.flatMap((language) =>
  language.names.map((name): [string, Tool] => [name, interpreter(language)]),
);
