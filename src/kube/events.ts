// Kubernetes Events about our decisions, as `kubectl describe` shows them. They go to core/v1, because that is where
// describe reads `firstTimestamp`, `count` and `source` from; the events.k8s.io/v1 view of the same storage leaves
// them empty.
//
// Events are the least important writes of this process: they are de-duplicated, limited per object and per object that
// they follow from, wait until no other write does, and never block or fail whoever reports them.

import type { KubeClient } from './client.ts';
import { isApiError } from './errors.ts';
import { silentLogger, sleep, systemClock } from './ports.ts';
import type { Clock, Logger, TimerHandle } from './ports.ts';
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
  /** The same for all Events that follow from one object, as `oneOf` says. */
  groupBurst?: number;
  groupRefillMs?: number;
  /** How long those that have no Event of their own are counted before they are told. */
  summaryMs?: number;
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

/** Events that were left out, because too many followed from one object. */
interface LeftOut {
  readonly about: EventSubject;
  readonly type: Pending['type'];
  readonly reason: string;
  count: number;
  last: string;
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
  private readonly buckets: LruMap<Bucket>;
  private readonly groups: LruMap<Bucket>;
  private readonly leftOut = new Map<string, LeftOut>();
  private summary: TimerHandle | undefined;
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
    this.groups = new LruMap(options.remembered ?? 4096);
    this.logger = options.logger ?? silentLogger;
    this.clock = options.clock ?? systemClock;
  }

  /**
   * Returns at once. `reason` is one word in CamelCase, `message` a sentence for people.
   * @param oneOf the object that many such Events follow from: where it is too many, the rest is told in one Event of its own
   */
  event(
    subject: EventSubject,
    type: 'Normal' | 'Warning',
    reason: Reason,
    message: string,
    oneOf?: EventSubject,
  ): void {
    if (this.stopping.signal.aborted) {
      return;
    }
    const now = this.clock.now();
    const object = keyOf(subject);
    const identity = `${object}\n${reason}\n${message}`;
    const known = this.remembered.get(identity);
    if (known !== undefined && now - known.sentAt < (this.options.windowMs ?? 10 * 60_000)) {
      known.count += 1;
      this.options.onEvent?.('duplicate');
      return;
    }
    const { burst = 25, refillMs = 60_000, groupBurst = 100, groupRefillMs = 1_000 } = this.options;
    if (!takeToken(this.buckets, object, now, burst, refillMs)) {
      this.options.onEvent?.('limited');
      return;
    }
    const group = oneOf === undefined ? undefined : { about: oneOf, key: `${keyOf(oneOf)} ${reason}` };
    if (group !== undefined && !takeToken(this.groups, group.key, now, groupBurst, groupRefillMs)) {
      this.leaveOut(subject, group.key, { about: group.about, type, reason });
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
    const text = { reason: reason.slice(0, maxReason), message: shorten(message) };
    this.push({ subject, type, ...text, first, last: now, count });
  }

  private leaveOut(subject: EventSubject, key: string, what: Pick<LeftOut, 'about' | 'type' | 'reason'>): void {
    const left = this.leftOut.get(key) ?? { ...what, count: 0, last: '' };
    left.count += 1;
    left.last = `${subject.kind} ${subject.namespace === undefined ? '' : `${subject.namespace}/`}${subject.name}`;
    this.leftOut.set(key, left);
    this.summary ??= this.clock.setTimeout(() => {
      this.summarise();
    }, this.options.summaryMs ?? 30_000);
  }

  private summarise(): void {
    this.clock.clearTimeout(this.summary);
    this.summary = undefined;
    const now = this.clock.now();
    for (const { about, type, reason, count, last } of this.leftOut.values()) {
      this.push({
        subject: about,
        type,
        reason,
        message: `${count} more, which have no Event of their own; the last of them is ${last}`,
        first: now,
        last: now,
        count: 1,
      });
    }
    this.leftOut.clear();
  }

  private push(event: Pending): void {
    this.pending.push(event);
    this.sending ??= this.send().finally(() => {
      this.sending = undefined;
    });
  }

  /** Sends what waits, for at most this long, and takes no more. */
  async stop(deadlineMs = 3_000): Promise<void> {
    this.flushing = true;
    this.summarise();
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
}

function keyOf({ uid = '', kind, namespace = '', name }: EventSubject): string {
  return `${uid}/${kind}/${namespace}/${name}`;
}

interface Bucket {
  readonly tokens: number;
  readonly at: number;
}

function takeToken(buckets: LruMap<Bucket>, key: string, now: number, burst: number, refillMs: number): boolean {
  const bucket = buckets.get(key) ?? { tokens: burst, at: now };
  const tokens = Math.min(burst, bucket.tokens + Math.max(0, now - bucket.at) / refillMs);
  buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
  return tokens >= 1;
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
