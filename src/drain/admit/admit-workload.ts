import type { ManagedValues } from '../model/managed.ts';
import { STATE_ANNOTATION } from '../../api/names.ts';
import type { Decision } from '../model/decision.ts';
import type { Workload } from '../model/workload.ts';
import { assess, type AssessInput } from '../plan/assess.ts';
import { intentKey } from '../promise/intent.ts';
import type { PolicyRecord } from '../plan/policies.ts';
import type { JsonPatchOperation } from '../restore/json-patch.ts';
import { nextState, stateOf, templateBefore, writtenValuesStand, type WorkloadState } from '../template/note/state.ts';
import { applyToTemplate, buildApply } from '../template/apply.ts';
import type { WorkloadKindAdapter } from '../template/kinds.ts';
import { isAppliedByOthers } from '../template/ownership.ts';
import { projectWorkload } from '../template/project.ts';
import { at, canonical, managedFieldsOf, type RawObject } from '../template/raw.ts';
import { restartLimitOf } from '../plan/delivery.ts';
import { managedFieldsAfter } from './own-fields.ts';
import { withoutOurHandlers } from './second-handler.ts';
import { changedFields, mapPatch, templatePatch } from './template-patch.ts';

/** What is known beside the object: the same for workloads and pods. */
export type AdmitFacts = Omit<AssessInput, 'workload' | 'patience' | 'hold'>;

export interface AdmitWorkloadInput {
  readonly adapter: WorkloadKindAdapter;
  /** The object as it is about to be stored: defaulted already, its managedFields naming the author of the request. */
  readonly object: RawObject;
  /** What stands there now; absent on CREATE. */
  readonly oldObject?: RawObject;
  /** Of the request: the object may not state it yet. */
  readonly namespace: string;
  /** RFC 3339. */
  readonly at: string;
  /** Undefined where nothing may be written now. */
  readonly facts: (workload: Workload) => AdmitFacts | undefined;
}

export interface Admitted {
  readonly patch: readonly JsonPatchOperation[];
  readonly warnings: readonly string[];
  /** The policy whose values are put in. */
  readonly policy?: string;
  readonly decision?: Decision;
}

export const NOTHING_ADMITTED: Admitted = Object.freeze({ patch: Object.freeze([]), warnings: Object.freeze([]) });

/**
 * What to put into a workload that is being created, or whose pod template is being changed by its owner. Its pods are
 * made anew in any case, so the settings ride along: one ReplicaSet, not two. Pure, and idempotent: asked again with its
 * own result it changes nothing.
 */
export function admitWorkload(input: AdmitWorkloadInput): Admitted {
  const { adapter, object, oldObject, namespace } = input;
  if (oldObject !== undefined && !changesTemplate(object, oldObject, adapter)) {
    return NOTHING_ADMITTED;
  }
  const projected = projectWorkload(object, adapter, { namespace });
  const old = oldObject === undefined ? undefined : projectWorkload(oldObject, adapter, { namespace });
  const workload = withOldState(projected, old);
  const state = stateOf(workload);
  const yielding = withoutOurHandlers(object, adapter.templatePath, state, oldObject);
  if (yielding !== undefined) {
    return { ...NOTHING_ADMITTED, patch: yielding };
  }
  if (
    oldObject !== undefined &&
    old !== undefined &&
    state !== undefined &&
    // A rollback brings an older note along: what stood there is what the present one says.
    isTakenOutByHand(object, oldObject, workload, old, stateOf(old) ?? state)
  ) {
    return NOTHING_ADMITTED;
  }
  const facts = input.facts(workload);
  const governing = facts === undefined ? undefined : assess({ ...facts, workload }).governing;
  if (governing === undefined) {
    return NOTHING_ADMITTED;
  }
  const { policy, decision } = governing;
  // With delivery Admission the pods get it instead; with approval somebody has to see the plan first.
  if (
    policy.spec.delivery === 'Admission' ||
    policy.spec.rollout.approval === 'Required' ||
    policy.spec.suspend ||
    policy.stalled !== undefined
  ) {
    return NOTHING_ADMITTED;
  }
  // One list of containers that is one value to the API server: the operator edits that with more care.
  if (workload.atomicContainers === true && decision.write?.proxyPreStop !== undefined) {
    return NOTHING_ADMITTED;
  }
  if (decision.write === undefined) {
    return { ...NOTHING_ADMITTED, warnings: warningsOf(policy, decision) };
  }
  return {
    patch: patchOf(input, workload, state, policy, decision.write),
    warnings: [],
    policy: policy.name,
    decision,
  };
}

