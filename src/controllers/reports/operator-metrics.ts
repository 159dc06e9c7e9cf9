import type { Assessment } from '../../drain/plan/assess.ts';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface OperatorGauges {
  /** policy -> state -> number of workloads */
  workloads(): Iterable<readonly [policy: string, state: string, count: number]>;
  /** policy -> code of the closed list of reasons -> number of workloads */
  reasons(): Iterable<readonly [policy: string, reason: string, count: number]>;
  /** Seconds between what each governed workload's grace period is and what the promise needs. */
  slacks(): Iterable<number>;
  rolling(): number;
  waiting(): number;
  /** policy -> why it starts nothing new */
  held(): Iterable<readonly [policy: string, reason: string]>;
  paused(): boolean;
}

/** Below zero the promise is broken; far above, pods may hang for longer than anybody needs. */
const SLACK_BUCKETS = [-300, -60, -30, -10, -1, 0, 5, 15, 30, 60, 120, 300, 600];

/** The operator's own metrics. Labels are bounded: policies, states and kinds of writes, never workloads. */
export class OperatorMetrics {
  private readonly writes: Counter;
  private readonly conflicts: Counter;
  private readonly decisions: Counter;

  constructor(registry: Registry, gauges: OperatorGauges) {
    const registers = [registry];
    this.writes = new Counter({
      name: 'sidecar_drain_writes_total',
      help: 'Writes to workloads, by policy and kind of write.',
      labelNames: ['policy', 'write'],
      registers,
    });
    this.conflicts = new Counter({
      name: 'sidecar_drain_write_conflicts_total',
      help: 'Writes refused because somebody else had written since the read.',
      registers,
    });
    this.decisions = new Counter({
      name: 'sidecar_drain_decisions_total',
      help: 'Decisions on governed workloads, by outcome.',
      labelNames: ['outcome'],
      registers,
    });
    new Gauge({
      name: 'sidecar_drain_workloads',
      help: 'Workloads by policy and state.',
      labelNames: ['policy', 'state'],
      registers,
      collect() {
        this.reset();
        for (const [policy, state, count] of gauges.workloads()) {
          this.set({ policy, state }, count);
        }
      },
    });
    new Gauge({
      name: 'sidecar_drain_workload_reasons',
      help: 'Workloads by policy and reason, for workloads that have one (docs/reference/findings.md).',
      labelNames: ['policy', 'reason'],
      registers,
      collect() {
        this.reset();
        for (const [policy, reason, count] of gauges.reasons()) {
          this.set({ policy, reason }, count);
        }
      },
    });
    new Histogram({
      name: 'sidecar_drain_grace_slack_seconds',
      help: 'Grace period minus what the promise needs, margin included, for the workloads that are governed or audited now.',
      buckets: SLACK_BUCKETS,
      registers,
      collect() {
        // A picture of now and not a count over time: made anew for each scrape.
        this.reset();
        for (const slack of gauges.slacks()) {
          this.observe(slack);
        }
      },
    });
    new Gauge({
      name: 'sidecar_drain_rolling_workloads',
      help: 'Workloads that roll out because of a write of ours.',
      registers,
      collect() {
        this.set(gauges.rolling());
      },
    });
    new Gauge({
      name: 'sidecar_drain_waiting_workloads',
      help: 'Workloads that wait for their turn.',
      registers,
      collect() {
        this.set(gauges.waiting());
      },
    });
    new Gauge({
      name: 'sidecar_drain_rollouts_held',
      help: '1 for each policy whose waves start nothing new, by reason: Halted or Soaking.',
      labelNames: ['policy', 'reason'],
      registers,
      collect() {
        this.reset();
        for (const [policy, reason] of gauges.held()) {
          this.set({ policy, reason }, 1);
        }
      },
    });
    new Gauge({
      name: 'sidecar_drain_paused',
      help: '1 while nothing may be written (off switch).',
      registers,
      collect() {
        this.set(gauges.paused() ? 1 : 0);
      },
    });
  }

  written(policy: string, write: 'apply' | 'adopt' | 'restore' | 'orphan' | 'proxyconfig'): void {
    this.writes.inc({ policy, write });
  }

  decided({ governing }: Assessment): void {
    if (governing !== undefined) {
      this.decisions.inc({ outcome: governing.decision.outcome });
    }
  }

  conflicted(): void {
    this.conflicts.inc();
  }
}
