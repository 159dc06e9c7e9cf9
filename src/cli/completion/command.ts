import { EXIT_OK, type Command } from '../command.ts';
import { completionScript, SHELLS, type Shell } from './scripts.ts';

/** Takes the other commands as an argument, because it is one of them. */
export function completionCommand(others: readonly Command[]): Command {
  const command: Command = {
    name: 'completion',
    summary: 'Print a completion script for bash, zsh or fish.',
    description:
      'Prints a script that completes commands, flags and their values.\n' +
      'bash: source <(sidecar-drain completion bash)\n' +
      'zsh: sidecar-drain completion zsh > "${fpath[1]}/_sidecar-drain"\n' +
      'fish: sidecar-drain completion fish > ~/.config/fish/completions/sidecar-drain.fish',
    positionals: [{ name: 'SHELL', description: 'The shell.', required: true, choices: SHELLS }],
    flags: [],
    exitCodes: [
      { code: 0, meaning: 'the script was printed' },
      { code: 2, meaning: 'no such shell' },
    ],
    run({ positionals, io }) {
      io.stdout.write(completionScript(positionals[0] as Shell, [...others, command]));
      return Promise.resolve(EXIT_OK);
    },
  };
  return command;
}
