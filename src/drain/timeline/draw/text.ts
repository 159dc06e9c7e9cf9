import type { Seconds } from '../../model/workload.ts';
import type { Lane, Mark, SegmentState, Timeline } from '../lanes.ts';
import type { Panel } from './panel.ts';
import { scaleFor, type TimeScale } from './scale.ts';
import { secondsWords } from './words.ts';

export interface TextOptions {
  /** Columns of the terminal; the drawing uses 60 to 200 of them. */
  readonly width: number;
  /** Box-drawing characters; plain ASCII where false. */
  readonly unicode: boolean;
  /** ANSI colours. */
  readonly color: boolean;
}

export const NARROWEST_DRAWING = 60;
export const WIDEST_DRAWING = 200;
const WIDEST_TITLE = 24;

interface Glyph {
  readonly unicode: string;
  readonly ascii: string;
  readonly color: string;
  readonly meaning: string;
}

const FILLS: Readonly<Record<SegmentState, Glyph>> = {
  Grace: { unicode: '─', ascii: '-', color: '2', meaning: 'grace period' },
  Spare: { unicode: '·', ascii: '.', color: '2', meaning: 'to spare' },
  Serving: { unicode: '━', ascii: '=', color: '32', meaning: 'works' },
  PreStop: { unicode: '░', ascii: ':', color: '35', meaning: 'preStop' },
  Finishing: { unicode: '═', ascii: '+', color: '36', meaning: 'finishes' },
  Draining: { unicode: '▒', ascii: '~', color: '34', meaning: 'drains' },
  Failing: { unicode: '×', ascii: 'x', color: '31', meaning: 'fails' },
  Uncertain: { unicode: '?', ascii: '?', color: '33', meaning: 'not known' },
  Room: { unicode: '┄', ascii: '_', color: '32', meaning: 'longer requests survive too' },
};

const MARKS: Readonly<Record<Mark['kind'], Glyph>> = {
  Deleted: { unicode: '▶', ascii: '>', color: '1', meaning: 'pod deleted' },
  Sigterm: { unicode: '▼', ascii: 'T', color: '33', meaning: 'SIGTERM' },
  Exit: { unicode: '●', ascii: 'o', color: '1', meaning: 'exits by itself' },
  Done: { unicode: '●', ascii: 'o', color: '1', meaning: 'answered' },
  Refuses: { unicode: '┤', ascii: '|', color: '31', meaning: 'new connections refused from here' },
  Lost: { unicode: '╳', ascii: 'X', color: '1;31', meaning: 'cut' },
  Killed: { unicode: '╳', ascii: 'X', color: '1;31', meaning: 'cut' },
};

interface Cell {
  readonly char: string;
  readonly color?: string;
}

const BLANK: Cell = { char: ' ' };

/** Timelines one below the other on one time scale, one lane a line, with a legend. */
export function drawText(panels: readonly Panel[], options: TextOptions): string {
  const shown = panels.filter((panel) => panel.timeline.lanes.length > 0);
  if (shown.length === 0) {
    return '';
  }
  const width = Math.max(NARROWEST_DRAWING, Math.min(WIDEST_DRAWING, options.width));
  const titles = shown.flatMap((panel) => panel.timeline.lanes.map((lane) => lane.title.length));
  const left = Math.min(WIDEST_TITLE, Math.max(...titles)) + 2;
  const columns = width - left - 1;
  const scale = scaleFor(
    shown.map((panel) => panel.timeline),
    Math.max(4, Math.floor(columns / 9)),
  );
  const canvas: Canvas = { left, columns, scale, options };
  const blocks = shown.map((panel) => drawPanel(panel, canvas));
  return [...blocks, legend(shown, options, width)]
    .map((lines) => lines.map((line) => line.trimEnd()).join('\n'))
    .join('\n\n');
}

interface Canvas {
  readonly left: number;
  readonly columns: number;
  readonly scale: TimeScale;
  readonly options: TextOptions;
}

function columnOf(at: Seconds, canvas: Canvas): number {
  return Math.max(0, Math.min(canvas.columns, Math.round((at / canvas.scale.endsAt) * canvas.columns)));
}

function drawPanel(panel: Panel, canvas: Canvas): string[] {
  const { timeline, heading } = panel;
  const cuts = [...new Map(timeline.cuts.map((cut) => [columnOf(cut.at, canvas), cut])).keys()];
  return [
    paint(heading, '1', canvas.options),
    ...axis(canvas),
    ...timeline.lanes.map(
      (lane) => title(lane.title, canvas) + paintCells(laneCells(lane, cuts, canvas), canvas.options),
    ),
    ...cutLines(timeline, canvas),
  ];
}

function title(text: string, { left, options }: Canvas): string {
  const most = left - 2;
  return `${shorten(text, most, options).padEnd(most)}  `;
}

function shorten(text: string, most: number, { unicode }: TextOptions): string {
  return text.length > most ? `${text.slice(0, most - 1)}${unicode ? '…' : '~'}` : text;
}

function axis(canvas: Canvas): string[] {
  const { left, columns, scale, options } = canvas;
  const labels = new Array<string>(columns + 1 + 6).fill(' ');
  const line = new Array<string>(columns + 1).fill(options.unicode ? '─' : '-');
  for (const [index, tick] of scale.ticks.entries()) {
    const column = columnOf(tick, canvas);
    line[column] = options.unicode ? (index === 0 ? '├' : column === columns ? '┤' : '┼') : '+';
    const label = index === scale.ticks.length - 1 ? `${tick} s` : `${tick}`;
    const start = Math.max(0, Math.min(column - Math.floor(`${tick}`.length / 2), columns + 1 - label.length));
    [...label].forEach((char, offset) => {
      labels[start + offset] = char;
    });
  }
  const margin = ' '.repeat(left);
  return [margin + paint(labels.join('').trimEnd(), '2', options), margin + paint(line.join(''), '2', options)];
}

