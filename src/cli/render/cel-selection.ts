// Which objects a policy means, as CEL, as far as an object, its namespace and its owner tell it.
import {
  EXEMPT_ANNOTATION,
  INJECT_KEY,
  INJECTED_ANNOTATION,
  INJECTION_LABEL,
  INJECTION_TEMPLATES_ANNOTATION,
  REVISION_LABEL,
} from '../../api/names.ts';
import { NOT_ON_HOST_NETWORK, TEMPLATE_HASH_LABELS, type MatchCondition } from '../../drain/admit/index.ts';
import type { Place, Variable } from './cel.ts';

export const NOT_EXEMPT: MatchCondition = {
  name: 'not-exempt',
  expression: `!("${EXEMPT_ANNOTATION}" in object.metadata.?annotations.orValue({}))`,
};

/** Istio has no sidecar for these. */
export const POD_CONDITIONS: readonly MatchCondition[] = [
  NOT_ON_HOST_NETWORK,
  { name: 'not-windows', expression: 'object.spec.?os.?name.orValue("") != "windows"' },
];

/** Labels and annotations of the pod, and the labels of its namespace. */
export function metadataVariables({ metadata }: Place): Variable[] {
  return [
    { name: 'labels', expression: `${metadata}.?labels.orValue({})` },
    { name: 'annotations', expression: `${metadata}.?annotations.orValue({})` },
    { name: 'namespaceLabels', expression: 'namespaceObject.metadata.?labels.orValue({})' },
  ];
}

/**
 * Whether Istio's injector, as it is installed by default, puts a sidecar into the pod: the label of the namespace beats its
 * revision, and pods ask for themselves only where the namespace says nothing.
 */
export function injectedVariable(): Variable {
  const never = [
    `variables.labels[?"${INJECT_KEY}"].orValue(variables.annotations[?"${INJECT_KEY}"].orValue("")) != "false"`,
    `!("${INJECTED_ANNOTATION}" in variables.annotations)`,
    // The injector's templates for gateways and for gRPC make no sidecar.
    `!variables.annotations[?"${INJECTION_TEMPLATES_ANNOTATION}"].orValue("").matches("gateway|grpc")`,
  ];
  const asks = `variables.labels[?"${INJECT_KEY}"].orValue("") == "true" || "${REVISION_LABEL}" in variables.labels`;
  return {
    name: 'injected',
    expression: `${never.join(' && ')} && ("${INJECTION_LABEL}" in variables.namespaceLabels ? variables.namespaceLabels["${INJECTION_LABEL}"] == "enabled" : "${REVISION_LABEL}" in variables.namespaceLabels || ${asks})`,
  };
}

/** Kind and name of the workload that a pod belongs to, `ownerOfPod` as CEL; the kind is empty where the pod does not tell it. */
export function podOwnerVariables(): Variable[] {
  const hashes = TEMPLATE_HASH_LABELS.map(([label]) => `variables.labels[?"${label}"]`);
  const above = TEMPLATE_HASH_LABELS.reduceRight(
    (otherwise, [label, kind]) => `"${label}" in variables.labels ? "${kind}" : ${otherwise}`,
    '""',
  );
  return [
    {
      name: 'owner',
      expression: 'object.metadata.?ownerReferences.orValue([]).filter(o, has(o.controller) && o.controller)',
    },
    { name: 'hash', expression: `"-" + ${hashes.join('.or(')}${')'.repeat(hashes.length - 1)}.orValue("")` },
    {
      name: 'kind',
      expression: `variables.owner.size() == 0 || variables.owner[0].apiVersion != "apps/v1" ? "" : variables.owner[0].kind != "ReplicaSet" ? variables.owner[0].kind : variables.hash == "-" || !variables.owner[0].name.endsWith(variables.hash) ? "" : ${above}`,
    },
    {
      name: 'name',
      expression:
        'variables.kind == "" ? "" : variables.owner[0].kind == "ReplicaSet" ? variables.owner[0].name.substring(0, variables.owner[0].name.size() - variables.hash.size()) : variables.owner[0].name',
    },
  ];
}

/** A label selector that only the API server knows, held against a map of labels. */
export function selectorMatches(selector: string, labels: string): string {
  const isIn = `(e.key in ${labels} && ${labels}[e.key] in e.values)`;
  const one = `e.operator == "In" ? ${isIn} : e.operator == "NotIn" ? !${isIn} : (e.key in ${labels}) == (e.operator == "Exists")`;
  return `(!has(${selector}.matchLabels) || ${selector}.matchLabels.all(k, k in ${labels} && ${labels}[k] == ${selector}.matchLabels[k])) && (!has(${selector}.matchExpressions) || ${selector}.matchExpressions.all(e, ${one}))`;
}
