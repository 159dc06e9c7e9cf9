import { GROUP } from '../../../api/names.ts';
import type { KubernetesObject } from '../../../api/kubernetes.ts';
import type { InputPolicy } from '../../input/collected.ts';
import { emptyCollection } from '../../input/collected.ts';
import { ObjectIntake } from '../../input/intake.ts';
import type { JudgedKinds } from '../../input/kinds.ts';
import type { Stated } from '../../facts/flags.ts';
import type { JudgeContext } from '../../facts/judge.ts';
import { BUDGETS, NODE_POOLS } from '../../facts/cluster.ts';
import { factsOf } from '../../facts/mesh.ts';
import type { BudgetSpec } from '../../../drain/price/budgets.ts';
import { recordOf } from '../../../drain/template/raw.ts';
import type { Resource } from '../../../kube/index.ts';

export type RawFact = KubernetesObject & Readonly<Record<string, unknown>>;

export const NODES = 'Node';
const WEBHOOKS = 'MutatingWebhookConfiguration';

/** An object by which workloads are judged, without what changes all the time and is not looked at. */
export function slimFact({ kind }: Resource, raw: RawFact): RawFact {
  const metadata = { ...raw.metadata, managedFields: undefined, resourceVersion: undefined };
  if (kind !== NODES) {
    return { ...raw, metadata };
  }
  const { nodeInfo } = (raw['status'] ?? {}) as { nodeInfo?: { kubeletVersion?: string } };
  const { providerID, taints } = (raw['spec'] ?? {}) as { providerID?: unknown; taints?: unknown };
  return {
    metadata: { name: raw.metadata?.name, labels: raw.metadata?.labels },
    spec: { providerID, taints },
    status: { nodeInfo: { kubeletVersion: nodeInfo?.kubeletVersion } },
  };
}

/** Whether workloads are judged by it as before: statuses do not count, but of nodes, of which nothing else is kept. */
export function sameFact(one: RawFact, other: RawFact): boolean {
  const text = (raw: RawFact): string => {
    const isNode = 'nodeInfo' in recordOf(raw['status']);
    return JSON.stringify(isNode ? raw : { ...raw, status: undefined });
  };
  return text(one) === text(other);
}

/** What workloads are judged by, made anew from everything that is watched. */
export interface Known {
  readonly context: JudgeContext;
  readonly policies: readonly InputPolicy[];
  readonly budgets: readonly BudgetSpec[];
  /** Where istiod runs. */
  readonly meshNamespaces: readonly string[];
}

export interface KnownOptions {
  readonly kinds: JudgedKinds;
  readonly stated: Stated;
  readonly forbidden: readonly Resource[];
  /** Seconds since 1970. */
  readonly now: number;
}

export function knownFrom(
  facts: Iterable<{ readonly resource: Resource; readonly raw: RawFact }>,
  { kinds, stated, forbidden, now }: KnownOptions,
): Known {
  const collected = emptyCollection(kinds);
  const intake = new ObjectIntake(collected, { namespace: '' });
  for (const { resource, raw } of facts) {
    intake.object(resource.apiVersion, resource.kind, raw, false);
  }
  const webhooks = forbidden.find(({ kind }) => kind === WEBHOOKS);
  return {
    policies: collected.policies,
    budgets: collected.budgets,
    meshNamespaces: intake.controlPlaneNamespaces(),
    context: {
      facts: factsOf(collected, stated, {
        complete: true,
        webhooksUnknownBecause: webhooks === undefined ? undefined : gapText(webhooks),
      }),
      stated,
      policies: collected.policies.map(({ record }) => record),
      exemptions: collected.exemptions,
      now,
    },
  };
}

/** What follows from a kind that may not be watched. */
export function gapText({ fullName, group, kind }: Resource): string {
  return `${fullName} may not be listed and watched${followsFrom(kind, group)}`;
}

function followsFrom(kind: string, group: string): string {
  if (group === GROUP) {
    return '';
  }
  switch (kind) {
    case NODES:
      return ': node drains have no price, and the form of sidecars may not be known';
    case BUDGETS:
      return ': what they make node drains wait for is not known';
    case NODE_POOLS:
      return ': what the nodes that Karpenter makes give their pods is not known';
    case WEBHOOKS:
      return ': who gets a sidecar is not known';
    case 'Namespace':
      return ': whom policies select is not known';
    case 'ConfigMap':
      return ": Istio's configuration, or the off switch, is not known";
    case 'ProxyConfig':
      return ': what they set is not known';
    default:
      return ': none of them is shown';
  }
}
