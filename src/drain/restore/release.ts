import { ANNOTATION_FIELDS, ANNOTATION_OF } from '../model/managed.ts';
import { FIELD_MANAGER } from '../../api/names.ts';
import type { ManagedFieldsEntry } from '../../api/kubernetes.ts';
import type { ManagedField } from '../model/workload.ts';
import { FIELD_PATHS } from '../template/ownership.ts';
import { at, managedFieldsOf, recordOf } from '../template/raw.ts';
import type { Raw, RawObject } from '../template/raw.ts';
import type { JsonPatchOperation } from './json-patch.ts';
import { pointer } from './json-patch.ts';
import type { WorkloadState } from '../template/note/state.ts';

/**
 * Takes us out of managedFields, and puts the managers back from whom a forced write took a field. Without that a field
 * would stay for ever that its owner drops from the manifest later, because by then nobody would own it. The API server
 * takes edits of managedFields as they come (seen on 1.36).
 */
export function ownershipOperations(
  raw: RawObject,
  state: WorkloadState,
  templatePath: readonly string[],
): JsonPatchOperation[] {
  const entries = managedFieldsOf(raw);
  const kept = entries.filter((entry) => entry.manager !== FIELD_MANAGER);
  if (kept.length === entries.length) {
    return [];
  }
  if (kept.length === 0) {
    // An empty list would be taken for "not given"; this is the form that the API server understands as "forget all".
    return [{ op: 'replace', path: '/metadata/managedFields', value: [{}] }];
  }
  const back = returnedFields(raw, state, templatePath, kept);
  const operations: JsonPatchOperation[] = [];
  for (const [index, entry] of entries.entries()) {
    const paths = back.get(entry);
    if (paths !== undefined) {
      operations.push({
        op: 'replace',
        path: pointer('metadata', 'managedFields', index, 'fieldsV1'),
        value: withPaths(entry.fieldsV1, paths),
      });
    }
  }
  for (let index = entries.length - 1; index >= 0; index -= 1) {
    if (entries[index]?.manager === FIELD_MANAGER) {
      operations.push({ op: 'remove', path: pointer('metadata', 'managedFields', index) });
    }
  }
  return operations;
}

/** For each entry of managedFields, the fields that go back to it. */
function returnedFields(
  raw: RawObject,
  state: WorkloadState,
  templatePath: readonly string[],
  kept: readonly ManagedFieldsEntry[],
): Map<ManagedFieldsEntry, string[][]> {
  const template = at(raw, templatePath);
  const result = new Map<ManagedFieldsEntry, string[][]>();
  const prefix = templatePath.map((key) => `f:${key}`);
  const give = (field: ManagedField, owners: readonly string[] | undefined, isBack: boolean): void => {
    const path = [...prefix, ...FIELD_PATHS[field]];
    if (owners === undefined || !isBack || kept.some((entry) => at(entry.fieldsV1, path) !== undefined)) {
      return;
    }
    for (const owner of owners) {
      const own = kept.filter((entry) => entry.manager === owner && (entry.subresource ?? '') === '');
      const entry = own.find(({ operation }) => operation === 'Apply') ?? own[0];
      if (entry !== undefined) {
        result.set(entry, [...(result.get(entry) ?? []), path]);
      }
    }
  };
  const grace = state.fields.gracePeriod;
  give('gracePeriod', grace?.owners, at(template, ['spec', 'terminationGracePeriodSeconds']) === grace?.before);
  for (const field of ANNOTATION_FIELDS) {
    const annotation = state.fields[field];
    give(
      field,
      annotation?.owners,
      at(template, ['metadata', 'annotations', ANNOTATION_OF[field]]) === annotation?.before,
    );
  }
  return result;
}

function withPaths(fields: unknown, paths: readonly (readonly string[])[]): Raw {
  return paths.reduce<Raw>((current, path) => withPath(current, path), recordOf(fields));
}

function withPath(fields: Raw, path: readonly string[]): Raw {
  const [key, ...rest] = path;
  return key === undefined ? fields : { ...fields, [key]: withPath(recordOf(fields[key]), rest) };
}
