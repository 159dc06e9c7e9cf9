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

export const RENDER_OUTPUTS = ['manifests', 'diff', 'kustomize', 'json-patch', 'argocd', 'flux', 'vap', 'map'] as const;
export type RenderOutput = (typeof RENDER_OUTPUTS)[number];

export const renderCommand: Command = {
  name: 'render',
  summary: "Write the policies' values into manifests, or print patches and GitOps rules for them.",
  description:
    'Changes manifests where they are declared, so that a team keeps the setting in Git: comments, order of keys and everything else stay as they are, ' +
    'and a second run changes nothing. Policies in Audit count as if they enforced.\n' +
    'argocd, flux, vap and map print rules that fit the policies instead: what Argo CD and Flux have to leave alone where the operator writes, ' +
    'a ValidatingAdmissionPolicy for the part of the promise that CEL can check, and a MutatingAdmissionPolicy for the part that CEL can write.',
  positionals: INPUT_POSITIONALS,
  flags: [
    ...INPUT_FLAGS,
    POLICY_FLAG,
    ...CLUSTER_FLAGS,
    {
      name: 'output',
      short: 'o',
      type: 'string',
      value: RENDER_OUTPUTS.join('|'),
      choices: RENDER_OUTPUTS,
      default: 'manifests',
      description: 'What to print.',
    },
    {
      name: 'in-place',
      short: 'i',
      type: 'boolean',
      description: 'Change the files themselves and print nothing but their names.',
    },
    {
      name: 'check',
      type: 'boolean',
      description: 'Exit code 1 where something would be changed: for CI, that rendered files are up to date.',
    },
    ALLOW_EMPTY_FLAG,
    ...FACT_FLAGS,
  ],
  environment: FACT_VARIABLES,
  exitCodes: [
    { code: EXIT_OK, meaning: 'done' },
    {
      code: EXIT_FINDINGS,
      meaning:
        'with --check: something would be changed; else: a workload cannot be rendered (it is named on standard error)',
    },
    CANNOT_EXIT,
  ],
  examples: [
    { arguments: 'render deploy/ -p policy.yaml --in-place', text: 'Into the repository.' },
    { arguments: 'render deploy/ -p policy.yaml -o diff', text: 'What that would change.' },
    { arguments: 'render - -p policy.yaml', text: 'As a filter behind helm template or kustomize build.' },
    {
      arguments: 'render deploy/ -p policy.yaml -o kustomize > components/drain/kustomization.yaml',
      text: 'As a component for overlays.',
    },
    { arguments: 'render -p policy.yaml -o vap', text: 'A ValidatingAdmissionPolicy; needs no manifests.' },
    { arguments: 'render -p policy.yaml -o map', text: 'A MutatingAdmissionPolicy, for Kubernetes 1.36 and newer.' },
  ],
  async run(invocation) {
    const { runRender } = await import('./run.ts');
    return runRender(invocation);
  },
};
