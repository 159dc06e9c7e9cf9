import type { EventReason } from '../api/events.ts';
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import { randomBytes } from 'node:crypto';
import type { StatedFacts } from '../drain/model/mesh.ts';
import { workloadKey, type Workload } from '../drain/model/workload.ts';
import { settingsOfPod } from '../drain/observe/index.ts';
import type { PolicyRecord } from '../drain/plan/policies.ts';
import type { Patience } from '../drain/rollout/patience.ts';
import type { OperatorCaps } from '../drain/rollout/gate.ts';
import type { KindTable } from '../drain/template/index.ts';
import { EventRecorder, LeaderElector, type EventSubject, type KubeClient, type Logger } from '../kube/index.ts';
import { Controller, Turns, WorkQueue, type Metrics } from '../runtime/index.ts';
import { AdmissionFacts } from './webhook/admission-facts.ts';
import { ADMISSION_OFF, type AdmissionSide } from './webhook/admission-side.ts';
import { Caches } from './watches/caches.ts';
import { DeliveredPods } from './watches/delivered-pods.ts';
import { ExemptionController } from './exemption/exemption-controller.ts';
import { Ledger } from './reports/ledger.ts';
import { OperatorMetrics } from './reports/operator-metrics.ts';
import { PoliciesSettling } from './policy/policies-settling.ts';
import { Permits } from './policy/permits.ts';
import { PolicyController } from './policy/policy-controller.ts';
import { keyOf, ownKeyOf, ProxyConfigController } from './proxyconfig/proxyconfig-controller.ts';
import { ReportController, type ReportsMode } from './reports/report-controller.ts';
import { aboutWorkload } from './reports/about-workload.ts';
import { Terminations } from './reports/terminations.ts';
import { WorkloadController } from './workload/workload-controller.ts';

export interface OperatorOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly namespace: string;
  readonly istioNamespaces: readonly string[];
  /** The only namespaces that are looked into and written to; undefined for all. Policies of the cluster are not read then. */
  readonly watchNamespaces?: readonly string[];
  readonly stated: StatedFacts;
  /** The kinds of workloads; without it those that need no configuration. */
  readonly kinds?: KindTable;
  readonly caps: OperatorCaps;
  readonly patience: Patience;
  /** Workloads that are worked on at once. */
  readonly concurrency: number;
  readonly leaderElection: boolean;
  /** Namespaced policies may govern where no policy of the cluster would. */
  readonly unboundedTenants?: boolean;
  /** The admission policies of config/admission-policies are installed. */
  readonly admissionPolicies?: boolean;
  /** Whether violations are reported as PolicyReport and OpenReports, where those are installed. Default auto. */
  readonly reports?: ReportsMode;
  /** Count how pods of governed workloads end. Default: no. */
  readonly observeTerminations?: boolean;
  readonly leaseName: string;
  /** The admission webhook; absent where it is off. */
  readonly admission?: AdmissionSide;
  /** Called when it leads no more and did not want that, with the reason: the process must end, since it may not write any more. */
  readonly onLost: (why: string) => void;
  readonly now?: () => number;
}

/** Statuses are written this long after a change, so that a thousand changes make one write. */
const STATUS_DELAY_MS = 300;
/** Mesh changes come in bursts (an Istio upgrade touches many objects). */
const MESH_DELAY_MS = 250;

/** Everything that runs: caches, queues, controllers, leader election. */
export class Operator {
  readonly caches: Caches;
  readonly admissionPicture: AdmissionFacts;
  private readonly deliveredPods: DeliveredPods | undefined;
  private readonly terminations: Terminations | undefined;
  private readonly options: OperatorOptions;
  private readonly workloads: WorkQueue;
  private readonly policies: WorkQueue;
  private readonly proxyConfigs: WorkQueue;
  private readonly exemptions: WorkQueue;
  private readonly reportQueue: WorkQueue;
  private readonly controllers: Controller[] = [];
  private readonly recorder: EventRecorder<EventReason>;
  private readonly ledger: Ledger;
  private readonly reports: ReportController;
  private readonly exemptionController: ExemptionController;
  private readonly workloadController: WorkloadController;
  private readonly elector: LeaderElector | undefined;
  private readonly abort = new AbortController();
  private meshTimer: NodeJS.Timeout | undefined;
  private leading = false;
  private readonly settling: PoliciesSettling;
  private synced = false;

