import { PRE_STOP_ANNOTATION } from '../../api/names.ts';
import { BoundedMap, getOrCompute, memoizeByObject } from '../memoize.ts';
import type { MeshFacts, NamespaceFacts } from '../model/mesh.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { LivePod, Workload } from '../model/workload.ts';
import { decisiveNamespace, decisiveTemplate } from './decisive.ts';
import { effectiveSettings, type SettingsInput } from './settings.ts';

export interface WorkloadSettingsInput {
  readonly workload: Pick<Workload, 'annotations' | 'rolledOutAt'>;
  /** The workload's own, or an edit of it. */
  readonly template: Workload['template'];
  readonly namespace: NamespaceFacts;
  readonly mesh: MeshFacts;
  /** A pod that was made from this template, or from the one before an edit of ours. */
  readonly live?: LivePod;
}

/**
 * The settings of a workload's pods. Workloads whose templates decide alike share one object, and whatever is made of that
 * object alone need be made only once.
 */
export function workloadSettings(input: WorkloadSettingsInput): EffectiveSettings {
  const { mesh, live, workload } = input;
  const known = knownIn(mesh);
  const preStop = workload.annotations[PRE_STOP_ANNOTATION];
  const decisive = {
    template: decisiveTemplate(input.template, mesh),
    namespace: known.namespaceOf(input.namespace),
    workloadAnnotations: preStop === undefined ? undefined : { [PRE_STOP_ANNOTATION]: preStop },
    // Only a resource that may be younger than the pods makes a difference.
    rolledOutAt: (mesh.proxyConfigs ?? []).length === 0 ? undefined : workload.rolledOutAt,
  } satisfies Omit<SettingsInput, 'mesh'>;
  if (live !== undefined) {
    return effectiveSettings({ ...decisive, mesh, live });
  }
  return getOrCompute(known.settings, JSON.stringify(decisive), () => effectiveSettings({ ...decisive, mesh }));
}

/** A workload's settings take 2 to 5 KB. Lists come namespace by namespace, so that more of them would hardly be met again. */
const MOST_KNOWN = 1024;

const knownIn = memoizeByObject((mesh: MeshFacts) => ({
  settings: new BoundedMap<EffectiveSettings>(MOST_KNOWN),
  namespaceOf: memoizeByObject((namespace: NamespaceFacts) => decisiveNamespace(namespace, mesh)),
}));
