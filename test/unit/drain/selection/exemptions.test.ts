import { describe, expect, it } from '@jest/globals';
import { exemptionOf, exemptionText, isActive, readExemption } from '../../../../src/drain/selection/exemptions.ts';
import type { DrainExemptionSpec } from '../../../../src/api/policy.ts';
import type { Workload } from '../../../../src/drain/model/workload.ts';

const END = '2026-06-01T12:00:00Z';
const END_SECONDS = Date.parse(END) / 1000;

function exemption(spec: Partial<DrainExemptionSpec> = {}, name = 'legacy', namespace: string | undefined = 'shop') {
  return readExemption({
    apiVersion: 'sidecardrain.io/v1alpha1',
    kind: 'DrainExemption',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    spec: {
      selector: { workloadSelector: {} },
      reason: 'it is replaced in June',
      owner: 'team-checkout',
      expires: END,
      ...spec,
    },
  });
}

function workload(
  name = 'checkout',
  { namespace = 'shop', kind = 'Deployment', labels = { tier: 'api' } } = {},
): Workload {
  return { kind, namespace, name, template: { metadata: { labels } } } as unknown as Workload;
}

describe('an exemption', () => {
  it.each<[string, DrainExemptionSpec['selector'], Workload, boolean]>([
    ['everything of its namespace', { workloadSelector: {} }, workload(), true],
    ['nothing of another namespace', { workloadSelector: {} }, workload('checkout', { namespace: 'shop-2' }), false],
    ['a name', { names: ['checkout'] }, workload(), true],
    ['a pattern', { names: ['x', 'check*'] }, workload(), true],
    ['no other name', { names: ['check'] }, workload(), false],
    ['labels of the template', { workloadSelector: { matchLabels: { tier: 'api' } } }, workload(), true],
    ['no other labels', { workloadSelector: { matchLabels: { tier: 'web' } } }, workload(), false],
    ['a kind', { kinds: ['Deployment'], names: ['*'] }, workload(), true],
    ['no other kind', { kinds: ['StatefulSet'], names: ['*'] }, workload(), false],
    [
      'only where all of it holds',
      { names: ['checkout'], workloadSelector: { matchLabels: { tier: 'web' } } },
      workload(),
      false,
    ],
  ])('selects %s', (_, selector, one, expected) => {
    expect(exemption({ selector }).selects(one)).toBe(expected);
  });

  it.each([
    ['before its end', END_SECONDS - 1, true],
    ['not at its end', END_SECONDS, false],
    ['not after it', END_SECONDS + 1, false],
  ])('holds %s', (_, now, expected) => {
    expect(isActive(exemption(), now)).toBe(expected);
    expect(exemptionOf(workload(), [exemption()], now)).toEqual(
      expected ? expect.objectContaining({ name: 'shop/legacy' }) : undefined,
    );
  });

  it('knows the same moment in any time zone', () => {
    expect(exemption({ expires: '2026-06-01T14:00:00+02:00' }).expiresAt).toBe(END_SECONDS);
  });

  it.each([
    [
      'a pattern that no workload is called by',
      { names: ['Check Out'] },
      'InvalidNamePattern',
      'spec.selector.names[0]',
    ],
    [
      'a selector that cannot be',
      { workloadSelector: { matchLabels: { 'a b': 'x' } } },
      'InvalidSelector',
      'spec.selector.workloadSelector',
    ],
  ])('with %s exempts nothing and says so', (_, selector, reason, path) => {
    const stalled = exemption({ selector });

    expect(stalled.stalled).toEqual({ reason, message: expect.stringContaining(path) });
    expect(exemptionOf(workload(), [stalled], 0)).toBeUndefined();
  });

  it('is the one that lasts longest, then the first by name, in whatever order they come', () => {
    const all = [exemption({}, 'b'), exemption({}, 'a'), exemption({ expires: '2026-05-01T00:00:00Z' }, '0')];

    expect(exemptionOf(workload(), all, 0)?.name).toBe('shop/a');
    expect(exemptionOf(workload(), [...all].reverse(), 0)?.name).toBe('shop/a');
  });

  it('is told with reason, name, owner and end', () => {
    expect(exemptionText(exemption())).toBe(
      'it is replaced in June (DrainExemption shop/legacy, owner team-checkout, until 2026-06-01T12:00:00Z)',
    );
  });
});
