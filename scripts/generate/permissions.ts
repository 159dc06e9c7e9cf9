// Writes docs/reference/permissions.md from the roles in config/: what the operator may do, and why.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isMap, isSeq, parseDocument, type Node } from 'yaml';
import { root } from './root.ts';
import type { Generator } from './types.ts';

const roles = [
  { file: 'config/rbac/role.yaml', title: 'The operator, in the whole cluster' },
  { file: 'config/rbac/operator_namespace_role.yaml', title: 'The operator, in its own namespace' },
  { file: 'config/namespaced/watched/role.yaml', title: 'The operator with `--watch-namespaces`, in each of them' },
  { file: 'config/istio-access/role.yaml', title: "The operator, in each of Istio's root namespaces" },
  { file: 'config/webhook/role.yaml', title: 'The operator, with the admission webhook' },
  { file: 'config/dashboard/role.yaml', title: 'The operator, with the page that it serves' },
  { file: 'config/rbac/policy_viewer_role.yaml', title: 'People who read policies' },
  { file: 'config/rbac/policy_editor_role.yaml', title: 'People who write policies' },
  { file: 'config/separate-approval/approver_role.yaml', title: 'People who approve, with `config/separate-approval`' },
  {
    file: 'config/rbac/tenant_editor_role.yaml',
    title: 'People who write the policies and exemptions of their namespace',
  },
];

interface Rule {
  readonly apiGroups?: string[];
  readonly resources?: string[];
  readonly resourceNames?: string[];
  readonly verbs?: string[];
}

const plain = (comment: string | null | undefined): string =>
  (comment ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ');
const code = (values: readonly string[] | undefined): string =>
  (values ?? []).map((value) => `\`${value === '' ? 'core' : value}\``).join(', ');

async function section({ file, title }: (typeof roles)[number]): Promise<string> {
  const text = await readFile(join(root, file), 'utf8');
  const about = (/^(?:# .*\n)*/.exec(text)?.[0] ?? '').replaceAll(/^# /gm, '');
  const document = parseDocument(text);
  const { kind, metadata } = document.toJS() as { kind: string; metadata: { name: string } };
  const list = document.get('rules');
  if (!isSeq(list)) {
    throw new Error(`${file}: rules are expected to be a list`);
  }
  const rows = list.items.filter(isMap).map((rule: Node, index) => {
    const { apiGroups, resources, resourceNames, verbs } = rule.toJS(document) as Rule;
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

export const permissions: Generator = {
  name: 'permissions',
  async outputs() {
    const sections = await Promise.all(roles.map(section));
    return new Map([
      [
        'docs/reference/permissions.md',
        `<!-- Generated from config/rbac, config/namespaced, config/istio-access, config/webhook and config/dashboard (npm run generate). -->
# Permissions

Everything that the operator is granted, by kustomize and by the Helm chart alike. What follows from it for your cluster stands in
[SECURITY.md](../../SECURITY.md).

${sections.join('\n')}`,
      ],
    ]);
  },
};
