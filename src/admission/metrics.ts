import { Counter, Histogram, type Registry } from 'prom-client';

/**
 * patched, unchanged: the handler's answer. failed: it threw, or its patch did not fit. not-ready: the caches were not filled yet.
 * All four let the request through. malformed: no admission request at all.
 */
export type AdmissionOutcome = 'patched' | 'unchanged' | 'failed' | 'not-ready' | 'malformed';

/** The API server gives up after three seconds at the latest. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3];

/** Labels are bounded, although anybody in the cluster network may send anything: a kind that is not ours counts as `other`. */
export class AdmissionMetrics {
  private readonly requests: Counter;
  private readonly seconds: Histogram;

  constructor(
    registry: Registry,
    private readonly isKnownKind: (kind: string) => boolean,
  ) {
    const registers = [registry];
    this.requests = new Counter({
      name: 'sidecar_drain_admission_requests_total',
      help: 'Admission requests, by kind of object and what became of them.',
      labelNames: ['kind', 'outcome'],
      registers,
    });
    this.seconds = new Histogram({
      name: 'sidecar_drain_admission_duration_seconds',
      help: 'From the whole request being read to its answer being ready.',
      labelNames: ['kind'],
      buckets: BUCKETS,
      registers,
    });
  }

  answered(kind: string, outcome: AdmissionOutcome, seconds: number): void {
    const known = this.isKnownKind(kind) ? kind : 'other';
    this.requests.inc({ kind: known, outcome });
    this.seconds.observe({ kind: known }, seconds);
  }
}
