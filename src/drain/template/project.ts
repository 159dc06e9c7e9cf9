import type { Container, EnvVar, PodSpec, PodTemplate, Probe } from '../../api/kubernetes.ts';
import { PROXY_CONTAINER } from '../../api/names.ts';
import type { RolloutFacts, SourceLocation, Workload } from '../model/workload.ts';
import type { WorkloadKindAdapter } from './kinds.ts';
import { templateHistory } from './foreign-change.ts';
import { fieldOwners } from './ownership.ts';
import { at, listOf, metadataOf, numberOf, ownersOf, recordOf, textOf } from './raw.ts';
import type { Raw, RawObject } from './raw.ts';

export interface ProjectOptions {
  /** Namespace of a manifest that states none. */
  readonly namespace?: string;
  readonly source?: SourceLocation;
}

/**
 * The slim record of a workload. A cache holds ten thousand of these, so nothing of the raw object is kept but what the
 * domain reads, and equal parts of different records are one object.
 */
export function projectWorkload(raw: RawObject, adapter: WorkloadKindAdapter, options: ProjectOptions = {}): Workload {
  const metadata = metadataOf(raw);
  const controller = ownersOf(raw).find((owner) => owner.controller === true);
  const labels = stringMap(metadata.labels);
  const template = projectTemplate(at(raw, adapter.templatePath), labels);
  const history = templateHistory(raw, adapter);
  return {
    apiVersion: adapter.apiVersion,
    kind: adapter.kind,
    namespace: same(metadata.namespace ?? options.namespace ?? ''),
    name: metadata.name ?? '',
    ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
    ...(metadata.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion }),
    ...(metadata.generation === undefined ? {} : { generation: metadata.generation }),
    deleting: metadata.deletionTimestamp !== undefined,
    ...(controller === undefined
      ? {}
      : { controllerOwner: { apiVersion: same(controller.apiVersion), kind: same(controller.kind), name: controller.name } }),
    labels,
    annotations: stringMap(metadata.annotations, isOwnAnnotation),
    template,
    fields: fieldOwners(raw, adapter),
    rollout: sharedRollout(adapter.rollout(raw)),
    ...(history === undefined ? {} : { history }),
    ...(options.source === undefined ? {} : { source: options.source }),
  };
}

/** The parts of a raw pod template that decide about termination. `knownLabels` is reused where it is equal. */
export function projectTemplate(raw: unknown, knownLabels: Readonly<Record<string, string>> = NO_STRINGS): PodTemplate {
  const template = recordOf(raw);
  const metadata = recordOf(template['metadata']);
  const ownLabels = stringMap(metadata['labels']);
  const labels = sameStrings(ownLabels, knownLabels) ? knownLabels : ownLabels;
  const annotations = stringMap(metadata['annotations'], isTemplateAnnotation);
  return { metadata: { labels, annotations }, spec: projectSpec(recordOf(template['spec'])) };
}

function projectSpec(spec: Raw): PodSpec {
  const initContainers = listOf(spec['initContainers']);
  const grace = numberOf(spec['terminationGracePeriodSeconds']);
  const nodeName = textOf(spec['nodeName']);
  return {
    containers: listOf(spec['containers']).map(projectContainer),
    ...(initContainers.length === 0 ? {} : { initContainers: initContainers.map(projectContainer) }),
    ...(grace === undefined ? {} : { terminationGracePeriodSeconds: grace }),
    ...(spec['hostNetwork'] === true ? { hostNetwork: true } : {}),
    ...(nodeName === undefined ? {} : { nodeName: same(nodeName) }),
  };
}

