import { REASONS, type ReasonCode } from '../../api/reasons.ts';
import type { Change, Conflict, Decision, WorkloadOutcome } from '../../drain/model/decision.ts';
import type { EffectiveSettings } from '../../drain/model/settings.ts';
import { objectKind, workloadKey, type Workload, type WorkloadRef } from '../../drain/model/workload.ts';
import { setHash } from '../../drain/hash.ts';
import { delayCounts, delayOf, lateRequests, type DelayCounts } from '../../drain/plan/late-requests.ts';
import { policyPlanHash, workloadPlanHash } from '../../drain/plan/hash.ts';
import { hookRemark } from '../../drain/plan/hook-remark.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import { podPlaces } from '../../drain/mesh/live-pod.ts';
import { budgetsOf } from '../../drain/price/budgets.ts';
import { priceOf, type PolicyPrice, type PricedWorkload, type Surroundings } from '../../drain/price/price.ts';
import { DEFAULT_APPLICATION } from '../../drain/timeline/application.ts';
import { survivalOf } from '../../drain/timeline/verdict.ts';
import { judge } from '../facts/judge.ts';
import type { Loaded } from '../facts/load.ts';
import { pathInKind } from '../input/kinds.ts';
import { placeOfPath } from '../input/lines.ts';
import type { InputProblem } from '../input/problems.ts';
import { meshDefault, type MeshDefault } from './mesh-default.ts';

export interface PlannedChange extends Change {
  readonly line?: number;
}

/** How long one pod of the workload takes to end, before and after. */
export interface PlanCost {
  /** With nothing in flight: what every deploy, scale-down and node drain waits for. */
  readonly quietBefore: number;
  readonly quietAfter: number;
  /** At most, which is the grace period: node drains, and hung pods where a probe has no grace period of its own. */
  readonly worstBefore: number;
  readonly worstAfter: number;
}

export interface PlannedWorkload {
  readonly workload: WorkloadRef;
  readonly file?: string;
  readonly line?: number;
  readonly policy: string;
  readonly enforcement: 'Audit' | 'Enforce';
  readonly outcome: WorkloadOutcome;
  readonly reason?: ReasonCode;
  readonly message: string;
  readonly changes: readonly PlannedChange[];
  readonly conflicts: readonly Conflict[];
  readonly overridden: readonly { readonly policy: string; readonly by: string }[];
  /** What brings the change, where the operator restarts nothing for it: the next rollout of the workload, or its new pods. */
  readonly carrier?: NonNullable<Decision['carrier']>;
  /** Pods that would restart: the replicas that the workload states. */
  readonly restarts: number;
  readonly cost?: PlanCost;
  readonly hungPodKillsSlowed: boolean;
  /** What it loses although the promise holds: requests that arrive when its listener is closed (NewRequestsRefused). */
  readonly newRequestsRefused?: string;
  /** What `application: Delay` is to it; absent under Leave. */
  readonly delay?: NonNullable<Decision['delay']>;
}

export interface PlannedPolicy {
  readonly name: string;
  readonly enforcement: 'Audit' | 'Enforce';
  readonly mode: string;
  readonly suspended: boolean;
  /** The name of all that the policy wants to change: its status.planHash in the cluster. */
  readonly planHash: string;
  readonly stalled?: string;
  readonly file?: string;
  readonly line?: number;
  readonly outcomes: Readonly<Record<WorkloadOutcome, number>>;
  readonly overridden: number;
  /** How many workloads get the sleep of `application: Delay`, and how many have a preStop of their own; absent under Leave. */
  readonly delay?: DelayCounts;
  /** What its changes cost whoever deploys, drains and upgrades afterwards; absent where it changes nothing. */
  readonly price?: PolicyPrice;
  /** Workloads that it may not govern, and why: a namespaced policy outside of bounds. */
  readonly refused: readonly {
    readonly workload: WorkloadRef;
    readonly reason: ReasonCode;
    readonly message: string;
  }[];
}

export interface Plan {
  readonly hash: string;
  readonly policies: readonly PlannedPolicy[];
  readonly workloads: readonly PlannedWorkload[];
  /** Workloads that no policy selects. */
  readonly ungoverned: readonly WorkloadRef[];
  readonly totals: {
    readonly workloads: number;
    readonly changes: number;
    readonly podRestarts: number;
    readonly wouldChangeInAudit: number;
    /** Seconds by which the end of the pods of StatefulSets, one after the other, makes a deploy longer: the longest. */
    readonly longestDeployAdds: number;
    /** The longest that a node drain may have to wait for one pod. */
    readonly nodeDrainBefore: number;
    readonly nodeDrainAfter: number;
    readonly hungPodKillsSlowed: number;
    readonly newRequestsRefused: number;
  };
  readonly meshDefault?: MeshDefault;
  readonly notes: readonly string[];
  readonly problems: readonly InputProblem[];
}

