/**
 * The closed list of reasons: every finding, condition reason, event reason and metric label that speaks of a workload
 * takes its code from here. The docs page of findings is generated from it.
 */

export type Severity = 'error' | 'warning' | 'info';

export interface Reason {
  readonly severity: Severity;
  /** What is the matter, in one sentence for people. */
  readonly sentence: string;
  /** What to do. */
  readonly action: string;
  /** Where the fact behind it is known from. */
  readonly source: string;
}

const MEASURED = 'measured on Kubernetes 1.36 with Istio 1.29 (docs/termination.md)';

export const REASONS = {
  GraceTooShort: {
    severity: 'error',
    sentence:
      'The grace period ends before the proxy has drained, or before the application can finish: what is still in flight is killed with the pod.',
    action:
      "Raise terminationGracePeriodSeconds above preStop + drain (classic sidecar) or above the application's preStop + longest request (native sidecar).",
    source: 'Kubernetes pod lifecycle: SIGKILL at the end of the grace period; ' + MEASURED,
  },
  DrainTooShort: {
    severity: 'error',
    sentence: "The proxy is gone before the application's preStop and its longest request are over.",
    action:
      'Raise terminationDrainDuration in the annotation proxy.istio.io/config of the pod template, or use EXIT_ON_ZERO_ACTIVE_CONNECTIONS.',
    source: 'istio/istio pkg/envoy/agent.go; ' + MEASURED,
  },
  DrainNotAdaptive: {
    severity: 'warning',
    sentence:
      'Every pod lingers for its whole drain although nothing is in flight; the policy wants it to end when it is quiet.',
    action:
      'Use EXIT_ON_ZERO_ACTIVE_CONNECTIONS instead of a long terminationDrainDuration, or mode Fixed where the wait is wanted.',
    source: 'istio/istio#19564; ' + MEASURED,
  },
  DrainIgnored: {
    severity: 'warning',
    sentence: 'terminationDrainDuration is set, but something switches it off.',
    action:
      "With EXIT_ON_ZERO_ACTIVE_CONNECTIONS set MINIMUM_DRAIN_DURATION instead; after a hook's drain call give the wait to the hook.",
    source: 'istio/istio#44690; ' + MEASURED,
  },
  InertOnNative: {
    severity: 'warning',
    sentence: 'This setting does nothing on a native sidecar, which lives until the application has exited.',
    action: 'Remove it, and make terminationGracePeriodSeconds long enough: on native sidecars that is the setting.',
    source: MEASURED,
  },
  MinimumDrainInert: {
    severity: 'warning',
    sentence: 'MINIMUM_DRAIN_DURATION has no effect without EXIT_ON_ZERO_ACTIVE_CONNECTIONS.',
    action: 'Set EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true" as well, or use terminationDrainDuration.',
    source: MEASURED,
  },
  MinimumDrainTooShort: {
    severity: 'error',
    sentence: 'The proxy may leave while the application is still in its preStop: MINIMUM_DRAIN_DURATION is shorter.',
    action: 'Raise MINIMUM_DRAIN_DURATION to at least the longest preStop of the application.',
    source: 'istio/istio#47718; ' + MEASURED,
  },
  OutboundNotCovered: {
    severity: 'info',
    sentence:
      'Once the last inbound connection is closed the proxy leaves, and later outbound calls of the application are refused.',
    action:
      'Use mode Combined (or raise MINIMUM_DRAIN_DURATION) where the application makes calls after its last request.',
    source: MEASURED,
  },
  HookNeverEnds: {
    severity: 'error',
    sentence:
      'The preStop hook never ends by itself: every termination takes the whole grace period and ends in SIGKILL.',
    action: 'Remove the hook, or wait for established connections on port 15006 with an upper bound.',
    source: MEASURED,
  },
  HookEndsAtOnce: {
    severity: 'error',
    sentence:
      'The preStop hook waits for something that is already true, so it ends at once although requests are in flight.',
    action:
      "Wait for established connections on port 15006, not for the application's listener or for stats that are not exported.",
    source: MEASURED,
  },
  HookUnbounded: {
    severity: 'warning',
    sentence: 'The preStop hook has no upper bound, or none that can be known.',
    action: 'Bound it by the clock, or state its length in the annotation sidecardrain.io/pre-stop.',
    source: MEASURED,
  },
  HookDefaultCounts: {
    severity: 'info',
    sentence:
      'How long the preStop hook takes rests on a default that it states for a variable. The pod template sets no such variable; its image could.',
    action: 'State the variable in env of the container: then nothing is assumed.',
    source: 'Kubernetes: env of a container comes before what its image sets',
  },
  HookFails: {
    severity: 'warning',
    sentence: 'The preStop hook fails, so that it waits for nothing and SIGTERM comes at once.',
    action: 'Correct its command; the kubelet reports it as FailedPreStopHook.',
    source: 'Kubernetes container lifecycle hooks; ' + MEASURED,
  },
  HookNeedsShell: {
    severity: 'error',
    sentence: 'The preStop hook needs programs that the proxy image does not have: it fails at once.',
    action: 'Use an image with a shell, preStop.sleep, or EXIT_ON_ZERO_ACTIVE_CONNECTIONS, which needs no shell.',
    source: MEASURED,
  },
  HookDropsNativeDrain: {
    severity: 'warning',
    sentence:
      'The preStop hook replaces the drain call that Istio gives a native sidecar, so the SIGTERM path and terminationDrainDuration come back after the application has exited.',
    action: 'Remove the hook, or begin it with: pilot-agent request --debug-port=15020 POST drain.',
    source: MEASURED,
  },
  HookHandlerIllegal: {
    severity: 'error',
    sentence: 'The API server refuses every pod: the istio-proxy container would have two handlers for one hook.',
    action: 'On native sidecars write the preStop of istio-proxy as exec, or remove it.',
    source: 'istio/istio#51865; ' + MEASURED,
  },
  HoldHookLost: {
    severity: 'warning',
    sentence: 'holdApplicationUntilProxyStarts is set, but another postStart hook has taken its place.',
    action: 'Let the postStart run `pilot-agent wait`, or remove it.',
    source: 'istio/istio#47373, #37541',
  },
  PostStartWithoutHold: {
    severity: 'warning',
    sentence:
      'postStart `pilot-agent wait` without holdApplicationUntilProxyStarts does nothing useful: the application container comes first and starts before the proxy is ready.',
    action: 'Set holdApplicationUntilProxyStarts: true and remove the postStart.',
    source: MEASURED,
  },
  StatsNotExported: {
    severity: 'error',
    sentence: 'The preStop hook reads Envoy stats that this proxy does not export: it sees nothing and ends at once.',
    action:
      'Add the annotation sidecar.istio.io/statsInclusionSuffixes: downstream_rq_active,downstream_cx_active to the pod template.',
    source: MEASURED,
  },
  AnnotationMalformed: {
    severity: 'error',
    sentence: 'The annotation proxy.istio.io/config cannot be parsed: the injector refuses every pod of this template.',
    action:
      'Correct the annotation; durations are strings with a unit such as "60s", proxyMetadata values are strings such as "true".',
    source: MEASURED,
  },
  AnnotationKeyUnknown: {
    severity: 'warning',
    sentence: 'The annotation proxy.istio.io/config has a key that Istio does not know and silently ignores.',
    action: 'Correct the spelling, or remove the key.',
    source: MEASURED,
  },
  AnnotationValueDangerous: {
    severity: 'error',
    sentence:
      'The annotation proxy.istio.io/config has a value that Istio accepts and that ends the proxy at once or means something else.',
    action: 'Write a positive duration with a unit, for example "60s".',
    source: MEASURED,
  },
  AnnotationMisplaced: {
    severity: 'warning',
    sentence: 'An annotation or label for pods is outside the pod template, where Istio does not read it.',
    action:
      "Move it to the metadata of the pod template (spec.template.metadata.annotations; of a CronJob, below its jobTemplate's).",
    source: "istio/istio pkg/kube/inject: the pod's annotations count",
  },
  SettingMisplaced: {
    severity: 'warning',
    sentence:
      'A setting is in a place where nothing reads it: the API server drops it, or it reaches the wrong container.',
    action: 'Move it to the place that the message names.',
    source: 'Kubernetes API: fields of pod templates; istio/istio pkg/kube/inject',
  },
  SettingNotRead: {
    severity: 'warning',
    sentence: 'An annotation or a variable has a name that Istio does not read, or no longer: it has no effect.',
    action: 'Remove it, and set what the message names instead.',
    source: 'istio/api annotation/annotations.yaml; istio/istio pilot/cmd/pilot-agent',
  },
  EnvironmentValueIgnored: {
    severity: 'warning',
    sentence: 'A value cannot be parsed, so Istio (or this product) falls back to the default.',
    action:
      'Write "true" or "false" for EXIT_ON_ZERO_ACTIVE_CONNECTIONS and a duration with a unit for MINIMUM_DRAIN_DURATION.',
    source: MEASURED,
  },
  InjectionTemplateUnread: {
    severity: 'warning',
    sentence: 'The pods are injected with a custom template whose hooks for istio-proxy are not known.',
    action:
      "Give the injector's configuration (ConfigMap istio-sidecar-injector, or Helm's values), or look at a running pod.",
    source: 'istio/istio pkg/kube/inject: inject.istio.io/templates',
  },
  ProxyConfigShadowed: {
    severity: 'warning',
    sentence: 'A ProxyConfig resource is ignored, because there is an older one at the same level.',
    action: 'Merge the two into the older one.',
    source: 'istio/istio pilot/pkg/model/proxy_config.go; ' + MEASURED,
  },
  ProxyConfigDead: {
    severity: 'warning',
    sentence: 'A ProxyConfig resource has an empty selector, which matches no pod.',
    action: 'Remove the selector to cover the namespace, or give it labels.',
    source: 'istio/istio pilot/pkg/model/proxy_config.go',
  },
  ProxyConfigTooYoung: {
    severity: 'warning',
    sentence: 'The ProxyConfig resource was made after the pods, which therefore run without it.',
    action: 'Restart the workload after the resource exists.',
    source: MEASURED,
  },
  ImageAutoNotInjected: {
    severity: 'error',
    sentence:
      'The template has an istio-proxy container with image auto, but nothing will be injected: the pods stay in ImagePullBackOff.',
    action: 'Remove the container, or have the namespace injected.',
    source: MEASURED,
  },
  ImageAutoPullAlways: {
    severity: 'info',
    sentence: 'image: auto without imagePullPolicy makes the API server write Always, which then holds for the proxy.',
    action: 'Write imagePullPolicy: IfNotPresent next to image: auto.',
    source: MEASURED,
  },
  ListenerClosesBeforeDrainEnds: {
    severity: 'info',
    sentence: 'The drain can last longer than drainDuration: new inbound connections are refused for the rest of it.',
    action: 'Raise drainDuration together with the drain (drain.drainDuration: Follow), or keep the drain below it.',
    source: MEASURED,
  },
  NewRequestsRefused: {
    severity: 'warning',
    sentence:
      'The application closes its listener at SIGTERM: requests that arrive until every client has heard of the deletion are refused.',
    action: 'Give the container that serves a preStop that sleeps for as long as endpoints need, commonly 5 s.',
    source: 'measured on Kubernetes 1.36 with Istio 1.31 (docs/termination.md)',
  },
  ExitOnZeroNeverFires: {
    severity: 'warning',
    sentence:
      "On gateways and waypoints of an ambient mesh this Istio's EXIT_ON_ZERO_ACTIVE_CONNECTIONS never sees zero: every termination takes the whole grace period.",
    action: 'Upgrade to Istio 1.29.6, 1.30.3 or 1.31, or use a fixed terminationDrainDuration.',
    source: 'istio/istio#60728 and the change notes of Istio 1.29.6, 1.30.3 and 1.31.0',
  },
  StopSignalUncertain: {
    severity: 'warning',
    sentence: 'The container asks for another stop signal, and whether it gets it depends on the container runtime.',
    action: 'Set STOPSIGNAL in the image, which every runtime honours, or have the application handle SIGTERM.',
    source: 'Kubernetes lifecycle.stopSignal (alpha); measured with containerd 2.2.0, which ignored it',
  },
  GraceAboveMaximum: {
    severity: 'error',
    sentence:
      "The grace period that the promise needs is above the policy's gracePeriod.maximum, so nothing is written.",
    action: "Shorten the drain or the application's preStop, or raise gracePeriod.maximum.",
    source: 'this policy; cluster autoscaler --max-graceful-termination-sec is 600 s by default',
  },
  GraceMayNotChange: {
    severity: 'warning',
    sentence: 'The grace period is too short and the policy says gracePeriod.change: Never, so nothing is written.',
    action: 'Raise terminationGracePeriodSeconds in the manifest, or set gracePeriod.change: RaiseOnly.',
    source: 'this policy',
  },
  LivenessKillSlowed: {
    severity: 'info',
    sentence:
      "A failing liveness or startup probe uses the pod's grace period too: with a longer one a hung pod is killed later.",
    action: 'Set terminationGracePeriodSeconds on the probe itself.',
    source: 'Kubernetes: probe-level terminationGracePeriodSeconds',
  },
  GraceExceedsNodeBudget: {
    severity: 'warning',
    sentence: 'The pods may come to run on nodes that do not wait that long: they are cut when such a node goes.',
    action:
      'Keep the grace period within what these nodes give, keep the pods off them (node affinity, taints), or raise what they give.',
    source:
      'the labels of nodes, Karpenter NodePools, KubeletConfiguration, the cluster autoscaler (--max-graceful-termination-sec, 600 by default), or --node-drain and --node-shutdown',
  },
  DowntimePerDeploy: {
    severity: 'warning',
    sentence:
      'This workload is down while it restarts (Recreate, a single replica, or a DaemonSet), and a longer drain makes that longer.',
    action: 'Name it in match.names to change it anyway.',
    source: 'Kubernetes workload update strategies',
  },
  MeshDefaultWouldDo: {
    severity: 'info',
    sentence:
      'One line in meshConfig.defaultConfig would cover most of these workloads without any change of their templates.',
    action: 'Consider setting it mesh-wide.',
    source: 'Istio mesh config, defaultConfig',
  },
  JobNeverCompletes: {
    severity: 'warning',
    sentence: 'With a classic sidecar a Job does not complete: the proxy goes on when the work is done.',
    action: 'Use a native sidecar, or end the proxy with POST quitquitquit on port 15020.',
    source: 'istio/istio#6324; native sidecars end with their pod',
  },
  ProxyKindUnknown: {
    severity: 'warning',
    sentence: 'It is not known whether the pods get a classic or a native sidecar, or any.',
    action: 'Give the missing facts, for example --istio-version and --native-sidecars, or let the operator read them.',
    source: 'istio/istio pkg/kube/inject',
  },
  TemplateRefused: {
    severity: 'error',
    sentence:
      'The pod template of a custom resource holds a value that the API server refuses in a pod, so its pods cannot be made.',
    action: 'Correct the field that the message names.',
    source: 'Kubernetes API: decoding and validation of pods',
  },
  FieldConflict: {
    severity: 'warning',
    sentence: 'Somebody else declares a field that would have to change, so nothing is written.',
    action: 'Change it where it is declared, or set conflicts: Force.',
    source: 'Kubernetes server-side apply: field ownership',
  },
  OwnedByController: {
    severity: 'info',
    sentence: 'Another controller owns this object and would undo a change.',
    action: 'Set the values on the owner.',
    source: 'Kubernetes ownerReferences with controller: true',
  },
  RenderedFromGateway: {
    severity: 'warning',
    sentence:
      'istiod makes this Deployment from a Gateway, so the operator reports what is missing and writes nothing.',
    action:
      'Put the values under `deployment` into the ConfigMap that the Gateway names in spec.infrastructure.parametersRef (sidecar-drain render -p writes it).',
    source: 'istio/istio pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go',
  },
  TemplateNotRolled: {
    severity: 'warning',
    sentence:
      'Nothing replaces the pods of a ReplicaSet when its template changes, so the operator reports it and writes nothing.',
    action: 'Set the values in its manifest and delete its pods one by one, or make it a Deployment.',
    source: 'Kubernetes ReplicaSet: the template is for new pods only',
  },
  TemplateImmutable: {
    severity: 'warning',
    sentence: 'The pod template of a Job cannot be changed, so the operator reports it and writes nothing.',
    action:
      'Set the values in the manifest that the next Job is made from (sidecar-drain render), or make it a CronJob.',
    source: 'Kubernetes API validation: the template of a Job is immutable',
  },
  TemplateElsewhere: {
    severity: 'info',
    sentence: 'The pod template is in another object, which this one refers to.',
    action: 'Have a policy select that object: what is set there holds here.',
    source: 'Argo Rollouts: spec.workloadRef',
  },
  UpdatedInPlace: {
    severity: 'warning',
    sentence:
      'The change would be made in place: running pods would keep their old proxies, or the controller would refuse it; so nothing is written.',
    action:
      'Set updateStrategy.type: ReCreate for the CloneSet, or set the values together with a change that makes new pods.',
    source: 'OpenKruise CloneSet update strategies',
  },
  ContainersNotMergeable: {
    severity: 'warning',
    sentence:
      'In this kind the list of containers is one value to the API server: to write one container would replace all of them, so nothing is written.',
    action:
      'Use a strategy that needs no hook (Auto, ActiveConnections), or set the hook in the manifest (sidecar-drain render).',
    source: 'Kubernetes server-side apply: lists of custom resources are atomic unless their schema says otherwise',
  },
  RolloutNotVisible: {
    severity: 'info',
    sentence:
      'The status of this kind does not tell how a rollout goes: it counts as over once the template is written, and waves do not wait for it.',
    action: 'Match few such workloads at once, or roll them out yourself.',
    source: 'the status of the object: neither updatedReplicas nor a condition Ready',
  },
  Exempt: {
    severity: 'info',
    sentence: 'The workload is exempt, by its annotation or by a DrainExemption, and left alone.',
    action:
      'Remove the annotation sidecardrain.io/exempt, or delete the DrainExemption that the message names, to have it governed.',
    source: 'sidecardrain.io/exempt; DrainExemption',
  },
  ExemptionOutsideBounds: {
    severity: 'warning',
    sentence:
      'A DrainExemption selects the workload and does not keep to what the cluster policy says of exemptions, so it does not count.',
    action: 'Make a new one that ends sooner, or ask who owns the cluster policy for wider bounds.',
    source: 'spec.exemptions of SidecarDrainPolicy',
  },
  OutsideBounds: {
    severity: 'warning',
    sentence:
      'A namespaced policy does not keep to the bounds of the cluster policy that would govern the workload, so it does not govern it.',
    action: 'Change the field that the message names, or ask who owns the cluster policy for wider bounds.',
    source: 'spec.bounds of SidecarDrainPolicy',
  },
  NoClusterPolicy: {
    severity: 'warning',
    sentence:
      'A namespaced policy does not govern the workload, because no cluster policy that allows tenants selects it.',
    action: 'Ask for a SidecarDrainPolicy with enforcement: Enforce and tenants: Allow that selects the workload.',
    source: 'spec.tenants of SidecarDrainPolicy',
  },
  NotInjected: {
    severity: 'info',
    sentence: 'The pods get no sidecar, so there is nothing to drain.',
    action: 'Nothing, unless they should be in the mesh.',
    source: 'istio/istio pkg/kube/inject',
  },
  FactsMissing: {
    severity: 'warning',
    sentence: 'Something that must be known before a write could not be read, so the workload is left as it is.',
    action: 'See the message for what is missing; it is usually a permission or an istiod that is not there.',
    source: 'unknown means hold',
  },
  PromiseUnreachable: {
    severity: 'error',
    sentence: "No setting that the operator may write would keep the policy's promise here.",
    action: 'See the message: usually a ProxyConfig with a selector, or a hook of the user, decides instead.',
    source: 'Istio precedence of proxy settings; ' + MEASURED,
  },
  ChangedByOthers: {
    severity: 'info',
    sentence:
      'Somebody else has changed the pod template since our write, so that the promise no longer holds; the operator waits before it writes again.',
    action: 'Nothing, if the change was meant to be short (an incident, a rollback); else see who changed it.',
    source: 'Kubernetes managedFields',
  },
  ChangedBack: {
    severity: 'warning',
    sentence:
      'Somebody else keeps changing our values back; the workload is left alone and retried with exponential back-off.',
    action: 'Change the values at their source (the manifest in Git), or exempt the workload.',
    source: 'Kubernetes managedFields',
  },
  WaitsForWindow: {
    severity: 'info',
    sentence: "None of the policy's windows is open, and the change would restart pods.",
    action: 'Nothing; it is written when the next window opens. Change rollout.windows if that is too late.',
    source: 'this product',
  },
  ApprovalRequired: {
    severity: 'info',
    sentence:
      'The policy says approval: Required, and the plan for this workload is not among those that were approved.',
    action:
      "Look at the plan (sidecar-drain plan --cluster), then put status.planHash into the policy's annotation sidecardrain.io/approved-plan.",
    source: 'this product',
  },
  WithdrawalHeld: {
    severity: 'warning',
    sentence:
      'So many workloads would be restored at once, without the policy having been deleted, that nothing is restored until somebody approves it.',
    action:
      "Undo the edit of the selector or of the namespace's labels, or put the hash that the policy's condition tells into its annotation sidecardrain.io/approved-withdrawal.",
    source: 'this product',
  },
  WaitsForWorkload: {
    severity: 'info',
    sentence:
      'The workload is to be changed, and something about itself has to pass first: it is paused, partitioned or unhealthy, or a PodDisruptionBudget allows nothing.',
    action:
      'Nothing, if that passes by itself. Else unpause it, set its partition to 0, make it healthy, or change the PodDisruptionBudget.',
    source: 'status of the workload and of PodDisruptionBudgets',
  },
  RolloutStuck: {
    severity: 'error',
    sentence:
      'The workload was changed and does not become healthy; no other workload of its policy is changed meanwhile.',
    action:
      'Look at its pods. Make it healthy, correct the policy (this workload is then changed first), or exempt it.',
    source: 'status of the workload, spec.rollout.waves.progressDeadline',
  },
  PodsKilled: {
    severity: 'error',
    sentence:
      'Pods of the workload were seen to run until the grace period was over and to get SIGKILL, within the last day: what was in flight was lost.',
    action: 'See the message; sidecar-drain verify shows each termination with its forecast.',
    source: 'exit code 137 in the status of the pod, at the end of its grace period',
  },
  PreStopFailed: {
    severity: 'error',
    sentence:
      'A preStop hook of the workload was seen to fail, within the last day: a hook that fails waits for nothing, and SIGTERM comes at once.',
    action: 'Repair the hook, or take it away; sidecar-drain verify shows what the kubelet said.',
    source: 'Event FailedPreStopHook of the pod',
  },
  ForecastMissed: {
    severity: 'warning',
    sentence: 'Pods of the workload were seen to end in another way than the engine says, within the last day.',
    action:
      'Compare sidecar-drain verify with sidecar-drain explain. A setting that the operator cannot see may decide; where there is none, please report it.',
    source: 'status of the pod, and the forecast of the engine for that very pod',
  },
  StateDamaged: {
    severity: 'error',
    sentence:
      'The annotation sidecardrain.io/state cannot be read, so the values from before are not known and nothing is written.',
    action: 'Restore the annotation from a backup, or remove it if the present values are right.',
    source: 'this product',
  },
} as const satisfies Record<string, Reason>;

export type ReasonCode = keyof typeof REASONS;

export const REASON_CODES = Object.keys(REASONS) as readonly ReasonCode[];

export interface Finding {
  readonly code: ReasonCode;
  readonly severity: Severity;
  /** The reason's sentence made concrete: names, values, seconds. */
  readonly message: string;
  /** What to do, concrete where it can be. */
  readonly action: string;
  /** Field path in the workload, or the object that is meant. */
  readonly path?: string;
}

/** Makes a finding; severity and action come from the list unless they are made more concrete. */
export function finding(
  code: ReasonCode,
  message: string,
  extra: { path?: string; action?: string; severity?: Severity } = {},
): Finding {
  const reason = REASONS[code];
  return {
    code,
    severity: extra.severity ?? reason.severity,
    message,
    action: extra.action ?? reason.action,
    path: extra.path,
  };
}
