// Generated from crds/sidecardrain.io_sidecardrainpolicies.yaml, crds/sidecardrain.io_namespacedsidecardrainpolicies.yaml, crds/sidecardrain.io_drainexemptions.yaml by npm run generate. Do not edit.
import type { ObjectMeta } from './kubernetes.ts';

export type Enforcement = 'Audit' | 'Enforce';

export interface PolicySelectorRequirement {
  /** The label's key. */
  readonly key: string;
  /** How the label is compared with values. */
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  /** For In and NotIn, at least one value; for Exists and DoesNotExist, none. At most 64. */
  readonly values?: readonly string[];
}

/**
 * Labels of the namespace. Required, so that nobody selects the whole cluster by leaving it out. {} selects every
 * namespace.
 */
export interface PolicySelector {
  /**
   * Labels that must be there with exactly these values. At most 64, and not none, because a label whose value was
   * forgotten would then select everything.
   */
  readonly matchLabels?: Readonly<Record<string, string>>;
  /** Requirements on labels, which must all hold. At most 32. */
  readonly matchExpressions?: readonly PolicySelectorRequirement[];
}

export type PolicyProxyRole = 'Sidecar' | 'Gateway';

/**
 * Which workloads the policy is for. All that is given must hold. Never touched, whatever this says: system
 * namespaces, Istio's root namespace, the operator's own namespace, workloads that another controller owns, and
 * workloads with the annotation sidecardrain.io/exempt.
 */
export interface PolicyMatch {
  /**
   * Labels of the namespace. Required, so that nobody selects the whole cluster by leaving it out. {} selects every
   * namespace.
   */
  readonly namespaceSelector: PolicySelector;
  /**
   * Labels of the workload's pod template (spec.template.metadata.labels, not those of the Deployment itself). Without
   * it, or with {}, every workload of the selected namespaces.
   */
  readonly workloadSelector?: PolicySelector;
  /**
   * Kinds of workload. Default Deployment and StatefulSet. DaemonSet must be asked for, because its pods go away on a
   * node before their successors start. CronJob, Rollout (Argo Rollouts), CloneSet, StatefulSet.apps.kruise.io and
   * DaemonSet.apps.kruise.io (OpenKruise) and DeploymentConfig (OpenShift) are written too; ReplicaSet and Job are
   * only reported. Others are kinds that the operator was told of with --workload-kind; a kind that it does not know
   * makes the policy Stalled.
   */
  readonly kinds?: readonly string[];
  /**
   * Names of workloads; * stands for any number of characters and ? for one, for example checkout-*. At most 64.
   * Without it, every name. Workloads that are down during each deploy (strategy Recreate, StatefulSets with one
   * replica, DaemonSets) are left alone unless a pattern here matches them.
   */
  readonly names?: readonly string[];
  /**
   * Istio revisions or revision tags, for example stable; default is the revision without a name. Only workloads whose
   * proxy comes from one of them. Without it, every revision.
   */
  readonly revisions?: readonly string[];
  /**
   * Sidecar (the default) is a proxy beside an application. Gateway is an injected gateway, whose proxy is the
   * application; it must be asked for.
   */
  readonly proxies?: readonly PolicyProxyRole[];
}

export type DrainMode = 'Fixed' | 'Adaptive' | 'Combined';

export type DrainStrategy = 'Auto' | 'ActiveConnections' | 'PreStopHook';

export type DrainHook = 'EstablishedConnections' | 'ActiveRequests' | 'Custom';

/** A command that runs in the istio-proxy container. */
export interface DrainLifecycleExec {
  /** The program and its arguments; no shell is added. */
  readonly command: readonly string[];
}

/** A pause by the kubelet, which needs no program in the image. Kubernetes 1.30 or later. */
export interface DrainLifecycleSleep {
  /** Whole seconds. */
  readonly seconds: number;
}

/** What runs when the pod is deleted, before the proxy gets SIGTERM. */
export interface DrainLifecycleHandler {
  /** A command that runs in the istio-proxy container. */
  readonly exec?: DrainLifecycleExec;
  /** A pause by the kubelet, which needs no program in the image. Kubernetes 1.30 or later. */
  readonly sleep?: DrainLifecycleSleep;
}

/**
 * Hook Custom only, required there: the lifecycle of the istio-proxy container, as one would write it in a pod
 * template. It is written for classic sidecars only; a native one keeps Istio's own drain call.
 */
export interface DrainLifecycle {
  /** What runs when the pod is deleted, before the proxy gets SIGTERM. */
  readonly preStop: DrainLifecycleHandler;
  /**
   * What runs right after the container istio-proxy has started. The containers after it in a classic pod start only
   * when it is over. Without a bound no pod would ever become ready, so such a one is refused.
   */
  readonly postStart?: DrainLifecycleHandler;
}

export type ApplicationChange = 'Leave' | 'Delay';

export type DrainEnvironment = 'Annotation' | 'ProxyConfig';

export type DrainDurationChange = 'Leave' | 'Follow';

/**
 * The promise. duration and maxWait count from the moment the application gets SIGTERM: requests in flight get at
 * least duration and at most maxWait. On a native sidecar the proxy outlives the application by itself; there every
 * mode only makes the grace period long enough.
 */
