import type { WorkloadRef } from '../../drain/model/workload.ts';
import { counts, type LintReport, type ReportedFinding } from './report.ts';
import { count, nameOf } from './text.ts';

/**
 * JUnit's XML in the shape of the Jenkins xUnit schema: a test suite for each namespace, a test case for each workload
 * with findings; errors are failures, everything else is text beside them. Workloads without errors and warnings are one case.
 */
export function lintJunit(report: LintReport): string {
  const suites = new Map<string, Map<string, ReportedFinding[]>>();
  for (const finding of report.findings) {
    const suite = suites.get(finding.workload.namespace) ?? new Map<string, ReportedFinding[]>();
    const name = `${nameOf(finding.workload)}${finding.file === undefined ? '' : ` (${finding.file})`}`;
    suite.set(name, [...(suite.get(name) ?? []), finding]);
    suites.set(finding.workload.namespace, suite);
  }
  const xml = [...suites].map(([namespace, cases]) =>
    suiteXml(
      namespace === '' ? 'cluster' : namespace,
      [...cases].map(([name, findings]) => caseXml(name, findings)),
    ),
  );
  const { clean } = report.summary;
  if (clean > 0 || xml.length === 0) {
    xml.push(
      suiteXml('clean', [
        {
          xml: `    <testcase classname="sidecar-drain" name="${count(clean, 'workload')} without errors and warnings"/>`,
          failed: false,
        },
      ]),
    );
  }
  const failures = xml.reduce((sum, suite) => sum + suite.failures, 0);
  const tests = xml.reduce((sum, suite) => sum + suite.tests, 0);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="sidecar-drain lint" tests="${tests}" failures="${failures}" errors="0">\n${xml.map((suite) => suite.xml).join('\n')}\n</testsuites>\n`;
}

interface CaseXml {
  readonly xml: string;
  readonly failed: boolean;
}

function suiteXml(name: string, cases: readonly CaseXml[]): { xml: string; tests: number; failures: number } {
  const failures = cases.filter((one) => one.failed).length;
  const xml = `  <testsuite name="${escaped(name)}" tests="${cases.length}" failures="${failures}" errors="0" skipped="0">\n${cases.map((one) => one.xml).join('\n')}\n  </testsuite>`;
  return { xml, tests: cases.length, failures };
}

function caseXml(name: string, findings: readonly ReportedFinding[]): CaseXml {
  const failures = findings.filter((finding) => counts(finding) && finding.severity === 'error');
  const others = findings.filter((finding) => !failures.includes(finding));
  const head = `    <testcase classname="${escaped(className(findings[0]?.workload))}" name="${escaped(name)}">`;
  // The schema allows one failure for a case: all of them are in its text.
  const failure =
    failures.length === 0
      ? []
      : [
          `      <failure type="${escaped(failures.map((finding) => finding.code).join(' '))}" message="${escaped(failures.map((finding) => finding.message).join('; '))}">` +
            `${escaped(failures.map(lineOf).join('\n'))}</failure>`,
        ];
  const text = others.length === 0 ? [] : [`      <system-out>${escaped(others.map(lineOf).join('\n'))}</system-out>`];
  return { xml: [head, ...failure, ...text, '    </testcase>'].join('\n'), failed: failures.length > 0 };
}

function className(workload: WorkloadRef | undefined): string {
  return workload === undefined
    ? 'sidecar-drain'
    : [workload.namespace, workload.kind].filter((part) => part !== '').join('.');
}

function lineOf(finding: ReportedFinding): string {
  const place = finding.file === undefined ? '' : `${finding.file}:${finding.line ?? 1}: `;
  const known = finding.exempt !== undefined ? ' (exempt)' : finding.baseline ? ' (known)' : '';
  return `${place}${finding.severity} ${finding.code}${known}: ${finding.message} ${finding.action} [${finding.docs}]`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Control characters cannot stand in XML 1.0 in any form. */
export function escaped(text: string): string {
  return text
    .replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character)
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd');
}
