import type { Row } from '../wire.ts';
import { byId, element } from './dom.ts';
import { badge } from './states.ts';

/** Of every row, in pixels: which ones are on the screen is only computed. */
const HEIGHT = 44;
/** Rows above and below those on the screen. */
const SPARE = 6;
const PAGE = 10;

/** A list of which only the rows on the screen exist. The keyboard moves a mark in it, as in any list box; Enter opens. */
export class VirtualList {
  private readonly box = byId('list');
  private readonly space = byId('space');
  private readonly onOpen: (key: string) => void;
  private rows: readonly Row[] = [];
  private marked = '';
  private opened = '';

  constructor(onOpen: (key: string) => void) {
    this.onOpen = onOpen;
    this.box.addEventListener('scroll', () => {
      this.draw();
    });
    addEventListener('resize', () => {
      this.draw();
    });
    this.space.addEventListener('click', (event) => {
      const row = (event.target as HTMLElement).closest<HTMLElement>('[data-key]');
      if (row !== null) {
        this.mark(row.dataset['key'] ?? '');
        this.onOpen(this.marked);
      }
    });
    this.box.addEventListener('keydown', (event) => {
      this.key(event);
    });
  }

  show(rows: readonly Row[]): void {
    this.rows = rows;
    this.space.style.height = `${rows.length * HEIGHT}px`;
    this.draw();
  }

  toTop(): void {
    this.box.scrollTop = 0;
  }

  open(key: string): void {
    this.opened = key;
    this.draw();
  }

  focus(): void {
    this.box.focus();
  }

  private key(event: KeyboardEvent): void {
    const at = this.rows.findIndex(({ key }) => key === this.marked);
    const last = this.rows.length - 1;
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: Math.min(last, at + 1),
      ArrowUp: Math.max(0, at - 1),
      PageDown: Math.min(last, at + PAGE),
      PageUp: Math.max(0, at - PAGE),
      Home: 0,
      End: last,
    };
    const to = moves[event.key];
    if (to !== undefined && last >= 0) {
      event.preventDefault();
      this.bring(to);
      this.mark(this.rows[to]?.key ?? '');
    } else if (event.key === 'Enter' && at >= 0) {
      event.preventDefault();
      this.onOpen(this.marked);
    }
  }

  private mark(key: string): void {
    this.marked = key;
    this.draw();
  }

  /** Scrolls no farther than it takes to see a row. */
  private bring(index: number): void {
    const top = index * HEIGHT;
    const { scrollTop, clientHeight } = this.box;
    if (top < scrollTop) {
      this.box.scrollTop = top;
    } else if (top + HEIGHT > scrollTop + clientHeight) {
      this.box.scrollTop = top + HEIGHT - clientHeight;
    }
  }

  private draw(): void {
    const first = Math.max(0, Math.floor(this.box.scrollTop / HEIGHT) - SPARE);
    const last = first + Math.ceil(this.box.clientHeight / HEIGHT) + 2 * SPARE;
    const shown = this.rows.slice(first, last);
    this.space.replaceChildren(...shown.map((row, index) => this.row(row, first + index)));
    const marked = shown.findIndex(({ key }) => key === this.marked);
    if (marked < 0) {
      this.box.removeAttribute('aria-activedescendant');
    } else {
      this.box.setAttribute('aria-activedescendant', `row-${first + marked}`);
    }
  }

  private row(row: Row, index: number): HTMLElement {
    const { key, state, policy = '', message = '', errors, warnings, gracePeriod } = row;
    const [kind = '', namespace = '', name = ''] = key.split('/');
    const made = element(
      'div',
      'row',
      element('span', 'name', element('span', 'dim', `${kind} ${namespace}/`), element('strong', '', name)),
      element('span', '', badge(state)),
      element('span', 'of dim', policy),
      element('span', 'grace', `${gracePeriod} s`),
      element('span', 'words dim', message === '' ? findingWords(errors, warnings) : message),
    );
    made.id = `row-${index}`;
    made.dataset['key'] = key;
    made.style.top = `${index * HEIGHT}px`;
    made.setAttribute('role', 'option');
    made.setAttribute('aria-selected', String(key === this.opened));
    made.setAttribute('aria-posinset', String(index + 1));
    made.setAttribute('aria-setsize', String(this.rows.length));
    made.classList.toggle('marked', key === this.marked);
    return made;
  }
}

function findingWords(errors: number, warnings: number): string {
  const parts = [
    ...(errors > 0 ? [`${errors} ${errors === 1 ? 'error' : 'errors'}`] : []),
    ...(warnings > 0 ? [`${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`] : []),
  ];
  return parts.join(', ');
}
