import {
  withDefaults,
  type PolicyMatch,
  type PolicySelector,
  type PolicySelectorRequirement,
} from '../../api/policy.ts';

/** Which objects a rule is for, as far as a policy can say it. All of it must hold. */
export interface Selection {
  /** Kinds as a policy names them; undefined: not said. */
  readonly kinds?: readonly string[];
  readonly names?: readonly string[];
  readonly namespace: readonly PolicySelectorRequirement[];
  readonly workload: readonly PolicySelectorRequirement[];
}

export const EVERYTHING: Selection = { namespace: [], workload: [] };

/** What policies select where they say nothing. */
const DEFAULT_KINDS: readonly string[] = withDefaults({
  match: { namespaceSelector: {} },
  drain: { mode: 'Fixed', duration: '1s' },
}).match.kinds;

export function matchOf({ kinds, names, namespace, workload }: Selection): PolicyMatch {
  const sorted = kinds === undefined ? undefined : [...new Set(kinds)];
  const isDefault = sorted?.length === DEFAULT_KINDS.length && DEFAULT_KINDS.every((kind) => sorted.includes(kind));
  return {
    namespaceSelector: selectorOf(namespace),
    ...(workload.length === 0 ? {} : { workloadSelector: selectorOf(workload) }),
    ...(sorted === undefined || isDefault ? {} : { kinds: sorted }),
    ...(names === undefined ? {} : { names: [...new Set(names)] }),
  };
}

/** One value of one label is written as people do. */
function selectorOf(requirements: readonly PolicySelectorRequirement[]): PolicySelector {
  const labels = new Map<string, string>();
  const expressions: PolicySelectorRequirement[] = [];
  const seen = new Set<string>();
  for (const requirement of requirements) {
    const { key, operator, values = [] } = requirement;
    const id = JSON.stringify([key, operator, values]);
    if (seen.has(id)) {
      continue;
    }
    seen.add(id);
    const [value] = values;
    if (operator === 'In' && values.length === 1 && value !== undefined && !labels.has(key)) {
      labels.set(key, value);
    } else {
      expressions.push(requirement);
    }
  }
  return {
    ...(labels.size === 0 ? {} : { matchLabels: Object.fromEntries(labels) }),
    ...(expressions.length === 0 ? {} : { matchExpressions: expressions }),
  };
}

/** The opposite of one requirement; a label that is absent fulfils NotIn. */
export function negated({ key, operator, values }: PolicySelectorRequirement): PolicySelectorRequirement {
  switch (operator) {
    case 'In':
      return { key, operator: 'NotIn', values };
    case 'NotIn':
      return { key, operator: 'In', values };
    case 'Exists':
      return { key, operator: 'DoesNotExist' };
    case 'DoesNotExist':
      return { key, operator: 'Exists' };
  }
}

/** Both must hold; undefined where a policy cannot say so. */
export function both(a: Selection, b: Selection): Selection | undefined {
  if (a.names !== undefined && b.names !== undefined && a.names.join() !== b.names.join()) {
    return undefined;
  }
  const kinds =
    a.kinds === undefined || b.kinds === undefined
      ? (a.kinds ?? b.kinds)
      : a.kinds.filter((kind) => b.kinds?.includes(kind));
  return {
    kinds,
    names: a.names ?? b.names,
    namespace: [...a.namespace, ...b.namespace],
    workload: [...a.workload, ...b.workload],
  };
}

/** Equal but for their kinds. */
export function selectionKey({ names, namespace, workload }: Selection): string {
  return JSON.stringify([names ?? null, namespace, workload]);
}
