import { ANNOTATION_FIELDS, ANNOTATION_OF, type AnnotationField, type ManagedValues } from '../../model/managed.ts';
import { DEFAULT_GRACE_PERIOD_SECONDS } from '../../../api/kubernetes.ts';
import type { Container, PodTemplate } from '../../../api/kubernetes.ts';
import { PROXY_CONTAINER } from '../../../api/names.ts';
import { MANAGED_FIELDS } from '../../model/workload.ts';
import type { ManagedField, TemplateGap, Workload } from '../../model/workload.ts';
import { canonical } from '../raw.ts';
import { partsWritten, withoutParts } from './annotation-parts.ts';
import { fingerprint } from './fingerprint.ts';
import { STATE_VERSION } from './note-problem.ts';
import { wrotePostStart, wroteValue } from './note.ts';
import type { AnnotationState, ContainerState, GraceState, Taken, WorkloadState } from './note.ts';

export { decodeState, encodeState, noteOrigin, stateOf } from './note.ts';
export type { DecodedState, FieldStates, NoteOrigin, WorkloadState } from './note.ts';

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
  const container = nextContainer(workload.template, values, previous?.fields.proxyContainer);
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
      // Nobody needs it any more: the value before us stays ours until it is restored. A default needs no holding.
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
  { proxyPreStop: wanted, proxyPostStart }: ManagedValues,
  previous: ContainerState | undefined,
): ContainerState | undefined {
  if (wanted === undefined) {
    return undefined;
  }
  const wrote = {
    wrote: fingerprint(canonical(wanted)),
    ...(proxyPostStart === undefined ? {} : { postStart: fingerprint(canonical(proxyPostStart)) }),
  };
  const present = proxyContainerOf(template);
  if (present === undefined) {
    return { before: null, ...wrote };
  }
  const preStop = present.lifecycle?.preStop;
  if (previous !== undefined && preStop !== undefined && fingerprint(canonical(preStop)) === previous.wrote) {
    return { before: previous.before, ...wrote };
  }
  return { before: { lifecycle: present.lifecycle !== undefined, preStop }, ...wrote };
}

/** Whether a field that we wrote goes away with the next state: an apply leaves it out. */
export function dropsFields(previous: WorkloadState, next: WorkloadState): boolean {
  const postStart = ({ fields }: WorkloadState): string | undefined => fields.proxyContainer?.postStart;
  return (
    MANAGED_FIELDS.some((field) => previous.fields[field] !== undefined && next.fields[field] === undefined) ||
    (postStart(previous) !== undefined && postStart(next) === undefined)
  );
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
  const postStart = proxyContainerOf(template)?.lifecycle?.postStart;
  if (values['proxyPreStop'] !== undefined && wrotePostStart(state.fields.proxyContainer, postStart)) {
    values['proxyPostStart'] = postStart;
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
function stands(field: ManagedField, template: PodTemplate, state: WorkloadState): boolean | undefined {
  switch (field) {
    case 'gracePeriod':
      return wroteValue(state, field, template.spec.terminationGracePeriodSeconds);
    case 'proxyContainer':
      return wroteValue(state, field, proxyContainerOf(template)?.lifecycle?.preStop);
    default:
      return wroteValue(state, field, template.metadata?.annotations?.[ANNOTATION_OF[field]]);
  }
}

/** The pod template as it was before us. What somebody else has changed since our write stays as it is now. */
export function templateBefore(template: PodTemplate, state: Pick<WorkloadState, 'fields'>): PodTemplate {
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
  if (state === undefined || present === undefined || preStop === undefined) {
    return containers;
  }
  if (fingerprint(canonical(preStop)) !== state.wrote) {
    // Somebody has put theirs in place of ours; what we had put beside it is still ours.
    return wrotePostStart(state, present.lifecycle?.postStart)
      ? containers.map((container) => (container === present ? { ...present, lifecycle: { preStop } } : container))
      : containers;
  }
  if (state.before === null) {
    return containers.filter((container) => container !== present);
  }
  return containers.map((container) => (container === present ? withLifecycle(container, state) : container));
}

function withLifecycle(container: Container, state: ContainerState): Container {
  const { before } = state;
  const { lifecycle, ...rest } = container;
  const theirs = wrotePostStart(state, lifecycle?.postStart) ? undefined : lifecycle?.postStart;
  const postStart = theirs === undefined ? {} : { postStart: theirs };
  const preStop = before?.preStop === undefined ? {} : { preStop: before.preStop };
  const empty = theirs === undefined && before?.preStop === undefined && before?.lifecycle !== true;
  return empty ? rest : { ...rest, lifecycle: { ...postStart, ...preStop } };
}

function proxyContainerOf(template: PodTemplate): Container | undefined {
  return template.spec.containers.find((container) => container.name === PROXY_CONTAINER);
}
