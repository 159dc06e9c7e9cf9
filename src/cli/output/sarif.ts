import { REASONS, REASON_CODES, type ReasonCode, type Severity } from '../../api/reasons.ts';
import { PRODUCT_VERSION } from '../version/product.ts';
import { counts, docsOf, moreOf, fingerprint, type LintReport, type ReportedFinding } from './report.ts';
import { nameOf } from './text.ts';

const LEVEL: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  error: 'error',
  warning: 'warning',
  info: 'note',
};

/** SARIF 2.1.0 (OASIS), as GitHub code scanning reads it: a rule for each code, a region with its line for each result. */
export function lintSarif(report: LintReport): string {
  const used = REASON_CODES.filter((code) => report.findings.some((finding) => finding.code === code));
  const indexOf = new Map(used.map((code, index) => [code, index]));
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'sidecar-drain',
            semanticVersion: PRODUCT_VERSION,
            // Known only where somebody serves these pages (SARIF2005).
            informationUri: report.findingsUrl,
            rules: used.map((code) => rule(code, report.findingsUrl)),
          },
        },
        columnKind: 'utf16CodeUnits',
        invocations: [
          {
            executionSuccessful: true,
            toolExecutionNotifications: report.problems.map((problem) => ({
              level: 'warning',
              message: { text: problem.message },
              descriptor: { id: problem.kind },
              locations: [location(problem.file, problem.line ?? 1)],
            })),
          },
        ],
        results: report.findings.map((finding) => result(finding, indexOf.get(finding.code) ?? -1)),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function rule(code: ReasonCode, findingsUrl: string | undefined): Record<string, unknown> {
  const reason = REASONS[code];
  return {
    // No `name`: it may not be equal to the id (SARIF1001), and the id reads as one.
    id: code,
    shortDescription: { text: reason.sentence },
    fullDescription: { text: `${reason.sentence} Source: ${reason.source}.` },
    ...(findingsUrl === undefined ? {} : { helpUri: docsOf(code, findingsUrl) }),
    help: {
      text: `${reason.action} More: ${moreOf(code, findingsUrl)}`,
      markdown: `${reason.action}\n\nMore: ${findingsUrl === undefined ? `\`${moreOf(code, findingsUrl)}\`` : docsOf(code, findingsUrl)}. Source: ${reason.source}.`,
    },
    defaultConfiguration: { level: LEVEL[reason.severity] },
    properties: {
      tags: ['kubernetes', 'istio', 'reliability'],
      precision: 'high',
      'problem.severity': reason.severity === 'info' ? 'recommendation' : reason.severity,
    },
  };
}

function result(finding: ReportedFinding, ruleIndex: number): Record<string, unknown> {
  const text = `${nameOf(finding.workload)}: ${finding.message}. ${finding.action}`;
  const logical = { fullyQualifiedName: nameOf(finding.workload), kind: 'resource', decoratedName: finding.path };
  const suppressions =
    finding.exempt !== undefined
      ? [{ kind: 'inSource', justification: finding.exempt === '' ? 'no reason given' : finding.exempt }]
      : finding.baseline
        ? [{ kind: 'external', justification: 'in the baseline' }]
        : undefined;
  return {
    ruleId: finding.code,
    ruleIndex,
    level: LEVEL[finding.severity],
    message: { text },
    // GitHub needs a file for every result; a workload of a cluster gets a name that is none on any disk.
    locations: [
      {
        ...location(
          finding.file ?? `cluster/${finding.workload.namespace}/${finding.workload.kind}/${finding.workload.name}`,
          finding.line ?? 1,
        ),
        logicalLocations: [logical],
      },
    ],
    partialFingerprints: { 'sidecarDrain/v1': `${fingerprint(finding)} ${finding.file ?? ''}` },
    ...(counts(finding) ? {} : { suppressions }),
  };
}

function location(file: string, line: number): Record<string, unknown> {
  return { physicalLocation: { artifactLocation: { uri: uriOf(file) }, region: { startLine: line } } };
}

/** A relative reference with forward slashes, or an absolute file URI. */
export function uriOf(file: string): string {
  const path = file === '<stdin>' ? 'stdin' : file.replaceAll('\\', '/').replace(/^\.\//, '');
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  return path.startsWith('/') ? `file://${encoded}` : encoded;
}
