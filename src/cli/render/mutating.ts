import { PROXY_CONFIG_ANNOTATION } from '../../api/names.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import { longestPromised } from '../../drain/promise/promise.ts';
import { workloadKind } from '../../drain/template/index.ts';
import { NOT_WRITTEN_BY_US } from '../../drain/admit/index.ts';
import { graceVariables, mutationsOf, POD, WORKLOAD, writeVariables, type Terms, type Variable } from './cel.ts';
import { injectedVariable, metadataVariables, podOwnerVariables } from './cel-selection.ts';
import { admittedKinds, groupOf, leftOut, matchConditions, nameOf, namesMatch, whyNotAdmitted } from './rules.ts';
import { yamlText } from './yaml-text.ts';

/**
 * A MutatingAdmissionPolicy for each policy: the part of it that CEL can write, for clusters without the webhook.
 * `delivery: Admission` makes one for pods, every other delivery one for workloads of apps/v1. In pods it comes before every
 * webhook, so Istio's injector sees what it has written (Kubernetes 1.36: mutating policies run before mutating webhooks).
 */
export function mutatingAdmissionPolicies(policies: readonly PolicyRecord[], injected = false): string {
  const documents = policies
    .filter((policy) => whyNotAdmitted(policy) === undefined && (onPods(policy) || admittedKinds(policy).length > 0))
    .flatMap((policy) => [mutatingPolicy(policy, injected), binding(policy)]);
  return `${HEADER}${leftOut(policies)}${documents.map((document) => yamlText(document)).join('---\n')}`;
}

const HEADER = `# Writes what CEL can, as objects are created or changed: the grace period where it is too short, the annotation
# ${PROXY_CONFIG_ANNOTATION} where there is none, and with application Delay a preStop.sleep for containers that serve and
# have no preStop. Nothing is written where the grace period would stay too short. Workloads get it only when their pod
# template changes anyway. Needs Kubernetes 1.36 or newer (admissionregistration.k8s.io/v1 MutatingAdmissionPolicy).
#
# Pods count as injected by the labels istio-injection, istio.io/rev and sidecar.istio.io/inject, as Istio's injector is
# installed by default; --assume injected=true leaves the question out.
#
# What CEL cannot: tell which sidecar a pod will get (on a native one the annotation does nothing) and what the mesh sets for all of
# them (the annotation wins, also where it is shorter), merge into an annotation that is there, know how long a preStop other than
# sleep takes, write a hook, keep to waves, see DrainExemptions or which of two policies governs, and restore anything. Apply the
# ValidatingAdmissionPolicy beside it (-o vap): it says where the result is still too short.
`;

function onPods({ spec }: PolicyRecord): boolean {
  return spec.delivery === 'Admission';
}

/** What restarts no pod by itself must not do so because of us. */
const TEMPLATE_CHANGES = {
  name: 'template-changes',
  expression: "request.operation != 'UPDATE' || object.spec.template != oldObject.spec.template",
};

/** The pods of the kinds and names that a policy means. */
function selectedVariable({ spec: { match } }: PolicyRecord): Variable {
  const names = match.names === undefined ? '' : ` && (${namesMatch(match.names, 'variables.name')})`;
  return { name: 'selected', expression: `variables.kind in ${JSON.stringify(match.kinds)}${names}` };
}

/** What one policy says, in numbers. */
function termsOf({ intent }: PolicyRecord): Terms {
  return {
    endpointDelay: String(Math.ceil(intent.endpointDelay)),
    duration: String(Math.ceil(intent.duration)),
    promised: String(Math.ceil(longestPromised(intent) + intent.margin)),
    graceMaximum: String(intent.graceMaximum),
    raisesGrace: intent.graceChange === 'RaiseOnly',
    writesConfig: intent.strategy !== 'PreStopHook' && intent.environment === 'Annotation',
    isFixed: intent.mode === 'Fixed',
    delaysApplications: intent.application === 'Delay' && intent.endpointDelay > 0,
  };
}

function mutatingPolicy(policy: PolicyRecord, injected: boolean): Record<string, unknown> {
  const pods = onPods(policy);
  const place = pods ? POD : WORKLOAD;
  const { spec } = policy;
  const terms = termsOf(policy);
  const where = [...(injected ? [] : ['variables.injected']), ...(pods ? ['variables.selected'] : [])];
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
      matchConditions: [...matchConditions(policy, place), ...(pods ? [] : [TEMPLATE_CHANGES, NOT_WRITTEN_BY_US])],
      variables: [
        ...metadataVariables(place),
        ...(injected ? [] : [injectedVariable()]),
        ...(pods ? [...podOwnerVariables(), selectedVariable(policy)] : []),
        ...graceVariables(terms, place),
        ...writeVariables(terms, place),
      ],
      mutations: mutationsOf(terms, place, where),
    },
  };
}

function binding(policy: PolicyRecord): Record<string, unknown> {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicyBinding',
    metadata: { name: nameOf(policy) },
    spec: { policyName: nameOf(policy) },
  };
}
