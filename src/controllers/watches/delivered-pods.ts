import { DELIVERED_LABEL } from '../../api/names.ts';
import type { KubernetesObject } from '../../api/kubernetes.ts';
import { ownerOfPod, type PodsDelivered } from '../../drain/admit/index.ts';
import { workloadKey, type Workload } from '../../drain/model/workload.ts';
import { Reflector, type KubeClient, type Logger, type ReflectorMetrics } from '../../kube/index.ts';
import { pods } from './resources.ts';

/** What is kept of a pod: whose it is, and under which intent it was made. */
interface DeliveredPod {
  readonly owner: string;
  readonly intent: string;
}

export interface DeliveredPodsOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly metrics?: ReflectorMetrics;
  /** Told of a workload whose pods have changed. */
  readonly onChange: (workload: string) => void;
  /** Pods can be looked at now, or no longer. */
  readonly onStateChange: () => void;
}

/** The pods that carry settings of `delivery: Admission`: only those, only their metadata, and of that two strings each. */
export class DeliveredPods {
  private readonly reflector: Reflector<KubernetesObject, DeliveredPod>;
  /** workload -> intent -> number of pods */
  private readonly counts = new Map<string, Map<string, number>>();
  private readonly onChange: (workload: string) => void;

  constructor({ client, logger, metrics, onChange, onStateChange }: DeliveredPodsOptions) {
    this.onChange = onChange;
    this.reflector = new Reflector<KubernetesObject, DeliveredPod>({
      client,
      logger,
      resource: pods,
      metadataOnly: true,
      labelSelector: DELIVERED_LABEL,
      onStateChange,
      // What has ended is replaced, and stays as an object all the same.
      fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed',
      metrics,
      project: ({ metadata = {} }) => {
        const owner = ownerOfPod(metadata, metadata.namespace ?? '');
        const intent = metadata.labels?.[DELIVERED_LABEL];
        return owner === undefined || intent === undefined || metadata.deletionTimestamp !== undefined
          ? undefined
          : { owner, intent };
      },
      equal: (a, b) => a.owner === b.owner && a.intent === b.intent,
      handlers: {
        onAdd: (_key, pod) => {
          this.count(pod, 1);
        },
        onUpdate: (_key, pod, previous) => {
          this.count(previous, -1);
          this.count(pod, 1);
        },
        onDelete: (_key, last) => {
          this.count(last, -1);
        },
      },
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    this.reflector.start();
    await this.reflector.waitForSync(signal, true);
  }

  async stop(): Promise<void> {
    await this.reflector.stop();
  }

  /** Undefined where pods cannot be looked at. */
  of(workload: Workload, intent: string): PodsDelivered | undefined {
    if (!this.reflector.hasSynced || this.reflector.state === 'Forbidden') {
      return undefined;
    }
    return { current: this.counts.get(workloadKey(workload))?.get(intent) ?? 0, wanted: workload.rollout.replicas };
  }

  private count({ owner, intent }: DeliveredPod, by: 1 | -1): void {
    const intents = this.counts.get(owner) ?? new Map<string, number>();
    const number = (intents.get(intent) ?? 0) + by;
    if (number > 0) {
      intents.set(intent, number);
    } else {
      intents.delete(intent);
    }
    if (intents.size > 0) {
      this.counts.set(owner, intents);
    } else {
      this.counts.delete(owner);
    }
    this.onChange(owner);
  }
}
