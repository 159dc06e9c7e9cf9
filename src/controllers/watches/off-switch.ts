import { OFF_SWITCH_CONFIG_MAP } from '../../api/names.ts';
import type { KubernetesObject } from '../../api/kubernetes.ts';
import type { RawConfigMap } from '../../drain/mesh/facts.ts';
import {
  errorText,
  oneLine,
  Reflector,
  type KubeClient,
  type Logger,
  type ReflectorMetrics,
} from '../../kube/index.ts';
import type { EpochMs } from '../time.ts';
import { configMaps } from './resources.ts';

/** Nothing is written on a picture of the switch that is older than this: it is read first. */
const LONGEST_AGE_MS = 2_000;
const READ_TIMEOUT_MS = 5_000;

export interface OffSwitchOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly metrics?: ReflectorMetrics;
  /** The operator's own. */
  readonly namespace: string;
  readonly onChange: () => void;
  readonly now?: () => EpochMs;
}

interface Look {
  readonly at: EpochMs;
  readonly heldBecause: string | undefined;
}

/** The ConfigMap that stops every write: followed by a watch, and read before a write where the watch has been silent. */
export class OffSwitch {
  readonly reflector: Reflector<KubernetesObject, { paused: boolean }>;
  private readonly options: OffSwitchOptions;
  private readonly now: () => EpochMs;
  private look: Look | undefined;
  private looking: Promise<void> | undefined;

  constructor(options: OffSwitchOptions) {
    const { client, logger, metrics, namespace, onChange } = options;
    this.options = options;
    this.now = options.now ?? Date.now;
    this.reflector = new Reflector<KubernetesObject, { paused: boolean }>({
      client,
      logger,
      metrics,
      resource: configMaps,
      namespace,
      fieldSelector: `metadata.name=${OFF_SWITCH_CONFIG_MAP}`,
      project: (raw) => ({ paused: isPaused(raw) }),
      handlers: { onAdd: onChange, onUpdate: onChange, onDelete: onChange },
      onStateChange: onChange,
    });
  }

  /** Why nothing may be written now: the switch is on, or cannot be looked at. */
  heldBecause(): string | undefined {
    const { look } = this;
    if (look !== undefined && this.now() - look.at < LONGEST_AGE_MS && look.at > (this.reflector.lastSyncAt ?? 0)) {
      return look.heldBecause;
    }
    const { state, stateDetail, store } = this.reflector;
    if (state === 'Synced' || state === 'Absent' || state === 'Disconnected') {
      return store.get(`${this.options.namespace}/${OFF_SWITCH_CONFIG_MAP}`)?.paused === true ? this.on() : undefined;
    }
    return `the off switch cannot be read: ${stateDetail ?? state}`;
  }

  /**
   * Reads the switch where the picture of it is too old to write on.
   * @returns whether it had to look: then everything else may have changed meanwhile
   */
  async refresh(signal: AbortSignal): Promise<boolean> {
    const seenAt = Math.max(this.reflector.lastSyncAt ?? 0, this.look?.at ?? 0);
    if (this.now() - seenAt < LONGEST_AGE_MS) {
      return false;
    }
    this.looking ??= this.read(signal).finally(() => {
      this.looking = undefined;
    });
    await this.looking;
    return true;
  }

  private async read(signal: AbortSignal): Promise<void> {
    const { client, namespace } = this.options;
    // The answer is as old as the question.
    const at = this.now();
    try {
      const raw = await client.find<KubernetesObject>(
        configMaps,
        { namespace, name: OFF_SWITCH_CONFIG_MAP },
        { timeoutMs: READ_TIMEOUT_MS, once: true, signal },
      );
      this.look = { at, heldBecause: raw !== undefined && isPaused(raw) ? this.on() : undefined };
    } catch (error) {
      signal.throwIfAborted();
      this.look = { at: this.now(), heldBecause: `the off switch cannot be read: ${oneLine(errorText(error))}` };
    }
  }

  private on(): string {
    return `the off switch is on (ConfigMap ${this.options.namespace}/${OFF_SWITCH_CONFIG_MAP})`;
  }
}

function isPaused(raw: KubernetesObject): boolean {
  return (raw as RawConfigMap).data?.paused === 'true';
}
