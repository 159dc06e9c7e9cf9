import type { KubernetesObject, LabelSelector } from '../../api/kubernetes.ts';
import type { Budget } from '../../drain/rollout/obstacle.ts';
import { pictureOf, type KubeClient, type Logger, type Picture, type ReflectorMetrics } from '../../kube/index.ts';
import { podDisruptionBudgets } from './resources.ts';

export interface BudgetCacheOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly metrics?: ReflectorMetrics;
  /** Undefined for all. */
  readonly watchNamespaces?: readonly string[];
  /** Without a namespace: whether budgets can be looked at is another answer now, everywhere. */
  readonly onBudget: (namespace: string | undefined) => void;
}

interface RawBudget extends KubernetesObject {
  readonly spec?: { readonly selector?: LabelSelector };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly disruptionsAllowed?: number;
    readonly desiredHealthy?: number;
    readonly expectedPods?: number;
  };
}

const NONE: ReadonlyMap<string, Budget> = new Map();

/** The PodDisruptionBudgets of the cluster, as far as waves care. */
export class BudgetCache {
  readonly reflector: Picture<Budget>;
  private readonly byNamespace = new Map<string, Map<string, Budget>>();

  constructor({ client, logger, metrics, onBudget, watchNamespaces }: BudgetCacheOptions) {
    const put = (budget: Budget): void => {
      const all = this.byNamespace.get(budget.namespace) ?? new Map<string, Budget>();
      all.set(budget.name, budget);
      this.byNamespace.set(budget.namespace, all);
      onBudget(budget.namespace);
    };
    this.reflector = pictureOf<RawBudget, Budget>(
      {
        client,
        logger,
        metrics,
        resource: podDisruptionBudgets,
        project: readBudget,
        // The exact number of disruptions does not matter, and changes with every pod.
        equal: (a, b) =>
          a.observed === b.observed &&
          a.disruptionsAllowed > 0 === b.disruptionsAllowed > 0 &&
          a.desiredHealthy >= a.expectedPods === b.desiredHealthy >= b.expectedPods &&
          JSON.stringify(a.selector) === JSON.stringify(b.selector),
        handlers: {
          onAdd: (_key, budget) => {
            put(budget);
          },
          onUpdate: (_key, budget) => {
            put(budget);
          },
          onDelete: (_key, budget) => {
            const left = this.byNamespace.get(budget.namespace);
            left?.delete(budget.name);
            if (left?.size === 0) {
              this.byNamespace.delete(budget.namespace);
            }
            onBudget(budget.namespace);
          },
        },
        // Namespaces without any budget waited too.
        onStateChange: () => {
          onBudget(undefined);
        },
      },
      watchNamespaces,
    );
  }

  in(namespace: string): Iterable<Budget> {
    return (this.byNamespace.get(namespace) ?? NONE).values();
  }

  /** Why it is not known what budgets there are: then nothing may be restarted that waits for them. */
  lostBecause(): string | undefined {
    const { state, hasSynced, stateDetail } = this.reflector;
    return state === 'Forbidden' || !hasSynced ? (stateDetail ?? 'they have not been read yet') : undefined;
  }
}

function readBudget({ metadata, spec, status }: RawBudget): Budget {
  return {
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    ...(spec?.selector === undefined ? {} : { selector: spec.selector }),
    observed: status?.observedGeneration !== undefined && status.observedGeneration >= (metadata?.generation ?? 0),
    disruptionsAllowed: status?.disruptionsAllowed ?? 0,
    desiredHealthy: status?.desiredHealthy ?? 0,
    expectedPods: status?.expectedPods ?? 0,
  };
}
