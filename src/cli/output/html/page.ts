import { REASONS, type ReasonCode } from '../../../api/reasons.ts';
import { workloadKey } from '../../../drain/model/workload.ts';
import { DEFAULT_APPLICATION } from '../../../drain/timeline/application.ts';
import { drawSvg, svgStyle } from '../../../drain/timeline/draw/index.ts';
import { proxyWords, timelinesOf } from '../../explain/explanation.ts';
import type { Judgement } from '../../facts/judge.ts';
import { problemText } from '../../input/problems.ts';
import { PRODUCT_VERSION } from '../../version/product.ts';
import { counts, moreOf, SEVERITIES, type LintReport, type ReportedFinding } from '../report.ts';
import { count, nameOf } from '../text.ts';
import { escapeHtml } from './escape.ts';
import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';

/** A page that is read by people: beyond these it would only be slow. The other formats hold everything. */
const MOST_FINDINGS = 5000;
const MOST_WORKLOADS = 300;

export interface HtmlOptions {
  readonly theme?: 'auto' | 'light' | 'dark';
}

/** One page that needs nothing else: no network (its own content policy forbids it), no server, no build. */
export function lintHtml(report: LintReport, judgements: readonly Judgement[], options: HtmlOptions = {}): string {
  const findings = [...report.findings].sort(byWeight).slice(0, MOST_FINDINGS);
  const byWorkload = groupByWorkload(report.findings);
  const shown = [...judgements]
    .sort((a, b) => weight(byWorkload.get(keyOf(b))) - weight(byWorkload.get(keyOf(a))))
    .slice(0, MOST_WORKLOADS);
  const withPicture = new Set(shown.map(keyOf));
  const theme = options.theme ?? 'auto';
  return [
    '<!doctype html>',
    `<html lang="en"${theme === 'auto' ? '' : ` data-theme="${theme}"`}>`,
    '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">",
    '<title>sidecar-drain report</title>',
    `<style>${STYLE}${svgStyle()}</style></head>`,
    '<body><a class="skip" href="#findings">Skip to the findings</a>',
    header(report),
    '<main>',
    findingsSection(findings, report.findings.length, withPicture),
    workloadsSection(shown, judgements.length, byWorkload),
    codesSection(report),
    problemsSection(report),
    '</main>',
    `<footer>sidecar-drain ${escapeHtml(PRODUCT_VERSION)}</footer>`,
    `<script>${SCRIPT}</script>`,
    '</body></html>',
    '',
  ].join('\n');
}

function byWeight(a: ReportedFinding, b: ReportedFinding): number {
  const rank = (finding: ReportedFinding): number => SEVERITIES.indexOf(finding.severity) + (counts(finding) ? 0 : 10);
  return rank(a) - rank(b);
}

function weight(findings: readonly ReportedFinding[] | undefined): number {
  return (findings ?? [])
    .filter(counts)
    .reduce((sum, { severity }) => sum + (severity === 'error' ? 1e6 : severity === 'warning' ? 1e3 : 1), 0);
}

/** The same workload may stand in several files: each is one of its own. */
function keyOf({ workload }: { readonly workload: Judgement['workload'] }): string {
  return `${workloadKey(workload)}${workload.source === undefined ? '' : ` ${workload.source.file}:${workload.source.line}`}`;
}

function findingKey({ workload, manifest }: ReportedFinding): string {
  return `${workloadKey(workload)}${manifest === undefined ? '' : ` ${manifest}`}`;
}

function groupByWorkload(findings: readonly ReportedFinding[]): Map<string, ReportedFinding[]> {
  const groups = new Map<string, ReportedFinding[]>();
  for (const finding of findings) {
    const key = findingKey(finding);
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, [finding]);
    } else {
      group.push(finding);
    }
  }
  return groups;
}

function header({ summary, notes }: LintReport): string {
  const card = (name: string, number: number, kind: string): string =>
    `<li class="card ${kind}"><strong>${number}</strong> <span>${name}</span></li>`;
  return [
    '<header><h1>What happens when pods end</h1>',
    `<p class="lead">${verdict(summary)}</p>`,
    '<ul class="cards" aria-label="Summary">',
    card('workloads', summary.workloads, ''),
    card('clean', summary.clean, 'clean'),
    card('errors', summary.errors, 'error'),
    card('warnings', summary.warnings, 'warning'),
    card('notes', summary.infos, 'info'),
    ...(summary.inBaseline > 0 ? [card('known', summary.inBaseline, '')] : []),
    ...(summary.exempt > 0 ? [card('exempt', summary.exempt, '')] : []),
    '</ul>',
    ...(notes.length === 0
      ? []
      : [`<ul class="notes">${notes.map((note) => `<li>${escapeHtml(note)}</li>`).join('')}</ul>`]),
    '</header>',
  ].join('');
}

