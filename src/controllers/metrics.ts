import { Counter, Gauge, type Registry } from 'prom-client';

export interface OperatorGauges {
  /** policy -> state -> number of workloads */
  workloads(): Iterable<readonly [policy: string, state: string, count: number]>;
  rolling(): number;
  waiting(): number;
  paused(): boolean;
}

/** The operator's own metrics. Labels are bounded: policies, states and kinds of writes, never workloads. */
export class OperatorMetrics {
  private readonly writes: Counter;
  private readonly conflicts: Counter;

  constructor(registry: Registry, gauges: OperatorGauges) {
    const registers = [registry];
    this.writes = new Counter({ name: 'sidecar_drain_writes_total', help: 'Writes to workloads, by policy and kind of write.', labelNames: ['policy', 'write'], registers });
    this.conflicts = new Counter({ name: 'sidecar_drain_write_conflicts_total', help: 'Writes refused because somebody else had written since the read.', registers });
    new Gauge({
      name: 'sidecar_drain_workloads', help: 'Workloads by policy and state.', labelNames: ['policy', 'state'], registers,
      collect() {
        this.reset();
        for (const [policy, state, count] of gauges.workloads()) {
          this.set({ policy, state }, count);
        }
      },
    });
    new Gauge({ name: 'sidecar_drain_rolling_workloads', help: 'Workloads that roll out because of a write of ours.', registers, collect() { this.set(gauges.rolling()); } });
    new Gauge({ name: 'sidecar_drain_waiting_workloads', help: 'Workloads that wait for their turn.', registers, collect() { this.set(gauges.waiting()); } });
    new Gauge({ name: 'sidecar_drain_paused', help: '1 while nothing may be written (off switch).', registers, collect() { this.set(gauges.paused() ? 1 : 0); } });
  }

  written(policy: string, write: 'apply' | 'adopt' | 'restore' | 'orphan' | 'proxyconfig'): void {
    this.writes.inc({ policy, write });
  }

  conflicted(): void {
    this.conflicts.inc();
  }
}
