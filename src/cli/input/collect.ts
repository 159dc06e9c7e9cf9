import type { Readable } from 'node:stream';
import { MESH_SOURCE_KINDS } from '../../drain/mesh/git-sources.ts';
import type { Workload } from '../../drain/model/workload.ts';
import type { Progress } from '../output/progress.ts';
import { emptyCollection, type Collected } from './collected.ts';
import { readDocuments, type DocumentHandler, type InputDocument } from './documents.ts';
import { KUBELET_CONFIG_MAP } from './node-facts.ts';
import { ObjectIntake, OUR_KINDS } from './intake.ts';
import { Repository, type RepositoryOptions } from '../repository/read.ts';
import type { JudgedKinds } from './kinds.ts';
import type { InputProblem } from './problems.ts';
import { listSources, readSource, readStdin, STDIN_NAME } from './sources.ts';

export interface CollectOptions {
  readonly paths: readonly string[];
  readonly stdin: Readable;
  /** Namespace of manifests that state none. */
  readonly namespace: string;
  readonly maxFileBytes?: number;
  readonly kinds?: JudgedKinds;
  readonly progress?: Progress;
  /** The programs that trees and charts are built with; without them they are only understood. */
  readonly repository?: RepositoryOptions;
  /** Sees every workload as it was written, before only its record is kept. */
  readonly onWorkload?: (document: InputDocument, workload: Workload) => void;
}

/** Reads all files, one at a time. */
export async function collect(options: CollectOptions): Promise<Collected> {
  const collected = emptyCollection(options.kinds);
  const handler = new Collector(collected, options);
  const sources = listSources(options.paths);
  const repository = new Repository(sources, options.repository ?? NO_PROGRAMS);
  collected.repository = repository;
  collected.stats.documents += await repository.build(handler, collected.kinds, options.progress);
  const watching = repository.watching(handler, collected.kinds);
  for (const [index, source] of sources.entries()) {
    options.progress?.update(`reading ${source.path}`, index, sources.length);
    collected.stats.files++;
    const part = source.path === STDIN_NAME ? undefined : repository.partOf(source.path);
    if (part !== undefined) {
      collected.stats.skippedFiles += part === 'Recipe' ? 1 : 0;
      continue;
    }
    const read =
      source.path === STDIN_NAME
        ? await readStdin(options.stdin, options.maxFileBytes)
        : readSource(source.path, options.maxFileBytes);
    if (!read.ok) {
      collected.problems.push(read.problem);
      collected.stats.skippedFiles++;
      continue;
    }
    const objects = readDocuments(read.text, source.path, watching);
    collected.stats.documents += objects;
    if (objects === 0) {
      collected.stats.skippedFiles++;
    }
  }
  collected.stats.documents += await repository.render(handler, options.progress);
  options.progress?.done();
  handler.end();
  return collected;
}

const NO_PROGRAMS: RepositoryOptions = { network: false, env: {}, helmValues: [] };
const FACT_KINDS = new Set<string>([
  ...OUR_KINDS,
  'Namespace',
  'Gateway',
  'GatewayClass',
  'ProxyConfig',
  'MutatingWebhookConfiguration',
  'Node',
  'NodePool',
  'PodDisruptionBudget',
  'KubeletConfiguration',
  'ServiceMeshControlPlane',
  ...[...MESH_SOURCE_KINDS].map((kind) => kind.slice(kind.indexOf('/') + 1)),
]);
/** A document that may have a pod template, of whatever kind. */
const HAS_CONTAINERS = /\bcontainers["']?[ \t]*:/;
/** Their schemas speak of containers too. */
const HAS_SCHEMA = new Set(['CustomResourceDefinition']);
const ISTIO_CONFIG_MAP = /["']?name["']?\s*:\s*["']?istio/;

/** Overlays for what istiod makes from Gateways. */
const OVERLAY_CONFIG_MAP = /["']?(?:deployment|gateway\.istio\.io\/defaults-for-class)["']?[ \t]*:/;

/** Values of istiod's chart, or the value of one of its settings. */
const VALUES_CONFIG_MAP =
  /\b(?:values\.ya?ml|meshConfig|defaultConfig|proxyMetadata|pilot|sidecarInjectorWebhook|ENABLE_NATIVE_SIDECARS|EXIT_ON_ZERO_ACTIVE_CONNECTIONS)\b/;

class Collector implements DocumentHandler {
  private readonly into: Collected;
  private readonly intake: ObjectIntake;

  constructor(into: Collected, options: CollectOptions) {
    this.into = into;
    this.intake = new ObjectIntake(into, options);
  }

  wants(kind: string, text: string): boolean {
    // Without its text it has been read whole already, and is looked at whatever it is.
    if (text === '') {
      return true;
    }
    if (kind === 'ConfigMap') {
      return (
        ISTIO_CONFIG_MAP.test(text) ||
        text.includes(KUBELET_CONFIG_MAP.name) ||
        OVERLAY_CONFIG_MAP.test(text) ||
        VALUES_CONFIG_MAP.test(text)
      );
    }
    const { kinds } = this.into;
    return (
      (kinds.has(kind) && !kinds.isCommonNamesake(kind)) ||
      FACT_KINDS.has(kind) ||
      (HAS_CONTAINERS.test(text) && !HAS_SCHEMA.has(kind))
    );
  }

  other(): void {
    this.into.stats.otherDocuments++;
  }

  note(text: string): void {
    this.into.notes.push(text);
  }

  problem(problem: InputProblem): void {
    this.into.problems.push(problem);
  }

  end(): void {
    this.intake.meshReleases();
    this.intake.gatewayDeployments();
  }

  document(document: InputDocument): void {
    if (!this.intake.document(document)) {
      this.other();
    }
  }
}
