import type { Shell } from '../shell/run-state.ts';
import { isUnknown, step, write } from '../shell/run-state.ts';
import { costOf, translateBasic, translateExtended } from './regex.ts';
import { readOperands } from './files.ts';
import type { Tool } from './tool.ts';
import { joinLines, linesOf, notUnderstood, parseOptions, passUnknown } from './tool.ts';

interface SedCommand {
  readonly selects: (line: string, number: number, last: number) => boolean;
  readonly kind: 's' | 'p' | 'd' | 'q';
  readonly expression?: RegExp;
  readonly replacement?: string;
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
  const commands = parseScript(script, extended);
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
  for (const [index, original] of lines.entries()) {
    let line = original;
    let deleted = false;
    let quit = false;
    for (const command of commands) {
      step(shell.run, command.expression === undefined ? 1 : costOf(command.expression, line));
      if (!command.selects(line, index + 1, lines.length)) {
        continue;
      }
      if (command.kind === 'p') {
        output.push(line);
      }
      if (command.kind === 'q') {
        quit = true;
      }
      if (command.kind === 'd') {
        deleted = true;
        break;
      }
      if (command.kind === 's' && command.expression !== undefined) {
        const changed = line.replace(command.expression, command.replacement ?? '');
        if (command.print === true && changed !== line) {
          output.push(changed);
        }
        line = changed;
      }
    }
    if (!silent && !deleted) {
      output.push(line);
    }
    if (quit) {
      return output;
    }
  }
  return output;
}

function parseScript(script: string, extended: boolean): SedCommand[] | undefined {
  const translate = extended ? translateExtended : translateBasic;
  const commands: SedCommand[] = [];
  let rest = script.trim();
  while (rest !== '') {
    const address = /^(?:(\d+)|(\$)|\/((?:\\.|[^/\\])*)\/)?\s*(!?)/.exec(rest);
    const [matched = '', line, last, pattern, not] = address ?? [];
    rest = rest.slice(matched.length).trimStart();
    const expression = pattern === undefined ? undefined : translate(pattern, '');
    const selected = (text: string, number: number, count: number): boolean => {
      if (line !== undefined) {
        return number === Number(line);
      }
      if (last !== undefined) {
        return number === count;
      }
      return expression === undefined || expression.test(text);
    };
    const selects: SedCommand['selects'] = (text, number, count) => selected(text, number, count) !== (not === '!');
    const simple = /^([pdq])\s*(;|\n|$)\s*/.exec(rest);
    if (simple !== null) {
      commands.push({ selects, kind: simple[1] as 'p' | 'd' | 'q', expression });
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
      expression: translate(parts.pattern, `${flags.includes('g') ? 'g' : ''}${flags.includes('I') ? 'i' : ''}`),
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

/** `&` and `\1` in JavaScript's notation. */
function replacementOf(text: string): string {
  return text.replace(/\$/g, '$$$$').replace(/\\(.)|&/g, (whole, escaped: string | undefined) => {
    if (whole === '&') {
      return '$&';
    }
    if (escaped !== undefined && /\d/.test(escaped)) {
      return escaped === '0' ? '$&' : `$${escaped}`;
    }
    return escaped === 'n' ? '\n' : (escaped ?? '');
  });
}
