import type { LifecycleHandler } from '../../api/kubernetes.ts';
import type { PolicySelectorRequirement } from '../../api/policy.ts';
import { NAMESPACE_NAME_LABEL } from '../../api/names.ts';
import { UNSEEN_SETTINGS } from '../mesh/facts.ts';
import type { MeshFacts, ProxyConfigResource, ProxyConfigValues, Revision } from '../model/mesh.ts';
import { DRAIN_VARIABLES } from '../model/managed.ts';
import { WORKLOAD_KINDS } from '../template/index.ts';
import { assemble } from './assemble.ts';
import { Remarks, type Imported, type ImportedPolicy } from './remarks.ts';
import { EVERYTHING, matchOf, type Selection } from './selection.ts';
import { isAboutTermination, mergeWanted, type WantedValues } from './wanted.ts';

/**
 * What a mesh sets for all of its proxies, as policies: meshConfig.defaultConfig, ProxyConfig resources, and hooks that
 * the injector gives to every proxy. For each revision one, and one for each ProxyConfig that is for less than the mesh,
 * with a higher priority.
 */
export function importMesh(mesh: MeshFacts): Imported {
  const remarks = new Remarks();
  const policies: ImportedPolicy[] = [];
  let passedOver = 0;
  const isOnly = mesh.revisions.length <= 1;
  const proxyConfigs = [...(mesh.proxyConfigs ?? [])].sort((a, b) => order(a) - order(b));
  const global = proxyConfigs.filter((each) => each.namespace === mesh.rootNamespace && each.selector === undefined);
  const revisions: readonly Revision[] = mesh.revisions.length === 0 ? [{ name: 'default' }] : mesh.revisions;
  for (const revision of revisions) {
    const filter = isOnly ? undefined : [revision.name];
    const ofMesh = withVariables(revisionValues(revision, remarks), global[0]);
    if (!isAboutTermination(ofMesh)) {
      passedOver++;
    } else {
      const name = isOnly ? 'mesh' : `mesh-${revision.name}`;
      const from = fromOf(revision, global[0]);
      policies.push(...policyFor(name, from, ofMesh, EVERYTHING, 0, filter, remarks));
    }
    for (const each of proxyConfigs.filter((other) => !global.includes(other))) {
      if (!setsTermination(each)) {
        passedOver++;
        continue;
      }
      const { selection, priority } = selectionOf(each, mesh.rootNamespace);
      policies.push(
        ...policyFor(
          `${each.namespace}-${each.name}${isOnly ? '' : `-${revision.name}`}`,
          `ProxyConfig ${each.namespace}/${each.name}`,
          withVariables(ofMesh, each),
          selection,
          priority,
          filter,
          remarks,
        ),
      );
    }
  }
  if (policies.length > 0) {
    remarks.differs(
      [],
      'the mesh sets it for every proxy, those of Jobs, of pods that stand alone and in system namespaces among them; policies write workloads, and none in system namespaces',
    );
  }
  return { policies, remarks: remarks.list, passedOver };
}

/** In files the oldest is not known: the name decides (networking.istio.io ProxyConfig: the oldest of a level counts). */
function order({ creationTimestamp }: ProxyConfigResource): number {
  return creationTimestamp === undefined ? 0 : Date.parse(creationTimestamp);
}

function revisionValues(revision: Revision, remarks: Remarks): WantedValues {
  const { defaultConfig, sharedConfig, injector, settingsUnknown } = revision;
  const shared: WantedValues = sharedConfig === undefined ? {} : { config: sharedConfig.values };
  const own: WantedValues = defaultConfig === undefined ? {} : { config: defaultConfig };
  if (settingsUnknown !== undefined && settingsUnknown !== UNSEEN_SETTINGS) {
    remarks.notCarried([], `revision ${revision.name}: ${settingsUnknown}`);
  }
  const hook = hookOf(revision, remarks);
  for (const [name, template] of Object.entries(injector?.templates ?? {})) {
    if (injector?.defaultTemplates?.includes(name) !== true && template.lifecycle !== undefined) {
      remarks.notCarried(
        [],
        `revision ${revision.name}: the injection template ${name} gives istio-proxy a hook in the pods that name it (inject.istio.io/templates): a policy cannot select by that annotation`,
      );
    }
  }
  const merged = mergeWanted(shared, own);
  tellOthers(merged.config, revision, remarks);
  return hook === undefined ? merged : { ...merged, proxyPreStop: hook };
}

