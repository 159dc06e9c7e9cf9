import { parse } from 'yaml';
import { readKubeletMinor } from '../../drain/mesh/facts.ts';
import type { NodeBudget, NodeGroup } from '../../drain/model/nodes.ts';
import {
  isClusterAutoscaler,
  isKarpenterNode,
  readAutoscalerLimit,
  readKubeletShutdown,
  readNodePool,
  readShortNode,
  shutdownGroup,
  type ShortNode,
} from '../../drain/nodes/read.ts';
import { at, metadataOf, textOf } from '../../drain/template/raw.ts';

type Value = Readonly<Record<string, unknown>>;

/** What the input says of nodes, and of how long they give their pods. */
export interface InputNodes {
  /** Names of all that were seen; undefined for one whose kubelet's version is not known. */
  readonly minors: Map<string, number | undefined>;
  readonly short: Map<string, ShortNode>;
  /** By name of what makes them or is said of them. */
  readonly groups: Map<string, readonly NodeGroup[]>;
  autoscaler?: NodeBudget;
  /** Karpenter has made one of them. */
  karpenter: boolean;
}

export function emptyNodes(): InputNodes {
  return { minors: new Map(), short: new Map(), groups: new Map(), karpenter: false };
}

/** Kubelets' minors by name of node; undefined where none is known. */
export function minorsOf({ minors }: InputNodes): ReadonlyMap<string, number> | undefined {
  const known = new Map([...minors].flatMap(([name, minor]) => (minor === undefined ? [] : [[name, minor] as const])));
  return known.size === 0 ? undefined : known;
}

/** kubeadm keeps the kubelets' configuration in it, for all nodes (kubeadm: "kubelet-config" in kube-system). */
export const KUBELET_CONFIG_MAP = { namespace: 'kube-system', name: 'kubelet-config' };

/** Keeps what an object says of nodes. False where it says nothing of them. What was read first wins. */
export function takeNodeFact(into: InputNodes, group: string, kind: string, value: Value): boolean {
  const name = metadataOf(value).name ?? '';
  switch (`${group}/${kind}`) {
    case '/Node':
      takeNode(into, name, value);
      return true;
    case 'karpenter.sh/NodePool':
      keep(into, `NodePool ${name}`, readNodePool(value));
      return true;
    case 'kubelet.config.k8s.io/KubeletConfiguration':
      takeKubelet(into, 'shutdownGracePeriod of a KubeletConfiguration', value);
      return true;
    case '/ConfigMap':
      return name === KUBELET_CONFIG_MAP.name && takeKubeletConfigMap(into, value);
    case 'apps/Deployment':
      if (isClusterAutoscaler(value)) {
        const seconds = readAutoscalerLimit(value);
        into.autoscaler ??=
          seconds === undefined ? undefined : { seconds, from: `--max-graceful-termination-sec of Deployment ${name}` };
      }
      return false;
    default:
      return false;
  }
}

function takeNode(into: InputNodes, name: string, value: Value): void {
  if (into.minors.has(name)) {
    return;
  }
  into.minors.set(name, readKubeletMinor(value));
  into.karpenter ||= isKarpenterNode(value);
  const short = readShortNode(value);
  if (short !== undefined) {
    into.short.set(name, short);
  }
}

/** Text that is not YAML is no configuration of anything. */
function takeKubeletConfigMap(into: InputNodes, value: Value): boolean {
  const text = textOf(at(value, ['data', 'kubelet']));
  if (text === undefined) {
    return false;
  }
  try {
    takeKubelet(into, `shutdownGracePeriod of ConfigMap ${KUBELET_CONFIG_MAP.name}`, parse(text));
    return true;
  } catch {
    return false;
  }
}

function takeKubelet(into: InputNodes, from: string, config: unknown): void {
  const seconds = readKubeletShutdown(config);
  if (seconds !== undefined) {
    keep(into, `${from} ${seconds}`, [shutdownGroup({ seconds, from })]);
  }
}

function keep(into: InputNodes, key: string, groups: readonly NodeGroup[]): void {
  if (!into.groups.has(key)) {
    into.groups.set(key, groups);
  }
}
