import { REASONS, type Severity } from '../../api/reasons.ts';
import type { WorkloadOutcome } from '../model/decision.ts';
import { workloadKey, type WorkloadRef } from '../model/workload.ts';

/** What a report says of one workload under one policy: the fields that PolicyReport and OpenReports have in common. */
export interface ReportResult {
  readonly source: typeof REPORT_SOURCE;
  readonly policy: string;
  /** A code of the closed list of reasons, or the outcome where there is none. */
  readonly rule: string;
  readonly category: typeof CATEGORY;
  readonly severity: 'high' | 'medium' | 'low';
  readonly result: 'fail' | 'warn' | 'error';
  readonly scored: boolean;
  readonly resources: readonly [
    {
      readonly apiVersion: string;
      readonly kind: string;
      readonly namespace: string;
      readonly name: string;
      readonly uid?: string;
    },
  ];
  readonly message: string;
  /** No times: a result that is the same is written once. */
  readonly properties: { readonly outcome: string; readonly action?: string };
}

/** What is said of a workload under one policy. */
export interface ReportedEntry {
  /** No state of the workload: Observed, how its pods were seen to end; Warned, what it loses although the promise holds. */
  readonly outcome: WorkloadOutcome | 'Overridden' | 'Observed' | 'Warned';
  readonly reason: string;
  readonly message: string;
}

export interface ReportedWorkload extends Pick<WorkloadRef, 'kind' | 'namespace' | 'name'> {
  readonly apiVersion: string;
  readonly uid?: string;
  readonly entries: Iterable<readonly [policy: string, entry: ReportedEntry]>;
}

export interface WorkloadResults {
  /** As `workloadKey` makes it. */
  readonly workload: string;
  readonly results: readonly ReportResult[];
}

export const REPORT_SOURCE = 'sidecar-drain-operator';
const CATEGORY = 'Graceful termination';

/** Who only waits for its turn, or is being written, is no violation; neither is who is exempt or another policy's. */
const VIOLATIONS: readonly ReportedEntry['outcome'][] = [
  'Failed',
  'Conflicted',
  'Unknown',
  'NonCompliant',
  'Observed',
  'Warned',
];
const LONGEST_MESSAGE = 512;
/** So that one workload, which cannot be split, fits in a shard whatever its policies say. */
const MOST_PER_WORKLOAD = 20;

const SEVERITY: Record<Severity, ReportResult['severity']> = { error: 'high', warning: 'medium', info: 'low' };

export function isViolation(entry: Pick<ReportedEntry, 'outcome'>): boolean {
  return VIOLATIONS.includes(entry.outcome);
}

/** The violations of a workload, the most pressing first where there are more than can be told; in the order of their policies. */
export function resultsOf(workload: ReportedWorkload): WorkloadResults {
  const violations = [...workload.entries].filter(([, entry]) => isViolation(entry));
  violations.sort(
    ([a, { outcome: one }], [b, { outcome: other }]) =>
      VIOLATIONS.indexOf(one) - VIOLATIONS.indexOf(other) || byText(a, b),
  );
  const told = violations.slice(0, MOST_PER_WORKLOAD).sort(([a], [b]) => byText(a, b));
  return { workload: workloadKey(workload), results: told.map(([policy, entry]) => resultOf(workload, policy, entry)) };
}

function resultOf(
  { apiVersion, kind, namespace, name, uid }: ReportedWorkload,
  policy: string,
  entry: ReportedEntry,
): ReportResult {
  const reason = REASONS[entry.reason as keyof typeof REASONS] as (typeof REASONS)[keyof typeof REASONS] | undefined;
  const severity = reason === undefined ? (entry.outcome === 'Failed' ? 'high' : 'medium') : SEVERITY[reason.severity];
  const result = verdictOf(entry.outcome, severity);
  return {
    source: REPORT_SOURCE,
    policy,
    rule: reason === undefined ? entry.outcome : entry.reason,
    category: CATEGORY,
    severity,
    result,
    scored: result !== 'warn',
    resources: [{ apiVersion, kind, namespace, name, uid }],
    message: cut(entry.message),
    properties: { outcome: entry.outcome, ...(reason === undefined ? {} : { action: reason.action }) },
  };
}

/**
 * In the words of the API: `error` could not be evaluated, `fail` is not met, `warn` is not met and does not count. What
 * the list of reasons calls an information is no reason to call a workload failed, and neither is what breaks no promise.
 */
function verdictOf(outcome: ReportedEntry['outcome'], severity: ReportResult['severity']): ReportResult['result'] {
  if (outcome === 'Unknown') {
    return 'error';
  }
  return severity === 'low' || outcome === 'Warned' ? 'warn' : 'fail';
}

/** Half a surrogate pair would come back from the API server as another character, and look like somebody's change. */
function cut(text: string): string {
  const short = text.slice(0, LONGEST_MESSAGE);
  const last = short.charCodeAt(short.length - 1);
  return last >= 0xd800 && last <= 0xdbff ? short.slice(0, -1) : short;
}

export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
