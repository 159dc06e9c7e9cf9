import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Node, Scalar, YAMLMap } from 'yaml';
import { isMergeKey, resolvePlain } from '../../../drain/template/istio-yaml.ts';
import { detached } from './lexical.ts';
import type { DuplicateKey, Position, ReadDocument } from './positions.ts';

/** What is wrong with a document, at a line of its file. */
export interface YamlProblem {
  readonly message: string;
  readonly line: number;
}

export type FullReading =
  { readonly ok: true; readonly document: ReadDocument } | { readonly ok: false; readonly problem: YamlProblem };

/**
 * More values than this, counted as if every alias were written out, is an attack or a mistake: a few hundred bytes of
 * nested aliases can stand for billions.
 */
export const EXPANSION_LIMIT = 1_000_000;

/** Any YAML document, by the `yaml` package, with go-yaml's types as Kubernetes reads it. `firstLine` is the line at which `text` starts in its file. */
export function readFull(text: string, firstLine: number): FullReading {
  const lines = new LineCounter();
  const lineAt = (offset: number): number => firstLine - 1 + lines.linePos(offset).line;
  try {
    const document = parseDocument(text, {
      schema: 'failsafe',
      version: '1.1',
      uniqueKeys: false,
      prettyErrors: false,
      lineCounter: lines,
      logLevel: 'silent',
      strict: true,
    });
    const error = document.errors[0];
    if (error !== undefined) {
      return { ok: false, problem: { message: oneLine(error.message), line: lineAt(error.pos[0]) } };
    }
    const converter = new Converter(lineAt, firstLine);
    const [value, position] = converter.convert(
      document.contents,
      document.contents?.range === undefined ? firstLine : lineAt(document.contents.range[0]),
    );
    return { ok: true, document: { value, position, duplicates: converter.duplicates } };
  } catch (error) {
    if (error instanceof ConversionError) {
      return { ok: false, problem: { message: error.message, line: error.line } };
    }
    if (error instanceof RangeError) {
      return { ok: false, problem: { message: 'nested too deeply to be read', line: firstLine } };
    }
    throw error;
  }
}

function oneLine(message: string): string {
  return message.replace(/\s+/g, ' ').trim();
}

class ConversionError extends Error {
  readonly line: number;
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

interface Converted {
  readonly value: unknown;
  readonly position: Position;
  /** How many values there would be with every alias written out. */
  readonly size: number;
}

class Converter {
  readonly duplicates: DuplicateKey[] = [];
  readonly #lineAt: (offset: number) => number;
  readonly #firstLine: number;
  readonly #anchors = new Map<string, Converted | 'open'>();

  constructor(lineAt: (offset: number) => number, firstLine: number) {
    this.#lineAt = lineAt;
    this.#firstLine = firstLine;
  }

  convert(node: Node | null, line: number): [unknown, Position] {
    const { value, position } = this.#node(node, line);
    return [value, position];
  }

  #lineOf(node: Node | null | undefined): number {
    const offset = node?.range?.[0];
    return offset === undefined ? this.#firstLine : this.#lineAt(offset);
  }

  /** `line` is that of the key or dash the node stands behind. */
  #node(node: Node | null, line: number): Converted {
    if (node === null) {
      return { value: null, position: line, size: 1 };
    }
    if (isAlias(node)) {
      const known = this.#anchors.get(node.source);
      if (known === undefined || known === 'open') {
        const why = known === undefined ? `unknown anchor ${node.source}` : `anchor ${node.source} contains itself`;
        throw new ConversionError(why, this.#lineOf(node));
      }
      return known;
    }
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor !== undefined) {
      this.#anchors.set(anchor, 'open');
    }
    const converted = isMap(node)
      ? this.#map(node as YAMLMap<Node, Node | null>, line)
      : isSeq(node)
        ? this.#list(node.items as (Node | null)[], line)
        : { value: isScalar(node) ? this.#scalar(node) : null, position: line, size: 1 };
    if (converted.size > EXPANSION_LIMIT) {
      throw new ConversionError(
        `aliases stand for more than ${EXPANSION_LIMIT} values: an alias bomb, or a mistake`,
        this.#lineOf(node),
      );
    }
    if (anchor !== undefined) {
      this.#anchors.set(anchor, converted);
    }
    return converted;
  }

  #map(map: YAMLMap<Node, Node | null>, line: number): Converted {
    const value: Record<string, unknown> = {};
    const keys = new Map<string, Position>();
    let size = 1;
    for (const pair of map.items) {
      const keyLine = this.#lineOf(pair.key);
      if (isMergeKey(pair.key)) {
        size += this.#merge(value, keys, pair.value, keyLine);
        continue;
      }
      const key = this.#key(pair.key, keyLine);
      const known = keys.get(key);
      if (known !== undefined && Object.hasOwn(value, key)) {
        this.duplicates.push({ key, line: keyLine, firstLine: typeof known === 'number' ? known : known.line });
      }
      const child = this.#node(pair.value, keyLine);
      size += child.size;
      setOwn(value, key, child.value);
      keys.set(key, typeof child.position === 'number' ? keyLine : { ...child.position, line: keyLine });
    }
    return { value, position: { line, keys }, size };
  }

  #merge(target: Record<string, unknown>, keys: Map<string, Position>, source: Node | null, line: number): number {
    const sources = isSeq(source) ? [...(source.items as Node[])].reverse() : [source];
    let size = 0;
    for (const one of sources) {
      const { value, size: merged } = this.#node(one, line);
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        throw new ConversionError('a merge key (<<) needs a map', line);
      }
      size += merged;
      for (const [key, child] of Object.entries(value)) {
        setOwn(target, key, child);
        keys.set(key, line);
      }
    }
    return size;
  }

  #list(items: readonly (Node | null)[], line: number): Converted {
    const value: unknown[] = [];
    const positions: Position[] = [];
    let size = 1;
    for (const item of items) {
      const itemLine = item === null ? line : this.#lineOf(item);
      const child = this.#node(item, itemLine);
      size += child.size;
      value.push(child.value);
      positions.push(isAlias(item) ? itemLine : child.position);
    }
    return { value, position: { line, items: positions }, size };
  }

  #key(node: Node, line: number): string {
    const { value } = this.#node(node, line);
    if (isScalar(node) && typeof node.value === 'string') {
      return node.value;
    }
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      return `${value}`;
    }
    throw new ConversionError('a key must be a scalar', line);
  }

  #scalar(node: Scalar<unknown>): unknown {
    const text = typeof node.value === 'string' ? node.value : '';
    const tag = node.tag ?? '';
    if (tag === 'tag:yaml.org,2002:str' || (tag === '' && node.type !== 'PLAIN') || tag === '!') {
      return detached(text);
    }
    const value = resolvePlain(text);
    return typeof value === 'number' && !Number.isFinite(value)
      ? text
      : typeof value === 'string'
        ? detached(value)
        : value;
  }
}

/** A key such as `__proto__` is a key like any other. */
function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
    return;
  }
  target[key] = value;
}
