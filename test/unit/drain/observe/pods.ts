// Pods as their statuses look at the end: the shape that kubelets write (times cut to whole seconds).
import type { RawPod } from '../../../../src/drain/observe/index.ts';

export const DELETED = Date.parse('2026-11-21T10:00:00.400Z');

/** As a status or a deletionTimestamp says it. */
export function stamp(seconds: number): string {
  return `${new Date(Math.floor((DELETED + seconds * 1000) / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

export interface Ended {
  readonly code?: number;
  /** Seconds after the deletion. */
  readonly at: number;
  readonly reason?: string;
}

export interface PodSketch {
  readonly name?: string;
  readonly uid?: string;
  readonly native?: boolean;
  readonly grace?: number;
  /** `undefined`: it still runs. */
  readonly app?: Ended;
  /** `null`: there is no proxy. */
  readonly proxy?: Ended | null;
  readonly deleted?: boolean;
}

export function pod({
  name = 'checkout-5d9f7c-abcde',
  uid = name,
  native = false,
  grace = 30,
  app,
  proxy,
  deleted = true,
}: PodSketch = {}): RawPod {
  const status = (container: string, ended: Ended | undefined): object => ({
    name: container,
    restartCount: 0,
    state:
      ended === undefined
        ? { running: { startedAt: stamp(-600) } }
        : {
            terminated: {
              exitCode: ended.code ?? 0,
              reason: ended.reason ?? (ended.code === undefined || ended.code === 0 ? 'Completed' : 'Error'),
              startedAt: stamp(-600),
              finishedAt: stamp(ended.at),
            },
          },
  });
  const image = 'docker.io/istio/proxyv2:1.30.3';
  const sidecar = { name: 'istio-proxy', image, ...(native ? { restartPolicy: 'Always' } : {}) };
  const hasProxy = proxy !== null;
  const initStatus = {
    name: 'istio-init',
    restartCount: 0,
    state: { terminated: { exitCode: 0, reason: 'Completed', finishedAt: stamp(-599) } },
  };
  return {
    metadata: {
      name,
      uid,
      namespace: 'shop',
      labels: { 'pod-template-hash': '5d9f7c' },
      ownerReferences: [{ kind: 'ReplicaSet', name: 'checkout-5d9f7c' }],
      ...(deleted ? { deletionTimestamp: stamp(grace), deletionGracePeriodSeconds: grace } : {}),
    },
    spec: {
      containers: [{ name: 'server', image: 'registry.example/server:1' }, ...(hasProxy && !native ? [sidecar] : [])],
      initContainers: [{ name: 'istio-init', image }, ...(hasProxy && native ? [sidecar] : [])],
    },
    status: {
      phase: 'Running',
      containerStatuses: [
        status('server', app),
        ...(hasProxy && !native ? [status('istio-proxy', proxy)] : []),
      ] as never,
      initContainerStatuses: [initStatus, ...(hasProxy && native ? [status('istio-proxy', proxy)] : [])] as never,
    },
  };
}
