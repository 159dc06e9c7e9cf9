import type { Finding, ReasonCode, Severity } from '../../api/reasons.ts';
import type { WorkloadRef } from '../../drain/model/workload.ts';
import type { InputProblem } from '../input/problems.ts';

/** What lint found, in the form that every output format is made from. */
export interface LintReport {
  readonly findings: readonly ReportedFinding[];
  readonly summary: LintSummary;
  /** Assumptions and gaps, in words. */
  readonly notes: readonly string[];
  readonly problems: readonly InputProblem[];
  /** Where the page of findings is served, if somewhere: `--findings-url`. */
  readonly findingsUrl?: string;
}

export interface ReportedFinding {
  readonly code: ReasonCode;
  readonly severity: Severity;
  readonly workload: WorkloadRef;
  /** Absent for a workload of a cluster. */
  readonly file?: string;
  readonly line?: number;
  /** File and line of the workload itself. */
  readonly manifest?: string;
  /** The kustomization or chart from which the workload was built. */
  readonly builtFrom?: string;
  /** Field path in the workload, or the object that is meant. */
  readonly path?: string;
  readonly message: string;
  readonly action: string;
  /** Where the finding is explained, relative to the project's root. */
  readonly docs: string;
  /** The policy by whose intent the workload was judged. */
  readonly policy?: string;
  /** Known before: it stands in the baseline file. */
  readonly baseline: boolean;
  /** The workload's annotation sidecardrain.io/exempt. */
  readonly exempt?: string;
}

export interface LintSummary {
  readonly workloads: number;
  /** Workloads without an error or a warning that counts; a note (info) is no fault. */
  readonly clean: number;
  readonly errors: number;
  readonly warnings: number;
  readonly infos: number;
  /** Findings that do not count, because they are known. */
  readonly inBaseline: number;
  readonly exempt: number;
  readonly files: number;
  readonly skippedFiles: number;
  readonly documents: number;
  /** Objects with a pod template of kinds that are not known, counted by kind and apiVersion. */
  readonly notJudged: Readonly<Record<string, number>>;
}

export const SEVERITIES: readonly Severity[] = ['error', 'warning', 'info'];

/** True where a finding counts for the exit code. */
export function counts(finding: ReportedFinding): boolean {
  return !finding.baseline && finding.exempt === undefined;
}

export function atLeast(severity: Severity, threshold: Severity): boolean {
  return SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(threshold);
}

/** The page of findings as it stands in the product's repository. */
const FINDINGS_PAGE = 'docs/reference/findings.md';

/** The page of findings has one heading for each code. */
export function docsOf(code: ReasonCode, findingsUrl = FINDINGS_PAGE): string {
  return `${findingsUrl}#${code.toLowerCase()}`;
}

/** Where a reader finds more of a code: the page, where its address is known, else the command that prints it. */
export function moreOf(code: ReasonCode, findingsUrl: string | undefined): string {
  return findingsUrl === undefined ? `sidecar-drain explain-finding ${code}` : docsOf(code, findingsUrl);
}

/** The same finding of the same workload, wherever it stands in its file and whatever its numbers are. */
export function fingerprint(finding: Pick<Finding, 'code' | 'path'> & { readonly workload: WorkloadRef }): string {
  const { kind, namespace, name } = finding.workload;
  return [finding.code, kind, namespace, name, finding.path ?? ''].join(' ');
}
