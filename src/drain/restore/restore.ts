import { ANNOTATION_FIELDS, ANNOTATION_OF } from '../model/managed.ts';
import type { LifecycleHandler } from '../../api/kubernetes.ts';
import { PROXY_CONTAINER, STATE_ANNOTATION } from '../../api/names.ts';
import type { ManagedField } from '../model/workload.ts';
import { INJECTED_IMAGE, INJECTED_PULL_POLICY } from '../template/apply.ts';
import { kindName, SPEC_TEMPLATE, workloadKind } from '../template/kinds.ts';
import type { TemplatePlace } from '../template/kinds.ts';
import {
  fieldOwners,
  isStatedByApply,
  LAST_APPLIED_ANNOTATION,
  LIFECYCLE_FIELDS,
  PROXY_CONTAINER_KEY,
} from '../template/ownership.ts';
import { at, canonical, listOf, metadataOf, recordOf, textOf } from '../template/raw.ts';
import type { Raw, RawObject } from '../template/raw.ts';
import { fingerprint } from '../template/note/fingerprint.ts';
import { pointer } from './json-patch.ts';
import { nearestGrace } from './nearest-grace.ts';
import type { NearestGrace } from './nearest-grace.ts';
import type { JsonPatchOperation } from './json-patch.ts';
import { ownershipOperations } from './release.ts';
import { wrotePostStart } from '../template/note/note.ts';
import { annotationBefore } from '../template/note/state.ts';
import type { WorkloadState } from '../template/note/state.ts';

/**
 * Restoring a workload. To apply the old values and then to release them would end at the API server's defaults, so
 * the values go back by JSON patch.
 *
 * It takes two patches, seen on a real API server (1.36): whoever changes a value by PATCH becomes its owner, and an
 * edit of managedFields in the same request is overruled by that. So the first patch puts the values back, which
 * restarts the pods, and leaves the state annotation; the second, which touches no pod, takes our ownership and the
 * state away. A crash between the two loses nothing: asked again, `planRestore` gives the second one. Where values are
 * only removed nobody comes to own anything, and one patch does it all.
 */

export interface RestoreStep {
  /** The operations to send as one PATCH; its answer is the object for the next call where `last` is false. */
  readonly patch: readonly JsonPatchOperation[];
  /** True where nothing is left to do once this patch is through. */
  readonly last: boolean;
  /** What goes back to its value before us with this patch. */
  readonly restored: readonly ManagedField[];
  /** What somebody else has changed or declared since: it stays as it is. */
  readonly kept: readonly ManagedField[];
  /** The grace period is among what goes back, and not all the way. */
  readonly nearest?: NearestGrace;
}

/**
 * The next patch of a restore (or, for `Orphan`, of letting go with the values as they are). `raw` is the live object,
 * whole. Every patch is bound to its uid and resourceVersion: a stale one is refused with 409 (or with 422 where its
 * paths no longer fit), and is to be planned again.
 * @param place where the template stands in a kind of the configuration
 */
export function planRestore(
  raw: RawObject,
  state: WorkloadState,
  mode: 'Restore' | 'Orphan',
  place: TemplatePlace = workloadKind(kindName(raw.kind ?? '', raw.apiVersion)) ?? { templatePath: SPEC_TEMPLATE },
): RestoreStep {
  const values = mode === 'Restore' ? valueOperations(raw, state, place) : NO_VALUES;
  const onlyRemovals = values.operations.every(({ op }) => op === 'remove');
  return {
    patch: [
      ...preconditions(raw),
      ...values.operations,
      ...(onlyRemovals ? [...ownershipOperations(raw, state, place.templatePath), ...stateOperations(raw)] : []),
    ],
    last: onlyRemovals,
    restored: values.restored,
    kept: values.kept,
    nearest: values.nearest,
  };
}

interface ValueOperations {
  readonly operations: readonly JsonPatchOperation[];
  readonly restored: readonly ManagedField[];
  readonly kept: readonly ManagedField[];
  readonly nearest?: NearestGrace | undefined;
}

const NO_VALUES: ValueOperations = { operations: [], restored: [], kept: [] };

/**
 * `replace` of the resourceVersion is the API server's own precondition and answers 409 Conflict; a `test` of it would
 * answer 422 Invalid, which nobody can tell from a patch that is wrong.
 */
export function preconditions(raw: RawObject): JsonPatchOperation[] {
  const { uid, resourceVersion } = metadataOf(raw);
  return [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
  ];
}

