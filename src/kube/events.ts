// Kubernetes Events about our decisions, as `kubectl describe` shows them. They go to core/v1, because that is where
// describe reads `firstTimestamp`, `count` and `source` from; the events.k8s.io/v1 view of the same storage leaves
// them empty.
//
// Events are the least important writes of this process: they are de-duplicated, limited per object, wait until no
// other write does, and never block or fail whoever reports them.

import type { KubeClient } from './client.ts';
import { isApiError } from './errors.ts';
import { silentLogger, sleep, systemClock } from './ports.ts';
import type { Clock, Logger } from './ports.ts';
import { defineResource } from './resources.ts';

export const events = defineResource({ group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true });

export interface EventSubject {
  apiVersion: string;
  kind: string;
  name: string;
  namespace?: string | undefined;
  uid?: string | undefined;
  resourceVersion?: string | undefined;
}

export interface EventRecorderOptions {
  client: KubeClient;
  /** `sidecar-drain-operator`: what the From column of describe shows. */
  component: string;
  /** The pod, as reportingInstance. */
  instance: string;
  /** The same (object, reason, message) is not sent again within this time. */
  windowMs?: number;
  /** How many of them are remembered. */
  remembered?: number;
  /** Events per object: so many at once, then one per refill time. */
  burst?: number;
  refillMs?: number;
  /** Events that wait to be sent; beyond it new ones are dropped and counted. */
  maxPending?: number;
  /** How long events wait for other writes to be done. */
  maxYieldMs?: number;
  logger?: Logger;
  clock?: Clock;
  onEvent?: (result: 'sent' | 'duplicate' | 'limited' | 'dropped' | 'failed') => void;
}

interface Remembered {
  first: number;
  sentAt: number;
  count: number;
}

interface Pending {
  subject: EventSubject;
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  first: number;
  last: number;
  count: number;
}

// Limits of the API's validation.
const maxMessage = 1024;
const maxReason = 128;

/** `Reason`: the reasons that the program's Events may have. */
export class EventRecorder<Reason extends string = string> {
  private readonly remembered: LruMap<Remembered>;
  private readonly buckets: LruMap<{ tokens: number; at: number }>;
  private readonly pending: Pending[] = [];
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly stopping = new AbortController();
  private sending: Promise<void> | undefined;
  private flushing = false;
  private sequence = 0;
  private warnedForbidden = false;

  constructor(private readonly options: EventRecorderOptions) {
    this.remembered = new LruMap(options.remembered ?? 4096);
    this.buckets = new LruMap(options.remembered ?? 4096);
    this.logger = options.logger ?? silentLogger;
    this.clock = options.clock ?? systemClock;
  }

  /** Returns at once. `reason` is one word in CamelCase, `message` a sentence for people. */
  event(subject: EventSubject, type: 'Normal' | 'Warning', reason: Reason, message: string): void {
    if (this.stopping.signal.aborted) {
      return;
    }
    const now = this.clock.now();
    const object = `${subject.uid ?? ''}/${subject.kind}/${subject.namespace ?? ''}/${subject.name}`;
    const identity = `${object}\n${reason}\n${message}`;
    const known = this.remembered.get(identity);
    if (known !== undefined && now - known.sentAt < (this.options.windowMs ?? 10 * 60_000)) {
      known.count += 1;
      this.options.onEvent?.('duplicate');
      return;
    }
    if (!this.takeToken(object, now)) {
      this.options.onEvent?.('limited');
      return;
    }
    if (this.pending.length >= (this.options.maxPending ?? 2_000)) {
      this.options.onEvent?.('dropped');
      return;
    }
    const first = known?.first ?? now;
    const count = (known?.count ?? 0) + 1;
    this.remembered.set(identity, { first, sentAt: now, count });
    this.pending.push({
      subject,
      type,
      reason: reason.slice(0, maxReason),
      message: shorten(message),
      first,
      last: now,
      count,
    });
    this.sending ??= this.send().finally(() => {
      this.sending = undefined;
    });
  }

