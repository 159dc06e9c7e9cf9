import { parseArgs } from 'node:util';
import { FlagValues, UsageError, type Command, type Flag } from './command.ts';
import { nearest } from './suggest.ts';

export interface ParsedArguments {
  readonly flags: FlagValues;
  readonly positionals: readonly string[];
  readonly help: boolean;
}

const HELP: Flag = { name: 'help', short: 'h', type: 'boolean', description: 'Show this help.' };

/** The command's own flags and the one that all have. */
export function flagsOf(command: Command): readonly Flag[] {
  return [...command.flags, HELP];
}

/** Reads a command's arguments strictly; whatever is wrong is a `UsageError` that says what was probably meant. */
export function parseArguments(command: Command, args: readonly string[]): ParsedArguments {
  const flags = flagsOf(command);
  const byName = new Map(flags.map((flag) => [flag.name, flag]));
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      flags.map((flag) => [
        flag.name,
        { type: flag.type, multiple: true, ...(flag.short === undefined ? {} : { short: flag.short }) },
      ]),
    ),
    // Strict mode throws messages of its own, without a suggestion.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, (string | boolean)[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') {
      positionals.push(token.value);
    }
    if (token.kind !== 'option') {
      continue;
    }
    const flag = byName.get(token.name);
    if (flag === undefined) {
      throw new UsageError(unknownFlag(token.rawName, flags));
    }
    const value = valueOf(flag, token.rawName, token.value, token.inlineValue === true);
    const list = values.get(flag.name) ?? [];
    if (list.length > 0 && flag.multiple !== true && flag.type === 'string') {
      throw new UsageError(`${token.rawName} is given more than once`);
    }
    values.set(flag.name, [...list, value]);
  }
  const help = values.has(HELP.name);
  if (!help) {
    checkPositionals(command, positionals);
  }
  return { flags: new FlagValues(flags, values), positionals, help };
}

function valueOf(flag: Flag, written: string, value: string | undefined, inline: boolean): string | boolean {
  if (flag.type === 'boolean') {
    if (!inline) {
      return true;
    }
    if (value === 'true' || value === 'false') {
      return value === 'true';
    }
    throw new UsageError(`${written} is a switch: it takes no value but true or false`);
  }
  // `-f --output` is a forgotten value far more often than a file of that name; `--file=--output` still works.
  if (value === undefined || (!inline && value.startsWith('-') && value !== '-')) {
    throw new UsageError(`${written} needs a value: ${flag.value ?? 'VALUE'}`);
  }
  if (flag.choices !== undefined && !flag.choices.includes(value)) {
    const meant = nearest(value, flag.choices);
    throw new UsageError(
      `${written} ${value}: must be one of ${flag.choices.join(', ')}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`,
    );
  }
  return value;
}

function unknownFlag(written: string, flags: readonly Flag[]): string {
  const name = written.replace(/^-+/, '');
  const meant = written.startsWith('--')
    ? nearest(
        name,
        flags.map((flag) => flag.name),
      )
    : undefined;
  return `unknown flag ${written}${meant === undefined ? '' : `; did you mean --${meant}?`}`;
}

function checkPositionals(command: Command, given: readonly string[]): void {
  const wanted = command.positionals ?? [];
  const surplus = wanted.at(-1)?.multiple === true ? undefined : given[wanted.length];
  if (surplus !== undefined) {
    throw new UsageError(
      wanted.length === 0
        ? `${command.name} takes no argument: ${surplus} (files are given with -f)`
        : `too many arguments: ${surplus}`,
    );
  }
  for (const [index, positional] of wanted.entries()) {
    const value = given[index];
    if (value === undefined) {
      if (positional.required === true) {
        throw new UsageError(`${positional.name} is missing: ${positional.description}`);
      }
      continue;
    }
    if (positional.choices !== undefined && !positional.choices.includes(value)) {
      throw new UsageError(`${value}: must be one of ${positional.choices.join(', ')}`);
    }
  }
}
