import { describe, expect, it } from '@jest/globals';
import { fnv1a64, policyPlanHash } from '../../../../src/drain/plan/hash.ts';
import { approveCommand, fromShards, notApproved, toShards, type ApprovedSet } from '../../../../src/drain/rollout/approval.ts';

const kept: ApprovedSet = { hash: 'h1', items: new Map([['Deployment/a/web', 'p1']]) };

describe('an approval', () => {
  it.each([
    ['covers what was approved', 'h1', kept, 'Deployment/a/web', 'p1', undefined],
    ['does not cover a plan that has changed since', 'h1', kept, 'Deployment/a/web', 'p2', 'Changed'],
    ['does not cover a workload that came later', 'h1', kept, 'Deployment/a/new', 'p1', 'New'],
    ['is taken back with the annotation', undefined, kept, 'Deployment/a/web', 'p1', 'None'],
    ['of nothing is none', '', kept, 'Deployment/a/web', 'p1', 'None'],
    ['of another plan is stale', 'h0', kept, 'Deployment/a/web', 'p1', 'Stale'],
    ['that was never kept is stale', 'h1', undefined, 'Deployment/a/web', 'p1', 'Stale'],
  ])('%s', (_what, annotation, set, workload, hash, expected) => {
    expect(notApproved(annotation, set, workload, hash)).toBe(expected);
  });

  it('is given with a command that can be copied', () => {
    expect(approveCommand('long-requests', 'sidecardrain.io/approved-plan', 'abc'))
      .toBe('kubectl annotate sidecardrainpolicies long-requests sidecardrain.io/approved-plan=abc --overwrite');
  });
});

describe('the ConfigMaps of an approval', () => {
  const many = new Map(Array.from({ length: 1000 }, (_, index) => [`Deployment/shop/web-${index}`, fnv1a64(String(index))] as const));

  it('hold everything, each within the limit', () => {
    const shards = toShards(many, 4096);

    expect(shards.length).toBeGreaterThan(8);
    expect(Math.max(...shards.map((shard) => Buffer.byteLength(shard)))).toBeLessThanOrEqual(4096);
    expect(fromShards(shards)).toEqual(new Map([...many].sort(([a], [b]) => (a < b ? -1 : 1))));
  });

  it('are one, where the approval is empty', () => {
    expect(toShards(new Map(), 4096)).toEqual(['']);
    expect(fromShards([''])).toEqual(new Map());
  });
});

describe('the name of a plan', () => {
  it.each([
    ['', 'cbf29ce484222325'],
    ['a', 'af63dc4c8601ec8c'],
    ['foobar', '85944171f73967e8'],
  ])('is FNV-1a of 64 bits: "%s" gives %s', (text, expected) => {
    // The published vectors of FNV-1a.
    expect(fnv1a64(text)).toBe(expected);
  });

  it('of a policy does not depend on the order of its workloads, and does on each plan', () => {
    const name = policyPlanHash('p', [['a', '1'], ['b', '2']]);

    expect(policyPlanHash('p', [['b', '2'], ['a', '1']])).toBe(name);
    expect(policyPlanHash('p', [['a', '1'], ['b', '3']])).not.toBe(name);
    expect(policyPlanHash('p', [['a', '1']])).not.toBe(name);
  });
});
