import type { LabelSelector } from '../../api/kubernetes.ts';
import type {
  InjectorValues,
  InjectorWebhook,
  MeshFacts,
  NativeSetting,
  NodeFacts,
  ProxyConfigResource,
  ProxyConfigValues,
  Revision,
  StatedFacts,
} from '../model/mesh.ts';
import type { NodeBudget, NodeGroup } from '../model/nodes.ts';
import { groupNodes, shutdownGroup, type ShortNode } from '../nodes/read.ts';
import { readIstioYaml } from '../template/annotation.ts';
import { readMeshConfigValues } from '../template/mesh-config.ts';
import { injectorValues } from './injector-values.ts';

/**
 * Reads Istio's own objects into the facts that the domain works with. The readers make small records, so that whoever
 * watches these objects can keep the records and drop the objects; `assembleMesh` puts the records together.
 */

interface RawMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly labels?: Record<string, string>;
  readonly creationTimestamp?: string;
}

export interface RawConfigMap {
  readonly metadata?: RawMeta;
  readonly data?: Record<string, string>;
}

/** What one ConfigMap of Istio says of its revision. */
export interface MeshConfigRecord {
  readonly kind: 'MeshConfig';
  readonly namespace: string;
  readonly revision: string;
  readonly rootNamespace?: string;
  readonly defaultConfig?: ProxyConfigValues;
  /** The object that says it. */
  readonly from: string;
  /** AKS: it counts below the ConfigMap of the control plane. */
  readonly shared?: true;
  /** It was read from what an installation is made from, not from what it made. */
  readonly planned?: true;
  /** Why the text could not be read; the revision's mesh config is then unknown. */
  readonly unreadable?: string;
}

export interface InjectorRecord {
  readonly kind: 'Injector';
  readonly namespace: string;
  readonly revision: string;
  readonly injector?: InjectorValues;
  readonly planned?: true;
  readonly unreadable?: string;
}

export interface IstiodRecord {
  readonly namespace: string;
  readonly name: string;
  readonly revision: string;
  readonly version?: string;
  readonly nativeSidecars?: NativeSetting;
  readonly planned?: true;
}

const MESH_CONFIG_NAME = /^istio(?:-(?!sidecar-injector|ca-|gateway|shared-configmap)([a-z0-9][a-z0-9.-]*))?$/;
/** AKS: what users set of mesh config, by the revision of the control plane. */
const SHARED_NAME = /^istio-shared-configmap-([a-z0-9][a-z0-9.-]*)$/;
const INJECTOR_NAME = /^istio-sidecar-injector(?:-([a-z0-9][a-z0-9.-]*))?$/;
export const DEFAULT_REVISION = 'default';
export const UNSEEN_SETTINGS = "the mesh's own settings (meshConfig.defaultConfig) were not seen";

/** `istio`, `istio-REV`, `istio-sidecar-injector` or `istio-sidecar-injector-REV`; undefined for every other ConfigMap. */
export function readIstioConfigMap(raw: RawConfigMap): MeshConfigRecord | InjectorRecord | undefined {
  const name = raw.metadata?.name ?? '';
  const namespace = raw.metadata?.namespace ?? '';
  const injector = INJECTOR_NAME.exec(name);
  if (injector !== null) {
    return readInjector(raw, namespace, injector[1] ?? DEFAULT_REVISION);
  }
  const text = raw.data?.mesh;
  const shared = SHARED_NAME.exec(name);
  if (shared?.[1] !== undefined && text !== undefined) {
    return { ...readMeshConfig(text, { namespace, name, revision: shared[1] }), shared: true };
  }
  const mesh = MESH_CONFIG_NAME.exec(name);
  return mesh === null || text === undefined
    ? undefined
    : readMeshConfig(text, { namespace, name, revision: mesh[1] ?? DEFAULT_REVISION });
}

function readMeshConfig(
  text: string,
  { namespace, name, revision }: { readonly namespace: string; readonly name: string; readonly revision: string },
): MeshConfigRecord {
  const base = { kind: 'MeshConfig' as const, namespace, revision, from: `ConfigMap ${namespace}/${name}` };
  const reading = readIstioYaml(text);
  if (!reading.ok) {
    return { ...base, unreadable: reading.malformed.message };
  }
  const mesh = readMeshConfigValues(reading.value);
  return mesh.ok
    ? { ...base, rootNamespace: mesh.rootNamespace, defaultConfig: mesh.defaultConfig }
    : { ...base, unreadable: mesh.why };
}

function readInjector(raw: RawConfigMap, namespace: string, revision: string): InjectorRecord {
  const base = { kind: 'Injector' as const, namespace, revision };
  const config = readIstioYaml(raw.data?.config ?? '');
  if (!config.ok) {
    return { ...base, unreadable: config.malformed.message };
  }
  let values: Record<string, unknown>;
  try {
    values = record(JSON.parse(raw.data?.values ?? '{}'));
  } catch (error) {
    return { ...base, unreadable: `values: ${error instanceof Error ? error.message : 'no JSON'}` };
  }
  return { ...base, injector: injectorValues(values, record(config.value)) };
}

