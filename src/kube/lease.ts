// Leader election by a coordination.k8s.io Lease, with client-go's rules:
//   - whether another leader is alive is judged by our own clock, from the moment we saw its record change: the times
//     in the record are only for people, so clocks may differ;
//   - a leader that cannot renew for `renewDeadlineMs` stops leading; that is shorter than `leaseDurationMs`, which
//     everybody else waits, so its writes end before another's begin;
//   - a graceful stop gives the Lease back, and the next leader need not wait;
//   - a leadership ends once: who has lost it, or could not begin its work, competes no more. The process has to end.

import type { KubeClient } from './client.ts';
import { errorText, isApiError } from './errors.ts';
import { silentLogger, sleep, systemClock } from './ports.ts';
import type { Clock, Logger } from './ports.ts';
import { defineResource } from './resources.ts';

export const leases = defineResource({
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
});

export interface LeaseTimings {
  leaseDurationMs: number;
  renewDeadlineMs: number;
  retryPeriodMs: number;
}

/**
 * A leader that dies is followed after `leaseDurationMs` + 1.2 x `retryPeriodMs` and one request at the latest: 11.8 s here,
 * which leaves three seconds of margin to the 15 s that the documentation promises.
 */
export const defaultLeaseTimings: LeaseTimings = {
  leaseDurationMs: 10_000,
  renewDeadlineMs: 7_000,
  retryPeriodMs: 1_500,
};

/** How a leadership ended: released at a stop, lost to time or to another, or its work could not begin. */
export type LeadershipEnd = 'Released' | 'Lost' | 'Failed';

export interface LeaderElectorOptions {
  client: KubeClient;
  namespace: string;
  name: string;
  /** Unique among all candidates: the pod's name with something random. */
  identity: string;
  timings?: Partial<LeaseTimings>;
  /** We lead now. The signal is aborted when we do not any more. Where it throws, the Lease is given back. */
  onStartedLeading: (lost: AbortSignal) => void;
  /** Called once after leading. Writes must have ended when it returns. */
  onStoppedLeading: (end: LeadershipEnd) => void;
  onNewLeader?: (identity: string) => void;
  logger?: Logger;
  clock?: Clock;
  random?: () => number;
}

interface LeaseSpec {
  holderIdentity?: string | null;
  leaseDurationSeconds?: number | null;
  acquireTime?: string | null;
  renewTime?: string | null;
  leaseTransitions?: number | null;
}

interface Lease {
  metadata?: { resourceVersion?: string; uid?: string };
  spec?: LeaseSpec;
}

export class LeaderElector {
  private readonly timings: LeaseTimings;
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private observed: { lease: Lease; fingerprint: string; at: number } | undefined;
  private leading: AbortController | undefined;
  private reportedLeader: string | undefined;

  constructor(private readonly options: LeaderElectorOptions) {
    this.timings = { ...defaultLeaseTimings, ...options.timings };
    const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = this.timings;
    if (leaseDurationMs <= renewDeadlineMs) {
      throw new RangeError(
        `The lease duration (${leaseDurationMs} ms) must be longer than the renew deadline (${renewDeadlineMs} ms).`,
      );
    }
    if (renewDeadlineMs <= retryPeriodMs * 1.2) {
      throw new RangeError(
        `The renew deadline (${renewDeadlineMs} ms) must be longer than 1.2 retry periods (${retryPeriodMs} ms).`,
      );
    }
    if (leaseDurationMs < 1_000) {
      throw new RangeError('The lease duration must be at least 1000 ms: a Lease counts in seconds.');
    }
    this.logger = (options.logger ?? silentLogger).child({
      lease: `${options.namespace}/${options.name}`,
      identity: options.identity,
    });
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? Math.random;
  }

  get isLeader(): boolean {
    return this.leading !== undefined;
  }

  /** The holder that was seen last. */
  get leader(): string | undefined {
    return this.observed?.lease.spec?.holderIdentity ?? undefined;
  }

  /** Competes until `stop`, or until a leadership has ended. */
  start(): void {
    this.running ??= this.run();
  }

