import type { Dialect } from './ast.ts';
import { LOST_TRAP } from './branches.ts';
import { setLetter, setOption } from './builtins.ts';
import { runProgram, runSubshell } from './interpret.ts';
import { readScript } from './parse.ts';
import type { Flow, Run, Shell } from './run-state.ts';
import { runUnknown } from '../tools/tool.ts';
import { ContainerEnded, demandKnown, newShell, NotUnderstood, step, TIME_UP } from './run-state.ts';

/** How many variables are handed on for a step. */
const VARIABLES_PER_STEP = 8;

/** What `sh` is: Ubuntu's dash in the proxy image; in an app image nobody knows. */
function dialectOf(run: Run, name: string): Dialect {
  if (name === 'bash') {
    return 'bash';
  }
  if (name === 'dash') {
    return 'dash';
  }
  return run.container === 'Proxy' ? 'dash' : 'unknown';
}

/** `sh -c SCRIPT NAME ARGUMENTS...` with its options; returns the exit status. */
export function runShellWords(from: Pick<Shell, 'run'> & Partial<Shell>, words: readonly string[]): number {
  const path = words[0] ?? '';
  const base = path.slice(path.lastIndexOf('/') + 1);
  const { run } = from;
  const shell = newShell({
    run,
    dialect: dialectOf(run, base),
    name: base,
    depth: (from.depth ?? 0) + 1,
    input: from.input,
    output: from.output,
    errors: from.errors,
  });
  if (from.variables !== undefined) {
    step(run, from.variables.size / VARIABLES_PER_STEP);
    shell.variables = new Map(from.variables);
  }
  let index = 1;
  let isScript = false;
  for (; /^[-+]./.test(words[index] ?? ''); index += 1) {
    const word = words[index] ?? '';
    if (word.startsWith('--')) {
      continue;
    }
    const on = word.startsWith('-');
    for (const letter of word.slice(1)) {
      if (letter === 'c') {
        isScript = true;
      } else if (letter === 'o') {
        index += 1;
        if (!setOption(shell, words[index] ?? '', on)) {
          return shell.status;
        }
      } else {
        setLetter(shell, letter, on);
      }
    }
  }
  const script = words[index];
  // A shell without a script reads commands from its standard input, which is empty here.
  if (script === undefined) {
    return isScript ? 2 : 0;
  }
  if (!isScript) {
    throw new NotUnderstood(words.join(' ').slice(0, 120));
  }
  shell.name = words[index + 1] ?? base;
  shell.positional = words.slice(index + 2);
  const program = readScript(run, demandKnown(script), shell.dialect);
  demandEnd(runSubshell(shell, () => runProgram(shell, program)));
  return finish(shell);
}

/** Runs what `trap ... EXIT` asked for; the status stays. */
function finish(shell: Shell): number {
  const { status, exitTrap } = shell;
  if (shell.lost !== undefined && (shell.lost === LOST_TRAP || exitTrap !== '')) {
    // Which trap there is, is not known.
    return runUnknown(shell, shell.lost);
  }
  if (exitTrap === '') {
    return status;
  }
  shell.exitTrap = '';
  const program = readScript(shell.run, demandKnown(exitTrap), shell.dialect);
  demandEnd(runSubshell(shell, () => runProgram(shell, program)));
  return status;
}

/** A shell that never ends, or whose container does, ends the programs around it as well. */
function demandEnd(flow: Flow): void {
  if (flow === 'next') {
    return;
  }
  throw flow.kind === 'over' ? TIME_UP : new ContainerEnded('the container ended');
}