function laneCells(lane: Lane, cuts: readonly number[], canvas: Canvas): Cell[] {
  const { columns, options } = canvas;
  const cells = new Array<Cell>(columns + 1).fill(BLANK);
  for (const cut of cuts) {
    cells[cut] = { char: options.unicode ? '┊' : '|', color: '31' };
  }
  const marks = lane.marks.map((mark) => ({ column: columnOf(mark.at, canvas), glyph: MARKS[mark.kind] }));
  const taken = new Set(marks.map((mark) => mark.column));
  const segments = lane.segments.map((segment) => ({
    segment,
    from: columnOf(segment.from, canvas),
    to: columnOf(segment.to, canvas),
  }));
  for (const { segment, from, to } of segments) {
    const { color, ...glyph } = FILLS[segment.state];
    cells.fill({ char: options.unicode ? glyph.unicode : glyph.ascii, color }, from, Math.min(to, columns + 1));
  }
  for (const { segment } of segments) {
    if (segment.to > canvas.scale.endsAt) {
      cells[columns] = { char: options.unicode ? '→' : '>', color: FILLS[segment.state].color };
    }
  }
  for (const [index, { segment, from, to }] of segments.entries()) {
    const fits = (text: string): boolean => to - from >= text.length + 4;
    const inside = fits(segment.label) ? segment.label : fits(segment.short) ? segment.short : undefined;
    if (inside !== undefined) {
      write(cells, from + 2, ` ${inside} `, FILLS[segment.state].color);
      continue;
    }
    const free = index === segments.length - 1 ? columns + 1 - to - 2 : 0;
    const beside =
      segment.label.length <= free ? segment.label : segment.short.length <= free ? segment.short : undefined;
    if (beside !== undefined) {
      write(cells, taken.has(to) ? to + 2 : to + 1, beside, FILLS[segment.state].color);
    }
  }
  for (const { column, glyph } of marks) {
    cells[column] = { char: options.unicode ? glyph.unicode : glyph.ascii, color: glyph.color };
  }
  return cells;
}

function write(cells: Cell[], at: number, text: string, color: string): void {
  [...text].forEach((char, offset) => {
    if (at + offset < cells.length) {
      cells[at + offset] = { char, color };
    }
  });
}

/** One line per cut, its text standing where it happens. */
function cutLines(timeline: Timeline, canvas: Canvas): string[] {
  const { columns, left, options } = canvas;
  return timeline.cuts.map((cut) => {
    const column = columnOf(cut.at, canvas);
    const text = `${secondsWords(cut.at)}: ${cut.label}`;
    const right = `${options.unicode ? '└' : '`'} ${text}`;
    const leftwards = `${text} ${options.unicode ? '┘' : "'"}`;
    const body =
      column + right.length <= columns + 1
        ? ' '.repeat(column) + right
        : leftwards.length <= column + 1
          ? leftwards.padStart(column + 1)
          : shorten(text, columns + 1, options).padStart(columns + 1);
    return ' '.repeat(left) + paint(body, '31', options);
  });
}

function legend(panels: readonly Panel[], options: TextOptions, width: number): string[] {
  const lanes = panels.flatMap((panel) => panel.timeline.lanes);
  const states = new Set(lanes.flatMap((lane) => lane.segments.map((segment) => segment.state)));
  const kinds = new Set(lanes.flatMap((lane) => lane.marks.map((mark) => mark.kind)));
  const entries = [
    ...Object.entries(MARKS)
      .filter(([kind]) => kinds.has(kind as Mark['kind']))
      .map(([, glyph]) => glyph),
    ...Object.entries(FILLS)
      .filter(([state]) => states.has(state as SegmentState))
      .map(([, glyph]) => glyph),
  ];
  // Two marks may look the same: an exit and an answer, a kill and a loss.
  const byGlyph = new Map<string, Glyph[]>();
  for (const glyph of entries) {
    const same = byGlyph.get(glyph.unicode) ?? [];
    byGlyph.set(glyph.unicode, same.some((other) => other.meaning === glyph.meaning) ? same : [...same, glyph]);
  }
  const lines: { plain: string; painted: string }[] = [];
  for (const [first, ...others] of byGlyph.values()) {
    if (first === undefined) {
      continue;
    }
    const char = options.unicode ? first.unicode : first.ascii;
    const meaning = [first, ...others].map((glyph) => glyph.meaning).join(' or ');
    const entry = { plain: `${char} ${meaning}`, painted: `${paint(char, first.color, options)} ${meaning}` };
    const last = lines.at(-1);
    if (last !== undefined && last.plain.length + entry.plain.length + 3 <= width) {
      last.plain += `   ${entry.plain}`;
      last.painted += `   ${entry.painted}`;
    } else {
      lines.push(entry);
    }
  }
  return [...lines.map((line) => line.painted), 'Seconds after the pod is deleted.'];
}

function paintCells(cells: readonly Cell[], options: TextOptions): string {
  let text = '';
  for (let index = 0; index < cells.length;) {
    const color = cells[index]?.color;
    let run = '';
    while (index < cells.length && cells[index]?.color === color) {
      run += cells[index]?.char ?? '';
      index++;
    }
    text += color === undefined ? run : paint(run, color, options);
  }
  return text;
}

function paint(text: string, color: string, { color: wanted }: TextOptions): string {
  return wanted && text !== '' ? `\u001B[${color}m${text}\u001B[0m` : text;
}