export interface RawDeployment {
  readonly metadata?: RawMeta;
  readonly spec?: {
    readonly template?: {
      readonly metadata?: RawMeta;
      readonly spec?: { readonly containers?: readonly RawContainer[] };
    };
  };
}

interface RawContainer {
  readonly name?: string;
  readonly image?: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

/** True for istiod's own Deployments (label `app: istiod`). */
export function isIstiod(raw: { readonly metadata?: RawMeta }): boolean {
  return raw.metadata?.labels?.app === 'istiod';
}

export function readIstiod(raw: RawDeployment): IstiodRecord {
  const container =
    raw.spec?.template?.spec?.containers?.find((each) => each.name === 'discovery') ??
    raw.spec?.template?.spec?.containers?.[0];
  const labels = raw.metadata?.labels ?? {};
  const version = versionOfImage(container?.image) ?? labels['app.kubernetes.io/version'];
  const setting = container?.env?.find((variable) => variable.name === 'ENABLE_NATIVE_SIDECARS')?.value?.toLowerCase();
  return {
    namespace: raw.metadata?.namespace ?? '',
    name: raw.metadata?.name ?? '',
    revision: labels['istio.io/rev'] ?? DEFAULT_REVISION,
    version,
    ...(setting === 'true' || setting === 'false' || setting === 'auto' ? { nativeSidecars: setting } : {}),
  };
}

/** `1.30.3` of `registry.example.com/proxyv2:1.30.3`. */
export function versionOfImage(image: string | undefined): string | undefined {
  const tag = /:v?(1\.\d{1,3}(?:[.-][A-Za-z0-9.-]+)?)(?:@.*)?$/.exec(image ?? '');
  return tag?.[1];
}

export interface RawWebhookConfiguration {
  readonly metadata?: RawMeta;
  readonly webhooks?: readonly {
    readonly name?: string;
    readonly namespaceSelector?: LabelSelector;
    readonly objectSelector?: LabelSelector;
  }[];
}

/** Label that every injector's configuration carries. */
export const INJECTOR_LABEL_SELECTOR = 'app=sidecar-injector';

export function readInjectorWebhooks(raw: RawWebhookConfiguration): InjectorWebhook[] {
  const labels = raw.metadata?.labels ?? {};
  return (raw.webhooks ?? []).map((webhook) => ({
    configuration: raw.metadata?.name ?? '',
    name: webhook.name ?? '',
    revision: labels['istio.io/rev'] ?? DEFAULT_REVISION,
    ...(labels['istio.io/tag'] === undefined ? {} : { tag: labels['istio.io/tag'] }),
    ...(webhook.namespaceSelector === undefined ? {} : { namespaceSelector: webhook.namespaceSelector }),
    ...(webhook.objectSelector === undefined ? {} : { objectSelector: webhook.objectSelector }),
  }));
}

export interface RawProxyConfig {
  readonly metadata?: RawMeta;
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: Record<string, string> };
    readonly environmentVariables?: Record<string, string>;
    readonly image?: { readonly imageType?: string };
  };
}

export function readProxyConfig(raw: RawProxyConfig): ProxyConfigResource {
  return {
    namespace: raw.metadata?.namespace ?? '',
    name: raw.metadata?.name ?? '',
    ...(raw.metadata?.creationTimestamp === undefined ? {} : { creationTimestamp: raw.metadata.creationTimestamp }),
    ...(raw.spec?.selector === undefined ? {} : { selector: raw.spec.selector }),
    environmentVariables: raw.spec?.environmentVariables ?? {},
    ...(raw.spec?.image?.imageType === undefined ? {} : { imageType: raw.spec.image.imageType }),
  };
}

const PROXY_CONFIG_SPEC: ReadonlySet<string> = new Set(['selector', 'concurrency', 'environmentVariables', 'image']);

/** Fields of the spec that a ProxyConfig resource does not have (istio/api networking/v1beta1/proxy_config.proto). */
export function unknownProxyConfigFields(raw: { readonly spec?: unknown }): readonly string[] {
  return Object.keys(record(raw.spec)).filter((field) => !PROXY_CONFIG_SPEC.has(field));
}

