import { describe, expect, it } from '@jest/globals';
import { priceOf, type PricedWorkload } from '../../../../src/drain/price/price.ts';

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
      4,
    );
    expect(price).toEqual({
      deployAdds: 30,
      slowest: 'StatefulSet/a/log',
      nodeDrainBefore: 60,
      nodeDrainAfter: 90,
      nodes: 4,
      upgradeAdds: 120,
    });
  });

  it('says nothing of an upgrade where the nodes are not known, and nothing at all without a change', () => {
    const one = new Map([['Deployment/a/web', pod('Deployment', 2, [25, 5], [30, 30])]]);
    expect(priceOf(one, 0)).toEqual({ deployAdds: 0, nodeDrainBefore: 30, nodeDrainAfter: 30 });
    expect(priceOf(new Map(), 4)).toBeUndefined();
  });

  it('is nothing for a workload that has been scaled to zero', () => {
    expect(priceOf(new Map([['Deployment/a/web', pod('Deployment', 0, [5, 60], [30, 90])]]), 0)).toMatchObject({ deployAdds: 0 }); // prettier-ignore
  });
});
