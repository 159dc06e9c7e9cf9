import type { Row, RowsEvent } from '../wire.ts';
import { byId, element } from './dom.ts';
import { readLink, writeLink } from './link.ts';
import type { VirtualList } from './list.ts';
import { STATE_ORDER } from './states.ts';

const CHOICES = ['state', 'policy', 'namespace'] as const;
type Choice = (typeof CHOICES)[number];

/** The workloads, and which of them are shown: those that the search and the filters leave, what to look at first on top. */
export class Workloads {
  private readonly form = byId<HTMLFormElement>('filters');
  private readonly list: VirtualList;
  private readonly rows = new Map<string, Row>();
  private planned = false;

  constructor(list: VirtualList) {
    this.list = list;
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
    });
    this.form.addEventListener('input', () => {
      this.chosen();
    });
    this.form.addEventListener('reset', () => {
      // The fields are empty only after the event.
      setTimeout(() => {
        this.chosen();
      });
    });
  }

  take({ reset, put, gone }: RowsEvent): void {
    if (reset === true) {
      this.rows.clear();
    }
    for (const row of put) {
      this.rows.set(row.key, row);
    }
    for (const key of gone) {
      this.rows.delete(key);
    }
    this.soon();
  }

  /** Shows what the address says. */
  recall(): void {
    const linked = readLink();
    this.field('q').value = linked.q;
    for (const choice of CHOICES) {
      this.offer(choice, [linked[choice]]);
      this.field(choice).value = linked[choice];
    }
    this.show();
  }

  /** Many events make one drawing. */
  private soon(): void {
    if (this.planned) {
      return;
    }
    this.planned = true;
    requestAnimationFrame(() => {
      this.planned = false;
      this.show();
    });
  }

  private chosen(): void {
    this.list.toTop();
    writeLink({
      q: this.field('q').value,
      state: this.field('state').value,
      policy: this.field('policy').value,
      namespace: this.field('namespace').value,
    });
    this.show();
  }

  private show(): void {
    const all = [...this.rows.values()];
    this.offer(
      'state',
      [...STATE_ORDER.keys()].filter((state) => all.some((row) => row.state === state)),
    );
    this.offer('policy', [...new Set(all.flatMap(({ policy }) => policy ?? []))].sort());
    this.offer('namespace', [...new Set(all.map(namespaceOf))].sort());
    const shown = all.filter(this.filter()).sort(byUrgency);
    byId('shown').textContent =
      shown.length === all.length ? `${all.length} workloads` : `${shown.length} of ${all.length} workloads`;
    this.list.show(shown);
  }

  private filter(): (row: Row) => boolean {
    const words = this.field('q').value.toLowerCase().split(/\s+/).filter(Boolean);
    const state = this.field('state').value;
    const policy = this.field('policy').value;
    const namespace = this.field('namespace').value;
    return (row) =>
      (state === '' || row.state === state) &&
      (policy === '' || row.policy === policy) &&
      (namespace === '' || namespaceOf(row) === namespace) &&
      words.every((word) => textOf(row).includes(word));
  }

  /** What can be chosen; what is chosen stays, also while it is not among the rows. */
  private offer(choice: Choice, values: readonly string[]): void {
    const select = this.field(choice) as HTMLSelectElement;
    const chosen = select.value;
    const wanted = [...new Set([...values, chosen])].filter((value) => value !== '');
    const text = wanted.join('\n');
    if (select.dataset['offers'] === text) {
      return;
    }
    select.dataset['offers'] = text;
    select.replaceChildren(
      ...['', ...wanted].map((value) => {
        const option = element('option', '', value === '' ? 'all' : value);
        option.value = value;
        return option;
      }),
    );
    select.value = chosen;
  }

  private field(name: 'q' | Choice): HTMLInputElement | HTMLSelectElement {
    return this.form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement;
  }
}

function namespaceOf({ key }: Row): string {
  return key.split('/')[1] ?? '';
}

function textOf({ key, state, policy = '', message = '' }: Row): string {
  return `${key} ${state} ${policy} ${message}`.toLowerCase();
}

function byUrgency(one: Row, other: Row): number {
  const rank = ({ state }: Row): number => STATE_ORDER.get(state) ?? STATE_ORDER.size;
  return rank(one) - rank(other) || (one.key < other.key ? -1 : 1);
}
