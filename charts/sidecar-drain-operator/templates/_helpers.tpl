{{- define "sidecar-drain-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "sidecar-drain-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "sidecar-drain-operator.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "sidecar-drain-operator.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* One operator per cluster, so the selector needs no instance. It is the one of config/, so that an installation by kustomize can be taken over: a Deployment's selector cannot be changed. */}}
{{- define "sidecar-drain-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "sidecar-drain-operator.name" . }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "sidecar-drain-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: sidecar-drain-operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "sidecar-drain-operator.componentLabels" -}}
{{ include "sidecar-drain-operator.selectorLabels" . }}
{{ include "sidecar-drain-operator.labels" . }}
{{- end }}

{{- define "sidecar-drain-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "sidecar-drain-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "sidecar-drain-operator.image" -}}
{{- with .Values.image }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- if .digest }}@{{ .digest }}{{ end }}
{{- end }}
{{- end }}

{{- define "sidecar-drain-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "sidecar-drain-operator.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
