// Reads the custom resource definitions, from which types, schema constants and reference pages are made.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { CLUSTER_ONLY, NAMESPACED_POLICY_FILE, namespacedPolicyCrd } from './namespaced-policy.mjs';
import { root } from './root.mjs';

/** [file name, text] of every definition, in the order of their kinds' age; the generated one as it ought to be. */
export async function crdTexts() {
  const names = (await readdir(join(root, 'crds'))).filter((name) => name.endsWith('.yaml'));
  const all = [...new Set([...names, NAMESPACED_POLICY_FILE])].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  return await Promise.all(
    all.map(async (name) => [
      name,
      name === NAMESPACED_POLICY_FILE ? await namespacedPolicyCrd() : await readFile(join(root, 'crds', name), 'utf8'),
    ]),
  );
}

/** The reference begins with the kind that everybody needs. */
function rank(name) {
  const at = ['sidecardrain.io_sidecardrainpolicies.yaml', NAMESPACED_POLICY_FILE].indexOf(name);
  return at === -1 ? 2 : at;
}

/** One entry per kind and served version: {file, kind, group, scope, plural, shortNames, version, schema, columns}. */
export async function readKinds() {
  const kinds = [];
  for (const [name, text] of await crdTexts()) {
    const crd = parse(text);
    for (const version of crd.spec.versions) {
      kinds.push({
        file: `crds/${name}`,
        kind: crd.spec.names.kind,
        group: crd.spec.group,
        scope: crd.spec.scope,
        plural: crd.spec.names.plural,
        shortNames: crd.spec.names.shortNames ?? [],
        version: version.name,
        schema: version.schema.openAPIV3Schema,
        columns: version.additionalPrinterColumns ?? [],
      });
    }
  }
  return kinds;
}

/** Where a field's type gets a name of its own, in types and on the reference page. Paths count from the object. */
export const typeNames = {
  SidecarDrainPolicy: {
    '': 'SidecarDrainPolicy',
    spec: 'SidecarDrainPolicySpec',
    'spec.enforcement': 'Enforcement',
    'spec.match': 'PolicyMatch',
    'spec.match.namespaceSelector': 'PolicySelector',
    'spec.match.namespaceSelector.matchExpressions[]': 'PolicySelectorRequirement',
    'spec.match.workloadSelector': 'PolicySelector',
    'spec.match.workloadSelector.matchExpressions[]': 'PolicySelectorRequirement',
    'spec.match.proxies[]': 'PolicyProxyRole',
    'spec.drain': 'PolicyDrain',
    'spec.drain.mode': 'DrainMode',
    'spec.drain.strategy': 'DrainStrategy',
    'spec.drain.hook': 'DrainHook',
    'spec.drain.lifecycle': 'DrainLifecycle',
    'spec.drain.lifecycle.preStop': 'DrainLifecycleHandler',
    'spec.drain.lifecycle.preStop.exec': 'DrainLifecycleExec',
    'spec.drain.lifecycle.preStop.sleep': 'DrainLifecycleSleep',
    'spec.drain.application': 'ApplicationChange',
    'spec.drain.environment': 'DrainEnvironment',
    'spec.drain.drainDuration': 'DrainDurationChange',
    'spec.proxy': 'PolicyProxy',
    'spec.proxy.form': 'ProxyForm',
    'spec.proxy.holdApplicationUntilProxyStarts': 'HoldApplication',
    'spec.gracePeriod': 'PolicyGracePeriod',
    'spec.gracePeriod.change': 'GracePeriodChange',
    'spec.conflicts': 'ConflictHandling',
    'spec.delivery': 'PolicyDelivery',
    'spec.rollout': 'PolicyRollout',
    'spec.rollout.strategy': 'RolloutStrategy',
    'spec.rollout.waves': 'PolicyWaves',
    'spec.rollout.windows[]': 'PolicyWindow',
    'spec.rollout.approval': 'RolloutApproval',
    'spec.onDelete': 'OnDelete',
    'spec.tenants': 'PolicyTenants',
    'spec.bounds': 'PolicyBounds',
    'spec.bounds.modes[]': 'DrainMode',
    'spec.bounds.strategies[]': 'DrainStrategy',
    status: 'SidecarDrainPolicyStatus',
    'status.conditions[]': 'Condition',
    'status.conditions[].status': 'ConditionStatus',
    'status.workloads': 'PolicyWorkloadCounts',
    'status.rollout': 'PolicyRolloutStatus',
    'status.rollout.phase': 'RolloutPhase',
    'status.rollout.haltedBy': 'RolloutHalt',
    'status.attention[]': 'PolicyAttention',
  },
};

typeNames.NamespacedSidecarDrainPolicy = {
  // Every name of the cluster's kind that is left: the types are the same ones.
  ...Object.fromEntries(
    Object.entries(typeNames.SidecarDrainPolicy).filter(
      ([path]) => !CLUSTER_ONLY.some((gone) => path === `spec.${gone}` || path.startsWith(`spec.${gone}.`)),
    ),
  ),
  '': 'NamespacedSidecarDrainPolicy',
  spec: 'NamespacedSidecarDrainPolicySpec',
  'spec.match': 'NamespacedPolicyMatch',
};

typeNames.DrainExemption = {
  '': 'DrainExemption',
  spec: 'DrainExemptionSpec',
  'spec.selector': 'ExemptionSelector',
  'spec.selector.workloadSelector': 'PolicySelector',
  'spec.selector.workloadSelector.matchExpressions[]': 'PolicySelectorRequirement',
  status: 'DrainExemptionStatus',
  'status.conditions[]': 'ExemptionCondition',
  'status.conditions[].status': 'ConditionStatus',
};
