import { DEFAULT_GRACE_PERIOD_SECONDS } from '../../api/kubernetes.ts';
import type { Container, LifecycleHandler, PodTemplate } from '../../api/kubernetes.ts';
import { PROXY_CONTAINER, STATE_ANNOTATION } from '../../api/names.ts';
import { MANAGED_FIELDS } from '../model/workload.ts';
import type { ManagedField, TemplateGap, Workload } from '../model/workload.ts';
import type { ProxyConfigEdits } from '../template/annotation-edit.ts';
import type { ManagedValues } from '../template/apply.ts';
import { ANNOTATION_FIELDS, ANNOTATION_OF } from '../template/ownership.ts';
import type { AnnotationField } from '../template/ownership.ts';
import { canonical } from '../template/raw.ts';
import { partsWritten, withoutParts } from './annotation-parts.ts';
import { fingerprint } from './fingerprint.ts';
import { isRecord, LONGEST_NOTE, noteProblem, STATE_VERSION } from './note-problem.ts';

/**
 * What stood in a workload before us. It is kept in an annotation of the workload itself, so that everything can be
 * given back without the policy, and never in the pod template, where it would restart pods.
 */

/** Managers from whom a forced write took the field: it goes back to them with its value. */
interface Taken {
  readonly owners?: readonly string[];
}

/** The grace period before us. The API server's default is nobody's, and goes back as such. */
export interface GraceState extends Taken {
  readonly before: number;
  readonly defaulted?: true;
  /** There was none, which custom resources allow: it goes away again. */
  readonly absent?: true;
  readonly wrote: number;
}

export interface AnnotationState extends Taken {
  /** `null`: there was none. */
  readonly before: string | null;
  /** Fingerprint of the text that we wrote. */
  readonly wrote: string;
  /** For `proxy.istio.io/config`: our keys in it, so that they can be taken out of a text that others have edited. */
  readonly keys?: ProxyConfigEdits;
}

export interface ContainerState {
  /** `null`: there was no container `istio-proxy`, and we added it. Else what of its lifecycle stood there. */
  readonly before: { readonly lifecycle: boolean; readonly preStop?: LifecycleHandler } | null;
  /** Fingerprint of the preStop that we wrote. */
  readonly wrote: string;
}

export type FieldStates = { readonly gracePeriod?: GraceState; readonly proxyContainer?: ContainerState } & {
  readonly [Field in AnnotationField]?: AnnotationState;
};

export interface WorkloadState {
  readonly v: typeof STATE_VERSION;
  /** The object that it was written for; see `noteOrigin`. */
  readonly uid?: string;
  readonly policy: { readonly name: string; readonly uid: string };
  /** What the policy wanted, as a key: a changed wish is followed, a changed wording of the operator is not. */
  readonly intent: string;
  readonly onDelete: 'Restore' | 'Orphan';
  /** How many workloads of this policy may restart at once, also when they are given back. Absent: no limit. */
  readonly maxConcurrent?: number;
  /** When the pods were last restarted because of us: the write of that moment. */
  readonly at?: string;
  /** What the policy wants now held already when it came to want that: no pod was restarted for it. */
  readonly adopted?: true;
  /** How often in a row somebody else has changed our values back soon after we wrote them. */
  readonly reverts?: number;
  /** What of the template was missing or empty before our first write. */
  readonly gap?: TemplateGap;
  readonly fields: FieldStates;
}

export type DecodedState =
  { readonly ok: true; readonly state: WorkloadState } | { readonly ok: false; readonly why: string };

export function encodeState(state: WorkloadState): string {
  return JSON.stringify(state);
}

/** A state that cannot be read means: leave the workload alone, because nobody knows any more what was there before. */
export function decodeState(text: string): DecodedState {
  if (text.length > LONGEST_NOTE) {
    return { ok: false, why: `it has ${text.length} characters, more than an object may carry` };
  }
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    return { ok: false, why: `it is no JSON (${error instanceof Error ? error.message : 'damaged'})` };
  }
  if (!isRecord(raw)) {
    return { ok: false, why: 'it is no JSON object' };
  }
  if (typeof raw['v'] === 'number' && raw['v'] > STATE_VERSION) {
    return {
      ok: false,
      why: `it has version ${raw['v']}, written by a newer release (this one reads version ${STATE_VERSION})`,
    };
  }
  const wrong = noteProblem(raw);
  return wrong === undefined ? { ok: true, state: raw as unknown as WorkloadState } : { ok: false, why: wrong };
}

