import { DEFAULT_GRACE_PERIOD_SECONDS } from '../../api/kubernetes.ts';
import type { ManagedFieldsEntry } from '../../api/kubernetes.ts';
import {
  FIELD_MANAGER,
  NATIVE_SIDECAR_ANNOTATION,
  PROXY_CONFIG_ANNOTATION,
  PROXY_CONFIG_MARK_ANNOTATION,
  PROXY_CONTAINER,
  STATE_ANNOTATION,
  STATS_SUFFIXES_ANNOTATION,
} from '../../api/names.ts';
import { ANNOTATION_OF } from '../model/managed.ts';
import { MANAGED_FIELDS } from '../model/workload.ts';
import type { FieldOwner, FieldOwners, ManagedField } from '../model/workload.ts';
import { noteIn, wroteValue } from './note/note.ts';
import type { WorkloadState } from './note/note.ts';
import { Shared } from './shared.ts';
import type { TemplatePlace } from './kinds.ts';
import { at, canonical, managedFieldsOf, metadataOf, recordOf } from './raw.ts';
import type { RawObject } from './raw.ts';

/**
 * Who holds each field that we may write.
 *
 * managedFields alone do not tell: the API server books a *defaulted* value to whoever created the object with create
 * or update (client-side `kubectl apply` and Helm among them), so an apply of ours meets a conflict with somebody who
 * never asked for anything. A default is nobody's; what somebody wrote down is theirs.
 *
 * And they name whoever put our own values there again, note and all: `kubectl rollout undo` to a revision of ours, a
 * copied object, a backup. A value that is the one which our note says that we wrote is ours, unless somebody states it: in
 * the manifest that client-side apply remembers, or by server-side apply. Who sends our note along states nothing: they
 * send what they have read.
 */

export const LAST_APPLIED_ANNOTATION = 'kubectl.kubernetes.io/last-applied-configuration';

const ABSENT: FieldOwner = Object.freeze({ ownership: 'Absent', owners: Object.freeze([]) });
const DEFAULTED: FieldOwner = Object.freeze({ ownership: 'Defaulted', owners: Object.freeze([]) });
const OURS: FieldOwner = Object.freeze({ ownership: 'Ours', owners: Object.freeze([]) });
/** Files have no managedFields: what a manifest states, the manifest declares. */
const IN_MANIFEST: FieldOwner = Object.freeze({ ownership: 'Declared', owners: Object.freeze(['manifest']) });
/** A value that managedFields book to nobody: after somebody cleared them. Somebody wrote it all the same. */
const OF_SOMEBODY: FieldOwner = Object.freeze({ ownership: 'Declared', owners: Object.freeze(['unknown']) });

const SHARED_WITH_CLIENT_SIDE_APPLY: FieldOwner = Object.freeze({
  ownership: 'Shared',
  owners: Object.freeze(['kubectl-client-side-apply']),
});

/** `deployment.kubernetes.io/*` and the scale subresource: written for others, they declare nothing about a pod template. */
const NOT_DECLARING = new Set(['kube-controller-manager']);

export const PROXY_CONTAINER_KEY = `k:{"name":"${PROXY_CONTAINER}"}`;

/** The way to the hooks of `istio-proxy` below the pod template, in managedFields' notation. */
export const LIFECYCLE_FIELDS: readonly string[] = ['f:spec', 'f:containers', PROXY_CONTAINER_KEY, 'f:lifecycle'];

/** Where each field stands below the pod template, in managedFields' notation. */
export const FIELD_PATHS: Readonly<Record<ManagedField, readonly string[]>> = {
  gracePeriod: ['f:spec', 'f:terminationGracePeriodSeconds'],
  proxyConfig: ['f:metadata', 'f:annotations', `f:${PROXY_CONFIG_ANNOTATION}`],
  statsSuffixes: ['f:metadata', 'f:annotations', `f:${STATS_SUFFIXES_ANNOTATION}`],
  nativeSidecar: ['f:metadata', 'f:annotations', `f:${NATIVE_SIDECAR_ANNOTATION}`],
  proxyConfigMark: ['f:metadata', 'f:annotations', `f:${PROXY_CONFIG_MARK_ANNOTATION}`],
  proxyContainer: [...LIFECYCLE_FIELDS, 'f:preStop'],
};

