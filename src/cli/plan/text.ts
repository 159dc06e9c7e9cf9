import { delayWords } from '../../drain/plan/late-requests.ts';
import type { WorkloadOutcome } from '../../drain/model/decision.ts';
import type { PolicyPrice } from '../../drain/price/price.ts';
import type { Style } from '../output/style.ts';
import { count, nameOf } from '../output/text.ts';
import type { Plan, PlanCost, PlannedChange, PlannedPolicy, PlannedWorkload } from './model.ts';

/** The words for each outcome, in the order in which workloads are listed. */
const OUTCOMES: readonly (readonly [WorkloadOutcome, string])[] = [
  ['Failed', 'cannot be made compliant'],
  ['Conflicted', 'left alone: somebody else declares a field that would have to change'],
  ['Unknown', 'left alone: something must be known first'],
  ['Pending', 'would change'],
  ['NonCompliant', 'would change if the policy enforced'],
  ['Updating', 'rolling out'],
  ['Exempt', 'exempt'],
  ['Compliant', 'compliant'],
];

const CARRIED = {
  Rollout: 'rides along with its next rollout, no pod restarts',
  Pod: 'its pods get it when they are created, none restarts',
} as const;

const QUIET_OUTCOMES: readonly WorkloadOutcome[] = ['Compliant', 'Updating'];

export function planText(plan: Plan, style: Style, all: boolean): string {
  const out: string[] = plan.notes.map((note) => style.dim(note));
  if (out.length > 0) {
    out.push('');
  }
  for (const policy of plan.policies) {
    out.push(...policyLines(policy, plan, style, all), '');
  }
  if (all && plan.ungoverned.length > 0) {
    out.push(
      style.bold(`no policy selects ${count(plan.ungoverned.length, 'workload')}`),
      ...plan.ungoverned.map((ref) => `  ${nameOf(ref)}`),
      '',
    );
  }
  out.push(...totalLines(plan, style));
  return `${out.join('\n')}\n`;
}

function policyLines(policy: PlannedPolicy, plan: Plan, style: Style, all: boolean): string[] {
  const place = policy.file === undefined ? '' : style.dim(`  ${policy.file}:${policy.line ?? 1}`);
  const state =
    policy.stalled !== undefined
      ? `, stalled: ${policy.stalled}`
      : policy.suspended
        ? ', suspended: it would write nothing'
        : '';
  const out = [
    style.bold(`policy ${policy.name}`) +
      ` (${policy.mode}, ${policy.enforcement}${state}), plan ${policy.planHash}${place}`,
  ];
  const own = plan.workloads.filter((one) => one.policy === policy.name);
  if (own.length === 0 && policy.overridden === 0 && policy.refused.length === 0) {
    out.push('  selects no workload of the input');
  }
  for (const [outcome, words] of OUTCOMES) {
    const here = own.filter((one) => one.outcome === outcome);
    if (here.length === 0) {
      continue;
    }
    out.push(`  ${count(here.length, 'workload')} ${words}`);
    if (QUIET_OUTCOMES.includes(outcome) && !all) {
      continue;
    }
    for (const one of here) {
      out.push(...workloadLines(one, style));
    }
  }
  out.push(...lateLines(own, style, all));
  const delay = policy.delay === undefined ? '' : delayWords(policy.delay);
  out.push(...(delay === '' ? [] : [`  ${delay}`]));
  if (policy.price !== undefined) {
    out.push(...priceLines(policy.price).map((line) => `  ${line}`));
  }
  if (policy.refused.length > 0) {
    out.push(`  ${count(policy.refused.length, 'workload')} that it may not govern`);
    out.push(...policy.refused.flatMap(({ workload, message }) => [`    ${nameOf(workload)}`, `      ${message}`]));
  }
  const lost = plan.workloads.filter((one) => one.overridden.some((loser) => loser.policy === policy.name));
  if (lost.length > 0) {
    out.push(`  ${count(lost.length, 'workload')} governed by another policy`);
    out.push(...lost.map((one) => `    ${nameOf(one.workload)}: overridden by ${one.policy}`));
  }
  return out;
}

const MOST_LATE = 5;

/** Workloads that lose requests which arrive late, whatever else is said of them. */
function lateLines(own: readonly PlannedWorkload[], style: Style, all: boolean): string[] {
  const late = own.filter((one) => one.newRequestsRefused !== undefined);
  if (late.length === 0) {
    return [];
  }
  const shown = all ? late : late.slice(0, MOST_LATE);
  const left = late.length - shown.length;
  return [
    `  ${count(late.length, 'workload')} refuse${late.length === 1 ? 's' : ''} requests that arrive late (NewRequestsRefused)`,
    ...shown.flatMap((one) => [`    ${nameOf(one.workload)}`, style.dim(`      ${one.newRequestsRefused ?? ''}`)]),
    ...(left > 0 ? [`    and ${left} more (--all shows them)`] : []),
  ];
}

