// Metrics under the names that dashboards for controller-runtime and client-go already know, so that those show this
// operator too. The product's own metrics register themselves at `registry`.

import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { ReflectorMetrics, RequestObservation } from '../kube/index.ts';
import type { ControllerObserver } from './controller.ts';
import type { QueueObserver, WorkQueue } from './queue.ts';

export interface MetricsOptions {
  /** CPU, memory, event loop of the process. */
  processMetrics?: boolean;
}

// As client-go has them.
const requestBuckets = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 45, 60];
// As controller-runtime has them, from a microsecond to a quarter of an hour.
const queueBuckets = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000];
const reconcileBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];

export class Metrics {
  readonly registry = new Registry();
  private readonly queues = new Map<string, WorkQueue>();
  private readonly requests: Counter;
  private readonly requestSeconds: Histogram;
  private readonly requestRetries: Counter;
  private readonly adds: Counter;
  private readonly queueSeconds: Histogram;
  private readonly workSeconds: Histogram;
  private readonly retries: Counter;
  private readonly reconciles: Counter;
  private readonly reconcileErrors: Counter;
  private readonly terminalErrors: Counter;
  private readonly reconcileSeconds: Histogram;
  private readonly activeWorkers: Gauge;
  private readonly maxConcurrent: Gauge;
  private readonly leader: Gauge;
  private readonly relists: Counter;
  private readonly watchErrors: Counter;
  private readonly tornStreams: Counter;
  private readonly handlerErrors: Counter;

  constructor(options: MetricsOptions = {}) {
    const registers = [this.registry];
    if (options.processMetrics !== false) {
      collectDefaultMetrics({ register: this.registry });
    }
    const counter = (name: string, help: string, labelNames: string[]) =>
      new Counter({ name, help, labelNames, registers });
    const gauge = (name: string, help: string, labelNames: string[]) =>
      new Gauge({ name, help, labelNames, registers });
    const histogram = (name: string, help: string, labelNames: string[], buckets: number[]) =>
      new Histogram({ name, help, labelNames, buckets, registers });

    this.requests = counter(
      'rest_client_requests_total',
      'Requests to the API server, by status code, method, host and resource.',
      ['code', 'method', 'host', 'resource'],
    );
    this.requestSeconds = histogram(
      'rest_client_request_duration_seconds',
      'Time from sending a request to its whole answer, by verb and host.',
      ['verb', 'host'],
      requestBuckets,
    );
    this.requestRetries = counter(
      'rest_client_request_retries_total',
      'Requests that were sent again, by verb and host.',
      ['verb', 'host'],
    );

    const queue = ['name', 'controller'];
    this.adds = counter('workqueue_adds_total', 'Keys added to the queue.', queue);
    this.queueSeconds = histogram(
      'workqueue_queue_duration_seconds',
      'Time that a key waits in the queue.',
      queue,
      queueBuckets,
    );
    this.workSeconds = histogram(
      'workqueue_work_duration_seconds',
      'Time that the work on a key takes.',
      queue,
      queueBuckets,
    );
    this.retries = counter('workqueue_retries_total', 'Keys that were added again after a failure.', queue);
    this.queueGauge('workqueue_depth', 'Keys that wait in the queue.', (one) => one.depth);
    this.queueGauge(
      'workqueue_unfinished_work_seconds',
      'Seconds of work that is under way and not yet counted in work_duration.',
      (one) => one.unfinishedSeconds().sum,
    );
    this.queueGauge(
      'workqueue_longest_running_processor_seconds',
      'Seconds for which the longest present work has been under way.',
      (one) => one.unfinishedSeconds().longest,
    );

    this.reconciles = counter('controller_runtime_reconcile_total', 'Reconciles, by controller and result.', [
      'controller',
      'result',
    ]);
    this.reconcileErrors = counter(
      'controller_runtime_reconcile_errors_total',
      'Reconciles that failed, by controller.',
      ['controller'],
    );
    this.terminalErrors = counter(
      'controller_runtime_terminal_reconcile_errors_total',
      'Reconciles that failed and are not tried again, by controller.',
      ['controller'],
    );
    this.reconcileSeconds = histogram(
      'controller_runtime_reconcile_time_seconds',
      'Time of a reconcile, by controller.',
      ['controller'],
      reconcileBuckets,
    );
    this.activeWorkers = gauge('controller_runtime_active_workers', 'Workers that are busy, by controller.', [
      'controller',
    ]);
    this.maxConcurrent = gauge('controller_runtime_max_concurrent_reconciles', 'Workers, by controller.', [
      'controller',
    ]);
    this.leader = gauge('leader_election_master_status', 'Whether this process leads: 1 or 0.', ['name']);

    this.relists = counter('reflector_lists_total', 'Lists of a whole collection, by resource and reason.', [
      'resource',
      'reason',
    ]);
    this.watchErrors = counter('reflector_watch_errors_total', 'Watches that ended with an error, by resource.', [
      'resource',
    ]);
    this.tornStreams = counter(
      'reflector_torn_streams_total',
      'Watches that ended in the middle of an object or sent what cannot be parsed, by resource.',
      ['resource'],
    );
    this.handlerErrors = counter('reflector_handler_errors_total', 'Errors in own handlers of a change, by resource.', [
      'resource',
    ]);
  }

