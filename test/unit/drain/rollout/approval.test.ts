import { describe, expect, it } from '@jest/globals';
import { fc } from '../../../support/fast-check.ts';
import { fnv1a64 } from '../../../../src/drain/hash.ts';
import { policyPlanHash, workloadPlanHash } from '../../../../src/drain/plan/hash.ts';
import {
  approveCommand,
  fromShards,
  notApproved,
  toShards,
  type ApprovedSet,
} from '../../../../src/drain/rollout/approval.ts';
import { decideFor, meshOf, policyOf, workloadOf, written } from '../../../fixtures/drain/objects.ts';

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
    expect(approveCommand('long-requests', 'sidecardrain.io/approved-plan', 'abc')).toBe(
      'kubectl annotate sidecardrainpolicies long-requests sidecardrain.io/approved-plan=abc --overwrite',
    );
  });
});

describe('the ConfigMaps of an approval', () => {
  const many = new Map(
    Array.from({ length: 1000 }, (_, index) => [`Deployment/shop/web-${index}`, fnv1a64(String(index))] as const),
  );

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

  it('is FNV-1a of every text, as big integers work it out', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        let hash = 0xcbf29ce484222325n;
        for (let index = 0; index < text.length; index += 1) {
          hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(index))) * 0x100000001b3n);
        }
        expect(fnv1a64(text)).toBe(hash.toString(16).padStart(16, '0'));
      }),
    );
  });

  it('of a policy does not depend on the order of its workloads, and does on each plan', () => {
    const name = policyPlanHash('p', [
      ['a', '1'],
      ['b', '2'],
    ]);

    expect(
      policyPlanHash('p', [
        ['b', '2'],
        ['a', '1'],
      ]),
    ).toBe(name);
    expect(
      policyPlanHash('p', [
        ['a', '1'],
        ['b', '3'],
      ]),
    ).not.toBe(name);
    expect(policyPlanHash('p', [['a', '1']])).not.toBe(name);
  });
});

describe("the name of a workload's plan", () => {
  const hook = policyOf({ mode: 'Combined', duration: 60, maxWait: 120, strategy: 'PreStopHook' });

  it.each([
    ['a fixed drain', policyOf(), workloadOf(), meshOf('classic')],
    [
      'beside settings of the user',
      policyOf(),
      workloadOf({ config: 'concurrency: 2\n', grace: 33 }),
      meshOf('classic'),
    ],
    ['a hook', hook, workloadOf(), meshOf('classic', { stated: { proxyImage: 'with-shell' } })],
    ['a native sidecar', policyOf(), workloadOf(), meshOf('native')],
  ])('is the same before, while and after it is written, and in Audit: %s', (_what, policy, workload, mesh) => {
    const decision = decideFor(workload, policy, mesh);
    const name = workloadPlanHash(workload, decision);
    const after = written(workload, policy, decision);
    const rolling = { ...after, rollout: { ...after.rollout, rolling: true, complete: false } };

    expect(name).toMatch(/^[0-9a-f]{16}$/);
    expect(workloadPlanHash(workload, decideFor(workload, { ...policy, mayWrite: false }, mesh))).toBe(name);
    expect(workloadPlanHash(rolling, decideFor(rolling, policy, mesh))).toBe(name);
    expect(workloadPlanHash(after, decideFor(after, policy, mesh))).toBe(name);
  });

  it('is another one where the intent changes, also when something is written already', () => {
    const before = workloadOf();
    const first = decideFor(before, policyOf());
    const after = written(before, policyOf(), first);
    const longer = policyOf({ duration: 90, maxWait: 90 });

    const name = workloadPlanHash(after, decideFor(after, longer));

    expect(name).not.toBe(workloadPlanHash(before, first));
    expect(name).toBe(workloadPlanHash(before, decideFor(before, longer)));
  });

  it('is none where nothing is to be written', () => {
    const fine = workloadOf({ config: JSON.stringify({ terminationDrainDuration: '65s' }), grace: 70 });
    const conflicting = workloadOf({ grace: 40, fields: { gracePeriod: { ownership: 'Declared', owners: ['helm'] } } });

    expect(workloadPlanHash(fine, decideFor(fine, policyOf()))).toBeUndefined();
    expect(workloadPlanHash(conflicting, decideFor(conflicting, policyOf()))).toBeUndefined();
  });
});
