import { workloadSettings } from '../../drain/mesh/workload-settings.ts';
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
  const settings = workloadSettings({
    workload,
    template: workload.template,
    namespace: caches.namespace(workload.namespace),
    mesh: caches.meshFacts(),
  });
  const slack = ledger.entryOf(policy, key)?.slack;
  return { settings, neededGrace: slack === undefined ? undefined : settings.gracePeriod.value - slack };
}
