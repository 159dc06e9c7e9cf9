import { createHash } from 'node:crypto';
import type { LabelSelector, LabelSelectorRequirement } from '../api/kubernetes.ts';
import { INJECT_KEY, NAMESPACE_NAME_LABEL } from '../api/names.ts';
import { NOT_ON_HOST_NETWORK, NOT_WRITTEN_BY_US } from '../drain/admit/index.ts';

/** What one policy needs of the webhook. */
export interface WebhookNeed {
  readonly namespaceSelector: LabelSelector;
  readonly kinds: readonly string[];
  /** PodTemplate: its workloads are admitted. Admission: its pods are. */
  readonly delivery: 'PodTemplate' | 'Admission';
}

/** A kind of workload, as rules name it. */
export interface WebhookKind {
  readonly kind: string;
  /** `apps/v1` */
  readonly apiVersion: string;
  readonly plural: string;
}

export type WebhookClientConfig =
  | {
      readonly service: {
        readonly namespace: string;
        readonly name: string;
        readonly path: string;
        readonly port: number;
      };
    }
  | { readonly url: string };

export interface WebhookRule {
  readonly operations: readonly string[];
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  readonly resources: readonly string[];
  readonly scope: 'Namespaced';
}

/** One entry of a MutatingWebhookConfiguration, with everything written out that the API server would fill in. */
export interface Webhook {
  readonly name: string;
  readonly clientConfig: WebhookClientConfig & { readonly caBundle?: string };
  readonly rules: readonly WebhookRule[];
  readonly failurePolicy: 'Ignore';
  readonly matchPolicy: 'Equivalent';
  readonly sideEffects: 'None';
  readonly reinvocationPolicy: 'IfNeeded';
  readonly timeoutSeconds: number;
  readonly admissionReviewVersions: readonly string[];
  readonly namespaceSelector: LabelSelector;
  readonly objectSelector: LabelSelector;
  readonly matchConditions: readonly { readonly name: string; readonly expression: string }[];
}

/** Webhooks are asked one after the other: two that hang at once still leave a request under five seconds. */
export const TIMEOUT_SECONDS = 2;
/** More distinct selectors than this become one entry that only leaves namespaces out; the handler knows the rest. */
export const MAX_SELECTORS = 16;

const NAME_SUFFIX = 'sidecardrain.io';

const MATCH_CONDITIONS = {
  workloads: [
    // Annotations and labels of the workload itself, and whatever its controller notes there, decide nothing.
    { name: 'spec-changes', expression: "request.operation != 'UPDATE' || object.spec != oldObject.spec" },
    NOT_WRITTEN_BY_US,
  ],
  pods: [NOT_ON_HOST_NETWORK],
};

/**
 * The webhooks that the policies need: none where no policy needs any. Where selectors overlap, an object is asked about
 * more than once; the second answer finds nothing left to do.
 */
export function webhooksFor(
  needs: Iterable<WebhookNeed>,
  kinds: readonly WebhookKind[],
  excluded: readonly string[],
  clientConfig: WebhookClientConfig,
): Webhook[] {
  const all = [...needs];
  const workloads = all.filter((need) => need.delivery === 'PodTemplate');
  const pods = all.filter((need) => need.delivery === 'Admission').map((need) => ({ ...need, kinds: [] }));
  const entry = (family: keyof typeof MATCH_CONDITIONS, { key, expressions, kinds: named }: Group): Webhook[] => {
    const rules = family === 'pods' ? [POD_RULE] : rulesFor(kinds.filter((kind) => named.has(kind.kind)));
    return rules.length === 0
      ? []
      : [
          {
            name: `${family}-${digest(key)}.${NAME_SUFFIX}`,
            clientConfig,
            rules,
            failurePolicy: 'Ignore',
            matchPolicy: 'Equivalent',
            sideEffects: 'None',
            reinvocationPolicy: 'IfNeeded',
            timeoutSeconds: TIMEOUT_SECONDS,
            admissionReviewVersions: ['v1'],
            namespaceSelector: {
              matchExpressions: [
                ...expressions,
                { key: NAMESPACE_NAME_LABEL, operator: 'NotIn', values: [...new Set(excluded)].sort() },
              ],
            },
            objectSelector:
              family === 'pods'
                ? { matchExpressions: [{ key: INJECT_KEY, operator: 'NotIn', values: ['false'] }] }
                : {},
            matchConditions: MATCH_CONDITIONS[family],
          },
        ];
  };
  return [
    ...grouped(pods).flatMap((group) => entry('pods', group)),
    ...grouped(workloads).flatMap((group) => entry('workloads', group)),
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const POD_RULE: WebhookRule = {
  operations: ['CREATE'],
  apiGroups: [''],
  apiVersions: ['v1'],
  resources: ['pods'],
  scope: 'Namespaced',
};

function rulesFor(kinds: readonly WebhookKind[]): WebhookRule[] {
  const byVersion = new Map<string, string[]>();
  for (const { apiVersion, plural } of kinds) {
    byVersion.set(apiVersion, [...(byVersion.get(apiVersion) ?? []), plural]);
  }
  return [...byVersion]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([apiVersion, plurals]) => {
      const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
      return {
        operations: ['CREATE', 'UPDATE'],
        apiGroups: [group],
        apiVersions: [version],
        resources: [...new Set(plurals)].sort(),
        scope: 'Namespaced',
      };
    });
}

interface Group {
  readonly key: string;
  readonly expressions: readonly LabelSelectorRequirement[];
  readonly kinds: ReadonlySet<string>;
}

/** One group for each distinct selector. Those that ask one label for one of some values are one. */
function grouped(needs: readonly WebhookNeed[]): Group[] {
  const everywhere: Group = { key: '', expressions: [], kinds: new Set(needs.flatMap((need) => need.kinds)) };
  const groups = new Map<string, Group>();
  for (const { namespaceSelector, kinds } of needs) {
    const expressions = normalized(namespaceSelector);
    const [only, another] = expressions;
    if (only === undefined) {
      return [everywhere];
    }
    const key = another === undefined && only.operator === 'In' ? `in ${only.key}` : JSON.stringify(expressions);
    const present = groups.get(key);
    groups.set(key, {
      key,
      expressions:
        present === undefined || !key.startsWith('in ')
          ? expressions
          : [withValues(only, present.expressions[0]?.values ?? [])],
      kinds: new Set([...(present?.kinds ?? []), ...kinds]),
    });
  }
  return groups.size > MAX_SELECTORS ? [everywhere] : [...groups.values()];
}

function withValues(expression: LabelSelectorRequirement, more: readonly string[]): LabelSelectorRequirement {
  return { ...expression, values: [...new Set([...(expression.values ?? []), ...more])].sort() };
}

/** The same selector in one form whatever way it was written. */
function normalized({ matchLabels = {}, matchExpressions = [] }: LabelSelector): LabelSelectorRequirement[] {
  const all: LabelSelectorRequirement[] = [
    ...Object.entries(matchLabels).map(([key, value]) => ({ key, operator: 'In' as const, values: [value] })),
    ...matchExpressions.map(({ key, operator, values = [] }) => ({
      key,
      operator,
      ...(values.length === 0 ? {} : { values: [...new Set(values)].sort() }),
    })),
  ];
  const byText = new Map(all.map((expression) => [JSON.stringify(expression), expression]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, expression]) => expression);
}

/** A name that stays the same while other policies come and go. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
