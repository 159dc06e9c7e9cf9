import { DELIVERED_LABEL, INJECTED_ANNOTATION, STATE_ANNOTATION } from '../../api/names.ts';
import type { Workload } from '../model/workload.ts';
import { assess } from '../plan/assess.ts';
import { applyToTemplate } from '../template/apply.ts';
import { projectTemplate } from '../template/project.ts';
import { at, recordOf, type RawObject } from '../template/raw.ts';
import { NOTHING_ADMITTED, type AdmitFacts, type Admitted } from './admit-workload.ts';
import { deliveredKey } from '../plan/delivery.ts';
import { mapPatch, templatePatch } from './template-patch.ts';

export interface AdmitPodInput {
  readonly pod: RawObject;
  /** The workload that the pod belongs to. */
  readonly workload: Workload;
  /** Undefined where nothing may be written now. */
  readonly facts: (workload: Workload) => AdmitFacts | undefined;
}

/**
 * What to put into a pod that is being created, where the policy that governs its workload says `delivery: Admission`.
 * The pod is judged as it is, under its workload's name. Its template stays as it is, so nothing restarts and nothing
 * drifts.
 */
export function admitPod(input: AdmitPodInput): Admitted {
  const { pod, workload } = input;
  // What the proxy will be is settled by then.
  if (at(pod, ['metadata', 'annotations', INJECTED_ANNOTATION]) !== undefined) {
    return NOTHING_ADMITTED;
  }
  const template = projectTemplate(pod);
  const facts = input.facts(workload);
  const governing =
    facts === undefined ? undefined : assess({ ...facts, workload: { ...withoutState(workload), template } }).governing;
  if (governing === undefined || governing.policy.spec.delivery !== 'Admission') {
    return NOTHING_ADMITTED;
  }
  const { policy, decision } = governing;
  const kept = decision.outcome === 'Compliant' || decision.outcome === 'Updating';
  if (policy.spec.suspend || policy.stalled !== undefined || (decision.write === undefined && !kept)) {
    return NOTHING_ADMITTED;
  }
  const key = deliveredKey(policy);
  const patch = [
    ...(decision.write === undefined
      ? []
      : templatePatch(pod, [], template, applyToTemplate(template, decision.write))),
    ...(recordOf(at(pod, ['metadata', 'labels']))[DELIVERED_LABEL] === key
      ? []
      : mapPatch(pod, ['metadata', 'labels'], { [DELIVERED_LABEL]: key })),
  ];
  return patch.length === 0 ? NOTHING_ADMITTED : { patch, warnings: [], policy: policy.name, decision };
}

/** What the operator wrote into the workload before is not in question here. */
function withoutState(workload: Workload): Workload {
  const { [STATE_ANNOTATION]: state, ...annotations } = workload.annotations;
  return state === undefined ? workload : { ...workload, annotations };
}
