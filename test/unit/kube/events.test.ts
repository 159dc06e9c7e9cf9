// The limits of the recorder, against a server that hangs. What Events look like is tested on a real API server.
import { afterEach, describe, expect, it } from '@jest/globals';
import { EventRecorder, KubeClient, Transport } from '../../../src/kube/index.ts';
import type { EventRecorderOptions } from '../../../src/kube/index.ts';
import { VirtualClock } from '../../../src/runtime/index.ts';
import { answer, eventually, FakeServer } from './fake-server.ts';
import type { Handler } from './fake-server.ts';

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) {
    await cleanup();
  }
});

async function setup(
  handler: Handler,
  options: Partial<EventRecorderOptions> = {},
): Promise<{ recorder: EventRecorder; server: FakeServer; results: string[] }> {
  const server = await FakeServer.start(handler);
  const transport = new Transport({ config: server.config, userAgent: 'x', retryPolicy: { attempts: 1 } });
  const results: string[] = [];
  const recorder = new EventRecorder({
    client: new KubeClient(transport),
    component: 'operator',
    instance: 'pod',
    onEvent: (result) => {
      results.push(result);
    },
    ...options,
  });
  cleanups.push(
    () => transport.close(),
    () => server.stop(),
  );
  return { recorder, server, results };
}

const created: Handler = (_request, response) => {
  answer(response, 201, {});
};

function about(name: string): { apiVersion: string; kind: string; name: string; namespace: string } {
  return { apiVersion: 'apps/v1', kind: 'Deployment', name, namespace: 'shop' };
}

describe('EventRecorder', () => {
  it('keeps no more than so many events while the server hangs, and counts the rest', async () => {
    const { recorder, server, results } = await setup(() => undefined, { maxPending: 3 });
    recorder.event(about('first'), 'Normal', 'R', 'm');
    await eventually(() => server.requests.length === 1, 'the first one is under way');
    for (let index = 0; index < 10; index += 1) {
      recorder.event(about(`more-${index}`), 'Normal', 'R', 'm');
    }

    expect(results.filter((result) => result === 'dropped')).toHaveLength(7);
    await recorder.stop(10);
  });

  it('stop waits for its deadline and no longer, and takes nothing more', async () => {
    const { recorder, server } = await setup(() => undefined);
    recorder.event(about('a'), 'Normal', 'R', 'm');
    await eventually(() => server.requests.length === 1, 'it is under way');
    await recorder.stop(30);
    recorder.event(about('b'), 'Normal', 'R', 'm');
    await new Promise((resolve) => {
      setTimeout(resolve, 30);
    });

    expect(server.requests).toHaveLength(1);
  });

  it('forgets the oldest when it has to remember too many, and so repeats rather than grows', async () => {
    const { recorder, results } = await setup(created, { remembered: 2 });
    for (const name of ['a', 'b', 'c', 'c', 'a']) {
      recorder.event(about(name), 'Normal', 'R', 'm');
    }
    await recorder.stop();

    expect(results.filter((result) => result === 'sent')).toHaveLength(4);
    expect(results.filter((result) => result === 'duplicate')).toHaveLength(1);
  });

  it('gives an object its tokens back with time', async () => {
    const clock = new VirtualClock();
    const { recorder, results } = await setup(created, { clock, burst: 1, refillMs: 1_000 });
    recorder.event(about('a'), 'Normal', 'R', '1');
    recorder.event(about('a'), 'Normal', 'R', '2');
    await clock.advance(1_000);
    recorder.event(about('a'), 'Normal', 'R', '3');

    await eventually(() => results.length === 3, 'all have their result');
    expect([...results].sort()).toEqual(['limited', 'sent', 'sent']);
  });

  describe('of many Events that follow from one object', () => {
    const policy = { apiVersion: 'sidecardrain.io/v1alpha1', kind: 'SidecarDrainPolicy', name: 'long', uid: '1' };
    const bodies = (server: FakeServer): Record<string, unknown>[] =>
      server.requests.map(({ body }) => JSON.parse(body) as Record<string, unknown>);

    it('sends so many, and tells the others together on that object', async () => {
      const clock = new VirtualClock();
      const { recorder, server, results } = await setup(created, { clock, groupBurst: 2, summaryMs: 30_000 });
      for (const name of ['a', 'b', 'c', 'd']) {
        recorder.event(about(name), 'Normal', 'DrainApplied', 'm', policy);
      }
      await eventually(() => server.requests.length === 2, 'the first two are sent');
      await clock.advance(29_999);
      expect(server.requests).toHaveLength(2);
      await clock.advance(1);
      await eventually(() => server.requests.length === 3, 'the summary is sent');

      expect(bodies(server)[2]).toMatchObject({
        involvedObject: { kind: 'SidecarDrainPolicy', name: 'long', uid: '1' },
        metadata: { namespace: 'default' },
        type: 'Normal',
        reason: 'DrainApplied',
        message: '2 more, which have no Event of their own; the last of them is Deployment shop/d',
      });
      expect(results.filter((result) => result === 'limited')).toHaveLength(2);
    });

    it('counts each reason and each object for itself, and goes on with time', async () => {
      const clock = new VirtualClock();
      const { recorder, server } = await setup(created, { clock, groupBurst: 1, groupRefillMs: 1_000 });
      const event = (name: string, reason: string, of = policy): void => {
        recorder.event(about(name), 'Normal', reason, 'm', of);
      };
      event('a', 'DrainApplied');
      event('a', 'DrainRestored');
      event('b', 'DrainApplied', { ...policy, name: 'other', uid: '2' });
      recorder.event(about('c'), 'Warning', 'HookNeverEnds', 'of nobody');
      await clock.advance(1_000);
      event('d', 'DrainApplied');

      await eventually(() => server.requests.length === 5, 'all are sent');
    });

    it('tells them at the end, too', async () => {
      const { recorder, server } = await setup(created, { groupBurst: 1 });
      for (const name of ['a', 'b']) {
        recorder.event(about(name), 'Normal', 'DrainApplied', 'm', policy);
      }
      await recorder.stop();

      expect(bodies(server).map(({ involvedObject }) => involvedObject)).toEqual([
        expect.objectContaining({ name: 'a' }),
        expect.objectContaining({ name: 'long' }),
      ]);
    });
  });
});