/** What a workload remembers of us; undefined where it carries nothing, or nothing that can be read. */
export function stateOf({ annotations }: Pick<Workload, 'annotations'>): WorkloadState | undefined {
  const text = annotations[STATE_ANNOTATION];
  const decoded = text === undefined ? undefined : decodeState(text);
  return decoded?.ok === true ? decoded.state : undefined;
}

/**
 * Whose note it is. A copied object carries the note of the one that it was copied from: what such a note says of values
 * is true of the copy too, and nothing else that it says is.
 * - `ThisObject`: it names the uid of the workload.
 * - `OtherObject`: it names another uid.
 * - `NotNamed`: it names none, as notes of 0.1 do and notes that were put in while the object was being created.
 */
export type NoteOrigin = 'ThisObject' | 'OtherObject' | 'NotNamed';

/** @param workload the object that carries the note; one from a file has no uid */
export function noteOrigin({ uid }: Pick<Workload, 'uid'>, state: Pick<WorkloadState, 'uid'>): NoteOrigin {
  if (state.uid === undefined || uid === undefined) {
    return 'NotNamed';
  }
  return state.uid === uid ? 'ThisObject' : 'OtherObject';
}

export interface NextStateInput {
  readonly workload: Workload;
  /** Everything that is to be ours after the write. */
  readonly values: ManagedValues;
  /** The state that stands there now. */
  readonly previous?: WorkloadState;
  readonly policy: { readonly name: string; readonly uid: string };
  readonly intent: string;
  readonly onDelete: 'Restore' | 'Orphan';
  readonly maxConcurrent?: number;
  readonly at?: string;
  readonly adopted?: boolean;
  readonly reverts?: number;
}

/**
 * The state to write beside the values. The first original is carried over from state to state, through edits of the
 * policy and through a change of policy. Where somebody has changed a field since our last write, their value is the new
 * original.
 */
export function nextState(input: NextStateInput): WorkloadState {
  const { workload, values, previous } = input;
  const fields: Record<string, unknown> = {};
  const grace = nextGrace(workload, values.gracePeriodSeconds, previous?.fields.gracePeriod);
  if (grace !== undefined) {
    fields['gracePeriod'] = grace;
  }
  for (const field of ANNOTATION_FIELDS) {
    const present = workload.template.metadata?.annotations?.[ANNOTATION_OF[field]];
    const taken = takenFrom(workload, field);
    const state = nextAnnotation(field, present, values[field], previous?.fields[field], taken);
    if (state !== undefined) {
      fields[field] = state;
    }
  }
  const container = nextContainer(workload.template, values.proxyPreStop, previous?.fields.proxyContainer);
  if (container !== undefined) {
    fields['proxyContainer'] = container;
  }
  return {
    v: STATE_VERSION,
    uid: workload.uid,
    policy: { name: input.policy.name, uid: input.policy.uid },
    intent: input.intent,
    onDelete: input.onDelete,
    maxConcurrent: input.maxConcurrent,
    at: input.at,
    ...(input.adopted === true ? { adopted: true as const } : {}),
    ...(input.reverts === undefined || input.reverts === 0 ? {} : { reverts: input.reverts }),
    ...gapBefore(workload, previous),
    fields,
  };
}

function gapBefore(workload: Workload, previous: WorkloadState | undefined): { gap?: TemplateGap } {
  const gap = previous === undefined ? workload.templateGap : previous.gap;
  return gap === undefined ? {} : { gap };
}

