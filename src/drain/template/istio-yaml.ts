import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml';
import type { Document, Node, ParsedNode, Scalar, YAMLMap } from 'yaml';

/**
 * YAML as Istio reads it: `sigs.k8s.io/yaml`, which is go-yaml v2. That is YAML 1.1 scalars (`yes` is a boolean, `012`
 * a number), the last of two equal keys wins, a merge key overrides what stands before it, and only the first document
 * counts. A YAML 1.2 parser would call values good that make the injector deny the pod, and the reverse.
 */

export type IstioYamlValue = string | number | boolean | null | readonly IstioYamlValue[] | IstioYamlMap;
export interface IstioYamlMap {
  readonly [key: string]: IstioYamlValue;
}

/** Why a text cannot be read, and where. Lines and columns count from 1. */
export interface Malformed {
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
  /** Key path such as `proxyMetadata.FOO`; absent for a syntax error. */
  readonly path?: string;
}

export interface IstioYamlDocument {
  readonly text: string;
  readonly root: ParsedNode | null;
  readonly lines: LineCounter;
  /** True when further documents follow, which Istio does not read. */
  readonly more: boolean;
}

export type ParsedYaml =
  { readonly ok: true; readonly document: IstioYamlDocument } | { readonly ok: false; readonly malformed: Malformed };

/** Reads the syntax. Scalars stay text (schema `failsafe`); `valueOf` gives them go-yaml's types. */
export function parseIstioYaml(text: string): ParsedYaml {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    schema: 'failsafe',
    version: '1.1',
    uniqueKeys: false,
    prettyErrors: false,
    keepSourceTokens: true,
    lineCounter: lines,
    logLevel: 'silent',
  });
  const first: Document.Parsed | undefined = 'empty' in documents ? undefined : documents[0];
  const content = first?.contents ?? null;
  const isEmpty = content === null || (isScalar(content) && content.value === '');
  if (isEmpty && /^\.\.\.\s*$/m.test(text) && !/^---/m.test(text)) {
    return {
      ok: false,
      malformed: { message: 'did not find expected node content: the text ends a document that has not begun' },
    };
  }
  if (first === undefined) {
    return { ok: true, document: { text, root: null, lines, more: false } };
  }
  const directives = first.directives.yaml;
  if (directives.explicit === true && directives.version !== '1.1') {
    return {
      ok: false,
      malformed: { message: 'found incompatible YAML document: Istio reads YAML 1.1', line: 1, column: 1 },
    };
  }
  const error = first.errors[0];
  if (error !== undefined) {
    const at = lines.linePos(error.pos[0]);
    return { ok: false, malformed: { message: error.message, line: at.line, column: at.col } };
  }
  return { ok: true, document: { text, root: first.contents, lines, more: documents.length > 1 } };
}

export class YamlValueError extends Error {
  readonly node: Node | undefined;
  constructor(message: string, node?: Node) {
    super(message);
    this.node = node;
  }
}

/** An alias can be expanded again and again; a real ProxyConfig has some dozens of nodes. */
const NODE_BUDGET = 20_000;

/** The plain value of a node. Throws `YamlValueError` where go-yaml or its conversion to JSON fails. */
export function valueOf(document: IstioYamlDocument): IstioYamlValue {
  return new ValueReader().read(document.root);
}

class ValueReader {
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  #budget = NODE_BUDGET;

  read(node: Node | null | undefined): IstioYamlValue {
    this.#budget -= 1;
    if (this.#budget < 0) {
      throw new YamlValueError('document contains excessive aliasing', node ?? undefined);
    }
    if (node === null || node === undefined) {
      return null;
    }
    if (isAlias(node)) {
      return this.#readAlias(node.source, node);
    }
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor !== undefined) {
      this.#anchors.set(anchor, node);
    }
    if (isScalar(node)) {
      return scalarValue(node);
    }
    if (isSeq(node)) {
      return node.items.map((item) => this.read(item as Node | null));
    }
    if (isMap(node)) {
      const target: Record<string, IstioYamlValue> = emptyMap();
      this.#fill(target, node as YAMLMap<Node, Node | null>);
      return target;
    }
    throw new YamlValueError('not a value', node);
  }

  #readAlias(name: string, alias: Node): IstioYamlValue {
    const target = this.#anchors.get(name);
    if (target === undefined) {
      throw new YamlValueError(`unknown anchor '${name}' referenced`, alias);
    }
    if (this.#open.has(target)) {
      throw new YamlValueError(`anchor '${name}' value contains itself`, alias);
    }
    this.#open.add(target);
    const value = this.read(target);
    this.#open.delete(target);
    return value;
  }

  #fill(target: Record<string, IstioYamlValue>, map: YAMLMap<Node, Node | null>): void {
    this.#open.add(map);
    for (const pair of map.items) {
      if (isMergeKey(pair.key)) {
        this.#merge(target, pair.value);
        continue;
      }
      const key = keyText(this.read(pair.key), pair.key);
      target[key] = this.read(pair.value);
    }
    this.#open.delete(map);
  }

  #merge(target: Record<string, IstioYamlValue>, source: Node | null): void {
    const sources = isSeq(source) ? [...(source.items as Node[])].reverse() : [source];
    for (const one of sources) {
      const value = this.read(one);
      if (!isPlainMap(value)) {
        throw new YamlValueError('map merge requires map or sequence of maps as the value', one ?? undefined);
      }
      Object.assign(target, value);
    }
  }
}

