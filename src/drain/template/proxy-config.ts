import type { ProxyConfigValues, StatsInclusion } from '../model/mesh.ts';
import { parseGoDuration } from '../duration.ts';
import { isPlainMap } from './istio-yaml.ts';
import type { Malformed } from './istio-yaml.ts';
import {
  KNOWN_STRANGERS,
  MUST_BE_A_PORT,
  MUST_NOT_BE_EMPTY,
  PROXY_CONFIG_FIELDS,
  snakeCase,
} from './proxy-config-fields.ts';
import type { FieldType, MessageFields } from './proxy-config-fields.ts';

/** A key that Istio accepts and ignores. */
export interface UnknownKey {
  readonly path: string;
  /** A sentence without the path, for example `is not a field of ProxyConfig and is ignored; did you mean ...?`. */
  readonly message: string;
  readonly suggestion?: string;
}

/** A value that Istio accepts and that does harm, or something else than it seems to. */
export interface DangerousValue {
  readonly path: string;
  readonly message: string;
}

export interface ProxyConfigReading {
  readonly ok: true;
  readonly values: ProxyConfigValues;
  readonly unknownKeys: readonly UnknownKey[];
  readonly dangerous: readonly DangerousValue[];
}

/** Istio denies every pod that carries this. */
export interface ProxyConfigRefusal {
  readonly ok: false;
  readonly malformed: Malformed;
}

/**
 * Istio's reading of a ProxyConfig message that has been parsed already: the value of the annotation, or
 * `defaultConfig` of the mesh config. Types as its JSON form demands them (golang/protobuf jsonpb 1.5.4), then
 * `ValidateMeshConfigProxyConfig` as far as plain values decide it.
 */
export function proxyConfigValuesFrom(config: unknown): ProxyConfigReading | ProxyConfigRefusal {
  const reader = new MessageReader();
  // A whole document that is null changes nothing (jsonpb keeps this for compatibility).
  const fields = config === null || config === undefined ? {} : reader.message(PROXY_CONFIG_FIELDS, config, '');
  if (reader.refused === undefined) {
    reader.validate(fields);
  }
  if (reader.refused !== undefined) {
    return { ok: false, malformed: reader.refused };
  }
  return { ok: true, values: valuesOf(fields), unknownKeys: reader.unknownKeys, dangerous: reader.dangerous };
}

type Fields = Readonly<Record<string, unknown>>;

/** Another message of Istio's in its JSON form: types only. */
export function readMessage(
  fields: MessageFields,
  value: unknown,
): { readonly ok: true; readonly fields: Fields } | ProxyConfigRefusal {
  const reader = new MessageReader();
  const read = reader.message(fields, value, '');
  return reader.refused === undefined ? { ok: true, fields: read } : { ok: false, malformed: reader.refused };
}

/** Reads one message; after the first value that Istio refuses, nothing else counts. */
class MessageReader {
  readonly unknownKeys: UnknownKey[] = [];
  readonly dangerous: DangerousValue[] = [];
  refused: Malformed | undefined;

  message(fields: MessageFields, value: unknown, path: string): Fields {
    if (!isPlainMap(value)) {
      this.refuse(path, `${describe(value)} where a map of fields is expected`);
      return {};
    }
    const result: Record<string, unknown> = {};
    const used = new Set<string>();
    for (const [name, type] of Object.entries(fields)) {
      const snake = snakeCase(name);
      const camelStands = Object.hasOwn(value, name);
      const snakeStands = snake !== name && Object.hasOwn(value, snake);
      if (!camelStands && !snakeStands) {
        continue;
      }
      used.add(name).add(snake);
      const key = camelStands ? name : snake;
      if (camelStands && snakeStands) {
        this.dangerous.push({
          path: join(path, snake),
          message: `has no effect, because ${name} is set as well and wins`,
        });
      }
      // A null leaves the field as it was, also when the other spelling has a value.
      const raw = value[key];
      if (raw !== null && raw !== undefined) {
        result[name] = this.value(type, raw, join(path, key));
      }
    }
    for (const key of Object.keys(value)) {
      if (!used.has(key)) {
        this.unknownKeys.push(unknownKey(key, path, fields));
      }
    }
    return result;
  }

