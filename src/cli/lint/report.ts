import type { ReasonCode } from '../../api/reasons.ts';
import { judge, type Judgement } from '../facts/judge.ts';
import type { Loaded } from '../facts/load.ts';
import { pathInKind, wordsInKind } from '../input/kinds.ts';
import { placeOfPath } from '../input/lines.ts';
import {
  counts,
  docsOf,
  fingerprint,
  type LintReport,
  type LintSummary,
  type ReportedFinding,
} from '../output/report.ts';
import type { Workload } from '../../drain/model/workload.ts';

/** Judges all workloads, one at a time: of each only its findings are kept. */
export function makeReport({ collected, context, notes }: Loaded, baseline?: ReadonlySet<string>): LintReport {
  const findings: ReportedFinding[] = [];
  const unclean = new Set<Workload>();
  const bare = new Map<string, number>();
  for (const workload of collected.workloads) {
    const judgement = judge(workload, context);
    const { proxy } = judgement.settings;
    if (proxy.kind === 'None' && collected.webhooks.length === 0) {
      const because = proxy.because.at(-1) ?? 'nothing is injected';
      bare.set(because, (bare.get(because) ?? 0) + 1);
    }
    for (const finding of findingsOfJudgement(judgement, context.facts.injectionAssumed, baseline)) {
      findings.push(finding);
      if (counts(finding) && finding.severity !== 'info') {
        unclean.add(workload);
      }
    }
  }
  const { stats, problems } = collected;
  return {
    findings,
    notes: [...notes, ...bareNotes(bare)],
    problems,
    summary: summaryOf(findings, collected.workloads.length, collected.workloads.length - unclean.size, stats),
  };
}

const REASONS_SHOWN = 5;

/** Why pods have no sidecar: said once for each reason, for a clean workload looks just the same. */
function bareNotes(bare: ReadonlyMap<string, number>): string[] {
  const reasons = [...bare].sort(([, a], [, b]) => b - a);
  const rest = reasons.slice(REASONS_SHOWN).reduce((sum, [, count]) => sum + count, 0);
  const more = rest === 0 ? [] : [`no sidecar, so nothing to drain: ${workloads(rest)} more, for other reasons`];
  return [
    ...reasons
      .slice(0, REASONS_SHOWN)
      .map(([because, count]) => `no sidecar, so nothing to drain: ${workloads(count)} (${because})`),
    ...more,
  ];
}

function workloads(count: number): string {
  return `${count} ${count === 1 ? 'workload' : 'workloads'}`;
}

/** What a write would meet or bring with it: plan tells that. lint tells what holds today. */
const ABOUT_WRITING: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  'FieldConflict',
  'LivenessKillSlowed',
  'TemplateNotRolled',
  'TemplateImmutable',
  'UpdatedInPlace',
  'ContainersNotMergeable',
  'RolloutNotVisible',
]);

/** The findings of one workload with their place in its file. */
export function findingsOfJudgement(
  judgement: Judgement,
  injectionAssumed: boolean,
  baseline?: ReadonlySet<string>,
): ReportedFinding[] {
  const { workload, policy, exempt } = judgement;
  const { apiVersion, kind, namespace, name, source } = workload;
  const ref = { apiVersion, kind, namespace, name };
  const manifest = source === undefined ? undefined : `${source.file}:${source.line}`;
  const reported: ReportedFinding[] = [];
  for (const finding of judgement.findings) {
    // Said once at the head of the output, because it is true of every workload alike.
    if (injectionAssumed && finding.code === 'ProxyKindUnknown') {
      continue;
    }
    if (ABOUT_WRITING.has(finding.code)) {
      continue;
    }
    const place = placeOfPath(source, finding.path);
    const path = finding.path === undefined ? undefined : pathInKind(workload, finding.path);
    reported.push({
      code: finding.code,
      severity: finding.severity,
      file: place?.file,
      line: place?.line,
      manifest,
      builtFrom: source?.builtFrom,
      path,
      message: wordsInKind(workload, finding.message),
      action: wordsInKind(workload, finding.action),
      docs: docsOf(finding.code),
      policy,
      baseline: baseline?.has(fingerprint({ code: finding.code, workload, path })) === true,
      exempt,
      workload: ref,
    });
  }
  return reported;
}

function summaryOf(
  findings: readonly ReportedFinding[],
  workloads: number,
  clean: number,
  stats: Loaded['collected']['stats'],
): LintSummary {
  const counted = { error: 0, warning: 0, info: 0 };
  let inBaseline = 0;
  let exempt = 0;
  for (const finding of findings) {
    if (counts(finding)) {
      counted[finding.severity]++;
    }
    inBaseline += finding.baseline ? 1 : 0;
    exempt += finding.exempt === undefined ? 0 : 1;
  }
  return {
    workloads,
    clean,
    errors: counted.error,
    warnings: counted.warning,
    infos: counted.info,
    inBaseline,
    exempt,
    files: stats.files,
    skippedFiles: stats.skippedFiles,
    documents: stats.documents,
    notJudged: Object.fromEntries([...stats.aside].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}
