// The admission policies of config/admission-policies and of the chart: they read a SidecarDrainPolicy with each request, so the
// settings stand in one place only.
import { ADMISSION_POLICY_LABEL, GROUP, NAMESPACE_NAME_LABEL, VERSION } from '../../api/names.ts';
import { POLICY_KIND } from '../../api/policy.ts';
import { allOf, graceVariables, mutationsOf, POD, writeVariables, type Terms, type Variable } from './cel.ts';
import {
  injectedVariable,
  metadataVariables,
  NOT_EXEMPT,
  podOwnerVariables,
  POD_CONDITIONS,
  selectorMatches,
} from './cel-selection.ts';
import { secondHandlerPolicy } from './second-handler.ts';

const SPEC = 'params.spec';
const MATCH = `${SPEC}.match`;
const DRAIN = `${SPEC}.drain`;

function secondsOf(field: string): string {
  return `duration(${field}).getSeconds()`;
}

/** What the policy in the parameter says. Its durations are whole seconds (crds/), and those without a default may be absent. */
const TERMS: Terms = {
  endpointDelay: 'variables.endpointDelay',
  duration: 'variables.duration',
  promised: 'variables.promised',
  graceMaximum: secondsOf(`${SPEC}.gracePeriod.maximum`),
  raisesGrace: `${SPEC}.gracePeriod.change == "RaiseOnly"`,
  writesConfig: `!(has(${DRAIN}.strategy) && ${DRAIN}.strategy == "PreStopHook") && ${DRAIN}.environment == "Annotation"`,
  isFixed: `${DRAIN}.mode == "Fixed"`,
  delaysApplications: `${DRAIN}.application == "Delay" && variables.endpointDelay > 0`,
};

const NUMBERS: readonly Variable[] = [
  { name: 'endpointDelay', expression: secondsOf(`${DRAIN}.endpointDelay`) },
  { name: 'duration', expression: `has(${DRAIN}.duration) ? ${secondsOf(`${DRAIN}.duration`)} : 0` },
  {
    name: 'promised',
    expression: `(has(${DRAIN}.maxWait) ? ${secondsOf(`${DRAIN}.maxWait`)} : variables.duration) + ${secondsOf(`${SPEC}.gracePeriod.margin`)}`,
  },
];

const NAME = '"^" + p.replace(".", "[.]").replace("*", ".*").replace("?", ".") + "$"';

/** Whether the policy in the parameter means this pod, and may be carried out now. */
const SELECTED: Variable = {
  name: 'selected',
  expression: allOf([
    // Which revision a pod gets is for the injectors to say, and a gateway is not told from a sidecar.
    `!has(${MATCH}.revisions) && "Sidecar" in ${MATCH}.proxies`,
    `variables.kind in ${MATCH}.kinds`,
    selectorMatches(`${MATCH}.namespaceSelector`, 'variables.namespaceLabels'),
    `(!has(${MATCH}.workloadSelector) || ${selectorMatches(`${MATCH}.workloadSelector`, 'variables.labels')})`,
    `(!has(${MATCH}.names) || ${MATCH}.names.all(p, p.matches("^[-a-z0-9.*?]+$")) && ${MATCH}.names.exists(p, variables.name.matches(${NAME})))`,
  ]),
};

const SELECTION: readonly Variable[] = [
  ...metadataVariables(POD),
  injectedVariable(),
  ...podOwnerVariables(),
  SELECTED,
];

/** Before anything is computed: the policy enforces, and is there to stay. */
const CARRIED_OUT = {
  name: 'carried-out',
  expression: allOf([
    `${SPEC}.enforcement == "Enforce"`,
    `!${SPEC}.?suspend.orValue(false)`,
    '!has(params.metadata.deletionTimestamp)',
    // Somebody has to see the plan first. Pods alone need no approval, of the webhook neither.
    `(${SPEC}.delivery == "Admission" || ${SPEC}.?rollout.?approval.orValue("None") != "Required")`,
  ]),
};

const WHERE = ['variables.injected', 'variables.selected'];

/** A text where the generator has a mark to fill in. */
export interface ClusterPolicyOptions {
  /** What the names of the objects begin with. */
  readonly prefix: string;
  /** Namespaces that no policy touches. */
  readonly excluded: readonly string[] | string;
  /** What the binding does with what stays too short: a list of Warn, Audit, Deny. */
  readonly validationActions: readonly string[] | string;
  /** Label selector of the SidecarDrainPolicies that are carried out. */
  readonly policySelector: object | string;
}

export const POLICY_SELECTOR = { matchLabels: { [ADMISSION_POLICY_LABEL.key]: ADMISSION_POLICY_LABEL.value } };

/**
 * The policy that writes, the one that tells what is still too short, the one that takes our hooks out from beside their owners', and a
 * binding of each.
 */
export function clusterAdmissionPolicies(options: ClusterPolicyOptions): {
  readonly mutating: readonly object[];
  readonly validating: readonly object[];
  readonly hooks: readonly object[];
} {
  const { prefix, excluded, validationActions, policySelector } = options;
  const name = `${prefix}-pods`;
  const common = {
    paramKind: { apiVersion: `${GROUP}/${VERSION}`, kind: POLICY_KIND },
    // A policy about shutdown must never keep a pod from starting because it cannot be evaluated.
    failurePolicy: 'Ignore',
    matchConstraints: {
      namespaceSelector: { matchExpressions: [{ key: NAMESPACE_NAME_LABEL, operator: 'NotIn', values: excluded }] },
      resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
    },
    matchConditions: [NOT_EXEMPT, ...POD_CONDITIONS, CARRIED_OUT],
  };
  const object = (kind: string, spec: object): object => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name },
    spec,
  });
  const binding = (kind: string, more: object = {}): object =>
    object(kind, {
      policyName: name,
      paramRef: { selector: policySelector, parameterNotFoundAction: 'Allow' },
      ...more,
    });
  const variables = [...SELECTION, ...NUMBERS, ...graceVariables(TERMS, POD)];
  return {
    mutating: [
      object('MutatingAdmissionPolicy', {
        ...common,
        reinvocationPolicy: 'Never',
        variables: [...variables, ...writeVariables(TERMS, POD)],
        mutations: mutationsOf(TERMS, POD, WHERE),
      }),
      binding('MutatingAdmissionPolicyBinding'),
    ],
    validating: [
      object('ValidatingAdmissionPolicy', {
        ...common,
        variables,
        validations: [
          {
            expression: `!(${allOf(WHERE)}) || variables.grace >= variables.needed`,
            messageExpression:
              '"terminationGracePeriodSeconds is " + string(variables.grace) + ", policy " + params.metadata.name + " needs at least " + string(variables.needed)',
            reason: 'Invalid',
          },
        ],
      }),
      binding('ValidatingAdmissionPolicyBinding', { validationActions }),
    ],
    hooks: secondHandlerPolicy(`${prefix}-hooks`),
  };
}