  /** Sends what waits, for at most this long, and takes no more. */
  async stop(deadlineMs = 3_000): Promise<void> {
    this.flushing = true;
    const timeout = sleep(this.clock, deadlineMs, this.stopping.signal);
    await Promise.race([this.sending ?? Promise.resolve(), timeout]);
    this.stopping.abort();
  }

  private async send(): Promise<void> {
    // The caller's own writes come first: let it go on before the first look.
    await Promise.resolve();
    while (!this.stopping.signal.aborted) {
      await this.yieldToWrites();
      const next = this.pending.shift();
      if (next === undefined) {
        return;
      }
      await this.post(next);
    }
  }

  private async yieldToWrites(): Promise<void> {
    const until = this.clock.monotonic() + (this.options.maxYieldMs ?? 15_000);
    while (!this.flushing && this.options.client.transport.writesPending > 0 && this.clock.monotonic() < until) {
      await sleep(this.clock, 50, this.stopping.signal);
    }
  }

  private async post(event: Pending): Promise<void> {
    const { subject } = event;
    // Events about cluster-scoped objects live in "default", where describe looks for them.
    const namespace = subject.namespace ?? 'default';
    this.sequence += 1;
    const body = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: eventName(subject.name, event.last, this.sequence), namespace },
      involvedObject: {
        apiVersion: subject.apiVersion,
        kind: subject.kind,
        name: subject.name,
        namespace: subject.namespace,
        uid: subject.uid,
        resourceVersion: subject.resourceVersion,
      },
      type: event.type,
      reason: event.reason,
      message: event.message,
      firstTimestamp: seconds(event.first),
      lastTimestamp: seconds(event.last),
      count: event.count,
      source: { component: this.options.component },
      reportingComponent: this.options.component,
      reportingInstance: this.options.instance.slice(0, 128),
    };
    try {
      await this.options.client.create(events, body, namespace, {
        timeoutMs: 10_000,
        metadataOnly: true,
        signal: this.stopping.signal,
        urgent: true,
      });
      this.options.onEvent?.('sent');
    } catch (error) {
      if (this.stopping.signal.aborted) {
        return;
      }
      this.options.onEvent?.('failed');
      this.report(error, event);
    }
  }

  private report(error: unknown, event: Pending): void {
    const fields = { error, reason: event.reason, object: event.subject.name, namespace: event.subject.namespace };
    // A namespace that is being deleted takes no new objects.
    if (isApiError(error) && error.isForbidden && !/being terminated/.test(error.serverMessage)) {
      if (this.warnedForbidden) {
        return;
      }
      this.warnedForbidden = true;
      this.logger.warn('events cannot be written', fields);
      return;
    }
    this.logger.debug('an event was not written', fields);
  }

  private takeToken(object: string, now: number): boolean {
    const burst = this.options.burst ?? 25;
    const refillMs = this.options.refillMs ?? 60_000;
    const bucket = this.buckets.get(object) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, bucket.tokens + Math.max(0, now - bucket.at) / refillMs);
    this.buckets.set(object, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    return tokens >= 1;
  }
}

/** Forgets what was not used for longest. */
class LruMap<V> {
  private readonly map = new Map<string, V>();

  constructor(private readonly limit: number) {}

  get(key: string): V | undefined {
    const value = this.map.get(key);
    if (value === undefined) {
      return undefined;
    }
    this.map.delete(key);
    this.map.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.map.delete(key);
    this.map.set(key, value);
    if (this.map.size <= this.limit) {
      return;
    }
    const oldest = this.map.keys().next();
    if (oldest.done !== true) {
      this.map.delete(oldest.value);
    }
  }
}

// A unique name without asking for one: client-go makes the same kind, `name.nanoseconds in hex`.
function eventName(name: string, at: number, sequence: number): string {
  const suffix = `${at.toString(16)}${(sequence % 0x10000).toString(16).padStart(4, '0')}${Math.floor(Math.random() * 0x1000).toString(16)}`;
  return `${name.slice(0, 253 - suffix.length - 1)}.${suffix}`;
}

// metav1.Time has whole seconds.
function seconds(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

function shorten(message: string): string {
  return message.length <= maxMessage ? message : `${message.slice(0, maxMessage - 1)}…`;
}