function nextGrace(
  workload: Workload,
  wanted: number | undefined,
  previous: GraceState | undefined,
): GraceState | undefined {
  const present = workload.template.spec.terminationGracePeriodSeconds;
  if (previous !== undefined && present === previous.wrote) {
    if (wanted === undefined) {
      // Nobody needs it any more: the value before us stays ours until it is given back. A default needs no holding.
      return previous.defaulted === true ? undefined : { ...previous, wrote: previous.before };
    }
    return { ...previous, wrote: wanted };
  }
  if (wanted === undefined) {
    return undefined;
  }
  const { ownership } = workload.fields.gracePeriod;
  const defaulted = present === undefined || ownership === 'Defaulted' || ownership === 'Absent';
  return {
    before: present ?? DEFAULT_GRACE_PERIOD_SECONDS,
    ...(defaulted ? { defaulted: true as const } : {}),
    ...(present === undefined ? { absent: true as const } : {}),
    ...takenFrom(workload, 'gracePeriod'),
    wrote: wanted,
  };
}

function nextAnnotation(
  field: AnnotationField,
  present: string | undefined,
  wanted: string | undefined,
  previous: AnnotationState | undefined,
  taken: Taken,
): AnnotationState | undefined {
  const untouched = previous !== undefined && present !== undefined && fingerprint(present) === previous.wrote;
  const owners = untouched ? (previous.owners === undefined ? {} : { owners: previous.owners }) : taken;
  if (wanted === undefined) {
    return untouched && previous.before !== null
      ? { before: previous.before, ...owners, wrote: fingerprint(previous.before) }
      : undefined;
  }
  const before = previous === undefined ? present : annotationBefore(present, previous);
  const keys = field === 'proxyConfig' ? { keys: partsWritten(before, wanted) } : {};
  return { before: before ?? null, ...owners, wrote: fingerprint(wanted), ...keys };
}

function takenFrom(workload: Workload, field: ManagedField): Taken {
  const { ownership, owners } = workload.fields[field];
  return ownership === 'Declared' ? { owners } : {};
}

function nextContainer(
  template: PodTemplate,
  wanted: LifecycleHandler | undefined,
  previous: ContainerState | undefined,
): ContainerState | undefined {
  if (wanted === undefined) {
    return undefined;
  }
  const wrote = fingerprint(canonical(wanted));
  const present = proxyContainerOf(template);
  if (present === undefined) {
    return { before: null, wrote };
  }
  const preStop = present.lifecycle?.preStop;
  if (previous !== undefined && preStop !== undefined && fingerprint(canonical(preStop)) === previous.wrote) {
    return { before: previous.before, wrote };
  }
  return { before: { lifecycle: present.lifecycle !== undefined, preStop }, wrote };
}

/** Whether the container `istio-proxy` that the hook stands in is one that we add, or one that the user has. */
export function proxyContainerForm(state: WorkloadState): 'Add' | 'Existing' {
  return state.fields.proxyContainer?.before === null ? 'Add' : 'Existing';
}

/**
 * Values that nobody wants any more but that an apply must repeat all the same: left out, the field would not go back to
 * what was there before us but away, or to the API server's default.
 */
export function heldValues(values: ManagedValues, state: WorkloadState): ManagedValues {
  const held: Record<string, unknown> = {};
  const grace = state.fields.gracePeriod;
  if (values.gracePeriodSeconds === undefined && grace !== undefined) {
    held['gracePeriodSeconds'] = grace.before;
  }
  for (const field of ANNOTATION_FIELDS) {
    const before = state.fields[field]?.before;
    if (values[field] === undefined && before !== undefined && before !== null) {
      held[field] = before;
    }
  }
  return { ...values, ...held };
}

/** The values that stand there now in the fields that we hold: what an apply must repeat to change nothing but the state. */
export function valuesInPlace(template: PodTemplate, state: WorkloadState): ManagedValues {
  const values: Record<string, unknown> = {};
  // A field that somebody has changed since is theirs: to repeat it would make it ours as well.
  for (const field of MANAGED_FIELDS) {
    if (stands(field, template, state) === true) {
      Object.assign(values, valueInPlace(field, template));
    }
  }
  return values;
}

function valueInPlace(field: ManagedField, template: PodTemplate): Record<string, unknown> {
  switch (field) {
    case 'gracePeriod':
      return { gracePeriodSeconds: template.spec.terminationGracePeriodSeconds };
    case 'proxyContainer':
      return { proxyPreStop: proxyContainerOf(template)?.lifecycle?.preStop };
    default:
      return { [field]: template.metadata?.annotations?.[ANNOTATION_OF[field]] };
  }
}

