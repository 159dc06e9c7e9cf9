import type { ConditionView, HeldGroup, PolicyView } from '../wire.ts';
import { byId, element, secondsWords, timeWords } from './dom.ts';
import { workloadLink } from './link.ts';
import { countBar, countWords } from './states.ts';

/** Conditions that say something bad when they are true. */
const BAD_WHEN_TRUE = new Set(['Stalled', 'Reconciling', 'Conflicted']);

export function showPolicies(policies: readonly PolicyView[]): void {
  byId('policies').replaceChildren(
    ...(policies.length === 0
      ? [element('p', 'dim', 'No policies: workloads are judged by what their settings do.')]
      : policies.map(card)),
  );
}

function card(policy: PolicyView): HTMLElement {
  const { name, counts, held, attention } = policy;
  const bar = element('div');
  countBar(bar, counts ?? {});
  const made = element(
    'section',
    'policy',
    element('h3', '', name),
    element('p', 'dim', introduction(policy)),
    bar,
    element('p', 'counts', counts === undefined ? 'The operator has not said anything yet.' : countWords(counts)),
    facts(policy),
  );
  made.dataset['policy'] = name;
  if (held.length > 0) {
    made.append(element('h4', '', 'Waiting'), element('ul', 'attention', ...held.map(heldItem)));
  }
  if (attention.length > 0) {
    made.append(
      element('h4', '', 'To look at'),
      element(
        'ul',
        'attention',
        ...attention.map(({ kind, namespace, name: workload, reason, message }) => {
          const link = linkTo(`${kind}/${namespace}/${workload}`);
          return element('li', '', link, ` ${reason}: ${message}`);
        }),
      ),
    );
  }
  return made;
}

/** Who waits for what, and when that is looked at again. */
function heldItem({ gate, because, until, workloads, names }: HeldGroup): HTMLElement {
  const more = workloads - names.length;
  return element(
    'li',
    '',
    `${workloads} (${gate === 'None' ? 'next' : gate}): ${because}${until === undefined ? '' : `, until ${timeWords(until)}`}: `,
    ...names.flatMap((name, index) => [...(index === 0 ? [] : [', ']), linkTo(name)]),
    ...(more > 0 ? [` and ${more} more`] : []),
  );
}

function linkTo(key: string): HTMLElement {
  const [kind = '', namespace = '', name = ''] = key.split('/');
  const link = element('a', '', `${kind} ${namespace}/${name}`);
  link.href = workloadLink(key);
  return link;
}

function introduction({ mode, duration, maxWait, enforcement, suspended, deleting }: PolicyView): string {
  const drain = [
    mode,
    ...(duration === undefined ? [] : [duration]),
    ...(maxWait === undefined ? [] : [`at most ${maxWait}`]),
  ];
  return [
    drain.join(' '),
    enforcement,
    ...(suspended ? ['suspended'] : []),
    ...(deleting ? ['being deleted'] : []),
  ].join(', ');
}

function facts({ stage, soakedAt, rollout, conditions, price }: PolicyView): HTMLElement {
  const list = element('dl');
  const say = (term: string, words: string, className = ''): void => {
    list.append(element('dt', '', term), element('dd', className, words));
  };
  if (rollout !== '') {
    say('Restarts', rollout);
  }
  if (stage !== undefined) {
    say(
      'Stage',
      `${stage.phase}${stage.since === undefined ? '' : ` since ${timeWords(stage.since)}`}`,
      `phase ${stage.phase}`,
    );
    if (stage.haltedBy !== undefined) {
      say('Halted by', stage.haltedBy.message, 'halt');
    }
  }
  if (soakedAt !== undefined) {
    say('Goes on', `at ${timeWords(soakedAt)}, if the canaries stay healthy`);
  }
  // That it is halted, and by whom, stands above already.
  const told = stage?.haltedBy === undefined ? '' : 'RolloutHalted';
  for (const { type, reason, message } of conditions.filter((one) => isNews(one) && one.reason !== told)) {
    say(type, `${reason}: ${message}`);
  }
  const cost = price === undefined ? '' : priceWords(price);
  if (cost !== '') {
    say('Price', cost);
  }
  return list;
}

function isNews({ type, status }: ConditionView): boolean {
  return BAD_WHEN_TRUE.has(type) ? status === 'True' : status !== 'True';
}

function priceWords({
  deployAdds,
  slowest,
  nodeDrainBefore,
  nodeDrainAfter,
  nodes,
  upgradeAdds,
  budget,
  blocked = [],
}: NonNullable<PolicyView['price']>): string {
  return [
    ...(deployAdds > 0
      ? [`a deploy takes up to ${secondsWords(deployAdds)} longer${slowest === undefined ? '' : ` (${slowest})`}`]
      : []),
    ...(nodeDrainAfter > nodeDrainBefore
      ? [
          `a node drain waits up to ${secondsWords(nodeDrainAfter)} for pods instead of ${secondsWords(nodeDrainBefore)}${budget === undefined ? '' : `, in ${budget.rounds} rounds by PodDisruptionBudget ${budget.name}, if all of them are on one node, and the time that replacements take to be ready`}`,
        ]
      : []),
    ...(upgradeAdds !== undefined && upgradeAdds > 0
      ? [`an upgrade of ${nodes ?? 0} nodes takes up to ${secondsWords(upgradeAdds)} longer`]
      : []),
    ...blocked.map((name) => `PodDisruptionBudget ${name} never lets a pod go: a node drain waits for it without end`),
  ].join('; ');
}
