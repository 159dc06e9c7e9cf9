import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Node, Pair, YAMLMap } from 'yaml';
import { memoizeByText } from '../memoize.ts';
import { parseIstioYaml, resolvePlain, valueOf, YamlValueError } from './istio-yaml.ts';
import type { IstioYamlDocument, IstioYamlValue, Malformed } from './istio-yaml.ts';
import { proxyConfigValuesFrom } from './proxy-config.ts';
import type { DangerousValue, ProxyConfigReading, ProxyConfigRefusal } from './proxy-config.ts';

export type ParsedAnnotation = ProxyConfigReading | ProxyConfigRefusal;

const CACHED_TEXTS = 1024;

/**
 * What Istio makes of the value of `proxy.istio.io/config`: the settings, or why it denies every pod that carries it.
 * Empty text is fine and sets nothing.
 */
export const parseProxyConfigAnnotation: (text: string) => ParsedAnnotation = memoizeByText(CACHED_TEXTS, parse);

function parse(text: string): ParsedAnnotation {
  const parsed = readIstioYaml(text);
  if (!parsed.ok) {
    return parsed;
  }
  const reading = proxyConfigValuesFrom(parsed.value);
  if (!reading.ok) {
    const { message, path } = reading.malformed;
    const node = nodeAt(parsed.document.root, path ?? '');
    return {
      ok: false,
      malformed: { ...reading.malformed, message: message + asWritten(node), ...place(parsed.document, node) },
    };
  }
  const slips = [...repeatedKeys(parsed.document.root), ...(parsed.document.more ? [MORE_DOCUMENTS] : [])];
  return slips.length === 0 ? reading : { ...reading, dangerous: [...reading.dangerous, ...slips] };
}

const MORE_DOCUMENTS: DangerousValue = { path: '', message: 'Istio reads only the first of several YAML documents' };

export type IstioYamlReading =
  | { readonly ok: true; readonly value: IstioYamlValue; readonly document: IstioYamlDocument }
  | { readonly ok: false; readonly malformed: Malformed };

/** An edit reads the same few texts again and again while it proceeds; more need not be kept, for documents are large. */
const CACHED_DOCUMENTS = 16;

/** Syntax and values together; also right for the text of Istio's mesh ConfigMap. The result must not be changed. */
export const readIstioYaml: (text: string) => IstioYamlReading = memoizeByText(CACHED_DOCUMENTS, read);

function read(text: string): IstioYamlReading {
  const parsed = parseIstioYaml(text);
  if (!parsed.ok) {
    return parsed;
  }
  try {
    return { ok: true, value: valueOf(parsed.document), document: parsed.document };
  } catch (error) {
    if (!(error instanceof YamlValueError)) {
      throw error;
    }
    return { ok: false, malformed: { message: error.message, ...place(parsed.document, error.node) } };
  }
}

/** Two equal keys are no error to Istio: the last one counts, which is seldom what the writer thinks. */
function repeatedKeys(root: Node | null, path = ''): DangerousValue[] {
  if (!isMap(root)) {
    return [];
  }
  const found: DangerousValue[] = [];
  const seen = new Set<string>();
  for (const pair of (root as YAMLMap<Node, Node | null>).items) {
    if (!isScalar(pair.key)) {
      continue;
    }
    const key = String(pair.key.value);
    const keyPath = path === '' ? key : `${path}.${key}`;
    if (seen.has(key) && key !== '<<') {
      found.push({ path: keyPath, message: 'is there more than once; only the last one counts' });
    }
    seen.add(key);
    found.push(...repeatedKeys(pair.value, keyPath));
  }
  return found;
}

function place(document: IstioYamlDocument, node: Node | undefined): { line?: number; column?: number } {
  const offset = node?.range?.[0];
  if (offset === undefined) {
    return {};
  }
  const at = document.lines.linePos(offset);
  return { line: at.line, column: at.col };
}

/** `yes` is a boolean here and `012` a number: without their own words the message would puzzle their writer. */
function asWritten(node: Node | undefined): string {
  const value = isScalar(node) && node.type === 'PLAIN' && typeof node.value === 'string' ? node.value : undefined;
  if (value === undefined) {
    return '';
  }
  const read = resolvePlain(value);
  return read === value || String(read) === value ? '' : ` (written as ${value})`;
}

/** The value at a path such as `proxyMetadata.FOO` or `extraStatTags[1]`; else the nearest parent. */
function nodeAt(root: Node | null, path: string): Node | undefined {
  let node = root ?? undefined;
  let rest = path;
  while (rest !== '' && node !== undefined) {
    const step = childAt(node, rest);
    if (step === undefined) {
      break;
    }
    node = step.node;
    rest = step.rest;
  }
  return node;
}

function childAt(node: Node, path: string): { node: Node; rest: string } | undefined {
  if (isSeq(node)) {
    const index = /^\[(\d+)\]\.?/.exec(path);
    const item = index === null ? undefined : (node.items[Number(index[1])] as Node | undefined);
    return item === undefined || index === null ? undefined : { node: item, rest: path.slice(index[0].length) };
  }
  if (!isMap(node) || isAlias(node)) {
    return undefined;
  }
  // A key may hold dots, so the longest key that fits is the one.
  let found: { node: Node; rest: string; length: number } | undefined;
  for (const pair of node.items as Pair<Node, Node | null>[]) {
    const key = isScalar(pair.key) ? String(pair.key.value) : '';
    const next = path.charAt(key.length);
    if (
      key !== '' &&
      path.startsWith(key) &&
      (next === '' || next === '.' || next === '[') &&
      key.length >= (found?.length ?? 0)
    ) {
      found = {
        node: pair.value ?? pair.key,
        rest: path.slice(key.length + (next === '.' ? 1 : 0)),
        length: key.length,
      };
    }
  }
  return found;
}
