// config/admission-policies and the chart's template of it: admission policies that carry SidecarDrainPolicies out in pods, from the
// expressions that `render -o map` prints, and the one that takes our hooks out from beside their owners'.
import { chartLabels, filled } from './write-bounds.ts';
import type { Generator } from './types.ts';
import { printedBy } from './typescript.ts';

interface Facts {
  /** Documents of YAML. */
  readonly mutating: string;
  readonly validating: string;
  readonly hooks: string;
  readonly systemNamespaces: readonly string[];
  readonly policySelector: unknown;
}

const source = 'src/cli/render/cluster-policies.ts';
const mutatingKind = 'admissionregistration.k8s.io/v1/MutatingAdmissionPolicy';

const REFUSAL = `admissionPolicies.enabled needs an API server that serves ${mutatingKind} (Kubernetes 1.36 and newer). \
Where the chart is rendered without one, say so: helm template --api-versions ${mutatingKind}`;

export const admissionPolicies: Generator = {
  name: 'admission-policies',
  async outputs() {
    const { systemNamespaces, policySelector, ...documents } = await printedBy<Facts>(
      'scripts/generate/admission-policies-facts.ts',
    );
    const all = new Map<string, string>();
    for (const [part, text] of Object.entries(documents)) {
      all.set(
        `config/admission-policies/${part}.yaml`,
        `# Generated from ${source} (npm run generate).\n${filled(text, {
          NAME: 'sidecar-drain-operator',
          EXCLUDED: JSON.stringify([...systemNamespaces, 'istio-system', 'sidecar-drain-system']),
          SELECTOR: JSON.stringify(policySelector),
          ACTIONS: '[Warn, Audit]',
        })}`,
      );
    }
    const { hooks, ...others } = documents;
    const inChart = (text: string): string =>
      filled(text, {
        NAME: '{{ include "sidecar-drain-operator.fullname" . }}',
        EXCLUDED: `{{ concat (list ${systemNamespaces.map((one) => JSON.stringify(one)).join(' ')}) .Values.istioNamespaces (list .Release.Namespace) | toJson }}`,
        SELECTOR: '{{ .Values.admissionPolicies.policySelector | toJson }}',
        ACTIONS: '{{ .Values.admissionPolicies.validationActions | toJson }}',
      })
        .replaceAll(/^metadata:\n( {2}name: .*)$/gm, (_, name: string) => `metadata:\n${name}\n${chartLabels}`)
        .trimEnd();
    all.set(
      'charts/sidecar-drain-operator/templates/admission-policies.yaml',
      `{{/* Generated from ${source} (npm run generate). */}}
{{- if .Values.admissionPolicies.enabled }}
{{- if not (.Capabilities.APIVersions.Has "${mutatingKind}") }}
{{- fail ${JSON.stringify(REFUSAL)} }}
{{- end }}
{{- if .Values.watchNamespaces }}
{{- fail "admissionPolicies belong to the whole cluster: they cannot be used with watchNamespaces" }}
{{- end }}
${inChart(Object.values(others).join('---\n'))}
{{- end }}
`,
    );
    // What takes nothing but our own hooks out, and asks nobody: on wherever the API server can.
    all.set(
      'charts/sidecar-drain-operator/templates/hooks-policy.yaml',
      `{{/* Generated from ${source} (npm run generate). */}}
{{- if and .Values.admissionPolicies.hooks (not .Values.watchNamespaces) (.Capabilities.APIVersions.Has "${mutatingKind}") }}
${inChart(hooks)}
{{- end }}
`,
    );
    return all;
  },
};
