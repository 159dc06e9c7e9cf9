import { EXIT_FINDINGS, EXIT_OK, type Command } from '../command.ts';
import {
  ALLOW_EMPTY_FLAG,
  CANNOT_EXIT,
  CLUSTER_FLAGS,
  FACT_FLAGS,
  FACT_VARIABLES,
  POLICY_FLAG,
  INPUT_FLAGS,
  INPUT_POSITIONALS,
} from '../facts/flags.ts';
import { PROMETHEUS_FLAGS, PROMETHEUS_VARIABLES } from '../prometheus/flags.ts';

export const LINT_OUTPUTS = ['text', 'json', 'sarif', 'junit', 'html'] as const;
export type LintOutput = (typeof LINT_OUTPUTS)[number];

export const lintCommand: Command = {
  name: 'lint',
  summary: 'Say what would go wrong today when pods end. Needs no policy, installs and writes nothing.',
  description:
    'Judges every workload of the input by how its pods would end today: which requests are cut, which settings do nothing, ' +
    'which hooks never end. Policies among the input state what is wanted; workloads without one are judged by --longest-request. ' +
    'What is not a Kubernetes manifest is skipped and counted.',
  positionals: INPUT_POSITIONALS,
  flags: [
    ...INPUT_FLAGS,
    {
      ...POLICY_FLAG,
      description:
        'Policies that are not among the other input. Workloads that they are for are judged, as they are today, by what the policies promise.',
    },
    ...CLUSTER_FLAGS,
    {
      name: 'output',
      short: 'o',
      type: 'string',
      value: LINT_OUTPUTS.join('|'),
      choices: LINT_OUTPUTS,
      default: 'text',
      description: 'The format.',
    },
    {
      name: 'output-file',
      type: 'string',
      value: 'FILE',
      description: 'Write the output there; a line of summary still goes to the terminal.',
    },
    {
      name: 'fail-on',
      type: 'string',
      value: 'error|warning|info',
      choices: ['error', 'warning', 'info'],
      default: 'error',
      description: 'The least severity of a finding that makes the exit code 1.',
    },
    {
      name: 'baseline',
      type: 'string',
      value: 'FILE',
      description: 'Findings in this file are known: they are shown as such and do not count.',
    },
    {
      name: 'write-baseline',
      type: 'string',
      value: 'FILE',
      description: 'Write all present findings to this file, to start from here.',
    },
    { name: 'strict', type: 'boolean', description: 'Input that cannot be read as it is makes the exit code 1 too.' },
    {
      name: 'findings-url',
      type: 'string',
      value: 'URL',
      description: 'Where docs/reference/findings.md is served for your readers; links of findings then go there.',
    },
    ALLOW_EMPTY_FLAG,
    { name: 'quiet', short: 'q', type: 'boolean', description: 'In text: errors only, no summary.' },
    ...FACT_FLAGS,
    ...PROMETHEUS_FLAGS.map((flag) =>
      flag.name === 'prometheus'
        ? {
            ...flag,
            description: `${flag.description} Workloads that no policy is for are then judged by the longest request that was measured, and not by --longest-request.`,
          }
        : flag,
    ),
  ],
  environment: [
    { name: 'SIDECAR_DRAIN_FINDINGS_URL', description: 'As --findings-url, where the flag is not given.' },
    ...FACT_VARIABLES,
    ...PROMETHEUS_VARIABLES,
  ],
  exitCodes: [
    { code: EXIT_OK, meaning: 'nothing at or above --fail-on was found' },
    { code: EXIT_FINDINGS, meaning: 'something was' },
    CANNOT_EXIT,
  ],
  examples: [
    { arguments: 'lint deploy/', text: 'A repository, with nothing installed.' },
    { arguments: 'lint --cluster', text: 'The cluster of the current context; only reads.' },
    {
      arguments: 'lint deploy/ --istio-version 1.30.3 --kubernetes-version 1.33',
      text: 'With the facts that decide what kind of sidecar the pods get.',
    },
    {
      arguments: 'lint - -o sarif --output-file drain.sarif',
      text: 'What kustomize build or helm template print, for code scanning.',
    },
    {
      arguments: 'lint deploy/ --write-baseline .drain-baseline.json',
      text: 'Accept what is there; later runs with --baseline tell what is new.',
    },
  ],
  async run(invocation) {
    const { runLint } = await import('./run.ts');
    return runLint(invocation);
  },
};
