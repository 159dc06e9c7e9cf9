import { describe, expect, it } from '@jest/globals';
import { restoreResult, restoreResultText } from '../../../../src/drain/restore/result.ts';
import { planRestore, type RestoreStep } from '../../../../src/drain/restore/restore.ts';
import type { WorkloadState } from '../../../../src/drain/template/note/state.ts';
import { deployment, ownsGrace, patched, type Json } from './objects.ts';

const state = (wrote: number, before = 30): WorkloadState => ({
  v: 1,
  policy: { name: 'slow-uploads', uid: 'p-7' },
  intent: '0badcafe',
  onDelete: 'Restore',
  fields: { gracePeriod: { before, wrote } },
});

function sleeping(grace: number, seconds: number, hook = 'preStop'): Json {
  const containers = [{ name: 'app', lifecycle: { [hook]: { sleep: { seconds } } } }];
  const object = deployment({ grace, containers, owns: ownsGrace });
  object.metadata.annotations = { 'sidecardrain.io/state': JSON.stringify(state(grace)) };
  return object;
}

function allSteps(object: Json, remembered: WorkloadState): { steps: RestoreStep[]; after: Json } {
  const steps: RestoreStep[] = [];
  let current = object;
  do {
    steps.push(planRestore(current, remembered, 'Restore'));
    current = patched(current, steps.at(-1)!.patch);
  } while (!steps.at(-1)!.last);
  return { steps, after: current };
}

describe('a grace period that may not go back all the way', () => {
  it.each<[string, Json, number, string]>([
    ['goes to the longest sleep', sleeping(110, 45), 45, 'goes to 45 s and not to the 30 s from before'],
    ['of a postStart too', sleeping(110, 60, 'postStart'), 60, 'the postStart of app sleeps 60 s'],
    ['goes back where the sleep fits', sleeping(110, 30), 30, 'the values from before the policy are back'],
    ['stays where all of ours is slept away', sleeping(110, 110), 110, 'gracePeriod stays as it is'],
  ])('%s', (_, object, expected, text) => {
    const { steps, after } = allSteps(object, state(110));

    expect(after.spec.template.spec.terminationGracePeriodSeconds).toBe(expected);
    expect(after.metadata.annotations?.['sidecardrain.io/state']).toBeUndefined();
    expect(restoreResultText(restoreResult(steps))).toContain(text);
  });
});

describe('what is said of a restoring', () => {
  it.each<[string, Parameters<typeof restoreResult>[0], string]>([
    ['all', [{ restored: ['gracePeriod'], kept: [] }], 'the values from before the policy are back'],
    ['nothing left', [{ restored: [], kept: [] }], 'nothing of ours was left there'],
    [
      'all kept',
      [{ restored: [], kept: ['gracePeriod'] }],
      'gracePeriod stays as it is, because somebody else has changed or declared it since',
    ],
    [
      'some kept',
      [{ restored: ['proxyConfig'], kept: ['gracePeriod'] }],
      'restored to the values from before the policy: proxyConfig; gracePeriod stays as it is, because somebody else has changed or declared it since',
    ],
    [
      'a patch that was refused, and what it would have restored is kept by the next',
      [
        { restored: ['gracePeriod', 'proxyConfig'], kept: [] },
        { restored: ['proxyConfig'], kept: ['gracePeriod'] },
      ],
      'restored to the values from before the policy: proxyConfig; gracePeriod stays as it is, because somebody else has changed or declared it since',
    ],
  ])('%s', (_, steps, text) => {
    expect(restoreResultText(restoreResult(steps))).toBe(text);
  });
});
