import { parseArguments } from './arguments.ts';
import { CliError, EXIT_CANNOT, EXIT_OK, UsageError, type Command, type Io } from './command.ts';
import { commandHelp, programHelp } from './help.ts';
import { nearest } from './suggest.ts';

export interface RunOptions {
  readonly program: string;
  readonly commands: readonly Command[];
  readonly io: Io;
}

export function answersTo(command: Command, name: string | undefined): boolean {
  return name !== undefined && (command.name === name || command.formerly === name);
}

/** Finds the command, reads its arguments, runs it, and turns what went wrong into one line and an exit code. */
export async function runCli(args: readonly string[], { program, commands, io }: RunOptions): Promise<number> {
  const [first, ...rest] = args;
  if (first === undefined || first === '--help' || first === '-h' || (first === 'help' && rest.length === 0)) {
    (first === undefined ? io.stderr : io.stdout).write(programHelp(program, commands));
    return first === undefined ? EXIT_CANNOT : EXIT_OK;
  }
  const wanted = first === 'help' ? (rest[0] ?? '') : first === '--version' ? 'version' : first;
  const command = commands.find((one) => answersTo(one, wanted));
  if (command === undefined) {
    const meant = nearest(
      wanted,
      commands.map((one) => one.name),
    );
    io.stderr.write(
      `${program}: unknown command ${wanted}${meant === undefined ? '' : `; did you mean ${meant}?`}\n` +
        `The commands are: ${commands.map((one) => one.name).join(', ')}.\n`,
    );
    return EXIT_CANNOT;
  }
  if (command.formerly === wanted) {
    io.stderr.write(`${program} ${wanted}: is called ${command.name} now\n`);
  }
  try {
    const parsed = parseArguments(command, first === 'help' ? ['--help'] : rest);
    if (parsed.help) {
      io.stdout.write(commandHelp(program, command));
      return EXIT_OK;
    }
    return await command.run({ flags: parsed.flags, positionals: parsed.positionals, io, program });
  } catch (error) {
    if (error instanceof UsageError) {
      io.stderr.write(`${program} ${command.name}: ${error.message}\nSee ${program} ${command.name} --help.\n`);
      return EXIT_CANNOT;
    }
    if (error instanceof CliError) {
      io.stderr.write(`${program} ${command.name}: ${error.message}\n`);
      return EXIT_CANNOT;
    }
    throw error;
  }
}
