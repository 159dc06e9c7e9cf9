import { DEFAULT_GRACE_PERIOD_SECONDS, type Container, type PodTemplate } from '../../api/kubernetes.ts';
import {
  NATIVE_SIDECAR_ANNOTATION,
  PROXY_CONFIG_ANNOTATION,
  PROXY_CONTAINER,
  REVISION_LABEL,
} from '../../api/names.ts';
import type { ProxyConfigValues } from '../model/mesh.ts';
import type { Origin, ProxyVerdict } from '../model/settings.ts';
import { workloadKey, type LivePod, type Workload } from '../model/workload.ts';
import { parseProxyConfigAnnotation } from '../template/annotation.ts';
import { canonical } from '../template/raw.ts';
import { DEFAULT_REVISION, versionOfImage } from './facts.ts';
import { isFilledIn } from './injection.ts';
import { DEFAULT_DRAIN_DURATION_SECONDS, DEFAULT_TERMINATION_DRAIN_SECONDS } from './istio-defaults.ts';

/**
 * A pod of a workload is the nearest witness of what the injector does to its template: PROXY_CONFIG is the ProxyConfig
 * that it used (istio/istio pkg/kube/inject, template.go: what equals Istio's own defaults is left out), and beside it
 * stand the variables, the hooks and the image that were resolved.
 */

/** The pods among records of pods, by the workload that owns them; at most a few of each. */
export function livePodsByOwner(workloads: readonly Workload[]): ReadonlyMap<string, readonly LivePod[]> {
  const owners = ownersOfReplicaSets(workloads);
  const pods = new Map<string, LivePod[]>();
  for (const pod of workloads) {
    const key = pod.kind === 'Pod' && !pod.deleting ? ownerKeyOf(pod, owners) : undefined;
    const known = key === undefined ? [] : (pods.get(key) ?? []);
    if (key !== undefined && known.length < MOST_PODS && liveProxy(pod.template) !== undefined) {
      pods.set(key, [...known, { name: pod.name, template: pod.template }]);
    }
  }
  return pods;
}

/** How many pods of each workload are on each node, by the workload's key and the node's name. */
export function podPlaces(records: readonly Workload[]): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const owners = ownersOfReplicaSets(records);
  const places = new Map<string, Map<string, number>>();
  for (const pod of records) {
    const node = pod.template.spec.nodeName;
    const key = pod.kind === 'Pod' && !pod.deleting && node !== undefined ? ownerKeyOf(pod, owners) : undefined;
    if (key !== undefined && node !== undefined) {
      const known = places.get(key) ?? new Map<string, number>();
      places.set(key, known.set(node, (known.get(node) ?? 0) + 1));
    }
  }
  return places;
}

function ownersOfReplicaSets(records: readonly Workload[]): ReadonlyMap<string, Workload['controllerOwner']> {
  return new Map(
    records
      .filter(({ kind }) => kind === 'ReplicaSet')
      .map((each) => [workloadKey(each), each.controllerOwner] as const),
  );
}

/** Old and new pods of a rollout, and some more: enough to find one of the present template. */
const MOST_PODS = 8;
/** Who puts the hash of a pod template behind the name of a ReplicaSet. */
const HASH_LABELS = [
  ['pod-template-hash', 'Deployment'],
  ['rollouts-pod-template-hash', 'Rollout'],
] as const;

function ownerKeyOf(
  pod: Workload,
  ownerOfReplicaSet: ReadonlyMap<string, Workload['controllerOwner']>,
): string | undefined {
  const { controllerOwner: owner, namespace, labels } = pod;
  if (owner === undefined) {
    return undefined;
  }
  if (owner.kind !== 'ReplicaSet') {
    return workloadKey({ ...owner, namespace });
  }
  const above = ownerOfReplicaSet.get(workloadKey({ ...owner, namespace }));
  if (above !== undefined) {
    return workloadKey({ ...above, namespace });
  }
  for (const [label, kind] of HASH_LABELS) {
    const end = `-${labels[label] ?? ''}`;
    if (end !== '-' && owner.name.endsWith(end)) {
      return workloadKey({ kind, namespace, name: owner.name.slice(0, -end.length) });
    }
  }
  return workloadKey({ ...owner, namespace });
}

