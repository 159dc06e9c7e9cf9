import type { Seconds } from '../../model/workload.ts';
import type { Lane, Mark, Segment, SegmentState, Timeline } from '../lanes.ts';
import type { Panel } from './panel.ts';
import { scaleFor, type TimeScale } from './scale.ts';
import { SVG_CLASS, svgStyle } from './svg-style.ts';
import type { TimelineVerdict } from './verdict.ts';
import { secondsWords, wrapWords } from './words.ts';

export interface SvgOptions {
  /** The accessible name. */
  readonly title: string;
  /** `auto` follows the reader's system. */
  readonly theme?: 'auto' | 'light' | 'dark';
  /** Makes the ids of several drawings on one page differ. */
  readonly idPrefix?: string;
  /** False where the page carries `svgStyle()` once for all its drawings. */
  readonly embedStyle?: boolean;
}

const WIDTH = 960;
const MARGIN = 20;
const CHART_RIGHT = WIDTH - 36;
const OVERRUN = 26;
const ROW = 38;
const BAR = 26;
const LINE = 21;
/** Widths of text cannot be measured here; these hold for the widest common sans-serif faces at 14 px. */
const CHAR = 7.4;
const VERDICT_CHARS = 122;
const WIDEST_TITLE_CHARS = 22;

const STATE_WORDS: Readonly<Record<SegmentState, string>> = {
  Grace: 'grace period',
  Spare: 'to spare',
  Serving: 'works',
  PreStop: 'preStop',
  Finishing: 'finishes',
  Draining: 'drains',
  Failing: 'fails',
  Room: 'longer requests survive too',
  Uncertain: 'not known',
};

interface Canvas {
  readonly left: number;
  readonly scale: TimeScale;
  readonly id: string;
}

/** Timelines one below the other on one time scale: a picture of its own, for light and dark. */
export function drawSvg(panels: readonly Panel[], options: SvgOptions): string {
  const shown = panels.filter((panel) => panel.timeline.lanes.length > 0);
  const titles = shown.flatMap((panel) =>
    panel.timeline.lanes.map((lane) => Math.min(WIDEST_TITLE_CHARS, lane.title.length)),
  );
  const canvas: Canvas = {
    left: MARGIN + Math.max(...titles, 10) * CHAR + 14,
    scale: scaleFor(
      shown.map((panel) => panel.timeline),
      10,
    ),
    id: options.idPrefix ?? 'sidecar-drain',
  };
  let y = MARGIN;
  const parts: string[] = [];
  for (const panel of panels) {
    const drawn = drawPanel(panel, canvas, y);
    parts.push(...drawn.parts);
    y = drawn.bottom + 18;
  }
  const legend = drawLegend(shown, canvas, y);
  const height = Math.ceil(legend.bottom + MARGIN / 2);
  const theme = options.theme === undefined || options.theme === 'auto' ? '' : ` data-theme="${options.theme}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="${SVG_CLASS}"${theme} viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="${canvas.id}-title ${canvas.id}-desc">`,
    `<title id="${canvas.id}-title">${escapeXml(options.title)}</title>`,
    `<desc id="${canvas.id}-desc">${escapeXml(description(panels))}</desc>`,
    ...(options.embedStyle === false ? [] : [`<style>${svgStyle()}</style>`]),
    `<defs><pattern id="${canvas.id}-hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="7"/></pattern></defs>`,
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    ...parts,
    ...legend.parts,
    '</svg>',
  ].join('\n');
}

/** All that the picture shows, for those who cannot see it. */
function description(panels: readonly Panel[]): string {
  return panels
    .map(({ heading, timeline }) =>
      [
        `${heading}: ${timeline.verdict.sentence} ${timeline.verdict.slackSentence}`,
        ...timeline.events.map((event) => `${secondsWords(event.at)}: ${event.sentence}`),
      ].join(' '),
    )
    .join(' ');
}

