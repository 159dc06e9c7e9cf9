import { PassThrough } from 'node:stream';
import { expect, it } from '@jest/globals';
import { cliCommands } from '../../../src/cli/commands.ts';
import { runCli } from '../../../src/cli/run.ts';

/** What it does is tried against a real API server (test/integration/operator-uninstall.test.ts); here, what it refuses. */
async function run(...args: string[]): Promise<[number, string]> {
  const stderr = new PassThrough();
  let text = '';
  stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const code = await runCli(args, {
    program: 'sidecar-drain',
    commands: cliCommands(),
    io: { stdin: new PassThrough(), stdout: new PassThrough(), stderr, env: {} },
  });
  return [code, text];
}

it.each<[string, string[], RegExp]>([
  ['no word of what to restore', ['--yes'], /--all, or --policy NAME/],
  ['all and one at once', ['--all', '--policy', 'a'], /--all, or --policy NAME/],
  ['nothing at once', ['--all', '--max-concurrent', '0'], /--max-concurrent 0: a whole number from 1 up/],
  ['half a workload', ['--all', '--max-concurrent', '1.5'], /a whole number from 1 up/],
  [
    'a deadline without a unit',
    ['--all', '--progress-deadline', '10'],
    /--progress-deadline 10: write a duration with a unit/,
  ],
  ['a kubeconfig that is not there', ['--all', '--kubeconfig', '/nowhere/kubeconfig'], /\/nowhere\/kubeconfig/],
])('refuses %s', async (_, args, message) => {
  const [code, text] = await run('restore', ...args);

  expect([code, text]).toEqual([2, expect.stringMatching(message)]);
});

it('answers to its former name, and says the present one', async () => {
  expect(await run('give-back', '--yes')).toEqual([
    2,
    expect.stringMatching(
      /^sidecar-drain give-back: is called restore now\nsidecar-drain restore: say what to restore/,
    ),
  ]);
});

it('says nothing of a name to whom uses the present one', async () => {
  expect(await run('restore', '--yes')).toEqual([
    2,
    expect.stringMatching(/^sidecar-drain restore: say what to restore/),
  ]);
});