  /** Gives the Lease back if we hold it. Stop the work first: afterwards another may lead at once. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private async run(): Promise<void> {
    if (!(await this.acquire())) {
      return;
    }
    const lost = new AbortController();
    this.leading = lost;
    this.logger.info('became the leader');
    const end = this.begin(lost.signal) ? await this.lead() : 'Failed';
    lost.abort(new Error(WHY_ENDED[end]));
    this.call('onStoppedLeading', () => {
      this.options.onStoppedLeading(end);
    });
    this.leading = undefined;
    // What was lost is no longer ours to give.
    if (end !== 'Lost') {
      await this.release();
    }
  }

  private begin(lost: AbortSignal): boolean {
    try {
      this.options.onStartedLeading(lost);
      return true;
    } catch (error) {
      this.logger.error('the leader cannot start its work: the lease is released', { error, detail: errorText(error) });
      return false;
    }
  }

  private async lead(): Promise<LeadershipEnd> {
    await this.renew();
    if (this.stopped) {
      return 'Released';
    }
    this.logger.error('lost the leadership');
    return 'Lost';
  }

  private async acquire(): Promise<boolean> {
    while (!this.stopped) {
      try {
        if (await this.tryAcquireOrRenew(this.timings.renewDeadlineMs)) {
          return true;
        }
      } catch (error) {
        if (this.stopped) {
          return false;
        }
        this.logger.warn('cannot compete for the lease', { error });
      }
      await sleep(this.clock, this.timings.retryPeriodMs * (1 + 0.2 * this.random()), this.stopping.signal);
    }
    return false;
  }

  // Returns when we lead no more. The deadline counts from the *sending* of the last renewal that succeeded.
  private async renew(): Promise<void> {
    let renewedAt = this.clock.monotonic();
    for (;;) {
      const deadline = renewedAt + this.timings.renewDeadlineMs;
      await sleep(
        this.clock,
        Math.min(this.timings.retryPeriodMs, deadline - this.clock.monotonic()),
        this.stopping.signal,
      );
      if (this.stopped) {
        return;
      }
      const startedAt = this.clock.monotonic();
      const leftMs = deadline - startedAt;
      if (leftMs < 1) {
        return;
      }
      try {
        if (await this.tryAcquireOrRenew(Math.min(leftMs, this.timings.renewDeadlineMs / 2))) {
          renewedAt = startedAt;
          continue;
        }
        // Somebody else's name stands there: no deadline to wait for.
        this.logger.error('the lease is held by another instance', { holder: this.leader });
        return;
      } catch (error) {
        this.logger.warn('cannot renew the lease', { error, leftMs: Math.round(leftMs) });
      }
    }
  }

  /** True when we hold the Lease afterwards; false when somebody else does. Throws when we cannot know. */
  private async tryAcquireOrRenew(timeoutMs: number): Promise<boolean> {
    const { client, namespace, name, identity } = this.options;
    const call = { timeoutMs, urgent: true, once: true };
    // The common case first: we hold it, and nobody has touched it since.
    if (this.leading !== undefined && this.observed !== undefined) {
      try {
        this.observe(await client.replace<Lease>(leases, { name, namespace }, this.body(this.observed.lease), call));
        return true;
      } catch (error) {
        if (!isApiError(error) || !error.isConflict) {
          throw error;
        }
      }
    }
    const present = await client.find<Lease>(leases, { name, namespace }, call);
    if (present === undefined) {
      this.observe(await client.create<Lease>(leases, this.body(undefined), namespace, call));
      return true;
    }
    this.observe(present);
    const holder = present.spec?.holderIdentity ?? '';
    if (holder !== '' && holder !== identity && !this.expired(present)) {
      return false;
    }
    try {
      this.observe(await client.replace<Lease>(leases, { name, namespace }, this.body(present), call));
      return true;
    } catch (error) {
      // Another candidate was faster.
      if (isApiError(error) && error.isConflict) {
        return false;
      }
      throw error;
    }
  }

  private observe(lease: Lease): void {
    const fingerprint = `${lease.metadata?.uid ?? ''}/${lease.metadata?.resourceVersion ?? ''}`;
    if (this.observed?.fingerprint === fingerprint) {
      return;
    }
    this.observed = { lease, fingerprint, at: this.clock.monotonic() };
    const holder = lease.spec?.holderIdentity ?? '';
    if (holder === '' || holder === this.reportedLeader) {
      return;
    }
    this.reportedLeader = holder;
    this.call('onNewLeader', () => this.options.onNewLeader?.(holder));
  }

  private expired(lease: Lease): boolean {
    if (this.observed === undefined) {
      return false;
    }
    const durationMs = Math.max(lease.spec?.leaseDurationSeconds ?? 0, this.timings.leaseDurationMs / 1000) * 1000;
    return this.clock.monotonic() - this.observed.at >= durationMs;
  }

  private body(present: Lease | undefined): unknown {
    const { namespace, name, identity } = this.options;
    const now = microTime(this.clock.now());
    const ours = present?.spec?.holderIdentity === identity;
    return {
      apiVersion: leases.apiVersion,
      kind: leases.kind,
      metadata: { ...present?.metadata, name, namespace },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(this.timings.leaseDurationMs / 1000),
        acquireTime: ours ? (present.spec?.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: (present?.spec?.leaseTransitions ?? 0) + (present === undefined || ours ? 0 : 1),
      },
    };
  }

  private async release(): Promise<void> {
    const { client, namespace, name, identity } = this.options;
    const lease = this.observed?.lease;
    if (lease === undefined || lease.spec?.holderIdentity !== identity) {
      return;
    }
    const now = microTime(this.clock.now());
    try {
      await client.replace(
        leases,
        { name, namespace },
        {
          apiVersion: leases.apiVersion,
          kind: leases.kind,
          metadata: { ...lease.metadata, name, namespace },
          // As client-go: an empty holder, and a duration of one second so that candidates of any kind take it at once.
          spec: {
            holderIdentity: '',
            leaseDurationSeconds: 1,
            acquireTime: now,
            renewTime: now,
            leaseTransitions: lease.spec?.leaseTransitions ?? 0,
          },
        },
        { timeoutMs: 3_000, urgent: true, once: true },
      );
      this.logger.info('released the lease');
    } catch (error) {
      this.logger.warn('cannot release the lease, others wait until it expires', { error });
    }
  }

  private call(callback: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.logger.error('a callback of the leader election failed', { callback, error, detail: errorText(error) });
    }
  }
}

const WHY_ENDED: Readonly<Record<LeadershipEnd, string>> = {
  Released: 'the lease was released',
  Lost: 'the leadership was lost',
  Failed: 'the leader could not start its work',
};

/** metav1.MicroTime is parsed with exactly six digits of a second; `toISOString` has three and is refused with 400. */
export function microTime(at: number): string {
  const iso = new Date(at).toISOString();
  return `${iso.slice(0, 19)}.${iso.slice(20, 23)}000Z`;
}
