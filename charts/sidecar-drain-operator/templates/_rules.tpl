{{/* Generated from config/rbac and config/istio-access (npm run generate). */}}

{{- define "sidecar-drain-operator.rules.cluster" -}}
# The policies: patch sets and removes the finalizer.
- apiGroups: [sidecardrain.io]
  resources: [sidecardrainpolicies]
  verbs: [get, list, watch, patch]
- apiGroups: [sidecardrain.io]
  resources: [sidecardrainpolicies/finalizers]
  verbs: [update]
- apiGroups: [sidecardrain.io]
  resources: [sidecardrainpolicies/status]
  verbs: [patch, update]
# Selecting: the labels of namespaces.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get, list, watch]
# The workloads: patch writes the pod template. Without it (an Audit-only installation) everything else works.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get, list, watch, patch]
# Only policies with environment: ProxyConfig write these.
- apiGroups: [networking.istio.io]
  resources: [proxyconfigs]
  verbs: [get, list, watch, create, patch, delete]
# Which pods get a proxy: the injector's selectors.
- apiGroups: [admissionregistration.k8s.io]
  resources: [mutatingwebhookconfigurations]
  verbs: [get, list, watch]
# Whether sidecars are native by default: the kubelets' versions.
- apiGroups: [""]
  resources: [nodes]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
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
{{- end }}

{{- define "sidecar-drain-operator.rules.istio" -}}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch]
{{- end }}

{{- define "sidecar-drain-operator.rules.viewer" -}}
- apiGroups: [sidecardrain.io]
  resources: [sidecardrainpolicies]
  verbs: [get, list, watch]
- apiGroups: [sidecardrain.io]
  resources: [sidecardrainpolicies/status]
  verbs: [get]
{{- end }}

{{- define "sidecar-drain-operator.rules.editor" -}}
- apiGroups: [sidecardrain.io]
  resources: [sidecardrainpolicies]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [sidecardrain.io]
  resources: [sidecardrainpolicies/status]
  verbs: [get]
{{- end }}