export interface PolicyDrain {
  /**
   * Required. How the proxy of a classic sidecar drains.
   *
   * Fixed: for exactly duration, busy or idle. Simple; works with every Istio version and proxy image; costs its whole
   * length at each termination.
   *
   * Adaptive: until the last connection is gone, at most maxWait. For requests of very different length. Calls that
   * the application starts after its last inbound connection is gone are not covered.
   *
   * Combined: for at least duration, then until the last connection is gone, at most maxWait. For applications that
   * also make late calls of their own; those are covered for duration, counted from SIGTERM.
   */
  readonly mode: DrainMode;
  /**
   * Fixed and Combined, required there: requests in flight get at least this long. For example 60s; take the length of
   * your longest request that has to survive.
   */
  readonly duration?: string;
  /**
   * Adaptive and Combined, required there: the drain ends after this long, even if connections are left. For example
   * 5m. It is also how long each pod can hold up a rollout or a node drain.
   */
  readonly maxWait?: string;
  /**
   * How long new requests may still arrive after the termination began, because the pod has not yet been withdrawn
   * from every client's endpoints. Counted in the budget where the application's own preStop hook is not longer; it is
   * never written anywhere. Default 5s; 0s is allowed.
   */
  readonly endpointDelay?: string;
  /**
   * Adaptive and Combined only: how the end of the connections is noticed.
   *
   * Auto (the default there): ActiveConnections on Istio 1.23 and later; before that it drains for the whole of
   * maxWait. It never chooses a hook.
   *
   * ActiveConnections: the proxy's own EXIT_ON_ZERO_ACTIVE_CONNECTIONS. Works with any proxy image; an idle client
   * holds the pod until maxWait, which only the grace period enforces.
   *
   * PreStopHook: a hook in the istio-proxy container. Needs sh, awk and netstat (or the agent's statistics) in the
   * proxy image, and is never written for a native sidecar.
   */
  readonly strategy?: DrainStrategy;
  /**
   * Strategy PreStopHook only: what the hook waits for.
   *
   * EstablishedConnections (the default there): until no inbound connection is left. An idle client holds the pod
   * until maxWait.
   *
   * ActiveRequests: until no inbound request is in flight, so that idle clients do not count. It sets the annotation
   * sidecar.istio.io/statsInclusionSuffixes, which makes the proxy export one more statistic.
   *
   * Custom: the hook that lifecycle states. It is played before it is accepted: one that never ends, or whose length
   * has no bound, is refused, and its bounds are part of the promise.
   */
  readonly hook?: DrainHook;
  /**
   * Hook Custom only, required there: the lifecycle of the istio-proxy container, as one would write it in a pod
   * template. It is written for classic sidecars only; a native one keeps Istio's own drain call.
   */
  readonly lifecycle?: DrainLifecycle;
  /**
   * Whether containers that serve get a preStop of their own, so that requests which arrive late still find an open
   * listener.
   *
   * Leave (the default): leaves the application alone, and says for how long new requests are refused.
   *
   * Delay: containers that serve (they declare ports or a probe over the network; where none does, all of them) and
   * have no preStop get preStop.sleep of endpointDelay. It is put into pods as they are created, never into a
   * workload, so that nobody's own apply can meet a second handler; it needs delivery: Admission and Kubernetes 1.30
   * or later.
   */
  readonly application?: ApplicationChange;
  /**
   * Where the proxy's environment variables go, for strategies that set some.
   *
   * Annotation (the default): into the pod template's annotation proxy.istio.io/config, in the same write as the grace
   * period.
   *
   * ProxyConfig: into a ProxyConfig resource per namespace. Pods that are older than that resource do not have the
   * variables, and only the oldest ProxyConfig of a level counts in Istio, so it is used only where no other one
   * stands.
   */
  readonly environment?: DrainEnvironment;
  /**
   * Envoy refuses new inbound connections once drainDuration (Istio's default is 45s) has passed in the drain; open
   * ones go on.
   *
   * Leave (the default): does not touch it, and says so where a drain is longer.
   *
   * Follow: raises it to the length of a longer drain. The same setting also slows every replacement of a listener
   * during the pod's whole life.
   */
  readonly drainDuration?: DrainDurationChange;
}

export type ProxyForm = 'Keep' | 'Native';

export type HoldApplication = 'Keep' | 'Enabled';

/** Settings of the proxy that go beside the drain. By default nothing of it is changed. */
export interface PolicyProxy {
  /**
   * Whether the proxy is a classic or a native sidecar.
   *
   * Keep (the default): leaves that to Istio.
   *
   * Native: sets the annotation sidecar.istio.io/nativeSidecar: "true" on the pod template. A native sidecar outlives
   * the application by itself. Needs Istio 1.24 or later and Kubernetes 1.29 or later.
   */
  readonly form?: ProxyForm;
  /**
   * Whether the application of a classic sidecar starts only when its proxy is ready.
   *
   * Keep (the default): leaves the setting as it is.
   *
   * Enabled: sets it in the annotation proxy.istio.io/config, so that a new pod does not lose its first calls either.
   * A native sidecar starts first anyway.
   */
  readonly holdApplicationUntilProxyStarts?: HoldApplication;
}

export type GracePeriodChange = 'RaiseOnly' | 'Never';

/**
 * What may be done to terminationGracePeriodSeconds, at whose end the kubelet kills whatever still runs. It is never
 * made shorter than it was before the policy.
 */
export interface PolicyGracePeriod {
  /**
   * Whether the grace period may be changed.
   *
   * RaiseOnly (the default): raises it where the promise needs a longer one.
   *
   * Never: leaves it alone. A workload whose grace period is too short is then reported, and nothing else of it is
   * written either.
   */
  readonly change?: GracePeriodChange;
  /** Time kept between the end of the longest drain and the end of the grace period. At least 1s, default 5s. */
  readonly margin?: string;
  /**
   * The longest grace period that this policy may ask for. A workload that would need more (for example because of a
   * long preStop hook of its own) is reported and left alone as a whole. Default 10m, because the cluster autoscaler
   * stops waiting for a pod after 10 minutes.
   */
  readonly maximum?: string;
}

export type ConflictHandling = 'Report' | 'Force';

export type PolicyDelivery = 'PodTemplate' | 'Admission';

export type RolloutStrategy = 'Waves' | 'Immediate' | 'OnNextRollout';

/** Bounds for strategy Waves. */
export interface PolicyWaves {
  /**
   * How many workloads of this policy may be rolling out at once, from 1 to 100. Default 3. A bound across all
   * policies holds beside it.
   */
  readonly maxConcurrent?: number;
  /**
   * How many of them may be in one namespace, from 1 to 100. Default 1. The operator's own cap per namespace
   * (--max-rolling-per-namespace) holds beside it.
   */
  readonly maxPerNamespace?: number;
  /**
   * How many replicas the workloads that are rolling out may have together, from 1 to 10000. Default 50. A workload
   * that has more than that rolls out alone.
   */
  readonly maxPods?: number;
  /**
   * Whether a workload keeps its place until its old pods are gone, which may drain for as long as their grace period
   * after the new ones are ready. Default true. Deployments only: other kinds start a new pod when the old one is
   * gone. Their number comes from status.terminatingReplicas, or before Kubernetes 1.35 from the pods, where the
   * operator may list them.
   */
  readonly countTerminating?: boolean;
  /**
   * How many workloads go first whenever what the policy wants has changed: nothing else is written until that many
   * have rolled out healthy, and after that not before soak is over. From 0 to 100, default 1; 0 means none, and then
   * there is no soak either.
   */
  readonly canary?: number;
  /**
   * How long the canaries must stay healthy before the others follow. At most 168h, default 10m; 0s is allowed. A
   * canary that becomes unhealthy meanwhile halts the rollout.
   */
  readonly soak?: string;
  /**
   * How long a workload may take until every replica runs the new template and is available, from 5s to 24h. Default
   * 10m. One that takes longer halts the rollout of the whole policy, until it is healthy, gone, exempt or no longer
   * governed by it.
   */
  readonly progressDeadline?: string;
}

export interface PolicyWindow {
  /**
   * When the window opens, as the five fields of cron: minute, hour, day of month, month, day of week. For example 0 2
   * * * 1-5 for 02:00 from Monday to Friday. Where both day of month and day of week are given, either is enough. A
   * time that a change of the clock leaves out opens at the change; one that comes twice opens once. With * as the
   * hour it follows the hours that pass.
   */
  readonly schedule: string;
  /** How long the window stays open, for example 3h. Elapsed time, also across a change of the clock. */
  readonly duration: string;
  /** The zone in which schedule is meant, by its name in the IANA database, for example Europe/Berlin. Default UTC. */
  readonly timeZone?: string;
}

export type RolloutApproval = 'None' | 'Required';

