import type { SourceLocation } from '../../drain/model/workload.ts';
import type { TemplateFile } from '../repository/charts.ts';
import type { Destination } from '../repository/destinations.ts';
import type { BuiltOrigin } from '../repository/origin.ts';
import type { FilledValue } from '../repository/substitution.ts';
import { readFast } from './yaml/fast.ts';
import { TemplateFound } from './yaml/lexical.ts';
import { lineOf, positionAt, type Position, type ReadDocument } from './yaml/positions.ts';
import { readYaml } from './yaml/read.ts';
import type { InputProblem } from './problems.ts';
import { splitDocuments, type Chunk } from './split.ts';

/** A Kubernetes object of a file, lists taken apart. */
export interface InputDocument {
  readonly apiVersion: string;
  readonly kind: string;
  readonly value: Readonly<Record<string, unknown>>;
  readonly position: Position;
  readonly file: string;
  readonly line: number;
  /** Where it stands and its fields, where that is not where it was read: it was built from parts. */
  readonly source?: SourceLocation;
  readonly origin?: BuiltOrigin;
  /** Where it is applied to, if something else than itself tells. */
  readonly destination?: Destination;
  /** Who applies it, where several do, each in a way of its own. */
  readonly appliedBy?: string;
  /** The object as it stands in its file or its build, where whoever applies it puts variables in, and what they put in. */
  readonly written?: Readonly<Record<string, unknown>>;
  readonly filled?: readonly FilledValue[];
  readonly chart?: { readonly folder: string; readonly template?: TemplateFile };
}

export interface DocumentHandler {
  /** Whether documents of this kind are wanted whole; the others are only checked for their form. `text` is the document's. */
  wants(kind: string, text: string): boolean;
  document(document: InputDocument): void;
  /** A Kubernetes object that nobody wants. */
  other(kind: string): void;
  /** What is to be said of the input as a whole, and is no fault of it. */
  note?(text: string): void;
  problem(problem: InputProblem): void;
}

const KIND_LINE = /^(?:kind|"kind"|'kind'|\s{0,8}"kind")[ \t]*:[ \t]*["']?([A-Za-z]+)/m;
const TEMPLATE_MESSAGE = 'is a template that has not been rendered ({{ }}); give the output of helm template instead';

/** Reads every document of a text. Returns how many of them are Kubernetes objects (a `List` counts its items). */
export function readDocuments(text: string, file: string, handler: DocumentHandler): number {
  const state: FileState = {
    text,
    file,
    handler,
    objects: 0,
    template: false,
    slow: text.includes('\r') && /\r(?!\n)/.test(text),
  };
  for (const chunk of splitDocuments(text)) {
    readChunk(state, chunk);
  }
  return state.objects;
}

interface FileState {
  readonly text: string;
  readonly file: string;
  readonly handler: DocumentHandler;
  readonly slow: boolean;
  objects: number;
  /** One line for each template file, however many of its documents are templates. */
  template: boolean;
}

function readChunk(state: FileState, chunk: Chunk): void {
  const { file, handler } = state;
  const written = state.text.slice(chunk.from, chunk.to);
  const sniffed = KIND_LINE.exec(written)?.[1];
  // `kind` may be missing, or stand where the pattern does not look: then the root is looked at, and read again if need be.
  let build = sniffed !== undefined && wanted(handler, sniffed, written);
  let read = parse(state, chunk, written, build);
  const kind = textAt(read?.value, 'kind');
  if (read !== undefined && !build && kind !== undefined && wanted(handler, kind, written)) {
    build = true;
    read = parse(state, chunk, written, build);
  }
  if (read === undefined || read.value === null) {
    return;
  }
  for (const { key, line, firstLine } of read.duplicates) {
    handler.problem({
      kind: 'DuplicateKey',
      file,
      line,
      message: `the key ${key} is repeated here (first in line ${firstLine}); the last one counts`,
    });
  }
  for (const { line, message } of read.remarks) {
    handler.problem({ kind: 'ReadDifferently', file, line, message });
  }
  state.objects += emit(read.value, read.position, state, build);
}

function wanted(handler: DocumentHandler, kind: string, text: string): boolean {
  return kind.endsWith('List') || handler.wants(kind, text);
}

function parse(state: FileState, chunk: Chunk, written: string, build: boolean): ReadDocument | undefined {
  const { file, handler } = state;
  try {
    const fast = state.slow ? undefined : readFast(state.text, chunk.from, chunk.to, chunk.line, build);
    if (fast !== undefined) {
      return fast;
    }
  } catch (error) {
    if (!(error instanceof TemplateFound)) {
      throw error;
    }
    templateProblem(state, error.line);
    return undefined;
  }
  const full = readYaml(written, chunk.line);
  if (full.ok) {
    return full.document;
  }
  const template = written.indexOf('{{');
  if (template !== -1) {
    templateProblem(state, chunk.line + written.slice(0, template).split('\n').length - 1);
  } else {
    handler.problem({
      kind: 'Syntax',
      file,
      line: full.problem.line,
      message: `cannot be read as YAML: ${full.problem.message}; this document is not judged`,
    });
  }
  return undefined;
}

function templateProblem(state: FileState, line: number): void {
  if (!state.template) {
    state.handler.problem({ kind: 'Template', file: state.file, line, message: TEMPLATE_MESSAGE });
  }
  state.template = true;
}

/** Returns how many Kubernetes objects the value holds. */
function emit(value: unknown, position: Position, state: FileState, whole: boolean): number {
  const { file, handler } = state;
  const kind = textAt(value, 'kind');
  const apiVersion = textAt(value, 'apiVersion');
  if (kind === undefined || apiVersion === undefined) {
    return 0;
  }
  const object = value as Readonly<Record<string, unknown>>;
  if (kind.endsWith('List') && Array.isArray(object['items'])) {
    let count = 0;
    for (const [index, item] of object['items'].entries()) {
      count += emit(withKind(item, kind, apiVersion), positionAt(position, ['items', index]) ?? position, state, whole);
    }
    return count;
  }
  if (!whole || !handler.wants(kind, '')) {
    handler.other(kind);
    return 1;
  }
  const name = textAt(object['metadata'], 'name') ?? '';
  const namespace = textAt(object['metadata'], 'namespace') ?? '';
  if (`${name}${namespace}`.includes('{{')) {
    templateProblem(
      state,
      lineOf(positionAt(position, ['metadata', name.includes('{{') ? 'name' : 'namespace']) ?? position),
    );
    return 1;
  }
  handler.document({ apiVersion, kind, value: object, position, file, line: lineOf(position) });
  return 1;
}

/** Items of a typed list such as DeploymentList may leave out their kind. */
function withKind(item: unknown, listKind: string, apiVersion: string): unknown {
  const itemKind = listKind.slice(0, -'List'.length);
  if (itemKind === '' || typeof item !== 'object' || item === null || textAt(item, 'kind') !== undefined) {
    return item;
  }
  return { apiVersion, kind: itemKind, ...item };
}

function textAt(value: unknown, key: string): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return undefined;
  }
  const found = (value as Record<string, unknown>)[key];
  return typeof found === 'string' ? found : undefined;
}
