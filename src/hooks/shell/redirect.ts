import type { Redirection } from './ast.ts';
import { expandText } from './expand.ts';
import { readFile } from '../tools/files.ts';
import type { Shell, Sink } from './run-state.ts';
import { capture, demandKnown, emptyInput, isUnknown, NotUnderstood, nowhere, setFile } from './run-state.ts';

/**
 * Points the shell's input and output elsewhere. Returns what has to be done after the command (files get their
 * content then), or `undefined` where a file cannot be opened, so that the command does not run.
 */
export function redirect(shell: Shell, redirections: readonly Redirection[]): (() => void) | undefined {
  const written: { path: string; sink: Sink; append: boolean }[] = [];
  for (const redirection of redirections) {
    const target = expandText(shell, redirection.target);
    switch (redirection.operator) {
      case 'text':
        if (redirection.fd === 0) {
          shell.input = { text: target, position: 0 };
        }
        break;
      case '<':
      case '<>': {
        if (redirection.fd !== 0) {
          break;
        }
        const content = readFile(shell, demandKnown(target));
        if (content === undefined) {
          return undefined;
        }
        shell.input = { text: content, position: 0 };
        break;
      }
      case '<&':
        if (target === '-') {
          shell.input = emptyInput();
        }
        break;
      case '>&':
        duplicate(shell, redirection.fd, demandKnown(target));
        break;
      case '>':
      case '>>': {
        const known = streamFor(shell, demandKnown(target));
        const sink = known ?? capture(shell.run);
        if (known === undefined) {
          written.push({ path: target, sink, append: redirection.operator === '>>' });
        }
        if (redirection.fd === 1 || redirection.fd === 'both') {
          shell.output = sink;
        }
        if (redirection.fd === 2 || redirection.fd === 'both') {
          shell.errors = sink;
        }
        break;
      }
    }
  }
  if (written.length === 0) {
    return nothing;
  }
  return () => {
    for (const { path, sink, append } of written) {
      const { files, container } = shell.run;
      const before = append && files.has(path) ? files.get(path) : '';
      // Istio gives its container a read-only root file system by default, so a file there may never have been written.
      const known = container === 'App' && before !== undefined && !isUnknown(sink.text);
      setFile(shell.run, path, known ? before + sink.text : undefined);
    }
  };
}

/** Volumes that Istio mounts into its container, and what is no file. */
const WRITABLE = /^\/(dev|proc|etc\/istio\/proxy|var\/lib\/istio\/data)\//;

/**
 * The file that may not be there to be written: Istio gives its container a read-only root file system by default, and
 * a command whose output cannot be opened is not run.
 */
export function doubtfulFile(shell: Shell, redirections: readonly Redirection[]): string | undefined {
  return shell.run.container === 'App'
    ? undefined
    : redirections.find(
        ({ operator, target }) =>
          (operator === '>' || operator === '>>') && target.literal !== undefined && !WRITABLE.test(target.literal),
      )?.target.literal;
}

function nothing(): void {
  // No file was opened.
}

function duplicate(shell: Shell, fd: number | 'both', target: string): void {
  if (target === '-') {
    if (fd === 1) {
      shell.output = nowhere(shell.run);
    }
    if (fd === 2) {
      shell.errors = nowhere(shell.run);
    }
  } else if (target === '1' && fd === 2) {
    shell.errors = shell.output;
  } else if (target === '2' && fd === 1) {
    shell.output = shell.errors;
  } else if (!/^\d$/.test(target)) {
    throw new NotUnderstood(`a redirection to ${target}`);
  }
}

/** Where writing to a path that is no file goes. */
function streamFor(shell: Shell, path: string): Sink | undefined {
  if (path === '/dev/stdout' || path === '/proc/self/fd/1') {
    return shell.output;
  }
  if (path === '/dev/stderr' || path === '/proc/self/fd/2') {
    return shell.errors;
  }
  // Writing to the main process's output is how hooks make their words appear in the container's log.
  if (path === '/dev/null' || /^\/proc\/\d+\/fd\/\d+$/.test(path) || path === '/dev/console') {
    return nowhere(shell.run);
  }
  if (path.startsWith('/dev/tcp/')) {
    throw new NotUnderstood(path);
  }
  return undefined;
}
