import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';

interface Rule {
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
  nonResourceURLs?: string[];
  verbs: string[];
}
interface Role {
  kind: string;
  metadata: { name: string; namespace?: string };
  rules: Rule[];
  aggregationRule?: unknown;
}
interface Binding {
  kind: string;
  metadata: { name: string; namespace?: string };
  roleRef: { kind: string; name: string };
  subjects: unknown[];
}

const folders = ['config/rbac', 'config/istio-access'];
let documents: (Role | Binding)[] = [];

beforeAll(async () => {
  for (const folder of folders) {
    for (const name of (await readdir(folder)).filter((one) => one.endsWith('.yaml')).sort()) {
      for (const document of parseAllDocuments(await readFile(join(folder, name), 'utf8'))) {
        documents = [...documents, document.toJS() as Role | Binding];
      }
    }
  }
});

/** One line per group, resource and name: `deployments.apps: get list`. */
function permissions(role: Role): string[] {
  return role.rules
    .flatMap((rule) =>
      (rule.apiGroups ?? ['?']).flatMap((group) =>
        (rule.resources ?? ['?']).map((resource) => {
          const names = rule.resourceNames === undefined ? '' : ` [${rule.resourceNames.join(' ')}]`;
          return `${resource}${group === '' ? '' : `.${group}`}${names}: ${rule.verbs.join(' ')}`;
        }),
      ),
    )
    .sort();
}

function roleNamed(kind: string, name: string, namespace?: string): Role {
  const found = documents.filter(
    (one) => one.kind === kind && one.metadata.name === name && one.metadata.namespace === namespace,
  );
  expect(found).toHaveLength(1);
  return found[0] as Role;
}

// What the operator may do is part of what people trust: a change of it must be made here as well, on purpose.
describe('the permissions of the operator', () => {
  it('are these in the whole cluster', () => {
    expect(permissions(roleNamed('ClusterRole', 'sidecar-drain-operator'))).toEqual([
      'clonesets.apps.kruise.io: get list watch patch',
      'cronjobs.batch: get list watch patch',
      'daemonsets.apps.kruise.io: get list watch patch',
      'daemonsets.apps: get list watch patch',
      'deploymentconfigs.apps.openshift.io: get list watch patch',
      'deployments.apps: get list watch patch',
      'drainexemptions.sidecardrain.io: get list watch',
      'drainexemptions/status.sidecardrain.io: patch update',
      'events: create patch',
      'events: list watch',
      'jobs.batch: get list watch',
      'mutatingwebhookconfigurations.admissionregistration.k8s.io: get list watch',
      'namespacedsidecardrainpolicies.sidecardrain.io: get list watch patch',
      'namespacedsidecardrainpolicies/finalizers.sidecardrain.io: update',
      'namespacedsidecardrainpolicies/status.sidecardrain.io: patch update',
      'namespaces: get list watch',
      'nodepools.karpenter.sh: get list watch',
      'nodes: get list watch',
      'poddisruptionbudgets.policy: get list watch',
      'pods: list watch',
      'policyreports.wgpolicyk8s.io: get list watch create patch delete',
      'proxyconfigs.networking.istio.io: get list watch create patch delete',
      'replicasets.apps: get list watch',
      'reports.openreports.io: get list watch create patch delete',
      'rollouts.argoproj.io: get list watch patch',
      'sidecardrainpolicies.sidecardrain.io: get list watch patch',
      'sidecardrainpolicies/finalizers.sidecardrain.io: update',
      'sidecardrainpolicies/status.sidecardrain.io: patch update',
      'statefulsets.apps.kruise.io: get list watch patch',
      'statefulsets.apps: get list watch patch',
    ]);
  });

  it('are these in its own namespace', () => {
    expect(permissions(roleNamed('Role', 'sidecar-drain-operator', 'sidecar-drain-system'))).toEqual([
      'configmaps [sidecar-drain-operator]: get list watch',
      'configmaps: list create patch delete',
      'leases.coordination.k8s.io [sidecar-drain-operator]: get update',
      'leases.coordination.k8s.io: create',
    ]);
  });

  it("are to read ConfigMaps in Istio's namespace", () => {
    expect(permissions(roleNamed('Role', 'sidecar-drain-operator', 'istio-system'))).toEqual([
      'configmaps: get list watch',
    ]);
  });

  it('are no others: every role is known, and every binding binds one of these to its service account', () => {
    const roles = documents.filter((one): one is Role => 'rules' in one);
    const bindings = documents.filter((one): one is Binding => 'roleRef' in one);

    expect(roles.map((one) => `${one.kind} ${one.metadata.namespace ?? '-'}/${one.metadata.name}`).sort()).toEqual([
      'ClusterRole -/sidecar-drain-operator',
      'ClusterRole -/sidecar-drain-policy-editor',
      'ClusterRole -/sidecar-drain-policy-viewer',
      'ClusterRole -/sidecar-drain-tenant-editor',
      'Role istio-system/sidecar-drain-operator',
      'Role sidecar-drain-system/sidecar-drain-operator',
    ]);
    expect(
      bindings
        .map((one) => `${one.kind} ${one.metadata.namespace ?? '-'} ${one.roleRef.kind}/${one.roleRef.name}`)
        .sort(),
    ).toEqual([
      'ClusterRoleBinding - ClusterRole/sidecar-drain-operator',
      'RoleBinding istio-system Role/sidecar-drain-operator',
      'RoleBinding sidecar-drain-system Role/sidecar-drain-operator',
    ]);
    for (const { subjects } of bindings) {
      expect(subjects).toEqual([
        { kind: 'ServiceAccount', name: 'sidecar-drain-operator', namespace: 'sidecar-drain-system' },
      ]);
    }
  });

  it('hold no wildcard, no secret, no way into a pod and no way to more permissions', () => {
    const roles = documents.filter((one): one is Role => 'rules' in one);
    const rules = roles.flatMap((one) => one.rules);
    const words = rules.flatMap((rule) => [...(rule.apiGroups ?? []), ...(rule.resources ?? []), ...rule.verbs]);

    expect(rules.length).toBeGreaterThan(10);
    expect(words.filter((word) => word.includes('*'))).toEqual([]);
    expect(rules.filter((rule) => rule.nonResourceURLs !== undefined)).toEqual([]);
    expect(roles.filter((role) => role.aggregationRule !== undefined)).toEqual([]);
    for (const forbidden of [
      'secrets',
      'pods/exec',
      'pods/attach',
      'pods/portforward',
      'serviceaccounts',
      'serviceaccounts/token',
      'roles',
      'clusterroles',
      'rolebindings',
      'clusterrolebindings',
      'escalate',
      'bind',
      'impersonate',
      'deletecollection',
      'nodes/proxy',
    ]) {
      expect(words).not.toContain(forbidden);
    }
  });
});