/** The first pod that was made from what the template says now, as far as that decides about termination. */
export function livePodOf(template: PodTemplate, pods: readonly LivePod[] | undefined): LivePod | undefined {
  return pods?.find((pod) => isMadeFrom(template, pod.template));
}

const COMPARED = [PROXY_CONFIG_ANNOTATION, NATIVE_SIDECAR_ANNOTATION];

function isMadeFrom(template: PodTemplate, pod: PodTemplate): boolean {
  const grace = ({ spec }: PodTemplate): number => spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_PERIOD_SECONDS;
  const sameAnnotations = COMPARED.every(
    (name) => template.metadata?.annotations?.[name] === pod.metadata?.annotations?.[name],
  );
  const own = template.spec.containers.filter(({ name }) => name !== PROXY_CONTAINER);
  return (
    grace(template) === grace(pod) &&
    sameAnnotations &&
    own.every((container) => {
      const live = pod.spec.containers.find(({ name }) => name === container.name);
      return live !== undefined && sameHook(container, live);
    })
  );
}

/** Istio rewrites hooks that ask over the network, so that only commands and sleeps are comparable. */
function sameHook(container: Container, live: Container): boolean {
  const [wanted, has] = [container.lifecycle?.preStop, live.lifecycle?.preStop];
  return (
    wanted?.httpGet !== undefined ||
    wanted?.tcpSocket !== undefined ||
    canonical(wanted ?? null) === canonical(has ?? null)
  );
}

function liveProxy({ spec }: PodTemplate): { readonly container: Container; readonly native: boolean } | undefined {
  const isProxy = ({ name, image }: Container): boolean => name === PROXY_CONTAINER && image !== 'auto';
  const classic = spec.containers.find(isProxy);
  const native = spec.initContainers?.find((each) => isProxy(each) && each.restartPolicy === 'Always');
  const container = classic ?? native;
  return container === undefined ? undefined : { container, native: classic === undefined };
}

/** What a live pod says of its proxy. */
export interface LiveProxy {
  /** Whose settings the pod got, with Istio's defaults where PROXY_CONFIG is silent; undefined where it has none. */
  readonly values?: ProxyConfigValues;
  readonly container: Container;
  readonly istioVersion?: string;
  readonly originOf: (path: string) => Origin;
}

/** Istio's defaults: PROXY_CONFIG leaves them out. */
const DEFAULTS: ProxyConfigValues = {
  terminationDrainDuration: DEFAULT_TERMINATION_DRAIN_SECONDS,
  drainDuration: DEFAULT_DRAIN_DURATION_SECONDS,
  holdApplicationUntilProxyStarts: false,
};

export function readLivePod(live: LivePod | undefined): LiveProxy | undefined {
  const proxy = live === undefined ? undefined : liveProxy(live.template);
  if (live === undefined || proxy === undefined) {
    return undefined;
  }
  const text = proxy.container.env?.find(({ name }) => name === 'PROXY_CONFIG')?.value;
  const parsed = text === undefined ? undefined : parseProxyConfigAnnotation(text);
  return {
    container: proxy.container,
    istioVersion: versionOfImage(proxy.container.image),
    originOf: (path) => ({ level: 'LivePod', object: `live pod ${live.name}`, path }),
    ...(parsed?.ok === true ? { values: { ...DEFAULTS, ...parsed.values } } : {}),
  };
}

/** The form of the sidecar as a live pod shows it: a fact where rules only tell what should be. */
export function proxyInLivePod(verdict: ProxyVerdict, live: LivePod | undefined): ProxyVerdict {
  const proxy = live === undefined ? undefined : liveProxy(live.template);
  const isInjectedSidecar = verdict.kind !== 'Gateway' && verdict.kind !== 'GrpcAgent' && !isFilledIn(verdict);
  if (live === undefined || proxy === undefined || !isInjectedSidecar) {
    return verdict;
  }
  const kind = proxy.native ? 'Native' : 'Classic';
  const list = proxy.native ? 'initContainers' : 'containers';
  return {
    kind,
    container: kind,
    // The injector notes its revision on every pod.
    revision: verdict.revision ?? live.template.metadata?.annotations?.[REVISION_LABEL] ?? DEFAULT_REVISION,
    because: [`live pod ${live.name} has ${PROXY_CONTAINER} in ${list}`],
    missing: [],
    ambient: verdict.ambient,
  };
}
