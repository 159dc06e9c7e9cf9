import { PROXY_CONFIG_MARK_ANNOTATION, PROXY_CONTAINER } from '../../api/names.ts';
import { DRAIN_VARIABLES } from '../../drain/model/managed.ts';
import { workloadKey, type Workload } from '../../drain/model/workload.ts';
import { isApiError, type KubeClient, type Logger } from '../../kube/index.ts';
import { podsOf } from './pods-of.ts';

/** `Unproven`: nobody has looked yet. `Missing`: a new pod has come up without the variables. */
export type EnvironmentVerdict = 'Yes' | 'Unproven' | 'Missing';

export interface EnvironmentProofOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  /** Another verdict is known of a workload now. */
  readonly onProven: (workload: string) => void;
}

interface Known {
  readonly of: string;
  verdict: EnvironmentVerdict;
}

/** One new pod tells; some more are read because the first ones may be of an older template. */
const PODS_READ = 20;
const LOOKS_AT_ONCE = 4;
const LOOK_AGAIN_MS = 5_000;

/**
 * istiod's injector uses a new ProxyConfig some time after it was written (0.1 to 0.5 s where it was measured, later on a
 * busy mesh), and a pod that is made before stays without its variables for life. So the pods of a finished rollout are
 * looked at, once for each template. Where pods may not be read nothing is known, and nothing is held up.
 */
export class EnvironmentProof {
  private readonly options: EnvironmentProofOptions;
  private readonly known = new Map<string, Known>();
  private readonly pending: Workload[] = [];
  private running = 0;

  constructor(options: EnvironmentProofOptions) {
    this.options = options;
  }

  of(key: string, workload: Workload): EnvironmentVerdict {
    const mark = workload.template.metadata?.annotations?.[PROXY_CONFIG_MARK_ANNOTATION];
    if (mark === undefined) {
      this.known.delete(key);
      return 'Yes';
    }
    const of = `${workload.uid ?? ''} ${workload.generation ?? 0} ${mark}`;
    const known = this.known.get(key);
    if (known?.of === of) {
      return known.verdict;
    }
    if (workload.rollout.complete) {
      this.known.set(key, { of, verdict: 'Unproven' });
      this.pending.push(workload);
      this.next();
    }
    return 'Unproven';
  }

  forget(key: string): void {
    this.known.delete(key);
  }

  private next(): void {
    while (this.running < LOOKS_AT_ONCE) {
      const workload = this.pending.shift();
      if (workload === undefined) {
        return;
      }
      this.running++;
      void this.look(workload).finally(() => {
        this.running--;
        this.next();
      });
    }
  }

  private async look(workload: Workload): Promise<void> {
    const key = workloadKey(workload);
    const asked = this.known.get(key);
    if (asked === undefined) {
      return;
    }
    try {
      asked.verdict = await this.verdictOf(workload);
      if (asked.verdict === 'Missing') {
        this.options.logger.warn('a new pod lacks the variables of its ProxyConfig', { workload: key });
      }
    } catch (error) {
      if (isApiError(error) && error.isForbidden) {
        asked.verdict = 'Yes';
      } else {
        this.options.logger.warn('the new pods of a workload cannot be read', { workload: key, error });
        setTimeout(() => {
          this.pending.push(workload);
          this.next();
        }, LOOK_AGAIN_MS).unref();
        return;
      }
    }
    this.options.onProven(key);
  }

  private async verdictOf(workload: Workload): Promise<EnvironmentVerdict> {
    const mark = workload.template.metadata?.annotations?.[PROXY_CONFIG_MARK_ANNOTATION];
    const items = await podsOf(this.options.client, workload, PODS_READ);
    const proxies = items
      .filter(({ metadata }) => metadata?.annotations?.[PROXY_CONFIG_MARK_ANNOTATION] === mark)
      .flatMap(({ spec }) => [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])])
      .filter(({ name }) => name === PROXY_CONTAINER);
    return proxies.some(({ env = [] }) => !DRAIN_VARIABLES.every((wanted) => env.some(({ name }) => name === wanted)))
      ? 'Missing'
      : 'Yes';
  }
}
