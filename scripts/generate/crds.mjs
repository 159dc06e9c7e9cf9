// Reads the custom resource definitions, from which types, schema constants and reference pages are made.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { root } from './root.mjs';

/** One entry per kind and served version: {file, kind, group, scope, plural, shortNames, version, schema, columns}. */
export async function readKinds() {
  const kinds = [];
  for (const name of (await readdir(join(root, 'crds'))).filter((n) => n.endsWith('.yaml')).sort()) {
    const crd = parse(await readFile(join(root, 'crds', name), 'utf8'));
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
    'spec': 'SidecarDrainPolicySpec',
    'spec.enforcement': 'Enforcement',
    'spec.match': 'PolicyMatch',
    'spec.match.namespaceSelector': 'PolicySelector',
    'spec.match.namespaceSelector.matchExpressions[]': 'PolicySelectorRequirement',
    'spec.match.workloadSelector': 'PolicySelector',
    'spec.match.workloadSelector.matchExpressions[]': 'PolicySelectorRequirement',
    'spec.match.kinds[]': 'PolicyWorkloadKind',
    'spec.match.proxies[]': 'PolicyProxyRole',
    'spec.drain': 'PolicyDrain',
    'spec.drain.mode': 'DrainMode',
    'spec.drain.strategy': 'DrainStrategy',
    'spec.drain.hook': 'DrainHook',
    'spec.drain.environment': 'DrainEnvironment',
    'spec.drain.drainDuration': 'DrainDurationChange',
    'spec.proxy': 'PolicyProxy',
    'spec.proxy.form': 'ProxyForm',
    'spec.proxy.holdApplicationUntilProxyStarts': 'HoldApplication',
    'spec.gracePeriod': 'PolicyGracePeriod',
    'spec.gracePeriod.change': 'GracePeriodChange',
    'spec.conflicts': 'ConflictHandling',
    'spec.rollout': 'PolicyRollout',
    'spec.rollout.strategy': 'RolloutStrategy',
    'spec.rollout.waves': 'PolicyWaves',
    'spec.onDelete': 'OnDelete',
    'status': 'SidecarDrainPolicyStatus',
    'status.conditions[]': 'Condition',
    'status.conditions[].status': 'ConditionStatus',
    'status.workloads': 'PolicyWorkloadCounts',
    'status.attention[]': 'PolicyAttention',
  },
};
