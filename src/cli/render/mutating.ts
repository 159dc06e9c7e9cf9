import { DEFAULT_GRACE_PERIOD_SECONDS } from '../../api/kubernetes.ts';
import {
  EXIT_ON_ZERO_VARIABLE,
  MINIMUM_DRAIN_VARIABLE,
  PROXY_CONFIG_ANNOTATION,
  PROXY_CONTAINER,
} from '../../api/names.ts';
import { NETWORK_PROBES, PROBES } from '../../drain/model/serving.ts';
import { LEAST_MINIMUM_DRAIN_SECONDS } from '../../drain/promise/compile.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import { longestPromised } from '../../drain/promise/promise.ts';
import { workloadKind } from '../../drain/template/index.ts';
import { admittedKinds, groupOf, matchConditions, nameOf } from './rules.ts';
import { yamlText } from './yaml-text.ts';

/**
 * A MutatingAdmissionPolicy for each policy: the part of it that CEL can write, for clusters without the webhook.
 * `delivery: Admission` makes one for pods, every other delivery one for workloads of apps/v1. In pods it comes before every
 * webhook, so Istio's injector sees what it has written (Kubernetes 1.36: mutating policies run before mutating webhooks).
 */
export function mutatingAdmissionPolicies(policies: readonly PolicyRecord[]): string {
  const documents = policies
    .filter((policy) => onPods(policy) || admittedKinds(policy).length > 0)
    .flatMap((policy) => [mutatingPolicy(policy), binding(policy)]);
  return `${HEADER}${documents.map((document) => yamlText(document)).join('---\n')}`;
}

const HEADER = `# Writes what CEL can, as objects are created or changed: the grace period where it is too short, the annotation
# ${PROXY_CONFIG_ANNOTATION} where there is none, and with application Delay a preStop.sleep for containers that serve and
# have no preStop. Needs Kubernetes 1.36 or newer (admissionregistration.k8s.io/v1 MutatingAdmissionPolicy).
#
# What CEL cannot: tell which sidecar a pod will get (on a native one the annotation does nothing), merge into an annotation
# that is there, know how long a preStop other than sleep takes, write a hook, keep to waves, and restore anything. Apply
# the ValidatingAdmissionPolicy beside it (-o vap): it says where the result is still too short.
`;

function onPods({ spec }: PolicyRecord): boolean {
  return spec.delivery === 'Admission';
}

/** Where the pod's parts stand in the object, and the CEL types of the way there. */
interface Place {
  readonly spec: string;
  readonly metadata: string;
  readonly wrap: (metadata: string, spec: string) => string;
  readonly specType: string;
  readonly metadataType: string;
}

const POD: Place = {
  spec: 'object.spec',
  metadata: 'object.?metadata',
  wrap: (metadata, spec) => `Object{${[metadata, spec].filter((part) => part !== '').join(', ')}}`,
  specType: 'Object.spec',
  metadataType: 'Object.metadata',
};

const WORKLOAD: Place = {
  spec: 'object.spec.template.spec',
  metadata: 'object.spec.template.?metadata',
  wrap: (metadata, spec) =>
    `Object{spec: Object.spec{template: Object.spec.template{${[metadata, spec].filter((part) => part !== '').join(', ')}}}}`,
  specType: 'Object.spec.template.spec',
  metadataType: 'Object.spec.template.metadata',
};

