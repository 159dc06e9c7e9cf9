import { describe, expect, it } from '@jest/globals';
import { Places, type Candidate, type Spots } from '../../../src/controllers/places.ts';
import type { Rolling } from '../../../src/drain/rollout/gate.ts';

const OPEN: Spots = { spots: Infinity, because: '' };
const limits = { strategy: 'Waves', maxConcurrent: 5, maxPerNamespace: 5, maxPods: 10 } as const;

function rolling(workload: string, pods: number, policy = 'p'): Rolling {
  const [, namespace = ''] = workload.split('/');
  return { workload, policy, namespace, pods };
}

function candidate(workload: string, pods: number): Candidate {
  return { me: rolling(workload, pods), limits, uid: 'u' };
}

function given(spotsOf: (workload: string) => Spots = () => OPEN): { places: Places; asked: string[] } {
  const asked: string[] = [];
  const places = new Places({
    caps: { workloads: 10, perNamespace: 2 },
    ask: (workload) => {
      asked.push(workload);
    },
    spotsOf: ({ me }) => spotsOf(me.workload),
  });
  return { places, asked };
}

describe('a workload that waits for room for its replicas', () => {
  it('goes before smaller ones, which would take the room away from it again and again', () => {
    const { places, asked } = given();
    places.take(rolling('D/a/small', 2));
    places.waitsBecause(candidate('D/b/big', 9));

    expect(places.waitsBecause(candidate('D/c/small', 1))).toBe(
      'D/b/big goes first: it waits for room for its replicas (maxPods)',
    );
    places.free('D/a/small');
    expect(asked[0]).toBe('D/b/big');
  });

  it('holds up nobody while its policy is halted: the one that halts it could never be corrected', () => {
    let halted = false;
    const { places } = given((workload) =>
      halted && workload !== 'D/a/culprit' ? { spots: 0, because: 'halted' } : OPEN,
    );
    places.take(rolling('D/a/culprit', 2));
    expect(places.waitsBecause(candidate('D/b/big', 9))).toContain('maxPods');
    halted = true;
    expect(places.waitsBecause(candidate('D/b/big', 9))).toBe('halted');

    expect(places.waitsBecause(candidate('D/a/culprit', 2))).toBeUndefined();
  });

  it('holds up nobody while something else is in its way: the cap of its namespace, taken by another policy', () => {
    const { places, asked } = given();
    places.take(rolling('D/a/small', 2));
    expect(places.waitsBecause(candidate('D/b/big', 9))).toContain('maxPods');
    places.take(rolling('D/b/other', 1, 'other'));
    places.take(rolling('D/b/another', 1, 'other'));

    expect(places.waitsBecause(candidate('D/c/small', 1))).toBeUndefined();
    places.take(rolling('D/c/small', 1));
    places.free('D/a/small');
    expect(asked).toEqual([]);
    places.free('D/b/other');
    places.free('D/c/small');
    expect(new Set(asked)).toEqual(new Set(['D/b/big']));
  });
});
