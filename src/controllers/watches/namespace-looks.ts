import type { KubernetesObject } from '../../api/kubernetes.ts';
import {
  errorText,
  isApiError,
  oneLine,
  RecordStore,
  type KubeClient,
  type Logger,
  type Picture,
  type ReflectorState,
  type StoreHandlers,
} from '../../kube/index.ts';
import { namespaces } from './resources.ts';

export interface NamespaceLooksOptions<T> {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly names: readonly string[];
  readonly project: (raw: KubernetesObject) => T;
  readonly equal: (a: T, b: T) => boolean;
  readonly handlers: StoreHandlers<T>;
}

/** Labels of namespaces change seldom. */
const LOOK_EVERY_MS = 10_000;

/**
 * The namespaces of an operator that is for these alone. A Role may grant `get` of its own namespace, and nothing but a
 * ClusterRole can grant a watch on one: so each is read again and again.
 */
export class NamespaceLooks<T> implements Picture<T> {
  readonly resource = namespaces;
  readonly store: RecordStore<T>;
  state: ReflectorState = 'Starting';
  stateDetail: string | undefined;
  hasSynced = false;
  private readonly options: NamespaceLooksOptions<T>;
  private readonly ending = new AbortController();
  private readonly firstLook: Promise<void>;
  private looked: () => void = () => undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: NamespaceLooksOptions<T>) {
    this.options = options;
    this.store = new RecordStore<T>(options.handlers, options.equal, (error, handler, key) => {
      options.logger.error('a handler of a namespace failed', { error, handler, key });
    });
    this.firstLook = new Promise((resolve) => {
      this.looked = resolve;
    });
  }

  start(): void {
    void this.look();
  }

  stop(): Promise<void> {
    this.ending.abort();
    clearTimeout(this.timer);
    return Promise.resolve();
  }

  async waitForSync(signal?: AbortSignal): Promise<void> {
    signal?.addEventListener('abort', this.looked, { once: true });
    await this.firstLook;
    signal?.throwIfAborted();
  }

  private async look(): Promise<void> {
    const { names, logger } = this.options;
    try {
      await Promise.all(names.map((name) => this.read(name)));
      this.say('Synced', undefined);
      this.hasSynced = true;
      this.looked();
    } catch (error) {
      if (this.ending.signal.aborted) {
        return;
      }
      const forbidden = isApiError(error) && error.isForbidden;
      if (this.say(forbidden ? 'Forbidden' : this.hasSynced ? 'Disconnected' : 'Starting', oneLine(errorText(error)))) {
        logger.warn('a namespace cannot be read, retrying', { error });
      }
    }
    this.timer = setTimeout(
      () => {
        void this.look();
      },
      this.hasSynced ? LOOK_EVERY_MS : 1_000,
    );
    this.timer.unref();
  }

  /** @returns whether that is news */
  private say(state: ReflectorState, detail: string | undefined): boolean {
    const news = this.state !== state || this.stateDetail !== detail;
    this.state = state;
    this.stateDetail = detail;
    return news;
  }

  private async read(name: string): Promise<void> {
    const { client, project } = this.options;
    const raw = await client.find<KubernetesObject>(namespaces, { name }, { signal: this.ending.signal });
    if (raw === undefined) {
      this.store.remove(name);
    } else {
      this.store.put(name, project(raw), !this.hasSynced);
    }
  }
}
