import { describe, expect, it } from '@jest/globals';
import { PoliciesSettling } from '../../../src/controllers/policy/policies-settling.ts';
import { LONGEST_WAIT_MS, waitMs } from '../../../src/controllers/time.ts';
import { WorkloadMemories } from '../../../src/controllers/workload/workload-memory.ts';
import { WriteRefusals } from '../../../src/controllers/workload/write-refusals.ts';
import type { Workload } from '../../../src/drain/model/workload.ts';
import type { PolicyRecord } from '../../../src/drain/plan/policies.ts';

describe('waitMs', () => {
  it.each([
    ['a time that is known', 5_000, 5_000],
    ['a time that has passed', -5, 10],
    ['a time far away', 3_600_000, LONGEST_WAIT_MS],
    ['no known time', undefined, LONGEST_WAIT_MS],
  ])('%s', (_name, inMs, expected) => {
    expect(waitMs(inMs === undefined ? undefined : 1_000_000 + inMs, 1_000_000, () => 0)).toBe(expected);
  });

  it('spreads what begins together, and is never longer than the longest', () => {
    expect(waitMs(undefined, 0, () => 1)).toBeLessThan(LONGEST_WAIT_MS);
  });
});

function policy(name: string, enforcement: 'Enforce' | 'Audit', namespace?: string): PolicyRecord {
  return { name, namespace, spec: { enforcement, suspend: false } } as unknown as PolicyRecord;
}

describe('policies that have just changed', () => {
  it('hold others back for a moment after the last change', () => {
    let now = 0;
    const settling = new PoliciesSettling(() => now);
    settling.changed(undefined, policy('a', 'Enforce'));
    now = 1_000;
    settling.changed(undefined, policy('b', 'Enforce'));

    expect(settling.until('shop')).toBe(2_500);
    now = 2_500;
    expect(settling.until('shop')).toBeUndefined();
  });

  it('hold nobody back where they only audit, and others only in their own namespace', () => {
    const settling = new PoliciesSettling(() => 0);
    settling.changed(policy('a', 'Audit'), policy('a', 'Audit'));
    settling.changed(undefined, policy('team/b', 'Enforce', 'team'));

    expect(settling.until('shop')).toBeUndefined();
    expect(settling.until('team')).toBeDefined();
  });

  it('that never stop changing hold others back for ten seconds and no longer', () => {
    let now = 0;
    const settling = new PoliciesSettling(() => now);
    for (; now < 30_000; now += 700) {
      settling.changed(policy('a', 'Enforce'), policy('a', 'Enforce'));
      if (now > 10_000) {
        expect(settling.until('shop')).toBeUndefined();
      }
    }
    expect.hasAssertions();
  });
});

describe('a write that is refused', () => {
  const workload = { uid: 'u', generation: 3 } as Workload;

  it('is tried again ever later, five minutes at most', () => {
    let now = 0;
    const refusals = new WriteRefusals(new WorkloadMemories(), () => now);
    const distances = Array.from({ length: 9 }, () => {
      const until = refusals.refused('k', workload, 'i', 'denied');
      const distance = until - now;
      now = until;
      return distance / 1000;
    });

    expect(distances).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300]);
  });

  it('is another one when the template or the intent has changed', () => {
    const refusals = new WriteRefusals(new WorkloadMemories(), () => 0);
    refusals.refused('k', workload, 'i', 'denied');

    expect(refusals.of('k', workload, 'i')).toMatchObject({ until: 5_000, message: 'denied' });
    expect(refusals.of('k', { ...workload, generation: 4 }, 'i')).toBeUndefined();
    expect(refusals.of('k', workload, 'j')).toBeUndefined();
  });
});
