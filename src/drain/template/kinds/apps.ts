import type { KindLimit, RolloutFacts } from '../../model/workload.ts';
import { at, numberOf, recordOf, textOf } from '../raw.ts';
import type { RawObject } from '../raw.ts';
import {
  allowedUnavailable,
  AT_REST,
  conditionOf,
  facts,
  fromManifest,
  observed,
  rounds,
  SPEC_TEMPLATE,
} from './kind.ts';
import type { WorkloadKindAdapter } from './kind.ts';

/** A ReplicaSet makes new pods from its template and leaves the present ones as they are. */
const NOT_ROLLED: KindLimit = Object.freeze({ reason: 'TemplateNotRolled' });

export const APPS_KINDS: readonly WorkloadKindAdapter[] = [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    plural: 'deployments',
    templatePath: SPEC_TEMPLATE,
    rollout: deploymentRollout,
  },
  {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    plural: 'statefulsets',
    templatePath: SPEC_TEMPLATE,
    rollout: statefulSetRollout,
  },
  {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    plural: 'daemonsets',
    templatePath: SPEC_TEMPLATE,
    rollout: (raw) => daemonSetRollout(raw),
  },
  {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    plural: 'replicasets',
    templatePath: SPEC_TEMPLATE,
    onDemand: true,
    reportedOnly: true,
    partsLeftOut: true,
    rollout: () => AT_REST,
    limit: () => NOT_ROLLED,
  },
];

/**
 * A Deployment says itself how its rollout goes: condition Progressing with reason ProgressDeadlineExceeded (stuck) or
 * NewReplicaSetAvailable (the template has rolled out once; what is missing since then is not a rollout).
 */
function deploymentRollout(raw: RawObject): RolloutFacts {
  const spec = recordOf(raw.spec);
  const status = recordOf(raw.status);
  const desired = numberOf(spec['replicas']) ?? 1;
  const paused = spec['paused'] === true;
  const strategy = at(spec, ['strategy', 'type']) === 'Recreate' ? 'Recreate' : 'RollingUpdate';
  const manifest = fromManifest(raw, desired, strategy, { paused });
  if (manifest !== undefined) {
    return manifest;
  }
  const progressing = conditionOf(status, 'Progressing');
  const stuck = progressing?.['status'] === 'False' && progressing['reason'] === 'ProgressDeadlineExceeded';
  const failing = conditionOf(status, 'ReplicaFailure')?.['status'] === 'True';
  const updated = numberOf(status['updatedReplicas']) ?? 0;
  const all = numberOf(status['replicas']) ?? 0;
  const available = numberOf(status['availableReplicas']) ?? 0;
  const oldPodsStand = all > updated;
  const rolledOutBefore = progressing?.['reason'] === 'NewReplicaSetAvailable';
  return facts({
    desired,
    strategy,
    paused,
    stuck,
    observed: observed(raw, status),
    complete: updated >= desired && all === updated && available >= desired,
    rolling: oldPodsStand || !rolledOutBefore,
    smooth: !stuck && !failing,
    terminating: strategy === 'Recreate' ? undefined : (numberOf(status['terminatingReplicas']) ?? 'NotInStatus'),
    drainRounds: strategy === 'Recreate' ? 1 : 0,
  });
}

/** Of apps/v1; those of other groups that go by the same fields use it too. */
export function statefulSetRollout(raw: RawObject): RolloutFacts {
  const spec = recordOf(raw.spec);
  const status = recordOf(raw.status);
  const desired = numberOf(spec['replicas']) ?? 1;
  const strategy = at(spec, ['updateStrategy', 'type']) === 'OnDelete' ? 'OnDelete' : 'RollingUpdate';
  const partition = numberOf(at(spec, ['updateStrategy', 'rollingUpdate', 'partition'])) ?? 0;
  const manifest = fromManifest(raw, desired, strategy, { partition });
  if (manifest !== undefined) {
    return manifest;
  }
  const all = numberOf(status['replicas']) ?? 0;
  const ready = numberOf(status['readyReplicas']) ?? 0;
  const available = numberOf(status['availableReplicas']) ?? ready;
  const updated = numberOf(status['updatedReplicas']) ?? 0;
  const sameRevision = textOf(status['currentRevision']) === textOf(status['updateRevision']);
  const shouldBeUpdated = Math.max(0, desired - partition);
  const allowedAway = allowedUnavailable(at(spec, ['updateStrategy', 'rollingUpdate', 'maxUnavailable']), desired);
  return facts({
    desired,
    strategy,
    partition,
    observed: observed(raw, status),
    // Under OnDelete the controller never moves currentRevision; the count of updated pods tells.
    complete:
      (sameRevision || (strategy === 'OnDelete' && updated >= desired)) &&
      all === desired &&
      ready >= desired &&
      available >= desired,
    // Replicas below the partition, and those of OnDelete, wait for somebody: that is not a rollout under way.
    rolling: all !== desired || (strategy === 'RollingUpdate' && !sameRevision && updated < shouldBeUpdated),
    smooth: ready >= Math.min(all, desired) - allowedAway,
    drainRounds: rounds(shouldBeUpdated, allowedAway),
  });
}

/** @param partition pods that stay on the old template, where the kind has such a thing */
export function daemonSetRollout(raw: RawObject, partition = 0): RolloutFacts {
  const spec = recordOf(raw.spec);
  const status = recordOf(raw.status);
  const strategy = at(spec, ['updateStrategy', 'type']) === 'OnDelete' ? 'OnDelete' : 'RollingUpdate';
  const desired = numberOf(status['desiredNumberScheduled']) ?? 0;
  const manifest = fromManifest(raw, desired, strategy, { partition });
  if (manifest !== undefined) {
    return manifest;
  }
  const scheduled = numberOf(status['currentNumberScheduled']) ?? 0;
  const updated = numberOf(status['updatedNumberScheduled']) ?? 0;
  const available = numberOf(status['numberAvailable']) ?? 0;
  const allowedAway = allowedUnavailable(at(spec, ['updateStrategy', 'rollingUpdate', 'maxUnavailable']), desired);
  const surge = at(spec, ['updateStrategy', 'rollingUpdate', 'maxSurge']);
  const atOnce = Math.max(allowedAway, surge === undefined ? 0 : allowedUnavailable(surge, desired));
  return facts({
    desired,
    strategy,
    partition,
    observed: observed(raw, status),
    complete: scheduled >= desired && updated >= desired && available >= desired,
    rolling: scheduled < desired || (strategy === 'RollingUpdate' && updated < desired - partition),
    smooth: available >= desired - allowedAway,
    drainRounds: rounds(desired, atOnce),
  });
}
