import type { Shell } from '../shell/run-state.ts';
import { goOnFromCut } from '../shell/branches.ts';
import {
  advanceTo,
  isClockUnknown,
  isUnknown,
  mayTake,
  readable,
  SOME_FAILURE,
  step,
  TimeUp,
  UNKNOWN_STATUS,
  unknownText,
  write,
} from '../shell/run-state.ts';
import type { Tool } from './tool.ts';
import { notUnderstood } from './tool.ts';

const UNITS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };

interface Interval {
  readonly seconds: number;
  /** Some implementations of sleep take it, busybox's does not. */
  readonly doubtful: boolean;
}

/** `5`, `0.5`, `1m`, `infinity`; `undefined` for what sleep calls an invalid time interval. */
function parseInterval(text: string): Interval | undefined {
  if (/^(infinity|inf)$/i.test(text)) {
    return { seconds: Infinity, doubtful: false };
  }
  const match = /^(\d+(?:\.\d*)?|\.\d+)([smhd]?)$/.exec(text);
  if (match !== null) {
    return { seconds: Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1), doubtful: false };
  }
  // coreutils reads its number with strtod: signs, exponents and hexadecimal digits are fine.
  const long = /^\+?(0[xX][0-9a-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,4})?)([smh]?)$/.exec(text);
  if (long === null) {
    return undefined;
  }
  return { seconds: Number(long[1]) * (UNITS[long[2] ?? ''] ?? 1), doubtful: true };
}

const sleep: Tool = (shell, words) => {
  const { run } = shell;
  let seconds = 0;
  let doubtful = false;
  for (const word of words.slice(1)) {
    if (word === '--') {
      doubtful = true;
      continue;
    }
    const interval = parseInterval(word);
    if (interval === undefined) {
      write(shell.errors, `sleep: invalid time interval '${word}'\n`);
      return 1;
    }
    seconds += interval.seconds;
    doubtful ||= interval.doubtful;
  }
  if (words.length === 1) {
    write(shell.errors, 'sleep: missing operand\n');
    return 1;
  }
  if (!doubtful || run.container === 'Proxy') {
    advanceTo(run, run.now + seconds);
    return 0;
  }
  const reason = `whether the image's sleep takes ${words.slice(1).join(' ')}`;
  mayTake(run, seconds, reason);
  run.unknownStatus = reason;
  return UNKNOWN_STATUS;
};

const MICROS = 1e6;

const usleep: Tool = (shell, words) => {
  if (!/^\d+$/.test(words[1] ?? '')) {
    throw notUnderstood(words);
  }
  advanceTo(shell.run, shell.run.now + Number(words[1]) / MICROS);
  return 0;
};

const TIMED_OUT = 124;
const TERMINATED = 143;

interface TimeoutWords {
  /** Seconds, 0 for none; unknown where nobody can know. */
  readonly limit: number | 'unknown';
  /** How much later a program is killed that does not end at its signal. */
  readonly kill: number | 'unknown';
  readonly keepsStatus: boolean;
  /** Where only an older busybox takes these words; others fail at once. */
  readonly mayFail: boolean;
  readonly command: readonly string[];
}

/** GNU coreutils and busybox; `-t SECONDS` is what busybox wanted before 1.30. */
function parseTimeout(shell: Shell, words: readonly string[]): TimeoutWords | undefined {
  let index = 1;
  let kill: number | 'unknown' = 0;
  let old: string | undefined;
  for (; words[index]?.startsWith('-') === true; index += 1) {
    const option = words[index] ?? '';
    if (option === '--') {
      index += 1;
      break;
    }
    const value = /^-[skt]$/.test(option)
      ? words[(index += 1)]
      : (/^(?:-[skt]|--kill-after=|--signal=)(.+)$/s.exec(option)?.[1] ?? '');
    if (/^(-k|--kill-after=)/.test(option)) {
      kill = secondsOf(value ?? '') ?? 0;
    } else if (option.startsWith('-t')) {
      old = value;
    } else if (!/^(-s.*|--signal=.*|-[vfp]+|--foreground|--preserve-status|--verbose)$/s.test(option)) {
      throw notUnderstood(words);
    }
  }
  if (old !== undefined && shell.run.container === 'Proxy') {
    return undefined;
  }
  const limit = secondsOf(old ?? words[index] ?? '');
  const command = words.slice(old === undefined ? index + 1 : index);
  return limit === undefined || command.length === 0
    ? undefined
    : {
        limit,
        kill,
        keepsStatus: words.slice(1, index).some((word) => word === '--preserve-status' || /^-[vf]*p/.test(word)),
        mayFail: old !== undefined,
        command,
      };
}