  validate(fields: Fields): void {
    for (const name of MUST_NOT_BE_EMPTY) {
      if (fields[name] === '') {
        this.refuse(name, 'must not be empty');
      }
    }
    for (const name of MUST_BE_A_PORT) {
      const port = fields[name];
      if (typeof port === 'number' && (port < 1 || port > 65535)) {
        this.refuse(name, `${port} is not a port (1 to 65535)`);
      }
    }
    const drain = fields['drainDuration'];
    if (typeof drain === 'number' && (drain < 1 || !Number.isInteger(drain))) {
      this.refuse('drainDuration', 'Istio accepts whole seconds of at least 1s only');
    }
    const termination = fields['terminationDrainDuration'];
    if (typeof termination === 'number' && termination <= 0) {
      this.dangerous.push({
        path: 'terminationDrainDuration',
        message:
          'is not above zero: the proxy ends at once when the pod is told to stop, and requests in flight are lost',
      });
    }
  }

  private refuse(path: string, message: string): void {
    this.refused ??= path === '' ? { message } : { message: `${path}: ${message}`, path };
  }

  private value(type: FieldType, raw: unknown, path: string): unknown {
    if (typeof type === 'object') {
      return this.composite(type, raw, path);
    }
    switch (type) {
      case 'string':
        return this.string(raw, path);
      case 'duration':
        return this.duration(raw, path);
      case 'bool':
        if (typeof raw !== 'boolean') {
          this.refuse(path, `${describe(raw)} is not a boolean: write true or false without quotes`);
        }
        return raw;
      case 'double':
        return this.number(raw, path, undefined);
      case 'int32':
        return this.number(raw, path, [-(2 ** 31), 2 ** 31 - 1]);
      case 'uint32':
        return this.number(raw, path, [0, 2 ** 32 - 1]);
      case 'int64':
        return this.number(raw, path, [-(2 ** 63), 2 ** 63]);
    }
  }

  private composite(type: Exclude<FieldType, string>, raw: unknown, path: string): unknown {
    if ('message' in type) {
      return this.message(type.message, raw, path);
    }
    if ('oneOf' in type) {
      // jsonpb takes any number for an enum, and compares a name exactly.
      if (typeof raw === 'string' ? !type.oneOf.includes(raw) : !Number.isInteger(raw)) {
        this.refuse(path, `${describe(raw)} is none of ${type.oneOf.join(', ')}`);
      }
      return raw;
    }
    if ('listOf' in type) {
      if (!Array.isArray(raw)) {
        this.refuse(path, `${describe(raw)} where a list is expected`);
        return [];
      }
      return raw.map((item: unknown, index) => this.element(type.listOf, item, `${path}[${index}]`));
    }
    if (!isPlainMap(raw)) {
      this.refuse(path, `${describe(raw)} where a map is expected`);
      return {};
    }
    return Object.fromEntries(
      Object.entries(raw).map(([key, item]) => [key, this.element(type.mapOf, item, join(path, key))]),
    );
  }

  /** Inside lists and maps null is the empty value of the type. */
  private element(type: FieldType, raw: unknown, path: string): unknown {
    if (raw === null || raw === undefined) {
      return type === 'string' ? '' : undefined;
    }
    return this.value(type, raw, path);
  }

  private string(raw: unknown, path: string): string {
    if (typeof raw === 'string') {
      return raw;
    }
    const hint = typeof raw === 'boolean' || typeof raw === 'number' ? `: put it in quotes` : '';
    this.refuse(path, `${describe(raw)} is no string${hint}`);
    return '';
  }

