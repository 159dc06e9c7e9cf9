import { EXIT_FINDINGS, EXIT_OK, type Command } from '../command.ts';
import { CANNOT_EXIT, CLUSTER_FLAGS, FACT_FLAGS, FACT_VARIABLES, INPUT_FLAGS, POLICY_FLAG } from '../facts/flags.ts';

export const VERIFY_OUTPUTS = ['text', 'json'] as const;

const SHARED = new Set(['namespace', 'workload-kind']);

export const verifyCommand: Command = {
  name: 'verify',
  summary: 'Say how the pods of a workload really ended, and whether the engine would have said so.',
  description:
    'Reads pods, their statuses and their Events in a cluster, and says of each termination how long it took against its grace period, how each container ' +
    'ended, whether a preStop hook failed, and whether the engine would have said the same; then what follows. Only reads. ' +
    'Kubernetes forgets fast: a pod that is gone leaves its Events, which an API server keeps for an hour unless it is told otherwise, and those say neither exit codes nor ' +
    'times. With --watch the pods are watched while they end, and nothing is missed.',
  positionals: [{ name: 'KIND/NAME', required: true, description: 'Which workload, for example deployment/checkout.' }],
  flags: [
    { name: 'last', type: 'string', value: 'DURATION', default: '24h', description: 'How far back to look.' },
    {
      name: 'watch',
      type: 'string',
      value: 'DURATION',
      description:
        'Watch the pods for this long (Ctrl-C ends it earlier), for example during a rollout, and judge what ended meanwhile.',
    },
    {
      name: 'require',
      type: 'string',
      value: 'N',
      default: '0',
      description: 'At least so many terminations must have been seen to their end; fewer are exit code 1.',
    },
    {
      name: 'output',
      short: 'o',
      type: 'string',
      value: VERIFY_OUTPUTS.join('|'),
      choices: VERIFY_OUTPUTS,
      default: 'text',
      description: 'The format.',
    },
    ...INPUT_FLAGS.filter(({ name }) => SHARED.has(name)).map((flag) =>
      flag.name === 'namespace' ? { ...flag, description: 'Namespace of the workload.' } : flag,
    ),
    ...CLUSTER_FLAGS.map((flag) =>
      flag.name === 'cluster'
        ? { ...flag, description: 'Terminations are only ever read from a cluster, so this changes nothing.' }
        : flag,
    ),
    {
      ...POLICY_FLAG,
      description: 'Policies in addition to those of the cluster: the forecast is held against what they promise.',
    },
    ...FACT_FLAGS,
  ],
  environment: FACT_VARIABLES,
  exitCodes: [
    {
      code: EXIT_OK,
      meaning:
        'no pod was killed or removed by force, no hook failed, and nothing contradicts the forecast; also where nothing was seen',
    },
    { code: EXIT_FINDINGS, meaning: 'one of these happened, or fewer terminations were seen than --require wants' },
    CANNOT_EXIT,
  ],
  examples: [
    { arguments: 'verify deployment/checkout -n shop', text: 'What can still be known of the last day.' },
    { arguments: 'verify deployment/checkout -n shop --watch 10m --require 1', text: 'As a gate, during a rollout.' },
    { arguments: 'verify deployment/checkout -n shop --last 1h -o json', text: 'For a program.' },
  ],
  async run(invocation) {
    const { runVerify } = await import('./run.ts');
    return runVerify(invocation);
  },
};
