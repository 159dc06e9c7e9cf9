import type { DefaultedSidecarDrainPolicySpec } from '../../api/policy.ts';
import { outsideBounds } from './bounds.ts';

/** What is needed of a policy to tell who governs. */
export interface Governable {
  /** Of a namespaced policy `namespace/name`. */
  readonly name: string;
  /** Only of a namespaced policy. */
  readonly namespace?: string;
  readonly deleting: boolean;
  readonly spec: Pick<
    DefaultedSidecarDrainPolicySpec,
    'enforcement' | 'priority' | 'tenants' | 'bounds' | 'delivery' | 'drain' | 'gracePeriod'
  > & { readonly match: Pick<DefaultedSidecarDrainPolicySpec['match'], 'names' | 'workloadSelector'> };
}

/** A namespaced policy that may not govern a workload, whoever else does or does not. */
export interface Refused<P> {
  readonly policy: P;
  readonly reason: 'OutsideBounds' | 'NoClusterPolicy';
  readonly message: string;
}

export interface Overridden<P> {
  readonly policy: P;
  /** Name of the policy that governs instead. */
  readonly by: string;
  /** That policy keeps namespaced ones out. */
  readonly forbidden?: true;
}

export interface Governed<P> {
  readonly governing?: P;
  readonly overridden: readonly Overridden<P>[];
  /** Audit policies among them are evaluated all the same. */
  readonly refused: readonly Refused<P>[];
  /** Evaluated as if they governed, and never governing. */
  readonly audits: readonly P[];
}

export interface GovernOptions {
  /** Namespaced policies may govern where no policy of the cluster would. */
  readonly unboundedTenants?: boolean;
}

/**
 * One workload, one policy: which of the policies that select it governs. Fields are never mixed. Scope comes first: the
 * cluster's policy that would govern says whether a namespaced one may instead, and within which bounds. Suspended and
 * stalled policies keep governing, so that nobody takes their workloads while they hold still; a policy that is being deleted
 * does not. Age plays no part: files have none, and a restore from a backup would change it.
 */
export function govern<P extends Governable>(
  policies: readonly P[],
  { unboundedTenants = false }: GovernOptions = {},
): Governed<P> {
  const living = policies.filter((policy) => !policy.deleting).sort(byPrecedence);
  const audits = living.filter((policy) => policy.spec.enforcement === 'Audit');
  const enforced = living.filter((policy) => policy.spec.enforcement !== 'Audit');
  const first = clusterPolicyOf(policies);
  const refused = refusals(living, first, unboundedTenants);
  const mayGovern = (policy: P): boolean =>
    policy.namespace !== undefined &&
    (first === undefined || first.spec.tenants === 'Allow') &&
    !refused.some((each) => each.policy === policy);
  const governing = enforced.find(mayGovern) ?? first;
  if (governing === undefined) {
    return { overridden: [], refused, audits };
  }
  const losers = enforced.filter((policy) => policy !== governing && !refused.some((each) => each.policy === policy));
  return {
    governing,
    refused,
    audits,
    overridden: losers.map((policy) => ({
      policy,
      by: governing.name,
      ...(policy.namespace !== undefined && governing.namespace === undefined ? { forbidden: true as const } : {}),
    })),
  };
}

/** The cluster's policy that would govern, were there no namespaced ones: it says what holds for those and for exemptions. */
export function clusterPolicyOf<P extends Governable>(policies: readonly P[]): P | undefined {
  return policies
    .filter((policy) => !policy.deleting && policy.namespace === undefined && policy.spec.enforcement !== 'Audit')
    .sort(byPrecedence)[0];
}

function refusals<P extends Governable>(
  living: readonly P[],
  first: P | undefined,
  unboundedTenants: boolean,
): Refused<P>[] {
  const namespaced = living.filter((policy) => policy.namespace !== undefined);
  if (first === undefined) {
    return unboundedTenants
      ? []
      : namespaced
          .filter((policy) => policy.spec.enforcement !== 'Audit')
          .map((policy) => ({ policy, reason: 'NoClusterPolicy', message: NO_CLUSTER_POLICY }));
  }
  if (first.spec.tenants !== 'Allow') {
    return [];
  }
  return namespaced.flatMap((policy) => {
    const message = outsideBounds(policy.spec, first.spec.bounds, first.name);
    return message === undefined ? [] : [{ policy, reason: 'OutsideBounds' as const, message }];
  });
}

const NO_CLUSTER_POLICY =
  'no SidecarDrainPolicy with enforcement: Enforce and tenants: Allow selects the workload, and without one a namespaced policy may not govern it';

/** Highest first: priority, then how narrowly it selects, then the name. A total order, since names are unique. */
export function byPrecedence(left: Governable, right: Governable): number {
  return (
    right.spec.priority - left.spec.priority ||
    specificity(right) - specificity(left) ||
    compareNames(left.name, right.name)
  );
}

function specificity({ spec: { match } }: Governable): number {
  if ((match.names?.length ?? 0) > 0) {
    return 2;
  }
  return isEmpty(match.workloadSelector) ? 0 : 1;
}

/** `{}` selects every workload, just as no selector does. */
function isEmpty(selector: Governable['spec']['match']['workloadSelector']): boolean {
  return Object.keys(selector?.matchLabels ?? {}).length === 0 && (selector?.matchExpressions ?? []).length === 0;
}

/** By code unit: the order must not depend on anybody's locale. */
function compareNames(left: string, right: string): number {
  if (left === right) {
    return 0;
  }
  return left < right ? -1 : 1;
}