/** A word that a manifest must hold to state the field. */
const WORD_OF: Readonly<Record<ManagedField, string>> = {
  ...ANNOTATION_OF,
  gracePeriod: 'terminationGracePeriodSeconds',
  proxyContainer: PROXY_CONTAINER,
};

/**
 * The owner of each field. `proxyContainer` speaks of the preStop of a container `istio-proxy`: an entry without one
 * (for resources, say) leaves the field Absent.
 */
export function fieldOwners(raw: RawObject, place: TemplatePlace): FieldOwners {
  const template = at(raw, place.templatePath);
  const managed = managedFieldsOf(raw);
  const templates = managed.length === 0 ? undefined : ownedTemplates(managed, place);
  const note = noteIn(raw);
  const owners = {} as Record<ManagedField, FieldOwner>;
  for (const field of MANAGED_FIELDS) {
    owners[field] = ownerOf(field, raw, place, valueIn(template, field), templates, note);
  }
  return shared(owners);
}

/** The value of a field in a raw pod template; `undefined` where it is absent. */
function valueIn(template: unknown, field: ManagedField): unknown {
  if (field === 'gracePeriod') {
    return at(template, ['spec', 'terminationGracePeriodSeconds']) ?? undefined;
  }
  if (field !== 'proxyContainer') {
    return at(template, ['metadata', 'annotations', ANNOTATION_OF[field]]) ?? undefined;
  }
  const containers = at(template, ['spec', 'containers']);
  const proxy: unknown = Array.isArray(containers)
    ? containers.find((container) => recordOf(container)['name'] === PROXY_CONTAINER)
    : undefined;
  return at(proxy, ['lifecycle', 'preStop']) ?? undefined;
}

/** The note in managedFields' notation. */
export const NOTE_PATH = ['f:metadata', 'f:annotations', `f:${STATE_ANNOTATION}`] as const;

/** By server-side apply, of a manifest that is not read from the cluster: such a one would bring our note along. */
export function statesByApply(entry: ManagedFieldsEntry): boolean {
  return entry.operation === 'Apply' && entry.manager !== FIELD_MANAGER && at(entry.fieldsV1, NOTE_PATH) === undefined;
}

/**
 * Whether somebody else states a part of the pod template by server-side apply.
 * @param path below the template, in managedFields' notation
 */
export function isStatedByApply(raw: RawObject, { templatePath }: TemplatePlace, path: readonly string[]): boolean {
  const whole = [...templatePath.map((key) => `f:${key}`), ...path];
  return managedFieldsOf(raw).some((entry) => statesByApply(entry) && at(entry.fieldsV1, whole) !== undefined);
}

/**
 * What managedFields book to us of the pod template.
 * - `Fields`: some of its fields.
 * - `AgainstApply`: some of its fields, while somebody else applies the object server-side. Their next apply would be refused
 *   (409) where it states one of these with another value, unless it is forced.
 */
export function holdOf(raw: RawObject, { templatePath }: TemplatePlace): 'Fields' | 'AgainstApply' | undefined {
  const path = templatePath.map((key) => `f:${key}`);
  const holds = managedFieldsOf(raw).some(
    (entry) => isApply(entry) && entry.manager === FIELD_MANAGER && at(entry.fieldsV1, path) !== undefined,
  );
  if (!holds) {
    return undefined;
  }
  return isAppliedByOthers(raw) ? 'AgainstApply' : 'Fields';
}

/** Whether somebody else writes the object by server-side apply. */
export function isAppliedByOthers(raw: RawObject): boolean {
  return managedFieldsOf(raw).some((entry) => isApply(entry) && entry.manager !== FIELD_MANAGER);
}

function isApply({ operation, subresource = '' }: ManagedFieldsEntry): boolean {
  return operation === 'Apply' && subresource === '';
}

interface OwnedTemplate {
  readonly manager: string;
  readonly ours: boolean;
  /** It states what it holds, whoever wrote the value first. */
  readonly states: boolean;
  readonly declares: boolean;
  readonly fields: unknown;
}