  constructor(options: OperatorOptions) {
    this.options = options;
    // One listener for each cache that is waited for.
    setMaxListeners(0, this.abort.signal);
    const { client, logger, metrics } = options;
    const now = options.now ?? Date.now;
    this.settling = new PoliciesSettling(now);
    this.workloads = new WorkQueue({ name: 'workload' });
    this.policies = new WorkQueue({ name: 'policy' });
    this.proxyConfigs = new WorkQueue({ name: 'proxyconfig' });
    this.exemptions = new WorkQueue({ name: 'exemption' });
    this.reportQueue = new WorkQueue({ name: 'report' });
    for (const queue of [this.workloads, this.policies, this.proxyConfigs, this.exemptions, this.reportQueue]) {
      metrics.watchQueue(queue);
    }
    this.recorder = new EventRecorder({ client, component: 'sidecar-drain-operator', instance: hostname(), logger });
    this.ledger = new Ledger((policy, workload) => {
      this.policies.addAfter(policy, STATUS_DELAY_MS);
      this.reports.changed(workload);
    });
    this.caches = new Caches({
      client,
      logger,
      stated: options.stated,
      istioNamespaces: options.istioNamespaces,
      operatorNamespace: options.namespace,
      watchNamespaces: options.watchNamespaces,
      reflectorMetrics: metrics.reflectorMetrics,
      kinds: options.kinds,
      handlers: {
        // In a burst, whatever is not written yet goes before a second look at what has just been written.
        onWorkload: (key, initial) => {
          this.addWorkload(key, initial || this.workloadController.rollouts.isEcho(key));
          this.addExemptionsOf(key);
          if (this.caches.workload(key) === undefined) {
            this.terminations?.forgetWorkload(key);
            proxyConfigController.forget(key);
          }
        },
        onExemption: ({ name, namespace }, changed) => {
          this.exemptions.addAfter(name, STATUS_DELAY_MS);
          if (changed) {
            this.addWorkloadsIn(namespace);
          }
        },
        onPoliciesSynced: () => {
          this.addAllWorkloads();
        },
        onPolicy: (name, before, after) => {
          this.policies.addAfter(name, STATUS_DELAY_MS);
          if (after === undefined) {
            this.terminations?.forgetPolicy(name);
          }
          if (this.synced) {
            this.caches.reviewKinds();
          }
          // A status write of ours comes back as an update; only a changed intent, or a coming or going, concerns the workloads.
          if (
            before?.generation !== after?.generation ||
            before?.uid !== after?.uid ||
            before?.deleting !== after?.deleting
          ) {
            this.settling.changed(before, after);
            this.tellRollouts(before, after);
            this.admission.changed();
            // A resource of a policy that was only held is needed by nobody when that goes.
            for (const resource of this.caches.meshFacts().proxyConfigs ?? []) {
              if (ownKeyOf(resource) === keyOf(name, resource.namespace)) {
                this.proxyConfigs.add(keyOf(name, resource.namespace));
              }
            }
            const namespace = (before ?? after)?.namespace;
            if (namespace === undefined) {
              this.addAllWorkloads();
            } else {
              this.addWorkloadsIn(namespace);
            }
          }
        },
        onNamespace: (name) => {
          this.addWorkloadsIn(name);
        },
        onBudget: (namespace) => {
          this.workloadController.rollouts.budgetChanged(namespace);
        },
        onMesh: () => {
          this.meshChanged();
        },
        onProxyConfig: (resource) => {
          const own = ownKeyOf(resource);
          if (own !== undefined) {
            this.proxyConfigs.add(own);
          }
          // One of somebody else's that goes may have been what ours had to stay away from.
          for (const { record } of this.caches.policies.store.values()) {
            if (
              record.intent.environment === 'ProxyConfig' &&
              (record.namespace ?? resource.namespace) === resource.namespace
            ) {
              this.proxyConfigs.add(keyOf(record.name, resource.namespace));
            }
          }
          // One in the root namespace concerns the whole mesh.
          if (resource.namespace === this.caches.meshFacts().rootNamespace) {
            this.meshChanged();
            return;
          }
          this.addWorkloadsIn(resource.namespace);
        },
        onOffSwitch: () => {
          this.addAllWorkloads();
          this.addAllPolicies();
        },
        onFalseIstiod: (deployment) => {
          this.tellOfFalseIstiod(deployment);
        },
      },
    });
    const { caches, ledger } = this;
    this.terminations =
      options.observeTerminations !== true
        ? undefined
        : new Terminations({
            client,
            logger,
            registry: metrics.registry,
            recorder: this.recorder,
            metrics: metrics.reflectorMetrics,
            watchNamespaces: options.watchNamespaces,
            workload: (key) => caches.workload(key),
            settingsOf: (pod) =>
              settingsOfPod(pod, caches.meshFacts(), caches.namespace(pod.metadata?.namespace ?? '')),
            about: (key, policy) => aboutWorkload(caches, ledger, key, policy),
            observe: (policy, key, seen) => {
              ledger.observe(policy, key, seen);
            },
            now,
          });
    const operatorMetrics: OperatorMetrics = new OperatorMetrics(metrics.registry, {
      *workloads() {
        for (const policy of ledger.policies()) {
          for (const [state, count] of Object.entries(ledger.countsOf(policy))) {
            if (state !== 'matched') {
              yield [policy, state, count];
            }
          }
        }
      },
      reasons: () => ledger.reasons(),
      slacks: () => ledger.slacks(),
      rolling: () => workloadController.rollouts.rollingCount,
      waiting: () => workloadController.rollouts.waitingCount,
      held: () => workloadController.rollouts.stages.held(),
      paused: () => caches.writesHeldBecause() !== undefined,
    });
    const proxyConfigController = new ProxyConfigController({
      client,
      caches,
      queue: this.proxyConfigs,
      workloadQueue: this.workloads,
      logger,
      metrics: operatorMetrics,
    });
    const permits = new Permits({
      client,
      caches,
      operatorNamespace: options.namespace,
      logger,
      recorder: this.recorder,
      now,
      enqueue: (key) => {
        this.workloads.add(key);
      },
      onChange: (policy) => {
        this.policies.addAfter(policy, STATUS_DELAY_MS);
      },
    });
    const workloadController: WorkloadController = new WorkloadController({
      client,
      caches,
      ledger,
      queue: this.workloads,
      recorder: this.recorder,
      logger,
      metrics: operatorMetrics,
      caps: options.caps,
      patience: options.patience,
      permits,
      policiesSettleUntil: (namespace) => this.settling.until(namespace),
      proxyConfigKnownAt: (policy, namespace) => proxyConfigController.knownAt(policy, namespace),
      operatorNamespace: options.namespace,
      now,
      unboundedTenants: options.unboundedTenants === true,
      ownProxyConfig: (policy, namespace) => proxyConfigController.own(policy, namespace),
      onDecision: (workload, assessment) => {
        operatorMetrics.decided(assessment);
        proxyConfigController.note(workload, assessment);
        this.terminations?.note(workloadKey(workload), assessment);
        this.noteExemption(workload, assessment.exemptionRefused);
      },
      onTurn: (policy) => {
        this.policies.addAfter(policy, STATUS_DELAY_MS);
      },
      countDelivered: (workload, intent) => this.deliveredPods?.of(workload, intent),
      admissionServes: () => this.admission.state === 'Serving',
    });
    this.deliveredPods =
      options.admission === undefined
        ? undefined
        : new DeliveredPods({
            client,
            logger,
            metrics: metrics.reflectorMetrics,
            onChange: (key) => {
              if (this.leading) {
                this.workloads.addAfter(key, STATUS_DELAY_MS);
              }
            },
            onStateChange: () => {
              this.addAllWorkloads();
            },
          });
    this.admissionPicture = new AdmissionFacts({
      caches,
      operatorNamespace: options.namespace,
      unboundedTenants: options.unboundedTenants === true,
      now,
      ownProxyConfig: (policy, namespace) => proxyConfigController.own(policy, namespace),
    });
    this.workloadController = workloadController;
    const policyController = new PolicyController({
      client,
      caches,
      ledger,
      workloadQueue: this.workloads,
      recorder: this.recorder,
      logger,
      now,
      permits,
      rollouts: workloadController.rollouts,
      admission: () => this.admission,
      admissionPolicies: options.admissionPolicies === true,
    });
    this.exemptionController = new ExemptionController({
      client,
      cache: caches.exemptions,
      recorder: this.recorder,
      now,
      *workloadsIn(namespace) {
        for (const key of caches.workloadKeysIn(namespace)) {
          const workload = caches.workload(key);
          if (workload !== undefined) {
            yield workload;
          }
        }
      },
      look: (key) => {
        this.addWorkload(key, false);
      },
    });
    this.reports = new ReportController({
      client,
      caches,
      ledger,
      queue: this.reportQueue,
      workloadQueue: this.workloads,
      logger,
      metrics: metrics.reflectorMetrics,
      mode: options.reports ?? 'auto',
      watchNamespaces: options.watchNamespaces,
      now,
    });
    const turns = new Turns();
    const controller = (
      name: string,
      queue: WorkQueue,
      concurrency: number,
      reconcile: (key: string, signal: AbortSignal) => ReturnType<WorkloadController['reconcile']>,
    ): Controller =>
      new Controller({
        name,
        queue,
        concurrency,
        reconcile,
        turns,
        logger,
        observer: metrics.controllerObserver(name, concurrency),
      });
    this.controllers.push(
      controller('workload', this.workloads, options.concurrency, (key, signal) =>
        workloadController.reconcile(key, signal),
      ),
      controller('policy', this.policies, 2, (key, signal) => policyController.reconcile(key, signal)),
      controller('exemption', this.exemptions, 1, (key, signal) => this.exemptionController.reconcile(key, signal)),
      controller('proxyconfig', this.proxyConfigs, 2, (key, signal) => proxyConfigController.reconcile(key, signal)),
      controller('report', this.reportQueue, 2, (key, signal) => this.reports.reconcile(key, signal)),
    );
    this.elector = options.leaderElection ? this.makeElector() : undefined;
  }

