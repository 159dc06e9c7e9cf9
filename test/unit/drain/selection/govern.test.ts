import { describe, expect, it } from '@jest/globals';
import { fc } from '../../../support/fast-check.ts';
import { outsideBounds } from '../../../../src/drain/selection/bounds.ts';
import { byPrecedence, govern } from '../../../../src/drain/selection/govern.ts';
import type { Governable } from '../../../../src/drain/selection/govern.ts';

type Spec = Governable['spec'];

interface Options {
  readonly tenants?: 'Forbid' | 'Allow';
  readonly bounds?: Spec['bounds'];
  readonly drain?: Partial<Spec['drain']>;
  readonly maximum?: string;
  readonly delivery?: Spec['delivery'];
  readonly priority?: number;
  readonly names?: readonly string[];
  readonly selector?: object;
  readonly enforcement?: 'Audit' | 'Enforce';
  readonly deleting?: boolean;
}

/** `shop/x` is a namespaced policy, `x` one of the cluster. */
function policy(name: string, options: Options = {}): Governable {
  const {
    priority = 0,
    names,
    selector,
    enforcement = 'Enforce',
    deleting = false,
    tenants = 'Forbid',
    bounds,
    drain,
    maximum = '10m',
    delivery = 'PodTemplate',
  } = options;
  const [namespace, tail] = name.split('/');
  return {
    name,
    deleting,
    ...(tail === undefined ? {} : { namespace: namespace ?? '' }),
    spec: {
      enforcement,
      priority,
      tenants,
      delivery,
      ...(bounds === undefined ? {} : { bounds }),
      drain: {
        mode: 'Fixed',
        duration: '60s',
        endpointDelay: '5s',
        environment: 'Annotation',
        drainDuration: 'Leave',
        application: 'Leave',
        ...drain,
      },
      gracePeriod: { change: 'RaiseOnly', margin: '5s', maximum },
      match: {
        ...(names === undefined ? {} : { names }),
        ...(selector === undefined ? {} : { workloadSelector: selector }),
      },
    },
  };
}

const byLabel = { matchLabels: { tier: 'api' } };

describe('who governs', () => {
  it.each<[string, Governable[], string | undefined]>([
    ['nobody', [], undefined],
    ['the only one', [policy('a')], 'a'],
    ['the higher priority', [policy('a', { priority: 1 }), policy('b', { priority: 2 })], 'b'],
    [
      'the higher priority, however narrow the other is',
      [policy('a', { priority: 1 }), policy('b', { names: ['x'] })],
      'a',
    ],
    ['a negative priority last', [policy('a', { priority: -1, names: ['x'] }), policy('b')], 'b'],
    ['names before labels', [policy('a', { selector: byLabel }), policy('b', { names: ['x'] })], 'b'],
    ['labels before neither', [policy('a'), policy('b', { selector: byLabel })], 'b'],
    ['an empty selector is neither', [policy('b', { selector: {} }), policy('a')], 'a'],
    [
      'an expression is a selector',
      [policy('a'), policy('b', { selector: { matchExpressions: [{ key: 'x', operator: 'Exists' }] } })],
      'b',
    ],
    ['then the name', [policy('b'), policy('a')], 'a'],
    ['by code unit, not by locale', [policy('a-1'), policy('a.1'), policy('a')], 'a'],
    ['never an audit', [policy('a', { enforcement: 'Audit', priority: 1000 }), policy('b')], 'b'],
    ['never one that is being deleted', [policy('a', { deleting: true, priority: 1000 }), policy('b')], 'b'],
    ['nobody, where all are audits', [policy('a', { enforcement: 'Audit' })], undefined],
  ])('%s', (_, policies, expected) => {
    expect(govern(policies).governing?.name).toBe(expected);
  });

  it('tells the others by whom they are overridden, and keeps audits beside', () => {
    const result = govern([
      policy('c'),
      policy('x', { enforcement: 'Audit' }),
      policy('a', { priority: 5 }),
      policy('gone', { deleting: true }),
      policy('b'),
    ]);
    expect(result.overridden.map(({ policy: { name }, by }) => [name, by])).toEqual([
      ['b', 'a'],
      ['c', 'a'],
    ]);
    expect(result.audits.map(({ name }) => name)).toEqual(['x']);
  });
});

const allow = { tenants: 'Allow' } as const;