function drawPanel(panel: Panel, canvas: Canvas, top: number): { parts: string[]; bottom: number } {
  const { timeline, heading } = panel;
  const { verdict } = timeline;
  const parts = [`<g class="panel"><text class="heading" x="${MARGIN}" y="${top + 16}">${escapeXml(heading)}</text>`];
  let y = top + 16;
  for (const line of wrapWords(`${verdict.sentence} ${verdict.slackSentence}`, VERDICT_CHARS)) {
    y += LINE;
    parts.push(`<text class="verdict ${toneOf(verdict)}" x="${MARGIN}" y="${y}">${escapeXml(line)}</text>`);
  }
  if (timeline.lanes.length === 0) {
    return { parts: [...parts, '</g>'], bottom: y };
  }
  const axisTop = y + 30;
  const chartTop = axisTop + 8;
  const chartBottom = chartTop + timeline.lanes.length * ROW;
  for (const [index] of timeline.lanes.entries()) {
    if (index % 2 === 0) {
      parts.push(
        `<rect class="stripe" x="${MARGIN / 2}" y="${chartTop + index * ROW}" width="${WIDTH - MARGIN}" height="${ROW}"/>`,
      );
    }
  }
  for (const tick of canvas.scale.ticks) {
    const x = round(xOf(tick, canvas));
    parts.push(
      `<line class="${tick === 0 ? 'start' : 'grid'}" x1="${x}" y1="${chartTop}" x2="${x}" y2="${chartBottom}"/>`,
    );
    parts.push(`<text class="muted" x="${x}" y="${axisTop}" text-anchor="middle">${tick} s</text>`);
  }
  parts.push(...cutLines(timeline, canvas, chartTop, chartBottom));
  for (const [index, lane] of timeline.lanes.entries()) {
    parts.push(drawLane(lane, canvas, chartTop + index * ROW));
  }
  const cuts = cutTexts(timeline, canvas, chartBottom);
  return { parts: [...parts, ...cuts.parts, '</g>'], bottom: cuts.bottom };
}

/** What goes on beyond the scale runs off the picture. */
function xOf(at: Seconds, { left, scale }: Canvas): number {
  return at > scale.endsAt ? CHART_RIGHT + OVERRUN : left + (at / scale.endsAt) * (CHART_RIGHT - left);
}

/** Nothing lost and nothing killed; nothing lost, but something killed; something lost. */
function toneOf(verdict: TimelineVerdict): 'good' | 'warn' | 'bad' {
  if (!verdict.survives) {
    return 'bad';
  }
  return verdict.slack > 0 ? 'good' : 'warn';
}

function drawLane(lane: Lane, canvas: Canvas, top: number): string {
  const base = top + ROW / 2 + 5;
  const name = lane.title.length > WIDEST_TITLE_CHARS ? `${lane.title.slice(0, WIDEST_TITLE_CHARS - 1)}…` : lane.title;
  return [
    `<g class="lane" data-lane="${lane.id}"><text x="${MARGIN}" y="${base}">${escapeXml(name)}</text>`,
    ...lane.segments.map((segment, index) => drawSegment(segment, lane, index, canvas, top)),
    ...lane.marks.map((mark) => drawMark(mark, canvas, top)),
    '</g>',
  ].join('');
}

function drawSegment(segment: Segment, lane: Lane, index: number, canvas: Canvas, top: number): string {
  const from = xOf(segment.from, canvas);
  const to = xOf(segment.to, canvas);
  if (to <= from) {
    return '';
  }
  const y = top + (ROW - BAR) / 2;
  const rect = `x="${round(from)}" y="${y}" width="${round(to - from)}" height="${BAR}" rx="3"`;
  const hatch = segment.state === 'Failing' ? `<rect ${rect} style="fill:url(#${canvas.id}-hatch)"/>` : '';
  const tooltip = `<title>${escapeXml(`${lane.title}, ${secondsWords(segment.from)} to ${secondsWords(segment.to)}: ${segment.label}`)}</title>`;
  return `<g class="segment state-${segment.state}"><rect ${rect}/>${hatch}${tooltip}${segmentText(segment, lane, index, canvas, top)}</g>`;
}

/** Inside the bar where it fits, else behind the last bar of the lane, else only in the tooltip and the description. */
function segmentText(segment: Segment, lane: Lane, index: number, canvas: Canvas, top: number): string {
  const from = xOf(segment.from, canvas);
  const to = xOf(segment.to, canvas);
  const y = top + ROW / 2 + 5;
  const text = (x: number, words: string): string => `<text x="${round(x)}" y="${y}">${escapeXml(words)}</text>`;
  for (const words of [segment.label, segment.short]) {
    // Marks stand at both ends and take about ten pixels of the bar each.
    if (words.length * CHAR + 24 <= to - from) {
      return text(from + 14, words);
    }
  }
  const words = [segment.label, segment.short].find(
    (candidate) => to + 14 + candidate.length * CHAR <= CHART_RIGHT + 20,
  );
  return index === lane.segments.length - 1 && words !== undefined ? text(to + 14, words) : '';
}

function drawMark(mark: Mark, canvas: Canvas, top: number): string {
  const x = round(xOf(mark.at, canvas));
  const y = top + ROW / 2;
  const tooltip = `<title>${escapeXml(`${secondsWords(mark.at)}: ${mark.label}`)}</title>`;
  return `<g class="mark-group" data-mark="${mark.kind}">${tooltip}${markShape(mark.kind, x, y)}</g>`;
}

