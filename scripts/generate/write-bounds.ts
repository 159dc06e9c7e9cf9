// config/write-bounds and the chart's template of it: the ValidatingAdmissionPolicies that bound what the operator writes, from
// one source. The preStop hook that they let through is the one that this release writes.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './root.ts';
import type { Generator } from './types.ts';
import { printedBy } from './typescript.ts';

interface Facts {
  readonly systemNamespaces: readonly string[];
  readonly annotations: readonly string[];
  readonly setting: unknown;
  readonly settingName: string;
  /** Regular expressions of the hooks that the product writes. */
  readonly hooks: readonly string[];
  readonly cures: unknown;
}

const parts = ['workloads', 'others'];
export const chartLabels = '  labels:\n    {{- include "sidecar-drain-operator.labels" . | nindent 4 }}';

export function filled(text: string, values: Readonly<Record<string, string>>): string {
  const all = Object.entries(values).reduce((left, [name, value]) => left.replaceAll(`__${name}__`, () => value), text);
  const missing = /__[A-Z_]+__/.exec(all);
  if (missing !== null) {
    throw new Error(`scripts/generate/write-bounds: nothing is known to put in place of ${missing[0]}`);
  }
  return all;
}

export const writeBounds: Generator = {
  name: 'write-bounds',
  async outputs() {
    const { systemNamespaces, annotations, setting, settingName, hooks, cures } = await printedBy<Facts>(
      'scripts/generate/write-bounds-facts.ts',
    );
    const shared = {
      ANNOTATIONS: JSON.stringify(annotations),
      SETTING: JSON.stringify(setting),
      SETTING_NAME: JSON.stringify(settingName),
      HOOKS: hooks.map((one) => `variables.newPreStop.exec.command[2].matches(${JSON.stringify(one)})`).join(' || '),
      CURES: JSON.stringify(cures),
      LEASE: 'sidecar-drain-operator',
    };
    const all = new Map();
    for (const part of parts) {
      const file = `scripts/generate/write-bounds/${part}.yaml`;
      const source = await readFile(join(root, file), 'utf8');
      all.set(
        `config/write-bounds/${part}.yaml`,
        `# Generated from ${file} (npm run generate).\n${filled(source.replaceAll('__LABELS__\n', ''), {
          ...shared,
          NAME: 'sidecar-drain-operator',
          NAMESPACE: 'sidecar-drain-system',
          ACCOUNT: 'system:serviceaccount:sidecar-drain-system:sidecar-drain-operator',
          EXCLUDED: JSON.stringify([...systemNamespaces, 'istio-system', 'sidecar-drain-system']),
          KEYS: '"{}"',
          CUSTOM_HOOKS: 'false',
        })}`,
      );
      const text = filled(source, {
        ...shared,
        LABELS: chartLabels,
        NAME: '{{ include "sidecar-drain-operator.fullname" . }}',
        NAMESPACE: '{{ .Release.Namespace }}',
        ACCOUNT:
          'system:serviceaccount:{{ .Release.Namespace }}:{{ include "sidecar-drain-operator.serviceAccountName" . }}',
        EXCLUDED: `{{ concat (list ${systemNamespaces.map((one) => JSON.stringify(one)).join(' ')}) .Values.istioNamespaces (list .Release.Namespace) | toJson }}`,
        KEYS: '{{ .Values.writeBounds.templateKeys | toJson | quote }}',
        CUSTOM_HOOKS: '{{ .Values.writeBounds.customHooks }}',
      });
      all.set(
        `charts/sidecar-drain-operator/templates/write-bounds-${part}.yaml`,
        `{{/* Generated from ${file} (npm run generate). */}}
{{- if and .Values.writeBounds.enabled (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) }}
${text.trimEnd()}
{{- end }}
`,
      );
    }
    return all;
  },
};
