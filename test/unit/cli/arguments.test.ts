import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { flagsOf, parseArguments } from '../../../src/cli/arguments.ts';
import { UsageError, type Command } from '../../../src/cli/command.ts';
import { cliCommands } from '../../../src/cli/commands.ts';
import { completionScript, SHELLS } from '../../../src/cli/completion/scripts.ts';
import { POLICY_FLAG } from '../../../src/cli/facts/flags.ts';
import { nearest } from '../../../src/cli/suggest.ts';
import { cli } from './support.ts';

const COMMAND: Command = {
  name: 'do',
  summary: '',
  description: '',
  positionals: [{ name: 'WHAT', description: 'what', required: true }],
  flags: [
    { name: 'file', short: 'f', type: 'string', multiple: true, description: '' },
    { name: 'output', short: 'o', type: 'string', choices: ['text', 'json'], description: '' },
    { name: 'quiet', short: 'q', type: 'boolean', description: '' },
  ],
  run: () => Promise.resolve(0),
};

describe('parseArguments', () => {
  it.each([
    [['x', '-f', 'a', '--file=b', '-fc'], { file: ['a', 'b', 'c'], quiet: false }],
    [['x', '-f', '-', '-q'], { file: ['-'], quiet: true }],
    [['x', '--quiet=false', '-o', 'json'], { file: [], output: 'json', quiet: false }],
    [['--', '--x'], { file: [] }],
    [['x', '--file=--odd'], { file: ['--odd'] }],
  ])('%j', (args, expected) => {
    const { flags } = parseArguments(COMMAND, args);

    expect({
      file: flags.strings('file'),
      ...('output' in expected ? { output: flags.string('output') } : {}),
      ...('quiet' in expected ? { quiet: flags.boolean('quiet') } : {}),
    }).toEqual(expected);
  });

  it.each([
    [['x', '--fil', 'a'], 'unknown flag --fil; did you mean --file?'],
    [['x', '--outptu', 'json'], 'unknown flag --outptu; did you mean --output?'],
    [['x', '-z'], 'unknown flag -z'],
    [['x', '--completely-else'], 'unknown flag --completely-else'],
    [['x', '-f', '--output'], '-f needs a value: VALUE'],
    [['x', '-f'], '-f needs a value: VALUE'],
    [['x', '-o', 'jsno'], '-o jsno: must be one of text, json (did you mean json?)'],
    [['x', '-o', 'text', '-o', 'json'], '-o is given more than once'],
    [['x', '--quiet=maybe'], '--quiet is a switch: it takes no value but true or false'],
    [[], 'WHAT is missing: what'],
    [['x', 'y'], 'too many arguments: y'],
  ])('refuses %j: %s', (args, message) => {
    expect(() => parseArguments(COMMAND, args)).toThrow(new UsageError(message));
  });

  it('asks for a flag that does not exist: a mistake in the program', () => {
    expect(() => parseArguments(COMMAND, ['x']).flags.string('nothing')).toThrow(TypeError);
  });
});

describe('nearest', () => {
  it.each([
    ['verison', 'version'],
    ['exp', 'explain'],
    ['Lint', 'lint'],
    ['zzz', undefined],
    ['', undefined],
  ])('%s -> %s', (word, expected) => {
    expect(nearest(word, ['lint', 'plan', 'explain', 'version'])).toBe(expected);
  });
});

describe('the program', () => {
  it.each([
    [[], 2, /usage: sidecar-drain COMMAND/],
    [['--help'], 0, /usage: sidecar-drain COMMAND/],
    [['help', 'lint'], 0, /usage: sidecar-drain lint/],
    [['--version'], 0, /sidecar-drain /],
    [['version'], 0, new RegExp(`zone data ${process.versions.tz},`)],
    [['version', '-o', 'json'], 0, new RegExp(`"zoneData": "${process.versions.tz}"`)],
    [['lnit'], 2, /unknown command lnit; did you mean lint\?/],
    [['lint', '--ouptut', 'x'], 2, /did you mean --output\?.*\n.*lint --help/],
    [['completion', 'tcsh'], 2, /must be one of bash, zsh, fish/],
    [['lint', '-f', 'x', '--longest-request', '30'], 2, /no such file|with a unit/],
  ])('%j ends with %i', async (args, code, message) => {
    const ran = await cli(args);

    expect(ran.code).toBe(code);
    expect(`${ran.out}${ran.err}`).toMatch(message);
  });

  it.each([
    ['--longest-request', '30'],
    ['--endpoint-delay', '-1s'],
    ['--istio-version', 'two'],
    ['--kubernetes-version', '33'],
    ['--namespace-labels', 'nothing'],
    ['--max-file-size', '0'],
  ])('lint refuses %s %s', async (flag, value) => {
    expect(await cli(['lint', '-f', '-', `${flag}=${value}`], { stdin: 'a: 1\n' })).toMatchObject({
      code: 2,
      err: expect.stringContaining(flag),
    });
  });

  it.each(cliCommands().map((command) => [command.name, command] as const))(
    '%s: help names every flag, variable and exit code',
    async (name, command) => {
      const { out } = await cli([name, '--help']);

      for (const flag of flagsOf(command)) {
        expect(out).toContain(`--${flag.name}`);
      }
      for (const { name: variable } of command.environment ?? []) {
        expect(out).toContain(variable);
      }
      expect(out).toMatch(/exit codes:/);
      expect(
        out
          .split('\n')
          .filter((line) => line.length > 110 && !line.includes('sidecar-drain '))
          .join('\n'),
      ).toBe('');
    },
  );

  it.each(cliCommands().map((command) => [command.name, command] as const))(
    '%s: flags are unique, and what has a value says what it is',
    (_, command) => {
      const flags = flagsOf(command);

      expect(new Set(flags.map((flag) => flag.name)).size).toBe(flags.length);
      const shorts = flags.flatMap((flag) => flag.short ?? []);
      expect(new Set(shorts).size).toBe(shorts.length);
      expect(flags.filter((flag) => flag.type === 'string' && flag.value === undefined)).toEqual([]);
    },
  );
});

describe('completion', () => {
  it.each(SHELLS)('%s: names every command and flag', (shell) => {
    const script = completionScript(shell, cliCommands());

    for (const command of cliCommands()) {
      expect(script).toContain(command.name);
      for (const flag of command.flags) {
        expect(script).toContain(flag.name);
      }
    }
  });

  it.each([
    [['sidecar-drain', 'li'], ['lint']],
    [
      ['sidecar-drain', 'lint', '--out'],
      ['--output', '--output-file'],
    ],
    [['sidecar-drain', 'lint', '-o', 'sa'], ['sarif']],
    [['sidecar-drain', 'completion', 'f'], ['fish']],
  ])('bash completes %j', (words, expected) => {
    const script = `${completionScript('bash', cliCommands())}\nCOMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _sidecar_drain; printf '%s\\n' "\${COMPREPLY[@]}"`;

    const { stdout, status } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });

    expect([status, stdout.trim().split('\n').sort()]).toEqual([0, expected]);
  });
});

it('means the same by -p in every command that judges', () => {
  const judging = ['lint', 'plan', 'recommend', 'explain', 'render', 'test', 'verify'];
  const flags = cliCommands()
    .filter(({ name }) => judging.includes(name))
    .map(({ flags: own }) => own.find(({ short }) => short === 'p'));

  expect(flags).toHaveLength(judging.length);
  for (const flag of flags) {
    expect(flag).toEqual({ ...POLICY_FLAG, description: flag?.description });
  }
});