export function isPlainMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Without a prototype, so that a key such as `__proto__` is a key like any other. */
function emptyMap(): Record<string, IstioYamlValue> {
  return Object.create(null) as Record<string, IstioYamlValue>;
}

export function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.value === '<<' && (key.type === 'PLAIN' || key.tag === 'tag:yaml.org,2002:merge');
}

function keyText(value: IstioYamlValue, node: Node): string {
  if (value === null || typeof value === 'object') {
    throw new YamlValueError(`invalid map key: ${JSON.stringify(value)}`, node);
  }
  return String(value);
}

const TRUE_WORDS = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']);
const FALSE_WORDS = new Set(['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF']);
const NULL_WORDS = new Set(['', '~', 'null', 'Null', 'NULL']);
const NOT_FINITE = /^(?:\.(?:nan|NaN|NAN)|[-+]?\.(?:inf|Inf|INF))$/;
const INTEGER = /^[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

const TAG_PREFIX = 'tag:yaml.org,2002:';
const TYPE_OF_TAG: Readonly<Record<string, readonly string[]>> = {
  bool: ['boolean'],
  int: ['integer'],
  float: ['float', 'integer'],
  null: ['null'],
};

/** The type that go-yaml v2 gives to a scalar (its resolve.go). A plain scalar only; quotes make a string. */
export function resolvePlain(text: string): string | number | boolean | null {
  // Nearly all scalars are longer words.
  if (text.length > LONGEST_WORD && !startsLikeNumber(text.charCodeAt(0))) {
    return text;
  }
  if (NULL_WORDS.has(text)) {
    return null;
  }
  if (TRUE_WORDS.has(text)) {
    return true;
  }
  if (FALSE_WORDS.has(text)) {
    return false;
  }
  if (NOT_FINITE.test(text)) {
    return text.toLowerCase().endsWith('nan') ? Number.NaN : text.startsWith('-') ? -Infinity : Infinity;
  }
  const first = text.charAt(0);
  if (first === '.') {
    return FLOAT.test(text) ? Number(text) : text;
  }
  if (!/[-+0-9]/.test(first)) {
    return text;
  }
  const plain = text.replaceAll('_', '');
  if (INTEGER.test(plain)) {
    return integerOf(plain);
  }
  return FLOAT.test(plain) ? Number(plain) : text;
}

const LONGEST_WORD = 'false'.length;

/** A digit, a sign or a dot. */
function startsLikeNumber(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2b || code === 0x2d || code === 0x2e;
}

function integerOf(plain: string): number {
  const sign = plain.startsWith('-') ? -1 : 1;
  const digits = plain.replace(/^[-+]/, '');
  return sign * Number(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
}

function scalarValue(node: Scalar<unknown>): IstioYamlValue {
  // The schema `failsafe` makes every scalar a string.
  const text = typeof node.value === 'string' ? node.value : '';
  const tag = node.tag;
  if (tag === undefined || tag === '') {
    if (node.type !== 'PLAIN') {
      return text;
    }
    const value = resolvePlain(text);
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw new YamlValueError(`json: unsupported value: ${text}`, node);
    }
    return value;
  }
  if (!tag.startsWith(TAG_PREFIX)) {
    return text;
  }
  const wanted = TYPE_OF_TAG[tag.slice(TAG_PREFIX.length)];
  if (wanted === undefined) {
    return text;
  }
  const value = resolvePlain(text);
  if (!wanted.includes(typeName(value, text))) {
    throw new YamlValueError(`cannot decode ${JSON.stringify(text)} as a !!${tag.slice(TAG_PREFIX.length)}`, node);
  }
  return value;
}

function typeName(value: string | number | boolean | null, text: string): string {
  if (value === null) {
    return 'null';
  }
  if (typeof value === 'number') {
    return INTEGER.test(text.replaceAll('_', '')) ? 'integer' : 'float';
  }
  return typeof value;
}
