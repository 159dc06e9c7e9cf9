import { ANNOTATION_FIELDS } from '../model/managed.ts';
import { PROXY_CONFIG_ANNOTATION } from '../../api/names.ts';
import { finding } from '../../api/reasons.ts';
import type { Decision } from '../model/decision.ts';
import type { FieldOwner, FieldOwners, Workload } from '../model/workload.ts';
import { intentKey } from '../promise/intent.ts';
import type { PolicyRecord } from './policies.ts';
import { parseProxyConfigAnnotation } from '../template/annotation.ts';

/**
 * How many workloads of a policy may restart at once, also when they are restored; undefined is all of them. Who chose
 * OnNextRollout minds restarts, and restoring cannot do without: it goes in waves of the default size.
 */
export function restartLimitOf({ spec: { rollout } }: Pick<PolicyRecord, 'spec'>): number | undefined {
  return rollout.strategy === 'Immediate' ? undefined : rollout.waves?.maxConcurrent;
}

/** Pods of a workload that carry the policy's settings, beside all that it wants to have. */
export interface PodsDelivered {
  readonly current: number;
  readonly wanted: number;
}

/** Counts the pods that carry this key of an intent; undefined where they cannot be looked at. */
export type CountDelivered = (workload: Workload, intent: string) => PodsDelivered | undefined;

/** What pods carry in their label: whoever was created under this intent has what it asks for. */
export function deliveredKey(policy: Pick<PolicyRecord, 'intent'>): string {
  return intentKey(policy.intent);
}

const NOBODYS: FieldOwner = Object.freeze({ ownership: 'Absent', owners: Object.freeze([]) });

/**
 * A workload as its pods are judged under `delivery: Admission`. An annotation that a manifest declares is in nobody's
 * way: the pod's copy of it is merged key by key, and the manifest stays what it is.
 */
export function asDeliveredToPods(workload: Workload): Workload {
  const fields: FieldOwners = {
    ...workload.fields,
    ...Object.fromEntries(ANNOTATION_FIELDS.map((field) => [field, NOBODYS])),
  };
  return { ...workload, fields };
}

/**
 * What a decision means under the policy's way of delivery.
 * @param decided the decision; under `delivery: Admission` that of `asDeliveredToPods(workload)`
 */
export function underDelivery(
  workload: Workload,
  policy: PolicyRecord,
  decided: Decision,
  count: CountDelivered | undefined,
): Decision {
  if (policy.spec.delivery === 'Admission') {
    return toPods(workload, policy, decided, count);
  }
  if (policy.spec.rollout.strategy !== 'OnNextRollout' || decided.write === undefined) {
    return decided;
  }
  return { ...decided, carrier: 'Rollout', message: `rides along with its next rollout: ${decided.message}` };
}

function toPods(
  workload: Workload,
  policy: PolicyRecord,
  decided: Decision,
  count: CountDelivered | undefined,
): Decision {
  const decision = withoutAdoption(decided);
  if (decision.write === undefined && decision.outcome !== 'NonCompliant') {
    return decision;
  }
  const overwritten = policy.spec.conflicts === 'Report' ? overwrittenKeys(workload, decision) : [];
  if (overwritten.length > 0) {
    return conflicting(workload, decision, overwritten);
  }
  if (decision.write === undefined) {
    return decision;
  }
  const delivered: Decision = { ...decision, carrier: 'Pod' };
  if (count === undefined) {
    return { ...delivered, message: `its pods get it when they are created: ${decision.message}` };
  }
  const pods = count(workload, deliveredKey(policy));
  if (pods === undefined) {
    const found = finding('FactsMissing', 'not known: its pods cannot be read (it needs list and watch of pods)');
    return {
      ...delivered,
      outcome: 'Unknown',
      reason: found.code,
      message: found.message,
      findings: [...decision.findings, found],
    };
  }
  const older = Math.max(0, pods.wanted - pods.current);
  return older === 0
    ? { ...delivered, outcome: 'Compliant', message: 'every pod carries the settings of the policy' }
    : {
        ...delivered,
        message: `${older} of ${pods.wanted} pod(s) are older than the policy; they get it at their next restart: ${decision.message}`,
      };
}

/** Nothing of a workload is ours under this delivery, so there is nothing to take over; what is left from before goes back. */
function withoutAdoption(decision: Decision): Decision {
  const { adopt, ...rest } = decision;
  return adopt === undefined ? decision : rest;
}

/** Keys that the manifest's annotation states and that would say something else on the pod. */
function overwrittenKeys(workload: Workload, { changes }: Decision): string[] {
  if (workload.fields.proxyConfig.ownership !== 'Declared' && workload.fields.proxyConfig.ownership !== 'Shared') {
    return [];
  }
  const change = changes.find(({ field }) => field === 'proxyConfig');
  const before = statedIn(change?.before);
  const after = statedIn(change?.after);
  return [...before].filter(([key, value]) => after.get(key) !== value).map(([key]) => key);
}

function statedIn(text: string | undefined): Map<string, unknown> {
  const reading = parseProxyConfigAnnotation(text ?? '');
  if (!reading.ok) {
    return new Map();
  }
  const {
    terminationDrainDuration,
    drainDuration,
    holdApplicationUntilProxyStarts,
    proxyMetadata = {},
  } = reading.values;
  const stated: [string, unknown][] = [
    ...Object.entries({ terminationDrainDuration, drainDuration, holdApplicationUntilProxyStarts }),
    ...Object.entries(proxyMetadata).map<[string, unknown]>(([name, value]) => [`proxyMetadata.${name}`, value]),
  ];
  return new Map(stated.filter(([, value]) => value !== undefined));
}

function conflicting(workload: Workload, decision: Decision, keys: readonly string[]): Decision {
  const { owners } = workload.fields.proxyConfig;
  const change = decision.changes.find(({ field }) => field === 'proxyConfig');
  const path = change?.path ?? '';
  const message = `${path} (${PROXY_CONFIG_ANNOTATION}) states ${keys.join(', ')}, declared by ${owners.join(', ') || 'somebody else'}, and the policy needs another value`;
  const found = finding('FieldConflict', message, { path });
  return {
    ...withoutWrite(decision),
    outcome: 'Conflicted',
    reason: found.code,
    message: found.message,
    conflicts: [...decision.conflicts, { field: 'proxyConfig', path, owners, wanted: change?.after ?? '' }],
    findings: [...decision.findings, found],
  };
}

function withoutWrite({ write, ...rest }: Decision): Decision {
  return write === undefined ? rest : { ...rest };
}