function changesTemplate(object: RawObject, oldObject: RawObject, adapter: WorkloadKindAdapter): boolean {
  return canonical([at(object, adapter.templatePath)]) !== canonical([at(oldObject, adapter.templatePath)]);
}

/** A PUT of a manifest drops the annotation that tells what was there before us; what it tells is still true. */
function withOldState(workload: Workload, old: Workload | undefined): Workload {
  const text = old?.annotations[STATE_ANNOTATION];
  return text === undefined || workload.annotations[STATE_ANNOTATION] !== undefined
    ? workload
    : { ...workload, annotations: { ...workload.annotations, [STATE_ANNOTATION]: text } };
}

/** The names under which kubectl writes for a person who undoes a rollout or edits an object. */
const HANDS = new Set(['kubectl', 'kubectl-rollout', 'kubectl-edit']);

/**
 * `kubectl rollout undo` in an incident, or an edit: somebody takes our values out on purpose. To put them straight back
 * would make the undo of a rollout of ours a request that does nothing. The controller waits before it asks again.
 */
function isTakenOutByHand(
  object: RawObject,
  oldObject: RawObject,
  workload: Workload,
  old: Workload,
  state: WorkloadState,
): boolean {
  if (!writtenValuesStand(old.template, state) || writtenValuesStand(workload.template, state)) {
    return false;
  }
  const before = new Set(managedFieldsOf(oldObject).map((entry) => canonical(entry)));
  return managedFieldsOf(object).some(
    (entry) => HANDS.has(entry.manager ?? '') && (entry.subresource ?? '') === '' && !before.has(canonical(entry)),
  );
}

function patchOf(
  input: AdmitWorkloadInput,
  workload: Workload,
  previous: WorkloadState | undefined,
  policy: PolicyRecord,
  values: ManagedValues,
): JsonPatchOperation[] {
  const { adapter, object } = input;
  const limit = restartLimitOf(policy);
  const state = nextState({
    previous,
    workload,
    values,
    policy: { name: policy.name, uid: policy.uid },
    intent: intentKey(policy.intent),
    onDelete: policy.spec.onDelete,
    maxConcurrent: limit,
    // The application's own change restarts the pods, not ours: it is none of the restarts that waves count.
    adopted: true,
    ...(previous?.at === undefined ? {} : { at: previous.at }),
  });
  const original = previous === undefined ? workload.template : templateBefore(workload.template, previous);
  const after = applyToTemplate(original, values);
  const document = buildApply(workload, values, state);
  const stateText = (document['metadata'] as { annotations: Record<string, string> }).annotations[STATE_ANNOTATION];
  // Who applies it shall be able to state later what we put in now; see planYield.
  const yields = policy.spec.conflicts === 'Report' && isAppliedByOthers(object);
  const managed = managedFieldsAfter(
    object,
    yields ? { ...document, spec: undefined } : document,
    changedFields(workload.template, after),
    adapter.templatePath,
    `${input.at.slice(0, 19)}Z`,
  );
  return [
    ...templatePatch(object, adapter.templatePath, workload.template, after),
    ...mapPatch(object, ['metadata', 'annotations'], { [STATE_ANNOTATION]: stateText }),
    // Nobody's managedFields are invented: an object without any (somebody cleared them) stays so but for ours.
    { op: 'add', path: '/metadata/managedFields', value: managed },
  ];
}

/** Whoever writes the workload is told at once what the policy's status will say. */
function warningsOf(policy: PolicyRecord, { outcome, reason, message }: Decision): string[] {
  return outcome === 'Conflicted' || outcome === 'Failed'
    ? [`SidecarDrainPolicy ${policy.name} is not kept (${reason ?? outcome}): ${message}`]
    : [];
}
