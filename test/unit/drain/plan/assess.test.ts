import { describe, expect, it } from '@jest/globals';
import { withDefaults, type SidecarDrainPolicySpec } from '../../../../src/api/policy.ts';
import { assess, countingExemption, type AssessInput } from '../../../../src/drain/plan/assess.ts';
import type { OwnProxyConfig } from '../../../../src/drain/plan/decide.ts';
import { readPolicy, type PolicyRecord } from '../../../../src/drain/plan/policies.ts';
import { meshOf, NAMESPACE, workloadOf } from '../../../fixtures/drain/objects.ts';

interface PolicyOptions extends Partial<SidecarDrainPolicySpec> {
  readonly deleting?: boolean;
}

function policy(name: string, { deleting, ...spec }: PolicyOptions = {}): PolicyRecord {
  const full = withDefaults({
    match: { namespaceSelector: {} },
    drain: { mode: 'Fixed', duration: '60s' },
    enforcement: 'Enforce',
    ...spec,
  });
  return readPolicy({
    apiVersion: 'sidecardrain.io/v1alpha1',
    kind: 'SidecarDrainPolicy',
    spec: full,
    metadata: {
      name,
      uid: `uid-${name}`,
      generation: 1,
      ...(deleting === true ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
  });
}

function assessed(policies: readonly PolicyRecord[], more: Partial<AssessInput> = {}): ReturnType<typeof assess> {
  return assess({ workload: workloadOf(), namespace: NAMESPACE, mesh: meshOf('classic'), policies, ...more });
}

describe('an assessment', () => {
  it('is nothing where no policy selects the workload', () => {
    expect(assessed([policy('other', { match: { namespaceSelector: { matchLabels: { team: 'x' } } } })])).toEqual({
      audits: [],
      overridden: [],
      refused: [],
      matched: [],
    });
  });

  it('has one governing policy, and says to the others who it is', () => {
    const { governing, overridden, matched } = assessed([policy('low'), policy('high', { priority: 10 })]);

    expect(governing).toMatchObject({ policy: { name: 'high' }, decision: { outcome: 'Pending', policy: 'high' } });
    expect(overridden.map((one) => [one.policy.name, one.by])).toEqual([['low', 'high']]);
    expect(matched.map((one) => one.name).sort()).toEqual(['high', 'low']);
  });

  it('evaluates Audit beside, as if it governed, and writes nothing by it', () => {
    const { governing, audits } = assessed([
      policy('enforced'),
      policy('tried', { enforcement: 'Audit', drain: { mode: 'Fixed', duration: '90s' } }),
    ]);

    expect(governing?.policy.name).toBe('enforced');
    expect(audits).toEqual([
      expect.objectContaining({ decision: expect.objectContaining({ outcome: 'NonCompliant', neededGrace: 100 }) }),
    ]);
    expect(audits[0]?.decision.write).toBeUndefined();
  });

  it.each<[string, readonly PolicyRecord[], Partial<AssessInput>, string | undefined]>([
    ['a suspended policy governs and writes nothing', [policy('p', { suspend: true })], {}, 'NonCompliant'],
    ['the off switch', [policy('p')], { hold: true }, 'NonCompliant'],
    ['a policy that goes away does not govern', [policy('p', { deleting: true })], {}, undefined],
    [
      'gateways must be asked for',
      [policy('p')],
      {
        workload: workloadOf({
          annotations: { 'inject.istio.io/templates': 'gateway' },
          spec: { containers: [{ name: 'istio-proxy', image: 'auto' }] },
        }),
      },
      undefined,
    ],
    [
      'gateways asked for',
      [policy('p', { match: { namespaceSelector: {}, proxies: ['Gateway'] } })],
      {
        workload: workloadOf({
          annotations: { 'inject.istio.io/templates': 'gateway' },
          spec: { containers: [{ name: 'istio-proxy', image: 'auto' }] },
        }),
      },
      'Pending',
    ],
    ["the operator's own namespace", [policy('p')], { operatorNamespace: 'shop' }, undefined],
    ["Istio's root namespace", [policy('p')], { mesh: { ...meshOf('classic'), rootNamespace: 'shop' } }, undefined],
    [
      'a DaemonSet by name',
      [policy('p', { match: { namespaceSelector: {}, kinds: ['DaemonSet'], names: ['check*'] } })],
      { workload: workloadOf({ kind: 'DaemonSet' }) },
      'Pending',
    ],
    [
      'a DaemonSet, not by name',
      [policy('p', { match: { namespaceSelector: {}, kinds: ['DaemonSet'] } })],
      { workload: workloadOf({ kind: 'DaemonSet' }) },
      'Exempt',
    ],
  ])('%s', (_, policies, more, outcome) => {
    expect(assessed(policies, more).governing?.decision.outcome).toBe(outcome);
  });

  it('asks for the ProxyConfig resource of a policy that wants one', () => {
    const asked: string[] = [];
    const ownProxyConfig = (given: PolicyRecord, namespace: string): OwnProxyConfig => {
      asked.push(`${given.name} ${namespace}`);
      return { kind: 'Blocked', why: 'another one stands there' };
    };
    const { governing } = assessed(
      [
        policy('p', { drain: { mode: 'Adaptive', maxWait: '60s', environment: 'ProxyConfig' } }),
        policy('q', { enforcement: 'Audit' }),
      ],
      { ownProxyConfig },
    );

    expect(asked).toEqual(['p shop']);
    expect(governing?.decision).toMatchObject({ outcome: 'Failed', reason: 'ProxyConfigShadowed' });
  });

  it('leaves out a policy that cannot be evaluated', () => {
    const stalled = policy('broken', { match: { namespaceSelector: { matchLabels: { 'a b': 'c' } } } });

    expect(stalled.compiled).toBeUndefined();
    expect(assessed([stalled, policy('fine')]).governing?.policy.name).toBe('fine');
  });
});

describe("an exemption under the bounds of the cluster's policy", () => {
  const HOUR = 3_600;
  const exemption = (lasts: number | undefined): NonNullable<AssessInput['exemption']> => ({
    name: 'shop/spring',
    namespace: 'shop',
    owner: 'team-checkout',
    reason: 'replaced soon',
    expires: '2026-06-30T18:00:00Z',
    ...(lasts === undefined ? {} : { lasts }),
  });

  it.each<[string, SidecarDrainPolicySpec['exemptions'], number | undefined, string | undefined]>([
    ['none', undefined, 9_000 * HOUR, undefined],
    ['just as long', { longest: '24h' }, 24 * HOUR, undefined],
    ['longer', { longest: '24h' }, 24 * HOUR + 1, 'lasts 24h1s from its creation'],
    ['not created yet', { longest: '24h' }, undefined, undefined],
    ['in a namespace of the list', { namespaces: ['blog', 'shop'] }, HOUR, undefined],
    ['in another namespace', { namespaces: ['blog'] }, HOUR, 'namespace shop is none of exemptions.namespaces'],
    ['nowhere', { namespaces: [] }, HOUR, 'namespace shop is none of exemptions.namespaces'],
  ])('%s', (_, exemptions, lasts, refused) => {
    const input = { exemption: exemption(lasts) };
    const { governing, exemptionRefused } = assessed([policy('p', { exemptions })], input);

    expect(governing?.decision.outcome).toBe(refused === undefined ? 'Exempt' : 'Pending');
    expect(exemptionRefused ?? '').toContain(refused ?? '');
    expect(governing?.decision.findings.map(({ code }) => code).includes('ExemptionOutsideBounds')).toBe(
      refused !== undefined,
    );
  });

  it('holds for a namespaced policy that governs in its place too, and Audit policies go by their own', () => {
    const bounded = policy('p', { exemptions: { longest: '1h' }, tenants: 'Allow' });
    const own: PolicyRecord = { ...policy('q'), name: 'shop/q', namespace: 'shop' };
    const { governing, audits } = assessed([bounded, own, policy('audit', { enforcement: 'Audit' })], {
      exemption: exemption(2 * HOUR),
    });

    expect([governing?.policy.name, governing?.decision.outcome]).toEqual(['shop/q', 'Pending']);
    expect(audits.map(({ decision }) => decision.outcome)).toEqual(['Exempt']);
  });

  it('counts for what asks without an assessment as it does in one', () => {
    const input = { workload: workloadOf(), namespace: NAMESPACE, mesh: meshOf('classic') };
    const policies = [policy('p', { exemptions: { longest: '1h' } })];

    expect(countingExemption({ ...input, policies, exemption: exemption(2 * HOUR) })).toBeUndefined();
    expect(countingExemption({ ...input, policies, exemption: exemption(HOUR) })).toEqual(exemption(HOUR));
    expect(countingExemption({ ...input, policies: [], exemption: exemption(2 * HOUR) })).toEqual(exemption(2 * HOUR));
  });
});
