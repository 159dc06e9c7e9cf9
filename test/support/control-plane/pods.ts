// Stands in for scheduler and kubelets. No container runs: pods are bound to nodes that exist as objects only, their
// status is written as a kubelet would once everything has started, and their deletion is finished at once. What a
// real kubelet does over time (hooks, grace periods, probes, image pulls) is not shown here.
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, ApiError, type KubeObject } from './client.ts';
import { kubernetesVersion } from './paths.ts';

/** Pods with this label set to "true" run but never become ready; take it off, and they do. */
export const neverReadyLabel = 'test.sidecardrain.io/never-ready';
/** Pods with this label set to "true" stay in Terminating when they are deleted, until it is taken off. */
export const holdTerminationLabel = 'test.sidecardrain.io/hold-termination';

interface Container {
  name: string;
  image: string;
  restartPolicy?: string;
}

interface PodSpec {
  nodeName?: string;
  restartPolicy?: string;
  containers: Container[];
  initContainers?: Container[];
  affinity?: {
    nodeAffinity?: {
      requiredDuringSchedulingIgnoredDuringExecution?: {
        nodeSelectorTerms?: { matchFields?: { key: string; values?: string[] }[] }[];
      };
    };
  };
}

interface Pod extends KubeObject {
  spec: PodSpec;
  status?: { phase?: string; podIP?: string; startTime?: string; conditions?: { type: string; status: string }[] };
}

export function nodeManifest(name: string, kubeletVersion: string = kubernetesVersion): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' },
    },
    status: {
      capacity: { cpu: '64', memory: '256Gi', pods: '10000' },
      allocatable: { cpu: '64', memory: '256Gi', pods: '10000' },
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'stands in for a kubelet' }],
      nodeInfo: {
        kubeletVersion,
        kubeProxyVersion: '',
        architecture: 'amd64',
        operatingSystem: 'linux',
        osImage: 'none',
        kernelVersion: 'none',
        containerRuntimeVersion: 'none://0',
        machineID: '',
        systemUUID: '',
        bootID: '',
      },
    },
  };
}

function daemonNode(spec: PodSpec): string | undefined {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  return terms.flatMap((term) => term.matchFields ?? []).find((field) => field.key === 'metadata.name')?.values?.[0];
}

function containerStatus(container: Container, kind: 'running' | 'completed', ready: boolean, now: string): object {
  const state =
    kind === 'running'
      ? { running: { startedAt: now } }
      : { terminated: { exitCode: 0, reason: 'Completed', startedAt: now, finishedAt: now } };
  return {
    name: container.name,
    image: container.image,
    imageID: '',
    restartCount: 0,
    state,
    started: kind === 'running',
    ready: kind === 'completed' || ready,
  };
}

function statusOf(pod: Pod, podIP: string, now: string): object {
  const runsToCompletion = (pod.spec.restartPolicy ?? 'Always') !== 'Always';
  const ready = !runsToCompletion && pod.metadata.labels?.[neverReadyLabel] !== 'true';
  const startTime = pod.status?.startTime ?? now;
  const condition = (type: string, value: boolean): object => ({
    type,
    status: value ? 'True' : 'False',
    lastTransitionTime: now,
    observedGeneration: pod.metadata.generation ?? 0,
    ...(value || type === 'PodScheduled' ? {} : { reason: runsToCompletion ? 'PodCompleted' : 'ContainersNotReady' }),
  });
  return {
    phase: runsToCompletion ? 'Succeeded' : 'Running',
    podIP,
    podIPs: [{ ip: podIP }],
    hostIP: '192.0.2.1',
    startTime,
    qosClass: undefined,
    conditions: [
      condition('PodReadyToStartContainers', !runsToCompletion),
      condition('Initialized', true),
      condition('Ready', ready),
      condition('ContainersReady', ready),
      condition('PodScheduled', true),
    ],
    initContainerStatuses: (pod.spec.initContainers ?? []).map((container) =>
      containerStatus(
        container,
        container.restartPolicy === 'Always' && !runsToCompletion ? 'running' : 'completed',
        true,
        startTime,
      ),
    ),
    containerStatuses: pod.spec.containers.map((container) =>
      containerStatus(container, runsToCompletion ? 'completed' : 'running', ready, startTime),
    ),
  };
}

