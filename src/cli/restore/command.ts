import { EXIT_FINDINGS, EXIT_OK, type Command } from '../command.ts';
import { CANNOT_EXIT, CLUSTER_FLAGS, FACT_VARIABLES, INPUT_FLAGS } from '../facts/flags.ts';

export const RESTORE_OUTPUTS = ['text', 'json'] as const;

export const restoreCommand: Command = {
  name: 'restore',
  formerly: 'give-back',
  summary: 'Restore workloads to what they had before the operator, without the operator.',
  description:
    'For an uninstall in which the operator went first, or its policies or their CRD. What a workload had before is kept in an annotation of the ' +
    "workload itself, and this command goes by that: Restore puts the values back, Orphan leaves them; both take the operator's ownership and note away. " +
    'Then the finalizers of the policies and the ProxyConfig resources of the operator go.\n' +
    'Without --yes nothing is written. Restoring restarts pods: one workload after the other, each until it has rolled out; the first that does not ends it. ' +
    'While an operator runs it would write them again, so the command refuses then: delete the policy instead, which makes the operator restore them.',
  flags: [
    { name: 'all', type: 'boolean', description: 'Everything that the operator has written, and every policy.' },
    {
      name: 'policy',
      short: 'p',
      type: 'string',
      multiple: true,
      value: 'NAME',
      description: 'What this policy has written (NAMESPACE/NAME for a namespaced one), and its finalizer.',
    },
    {
      name: 'namespace',
      short: 'n',
      type: 'string',
      value: 'NAMESPACE',
      description: 'Only workloads of this namespace. Finalizers stay then, unless nothing else is left to restore.',
    },
    { name: 'yes', short: 'y', type: 'boolean', description: 'Do it.' },
    {
      name: 'orphan',
      type: 'boolean',
      description:
        'Leave the values everywhere, whatever the policies say, and remove only ownership and notes: no pod restarts.',
    },
    {
      name: 'max-concurrent',
      type: 'string',
      value: 'N',
      default: '1',
      description: 'Workloads that may roll out at once.',
    },
    {
      name: 'progress-deadline',
      type: 'string',
      value: 'DURATION',
      default: '10m',
      description: 'How long a workload may take to roll out.',
    },
    { name: 'no-wait', type: 'boolean', description: 'Do not wait for rollouts.' },
    {
      name: 'output',
      short: 'o',
      type: 'string',
      value: RESTORE_OUTPUTS.join('|'),
      choices: RESTORE_OUTPUTS,
      default: 'text',
      description: 'For people, or for programs.',
    },
    ...INPUT_FLAGS.filter(({ name }) => name === 'workload-kind'),
    ...CLUSTER_FLAGS.filter(({ name }) => name !== 'cluster'),
  ],
  environment: FACT_VARIABLES.filter(({ name }) => name !== 'NO_COLOR').map((variable) =>
    variable.name === 'KUBECONFIG'
      ? { ...variable, description: 'The kubeconfig, where --kubeconfig names none.' }
      : variable,
  ),
  exitCodes: [
    { code: EXIT_OK, meaning: 'nothing is left to restore; without --yes: there was nothing to begin with' },
    { code: EXIT_FINDINGS, meaning: 'something is left, and named' },
    CANNOT_EXIT,
  ],
  examples: [
    { arguments: 'restore --all', text: 'What would be restored.' },
    { arguments: 'restore --all --yes', text: 'Everything, one workload after the other.' },
    {
      arguments: 'restore --policy long-requests --yes --max-concurrent 5',
      text: 'What one policy has written, five at a time.',
    },
    { arguments: 'restore --all --orphan --yes', text: 'Keep the values and forget the operator: nothing restarts.' },
  ],
  async run(invocation) {
    const { runRestore } = await import('./run.ts');
    return await runRestore(invocation);
  },
};
