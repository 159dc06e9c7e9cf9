import { ownerOfPod } from '../../drain/admit/index.ts';
import type { MeshFacts, NamespaceFacts } from '../../drain/model/mesh.ts';
import type { EffectiveSettings } from '../../drain/model/settings.ts';
import { objectKind, workloadKey, type Workload } from '../../drain/model/workload.ts';
import {
  endingOf,
  endingOfGone,
  PodEvents,
  POD_EVENT_REASONS,
  recordOf,
  recordOfGone,
  settingsOfPod,
  type PodEnding,
  type RawEvent,
  type RawPod,
  type TerminationRecord,
} from '../../drain/observe/index.ts';
import type { KubernetesObject } from '../../api/kubernetes.ts';
import { defineResource, isApiError, Reflector, type KubeClient, type Resource } from '../../kube/index.ts';

const PODS = defineResource({ group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true });
const EVENTS = defineResource({ group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true });
const REPLICA_SETS = defineResource({
  group: 'apps',
  version: 'v1',
  plural: 'replicasets',
  kind: 'ReplicaSet',
  namespaced: true,
});

export interface LookOptions {
  readonly client: KubeClient;
  readonly workload: Workload;
  readonly mesh: MeshFacts;
  readonly namespace: NamespaceFacts;
  /** Milliseconds since 1970: what began before is left out. */
  readonly since: number;
}

export interface Look {
  /** The latest last. */
  readonly records: readonly TerminationRecord[];
  /** Pods that are still ending. */
  readonly ongoing: number;
  /** What could not be read, in words. */
  readonly gaps: readonly string[];
}

/** An ending with the settings of that very pod: the template may say something else by now. */
interface Seen {
  readonly ending: PodEnding;
  readonly settings: EffectiveSettings;
}

/** What a cluster still knows: pods that end or have ended, and Events. */
export async function lookBack(options: LookOptions): Promise<Look> {
  const {
    client,
    workload: { namespace },
    since,
  } = options;
  const seen: Seen[] = [];
  const present = new Set<string>();
  for await (const page of client.pages<KubernetesObject>(PODS, { namespace })) {
    for (const raw of page.items) {
      if (belongsTo(raw, options.workload)) {
        present.add(raw.metadata?.name ?? '');
        const ending = endingOf(podOf(raw));
        if (ending !== undefined) {
          seen.push({ ending, settings: settingsOfPod(raw, options.mesh, options.namespace) });
        }
      }
    }
  }
  const { events, gaps } = await readEvents(options);
  const gone = await goneNames(options, gaps);
  const records = [
    ...seen.flatMap(({ ending, settings }) => recordOf(ending, settings, events.newsOf(ending.pod)) ?? []),
    ...events
      .stoppedPods()
      .filter(({ pod }) => !present.has(pod) && gone(pod))
      .map((each) => recordOfGone(each, events.newsOf(each.pod))),
  ];
  return {
    records: inOrder(records, since),
    ongoing: seen.length - seen.filter(({ ending, settings }) => recordOf(ending, settings) !== undefined).length,
    gaps,
  };
}

export interface WatchOptions extends LookOptions {
  /** Ends the watch. */
  readonly signal: AbortSignal;
  readonly onEnd: (record: TerminationRecord) => void;
}

/** Watches the pods until told to stop: what ends meanwhile is seen whole. */
export async function watchPods(options: WatchOptions): Promise<Look> {
  const { client, workload, signal } = options;
  const live = new Map<string, Seen>();
  const ended = new Map<string, Seen>();
  const take = (raw: KubernetesObject, gone: boolean): void => {
    if (!belongsTo(raw, workload)) {
      return;
    }
    const uid = raw.metadata?.uid ?? '';
    const before = live.get(uid)?.ending;
    const ending = gone ? endingOfGone(podOf(raw), before, Date.now()) : endingOf(podOf(raw), before, Date.now());
    if (ending === undefined) {
      return;
    }
    const seen = { ending, settings: settingsOfPod(raw, options.mesh, options.namespace) };
    if (!gone) {
      live.set(uid, seen);
      return;
    }
    live.delete(uid);
    ended.set(uid, seen);
    const record = recordOf(ending, seen.settings);
    if (record !== undefined) {
      options.onEnd(record);
    }
  };
  const reflector = new Reflector<KubernetesObject, KubernetesObject>({
    client,
    resource: PODS,
    namespace: workload.namespace,
    project: (raw) => {
      take(raw, false);
      return undefined;
    },
    onGone: (raw) => {
      take(raw, true);
    },
  });
  reflector.start();
  try {
    await reflector.waitForSync(signal).catch(() => undefined);
    await new Promise<void>((resolve) => {
      if (signal.aborted) {
        resolve();
      }
      signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
    });
  } finally {
    await reflector.stop();
  }
  const { events, gaps } = await readEvents(options);
  const all = [...ended.values(), ...live.values()];
  const records = all.flatMap(({ ending, settings }) => recordOf(ending, settings, events.newsOf(ending.pod)) ?? []);
  return { records: inOrder(records, options.since), ongoing: all.length - records.length, gaps };
}

