// Reads the custom resource definitions, from which types, schema constants and reference pages are made.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { CLUSTER_ONLY, NAMESPACED_POLICY_FILE, namespacedPolicyCrd } from './namespaced-policy.ts';
import { root } from './root.ts';
import type { CustomResourceDefinition, PrinterColumn, StructuralSchema } from './types.ts';

/** [file name, text] of every definition, in the order of their kinds' age; the generated one as it ought to be. */
export async function crdTexts(): Promise<readonly (readonly [string, string])[]> {
  const names = (await readdir(join(root, 'crds'))).filter((name) => name.endsWith('.yaml'));
  const all = [...new Set([...names, NAMESPACED_POLICY_FILE])].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  return await Promise.all(
    all.map(
      async (name) =>
        [
          name,
          name === NAMESPACED_POLICY_FILE
            ? await namespacedPolicyCrd()
            : await readFile(join(root, 'crds', name), 'utf8'),
        ] as const,
    ),
  );
}

/** The reference begins with the kind that everybody needs. */
function rank(name: string): number {
  const at = ['sidecardrain.io_sidecardrainpolicies.yaml', NAMESPACED_POLICY_FILE].indexOf(name);
  return at === -1 ? 2 : at;
}

export interface Kind {
  readonly file: string;
  readonly kind: string;
  readonly group: string;
  readonly scope: 'Cluster' | 'Namespaced';
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly version: string;
  readonly schema: StructuralSchema;
  readonly columns: readonly PrinterColumn[];
}

/** One entry per kind and served version. */
export async function readKinds(): Promise<Kind[]> {
  const kinds: Kind[] = [];
  for (const [name, text] of await crdTexts()) {
    const crd = parse(text) as CustomResourceDefinition;
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

/** path from the object -> name of the type that stands there */
export type TypeNames = Readonly<Record<string, string>>;

const policyTypes: TypeNames = {
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
  'spec.drain.lifecycle.postStart': 'DrainLifecycleHandler',
  'spec.drain.lifecycle.postStart.exec': 'DrainLifecycleExec',
  'spec.drain.lifecycle.postStart.sleep': 'DrainLifecycleSleep',
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
  'spec.exemptions': 'ExemptionBounds',
  'spec.bounds.modes[]': 'DrainMode',
  'spec.bounds.strategies[]': 'DrainStrategy',
  status: 'SidecarDrainPolicyStatus',
  'status.conditions[]': 'Condition',
  'status.conditions[].status': 'ConditionStatus',
  'status.workloads': 'PolicyWorkloadCounts',
  'status.rollout': 'PolicyRolloutStatus',
  'status.rollout.phase': 'RolloutPhase',
  'status.rollout.haltedBy': 'RolloutHalt',
  'status.nodeBudget': 'PolicyNodeBudget',
  'status.attention[]': 'PolicyAttention',
};

const namespacedPolicyTypes: TypeNames = {
  // Every name of the cluster's kind that is left: the types are the same ones.
  ...Object.fromEntries(
    Object.entries(policyTypes).filter(
      ([path]) => !CLUSTER_ONLY.some((gone) => path === `spec.${gone}` || path.startsWith(`spec.${gone}.`)),
    ),
  ),
  '': 'NamespacedSidecarDrainPolicy',
  spec: 'NamespacedSidecarDrainPolicySpec',
  'spec.match': 'NamespacedPolicyMatch',
};

const exemptionTypes: TypeNames = {
  '': 'DrainExemption',
  spec: 'DrainExemptionSpec',
  'spec.selector': 'ExemptionSelector',
  'spec.selector.workloadSelector': 'PolicySelector',
  'spec.selector.workloadSelector.matchExpressions[]': 'PolicySelectorRequirement',
  status: 'DrainExemptionStatus',
  'status.conditions[]': 'ExemptionCondition',
  'status.conditions[].status': 'ConditionStatus',
};

/** Where a field's type gets a name of its own, in types and on the reference page, by kind. */
export const typeNames: Readonly<Record<string, TypeNames>> = {
  SidecarDrainPolicy: policyTypes,
  NamespacedSidecarDrainPolicy: namespacedPolicyTypes,
  DrainExemption: exemptionTypes,
};
