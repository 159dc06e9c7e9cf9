import type { Shell } from '../shell/run-state.ts';
import { advanceTo, NotUnderstood, step, TimeUp, UNKNOWN_STATUS, unknownText, write } from '../shell/run-state.ts';
import type { Tool } from './tool.ts';
import { notUnderstood } from './tool.ts';

const UNITS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** `5`, `0.5`, `1m`, `infinity`; `undefined` for what sleep calls an invalid time interval. */
function parseInterval(text: string): number | undefined {
  if (/^(infinity|inf)$/i.test(text)) {
    return Infinity;
  }
  const match = /^(\d+(?:\.\d*)?|\.\d+)([smhd]?)$/.exec(text);
  return match === null ? undefined : Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1);
}

const sleep: Tool = (shell, words) => {
  let seconds = 0;
  for (const word of words.slice(1)) {
    if (word === '--') {
      continue;
    }
    const interval = parseInterval(word);
    if (interval === undefined) {
      write(shell.errors, `sleep: invalid time interval '${word}'\n`);
      return 1;
    }
    seconds += interval;
  }
  if (words.length === 1) {
    write(shell.errors, 'sleep: missing operand\n');
    return 1;
  }
  advanceTo(shell.run, shell.run.now + seconds);
  return 0;
};

const TIMED_OUT = 124;

const timeout: Tool = (shell, words) => {
  let index = 1;
  while (words[index]?.startsWith('-') === true) {
    const option = words[index] ?? '';
    if (/^-[sk]$/.test(option)) {
      index += 1;
    } else if (!/^(-[skvf].+|-[fv]|--.+=.+|--foreground|--preserve-status|--verbose)$/.test(option)) {
      throw notUnderstood(words);
    }
    index += 1;
  }
  const keepsStatus = words.slice(1, index).includes('--preserve-status');
  const seconds = parseInterval(words[index] ?? '');
  if (seconds === undefined || words.length <= index + 1) {
    write(shell.errors, 'timeout: invalid time interval\n');
    return 125;
  }
  const { run } = shell;
  const outer = run.deadline;
  const limit = seconds === 0 ? Infinity : run.now + seconds;
  if (limit >= outer) {
    return run.machine.runCommand(shell, words.slice(index + 1));
  }
  run.deadline = limit;
  try {
    return run.machine.runCommand(shell, words.slice(index + 1));
  } catch (error) {
    if (!(error instanceof TimeUp) || run.timeUpAt !== limit) {
      throw error;
    }
    run.now = limit;
    run.version += 1;
    return keepsStatus ? 143 : TIMED_OUT;
  } finally {
    run.deadline = outer;
  }
};

/** Any moment would do: hooks only take differences. */
const EPOCH = 1_700_000_000;
const MILLIS = 1000;

const date: Tool = (shell, words) => {
  shell.run.version += 1;
  const format = words.slice(1).find((word) => word.startsWith('+'));
  const others = words.slice(1).filter((word) => word !== format && word !== '-u');
  const wall = `the output of ${words.join(' ').slice(0, 120)}`;
  if (format === undefined || others.length > 0) {
    write(shell.output, unknownText(wall));
    return UNKNOWN_STATUS;
  }
  const seconds = Math.floor(shell.run.now);
  const nanos = String(Math.round((shell.run.now - seconds) * MILLIS) % MILLIS)
    .padStart(3, '0')
    .padEnd(9, '0');
  step(shell.run, format.length);
  const text = format.slice(1).replace(/%(-?\d*)([a-zA-Z%])/g, (_, width: string, letter: string) => {
    if (letter === 's') {
      return String(EPOCH + seconds);
    }
    if (letter === 'N') {
      return /^[1-9]$/.test(width) ? nanos.slice(0, Number(width)) : nanos;
    }
    return letter === '%' ? '%' : unknownText(wall);
  });
  write(shell.output, `${text}\n`);
  return 0;
};

/** The pod has been up for some time; again only differences matter. */
const UPTIME = 100_000;

export function uptimeText(shell: Shell): string {
  shell.run.version += 1;
  return `${(UPTIME + Math.floor(shell.run.now * 100) / 100).toFixed(2)} ${(UPTIME * 2).toFixed(2)}\n`;
}

/** A file that is followed never ends. */
export function followForEver(shell: Shell, words: readonly string[]): never {
  advanceTo(shell.run, Infinity);
  throw new NotUnderstood(words.join(' '));
}

export const clockTools: readonly (readonly [string, Tool])[] = [
  ['sleep', sleep],
  ['timeout', timeout],
  ['date', date],
];
