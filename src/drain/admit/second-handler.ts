import type { ManagedFieldsEntry } from '../../api/kubernetes.ts';
import { FIELD_MANAGER, PROXY_CONTAINER } from '../../api/names.ts';
import { pointer, type JsonPatchOperation } from '../restore/json-patch.ts';
import { wrotePostStart, wroteValue, type WorkloadState } from '../template/note/note.ts';
import { isStatedByApply, LIFECYCLE_FIELDS } from '../template/ownership.ts';
import { at, listOf, managedFieldsOf, recordOf, type RawObject } from '../template/raw.ts';
import { withoutPath } from './own-fields.ts';

/** The hooks of `istio-proxy` that we write; `src/cli/render/second-handler.ts` says the same in CEL. */
export const PROXY_HOOKS = ['preStop', 'postStart'] as const;
export type ProxyHook = (typeof PROXY_HOOKS)[number];

interface OwnHandler {
  readonly hook: ProxyHook;
  readonly type: string;
}

/**
 * What to do about a hook of `istio-proxy` with more than one handler; undefined where each has one at most.
 *
 * Takes our handler out from beside one that the owner adds. The API server refuses two ("may not specify more than 1 handler
 * type"), and nothing but a replacement of the list of containers takes ours out; it validates after webhooks were asked, so
 * the owner's apply goes through with the owner's hook. Empty where none of them is ours by our note, or somebody states
 * ours as their own: the API server says what is wrong then, and nothing of ours covers it up.
 * @param before what stood there: whose a handler was shows there, not in what the request has booked to its author
 */
export function withoutOurHandlers(
  raw: RawObject,
  templatePath: readonly string[],
  state: WorkloadState | undefined,
  before: RawObject = raw,
): readonly JsonPatchOperation[] | undefined {
  const containers = listOf(at(raw, [...templatePath, 'spec', 'containers'])).map(recordOf);
  const index = containers.findIndex((container) => container['name'] === PROXY_CONTAINER);
  const handlersOf = (hook: ProxyHook): [string, unknown][] =>
    Object.entries(recordOf(at(containers[index], ['lifecycle', hook])));
  const doubled = PROXY_HOOKS.filter((hook) => handlersOf(hook).length > 1);
  if (doubled.length === 0) {
    return undefined;
  }
  const ours = doubled.flatMap<OwnHandler>((hook) =>
    handlersOf(hook)
      .filter(([type, handler]) => isNoted(state, hook, { [type]: handler }))
      .filter(([type]) => !isStatedByApply(before, { templatePath }, [...LIFECYCLE_FIELDS, `f:${hook}`, `f:${type}`]))
      .map(([type]) => ({ hook, type })),
  );
  return [
    ...ours.map<JsonPatchOperation>(({ hook, type }) => ({
      op: 'remove',
      path: pointer(...templatePath, 'spec', 'containers', index, 'lifecycle', hook, type),
    })),
    ...disown(raw, fieldsOf(templatePath), ours),
  ];
}

function isNoted(
  state: WorkloadState | undefined,
  hook: ProxyHook,
  handler: Readonly<Record<string, unknown>>,
): boolean {
  return hook === 'preStop'
    ? state !== undefined && wroteValue(state, 'proxyContainer', handler) === true
    : wrotePostStart(state?.fields.proxyContainer, handler);
}

function fieldsOf(templatePath: readonly string[]): string[] {
  return [...templatePath.map((key) => `f:${key}`), ...LIFECYCLE_FIELDS];
}

/** What is not there any more belongs to nobody: else it would look as if we held a part of the owner's hook. */
function disown(raw: RawObject, path: readonly string[], ours: readonly OwnHandler[]): JsonPatchOperation[] {
  const isHeld = (entry: ManagedFieldsEntry): boolean =>
    entry.manager === FIELD_MANAGER &&
    ours.some(({ hook, type }) => at(entry.fieldsV1, [...path, `f:${hook}`, `f:${type}`]) !== undefined);
  const all = managedFieldsOf(raw);
  if (!all.some(isHeld)) {
    return [];
  }
  const left = all.flatMap((entry) => {
    const fieldsV1 = isHeld(entry)
      ? ours.reduce<ReturnType<typeof withoutPath>>(
          (fields, { hook }) => (fields === undefined ? undefined : withoutPath(fields, [...path, `f:${hook}`])),
          recordOf(entry.fieldsV1),
        )
      : entry.fieldsV1;
    return fieldsV1 === undefined ? [] : [{ ...entry, fieldsV1 }];
  });
  return [{ op: 'add', path: '/metadata/managedFields', value: left }];
}