function verdict(summary: LintReport['summary']): string {
  if (summary.errors > 0) {
    return `Requests in flight are lost in some of ${count(summary.workloads, 'workload')}: ${count(summary.errors, 'error')} to look at.`;
  }
  return summary.warnings > 0
    ? `No errors in ${count(summary.workloads, 'workload')}; ${count(summary.warnings, 'warning')} to look at.`
    : `Nothing found in ${count(summary.workloads, 'workload')}.`;
}

function findingsSection(findings: readonly ReportedFinding[], all: number, withPicture: ReadonlySet<string>): string {
  const choices = (values: readonly string[]): string =>
    [...new Set(values)]
      .sort()
      .map((value) => `<option>${escapeHtml(value)}</option>`)
      .join('');
  const heading = (key: string, label: string): string =>
    `<th scope="col" aria-sort="none"><button type="button" data-sort="${key}">${label}</button></th>`;
  return [
    '<section id="findings" aria-labelledby="findings-title" tabindex="-1"><h2 id="findings-title">Findings</h2>',
    '<form class="filters" role="search" aria-label="Filter the findings">',
    '<label>Search <input type="search" name="q" placeholder="name, file, words" autocomplete="off"></label>',
    `<fieldset><legend>Severity</legend>${SEVERITIES.map((severity) => `<label><input type="checkbox" name="severity" value="${severity}" checked> ${severity}</label>`).join('')}</fieldset>`,
    `<label>Code <select name="code"><option value="">all</option>${choices(findings.map((finding) => finding.code))}</select></label>`,
    `<label>Namespace <select name="namespace"><option value="">all</option>${choices(findings.map((finding) => finding.workload.namespace))}</select></label>`,
    '<label><input type="checkbox" name="known" checked> known and exempt too</label>',
    '<button type="reset">Reset</button>',
    '</form>',
    `<p role="status" id="shown" aria-live="polite">${count(findings.length, 'finding')}${findings.length < all ? ` of ${all}; the rest is in the other formats` : ''}</p>`,
    '<div class="scroll" tabindex="0" role="region" aria-labelledby="findings-title"><table id="table"><thead><tr>',
    heading('severity', 'Severity'),
    heading('code', 'Code'),
    heading('workload', 'Workload'),
    heading('place', 'Place'),
    heading('message', 'Finding'),
    '</tr></thead><tbody>',
    ...findings.map((finding, index) => findingRow(finding, index, withPicture)),
    '</tbody></table></div></section>',
  ].join('\n');
}

function findingRow(finding: ReportedFinding, index: number, withPicture: ReadonlySet<string>): string {
  const { workload, severity, code } = finding;
  const known =
    finding.exempt !== undefined
      ? `<span class="tag">exempt: ${escapeHtml(finding.exempt === '' ? 'no reason given' : finding.exempt)}</span>`
      : finding.baseline
        ? '<span class="tag">known</span>'
        : '';
  const place = finding.file === undefined ? '' : `${finding.file}:${finding.line ?? 1}`;
  const key = findingKey(finding);
  const name = escapeHtml(nameOf(workload));
  return (
    `<tr id="f-${index + 1}" data-severity="${severity}" data-code="${code}" data-namespace="${escapeHtml(workload.namespace)}" data-known="${counts(finding) ? 0 : 1}"` +
    ` data-workload="${name}" data-place="${escapeHtml(finding.file ?? '')}" data-line="${finding.line ?? 0}">` +
    `<td><span class="badge ${severity}">${severity}</span></td><td><a href="#code-${code}">${code}</a></td>` +
    `<th scope="row">${withPicture.has(key) ? `<a href="#${idOf(key)}">${name}</a>` : name}</th>` +
    `<td class="place">${escapeHtml(place)}</td><td>${escapeHtml(finding.message)} ${known}<br><span class="dim">${escapeHtml(finding.action)}</span> <a class="permalink" href="#f-${index + 1}" aria-label="Link to this finding">#</a></td></tr>`
  );
}

