import type { EventReason } from '../../api/events.ts';
import type { Counter, Histogram, Registry } from 'prom-client';
import type { KubernetesObject } from '../../api/kubernetes.ts';
import { ownerOfPod } from '../../drain/admit/index.ts';
import type { EffectiveSettings } from '../../drain/model/settings.ts';
import type { Workload } from '../../drain/model/workload.ts';
import {
  endingOf,
  endingOfGone,
  recordOf,
  TERMINATION_OUTCOMES,
  type PodEnding,
  type RawPod,
} from '../../drain/observe/index.ts';
import type { Assessment } from '../../drain/plan/assess.ts';
import {
  defineResource,
  pictureOf,
  systemClock,
  type Clock,
  type EventRecorder,
  type KubeClient,
  type Logger,
  type Picture,
  type ReflectorMetrics,
} from '../../kube/index.ts';
import { pods } from '../watches/resources.ts';
import { EVENT_WATCH, FailedHooks } from './failed-hooks.ts';
import { keepAtMost } from './keep-at-most.ts';
import { TerminationMetrics } from './termination-metrics.ts';
import { ObservedTerminations, type ObservedOptions, type ObservedWorkload } from './observed.ts';

export interface TerminationsOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly recorder: EventRecorder<EventReason>;
  readonly metrics?: ReflectorMetrics;
  readonly workload: (key: string) => Workload | undefined;
  /** Of a pod that ends, as the mesh is now. */
  readonly settingsOf: (raw: KubernetesObject) => EffectiveSettings;
  /** Of a workload, as it stands now; undefined where it is gone. */
  readonly about: (workload: string, policy: string) => ObservedWorkload | undefined;
  /** Told what is to be said of how the pods of a workload end; undefined: nothing any more. */
  readonly observe: ObservedOptions['onChange'];
  readonly clock?: Clock;
  /** The only namespaces that are looked into; undefined for all. */
  readonly watchNamespaces?: readonly string[];
  readonly now: () => number;
}

/** A termination that goes on, and who is answerable for it. */
interface Kept {
  readonly owner: string;
  /** Of the workload when the termination began: the workload itself may be gone before its pods are. */
  readonly policy?: string;
  readonly ending: PodEnding;
  readonly settings: EffectiveSettings;
}

const events = defineResource({ group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true });
/** The injector puts it on every pod that it gives a proxy. */
const MESH_LABEL = 'service.istio.io/canonical-name';
/** The Event of a hook that failed may come a moment after the pod has gone. */
const NEWS_WAIT_MS = 2_000;
const FORECAST_RESULTS = ['agrees', 'differs'] as const;
/** Workloads that were deleted, and whose pods still end. */
const GONE_WORKLOADS_KEPT = 1_000;

/**
 * Counts how the pods of governed workloads end. The watch brings whole pods, because only their status tells how a
 * container ended; what is kept are a few strings of those that are being deleted right now, and nothing of all others.
 */
export class Terminations {
  private readonly reflector: Picture<Kept>;
  private readonly hookEvents: Picture<never>;
  private readonly counter: Counter;
  private readonly durations: Histogram;
  private readonly forecasts: Counter;
  private readonly governors = new Map<string, string>();
  private readonly goneWorkloads = new Map<string, string>();
  private readonly failedHooks = new FailedHooks();
  private readonly waiting = new Set<{ readonly kept: Kept; readonly timer: NodeJS.Timeout }>();
  private readonly policies = new Set<string>();
  private readonly observed: ObservedTerminations;
  private justGone: string | undefined;
  private readonly options: TerminationsOptions;

  constructor(options: TerminationsOptions) {
    this.options = options;
    const { client, logger, registry } = options;
    this.observed = new ObservedTerminations({ clock: options.clock ?? systemClock, onChange: options.observe });
    const { counter, durations, forecasts } = new TerminationMetrics(registry);
    this.counter = counter;
    this.durations = durations;
    this.forecasts = forecasts;
    const common = { client, logger, metrics: options.metrics };
    this.reflector = pictureOf<KubernetesObject, Kept>(
      {
        ...common,
        resource: pods,
        labelSelector: MESH_LABEL,
        project: (raw) => this.project(raw),
        onGone: (raw, last) => {
          this.gone(raw, last);
        },
        handlers: {
          onDelete: (key, last) => {
            if (this.justGone === key) {
              this.justGone = undefined;
              return;
            }
            // It vanished while nobody watched.
            this.settleSoon({ ...last, ending: { ...last.ending, gone: 'Missed' } });
          },
        },
      },
      options.watchNamespaces,
    );
    this.hookEvents = pictureOf<KubernetesObject, never>(
      {
        ...common,
        resource: events,
        fieldSelector: 'reason=FailedPreStopHook,involvedObject.kind=Pod',
        timings: EVENT_WATCH,
        project: (raw) => {
          this.failedHooks.note(raw);
          return undefined;
        },
      },
      options.watchNamespaces,
    );
  }

  /** Only whoever leads counts: two would count everything twice. */
  start(): void {
    this.reflector.start();
    this.hookEvents.start();
  }

  async stop(): Promise<void> {
    for (const { timer } of this.waiting) {
      clearTimeout(timer);
    }
    this.waiting.clear();
    this.observed.stop();
    await Promise.all([this.reflector.stop(), this.hookEvents.stop()]);
  }

