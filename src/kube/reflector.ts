// Keeps a local picture of one collection: list, then watch, for ever. Objects are projected to slim records the
// moment their line is parsed; the full object is never kept, which is what keeps 10,000 workloads in a few megabytes.
//
// States:
//   Starting      nothing is known yet
//   Synced        the store is the collection, as of the last event
//   Disconnected  it was synced; the API server cannot be reached, or is being asked for a new list; the store is as it was
//   Forbidden     403: the store is as it was, because not to be allowed to look is not the same as absence
//   Absent        404 on the collection: its CRD is not installed. The store is empty, and that is a fact.
//
// Deletes are reported for everything that a new list no longer holds, and when the collection itself goes.

import type { KubernetesObject } from '../api/kubernetes.ts';
import { ApiError, isApiError } from './errors.ts';
import { silentLogger, sleep, systemClock } from './ports.ts';
import type { Clock, Logger, TimerHandle } from './ports.ts';
import { defaultReflectorTimings } from './reflector-options.ts';
import type { ReflectorOptions, ReflectorState, ReflectorTimings, RelistReason } from './reflector-options.ts';
import { keyOf } from './resources.ts';
import type { Resource } from './resources.ts';
import { backoffMs } from './retry.ts';
import { RecordStore } from './store.ts';
import { isTorn, watch } from './watch.ts';

type Next = { step: 'list'; reason: RelistReason } | { step: 'watch' };

export class Reflector<Raw extends KubernetesObject, T> {
  readonly store: RecordStore<T>;
  readonly resource: Resource;
  private readonly timings: ReflectorTimings;
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly random: () => number;
  private currentState: ReflectorState = 'Starting';
  private detail: string | undefined;
  private synced = false;
  private lastSync: number | undefined;
  private resourceVersion = '';
  /** The stream that is open, or was last, follows a whole picture: it can be resumed from its last version. */
  private following = false;
  private failures = 0;
  private absentSince = 0;
  private forbiddenSince: number | undefined;
  private absentLooks = 0;
  private watchListRefused = false;
  private watchListFailures = 0;
  private stopping = new AbortController();
  private wake = new AbortController();
  private running: Promise<void> | undefined;
  private confirmation: TimerHandle | undefined;
  private waiters: (() => void)[] = [];

  constructor(private readonly options: ReflectorOptions<Raw, T>) {
    this.resource = options.resource;
    this.timings = { ...defaultReflectorTimings, ...options.timings };
    this.logger = (options.logger ?? silentLogger).child({ resource: options.resource.fullName });
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? Math.random;
    this.store = new RecordStore<T>(options.handlers ?? {}, options.equal, (error, what, key) => {
      options.metrics?.onHandlerError?.(this.resource.fullName);
      this.logger.error('a handler of the watch failed', { error, handler: what, key });
    });
  }

  get state(): ReflectorState {
    return this.currentState;
  }

  /** Why the state is what it is: the message of the last error. */
  get stateDetail(): string | undefined {
    return this.detail;
  }

  /** The picture was whole at least once, or it is known that there is nothing to see. */
  get hasSynced(): boolean {
    return this.synced;
  }

