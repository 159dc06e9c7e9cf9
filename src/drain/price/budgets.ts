import type { LabelSelector } from '../../api/kubernetes.ts';
import { workloadKey, type Workload } from '../model/workload.ts';
import { matchesSelector } from '../selection/labels.ts';
import { at, metadataOf, textOf, type RawObject } from '../template/raw.ts';

/** What a PodDisruptionBudget asks for. */
export interface BudgetSpec {
  readonly namespace: string;
  readonly name: string;
  readonly selector?: LabelSelector;
  /** Pods, or a share such as `50%`. */
  readonly minAvailable?: number | string;
  readonly maxUnavailable?: number | string;
}

/** A PodDisruptionBudget while all of its pods are healthy. */
export interface PricedBudget {
  /** `namespace/name`. */
  readonly name: string;
  /** Pods of it that may be gone at a time. */
  readonly allowed: number;
  /** Keys of the workloads whose pods it counts. */
  readonly workloads: readonly string[];
}

/** @param namespace of a manifest that states none */
export function readBudgetSpec(raw: RawObject, namespace = ''): BudgetSpec {
  const metadata = metadataOf(raw);
  return {
    namespace: metadata.namespace ?? namespace,
    name: metadata.name ?? '',
    selector: at(raw, ['spec', 'selector']) as LabelSelector | undefined,
    minAvailable: amountOf(at(raw, ['spec', 'minAvailable'])),
    maxUnavailable: amountOf(at(raw, ['spec', 'maxUnavailable'])),
  };
}

/** By the key of each workload that a budget selects the budget that lets fewest of its pods go. */
export function budgetsOf(
  workloads: readonly Workload[],
  specs: readonly BudgetSpec[],
): ReadonlyMap<string, PricedBudget> {
  const found = new Map<string, PricedBudget>();
  if (specs.length === 0) {
    return found;
  }
  const byNamespace = new Map<string, Workload[]>();
  for (const workload of workloads) {
    const own = byNamespace.get(workload.namespace) ?? [];
    own.push(workload);
    byNamespace.set(workload.namespace, own);
  }
  for (const spec of specs) {
    const own = (byNamespace.get(spec.namespace) ?? []).filter(
      ({ template, kind, controllerOwner }) =>
        kind !== 'DaemonSet' &&
        // Their workload counts them.
        !(controllerOwner !== undefined && (kind === 'Pod' || kind === 'ReplicaSet')) &&
        spec.selector !== undefined &&
        matchesSelector(spec.selector, template.metadata?.labels ?? {}),
    );
    const pods = own.reduce((sum, { rollout }) => sum + rollout.replicas, 0);
    const budget = {
      name: `${spec.namespace}/${spec.name}`,
      allowed: allowedOf(spec, pods),
      workloads: own.map(workloadKey),
    };
    for (const key of budget.workloads) {
      if (budget.allowed < (found.get(key)?.allowed ?? Infinity)) {
        found.set(key, budget);
      }
    }
  }
  return found;
}

/** Shares are rounded up, of what has to stay and of what may go alike (Kubernetes, disruption controller). */
function allowedOf({ minAvailable, maxUnavailable }: BudgetSpec, pods: number): number {
  const allowed = maxUnavailable === undefined ? pods - scaled(minAvailable ?? 1, pods) : scaled(maxUnavailable, pods);
  return Math.min(pods, Math.max(0, allowed));
}

function scaled(amount: number | string, pods: number): number {
  return typeof amount === 'number' ? amount : Math.ceil((Number.parseInt(amount, 10) * pods) / 100);
}

function amountOf(raw: unknown): number | string | undefined {
  if (typeof raw === 'number' && Number.isInteger(raw)) {
    return raw;
  }
  const text = textOf(raw);
  return text !== undefined && /^\d{1,3}%$/.test(text) ? text : undefined;
}