/**
 * A change of a pod template restarts the pods, and that restart still runs under the old settings. This says how many
 * workloads restart at once.
 */
export interface PolicyRollout {
  /**
   * How many workloads restart at once.
   *
   * Waves (the default): changes a few workloads at a time and waits until each has rolled out.
   *
   * Immediate: writes all of them at once. For tests, and for clusters where restarts do not matter.
   *
   * OnNextRollout: restarts nothing. The settings ride along with each workload's own next change of its pod template,
   * through the operator's admission webhook, which has to be enabled. Restoring still restarts pods, in waves;
   * onDelete: Orphan restarts nothing.
   */
  readonly strategy?: RolloutStrategy;
  /** Bounds for strategy Waves. */
  readonly waves?: PolicyWaves;
  /**
   * When pods may be restarted: outside of every window nothing that restarts pods is written, and nothing is
   * restored. What is rolling out goes on. Without windows, always. At most 8. When the policy is deleted its
   * workloads are restored whatever the time, in waves.
   */
  readonly windows?: readonly PolicyWindow[];
  /**
   * Whether somebody has to approve before workloads are changed.
   *
   * None (the default): the policy's own wording is approval enough.
   *
   * Required: no workload is written until the policy's annotation sidecardrain.io/approved-plan carries
   * status.planHash. A workload whose plan has changed since, or a new one, waits for the next approval, and so does
   * restoring what the policy no longer selects (annotation sidecardrain.io/approved-withdrawal).
   */
  readonly approval?: RolloutApproval;
}

export type OnDelete = 'Restore' | 'Orphan';

export type PolicyTenants = 'Forbid' | 'Allow';

/**
 * With tenants Allow: what a namespaced policy has to keep to, so that it may govern instead of this one. One outside
 * of it does not govern and is Stalled with reason OutsideBounds. What is not given here is not bounded. This policy's
 * own values are not held to it.
 */
export interface PolicyBounds {
  /**
   * The longest drain: drain.maxWait, or drain.duration in mode Fixed (with strategy PreStopHook both together) must
   * not be longer.
   */
  readonly longestDrain?: string;
  /**
   * The longest grace period: gracePeriod.maximum must not be longer. Its default is 10m, so a namespaced policy below
   * a shorter bound has to write it.
   */
  readonly longestGrace?: string;
  /** The values that drain.mode may have. */
  readonly modes?: readonly DrainMode[];
  /** The values that drain.strategy may have in Adaptive and Combined. Auto is meant where a policy gives none. */
  readonly strategies?: readonly DrainStrategy[];
  /** The values that delivery may have. PodTemplate is meant where a policy gives none. */
  readonly deliveries?: readonly ('PodTemplate' | 'Admission')[];
}

/**
 * What a DrainExemption has to keep to where this policy is the cluster's policy that would govern. One outside of it
 * exempts nothing there, and a finding (ExemptionOutsideBounds) says so. What is not given here is not bounded. The
 * annotation sidecardrain.io/exempt of a workload is not held to it.
 */
export interface ExemptionBounds {
  /**
   * The longest that one may last, from its creation until its expires, for example 720h for thirty days. Whoever
   * moves expires beyond that makes a new one.
   */
  readonly longest?: string;
  /** The names of the namespaces in which exemptions count. An empty list is none. */
  readonly namespaces?: readonly string[];
}

/** What is promised, for which workloads, and how it may be brought about. */
export interface SidecarDrainPolicySpec {
  /**
   * Whether the policy writes. Start with Audit, read the status, then switch.
   *
   * Audit (the default): evaluates and reports what would change, and writes nothing to any workload. It never
   * governs, so it takes no workload away from another policy.
   *
   * Enforce: writes. Going back to Audit leaves the written values as they are and restarts nothing.
   */
  readonly enforcement?: Enforcement;
  /**
   * true stops every write of this policy, while it goes on governing its workloads (no other policy takes them) and
   * reporting. Default false. Use it to hold still during an incident.
   */
  readonly suspend?: boolean;
  /**
   * Where several Enforce policies select one workload, the highest priority governs it, alone; the others report
   * Overridden. With equal priority, a policy with names beats one with workloadSelector, which beats one with
   * neither; then the name decides. From -1000 to 1000, default 0.
   */
  readonly priority?: number;
  /**
   * Which workloads the policy is for. All that is given must hold. Never touched, whatever this says: system
   * namespaces, Istio's root namespace, the operator's own namespace, workloads that another controller owns, and
   * workloads with the annotation sidecardrain.io/exempt.
   */
  readonly match: PolicyMatch;
  /**
   * The promise. duration and maxWait count from the moment the application gets SIGTERM: requests in flight get at
   * least duration and at most maxWait. On a native sidecar the proxy outlives the application by itself; there every
   * mode only makes the grace period long enough.
   */
  readonly drain: PolicyDrain;
  /** Settings of the proxy that go beside the drain. By default nothing of it is changed. */
  readonly proxy?: PolicyProxy;
  /**
   * What may be done to terminationGracePeriodSeconds, at whose end the kubelet kills whatever still runs. It is never
   * made shorter than it was before the policy.
   */
  readonly gracePeriod?: PolicyGracePeriod;
  /**
   * What happens where somebody else (a manifest, Helm, a GitOps controller) declares a field that the promise needs
   * to be different. A grace period that somebody declared longer always stays.
   *
   * Report (the default): writes nothing to that workload, and names field and owner.
   *
   * Force: takes the field over. When its owner applies again, that fails with a conflict or undoes it.
   */
  readonly conflicts?: ConflictHandling;
  /**
   * Where the settings are put.
   *
   * PodTemplate (the default): into the pod template of each workload, as rollout says.
   *
   * Admission: into each pod as it is created, by the operator's admission webhook, which has to be enabled. No
   * workload is changed and none is restarted, so there is no drift for GitOps tools to see; a pod gets the settings
   * when it is created anew for another reason. Needs the webhook for as long as it is used: a pod that is created
   * while it is down starts without the settings.
   */
  readonly delivery?: PolicyDelivery;
  /**
   * A change of a pod template restarts the pods, and that restart still runs under the old settings. This says how
   * many workloads restart at once.
   */
  readonly rollout?: PolicyRollout;
  /**
   * What happens to the workloads when the policy is deleted or no longer selects them.
   *
   * Restore (the default): every field that is still as written gets the value from before, within the limits of
   * rollout.
   *
   * Orphan: leaves the values and gives up ownership, without any restart.
   */
  readonly onDelete?: OnDelete;
  /**
   * Whether a NamespacedSidecarDrainPolicy may govern workloads that this policy would govern. Only an Enforce policy
   * decides that, and only where it is the first among the cluster's policies.
   *
   * Forbid (the default): this policy governs; namespaced ones report Overridden.
   *
   * Allow: a namespaced policy that keeps to bounds governs instead of this one, whatever its priority.
   */
  readonly tenants?: PolicyTenants;
  /**
   * With tenants Allow: what a namespaced policy has to keep to, so that it may govern instead of this one. One
   * outside of it does not govern and is Stalled with reason OutsideBounds. What is not given here is not bounded.
   * This policy's own values are not held to it.
   */
  readonly bounds?: PolicyBounds;
  /**
   * What a DrainExemption has to keep to where this policy is the cluster's policy that would govern. One outside of
   * it exempts nothing there, and a finding (ExemptionOutsideBounds) says so. What is not given here is not bounded.
   * The annotation sidecardrain.io/exempt of a workload is not held to it.
   */
  readonly exemptions?: ExemptionBounds;
}