describe('namespaced policies', () => {
  it.each<[string, Governable[], string | undefined]>([
    [
      "do not govern where the cluster's forbids it",
      [policy('base'), policy('shop/own', { priority: 1000, names: ['x'] })],
      'base',
    ],
    [
      "govern where the cluster's allows it, whatever the priority",
      [policy('base', { ...allow, priority: 1000 }), policy('shop/own', { priority: -1000 })],
      'shop/own',
    ],
    [
      "ask the first of the cluster's, which forbids",
      [policy('a', { priority: 1 }), policy('b', allow), policy('shop/own')],
      'a',
    ],
    [
      "ask the first of the cluster's, which allows",
      [policy('a', { ...allow, priority: 1 }), policy('b'), policy('shop/own')],
      'shop/own',
    ],
    ['do not ask an Audit policy', [policy('a', { ...allow, enforcement: 'Audit' }), policy('shop/own')], undefined],
    [
      'do not ask one that is being deleted',
      [policy('a', { ...allow, deleting: true }), policy('shop/own')],
      undefined,
    ],
    ['do not govern where no policy of the cluster would', [policy('shop/own')], undefined],
    [
      'have an order among each other',
      [policy('base', allow), policy('shop/b', { names: ['x'] }), policy('shop/a'), policy('shop/c', { priority: 1 })],
      'shop/c',
    ],
    [
      'leave the workload to the next that keeps to the bounds',
      [
        policy('base', { ...allow, bounds: { modes: ['Fixed'] } }),
        policy('shop/a', { priority: 1, drain: { mode: 'Adaptive', maxWait: '1m' } }),
        policy('shop/b'),
      ],
      'shop/b',
    ],
    [
      "leave it to the cluster's where none keeps to the bounds",
      [policy('base', { ...allow, bounds: { longestDrain: '59s' } }), policy('shop/a')],
      'base',
    ],
    ['do not govern in Audit', [policy('base', allow), policy('shop/a', { enforcement: 'Audit' })], 'base'],
  ])('%s', (_, policies, expected) => {
    expect(govern(policies).governing?.name).toBe(expected);
  });

  it('govern alone only where the operator is told that they may', () => {
    const policies = [policy('shop/own'), policy('shop/tried', { enforcement: 'Audit' })];

    expect(govern(policies, { unboundedTenants: true })).toMatchObject({
      governing: { name: 'shop/own' },
      refused: [],
    });
    expect(govern(policies).refused.map(({ policy: { name }, reason }) => [name, reason])).toEqual([
      ['shop/own', 'NoClusterPolicy'],
    ]);
  });

  it('are told whether they lost or were kept out', () => {
    const kept = govern([policy('base'), policy('shop/own'), policy('other')]);
    const lost = govern([policy('base', allow), policy('shop/a'), policy('shop/b')]);

    expect(kept.overridden.map(({ policy: { name }, by, forbidden }) => [name, by, forbidden])).toEqual([
      ['other', 'base', undefined],
      ['shop/own', 'base', true],
    ]);
    expect(lost.overridden.map(({ policy: { name }, by, forbidden }) => [name, by, forbidden])).toEqual([
      ['base', 'shop/a', undefined],
      ['shop/b', 'shop/a', undefined],
    ]);
  });

  it.each<[string, Options, NonNullable<Spec['bounds']>, string | undefined]>([
    ['no bound', {}, {}, undefined],
    ['the longest drain, exactly', { drain: { duration: '5m' } }, { longestDrain: '300s' }, undefined],
    [
      'a longer drain',
      { drain: { duration: '301s' } },
      { longestDrain: '5m' },
      'drain.duration 301s is above bounds.longestDrain 5m of SidecarDrainPolicy base: write 5m or less',
    ],
    [
      'a longer wait',
      { drain: { mode: 'Combined', duration: '1m', maxWait: '6m' } },
      { longestDrain: '5m' },
      'drain.maxWait 6m is above bounds.longestDrain 5m of SidecarDrainPolicy base: write 5m or less',
    ],
    [
      'a hook with the drain behind it',
      { drain: { mode: 'Combined', strategy: 'PreStopHook', duration: '1m', maxWait: '5m' } },
      { longestDrain: '5m' },
      'drain.maxWait + drain.duration 5m + 1m is above bounds.longestDrain 5m of SidecarDrainPolicy base: write 5m or less',
    ],
    ['the longest grace, exactly', { maximum: '5m' }, { longestGrace: '5m' }, undefined],
    [
      'the default of the grace',
      {},
      { longestGrace: '5m' },
      'gracePeriod.maximum 10m is above bounds.longestGrace 5m of SidecarDrainPolicy base: write 5m or less',
    ],
    ['a mode of the list', {}, { modes: ['Fixed', 'Combined'] }, undefined],
    [
      'another delivery',
      { delivery: 'Admission' },
      { deliveries: ['PodTemplate'] },
      'delivery Admission is none of bounds.deliveries of SidecarDrainPolicy base: write PodTemplate',
    ],
    ['a delivery that is allowed', {}, { deliveries: ['PodTemplate', 'Admission'] }, undefined],
    [
      'another mode',
      { drain: { mode: 'Adaptive', maxWait: '1m' } },
      { modes: ['Fixed', 'Combined'] },
      'drain.mode Adaptive is none of bounds.modes of SidecarDrainPolicy base: write Fixed or Combined',
    ],
    ['no strategy in Fixed', {}, { strategies: ['ActiveConnections'] }, undefined],
    [
      'Auto where none is given',
      { drain: { mode: 'Adaptive', maxWait: '1m' } },
      { strategies: ['ActiveConnections'] },
      'drain.strategy Auto is none of bounds.strategies of SidecarDrainPolicy base: write ActiveConnections',
    ],
    [
      'a strategy of the list',
      { drain: { mode: 'Adaptive', maxWait: '1m', strategy: 'PreStopHook' } },
      { strategies: ['PreStopHook'] },
      undefined,
    ],
  ])('are held to the bounds: %s', (_, options, bounds, message) => {
    const { governing, refused } = govern([policy('base', { ...allow, bounds }), policy('shop/own', options)]);

    expect(governing?.name).toBe(message === undefined ? 'shop/own' : 'base');
    expect(refused.map((one) => [one.reason, one.message])).toEqual(
      message === undefined ? [] : [['OutsideBounds', message]],
    );
  });

  it('in Audit are told that they are outside the bounds, and tried all the same', () => {
    const { audits, refused } = govern([
      policy('base', { ...allow, bounds: { modes: ['Combined'] } }),
      policy('shop/own', { enforcement: 'Audit' }),
    ]);

    expect(audits.map(({ name }) => name)).toEqual(['shop/own']);
    expect(refused.map(({ reason }) => reason)).toEqual(['OutsideBounds']);
  });
});

