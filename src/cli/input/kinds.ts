import type { RolloutFacts } from '../../drain/model/workload.ts';
import { WORKLOAD_KINDS, type WorkloadKindAdapter } from '../../drain/template/index.ts';

/**
 * Kinds that carry a pod template and that policies do not govern. Their pods end like all others, so lint and explain
 * judge them too.
 */
const JUDGED_ONLY: readonly WorkloadKindAdapter[] = [
  kind('apps/v1', 'ReplicaSet', 'replicasets', ['spec', 'template']),
  kind('batch/v1', 'Job', 'jobs', ['spec', 'template']),
  kind('batch/v1', 'CronJob', 'cronjobs', ['spec', 'jobTemplate', 'spec', 'template']),
  kind('argoproj.io/v1alpha1', 'Rollout', 'rollouts', ['spec', 'template']),
  kind('apps.kruise.io/v1alpha1', 'CloneSet', 'clonesets', ['spec', 'template']),
  kind('v1', 'Pod', 'pods', []),
];

const AT_REST: RolloutFacts = {
  replicas: 1, strategy: 'None', paused: false, partition: 0, complete: true, healthy: true, rolling: false, stuck: false,
};

function kind(apiVersion: string, name: string, plural: string, templatePath: readonly string[]): WorkloadKindAdapter {
  return { apiVersion, kind: name, plural, templatePath, rollout: () => AT_REST };
}

const ALL = [...WORKLOAD_KINDS, ...JUDGED_ONLY];
const BY_KIND = new Map(ALL.map((adapter) => [adapter.kind, adapter]));

export const JUDGED_KINDS: readonly WorkloadKindAdapter[] = ALL;

export function judgedKind(name: string): WorkloadKindAdapter | undefined {
  return BY_KIND.get(name);
}

/** A field path as the domain says it (`spec.template...`), as it stands in an object of this kind. */
export function pathInKind(kindName: string, path: string): string {
  const template = BY_KIND.get(kindName)?.templatePath.join('.') ?? 'spec.template';
  if (template === 'spec.template' || !path.startsWith('spec.template.')) {
    return path;
  }
  const inside = path.slice('spec.template.'.length);
  return template === '' ? inside : `${template}.${inside}`;
}
