import { isDeepStrictEqual } from 'node:util';
import type { JsonPatchOperation } from '../drain/restore/index.ts';

/**
 * Why a patch cannot be applied to an object; undefined where it can. The API server *refuses the request* where a webhook's
 * patch does not fit, whatever failurePolicy says (failurePolicy is about calls that fail, not about their answers). A wrong
 * patch of ours would stand in somebody's way, so it is tried here first.
 */
export function patchProblem(object: unknown, patch: readonly JsonPatchOperation[]): string | undefined {
  const root = { '': copyOf(object) };
  for (const operation of patch) {
    const problem = applyOne(root, operation);
    if (problem !== undefined) {
      return `${operation.op} ${operation.path}: ${problem}`;
    }
  }
  return undefined;
}

function applyOne(root: object, operation: JsonPatchOperation): string | undefined {
  if (operation.path !== '' && !operation.path.startsWith('/')) {
    return 'not a JSON pointer';
  }
  const keys = operation.path.split('/').map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop() ?? '';
  let parent: unknown = root;
  for (const key of keys) {
    parent = childOf(parent, key);
  }
  return Array.isArray(parent) ? applyToArray(parent, last, operation) : applyToRecord(parent, last, operation);
}

/** All of this came as JSON and goes as JSON. */
function copyOf(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function childOf(parent: unknown, key: string): unknown {
  return typeof parent === 'object' && parent !== null && Object.hasOwn(parent, key) ? (parent as Record<string, unknown>)[key] : undefined;
}

function applyToRecord(parent: unknown, key: string, operation: JsonPatchOperation): string | undefined {
  if (typeof parent !== 'object' || parent === null) {
    return 'its parent is not there';
  }
  const record = parent as Record<string, unknown>;
  if (operation.op !== 'add' && !Object.hasOwn(record, key)) {
    return 'there is nothing at this path';
  }
  switch (operation.op) {
    case 'test':
      return isDeepStrictEqual(record[key], operation.value) ? undefined : 'another value stands there';
    case 'remove':
      Reflect.deleteProperty(record, key);
      return undefined;
    case 'add':
    case 'replace':
      record[key] = copyOf(operation.value);
      return undefined;
  }
}

function applyToArray(parent: unknown[], key: string, operation: JsonPatchOperation): string | undefined {
  const index = key === '-' && operation.op === 'add' ? parent.length : /^(0|[1-9]\d*)$/.test(key) ? Number(key) : Number.NaN;
  if (!(index < parent.length || (operation.op === 'add' && index === parent.length))) {
    return 'there is nothing at this path';
  }
  switch (operation.op) {
    case 'test':
      return isDeepStrictEqual(parent[index], operation.value) ? undefined : 'another value stands there';
    case 'remove':
      parent.splice(index, 1);
      return undefined;
    case 'add':
      parent.splice(index, 0, copyOf(operation.value));
      return undefined;
    case 'replace':
      parent[index] = copyOf(operation.value);
      return undefined;
  }
}