function secondsOf(text: string): number | 'unknown' | undefined {
  return isUnknown(text) ? 'unknown' : parseInterval(text)?.seconds;
}

const timeout: Tool = (shell, words) => {
  const parsed = parseTimeout(shell, words);
  if (parsed === undefined) {
    write(shell.errors, 'timeout: invalid time interval\n');
    return 125;
  }
  const { run } = shell;
  const { now } = run;
  const isLimited = parsed.limit !== 'unknown' && parsed.kill !== 'unknown';
  const status = isLimited
    ? runLimited(shell, parsed, parsed.limit === 0 ? Infinity : parsed.limit, parsed.kill)
    : runMaybeCut(shell, parsed.command);
  if (!isLimited || parsed.mayFail) {
    run.now = now;
    run.reasons.add(isLimited ? `which version ${words.slice(0, 2).join(' ')} is for` : readable(words.join(' ')));
    run.unknownStatus = `the result of ${readable(words.join(' ').slice(0, 120))}`;
    return UNKNOWN_STATUS;
  }
  return status;
};

/** A limit that nobody knows may cut the command at any time. */
function runMaybeCut(shell: Shell, command: readonly string[]): number {
  const { run } = shell;
  try {
    return run.machine.runCommand(shell, command);
  } catch (error) {
    if (!(error instanceof TimeUp)) {
      throw error;
    }
    run.latest = Infinity;
    return UNKNOWN_STATUS;
  }
}

function runLimited(shell: Shell, { command, keepsStatus }: TimeoutWords, seconds: number, kill: number): number {
  const { run } = shell;
  const { now, latest, deadline: outer, overs: outerOvers } = run;
  const limit = now + seconds;
  const cut = { now: limit, latest: latest + seconds + kill, status: keepsStatus ? TERMINATED : TIMED_OUT };
  if (limit < outer) {
    run.deadline = limit;
    run.overs = undefined;
  }
  let status: number;
  let overs: typeof outerOvers;
  try {
    status = run.machine.runCommand(shell, command);
    if (run.latest > cut.latest) {
      run.latest = cut.latest;
      status = status === 0 || status === UNKNOWN_STATUS ? UNKNOWN_STATUS : SOME_FAILURE;
      run.unknownStatus = `whether ${readable(command.join(' ').slice(0, 120))} is done in time`;
    }
  } catch (error) {
    if (!(error instanceof TimeUp) || run.timeUpAt !== limit || limit >= outer) {
      throw error;
    }
    const wasExact = run.latest - latest === run.now - now || kill === 0;
    run.now = cut.now;
    run.latest = wasExact ? latest + seconds : cut.latest;
    run.version += 1;
    ({ status } = cut);
  } finally {
    run.deadline = outer;
    ({ overs } = run);
    run.overs = limit < outer ? outerOvers : run.overs;
  }
  if (limit < outer && overs !== undefined) {
    shell.status = status;
    goOnFromCut(shell, overs, cut);
    ({ status } = shell);
  }
  return status;
}

/** Any moment would do: hooks only take differences. */
const EPOCH = 1_700_000_000;
const MILLIS = 1000;

const date: Tool = (shell, words) => {
  const format = words.slice(1).find((word) => word.startsWith('+'));
  const others = words.slice(1).filter((word) => word !== format && word !== '-u');
  const wall = `the output of ${words.join(' ').slice(0, 120)}`;
  if (format === undefined || others.length > 0) {
    write(shell.output, unknownText(wall));
    shell.run.unknownStatus = wall;
    return UNKNOWN_STATUS;
  }
  if (isClockUnknown(shell.run)) {
    write(shell.output, unknownText(wall));
    return 0;
  }
  shell.run.version += 1;
  shell.run.clockLooks += 1;
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
  if (isClockUnknown(shell.run)) {
    return unknownText('the time in /proc/uptime');
  }
  shell.run.version += 1;
  shell.run.clockLooks += 1;
  return `${(UPTIME + Math.floor(shell.run.now * 100) / 100).toFixed(2)} ${(UPTIME * 2).toFixed(2)}\n`;
}

/** A file that is followed never ends, unless nobody reads any more what is in it. */
export function followForEver(shell: Shell, words: readonly string[]): never {
  if (words.at(-1) === '/dev/null') {
    advanceTo(shell.run, Infinity);
  }
  throw notUnderstood(words);
}

export const clockTools: readonly (readonly [string, Tool])[] = [
  ['sleep', sleep],
  ['timeout', timeout],
  ['date', date],
  ['usleep', usleep],
];