function markShape(kind: Mark['kind'], x: number, y: number): string {
  switch (kind) {
    case 'Deleted':
      return `<path class="mark-sigterm" d="M${x - 4} ${y - 8} L${x + 8} ${y} L${x - 4} ${y + 8} Z"/>`;
    case 'Sigterm':
      return `<path class="mark-sigterm" d="M${x - 7} ${y - BAR / 2 - 2} L${x + 7} ${y - BAR / 2 - 2} L${x} ${y - 1} Z"/>`;
    case 'Exit':
      return `<circle class="mark-exit" cx="${x}" cy="${y}" r="6"/>`;
    case 'Done':
      return `<circle class="mark" cx="${x}" cy="${y}" r="6"/>`;
    case 'Refuses':
      return `<line class="mark-stroke" x1="${x}" y1="${y - BAR / 2}" x2="${x}" y2="${y + BAR / 2}"/><text class="cut-text" x="${x + 8}" y="${y + 5}">new connections refused</text>`;
    case 'Lost':
    case 'Killed':
      return `<circle class="mark-cut" cx="${x}" cy="${y}" r="8"/><path class="mark-stroke" d="M${x - 3.5} ${y - 3.5} l7 7 m0 -7 l-7 7"/>`;
  }
}

function cutLines(timeline: Timeline, canvas: Canvas, top: number, bottom: number): string[] {
  const places = [...new Set(timeline.cuts.map((cut) => round(xOf(cut.at, canvas))))];
  return places.map((x) => `<line class="cut" x1="${x}" y1="${top}" x2="${x}" y2="${bottom + 6}"/>`);
}

function cutTexts(timeline: Timeline, canvas: Canvas, top: number): { parts: string[]; bottom: number } {
  let y = top + 4;
  const parts = timeline.cuts.map((cut) => {
    const x = xOf(cut.at, canvas);
    const words = `${secondsWords(cut.at)}: ${cut.label}`;
    y += 18;
    const width = words.length * CHAR;
    const start = x + width <= WIDTH - MARGIN ? x : x - width >= MARGIN ? undefined : WIDTH - MARGIN - width;
    return `<text class="cut-text" x="${round(start ?? Math.min(x, WIDTH - MARGIN))}" y="${y}"${start === undefined ? ' text-anchor="end"' : ''}>${escapeXml(words)}</text>`;
  });
  return { parts, bottom: y };
}

const MARK_WORDS: Readonly<Record<Mark['kind'], string>> = {
  Deleted: 'pod deleted',
  Sigterm: 'SIGTERM',
  Exit: 'exits by itself',
  Done: 'answered',
  Refuses: '',
  Lost: 'cut',
  Killed: 'cut',
};

function drawLegend(panels: readonly Panel[], canvas: Canvas, top: number): { parts: string[]; bottom: number } {
  const lanes = panels.flatMap((panel) => panel.timeline.lanes);
  const kinds = new Set(lanes.flatMap((lane) => lane.marks.map((mark) => mark.kind)));
  const states = new Set(lanes.flatMap((lane) => lane.segments.map((segment) => segment.state)));
  if (kinds.has('Lost')) {
    kinds.delete('Killed');
  }
  const entries = [
    ...(Object.keys(MARK_WORDS) as Mark['kind'][])
      .filter((kind) => kinds.has(kind) && MARK_WORDS[kind] !== '')
      .map((kind) => ({
        words: MARK_WORDS[kind],
        width: 26,
        shape: (x: number, y: number) => markShape(kind, x + 8, kind === 'Sigterm' ? y + 7 : y),
      })),
    ...(Object.keys(STATE_WORDS) as SegmentState[])
      .filter((state) => states.has(state))
      .map((state) => ({
        words: STATE_WORDS[state],
        width: 36,
        shape: (x: number, y: number) =>
          `<g class="state-${state}"><rect x="${x}" y="${y - 7}" width="28" height="14" rx="3"/>${state === 'Failing' ? `<rect x="${x}" y="${y - 7}" width="28" height="14" rx="3" style="fill:url(#${canvas.id}-hatch)"/>` : ''}</g>`,
      })),
  ];
  let x = MARGIN;
  let y = top + 12;
  const parts = ['<g class="legend" aria-hidden="true">'];
  for (const entry of entries) {
    const width = entry.width + entry.words.length * (CHAR - 0.4) + 20;
    if (x + width > WIDTH - MARGIN / 2) {
      x = MARGIN;
      y += 26;
    }
    parts.push(
      entry.shape(x, y),
      `<text class="muted" x="${round(x + entry.width)}" y="${y + 5}">${escapeXml(entry.words)}</text>`,
    );
    x = round(x + width);
  }
  parts.push(`<text class="muted" x="${MARGIN}" y="${y + 29}">Seconds after the pod is deleted.</text></g>`);
  return { parts, bottom: y + 34 };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Also drops what XML 1.0 cannot carry at all. */
function escapeXml(text: string): string {
  return text
    .replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
