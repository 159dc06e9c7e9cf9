import type { Seconds } from '../../api/duration.ts';
import type { Shell } from '../shell/run-state.ts';
import {
  disturb,
  isUnknown,
  mayTake,
  NotUnderstood,
  stepText,
  UNKNOWN_STATUS,
  unknownText,
  unknownWords,
  write,
} from '../shell/run-state.ts';

/** A program: reads the shell's input, writes to its output, may let time pass, returns its exit status. */
export type Tool = (shell: Shell, words: readonly string[]) => number;

export function notUnderstood(words: readonly string[]): NotUnderstood {
  return new NotUnderstood(words.join(' ').slice(0, 120));
}

/** A program of which nothing is known: it takes any time, or up to a limit, and may do anything to the pod. */
export function runUnknown(shell: Shell, reason: string, atMost: Seconds = Infinity): number {
  const { run } = shell;
  mayTake(run, atMost, reason);
  disturb(run, reason);
  write(shell.output, unknownText(reason));
  run.unknownStatus = reason;
  return UNKNOWN_STATUS;
}

/** All that is left of the standard input. */
export function readInput(shell: Shell): string {
  const { input } = shell;
  const text = input.position === 0 ? input.text : input.text.slice(input.position);
  input.position = input.text.length;
  stepText(shell.run, text);
  return text;
}

/** Lines without their newlines; a last line without one counts. */
export function linesOf(text: string): string[] {
  if (text === '') {
    return [];
  }
  const lines = text.split('\n');
  if (lines.at(-1) === '') {
    lines.pop();
  }
  return lines;
}

export function joinLines(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** Hands on that the text is not known, as one word, and says that the status is not known either. */
export function passUnknown(shell: Shell, text: string): number {
  if (text !== '') {
    write(shell.output, unknownText(unknownWords(text)));
  }
  return UNKNOWN_STATUS;
}

/** A program that makes one text of another; unknown text stays unknown. */
export function filter(
  work: (text: string, shell: Shell, words: readonly string[]) => { readonly output: string; readonly status: number },
): Tool {
  return (shell, words) => {
    const text = readInput(shell);
    if (isUnknown(text)) {
      return passUnknown(shell, text);
    }
    const { output, status } = work(text, shell, words);
    write(shell.output, output);
    return status;
  };
}

/** Options in the manner of getopt: letters may be joined, values attached or following. */
export interface Options {
  readonly letters: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
  readonly operands: readonly string[];
}

/** `undefined` where an option is not among the known ones. Long options are given as `--name`. */
export function parseOptions(
  words: readonly string[],
  flags: string,
  valued: string,
  long: readonly string[] = [],
): Options | undefined {
  const letters = new Set<string>();
  const values = new Map<string, string>();
  const operands: string[] = [];
  for (let index = 1; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word === '--') {
      for (const operand of words.slice(index + 1)) {
        operands.push(operand);
      }
      break;
    }
    if (word.startsWith('--')) {
      const equals = word.indexOf('=');
      const name = equals < 0 ? word : word.slice(0, equals);
      if (long.includes(`${name}=`)) {
        if (equals < 0) {
          index += 1;
        }
        values.set(name, equals < 0 ? (words[index] ?? '') : word.slice(equals + 1));
      } else if (long.includes(name)) {
        letters.add(name);
      } else {
        return undefined;
      }
      continue;
    }
    if (!word.startsWith('-') || word === '-') {
      operands.push(word);
      continue;
    }
    for (let position = 1; position < word.length; position += 1) {
      const letter = word.charAt(position);
      if (valued.includes(letter)) {
        const attached = word.slice(position + 1);
        if (attached === '') {
          index += 1;
        }
        values.set(letter, attached === '' ? (words[index] ?? '') : attached);
        break;
      }
      if (!flags.includes(letter)) {
        return undefined;
      }
      letters.add(letter);
    }
  }
  return { letters, values, operands };
}
