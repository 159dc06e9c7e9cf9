import type { KubernetesObject } from '../../api/kubernetes.ts';
import { readKubeletMinor, type MeshRecords } from '../../drain/mesh/facts.ts';
import type { NodeGroup } from '../../drain/model/nodes.ts';
import { readNodePool, readShortNode, type ShortNode } from '../../drain/nodes/read.ts';
import {
  Reflector,
  type KubeClient,
  type Logger,
  type Picture,
  type ReflectorMetrics,
  type ReflectorState,
} from '../../kube/index.ts';
import { nodePools, nodes } from './resources.ts';

interface NodeRecord {
  readonly minor: number;
  /** Only of nodes that may be taken back at short notice. */
  readonly short?: ShortNode;
}

export interface NodeWatchesOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly metrics?: ReflectorMetrics;
  /** Something is known of nodes that was not, or no longer. */
  readonly onChange: () => void;
}

/** What is known of nodes: those that are there, and what makes them. Their heartbeats change nothing. */
export class NodeWatches {
  readonly nodes: Reflector<KubernetesObject, NodeRecord>;
  readonly pools: Reflector<KubernetesObject, readonly NodeGroup[]>;

  constructor({ onChange, ...common }: NodeWatchesOptions) {
    const shared = {
      ...common,
      equal: (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b),
      handlers: { onAdd: onChange, onUpdate: onChange, onDelete: onChange },
      onStateChange: (state: ReflectorState, previous: ReflectorState): void => {
        if (state !== previous) {
          onChange();
        }
      },
    };
    this.nodes = new Reflector<KubernetesObject, NodeRecord>({
      ...shared,
      resource: nodes,
      project: (raw) => ({
        minor: readKubeletMinor(raw as Parameters<typeof readKubeletMinor>[0]) ?? 0,
        short: readShortNode(raw),
      }),
    });
    this.pools = new Reflector<KubernetesObject, readonly NodeGroup[]>({
      ...shared,
      resource: nodePools,
      project: readNodePool,
    });
  }

  get all(): readonly Picture<unknown>[] {
    return [this.nodes, this.pools];
  }

  records(): Pick<MeshRecords, 'kubeletMinorByNode' | 'shortNodes' | 'nodeGroups'> {
    const { store, state } = this.nodes;
    return {
      kubeletMinorByNode:
        state === 'Forbidden' ? undefined : new Map([...store.entries()].map(([name, { minor }]) => [name, minor])),
      shortNodes: [...store.values()].flatMap(({ short }) => short ?? []),
      nodeGroups: [...this.pools.store.values()].flat(),
    };
  }
}