function stateOperations(raw: RawObject): JsonPatchOperation[] {
  const annotations = metadataOf(raw).annotations ?? {};
  if (!Object.hasOwn(annotations, STATE_ANNOTATION)) {
    return [];
  }
  const alone = Object.keys(annotations).length === 1;
  return [
    { op: 'remove', path: alone ? '/metadata/annotations' : pointer('metadata', 'annotations', STATE_ANNOTATION) },
  ];
}

function valueOperations(raw: RawObject, state: WorkloadState, place: TemplatePlace): ValueOperations {
  const owners = fieldOwners(raw, place);
  /** Somebody else holds the same value now, or has put in another one: it is theirs. */
  const isForeign = (field: ManagedField): boolean => owners[field].owners.some((owner) => owner !== 'unknown');
  const plan = new Plan(raw, place);
  plan.annotations(state, (field) => isForeign(field));
  plan.container(state, isForeign('proxyContainer'));
  // Last: how far it may go depends on the hooks that stay.
  plan.grace(state, isForeign('gracePeriod'));
  return plan;
}

class Plan implements ValueOperations {
  readonly operations: JsonPatchOperation[] = [];
  readonly restored: ManagedField[] = [];
  readonly kept: ManagedField[] = [];
  nearest: NearestGrace | undefined;
  private readonly raw: RawObject;
  readonly templatePath: readonly string[];
  private readonly template: Raw;

  constructor(raw: RawObject, { templatePath }: TemplatePlace) {
    this.raw = raw;
    this.templatePath = templatePath;
    this.template = recordOf(at(raw, templatePath));
  }

  private path(...keys: readonly (string | number)[]): string {
    return pointer(...this.templatePath, ...keys);
  }

  /** A grace period is only ever lowered from the value that is still our own. */
  grace(state: WorkloadState, foreign: boolean): void {
    const grace = state.fields.gracePeriod;
    if (grace === undefined) {
      return;
    }
    const present = at(this.template, ['spec', 'terminationGracePeriodSeconds']);
    if (present === grace.before || (present === undefined && grace.absent === true)) {
      return;
    }
    if (foreign || present !== grace.wrote) {
      this.kept.push('gracePeriod');
      return;
    }
    const back =
      this.restored.includes('proxyContainer') && !this.kept.includes('proxyContainer')
        ? { value: state.fields.proxyContainer?.before?.preStop }
        : undefined;
    const nearest = nearestGrace(this.template, grace.before, back);
    if (nearest !== undefined && nearest.seconds >= grace.wrote) {
      this.kept.push('gracePeriod');
      return;
    }
    const path = this.path('spec', 'terminationGracePeriodSeconds');
    const value = nearest?.seconds ?? grace.before;
    const goes = grace.absent === true && nearest === undefined;
    this.operations.push(goes ? { op: 'remove', path } : { op: 'replace', path, value });
    this.restored.push('gracePeriod');
    this.nearest = nearest;
  }

  annotations(state: WorkloadState, isForeign: (field: ManagedField) => boolean): void {
    const present = recordOf(at(this.template, ['metadata', 'annotations']));
    const left = new Set(Object.keys(present));
    const operations: JsonPatchOperation[] = [];
    for (const field of ANNOTATION_FIELDS) {
      const fieldState = state.fields[field];
      const key = ANNOTATION_OF[field];
      const text = textOf(present[key]);
      if (fieldState === undefined || text === undefined || text === fieldState.before) {
        continue;
      }
      const untouched = fingerprint(text) === fieldState.wrote;
      // Whoever declares the text in a manifest gets nothing cut out of it; who has only edited ours gets ours cut out.
      const theirs = untouched ? isForeign(field) : this.declaredInManifest(key);
      const before = theirs ? text : annotationBefore(text, fieldState);
      if (before === text) {
        this.kept.push(field);
        continue;
      }
      this.restored.push(field);
      if (before === undefined) {
        left.delete(key);
        operations.push({ op: 'remove', path: this.path('metadata', 'annotations', key) });
      } else {
        operations.push({ op: 'replace', path: this.path('metadata', 'annotations', key), value: before });
      }
    }
    const emptied = operations.length > 0 && left.size === 0 && state.gap !== 'EmptyAnnotations';
    this.operations.push(
      ...(emptied ? [{ op: 'remove' as const, path: this.path('metadata', ...this.emptied(state)) }] : operations),
    );
  }

