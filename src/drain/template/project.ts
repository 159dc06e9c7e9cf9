import type { Container, OwnerReference, PodSpec, PodTemplate, Probe } from '../../api/kubernetes.ts';
import { GATEWAY_API_GROUP, LINKERD_INJECT, PROXY_CONTAINER } from '../../api/names.ts';
import { NETWORK_PROBES } from '../model/serving.ts';
import type { RolloutFacts, SourceLocation, Workload } from '../model/workload.ts';
import { SPEC_TEMPLATE } from './kinds.ts';
import type { WorkloadKindAdapter } from './kinds.ts';
import { hasAtomicContainers, templateGap } from './custom.ts';
import { templateHistory } from './foreign-change.ts';
import { envOf, hookVariables } from './hook-variables.ts';
import { misplacedSettings } from './misplaced.ts';
import { fieldOwners, holdOf } from './ownership.ts';
import { at, listOf, metadataOf, numberOf, ownersOf, recordOf, textOf } from './raw.ts';
import type { Raw, RawObject } from './raw.ts';
import { schedulingOf } from './scheduling.ts';
import { same, Shared } from './shared.ts';
import { lifecycleOf, shapeProblems } from './shape.ts';

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
  const owners = ownersOf(raw);
  const controller = owners.find((owner) => owner.controller === true);
  const gateway = owners.find(isGateway);
  const labels = stringMap(metadata.labels);
  const template = withGraceFrom(projectTemplate(at(raw, adapter.templatePath), labels), raw, adapter);
  const history = templateHistory(raw, adapter);
  const record: Mutable<Workload> = {
    apiVersion: adapter.apiVersion,
    kind: adapter.kind,
    namespace: same(textOf(metadata.namespace) ?? options.namespace ?? ''),
    name: textOf(metadata.name) ?? '',
    deleting: (metadata.deletionTimestamp ?? undefined) !== undefined,
    labels,
    annotations: stringMap(metadata.annotations, isOwnAnnotation),
    template,
    fields: fieldOwners(raw, adapter),
    rollout: sharedRollout(adapter.rollout(raw)),
  };
  put(record, 'uid', metadata.uid);
  put(record, 'resourceVersion', metadata.resourceVersion);
  put(record, 'generation', metadata.generation);
  if (controller !== undefined && controller !== gateway) {
    record.controllerOwner = {
      apiVersion: same(textOf(controller.apiVersion) ?? ''),
      kind: same(textOf(controller.kind) ?? ''),
      name: textOf(controller.name) ?? '',
    };
  }
  if (adapter.templatePath !== SPEC_TEMPLATE && adapter.templatePath.join() !== 'spec,template') {
    record.templatePath = adapter.templatePath;
  }
  put(record, 'graceField', adapter.graceFrom?.key);
  put(
    record,
    'limit',
    gateway === undefined
      ? adapter.limit?.(raw)
      : { reason: 'RenderedFromGateway' as const, detail: textOf(gateway.name) ?? '' },
  );
  if (adapter.custom === true && hasAtomicContainers(raw, adapter)) {
    record.atomicContainers = true;
  }
  put(record, 'refused', adapter.custom === true ? refusedPods(raw, adapter) : undefined);
  put(record, 'templateGap', adapter.custom === true ? templateGap(raw, adapter) : undefined);
  put(record, 'history', history);
  // Most workloads of a cluster have never been written by us.
  put(record, 'hold', history === undefined ? undefined : holdOf(raw, adapter));
  // What stands on a Gateway itself is copied to the Deployment and to its pods alike.
  put(record, 'misplaced', gateway === undefined ? misplacedSettings(raw, adapter) : undefined);
  put(record, 'rolledOutAt', lastRollout(raw));
  put(record, 'source', options.source);
  return record;
}

/** istiod puts it there without `controller: true`. */
function isGateway({ apiVersion, kind }: OwnerReference): boolean {
  return kind === 'Gateway' && apiVersion?.startsWith(`${GATEWAY_API_GROUP}/`) === true;
}

/** The pods will have the grace period that the kind derives for them. */
function withGraceFrom(
  template: PodTemplate,
  raw: RawObject,
  { graceFrom, templatePath }: WorkloadKindAdapter,
): PodTemplate {
  if (graceFrom === undefined) {
    return template;
  }
  const stated = numberOf(at(raw, [...templatePath, 'spec', graceFrom.key])) ?? 0;
  const terminationGracePeriodSeconds = stated === 0 ? graceFrom.defaultSeconds : stated;
  return { ...template, spec: { ...template.spec, terminationGracePeriodSeconds } };
}

/** Built-in kinds are vouched for by the API server; a custom resource may hold any form of pod template. */
function refusedPods(raw: RawObject, adapter: WorkloadKindAdapter): string | undefined {
  const [problem] = shapeProblems(raw, adapter);
  return problem === undefined ? undefined : `${problem.path} ${problem.message}`;
}

