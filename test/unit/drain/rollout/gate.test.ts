import { describe, expect, it } from '@jest/globals';
import {
  DEFAULT_CAPS,
  mayRoll,
  NO_LIMITS,
  UNKNOWN_POLICY,
  type OperatorCaps,
  type Rolling,
  type RolloutLimits,
} from '../../../../src/drain/rollout/gate.ts';

const rolling = (workload: string, policy = 'p', namespace = workload, pods = 1): Rolling => ({
  workload,
  policy,
  namespace,
  pods,
});
const WAVES: RolloutLimits = { strategy: 'Waves', maxConcurrent: 2, maxPerNamespace: 2, maxPods: 10 };
const WIDE: OperatorCaps = { workloads: 10, perNamespace: 10 };
const NOBODY: Rolling[] = [];

describe('the gate', () => {
  it.each<[string, Rolling, readonly Rolling[], RolloutLimits, OperatorCaps, RegExp | undefined]>([
    ['opens where nothing rolls', rolling('a'), NOBODY, WAVES, DEFAULT_CAPS, undefined],
    ['opens below maxConcurrent', rolling('a'), [rolling('b')], WAVES, DEFAULT_CAPS, undefined],
    [
      'stays shut at maxConcurrent',
      rolling('a'),
      [rolling('b'), rolling('c')],
      WAVES,
      DEFAULT_CAPS,
      /maxConcurrent is 2/,
    ],
    [
      "counts a policy's own workloads for maxConcurrent",
      rolling('a'),
      [rolling('b', 'q'), rolling('c', 'q')],
      WAVES,
      DEFAULT_CAPS,
      undefined,
    ],
    [
      "stays shut at the operator's cap",
      rolling('a'),
      [rolling('b', 'q'), rolling('c', 'r')],
      WAVES,
      { workloads: 2, perNamespace: 9 },
      /operator's cap is 2/,
    ],
    [
      "counts no more of one namespace for the operator's cap than it may have",
      rolling('a'),
      [rolling('b', 'q', 'shop'), rolling('c', 'q', 'shop'), rolling('d', 'r', 'shop')],
      WAVES,
      { workloads: 2, perNamespace: 1 },
      undefined,
    ],
    [
      "counts none for the operator's cap that halts its policy",
      rolling('a'),
      [{ ...rolling('b', 'q'), halts: true }, rolling('c', 'r')],
      WAVES,
      { workloads: 2, perNamespace: 9 },
      undefined,
    ],
    [
      'stays shut where its namespace rolls, whoever does it',
      rolling('a', 'p', 'shop'),
      [rolling('b', 'q', 'shop')],
      WAVES,
      DEFAULT_CAPS,
      /namespace shop.*cap per namespace is 1/,
    ],
    [
      'opens with a wider cap per namespace',
      rolling('a', 'p', 'shop'),
      [rolling('b', 'q', 'shop')],
      WAVES,
      { workloads: 10, perNamespace: 2 },
      undefined,
    ],
    [
      'stays shut at maxPerNamespace',
      rolling('a', 'p', 'shop'),
      [rolling('b', 'p', 'shop')],
      { ...WAVES, maxPerNamespace: 1 },
      WIDE,
      /namespace shop; maxPerNamespace is 1/,
    ],
    [
      "counts a policy's own workloads for maxPerNamespace",
      rolling('a', 'p', 'shop'),
      [rolling('b', 'q', 'shop')],
      { ...WAVES, maxPerNamespace: 1 },
      WIDE,
      undefined,
    ],
    [
      'stays shut where its replicas find no room',
      rolling('a', 'p', 'a', 4),
      [rolling('b', 'p', 'b', 7)],
      WAVES,
      WIDE,
      /7 replica.*this one has 4; maxPods is 10/,
    ],
    [
      'opens where its replicas just find room',
      rolling('a', 'p', 'a', 3),
      [rolling('b', 'p', 'b', 7)],
      WAVES,
      WIDE,
      undefined,
    ],
    [
      'lets a workload above maxPods roll alone',
      rolling('a', 'p', 'a', 400),
      [rolling('b', 'q')],
      WAVES,
      WIDE,
      undefined,
    ],
    [
      'does not let it roll beside another one of the policy',
      rolling('a', 'p', 'a', 400),
      [rolling('b')],
      WAVES,
      WIDE,
      /maxPods/,
    ],
    [
      'counts a rollout of an unknown policy for every policy',
      rolling('a'),
      [rolling('b', UNKNOWN_POLICY), rolling('c', UNKNOWN_POLICY)],
      WAVES,
      WIDE,
      /maxConcurrent is 2/,
    ],
    ['does not count the workload itself', rolling('a'), [rolling('a'), rolling('b')], WAVES, DEFAULT_CAPS, undefined],
    [
      'is always open for Immediate',
      rolling('a', 'p', 'shop'),
      [rolling('b', 'p', 'shop'), rolling('c', 'p', 'shop')],
      NO_LIMITS,
      { workloads: 1, perNamespace: 1 },
      undefined,
    ],
  ])('%s', (_, candidate, others, limits, caps, because) => {
    const answer = mayRoll(candidate, others, limits, caps);

    expect(answer).toMatchObject(
      because === undefined ? { open: true } : { open: false, because: expect.stringMatching(because) },
    );
  });
});