/** What each manager holds of the pod template. */
function ownedTemplates(managed: readonly ManagedFieldsEntry[], place: TemplatePlace): OwnedTemplate[] {
  const path = place.templatePath.map((key) => `f:${key}`);
  const owned: OwnedTemplate[] = [];
  for (const entry of managed) {
    const manager = entry.manager ?? 'unknown';
    const isApply = entry.operation === 'Apply';
    const counts =
      (entry.subresource ?? '') === '' && !NOT_DECLARING.has(manager) && (manager !== FIELD_MANAGER || isApply);
    const fields = counts ? at(entry.fieldsV1, path) : undefined;
    // An Update entry under our own name is what a restore leaves behind: the value in it was somebody else's.
    if (fields !== undefined) {
      owned.push({ manager, ours: manager === FIELD_MANAGER, states: statesByApply(entry), declares: isApply, fields });
    }
  }
  return owned;
}

function ownerOf(
  field: ManagedField,
  raw: RawObject,
  place: TemplatePlace,
  value: unknown,
  templates: readonly OwnedTemplate[] | undefined,
  note: WorkloadState | undefined,
): FieldOwner {
  if (value === undefined) {
    return ABSENT;
  }
  const asNoted = note !== undefined && wroteValue(note, field, value) === true;
  const isDefault = field === 'gracePeriod' && value === DEFAULT_GRACE_PERIOD_SECONDS;
  if (templates === undefined && asNoted) {
    return lastAppliedStates(field, value, raw, place) ? IN_MANIFEST : OURS;
  }
  if (templates === undefined) {
    // A live object of which somebody cleared managedFields, or that was read without them, is defaulted all the same.
    const live = metadataOf(raw).uid !== undefined;
    return isDefault && live && !lastAppliedStatesGrace(raw, place) ? DEFAULTED : IN_MANIFEST;
  }
  const path = FIELD_PATHS[field];
  let ours = asNoted;
  const others: string[] = [];
  for (const template of templates) {
    if (at(template.fields, path) === undefined) {
      continue;
    }
    if (template.ours) {
      ours = true;
    } else if (asNoted) {
      others.push(...(template.states ? [template.manager] : []));
    } else if (template.declares || !isDefault || lastAppliedStatesGrace(raw, place)) {
      others.push(template.manager);
    }
  }
  if (others.length > 0) {
    return { ownership: ours ? 'Shared' : 'Declared', owners: [...new Set(others)].sort() };
  }
  if (ours) {
    // A client-side apply of the very value that stands there sends nothing, so managedFields do not know of it.
    return lastAppliedStates(field, value, raw, place) ? SHARED_WITH_CLIENT_SIDE_APPLY : OURS;
  }
  return isDefault ? DEFAULTED : OF_SOMEBODY;
}

/** Whether the manifest that client-side `kubectl apply` remembers states a grace period, whatever its value. */
function lastAppliedStatesGrace(raw: RawObject, place: TemplatePlace): boolean {
  return typeof lastApplied('gracePeriod', raw, place) === 'number';
}

function lastAppliedStates(field: ManagedField, value: unknown, raw: RawObject, place: TemplatePlace): boolean {
  const stated = lastApplied(field, raw, place);
  return stated !== undefined && canonical(stated) === canonical(value);
}

/** The value of a field in the manifest that client-side `kubectl apply` remembers. */
function lastApplied(field: ManagedField, raw: RawObject, place: TemplatePlace): unknown {
  const text = metadataOf(raw).annotations?.[LAST_APPLIED_ANNOTATION];
  // Most manifests state none of our fields, and to look for the word costs far less than to parse them.
  if (text === undefined || !text.includes(`"${WORD_OF[field]}"`)) {
    return undefined;
  }
  try {
    const manifest: unknown = JSON.parse(text);
    const value = valueIn(at(manifest, place.templatePath), field);
    const note = noteIn(manifest);
    return note !== undefined && wroteValue(note, field, value) === true ? undefined : value;
  } catch {
    return undefined;
  }
}

const sharedOwners = new Shared<FieldOwners>(4096);

function shared(owners: FieldOwners): FieldOwners {
  let key = '';
  for (const field of MANAGED_FIELDS) {
    const { ownership, owners: names } = owners[field];
    key += `${ownership}:${names.join('\u0001')}\u0000`;
  }
  return sharedOwners.of(key, owners);
}
