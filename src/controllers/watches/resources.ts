import {
  EXEMPTION_KIND,
  EXEMPTION_PLURAL,
  NAMESPACED_POLICY_KIND,
  NAMESPACED_POLICY_PLURAL,
} from '../../api/policy.ts';
import { GROUP, VERSION } from '../../api/names.ts';
import { defineResource } from '../../kube/index.ts';

export const policies = defineResource({
  group: GROUP,
  version: VERSION,
  plural: 'sidecardrainpolicies',
  kind: 'SidecarDrainPolicy',
  namespaced: false,
});
export const namespacedPolicies = defineResource({
  group: GROUP,
  version: VERSION,
  plural: NAMESPACED_POLICY_PLURAL,
  kind: NAMESPACED_POLICY_KIND,
  namespaced: true,
});
export const exemptions = defineResource({
  group: GROUP,
  version: VERSION,
  plural: EXEMPTION_PLURAL,
  kind: EXEMPTION_KIND,
  namespaced: true,
});
export const namespaces = defineResource({
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
});
export const pods = defineResource({ group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true });
export const nodes = defineResource({ group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false });
export const nodePools = defineResource({
  group: 'karpenter.sh',
  version: 'v1',
  plural: 'nodepools',
  kind: 'NodePool',
  namespaced: false,
});
export const configMaps = defineResource({
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
});
export const podDisruptionBudgets = defineResource({
  group: 'policy',
  version: 'v1',
  plural: 'poddisruptionbudgets',
  kind: 'PodDisruptionBudget',
  namespaced: true,
});
export const proxyConfigs = defineResource({
  group: 'networking.istio.io',
  version: 'v1beta1',
  plural: 'proxyconfigs',
  kind: 'ProxyConfig',
  namespaced: true,
});
export const injectorWebhooks = defineResource({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'mutatingwebhookconfigurations',
  kind: 'MutatingWebhookConfiguration',
  namespaced: false,
});
