import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { ReviewDoor } from '../../../../src/cli/dashboard/server/review.ts';
import { defineResource, type Resource } from '../../../../src/kube/index.ts';

const resource = (group: string, plural: string): Resource =>
  defineResource({ group, version: 'v1', plural, kind: plural, namespaced: true });
const DEPLOYMENTS = resource('apps', 'deployments');
const ROLLOUTS = resource('argoproj.io', 'rollouts');

interface Asked {
  readonly spec: {
    readonly token?: string;
    readonly user?: string;
    readonly groups?: readonly string[];
    readonly resourceAttributes?: { readonly verb: string; readonly resource: string; readonly namespace?: string };
  };
}

/** An API server that knows the token `good` of a user who may list the resources that are named. */
function doorOf(mayList: readonly string[], seen: readonly Resource[] = []) {
  const asked: Asked['spec'][] = [];
  const state = { now: 0, lookedAtCluster: 0, fails: false };
  const door = new ReviewDoor({
    client: {
      create<T>(_: Resource, object: unknown): Promise<T> {
        const { spec } = object as Asked;
        asked.push(spec);
        if (state.fails) {
          return Promise.reject(new Error('no\nanswer'));
        }
        const user = { username: 'ana', groups: ['sre'] };
        const status =
          spec.token === undefined
            ? { allowed: mayList.includes(spec.resourceAttributes?.resource ?? '') }
            : { authenticated: spec.token === 'good', user };
        return Promise.resolve({ status } as T);
      },
    },
    always: [DEPLOYMENTS],
    seen() {
      state.lookedAtCluster++;
      return Promise.resolve(seen);
    },
    now: () => state.now,
  });
  const admit = (authorization?: string) => door.admit({ headers: { authorization } } as IncomingMessage);
  return { admit, asked, state };
}

describe('the door of the page that the operator serves', () => {
  it.each([undefined, 'Basic YTpi', 'Bearer ', `Bearer ${'x'.repeat(20_000)}`])(
    'asks nobody about what is no token (%#)',
    async (authorization) => {
      const { admit, asked } = doorOf(['deployments']);
      expect(await admit(authorization)).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
      expect(asked).toEqual([]);
    },
  );

  it('refuses a token that the API server does not know, and reads nothing of the cluster for it', async () => {
    const { admit, state } = doorOf(['deployments']);
    expect(await admit('Bearer bad')).toMatchObject({ status: 401 });
    expect(state.lookedAtCluster).toBe(0);
  });

  it('refuses whoever may not list what is shown, and reads nothing of the cluster for him', async () => {
    const { admit, state } = doorOf([]);
    expect(await admit('Bearer good')).toMatchObject({
      status: 403,
      message: 'ana may not list deployments.apps in all namespaces, which this page shows',
    });
    expect(state.lookedAtCluster).toBe(0);
  });

  it('asks about the kinds of which there are workloads too', async () => {
    expect(await doorOf(['deployments'], [ROLLOUTS, DEPLOYMENTS]).admit('Bearer good')).toMatchObject({
      status: 403,
      message: expect.stringContaining('rollouts.argoproj.io') as unknown as string,
    });
    const { admit, asked } = doorOf(['deployments', 'rollouts'], [ROLLOUTS, DEPLOYMENTS]);
    expect(await admit('bearer good')).toBeUndefined();
    expect(asked.slice(1)).toEqual(
      ['apps', 'argoproj.io'].map((group) => ({
        user: 'ana',
        groups: ['sre'],
        resourceAttributes: { verb: 'list', group, resource: group === 'apps' ? 'deployments' : 'rollouts' },
      })),
    );
  });

  it('remembers an answer for a short time, and no failure', async () => {
    const { admit, asked, state } = doorOf(['deployments']);
    state.fails = true;
    expect(await admit('Bearer good')).toMatchObject({ status: 503, message: expect.stringContaining('no answer') as unknown as string }); // prettier-ignore
    state.fails = false;
    asked.length = 0;
    expect(await admit('Bearer good')).toBeUndefined();
    expect(await admit('Bearer good')).toBeUndefined();
    expect(asked).toHaveLength(2);
    state.now = 20_000;
    await admit('Bearer good');
    expect(asked).toHaveLength(4);
  });

  it('lets strangers with ever new tokens ask the API server about a few at a time', async () => {
    const { admit, asked } = doorOf(['deployments']);
    const answers = await Promise.all(Array.from({ length: 40 }, (_, index) => admit(`Bearer stranger-${index}`)));
    expect(answers.filter((answer) => answer?.status === 429)).toHaveLength(32);
    expect(asked).toHaveLength(8);
  });
});
