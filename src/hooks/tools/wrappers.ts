import type { Shell } from '../shell/run-state.ts';
import { isUnknown, setVariable, subshell } from '../shell/run-state.ts';
import type { Tool } from './tool.ts';
import { notUnderstood } from './tool.ts';

/** A program that runs another one and ends with it. */
interface Wrapper {
  /** Options without and with a value, by letter. */
  readonly flags?: string;
  readonly valued?: string;
  /** Long options; those with a value end in "=". */
  readonly long?: readonly string[];
  /** Words before the command: a user, a mask. */
  readonly operands?: number;
}

/**
 * What stands before a command. `sudo`, `su` and `runuser` are taken to be allowed, as their authors mean them; in the
 * proxy container, which may not gain privileges, nobody knows.
 */
const WRAPPERS: Readonly<Record<string, Wrapper>> = {
  nice: { valued: 'n', long: ['--adjustment='] },
  ionice: { flags: 't', valued: 'cn', long: ['--class=', '--classdata=', '--ignore'] },
  nohup: {},
  stdbuf: { valued: 'ioe', long: ['--input=', '--output=', '--error='] },
  time: { flags: 'pv', valued: 'of', long: ['--portability', '--verbose'] },
  taskset: { flags: 'a', operands: 1 },
  gosu: { operands: 1 },
  'su-exec': { operands: 1 },
  sudo: {
    flags: 'EnHSkPb',
    valued: 'ugh',
    long: ['--preserve-env', '--non-interactive', '--set-home', '--user=', '--group='],
  },
  tini: { flags: 'sgvw', valued: 'pe' },
  'dumb-init': { flags: 'vc', valued: 'r', long: ['--verbose', '--single-child', '--rewrite='] },
  catatonit: { flags: 'gL' },
};

/** The words behind the options and operands of a wrapper; `undefined` for an option that is not known. */
function wrapped(wrapper: Wrapper, words: readonly string[]): readonly string[] | undefined {
  const { flags = '', valued = '', long = [], operands = 0 } = wrapper;
  let index = 1;
  for (; /^-./.test(words[index] ?? ''); index += 1) {
    const word = words[index] ?? '';
    if (word === '--') {
      index += 1;
      break;
    }
    if (word.startsWith('--')) {
      const name = word.split('=')[0] ?? '';
      if (long.includes(`${name}=`)) {
        index += word.includes('=') ? 0 : 1;
      } else if (!long.includes(name)) {
        return undefined;
      }
      continue;
    }
    // "nice -5": a number is an option of its own.
    if (/^-\d+$/.test(word)) {
      continue;
    }
    const at = [...word.slice(1)].findIndex((letter) => !flags.includes(letter));
    if (at >= 0) {
      if (!valued.includes(word.charAt(at + 1))) {
        return undefined;
      }
      index += at + 2 === word.length ? 1 : 0;
    }
  }
  return words.slice(index + operands);
}

const NEEDS_PRIVILEGES = new Set(['sudo', 'su', 'runuser']);

function demandPrivileges(shell: Shell, name: string, words: readonly string[]): void {
  if (shell.run.container === 'Proxy' && NEEDS_PRIVILEGES.has(name)) {
    throw notUnderstood(words);
  }
}

function wrap(name: string, wrapper: Wrapper): Tool {
  return (shell, words) => {
    demandPrivileges(shell, name, words);
    const command = wrapped(wrapper, words);
    if (command === undefined || command.length === 0 || (name === 'sudo' && words.includes('-b'))) {
      throw notUnderstood(words);
    }
    return shell.run.machine.runCommand(shell, command);
  };
}

const ENV: Wrapper = { flags: 'i', valued: 'uC', long: ['--ignore-environment', '--unset=', '--chdir='] };

/** `env A=b command`: variables for the command alone. */
const env: Tool = (shell, words) => {
  const rest = wrapped(ENV, words);
  const at = rest?.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word)) ?? -1;
  if (rest === undefined || at < 0) {
    throw notUnderstood(words);
  }
  const inner = subshell(shell);
  for (const word of rest.slice(0, at)) {
    const equals = word.indexOf('=');
    setVariable(inner, word.slice(0, equals), word.slice(equals + 1));
  }
  const status = shell.run.machine.runCommand(inner, rest.slice(at));
  return status;
};

/**
 * util-linux: it waits for its command, unless it is the leader of a process group and has to fork: then it returns at
 * once, as with `--fork`. A hook that starts it without a shell may be one.
 */
const setsid: Tool = (shell, words) => {
  const { run } = shell;
  const command = wrapped({ flags: 'cwf', long: ['--ctty', '--wait', '--fork'] }, words);
  if (command === undefined || command.length === 0) {
    throw notUnderstood(words);
  }
  const options = words.slice(1, words.length - command.length);
  const has = (letter: string, long: string): boolean =>
    options.some((word) => word === long || (/^-[cwf]+$/.test(word) && word.includes(letter)));
  const { now } = run;
  const status = run.machine.runCommand(shell, command);
  if (!has('w', '--wait') && (has('f', '--fork') || shell.name === 'exec')) {
    run.now = now;
    run.reasons.add('whether setsid waits for its command');
  }
  return status;
};

/** `su - user -c 'script'`, `runuser -u user -- command`. */
function switchUser(name: string): Tool {
  return (shell, words) => {
    demandPrivileges(shell, name, words);
    if (name === 'runuser' && words.includes('-u')) {
      const command = wrapped({ valued: 'u' }, words);
      if (command === undefined || command.length === 0) {
        throw notUnderstood(words);
      }
      return shell.run.machine.runCommand(shell, command);
    }
    const at = words.findIndex((word) => word === '-c' || word === '--command');
    const script = words[at + 1];
    if (at < 0 || script === undefined || isUnknown(script)) {
      throw notUnderstood(words);
    }
    const own = words.findIndex((word) => word === '-s' || word === '--shell');
    return shell.run.machine.runShell(shell, [own < 0 ? 'sh' : (words[own + 1] ?? 'sh'), '-c', script]);
  };
}

export const wrappers: ReadonlyMap<string, Tool> = new Map<string, Tool>([
  ...Object.entries(WRAPPERS).map(([name, wrapper]): [string, Tool] => [name, wrap(name, wrapper)]),
  ['env', env],
  ['setsid', setsid],
  ['su', switchUser('su')],
  ['runuser', switchUser('runuser')],
]);
