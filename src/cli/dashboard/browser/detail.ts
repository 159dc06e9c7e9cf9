import type { WorkloadDetail } from '../wire.ts';
import { byId, element, timeWords } from './dom.ts';
import { ask } from './session.ts';
import { badge } from './states.ts';

/** Changes of a workload that come closer together than this are asked about once. */
const AGAIN_MS = 500;

/** One workload: what the server says of it, asked for anew when its row changes. */
export class Detail {
  private readonly box = byId('detail');
  private shownKey = '';
  private again: ReturnType<typeof setTimeout> | undefined;

  get key(): string {
    return this.shownKey;
  }

  async open(key: string): Promise<void> {
    this.shownKey = key;
    this.box.hidden = key === '';
    if (key === '') {
      this.box.replaceChildren();
      return;
    }
    await this.ask(key);
  }

  changed(keys: Iterable<string>): void {
    if (this.shownKey === '' || ![...keys].includes(this.shownKey) || this.again !== undefined) {
      return;
    }
    this.again = setTimeout(() => {
      this.again = undefined;
      void this.ask(this.shownKey);
    }, AGAIN_MS);
  }

  focus(): void {
    this.box.scrollIntoView({ block: 'start' });
    this.box.querySelector<HTMLElement>('h3')?.focus({ preventScroll: true });
  }

  private async ask(key: string): Promise<void> {
    const answer = await ask(`/workload?key=${encodeURIComponent(key)}`).catch(() => undefined);
    if (this.shownKey !== key) {
      return;
    }
    if (answer === undefined || !answer.ok) {
      const why = answer === undefined ? 'the dashboard cannot be reached' : await answer.text();
      this.box.replaceChildren(heading(key), element('p', 'dim', why));
      return;
    }
    const detail = (await answer.json()) as WorkloadDetail;
    if (this.shownKey === key) {
      this.box.replaceChildren(...parts(detail));
    }
  }
}

function heading(key: string): HTMLElement {
  const [kind = '', namespace = '', name = ''] = key.split('/');
  const made = element('h3', '', `${kind} ${namespace}/${name}`);
  made.tabIndex = -1;
  return made;
}

function parts(detail: WorkloadDetail): Node[] {
  const { row, proxy, pods, obstacle, looksAgainAt, cost } = detail;
  const state = element(
    'p',
    '',
    badge(row.state),
    ` ${row.policy === undefined ? 'no policy selects it' : `policy ${row.policy}`}`,
  );
  if (row.message !== undefined) {
    state.append(`: ${row.message}`);
  }
  return [
    heading(row.key),
    state,
    ...(obstacle === undefined ? [] : [element('p', '', `It waits: ${obstacle}.`)]),
    ...(looksAgainAt === undefined ? [] : [element('p', '', `It is checked again at ${timeWords(looksAgainAt)}.`)]),
    element(
      'p',
      'dim',
      [`${pods} ${pods === 1 ? 'pod' : 'pods'}`, `grace period ${row.gracePeriod} s`, ...proxy].join('; '),
    ),
    drawing(detail.svg),
    ...section(
      'Findings',
      detail.findings.map(({ severity, code, message, action }) =>
        element(
          'li',
          '',
          element('span', `badge ${severity}`, severity),
          ` ${code}: ${message} `,
          element('span', 'dim', action),
        ),
      ),
      'none',
    ),
    ...section(
      'What would change',
      detail.changes.map(({ path, before, after, why }) =>
        element(
          'li',
          '',
          element('code', '', path),
          `: ${before ?? 'nothing'} becomes ${after ?? 'nothing'}. `,
          element('span', 'dim', why),
        ),
      ),
    ),
    ...(cost === undefined ? [] : [element('p', '', `Price: ${cost}.`)]),
    ...section(
      'Last terminations, and the forecast',
      detail.terminations.map((line) => element('li', '', line)),
      'none in the last day that the cluster still knows of',
    ),
    ...section(
      'Not known',
      detail.gaps.map((gap) => element('li', '', gap)),
    ),
  ];
}

function section(title: string, items: readonly HTMLElement[], none?: string): Node[] {
  if (items.length > 0) {
    return [element('h4', '', title), element('ul', '', ...items)];
  }
  return none === undefined ? [] : [element('h4', '', title), element('p', 'dim', none)];
}

/** Read as a document of its own: what were a script in it would not run. */
function drawing(svg: string): HTMLElement {
  const figure = element('figure');
  figure.tabIndex = 0;
  const read = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement;
  if (read.localName === 'svg') {
    figure.append(document.importNode(read, true));
  }
  return figure;
}
