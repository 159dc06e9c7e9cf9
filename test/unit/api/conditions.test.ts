import { describe, expect, it } from '@jest/globals';
import type { ConditionReason } from '../../../src/api/conditions.ts';
import { CONDITION_REASONS, CONDITION_TYPES, condition, setCondition } from '../../../src/api/conditions.ts';
import { sidecarDrainPolicySchema } from '../../../src/api/policy-schema.gen.ts';
import { validateAgainst } from '../../../src/api/schema-validate.ts';

const EARLY = '2026-01-01T00:00:00Z';
const LATE = '2026-01-02T00:00:00Z';
const everyReason = CONDITION_TYPES.flatMap((type) =>
  Object.keys(CONDITION_REASONS[type]).map((reason) => [type, reason] as const),
);

describe('condition', () => {
  it.each(everyReason)('%s, %s, is one that the schema accepts', (type, reason) => {
    const made = { ...condition(type, reason as ConditionReason<typeof type>, 3), lastTransitionTime: EARLY };
    const schema = sidecarDrainPolicySchema.properties?.status?.properties?.conditions?.items;

    expect(validateAgainst(schema!, made)).toEqual([]);
    expect(made.message).toMatch(/^[A-Z].*\.$/);
  });

  it('takes its status from the reason and the sentence where no message is given', () => {
    expect(condition('Ready', 'NoMatchingWorkloads', 2)).toEqual({
      type: 'Ready',
      status: 'True',
      reason: 'NoMatchingWorkloads',
      observedGeneration: 2,
      message: 'The policy is accepted and selects no workload at present.',
    });
    expect(condition('Stalled', 'InvalidSelector', undefined, 'why')).toEqual({
      type: 'Stalled',
      status: 'True',
      reason: 'InvalidSelector',
      message: 'why',
    });
  });

  it('knows no reason outside the list', () => {
    expect(() => condition('Ready', 'toString' as 'Evaluated', 1)).toThrow('condition Ready has no reason toString');
  });

  it.each(['InvalidSelector', 'InvalidNamePattern', 'InvalidSpec', 'ProxyConfigKindAbsent'] as const)(
    'says %s in Ready and in Stalled alike, as kstatus expects',
    (reason) => {
      const ready = condition('Ready', reason, 1);
      const stalled = condition('Stalled', reason, 1);

      expect([ready.status, stalled.status]).toEqual(['False', 'True']);
      expect(ready.message).toBe(stalled.message);
    },
  );
});

describe('setCondition', () => {
  const ready = condition('Ready', 'Evaluated', 1);

  it('adds a condition with the time of now', () => {
    expect(setCondition([], ready, EARLY)).toEqual([{ ...ready, lastTransitionTime: EARLY }]);
  });

  it('hands back the very same list when nothing changes', () => {
    const present = setCondition([], ready, EARLY);

    expect(setCondition(present, { ...ready }, LATE)).toBe(present);
  });

  it.each([
    ['the reason', condition('Ready', 'NoMatchingWorkloads', 1)],
    ['the message', condition('Ready', 'Evaluated', 1, 'other words')],
    ['the generation', condition('Ready', 'Evaluated', 2)],
  ])('keeps the time when only %s changes', (_, next) => {
    expect(setCondition(setCondition([], ready, EARLY), next, LATE)).toEqual([{ ...next, lastTransitionTime: EARLY }]);
  });

  it('moves the time when the status changes', () => {
    const next = condition('Ready', 'InvalidSelector', 1);

    expect(setCondition(setCondition([], ready, EARLY), next, LATE)).toEqual([{ ...next, lastTransitionTime: LATE }]);
  });

  it('shows them in one order and leaves foreign ones alone', () => {
    const foreign = {
      type: 'example.com/Seen',
      status: 'True',
      reason: 'X',
      message: '',
      lastTransitionTime: EARLY,
    } as const;

    const set = setCondition(setCondition([foreign], condition('Stalled', 'NotStalled', 1), LATE), ready, LATE);

    expect(set.map((one) => one.type)).toEqual(['Ready', 'Stalled', 'example.com/Seen']);
    expect(set[2]).toBe(foreign);
  });
});
