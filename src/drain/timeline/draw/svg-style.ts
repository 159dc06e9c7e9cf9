import type { SegmentState } from '../lanes.ts';

interface StateColors {
  readonly fill: string;
  readonly line: string;
  readonly text: string;
}

interface Palette {
  readonly background: string;
  readonly text: string;
  readonly muted: string;
  readonly grid: string;
  readonly stripe: string;
  readonly good: string;
  readonly warn: string;
  readonly bad: string;
  readonly states: Readonly<Record<SegmentState, StateColors>>;
}

/** Every text stands on its fill with a contrast of at least 4.5 to 1; states differ in pattern or label too, never in colour alone. */
const LIGHT: Palette = {
  background: '#ffffff',
  text: '#1f2328',
  muted: '#59636e',
  grid: '#d1d9e0',
  stripe: '#f6f8fa',
  good: '#116329',
  warn: '#7d4e00',
  bad: '#b3141f',
  states: {
    Grace: { fill: '#eaeef2', line: '#818b98', text: '#1f2328' },
    Spare: { fill: '#ffffff', line: '#818b98', text: '#59636e' },
    Serving: { fill: '#d2f4dc', line: '#1a7f37', text: '#0a3d1a' },
    PreStop: { fill: '#f0e4ff', line: '#8250df', text: '#3f1a80' },
    Finishing: { fill: '#d5f2f5', line: '#0f7681', text: '#06363c' },
    Draining: { fill: '#dcebff', line: '#0969da', text: '#072f66' },
    Failing: { fill: '#ffe1df', line: '#cf222e', text: '#8a0f19' },
    Room: { fill: '#ffffff', line: '#1a7f37', text: '#116329' },
    Uncertain: { fill: '#fff8c5', line: '#9a6700', text: '#5c3d00' },
  },
};

const DARK: Palette = {
  background: '#0d1117',
  text: '#e6edf3',
  muted: '#9da7b3',
  grid: '#30363d',
  stripe: '#151b23',
  good: '#56d364',
  warn: '#e3b341',
  bad: '#ff8a80',
  states: {
    Grace: { fill: '#2a313a', line: '#8b949e', text: '#e6edf3' },
    Spare: { fill: '#0d1117', line: '#8b949e', text: '#9da7b3' },
    Serving: { fill: '#12361f', line: '#3fb950', text: '#b6f5c3' },
    PreStop: { fill: '#311f55', line: '#a371f7', text: '#e2d0ff' },
    Finishing: { fill: '#0c3a40', line: '#39c5cf', text: '#c0f3f7' },
    Draining: { fill: '#10294f', line: '#4493f8', text: '#cbe1ff' },
    Failing: { fill: '#4a161a', line: '#f85149', text: '#ffd2cd' },
    Room: { fill: '#0d1117', line: '#3fb950', text: '#7ee787' },
    Uncertain: { fill: '#3b2e0a', line: '#d29922', text: '#f2dfa7' },
  },
};

export const SVG_CLASS = 'sidecar-drain-timeline';

/**
 * The style of every drawing: light or dark as the reader's system says, unless `data-theme` on the drawing, or on
 * anything around it, says otherwise.
 */
export function svgStyle(): string {
  const root = `.${SVG_CLASS}`;
  return [
    `${root}{${variables(LIGHT)}}`,
    `@media (prefers-color-scheme: dark){${root}:not([data-theme="light"]){${variables(DARK)}}}`,
    `[data-theme="light"] ${root},${root}[data-theme="light"]{${variables(LIGHT)}}`,
    `[data-theme="dark"] ${root},${root}[data-theme="dark"]{${variables(DARK)}}`,
    `${root}{background:var(--sd-background);font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Open Sans","DejaVu Sans",sans-serif;font-size:14px}`,
    `${root} text{fill:var(--sd-text)}`,
    `${root} .heading{font-size:17px;font-weight:600}`,
    `${root} .good{fill:var(--sd-good)}${root} .warn{fill:var(--sd-warn)}${root} .bad{fill:var(--sd-bad)}`,
    `${root} .muted{fill:var(--sd-muted);font-size:13px}`,
    `${root} .page{fill:var(--sd-background)}`,
    `${root} .stripe{fill:var(--sd-stripe)}`,
    `${root} .grid{stroke:var(--sd-grid);stroke-width:1}`,
    `${root} .start{stroke:var(--sd-muted);stroke-width:1.5}`,
    `${root} .cut{stroke:var(--sd-bad);stroke-width:1.5;stroke-dasharray:4 4}`,
    `${root} .cut-text{fill:var(--sd-bad);font-weight:600;font-size:13px}`,
    `${root} .mark{fill:var(--sd-background);stroke:var(--sd-text);stroke-width:2}`,
    `${root} .mark-sigterm{fill:var(--sd-text);stroke:var(--sd-background);stroke-width:1}`,
    `${root} .mark-exit{fill:var(--sd-text)}`,
    `${root} .mark-cut{fill:var(--sd-background);stroke:var(--sd-bad);stroke-width:2}`,
    `${root} .mark-stroke{stroke:var(--sd-bad);stroke-width:2.5;stroke-linecap:round}`,
    ...Object.keys(LIGHT.states).map((state) => stateRules(root, state)),
    `${root} .state-Spare rect,${root} .state-Room rect,${root} .state-Uncertain rect{stroke-dasharray:5 4}`,
    `${root} .hatch{stroke:var(--sd-Failing-line);stroke-width:1;opacity:.35}`,
  ].join('\n');
}

function stateRules(root: string, state: string): string {
  return `${root} .state-${state} rect{fill:var(--sd-${state}-fill);stroke:var(--sd-${state}-line);stroke-width:1.25}${root} .state-${state} text{fill:var(--sd-${state}-text)}`;
}

function variables(palette: Palette): string {
  const { states, ...plain } = palette;
  return [
    ...Object.entries(plain).map(([name, value]) => `--sd-${name}:${value}`),
    ...Object.entries(states).flatMap(([state, colors]) =>
      Object.entries(colors).map(([part, value]) => `--sd-${state}-${part}:${value as string}`),
    ),
  ].join(';');
}
