// Prints, as JSON, the admission policies that read SidecarDrainPolicies, with marks where config/ and the chart differ.
import { clusterAdmissionPolicies, POLICY_SELECTOR } from '../../src/cli/render/cluster-policies.ts';
import { yamlText } from '../../src/cli/render/yaml-text.ts';
import { SYSTEM_NAMESPACES } from '../../src/api/names.ts';

const { mutating, validating, hooks } = clusterAdmissionPolicies({
  prefix: '__NAME__',
  excluded: '__EXCLUDED__',
  policySelector: '__SELECTOR__',
  validationActions: '__ACTIONS__',
});

process.stdout.write(
  JSON.stringify({
    mutating: mutating.map(yamlText).join('---\n'),
    validating: validating.map(yamlText).join('---\n'),
    hooks: hooks.map(yamlText).join('---\n'),
    systemNamespaces: SYSTEM_NAMESPACES,
    policySelector: POLICY_SELECTOR,
  }),
);