const NO_OUTCOMES: Readonly<Record<WorkloadOutcome, number>> = {
  Compliant: 0,
  Updating: 0,
  Pending: 0,
  NonCompliant: 0,
  Conflicted: 0,
  Exempt: 0,
  Unknown: 0,
  Failed: 0,
};

export function makePlan(loaded: Loaded): Plan {
  const { collected, context } = loaded;
  const workloads: PlannedWorkload[] = [];
  const ungoverned: WorkloadRef[] = [];
  const plans = new Map<string, [string, string][]>(collected.policies.map(({ record }) => [record.name, []]));
  const unknownNamespaces = new Set<string>();
  const refused = new Map<string, PlannedPolicy['refused']>();
  for (const workload of collected.workloads) {
    const { assessment } = judge(workload, context);
    const { governing, audits, overridden } = assessment;
    for (const { policy, reason, message } of assessment.refused) {
      refused.set(policy.name, [...(refused.get(policy.name) ?? []), { workload: refOf(workload), reason, message }]);
    }
    const shown = [...(governing === undefined ? [] : [governing]), ...audits];
    if (shown.length === 0) {
      ungoverned.push(refOf(workload));
      if (!collected.namespaces.has(workload.namespace) && context.stated.namespaceLabels.length === 0) {
        unknownNamespaces.add(workload.namespace);
      }
    }
    for (const { policy, decision } of shown) {
      const hash = workloadPlanHash(workload, decision);
      if (hash !== undefined) {
        plans.get(policy.name)?.push([workloadKey(workload), hash]);
      }
      workloads.push(
        planned(
          workload,
          decision,
          policy.name,
          policy.spec.enforcement,
          governing?.policy === policy ? overridden.map(({ policy: loser, by }) => ({ policy: loser.name, by })) : [],
        ),
      );
    }
  }
  workloads.sort(
    (a, b) =>
      compare(a.policy, b.policy) ||
      compare(workloadKey(a.workload), workloadKey(b.workload)) ||
      compare(a.file ?? '', b.file ?? ''),
  );
  const better = meshDefault(loaded);
  const around = surroundingsOf(collected);
  const hashes = new Map([...plans].map(([name, made]) => [name, policyPlanHash(name, made)]));
  return {
    hash: setHash([...hashes.values()]),
    policies: collected.policies.map(({ record, file, line }) => ({
      ...policyOf(record, workloads, hashes.get(record.name) ?? '', file, line),
      price: priceOf(pricedUnder(record.name, workloads, collected.workloads), around),
      refused: refused.get(record.name) ?? [],
    })),
    workloads,
    ungoverned,
    totals: totalsOf(workloads, collected.workloads.length),
    meshDefault: better,
    notes: [...loaded.notes, ...hookNotes(collected.policies, workloads), ...namespaceNote(unknownNamespaces)],
    problems: collected.problems,
  };
}

/** Of policies that put a hook somewhere now. */
function hookNotes(
  policies: readonly { readonly record: PolicyRecord }[],
  workloads: readonly PlannedWorkload[],
): string[] {
  return policies.flatMap(({ record }) => {
    const remark = hookRemark(record);
    const puts = workloads.some(
      ({ policy, changes }) => policy === record.name && changes.some(({ field }) => field === 'proxyContainer'),
    );
    return remark === undefined || !puts ? [] : [`policy ${record.name}: ${remark}`];
  });
}

/** A policy selects by the labels of namespaces; where those are not known, an empty answer must not look like a sure one. */
function namespaceNote(namespaces: ReadonlySet<string>): string[] {
  if (namespaces.size === 0) {
    return [];
  }
  const names = [...namespaces].sort();
  const shown = names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');
  return [
    `not known: the labels of ${shown}, by which policies may select (add the Namespace manifests, or --namespace-labels)`,
  ];
}

function planned(
  workload: Workload,
  decision: Decision,
  policy: string,
  enforcement: 'Audit' | 'Enforce',
  overridden: PlannedWorkload['overridden'],
): PlannedWorkload {
  const { source } = workload;
  const writes = decision.outcome === 'Pending';
  return {
    workload: refOf(workload),
    ...(source === undefined ? {} : { file: source.file, line: source.line }),
    policy,
    enforcement,
    outcome: decision.outcome,
    ...(decision.reason === undefined ? {} : { reason: decision.reason }),
    message: decision.message,
    changes: decision.changes.map((change) => {
      const place = placeOfPath(source, change.path);
      const elsewhere = place?.file === source?.file ? undefined : place?.file;
      return { ...change, path: pathInKind(workload, change.path), line: place?.line, file: elsewhere };
    }),
    conflicts: decision.conflicts,
    overridden,
    restarts: writes && decision.carrier === undefined ? workload.rollout.replicas : 0,
    ...(decision.carrier === undefined ? {} : { carrier: decision.carrier }),
    ...(decision.after === undefined ? {} : { cost: costOf(decision.before, decision.after) }),
    hungPodKillsSlowed: decision.findings.some((finding) => finding.code === 'LivenessKillSlowed'),
    newRequestsRefused: lateRequests(decision)?.message,
    delay: delayOf(decision),
  };
}

