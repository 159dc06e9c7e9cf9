import type { PolicyAttention, PolicyNodeBudget, PolicyWorkloadCounts } from '../../api/policy.ts';
import type { ReportedEntry } from '../../drain/report/index.ts';
import type { Decision, DelayShare, WorkloadOutcome } from '../../drain/model/decision.ts';
import type { NodeBudget } from '../../drain/model/nodes.ts';
import type { Seconds } from '../../drain/model/workload.ts';
import type { Assessment } from '../../drain/plan/assess.ts';
import { delayCounts, delayOf, lateRequests, type DelayCounts } from '../../drain/plan/late-requests.ts';

/** What the last look at a workload found, under one policy. */
export interface LedgerEntry {
  readonly outcome: WorkloadOutcome | 'Overridden';
  /** A code of the closed list of reasons, or empty. */
  readonly reason: string;
  readonly message: string;
  /** Seconds by which the grace period is longer than what the promise needs, margin included; negative where it is too short. */
  readonly slack?: Seconds;
  /** What a person should know of it although it breaks no promise. */
  readonly warning?: Observed;
  /** Where its pods may be cut by the nodes they run on: what these give, and how many pods it has. */
  readonly beyond?: NodeBudget & { readonly pods: number };
  /** What `application: Delay` is to it. */
  readonly delay?: DelayShare;
}

/** A code of the closed list, and a sentence: what was seen of terminations, or a warning. */
export interface Observed {
  readonly reason: string;
  readonly message: string;
}

const COUNTER: Record<LedgerEntry['outcome'], Exclude<keyof PolicyWorkloadCounts, 'matched'>> = {
  Compliant: 'compliant',
  Updating: 'updating',
  Pending: 'pending',
  NonCompliant: 'nonCompliant',
  Conflicted: 'conflicted',
  Exempt: 'exempt',
  Overridden: 'overridden',
  Unknown: 'unknown',
  Failed: 'failed',
};

/** Outcomes that a person should look at, most pressing first. */
const ATTENTION: readonly LedgerEntry['outcome'][] = ['Failed', 'Conflicted', 'Unknown', 'NonCompliant'];
/** After what cannot be evaluated or written, before what is only not as the policy wants it. */
const OBSERVED_RANK = 2.5;
/** After all that is not as the policy wants it. */
const WARNING_RANK = ATTENTION.length + 1;
const MOST_ATTENTION = 20;
const LONGEST_MESSAGE = 512;

/**
 * The account of every workload under every policy that selects it. Counters are kept as entries change, so that a
 * policy's status costs nothing to tell, however many workloads it has.
 */
export class Ledger {
  private readonly byPolicy = new Map<string, Map<string, LedgerEntry>>();
  private readonly counts = new Map<string, Record<string, number>>();
  /** What was seen of terminations, by policy and workload. */
  private readonly observed = new Map<string, Map<string, Observed>>();
  /** Which policies speak of a workload, so that those that stopped can be taken off. */
  private readonly policiesOf = new Map<string, readonly string[]>();
  private readonly onChange: (policy: string, workload: string) => void;

  constructor(onChange: (policy: string, workload: string) => void) {
    this.onChange = onChange;
  }

  /** Replaces all that is said of a workload. */
  record(workload: string, entries: ReadonlyMap<string, LedgerEntry>): void {
    for (const policy of this.policiesOf.get(workload) ?? []) {
      if (!entries.has(policy)) {
        this.set(policy, workload, undefined);
      }
    }
    for (const [policy, entry] of entries) {
      this.set(policy, workload, entry);
    }
    if (entries.size === 0) {
      this.policiesOf.delete(workload);
    } else {
      this.policiesOf.set(workload, [...entries.keys()]);
    }
  }

  /** What was seen of how the pods of a workload end, besides what is found of its settings; undefined takes it back. */
  observe(policy: string, workload: string, seen: Observed | undefined): void {
    const ofPolicy = this.observed.get(policy) ?? new Map<string, Observed>();
    if (seen === undefined) {
      ofPolicy.delete(workload);
    } else {
      ofPolicy.set(workload, seen);
    }
    if (ofPolicy.size === 0) {
      this.observed.delete(policy);
    } else {
      this.observed.set(policy, ofPolicy);
    }
    this.onChange(policy, workload);
  }

  forget(workload: string): void {
    this.record(workload, NO_ENTRIES);
  }

  countsOf(policy: string): Required<PolicyWorkloadCounts> {
    const counts = this.counts.get(policy) ?? {};
    const all = Object.fromEntries(Object.values(COUNTER).map((name) => [name, counts[name] ?? 0]));
    return { matched: this.byPolicy.get(policy)?.size ?? 0, ...all } as Required<PolicyWorkloadCounts>;
  }

