import type { Command, SimpleCommand } from './ast.ts';
import { apart, changeAside, fork, gather, leavesFunction } from './branches.ts';
import { builtins, keepsShell } from './builtins.ts';
import { expandText, expandWords } from './expand.ts';
import { doubtfulFile, redirect } from './redirect.ts';
import type { Flow, Shell } from './run-state.ts';
import {
  isUnknown,
  MAXIMUM_CALLS,
  OutOfSteps,
  setVariable,
  UNKNOWN_STATUS,
  unknownText,
  unknownWords,
  write,
  whyNotUnderstood,
} from './run-state.ts';
import { runTool } from '../tools/index.ts';
import { runUnknown } from '../tools/tool.ts';

const EXIT: Flow = { kind: 'exit' };

/** Builtins after which an assignment before them, and a failed redirection, act on the shell itself. */
const SPECIAL = new Set([
  ':',
  'break',
  'continue',
  'eval',
  'exec',
  'exit',
  'export',
  'readonly',
  'return',
  'set',
  'shift',
  'trap',
  'unset',
]);

/** A command that is words: assignments, redirections, then a function, a builtin or a program. */
export function runSimple(shell: Shell, command: SimpleCommand): Flow {
  shell.substituted = 0;
  const words = expandWords(shell, command.words);
  const [name] = words;
  if (command.assignments.length > 0) {
    const before = words.length === 0 || SPECIAL.has(name ?? '') ? undefined : new Map(shell.variables);
    for (const assignment of command.assignments) {
      const value = expandText(shell, assignment.value);
      setVariable(
        shell,
        assignment.name,
        assignment.append ? (shell.variables.get(assignment.name) ?? '') + value : value,
      );
    }
    if (before !== undefined) {
      const flow = withRedirections(shell, command, words);
      // `IFS= read x` keeps what the command itself set, and takes back only what stood before it.
      for (const { name: assigned } of command.assignments) {
        const old = before.get(assigned);
        if (old === undefined) {
          shell.variables.delete(assigned);
        } else {
          shell.variables.set(assigned, old);
        }
      }
      return flow;
    }
  }
  // "s=$?" has looked at the status before it sets its own.
  if (name === undefined) {
    shell.status = shell.substituted;
  }
  return command.redirections.length === 0 ? runWords(shell, words) : withRedirections(shell, command, words);
}

function withRedirections(shell: Shell, command: SimpleCommand, words: readonly string[]): Flow {
  const file = doubtfulFile(shell, command.redirections);
  return file === undefined
    ? openAndRun(shell, command, words)
    : fork(shell, `whether ${file} can be written`, [
        () => openAndRun(shell, command, words),
        () => notOpened(shell, words),
      ]);
}

function notOpened(shell: Shell, words: readonly string[]): Flow {
  shell.status = 1;
  return SPECIAL.has(words[0] ?? '') && shell.dialect !== 'bash' ? EXIT : 'next';
}

function openAndRun(shell: Shell, command: SimpleCommand, words: readonly string[]): Flow {
  const { input, output, errors } = shell;
  const finish = redirect(shell, command.redirections);
  let flow: Flow = 'next';
  if (finish === undefined) {
    flow = notOpened(shell, words);
  } else {
    if (words.length === 0) {
      shell.status = shell.substituted;
    }
    flow = runWords(shell, words);
    finish();
    // `exec >file` keeps its redirections.
    if (words[0] === 'exec' && words.length === 1) {
      return flow;
    }
  }
  shell.input = input;
  shell.output = output;
  shell.errors = errors;
  return flow;
}

function runWords(shell: Shell, words: readonly string[]): Flow {
  const [name] = words;
  if (name === undefined) {
    return 'next';
  }
  if (isUnknown(name)) {
    shell.status = runUnknown(shell, unknownWords(name));
    return 'next';
  }
  const body = shell.functions.get(name);
  if (body !== undefined) {
    return callFunction(shell, body, words.slice(1));
  }
  const builtin = builtins.get(name);
  if (builtin !== undefined) {
    const decides = keepsShell.has(name) && (name !== 'command' || words[1]?.startsWith('-') === true);
    return decides ? withoutDoubt(shell, () => builtin(shell, words)) : builtin(shell, words);
  }
  shell.status = runTool(shell, words);
  return 'next';
}

/** A builtin that only decides something: what it does not understand is a status that nobody knows. */
function withoutDoubt(shell: Shell, act: () => Flow): Flow {
  try {
    return act();
  } catch (error) {
    const why = whyNotUnderstood(error);
    write(shell.output, unknownText(why));
    shell.status = UNKNOWN_STATUS;
    shell.run.unknownStatus = why;
    return 'next';
  }
}

function callFunction(shell: Shell, body: Command, parameters: readonly string[]): Flow {
  if (shell.depth > MAXIMUM_CALLS) {
    throw new OutOfSteps('calls nested too deeply');
  }
  const { positional, loops, locals } = shell;
  shell.positional = parameters;
  shell.depth += 1;
  shell.loops = 0;
  shell.locals = new Map();
  const flow = apart(shell, () => {
    const end = gather(shell, shell.run.machine.runBody(shell, body), leavesFunction);
    changeAside(shell, ({ flow, moment }) => ({ flow, moment: { ...moment, positional, locals } }));
    return end;
  });
  for (const [name, value] of shell.locals) {
    if (value === undefined) {
      shell.variables.delete(name);
    } else {
      shell.variables.set(name, value);
    }
  }
  shell.locals = locals;
  shell.depth -= 1;
  shell.loops = loops;
  shell.positional = positional;
  return flow;
}
