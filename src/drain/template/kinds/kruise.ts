import type { KindLimit, RolloutFacts } from '../../model/workload.ts';
import { at, numberOf, recordOf, textOf } from '../raw.ts';
import type { Raw, RawObject } from '../raw.ts';
import { daemonSetRollout, statefulSetRollout } from './apps.ts';
import { allowedUnavailable, facts, fromManifest, observed, SPEC_TEMPLATE } from './kind.ts';
import type { WorkloadKindAdapter } from './kind.ts';

export const KRUISE_KINDS: readonly WorkloadKindAdapter[] = [
  {
    apiVersion: 'apps.kruise.io/v1alpha1',
    kind: 'CloneSet',
    plural: 'clonesets',
    templatePath: SPEC_TEMPLATE,
    onDemand: true,
    custom: true,
    manifestVersions: ['apps.kruise.io/v1beta1'],
    rollout: cloneSetRollout,
    limit: inPlace,
  },
  {
    // "Advanced StatefulSet": the fields of the one in apps, and more ways to update.
    apiVersion: 'apps.kruise.io/v1beta1',
    kind: 'StatefulSet.apps.kruise.io',
    plural: 'statefulsets',
    templatePath: SPEC_TEMPLATE,
    onDemand: true,
    custom: true,
    manifestVersions: ['apps.kruise.io/v1alpha1'],
    rollout: (raw) => ({ ...statefulSetRollout(raw), paused: isPaused(raw) }),
    limit: inPlace,
  },
  {
    apiVersion: 'apps.kruise.io/v1alpha1',
    kind: 'DaemonSet.apps.kruise.io',
    plural: 'daemonsets',
    templatePath: SPEC_TEMPLATE,
    onDemand: true,
    custom: true,
    manifestVersions: ['apps.kruise.io/v1beta1'],
    rollout: advancedDaemonSetRollout,
    limit: inPlace,
  },
];

function isPaused(raw: RawObject): boolean {
  return updateStrategy(raw)['paused'] === true;
}

function advancedDaemonSetRollout(raw: RawObject): RolloutFacts {
  const desired = numberOf(at(raw.status, ['desiredNumberScheduled'])) ?? 0;
  const partition = partitionOf(updateStrategy(raw)['partition'], desired);
  return { ...daemonSetRollout(raw, partition), paused: isPaused(raw) };
}

/**
 * Of v1alpha1; v1beta1, in which OpenKruise 1.9 stores them, has the same one level deeper, and its manifests are read too
 * (openkruise/kruise 1.9, apis/apps).
 */
function updateStrategy(raw: RawObject): Raw {
  const strategy = recordOf(at(raw.spec, ['updateStrategy']));
  return typeof strategy['rollingUpdate'] === 'object' ? recordOf(strategy['rollingUpdate']) : strategy;
}

function cloneSetRollout(raw: RawObject): RolloutFacts {
  const spec = recordOf(raw.spec);
  const status = recordOf(raw.status);
  const strategy = updateStrategy(raw);
  const desired = numberOf(spec['replicas']) ?? 1;
  const paused = strategy['paused'] === true;
  const onDelete = at(spec, ['updateStrategy', 'type']) === 'OnDelete';
  const partition = partitionOf(strategy['partition'], desired);
  const kind = onDelete ? 'OnDelete' : 'RollingUpdate';
  const manifest = fromManifest(raw, desired, kind, { paused, partition });
  if (manifest !== undefined) {
    return manifest;
  }
  const all = numberOf(status['replicas']) ?? 0;
  const ready = numberOf(status['readyReplicas']) ?? 0;
  const updated = numberOf(status['updatedReplicas']) ?? 0;
  const updatedReady = numberOf(status['updatedReadyReplicas']) ?? 0;
  const sameRevision = textOf(status['currentRevision']) === textOf(status['updateRevision']);
  const shouldBeUpdated = Math.max(0, desired - partition);
  const away =
    strategy['maxUnavailable'] === undefined
      ? allowedUnavailable('20%', desired)
      : allowedUnavailable(strategy['maxUnavailable'], desired);
  return facts({
    desired,
    strategy: kind,
    paused,
    partition,
    observed: observed(raw, status),
    complete: (sameRevision || updated >= desired) && all === desired && updatedReady >= desired,
    // Pods that the partition keeps, and those of OnDelete, wait for somebody: that is not a rollout under way.
    rolling: all !== desired || (!onDelete && !sameRevision && updated < shouldBeUpdated),
    smooth: ready >= Math.min(all, desired) - away,
  });
}

/** How many pods stay on the old revision: a number, or a percentage that is rounded up. */
function partitionOf(value: unknown, desired: number): number {
  const percent = typeof value === 'string' ? /^(\d+)%$/.exec(value)?.[1] : undefined;
  return percent === undefined ? (numberOf(value) ?? 0) : Math.ceil((Number(percent) * desired) / 100);
}

/**
 * A change in place leaves the pods, and their proxies, as they are: Kruise writes new annotations onto running pods,
 * where Istio does not read them any more. A longer grace period makes new pods (IfPossible), or an error (Only): of the pod's spec only
 * images are changed in place (apis/apps/v1beta1, the comments of the strategies).
 */
function inPlace(raw: RawObject): KindLimit | undefined {
  const strategy = updateStrategy(raw);
  switch (strategy['podUpdatePolicy'] ?? strategy['rollingUpdateType'] ?? strategy['type']) {
    case 'InPlaceOnly':
      return IN_PLACE_ONLY;
    case 'InPlaceIfPossible':
      return IN_PLACE_IF_POSSIBLE;
    default:
      return undefined;
  }
}

const IN_PLACE_ONLY: KindLimit = Object.freeze({ reason: 'UpdatedInPlace', detail: 'InPlaceOnly' });
const IN_PLACE_IF_POSSIBLE: KindLimit = Object.freeze({ reason: 'UpdatedInPlace', detail: 'InPlaceIfPossible' });
