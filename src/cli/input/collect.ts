import type { Readable } from 'node:stream';
import { POLICY_KIND, validatePolicy, type SidecarDrainPolicy } from '../../api/policy.ts';
import { PROXY_CONFIG_ANNOTATION } from '../../api/names.ts';
import {
  isIstiod, readInjectorWebhooks, readIstioConfigMap, readIstiod, readKubeletMinor, readProxyConfig,
  type InjectorRecord, type IstiodRecord, type MeshConfigRecord,
} from '../../drain/mesh/facts.ts';
import type { InjectorWebhook, ProxyConfigResource } from '../../drain/model/mesh.ts';
import { workloadKey, type Workload } from '../../drain/model/workload.ts';
import { readPolicy, type PolicyRecord } from '../../drain/plan/policies.ts';
import { projectWorkload, type RawObject } from '../../drain/template/index.ts';
import type { Progress } from '../output/progress.ts';
import { readDocuments, type DocumentHandler, type InputDocument } from './documents.ts';
import { judgedKind } from './kinds.ts';
import { sourceOf } from './lines.ts';
import type { InputProblem } from './problems.ts';
import { listSources, readSource, readStdin, STDIN_NAME } from './sources.ts';
import { lineOf, positionAt } from './yaml/positions.ts';

/** A policy with the object it was read from: some outputs print it again. */
export interface InputPolicy {
  readonly record: PolicyRecord;
  readonly raw: SidecarDrainPolicy;
  readonly file: string;
  readonly line: number;
}

export interface InputStats {
  files: number;
  /** Files in which no Kubernetes object was found. */
  skippedFiles: number;
  /** Kubernetes objects, whatever their kind. */
  documents: number;
  /** Those that neither carry a pod template nor state a fact. */
  otherDocuments: number;
}

/** Everything that is kept of the input: small records, whatever the size of the files. */
export interface Collected {
  readonly workloads: Workload[];
  readonly policies: InputPolicy[];
  /** Labels by name of namespace. */
  readonly namespaces: Map<string, Readonly<Record<string, string>>>;
  readonly proxyConfigs: ProxyConfigResource[];
  readonly configMaps: (MeshConfigRecord | InjectorRecord)[];
  readonly webhooks: InjectorWebhook[];
  readonly istiods: IstiodRecord[];
  readonly kubeletMinors: Map<string, number>;
  readonly problems: InputProblem[];
  readonly stats: InputStats;
}

export interface CollectOptions {
  readonly paths: readonly string[];
  readonly stdin: Readable;
  /** Namespace of manifests that state none. */
  readonly namespace: string;
  readonly maxFileBytes?: number;
  readonly progress?: Progress;
  /** Sees every workload as it was written, before only its record is kept. */
  readonly onWorkload?: (document: InputDocument, workload: Workload) => void;
}

export function emptyCollection(): Collected {
  return {
    workloads: [], policies: [], namespaces: new Map(), proxyConfigs: [], configMaps: [], webhooks: [], istiods: [], kubeletMinors: new Map(),
    problems: [], stats: { files: 0, skippedFiles: 0, documents: 0, otherDocuments: 0 },
  };
}

/** Reads all files, one at a time. */
export async function collect(options: CollectOptions): Promise<Collected> {
  const collected = emptyCollection();
  const handler = new Collector(collected, options);
  const sources = listSources(options.paths);
  for (const [index, source] of sources.entries()) {
    options.progress?.update(`reading ${source.path}`, index, sources.length);
    const read = source.path === STDIN_NAME ? await readStdin(options.stdin, options.maxFileBytes) : readSource(source.path, options.maxFileBytes);
    collected.stats.files++;
    if (!read.ok) {
      collected.problems.push(read.problem);
      collected.stats.skippedFiles++;
      continue;
    }
    const objects = readDocuments(read.text, source.path, handler);
    collected.stats.documents += objects;
    if (objects === 0) {
      collected.stats.skippedFiles++;
    }
  }
  options.progress?.done();
  return collected;
}

const FACT_KINDS = new Set([POLICY_KIND, 'Namespace', 'ProxyConfig', 'MutatingWebhookConfiguration', 'Node']);
const ISTIO_CONFIG_MAP = /["']?name["']?\s*:\s*["']?istio/;

class Collector implements DocumentHandler {
  readonly #into: Collected;
  readonly #options: CollectOptions;

  constructor(into: Collected, options: CollectOptions) {
    this.#into = into;
    this.#options = options;
  }

  wants(kind: string, text: string): boolean {
    if (kind === 'ConfigMap') {
      return text === '' || ISTIO_CONFIG_MAP.test(text);
    }
    return judgedKind(kind) !== undefined || FACT_KINDS.has(kind);
  }

  other(): void {
    this.#into.stats.otherDocuments++;
  }

  problem(problem: InputProblem): void {
    this.#into.problems.push(problem);
  }

  document(document: InputDocument): void {
    if (judgedKind(document.kind) !== undefined) {
      this.#workload(document);
      return;
    }
    if (!this.#fact(document)) {
      this.other();
    }
  }

