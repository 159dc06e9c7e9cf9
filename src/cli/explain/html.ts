import { drawSvg, secondsWords } from '../../drain/timeline/draw/index.ts';
import { escapeHtml } from '../output/html/escape.ts';
import { nameOf } from '../output/text.ts';
import type { Explanation, ExplainedTimeline } from './explanation.ts';
import { LANE_WORDS } from './lane-words.ts';

/** One page that needs nothing else: no network, no script. */
export function explainHtml(
  explanation: Explanation,
  notes: readonly string[],
  theme: 'auto' | 'light' | 'dark',
): string {
  const name = escapeHtml(nameOf(explanation.workload));
  const { source } = explanation.workload;
  return [
    `<!doctype html>`,
    `<html lang="en"${theme === 'auto' ? '' : ` data-theme="${theme}"`}>`,
    `<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Termination of ${name}</title>`,
    `<style>${STYLE}</style></head>`,
    '<body><main>',
    `<h1>Termination of ${name}</h1>`,
    ...(source === undefined ? [] : [`<p class="dim">${escapeHtml(`${source.file}:${source.line}`)}</p>`]),
    ...(explanation.exempt === undefined
      ? []
      : paragraphs([`exempt: ${explanation.exempt === '' ? 'no reason given' : explanation.exempt}`], 'exempt')),
    ...paragraphs([...explanation.proxyBecause, ...notes], 'dim'),
    `<figure tabindex="0" aria-label="Timeline">${drawSvg(explanation.timelines, { title: `Termination of ${nameOf(explanation.workload)}` })}</figure>`,
    ...explanation.timelines.map(eventTable),
    policySection(explanation),
    settingsTable(explanation),
    findingsSection(explanation),
    `<section><h2>Assumed</h2><ul>${explanation.assumptions.map((text) => `<li>${escapeHtml(text)}</li>`).join('')}</ul></section>`,
    '</main></body></html>',
    '',
  ].join('\n');
}

function paragraphs(texts: readonly string[], className: string): string[] {
  return texts.map((text) => `<p class="${className}">${escapeHtml(text)}</p>`);
}

function eventTable({ heading, timeline }: ExplainedTimeline): string {
  if (timeline.events.length === 0) {
    return '';
  }
  const rows = timeline.events.map(
    (event) =>
      `<tr><td class="number">${secondsWords(event.at)}</td><td class="lane">${LANE_WORDS[event.lane]}</td><td>${escapeHtml(event.sentence)}</td></tr>`,
  );
  return (
    `<section><h2>${escapeHtml(heading)}</h2><div class="scroll"><table><thead><tr><th scope="col">after</th><th scope="col">lane</th><th scope="col">what happens</th></tr></thead>` +
    `<tbody>${rows.join('')}</tbody></table></div></section>`
  );
}

function policySection({ policy, otherPolicies }: Explanation): string {
  const others = otherPolicies
    .map(
      ({ name, why }) => `<p class="dim">Policy ${escapeHtml(name)} is not for this workload: ${escapeHtml(why)}.</p>`,
    )
    .join('');
  if (policy === undefined) {
    return others === '' ? '' : `<section><h2>No policy governs</h2>${others}</section>`;
  }
  const changes = policy.changes.map(
    (change) =>
      `<li><code>${escapeHtml(change.path)}</code>: ${escapeHtml(change.why)}` +
      `<dl>${change.before === undefined ? '' : `<dt>now</dt><dd><pre>${escapeHtml(change.before)}</pre></dd>`}${change.after === undefined ? '' : `<dt>then</dt><dd><pre>${escapeHtml(change.after)}</pre></dd>`}</dl></li>`,
  );
  return (
    `<section><h2>Policy ${escapeHtml(policy.name)}</h2><p>${policy.enforcement}: <strong>${policy.outcome}</strong>. ${escapeHtml(policy.message)}</p>` +
    `${changes.length === 0 ? '' : `<ul>${changes.join('')}</ul>`}` +
    `${policy.overridden.map(({ name, by }) => `<p>Policy ${escapeHtml(name)} is overridden by ${escapeHtml(by)}.</p>`).join('')}${others}</section>`
  );
}

