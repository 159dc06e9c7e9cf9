import { setTimeout as sleep } from 'node:timers/promises';
import { policyObject, type PolicyRecord } from '../../../drain/plan/policies.ts';
import { budgetsOf } from '../../../drain/price/budgets.ts';
import { priceOf, type PricedWorkload } from '../../../drain/price/price.ts';
import type { Workload } from '../../../drain/model/workload.ts';
import type { KubeClient, Resource } from '../../../kube/index.ts';
import type { Stated } from '../../facts/flags.ts';
import { judge, type JudgeContext } from '../../facts/judge.ts';
import type { InputPolicy } from '../../input/collected.ts';
import type { JudgedKinds } from '../../input/kinds.ts';
import type { Watched } from '../server/shared.ts';
import type { Send } from '../server/source.ts';
import type { PolicyView, Row, StateEvent, WorkloadDetail } from '../wire.ts';
import { detailOf } from './detail.ts';
import { gapText, knownFrom, type Known } from './facts.ts';
import type { Turn } from './held.ts';
import { Moments } from './moments.ts';
import { policyView } from './policies.ts';
import { keptOf, withHalt, type Kept } from './rows.ts';
import { Watches } from './watches.ts';

export interface PictureOptions {
  readonly client: KubeClient;
  readonly kinds: JudgedKinds;
  readonly stated: Stated;
  /** Of the workloads; all where it is absent. */
  readonly namespace?: string;
  /** What the cluster is called. */
  readonly cluster: string;
}

/** Changes come in swarms: they are judged together after this. */
const SETTLE_MS = 100;
/** Who asks what there is does not wait longer for it. */
const LONGEST_READ_MS = 20_000;
/** Judged in one go, between which requests are answered. */
const CHUNK = 200;
const ROWS_PER_EVENT = 1000;
/** A timer cannot wait longer. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** What the cluster is like now, as the engine judges it: kept up by watches, and told to whoever looks. */
export class Picture implements Watched {
  private readonly options: PictureOptions;
  private readonly watches: Watches;
  private readonly kept = new Map<string, Kept>();
  private readonly listeners = new Set<Send>();
  private readonly moments = new Moments();
  /** Workloads that are to be judged; undefined for one that is gone. */
  private readonly waiting = new Map<string, Workload | undefined>();
  private known: Known | undefined;
  private policies: readonly PolicyView[] = [];
  /** What the operator says of workloads that halt their policies, by key. */
  private halts: ReadonlyMap<string, string> = new Map();
  private lastState = '';
  private factsChanged = true;
  private timer: NodeJS.Timeout | undefined;
  private dueTimer: NodeJS.Timeout | undefined;
  private working: Promise<void> | undefined;
  private stopped = false;

  constructor(options: PictureOptions) {
    this.options = options;
    this.watches = new Watches({
      ...options,
      operatorNamespace: options.stated.operatorNamespace,
      onFacts: () => {
        this.factsChanged = true;
        this.soon();
      },
      onStatus: () => {
        this.soon();
      },
      onWorkload: (key, workload) => {
        this.waiting.set(key, workload);
        this.soon();
      },
      onState: () => {
        this.tellState();
        this.soon();
      },
    });
  }

