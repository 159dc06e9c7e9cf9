import { readIstioYaml } from '../../template/annotation.ts';
import { listOf, recordOf, textOf } from '../../template/raw.ts';
import { isContainerList, isWhole, settingsIn, type Setting } from '../overlay.ts';
import type { Remarks, Steps } from '../remarks.ts';

/**
 * Kyverno's two patch languages. Anchors of a strategic merge patch
 * (https://kyverno.io/docs/policy-types/cluster-policy/mutate/): `(key)` and `<(key)` are conditions, of which one that
 * does not hold leaves the whole object unchanged (in a list: the entry); `+(key)` adds where nothing is there.
 */

/** A condition in the patch itself: what stands at `path` must have this value. */
export interface PatchCondition {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly steps: Steps;
}

export interface ReadPatch {
  readonly settings: readonly Setting[];
  readonly conditions: readonly PatchCondition[];
}

const ANCHOR = /^([+<=X^]?)\((.+)\)$/;

export function readStrategicMerge(patch: unknown, steps: Steps): ReadPatch {
  const settings: Setting[] = [];
  const conditions: PatchCondition[] = [];
  walk(patch, [], steps, false);
  return { settings, conditions };

  function walk(value: unknown, path: readonly string[], at: Steps, ifAbsent: boolean): void {
    const add = (): void => {
      settings.push({
        path,
        value: isWhole(path) ? withoutAnchors(value) : value,
        steps: at,
        ...(ifAbsent ? { ifAbsent } : {}),
      });
    };
    if (isWhole(path)) {
      add();
    } else if (Array.isArray(value) && isContainerList(path)) {
      for (const [index, item] of value.entries()) {
        walkContainer(recordOf(item), path, [...at, index], ifAbsent);
      }
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, child] of Object.entries(value)) {
        walkKey(key, child, path, at, ifAbsent);
      }
    } else {
      add();
    }
  }

  function walkKey(key: string, child: unknown, path: readonly string[], at: Steps, ifAbsent: boolean): void {
    const [, sign, name = ''] = ANCHOR.exec(key) ?? [];
    if (sign === undefined) {
      walk(child, [...path, key], [...at, key], ifAbsent);
    } else if (sign === '+') {
      walk(child, [...path, name], [...at, key], true);
    } else {
      conditions.push({ path: [...path, name], value: child, steps: [...at, key] });
    }
  }

  /** A container is named, or chosen by a pattern of its name. */
  function walkContainer(
    item: Readonly<Record<string, unknown>>,
    path: readonly string[],
    at: Steps,
    ifAbsent: boolean,
  ): void {
    const name = textOf(item['name']) ?? textOf(item['(name)']) ?? '*';
    for (const [key, child] of Object.entries(item)) {
      if (key !== 'name' && key !== '(name)') {
        walkKey(key, child, [...path, `[${name}]`], at, ifAbsent);
      }
    }
  }
}

/** Below what is read as a whole, `+(exec)` is `exec`. */
function withoutAnchors(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(withoutAnchors);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [ANCHOR.exec(key)?.[2] ?? key, withoutAnchors(child)]),
  );
}

/** The operations of a JSON patch, which Kyverno keeps as text; `add` and `replace` are the same there. */
export function readJsonPatch(text: string, steps: Steps, remarks: Remarks): ReadPatch {
  const read = readIstioYaml(text);
  const operations = read.ok ? (read.value as unknown) : undefined;
  if (!Array.isArray(operations)) {
    remarks.notCarried(
      steps,
      `it is not a list of JSON patch operations${read.ok ? '' : ` (${read.malformed.message})`}`,
    );
    return { settings: [], conditions: [] };
  }
  return readOperations(operations, () => steps, remarks);
}

/** @param stepsOf where an operation stands */
export function readOperations(
  operations: readonly unknown[],
  stepsOf: (index: number) => Steps,
  remarks: Remarks,
): ReadPatch {
  const settings: Setting[] = [];
  const conditions: PatchCondition[] = [];
  for (const [index, operation] of operations.map(recordOf).entries()) {
    const path = pointer(textOf(operation['path']) ?? '');
    const steps = stepsOf(index);
    switch (operation['op']) {
      case 'add':
      case 'replace':
        settings.push(...settingsIn(operation['value'], path, () => steps));
        break;
      case 'remove':
        settings.push({ path, value: null, steps });
        break;
      case 'test':
        conditions.push({ path, value: operation['value'], steps });
        break;
      default:
        remarks.notCarried(steps, `the operation ${String(operation['op'])} ${path.join('.')} cannot be followed`);
    }
  }
  return { settings, conditions };
}

/** RFC 6901. An index of a list of containers tells nothing of their name. */
function pointer(text: string): string[] {
  const path: string[] = [];
  for (const step of text.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(isContainerList(path) ? `[${key}]` : key);
  }
  return path;
}

/**
 * The patches of `foreach`: one for each element, of which a patch speaks as `element`. With a condition that the
 * element's name is (or is not) a certain one, the patch is for the containers of that name.
 */
export function readForeach(foreach: unknown, steps: Steps, remarks: Remarks): ReadPatch {
  const settings: Setting[] = [];
  const conditions: PatchCondition[] = [];
  for (const [index, each] of listOf(foreach).map(recordOf).entries()) {
    const at = [...steps, index];
    const json = textOf(each['patchesJson6902']);
    const read =
      json === undefined
        ? readStrategicMerge(each['patchStrategicMerge'], [...at, 'patchStrategicMerge'])
        : readJsonPatch(json.replaceAll(/\{\{\s*elementIndex\d*\s*\}\}/g, '*'), [...at, 'patchesJson6902'], remarks);
    const name = elementName(each['preconditions']);
    if (each['preconditions'] !== undefined && name === undefined) {
      remarks.notCarried([...at, 'preconditions'], 'a condition on elements of a list: a policy has none');
    }
    if (each['foreach'] !== undefined) {
      remarks.notCarried([...at, 'foreach'], 'a foreach inside of another is not followed');
    }
    settings.push(
      ...read.settings.map((setting) => ({ ...setting, path: setting.path.map((step) => named(step, name)) })),
    );
    conditions.push(...read.conditions);
  }
  return { settings, conditions };
}

const ELEMENT_NAME = /^\{\{\s*element\d*\.name\s*\}\}$/;

/** The name that a container must have; `*` where it only must not have one. */
function elementName(preconditions: unknown): string | undefined {
  const { all, any } = recordOf(preconditions);
  const conditions = [...listOf(all), ...listOf(any), ...listOf(preconditions)].map(recordOf);
  const [only, ...more] = conditions;
  if (only === undefined || more.length > 0 || !ELEMENT_NAME.test(textOf(only['key']) ?? '')) {
    return undefined;
  }
  const values = Array.isArray(only['value']) ? (only['value'] as unknown[]) : [only['value']];
  const [value, ...others] = values;
  switch (only['operator']) {
    case 'Equals':
    case 'In':
    case 'AnyIn':
    case 'AllIn':
      return others.length === 0 ? textOf(value) : undefined;
    case 'NotEquals':
    case 'NotIn':
    case 'AnyNotIn':
    case 'AllNotIn':
      return '*';
    default:
      return undefined;
  }
}

/** `[{{ element.name }}]` and `[*]` are the container of the element. */
function named(step: string, name: string | undefined): string {
  return name !== undefined && /^\[(\*|\(?\{\{\s*element\d*\.name\s*\}\}\)?)\]$/.test(step) ? `[${name}]` : step;
}
