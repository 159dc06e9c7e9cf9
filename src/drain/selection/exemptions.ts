import { EXEMPT_ANNOTATION } from '../../api/names.ts';
import type { DrainExemption } from '../../api/policy.ts';
import type { Seconds, Workload } from '../model/workload.ts';
import { selectorAt, namesAt, type PolicyProblem } from './match.ts';

/** A DrainExemption, made ready to be held against workloads. */
export interface ExemptionRecord {
  /** `namespace/name`. */
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly generation: number;
  readonly owner: string;
  readonly reason: string;
  /** As it was written. */
  readonly expires: string;
  /** Since 1970. */
  readonly expiresAt: Seconds;
  /** From its creation until then; undefined of one that has not been created yet. */
  readonly lasts?: Seconds;
  /** Whether it selects a workload, whenever that may be. One that cannot be evaluated selects none. */
  readonly selects: (workload: Workload) => boolean;
  readonly stalled?: { readonly reason: 'InvalidSelector' | 'InvalidNamePattern'; readonly message: string };
}

/** What a decision says of the exemption that holds for a workload. */
export type ActiveExemption = Pick<ExemptionRecord, 'name' | 'namespace' | 'owner' | 'reason' | 'expires' | 'lasts'>;

/** Reads an exemption; one that cannot be evaluated is stalled with a reason, never thrown, and exempts nothing. */
export function readExemption(raw: DrainExemption, defaultNamespace = 'default'): ExemptionRecord {
  const { metadata, spec } = raw;
  const namespace = metadata?.namespace ?? defaultNamespace;
  const problems: PolicyProblem[] = [];
  const { selector } = spec;
  const workload =
    selector.workloadSelector === undefined
      ? undefined
      : selectorAt(selector.workloadSelector, 'spec.selector.workloadSelector', problems);
  const created = metadata?.creationTimestamp;
  const expiresAt = Date.parse(spec.expires) / 1000;
  const names = selector.names === undefined ? undefined : namesAt(selector.names, 'spec.selector.names', problems);
  const kinds = selector.kinds === undefined ? undefined : new Set(selector.kinds);
  const [first] = problems;
  const selects = (one: Workload): boolean =>
    first === undefined &&
    one.namespace === namespace &&
    (kinds?.has(one.kind) ?? true) &&
    (names?.some((fits) => fits(one.name)) ?? true) &&
    (workload?.(one.template.metadata?.labels ?? {}) ?? true);
  return {
    name: `${namespace}/${metadata?.name ?? ''}`,
    namespace,
    uid: metadata?.uid ?? '',
    generation: metadata?.generation ?? 0,
    owner: spec.owner,
    reason: spec.reason,
    expires: spec.expires,
    expiresAt,
    ...(created === undefined ? {} : { lasts: expiresAt - Date.parse(created) / 1000 }),
    selects,
    ...(first === undefined
      ? {}
      : {
          stalled: {
            reason: first.reason,
            message: problems.map((problem) => `${problem.path}: ${problem.message}`).join('; '),
          },
        }),
  };
}

/** An end that is no time (30 February) is one that has passed. */
export function isActive(exemption: ExemptionRecord, now: Seconds): boolean {
  return exemption.stalled === undefined && exemption.expiresAt > now;
}

/** The exemption that holds for a workload: the one that lasts longest, then the first by name. */
export function exemptionOf(
  workload: Workload,
  exemptions: Iterable<ExemptionRecord>,
  now: Seconds,
): ExemptionRecord | undefined {
  let found: ExemptionRecord | undefined;
  for (const exemption of exemptions) {
    if (
      isActive(exemption, now) &&
      exemption.selects(workload) &&
      (found === undefined || lastsLonger(exemption, found))
    ) {
      found = exemption;
    }
  }
  return found;
}

/** Whether a workload is to be left alone: by its annotation, or by the exemption that holds for it. */
export function isExempt({ annotations }: Workload, exemption: ActiveExemption | undefined): boolean {
  return annotations[EXEMPT_ANNOTATION] !== undefined || exemption !== undefined;
}

function lastsLonger(left: ExemptionRecord, right: ExemptionRecord): boolean {
  return left.expiresAt === right.expiresAt ? left.name < right.name : left.expiresAt > right.expiresAt;
}

/** What people are told of it. */
export function exemptionText({ name, owner, reason, expires }: ActiveExemption): string {
  return `${reason} (DrainExemption ${name}, owner ${owner}, until ${expires})`;
}
