import { describe, expect, it } from '@jest/globals';
import { budgetsOf, readBudgetSpec } from '../../../../src/drain/price/budgets.ts';
import { priceOf, type PricedWorkload } from '../../../../src/drain/price/price.ts';
import { workloadOf } from '../../../fixtures/drain/objects.ts';

const pod = (kind: string, replicas: number, quiet: [number, number], worst: [number, number]): PricedWorkload => ({
  kind,
  replicas,
  quietBefore: quiet[0],
  quietAfter: quiet[1],
  worstBefore: worst[0],
  worstAfter: worst[1],
});

describe('the price of a policy', () => {
  it('is of deploys the slowest: one end of a Deployment, the end of every pod of a StatefulSet', () => {
    const price = priceOf(
      new Map([
        ['Deployment/a/web', pod('Deployment', 40, [5, 25], [30, 90])],
        ['StatefulSet/a/log', pod('StatefulSet', 3, [5, 15], [60, 70])],
      ]),
      { nodes: 4 },
    );
    expect(price).toEqual({
      deployAdds: 30,
      slowest: 'StatefulSet/a/log',
      nodeDrainBefore: 60,
      nodeDrainAfter: 90,
      nodes: 4,
      upgradeAdds: 240,
    });
  });

  it('says nothing of an upgrade where the nodes are not known, and nothing at all without a change', () => {
    const one = new Map([['Deployment/a/web', pod('Deployment', 2, [25, 5], [30, 30])]]);
    expect(priceOf(one, { nodes: 0 })).toEqual({ deployAdds: 0, nodeDrainBefore: 30, nodeDrainAfter: 30 });
    expect(priceOf(new Map(), { nodes: 4 })).toBeUndefined();
  });

  it('is nothing for a workload that has been scaled to zero', () => {
    expect(priceOf(new Map([['Deployment/a/web', pod('Deployment', 0, [5, 60], [30, 90])]]), { nodes: 0 })).toMatchObject({ deployAdds: 0 }); // prettier-ignore
  });
});

const deployments = (...pods: [name: string, replicas: number, worst: [number, number]][]) =>
  new Map(pods.map(([name, replicas, worst]) => [`Deployment/a/${name}`, pod('Deployment', replicas, [5, 5], worst)]));
const labelled = (name: string, replicas: number, more: object = {}) =>
  workloadOf({ name, labels: { app: name }, rollout: { replicas }, workload: { namespace: 'a' }, ...more });
const budget = (name: string, app: string, spec: object) =>
  readBudgetSpec({ metadata: { namespace: 'a', name }, spec: { selector: { matchLabels: { app } }, ...spec } });

describe('the price of a node drain under PodDisruptionBudgets', () => {
  it('has a round for each that may go at a time, as pods are placed', () => {
    const budgets = budgetsOf([labelled('web', 6)], [budget('one-by-one', 'web', { maxUnavailable: 2 })]);
    const places = new Map([
      ['Deployment/a/web', new Map([['n1', 5], ['n2', 1]])], // prettier-ignore
      ['Deployment/a/api', new Map([['n2', 3]])],
    ]);
    const workloads = deployments(['web', 6, [30, 90]], ['api', 3, [30, 100]]);
    expect(priceOf(workloads, { nodes: 3, budgets, places })).toMatchObject({
      nodeDrainBefore: 90,
      nodeDrainAfter: 270,
      budget: { name: 'a/one-by-one', rounds: 3 },
      placed: true,
      // 180 s on n1, 70 s on n2, nothing on the third.
      upgradeAdds: 250,
    });
  });

  it('counts the pods of all workloads that a budget selects', () => {
    const more = { labels: { app: 'web' } };
    const both = [labelled('web', 1, more), labelled('old', 3, more)];
    const budgets = budgetsOf(both, [budget('b', 'web', { minAvailable: '50%' })]);
    const places = new Map(['web', 'old'].map((name, index) => [`Deployment/a/${name}`, new Map([['n1', index === 0 ? 1 : 3]])])); // prettier-ignore
    expect(priceOf(deployments(['web', 1, [30, 60]]), { nodes: 1, budgets, places })).toMatchObject({
      nodeDrainAfter: 120,
    });
  });

  it('is a bound where no pods were seen: all on one node, and no more than each for itself', () => {
    const budgets = budgetsOf([labelled('web', 4)], [budget('b', 'web', { minAvailable: 3 })]);
    const price = priceOf(deployments(['web', 4, [30, 90]]), { nodes: 100, budgets });
    expect(price).toMatchObject({ nodeDrainAfter: 360, upgradeAdds: 240 });
    expect(price?.placed).toBeUndefined();
  });

  it('names a budget that lets nobody go, and gives no figure for it', () => {
    const budgets = budgetsOf([labelled('web', 2)], [budget('stuck', 'web', { minAvailable: '100%' })]);
    expect(priceOf(deployments(['web', 2, [30, 90]]), { nodes: 2, budgets })).toMatchObject({
      blocked: ['a/stuck'],
      nodeDrainAfter: 0,
      upgradeAdds: 0,
    });
  });

  it.each<[object, number]>([
    [{ minAvailable: 1 }, 4],
    [{ minAvailable: '50%' }, 2],
    [{ maxUnavailable: '30%' }, 2],
    [{ maxUnavailable: 0 }, 0],
    [{ maxUnavailable: 9 }, 5],
    [{}, 4],
  ])('lets go under %j of 5 pods %d', (spec, allowed) => {
    const found = budgetsOf([labelled('web', 5), labelled('api', 9)], [budget('b', 'web', spec)]);
    expect([...found].map(([key, { allowed: pods }]) => [key, pods])).toEqual([['Deployment/a/web', allowed]]);
  });

  it('leaves out pods of DaemonSets, which stay on a node that is drained', () => {
    const one = new Map([['DaemonSet/a/log', pod('DaemonSet', 9, [5, 20], [30, 90])]]);
    expect(priceOf(one, { nodes: 9 })).toMatchObject({ deployAdds: 135, nodeDrainAfter: 0, upgradeAdds: 0 });
  });
});