function inOrder(records: readonly TerminationRecord[], since: number): TerminationRecord[] {
  return records.filter(({ deletedAt }) => deletedAt >= since).sort((a, b) => a.deletedAt - b.deletedAt);
}

/** The API's own type says less of a pod than a pod is. */
function podOf(raw: KubernetesObject): RawPod {
  return raw as unknown as RawPod;
}

function belongsTo(raw: KubernetesObject, workload: Workload): boolean {
  if (workload.kind === 'Pod') {
    return raw.metadata?.name === workload.name;
  }
  const owner = ownerOfPod(raw.metadata ?? {}, workload.namespace);
  const key = workloadKey(workload);
  // A CronJob's pods belong to Jobs that carry its name and a number.
  return (
    owner === key ||
    (workload.kind === 'CronJob' &&
      owner?.startsWith(`Job/${workload.namespace}/${workload.name}-`) === true &&
      /-\d+$/.test(owner)) ||
    (workload.kind === 'ReplicaSet' &&
      raw.metadata?.ownerReferences?.some(
        ({ controller, kind, name }) => controller === true && kind === 'ReplicaSet' && name === workload.name,
      ) === true)
  );
}

async function readEvents({
  client,
  workload: { namespace },
}: LookOptions): Promise<{ events: PodEvents; gaps: string[] }> {
  const events = new PodEvents();
  try {
    for (const reason of POD_EVENT_REASONS) {
      for await (const page of client.pages<RawEvent>(EVENTS, { namespace, fieldSelector: `reason=${reason}` })) {
        for (const event of page.items) {
          events.add(event);
        }
      }
    }
  } catch (error) {
    if (!isApiError(error) || !error.isForbidden) {
      throw error;
    }
    return { events, gaps: ['events may not be listed: which hooks failed, and pods that are gone, are not known'] };
  }
  return { events, gaps: [] };
}

/** Whether the name is one that a pod of the workload has: pods that are gone leave no owner. */
async function goneNames({ client, workload }: LookOptions, gaps: string[]): Promise<(pod: string) => boolean> {
  const { kind, name, namespace } = workload;
  if (objectKind(kind) === 'StatefulSet') {
    return (pod) => pod.startsWith(`${name}-`) && /^\d+$/.test(pod.slice(name.length + 1));
  }
  const suffixed =
    (owners: readonly string[]) =>
    (pod: string): boolean =>
      owners.some((owner) => pod.startsWith(`${owner}-`) && /^[a-z0-9]{5}$/.test(pod.slice(owner.length + 1)));
  if (kind !== 'Deployment' && kind !== 'Rollout') {
    return kind === 'Pod' ? (pod) => pod === name : suffixed([name]);
  }
  try {
    return suffixed(await replicaSetsOf(client, kind, name, namespace, REPLICA_SETS));
  } catch (error) {
    if (!isApiError(error) || !error.isForbidden) {
      throw error;
    }
    gaps.push('replicasets.apps may not be listed: which pods that are gone were of this workload is not known');
    return () => false;
  }
}

async function replicaSetsOf(
  client: KubeClient,
  kind: string,
  name: string,
  namespace: string,
  resource: Resource,
): Promise<string[]> {
  const names: string[] = [];
  for await (const page of client.pages<KubernetesObject>(resource, { namespace, metadataOnly: true })) {
    for (const { metadata } of page.items) {
      if (
        metadata?.ownerReferences?.some(
          (owner) => owner.controller === true && owner.kind === kind && owner.name === name,
        ) === true
      ) {
        names.push(metadata.name ?? '');
      }
    }
  }
  return names;
}