  start(): void {
    this.watches.start();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.dueTimer);
    await this.working;
    await this.watches.stop();
  }

  subscribe(send: Send): () => void {
    const { cluster, namespace } = this.options;
    send('hello', { cluster, namespace });
    send('state', this.state());
    send('policies', this.policies);
    send('moments', this.moments.all);
    const rows = [...this.kept.values()].map(({ row }) => row);
    for (let from = 0; from === 0 || from < rows.length; from += ROWS_PER_EVENT) {
      send('rows', { reset: from === 0, put: rows.slice(from, from + ROWS_PER_EVENT), gone: [] });
    }
    this.listeners.add(send);
    return () => {
      this.listeners.delete(send);
    };
  }

  async workload(key: string): Promise<WorkloadDetail | undefined> {
    const workload = this.watches.workload(key);
    const context = this.known?.context;
    return workload === undefined || context === undefined
      ? undefined
      : await detailOf(workload, context, this.options.client);
  }

  /**
   * Waits until every collection was read, or it is known that it cannot be.
   * @throws Error where that takes too long
   */
  async kindsSeen(): Promise<readonly Resource[]> {
    for (let waited = 0; this.known === undefined || !this.watches.ready; waited += SETTLE_MS) {
      if (waited >= LONGEST_READ_MS || this.stopped) {
        throw new Error(`still reading ${this.watches.loading().join(', ')}`);
      }
      await sleep(SETTLE_MS);
    }
    return this.watches.kindsSeen();
  }

  private soon(): void {
    if (this.timer !== undefined || this.stopped) {
      return;
    }
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.working !== undefined) {
        this.soon();
        return;
      }
      this.working = this.work().finally(() => {
        this.working = undefined;
      });
    }, SETTLE_MS);
  }

  private async work(): Promise<void> {
    // Half of the facts would make wrong rows; each collection tells when it has come.
    if (!this.watches.ready) {
      return;
    }
    if (this.factsChanged || this.known === undefined) {
      this.factsChanged = false;
      const known = this.readFacts();
      this.known = known;
      for (const namespace of known.meshNamespaces) {
        this.watches.watchMeshNamespace(namespace);
      }
      if (!this.watches.ready) {
        this.factsChanged = true;
        return;
      }
      for (const [key, workload] of this.watches.workloads()) {
        this.waiting.set(key, workload);
      }
    }
    await this.judgeWaiting(this.known.context);
    this.viewPolicies(this.known.policies);
    this.tellState();
    this.awaitTime();
  }

  private readFacts(): Known {
    const { kinds, stated } = this.options;
    return knownFrom(this.watches.facts(), {
      kinds,
      stated,
      forbidden: this.watches.forbidden(),
      now: Date.now() / 1000,
    });
  }

  private async judgeWaiting(context: JudgeContext): Promise<void> {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (let from = 0; from < waiting.length && !this.stopped; from += CHUNK) {
      const put: Row[] = [];
      const gone: string[] = [];
      for (const [key, workload] of waiting.slice(from, from + CHUNK)) {
        if (workload === undefined) {
          this.kept.delete(key);
          gone.push(key);
          continue;
        }
        const kept = withHalt(keptOf(judge(workload, context)), this.halts.get(key));
        if (JSON.stringify(this.kept.get(key)?.row) !== JSON.stringify(kept.row)) {
          put.push(kept.row);
        }
        this.kept.set(key, kept);
      }
      if (put.length + gone.length > 0) {
        this.tell('rows', { put, gone });
      }
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  private viewPolicies(policies: readonly InputPolicy[]): void {
    const around = {
      nodes: this.watches.nodes(),
      budgets: budgetsOf(
        [...this.watches.workloads()].map(([, workload]) => workload),
        this.known?.budgets ?? [],
      ),
    };
    const paused = this.watches.paused() === true;
    const views = policies.map(({ raw, record }) => {
      const { priced, turns } = this.under(record.name);
      const price = priceOf(priced, around);
      return policyView(this.newest(raw, record), record, { price, turns, paused, now: Date.now() });
    });
    if (JSON.stringify(views) === JSON.stringify(this.policies)) {
      return;
    }
    this.policies = views;
    this.noteHalts(views);
    this.tell('policies', views);
    const added = this.moments.note(views, new Date());
    if (added.length > 0) {
      this.tell('moments', added);
    }
  }

  private noteHalts(views: readonly PolicyView[]): void {
    const before = this.halts;
    this.halts = new Map(
      views.flatMap(({ stage }) =>
        stage?.haltedBy === undefined ? [] : [[stage.haltedBy.workload, stage.haltedBy.message] as const],
      ),
    );
    for (const key of new Set([...before.keys(), ...this.halts.keys()])) {
      if (before.get(key) !== this.halts.get(key)) {
        this.waiting.set(key, this.watches.workload(key));
        this.soon();
      }
    }
  }

  /** With the status of now: facts are read anew only where something else of it has changed. */
  private newest(raw: InputPolicy['raw'], record: PolicyRecord): InputPolicy['raw'] {
    const { kind, namespace, name } = policyObject(record);
    const found = this.watches.fact(kind, namespace === undefined ? name : `${namespace}/${name}`);
    return (found as InputPolicy['raw'] | undefined) ?? raw;
  }

  private under(policy: string): { priced: Map<string, PricedWorkload>; turns: Turn[] } {
    const priced = new Map<string, PricedWorkload>();
    const turns: Turn[] = [];
    for (const [key, kept] of this.kept) {
      if (kept.row.policy !== policy) {
        continue;
      }
      if (kept.priced !== undefined) {
        priced.set(key, kept.priced);
      }
      if (kept.turn !== undefined) {
        turns.push(kept.turn);
      }
    }
    return { priced, turns };
  }

  /** Exemptions end, and writes are put off, without anything in the cluster changing. */
  private awaitTime(): void {
    clearTimeout(this.dueTimer);
    const now = Date.now() / 1000;
    const exemptions = this.known?.context.exemptions.map(({ expiresAt }) => expiresAt) ?? [];
    const writes = [...this.kept.values()].flatMap(({ dueAt }) => dueAt ?? []);
    const windows = this.policies.flatMap(({ held }) =>
      held.flatMap(({ until }) => (until === undefined ? [] : Date.parse(until) / 1000)),
    );
    const next = [...exemptions, ...writes, ...windows]
      .filter((at) => at > now)
      .reduce((first, at) => Math.min(first, at), Infinity);
    if (next !== Infinity && !this.stopped) {
      this.dueTimer = setTimeout(
        () => {
          this.factsChanged = true;
          this.soon();
        },
        Math.min(LONGEST_WAIT_MS, (next - now) * 1000 + 1),
      );
    }
  }

  private state(): StateEvent {
    return {
      away: this.watches.awayBecause(),
      loading: this.watches.loading(),
      gaps: this.watches.forbidden().map(gapText),
      paused: this.watches.paused(),
    };
  }

  private tellState(): void {
    const state = this.state();
    const text = JSON.stringify(state);
    if (text !== this.lastState) {
      this.lastState = text;
      this.tell('state', state);
    }
  }

  private readonly tell: Send = (event, data) => {
    for (const send of this.listeners) {
      send(event, data);
    }
  };
}
