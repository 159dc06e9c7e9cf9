import type { RowState } from '../wire.ts';
import { element } from './dom.ts';

/** The states of a workload, what to look at first; each with the badge that it wears. */
export const STATES: Readonly<Record<RowState, 'error' | 'warning' | 'info' | 'clean'>> = {
  Failed: 'error',
  Conflicted: 'error',
  Unknown: 'warning',
  Updating: 'info',
  Pending: 'warning',
  NonCompliant: 'warning',
  Exempt: 'info',
  Compliant: 'clean',
  Ungoverned: 'info',
};

export const STATE_ORDER = new Map(Object.keys(STATES).map((state, index) => [state, index]));

export function badge(state: RowState): HTMLElement {
  return element('span', `badge ${STATES[state]}`, state);
}

/** The parts of a policy's counters, as a bar; matched is their sum, and no part. */
export function countBar(into: HTMLElement, counts: Readonly<Record<string, number>>): void {
  const parts = Object.entries(counts).filter(([name, number]) => name !== 'matched' && number > 0);
  const total = parts.reduce((sum, [, number]) => sum + number, 0);
  into.className = 'bar';
  into.setAttribute('role', 'img');
  into.setAttribute('aria-label', countWords(counts));
  into.replaceChildren(
    ...parts.map(([name, number]) => {
      const part = element('span', `s-${name}`);
      part.style.width = `${(100 * number) / total}%`;
      return part;
    }),
  );
}

/** `24 matched: 11 compliant, 13 pending`. */
export function countWords({ matched, ...counts }: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).filter(([, number]) => number > 0);
  const words = parts.map(([name, number]) => `${number} ${name}`).join(', ');
  return matched === undefined ? words : `${matched} matched${words === '' ? '' : `: ${words}`}`;
}
