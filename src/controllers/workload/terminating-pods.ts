import { workloadKey, type Workload } from '../../drain/model/workload.ts';
import { isApiError, type KubeClient, type Logger } from '../../kube/index.ts';
import { podsOf } from './pods-of.ts';

export interface TerminatingPodsOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Another number is known of a workload, or it should be looked at again, after so many milliseconds. */
  readonly lookAgain: (workload: string, ms: number) => void;
}

interface Look {
  /** Of which rollout, and at which version of the workload. */
  readonly generation: number;
  readonly version: string | undefined;
  readonly at: number;
  /** Absent until the answer is there. */
  count?: number;
}

/** More old pods than this are as good as this many: the workload rolls out alone then. */
const PODS_READ = 200;
const LOOK_AGAIN_MS = 5_000;

/**
 * How many pods of a workload still terminate, where its status does not tell (Kubernetes below 1.35). Only workloads that
 * keep a slot ask, so there are never more looks than slots. Where pods may not be read there are none, and nothing waits.
 */
export class TerminatingPods {
  private readonly looks = new Map<string, Look>();

  constructor(private readonly options: TerminatingPodsOptions) {}

  /** Undefined: nobody has looked yet. */
  of(key: string, workload: Workload): number | undefined {
    const last = this.looks.get(key);
    const generation = workload.generation ?? 0;
    const known = last?.generation === generation ? last : undefined;
    const version = workload.resourceVersion;
    if (known !== undefined && (known.count === undefined || this.isNew(known, version))) {
      return known.count;
    }
    const look: Look = { generation, version, at: this.options.now() };
    this.looks.set(key, look);
    void this.look(key, workload, look);
    return known?.count;
  }

  private isNew({ version, at }: Look, current: string | undefined): boolean {
    return version === current && this.options.now() - at < LOOK_AGAIN_MS;
  }

  forget(key: string): void {
    this.looks.delete(key);
  }

  private async look(key: string, workload: Workload, look: Look): Promise<void> {
    try {
      const found = await podsOf(this.options.client, workload, PODS_READ);
      look.count = found.filter(({ metadata }) => metadata?.deletionTimestamp !== undefined).length;
    } catch (error) {
      if (isApiError(error) && error.isForbidden) {
        look.count = 0;
      } else {
        this.options.logger.warn('the old pods of a workload cannot be read', {
          workload: workloadKey(workload),
          error,
        });
        this.looks.delete(key);
        this.options.lookAgain(key, LOOK_AGAIN_MS);
        return;
      }
    }
    this.options.lookAgain(key, 0);
    if (look.count > 0) {
      this.options.lookAgain(key, LOOK_AGAIN_MS + 10);
    }
  }
}
