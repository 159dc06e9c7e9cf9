import { EXIT_FINDINGS, EXIT_OK, type Command } from '../command.ts';
import {
  CANNOT_EXIT,
  CLUSTER_FLAGS,
  FACT_FLAGS,
  FACT_VARIABLES,
  POLICY_FLAG,
  TEXT_OR_JSON_FLAG,
  INPUT_FLAGS,
  INPUT_POSITIONALS,
} from '../facts/flags.ts';

export const planCommand: Command = {
  name: 'plan',
  summary: 'Say what the policies would change, why, what restarts and what it costs. Writes nothing.',
  description:
    'Decides for every workload as the operator would: which policy governs it, what would be written and why, what is in the way, ' +
    'how many pods restart, and how much longer pods, node drains and the end of hung pods take. Policies in Audit are shown as if they governed. ' +
    'The hash names the plan: it is the same as long as the same changes would be made.',
  positionals: INPUT_POSITIONALS,
  flags: [
    ...INPUT_FLAGS,
    POLICY_FLAG,
    ...CLUSTER_FLAGS,
    TEXT_OR_JSON_FLAG,
    {
      name: 'fail-on',
      type: 'string',
      value: 'never|changes|attention',
      choices: ['never', 'changes', 'attention'],
      default: 'never',
      description:
        'What makes the exit code 1: a change that would be made, or a workload that somebody has to look at (conflicting, failed, unknown).',
    },
    {
      name: 'all',
      type: 'boolean',
      description: 'In text: also list the workloads that are compliant or that no policy is for.',
    },
    ...FACT_FLAGS,
  ],
  environment: FACT_VARIABLES,
  exitCodes: [
    { code: EXIT_OK, meaning: 'the plan was made' },
    { code: EXIT_FINDINGS, meaning: 'it contains what --fail-on names' },
    CANNOT_EXIT,
  ],
  examples: [
    { arguments: 'plan deploy/ -p policy.yaml', text: 'What a policy would do to a repository.' },
    { arguments: 'plan --cluster -p policy.yaml', text: 'What a new policy would do to the running workloads.' },
    { arguments: 'plan --cluster -o json', text: "For a pull request's bot." },
  ],
  async run(invocation) {
    const { runPlan } = await import('./run.ts');
    return runPlan(invocation);
  },
};