function workloadsSection(
  shown: readonly Judgement[],
  all: number,
  byWorkload: ReadonlyMap<string, readonly ReportedFinding[]>,
): string {
  return [
    '<section aria-labelledby="workloads-title"><h2 id="workloads-title">Workloads</h2>',
    `<p class="dim">How the pods of each end, and how they would with its policy${shown.length < all ? `; the ${shown.length} with the most to say of ${all}` : ''}.</p>`,
    ...shown.map((judgement) => workloadDetails(judgement, byWorkload.get(keyOf(judgement)) ?? [])),
    '</section>',
  ].join('\n');
}

function workloadDetails(judgement: Judgement, findings: readonly ReportedFinding[]): string {
  const { workload, settings, decision, policy } = judgement;
  const id = idOf(keyOf(judgement));
  const tally = SEVERITIES.map((severity) => ({
    severity,
    number: findings.filter((finding) => finding.severity === severity && counts(finding)).length,
  }))
    .filter(({ number }) => number > 0)
    .map(
      ({ severity, number }) =>
        `<span class="badge ${severity}">${count(number, severity === 'info' ? 'note' : severity)}</span>`,
    );
  const changes = decision?.changes ?? [];
  const source =
    workload.source === undefined
      ? ''
      : `<p class="place">${escapeHtml(`${workload.source.file}:${workload.source.line}`)}</p>`;
  return [
    `<details id="${id}" class="workload"><summary><span class="name">${escapeHtml(nameOf(workload))}</span> <span class="dim">${escapeHtml(proxyWords(settings))}</span> ${tally.length === 0 ? '<span class="badge clean">clean</span>' : tally.join(' ')}</summary>`,
    `${source}<p class="dim">${escapeHtml([...settings.proxy.because, ...settings.proxy.missing.map((fact) => `not known: ${fact}`)].join('; '))}</p>`,
    findings.length === 0
      ? ''
      : `<ul>${findings.map((finding) => `<li><span class="badge ${finding.severity}">${finding.severity}</span> <a href="#code-${finding.code}">${finding.code}</a>: ${escapeHtml(finding.message)}</li>`).join('')}</ul>`,
    decision === undefined || policy === undefined
      ? ''
      : `<p>Policy <strong>${escapeHtml(policy)}</strong>: ${decision.outcome}. ${escapeHtml(decision.message)}</p>`,
    changes.length === 0
      ? ''
      : `<ul>${changes.map((change) => `<li><code>${escapeHtml(change.path)}</code>: ${escapeHtml(change.why)}</li>`).join('')}</ul>`,
    `<figure tabindex="0" role="group" aria-label="${escapeHtml(`Timeline of ${nameOf(workload)}`)}">${drawSvg(timelinesOf(judgement, { application: DEFAULT_APPLICATION }), { title: `Termination of ${nameOf(workload)}`, idPrefix: id, embedStyle: false })}</figure>`,
    '</details>',
  ].join('\n');
}

function moreLink(code: ReasonCode, findingsUrl: string | undefined): string {
  const more = escapeHtml(moreOf(code, findingsUrl));
  return findingsUrl === undefined ? `<code>${more}</code>` : `<a href="${more}">${more}</a>`;
}

function codesSection({ findings, findingsUrl }: LintReport): string {
  const codes = [...new Set(findings.map((finding) => finding.code))].sort();
  if (codes.length === 0) {
    return '';
  }
  const entry = (code: ReasonCode): string =>
    `<dt id="code-${code}" tabindex="-1">${code} <span class="badge ${REASONS[code].severity}">${REASONS[code].severity}</span></dt>` +
    `<dd><p>${escapeHtml(REASONS[code].sentence)}</p><p><strong>What to do:</strong> ${escapeHtml(REASONS[code].action)}</p>` +
    `<p class="dim">Known from: ${escapeHtml(REASONS[code].source)}. More: ${moreLink(code, findingsUrl)}</p></dd>`;
  return `<section aria-labelledby="codes-title"><h2 id="codes-title">What the codes mean</h2><dl class="codes">${codes.map(entry).join('\n')}</dl></section>`;
}

function problemsSection({ problems }: LintReport): string {
  return problems.length === 0
    ? ''
    : `<section aria-labelledby="problems-title"><h2 id="problems-title">Input that was not judged as it is</h2><ul>${problems.map((problem) => `<li>${escapeHtml(problemText(problem))}</li>`).join('')}</ul></section>`;
}

/** An id that stays the same from one report to the next, so that links to it live on. */
function idOf(key: string): string {
  return `w-${key.replace(/[^A-Za-z0-9]+/g, '-')}`;
}
