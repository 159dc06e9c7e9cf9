import { STATE_ANNOTATION } from '../../api/names.ts';
import type { Workload } from '../../drain/model/workload.ts';
import type { WorkloadKindAdapter } from '../../drain/template/index.ts';
import type { Logger, Picture, Resource } from '../../kube/index.ts';

export interface WatchedKind {
  readonly adapter: WorkloadKindAdapter;
  readonly resource: Resource;
  readonly reflector: Picture<Workload>;
}

export interface KindWatchesOptions {
  readonly kinds: readonly WorkloadKindAdapter[];
  readonly logger: Logger;
  /** Makes the watch of a kind, not started. `isCurrent` is false once the watch is taken off. */
  readonly watch: (adapter: WorkloadKindAdapter, isCurrent: () => boolean) => WatchedKind;
  /** The kinds that policies name now. */
  readonly named: () => ReadonlySet<string>;
  /** How long a kind is watched on after the last policy has stopped naming it, so that no write of ours is still on its way. */
  readonly lingerMs?: number;
}

const LINGER_MS = 30_000;
/** While values of ours are restored in a kind that nobody names any more, it is looked again this often. */
const IN_USE_LOOK_MS = 2_000;

/**
 * The kinds that are watched. Some always; the others, of which a cluster may hold very many (ReplicaSets, Jobs) or none
 * (their custom resource is not installed), only while a policy names them or something of them holds values of ours.
 * After a start nobody knows what holds values of ours: so every kind that is ever written is looked at once.
 */
export class KindWatches {
  private readonly options: KindWatchesOptions;
  private readonly watched = new Map<string, WatchedKind>();
  private readonly unneededSince = new Map<string, number>();
  private readonly stopping = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private ended = false;

  constructor(options: KindWatchesOptions) {
    this.options = options;
    for (const adapter of options.kinds) {
      if (adapter.onDemand !== true) {
        this.add(adapter);
      }
    }
  }

  get(kind: string): WatchedKind | undefined {
    return this.watched.get(kind);
  }

  all(): IterableIterator<WatchedKind> {
    return this.watched.values();
  }

  /** With the policies read: the kinds that they name, and those in which values of ours may stand. */
  startOnDemand(): void {
    const named = this.options.named();
    for (const adapter of this.options.kinds) {
      if (adapter.onDemand === true && (named.has(adapter.kind) || adapter.reportedOnly !== true)) {
        this.add(adapter).reflector.start();
      }
    }
  }

  /** Starts what is needed now and ends what is not needed any more. Cheap, and called after every change that may matter. */
  review(): void {
    if (this.ended) {
      return;
    }
    const named = this.options.named();
    for (const adapter of this.options.kinds) {
      if (adapter.onDemand !== true) {
        continue;
      }
      const current = this.watched.get(adapter.kind);
      if (named.has(adapter.kind)) {
        this.unneededSince.delete(adapter.kind);
        if (current === undefined) {
          this.options.logger.info('started to watch a kind', { kind: adapter.kind, apiVersion: adapter.apiVersion });
          this.add(adapter).reflector.start();
        }
      } else if (current !== undefined) {
        this.reviewUnnamed(current);
      }
    }
  }

  async stop(): Promise<void> {
    this.ended = true;
    clearTimeout(this.timer);
    await Promise.all([...[...this.watched.values()].map(({ reflector }) => reflector.stop()), ...this.stopping]);
  }

  private reviewUnnamed(current: WatchedKind): void {
    const {
      adapter: { kind, reportedOnly },
      reflector,
    } = current;
    const written = reportedOnly !== true;
    // What may not be read at all has never been written either.
    const awaited = !reflector.hasSynced && reflector.state !== 'Forbidden';
    if (written && (awaited || someHoldsState(reflector.store.values()))) {
      this.unneededSince.delete(kind);
      this.laterReview(IN_USE_LOOK_MS);
      return;
    }
    const linger = written && reflector.state === 'Synced' ? (this.options.lingerMs ?? LINGER_MS) : 0;
    const now = performance.now();
    const since = this.unneededSince.get(kind) ?? now;
    this.unneededSince.set(kind, since);
    const left = since + linger - now;
    if (left > 0) {
      this.laterReview(left);
      return;
    }
    this.remove(current);
  }

  private add(adapter: WorkloadKindAdapter): WatchedKind {
    const made: WatchedKind = this.options.watch(adapter, () => this.watched.get(adapter.kind) === made);
    this.watched.set(adapter.kind, made);
    return made;
  }

  /** Whoever asks for one of its workloads finds none from here on; each is reported as gone, so that its account is closed. */
  private remove({ adapter: { kind, apiVersion }, reflector }: WatchedKind): void {
    this.watched.delete(kind);
    this.unneededSince.delete(kind);
    this.options.logger.info('stopped watching a kind: no policy names it', { kind, apiVersion });
    reflector.store.clear();
    const stopped = reflector.stop().finally(() => this.stopping.delete(stopped));
    this.stopping.add(stopped);
  }

  private laterReview(milliseconds: number): void {
    if (this.timer !== undefined) {
      return;
    }
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        this.review();
      },
      Math.max(50, milliseconds),
    );
    this.timer.unref();
  }
}

function someHoldsState(workloads: Iterable<Workload>): boolean {
  for (const { annotations } of workloads) {
    if (annotations[STATE_ANNOTATION] !== undefined) {
      return true;
    }
  }
  return false;
}
