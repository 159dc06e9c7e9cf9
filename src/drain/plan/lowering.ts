import { finding, type Finding } from '../../api/reasons.ts';
import type { MeshFacts } from '../model/mesh.ts';
import type { EffectiveSettings } from '../model/settings.ts';

/**
 * In a cluster, a time that nobody could read may be longer than the one that is wanted. Nothing lives longer than its
 * grace period, so that a time of that length lowers nothing; a drain that waits for connections instead lowers no drain.
 */
export function mayLowerDrain(
  before: EffectiveSettings,
  after: EffectiveSettings,
  mesh: MeshFacts,
): Finding | undefined {
  if (mesh.cluster !== true) {
    return undefined;
  }
  const lowered = (['terminationDrainDuration', 'minimumDrainDuration', 'drainDuration'] as const).find(
    (setting) =>
      before[setting].assumed === true &&
      after[setting].assumed !== true &&
      after[setting].value < before.gracePeriod.value &&
      !(setting === 'terminationDrainDuration' && after.exitOnZeroActiveConnections.value),
  );
  if (lowered === undefined) {
    return undefined;
  }
  return finding(
    'FactsMissing',
    `the mesh's own settings cannot be read, and its ${lowered === 'minimumDrainDuration' ? 'MINIMUM_DRAIN_DURATION' : lowered} may be longer than the ${after[lowered].value} s that would be written: nothing is lowered on an assumption`,
    {
      action: 'State what the mesh has (--mesh-defaults, docs/how-to/managed-meshes.md), or let its ConfigMap be read.',
    },
  );
}