function mutatingPolicy(policy: PolicyRecord): Record<string, unknown> {
  const pods = onPods(policy);
  const place = pods ? POD : WORKLOAD;
  const { intent, spec } = policy;
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicy',
    metadata: { name: nameOf(policy) },
    spec: {
      // A policy about shutdown must never keep a workload from starting because it cannot be evaluated.
      failurePolicy: 'Ignore',
      reinvocationPolicy: 'Never',
      matchConstraints: {
        namespaceSelector: spec.match.namespaceSelector,
        resourceRules: [
          pods
            ? { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }
            : {
                apiGroups: [...new Set(admittedKinds(policy).map(groupOf))],
                apiVersions: ['v1'],
                operations: ['CREATE', 'UPDATE'],
                resources: admittedKinds(policy).map((kind) => workloadKind(kind)?.plural ?? ''),
              },
        ],
      },
      matchConditions: matchConditions(policy, `${place.metadata}.?labels.orValue({})`, !pods),
      variables: [
        {
          name: 'grace',
          expression: `${place.spec}.?terminationGracePeriodSeconds.orValue(${DEFAULT_GRACE_PERIOD_SECONDS})`,
        },
        {
          name: 'delay',
          expression: `([${Math.ceil(intent.endpointDelay)}] + ${place.spec}.containers.filter(c, c.name != "${PROXY_CONTAINER}" && has(c.lifecycle) && has(c.lifecycle.preStop) && has(c.lifecycle.preStop.sleep)).map(c, c.lifecycle.preStop.sleep.seconds)).max()`,
        },
        { name: 'needed', expression: `variables.delay + ${Math.ceil(longestPromised(intent) + intent.margin)}` },
        ...(intent.application === 'Delay'
          ? [
              { name: 'apps', expression: `${place.spec}.containers.filter(c, c.name != "${PROXY_CONTAINER}")` },
              { name: 'serving', expression: `variables.apps.filter(c, ${SERVES})` },
              {
                name: 'late',
                expression:
                  '(variables.serving.size() > 0 ? variables.serving : variables.apps).filter(c, !(has(c.lifecycle) && has(c.lifecycle.preStop)))',
              },
            ]
          : []),
      ],
      mutations: mutationsOf(policy, place).map((expression) => ({
        patchType: 'ApplyConfiguration',
        applyConfiguration: { expression },
      })),
    },
  };
}

/** `declaresServing` as CEL. */
const SERVES = [
  '(has(c.ports) && c.ports.size() > 0)',
  ...PROBES.flatMap((probe) => NETWORK_PROBES.map((way) => `(has(c.${probe}) && has(c.${probe}.${way}))`)),
].join(' || ');

function mutationsOf({ intent }: PolicyRecord, place: Place): string[] {
  const { specType: spec, metadataType: metadata } = place;
  const grace =
    intent.graceChange === 'RaiseOnly' && intent.graceMaximum !== Infinity
      ? `variables.grace < variables.needed && variables.needed <= ${intent.graceMaximum} ? ${place.wrap('', `spec: ${spec}{terminationGracePeriodSeconds: variables.needed}`)} : Object{}`
      : undefined;
  const annotation = annotationText(intent);
  const config =
    annotation === undefined
      ? undefined
      : `"${PROXY_CONFIG_ANNOTATION}" in ${place.metadata}.?annotations.orValue({}) ? Object{} : ${place.wrap(`metadata: ${metadata}{annotations: {"${PROXY_CONFIG_ANNOTATION}": ${annotation}}}`, '')}`;
  const container = `${spec}.containers`;
  const sleep =
    intent.application === 'Delay'
      ? `variables.late.size() == 0 ? Object{} : ${place.wrap('', `spec: ${spec}{containers: variables.late.map(c, ${container}{name: c.name, lifecycle: ${container}.lifecycle{preStop: ${container}.lifecycle.preStop{sleep: ${container}.lifecycle.preStop.sleep{seconds: ${Math.max(1, Math.ceil(intent.endpointDelay))}}}}})}`)}`
      : undefined;
  return [grace, config, sleep].filter((expression) => expression !== undefined);
}

/** The text of the annotation as CEL; undefined where the strategy is a hook, which CEL does not write. */
function annotationText(intent: PolicyRecord['intent']): string | undefined {
  if (intent.strategy === 'PreStopHook') {
    return undefined;
  }
  if (intent.mode === 'Fixed') {
    return `"terminationDrainDuration: " + string(variables.delay + ${Math.ceil(intent.duration)}) + "s\\n"`;
  }
  const floor = `[${LEAST_MINIMUM_DRAIN_SECONDS}, variables.delay + ${Math.ceil(intent.duration)}].max()`;
  return `"proxyMetadata:\\n  ${EXIT_ON_ZERO_VARIABLE}: \\"true\\"\\n  ${MINIMUM_DRAIN_VARIABLE}: " + string(${floor}) + "s\\n"`;
}

function binding(policy: PolicyRecord): Record<string, unknown> {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicyBinding',
    metadata: { name: nameOf(policy) },
    spec: { policyName: nameOf(policy) },
  };
}
