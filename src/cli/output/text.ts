import type { WorkloadRef } from '../../drain/model/workload.ts';
import { REASONS } from '../../api/reasons.ts';
import { wrap } from '../help.ts';
import { counts, moreOf, type LintReport, type LintSummary, type ReportedFinding } from './report.ts';
import type { Style } from './style.ts';

export function nameOf({ kind, namespace, name }: WorkloadRef): string {
  return `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`;
}

/** Findings by workload, the worst first within each, and a summary. */
export function lintText(report: LintReport, style: Style, quiet: boolean): string {
  const out: string[] = [];
  if (!quiet) {
    out.push(...report.notes.map((note) => style.dim(note)));
    if (report.notes.length > 0) {
      out.push('');
    }
  }
  let previous: WorkloadRef | undefined;
  let previousPlace: string | undefined;
  for (const finding of report.findings) {
    if (quiet && (!counts(finding) || finding.severity !== 'error')) {
      continue;
    }
    const place = `${finding.manifest ?? ''} ${finding.builtFrom ?? ''}`;
    if (previous === undefined || !sameWorkload(previous, finding.workload) || previousPlace !== place) {
      if (previous !== undefined) {
        out.push('');
      }
      out.push(
        style.bold(nameOf(finding.workload)) +
          (finding.builtFrom === undefined ? '' : style.dim(`  built from ${finding.builtFrom}`)) +
          (finding.policy === undefined ? '' : style.dim(`  policy ${finding.policy}`)),
      );
      previous = finding.workload;
      previousPlace = place;
    }
    out.push(...findingLines(finding, style));
  }
  if (!quiet) {
    out.push(...(previous === undefined ? [] : ['']), ...legend(report, style), summaryText(report, style));
  }
  return out.length === 0 ? '' : `${out.join('\n')}\n`;
}

function sameWorkload(a: WorkloadRef, b: WorkloadRef): boolean {
  return a.name === b.name && a.namespace === b.namespace && a.kind === b.kind;
}

function findingLines(finding: ReportedFinding, style: Style): string[] {
  const place = finding.file === undefined ? '' : `${finding.file}:${finding.line ?? 1}: `;
  const known = finding.exempt !== undefined ? ' (exempt)' : finding.baseline ? ' (known)' : '';
  const head = `  ${place}${counts(finding) ? style.severity(finding.severity) : style.dim(finding.severity)} ${finding.code}${known}: ${finding.message}`;
  if (!counts(finding)) {
    return [style.dim(head)];
  }
  return finding.action === REASONS[finding.code].action ? [head] : [head, style.dim(`      ${finding.action}`)];
}

/** What each code means and what to do about it, once. */
function legend({ findings, findingsUrl }: LintReport, style: Style): string[] {
  const codes = [...new Set(findings.filter(counts).map((finding) => finding.code))];
  return codes.flatMap((code) => {
    const { sentence, action } = REASONS[code];
    return [
      style.bold(code),
      ...wrap(sentence, 100, '  '),
      ...wrap(`What to do: ${action}`, 100, '  '),
      style.dim(`  More: ${moreOf(code, findingsUrl)}`),
      '',
    ];
  });
}

function summaryText({ summary, problems }: LintReport, style: Style): string {
  const line = summaryLine(summary);
  const painted = summary.errors > 0 ? style.red(line) : summary.warnings > 0 ? line : style.green(line);
  const input =
    `${count(summary.files, 'file')} read, ${summary.skippedFiles} without Kubernetes objects; ` +
    `${count(summary.documents, 'object')}${problems.length === 0 ? '' : `; ${count(problems.length, 'problem')} with the input, on standard error`}`;
  const aside = asideText(Object.entries(summary.notJudged));
  const left = aside === '' ? '' : `\n${aside}`;
  return `${painted}${left}${summary.files === 0 ? '' : `\n${style.dim(input)}`}`;
}

/** What has a pod template and is of a kind that is not known: how many of each. Empty where there is nothing. */
export function asideText(aside: Iterable<readonly [kind: string, number: number]>): string {
  const counted = [...aside].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, number]) => `${number} ${kind}`);
  return counted.length === 0
    ? ''
    : `seen and not judged: ${counted.join(', ')} (tell where the pod template is with --workload-kind)`;
}

export function summaryLine(summary: LintSummary): string {
  const known = summary.inBaseline > 0 ? `, ${summary.inBaseline} known from the baseline` : '';
  const exempt = summary.exempt > 0 ? `, ${summary.exempt} exempt` : '';
  return `${count(summary.workloads, 'workload')}, ${summary.clean} clean: ${count(summary.errors, 'error')}, ${count(summary.warnings, 'warning')}, ${count(summary.infos, 'info')}${known}${exempt}`;
}

export function count(number: number, word: string, plural = `${word}s`): string {
  return `${number} ${number === 1 ? word : plural}`;
}
