import { EXIT_OK, type Command } from '../command.ts';
import { CANNOT_EXIT, CLUSTER_FLAGS, FACT_FLAGS, FACT_VARIABLES, INPUT_FLAGS } from '../facts/flags.ts';

const SHARED = new Set(['namespace', 'workload-kind']);

export const dashboardCommand: Command = {
  name: 'dashboard',
  summary: 'Serve a page on this machine that shows policies, rollouts and workloads as they change. Only reads.',
  description:
    'Watches the cluster as the operator does and shows in a browser what it shows in conditions: each policy with its rollout, each workload with its state, its findings and how its ' +
    'pods end now and under its policy. It listens on the loopback interface only, needs no rights beyond reading, and works without the operator. ' +
    'Kinds that you may not read are named, and the rest is shown. Ctrl-C ends it.',
  flags: [
    {
      name: 'port',
      type: 'string',
      value: 'PORT',
      default: '8484',
      description: 'The port on 127.0.0.1; 0 takes a free one.',
    },
    ...CLUSTER_FLAGS.filter(({ name }) => name !== 'cluster'),
    ...INPUT_FLAGS.filter(({ name }) => SHARED.has(name)).map((flag) =>
      flag.name === 'namespace' ? { ...flag, description: 'Show the workloads of this namespace only.' } : flag,
    ),
    ...FACT_FLAGS,
  ],
  environment: FACT_VARIABLES,
  exitCodes: [{ code: EXIT_OK, meaning: 'it was ended by Ctrl-C or SIGTERM' }, CANNOT_EXIT],
  examples: [
    { arguments: 'dashboard', text: 'The cluster of the current context, on http://127.0.0.1:8484/.' },
    { arguments: 'dashboard --context staging --port 0', text: 'Another cluster, on a free port.' },
  ],
  async run(invocation) {
    const { runDashboard } = await import('./run.ts');
    return runDashboard(invocation);
  },
};
