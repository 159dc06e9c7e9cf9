import { FIELD_MANAGER, PROXY_CONTAINER } from '../../api/names.ts';
import { pointer, type JsonPatchOperation } from '../restore/json-patch.ts';
import { wroteValue, type WorkloadState } from '../template/note/note.ts';
import { FIELD_PATHS } from '../template/ownership.ts';
import { at, listOf, managedFieldsOf, recordOf, type RawObject } from '../template/raw.ts';
import { withoutPath } from './own-fields.ts';

/**
 * What to do about a preStop of `istio-proxy` with more than one handler; undefined where it has one at most.
 *
 * Takes our handler out from beside one that the owner adds. The API server refuses two ("may not specify more than 1 handler
 * type"), and nothing but a replacement of the list of containers takes ours out; it validates after webhooks were asked, so
 * the owner's apply goes through with the owner's hook. Empty where none of them is ours by our note: the API server
 * says what is wrong then, and nothing of ours covers it up.
 */
export function withoutOurHandler(
  raw: RawObject,
  templatePath: readonly string[],
  state: WorkloadState | undefined,
): readonly JsonPatchOperation[] | undefined {
  const containers = listOf(at(raw, [...templatePath, 'spec', 'containers'])).map(recordOf);
  const index = containers.findIndex((container) => container['name'] === PROXY_CONTAINER);
  const handlers = Object.entries(recordOf(at(containers[index], ['lifecycle', 'preStop'])));
  if (handlers.length < 2) {
    return undefined;
  }
  const ours =
    state === undefined
      ? undefined
      : handlers.find(([type, handler]) => wroteValue(state, 'proxyContainer', { [type]: handler }) === true);
  return ours === undefined
    ? []
    : [
        { op: 'remove', path: pointer(...templatePath, 'spec', 'containers', index, 'lifecycle', 'preStop', ours[0]) },
        ...disownHandler(raw, templatePath, ours[0]),
      ];
}

/** What is not there any more belongs to nobody: else it would look as if we held a part of the owner's hook. */
function disownHandler(raw: RawObject, templatePath: readonly string[], type: string): JsonPatchOperation[] {
  const path = [...templatePath.map((key) => `f:${key}`), ...FIELD_PATHS.proxyContainer];
  const entries = managedFieldsOf(raw).flatMap((entry) => {
    const holds = entry.manager === FIELD_MANAGER && at(entry.fieldsV1, [...path, `f:${type}`]) !== undefined;
    const fieldsV1 = holds ? withoutPath(recordOf(entry.fieldsV1), path) : entry.fieldsV1;
    return fieldsV1 === undefined ? [] : [{ ...entry, fieldsV1 }];
  });
  return entries.length === 0 ? [] : [{ op: 'add', path: '/metadata/managedFields', value: entries }];
}
