// What an upgrade must not change: a note that is worded anew, or an intent that is named anew, would be a write to each workload
// of a fleet, and for an intent a restart of its pods. Whoever means to change one of these says in the changelog what it costs.
import { expect, it } from '@jest/globals';
import { withDefaults, type SidecarDrainPolicySpec } from '../../../../../src/api/policy.ts';
import { intentKey, intentOf } from '../../../../../src/drain/promise/intent.ts';
import { encodeState, nextState, stateOf } from '../../../../../src/drain/template/note/state.ts';
import { workloadKind } from '../../../../../src/drain/template/kinds.ts';
import { projectWorkload } from '../../../../../src/drain/template/project.ts';
import { deployment, ownsGrace } from '../../restore/objects.ts';

const NOTE =
  '{"v":1,"uid":"u-1","policy":{"name":"slow-uploads","uid":"p-7"},"intent":"0badcafe","onDelete":"Restore","maxConcurrent":2,' +
  '"at":"2026-10-04T11:22:33.000Z","fields":{"gracePeriod":{"before":45,"owners":["helm"],"wrote":95},' +
  '"proxyConfig":{"before":null,"wrote":"19-20bc4535fb1d3a4f","keys":{"drainDuration":"70s"}},' +
  '"proxyContainer":{"before":null,"wrote":"34-f1cbe6ffcae181a1"}}}';

it('the note is worded as it always was', () => {
  const workload = projectWorkload(deployment({ grace: 45, owns: ownsGrace }), workloadKind('Deployment')!);
  const state = nextState({
    workload,
    values: {
      gracePeriodSeconds: 95,
      proxyConfig: 'drainDuration: 70s\n',
      proxyPreStop: { exec: { command: ['sleep', '9'] } },
    },
    policy: { name: 'slow-uploads', uid: 'p-7' },
    intent: '0badcafe',
    onDelete: 'Restore',
    maxConcurrent: 2,
    at: '2026-10-04T11:22:33.000Z',
  });

  expect(encodeState(state)).toBe(NOTE);
  expect(stateOf({ annotations: { 'sidecardrain.io/state': NOTE } })).toEqual(JSON.parse(NOTE));
});

it.each<[string, SidecarDrainPolicySpec['drain'], string]>([
  ['Fixed', { mode: 'Fixed', duration: '90s' }, 'a3443ee6'],
  ['Adaptive', { mode: 'Adaptive', maxWait: '5m' }, '0932f259'],
  ['Combined, by a hook', { mode: 'Combined', duration: '20s', maxWait: '1m', strategy: 'PreStopHook' }, 'd263c23e'],
])('the intent of %s has the name that it always had', (_, drain, key) => {
  expect(intentKey(intentOf(withDefaults({ match: { namespaceSelector: {} }, drain })))).toBe(key);
});
