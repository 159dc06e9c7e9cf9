import { isDeepStrictEqual } from 'node:util';
import type { JsonPatchOperation } from '../drain/restore/index.ts';

/**
 * Why a patch cannot be applied to an object; undefined where it can. The API server *refuses the request* where a webhook's
 * patch does not fit, whatever failurePolicy says (failurePolicy is about calls that fail, not about their answers). A wrong
 * patch of ours would stand in somebody's way, so it is tried here first.
 */
export function patchProblem(object: unknown, patch: readonly JsonPatchOperation[]): string | undefined {
  const root: Record<string, unknown> = { '': object };
  for (const operation of patch) {
    const problem = applyOne(root, operation);
    if (problem !== undefined) {
      return `${operation.op} ${operation.path}: ${problem}`;
    }
  }
  return undefined;
}

/** Copies what lies on the way to the place that changes, and nothing else: pods and their managedFields are large. */
function applyOne(root: Record<string, unknown>, operation: JsonPatchOperation): string | undefined {
  if (operation.path !== '' && !operation.path.startsWith('/')) {
    return 'not a JSON pointer';
  }
  const keys = operation.path.split('/').map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop() ?? '';
  let parent = root;
  for (const key of keys) {
    const child = Object.hasOwn(parent, key) ? parent[key] : undefined;
    if (typeof child !== 'object' || child === null) {
      return 'its parent is not there';
    }
    const copy = (Array.isArray(child) ? [...(child as unknown[])] : { ...child }) as Record<string, unknown>;
    parent[key] = copy;
    parent = copy;
  }
  return Array.isArray(parent)
    ? applyToArray(parent as unknown[], last, operation)
    : applyToRecord(parent, last, operation);
}

function applyToRecord(
  record: Record<string, unknown>,
  key: string,
  operation: JsonPatchOperation,
): string | undefined {
  if (operation.op !== 'add' && !Object.hasOwn(record, key)) {
    return 'there is nothing at this path';
  }
  switch (operation.op) {
    case 'test':
      return isDeepStrictEqual(record[key], operation.value) ? undefined : 'another value is there';
    case 'remove':
      Reflect.deleteProperty(record, key);
      return undefined;
    case 'add':
    case 'replace':
      record[key] = operation.value;
      return undefined;
  }
}

function applyToArray(parent: unknown[], key: string, operation: JsonPatchOperation): string | undefined {
  const index =
    key === '-' && operation.op === 'add' ? parent.length : /^(0|[1-9]\d*)$/.test(key) ? Number(key) : Number.NaN;
  if (!(index < parent.length || (operation.op === 'add' && index === parent.length))) {
    return 'there is nothing at this path';
  }
  switch (operation.op) {
    case 'test':
      return isDeepStrictEqual(parent[index], operation.value) ? undefined : 'another value is there';
    case 'remove':
      parent.splice(index, 1);
      return undefined;
    case 'add':
      parent.splice(index, 0, operation.value);
      return undefined;
    case 'replace':
      parent[index] = operation.value;
      return undefined;
  }
}
