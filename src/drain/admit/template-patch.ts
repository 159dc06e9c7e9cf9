import { ANNOTATION_FIELDS, ANNOTATION_OF } from '../model/managed.ts';
import type { PodTemplate } from '../../api/kubernetes.ts';
import { PROXY_CONTAINER } from '../../api/names.ts';
import { MANAGED_FIELDS, type ManagedField } from '../model/workload.ts';
import { pointer, type JsonPatchOperation } from '../restore/json-patch.ts';
import { addedPreStops } from '../template/apply.ts';
import { at, canonical, listOf, recordOf, type RawObject } from '../template/raw.ts';

/** The fields of ours in which two templates differ. */
export function changedFields(before: PodTemplate, after: PodTemplate): ManagedField[] {
  return MANAGED_FIELDS.filter((field) => canonical([valueOf(before, field)]) !== canonical([valueOf(after, field)]));
}

function valueOf(template: PodTemplate, field: ManagedField): unknown {
  switch (field) {
    case 'gracePeriod':
      return template.spec.terminationGracePeriodSeconds;
    case 'proxyContainer': {
      const container = template.spec.containers.find(({ name }) => name === PROXY_CONTAINER);
      return container === undefined ? undefined : (container.lifecycle ?? {});
    }
    default:
      return template.metadata?.annotations?.[ANNOTATION_OF[field]];
  }
}

/**
 * The JSON patch that makes the template of `raw` what `after` says, in our fields only. `before` is the projection of
 * that template; a pod is its own template, with the path [].
 */
export function templatePatch(
  raw: RawObject,
  templatePath: readonly string[],
  before: PodTemplate,
  after: PodTemplate,
): JsonPatchOperation[] {
  const path = (...keys: readonly (string | number)[]): string => pointer(...templatePath, ...keys);
  const changed = new Set(changedFields(before, after));
  const wanted: Record<string, string | undefined> = {};
  for (const field of ANNOTATION_FIELDS) {
    if (changed.has(field)) {
      wanted[ANNOTATION_OF[field]] = after.metadata?.annotations?.[ANNOTATION_OF[field]];
    }
  }
  const operations = mapPatch(raw, [...templatePath, 'metadata', 'annotations'], wanted);
  if (changed.has('gracePeriod') && after.spec.terminationGracePeriodSeconds !== undefined) {
    operations.push({
      op: 'add',
      path: path('spec', 'terminationGracePeriodSeconds'),
      value: after.spec.terminationGracePeriodSeconds,
    });
  }
  if (changed.has('proxyContainer')) {
    operations.push(...containerPatch(raw, templatePath, after));
  }
  return [...sleepPatch(raw, templatePath, before, after), ...operations];
}

/** A preStop for containers of the application that have none: before the other operations, which may move containers. */
function sleepPatch(
  raw: RawObject,
  templatePath: readonly string[],
  before: PodTemplate,
  after: PodTemplate,
): JsonPatchOperation[] {
  const containers = listOf(at(raw, [...templatePath, 'spec', 'containers'])).map(recordOf);
  return addedPreStops(before, after).flatMap<JsonPatchOperation>(({ container, preStop }) => {
    const index = containers.findIndex((present) => present['name'] === container);
    if (index === -1) {
      return [];
    }
    const path = [...templatePath, 'spec', 'containers', index, 'lifecycle'];
    return containers[index]?.['lifecycle'] === undefined
      ? [{ op: 'add', path: pointer(...path), value: { preStop } }]
      : [{ op: 'add', path: pointer(...path, 'preStop'), value: preStop }];
  });
}

function containerPatch(raw: RawObject, templatePath: readonly string[], after: PodTemplate): JsonPatchOperation[] {
  const containers = listOf(at(raw, [...templatePath, 'spec', 'containers'])).map(recordOf);
  const index = containers.findIndex((container) => container['name'] === PROXY_CONTAINER);
  const wanted = after.spec.containers.find(({ name }) => name === PROXY_CONTAINER);
  const path = (...keys: readonly (string | number)[]): string =>
    pointer(...templatePath, 'spec', 'containers', ...keys);
  if (index === -1) {
    return wanted === undefined ? [] : [{ op: 'add', path: path('-'), value: wanted }];
  }
  if (wanted === undefined) {
    return [{ op: 'remove', path: path(index) }];
  }
  const lifecycle = wanted.lifecycle;
  if (lifecycle !== undefined) {
    return [{ op: 'add', path: path(index, 'lifecycle'), value: lifecycle }];
  }
  return containers[index]?.['lifecycle'] === undefined ? [] : [{ op: 'remove', path: path(index, 'lifecycle') }];
}

/** Sets (or, for `undefined`, removes) keys of a map of strings that may not be there yet. */
export function mapPatch(
  raw: RawObject,
  path: readonly string[],
  wanted: Readonly<Record<string, string | undefined>>,
): JsonPatchOperation[] {
  const present = at(raw, path);
  const entries = Object.entries(wanted);
  const set = entries.filter((entry): entry is [string, string] => entry[1] !== undefined);
  if (present === undefined || present === null) {
    if (set.length === 0) {
      return [];
    }
    const parent = path.slice(0, -1);
    // A template may have no metadata at all.
    const holder = at(raw, parent) === undefined ? [{ op: 'add' as const, path: pointer(...parent), value: {} }] : [];
    return [...holder, { op: 'add', path: pointer(...path), value: Object.fromEntries(set) }];
  }
  return entries.flatMap<JsonPatchOperation>(([key, value]) => {
    if (value !== undefined) {
      return [{ op: 'add', path: pointer(...path, key), value }];
    }
    return Object.hasOwn(recordOf(present), key) ? [{ op: 'remove', path: pointer(...path, key) }] : [];
  });
}
