// Writes docs/reference/permissions.md from the roles in config/: what the operator may do, and why.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { root } from './root.mjs';

const roles = [
  { file: 'config/rbac/role.yaml', title: 'The operator, in the whole cluster' },
  { file: 'config/rbac/operator_namespace_role.yaml', title: 'The operator, in its own namespace' },
  { file: 'config/istio-access/role.yaml', title: "The operator, in each of Istio's root namespaces" },
  { file: 'config/webhook/role.yaml', title: 'The operator, with the admission webhook' },
  { file: 'config/rbac/policy_viewer_role.yaml', title: 'People who read policies' },
  { file: 'config/rbac/policy_editor_role.yaml', title: 'People who write policies' },
  {
    file: 'config/rbac/tenant_editor_role.yaml',
    title: 'People who write the policies and exemptions of their namespace',
  },
];

const plain = (comment) =>
  (comment ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ');
const code = (values) => (values ?? []).map((value) => `\`${value === '' ? 'core' : value}\``).join(', ');

async function section({ file, title }) {
  const text = await readFile(join(root, file), 'utf8');
  const about = /^(?:# .*\n)*/.exec(text)[0].replaceAll(/^# /gm, '');
  const document = parseDocument(text);
  const { kind, metadata } = document.toJS();
  const list = document.get('rules');
  const rows = list.items.map((rule, index) => {
    const { apiGroups, resources, resourceNames, verbs } = rule.toJS(document);
    // The comment before the first item belongs, for the parser, to the list.
    const why = plain(rule.commentBefore ?? (index === 0 ? list.commentBefore : undefined));
    return `| ${code(apiGroups)} | ${code(resources)} | ${code(resourceNames)} | ${code(verbs)} | ${why} |`;
  });
  return `## ${title}

${kind} \`${metadata.name}\`. ${plain(about)}

| API group | Resources | Names | Verbs | Why |
|---|---|---|---|---|
${rows.join('\n')}
`;
}

export const permissions = {
  name: 'permissions',
  async outputs() {
    const sections = await Promise.all(roles.map(section));
    return new Map([
      [
        'docs/reference/permissions.md',
        `<!-- Generated from config/rbac, config/istio-access and config/webhook (npm run generate). -->
# Permissions

Everything that the operator is granted, by kustomize and by the Helm chart alike. What follows from it for your cluster stands in
[SECURITY.md](../../SECURITY.md).

${sections.join('\n')}`,
      ],
    ]);
  },
};
