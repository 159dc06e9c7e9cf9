import { NAMESPACE_NAME_LABEL } from '../../api/names.ts';
import { POLICY_API_VERSION, POLICY_KIND, type PolicyDrain, type SidecarDrainPolicy } from '../../api/policy.ts';
import { formatGoDuration } from '../duration.ts';
import type { Seconds } from '../model/workload.ts';
import type { DrainNeed } from './need.ts';

/** A workload by the names that metrics have for it. */
export interface NamedNeed {
  readonly namespace: string;
  readonly name: string;
  /** Metrics do not tell it: known only where the workload itself has been seen. */
  readonly kind?: string;
  readonly need: DrainNeed;
}

/** Bounds of match.names and of the values of a selector, as the custom resource definition states them. */
const MOST_NAMES = 64;
const MOST_NAMESPACES = 64;
const DEFAULT_MAXIMUM: Seconds = 600;
/** What match.kinds is where a policy says nothing. */
const DEFAULT_KINDS: readonly string[] = ['Deployment', 'StatefulSet'];

/**
 * Few policies for many workloads, all in Audit: one per need, where that selects nothing else. A policy selects every listed name in
 * every listed namespace; so namespaces share one only where no name would be caught that needs something else, or of which nothing is known.
 * @param known every workload there is, `namespace/name`
 */
export function policiesFor(
  needs: readonly NamedNeed[],
  known: ReadonlySet<string>,
  maximum: Seconds,
): readonly SidecarDrainPolicy[] {
  const policies: SidecarDrainPolicy[] = [];
  for (const [key, group] of groupBy(needs, ({ need }) => keyOf(need))) {
    const parts = partsOf(group, known);
    parts.forEach((part, index) => {
      const name = `observed-${key}${parts.length === 1 ? '' : `-${index + 1}`}`;
      policies.push(policyOf(name, part, kindsOf(group), maximum));
    });
  }
  return policies;
}

interface Part {
  readonly need: DrainNeed;
  readonly namespaces: readonly string[];
  readonly names: readonly string[];
}

function partsOf(group: readonly NamedNeed[], known: ReadonlySet<string>): Part[] {
  const wanted = new Set(group.map(({ namespace, name }) => `${namespace}/${name}`));
  const parts: Part[] = [];
  for (const [namespace, inside] of groupBy(group, (one) => one.namespace)) {
    const names = [...new Set(inside.map(({ name }) => name))].sort();
    for (let from = 0; from < names.length; from += MOST_NAMES) {
      const some = names.slice(from, from + MOST_NAMES);
      const at = parts.findIndex((part) => canJoin(part, namespace, some, wanted, known));
      const host = parts[at];
      if (host === undefined) {
        parts.push({ need: (inside[0] as NamedNeed).need, namespaces: [namespace], names: some });
      } else {
        parts[at] = joined(host, namespace, some);
      }
    }
  }
  return parts;
}

function joined({ need, namespaces, names }: Part, namespace: string, more: readonly string[]): Part {
  return {
    need,
    namespaces: [...new Set([...namespaces, namespace])].sort(),
    names: [...new Set([...names, ...more])].sort(),
  };
}

function canJoin(
  part: Part,
  namespace: string,
  names: readonly string[],
  wanted: ReadonlySet<string>,
  known: ReadonlySet<string>,
): boolean {
  const both = joined(part, namespace, names);
  return (
    both.names.length <= MOST_NAMES &&
    both.namespaces.length <= MOST_NAMESPACES &&
    both.namespaces.every((one) =>
      both.names.every((name) => wanted.has(`${one}/${name}`) || !known.has(`${one}/${name}`)),
    )
  );
}

/** Undefined where the default will do. */
function kindsOf(group: readonly NamedNeed[]): string[] | undefined {
  const kinds = new Set(group.flatMap(({ kind }) => kind ?? []));
  return [...kinds].every((kind) => DEFAULT_KINDS.includes(kind))
    ? undefined
    : [...new Set([...DEFAULT_KINDS, ...kinds])].sort();
}

function policyOf(
  name: string,
  { need, namespaces, names }: Part,
  kinds: readonly string[] | undefined,
  maximum: Seconds,
): SidecarDrainPolicy {
  return {
    apiVersion: POLICY_API_VERSION,
    kind: POLICY_KIND,
    metadata: { name },
    spec: {
      enforcement: 'Audit',
      match: {
        namespaceSelector: {
          matchExpressions: [{ key: NAMESPACE_NAME_LABEL, operator: 'In', values: [...namespaces] }],
        },
        ...(kinds === undefined ? {} : { kinds }),
        names: [...names],
      },
      drain: drainOf(need),
      ...(maximum === DEFAULT_MAXIMUM ? {} : { gracePeriod: { maximum: formatGoDuration(maximum) } }),
    },
  };
}

/** The need as a policy states it. */
export function drainOf(need: DrainNeed): PolicyDrain {
  switch (need.mode) {
    case 'Fixed':
      return { mode: 'Fixed', duration: formatGoDuration(need.duration) };
    case 'Combined':
      return { mode: 'Combined', duration: formatGoDuration(need.duration), maxWait: formatGoDuration(need.maxWait) };
  }
}

/** `fixed-30s`, `combined-15s-5m`: a name that says what it is for, and the same one on every run. */
function keyOf(need: DrainNeed): string {
  const lengths = need.mode === 'Fixed' ? [need.duration] : [need.duration, need.maxWait];
  return [need.mode.toLowerCase(), ...lengths.map(formatGoDuration)].join('-');
}

function groupBy<T>(items: readonly T[], keyFor: (item: T) => string): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyFor(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}
