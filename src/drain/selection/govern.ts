import type { DefaultedSidecarDrainPolicySpec } from '../../api/policy.ts';

/** What is needed of a policy to tell who governs. */
export interface Governable {
  readonly name: string;
  readonly deleting: boolean;
  readonly spec: Pick<DefaultedSidecarDrainPolicySpec, 'enforcement' | 'priority'> & {
    readonly match: Pick<DefaultedSidecarDrainPolicySpec['match'], 'names' | 'workloadSelector'>;
  };
}

export interface Governed<P> {
  readonly governing?: P;
  readonly overridden: readonly { readonly policy: P; readonly by: string }[];
  /** Evaluated as if they governed, and never governing. */
  readonly audits: readonly P[];
}

/**
 * One workload, one policy: which of the policies that select it governs. Fields are never mixed. Suspended and stalled
 * policies keep governing, so that nobody takes their workloads while they hold still; a policy that is being deleted
 * does not. Age plays no part: files have none, and a restore from a backup would change it.
 */
export function govern<P extends Governable>(policies: readonly P[]): Governed<P> {
  const living = policies.filter((policy) => !policy.deleting).sort(byPrecedence);
  const audits = living.filter((policy) => policy.spec.enforcement === 'Audit');
  const [governing, ...losers] = living.filter((policy) => policy.spec.enforcement !== 'Audit');
  if (governing === undefined) {
    return { overridden: [], audits };
  }
  return { governing, overridden: losers.map((policy) => ({ policy, by: governing.name })), audits };
}

/** Highest first: priority, then how narrowly it selects, then the name. A total order, since names are unique. */
export function byPrecedence(left: Governable, right: Governable): number {
  return right.spec.priority - left.spec.priority
    || specificity(right) - specificity(left)
    || compareNames(left.name, right.name);
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