export type ConditionStatus = 'True' | 'False' | 'Unknown';

export interface Condition {
  /** Ready, Compliant, Reconciling, Stalled or Conflicted. */
  readonly type: string;
  /** True, False or Unknown. */
  readonly status: ConditionStatus;
  /** The metadata.generation that this condition is about. */
  readonly observedGeneration?: number;
  /** When the status last changed from one value to another. */
  readonly lastTransitionTime: string;
  /** One word of a closed list that says why. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
}

/**
 * How many workloads the policy selects, and how they stand. The states exclude each other; their sum is matched. A
 * field that is absent is 0.
 */
export interface PolicyWorkloadCounts {
  /** Workloads that the policy selects. */
  readonly matched?: number;
  /** The promise holds. */
  readonly compliant?: number;
  /** Written, and rolling out now. */
  readonly updating?: number;
  /** To be written, and waiting for its turn. */
  readonly pending?: number;
  /**
   * The promise does not hold and nothing is being done, because the policy is in Audit or suspended, or the operator
   * is paused.
   */
  readonly nonCompliant?: number;
  /** Left alone, because somebody else declares a field that would have to change, or keeps changing it back. */
  readonly conflicted?: number;
  /** Left alone on purpose. The annotation sidecardrain.io/exempt, or a workload that another controller owns. */
  readonly exempt?: number;
  /** Governed by another policy. */
  readonly overridden?: number;
  /** Something that would have to be known is not, so nothing is written. */
  readonly unknown?: number;
  /**
   * A limit of the policy or a hook without an end is in the way, a write was refused, or the rollout behind it is
   * stuck.
   */
  readonly failed?: number;
}

export type RolloutPhase = 'Canary' | 'Soaking' | 'Rolling' | 'Halted' | 'Done';

/** The workload that halts the rollout. */
export interface RolloutHalt {
  /** Its kind, namespace and name, as in Deployment/shop/checkout. */
  readonly workload: string;
  /** What is the matter with it. */
  readonly message: string;
}

/** How far strategy Waves has come with what the policy wants now. Absent with other strategies. */
export interface PolicyRolloutStatus {
  /**
   * Canary: the first workloads roll out. Soaking: they have, and must stay healthy for a while. Rolling: the others
   * follow. Halted: a workload does not become healthy, and no other one is started. Done: nothing is left to do.
   */
  readonly phase: RolloutPhase;
  /** The name of what the policy wants. Canary and soak come once for each. */
  readonly intent: string;
  /** When this phase began. */
  readonly since?: string;
  /** Since when the canaries have all been healthy; soak counts from here. */
  readonly healthySince?: string;
  /** The soak is over. */
  readonly soaked?: boolean;
  /** The workload that halts the rollout. */
  readonly haltedBy?: RolloutHalt;
}

/**
 * Workloads whose grace period is longer than nodes give on which their pods may come to run, as the finding
 * GraceExceedsNodeBudget says of each. Absent where there is none.
 */
export interface PolicyNodeBudget {
  /** How many workloads. */
  readonly workloads: number;
  /** How many pods these have. */
  readonly pods: number;
  /** The least that any of their pods may be given, in seconds. */
  readonly seconds: number;
  /** What gives no more, for example the Spot nodes of a provider, a Karpenter NodePool, or the cluster autoscaler. */
  readonly from: string;
}

export interface PolicyAttention {
  /** Namespace of the workload. */
  readonly namespace: string;
  /** Kind of the workload. */
  readonly kind: string;
  /** Name of the workload. */
  readonly name: string;
  /** One word of the closed list of reasons and findings. */
  readonly reason: string;
  /** A sentence for people, with what to do. */
  readonly message: string;
}

/** What the operator saw and did. Written by the operator only. */
export interface SidecarDrainPolicyStatus {
  /** The metadata.generation that this status is about. -1 until somebody has looked. */
  readonly observedGeneration?: number;
  /**
   * The name of everything that the policy wants to change, written or not: equal as long as the same workloads would
   * get the same values in place of what stood there before. sidecar-drain plan prints the same. With approval
   * Required it is what the annotation sidecardrain.io/approved-plan has to carry.
   */
  readonly planHash?: string;
  /**
   * Ready: accepted and evaluated at this generation; it does not wait for rollouts. Compliant: the promise holds for
   * every workload that the policy governs. Reconciling: work is under way. Stalled: nothing will happen until
   * somebody changes something. Conflicted: at least one workload is left alone because of a conflict.
   */
  readonly conditions?: readonly Condition[];
  /**
   * How many workloads the policy selects, and how they stand. The states exclude each other; their sum is matched. A
   * field that is absent is 0.
   */
  readonly workloads?: PolicyWorkloadCounts;
  /** How far strategy Waves has come with what the policy wants now. Absent with other strategies. */
  readonly rollout?: PolicyRolloutStatus;
  /**
   * Workloads whose grace period is longer than nodes give on which their pods may come to run, as the finding
   * GraceExceedsNodeBudget says of each. Absent where there is none.
   */
  readonly nodeBudget?: PolicyNodeBudget;
  /** Workloads that somebody should look at, the most urgent first; at most 20. */
  readonly attention?: readonly PolicyAttention[];
}

/**
 * SidecarDrainPolicy promises that requests in flight survive the termination of the pods that it selects, for a
 * stated time, in an Istio mesh. It sets Istio's drain settings and the grace period of the workloads' pod templates
 * so that the promise holds, and reports where it does not. Each workload is governed by one policy.
 */
export interface SidecarDrainPolicy {
  /** sidecardrain.io/v1alpha1 */
  readonly apiVersion: 'sidecardrain.io/v1alpha1';
  /** SidecarDrainPolicy */
  readonly kind: 'SidecarDrainPolicy';
  readonly metadata: ObjectMeta;
  /** What is promised, for which workloads, and how it may be brought about. */
  readonly spec: SidecarDrainPolicySpec;
  /** What the operator saw and did. Written by the operator only. */
  readonly status?: SidecarDrainPolicyStatus;
}

/** The same with every default filled in. */
export interface DefaultedPolicyMatch {
  /**
   * Labels of the namespace. Required, so that nobody selects the whole cluster by leaving it out. {} selects every
   * namespace.
   */
  readonly namespaceSelector: PolicySelector;
  /**
   * Labels of the workload's pod template (spec.template.metadata.labels, not those of the Deployment itself). Without
   * it, or with {}, every workload of the selected namespaces.
   */
  readonly workloadSelector?: PolicySelector;
  /**
   * Kinds of workload. Default Deployment and StatefulSet. DaemonSet must be asked for, because its pods go away on a
   * node before their successors start. CronJob, Rollout (Argo Rollouts), CloneSet, StatefulSet.apps.kruise.io and
   * DaemonSet.apps.kruise.io (OpenKruise) and DeploymentConfig (OpenShift) are written too; ReplicaSet and Job are
   * only reported. Others are kinds that the operator was told of with --workload-kind; a kind that it does not know
   * makes the policy Stalled.
   */
  readonly kinds: readonly string[];
  /**
   * Names of workloads; * stands for any number of characters and ? for one, for example checkout-*. At most 64.
   * Without it, every name. Workloads that are down during each deploy (strategy Recreate, StatefulSets with one
   * replica, DaemonSets) are left alone unless a pattern here matches them.
   */
  readonly names?: readonly string[];
  /**
   * Istio revisions or revision tags, for example stable; default is the revision without a name. Only workloads whose
   * proxy comes from one of them. Without it, every revision.
   */
  readonly revisions?: readonly string[];
  /**
   * Sidecar (the default) is a proxy beside an application. Gateway is an injected gateway, whose proxy is the
   * application; it must be asked for.
   */
  readonly proxies: readonly PolicyProxyRole[];
}

/** The same with every default filled in. */
export interface DefaultedPolicyDrain {
  /**
   * Required. How the proxy of a classic sidecar drains.
   *
   * Fixed: for exactly duration, busy or idle. Simple; works with every Istio version and proxy image; costs its whole
   * length at each termination.
   *
   * Adaptive: until the last connection is gone, at most maxWait. For requests of very different length. Calls that
   * the application starts after its last inbound connection is gone are not covered.
   *
   * Combined: for at least duration, then until the last connection is gone, at most maxWait. For applications that
   * also make late calls of their own; those are covered for duration, counted from SIGTERM.
   */
  readonly mode: DrainMode;
  /**
   * Fixed and Combined, required there: requests in flight get at least this long. For example 60s; take the length of
   * your longest request that has to survive.
   */
  readonly duration?: string;
  /**
   * Adaptive and Combined, required there: the drain ends after this long, even if connections are left. For example
   * 5m. It is also how long each pod can hold up a rollout or a node drain.
   */
  readonly maxWait?: string;
  /**
   * How long new requests may still arrive after the termination began, because the pod has not yet been withdrawn
   * from every client's endpoints. Counted in the budget where the application's own preStop hook is not longer; it is
   * never written anywhere. Default 5s; 0s is allowed.
   */
  readonly endpointDelay: string;
  /**
   * Adaptive and Combined only: how the end of the connections is noticed.
   *
   * Auto (the default there): ActiveConnections on Istio 1.23 and later; before that it drains for the whole of
   * maxWait. It never chooses a hook.
   *
   * ActiveConnections: the proxy's own EXIT_ON_ZERO_ACTIVE_CONNECTIONS. Works with any proxy image; an idle client
   * holds the pod until maxWait, which only the grace period enforces.
   *
   * PreStopHook: a hook in the istio-proxy container. Needs sh, awk and netstat (or the agent's statistics) in the
   * proxy image, and is never written for a native sidecar.
   */
  readonly strategy?: DrainStrategy;
  /**
   * Strategy PreStopHook only: what the hook waits for.
   *
   * EstablishedConnections (the default there): until no inbound connection is left. An idle client holds the pod
   * until maxWait.
   *
   * ActiveRequests: until no inbound request is in flight, so that idle clients do not count. It sets the annotation
   * sidecar.istio.io/statsInclusionSuffixes, which makes the proxy export one more statistic.
   *
   * Custom: the hook that lifecycle states. It is played before it is accepted: one that never ends, or whose length
   * has no bound, is refused, and its bounds are part of the promise.
   */
  readonly hook?: DrainHook;
  /**
   * Hook Custom only, required there: the lifecycle of the istio-proxy container, as one would write it in a pod
   * template. It is written for classic sidecars only; a native one keeps Istio's own drain call.
   */
  readonly lifecycle?: DrainLifecycle;
  /**
   * Whether containers that serve get a preStop of their own, so that requests which arrive late still find an open
   * listener.
   *
   * Leave (the default): leaves the application alone, and says for how long new requests are refused.
   *
   * Delay: containers that serve (they declare ports or a probe over the network; where none does, all of them) and
   * have no preStop get preStop.sleep of endpointDelay. It is put into pods as they are created, never into a
   * workload, so that nobody's own apply can meet a second handler; it needs delivery: Admission and Kubernetes 1.30
   * or later.
   */
  readonly application: ApplicationChange;
  /**
   * Where the proxy's environment variables go, for strategies that set some.
   *
   * Annotation (the default): into the pod template's annotation proxy.istio.io/config, in the same write as the grace
   * period.
   *
   * ProxyConfig: into a ProxyConfig resource per namespace. Pods that are older than that resource do not have the
   * variables, and only the oldest ProxyConfig of a level counts in Istio, so it is used only where no other one
   * stands.
   */
  readonly environment: DrainEnvironment;
  /**
   * Envoy refuses new inbound connections once drainDuration (Istio's default is 45s) has passed in the drain; open
   * ones go on.
   *
   * Leave (the default): does not touch it, and says so where a drain is longer.
   *
   * Follow: raises it to the length of a longer drain. The same setting also slows every replacement of a listener
   * during the pod's whole life.
   */
  readonly drainDuration: DrainDurationChange;
}

/** The same with every default filled in. */
export interface DefaultedPolicyProxy {
  /**
   * Whether the proxy is a classic or a native sidecar.
   *
   * Keep (the default): leaves that to Istio.
   *
   * Native: sets the annotation sidecar.istio.io/nativeSidecar: "true" on the pod template. A native sidecar outlives
   * the application by itself. Needs Istio 1.24 or later and Kubernetes 1.29 or later.
   */
  readonly form: ProxyForm;
  /**
   * Whether the application of a classic sidecar starts only when its proxy is ready.
   *
   * Keep (the default): leaves the setting as it is.
   *
   * Enabled: sets it in the annotation proxy.istio.io/config, so that a new pod does not lose its first calls either.
   * A native sidecar starts first anyway.
   */
  readonly holdApplicationUntilProxyStarts: HoldApplication;
}

/** The same with every default filled in. */
export interface DefaultedPolicyGracePeriod {
  /**
   * Whether the grace period may be changed.
   *
   * RaiseOnly (the default): raises it where the promise needs a longer one.
   *
   * Never: leaves it alone. A workload whose grace period is too short is then reported, and nothing else of it is
   * written either.
   */
  readonly change: GracePeriodChange;
  /** Time kept between the end of the longest drain and the end of the grace period. At least 1s, default 5s. */
  readonly margin: string;
  /**
   * The longest grace period that this policy may ask for. A workload that would need more (for example because of a
   * long preStop hook of its own) is reported and left alone as a whole. Default 10m, because the cluster autoscaler
   * stops waiting for a pod after 10 minutes.
   */
  readonly maximum: string;
}

/** The same with every default filled in. */
export interface DefaultedPolicyWaves {
  /**
   * How many workloads of this policy may be rolling out at once, from 1 to 100. Default 3. A bound across all
   * policies holds beside it.
   */
  readonly maxConcurrent: number;
  /**
   * How many of them may be in one namespace, from 1 to 100. Default 1. The operator's own cap per namespace
   * (--max-rolling-per-namespace) holds beside it.
   */
  readonly maxPerNamespace: number;
  /**
   * How many replicas the workloads that are rolling out may have together, from 1 to 10000. Default 50. A workload
   * that has more than that rolls out alone.
   */
  readonly maxPods: number;
  /**
   * Whether a workload keeps its place until its old pods are gone, which may drain for as long as their grace period
   * after the new ones are ready. Default true. Deployments only: other kinds start a new pod when the old one is
   * gone. Their number comes from status.terminatingReplicas, or before Kubernetes 1.35 from the pods, where the
   * operator may list them.
   */
  readonly countTerminating: boolean;
  /**
   * How many workloads go first whenever what the policy wants has changed: nothing else is written until that many
   * have rolled out healthy, and after that not before soak is over. From 0 to 100, default 1; 0 means none, and then
   * there is no soak either.
   */
  readonly canary: number;
  /**
   * How long the canaries must stay healthy before the others follow. At most 168h, default 10m; 0s is allowed. A
   * canary that becomes unhealthy meanwhile halts the rollout.
   */
  readonly soak: string;
  /**
   * How long a workload may take until every replica runs the new template and is available, from 5s to 24h. Default
   * 10m. One that takes longer halts the rollout of the whole policy, until it is healthy, gone, exempt or no longer
   * governed by it.
   */
  readonly progressDeadline: string;
}

/** The same with every default filled in. */
export interface DefaultedPolicyRollout {
  /**
   * How many workloads restart at once.
   *
   * Waves (the default): changes a few workloads at a time and waits until each has rolled out.
   *
   * Immediate: writes all of them at once. For tests, and for clusters where restarts do not matter.
   *
   * OnNextRollout: restarts nothing. The settings ride along with each workload's own next change of its pod template,
   * through the operator's admission webhook, which has to be enabled. Restoring still restarts pods, in waves;
   * onDelete: Orphan restarts nothing.
   */
  readonly strategy: RolloutStrategy;
  /** Bounds for strategy Waves. */
  readonly waves?: DefaultedPolicyWaves;
  /**
   * When pods may be restarted: outside of every window nothing that restarts pods is written, and nothing is
   * restored. What is rolling out goes on. Without windows, always. At most 8. When the policy is deleted its
   * workloads are restored whatever the time, in waves.
   */
  readonly windows?: readonly PolicyWindow[];
  /**
   * Whether somebody has to approve before workloads are changed.
   *
   * None (the default): the policy's own wording is approval enough.
   *
   * Required: no workload is written until the policy's annotation sidecardrain.io/approved-plan carries
   * status.planHash. A workload whose plan has changed since, or a new one, waits for the next approval, and so does
   * restoring what the policy no longer selects (annotation sidecardrain.io/approved-withdrawal).
   */
  readonly approval: RolloutApproval;
}

/** The same with every default filled in. */
export interface DefaultedSidecarDrainPolicySpec {
  /**
   * Whether the policy writes. Start with Audit, read the status, then switch.
   *
   * Audit (the default): evaluates and reports what would change, and writes nothing to any workload. It never
   * governs, so it takes no workload away from another policy.
   *
   * Enforce: writes. Going back to Audit leaves the written values as they are and restarts nothing.
   */
  readonly enforcement: Enforcement;
  /**
   * true stops every write of this policy, while it goes on governing its workloads (no other policy takes them) and
   * reporting. Default false. Use it to hold still during an incident.
   */
  readonly suspend: boolean;
  /**
   * Where several Enforce policies select one workload, the highest priority governs it, alone; the others report
   * Overridden. With equal priority, a policy with names beats one with workloadSelector, which beats one with
   * neither; then the name decides. From -1000 to 1000, default 0.
   */
  readonly priority: number;
  /**
   * Which workloads the policy is for. All that is given must hold. Never touched, whatever this says: system
   * namespaces, Istio's root namespace, the operator's own namespace, workloads that another controller owns, and
   * workloads with the annotation sidecardrain.io/exempt.
   */
  readonly match: DefaultedPolicyMatch;
  /**
   * The promise. duration and maxWait count from the moment the application gets SIGTERM: requests in flight get at
   * least duration and at most maxWait. On a native sidecar the proxy outlives the application by itself; there every
   * mode only makes the grace period long enough.
   */
  readonly drain: DefaultedPolicyDrain;
  /** Settings of the proxy that go beside the drain. By default nothing of it is changed. */
  readonly proxy: DefaultedPolicyProxy;
  /**
   * What may be done to terminationGracePeriodSeconds, at whose end the kubelet kills whatever still runs. It is never
   * made shorter than it was before the policy.
   */
  readonly gracePeriod: DefaultedPolicyGracePeriod;
  /**
   * What happens where somebody else (a manifest, Helm, a GitOps controller) declares a field that the promise needs
   * to be different. A grace period that somebody declared longer always stays.
   *
   * Report (the default): writes nothing to that workload, and names field and owner.
   *
   * Force: takes the field over. When its owner applies again, that fails with a conflict or undoes it.
   */
  readonly conflicts: ConflictHandling;
  /**
   * Where the settings are put.
   *
   * PodTemplate (the default): into the pod template of each workload, as rollout says.
   *
   * Admission: into each pod as it is created, by the operator's admission webhook, which has to be enabled. No
   * workload is changed and none is restarted, so there is no drift for GitOps tools to see; a pod gets the settings
   * when it is created anew for another reason. Needs the webhook for as long as it is used: a pod that is created
   * while it is down starts without the settings.
   */
  readonly delivery: PolicyDelivery;
  /**
   * A change of a pod template restarts the pods, and that restart still runs under the old settings. This says how
   * many workloads restart at once.
   */
  readonly rollout: DefaultedPolicyRollout;
  /**
   * What happens to the workloads when the policy is deleted or no longer selects them.
   *
   * Restore (the default): every field that is still as written gets the value from before, within the limits of
   * rollout.
   *
   * Orphan: leaves the values and gives up ownership, without any restart.
   */
  readonly onDelete: OnDelete;
  /**
   * Whether a NamespacedSidecarDrainPolicy may govern workloads that this policy would govern. Only an Enforce policy
   * decides that, and only where it is the first among the cluster's policies.
   *
   * Forbid (the default): this policy governs; namespaced ones report Overridden.
   *
   * Allow: a namespaced policy that keeps to bounds governs instead of this one, whatever its priority.
   */
  readonly tenants: PolicyTenants;
  /**
   * With tenants Allow: what a namespaced policy has to keep to, so that it may govern instead of this one. One
   * outside of it does not govern and is Stalled with reason OutsideBounds. What is not given here is not bounded.
   * This policy's own values are not held to it.
   */
  readonly bounds?: PolicyBounds;
  /**
   * What a DrainExemption has to keep to where this policy is the cluster's policy that would govern. One outside of
   * it exempts nothing there, and a finding (ExemptionOutsideBounds) says so. What is not given here is not bounded.
   * The annotation sidecardrain.io/exempt of a workload is not held to it.
   */
  readonly exemptions?: ExemptionBounds;
}

/**
 * Which workloads of this namespace the policy is for. All that is given must hold; without it, every one. Never
 * touched, whatever this says: workloads that another controller owns, and workloads with the annotation
 * sidecardrain.io/exempt or a DrainExemption.
 */
export interface NamespacedPolicyMatch {
  /**
   * Labels of the workload's pod template (spec.template.metadata.labels, not those of the Deployment itself). Without
   * it, or with {}, every workload of the namespace.
   */
  readonly workloadSelector?: PolicySelector;
  /**
   * Kinds of workload. Default Deployment and StatefulSet. DaemonSet must be asked for, because its pods go away on a
   * node before their successors start. CronJob, Rollout (Argo Rollouts), CloneSet, StatefulSet.apps.kruise.io and
   * DaemonSet.apps.kruise.io (OpenKruise) and DeploymentConfig (OpenShift) are written too; ReplicaSet and Job are
   * only reported. Others are kinds that the operator was told of with --workload-kind; a kind that it does not know
   * makes the policy Stalled.
   */
  readonly kinds?: readonly string[];
  /**
   * Names of workloads; * stands for any number of characters and ? for one, for example checkout-*. At most 64.
   * Without it, every name. Workloads that are down during each deploy (strategy Recreate, StatefulSets with one
   * replica, DaemonSets) are left alone unless a pattern here matches them.
   */
  readonly names?: readonly string[];
  /**
   * Istio revisions or revision tags, for example stable; default is the revision without a name. Only workloads whose
   * proxy comes from one of them. Without it, every revision.
   */
  readonly revisions?: readonly string[];
  /**
   * Sidecar (the default) is a proxy beside an application. Gateway is an injected gateway, whose proxy is the
   * application; it must be asked for.
   */
  readonly proxies?: readonly PolicyProxyRole[];
}

/** What is promised, for which workloads, and how it may be brought about. */
export interface NamespacedSidecarDrainPolicySpec {
  /**
   * Whether the policy writes. Start with Audit, read the status, then switch.
   *
   * Audit (the default): evaluates and reports what would change, and writes nothing to any workload. It never
   * governs, so it takes no workload away from another policy.
   *
   * Enforce: writes. Going back to Audit leaves the written values as they are and restarts nothing.
   */
  readonly enforcement?: Enforcement;
  /**
   * true stops every write of this policy, while it goes on governing its workloads (no other policy takes them) and
   * reporting. Default false. Use it to hold still during an incident.
   */
  readonly suspend?: boolean;
  /**
   * Where several Enforce policies of this namespace select one workload, the highest priority governs it, alone; the
   * others report Overridden. With equal priority, a policy with names beats one with workloadSelector, which beats
   * one with neither; then the name decides. From -1000 to 1000, default 0.
   */
  readonly priority?: number;
  /**
   * Which workloads of this namespace the policy is for. All that is given must hold; without it, every one. Never
   * touched, whatever this says: workloads that another controller owns, and workloads with the annotation
   * sidecardrain.io/exempt or a DrainExemption.
   */
  readonly match?: NamespacedPolicyMatch;
  /**
   * The promise. duration and maxWait count from the moment the application gets SIGTERM: requests in flight get at
   * least duration and at most maxWait. On a native sidecar the proxy outlives the application by itself; there every
   * mode only makes the grace period long enough.
   */
  readonly drain: PolicyDrain;
  /** Settings of the proxy that go beside the drain. By default nothing of it is changed. */
  readonly proxy?: PolicyProxy;
  /**
   * What may be done to terminationGracePeriodSeconds, at whose end the kubelet kills whatever still runs. It is never
   * made shorter than it was before the policy.
   */
  readonly gracePeriod?: PolicyGracePeriod;
  /**
   * What happens where somebody else (a manifest, Helm, a GitOps controller) declares a field that the promise needs
   * to be different. A grace period that somebody declared longer always stays.
   *
   * Report (the default): writes nothing to that workload, and names field and owner.
   *
   * Force: takes the field over. When its owner applies again, that fails with a conflict or undoes it.
   */
  readonly conflicts?: ConflictHandling;
  /**
   * Where the settings are put.
   *
   * PodTemplate (the default): into the pod template of each workload, as rollout says.
   *
   * Admission: into each pod as it is created, by the operator's admission webhook, which has to be enabled. No
   * workload is changed and none is restarted, so there is no drift for GitOps tools to see; a pod gets the settings
   * when it is created anew for another reason. Needs the webhook for as long as it is used: a pod that is created
   * while it is down starts without the settings.
   */
  readonly delivery?: PolicyDelivery;
  /**
   * A change of a pod template restarts the pods, and that restart still runs under the old settings. This says how
   * many workloads restart at once.
   */
  readonly rollout?: PolicyRollout;
  /**
   * What happens to the workloads when the policy is deleted or no longer selects them.
   *
   * Restore (the default): every field that is still as written gets the value from before, within the limits of
   * rollout.
   *
   * Orphan: leaves the values and gives up ownership, without any restart.
   */
  readonly onDelete?: OnDelete;
}

/**
 * NamespacedSidecarDrainPolicy is a SidecarDrainPolicy for the owners of one namespace: it selects workloads of its
 * own namespace and no others. Where the cluster's policy that would govern a workload says tenants: Allow, and within
 * its bounds, it governs instead of that one.
 */
export interface NamespacedSidecarDrainPolicy {
  /** sidecardrain.io/v1alpha1 */
  readonly apiVersion: 'sidecardrain.io/v1alpha1';
  /** NamespacedSidecarDrainPolicy */
  readonly kind: 'NamespacedSidecarDrainPolicy';
  readonly metadata: ObjectMeta;
  /** What is promised, for which workloads, and how it may be brought about. */
  readonly spec: NamespacedSidecarDrainPolicySpec;
  /** What the operator saw and did. Written by the operator only. */
  readonly status?: SidecarDrainPolicyStatus;
}

/** The same with every default filled in. */
export interface DefaultedNamespacedPolicyMatch {
  /**
   * Labels of the workload's pod template (spec.template.metadata.labels, not those of the Deployment itself). Without
   * it, or with {}, every workload of the namespace.
   */
  readonly workloadSelector?: PolicySelector;
  /**
   * Kinds of workload. Default Deployment and StatefulSet. DaemonSet must be asked for, because its pods go away on a
   * node before their successors start. CronJob, Rollout (Argo Rollouts), CloneSet, StatefulSet.apps.kruise.io and
   * DaemonSet.apps.kruise.io (OpenKruise) and DeploymentConfig (OpenShift) are written too; ReplicaSet and Job are
   * only reported. Others are kinds that the operator was told of with --workload-kind; a kind that it does not know
   * makes the policy Stalled.
   */
  readonly kinds: readonly string[];
  /**
   * Names of workloads; * stands for any number of characters and ? for one, for example checkout-*. At most 64.
   * Without it, every name. Workloads that are down during each deploy (strategy Recreate, StatefulSets with one
   * replica, DaemonSets) are left alone unless a pattern here matches them.
   */
  readonly names?: readonly string[];
  /**
   * Istio revisions or revision tags, for example stable; default is the revision without a name. Only workloads whose
   * proxy comes from one of them. Without it, every revision.
   */
  readonly revisions?: readonly string[];
  /**
   * Sidecar (the default) is a proxy beside an application. Gateway is an injected gateway, whose proxy is the
   * application; it must be asked for.
   */
  readonly proxies: readonly PolicyProxyRole[];
}

/** The same with every default filled in. */
export interface DefaultedNamespacedSidecarDrainPolicySpec {
  /**
   * Whether the policy writes. Start with Audit, read the status, then switch.
   *
   * Audit (the default): evaluates and reports what would change, and writes nothing to any workload. It never
   * governs, so it takes no workload away from another policy.
   *
   * Enforce: writes. Going back to Audit leaves the written values as they are and restarts nothing.
   */
  readonly enforcement: Enforcement;
  /**
   * true stops every write of this policy, while it goes on governing its workloads (no other policy takes them) and
   * reporting. Default false. Use it to hold still during an incident.
   */
  readonly suspend: boolean;
  /**
   * Where several Enforce policies of this namespace select one workload, the highest priority governs it, alone; the
   * others report Overridden. With equal priority, a policy with names beats one with workloadSelector, which beats
   * one with neither; then the name decides. From -1000 to 1000, default 0.
   */
  readonly priority: number;
  /**
   * Which workloads of this namespace the policy is for. All that is given must hold; without it, every one. Never
   * touched, whatever this says: workloads that another controller owns, and workloads with the annotation
   * sidecardrain.io/exempt or a DrainExemption.
   */
  readonly match: DefaultedNamespacedPolicyMatch;
  /**
   * The promise. duration and maxWait count from the moment the application gets SIGTERM: requests in flight get at
   * least duration and at most maxWait. On a native sidecar the proxy outlives the application by itself; there every
   * mode only makes the grace period long enough.
   */
  readonly drain: DefaultedPolicyDrain;
  /** Settings of the proxy that go beside the drain. By default nothing of it is changed. */
  readonly proxy: DefaultedPolicyProxy;
  /**
   * What may be done to terminationGracePeriodSeconds, at whose end the kubelet kills whatever still runs. It is never
   * made shorter than it was before the policy.
   */
  readonly gracePeriod: DefaultedPolicyGracePeriod;
  /**
   * What happens where somebody else (a manifest, Helm, a GitOps controller) declares a field that the promise needs
   * to be different. A grace period that somebody declared longer always stays.
   *
   * Report (the default): writes nothing to that workload, and names field and owner.
   *
   * Force: takes the field over. When its owner applies again, that fails with a conflict or undoes it.
   */
  readonly conflicts: ConflictHandling;
  /**
   * Where the settings are put.
   *
   * PodTemplate (the default): into the pod template of each workload, as rollout says.
   *
   * Admission: into each pod as it is created, by the operator's admission webhook, which has to be enabled. No
   * workload is changed and none is restarted, so there is no drift for GitOps tools to see; a pod gets the settings
   * when it is created anew for another reason. Needs the webhook for as long as it is used: a pod that is created
   * while it is down starts without the settings.
   */
  readonly delivery: PolicyDelivery;
  /**
   * A change of a pod template restarts the pods, and that restart still runs under the old settings. This says how
   * many workloads restart at once.
   */
  readonly rollout: DefaultedPolicyRollout;
  /**
   * What happens to the workloads when the policy is deleted or no longer selects them.
   *
   * Restore (the default): every field that is still as written gets the value from before, within the limits of
   * rollout.
   *
   * Orphan: leaves the values and gives up ownership, without any restart.
   */
  readonly onDelete: OnDelete;
}

/** Which workloads of this namespace. All that is given must hold; names or workloadSelector must be given. */
export interface ExemptionSelector {
  /** Kinds of workload, for example Deployment. Without it, every kind. */
  readonly kinds?: readonly string[];
  /**
   * Names of workloads; * stands for any number of characters and ? for one, for example checkout-*. At most 64.
   * Without it, every name.
   */
  readonly names?: readonly string[];
  /**
   * Labels of the workload's pod template (spec.template.metadata.labels, not those of the Deployment itself). {} is
   * every workload of the namespace.
   */
  readonly workloadSelector?: PolicySelector;
}

/** Which workloads are left alone, why, by whose word and until when. */
export interface DrainExemptionSpec {
  /** Which workloads of this namespace. All that is given must hold; names or workloadSelector must be given. */
  readonly selector: ExemptionSelector;
  /** Why, in a sentence for people. It stands in the report of every policy that selects the workloads. */
  readonly reason: string;
  /** Who answers for it, for example a team or an address. */
  readonly owner: string;
  /**
   * When it ends (RFC 3339), for example 2026-12-31T18:00:00Z. Required: an exemption without an end is forgotten. To
   * go on, write a later time.
   */
  readonly expires: string;
}

export interface ExemptionCondition {
  /** Active or Stalled. */
  readonly type: string;
  /** True, False or Unknown. */
  readonly status: ConditionStatus;
  /** The metadata.generation that this condition is about. */
  readonly observedGeneration?: number;
  /** When the status last changed from one value to another. */
  readonly lastTransitionTime: string;
  /** One word of a closed list that says why. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
}

/** What the operator saw. Written by the operator only. */
export interface DrainExemptionStatus {
  /** The metadata.generation that this status is about. -1 until somebody has looked. */
  readonly observedGeneration?: number;
  /**
   * Active: it holds now; False once it has expired, or while it cannot be evaluated. Stalled: it cannot be evaluated
   * until somebody corrects it.
   */
  readonly conditions?: readonly ExemptionCondition[];
  /** Workloads that it selects, whether a policy selects them or not. An exemption that selects none says so here. */
  readonly matched?: number;
}

/**
 * DrainExemption has policies leave workloads of its namespace alone until a stated time: nothing is written to them,
 * and what has been written stays. They are counted and reported as exempt, with owner, reason and end. When it ends,
 * the policies take hold again.
 */
export interface DrainExemption {
  /** sidecardrain.io/v1alpha1 */
  readonly apiVersion: 'sidecardrain.io/v1alpha1';
  /** DrainExemption */
  readonly kind: 'DrainExemption';
  readonly metadata: ObjectMeta;
  /** Which workloads are left alone, why, by whose word and until when. */
  readonly spec: DrainExemptionSpec;
  /** What the operator saw. Written by the operator only. */
  readonly status?: DrainExemptionStatus;
}
