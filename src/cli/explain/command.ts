import { EXIT_OK, type Command } from '../command.ts';
import { CANNOT_EXIT, CLUSTER_FLAGS, FACT_FLAGS, FACT_VARIABLES, INPUT_FLAGS, POLICY_FLAG } from '../facts/flags.ts';

export const EXPLAIN_OUTPUTS = ['text', 'json', 'svg', 'html'] as const;
export type ExplainOutput = (typeof EXPLAIN_OUTPUTS)[number];

export const explainCommand: Command = {
  name: 'explain',
  summary: 'Draw how a pod of one workload ends, and say where each number comes from.',
  description:
    'Plays the termination of one pod, with a request in flight, from its template alone: what the kubelet, the application and the proxy do and when, ' +
    'until when requests and outbound calls work, and what is cut. Where a policy is for the workload, also how it would be with that policy. ' +
    'Then every setting that counts, with its value and its origin, and the findings.',
  positionals: [
    {
      name: 'KIND/NAME',
      description:
        'Which workload, for example deployment/checkout. May be left out where the input has one workload only.',
    },
  ],
  flags: [
    ...INPUT_FLAGS,
    ...CLUSTER_FLAGS,
    { ...POLICY_FLAG, description: 'Policies to try, in addition to the other input.' },
    {
      name: 'output',
      short: 'o',
      type: 'string',
      value: EXPLAIN_OUTPUTS.join('|'),
      choices: EXPLAIN_OUTPUTS,
      default: 'text',
      description: 'The format.',
    },
    { name: 'output-file', type: 'string', value: 'FILE', description: 'Write the output there.' },
    {
      name: 'application',
      type: 'string',
      value: 'close|keep|exit',
      choices: ['close', 'keep', 'exit'],
      default: 'close',
      description:
        'What the application does at SIGTERM: close its listener and finish what is in flight; keep listening until nothing is; exit at once.',
    },
    {
      name: 'runs-on',
      type: 'string',
      value: 'DURATION',
      default: '0s',
      description: 'How long the application works on after SIGTERM, whatever is in flight.',
    },
    { name: 'idle-client', type: 'boolean', description: 'A client keeps an idle plaintext HTTP/1.1 connection open.' },
    {
      name: 'grace-period',
      type: 'string',
      value: 'SECONDS',
      description:
        'The grace period of the delete call, as in kubectl delete --grace-period; it replaces the one of the template.',
    },
    {
      name: 'theme',
      type: 'string',
      value: 'auto|light|dark',
      choices: ['auto', 'light', 'dark'],
      default: 'auto',
      description: "In svg and html: auto follows the reader's system.",
    },
    {
      name: 'width',
      type: 'string',
      value: 'COLUMNS',
      description: 'In text: how wide the drawing is, 60 to 200; otherwise the width of the terminal, else 100.',
    },
    { name: 'ascii', type: 'boolean', description: 'In text: draw with ASCII characters only.' },
    ...FACT_FLAGS,
  ],
  environment: [
    ...FACT_VARIABLES,
    {
      name: 'LC_ALL, LC_CTYPE, LANG',
      description: 'Where they name another encoding than UTF-8, text is drawn with ASCII characters.',
    },
  ],
  exitCodes: [{ code: EXIT_OK, meaning: 'it was explained, whatever the verdict is' }, CANNOT_EXIT],
  examples: [
    { arguments: 'explain deployment/checkout -f deploy/', text: 'From manifests, with nothing installed.' },
    { arguments: 'explain deployment/checkout -f deploy/ --policy policy.yaml', text: 'Before and after a policy.' },
    {
      arguments: 'explain deployment/checkout -n shop --cluster',
      text: 'With everything as it is in the cluster; only reads.',
    },
    {
      arguments: 'explain deployment/checkout -f deploy/ --longest-request 45s --native-sidecars false',
      text: 'With requests of 45 s and a classic sidecar.',
    },
    {
      arguments: 'explain deployment/checkout -f deploy/ -o svg --output-file termination.svg',
      text: 'The picture, for light and dark.',
    },
  ],
  async run(invocation) {
    const { runExplain } = await import('./run.ts');
    return runExplain(invocation);
  },
};