function hookOf({ name, injector }: Revision, remarks: Remarks): LifecycleHandler | undefined {
  const defaults = (injector?.defaultTemplates ?? []).flatMap((template) => injector?.templates?.[template] ?? []);
  if (defaults.some(({ unread }) => unread === true)) {
    remarks.notCarried(
      [],
      `revision ${name}: a default injection template was not understood; hooks that it gives are not known`,
    );
  }
  const lifecycle = defaults.reduce(
    (below, { lifecycle: own }) => ({ ...below, ...own }),
    injector?.proxyLifecycle ?? {},
  );
  if (lifecycle.postStart !== undefined) {
    remarks.notCarried(
      [],
      `revision ${name}: the injector gives istio-proxy a postStart: a policy has none but proxy.holdApplicationUntilProxyStarts`,
    );
  }
  return lifecycle.preStop;
}

function tellOthers(config: ProxyConfigValues | undefined, revision: Revision, remarks: Remarks): void {
  if (config?.holdApplicationUntilProxyStarts === false) {
    remarks.notCarried(
      [],
      `revision ${revision.name}: holdApplicationUntilProxyStarts: false: a policy sets it or leaves it alone, and never unsets it`,
    );
  }
}

function withVariables(wanted: WantedValues, resource: ProxyConfigResource | undefined): WantedValues {
  return resource === undefined
    ? wanted
    : mergeWanted(wanted, { config: { proxyMetadata: resource.environmentVariables } });
}

function setsTermination({ environmentVariables }: ProxyConfigResource): boolean {
  return DRAIN_VARIABLES.some((name) => environmentVariables[name] !== undefined);
}

/** A namespace's own counts above the mesh's, one with a selector above both. */
function selectionOf(
  { namespace, selector }: ProxyConfigResource,
  rootNamespace: string,
): { selection: Selection; priority: number } {
  const ofNamespace: PolicySelectorRequirement[] =
    namespace === rootNamespace ? [] : [{ key: NAMESPACE_NAME_LABEL, operator: 'In', values: [namespace] }];
  const workload = Object.entries(selector?.matchLabels ?? {}).map(([key, value]): PolicySelectorRequirement => ({
    key,
    operator: 'In',
    values: [value],
  }));
  return { selection: { namespace: ofNamespace, workload }, priority: selector === undefined ? 10 : 20 };
}

function fromOf(revision: Revision, global: ProxyConfigResource | undefined): string {
  return [
    revision.sharedConfig?.from,
    revision.defaultConfigFrom,
    global === undefined ? undefined : `ProxyConfig ${global.namespace}/${global.name}`,
    revision.injector?.proxyLifecycle === undefined ? undefined : `the injector of revision ${revision.name}`,
  ]
    .filter((part) => part !== undefined)
    .join(' and ');
}

/** Every kind that policies write. */
const WRITTEN_KINDS = WORKLOAD_KINDS.filter(({ reportedOnly }) => reportedOnly !== true).map(({ kind }) => kind);

function policyFor(
  name: string,
  from: string,
  wanted: WantedValues,
  selection: Selection,
  priority: number,
  revisions: readonly string[] | undefined,
  remarks: Remarks,
): ImportedPolicy[] {
  const match = {
    ...matchOf({ ...selection, kinds: WRITTEN_KINDS }),
    ...(revisions === undefined ? {} : { revisions: [...revisions] }),
    proxies: ['Sidecar' as const, 'Gateway' as const],
  };
  return assemble(
    {
      name,
      wanted,
      from: from === '' ? 'the mesh' : from,
      steps: [],
      match,
      podsOnly: false,
      onNextChange: false,
      priority,
    },
    remarks,
  );
}
