import type { Seconds } from '../../api/duration.ts';
import { parseGoDuration } from '../duration.ts';
import type { NodeBudget, NodeGroup, Taint } from '../model/nodes.ts';
import { at, listOf, metadataOf, numberOf, recordOf, textOf, type RawObject } from '../template/raw.ts';
import { isLastingTaint } from './landing.ts';
import { spotBudget } from './spot.ts';

type Labels = Readonly<Record<string, string>>;

const KARPENTER_CAPACITY = 'karpenter.sh/capacity-type';
const KARPENTER_POOL = 'karpenter.sh/nodepool';
/** Each node has its own, so that nodes alike would differ by them. */
const OF_ONE_NODE = new Set([
  'kubernetes.io/hostname',
  'node.kubernetes.io/instance-id',
  'topology.ebs.csi.aws.com/zone',
]);

/** A node that gives its pods little time, as far as landing on it goes. */
export interface ShortNode {
  readonly labels: Labels;
  readonly taints: readonly Taint[];
  readonly provider?: string;
}

/** Whether Karpenter has made the node: then there are NodePools, whether they can be read or not. */
export function isKarpenterNode(raw: RawObject): boolean {
  return Object.hasOwn(stringsOf(metadataOf(raw).labels), KARPENTER_POOL);
}

/** What makes a node short-lived is read with the rest of the facts; nodes that are not take up nothing. */
export function readShortNode(raw: RawObject): ShortNode | undefined {
  const labels = stringsOf(metadataOf(raw).labels);
  const provider = textOf(at(raw, ['spec', 'providerID']));
  if (spotBudget(labels, provider, undefined) === undefined) {
    return undefined;
  }
  return {
    labels: Object.fromEntries(Object.entries(labels).filter(([key]) => !OF_ONE_NODE.has(key))),
    taints: taintsOf(at(raw, ['spec', 'taints'])),
    // Of the ID only the provider is of use: `aws:///eu-west-1a/i-0123`.
    provider: provider?.slice(0, provider.indexOf(':') + 1),
  };
}

/** The nodes alike together. @param shutdown what the kubelet's graceful shutdown gives, where that is stated */
export function groupNodes(nodes: Iterable<ShortNode>, shutdown: Seconds | undefined): NodeGroup[] {
  const groups = new Map<string, NodeGroup>();
  for (const { labels, taints, provider } of nodes) {
    const budget = spotBudget(labels, provider, shutdown);
    if (budget === undefined) {
      continue;
    }
    const key = JSON.stringify([budget, Object.entries(labels).sort(), taints]);
    const known = groups.get(key);
    const values = Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, [value]]));
    groups.set(key, { budget, labels: values, open: 'Hostname', taints, nodes: (known?.nodes ?? 0) + 1 });
  }
  return [...groups.values()];
}

/**
 * What the nodes of a Karpenter NodePool give (karpenter.sh/v1): `terminationGracePeriod` ends pods early enough that they are
 * gone when it is over, however long their own grace period is (Karpenter, "Disruption"); capacity type spot is taken back.
 */
export function readNodePool(raw: RawObject): NodeGroup[] {
  const name = metadataOf(raw).name ?? '';
  const template = at(raw, ['spec', 'template']);
  const own = stringsOf(at(template, ['metadata', 'labels']));
  const requirements = listOf(at(template, ['spec', 'requirements'])).map(recordOf);
  const labels: Record<string, readonly string[]> = { [KARPENTER_POOL]: [name] };
  for (const { key, operator, values } of requirements) {
    if (operator === 'In') {
      labels[textOf(key) ?? ''] = listOf(values).flatMap((value) => textOf(value) ?? []);
    }
  }
  for (const [key, value] of Object.entries(own)) {
    labels[key] = [value];
  }
  const common = { open: 'Platform' as const, taints: taintsOf(at(template, ['spec', 'taints'])) };
  const groups: NodeGroup[] = [];
  const limit = durationOf(at(template, ['spec', 'terminationGracePeriod']));
  if (limit !== undefined) {
    const budget = { seconds: limit, from: `terminationGracePeriod of NodePool ${name}` };
    groups.push({ ...common, budget, labels });
  }
  if (requirements.some(asksForSpot)) {
    const provider = textOf(at(template, ['spec', 'nodeClassRef', 'group']));
    const budget = spotBudget({ [KARPENTER_CAPACITY]: 'spot' }, provider, undefined);
    if (budget !== undefined) {
      const from = `NodePool ${name}: ${budget.from}`;
      groups.push({ ...common, budget: { ...budget, from }, labels: { ...labels, [KARPENTER_CAPACITY]: ['spot'] } });
    }
  }
  return groups;
}

