{{/* Generated from config/rbac, config/namespaced and config/istio-access (npm run generate). */}}

{{- define "sidecar-drain-operator.rules.cluster" -}}
# The policies: patch sets and removes the finalizer.
- apiGroups: [sidecardrain.io]
  resources: [sidecardrainpolicies, namespacedsidecardrainpolicies]
  verbs: [get, list, watch, patch]
- apiGroups: [sidecardrain.io]
  resources: [sidecardrainpolicies/finalizers, namespacedsidecardrainpolicies/finalizers]
  verbs: [update]
- apiGroups: [sidecardrain.io]
  resources: [sidecardrainpolicies/status, namespacedsidecardrainpolicies/status, drainexemptions/status]
  verbs: [patch, update]
# Who is exempt.
- apiGroups: [sidecardrain.io]
  resources: [drainexemptions]
  verbs: [get, list, watch]
# Selecting: the labels of namespaces.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get, list, watch]
# The workloads: patch writes the pod template. Without it (an Audit-only installation) everything else works.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get, list, watch, patch]
# Read once at the start, to find values of ours, and watched while a policy names CronJob.
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [get, list, watch, patch]
# Watched only while a policy names ReplicaSet or Job: they are reported and never written.
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [get, list, watch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch]
# As with CronJob, where Argo Rollouts, OpenKruise or OpenShift are installed. Without them the rules do nothing.
- apiGroups: [argoproj.io]
  resources: [rollouts]
  verbs: [get, list, watch, patch]
- apiGroups: [apps.kruise.io]
  resources: [clonesets, statefulsets, daemonsets]
  verbs: [get, list, watch, patch]
- apiGroups: [apps.openshift.io]
  resources: [deploymentconfigs]
  verbs: [get, list, watch, patch]
# Waves wait while a budget allows no disruption.
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch]
# Only policies with environment: ProxyConfig write these.
- apiGroups: [networking.istio.io]
  resources: [proxyconfigs]
  verbs: [get, list, watch, create, patch, delete]
# Violations as reports, where these kinds are installed and --reports is auto. Without them the rules do nothing.
- apiGroups: [wgpolicyk8s.io]
  resources: [policyreports]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [openreports.io]
  resources: [reports]
  verbs: [get, list, watch, create, patch, delete]
# Which pods get a proxy: the injector's selectors.
- apiGroups: [admissionregistration.k8s.io]
  resources: [mutatingwebhookconfigurations]
  verbs: [get, list, watch]
# Whether sidecars are native by default: the kubelets' versions. And how long nodes give their pods, by their labels and taints.
- apiGroups: [""]
  resources: [nodes]
  verbs: [get, list, watch]
# The same of nodes that Karpenter makes, where it is installed. Without it the rule does nothing; without the rule that is not known.
- apiGroups: [karpenter.sh]
  resources: [nodepools]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
# With --observe-terminations=on: how pods of the mesh end. Their specs say what the pod templates above say already. Without
# this and the next rule nothing is counted, and everything else works.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# The same: which preStop hooks failed (reason FailedPreStopHook only).
- apiGroups: [""]
  resources: [events]
  verbs: [list, watch]
{{- end }}

{{- define "sidecar-drain-operator.rules.own" -}}
# A name cannot bound create: the object has none yet.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [sidecar-drain-operator]
  verbs: [get, update]
# list and watch are asked for this one name.
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [sidecar-drain-operator]
  verbs: [get, list, watch]
# What was approved (rollout.approval, and large withdrawals) is kept in ConfigMaps here. Their names cannot be listed
# beforehand, because each is of one policy and one plan.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, create, patch, delete]
{{- end }}

{{- define "sidecar-drain-operator.rules.watched" -}}
# The policies: patch sets and removes the finalizer.
- apiGroups: [sidecardrain.io]
  resources: [namespacedsidecardrainpolicies]
  verbs: [get, list, watch, patch]
- apiGroups: [sidecardrain.io]
  resources: [namespacedsidecardrainpolicies/finalizers]
  verbs: [update]
