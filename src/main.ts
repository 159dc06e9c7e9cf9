import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cliCommands } from './cli/commands.ts';
import { EXIT_CANNOT, type Command } from './cli/command.ts';
import { answersTo, runCli } from './cli/run.ts';
import { readableStack } from './stack.ts';

/** As kubectl names its plugins: `kubectl-sidecar_drain` is called as `kubectl sidecar-drain`. */
function programName(path: string | undefined): string {
  const name = basename(path ?? '').replace(/\.(js|mjs|cmd|exe)$/, '');
  return name.startsWith('kubectl-')
    ? `kubectl ${name.slice('kubectl-'.length).replaceAll('_', '-')}`
    : 'sidecar-drain';
}

/** The operator and the Kubernetes client are most of the program: the commands that work on files start without them. */
async function commandsFor(name: string | undefined): Promise<readonly Command[]> {
  const own = cliCommands();
  if (name !== 'completion' && own.some((command) => answersTo(command, name))) {
    return own;
  }
  const { controllerCommand } = await import('./controller-command.ts');
  return cliCommands([controllerCommand]);
}

// `sidecar-drain lint | head` closes the pipe early: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') {
    throw error;
  }
  process.exit();
});

try {
  process.exitCode = await runCli(process.argv.slice(2), {
    program: programName(process.argv[1]),
    commands: await commandsFor(process.argv[2]),
    io: { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: process.env },
  });
} catch (error) {
  process.stderr.write(
    `sidecar-drain: this is a bug: ${error instanceof Error ? readableStack(error, fileURLToPath(import.meta.url)) : String(error)}\n`,
  );
  process.exitCode = EXIT_CANNOT;
}