  #workload(document: InputDocument): void {
    const { kind, apiVersion, value, file, line } = document;
    const adapter = judgedKind(kind);
    if (adapter === undefined) {
      return;
    }
    const name = nameOf(value);
    if (adapter.apiVersion !== apiVersion) {
      this.problem({ kind: 'UnknownVersion', file, line, message: `${kind} ${name} has apiVersion ${apiVersion}, which is not known (${adapter.apiVersion} is); not judged` });
      return;
    }
    if (name === '' || !hasContainers(value, adapter.templatePath)) {
      const what = name === '' ? `a ${kind} without a name` : `${kind} ${name} has no containers in ${[...adapter.templatePath, 'spec'].join('.')}`;
      this.problem({ kind: 'Incomplete', file, line, message: `${what}: a patch or a part of one, perhaps; not judged` });
      return;
    }
    const raw = value as RawObject;
    const projected = projectWorkload(raw, adapter, { namespace: this.#options.namespace, source: sourceOf(document, adapter.templatePath) });
    const workload = withMisplaced(projected, value, adapter.templatePath.length > 0);
    this.#into.workloads.push(workload);
    this.#options.onWorkload?.(document, workload);
    if (kind === 'Deployment' && isIstiod(raw)) {
      this.#into.istiods.push(readIstiod(raw as Parameters<typeof readIstiod>[0]));
    }
  }

  /** False where it is none after all. */
  #fact(document: InputDocument): boolean {
    const { kind, apiVersion, value } = document;
    const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
    const raw = withNamespace(value, this.#options.namespace);
    const into = this.#into;
    switch (`${group}/${kind}`) {
      case `sidecardrain.io/${POLICY_KIND}`:
        this.#policy(document);
        return true;
      case '/Namespace':
        into.namespaces.set(nameOf(value), labelsOf(value));
        return true;
      case 'networking.istio.io/ProxyConfig':
        into.proxyConfigs.push(readProxyConfig(raw));
        return true;
      case 'admissionregistration.k8s.io/MutatingWebhookConfiguration':
        if (labelsOf(value)['app'] === 'sidecar-injector') {
          into.webhooks.push(...readInjectorWebhooks(raw));
        }
        return true;
      case '/ConfigMap': {
        const record = readIstioConfigMap(raw);
        if (record !== undefined) {
          into.configMaps.push(record);
          if (record.unreadable !== undefined) {
            this.problem({ kind: 'Syntax', file: document.file, line: document.line, message: `ConfigMap ${nameOf(value)} cannot be read as Istio's: ${record.unreadable}` });
          }
        }
        return record !== undefined;
      }
      case '/Node': {
        const minor = readKubeletMinor(value);
        if (minor !== undefined) {
          into.kubeletMinors.set(nameOf(value), minor);
        }
        return true;
      }
      default:
        return false;
    }
  }

  #policy(document: InputDocument): void {
    const { file, position, value } = document;
    const problems = validatePolicy(value);
    if (problems.length > 0) {
      for (const problem of problems) {
        const line = lineOf(nearestPosition(document, problem.path));
        this.problem({ kind: 'Policy', file, line, message: `SidecarDrainPolicy ${nameOf(value)} is refused: ${problem.path}: ${problem.message}` });
      }
      return;
    }
    const raw = value as unknown as SidecarDrainPolicy;
    const record = readPolicy(raw);
    if (record.stalled !== undefined) {
      this.problem({ kind: 'Policy', file, line: lineOf(position), message: `SidecarDrainPolicy ${record.name} cannot be evaluated: ${record.stalled.message}` });
    }
    this.#into.policies.push({ record, raw, file, line: lineOf(position) });
  }
}

function nearestPosition(document: InputDocument, path: string): InputDocument['position'] {
  const steps = path.replaceAll(/\[(\d+)\]/g, '.$1').split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  for (let length = steps.length; length > 0; length--) {
    const position = positionAt(document.position, steps.slice(0, length));
    if (position !== undefined) {
      return position;
    }
  }
  return document.position;
}

/** Istio reads this annotation on pods only; on the workload itself it is a mistake that a finding names. */
function withMisplaced(workload: Workload, value: unknown, hasTemplate: boolean): Workload {
  if (!hasTemplate || workload.misplaced !== undefined || annotationsOf(value)[PROXY_CONFIG_ANNOTATION] === undefined) {
    return workload;
  }
  return { ...workload, misplaced: [PROXY_CONFIG_ANNOTATION] };
}

function hasContainers(value: unknown, templatePath: readonly string[]): boolean {
  let current = value;
  for (const key of [...templatePath, 'spec', 'containers']) {
    current = recordOf(current)[key];
  }
  return Array.isArray(current) && current.length > 0;
}

function withNamespace(value: Readonly<Record<string, unknown>>, namespace: string): Readonly<Record<string, unknown>> {
  const metadata = recordOf(value['metadata']);
  return { ...value, metadata: { ...metadata, namespace: metadata['namespace'] ?? namespace } };
}

function nameOf(value: unknown): string {
  const name = recordOf(recordOf(value)['metadata'])['name'];
  return typeof name === 'string' ? name : '';
}

function labelsOf(value: unknown): Readonly<Record<string, string>> {
  return recordOf(recordOf(recordOf(value)['metadata'])['labels']) as Record<string, string>;
}

function annotationsOf(value: unknown): Readonly<Record<string, unknown>> {
  return recordOf(recordOf(recordOf(value)['metadata'])['annotations']);
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : {};
}

export function sourceText(workload: Workload): string {
  return workload.source === undefined ? workloadKey(workload) : `${workload.source.file}:${workload.source.line}`;
}
