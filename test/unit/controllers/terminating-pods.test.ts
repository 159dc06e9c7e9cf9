import { describe, expect, it } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { TerminatingPods } from '../../../src/controllers/workload/terminating-pods.ts';
import type { Workload } from '../../../src/drain/model/workload.ts';
import { ApiError, type KubeClient } from '../../../src/kube/index.ts';

const KEY = 'Deployment/shop/web';

interface Given {
  readonly pods: TerminatingPods;
  readonly again: number[];
  readonly world: { now: number; answer: () => readonly { metadata: { deletionTimestamp?: string } }[] };
  readonly asked: object[];
}

function given(): Given {
  const again: number[] = [];
  const asked: object[] = [];
  const world: Given['world'] = {
    now: 0,
    answer: () => [{ metadata: { deletionTimestamp: 'then' } }, { metadata: {} }],
  };
  const client = {
    async *pages(_: object, query: object) {
      asked.push(query);
      await Promise.resolve();
      yield { items: world.answer() };
    },
  } as unknown as KubeClient;
  const pods = new TerminatingPods({
    client,
    logger: { warn: () => undefined } as never,
    now: () => world.now,
    lookAgain: (_, ms) => again.push(ms),
  });
  return { pods, again, world, asked };
}

const rollout = (generation: number): Workload =>
  ({
    kind: 'Deployment',
    namespace: 'shop',
    name: 'web',
    generation,
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [] } },
  }) as unknown as Workload;

describe('the old pods of a workload whose status does not count them', () => {
  it('are counted by one list, and looked at again while there are some', async () => {
    const { pods, again, world, asked } = given();

    expect(pods.of(KEY, rollout(1))).toBeUndefined();
    expect(pods.of(KEY, rollout(1))).toBeUndefined();
    await turn();
    expect([pods.of(KEY, rollout(1)), asked, again]).toEqual([
      1,
      [{ namespace: 'shop', labelSelector: 'app=web', limit: 200 }],
      [0, 5_010],
    ]);

    world.now = 5_010;
    world.answer = () => [];
    expect(pods.of(KEY, rollout(1))).toBe(1);
    await turn();
    expect([pods.of(KEY, rollout(1)), again]).toEqual([0, [0, 5_010, 0]]);
  });

  it('of another rollout are not known by the look at this one', async () => {
    const { pods } = given();
    pods.of(KEY, rollout(1));
    await turn();

    expect(pods.of(KEY, rollout(2))).toBeUndefined();
  });

  it('are none where pods may not be read', async () => {
    const { pods, world } = given();
    world.answer = () => {
      throw new ApiError(403, undefined, 'no', { verb: 'list', resource: 'pods' });
    };
    pods.of(KEY, rollout(1));
    await turn();

    expect(pods.of(KEY, rollout(1))).toBe(0);
  });

  it('are asked for again where the answer did not come', async () => {
    const { pods, world, again } = given();
    world.answer = () => {
      throw new Error('connection reset');
    };
    pods.of(KEY, rollout(1));
    await turn();

    expect([pods.of(KEY, rollout(1)), again]).toEqual([undefined, [5_000]]);
  });
});
