// Who rolled when, as the API server stored it: read from a watch of Deployments, from the first state after a template
// change until every replica runs the new template and is available.
import type { Cluster } from './cluster.ts';
import type { KubeObject } from './control-plane/index.ts';

export interface Rolled {
  readonly workload: string;
  /** Milliseconds since 1970. */
  readonly from: number;
  /** Absent while it rolls. */
  to?: number;
}

interface DeploymentObject extends KubeObject {
  readonly spec: { readonly replicas: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
  };
}

export interface RolloutRecord {
  readonly rolled: readonly Rolled[];
  /** The most workloads that rolled at once. */
  most(): number;
  /** How often each workload was restarted, those that were not left out. */
  restarts(): ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

function isAtRest({ metadata, spec, status = {} }: DeploymentObject): boolean {
  return (
    status.observedGeneration === metadata.generation &&
    status.updatedReplicas === spec.replicas &&
    status.replicas === spec.replicas &&
    status.availableReplicas === spec.replicas
  );
}

/** Begins with the Deployments of these namespaces as they are now. */
export async function recordRollouts(cluster: Cluster, namespaces: ReadonlySet<string>): Promise<RolloutRecord> {
  const abort = new AbortController();
  const list = await cluster.client.call<{ metadata: { resourceVersion: string }; items: DeploymentObject[] }>(
    'GET',
    '/apis/apps/v1/deployments',
  );
  const generations = new Map(list.items.map(({ metadata }) => [metadata.uid, metadata.generation]));
  const rolled: Rolled[] = [];
  const open = new Map<string, Rolled>();
  let most = 0;
  const look = (object: DeploymentObject): void => {
    const { namespace = '', name, uid = '', generation } = object.metadata;
    if (!namespaces.has(namespace)) {
      return;
    }
    const current = open.get(uid);
    if (generation !== generations.get(uid)) {
      generations.set(uid, generation);
      if (current === undefined) {
        const begun: Rolled = { workload: `${namespace}/${name}`, from: Date.now() };
        rolled.push(begun);
        open.set(uid, begun);
      }
    }
    if (open.has(uid) && isAtRest(object)) {
      (open.get(uid) as Rolled).to = Date.now();
      open.delete(uid);
    }
    most = Math.max(most, open.size);
  };
  const running = (async () => {
    try {
      for await (const { object } of cluster.client.watch(
        `/apis/apps/v1/deployments?watch=1&resourceVersion=${list.metadata.resourceVersion}`,
        abort.signal,
      )) {
        look(object as DeploymentObject);
      }
    } catch {
      // Ended by us.
    }
  })();
  return {
    rolled,
    most: () => most,
    restarts: () => {
      const counts = new Map<string, number>();
      for (const { workload } of rolled) {
        counts.set(workload, (counts.get(workload) ?? 0) + 1);
      }
      return counts;
    },
    async stop() {
      abort.abort();
      await running;
    },
  };
}

/** A fleet over several namespaces with a label in common, in which one Deployment can never roll out: its namespace has no room for one more pod. */
export interface Fleet {
  readonly namespaces: ReadonlySet<string>;
  readonly sick: string;
  readonly sickNamespace: string;
  /** Gives the sick one room. */
  cure(): Promise<void>;
}

interface FleetScene {
  readonly cluster: Cluster;
  meshed(prefix: string, labels?: Record<string, string>): Promise<string>;
  rolledOut(namespace: string, name: string): Promise<void>;
}

/** @param before workloads that come before the sick one in the order of namespaces and names */
export async function makeFleet(
  scene: FleetScene,
  label: string,
  count: number,
  before: number,
  make: (namespace: string, name: string) => object,
): Promise<Fleet> {
  const { cluster } = scene;
  const labels = { fleet: label };
  const rooms = await Promise.all(
    ['a', 'b', 'c', 'd'].map(async (room) => await scene.meshed(`${label}-${room}`, labels)),
  );
  const first = await scene.meshed(`${label}-0`, labels);
  const sickNamespace = await scene.meshed(`${label}-1-sick`, labels);
  const room = (index: number): string => (index < before ? first : (rooms[index % rooms.length] ?? ''));
  const create = async (from: number, to: number): Promise<void> => {
    for (let start = from; start < to; start += 10) {
      await Promise.all(
        Array.from(
          { length: Math.min(10, to - start) },
          async (_, index) => await cluster.create(make(room(start + index), `web-${start + index}`)),
        ),
      );
    }
  };
  await create(0, count - 1);
  await cluster.create(make(sickNamespace, 'sick'));
  for (let index = 0; index < count - 1; index += 1) {
    await scene.rolledOut(room(index), `web-${index}`);
  }
  await scene.rolledOut(sickNamespace, 'sick');
  const quota = `/api/v1/namespaces/${sickNamespace}/resourcequotas/full`;
  await cluster.create({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { namespace: sickNamespace, name: 'full' },
    spec: { hard: { pods: '1' } },
  });
  await cluster.waitFor<KubeObject & { status?: { used?: { pods?: string } } }>(
    quota,
    ({ status }) => status?.used?.pods === '1',
  );
  return {
    namespaces: new Set([first, ...rooms, sickNamespace]),
    sick: `Deployment/${sickNamespace}/sick`,
    sickNamespace,
    cure: async () => {
      await cluster.client.call('DELETE', quota);
    },
  };
}