function settingsTable({ settings, policy }: Explanation): string {
  const changed = settings.some((row) => row.withPolicy !== undefined);
  const rows = settings.map(
    (row) =>
      `<tr><th scope="row">${escapeHtml(row.name)}</th><td><code>${escapeHtml(row.value)}</code></td>` +
      `${changed ? `<td>${row.withPolicy === undefined ? '' : `<code>${escapeHtml(row.withPolicy)}</code>`}</td>` : ''}` +
      `<td>${escapeHtml(row.originWords)}${row.note === undefined ? '' : `<br><span class="dim">${escapeHtml(row.note)}</span>`}</td></tr>`,
  );
  return (
    '<section><h2>Settings that count, and where they come from</h2><div class="scroll"><table><thead><tr><th scope="col">setting</th><th scope="col">now</th>' +
    `${changed ? `<th scope="col">with policy ${escapeHtml(policy?.name ?? '')}</th>` : ''}<th scope="col">from</th></tr></thead><tbody>${rows.join('')}</tbody></table></div></section>`
  );
}

function findingsSection({ findings }: Explanation): string {
  const items = findings.map(
    (finding) =>
      `<li><strong class="${finding.severity}">${finding.severity}</strong> <code>${finding.code}</code>: ${escapeHtml(finding.message)}` +
      `<br><span class="dim">${escapeHtml(finding.action)}${finding.file === undefined ? '' : ` (${escapeHtml(`${finding.file}:${finding.line ?? 1}`)})`}</span></li>`,
  );
  return `<section><h2>Findings</h2>${items.length === 0 ? '<p>None.</p>' : `<ul class="findings">${items.join('')}</ul>`}</section>`;
}

const LIGHT =
  '--text:#1f2328;--dim:#59636e;--page:#ffffff;--line:#d1d9e0;--code:#f0f3f6;--error:#b3141f;--warning:#7d4e00;--info:#0550ae';
const DARK =
  '--text:#e6edf3;--dim:#9da7b3;--page:#0d1117;--line:#30363d;--code:#1c232c;--error:#ff8a80;--warning:#e3b341;--info:#79c0ff';
const STYLE = `
:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme: dark){:root{${DARK}}}
:root[data-theme="light"]{color-scheme:light;${LIGHT}}
:root[data-theme="dark"]{color-scheme:dark;${DARK}}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Open Sans","DejaVu Sans",sans-serif}
main{max-width:1000px;margin:0 auto;padding:24px 20px 48px}
h1{font-size:24px;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:18px;margin:32px 0 8px}
p{margin:4px 0}
.dim{color:var(--dim)}
figure{margin:20px 0 0;overflow-x:auto}
figure:focus-visible{outline:2px solid var(--info)}
figure svg{max-width:100%;min-width:720px;height:auto;display:block}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:6px 12px 6px 0;border-bottom:1px solid var(--line)}
thead th{color:var(--dim);font-weight:600}
tbody th{font-weight:400}
.lane,tbody th{white-space:nowrap}
td code{overflow-wrap:normal}
.number{white-space:nowrap;text-align:right;padding-right:16px;font-variant-numeric:tabular-nums}
code,pre{font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;background:var(--code);border-radius:4px;padding:1px 5px;overflow-wrap:anywhere}
pre{padding:8px 10px;white-space:pre-wrap;margin:2px 0}
dl{margin:4px 0 8px}dt{color:var(--dim)}dd{margin:0}
ul{padding-left:20px;margin:6px 0}li{margin:6px 0}
.findings{list-style:none;padding:0}
.error{color:var(--error)}.warning{color:var(--warning)}.info{color:var(--info)}
@media (max-width:640px){td,th{padding-right:8px}}
`;
