import { basename } from 'node:path';
import { cliCommands } from './cli/commands.ts';
import { EXIT_CANNOT } from './cli/command.ts';
import { runCli } from './cli/run.ts';
import { controllerCommand } from './controller-command.ts';

/** As kubectl names its plugins: `kubectl-sidecar_drain` is called as `kubectl sidecar-drain`. */
function programName(path: string | undefined): string {
  const name = basename(path ?? '').replace(/\.(js|mjs|cmd|exe)$/, '');
  return name.startsWith('kubectl-') ? `kubectl ${name.slice('kubectl-'.length).replaceAll('_', '-')}` : 'sidecar-drain';
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
    commands: cliCommands([controllerCommand]),
    io: { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: process.env },
  });
} catch (error) {
  process.stderr.write(`sidecar-drain: this is a bug: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
  process.exitCode = EXIT_CANNOT;
}