  /** For `TransportOptions.onRequest`. */
  requestObserver(host: string): (observation: RequestObservation) => void {
    return ({ verb, method, resource, code, seconds }) => {
      this.requests.inc({ code, method, host, resource });
      this.requestSeconds.observe({ verb, host }, seconds);
    };
  }

  /** For `TransportOptions.onRetry`. */
  retryObserver(host: string): (purpose: { verb: string }) => void {
    return ({ verb }) => {
      this.requestRetries.inc({ verb, host });
    };
  }

  watchQueue(queue: WorkQueue): void {
    const labels = { name: queue.name, controller: queue.name };
    this.queues.set(queue.name, queue);
    this.adds.inc(labels, 0);
    this.retries.inc(labels, 0);
    const observer: QueueObserver = {
      onAdd: () => {
        this.adds.inc(labels);
      },
      onTake: (seconds) => {
        this.queueSeconds.observe(labels, seconds);
      },
      onDone: (seconds) => {
        this.workSeconds.observe(labels, seconds);
      },
      onRetry: () => {
        this.retries.inc(labels);
      },
    };
    queue.observe(observer);
  }

  controllerObserver(controller: string, concurrency: number): ControllerObserver {
    const labels = { controller };
    this.maxConcurrent.set(labels, concurrency);
    this.activeWorkers.set(labels, 0);
    this.reconcileErrors.inc(labels, 0);
    this.terminalErrors.inc(labels, 0);
    // Rates over a series start at its second sample: all of them are there from the beginning.
    for (const result of ['success', 'requeue_after', 'error']) {
      this.reconciles.inc({ controller, result }, 0);
    }
    return {
      onStart: () => {
        this.activeWorkers.inc(labels);
      },
      onEnd: (result, seconds, isTerminal) => {
        this.activeWorkers.dec(labels);
        this.reconciles.inc({ controller, result });
        if (result === 'error') {
          this.reconcileErrors.inc(labels);
        }
        if (isTerminal) {
          this.terminalErrors.inc(labels);
        }
        this.reconcileSeconds.observe(labels, seconds);
      },
    };
  }

  setLeader(name: string, leads: boolean): void {
    this.leader.set({ name }, leads ? 1 : 0);
  }

  readonly reflectorMetrics: ReflectorMetrics = {
    onRelist: (resource, reason) => {
      this.relists.inc({ resource, reason });
    },
    onWatchError: (resource) => {
      this.watchErrors.inc({ resource });
    },
    onTornStream: (resource) => {
      this.tornStreams.inc({ resource });
    },
    onHandlerError: (resource) => {
      this.handlerErrors.inc({ resource });
    },
  };

  get contentType(): string {
    return this.registry.contentType;
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  // Looked up when somebody asks: a gauge that is set on each change costs on each change.
  private queueGauge(name: string, help: string, value: (queue: WorkQueue) => number): void {
    const { queues, registry } = this;
    new Gauge({
      name,
      help,
      labelNames: ['name', 'controller'],
      registers: [registry],
      collect() {
        for (const queue of queues.values()) {
          this.set({ name: queue.name, controller: queue.name }, value(queue));
        }
      },
    });
  }
}
