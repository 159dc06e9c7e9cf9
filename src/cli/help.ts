import { flagsOf } from './arguments.ts';
import type { Command, Flag } from './command.ts';

const WIDTH = 100;

/** The list of commands. */
export function programHelp(program: string, commands: readonly Command[]): string {
  return [
    `${program}: makes in-flight requests survive pod termination in an Istio mesh, and says where they do not.`,
    '',
    `usage: ${program} COMMAND [FLAGS]`,
    '',
    'commands:',
    ...table(commands.map((command) => [command.name, command.summary])),
    '',
    `A first look, with nothing installed and nothing written: ${program} lint FOLDER, or ${program} lint --cluster.`,
    `Flags, environment variables and exit codes of a command: ${program} COMMAND --help.`,
    '',
  ].join('\n');
}

export function commandHelp(program: string, command: Command): string {
  const sections: string[] = [wrap(command.description, WIDTH, '').join('\n'), `usage: ${usageOf(program, command)}`];
  const section = (title: string, rows: readonly (readonly [string, string])[]): void => {
    if (rows.length > 0) {
      sections.push([`${title}:`, ...table(rows)].join('\n'));
    }
  };
  section(
    'arguments',
    (command.positionals ?? []).map((one) => [one.name, withChoices(one.description, one.choices)]),
  );
  section(
    'flags',
    flagsOf(command).map((flag) => [flagColumn(flag), flagText(flag)]),
  );
  section(
    'environment variables',
    (command.environment ?? []).map((one) => [one.name, one.description]),
  );
  section(
    'exit codes',
    (command.exitCodes ?? []).map((one) => [String(one.code), one.meaning]),
  );
  section(
    'examples',
    (command.examples ?? []).map((one) => [`${program} ${one.arguments}`, one.text]),
  );
  return `${sections.join('\n\n')}\n`;
}

export function usageOf(program: string, command: Command): string {
  const positionals = (command.positionals ?? []).map((one) => {
    const name = one.multiple === true ? `${one.name}...` : one.name;
    return one.required === true ? name : `[${name}]`;
  });
  return [program, command.name, ...positionals, '[FLAGS]'].join(' ');
}

/** `-f, --file FILE|DIR|-` */
export function flagColumn(flag: Flag): string {
  const value = flag.type === 'boolean' ? '' : ` ${flag.value ?? 'VALUE'}`;
  return `${flag.short === undefined ? '' : `-${flag.short}, `}--${flag.name}${value}`;
}

export function flagText(flag: Flag): string {
  return [
    withChoices(flag.description, flag.value === flag.choices?.join('|') ? undefined : flag.choices),
    ...(flag.multiple === true ? ['May be given more than once.'] : []),
    ...(flag.default === undefined ? [] : [`Default: ${flag.default}.`]),
  ].join(' ');
}

function withChoices(text: string, choices: readonly string[] | undefined): string {
  return choices === undefined ? text : `${text} One of ${choices.join(', ')}.`;
}

/** Two columns; a long left side gets a line of its own. */
function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.min(30, Math.max(...rows.map(([left]) => left.length)) + 2);
  return rows.flatMap(([left, right]) => {
    const lines = wrap(right, WIDTH - width - 2, '');
    const head = left.length + 2 > width ? [`  ${left}`] : [`  ${left.padEnd(width)}${lines.shift() ?? ''}`];
    return [...head, ...lines.map((line) => `  ${' '.repeat(width)}${line}`)];
  });
}

/** Breaks at blanks; line breaks in the text stay. */
export function wrap(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = indent;
    for (const word of paragraph.split(' ')) {
      if (line.trim() !== '' && line.length + word.length + 1 > width) {
        lines.push(line);
        line = indent;
      }
      line = line.trim() === '' ? indent + word : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines;
}