  /** Wall-clock milliseconds of the last proof that the picture is fresh. */
  get lastSyncAt(): number | undefined {
    return this.lastSync;
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Resolves when `hasSynced` is true, or at a 403 where one can do without; rejects when the signal is aborted before. */
  async waitForSync(signal?: AbortSignal, forbiddenWillDo = false): Promise<void> {
    while (!this.synced && !(forbiddenWillDo && this.currentState === 'Forbidden')) {
      signal?.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.waiters.push(resolve);
        signal?.addEventListener(
          'abort',
          () => {
            resolve();
          },
          { once: true },
        );
      });
    }
  }

  /** Looks again at once where it waits: a CRD has appeared, a permission was granted, the network is back. */
  kick(): void {
    this.absentLooks = 0;
    this.failures = 0;
    this.wake.abort();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.wake.abort();
    await this.running;
  }

  private get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private async run(): Promise<void> {
    let next: Next = { step: 'list', reason: 'start' };
    while (!this.stopped) {
      try {
        if (next.step === 'list') {
          this.options.metrics?.onRelist?.(this.resource.fullName, next.reason);
          next = await this.list();
        } else {
          next = await this.follow();
        }
      } catch (error) {
        if (this.stopped) {
          return;
        }
        next = await this.recover(error);
      }
    }
  }

  /** By a stream of the present objects where the server has it, else in pages. */
  private async list(): Promise<Next> {
    this.following = false;
    if (this.watchListRefused || this.watchListFailures >= 2) {
      await this.listPages();
      return { step: 'watch' };
    }
    const refill = this.store.refill();
    let complete = false;
    try {
      await this.openWatch(true, {
        onObject: (type, raw) => {
          if (complete) {
            this.take(type, raw);
            return;
          }
          // Before the end of the initial events a server may already send changes.
          const key = this.keyOf(raw);
          if (type === 'DELETED') {
            refill.delete(key);
          } else {
            refill.put(key, this.projected(raw, key));
          }
        },
        onEnd: () => {
          complete = true;
          this.following = true;
          this.watchListFailures = 0;
          refill.finish();
          this.setSynced();
        },
      });
    } catch (error) {
      if (complete || this.stopped) {
        throw error;
      }
      if (isApiError(error) && (error.status === 400 || error.status === 422)) {
        this.logger.info('the API server does not stream lists, reading pages instead', { error });
        this.watchListRefused = true;
        return { step: 'list', reason: 'start' };
      }
      this.watchListFailures += isTorn(error) || (error as { code?: string }).code === 'KUBE_TIMEOUT' ? 1 : 0;
      throw error;
    }
    if (complete) {
      return { step: 'watch' };
    }
    // Ended before it was whole: a server that ignored the parameters, or one that is going down.
    this.watchListFailures += 1;
    return { step: 'list', reason: 'recovered' };
  }

  private async listPages(): Promise<void> {
    const refill = this.store.refill();
    let resourceVersion = '';
    const pages = this.options.client.pages<Raw>(this.resource, {
      namespace: this.options.namespace,
      labelSelector: this.options.labelSelector,
      fieldSelector: this.options.fieldSelector,
      metadataOnly: this.options.metadataOnly,
      signal: this.stopping.signal,
      once: true,
    });
    for await (const page of pages) {
      for (const raw of page.items) {
        const key = this.keyOf(raw);
        refill.put(key, this.projected(raw, key));
      }
      resourceVersion = page.resourceVersion;
    }
    refill.finish();
    this.resourceVersion = resourceVersion;
    this.following = true;
    this.watchListFailures = 0;
    this.setSynced();
  }

  private async follow(): Promise<Next> {
    await this.openWatch(false, {
      onObject: (type, raw) => {
        this.take(type, raw);
      },
    });
    return { step: 'watch' };
  }

  private async openWatch(
    sendInitialEvents: boolean,
    sink: { onObject: (type: 'ADDED' | 'MODIFIED' | 'DELETED', raw: Raw) => void; onEnd?: () => void },
  ): Promise<void> {
    const { timings } = this;
    const started = this.clock.monotonic();
    let fruitful = false;
    await watch(
      this.options.client.transport,
      {
        resource: this.resource,
        namespace: this.options.namespace,
        labelSelector: this.options.labelSelector,
        fieldSelector: this.options.fieldSelector,
        metadataOnly: this.options.metadataOnly === true,
        resourceVersion: sendInitialEvents ? undefined : this.resourceVersion,
        sendInitialEvents,
        timeoutSeconds: Math.round(
          timings.watchMinSeconds + this.random() * (timings.watchMaxSeconds - timings.watchMinSeconds),
        ),
        idleTimeoutMs: timings.idleTimeoutMs,
        headersTimeoutMs: timings.headersTimeoutMs,
        maxLineBytes: this.options.maxLineBytes ?? 16 * 1024 * 1024,
      },
      {
        onOpen: () => {
          if (!sendInitialEvents && this.currentState !== 'Synced') {
            this.confirmSoon();
          }
        },
        onBytes: () => {
          this.lastSync = this.clock.now();
        },
        onObject: (type, object) => {
          fruitful = true;
          this.failures = 0;
          const raw = object as Raw;
          sink.onObject(type, raw);
          this.remember(raw.metadata?.resourceVersion);
          if (this.following && this.currentState !== 'Synced') {
            this.setSynced();
          }
        },
        onBookmark: (resourceVersion, initialEventsEnd) => {
          fruitful = true;
          this.failures = 0;
          if (initialEventsEnd) {
            sink.onEnd?.();
          }
          this.remember(resourceVersion);
          if (this.following && this.currentState !== 'Synced') {
            this.setSynced();
          }
        },
      },
      this.stopping.signal,
    );
    this.dropConfirmation();
    // A server that accepts watches only to end them at once must not be asked in a tight loop.
    if (!fruitful && this.clock.monotonic() - started < 1_000) {
      await this.pause(this.nextBackoff());
    }
  }

  // A watch that was opened again may say in its first line that its version is too old; a quiet collection says nothing
  // for a minute. Silence for a moment means that all is well.
  private confirmSoon(): void {
    this.confirmation = this.clock.setTimeout(() => {
      this.confirmation = undefined;
      this.setSynced();
    }, this.timings.confirmMs);
  }

  private dropConfirmation(): void {
    this.clock.clearTimeout(this.confirmation);
    this.confirmation = undefined;
  }

  private remember(resourceVersion: string | undefined): void {
    if (resourceVersion !== undefined && resourceVersion !== '') {
      this.resourceVersion = resourceVersion;
    }
  }

  private take(type: 'ADDED' | 'MODIFIED' | 'DELETED', raw: Raw): void {
    const key = this.keyOf(raw);
    if (type === 'DELETED') {
      this.store.remove(key, (last) => this.options.onGone?.(raw, last));
      return;
    }
    const record = this.projected(raw, key);
    if (record === undefined) {
      this.store.remove(key);
    } else {
      this.store.put(key, record, false);
    }
  }

  private keyOf(raw: Raw): string {
    return this.options.key === undefined ? keyOf(raw) : this.options.key(raw);
  }

  // What cannot be projected keeps its old record: a bug of ours must not look like a deletion.
  private projected(raw: Raw, key: string): T | undefined {
    try {
      return this.options.project(raw);
    } catch (error) {
      this.options.metrics?.onHandlerError?.(this.resource.fullName);
      this.logger.error('an object cannot be read', { error, key });
      return this.store.get(key);
    }
  }

  private async recover(error: unknown): Promise<Next> {
    this.dropConfirmation();
    const relist = (reason: RelistReason): Next => ({ step: 'list', reason });
    // A list that failed starts over; a watch goes on from the last version it saw.
    const again: Next = this.following ? { step: 'watch' } : relist('recovered');
    if (error instanceof ApiError) {
      if (error.isGone || isVersionTooLarge(error)) {
        this.logger.info('the watch has expired, listing again', { error });
        this.setState(this.synced ? 'Disconnected' : 'Starting', error.message);
        await this.pause(this.random() * this.timings.relistJitterMs);
        return relist('expired');
      }
      if (error.isNotFound) {
        return this.absent(error);
      }
      if (error.isForbidden) {
        await this.forbidden(error);
        return again;
      }
    }
    if (isTorn(error)) {
      this.options.metrics?.onTornStream?.(this.resource.fullName);
    }
    this.options.metrics?.onWatchError?.(this.resource.fullName);
    this.setState(this.synced ? 'Disconnected' : 'Starting', error instanceof Error ? error.message : String(error));
    const delayMs = this.nextBackoff(error instanceof ApiError ? error.retryAfterMs : undefined);
    this.logger.warn('the watch broke, retrying', { error, delayMs: Math.round(delayMs), failures: this.failures });
    await this.pause(delayMs);
    return again;
  }

  private async forbidden(error: ApiError): Promise<void> {
    const now = this.clock.monotonic();
    const wasAllowed = this.currentState === 'Synced' || this.currentState === 'Disconnected';
    this.forbiddenSince ??= now;
    if (wasAllowed && now - this.forbiddenSince < this.timings.forbiddenConfirmMs) {
      this.setState('Disconnected', error.message);
      await this.pause(Math.min(this.nextBackoff(), this.timings.forbiddenConfirmMs));
      return;
    }
    this.setState('Forbidden', error.message);
    await this.pause(Math.min(this.timings.forbiddenMs, this.nextBackoff()) * (0.9 + 0.2 * this.random()));
  }

  private async absent(error: ApiError): Promise<Next> {
    const now = this.clock.monotonic();
    if (this.currentState !== 'Absent') {
      if (this.absentSince === 0) {
        this.absentSince = now;
      }
      if (this.currentState !== 'Starting' && now - this.absentSince < this.timings.absentConfirmMs) {
        // A control plane that is starting, or one of several that lags, may answer 404 for a moment.
        await this.pause(this.timings.absentConfirmMs);
        return { step: 'list', reason: 'recovered' };
      }
      this.store.clear();
      this.following = false;
      this.setState(
        'Absent',
        `${this.resource.fullName} (${this.resource.apiVersion}) is not known to the API server: ${error.serverMessage.trim()}`,
      );
      this.markSynced();
    }
    this.absentLooks += 1;
    await this.pause(backoffMs(this.absentLooks, this.timings.backoffBaseMs, this.timings.absentMaxMs, this.random));
    return { step: 'list', reason: 'recovered' };
  }

  private nextBackoff(askedMs = 0): number {
    this.failures += 1;
    return Math.max(
      askedMs,
      backoffMs(this.failures, this.timings.backoffBaseMs, this.timings.backoffMaxMs, this.random),
    );
  }

  private async pause(milliseconds: number): Promise<void> {
    this.wake = new AbortController();
    if (this.stopped) {
      return;
    }
    await sleep(this.clock, milliseconds, this.wake.signal);
  }

  private setSynced(): void {
    this.dropConfirmation();
    this.absentSince = 0;
    this.absentLooks = 0;
    this.forbiddenSince = undefined;
    this.lastSync = this.clock.now();
    this.setState('Synced', undefined);
    this.markSynced();
  }

  private markSynced(): void {
    this.synced = true;
    this.wakeWaiters();
  }

  private wakeWaiters(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) {
      waiter();
    }
  }

  private setState(state: ReflectorState, detail: string | undefined): void {
    this.detail = detail;
    const previous = this.currentState;
    if (previous === state) {
      return;
    }
    this.currentState = state;
    this.wakeWaiters();
    if (state === 'Forbidden') {
      this.logger.warn('the API server forbids the watch', { detail });
    } else {
      this.logger.debug('the state of the watch changed', { state, previous, detail });
    }
    try {
      this.options.onStateChange?.(state, previous, detail);
    } catch (error) {
      this.options.metrics?.onHandlerError?.(this.resource.fullName);
      this.logger.error('a handler of the watch failed', { error, handler: 'onStateChange' });
    }
  }
}

// After an API server restored from a backup, or a lagging replica, our version lies in its future.
function isVersionTooLarge(error: ApiError): boolean {
  return error.status === 504 && error.causes.some((cause) => cause.reason === 'ResourceVersionTooLarge');
}
