import { FIELD_MANAGER } from '../../api/names.ts';
import { NOTE_PATH } from '../template/ownership.ts';
import { managedFieldsOf, type Raw, type RawObject } from '../template/raw.ts';
import { pointer, type JsonPatchOperation } from './json-patch.ts';
import { preconditions } from './restore.ts';

/**
 * Gives up our fields of the pod template in managedFields, with their values as they are; our note stays ours, and what it
 * says that we wrote is ours as before. The API server refuses a server-side apply that states a field of another manager
 * with another value (409) before anything else is asked, so only a field that managedFields book to nobody lets its owner
 * state it without force. To be sent once more than the write: an edit of managedFields in the same request as a change of a
 * value is overruled by that.
 */
export function planYield(raw: RawObject): { readonly patch: readonly JsonPatchOperation[]; readonly last: true } {
  const operations = managedFieldsOf(raw).flatMap<JsonPatchOperation>(({ manager, operation }, index) =>
    manager === FIELD_MANAGER && operation === 'Apply'
      ? [{ op: 'replace', path: pointer('metadata', 'managedFields', index, 'fieldsV1'), value: NOTE_ALONE }]
      : [],
  );
  return { patch: [...preconditions(raw), ...operations], last: true };
}

const NOTE_ALONE: Raw = NOTE_PATH.reduceRight<Raw>((inner, key) => ({ [key]: inner }), {});
