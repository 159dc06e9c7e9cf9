import { isMap } from 'yaml';
import type { Node, YAMLMap } from 'yaml';
import { formatGoDuration, parseGoBool, parseGoDuration } from '../duration.ts';
import type { ProxyConfigValues } from '../model/mesh.ts';
import type { Seconds } from '../model/workload.ts';
import { parseProxyConfigAnnotation, readIstioYaml } from './annotation.ts';
import { memoizeByText } from '../memoize.ts';
import { isPlainMap } from './istio-yaml.ts';
import type { IstioYamlDocument, IstioYamlValue, Malformed } from './istio-yaml.ts';
import { snakeCase } from './proxy-config-fields.ts';
import { pairOf, removeKey, setKey, SpliceError, startMap } from './yaml-splice.ts';
import type { Leaf } from './yaml-splice.ts';

/** What should stand in the annotation afterwards. `undefined` leaves a key alone, `null` takes it out. */
export interface ProxyConfigEdits {
  /** Seconds, or the Go duration as it should be written. */
  readonly terminationDrainDuration?: Seconds | string | null;
  readonly drainDuration?: Seconds | string | null;
  readonly holdApplicationUntilProxyStarts?: boolean | null;
  readonly proxyMetadata?: Readonly<Record<string, string | null>>;
}

export type MergedAnnotation =
  | { readonly ok: true; readonly text: string; readonly changed: boolean }
  | { readonly ok: false; readonly malformed: Malformed };

const CACHED_EDITS = 1024;

/**
 * Edits the value of `proxy.istio.io/config` as structure. What is not asked for keeps its bytes: other keys, comments,
 * order, quotes, JSON. A key that has an equal value already is not written, so that `1m` is never turned into `60s`.
 * Of the two spellings of a key the one that counts is edited, and a dead twin beside it is kept in step.
 */
export function mergeProxyConfigAnnotation(text: string | undefined, edits: ProxyConfigEdits): MergedAnnotation {
  return mergeCached(JSON.stringify([text ?? null, edits]));
}

// Thousands of workloads share few texts and few edits; a merge reads the text twice for each key it writes.
const mergeCached = memoizeByText(CACHED_EDITS, (key) => {
  const [text, edits] = JSON.parse(key) as [string | null, ProxyConfigEdits];
  return merge(text ?? '', edits);
});

function merge(original: string, edits: ProxyConfigEdits): MergedAnnotation {
  const reading = parseProxyConfigAnnotation(original);
  if (!reading.ok) {
    return reading;
  }
  let text = original;
  for (const step of stepsOf(edits)) {
    if (stands(parsedValues(text), step)) {
      continue;
    }
    const result = applyStep(text, step);
    if (typeof result !== 'string') {
      return { ok: false, malformed: result };
    }
    text = result;
  }
  return { ok: true, text, changed: text !== original };
}

interface Step {
  readonly path: readonly [string] | readonly ['proxyMetadata', string];
  readonly value: Leaf | null;
}

function stepsOf(edits: ProxyConfigEdits): Step[] {
  const steps: Step[] = [];
  for (const name of ['terminationDrainDuration', 'drainDuration'] as const) {
    const value = edits[name];
    if (value !== undefined) {
      steps.push({ path: [name], value: typeof value === 'number' ? formatGoDuration(value) : value });
    }
  }
  if (edits.holdApplicationUntilProxyStarts !== undefined) {
    steps.push({ path: ['holdApplicationUntilProxyStarts'], value: edits.holdApplicationUntilProxyStarts });
  }
  for (const [name, value] of Object.entries(edits.proxyMetadata ?? {})) {
    steps.push({ path: ['proxyMetadata', name], value });
  }
  return steps;
}

function parsedValues(text: string): ProxyConfigValues {
  const reading = parseProxyConfigAnnotation(text);
  return reading.ok ? reading.values : {};
}

/** Whether an equal value stands there already. Two texts of one duration or one boolean are equal. */
function stands(values: ProxyConfigValues, { path, value }: Step): boolean {
  const [name, variable] = path;
  if (variable !== undefined) {
    const present =
      values.proxyMetadata !== undefined && Object.hasOwn(values.proxyMetadata, variable)
        ? values.proxyMetadata[variable]
        : undefined;
    return present === undefined ? value === null : typeof value === 'string' && sameVariable(variable, present, value);
  }
  const present = values[name as 'terminationDrainDuration' | 'drainDuration' | 'holdApplicationUntilProxyStarts'];
  if (value === null) {
    // A key with the value null sets nothing, and yet it stands there: taking it out is for `applyStep` to find out.
    return false;
  }
  if (typeof value === 'boolean') {
    return present === value;
  }
  const wanted = parseGoDuration(value);
  return wanted.ok && wanted.seconds === present;
}

/** Variables of which Istio reads the meaning, not the text. */
function sameVariable(name: string, left: string, right: string): boolean {
  if (left === right) {
    return true;
  }
  if (name === 'EXIT_ON_ZERO_ACTIVE_CONNECTIONS') {
    return parseGoBool(left) !== undefined && parseGoBool(left) === parseGoBool(right);
  }
  if (name === 'MINIMUM_DRAIN_DURATION') {
    const [one, other] = [parseGoDuration(left), parseGoDuration(right)];
    return one.ok && other.ok && one.seconds === other.seconds;
  }
  return false;
}

