import type { LengthRange } from '../../drain/recommend/distribution.ts';
import { escapeHtml } from '../output/html/escape.ts';
import { STYLE } from '../output/html/style.ts';
import { count } from '../output/text.ts';
import { costText } from '../plan/text.ts';
import { PRODUCT_VERSION } from '../version/product.ts';
import type { Recommendation, RecommendationState, Recommendations } from './model.ts';
import { policiesYaml } from './run.ts';
import { needWords, secondsWords } from './words.ts';

const HEADINGS = [
  'Workload',
  '',
  'Requests',
  '99 %',
  '99.9 %',
  'Longest',
  'Survives today',
  'Proposal',
  'Price',
] as const;
/** Figures stay on one line; where the table becomes a list of cards, each says what it is. */
const TABLE_STYLE = `
thead th{padding:8px 12px;font-weight:600}
td.short{white-space:nowrap;font-variant-numeric:tabular-nums}
td.words{min-width:15em}
@media (max-width:760px){td[data-heading]:not(:empty)::before{content:attr(data-heading) ": ";color:var(--dim)}td:empty{display:none}}
`;

const BADGES: Readonly<Record<RecommendationState, readonly [string, string]>> = {
  Proposed: ['warning', 'proposed'],
  Covered: ['clean', 'covered'],
  Blocked: ['error', 'blocked'],
  TooFew: ['info', 'quiet'],
  TooLong: ['error', 'too long'],
  TcpOnly: ['info', 'TCP only'],
  NoRequests: ['info', 'no requests'],
};
/** Beyond these a page would only be slow; the other formats hold everything. */
const MOST_ROWS = 5000;

/** One page that needs nothing else: no network, no script. */
export function recommendationsHtml(result: Recommendations, window: string): string {
  const { workloads, policies, notes } = result;
  const shown = workloads.slice(0, MOST_ROWS);
  const cards = Object.entries(BADGES)
    .map(([state, [badge, words]]) => ({ badge, words, number: workloads.filter((one) => one.state === state).length }))
    .filter(({ number }) => number > 0)
    .map(
      ({ badge, words, number }) => `<li class="card ${badge}"><strong>${number}</strong> <span>${words}</span></li>`,
    );
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">',
    `<title>Which duration?</title><style>${STYLE}${TABLE_STYLE}pre{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:12px 16px;overflow-x:auto}</style></head><body>`,
    '<header><h1>Which duration?</h1>',
    `<p class="lead">From the requests of the last ${escapeHtml(window)}: ${count(policies.length, 'policy', 'policies')} for ${count(workloads.filter(({ policy }) => policy !== undefined).length, 'workload')} of ${workloads.length}.</p>`,
    `<ul class="cards" aria-label="Summary">${cards.join('')}</ul>`,
    notes.length === 0 ? '' : `<ul class="notes">${notes.map((note) => `<li>${escapeHtml(note)}</li>`).join('')}</ul>`,
    '</header><main><section aria-labelledby="workloads"><h2 id="workloads">Workloads</h2>',
    shown.length < workloads.length ? `<p class="dim">The first ${shown.length} of ${workloads.length}.</p>` : '',
    '<div class="scroll" tabindex="0" role="region" aria-labelledby="workloads"><table><thead><tr>',
    ...HEADINGS.map((heading) => `<th scope="col">${heading}</th>`),
    `</tr></thead><tbody>${shown.map(row).join('\n')}</tbody></table></div></section>`,
    policies.length === 0
      ? ''
      : `<section aria-labelledby="policies"><h2 id="policies">Policies</h2><p>In Audit: they change nothing until somebody writes <code>enforcement: Enforce</code>.</p><pre tabindex="0">${escapeHtml(policiesYaml(result))}</pre></section>`,
    `</main><footer>sidecar-drain ${escapeHtml(PRODUCT_VERSION)}</footer></body></html>`,
    '',
  ].join('\n');
}

function row(one: Recommendation): string {
  const { lengths, need, price } = one;
  const [badge, words] = BADGES[one.state];
  const cells: readonly (readonly [kind: 'short' | 'words', content: string])[] = [
    ['short', `<span class="badge ${badge}">${words}</span>`],
    ['short', lengths === undefined ? '' : String(Math.round(lengths.requests))],
    ['short', rangeCell(lengths?.p99)],
    ['short', rangeCell(lengths?.p999)],
    ['short', rangeCell(lengths?.longest)],
    ['short', one.survivesToday === undefined ? '' : secondsWords(one.survivesToday)],
    [
      'words',
      `${need === undefined ? '' : `<strong>${needWords(need)}</strong><br>`}<span class="dim">${escapeHtml(one.message)}</span>`,
    ],
    ['words', price === undefined || one.state === 'Covered' ? '' : costText(price)],
  ];
  const name = `${one.kind === undefined ? '' : `${one.kind} `}${one.namespace}/${one.name}`;
  const rest = cells.map(([kind, content], index) => {
    const heading = HEADINGS[index + 1] ?? '';
    return `<td class="${kind}"${heading === '' ? '' : ` data-heading="${heading}"`}>${content}</td>`;
  });
  return `<tr><th scope="row">${escapeHtml(name)}</th>${rest.join('')}</tr>`;
}

function rangeCell(range: LengthRange | undefined): string {
  if (range === undefined) {
    return '';
  }
  return range.to === Infinity
    ? `<span class="error" title="the last bucket has no upper bound">&gt; ${secondsWords(range.above)}</span>`
    : `&le; ${secondsWords(range.to)}`;
}
