// crds/sidecardrain.io_namespacedsidecardrainpolicies.yaml: the kind for tenants is the cluster's kind without what only a
// platform may say. It is made from that, so that a field can never be in one of them only, or mean something else there.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { root } from './root.ts';
import { propertyOf, type CustomResourceDefinition, type Generator, type StructuralSchema } from './types.ts';

const SOURCE = 'crds/sidecardrain.io_sidecardrainpolicies.yaml';
export const NAMESPACED_POLICY_FILE = 'sidecardrain.io_namespacedsidecardrainpolicies.yaml';

/** Paths below `spec` that a namespaced policy does not have. Rules that speak of them go with them. */
export const CLUSTER_ONLY = ['match.namespaceSelector', 'tenants', 'bounds', 'exemptions'];

/** The text of the namespaced kind's definition, as it follows from the cluster's. */
export async function namespacedPolicyCrd(): Promise<string> {
  const crd = parse(await readFile(join(root, SOURCE), 'utf8')) as CustomResourceDefinition;
  crd.metadata.name = 'namespacedsidecardrainpolicies.sidecardrain.io';
  crd.spec.scope = 'Namespaced';
  Object.assign(crd.spec.names, {
    kind: 'NamespacedSidecarDrainPolicy',
    listKind: 'NamespacedSidecarDrainPolicyList',
    plural: 'namespacedsidecardrainpolicies',
    singular: 'namespacedsidecardrainpolicy',
    shortNames: ['nsdp'],
  });
  for (const version of crd.spec.versions) {
    editSchema(version.schema.openAPIV3Schema);
  }
  return `# Generated from ${SOURCE} by npm run generate. Do not edit.\n${stringify(crd, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

function editSchema(schema: StructuralSchema): void {
  const spec = propertyOf(schema, 'spec');
  schema.description =
    'NamespacedSidecarDrainPolicy is a SidecarDrainPolicy for the owners of one namespace: it selects workloads of its own namespace ' +
    "and no others. Where the cluster's policy that would govern a workload says tenants: Allow, and within its bounds, " +
    'it governs instead of that one.';
  propertyOf(schema, 'kind').description = 'NamespacedSidecarDrainPolicy';
  for (const path of CLUSTER_ONLY) {
    remove(spec, path.split('.'));
  }
  const match = propertyOf(spec, 'match');
  match.description =
    'Which workloads of this namespace the policy is for. All that is given must hold; without it, every one. Never touched, whatever this says: ' +
    'workloads that another controller owns, and workloads with the annotation sidecardrain.io/exempt or a DrainExemption.';
  match.default = {};
  spec.required = spec.required?.filter((field) => field !== 'match');
  propertyOf(match, 'workloadSelector').description =
    "Labels of the workload's pod template (spec.template.metadata.labels, not those of the Deployment itself). " +
    'Without it, or with {}, every workload of the namespace.';
  propertyOf(spec, 'priority').description =
    'Where several Enforce policies of this namespace select one workload, the highest priority governs it, alone; the others report Overridden. ' +
    'With equal priority, a policy with names beats one with workloadSelector, which beats one with neither; then the name decides. ' +
    'From -1000 to 1000, default 0.';
}

function remove(node: StructuralSchema, [key = '', ...rest]: readonly string[], path = [key]): void {
  const owner = node.properties;
  const field = owner?.[key];
  if (owner === undefined || field === undefined) {
    throw new Error(`${SOURCE} has no field ${path.join('.')} below spec`);
  }
  if (rest.length > 0) {
    remove(field, rest, [...path, ...rest]);
    return;
  }
  Reflect.deleteProperty(owner, key);
  if (node.required !== undefined) {
    node.required = node.required.filter((field) => field !== key);
    if (node.required.length === 0) {
      Reflect.deleteProperty(node, 'required');
    }
  }
  const mentions = new RegExp(`\\bself\\.${key}\\b`);
  const rules = node['x-kubernetes-validations'];
  if (rules !== undefined) {
    const left = rules.filter(({ rule }) => !mentions.test(rule));
    if (left.length > 0) {
      node['x-kubernetes-validations'] = left;
    } else {
      Reflect.deleteProperty(node, 'x-kubernetes-validations');
    }
  }
}

export const namespacedPolicy: Generator = {
  name: 'namespaced-policy',
  async outputs() {
    return new Map([[`crds/${NAMESPACED_POLICY_FILE}`, await namespacedPolicyCrd()]]);
  },
};
