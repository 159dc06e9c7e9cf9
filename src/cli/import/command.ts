import { EXIT_FINDINGS, EXIT_OK, type Command } from '../command.ts';
import {
  CANNOT_EXIT,
  CLUSTER_FLAGS,
  FACT_FLAGS,
  FACT_VARIABLES,
  INPUT_FLAGS,
  INPUT_POSITIONALS,
  TEXT_OR_JSON_FLAG,
} from '../facts/flags.ts';

export const IMPORT_SOURCES = ['kyverno', 'mesh'] as const;
export type ImportSource = (typeof IMPORT_SOURCES)[number];

export const importCommand: Command = {
  name: 'import',
  summary: 'Make policies from rules and mesh settings that do the same today. Writes nothing.',
  description:
    'Reads what sets grace periods and drains today and prints policies that mean the same, in Audit, with a list of what could not be carried over and why. ' +
    'kyverno: mutate rules of ClusterPolicy and Policy (kyverno.io), MutatingPolicy (policies.kyverno.io) and MutatingAdmissionPolicy. ' +
    'mesh: meshConfig.defaultConfig, ProxyConfig resources and hooks of the injector, wherever the other commands find them: ConfigMaps, Helm values, HelmRelease, Application, IstioOperator, ' +
    "Sail's Istio. Every policy is played on a plain workload, and where it gives another value than its source, the list says so.",
  positionals: [
    { name: 'SOURCE', required: true, description: 'What is read.', choices: IMPORT_SOURCES },
    ...INPUT_POSITIONALS,
  ],
  flags: [...INPUT_FLAGS, ...CLUSTER_FLAGS, TEXT_OR_JSON_FLAG, ...FACT_FLAGS],
  environment: FACT_VARIABLES,
  exitCodes: [
    { code: EXIT_OK, meaning: 'everything was carried over; where a policy does it in another way, the list says so' },
    { code: EXIT_FINDINGS, meaning: 'something of the source is not in the policies (see the list)' },
    { ...CANNOT_EXIT, meaning: `${CANNOT_EXIT.meaning}, or nothing of it is about terminations` },
  ],
  examples: [
    { arguments: 'import kyverno policies/', text: 'From the rules of a repository.' },
    { arguments: 'import kyverno - > drain.yaml', text: 'From what kubectl get clusterpolicies -o yaml prints.' },
    { arguments: 'import mesh istio/', text: 'From what the mesh sets for every proxy.' },
    { arguments: 'import mesh --cluster', text: 'The same of a running mesh; only reads.' },
  ],
  async run(invocation) {
    const { runImport } = await import('./run.ts');
    return runImport(invocation);
  },
};