  /** Fills the caches, waits for the lease where that is asked for, then works until stopped. A standby keeps warm caches. */
  async start(): Promise<void> {
    this.caches.start();
    await Promise.all([this.caches.waitForSync(this.abort.signal), this.deliveredPods?.start(this.abort.signal)]);
    this.synced = true;
    this.options.logger.info('caches are synced', {
      workloads: [...this.caches.workloadKeys()].length,
      policies: this.caches.policies.store.size,
      istio: this.caches.meshFacts().istio,
    });
    if (this.elector === undefined) {
      this.lead();
      return;
    }
    this.elector.start();
  }

  async stop(): Promise<void> {
    this.abort.abort();
    clearTimeout(this.meshTimer);
    await Promise.all(this.controllers.map((controller) => controller.stop()));
    await this.elector?.stop();
    await this.recorder.stop();
    await Promise.all([this.caches.stop(), this.deliveredPods?.stop(), this.terminations?.stop(), this.reports.stop()]);
  }

  /** Undefined when ready, else why not. */
  notReadyBecause(): string | undefined {
    return this.synced ? undefined : `the caches are not synced yet: ${this.caches.notSyncedBecause() ?? 'soon'}`;
  }

  get isLeading(): boolean {
    return this.leading;
  }

  get isSynced(): boolean {
    return this.synced;
  }

