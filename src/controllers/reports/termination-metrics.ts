import { Counter, Histogram, type Registry } from 'prom-client';

const DURATION_BUCKETS = [1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600];

/** What is counted of the terminations that were watched. */
export class TerminationMetrics {
  readonly counter: Counter;
  readonly durations: Histogram;
  readonly forecasts: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.counter = new Counter({
      name: 'sidecar_drain_terminations_total',
      help: 'Pods of governed workloads that have ended, by policy and outcome.',
      labelNames: ['policy', 'outcome'],
      registers,
    });
    this.durations = new Histogram({
      name: 'sidecar_drain_termination_duration_seconds',
      help: 'From the deletion of a pod of a governed workload to the end of its last container.',
      buckets: DURATION_BUCKETS,
      registers,
    });
    this.forecasts = new Counter({
      name: 'sidecar_drain_forecasts_total',
      help: "Terminations of governed workloads that were held against the engine's forecast, by policy and result: agrees, or differs.",
      labelNames: ['policy', 'result'],
      registers,
    });
  }
}
