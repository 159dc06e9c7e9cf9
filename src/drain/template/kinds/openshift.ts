import type { KindLimit, RolloutFacts } from '../../model/workload.ts';
import { at, listOf, numberOf, recordOf } from '../raw.ts';
import type { RawObject } from '../raw.ts';
import { conditionOf, facts, fromManifest, observed, SPEC_TEMPLATE } from './kind.ts';
import type { WorkloadKindAdapter } from './kind.ts';

export const OPENSHIFT_KINDS: readonly WorkloadKindAdapter[] = [
  {
    apiVersion: 'apps.openshift.io/v1',
    kind: 'DeploymentConfig',
    plural: 'deploymentconfigs',
    templatePath: SPEC_TEMPLATE,
    onDemand: true,
    custom: true,
    rollout: deploymentConfigRollout,
    limit: withoutTrigger,
  },
];

/** Its counts are those of a Deployment; they count pods of all its ReplicationControllers (openshift/api apps/v1/types.go, August 2026). */
function deploymentConfigRollout(raw: RawObject): RolloutFacts {
  const spec = recordOf(raw.spec);
  const status = recordOf(raw.status);
  const desired = numberOf(spec['replicas']) ?? 1;
  const paused = spec['paused'] === true;
  const strategy = at(spec, ['strategy', 'type']) === 'Recreate' ? 'Recreate' : 'RollingUpdate';
  const manifest = fromManifest(raw, desired, strategy, { paused });
  if (manifest !== undefined) {
    return manifest;
  }
  const stuck = conditionOf(status, 'Progressing')?.['status'] === 'False';
  const updated = numberOf(status['updatedReplicas']) ?? 0;
  const all = numberOf(status['replicas']) ?? 0;
  const available = numberOf(status['availableReplicas']) ?? 0;
  return facts({
    desired,
    strategy,
    paused,
    stuck,
    observed: observed(raw, status),
    complete: updated >= desired && all === updated && available >= desired,
    rolling: all > updated || updated < desired,
    smooth: !stuck,
  });
}

const NOT_ROLLED: KindLimit = Object.freeze({ reason: 'TemplateNotRolled' });

/**
 * A change of the template makes new pods only with a trigger ConfigChange, which is there unless `triggers` is given
 * (openshift/api apps/v1/types.go: "If null, defaults to having a config change trigger"; an empty list has none).
 */
function withoutTrigger(raw: RawObject): KindLimit | undefined {
  const triggers = at(raw.spec, ['triggers']);
  if (!Array.isArray(triggers) || listOf(triggers).some((each) => recordOf(each)['type'] === 'ConfigChange')) {
    return undefined;
  }
  return NOT_ROLLED;
}
