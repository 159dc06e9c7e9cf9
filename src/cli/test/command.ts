import { EXIT_FINDINGS, EXIT_OK, type Command } from '../command.ts';
import { CANNOT_EXIT, INPUT_POSITIONALS, POLICY_FLAG } from '../facts/flags.ts';

export const testCommand: Command = {
  name: 'test',
  summary: 'Check expectations: these policies and manifests give these verdicts.',
  description:
    'Runs files of kind SidecarDrainTest: each names policies and manifests (paths relative to itself), states the facts of the mesh, ' +
    'and says for workloads what is expected: the governing policy, the outcome, the kind of proxy, findings, changed values, how long a request survives. ' +
    'What a case does not mention is not checked. Differences are shown as expected and actual, with the line of the expectation.',
  positionals: INPUT_POSITIONALS,
  flags: [
    {
      name: 'file',
      short: 'f',
      type: 'string',
      multiple: true,
      value: 'FILE|DIR',
      description: 'Test files; a folder is walked, and files of other kinds are passed over.',
    },
    { ...POLICY_FLAG, description: 'Policies in addition to those that the tests name.' },
    {
      name: 'output',
      short: 'o',
      type: 'string',
      value: 'text|json|junit',
      choices: ['text', 'json', 'junit'],
      default: 'text',
      description: 'The format.',
    },
    { name: 'run', type: 'string', value: 'TEXT', description: 'Only cases whose name contains this text.' },
  ],
  exitCodes: [
    { code: EXIT_OK, meaning: 'everything is as expected' },
    { code: EXIT_FINDINGS, meaning: 'something is not' },
    CANNOT_EXIT,
  ],
  examples: [
    { arguments: 'test tests/', text: 'Every test file of a folder.' },
    { arguments: 'test tests/drain.yaml -o junit', text: 'For a CI system.' },
  ],
  async run(invocation) {
    const { runTest } = await import('./run.ts');
    return runTest(invocation);
  },
};