function projectContainer(value: unknown): Container {
  const raw = recordOf(value);
  const name = same(textOf(raw['name']) ?? '');
  const ports = listOf(raw['ports']).flatMap((port) => numberOf(recordOf(port)['containerPort']) ?? []);
  // An empty one is kept too: it must still stand there after a restore.
  const hasLifecycle = typeof raw['lifecycle'] === 'object' && raw['lifecycle'] !== null;
  return {
    name,
    ...textField(raw, 'image'),
    ...textField(raw, 'imagePullPolicy'),
    ...textField(raw, 'restartPolicy'),
    ...(hasLifecycle ? { lifecycle: recordOf(raw['lifecycle']) } : {}),
    ...probeField(raw, 'livenessProbe'),
    ...probeField(raw, 'startupProbe'),
    ...(ports.length === 0 ? {} : { ports: ports.map(portOf) }),
    ...(name === PROXY_CONTAINER && raw['env'] !== undefined ? { env: listOf(raw['env']).map(envOf) } : {}),
  };
}

function textField(raw: Raw, key: 'image' | 'imagePullPolicy' | 'restartPolicy'): Partial<Container> {
  const value = textOf(raw[key]);
  return value === undefined ? {} : { [key]: same(value) };
}

const PROBE_WITHOUT_GRACE: Probe = Object.freeze({});

/** A probe counts by being there; of what it says only its own grace period matters here. */
function probeField(raw: Raw, key: 'livenessProbe' | 'startupProbe'): Partial<Container> {
  if (typeof raw[key] !== 'object' || raw[key] === null) {
    return {};
  }
  const grace = numberOf(recordOf(raw[key])['terminationGracePeriodSeconds']);
  return { [key]: grace === undefined ? PROBE_WITHOUT_GRACE : { terminationGracePeriodSeconds: grace } };
}

function envOf(value: unknown): EnvVar {
  const raw = recordOf(value);
  const text = textOf(raw['value']);
  return { name: textOf(raw['name']) ?? '', ...(text === undefined ? {} : { value: text }) };
}

const ports = new Map<number, { readonly containerPort: number }>();

/** There are 65535 of them at most. */
function portOf(containerPort: number): { readonly containerPort: number } {
  let port = ports.get(containerPort);
  if (port === undefined) {
    port = { containerPort };
    ports.set(containerPort, port);
  }
  return port;
}

const OWN_PREFIX = 'sidecardrain.io/';

function isOwnAnnotation(key: string): boolean {
  return key.startsWith(OWN_PREFIX);
}

/** Istio's annotations stand below `istio.io` and its subdomains. */
function isTemplateAnnotation(key: string): boolean {
  const slash = key.indexOf('/');
  const domain = slash === -1 ? '' : key.slice(0, slash);
  return domain === 'istio.io' || domain.endsWith('.istio.io') || isOwnAnnotation(key);
}

const NO_STRINGS: Readonly<Record<string, string>> = Object.freeze({});

function stringMap(value: unknown, wanted?: (key: string) => boolean): Readonly<Record<string, string>> {
  let result: Record<string, string> | undefined;
  for (const [key, entry] of Object.entries(recordOf(value))) {
    if (typeof entry === 'string' && (wanted === undefined || wanted(key))) {
      result ??= {};
      result[key] = same(entry);
    }
  }
  return result ?? NO_STRINGS;
}

function sameStrings(left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key]);
}

const STRING_LIMIT = 16_384;
const LONGEST_SHARED = 1024;
const strings = new Map<string, string>();

/** One copy of strings that repeat over a fleet: namespaces, label values, images, hooks, the annotation. */
function same(text: string): string {
  if (text.length > LONGEST_SHARED) {
    return text;
  }
  const known = strings.get(text);
  if (known !== undefined) {
    return known;
  }
  if (strings.size >= STRING_LIMIT) {
    strings.clear();
  }
  strings.set(text, text);
  return text;
}

const ROLLOUT_LIMIT = 4096;
const rollouts = new Map<string, RolloutFacts>();

function sharedRollout(facts: RolloutFacts): RolloutFacts {
  const flags = `${facts.paused}${facts.complete}${facts.healthy}${facts.rolling}${facts.stuck}`;
  const key = `${facts.replicas} ${facts.strategy} ${facts.partition} ${flags}`;
  const known = rollouts.get(key);
  if (known !== undefined) {
    return known;
  }
  if (rollouts.size >= ROLLOUT_LIMIT) {
    rollouts.clear();
  }
  rollouts.set(key, facts);
  return facts;
}