  /** Who governs a workload from now on. */
  note(workload: string, { governing }: Assessment): void {
    if (governing === undefined) {
      this.governors.delete(workload);
      return;
    }
    const { name } = governing.policy;
    this.goneWorkloads.delete(workload);
    this.governors.set(workload, name);
    this.know(name);
  }

  forgetWorkload(workload: string): void {
    this.observed.forgetWorkload(workload);
    const policy = this.governors.get(workload);
    if (policy === undefined) {
      return;
    }
    this.governors.delete(workload);
    keepAtMost(this.goneWorkloads, GONE_WORKLOADS_KEPT);
    this.goneWorkloads.set(workload, policy);
  }

  forgetPolicy(policy: string): void {
    this.observed.forgetPolicy(policy);
    if (this.policies.delete(policy)) {
      for (const outcome of TERMINATION_OUTCOMES) {
        this.counter.remove({ policy, outcome });
      }
      for (const result of FORECAST_RESULTS) {
        this.forecasts.remove({ policy, result });
      }
    }
  }

  /** A rate begins at a series' second sample, so all of them are there before anything happens. */
  private know(policy: string): void {
    if (!this.policies.has(policy)) {
      this.policies.add(policy);
      for (const outcome of TERMINATION_OUTCOMES) {
        this.counter.inc({ policy, outcome }, 0);
      }
      for (const result of FORECAST_RESULTS) {
        this.forecasts.inc({ policy, result }, 0);
      }
    }
  }

  private project(raw: KubernetesObject): Kept | undefined {
    const { metadata } = raw;
    if (metadata?.deletionTimestamp === undefined) {
      return undefined;
    }
    const last = this.reflector.store.get(`${metadata.namespace ?? ''}/${metadata.name ?? ''}`);
    const ending = endingOf(raw as unknown as RawPod, last?.ending, this.options.now());
    return ending === undefined ? undefined : this.kept(raw, ending, last);
  }

  private gone(raw: KubernetesObject, last: Kept | undefined): void {
    const { namespace = '', name = '' } = raw.metadata ?? {};
    // The store has a record to delete only where there was one.
    this.justGone = last === undefined ? undefined : `${namespace}/${name}`;
    const ending = endingOfGone(raw as unknown as RawPod, last?.ending, this.options.now());
    // The kubelet's last delete has a grace period of 0: without what was before it, it looks like one by force.
    if (ending === undefined || (last === undefined && ending.running.length === 0)) {
      return;
    }
    const kept = this.kept(raw, ending, last);
    if (kept !== undefined) {
      this.settleSoon(kept);
    }
  }

  private kept(raw: KubernetesObject, ending: PodEnding, last: Kept | undefined): Kept | undefined {
    if (last?.ending.uid === ending.uid) {
      return { ...last, ending };
    }
    const { namespace = '' } = raw.metadata ?? {};
    const owner = ownerOfPod(raw.metadata ?? {}, namespace);
    if (owner === undefined) {
      return undefined;
    }
    const policy = this.governorOf(owner);
    return { owner, policy, ending, settings: this.options.settingsOf(raw) };
  }

  private governorOf(owner: string): string | undefined {
    return this.governors.get(owner) ?? this.goneWorkloads.get(owner);
  }

  private settleSoon(kept: Kept): void {
    const entry = {
      kept,
      timer: setTimeout(() => {
        this.waiting.delete(entry);
        this.settle(kept);
      }, NEWS_WAIT_MS),
    };
    entry.timer.unref();
    this.waiting.add(entry);
  }

  private settle({ owner, policy: known, ending, settings }: Kept): void {
    // After a start the first terminations are seen before the first decisions are made.
    const policy = known ?? this.governorOf(owner);
    const failed = this.failedHooks.take(ending.namespace, ending.uid);
    const news = { hookFailures: failed === undefined ? [] : [failed], exceeded: false };
    const record = recordOf(ending, settings, news);
    if (record === undefined || policy === undefined || !this.policies.has(policy)) {
      return;
    }
    const { outcome, took, forecast, why } = record;
    this.counter.inc({ policy, outcome });
    if (took !== undefined) {
      this.durations.observe(took);
    }
    if (forecast !== undefined) {
      this.forecasts.inc({ policy, result: forecast.differences.length === 0 ? 'agrees' : 'differs' });
    }
    const about = this.options.about(owner, policy);
    if (about !== undefined) {
      this.observed.note(owner, policy, record, about);
    }
    if (outcome === 'Killed') {
      this.tell(owner, policy, ending, why);
    }
  }

  private tell(owner: string, policy: string, { pod, namespace }: PodEnding, why: string): void {
    const workload = this.options.workload(owner);
    if (workload === undefined) {
      return;
    }
    const { apiVersion, kind, name, uid, resourceVersion } = workload;
    this.options.recorder.event(
      { apiVersion, kind, name, namespace, uid, resourceVersion },
      'Warning',
      'PodKilled',
      `Policy ${policy}: pod ${pod}: ${why}. sidecar-drain verify ${kind.toLowerCase()}/${name} -n ${namespace} says what follows.`,
    );
  }
}