  /** The workloads that somebody has to look at: at most twenty, in a stable order, without times. */
  attentionOf(policy: string): PolicyAttention[] {
    const found: { rank: number; key: string; entry: LedgerEntry }[] = [];
    for (const [key, entry] of this.byPolicy.get(policy) ?? []) {
      // Who only waits for its turn is not listed; who waits for something that may never pass is, after all others.
      const rank = entry.reason === 'WaitsForWorkload' ? ATTENTION.length : ATTENTION.indexOf(entry.outcome);
      if (rank >= 0) {
        found.push({ rank, key, entry });
      }
    }
    // The list has each workload once: what its settings are short of says it already.
    const listed = new Set(found.map(({ key }) => key));
    const add = (rank: number, key: string, { reason, message }: Observed): void => {
      if (!listed.has(key)) {
        listed.add(key);
        found.push({ rank, key, entry: { outcome: 'Failed', reason, message } });
      }
    };
    for (const [key, seen] of this.observed.get(policy) ?? []) {
      if (this.entryOf(policy, key) !== undefined) {
        add(OBSERVED_RANK, key, seen);
      }
    }
    for (const [key, { warning }] of this.byPolicy.get(policy) ?? []) {
      if (warning !== undefined) {
        add(WARNING_RANK, key, warning);
      }
    }
    found.sort((a, b) => a.rank - b.rank || (a.key < b.key ? -1 : 1));
    return found.slice(0, MOST_ATTENTION).map(({ key, entry }) => {
      const [kind = '', namespace = '', name = ''] = key.split('/');
      return {
        namespace,
        kind,
        name,
        reason: entry.reason === '' ? entry.outcome : entry.reason,
        message: entry.message.slice(0, LONGEST_MESSAGE),
      };
    });
  }

  /** How many workloads of a policy have the warning. */
  warnedOf(policy: string, reason: string): number {
    let warned = 0;
    for (const { warning } of this.byPolicy.get(policy)?.values() ?? []) {
      warned += warning?.reason === reason ? 1 : 0;
    }
    return warned;
  }

  /** The workloads whose pods may be cut by their nodes, with the smallest of what these give; undefined where there is none. */
  nodeBudgetOf(policy: string): PolicyNodeBudget | undefined {
    let found: PolicyNodeBudget | undefined;
    for (const { beyond, outcome } of this.byPolicy.get(policy)?.values() ?? []) {
      if (beyond === undefined || outcome === 'Overridden' || outcome === 'Exempt') {
        continue;
      }
      const smallest = found === undefined || isSmaller(beyond, found) ? beyond : found;
      const { seconds, from } = smallest;
      found = { workloads: (found?.workloads ?? 0) + 1, pods: (found?.pods ?? 0) + beyond.pods, seconds, from };
    }
    return found;
  }

  /** What `application: Delay` is to the workloads of a policy. */
  delayOf(policy: string): DelayCounts {
    return delayCounts([...(this.byPolicy.get(policy)?.values() ?? [])].map(({ delay }) => delay));
  }

  /** The first entry of a policy, in a stable order, that has the reason. */
  firstWith(policy: string, reason: string): LedgerEntry | undefined {
    let found: string | undefined;
    const entries = this.byPolicy.get(policy);
    for (const [key, entry] of entries ?? []) {
      if (entry.reason === reason && (found === undefined || key < found)) {
        found = key;
      }
    }
    return found === undefined ? undefined : entries?.get(found);
  }

  entryOf(policy: string, workload: string): LedgerEntry | undefined {
    return this.byPolicy.get(policy)?.get(workload);
  }

  /** What is said of a workload, by policy. */
  *entriesOf(workload: string): IterableIterator<readonly [policy: string, entry: ReportedEntry]> {
    for (const policy of this.policiesOf.get(workload) ?? []) {
      const entry = this.entryOf(policy, workload);
      if (entry !== undefined) {
        yield [policy, entry];
      }
      const seen = this.observed.get(policy)?.get(workload);
      if (seen !== undefined) {
        yield [policy, { outcome: 'Observed', ...seen }];
      }
      if (entry?.warning !== undefined) {
        yield [policy, { outcome: 'Warned', ...entry.warning }];
      }
    }
  }

  /** How many workloads of each policy have each reason. */
  *reasons(): IterableIterator<readonly [policy: string, reason: string, count: number]> {
    for (const [policy, entries] of this.byPolicy) {
      const counts = new Map<string, number>();
      const count = (reason: string | undefined): void => {
        if (reason !== undefined && reason !== '') {
          counts.set(reason, (counts.get(reason) ?? 0) + 1);
        }
      };
      for (const { reason, warning } of entries.values()) {
        count(reason);
        if (warning?.reason !== reason) {
          count(warning?.reason);
        }
      }
      for (const [reason, count] of counts) {
        yield [policy, reason, count];
      }
    }
  }

