import { groupOf } from '../../template/index.ts';
import { textOf, type Raw } from '../../template/raw.ts';
import type { Imported } from '../remarks.ts';
import { importClusterPolicy } from './cluster-policy.ts';
import { importMutatingPolicy } from './mutating-policy.ts';

/** Objects that change others as they are created, as `group/Kind`, and what reads them. */
const IMPORTERS: Readonly<Record<string, (raw: Raw) => Imported>> = {
  'kyverno.io/ClusterPolicy': importClusterPolicy,
  'kyverno.io/Policy': importClusterPolicy,
  'policies.kyverno.io/MutatingPolicy': importMutatingPolicy,
  'policies.kyverno.io/NamespacedMutatingPolicy': importMutatingPolicy,
  'admissionregistration.k8s.io/MutatingAdmissionPolicy': importMutatingPolicy,
};

/** The kinds that can be imported, for people. */
export const RULE_KINDS: readonly string[] = [
  ...new Set(Object.keys(IMPORTERS).map((name) => name.slice(name.indexOf('/') + 1))),
];

/** Undefined where the object is no such policy. */
export function importRules(raw: Raw): Imported | undefined {
  const key = `${groupOf(textOf(raw['apiVersion']) ?? '')}/${textOf(raw['kind']) ?? ''}`;
  return Object.hasOwn(IMPORTERS, key) ? IMPORTERS[key]?.(raw) : undefined;
}
