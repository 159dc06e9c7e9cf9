// The parts of the Helm chart that config/ and crds/ already say: the rules of its roles and its custom resource
// definitions. One source for both ways to install, so that a permission cannot be granted by one of them only.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crdTexts } from './crds.ts';
import { root } from './root.ts';
import type { Generator, Outputs } from './types.ts';

const templates = 'charts/sidecar-drain-operator/templates';

/** The roles by the names that the chart's templates call their rules. */
const roles = {
  cluster: 'config/rbac/role.yaml',
  own: 'config/rbac/operator_namespace_role.yaml',
  watched: 'config/namespaced/watched/role.yaml',
  istio: 'config/istio-access/role.yaml',
  viewer: 'config/rbac/policy_viewer_role.yaml',
  editor: 'config/rbac/policy_editor_role.yaml',
  admission: 'config/webhook/role.yaml',
  dashboard: 'config/dashboard/role.yaml',
  tenant: 'config/rbac/tenant_editor_role.yaml',
};

async function rulesTemplate(): Promise<string> {
  const parts = [
    '{{/* Generated from config/rbac, config/namespaced and config/istio-access (npm run generate). */}}\n',
  ];
  for (const [name, file] of Object.entries(roles)) {
    const [, rules = ''] = (await readFile(join(root, file), 'utf8')).split(/^rules:\n/m);
    const lines = rules
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^ {2}/, ''));
    if (lines.some((line) => /^\w/.test(line))) {
      throw new Error(`${file}: rules are expected to be the last key, indented by two spaces`);
    }
    parts.push(`\n{{- define "sidecar-drain-operator.rules.${name}" -}}\n${lines.join('\n')}\n{{- end }}\n`);
  }
  return parts.join('');
}

function crdTemplate(text: string, file: string): string {
  const [head = '', body] = text.split(/^(?=spec:\n)/m);
  const metadata = /^metadata:\n {2}name: (\S+)\n$/m.exec(head);
  if (metadata === null || body === undefined) {
    throw new Error(`${file}: metadata is expected to be a name and nothing else`);
  }
  return `{{/* Generated from ${file} (npm run generate). */}}
{{- if .Values.crds.install }}
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: ${metadata[1]}
  labels:
    {{- include "sidecar-drain-operator.labels" . | nindent 4 }}
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
${body.replaceAll('{{', '{{ "{{" }}').trimEnd()}
{{- end }}
`;
}

export const chart: Generator = {
  name: 'chart',
  async outputs() {
    const all: Outputs = new Map([[`${templates}/_rules.tpl`, await rulesTemplate()]]);
    for (const [name, text] of await crdTexts()) {
      all.set(`${templates}/crds/${name}`, crdTemplate(text, `crds/${name}`));
    }
    return all;
  },
};