function applyStep(text: string, step: Step): string | Malformed {
  const before = readIstioYaml(text);
  if (!before.ok) {
    return before.malformed;
  }
  if (before.document.more) {
    return { message: 'holds several YAML documents, of which Istio reads only the first: put everything into one' };
  }
  const expected = expectedAfter(before.value, step);
  try {
    const result = step.value === null ? removeAll(text, step) : setAll(text, before.document, step, step.value);
    const after = readIstioYaml(result);
    if (after.ok && sameValue(after.value, expected)) {
      return result;
    }
  } catch (error) {
    if (!(error instanceof SpliceError)) {
      throw error;
    }
  }
  // Anchors, explicit keys, tags: forms in which a change at one place changes another, or that have no one place.
  return {
    message: `${step.path.join('.')} cannot be edited without changing something else in this text: write it in plain block YAML or JSON`,
    path: step.path.join('.'),
  };
}

/** Both spellings, where both stand there; else the one that stands there; else the usual one. */
function spellings(map: YAMLMap<Node, Node | null> | Record<string, unknown>, name: string): string[] {
  const has = (key: string): boolean => (isMap(map) ? pairOf(map, key) !== undefined : Object.hasOwn(map, key));
  const present = [...new Set([name, snakeCase(name)])].filter(has);
  return present.length === 0 ? [name] : present;
}

function setAll(text: string, document: IstioYamlDocument, { path }: Step, value: Leaf): string {
  const [name, variable] = path;
  const root = rootMap(document);
  if (root === undefined) {
    const range = document.root?.range ?? undefined;
    const start = range === undefined ? text : text.slice(0, range[0]) + text.slice(range[1]);
    return startMap(start, name, variable === undefined ? value : { key: variable, value });
  }
  let result = text;
  for (const spelling of spellings(root, name)) {
    const map = rootMap(reread(result));
    if (map === undefined) {
      throw new SpliceError('no map');
    }
    const nested = variable === undefined ? undefined : pairOf(map, spelling)?.value;
    if (variable === undefined) {
      result = setKey(result, map, spelling, value);
    } else if (isMap(nested)) {
      result = setKey(result, nested as YAMLMap<Node, Node | null>, variable, value);
    } else {
      result = setKey(result, map, spelling, { key: variable, value });
    }
  }
  return result;
}

/** Every occurrence goes, in both spellings; a `proxyMetadata` that is left empty goes with its last entry. */
function removeAll(text: string, { path }: Step): string {
  const [name, variable] = path;
  let result = text;
  for (const spelling of new Set([name, snakeCase(name)])) {
    for (let pass = 0; pass < 100; pass += 1) {
      const map = rootMap(reread(result));
      const pair = map === undefined ? undefined : pairOf(map, spelling);
      if (map === undefined || pair === undefined) {
        break;
      }
      if (variable === undefined) {
        result = removeKey(result, map, spelling);
        continue;
      }
      const nested = isMap(pair.value) ? (pair.value as YAMLMap<Node, Node | null>) : undefined;
      if (nested === undefined || pairOf(nested, variable) === undefined) {
        break;
      }
      result = nested.items.length === 1 ? removeKey(result, map, spelling) : removeKey(result, nested, variable);
    }
  }
  return result;
}

function reread(text: string): IstioYamlDocument {
  const reading = readIstioYaml(text);
  if (!reading.ok) {
    throw new SpliceError(reading.malformed.message);
  }
  return reading.document;
}

function rootMap(document: IstioYamlDocument): YAMLMap<Node, Node | null> | undefined {
  return isMap(document.root) ? (document.root as YAMLMap<Node, Node | null>) : undefined;
}

/** What the text must mean afterwards: the same as before but for the one key. */
function expectedAfter(before: IstioYamlValue, { path, value }: Step): unknown {
  const [name, variable] = path;
  const root: Record<string, unknown> = { ...(isPlainMap(before) ? before : {}) };
  const keys = value === null ? [name, snakeCase(name)] : spellings(root, name);
  for (const key of keys) {
    if (variable === undefined) {
      setOrDelete(root, key, value);
      continue;
    }
    const map = root[key];
    if (value === null && !isPlainMap(map)) {
      continue;
    }
    const inner: Record<string, unknown> = { ...(isPlainMap(map) ? map : {}) };
    setOrDelete(inner, variable, value);
    setOrDelete(
      root,
      key,
      value === null && isPlainMap(map) && Object.hasOwn(map, variable) && Object.keys(inner).length === 0
        ? null
        : inner,
    );
  }
  return Object.keys(root).length === 0 ? null : root;
}

function setOrDelete(target: Record<string, unknown>, key: string, value: unknown): void {
  if (value === null) {
    Reflect.deleteProperty(target, key);
  } else {
    target[key] = value;
  }
}

/** Equal as far as Istio can tell; an empty document and an empty map are. */
function sameValue(left: unknown, right: unknown): boolean {
  if (isPlainMap(left) && isPlainMap(right)) {
    const keys = Object.keys(left);
    return (
      keys.length === Object.keys(right).length &&
      keys.every((key) => Object.hasOwn(right, key) && sameValue(left[key], right[key]))
    );
  }
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => sameValue(item, right[index]));
  }
  const empty = (value: unknown): boolean => value === null || (isPlainMap(value) && Object.keys(value).length === 0);
  return left === right || (empty(left) && empty(right));
}