/** Where a NodePool requires no capacity type, Karpenter takes on-demand nodes. */
function asksForSpot({ key, operator, values }: Readonly<Record<string, unknown>>): boolean {
  return key === KARPENTER_CAPACITY && (operator === 'In') === listOf(values).includes('spot');
}

/**
 * What a KubeletConfiguration gives pods that are not critical when its node is shut down without a drain (KEP-2000:
 * shutdownGracePeriodCriticalPods is the last part of shutdownGracePeriod; KEP-2712: by priority). Undefined where it does not
 * wait at all, which is the default: then a node that is shut down kills its pods.
 */
export function readKubeletShutdown(raw: unknown): Seconds | undefined {
  const config = recordOf(raw);
  const byPriority = listOf(config['shutdownGracePeriodByPodPriority'])
    .map(recordOf)
    .filter(({ priority }) => (numberOf(priority) ?? 0) < SYSTEM_PRIORITY)
    .flatMap(({ shutdownGracePeriodSeconds }) => numberOf(shutdownGracePeriodSeconds) ?? []);
  if (byPriority.length > 0) {
    return Math.min(...byPriority);
  }
  const all = durationOf(config['shutdownGracePeriod']) ?? 0;
  const critical = durationOf(config['shutdownGracePeriodCriticalPods']) ?? 0;
  return all > critical ? all - critical : undefined;
}

/** Priorities from here on are the system's own (system-cluster-critical is 2000000000). */
const SYSTEM_PRIORITY = 2_000_000_000;

/** A budget of kubelets of which it is not known which nodes they run: it may be any. */
export function shutdownGroup(budget: NodeBudget): NodeGroup {
  return { budget, labels: {}, open: 'All', taints: [] };
}

/** A Deployment that runs cluster-autoscaler: a chart calls it what it likes, and the program by its name. */
export function isClusterAutoscaler(raw: RawObject): boolean {
  return containersOf(raw).some(
    ({ image, command }) =>
      /(?:^|\/)cluster-autoscaler(?:-[a-z0-9]+)?(?:[:@]|$)/.test(textOf(image) ?? '') ||
      listOf(command).some((word) => /(?:^|\/)cluster-autoscaler$/.test(textOf(word) ?? '')),
  );
}

function containersOf(raw: RawObject): readonly Readonly<Record<string, unknown>>[] {
  return listOf(at(raw, ['spec', 'template', 'spec', 'containers'])).map(recordOf);
}

/** `--max-graceful-termination-sec` of a Deployment that runs cluster-autoscaler; undefined where it says nothing of it. */
export function readAutoscalerLimit(raw: RawObject): Seconds | undefined {
  const words = containersOf(raw).flatMap(({ command, args }) => [...listOf(command), ...listOf(args)]).flatMap((word) => textOf(word) ?? []); // prettier-ignore
  for (const [index, word] of words.entries()) {
    const match = /^--?max-graceful-termination-sec(?:=(\d{1,7}))?$/.exec(word);
    const seconds = match === null ? undefined : (match[1] ?? words[index + 1]);
    if (seconds !== undefined && /^\d{1,7}$/.test(seconds)) {
      return Number(seconds);
    }
  }
  return undefined;
}

function taintsOf(raw: unknown): Taint[] {
  return listOf(raw)
    .map(recordOf)
    .flatMap(({ key, value, effect }): Taint[] =>
      effect === 'NoSchedule' || effect === 'NoExecute'
        ? [{ key: textOf(key) ?? '', value: textOf(value) ?? '', effect }]
        : [],
    )
    .filter(({ key }) => isLastingTaint(key));
}

function stringsOf(raw: unknown): Labels {
  return Object.fromEntries(
    Object.entries(recordOf(raw)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Whole seconds: grace periods have no parts of them. */
function durationOf(raw: unknown): Seconds | undefined {
  const parsed = typeof raw === 'string' ? parseGoDuration(raw) : undefined;
  return parsed?.ok === true && parsed.seconds >= 0 ? Math.floor(parsed.seconds) : undefined;
}