  private duration(raw: unknown, path: string): number | undefined {
    if (typeof raw !== 'string') {
      const example = typeof raw === 'number' ? `, for example "${raw}s"` : ', for example "60s"';
      this.refuse(path, `${describe(raw)} is not a duration: write a string with a unit${example}`);
      return undefined;
    }
    const duration = parseGoDuration(raw);
    if (!duration.ok) {
      this.refuse(path, `${duration.why} (a duration has a unit of h, m, s or ms, for example 60s or 1m30s)`);
      return undefined;
    }
    return duration.seconds;
  }

  private number(raw: unknown, path: string, range: readonly [number, number] | undefined): number | undefined {
    // Quoted numbers count: jsonpb takes the quotes off. A line break stays an escape there, which is no blank.
    const text = typeof raw === 'string' ? raw.replace(/^ +| +$/g, '') : undefined;
    const pattern = range === undefined ? /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/ : /^-?(0|[1-9]\d*)$/;
    const number = typeof raw === 'number' ? raw : text !== undefined && pattern.test(text) ? Number(text) : undefined;
    if (range === undefined && typeof raw === 'string' && NOT_FINITE.has(raw)) {
      return undefined;
    }
    if (
      number === undefined ||
      !Number.isFinite(number) ||
      (range !== undefined && (!Number.isInteger(number) || number < range[0] || number > range[1]))
    ) {
      this.refuse(
        path,
        `${describe(raw)} is no ${range === undefined ? 'number' : 'whole number of the range that the field takes'}`,
      );
      return undefined;
    }
    return number;
  }
}

/** What jsonpb takes for a double beside numbers. */
const NOT_FINITE: ReadonlySet<string> = new Set(['NaN', 'Infinity', '-Infinity']);

function valuesOf(fields: Fields): ProxyConfigValues {
  const stats = fields['proxyStatsMatcher'] as Record<string, readonly string[] | undefined> | undefined;
  const image = fields['image'] as { imageType?: string } | undefined;
  return {
    ...pick<number>(fields, 'terminationDrainDuration'),
    ...pick<number>(fields, 'drainDuration'),
    ...pick<boolean>(fields, 'holdApplicationUntilProxyStarts'),
    ...pick<Record<string, string>>(fields, 'proxyMetadata'),
    ...(stats === undefined ? {} : { statsInclusion: statsOf(stats) }),
    ...(image?.imageType === undefined ? {} : { imageType: image.imageType }),
  };
}

function statsOf(stats: Readonly<Record<string, readonly string[] | undefined>>): StatsInclusion {
  return {
    prefixes: stats['inclusionPrefixes'] ?? [],
    suffixes: stats['inclusionSuffixes'] ?? [],
    regexps: stats['inclusionRegexps'] ?? [],
  };
}

function pick<T>(fields: Fields, name: string): Record<string, T> {
  const value = fields[name];
  return value === undefined ? {} : { [name]: value as T };
}

function describe(value: unknown): string {
  if (value === null || value === undefined) {
    return 'null';
  }
  if (Array.isArray(value)) {
    return 'a list';
  }
  return typeof value === 'object' ? 'a map' : JSON.stringify(value);
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function unknownKey(key: string, parent: string, fields: MessageFields): UnknownKey {
  const path = join(parent, key);
  const camel = key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const stranger = parent === '' ? (KNOWN_STRANGERS[key] ?? KNOWN_STRANGERS[camel]) : undefined;
  if (stranger !== undefined) {
    return { path, message: stranger };
  }
  const suggestion = nearest(camel, Object.keys(fields));
  const message = `is not a field of ${parent === '' ? 'ProxyConfig' : parent} and is ignored`;
  return suggestion === undefined
    ? { path, message }
    : { path, message: `${message}; did you mean ${suggestion}?`, suggestion };
}

/** The known name that differs by the fewest single-character edits, if few enough to be a slip. */
function nearest(key: string, names: readonly string[]): string | undefined {
  const wanted = key.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.min(3, Math.floor(wanted.length / 3)) + 1;
  for (const name of names) {
    if (Math.abs(name.length - wanted.length) >= bestDistance) {
      continue;
    }
    const distance = editDistance(wanted, name.toLowerCase());
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const substitution = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}
