import { ANNOTATION_OF } from '../../drain/model/managed.ts';
import {
  DEFAULT_ROOT_NAMESPACE,
  FIELD_MANAGER,
  PROXY_CONTAINER,
  STATE_ANNOTATION,
  SYSTEM_NAMESPACES,
} from '../../api/names.ts';
import { DEFAULT_GRACE_PERIOD_SECONDS } from '../../api/kubernetes.ts';
import type { PolicySelector } from '../../api/policy.ts';
import { objectKind } from '../../drain/model/workload.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import { longestPromised } from '../../drain/promise/promise.ts';
import type { MatchCondition } from '../../drain/admit/index.ts';
import { WORKLOAD_KINDS, workloadKind } from '../../drain/template/index.ts';
import { POD, WORKLOAD, type Place } from './cel.ts';
import { injectedVariable, metadataVariables, NOT_EXEMPT, POD_CONDITIONS } from './cel-selection.ts';
import { yamlText } from './yaml-text.ts';

/** The kinds that policies like these write to. */
function kindsOf(policies: readonly PolicyRecord[]): string[] {
  const kinds = new Set(policies.flatMap((policy) => policy.spec.match.kinds));
  return WORKLOAD_KINDS.filter((adapter) => kinds.has(adapter.kind) && adapter.reportedOnly !== true).map(
    (adapter) => adapter.kind,
  );
}

/** Those of apps/v1: the rules of an admission policy speak of spec.template and of its schema. */
export function admittedKinds(policy: PolicyRecord): string[] {
  return kindsOf([policy]).filter((kind) => workloadKind(kind, 'apps/v1') !== undefined);
}

export function groupOf(kind: string): string {
  return workloadKind(kind)?.apiVersion.split('/')[0] ?? '';
}

/** What goes into an Argo CD Application: what the operator holds is neither drift nor synced away. */
export function argoCd(policies: readonly PolicyRecord[]): string {
  const spec = {
    ignoreDifferences: kindsOf(policies).map((kind) => ({
      group: groupOf(kind),
      kind: objectKind(kind),
      managedFieldsManagers: [FIELD_MANAGER],
    })),
    syncPolicy: { syncOptions: ['RespectIgnoreDifferences=true', 'ServerSideApply=true'] },
  };
  return `# Merge into the spec of the Application (or of the template of an ApplicationSet). It leaves alone the fields that
# ${FIELD_MANAGER} holds, and nothing else. A field that is in Git is Git's: change it there (sidecar-drain render).
${yamlText({ spec })}`;
}

/** What goes into a Flux HelmRelease; a Kustomization needs nothing for fields that are not in Git. */
export function flux(policies: readonly PolicyRecord[]): string {
  const rules = kindsOf(policies).map((kind) => ({
    paths: fieldPointers(policies, templatePointer(kind)),
    target: objectKind(kind) === kind ? { kind } : { group: groupOf(kind), kind: objectKind(kind) },
  }));
  return `# Merge into the spec of each HelmRelease with drift detection. A Flux Kustomization applies on the server side and
# leaves alone what is not in Git, so it needs no rule; its spec.ignore (kustomize-controller 1.10) must not get
# .../spec/containers, which would keep new images from being applied. A field that is in Git is Git's: change it
# there (sidecar-drain render).
${yamlText({ spec: { driftDetection: { mode: 'enabled', ignore: rules } } })}`;
}

function templatePointer(kind: string): string {
  return `/${workloadKind(kind)?.templatePath.join('/') ?? 'spec/template'}`;
}

/** JSON pointers of everything that a policy like these may write, and of the operator's own note on the workload. */
function fieldPointers(policies: readonly PolicyRecord[], template: string): string[] {
  const annotation = (name: string): string => `${template}/metadata/annotations/${name.replaceAll('/', '~1')}`;
  const hooks = policies.some((policy) => policy.intent.strategy === 'PreStopHook');
  return [
    `${template}/spec/terminationGracePeriodSeconds`,
    annotation(ANNOTATION_OF.proxyConfig),
    ...(hooks ? [annotation(ANNOTATION_OF.statsSuffixes), `${template}/spec/containers`] : []),
    ...(policies.some((policy) => policy.intent.form === 'Native') ? [annotation(ANNOTATION_OF.nativeSidecar)] : []),
    ...(policies.some((policy) => policy.intent.environment === 'ProxyConfig')
      ? [annotation(ANNOTATION_OF.proxyConfigMark)]
      : []),
    `/metadata/annotations/${STATE_ANNOTATION.replace('/', '~1')}`,
  ];
}

/**
 * A ValidatingAdmissionPolicy for each policy. CEL has no YAML parser and cannot know which sidecar a pod will get, so it
 * checks the lower bound that holds for all of them: the grace period covers what was promised.
 */
export function validatingAdmissionPolicies(policies: readonly PolicyRecord[], injected = false): string {
  const documents = policies
    .filter((policy) => whyNotAdmitted(policy) === undefined && admittedKinds(policy).length > 0)
    .flatMap((policy) => [admissionPolicy(policy, injected), binding(policy)]);
  return `# Checks what CEL can: the least grace period that the promise needs, whatever the sidecar, for kinds of apps/v1. Needs Kubernetes 1.30 or newer.
# The binding warns; set validationActions to [Deny] where the values are kept in Git and nothing else may come in.
${leftOut(policies)}${documents.map((document) => yamlText(document)).join('---\n')}`;
}

/** What of a policy the API server cannot tell from an object, so that it would reach others, too. */
export function whyNotAdmitted({ spec: { match } }: PolicyRecord): string | undefined {
  if (match.revisions !== undefined) {
    return 'match.revisions: which revision a pod gets is for the injectors to say';
  }
  return match.proxies.includes('Sidecar') ? undefined : 'match.proxies: gateways cannot be told from sidecars';
}

