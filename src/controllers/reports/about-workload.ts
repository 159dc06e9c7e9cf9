import { effectiveSettings } from '../../drain/mesh/settings.ts';
import type { Caches } from '../watches/caches.ts';
import type { Ledger } from './ledger.ts';
import type { ObservedWorkload } from './observed.ts';

/** What follows from a termination follows for the workload as it stands now. Undefined where it is gone. */
export function aboutWorkload(
  caches: Caches,
  ledger: Ledger,
  key: string,
  policy: string,
): ObservedWorkload | undefined {
  const workload = caches.workload(key);
  if (workload === undefined) {
    return undefined;
  }
  const { template, annotations: workloadAnnotations, rolledOutAt, namespace } = workload;
  const settings = effectiveSettings({
    template,
    workloadAnnotations,
    rolledOutAt,
    namespace: caches.namespace(namespace),
    mesh: caches.meshFacts(),
  });
  const slack = ledger.entryOf(policy, key)?.slack;
  return { settings, neededGrace: slack === undefined ? undefined : settings.gracePeriod.value - slack };
}
