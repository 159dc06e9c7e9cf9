import type { AnnotationField } from '../../model/managed.ts';
import type { LifecycleHandler } from '../../../api/kubernetes.ts';
import { STATE_ANNOTATION } from '../../../api/names.ts';
import { isRecord } from '../../../api/schema.ts';
import type { ManagedField, TemplateGap, Workload } from '../../model/workload.ts';
import type { ProxyConfigEdits } from '../annotation-edit.ts';
import { memoizeByText } from '../../memoize.ts';
import { at, canonical, textOf } from '../raw.ts';
import { fingerprint } from './fingerprint.ts';
import { LONGEST_NOTE, noteProblem, STATE_VERSION } from './note-problem.ts';

/**
 * What stood in a workload before us. It is kept in an annotation of the workload itself, so that everything can be
 * restored without the policy, and never in the pod template, where it would restart pods.
 */

/** Managers from whom a forced write took the field: it goes back to them with its value. */
export interface Taken {
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
  /** Fingerprint of the postStart that we wrote beside it, where there was none. */
  readonly postStart?: string;
}

export type FieldStates = { readonly gracePeriod?: GraceState; readonly proxyContainer?: ContainerState } & {
  readonly [Field in AnnotationField]?: AnnotationState;
};

export interface WorkloadState {
  readonly v: typeof STATE_VERSION;
  /** The object that it was written for; see `noteOrigin`. */
  readonly uid?: string;
  readonly policy: { readonly name: string; readonly uid: string };
  /** What the policy wanted, as a key: a changed intent is followed, a changed wording of the operator is not. */
  readonly intent: string;
  readonly onDelete: 'Restore' | 'Orphan';
  /** How many workloads of this policy may restart at once, also when they are restored. Absent: no limit. */
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
  return text.length > LONGEST_REMEMBERED ? decode(text) : remembered(text);
}

/** One look at a workload asks for its note a dozen times over. Ours are shorter than this. */
const LONGEST_REMEMBERED = 16_384;
const remembered = memoizeByText(64, decode);

function decode(text: string): DecodedState {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    return { ok: false, why: `it is not JSON (${error instanceof Error ? error.message : 'damaged'})` };
  }
  if (!isRecord(raw)) {
    return { ok: false, why: 'it is not a JSON object' };
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

/** What our note on a raw object says, live or as somebody's manifest repeats it. */
export function noteIn(raw: unknown): WorkloadState | undefined {
  const text = textOf(at(raw, ['metadata', 'annotations', STATE_ANNOTATION]));
  return text === undefined ? undefined : stateOf({ annotations: { [STATE_ANNOTATION]: text } });
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

/**
 * Whether a value is the one that the note says we wrote; undefined where it says that we wrote none.
 * @param value the seconds of the grace period, the text of an annotation, or the preStop of `istio-proxy`
 */
export function wroteValue(state: WorkloadState, field: ManagedField, value: unknown): boolean | undefined {
  if (field === 'gracePeriod') {
    const grace = state.fields.gracePeriod;
    return grace === undefined ? undefined : value === grace.wrote;
  }
  const wrote = state.fields[field]?.wrote;
  if (wrote === undefined) {
    return undefined;
  }
  const text = field === 'proxyContainer' && value !== undefined ? canonical(value) : textOf(value);
  return text !== undefined && fingerprint(text) === wrote;
}

/** Whether the postStart of `istio-proxy` is the one that the note says we wrote. */
export function wrotePostStart(state: ContainerState | undefined, postStart: LifecycleHandler | undefined): boolean {
  return (
    state?.postStart !== undefined && postStart !== undefined && fingerprint(canonical(postStart)) === state.postStart
  );
}