export class PodMover {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  /** Whose turn it is, by the owner of pods: those of one are spread, whatever pods of others come between. */
  private readonly nextNode = new Map<string, number>();
  private nextAddress = 1;

  constructor(
    private readonly client: Client,
    private readonly nodes: string[],
  ) {
    // Many pods are moved at once, and each request listens.
    setMaxListeners(0, this.stopping.signal);
  }

  async start(): Promise<void> {
    for (const name of this.nodes) {
      await this.client.call('POST', '/api/v1/nodes', { body: nodeManifest(name) });
      // Admission taints every new node as not ready, and DaemonSets keep off until node-lifecycle takes that away.
      await this.client.call('PATCH', `/api/v1/nodes/${name}`, {
        contentType: 'application/merge-patch+json',
        body: { spec: { taints: null } },
      });
    }
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        const list = await this.client.call<{ metadata: { resourceVersion: string }; items: Pod[] }>(
          'GET',
          '/api/v1/pods',
          { signal },
        );
        await Promise.all(list.items.map((pod) => this.move(pod)));
        const path = `/api/v1/pods?watch=1&allowWatchBookmarks=true&resourceVersion=${list.metadata.resourceVersion}`;
        for await (const { type, object } of this.client.watch(path, signal)) {
          if (type === 'ERROR') {
            break;
          }
          if (type === 'ADDED' || type === 'MODIFIED') {
            void this.move(object as Pod);
          }
        }
      } catch {
        // The API server is being restarted, or we are being stopped: list again, or leave.
        await sleep(100, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private async move(pod: Pod): Promise<void> {
    try {
      await this.step(pod);
    } catch (error) {
      // Someone else was faster, or the server went away: the next event or list brings the pod back.
      if (error instanceof ApiError && ![404, 409, 422].includes(error.status)) {
        console.error(`pod ${pod.metadata.namespace}/${pod.metadata.name}: ${error.message}`);
        await this.again(pod);
      }
    }
  }

  /** A server that could not do it just then, as one whose storage was slow: no event would bring the pod back. */
  private async again({ metadata: { namespace, name } }: Pod): Promise<void> {
    const { signal } = this.stopping;
    try {
      await sleep(500, undefined, { signal });
      const pod = await this.client.call<Pod>('GET', `/api/v1/namespaces/${namespace}/pods/${name}`, { signal });
      await this.move(pod);
    } catch {
      // It is gone, or so is the server: then all pods are listed again.
    }
  }

  private async step(pod: Pod): Promise<void> {
    const { name, namespace, uid, labels, deletionTimestamp } = pod.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    const { signal } = this.stopping;
    if (deletionTimestamp !== undefined) {
      if (labels?.[holdTerminationLabel] !== 'true') {
        await this.client.call('DELETE', path, { body: { gracePeriodSeconds: 0, preconditions: { uid } }, signal });
      }
      return;
    }
    if (pod.spec.nodeName === undefined) {
      const target = daemonNode(pod.spec) ?? this.nodeFor(pod);
      const binding = {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace, uid },
        target: { apiVersion: 'v1', kind: 'Node', name: target },
      };
      await this.client.call('POST', `${path}/binding`, { body: binding, signal });
      return;
    }
    if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') {
      return;
    }
    const wanted = labels?.[neverReadyLabel] === 'true' ? 'False' : 'True';
    const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
    if (pod.status?.phase === 'Running' && ready === wanted) {
      return;
    }
    const podIP = pod.status?.podIP ?? this.address();
    const status = statusOf(pod, podIP, new Date().toISOString().replace(/\.\d+Z$/, 'Z'));
    await this.client.call('PATCH', `${path}/status`, {
      contentType: 'application/merge-patch+json',
      body: { metadata: { uid }, status },
      signal,
    });
  }

  private nodeFor({ metadata }: Pod): string | undefined {
    const [owner] = (metadata['ownerReferences'] ?? []) as { uid: string }[];
    const key = owner?.uid ?? '';
    const turn = this.nextNode.get(key) ?? 0;
    this.nextNode.set(key, turn + 1);
    return this.nodes[turn % this.nodes.length];
  }

  private address(): string {
    const number = this.nextAddress++;
    return `10.${64 + ((number >> 16) & 63)}.${(number >> 8) & 255}.${number & 255}`;
  }
}