  /** The metadata that came with our annotations go with them. */
  private emptied({ gap }: WorkloadState): string[] {
    return gap === 'NoMetadata' && Object.keys(recordOf(this.template['metadata'])).length === 1 ? [] : ['annotations'];
  }

  /** By server-side apply, or by the manifest that client-side `kubectl apply` remembers. */
  private declaredInManifest(key: string): boolean {
    if (isStatedByApply(this.raw, this, ['f:metadata', 'f:annotations', `f:${key}`])) {
      return true;
    }
    const remembered = metadataOf(this.raw).annotations?.[LAST_APPLIED_ANNOTATION];
    return (
      remembered?.includes(JSON.stringify(key)) === true &&
      stated(remembered, [...this.templatePath, 'metadata', 'annotations', key])
    );
  }

  container(state: WorkloadState, foreign: boolean): void {
    const ours = state.fields.proxyContainer;
    const containers = listOf(at(this.template, ['spec', 'containers'])).map(recordOf);
    const index = containers.findIndex((container) => container['name'] === PROXY_CONTAINER);
    const container = containers[index];
    if (ours === undefined || container === undefined) {
      return;
    }
    const preStop = at(container, ['lifecycle', 'preStop']);
    const postStart = recordOf(container['lifecycle'])['postStart'];
    const isOurPostStart = wrotePostStart(ours, postStart as LifecycleHandler | undefined);
    if (preStop === undefined) {
      return;
    }
    if (foreign || fingerprint(canonical(preStop)) !== ours.wrote) {
      this.kept.push('proxyContainer');
      // Theirs stays; what we had put beside the one before it does not.
      if (isOurPostStart && !isStatedByApply(this.raw, this, [...LIFECYCLE_FIELDS, 'f:postStart'])) {
        this.operations.push({ op: 'remove', path: this.path('spec', 'containers', index, 'lifecycle', 'postStart') });
        this.restored.push('proxyContainer');
      }
      return;
    }
    this.restored.push('proxyContainer');
    if (ours.before === null && this.isWhollyOurs(container, isOurPostStart)) {
      this.operations.push({ op: 'remove', path: this.path('spec', 'containers', index) });
      return;
    }
    const lifecycle = Object.keys(recordOf(container['lifecycle'])).filter(
      (key) => key !== 'preStop' && !(key === 'postStart' && isOurPostStart),
    );
    const alone = lifecycle.length === 0 && ours.before?.lifecycle !== true;
    if (isOurPostStart && !(alone && ours.before?.preStop === undefined)) {
      this.operations.push({ op: 'remove', path: this.path('spec', 'containers', index, 'lifecycle', 'postStart') });
    }
    if (ours.before?.preStop !== undefined) {
      this.operations.push({
        op: 'replace',
        path: this.path('spec', 'containers', index, 'lifecycle', 'preStop'),
        value: ours.before.preStop,
      });
      return;
    }
    this.operations.push({
      op: 'remove',
      path: this.path('spec', 'containers', index, 'lifecycle', ...(alone ? [] : ['preStop'])),
    });
  }

  /** Nobody has put anything of their own into the container that we added. */
  private isWhollyOurs(container: Raw, isOurPostStart: boolean): boolean {
    // A copied object's entry names whoever copied it, for a container that is ours as it stands.
    const isStated = isStatedByApply(this.raw, this, ['f:spec', 'f:containers', PROXY_CONTAINER_KEY]);
    const foreign = Object.entries(container).filter(([name, value]) => !isOwnOrDefault(name, value));
    return (
      !isStated && foreign.length === 0 && (isOurPostStart || at(container, ['lifecycle', 'postStart']) === undefined)
    );
  }
}

/** What `Add` writes, and what the API server puts beside it by itself. */
function isOwnOrDefault(name: string, value: unknown): boolean {
  switch (name) {
    case 'name':
    case 'lifecycle':
      return true;
    case 'image':
      return value === INJECTED_IMAGE;
    case 'imagePullPolicy':
      return value === INJECTED_PULL_POLICY;
    case 'terminationMessagePath':
      return value === '/dev/termination-log';
    case 'terminationMessagePolicy':
      return value === 'File';
    case 'resources':
      return canonical(value) === '{}';
    default:
      return false;
  }
}

function stated(manifest: string, path: readonly string[]): boolean {
  try {
    return at(JSON.parse(manifest), path) !== undefined;
  } catch {
    return false;
  }
}