  get admission(): AdmissionSide {
    return this.options.admission ?? ADMISSION_OFF;
  }

  /** The webhook serves from now on, or no longer: policies that need it have something else to say. */
  admissionChanged(): void {
    this.addAllPolicies();
    this.addAllWorkloads();
  }

  private lead(): void {
    this.leading = true;
    this.options.metrics.setLeader(this.options.leaseName, true);
    this.workloadController.rollouts.findRollouts();
    this.terminations?.start();
    this.addAllWorkloads();
    this.addAllPolicies();
    for (const deployment of this.caches.falseIstiods.values()) {
      this.tellOfFalseIstiod(deployment);
    }
    for (const controller of this.controllers) {
      controller.start();
    }
    this.reports.start();
    this.admission.changed();
  }

  private makeElector(): LeaderElector {
    const { client, logger, namespace, leaseName } = this.options;
    return new LeaderElector({
      client,
      namespace,
      name: leaseName,
      identity: `${hostname()}_${randomBytes(4).toString('hex')}`,
      logger,
      onStartedLeading: () => {
        this.lead();
      },
      onStoppedLeading: (end) => {
        this.leading = false;
        this.options.metrics.setLeader(leaseName, false);
        for (const controller of this.controllers) {
          controller.abortNow('the lease is lost');
        }
        if (end !== 'Released') {
          this.options.onLost(
            end === 'Lost'
              ? 'the lease is lost: another instance may write now'
              : 'the leader could not start its work',
          );
        }
      },
    });
  }

