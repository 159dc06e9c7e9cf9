import type { Moment } from '../wire.ts';
import { byId, element, timeWords } from './dom.ts';
import { readLink, writeLink } from './link.ts';
import { countBar, countWords } from './states.ts';

/** A rollout that can be scrolled back: one policy's moments, as far back as the server remembers. */
export class RolloutHistory {
  private readonly box = byId('history');
  private readonly policy = byId<HTMLSelectElement>('history-policy');
  private readonly slider = byId<HTMLInputElement>('history-moment');
  private readonly words = byId('history-words');
  private moments: Moment[] = [];
  /** Empty: the latest one, also when others come. */
  private at = '';

  constructor() {
    this.policy.addEventListener('change', () => {
      this.at = '';
      writeLink({ rollout: this.policy.value, at: '' });
      this.show();
    });
    this.slider.addEventListener('input', () => {
      const own = this.own();
      const index = Number(this.slider.value);
      this.at = index === own.length - 1 ? '' : (own[index]?.at ?? '');
      writeLink({ rollout: this.policy.value, at: this.at });
      this.show();
    });
  }

  forget(): void {
    this.moments = [];
  }

  take(moments: readonly Moment[]): void {
    this.moments.push(...moments);
    this.offer();
    this.show();
  }

  recall(): void {
    this.at = readLink().at;
    this.offer();
    this.show();
  }

  private own(): Moment[] {
    return this.moments.filter(({ policy }) => policy === this.policy.value);
  }

  private offer(): void {
    const names = [...new Set(this.moments.map(({ policy }) => policy))].sort();
    const wanted = readLink().rollout || this.policy.value;
    this.box.hidden = names.length === 0;
    if (names.join('\n') !== this.policy.dataset['offers']) {
      this.policy.dataset['offers'] = names.join('\n');
      this.policy.replaceChildren(...names.map((name) => element('option', '', name)));
    }
    this.policy.value = names.includes(wanted) ? wanted : (names[0] ?? '');
  }

  private show(): void {
    const own = this.own();
    // The last one before the time, which need not be one of those that this server has seen.
    const found = this.at === '' ? own.length - 1 : own.findLastIndex(({ at }) => at <= this.at);
    const index = Math.max(0, found);
    const moment = own[index];
    if (moment === undefined) {
      return;
    }
    const { at, phase, halt, counts } = moment;
    const stood = [phase === 'None' ? '' : phase, halt ?? '', countWords(counts)].filter((part) => part !== '');
    this.slider.max = String(own.length - 1);
    this.slider.value = String(index);
    this.words.textContent = `${index + 1} of ${own.length}, ${timeWords(at)}: ${stood.join('; ')}`;
    this.slider.setAttribute('aria-valuetext', this.words.textContent);
    countBar(byId('history-bar'), counts);
  }
}
