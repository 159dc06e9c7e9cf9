import { isAlias, isMap, isScalar, isSeq, LineCounter } from 'yaml';
import type { Node, Scalar, YAMLMap } from 'yaml';
import { YamlSyntaxError } from './go-yaml/cursor.ts';
import { parseFirstDocument } from './go-yaml/parser.ts';

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
  readonly root: Node | null;
  readonly lines: LineCounter;
  /** True when further documents follow, which Istio does not read. */
  readonly more: boolean;
}

export type ParsedYaml =
  { readonly ok: true; readonly document: IstioYamlDocument } | { readonly ok: false; readonly malformed: Malformed };

/** Reads the syntax. Scalars stay text; `valueOf` gives them go-yaml's types. */
export function parseIstioYaml(text: string): ParsedYaml {
  const lines = new LineCounter();
  lines.lineStarts = [0, ...Array.from(text.matchAll(/\n/g), (found) => found.index + 1)];
  try {
    return { ok: true, document: { text, lines, ...parseFirstDocument(text) } };
  } catch (error) {
    if (!(error instanceof YamlSyntaxError)) {
      throw error;
    }
    const at = lines.linePos(error.offset);
    return { ok: false, malformed: { message: error.message, line: at.line, column: at.col } };
  }
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
  private readonly anchors = new Map<string, Node>();
  private readonly open = new Set<Node>();
  private budget = NODE_BUDGET;

  read(node: Node | null | undefined): IstioYamlValue {
    this.budget -= 1;
    if (this.budget < 0) {
      throw new YamlValueError('document contains excessive aliasing', node ?? undefined);
    }
    if (node === null || node === undefined) {
      return null;
    }
    if (isAlias(node)) {
      return this.readAlias(node.source, node);
    }
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor !== undefined) {
      this.anchors.set(anchor, node);
    }
    if (isScalar(node)) {
      return scalarValue(node);
    }
    if (isSeq(node)) {
      return node.items.map((item) => this.read(item as Node | null));
    }
    if (isMap(node)) {
      const target: Record<string, IstioYamlValue> = emptyMap();
      this.fill(target, node as YAMLMap<Node, Node | null>);
      return target;
    }
    throw new YamlValueError('not a value', node);
  }

  private readAlias(name: string, alias: Node): IstioYamlValue {
    const target = this.anchors.get(name);
    if (target === undefined) {
      throw new YamlValueError(`unknown anchor '${name}' referenced`, alias);
    }
    if (this.open.has(target)) {
      throw new YamlValueError(`anchor '${name}' value contains itself`, alias);
    }
    this.open.add(target);
    const value = this.read(target);
    this.open.delete(target);
    return value;
  }

  private fill(target: Record<string, IstioYamlValue>, map: YAMLMap<Node, Node | null>): void {
    this.open.add(map);
    for (const pair of map.items) {
      if (isMergeKey(pair.key)) {
        this.merge(target, pair.value);
        continue;
      }
      const key = isScalar(pair.key) ? scalarKey(pair.key) : keyText(this.read(pair.key), pair.key);
      target[key] = this.read(pair.value);
    }
    this.open.delete(map);
  }

  private merge(target: Record<string, IstioYamlValue>, source: Node | null): void {
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

/** sigs.k8s.io/yaml's text of a key: a number in its own notation, and what is not finite by its name. */
function scalarKey(node: Scalar<unknown>): string {
  const { value, type } = typedScalar(node);
  if (type === 'float' && typeof value === 'number') {
    return floatKey(value);
  }
  if (type === 'integer') {
    return integerKey(node);
  }
  return keyText(value, node);
}

function integerKey(node: Scalar<unknown>): string {
  const plain = textOf(node).replaceAll('_', '');
  const magnitude = BigInt(unsigned(plain));
  if (!plain.startsWith('-') && magnitude >= LARGEST_KEY) {
    throw new YamlValueError(`unsupported map key: ${plain} is beyond a signed 64-bit integer`, node);
  }
  return String(plain.startsWith('-') ? -magnitude : magnitude);
}

/** Go's `strconv.FormatFloat(value, 'g', -1, 32)`. */
function floatKey(value: number): string {
  const single = Math.fround(value);
  if (!Number.isFinite(single)) {
    return Number.isNaN(single) ? '.nan' : single > 0 ? '.inf' : '-.inf';
  }
  const precisions = Array.from({ length: 9 }, (_, index) => index + 1);
  const digits = precisions.find((count) => Math.fround(Number(single.toPrecision(count))) === single) ?? 9;
  const [mantissa = '', exponent = '0'] = single.toExponential(digits - 1).split('e');
  const power = Number(exponent);
  if (single !== 0 && (power < -4 || power >= 6)) {
    return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  return Object.is(single, -0) ? '-0' : String(Number(single.toPrecision(digits)));
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

/** Go separates digits with single underscores. */
const UNDERSCORE_ASTRAY = /(?:^|\D)_|_(?:\D|$)/;

/** Above this a Go `int64` ends; `sigs.k8s.io/yaml` knows no larger keys. */
const LARGEST_KEY = 2n ** 63n;

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
    return (UNDERSCORE_ASTRAY.test(text) ? undefined : floatOf(text.replaceAll('_', ''))) ?? text;
  }
  if (!/[-+0-9]/.test(first)) {
    return text;
  }
  const plain = text.replaceAll('_', '');
  if (INTEGER.test(plain)) {
    return integerOf(plain);
  }
  return floatOf(plain) ?? text;
}

/** Go refuses a number that is too large for a float, so go-yaml leaves it a string. */
function floatOf(text: string): number | undefined {
  const value = FLOAT.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

const LONGEST_WORD = 'false'.length;

/** A digit, a sign or a dot. */
function startsLikeNumber(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2b || code === 0x2d || code === 0x2e;
}

function integerOf(plain: string): number {
  return (plain.startsWith('-') ? -1 : 1) * Number(unsigned(plain));
}

/** The digits in a notation that JavaScript reads. */
function unsigned(plain: string): string {
  const digits = plain.replace(/^[-+]/, '');
  return /^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits;
}

interface TypedScalar {
  readonly value: string | number | boolean | null;
  /** `timestamp` and `binary` have been turned into their text. */
  readonly type: string;
}

function scalarValue(node: Scalar<unknown>): IstioYamlValue {
  const { value } = typedScalar(node);
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new YamlValueError(`json: unsupported value: ${textOf(node)}`, node);
  }
  return value;
}

function textOf(node: Scalar<unknown>): string {
  return typeof node.value === 'string' ? node.value : '';
}

function typedScalar(node: Scalar<unknown>): TypedScalar {
  const text = textOf(node);
  const tag = node.tag;
  if (tag === undefined) {
    const value = node.type === 'PLAIN' ? resolvePlain(text) : text;
    return { value, type: typeName(value, text) };
  }
  const name = tag.startsWith(TAG_PREFIX) ? tag.slice(TAG_PREFIX.length) : '';
  if (name === 'binary') {
    return { value: binaryText(text, node), type: 'string' };
  }
  if (name === 'timestamp') {
    return { value: timestampText(text, node), type: 'timestamp' };
  }
  const wanted = TYPE_OF_TAG[name];
  if (wanted === undefined) {
    return { value: text, type: 'string' };
  }
  const value = resolvePlain(text);
  const type = typeName(value, text);
  if (!wanted.includes(type)) {
    throw new YamlValueError(`cannot decode ${JSON.stringify(text)} as a !!${name}`, node);
  }
  return { value, type: name === 'float' ? 'float' : type };
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function binaryText(text: string, node: Node): string {
  const plain = text.replace(/[\r\n]/g, '');
  if (!BASE64.test(plain)) {
    throw new YamlValueError('!!binary value contains invalid base64 data', node);
  }
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
    Uint8Array.from(atob(plain), (byte) => byte.charCodeAt(0)),
  );
}

/** go-yaml's forms of a time: a date, or a date with a time of day. Without the tag it leaves them strings. */
const TIMESTAMP =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d+)?(Z|[-+]\d\d:\d\d))|(?: (\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d+)?))?$/;

/** The text as it stands, if it is a time. */
function timestampText(text: string, node: Node): string {
  const parts = TIMESTAMP.exec(text);
  const [year = '', month = '', day = ''] = parts?.slice(1) ?? [];
  const [hour = '0', minute = '0', second = '0'] = parts?.slice(parts[4] === undefined ? 9 : 4) ?? [];
  const two = (part: string): string => part.padStart(2, '0');
  const time = `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}`;
  const read = new Date(`${time}Z`);
  if (Number.isNaN(read.getTime()) || !read.toISOString().startsWith(time)) {
    throw new YamlValueError(`cannot decode ${JSON.stringify(text)} as a !!timestamp`, node);
  }
  return text;
}

function typeName(value: string | number | boolean | null, text: string): string {
  if (value === null) {
    return 'null';
  }
  if (typeof value === 'number') {
    return isInteger(value, text) ? 'integer' : 'float';
  }
  return typeof value;
}

/** Beyond 64 bits a whole number is a float to Go. */
function isInteger(value: number, text: string): boolean {
  return INTEGER.test(text.replaceAll('_', '')) && value >= -(2 ** 63) && value < 2 ** 64;
}