const somePolicies = fc
  .uniqueArray(
    fc.record({
      name: fc.stringMatching(/^(shop\/)?[a-c][a-c.-]{0,2}$/),
      tenants: fc.constantFrom('Forbid' as const, 'Allow' as const),
      bounds: fc.constantFrom(undefined, { longestDrain: '30s' }, { modes: ['Fixed' as const] }),
      drain: fc.constantFrom({}, { duration: '20s' }, { mode: 'Adaptive' as const, maxWait: '20s' }),
      priority: fc.integer({ min: -2, max: 2 }),
      names: fc.option(fc.constant(['x']), { nil: undefined }),
      selector: fc.constantFrom(undefined, {}, byLabel),
      enforcement: fc.constantFrom('Audit' as const, 'Enforce' as const),
      deleting: fc.boolean(),
    }),
    { selector: ({ name }) => name, maxLength: 7 },
  )
  .map((all) =>
    all.map(({ name, names, selector, bounds, ...more }) =>
      policy(name, {
        ...more,
        ...(bounds === undefined ? {} : { bounds }),
        ...(names === undefined ? {} : { names }),
        ...(selector === undefined ? {} : { selector }),
      }),
    ),
  );

describe('any set of policies', () => {
  it('has one result, in whatever order they come', () => {
    fc.assert(
      fc.property(
        somePolicies.chain((policies) =>
          fc.tuple(fc.constant(policies), fc.shuffledSubarray(policies, { minLength: policies.length })),
        ),
        ([policies, shuffled]) => {
          expect(govern(shuffled)).toEqual(govern(policies));
        },
      ),
    );
  });

  it("never lets a namespaced policy govern that the first of the cluster's does not allow within its bounds", () => {
    fc.assert(
      fc.property(somePolicies, (policies) => {
        const { governing } = govern(policies);
        const [first] = policies
          .filter((one) => one.namespace === undefined && !one.deleting && one.spec.enforcement === 'Enforce')
          .sort(byPrecedence);
        if (governing?.namespace !== undefined) {
          expect(first?.spec.tenants).toBe('Allow');
          expect(outsideBounds(governing.spec, first?.spec.bounds, '')).toBeUndefined();
        } else {
          expect(governing).toBe(first);
        }
      }),
    );
  });

  it('is ordered totally: two policies never tie, and the order has no circles', () => {
    fc.assert(
      fc.property(somePolicies, (policies) => {
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
      }),
    );
  });

  it('loses nobody: each is governing, overridden, refused, an audit or on its way out', () => {
    fc.assert(
      fc.property(somePolicies, (policies) => {
        const { governing, overridden, audits, refused } = govern(policies);
        const told =
          (governing === undefined ? 0 : 1) +
          overridden.length +
          audits.length +
          refused.filter((one) => !audits.includes(one.policy)).length;
        expect(told).toBe(policies.filter(({ deleting }) => !deleting).length);
      }),
    );
  });
});