/** What one pod's end costs before and after a change. */
export function costOf(before: EffectiveSettings, after: EffectiveSettings): PlanCost {
  const quiet = (settings: EffectiveSettings): number =>
    Math.min(settings.gracePeriod.value, survivalOf(settings, DEFAULT_APPLICATION).quietProxyExit);
  return {
    quietBefore: quiet(before),
    quietAfter: quiet(after),
    worstBefore: before.gracePeriod.value,
    worstAfter: after.gracePeriod.value,
  };
}

/** Where the pods are, as far as some were seen. */
function surroundingsOf({ nodes, livePods, budgets, workloads }: Loaded['collected']): Surroundings {
  const places = podPlaces([...workloads, ...livePods]);
  return {
    nodes: nodes.minors.size,
    budgets: budgetsOf(workloads, budgets),
    places: places.size === 0 ? undefined : places,
  };
}

/** What a policy would change, with what the end of one pod costs before and after. */
function pricedUnder(
  policy: string,
  planned: readonly PlannedWorkload[],
  workloads: readonly Workload[],
): Map<string, PricedWorkload> {
  const replicas = new Map(workloads.map((workload) => [workloadKey(workload), workload.rollout.replicas]));
  const priced = new Map<string, PricedWorkload>();
  for (const { policy: own, outcome, cost, workload } of planned) {
    if (own === policy && cost !== undefined && (outcome === 'Pending' || outcome === 'NonCompliant')) {
      const key = workloadKey(workload);
      priced.set(key, { kind: workload.kind, replicas: replicas.get(key) ?? 0, ...cost });
    }
  }
  return priced;
}

function policyOf(
  record: Loaded['context']['policies'][number],
  workloads: readonly PlannedWorkload[],
  planHash: string,
  file?: string,
  line?: number,
): Omit<PlannedPolicy, 'refused' | 'price'> {
  const outcomes = { ...NO_OUTCOMES };
  let overridden = 0;
  for (const one of workloads) {
    if (one.policy === record.name) {
      outcomes[one.outcome]++;
    }
    overridden += one.overridden.filter((loser) => loser.policy === record.name).length;
  }
  return {
    name: record.name,
    enforcement: record.spec.enforcement,
    mode: record.spec.drain.mode,
    suspended: record.spec.suspend,
    planHash,
    ...(record.stalled === undefined ? {} : { stalled: record.stalled.message }),
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
    outcomes,
    overridden,
    delay:
      record.spec.drain?.application === 'Delay'
        ? delayCounts(workloads.filter(({ policy }) => policy === record.name).map((one) => one.delay))
        : undefined,
  };
}

function totalsOf(planned: readonly PlannedWorkload[], workloads: number): Plan['totals'] {
  const pending = planned.filter((one) => one.outcome === 'Pending');
  const costs = planned
    .filter((one) => one.outcome === 'Pending' || one.outcome === 'NonCompliant')
    .flatMap((one) => one.cost ?? []);
  const oneByOne = planned
    .filter((one) => objectKind(one.workload.kind) === 'StatefulSet' && one.cost !== undefined)
    .map((one) => one.restarts * ((one.cost?.quietAfter ?? 0) - (one.cost?.quietBefore ?? 0)));
  return {
    workloads,
    changes: pending.length,
    podRestarts: pending.reduce((sum, one) => sum + one.restarts, 0),
    wouldChangeInAudit: planned.filter((one) => one.outcome === 'NonCompliant').length,
    longestDeployAdds: Math.max(0, ...oneByOne),
    nodeDrainBefore: Math.max(0, ...costs.map((cost) => cost.worstBefore)),
    nodeDrainAfter: Math.max(0, ...costs.map((cost) => cost.worstAfter)),
    hungPodKillsSlowed: planned.filter((one) => one.hungPodKillsSlowed && one.cost !== undefined).length,
    newRequestsRefused: new Set(
      planned.filter((one) => one.newRequestsRefused !== undefined).map(({ workload }) => workloadKey(workload)),
    ).size,
  };
}

export function refOf({ apiVersion, kind, namespace, name }: WorkloadRef): WorkloadRef {
  return { apiVersion, kind, namespace, name };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The sentence of a reason, for outcomes that have one. */
export function sentenceOf(reason: ReasonCode | undefined): string | undefined {
  return reason === undefined ? undefined : REASONS[reason].sentence;
}