/** Comments that name the policies for which nothing is made. */
export function leftOut(policies: readonly PolicyRecord[]): string {
  return policies
    .map((policy) => ({ name: policy.name, why: whyNotAdmitted(policy) }))
    .filter(({ why }) => why !== undefined)
    .map(({ name, why }) => `# Left out: policy ${name} (${why}).\n`)
    .join('');
}

export function nameOf(policy: PolicyRecord): string {
  // A namespace has no dot: no two policies get the same name.
  return (
    policy.namespace === undefined ? `sidecar-drain-${policy.name}` : `sidecar-drain.${policy.name.replace('/', '.')}`
  ).slice(0, 253);
}

function admissionPolicy(policy: PolicyRecord, injected: boolean): Record<string, unknown> {
  const { intent, spec } = policy;
  const promised = longestPromised(intent) + intent.margin;
  const least = Math.ceil(intent.endpointDelay + promised);
  const unless = injected ? '' : '!variables.injected || ';
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: nameOf(policy) },
    spec: {
      // A policy about shutdown must never keep a workload from starting because it cannot be evaluated.
      failurePolicy: 'Ignore',
      matchConstraints: {
        namespaceSelector: spec.match.namespaceSelector,
        resourceRules: [
          {
            apiGroups: [...new Set(admittedKinds(policy).map(groupOf))],
            apiVersions: ['v1'],
            operations: ['CREATE', 'UPDATE'],
            resources: admittedKinds(policy).map((kind) => workloadKind(kind)?.plural ?? ''),
          },
        ],
      },
      matchConditions: matchConditions(policy, WORKLOAD),
      variables: [
        ...(injected ? [] : [...metadataVariables(WORKLOAD), injectedVariable()]),
        {
          name: 'grace',
          expression: `object.spec.template.spec.?terminationGracePeriodSeconds.orValue(${DEFAULT_GRACE_PERIOD_SECONDS})`,
        },
        {
          name: 'sleeps',
          expression:
            'object.spec.template.spec.containers.filter(c, has(c.lifecycle) && has(c.lifecycle.preStop) && has(c.lifecycle.preStop.sleep))' +
            `.filter(c, c.name != "${PROXY_CONTAINER}").map(c, c.lifecycle.preStop.sleep.seconds)`,
        },
      ],
      validations: [
        {
          expression: `${unless}variables.grace >= ${least}`,
          messageExpression: `"terminationGracePeriodSeconds is " + string(variables.grace) + ", policy ${policy.name} needs at least ${least}"`,
          reason: 'Invalid',
        },
        {
          expression: `${unless}variables.sleeps.all(s, s + ${Math.ceil(promised)} <= variables.grace)`,
          messageExpression: `"a preStop sleep and ${Math.ceil(promised)} seconds for requests in flight do not fit into terminationGracePeriodSeconds " + string(variables.grace) + " (policy ${policy.name})"`,
          reason: 'Invalid',
        },
      ],
    },
  };
}

/** Whose workloads or pods a policy means; of pods, kind and name are told by variables. */
export function matchConditions({ spec: { match } }: PolicyRecord, place: Place): MatchCondition[] {
  const ofPods = place === POD;
  const labels = `${place.metadata}.?labels.orValue({})`;
  return [
    NOT_EXEMPT,
    {
      name: 'not-system',
      expression: `!(object.metadata.namespace in ${JSON.stringify([...SYSTEM_NAMESPACES, DEFAULT_ROOT_NAMESPACE])})`,
    },
    ...(ofPods
      ? POD_CONDITIONS
      : [
          {
            name: 'no-controller',
            expression: '!object.metadata.?ownerReferences.orValue([]).exists(o, has(o.controller) && o.controller)',
          },
        ]),
    ...(match.names === undefined || ofPods
      ? []
      : [{ name: 'names', expression: namesMatch(match.names, 'object.metadata.name') }]),
    ...labelConditions(match.workloadSelector, labels),
  ];
}

/** @param name the name of the workload, as CEL */
export function namesMatch(patterns: readonly string[], name: string): string {
  return patterns.map((pattern) => `${name}.matches(${JSON.stringify(patternRegex(pattern))})`).join(' || ');
}

/** `*` and `?` are the only wildcards of match.names. */
function patternRegex(pattern: string): string {
  const parts = [...pattern].map((character) =>
    character === '*' ? '.*' : character === '?' ? '.' : character.replace(/[.\\+^$()[\]{}|]/g, '\\$&'),
  );
  return `^${parts.join('')}$`;
}

function labelConditions(selector: PolicySelector | undefined, labels: string): MatchCondition[] {
  const value = (key: string): string => `${labels}[?${JSON.stringify(key)}]`;
  const conditions = [
    ...Object.entries(selector?.matchLabels ?? {}).map(
      ([key, wanted]) => `${value(key)} == optional.of(${JSON.stringify(wanted)})`,
    ),
    ...(selector?.matchExpressions ?? []).map(({ key, operator, values }) => {
      const list = JSON.stringify(values ?? []);
      switch (operator) {
        case 'In':
          return `${value(key)}.hasValue() && ${value(key)}.value() in ${list}`;
        case 'NotIn':
          return `!(${value(key)}.hasValue() && ${value(key)}.value() in ${list})`;
        case 'Exists':
          return `${value(key)}.hasValue()`;
        case 'DoesNotExist':
          return `!${value(key)}.hasValue()`;
      }
    }),
  ];
  return conditions.map((expression, index) => ({ name: `workload-${index + 1}`, expression }));
}

function binding(policy: PolicyRecord): Record<string, unknown> {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: nameOf(policy) },
    spec: { policyName: nameOf(policy), validationActions: ['Warn', 'Audit'] },
  };
}
