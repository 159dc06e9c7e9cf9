import type { HelloEvent, StateEvent } from '../wire.ts';
import { Detail } from './detail.ts';
import { byId, element } from './dom.ts';
import { takeEvents } from './events.ts';
import { RolloutHistory } from './history.ts';
import { readLink, writeLink } from './link.ts';
import { VirtualList } from './list.ts';
import { showPolicies } from './policies.ts';
import { Workloads } from './workloads.ts';

const detail = new Detail();
const list = new VirtualList((key) => {
  writeLink({ workload: key }, true);
  void openWorkload(key, true);
});
const workloads = new Workloads(list);
const rollouts = new RolloutHistory();

async function openWorkload(key: string, focus: boolean): Promise<void> {
  list.open(key);
  await detail.open(key);
  if (focus) {
    detail.focus();
  }
}

function recall(focus: boolean): void {
  workloads.recall();
  rollouts.recall();
  const { workload } = readLink();
  if (workload !== detail.key) {
    void openWorkload(workload, focus && workload !== '');
  }
}

function showHello({ cluster, namespace }: HelloEvent): void {
  byId('cluster').textContent = namespace === undefined ? cluster : `${cluster}, namespace ${namespace}`;
  rollouts.forget();
}

function showState({ away, loading, gaps, paused }: StateEvent): void {
  say(
    away !== undefined
      ? `The API server is away: ${away}`
      : loading.length > 0
        ? `reading ${loading.join(', ')}`
        : 'live',
    away !== undefined,
  );
  byId('banner').hidden = paused !== true;
  byId('off-switch').textContent =
    paused === undefined
      ? 'off switch: not known'
      : paused
        ? 'off switch: on, the operator writes nothing'
        : 'off switch: off';
  byId('gaps').replaceChildren(...gaps.map((gap) => element('li', '', gap)));
}

function say(words: string, away: boolean): void {
  byId('live').textContent = words;
  byId('dot').classList.toggle('away', away);
}

void takeEvents(
  {
    hello: showHello,
    state: showState,
    policies: showPolicies,
    moments(moments) {
      rollouts.take(moments);
    },
    rows(rows) {
      workloads.take(rows);
      detail.changed([...rows.put.map(({ key }) => key), ...rows.gone]);
    },
  },
  (words) => {
    say(words, true);
  },
);

byId('detail').addEventListener('keydown', (event) => {
  if (event.key === 'Escape') {
    writeLink({ workload: '' }, true);
    void openWorkload('', false);
    list.focus();
  }
});
addEventListener('popstate', () => {
  recall(true);
});
addEventListener('hashchange', () => {
  recall(true);
});
recall(false);
