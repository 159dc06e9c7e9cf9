import type { Readable } from 'node:stream';
import type { Workload } from '../../drain/model/workload.ts';
import type { Progress } from '../output/progress.ts';
import { emptyCollection, type Collected } from './collected.ts';
import { readDocuments, type DocumentHandler, type InputDocument } from './documents.ts';
import { ObjectIntake, OUR_KINDS } from './intake.ts';
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
  /** Sees every workload as it was written, before only its record is kept. */
  readonly onWorkload?: (document: InputDocument, workload: Workload) => void;
}

/** Reads all files, one at a time. */
export async function collect(options: CollectOptions): Promise<Collected> {
  const collected = emptyCollection(options.kinds);
  const handler = new Collector(collected, options);
  const sources = listSources(options.paths);
  for (const [index, source] of sources.entries()) {
    options.progress?.update(`reading ${source.path}`, index, sources.length);
    const read =
      source.path === STDIN_NAME
        ? await readStdin(options.stdin, options.maxFileBytes)
        : readSource(source.path, options.maxFileBytes);
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

const FACT_KINDS = new Set<string>([...OUR_KINDS, 'Namespace', 'ProxyConfig', 'MutatingWebhookConfiguration', 'Node']);
const ISTIO_CONFIG_MAP = /["']?name["']?\s*:\s*["']?istio/;

class Collector implements DocumentHandler {
  readonly #into: Collected;
  readonly #intake: ObjectIntake;

  constructor(into: Collected, options: CollectOptions) {
    this.#into = into;
    this.#intake = new ObjectIntake(into, options);
  }

  wants(kind: string, text: string): boolean {
    if (kind === 'ConfigMap') {
      return text === '' || ISTIO_CONFIG_MAP.test(text);
    }
    return this.#into.kinds.get(kind) !== undefined || FACT_KINDS.has(kind);
  }

  other(): void {
    this.#into.stats.otherDocuments++;
  }

  problem(problem: InputProblem): void {
    this.#into.problems.push(problem);
  }

  document(document: InputDocument): void {
    if (!this.#intake.document(document)) {
      this.other();
    }
  }
}
