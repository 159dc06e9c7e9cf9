import { describe, expect, it } from '@jest/globals';
import { DEFAULT_CAPS, mayRoll, type OperatorCaps, type Rolling, type RolloutLimits } from '../../../../src/drain/rollout/gate.ts';

const rolling = (workload: string, policy = 'p', namespace = workload): Rolling => ({ workload, policy, namespace });
const WAVES: RolloutLimits = { strategy: 'Waves', maxConcurrent: 2 };
const NOBODY: Rolling[] = [];

describe('the gate', () => {
  it.each<[string, Rolling, readonly Rolling[], RolloutLimits, OperatorCaps, RegExp | undefined]>([
    ['opens where nothing rolls', rolling('a'), NOBODY, WAVES, DEFAULT_CAPS, undefined],
    ['opens below maxConcurrent', rolling('a'), [rolling('b')], WAVES, DEFAULT_CAPS, undefined],
    ['stays shut at maxConcurrent', rolling('a'), [rolling('b'), rolling('c')], WAVES, DEFAULT_CAPS, /maxConcurrent is 2/],
    ['counts a policy\'s own workloads for maxConcurrent', rolling('a'), [rolling('b', 'q'), rolling('c', 'q')], WAVES, DEFAULT_CAPS, undefined],
    ['stays shut at the operator\'s cap', rolling('a'), [rolling('b', 'q'), rolling('c', 'r')], WAVES, { workloads: 2, perNamespace: 9 }, /operator's cap is 2/],
    ['stays shut where its namespace rolls, whoever does it', rolling('a', 'p', 'shop'), [rolling('b', 'q', 'shop')], WAVES, DEFAULT_CAPS, /namespace shop.*cap per namespace is 1/],
    ['opens with a wider cap per namespace', rolling('a', 'p', 'shop'), [rolling('b', 'q', 'shop')], WAVES, { workloads: 10, perNamespace: 2 }, undefined],
    ['does not count the workload itself', rolling('a'), [rolling('a'), rolling('b')], WAVES, DEFAULT_CAPS, undefined],
    ['is always open for Immediate', rolling('a', 'p', 'shop'), [rolling('b', 'p', 'shop'), rolling('c', 'p', 'shop')], { strategy: 'Immediate', maxConcurrent: 1 }, { workloads: 1, perNamespace: 1 }, undefined],
  ])('%s', (_, candidate, others, limits, caps, because) => {
    const answer = mayRoll(candidate, others, limits, caps);

    expect(answer).toEqual(because === undefined ? { open: true } : { open: false, because: expect.stringMatching(because) });
  });
});
