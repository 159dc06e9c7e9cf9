// Alerts and dashboard for those who run the operator: one source in monitoring/, given to kustomize and to the chart.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { dashboard } from './dashboard.ts';
import { root } from './root.ts';
import type { Generator } from './types.ts';

const RUNBOOKS = 'docs/runbooks/README.md';
const YAML = { lineWidth: 0 };

interface AlertGroups {
  groups: { rules: { alert: string; annotations: Record<string, string> }[] }[];
}

/** Every alert says where its runbook is, by its path in this repository. */
function withRunbooks({ groups }: AlertGroups): AlertGroups['groups'] {
  return groups.map((group) => ({
    ...group,
    rules: group.rules.map((rule) => ({
      ...rule,
      annotations: { ...rule.annotations, runbook: `${RUNBOOKS}#${rule.alert.toLowerCase()}` },
    })),
  }));
}

/** In the chart a link that works, where the value says where the runbooks are served. */
function withRunbookUrls(rules: string): string {
  return rules.replace(
    /^( +)runbook: .*#(\w+)\n/gm,
    (line, indent: string, anchor: string) =>
      `${line}${indent}{{- with $.Values.metrics.prometheusRule.runbookUrl }}\n${indent}runbook_url: {{ printf "%s#${anchor}" . | quote }}\n${indent}{{- end }}\n`,
  );
}

export const monitoring: Generator = {
  name: 'monitoring',
  async outputs() {
    const groups = stringify(
      { groups: withRunbooks(parse(await readFile(join(root, 'monitoring/alerts.yaml'), 'utf8')) as AlertGroups) },
      YAML,
    );
    const indented = groups.replace(/^(?=.)/gm, '  ');
    const head = 'Generated from monitoring/alerts.yaml (npm run generate).';
    const text = `${JSON.stringify(dashboard(), null, 2)}\n`;
    return new Map([
      [
        'config/prometheus/rules.yaml',
        `# ${head}
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: sidecar-drain-operator
  namespace: sidecar-drain-system
  labels:
    app.kubernetes.io/name: sidecar-drain-operator
spec:
${indented}`,
      ],
      [
        'charts/sidecar-drain-operator/templates/prometheus-rule.yaml',
        `{{/* ${head} */}}
{{- if .Values.metrics.prometheusRule.enabled }}
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {{ include "sidecar-drain-operator.fullname" . }}
  namespace: {{ .Release.Namespace }}
  labels:
    app.kubernetes.io/name: {{ include "sidecar-drain-operator.name" . }}
    {{- include "sidecar-drain-operator.labels" . | nindent 4 }}
    {{- with .Values.metrics.prometheusRule.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
${withRunbookUrls(indented.replace(/\{\{.*?\}\}/g, (expression: string) => `{{ ${JSON.stringify(expression).replaceAll('\\"', '"').replace(/^"|"$/g, '`')} }}`))}{{- end }}
`,
      ],
      ['monitoring/dashboard.json', text],
      ['charts/sidecar-drain-operator/files/dashboard.json', text],
    ]);
  },
};
