import type { RolloutFacts } from '../model/workload.ts';
import { at, listOf, metadataOf, numberOf, recordOf, textOf } from './raw.ts';
import type { Raw, RawObject } from './raw.ts';

export interface TemplatePlace {
  /** Keys from the object to its pod template, for example `spec`, `template`. */
  readonly templatePath: readonly string[];
}

/**
 * All that differs between kinds of workloads: where the pod template stands, and what rolling and healthy mean.
 * Another kind (CronJob, ReplicaSet, an Argo Rollout, a CloneSet) is one more entry.
 */
export interface WorkloadKindAdapter extends TemplatePlace {
  readonly apiVersion: string;
  readonly kind: string;
  /** As in the API server's paths. */
  readonly plural: string;
  rollout(raw: RawObject): RolloutFacts;
}

export const WORKLOAD_KINDS: readonly WorkloadKindAdapter[] = [
  { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments', templatePath: ['spec', 'template'], rollout: deploymentRollout },
  { apiVersion: 'apps/v1', kind: 'StatefulSet', plural: 'statefulsets', templatePath: ['spec', 'template'], rollout: statefulSetRollout },
  { apiVersion: 'apps/v1', kind: 'DaemonSet', plural: 'daemonsets', templatePath: ['spec', 'template'], rollout: daemonSetRollout },
];

const BY_KIND = new Map(WORKLOAD_KINDS.map((adapter) => [adapter.kind, adapter]));

/** The adapter of a kind; with `apiVersion` only if that is the one we know. */
export function workloadKind(kind: string, apiVersion?: string): WorkloadKindAdapter | undefined {
  const adapter = BY_KIND.get(kind);
  return adapter !== undefined && (apiVersion === undefined || apiVersion === adapter.apiVersion) ? adapter : undefined;
}

/** The `.spec.template` form of an adapter's path, for messages and field paths. */
export function templateFieldPath(adapter: WorkloadKindAdapter): string {
  return adapter.templatePath.join('.');
}

interface Counts {
  readonly desired: number;
  readonly strategy: RolloutFacts['strategy'];
  readonly paused?: boolean;
  readonly partition?: number;
  /** False where the controller has not looked at the newest spec yet. */
  readonly observed: boolean;
  readonly complete: boolean;
  readonly rolling: boolean;
  /** While rolling: nothing is wrong with it so far. */
  readonly smooth: boolean;
  readonly stuck?: boolean;
}

function facts(counts: Counts): RolloutFacts {
  const complete = counts.observed && counts.complete;
  const rolling = !complete && (!counts.observed || counts.rolling);
  return {
    replicas: counts.desired,
    strategy: counts.strategy,
    paused: counts.paused ?? false,
    partition: counts.partition ?? 0,
    complete,
    healthy: complete || (rolling && counts.smooth),
    rolling,
    stuck: counts.stuck ?? false,
  };
}

/** A manifest has no status: nothing of it runs, so nothing of it is rolling or ill. */
function fromManifest(raw: RawObject, desired: number, strategy: RolloutFacts['strategy'], more: Partial<Counts>): RolloutFacts | undefined {
  if (raw.status !== undefined || metadataOf(raw).uid !== undefined) {
    return undefined;
  }
  return facts({ desired, strategy, observed: true, complete: true, rolling: false, smooth: true, ...more });
}

function observed(raw: RawObject, status: Raw): boolean {
  return (numberOf(status['observedGeneration']) ?? 0) >= (metadataOf(raw).generation ?? 0);
}

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
    desired, strategy, paused, stuck,
    observed: observed(raw, status),
    complete: updated >= desired && all === updated && available >= desired,
    rolling: oldPodsStand || !rolledOutBefore,
    smooth: !stuck && !failing,
  });
}

function statefulSetRollout(raw: RawObject): RolloutFacts {
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
    desired, strategy, partition,
    observed: observed(raw, status),
    complete: sameRevision && all === desired && ready >= desired && available >= desired,
    // Replicas below the partition, and those of OnDelete, wait for somebody: that is not a rollout under way.
    rolling: all !== desired || (strategy === 'RollingUpdate' && !sameRevision && updated < shouldBeUpdated),
    smooth: ready >= Math.min(all, desired) - allowedAway,
  });
}

function daemonSetRollout(raw: RawObject): RolloutFacts {
  const spec = recordOf(raw.spec);
  const status = recordOf(raw.status);
  const strategy = at(spec, ['updateStrategy', 'type']) === 'OnDelete' ? 'OnDelete' : 'RollingUpdate';
  const desired = numberOf(status['desiredNumberScheduled']) ?? 0;
  const manifest = fromManifest(raw, desired, strategy, {});
  if (manifest !== undefined) {
    return manifest;
  }
  const scheduled = numberOf(status['currentNumberScheduled']) ?? 0;
  const updated = numberOf(status['updatedNumberScheduled']) ?? 0;
  const available = numberOf(status['numberAvailable']) ?? 0;
  return facts({
    desired, strategy,
    observed: observed(raw, status),
    complete: scheduled >= desired && updated >= desired && available >= desired,
    rolling: scheduled < desired || (strategy === 'RollingUpdate' && updated < desired),
    smooth: available >= desired - allowedUnavailable(at(spec, ['updateStrategy', 'rollingUpdate', 'maxUnavailable']), desired),
  });
}

function conditionOf(status: Raw, type: string): Raw | undefined {
  return listOf(status['conditions']).map(recordOf).find((condition) => condition['type'] === type);
}

/** `maxUnavailable` as a count: a number or a percentage, 1 where it is not stated. */
function allowedUnavailable(value: unknown, desired: number): number {
  if (typeof value === 'number') {
    return value;
  }
  const percent = typeof value === 'string' ? /^(\d+)%$/.exec(value)?.[1] : undefined;
  return percent === undefined ? 1 : Math.max(1, Math.ceil((Number(percent) * desired) / 100));
}