/** A Deployment's condition Progressing says when its newest ReplicaSet had become available; other kinds tell no time. */
function lastRollout(raw: RawObject): string | undefined {
  const progressing = listOf(at(raw, ['status', 'conditions']))
    .map(recordOf)
    .find((condition) => condition['type'] === 'Progressing');
  return progressing?.['reason'] === 'NewReplicaSetAvailable' ? textOf(progressing['lastUpdateTime']) : undefined;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** An optional property that is absent instead of undefined. Spreading `{}` for each would cost more than all else here. */
function put<T, Key extends keyof T>(target: T, key: Key, value: T[Key] | undefined): void {
  if (value !== undefined) {
    target[key] = value;
  }
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
  const result: Mutable<PodSpec> = { containers: listOf(spec['containers']).map(projectContainer) };
  if (initContainers.length > 0) {
    result.initContainers = initContainers.map(projectContainer);
  }
  put(result, 'terminationGracePeriodSeconds', grace);
  if (spec['hostNetwork'] === true) {
    result.hostNetwork = true;
  }
  put(result, 'nodeName', nodeName === undefined ? undefined : same(nodeName));
  if (isForWindows(spec)) {
    result.windows = true;
  }
  put(result, 'scheduling', schedulingOf(spec));
  return result;
}

function isForWindows(spec: Raw): boolean {
  const selector = recordOf(spec['nodeSelector']);
  const name = at(spec, ['os', 'name']) ?? selector['kubernetes.io/os'] ?? selector['beta.kubernetes.io/os'];
  return name === 'windows';
}

function projectContainer(value: unknown): Container {
  const raw = recordOf(value);
  const result: Mutable<Container> = { name: same(textOf(raw['name']) ?? '') };
  put(result, 'image', sharedText(raw['image']));
  put(result, 'imagePullPolicy', sharedText(raw['imagePullPolicy']));
  put(result, 'restartPolicy', sharedText(raw['restartPolicy']));
  // An empty one is kept too: it must still stand there after a restore.
  put(result, 'lifecycle', lifecycleOf(raw['lifecycle']));
  keepWords(result, raw);
  put(result, 'livenessProbe', probeOf(raw['livenessProbe']));
  put(result, 'readinessProbe', probeOf(raw['readinessProbe']));
  put(result, 'startupProbe', probeOf(raw['startupProbe']));
  const ports = listOf(raw['ports']).flatMap((port) => numberOf(recordOf(port)['containerPort']) ?? []);
  if (ports.length > 0) {
    result.ports = ports.map(portOf);
  }
  if (result.name === PROXY_CONTAINER) {
    if (Array.isArray(raw['env'])) {
      result.env = listOf(raw['env']).map(envOf);
    }
    if (Array.isArray(raw['args'])) {
      result.args = listOf(raw['args']).flatMap((word) => sharedText(word) ?? []);
    }
  } else {
    const { env, envFrom } = hookVariables(raw, result.lifecycle);
    put(result, 'env', env);
    put(result, 'envFrom', envFrom);
  }
  return result;
}

const ENDS_PROXY = 'quitquitquit';

/** Commands are long and many: only those that speak of ending the proxy matter here. */
function keepWords(container: Mutable<Container>, raw: Raw): void {
  const words = (key: 'command' | 'args'): string[] => listOf(raw[key]).map((word) => textOf(word) ?? '');
  const command = words('command');
  const args = words('args');
  if ([...command, ...args].some((word) => word.includes(ENDS_PROXY))) {
    container.command = command;
    container.args = args;
  }
}

function sharedText(value: unknown): string | undefined {
  const text = textOf(value);
  return text === undefined ? undefined : same(text);
}

const SOMETHING: object = Object.freeze({});
/** There are few of them: one for each way to ask, without a grace period of its own. */
const PROBES: Readonly<Record<(typeof NETWORK_PROBES)[number] | 'exec', Probe>> = Object.freeze({
  httpGet: Object.freeze({ httpGet: SOMETHING }),
  tcpSocket: Object.freeze({ tcpSocket: SOMETHING }),
  grpc: Object.freeze({ grpc: SOMETHING }),
  exec: Object.freeze({}),
});

/** Of what a probe says only its own grace period matters here, and that it asks over the network. */
function probeOf(value: unknown): Probe | undefined {
  if (typeof value !== 'object' || value === null) {
    return undefined;
  }
  const raw = recordOf(value);
  const probe = PROBES[NETWORK_PROBES.find((way) => typeof raw[way] === 'object' && raw[way] !== null) ?? 'exec'];
  const grace = numberOf(raw['terminationGracePeriodSeconds']);
  return grace === undefined ? probe : { ...probe, terminationGracePeriodSeconds: grace };
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

/** Istio's annotations stand below `istio.io` and its subdomains; Linkerd's tells that the pod is in another mesh. */
function isTemplateAnnotation(key: string): boolean {
  const slash = key.indexOf('/');
  const domain = slash === -1 ? '' : key.slice(0, slash);
  return domain === 'istio.io' || domain.endsWith('.istio.io') || isOwnAnnotation(key) || key === LINKERD_INJECT;
}

const NO_STRINGS: Readonly<Record<string, string>> = Object.freeze({});

function stringMap(value: unknown, wanted?: (key: string) => boolean): Readonly<Record<string, string>> {
  const source = recordOf(value);
  let result: Record<string, string> | undefined;
  for (const key of Object.keys(source)) {
    if (wanted !== undefined && !wanted(key)) {
      continue;
    }
    const entry = source[key];
    // The API server decodes a null into the empty string.
    if (typeof entry === 'string' || entry === null) {
      result ??= {};
      result[key] = same(entry ?? '');
    }
  }
  return result ?? NO_STRINGS;
}

function sameStrings(left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key]);
}

const rollouts = new Shared<RolloutFacts>(4096);

function sharedRollout(facts: RolloutFacts): RolloutFacts {
  return rollouts.of(JSON.stringify(facts), facts);
}
