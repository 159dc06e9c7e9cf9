import type { NodeRequirement, PodScheduling, Toleration } from '../../api/kubernetes.ts';
import { at, listOf, recordOf, textOf, type Raw } from './raw.ts';
import { Shared } from './shared.ts';

const shared = new Shared<PodScheduling>(4096);

/** What of a pod's spec tells nodes apart; equal ones of a fleet are one object. Undefined where it says nothing of it. */
export function schedulingOf(spec: Raw): PodScheduling | undefined {
  const { nodeSelector, affinity, tolerations } = spec;
  if (nodeSelector === undefined && affinity === undefined && tolerations === undefined) {
    return undefined;
  }
  const terms = at(affinity, ['nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution', 'nodeSelectorTerms']);
  const selected = Object.entries(recordOf(nodeSelector)).flatMap(([key, value]) =>
    textOf(value) === undefined ? [] : [[key, value]],
  );
  const tolerated = listOf(tolerations).map(recordOf).map(tolerationOf);
  if (selected.length === 0 && !Array.isArray(terms) && tolerated.length === 0) {
    return undefined;
  }
  const scheduling: PodScheduling = {
    nodeSelector: Object.fromEntries(selected) as Record<string, string>,
    nodeAffinity: Array.isArray(terms) ? terms.map(termOf) : undefined,
    tolerations: tolerated,
  };
  return shared.of(JSON.stringify(scheduling), scheduling);
}

const OPERATORS: readonly unknown[] = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'];

/** A field (matchFields) can only name the node itself: it narrows a term down to nodes that are not told apart here. */
function termOf(raw: unknown): NodeRequirement[] {
  const { matchExpressions, matchFields } = recordOf(raw);
  const named: NodeRequirement[] =
    listOf(matchFields).length === 0 ? [] : [{ key: 'kubernetes.io/hostname', operator: 'Exists' }];
  const wanted = listOf(matchExpressions)
    .map(recordOf)
    .filter(({ operator }) => OPERATORS.includes(operator))
    .map(({ key, operator, values }) => ({
      key: textOf(key) ?? '',
      operator: operator as NodeRequirement['operator'],
      values: listOf(values).flatMap((value) => textOf(value) ?? []),
    }));
  return [...named, ...wanted];
}

/** Operator Equal, which is the default, asks for the value. */
function tolerationOf({ key, operator, value, effect }: Raw): Toleration {
  return {
    key: textOf(key),
    value: operator === undefined || operator === 'Equal' ? (textOf(value) ?? '') : undefined,
    effect: textOf(effect),
  };
}