/** Whether everything that we wrote still stands there as we wrote it. */
export function writtenValuesStand(template: PodTemplate, state: WorkloadState): boolean {
  return MANAGED_FIELDS.every((field) => stands(field, template, state) !== false);
}

/** Whether a field still has the value that we wrote; `undefined` where we wrote none. */
function stands(field: ManagedField, template: PodTemplate, { fields }: WorkloadState): boolean | undefined {
  if (field === 'gracePeriod') {
    return fields.gracePeriod === undefined
      ? undefined
      : template.spec.terminationGracePeriodSeconds === fields.gracePeriod.wrote;
  }
  if (field === 'proxyContainer') {
    const preStop = proxyContainerOf(template)?.lifecycle?.preStop;
    return fields.proxyContainer === undefined
      ? undefined
      : preStop !== undefined && fingerprint(canonical(preStop)) === fields.proxyContainer.wrote;
  }
  const text = template.metadata?.annotations?.[ANNOTATION_OF[field]];
  const state = fields[field];
  return state === undefined ? undefined : text !== undefined && fingerprint(text) === state.wrote;
}

/** The pod template as it was before us. What somebody else has changed since our write stays as it is now. */
export function templateBefore(template: PodTemplate, state: WorkloadState): PodTemplate {
  const annotations: Record<string, string> = { ...template.metadata?.annotations };
  for (const field of ANNOTATION_FIELDS) {
    const fieldState = state.fields[field];
    if (fieldState === undefined) {
      continue;
    }
    const before = annotationBefore(annotations[ANNOTATION_OF[field]], fieldState);
    if (before === undefined) {
      Reflect.deleteProperty(annotations, ANNOTATION_OF[field]);
    } else {
      annotations[ANNOTATION_OF[field]] = before;
    }
  }
  const grace = state.fields.gracePeriod;
  const ourGrace = grace !== undefined && template.spec.terminationGracePeriodSeconds === grace.wrote;
  return {
    metadata: { ...template.metadata, annotations },
    spec: {
      ...template.spec,
      containers: containersBefore(template, state.fields.proxyContainer),
      ...(ourGrace ? { terminationGracePeriodSeconds: grace.before } : {}),
    },
  };
}

/**
 * The text of an annotation before us. Where the text is no longer the one we wrote, only our keys are taken out of it;
 * a text that cannot be edited so is left to whoever wrote it.
 */
export function annotationBefore(present: string | undefined, state: AnnotationState): string | undefined {
  if (present === undefined) {
    return undefined;
  }
  if (fingerprint(present) === state.wrote) {
    return state.before ?? undefined;
  }
  if (state.keys === undefined) {
    return present;
  }
  const text = withoutParts(present, state.before ?? undefined, state.keys) ?? present;
  return text.trim() === '' && state.before === null ? undefined : text;
}

function containersBefore(template: PodTemplate, state: ContainerState | undefined): readonly Container[] {
  const { containers } = template.spec;
  const present = proxyContainerOf(template);
  const preStop = present?.lifecycle?.preStop;
  if (
    state === undefined ||
    present === undefined ||
    preStop === undefined ||
    fingerprint(canonical(preStop)) !== state.wrote
  ) {
    return containers;
  }
  if (state.before === null) {
    return containers.filter((container) => container !== present);
  }
  return containers.map((container) => (container === present ? withPreStop(container, state.before) : container));
}

function withPreStop(container: Container, before: ContainerState['before']): Container {
  const { lifecycle, ...rest } = container;
  const postStart = lifecycle?.postStart === undefined ? {} : { postStart: lifecycle.postStart };
  const preStop = before?.preStop === undefined ? {} : { preStop: before.preStop };
  const empty = lifecycle?.postStart === undefined && before?.preStop === undefined && before?.lifecycle !== true;
  return empty ? rest : { ...rest, lifecycle: { ...postStart, ...preStop } };
}

function proxyContainerOf(template: PodTemplate): Container | undefined {
  return template.spec.containers.find((container) => container.name === PROXY_CONTAINER);
}
