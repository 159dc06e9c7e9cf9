import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from '../../api/kubernetes.ts';

/** Objects as they come from the API server or a file: nothing about their shape is certain. */
export type Raw = Readonly<Record<string, unknown>>;

export interface RawObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: ObjectMeta;
  readonly spec?: unknown;
  readonly status?: unknown;
}

const NOTHING: Raw = Object.freeze({});

export function recordOf(value: unknown): Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : NOTHING;
}

export function at(value: unknown, path: readonly (string | number)[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null) {
      return undefined;
    }
    current = (current as Raw)[key];
  }
  return current;
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export function metadataOf(raw: RawObject): ObjectMeta {
  return recordOf(raw.metadata);
}

export function managedFieldsOf(raw: RawObject): readonly ManagedFieldsEntry[] {
  return recordsOf(metadataOf(raw).managedFields);
}

export function ownersOf(raw: RawObject): readonly OwnerReference[] {
  return recordsOf(metadataOf(raw).ownerReferences) as readonly unknown[] as readonly OwnerReference[];
}

/** What is not a map in the list counts as an empty one. */
function recordsOf(value: unknown): readonly Raw[] {
  const list = listOf(value);
  return list.every((item) => recordOf(item) === item) ? (list as readonly Raw[]) : list.map(recordOf);
}

/** Equal for equal values: the API server does not keep the order of keys. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(canonical).join(',')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const raw = recordOf(value);
    const keys = Object.keys(raw)
      .filter((key) => raw[key] !== undefined)
      .sort();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(raw[key])}`).join(',')}}`;
  }
  return JSON.stringify(value);
}
