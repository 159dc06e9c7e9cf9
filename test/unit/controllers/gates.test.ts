import { describe, expect, it } from '@jest/globals';
import { firstRefusal, GATES, type Refusal, type WriteInput } from '../../../src/controllers/workload/gates.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const refusal: Refusal = { reason: '', message: 'no' };

function input(changes: Partial<WriteInput> = {}): WriteInput {
  return {
    kind: 'Enforce',
    now: NOW,
    offSwitch: undefined,
    namespaceEnding: false,
    holderStalled: undefined,
    approval: () => undefined,
    window: () => undefined,
    withdrawal: () => undefined,
    obstacle: () => undefined,
    slot: () => undefined,
    ...changes,
  };
}

/** Each gate, closed. */
const CLOSED: Readonly<Record<(typeof GATES)[number]['name'], Partial<WriteInput>>> = {
  OffSwitch: { offSwitch: 'the off switch is on' },
  NamespaceEnding: { namespaceEnding: true },
  HolderStalled: { holderStalled: 'the policy is stalled' },
  RefusedLately: { refused: { until: NOW + 1, message: 'the API server refused the write' } },
  PoliciesSettle: { policiesSettleUntil: NOW + 1 },
  Approval: { approval: () => refusal },
  MassWithdrawal: { withdrawal: () => refusal },
  Window: { window: () => refusal },
  EnvironmentKnown: { environmentKnownAt: NOW + 1 },
  Workload: { obstacle: () => refusal },
  Slot: { slot: () => refusal },
};

it('opens where every gate is open', () => {
  for (const kind of ['Enforce', 'Adopt', 'Restore', 'Admit'] as const) {
    expect(firstRefusal(input({ kind }))).toBeUndefined();
  }
});

describe.each(GATES.map(({ name, kinds }) => ({ name, kinds })))('the gate $name', ({ name, kinds }) => {
  it('holds back the kinds of writes that it is for, and no other', () => {
    for (const kind of ['Enforce', 'Adopt', 'Restore', 'Admit'] as const) {
      const held = firstRefusal(input({ ...CLOSED[name], kind }));
      expect([kind, held?.gate]).toEqual([kind, (kinds as readonly string[]).includes(kind) ? name : undefined]);
    }
  });
});

it.each(['RefusedLately', 'PoliciesSettle', 'EnvironmentKnown'] as const)('%s opens with time', (name) => {
  expect(firstRefusal(input({ ...CLOSED[name], now: NOW }))?.lookAgainAt).toBe(NOW + 1);
  expect(firstRefusal(input({ ...CLOSED[name], now: NOW + 1 }))).toBeUndefined();
});

it('asks for what costs something only behind gates that are open', () => {
  let asked = 0;
  firstRefusal(
    input({
      ...CLOSED.Approval,
      slot: () => {
        asked++;
        return undefined;
      },
    }),
  );

  expect(asked).toBe(0);
});