- apiGroups: [sidecardrain.io]
  resources: [namespacedsidecardrainpolicies/status, drainexemptions/status]
  verbs: [patch, update]
# Who is exempt.
- apiGroups: [sidecardrain.io]
  resources: [drainexemptions]
  verbs: [get, list, watch]
# Whether this namespace is injected: its own labels. A Role grants no other namespace.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
# The workloads: patch writes the pod template. Without it (an Audit-only installation) everything else works.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get, list, watch, patch]
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [get, list, watch, patch]
# Watched only while a policy names ReplicaSet or Job: they are reported and never written.
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [get, list, watch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch]
# Where Argo Rollouts or OpenKruise are installed. Without them the rules do nothing.
- apiGroups: [argoproj.io]
  resources: [rollouts]
  verbs: [get, list, watch, patch]
- apiGroups: [apps.kruise.io]
  resources: [clonesets, statefulsets, daemonsets]
  verbs: [get, list, watch, patch]
- apiGroups: [apps.openshift.io]
  resources: [deploymentconfigs]
  verbs: [get, list, watch, patch]
# Waves wait while a budget allows no disruption.
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch]
# Only policies with environment: ProxyConfig write these.
- apiGroups: [networking.istio.io]
  resources: [proxyconfigs]
  verbs: [get, list, watch, create, patch, delete]
# Violations as reports, where these kinds are installed and --reports is auto. Without them the rules do nothing.
- apiGroups: [wgpolicyk8s.io]
  resources: [policyreports]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [openreports.io]
  resources: [reports]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
# With --observe-terminations=on: how pods of the mesh end, and which preStop hooks failed.
- apiGroups: [""]
  resources: [pods, events]
  verbs: [list, watch]
{{- end }}

{{- define "sidecar-drain-operator.rules.istio" -}}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch]
{{- end }}

{{- define "sidecar-drain-operator.rules.viewer" -}}
- apiGroups: [sidecardrain.io]
  resources: [sidecardrainpolicies, namespacedsidecardrainpolicies, drainexemptions]
  verbs: [get, list, watch]
- apiGroups: [sidecardrain.io]
  resources: [sidecardrainpolicies/status, namespacedsidecardrainpolicies/status, drainexemptions/status]
  verbs: [get]
{{- end }}

{{- define "sidecar-drain-operator.rules.editor" -}}
- apiGroups: [sidecardrain.io]
  resources: [sidecardrainpolicies]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [sidecardrain.io]
  resources: [sidecardrainpolicies/status]
  verbs: [get]
# Only asked for where config/separate-approval is applied.
- apiGroups: [sidecardrain.io]
  resources: [sidecardrainpolicies/spec]
  verbs: [update]
{{- end }}

{{- define "sidecar-drain-operator.rules.admission" -}}
# Its own webhook configuration and no other: which namespaces and kinds, and the authorities of its replicas.
- apiGroups: [admissionregistration.k8s.io]
  resources: [mutatingwebhookconfigurations]
  resourceNames: [00-sidecar-drain-operator]
  verbs: [patch]
# Policies with delivery: Admission: whether pods carry what they were given. Their labels and owners, never the rest.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
{{- end }}

{{- define "sidecar-drain-operator.rules.dashboard" -}}
# Whose token it is that a browser sends.
- apiGroups: [authentication.k8s.io]
  resources: [tokenreviews]
  verbs: [create]
# Whether that user may list what the page shows.
- apiGroups: [authorization.k8s.io]
  resources: [subjectaccessreviews]
  verbs: [create]
{{- end }}

{{- define "sidecar-drain-operator.rules.tenant" -}}
- apiGroups: [sidecardrain.io]
  resources: [namespacedsidecardrainpolicies, drainexemptions]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [sidecardrain.io]
  resources: [namespacedsidecardrainpolicies/status, drainexemptions/status]
  verbs: [get]
# Only asked for where config/separate-approval is applied.
- apiGroups: [sidecardrain.io]
  resources: [namespacedsidecardrainpolicies/spec]
  verbs: [update]
{{- end }}