  private noteExemption(workload: Workload, refused: string | undefined): void {
    const exemption = this.caches.exemptions.of(workload, (this.options.now ?? Date.now)() / 1000);
    if (exemption !== undefined && this.exemptionController.note(exemption.name, workloadKey(workload), refused)) {
      this.exemptions.addAfter(exemption.name, STATUS_DELAY_MS);
    }
  }

  private tellOfFalseIstiod(deployment: EventSubject): void {
    if (this.leading) {
      const namespaces = this.options.istioNamespaces.join(', ');
      this.recorder.event(
        deployment,
        'Warning',
        'IstiodIgnored',
        `It is labelled app: istiod, but Istio is in ${namespaces}: its settings are ignored. If a control plane runs here, add --istio-namespace=${deployment.namespace ?? ''}`,
      );
    }
  }

  private addWorkload(key: string, initial: boolean): void {
    // Before the first sync nothing can be decided; leading begins with all of them.
    if (this.leading) {
      this.workloads.add(key, initial ? 'initial' : 'live');
    }
  }

  /** A changed intent begins with its canaries: whoever decides next must know of it. */
  private tellRollouts(before: PolicyRecord | undefined, after: PolicyRecord | undefined): void {
    const { rollouts } = this.workloadController;
    if (before !== undefined && before.uid !== after?.uid) {
      rollouts.stages.forgetPolicy(before.uid);
    }
    if (after !== undefined && this.leading) {
      rollouts.stages.know(after, undefined);
    }
  }

  private addWorkloadsIn(namespace: string): void {
    for (const key of this.caches.workloadKeysIn(namespace)) {
      this.addWorkload(key, false);
    }
  }

  /** Exemptions count what they select. */
  private addExemptionsOf(workload: string): void {
    const [, namespace = ''] = workload.split('/');
    for (const { name } of this.caches.exemptions.in(namespace)) {
      this.exemptions.addAfter(name, STATUS_DELAY_MS);
    }
  }

  private addAllWorkloads(): void {
    if (!this.leading) {
      return;
    }
    for (const workload of this.caches.allWorkloads()) {
      this.workloads.add(workloadKey(workload), 'initial');
    }
  }

  private addAllPolicies(): void {
    for (const { record } of this.caches.policies.store.values()) {
      this.policies.addAfter(record.name, STATUS_DELAY_MS);
    }
  }

  private meshChanged(): void {
    if (this.meshTimer !== undefined || !this.leading) {
      return;
    }
    this.meshTimer = setTimeout(() => {
      this.meshTimer = undefined;
      this.admission.changed();
      this.addAllWorkloads();
      for (const { record } of this.caches.policies.store.values()) {
        this.policies.addAfter(record.name, STATUS_DELAY_MS);
        if (record.intent.environment === 'ProxyConfig') {
          for (const namespace of record.namespace === undefined
            ? this.caches.namespaces.store.keys()
            : [record.namespace]) {
            this.proxyConfigs.add(keyOf(record.name, namespace));
          }
        }
      }
    }, MESH_DELAY_MS);
  }
}
