import { FIELD_MANAGER } from '../../api/names.ts';
import type { TemplateHistory } from '../model/workload.ts';
import { noteIn, noteOrigin } from './note/note.ts';
import type { TemplatePlace } from './kinds.ts';
import { NOTE_PATH } from './ownership.ts';
import { same } from './shared.ts';
import { at, managedFieldsOf, metadataOf } from './raw.ts';
import type { RawObject } from './raw.ts';

/** Controllers that note their progress; they declare nothing about a pod template. */
const NOT_DECLARING = new Set(['kube-controller-manager']);

/**
 * When we last wrote the pod template, and who else changed it last, by the API server's own clock (managedFields, whole
 * seconds). Undefined where we never wrote it.
 */
export function templateHistory(raw: RawObject, place: TemplatePlace): TemplateHistory | undefined {
  const managed = managedFieldsOf(raw);
  const putBack = notePutBackByOthers(raw);
  // Most workloads of a cluster have never been written by us, and dates are slow to parse.
  if (putBack === undefined && !managed.some((entry) => entry.manager === FIELD_MANAGER)) {
    return undefined;
  }
  const path = place.templatePath.map((key) => `f:${key}`);
  let written: number | undefined = putBack;
  let changed: { at: number; by: string } | undefined;
  for (const entry of managed) {
    const time = Date.parse(entry.time ?? '') / 1000;
    const manager = entry.manager ?? 'unknown';
    // Who takes all our fields back leaves us an entry with our note alone: it tells the time of our write all the same.
    const ours = manager === FIELD_MANAGER;
    if ((entry.subresource ?? '') !== '' || Number.isNaN(time) || (!ours && at(entry.fieldsV1, path) === undefined)) {
      continue;
    }
    if (ours) {
      written = Math.max(written ?? 0, time);
    } else if (!NOT_DECLARING.has(manager) && time >= (changed?.at ?? 0)) {
      changed = { at: time, by: manager };
    }
  }
  if (written === undefined || changed === undefined) {
    return written === undefined ? undefined : { writtenAt: written };
  }
  const history = { writtenAt: written, changedAt: changed.at, changedBy: same(changed.by) };
  return putBack !== undefined && changed.at >= putBack ? { ...history, rolledBack: true } : history;
}

/**
 * When we wrote the note, where it is this object's and somebody else has put it there again: `kubectl rollout undo` to a
 * revision of ours brings back note and values of that time, in its own name.
 */
function notePutBackByOthers(raw: RawObject): number | undefined {
  const note = noteIn(raw);
  if (
    note === undefined ||
    noteOrigin(metadataOf(raw), note) === 'OtherObject' ||
    managedFieldsOf(raw).some((entry) => entry.manager === FIELD_MANAGER && at(entry.fieldsV1, NOTE_PATH) !== undefined)
  ) {
    return undefined;
  }
  const time = Date.parse(note.at ?? '') / 1000;
  return Number.isNaN(time) ? 0 : Math.floor(time);
}
