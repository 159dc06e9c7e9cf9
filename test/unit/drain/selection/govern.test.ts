import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { byPrecedence, govern } from '../../../../src/drain/selection/govern.ts';
import type { Governable } from '../../../../src/drain/selection/govern.ts';

interface Options {
  readonly priority?: number;
  readonly names?: readonly string[];
  readonly selector?: object;
  readonly enforcement?: 'Audit' | 'Enforce';
  readonly deleting?: boolean;
}

function policy(name: string, { priority = 0, names, selector, enforcement = 'Enforce', deleting = false }: Options = {}): Governable {
  return {
    name, deleting,
    spec: { enforcement, priority, match: { ...(names === undefined ? {} : { names }), ...(selector === undefined ? {} : { workloadSelector: selector }) } },
  };
}

const byLabel = { matchLabels: { tier: 'api' } };

describe('who governs', () => {
  it.each<[string, Governable[], string | undefined]>([
    ['nobody', [], undefined],
    ['the only one', [policy('a')], 'a'],
    ['the higher priority', [policy('a', { priority: 1 }), policy('b', { priority: 2 })], 'b'],
    ['the higher priority, however narrow the other is', [policy('a', { priority: 1 }), policy('b', { names: ['x'] })], 'a'],
    ['a negative priority last', [policy('a', { priority: -1, names: ['x'] }), policy('b')], 'b'],
    ['names before labels', [policy('a', { selector: byLabel }), policy('b', { names: ['x'] })], 'b'],
    ['labels before neither', [policy('a'), policy('b', { selector: byLabel })], 'b'],
    ['an empty selector is neither', [policy('b', { selector: {} }), policy('a')], 'a'],
    ['an expression is a selector', [policy('a'), policy('b', { selector: { matchExpressions: [{ key: 'x', operator: 'Exists' }] } })], 'b'],
    ['then the name', [policy('b'), policy('a')], 'a'],
    ['by code unit, not by locale', [policy('a-1'), policy('a.1'), policy('a')], 'a'],
    ['never an audit', [policy('a', { enforcement: 'Audit', priority: 1000 }), policy('b')], 'b'],
    ['never one that is being deleted', [policy('a', { deleting: true, priority: 1000 }), policy('b')], 'b'],
    ['nobody, where all are audits', [policy('a', { enforcement: 'Audit' })], undefined],
  ])('%s', (_, policies, expected) => {
    expect(govern(policies).governing?.name).toBe(expected);
  });

  it('tells the others by whom they are overridden, and keeps audits beside', () => {
    const result = govern([policy('c'), policy('x', { enforcement: 'Audit' }), policy('a', { priority: 5 }), policy('gone', { deleting: true }), policy('b')]);
    expect(result.overridden.map(({ policy: { name }, by }) => [name, by])).toEqual([['b', 'a'], ['c', 'a']]);
    expect(result.audits.map(({ name }) => name)).toEqual(['x']);
  });
});

const somePolicies = fc.uniqueArray(fc.record({
  name: fc.stringMatching(/^[a-c][a-c.-]{0,2}$/),
  priority: fc.integer({ min: -2, max: 2 }),
  names: fc.option(fc.constant(['x']), { nil: undefined }),
  selector: fc.constantFrom(undefined, {}, byLabel),
  enforcement: fc.constantFrom('Audit' as const, 'Enforce' as const),
  deleting: fc.boolean(),
}), { selector: ({ name }) => name, maxLength: 6 }).map((all) => all.map(({ name, names, selector, ...more }) =>
  policy(name, { ...more, ...(names === undefined ? {} : { names }), ...(selector === undefined ? {} : { selector }) })));

describe('any set of policies', () => {
  it('has one result, in whatever order they come', () => {
    fc.assert(fc.property(somePolicies.chain((policies) => fc.tuple(fc.constant(policies), fc.shuffledSubarray(policies, { minLength: policies.length }))), ([policies, shuffled]) => {
      expect(govern(shuffled)).toEqual(govern(policies));
    }));
  });

  it('is ordered totally: two policies never tie, and the order has no circles', () => {
    fc.assert(fc.property(somePolicies, (policies) => {
      for (const a of policies) {
        for (const b of policies) {
          expect(Math.sign(byPrecedence(a, b))).toBe(-Math.sign(byPrecedence(b, a)) + 0);
          expect(byPrecedence(a, b) === 0).toBe(a === b);
          for (const c of policies) {
            if (byPrecedence(a, b) < 0 && byPrecedence(b, c) < 0) {
              expect(byPrecedence(a, c)).toBeLessThan(0);
            }
          }
        }
      }
    }));
  });

  it('loses nobody: each is governing, overridden, an audit or on its way out', () => {
    fc.assert(fc.property(somePolicies, (policies) => {
      const { governing, overridden, audits } = govern(policies);
      const told = (governing === undefined ? 0 : 1) + overridden.length + audits.length;
      expect(told).toBe(policies.filter(({ deleting }) => !deleting).length);
    }));
  });
});
