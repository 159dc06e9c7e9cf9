import { describe, expect, it } from '@jest/globals';
import type { SidecarDrainPolicySpec } from '../../../src/api/policy.ts';
import { parsePolicyDuration, withDefaults } from '../../../src/api/policy.ts';
import { policyCases, policyOf } from './policies.ts';

const accepted = policyCases
  .filter((one) => one.problems === undefined)
  .map((one) => [one.title, policyOf(one.spec).spec as SidecarDrainPolicySpec] as const);

describe('withDefaults', () => {
  it('fills in everything that the documentation promises', () => {
    const spec = withDefaults({ match: { namespaceSelector: {} }, drain: { mode: 'Fixed', duration: '60s' } });

    expect(spec).toEqual({
      enforcement: 'Audit',
      suspend: false,
      tenants: 'Forbid',
      priority: 0,
      match: { namespaceSelector: {}, kinds: ['Deployment', 'StatefulSet'], proxies: ['Sidecar'] },
      drain: {
        mode: 'Fixed',
        duration: '60s',
        endpointDelay: '5s',
        environment: 'Annotation',
        drainDuration: 'Leave',
        application: 'Leave',
      },
      proxy: { form: 'Keep', holdApplicationUntilProxyStarts: 'Keep' },
      gracePeriod: { change: 'RaiseOnly', margin: '5s', maximum: '10m' },
      conflicts: 'Report',
      delivery: 'PodTemplate',
      rollout: {
        approval: 'None',
        strategy: 'Waves',
        waves: {
          maxConcurrent: 3,
          maxPerNamespace: 1,
          maxPods: 50,
          countTerminating: true,
          canary: 1,
          soak: '10m',
          progressDeadline: '10m',
        },
      },
      onDelete: 'Restore',
    });
  });

  it.each([
    ['Adaptive', { mode: 'Adaptive', maxWait: '5m' }, 'Auto', undefined],
    ['Combined', { mode: 'Combined', duration: '1m', maxWait: '5m' }, 'Auto', undefined],
    [
      'a stated strategy',
      { mode: 'Adaptive', maxWait: '5m', strategy: 'ActiveConnections' },
      'ActiveConnections',
      undefined,
    ],
    ['a hook', { mode: 'Adaptive', maxWait: '5m', strategy: 'PreStopHook' }, 'PreStopHook', 'EstablishedConnections'],
    [
      'a stated hook',
      { mode: 'Adaptive', maxWait: '5m', strategy: 'PreStopHook', hook: 'ActiveRequests' },
      'PreStopHook',
      'ActiveRequests',
    ],
  ] as const)('knows what holds only in %s', (_, drain, strategy, hook) => {
    const filled = withDefaults({ match: { namespaceSelector: {} }, drain }).drain;

    expect(filled.strategy).toBe(strategy);
    expect(filled.hook).toBe(hook);
  });

  it('gives Immediate no waves', () => {
    const { rollout } = withDefaults({
      match: { namespaceSelector: {} },
      drain: { mode: 'Fixed', duration: '1s' },
      rollout: { strategy: 'Immediate' },
    });

    expect(rollout).toEqual({ approval: 'None', strategy: 'Immediate' });
  });

  it.each(accepted)('changes nothing when asked again: %s', (_, spec) => {
    const once = withDefaults(spec);

    expect(withDefaults(once)).toEqual(once);
  });

  it('leaves what it is given alone, and hands out defaults that nobody shares', () => {
    const given = { match: { namespaceSelector: {} }, drain: { mode: 'Fixed', duration: '1s' } } as const;
    const before = structuredClone(given);

    const first = withDefaults(given);
    (first.match.kinds as string[]).push('DaemonSet');

    expect(given).toEqual(before);
    expect(withDefaults(given).match.kinds).toEqual(['Deployment', 'StatefulSet']);
  });
});

describe('parsePolicyDuration', () => {
  it.each([
    ['0s', 0],
    ['30s', 30],
    ['5m', 300],
    ['1h', 3600],
    ['1h30m', 5400],
    ['1h1m1s', 3661],
    ['01m05s', 65],
    ['9999h', 35_996_400],
  ])('reads %s', (text, seconds) => {
    expect(parsePolicyDuration(text)).toBe(seconds);
  });

  it.each(['', '60', '1d', '500ms', '-5s', '1.5s', '5s1m', '5m5m', '12345h', ' 5s'])(
    'refuses "%s" and says how to write it',
    (text) => {
      expect(() => parsePolicyDuration(text)).toThrow('such as 30s, 5m or 1h30m');
    },
  );
});