/** What the policy's changes cost afterwards; the first rollout still runs under the old settings. */
function priceLines(price: PolicyPrice): string[] {
  const { deployAdds, slowest, nodeDrainBefore, nodeDrainAfter, upgradeAdds = 0, nodes = 0, placed, budget } = price;
  const rounds = budget === undefined ? '' : `, in ${budget.rounds} rounds by PodDisruptionBudget ${budget.name}`;
  const where = placed === true ? 'as pods are placed now' : 'where all pods of a workload are on one node';
  return [
    ...(deployAdds > 0 ? [`price: a later deploy takes up to ${seconds(deployAdds)} longer (${slowest ?? ''})`] : []),
    ...(nodeDrainAfter > nodeDrainBefore
      ? [
          `price: a node drain may wait ${seconds(nodeDrainAfter)} for pods instead of ${seconds(nodeDrainBefore)}${rounds} (${where})`,
        ]
      : []),
    ...(upgradeAdds > 0
      ? [
          `price: an upgrade of ${count(nodes, 'node')}, one after the other, may take up to ${seconds(upgradeAdds)} longer`,
        ]
      : []),
    ...(budget === undefined || nodeDrainAfter <= nodeDrainBefore
      ? []
      : ['price: not known: how long replacements take to be ready, for which each round waits too']),
    ...(price.blocked ?? []).map(
      (name) =>
        `price: not known: PodDisruptionBudget ${name} never lets a pod go, so a drain waits for it without end`,
    ),
  ];
}

function workloadLines(one: PlannedWorkload, style: Style): string[] {
  const place = one.file === undefined ? '' : style.dim(`  ${one.file}:${one.line ?? 1}`);
  const restarts =
    one.restarts > 0
      ? `  ${count(one.restarts, 'pod')} restart${one.restarts === 1 ? 's' : ''}`
      : one.carrier === undefined
        ? ''
        : `  ${CARRIED[one.carrier]}`;
  const out = [`    ${style.bold(nameOf(one.workload))}${place}${restarts}`];
  if (one.outcome !== 'Pending' && one.outcome !== 'NonCompliant' && one.outcome !== 'Compliant') {
    out.push(`      ${one.message}`);
  }
  for (const change of one.changes) {
    out.push(...changeLines(change, style));
  }
  if (one.cost !== undefined && (one.outcome === 'Pending' || one.outcome === 'NonCompliant')) {
    out.push(style.dim(`      ${costText(one.cost)}`));
  }
  return out;
}

function changeLines(change: PlannedChange, style: Style): string[] {
  const { before, after } = change;
  const isText = [before, after].some((value) => value?.includes('\n') === true) || change.field === 'proxyConfig';
  if (!isText) {
    return [
      `      ${change.path}: ${before ?? '(not set)'} -> ${after ?? '(removed)'}`,
      style.dim(`        ${change.why}`),
    ];
  }
  const old = (before ?? '').split('\n').filter((line) => line.trim() !== '');
  const next = (after ?? '').split('\n').filter((line) => line.trim() !== '');
  return [
    `      ${change.path}`,
    ...old.filter((line) => !next.includes(line)).map((line) => style.red(`        - ${line}`)),
    ...next.filter((line) => !old.includes(line)).map((line) => style.green(`        + ${line}`)),
    style.dim(`        ${change.why}`),
  ];
}

export function costText(cost: PlanCost): string {
  const quiet =
    cost.quietAfter === cost.quietBefore
      ? `a quiet pod still ends after ${seconds(cost.quietAfter)}`
      : `a quiet pod ends after ${seconds(cost.quietAfter)} instead of ${seconds(cost.quietBefore)}`;
  const worst =
    cost.worstAfter === cost.worstBefore
      ? `every pod after ${seconds(cost.worstAfter)} at most, as now`
      : `every pod after ${seconds(cost.worstAfter)} at most instead of ${seconds(cost.worstBefore)}`;
  return `${quiet}, ${worst}`;
}

function totalLines({ totals, hash, meshDefault, ungoverned }: Plan, style: Style): string[] {
  const out = [
    style.bold(
      `plan ${hash}: ${count(totals.changes, 'workload')} would change, ${count(totals.podRestarts, 'pod')} would restart`,
    ) +
      (totals.wouldChangeInAudit > 0
        ? `; ${totals.wouldChangeInAudit} more under policies in Audit, as if they enforced`
        : ''),
  ];
  if (ungoverned.length > 0) {
    out.push(`no policy selects ${ungoverned.length} of ${count(totals.workloads, 'workload')}`);
  }
  if (totals.nodeDrainAfter > totals.nodeDrainBefore) {
    out.push(
      `cost: a node drain may wait ${seconds(totals.nodeDrainAfter)} for a pod instead of ${seconds(totals.nodeDrainBefore)}`,
    );
  }
  if (totals.longestDeployAdds > 0) {
    out.push(`cost: the deploy of a StatefulSet, pod by pod, takes up to ${seconds(totals.longestDeployAdds)} longer`);
  }
  if (totals.hungPodKillsSlowed > 0) {
    out.push(
      `cost: in ${count(totals.hungPodKillsSlowed, 'workload')} a hung pod is killed later (LivenessKillSlowed: set terminationGracePeriodSeconds on the probe)`,
    );
  }
  if (meshDefault !== undefined) {
    out.push(
      '',
      style.bold(`MeshDefaultWouldDo: ${meshDefault.message}:`),
      ...meshDefault.yaml
        .trimEnd()
        .split('\n')
        .map((line) => `  ${line}`),
    );
  }
  return out;
}

function seconds(value: number): string {
  return `${Number(value.toFixed(1))} s`;
}
