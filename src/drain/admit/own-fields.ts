import type { ManagedFieldsEntry } from '../../api/kubernetes.ts';
import { FIELD_MANAGER } from '../../api/names.ts';
import type { ManagedField } from '../model/workload.ts';
import { FIELD_PATHS } from '../template/ownership.ts';
import { managedFieldsOf, recordOf, type Raw, type RawObject } from '../template/raw.ts';

/**
 * managedFields as a forced server-side apply of `document` would leave them.
 *
 * What a webhook changes is booked to nobody: the API server books the request before it asks webhooks (seen on 1.36),
 * so a field that the author's client defaulted would stay theirs with our value in it, and nobody could tell later that
 * it is ours to restore. The API server takes an edit of managedFields from a webhook as it comes, and drops it with a
 * warning where it is not sound.
 * @param taken fields whose value we change
 * @param time RFC 3339, whole seconds
 */
export function managedFieldsAfter(
  raw: RawObject,
  document: Raw,
  taken: readonly ManagedField[],
  templatePath: readonly string[],
  time: string,
): ManagedFieldsEntry[] {
  const prefix = templatePath.map((key) => `f:${key}`);
  const paths = taken.map((field) => [...prefix, ...FIELD_PATHS[field]]);
  const others = managedFieldsOf(raw)
    .filter((entry) => entry.manager !== FIELD_MANAGER || entry.operation !== 'Apply')
    .flatMap<ManagedFieldsEntry>((entry) => {
      if ((entry.subresource ?? '') !== '') {
        return [entry];
      }
      const fieldsV1 = paths.reduce<Raw | undefined>(
        (fields, path) => (fields === undefined ? undefined : withoutPath(fields, path)),
        recordOf(entry.fieldsV1),
      );
      return fieldsV1 === undefined ? [] : [{ ...entry, fieldsV1 }];
    });
  const ours: ManagedFieldsEntry = {
    manager: FIELD_MANAGER,
    operation: 'Apply',
    apiVersion: String(document['apiVersion']),
    time,
    fieldsType: 'FieldsV1',
    fieldsV1: ownFieldsOf(document),
  };
  return [...others, ours];
}

/** Without one path and without the parents that it leaves empty: an empty parent would mean that the parent is owned. */
export function withoutPath(fields: Raw, [key, ...rest]: readonly string[]): Raw | undefined {
  if (key === undefined) {
    return undefined;
  }
  if (fields[key] === undefined) {
    return fields;
  }
  const { [key]: inner, ...others } = fields;
  const left = withoutPath(recordOf(inner), rest);
  const result = left === undefined ? others : { ...others, [key]: left };
  return Object.keys(result).length === 0 ? undefined : result;
}

/** The fields that an apply of `document` comes to own. */
function ownFieldsOf(document: Raw): Record<string, unknown> {
  const { metadata, spec } = document;
  const { annotations } = recordOf(metadata);
  return {
    'f:metadata': { 'f:annotations': fieldsOf(annotations) },
    ...(spec === undefined ? {} : { 'f:spec': fieldsOf(spec) }),
  };
}

function fieldsOf(value: unknown): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(recordOf(value))) {
    // Of the lists that we write, containers are merged by name; the others (a command) are atomic.
    fields[`f:${key}`] = key === 'containers' && Array.isArray(inner) ? itemsOf(inner) : fieldsOf(inner);
  }
  return fields;
}

function itemsOf(containers: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(
    containers.map((container) => {
      const name = recordOf(container)['name'];
      return [`k:${JSON.stringify({ name })}`, { '.': {}, ...fieldsOf(container) }];
    }),
  );
}
