import type { SidecarDrainPolicy } from '../../api/policy.ts';
import type { WorkloadOutcome } from '../../drain/model/decision.ts';
import type { Seconds, Workload, WorkloadRef } from '../../drain/model/workload.ts';
import { readPolicy, type PolicyRecord } from '../../drain/plan/policies.ts';
import { shareLongerThan } from '../../drain/recommend/distribution.ts';
import { mostThatFits, needFor, type DrainNeed, type NeedLimits } from '../../drain/recommend/need.ts';
import {
  LEAST_REQUESTS,
  lengthToCover,
  requestLengths,
  type LengthToCover,
  type ObservedRequests,
  type RequestLengths,
} from '../../drain/recommend/observed.ts';
import { policiesFor, type NamedNeed } from '../../drain/recommend/policies.ts';
import { DEFAULT_APPLICATION } from '../../drain/timeline/application.ts';
import { survivalOf } from '../../drain/timeline/verdict.ts';
import { judge } from '../facts/judge.ts';
import type { Loaded } from '../facts/load.ts';
import { costOf, type PlanCost } from '../plan/model.ts';
import type { Observations, ObservedConnections } from '../prometheus/read.ts';
import { secondsWords } from './words.ts';

/**
 * - `Proposed`: a policy is proposed.
 * - `Covered`: the settings that are there cover it already.
 * - `Blocked`: a policy is proposed, and something stands in the way of it.
 * - `TooFew`, `TooLong`, `TcpOnly`, `NoRequests`: nothing is proposed; `message` says why.
 */
export type RecommendationState = 'Proposed' | 'Covered' | 'Blocked' | 'TooFew' | 'TooLong' | 'TcpOnly' | 'NoRequests';

export interface Recommendation {
  readonly namespace: string;
  readonly name: string;
  /** Known only where the workload itself is among the input. */
  readonly kind?: string;
  readonly state: RecommendationState;
  readonly message: string;
  readonly lengths?: RequestLengths;
  readonly connections?: ObservedConnections;
  /** What must be let go on. */
  readonly covers?: Seconds;
  /** The share of requests, 0 to 1, that may be longer than that. */
  readonly shareNotCovered?: number;
  readonly need?: DrainNeed;
  readonly policy?: string;
  /** How long a request that is in flight when the pod is deleted can go on today. Infinity: as long as it likes. */
  readonly survivesToday?: Seconds;
  readonly price?: PlanCost;
  readonly outcome?: WorkloadOutcome;
}

export interface Recommendations {
  readonly workloads: readonly Recommendation[];
  readonly policies: readonly SidecarDrainPolicy[];
  readonly notes: readonly string[];
}

/** @param loaded absent where no workloads are to be judged, only requests */
export function makeRecommendations(
  observations: Observations,
  limits: NeedLimits,
  loaded: Loaded | undefined,
  namespace: string | undefined,
): Recommendations {
  const workloads = new Map<string, Workload[]>();
  for (const workload of loaded?.collected.workloads ?? []) {
    const key = `${workload.namespace}/${workload.name}`;
    workloads.set(key, [...(workloads.get(key) ?? []), workload]);
  }
  const keys = [...new Set([...observations.requests.keys(), ...observations.connections.keys(), ...workloads.keys()])]
    .filter((key) => namespace === undefined || key.startsWith(`${namespace}/`))
    .sort();
  const found = keys.map((key) => {
    const workload = workloads.get(key)?.[0];
    const one = recommendationFor(key, observations, limits, workload);
    return { workload, ...underPolicies(one, workload, loaded) };
  });
  const needs = found.flatMap(({ namespace: place, name, kind, need }): NamedNeed[] =>
    need === undefined ? [] : [{ namespace: place, name, need, ...(kind === undefined ? {} : { kind }) }],
  );
  const policies = policiesFor(needs, new Set(keys), limits.maximum);
  const records = policies.map(readPolicy);
  return {
    workloads: found.map(({ workload, ...one }) => held(one, workload, records, policies, loaded)),
    policies,
    notes: [...(loaded?.notes ?? []), ...observations.gaps.map((gap) => `not known: ${gap}`)],
  };
}

