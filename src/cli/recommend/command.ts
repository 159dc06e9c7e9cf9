import { EXIT_OK, type Command } from '../command.ts';
import {
  CLUSTER_FLAGS,
  FACT_FLAGS,
  FACT_VARIABLES,
  INPUT_FLAGS,
  INPUT_POSITIONALS,
  POLICY_FLAG,
} from '../facts/flags.ts';
import { PROMETHEUS_FLAGS, PROMETHEUS_VARIABLES } from '../prometheus/flags.ts';

export const RECOMMEND_OUTPUTS = ['text', 'json', 'yaml', 'html'] as const;
export type RecommendOutput = (typeof RECOMMEND_OUTPUTS)[number];

export const recommendCommand: Command = {
  name: 'recommend',
  summary: 'Say which duration each workload needs, from the request lengths that Istio has measured. Writes nothing.',
  description:
    'Asks a Prometheus for the lengths of the requests to each workload, as the sidecars of the workload and of its clients measured them, and proposes the mode and ' +
    'durations that cover the longest, in as few policies as possible. With files or --cluster it also says what survives today and what the proposal costs. ' +
    'Workloads that had too few requests, or whose requests have no bound, get no proposal, and the reason.',
  positionals: INPUT_POSITIONALS,
  flags: [
    ...PROMETHEUS_FLAGS,
    {
      name: 'maximum',
      type: 'string',
      value: 'DURATION',
      default: '10m',
      description:
        'The longest grace period that may be proposed. The cluster autoscaler stops waiting for a pod after 10m.',
    },
    {
      name: 'output',
      short: 'o',
      type: 'string',
      value: RECOMMEND_OUTPUTS.join('|'),
      choices: RECOMMEND_OUTPUTS,
      default: 'text',
      description: 'The format. yaml is the policies alone, in Audit, for plan -p - or kubectl apply -f -.',
    },
    ...INPUT_FLAGS.map((flag) =>
      flag.name === 'namespace'
        ? { ...flag, description: 'Ask for this namespace only; also the namespace of manifests that state none.' }
        : flag,
    ),
    {
      ...POLICY_FLAG,
      description:
        'Policies that are there or planned: what they cover needs no other. Also those among the other input and of the cluster.',
    },
    ...CLUSTER_FLAGS,
    ...FACT_FLAGS,
  ],
  environment: [...PROMETHEUS_VARIABLES, ...FACT_VARIABLES],
  exitCodes: [
    { code: EXIT_OK, meaning: 'there is a proposal, or all is covered already' },
    { code: 2, meaning: 'nothing could be proposed: wrong usage, no Prometheus, no metrics, too few requests' },
  ],
  examples: [
    { arguments: 'recommend --prometheus http://127.0.0.1:9090 --cluster', text: 'For all workloads of the cluster.' },
    {
      arguments: 'recommend --prometheus http://127.0.0.1:9090 -n shop --window 14d -o yaml',
      text: 'Policies for one namespace, from two weeks.',
    },
  ],
  async run(invocation) {
    const { runRecommend } = await import('./run.ts');
    return runRecommend(invocation);
  },
};
