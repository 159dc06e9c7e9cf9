import { describe, expect, it } from '@jest/globals';
import { RolloutSlots, type Candidate, type FreeSlots } from '../../../src/controllers/rollout/rollout-slots.ts';
import type { Rolling } from '../../../src/drain/rollout/gate.ts';

const OPEN: FreeSlots = { spots: Infinity, because: '' };
const limits = { strategy: 'Waves', maxConcurrent: 5, maxPerNamespace: 5, maxPods: 10 } as const;

function rolling(workload: string, pods: number, policy = 'p'): Rolling {
  const [, namespace = ''] = workload.split('/');
  return { workload, policy, namespace, pods };
}

function candidate(workload: string, pods: number): Candidate {
  return { me: rolling(workload, pods), limits, uid: 'u' };
}

function given(spotsOf: (workload: string) => FreeSlots = () => OPEN): { slots: RolloutSlots; asked: string[] } {
  const asked: string[] = [];
  const slots = new RolloutSlots({
    caps: { workloads: 10, perNamespace: 2 },
    enqueue: (workload) => {
      asked.push(workload);
    },
    spotsOf: ({ me }) => spotsOf(me.workload),
    halts: () => false,
  });
  return { slots, asked };
}

/** Why it has to wait, and it does from then on. */
function waits(slots: RolloutSlots, each: Candidate): string | undefined {
  const because = slots.fullBecause(each);
  if (because !== undefined) {
    slots.wait(each);
  }
  return because;
}

describe('a workload that waits for room for its replicas', () => {
  it('goes before smaller ones, which would take the room away from it again and again', () => {
    const { slots, asked } = given();
    slots.take(rolling('D/a/small', 2));
    waits(slots, candidate('D/b/big', 9));

    expect(waits(slots, candidate('D/c/small', 1))).toBe(
      'D/b/big goes first: it waits for room for its replicas (maxPods)',
    );
    slots.free('D/a/small');
    expect(asked[0]).toBe('D/b/big');
  });

  it('holds up nobody while its policy is halted: the one that halts it could never be corrected', () => {
    let halted = false;
    const { slots } = given((workload) =>
      halted && workload !== 'D/a/culprit' ? { spots: 0, because: 'halted' } : OPEN,
    );
    slots.take(rolling('D/a/culprit', 2));
    expect(waits(slots, candidate('D/b/big', 9))).toContain('maxPods');
    halted = true;
    expect(waits(slots, candidate('D/b/big', 9))).toBe('halted');

    expect(waits(slots, candidate('D/a/culprit', 2))).toBeUndefined();
  });

  it('holds up nobody while something else is in its way: the cap of its namespace, taken by another policy', () => {
    const { slots, asked } = given();
    slots.take(rolling('D/a/small', 2));
    expect(waits(slots, candidate('D/b/big', 9))).toContain('maxPods');
    slots.take(rolling('D/b/other', 1, 'other'));
    slots.take(rolling('D/b/another', 1, 'other'));

    expect(waits(slots, candidate('D/c/small', 1))).toBeUndefined();
    slots.take(rolling('D/c/small', 1));
    slots.free('D/a/small');
    expect(asked).toEqual([]);
    slots.free('D/b/other');
    slots.free('D/c/small');
    expect(new Set(asked)).toEqual(new Set(['D/b/big']));
  });
});