function recommendationFor(
  key: string,
  { requests, connections }: Observations,
  limits: NeedLimits,
  workload: WorkloadRef | undefined,
): Recommendation {
  const slash = key.indexOf('/');
  const base = {
    namespace: key.slice(0, slash),
    name: key.slice(slash + 1),
    ...(workload === undefined ? {} : { kind: workload.kind }),
    ...(connections.has(key) ? { connections: connections.get(key) } : {}),
  };
  const observed = requests.get(key);
  const lengths = observed === undefined ? undefined : requestLengths(observed);
  if (observed === undefined || lengths === undefined) {
    return { ...base, ...withoutRequests(connections.get(key)) };
  }
  const cover = lengthToCover(lengths, mostThatFits(limits));
  if (cover.kind === 'TooFew' || cover.kind === 'TooLong') {
    return { ...base, lengths, state: cover.kind, message: whyNothing(cover, limits) };
  }
  const share = longestShare(observed, cover.seconds);
  return {
    ...base,
    lengths,
    state: 'Proposed',
    covers: cover.seconds,
    shareNotCovered: share,
    need: needFor(lengths, cover.seconds, limits),
    message:
      cover.kind === 'All'
        ? `covers every request that was seen`
        : `covers ${percent(1 - share)} of the requests; the longest take more than ${secondsWords(lengths.longest.above)}, which no grace period up to ${secondsWords(limits.maximum)} covers`,
  };
}

function withoutRequests(tcp: ObservedConnections | undefined): { state: RecommendationState; message: string } {
  return tcp === undefined
    ? { state: 'NoRequests', message: 'no requests in the window: nothing to go by' }
    : {
        state: 'TcpOnly',
        message: `TCP only: ${Math.round(tcp.opened)} connections opened in the window, ${tcp.openNow} open now. Istio counts connections and has no metric of how long they last: ask the owner`,
      };
}

function whyNothing(cover: Exclude<LengthToCover, { seconds: Seconds }>, { maximum }: NeedLimits): string {
  if (cover.kind === 'TooFew') {
    return `quiet: ${Math.round(cover.requests)} requests in the window, fewer than the ${LEAST_REQUESTS} that a proposal is made from; take a longer --window`;
  }
  return cover.range.to === Infinity
    ? `at least one request in a thousand takes more than ${secondsWords(cover.range.above)}, beyond the last bucket: such streams have to reconnect, or be measured with the annotation sidecar.istio.io/statsHistogramBuckets`
    : `at least one request in a thousand takes more than ${secondsWords(cover.range.above)}, which no grace period up to ${secondsWords(maximum)} covers: raise --maximum, or let such requests be resumed`;
}

function longestShare({ byReporter }: ObservedRequests, seconds: Seconds): number {
  return Math.max(0, ...Object.values(byReporter).map((distribution) => shareLongerThan(distribution, seconds)));
}

/** What the policies of the input already cover, once they are brought about, needs no other. */
function underPolicies(
  one: Recommendation,
  workload: Workload | undefined,
  loaded: Loaded | undefined,
): Recommendation {
  if (one.need === undefined || one.covers === undefined || workload === undefined || loaded === undefined) {
    return one;
  }
  const { policy, decision } = judge(workload, loaded.context);
  const after = decision?.after ?? (decision?.outcome === 'Compliant' ? decision.before : undefined);
  if (policy === undefined || after === undefined) {
    return one;
  }
  return survivalOf(after, DEFAULT_APPLICATION).longestInFlight >= one.covers
    ? { ...one, state: 'Covered', need: undefined, message: `the policy ${policy} covers this already` }
    : one;
}

/** Holds the workload against the policy that is proposed for it, and against what it has today. */
function held(
  one: Recommendation,
  workload: Workload | undefined,
  records: readonly PolicyRecord[],
  policies: readonly SidecarDrainPolicy[],
  loaded: Loaded | undefined,
): Recommendation {
  const policy = one.need === undefined ? undefined : policyFor(one, policies);
  if (workload === undefined || loaded === undefined) {
    return { ...one, ...(policy === undefined ? {} : { policy }) };
  }
  const { settings, assessment } = judge(workload, { ...loaded.context, policies: records });
  const survival = survivalOf(settings, DEFAULT_APPLICATION);
  const today = { ...one, survivesToday: survival.longestInFlight };
  const decision = assessment.audits.find((audit) => audit.policy.name === policy)?.decision;
  if (policy === undefined || decision === undefined) {
    return policy === undefined
      ? today
      : { ...today, state: 'Blocked', message: 'it has no sidecar, or no policy may select it', policy };
  }
  const price = decision.after === undefined ? {} : { price: costOf(decision.before, decision.after) };
  const proposed = { ...today, policy, outcome: decision.outcome, ...price };
  switch (decision.outcome) {
    case 'Compliant':
    case 'Updating':
      return { ...proposed, state: 'Covered', message: 'its settings cover this already' };
    case 'NonCompliant':
    case 'Pending':
      return proposed;
    default:
      return { ...proposed, state: 'Blocked', message: decision.message };
  }
}

function policyFor({ namespace, name }: Recommendation, policies: readonly SidecarDrainPolicy[]): string | undefined {
  return policies.find(
    ({ spec: { match } }) =>
      match.names?.includes(name) === true &&
      match.namespaceSelector.matchExpressions?.[0]?.values?.includes(namespace) === true,
  )?.metadata.name;
}

function percent(share: number): string {
  return `${(Math.floor(share * 10_000) / 100).toString()} %`;
}
