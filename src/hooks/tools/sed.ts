import type { Run, Shell } from '../shell/run-state.ts';
import { isUnknown, step, stepText, write } from '../shell/run-state.ts';
import type { Expression } from './regex.ts';
import { findAll, findMatch, matches, replaceMatches, translateBasic, translateExtended } from './regex.ts';
import { readOperands } from './files.ts';
import type { Tool } from './tool.ts';
import { joinLines, linesOf, notUnderstood, parseOptions, passUnknown } from './tool.ts';

interface SedCommand {
  readonly selects: (run: Run, line: string, number: number, last: number) => boolean;
  readonly kind: 's' | 'p' | 'd' | 'q';
  readonly expression?: Expression;
  /** Text, and the numbers of groups whose text stands there. */
  readonly replacement?: readonly (string | number)[];
  readonly all?: boolean;
  readonly print?: boolean;
}

/** sed with the commands that hooks use: `s`, `p`, `d`, `q`, with a line number, `$` or an expression as address. */
export const sed: Tool = (shell, words) => {
  const options = parseOptions(words, 'nErsu', 'e', ['--quiet', '--silent', '--regexp-extended']);
  if (options === undefined || words.filter((word) => word === '-e').length > 1) {
    throw notUnderstood(words);
  }
  const script = options.values.get('e') ?? options.operands[0];
  const operands = options.values.has('e') ? options.operands : options.operands.slice(1);
  if (script === undefined || operands.length > 1) {
    throw notUnderstood(words);
  }
  const extended = options.letters.has('E') || options.letters.has('r') || options.letters.has('--regexp-extended');
  const silent = options.letters.has('n') || options.letters.has('--quiet') || options.letters.has('--silent');
  stepText(shell.run, script);
  const commands = parseScript(shell.run, script, extended);
  if (commands === undefined) {
    throw notUnderstood(words);
  }
  const text = readOperands(shell, operands);
  if (isUnknown(text)) {
    return passUnknown(shell, text);
  }
  const output = joinLines(edit(shell, linesOf(text), commands, silent));
  // A last line without a newline stays one.
  write(shell.output, text.endsWith('\n') ? output : output.slice(0, -1));
  return 0;
};

function edit(shell: Shell, lines: readonly string[], commands: readonly SedCommand[], silent: boolean): string[] {
  const output: string[] = [];
  const keep = (line: string): void => {
    stepText(shell.run, line);
    output.push(line);
  };
  for (const [index, original] of lines.entries()) {
    let line = original;
    let deleted = false;
    let quit = false;
    for (const command of commands) {
      step(shell.run);
      if (!command.selects(shell.run, line, index + 1, lines.length)) {
        continue;
      }
      if (command.kind === 'p') {
        keep(line);
      }
      if (command.kind === 'q') {
        quit = true;
      }
      if (command.kind === 'd') {
        deleted = true;
        break;
      }
      if (command.kind === 's' && command.expression !== undefined) {
        const changed = substitute(shell.run, command, command.expression, line);
        if (command.print === true && changed !== line) {
          keep(changed);
        }
        line = changed;
      }
    }
    if (!silent && !deleted) {
      keep(line);
    }
    if (quit) {
      return output;
    }
  }
  return output;
}

function parseScript(run: Run, script: string, extended: boolean): SedCommand[] | undefined {
  const translate = extended ? translateExtended : translateBasic;
  const commands: SedCommand[] = [];
  let rest = script.trim();
  while (rest !== '') {
    const address = /^(?:(\d+)|(\$)|\/((?:\\.|[^/\\])*)\/)?\s*(!?)/.exec(rest);
    const [matched = '', line, last, pattern, not] = address ?? [];
    rest = rest.slice(matched.length).trimStart();
    const expression = pattern === undefined ? undefined : translate(run, pattern);
    const selected = (run: Run, text: string, number: number, count: number): boolean => {
      if (line !== undefined) {
        return number === Number(line);
      }
      if (last !== undefined) {
        return number === count;
      }
      return expression === undefined || matches(run, expression, text);
    };
    const selects: SedCommand['selects'] = (run, text, number, count) =>
      selected(run, text, number, count) !== (not === '!');
    const simple = /^([pdq])\s*(;|\n|$)\s*/.exec(rest);
    if (simple !== null) {
      commands.push({ selects, kind: simple[1] as 'p' | 'd' | 'q' });
      rest = rest.slice(simple[0].length);
      continue;
    }
    const separator = rest.startsWith('s') ? rest.charAt(1) : '';
    if (separator === '' || /[\w\s\\]/.test(separator)) {
      return undefined;
    }
    const parts = splitSubstitution(rest.slice(2), separator);
    const tail = parts === undefined ? null : /^([gpI]*)\s*(;|\n|$)\s*/.exec(parts.rest);
    if (parts === undefined || tail === null) {
      return undefined;
    }
    const flags = tail[1] ?? '';
    commands.push({
      selects,
      kind: 's',
      expression: translate(run, parts.pattern, { ignoreCase: flags.includes('I') }),
      all: flags.includes('g'),
      replacement: replacementOf(parts.replacement),
      print: flags.includes('p'),
    });
    rest = parts.rest.slice(tail[0].length);
  }
  return commands;
}

function splitSubstitution(
  text: string,
  separator: string,
): { pattern: string; replacement: string; rest: string } | undefined {
  const pieces: string[] = [];
  let piece = '';
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charAt(index);
    if (character === '\\' && index + 1 < text.length) {
      const next = text.charAt(index + 1);
      piece += next === separator ? next : character + next;
      index += 1;
    } else if (character === separator) {
      pieces.push(piece);
      piece = '';
      if (pieces.length === 2) {
        return { pattern: pieces[0] ?? '', replacement: pieces[1] ?? '', rest: text.slice(index + 1) };
      }
    } else {
      piece += character;
    }
  }
  return undefined;
}

/** `&`, `\1` and `\n` of a replacement. */
function replacementOf(text: string): (string | number)[] {
  const parts: (string | number)[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charAt(index);
    if (character === '&') {
      parts.push(0);
    } else if (character === '\\') {
      index += 1;
      const escaped = text.charAt(index);
      parts.push(/\d/.test(escaped) ? Number(escaped) : escaped === 'n' ? '\n' : escaped);
    } else {
      parts.push(character);
    }
  }
  return parts;
}

function substitute(run: Run, command: SedCommand, expression: Expression, line: string): string {
  const first = command.all === true ? undefined : findMatch(run, expression, line);
  const found = command.all === true ? findAll(run, expression, line) : first === undefined ? [] : [first];
  const { replacement = [] } = command;
  return replaceMatches(run, line, found, ({ groups }) => {
    step(run, replacement.length / PARTS_PER_STEP);
    return replacement.map((part) => (typeof part === 'number' ? (groups[part] ?? '') : part)).join('');
  });
}

/** How many parts of a replacement a step pays for. */
const PARTS_PER_STEP = 64;