/** Minor version of a node's kubelet, from `v1.36.3`. */
export function readKubeletMinor(raw: {
  readonly status?: { readonly nodeInfo?: { readonly kubeletVersion?: string } };
}): number | undefined {
  const match = /^v?1\.(\d{1,3})/.exec(raw.status?.nodeInfo?.kubeletVersion ?? '');
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

export interface MeshRecords {
  readonly configMaps: readonly (MeshConfigRecord | InjectorRecord)[];
  readonly istiods: readonly IstiodRecord[];
  readonly webhooks: readonly InjectorWebhook[];
  readonly proxyConfigs: readonly ProxyConfigResource[] | undefined;
  /** Node name to kubelet minor; undefined where nodes are not known. */
  readonly kubeletMinorByNode: ReadonlyMap<string, number> | undefined;
  /** Nodes that may be taken back at short notice. */
  readonly shortNodes?: readonly ShortNode[];
  /** What makes nodes, or is said of all of them. */
  readonly nodeGroups?: readonly NodeGroup[];
  /** What the cluster autoscaler's own flag says. */
  readonly autoscalerLimit?: NodeBudget;
  readonly stated: StatedFacts;
  /** The records come from a cluster. */
  readonly cluster?: true;
  /** Set where the injector's webhooks could not be read: then nothing certain can be said of injection. */
  readonly webhooksUnknownBecause?: string;
  readonly defaultRootNamespace: string;
}

/** Puts the records together. No injector webhook at all means that Istio is absent; not being able to look means unknown. */
export function assembleMesh(records: MeshRecords): MeshFacts {
  const names = new Set([
    ...records.webhooks.map((webhook) => webhook.revision),
    ...records.configMaps.map((each) => each.revision),
    ...records.istiods.map((each) => each.revision),
  ]);
  const revisions = [...names].sort().map((name) => revisionOf(name, records));
  const root =
    revisions.find((revision) => revision.name === DEFAULT_REVISION)?.rootNamespace ?? revisions[0]?.rootNamespace;
  return {
    istio:
      records.webhooksUnknownBecause !== undefined ? 'Unknown' : records.webhooks.length > 0 ? 'Present' : 'Absent',
    unknownBecause: records.webhooksUnknownBecause,
    rootNamespace: root ?? records.defaultRootNamespace,
    revisions,
    webhooks: [...records.webhooks].sort(byTagThenName),
    proxyConfigs: records.proxyConfigs,
    nodes: nodeFacts(records),
    cluster: records.cluster,
    stated: records.stated,
  };
}

function revisionOf(name: string, records: MeshRecords): Revision {
  const own = records.configMaps.filter((each) => each.revision === name);
  const configs = own.filter((each) => each.kind === 'MeshConfig');
  const mesh = nearest(configs.filter((each) => each.shared !== true));
  const shared = configs.find((each) => each.shared === true);
  const injector = nearest(own.filter((each) => each.kind === 'Injector'));
  const istiod = nearest(records.istiods.filter((each) => each.revision === name));
  const rootNamespace = mesh?.rootNamespace ?? mesh?.namespace ?? shared?.namespace;
  return {
    name,
    ...(istiod?.version === undefined ? {} : { version: istiod.version }),
    ...(rootNamespace === undefined || rootNamespace === '' ? {} : { rootNamespace }),
    ...(mesh?.defaultConfig === undefined ? {} : { defaultConfig: mesh.defaultConfig, defaultConfigFrom: mesh.from }),
    ...(shared?.defaultConfig === undefined
      ? {}
      : { sharedConfig: { values: shared.defaultConfig, from: shared.from } }),
    ...(mesh === undefined && shared !== undefined ? { sharedOnly: true as const } : {}),
    ...settingsUnknown(mesh, shared),
    ...(istiod?.nativeSidecars === undefined ? {} : { nativeSidecars: istiod.nativeSidecars }),
    ...(injector?.injector === undefined ? {} : { injector: injector.injector }),
  };
}

/** What an installation made is nearer to the truth than what it was made from. */
function nearest<T extends { readonly planned?: true }>(records: readonly T[]): T | undefined {
  return records.find((each) => each.planned !== true) ?? records[0];
}

function settingsUnknown(
  mesh: MeshConfigRecord | undefined,
  shared: MeshConfigRecord | undefined,
): { readonly settingsUnknown?: string } {
  if (mesh === undefined && shared === undefined) {
    return { settingsUnknown: UNSEEN_SETTINGS };
  }
  const bad = [mesh, shared].find((each) => each?.unreadable !== undefined);
  return bad === undefined
    ? {}
    : {
        settingsUnknown: `${bad.from} cannot be read by istiod, which then runs with its defaults or what it read before`,
      };
}

function byTagThenName(a: InjectorWebhook, b: InjectorWebhook): number {
  const order = Number(a.tag !== undefined) - Number(b.tag !== undefined);
  return order !== 0 ? order : a.configuration < b.configuration ? -1 : a.configuration > b.configuration ? 1 : 0;
}

function nodeFacts({ kubeletMinorByNode: minors, stated, autoscalerLimit, ...records }: MeshRecords): NodeFacts {
  const { shortNodes = [], nodeGroups = [] } = records;
  const { nodeShutdown, nodeDrain } = stated;
  const shutdown =
    nodeShutdown === undefined ? [] : [shutdownGroup({ seconds: nodeShutdown, from: '--node-shutdown' })];
  const groups = [...groupNodes(shortNodes, nodeShutdown), ...nodeGroups, ...shutdown];
  groups.sort((a, b) => a.budget.seconds - b.budget.seconds);
  const budgets: NodeFacts = {
    groups,
    drain: nodeDrain === undefined ? autoscalerLimit : { seconds: nodeDrain, from: '--node-drain' },
  };
  return minors === undefined || minors.size === 0
    ? budgets
    : { ...budgets, lowestKubeletMinor: Math.min(...minors.values()), kubeletMinorByNode: Object.fromEntries(minors) };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
