import { recordOf, type Raw } from '../template/raw.ts';

/** By which field the API server tells the entries of a list apart; every other list is one value (k8s.io/api, patchMergeKey). */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  env: 'name',
  volumes: 'name',
  imagePullSecrets: 'name',
  ports: 'containerPort',
  volumeMounts: 'mountPath',
};

/** Nothing of a Deployment stands deeper. */
const DEPTH = 32;

/** A patch that cannot be applied; the message says why. */
export class MergeRefused extends Error {}

/**
 * A strategic merge patch of a Deployment, as istiod applies the overlays of a Gateway: maps are merged, lists by their
 * key, `null` takes a field out, `$patch: delete` and `replace` do what they say.
 * https://github.com/kubernetes/community/blob/main/contributors/devel/sig-api-machinery/strategic-merge-patch.md
 * @throws MergeRefused where an entry of a merged list has no key, or the patch is deeper than any Deployment
 */
export function strategicMerge(base: Raw, patch: Raw, depth = DEPTH): Raw {
  if (depth === 0) {
    throw new MergeRefused('it is nested too deep');
  }
  if (patch['$patch'] === 'replace') {
    return withoutDirectives(patch);
  }
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$')) {
      continue;
    }
    if (value === null) {
      Reflect.deleteProperty(merged, key);
      continue;
    }
    merged[key] = mergedValue(key, base[key], value, depth);
  }
  return merged;
}

function mergedValue(key: string, old: unknown, value: unknown, depth: number): unknown {
  const mergeKey = MERGE_KEYS[key];
  if (Array.isArray(value)) {
    return mergeKey === undefined || !value.every((item) => recordOf(item) === item)
      ? (value as unknown)
      : mergedList(
          key,
          mergeKey,
          Array.isArray(old) ? (old as readonly unknown[]) : [],
          value as readonly Raw[],
          depth,
        );
  }
  const map = recordOf(value);
  return map === value ? strategicMerge(recordOf(old), map, depth - 1) : value;
}

function mergedList(
  list: string,
  mergeKey: string,
  old: readonly unknown[],
  patch: readonly Raw[],
  depth: number,
): readonly unknown[] {
  const replaced = patch.some((item) => item['$patch'] === 'replace' && item[mergeKey] === undefined);
  let result: readonly unknown[] = replaced ? [] : old;
  for (const item of patch) {
    const key = item[mergeKey];
    if (key === undefined) {
      if (item['$patch'] === 'replace') {
        continue;
      }
      throw new MergeRefused(`an entry of ${list} has no ${mergeKey}`);
    }
    const index = result.findIndex((each) => recordOf(each)[mergeKey] === key);
    if (item['$patch'] === 'delete') {
      result = result.filter((_, at) => at !== index);
    } else if (index === -1) {
      result = [...result, strategicMerge({}, item, depth - 1)];
    } else {
      result = result.map((each, at) => (at === index ? strategicMerge(recordOf(each), item, depth - 1) : each));
    }
  }
  return result;
}

function withoutDirectives(patch: Raw): Raw {
  return Object.fromEntries(Object.entries(patch).filter(([key]) => !key.startsWith('$')));
}