  *slacks(): IterableIterator<Seconds> {
    for (const entries of this.byPolicy.values()) {
      for (const { slack } of entries.values()) {
        if (slack !== undefined) {
          yield slack;
        }
      }
    }
  }

  policies(): IterableIterator<string> {
    return this.byPolicy.keys();
  }

  private set(policy: string, workload: string, entry: LedgerEntry | undefined): void {
    const entries = this.byPolicy.get(policy) ?? new Map<string, LedgerEntry>();
    const before = entries.get(workload);
    if (
      before !== undefined &&
      entry !== undefined &&
      before.outcome === entry.outcome &&
      before.reason === entry.reason &&
      before.message === entry.message &&
      before.slack === entry.slack &&
      before.delay === entry.delay &&
      before.warning?.reason === entry.warning?.reason &&
      before.warning?.message === entry.warning?.message &&
      JSON.stringify(before.beyond) === JSON.stringify(entry.beyond)
    ) {
      return;
    }
    const counts = this.counts.get(policy) ?? {};
    if (before !== undefined) {
      const name = COUNTER[before.outcome];
      counts[name] = (counts[name] ?? 0) - 1;
    }
    if (entry === undefined) {
      entries.delete(workload);
    } else {
      entries.set(workload, entry);
      const name = COUNTER[entry.outcome];
      counts[name] = (counts[name] ?? 0) + 1;
    }
    this.counts.set(policy, counts);
    if (entries.size === 0) {
      this.byPolicy.delete(policy);
      this.counts.delete(policy);
    } else {
      this.byPolicy.set(policy, entries);
    }
    this.onChange(policy, workload);
  }
}

/** Of equal ones the first by name, so that a status does not change with the order of entries. */
function isSmaller(a: NodeBudget, b: NodeBudget): boolean {
  return a.seconds < b.seconds || (a.seconds === b.seconds && a.from < b.from);
}

const NO_ENTRIES: ReadonlyMap<string, LedgerEntry> = new Map();

/** What the ledger says of a workload under each policy that selects it. */
export function entriesOf(assessment: Assessment, held: string | undefined): Map<string, LedgerEntry> {
  const entries = new Map<string, LedgerEntry>();
  const { governing } = assessment;
  if (governing !== undefined) {
    const { outcome, reason, message } = governing.decision;
    // What is held back by the off switch is not on its way.
    const shown = outcome === 'Pending' && held !== undefined ? 'NonCompliant' : outcome;
    entries.set(governing.policy.name, {
      outcome: shown,
      reason: reason ?? '',
      message: shown === outcome ? message : `${message} (held: ${held ?? ''})`,
      ...besides(governing.decision),
    });
  }
  for (const { policy, decision } of assessment.audits) {
    const outcome = decision.outcome === 'Pending' ? 'NonCompliant' : decision.outcome;
    entries.set(policy.name, {
      outcome,
      reason: decision.reason ?? '',
      message: decision.message,
      ...besides(decision),
    });
  }
  for (const { policy, by, forbidden } of assessment.overridden) {
    entries.set(policy.name, {
      outcome: 'Overridden',
      reason: '',
      message: `policy ${by} governs${forbidden === true ? ' and says tenants: Forbid' : ''}`,
    });
  }
  for (const { policy, reason, message } of assessment.refused) {
    const tried = entries.get(policy.name);
    entries.set(policy.name, { outcome: tried?.outcome ?? 'Overridden', reason, message });
  }
  return entries;
}

/** The same, where the controller knows better how the governing policy's workload stands. */
export function entriesWith(assessment: Assessment, policy: string, entry: LedgerEntry): Map<string, LedgerEntry> {
  return entriesOf(assessment, undefined).set(policy, {
    ...entry,
    ...(assessment.governing === undefined ? {} : besides(assessment.governing.decision)),
  });
}

function besides(decision: Decision): Pick<LedgerEntry, 'slack' | 'warning' | 'beyond' | 'delay'> {
  const { before, neededGrace, nodeBudget } = decision;
  const late = lateRequests(decision);
  return {
    slack: neededGrace === undefined ? undefined : before.gracePeriod.value - neededGrace,
    warning: late === undefined ? undefined : { reason: late.code, message: late.message },
    beyond:
      nodeBudget === undefined
        ? undefined
        : { seconds: nodeBudget.seconds, from: nodeBudget.from, pods: nodeBudget.pods },
    delay: delayOf(decision),
  };
}
