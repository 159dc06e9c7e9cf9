import type { Readable, Writable } from 'node:stream';

/** What every command has in common: main.ts knows nothing else of them, and help, completion and docs are made from it. */

export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  readonly short?: string;
  readonly type: 'string' | 'boolean';
  /** May be given more than once; the value is then a list. */
  readonly multiple?: boolean;
  /** How the value is called in help, in capitals. */
  readonly value?: string;
  /** Shown in help; the command itself fills it in. */
  readonly default?: string;
  /** Anything else is refused before the command runs. */
  readonly choices?: readonly string[];
  readonly description: string;
}

export interface Variable {
  readonly name: string;
  readonly description: string;
}

export interface ExitCode {
  readonly code: number;
  readonly meaning: string;
}

export interface Positional {
  readonly name: string;
  readonly description: string;
  readonly required?: boolean;
  /** Only the last one: it takes all that follow. */
  readonly multiple?: boolean;
  readonly choices?: readonly string[];
}

export interface Example {
  readonly text: string;
  /** What follows the name of the program. */
  readonly arguments: string;
}

export interface Command {
  readonly name: string;
  /** What the command was called before. It still answers to that, and says the present name. */
  readonly formerly?: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Paragraphs, for the command's own help. */
  readonly description: string;
  readonly positionals?: readonly Positional[];
  readonly flags: readonly Flag[];
  readonly environment?: readonly Variable[];
  readonly exitCodes?: readonly ExitCode[];
  readonly examples?: readonly Example[];
  /** Returns the exit code. A `UsageError` or `CliError` that it throws is printed as one line and ends with 2. */
  run(invocation: Invocation): Promise<number>;
}

export interface Invocation {
  readonly flags: FlagValues;
  readonly positionals: readonly string[];
  readonly io: Io;
  /** As the user called it: `sidecar-drain` or `kubectl sidecar-drain`. */
  readonly program: string;
}

/** Everything that a command may touch besides files, so that tests can run one without a process. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The flags as given. Asking for a flag that the command does not define is a mistake in the program and throws. */
export class FlagValues {
  private readonly values: ReadonlyMap<string, readonly (string | boolean)[]>;
  private readonly known: ReadonlySet<string>;

  constructor(flags: readonly Flag[], values: ReadonlyMap<string, readonly (string | boolean)[]>) {
    this.values = values;
    this.known = new Set(flags.map((flag) => flag.name));
  }

  string(name: string): string | undefined {
    const value = this.given(name).at(-1);
    return typeof value === 'string' ? value : undefined;
  }

  strings(name: string): readonly string[] {
    return this.given(name).filter((value) => typeof value === 'string');
  }

  boolean(name: string): boolean {
    return this.given(name).at(-1) === true;
  }

  has(name: string): boolean {
    return this.given(name).length > 0;
  }

  private given(name: string): readonly (string | boolean)[] {
    if (!this.known.has(name)) {
      throw new TypeError(`the command defines no flag --${name}`);
    }
    return this.values.get(name) ?? [];
  }
}

export const EXIT_OK = 0;
export const EXIT_FINDINGS = 1;
export const EXIT_CANNOT = 2;

/** Wrong use: printed as one line with a pointer to --help. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What could not be done, in one line that says what was wrong, where, and what to do. */
export class CliError extends Error {
  override readonly name = 'CliError';
}
