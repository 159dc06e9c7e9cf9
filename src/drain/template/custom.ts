import type { TemplateGap } from '../model/workload.ts';
import type { TemplatePlace } from './kinds.ts';
import { at, managedFieldsOf, metadataOf, recordOf } from './raw.ts';
import type { RawObject } from './raw.ts';

/**
 * Whether the list of containers is one value to the API server. A custom resource definition may say nothing of lists
 * (`x-kubernetes-preserve-unknown-fields`, as OpenKruise's do, or a schema without `x-kubernetes-list-type: map`); then
 * an apply of one container replaces all of them. managedFields tell it: who holds a list of entries holds `k:{"name":...}`
 * below it, who holds one value holds the list itself. Where they tell nothing, it counts as one value.
 */
export function hasAtomicContainers(raw: RawObject, { templatePath }: TemplatePlace): boolean {
  if (metadataOf(raw).uid === undefined) {
    return false;
  }
  const path = [...templatePath.map((key) => `f:${key}`), 'f:spec', 'f:containers'];
  return !managedFieldsOf(raw).some((entry) =>
    Object.keys(recordOf(at(entry.fieldsV1, path))).some((key) => key.startsWith('k:')),
  );
}

/** The API server keeps custom resources as they come: an empty map, or a missing one, must be the same after a restore. */
export function templateGap(raw: RawObject, { templatePath }: TemplatePlace): TemplateGap | undefined {
  const metadata = at(raw, [...templatePath, 'metadata']);
  if (metadata === undefined) {
    return 'NoMetadata';
  }
  const annotations = recordOf(metadata)['annotations'];
  return annotations !== undefined && Object.keys(recordOf(annotations)).length === 0 ? 'EmptyAnnotations' : undefined;
}
