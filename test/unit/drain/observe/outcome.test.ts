import { describe, expect, it } from '@jest/globals';
import {
  endingOf,
  endingOfGone,
  judgeEnding,
  NO_NEWS,
  PodEvents,
  recordOfGone,
  tookSeconds,
  type PodEnding,
  type RawEvent,
} from '../../../../src/drain/observe/index.ts';
import { DELETED, pod, stamp, type PodSketch } from './pods.ts';

function gone(sketch: PodSketch): PodEnding {
  const ending = endingOfGone(pod(sketch), undefined, DELETED);
  expect(ending).toBeDefined();
  return ending!;
}

describe('the outcome of a termination', () => {
  it.each<[string, PodSketch, string, string]>([
    ['both end by themselves', { app: { at: 19 }, proxy: { at: 5 } }, 'Finished', 'every container ended by itself'],
    [
      'an application that does not handle SIGTERM',
      { app: { at: 0, code: 143 }, proxy: { at: 5 } },
      'Finished',
      'every container',
    ],
    [
      'a drain that is longer than the grace period',
      { app: { at: 30, code: 137 }, proxy: { at: 30, code: 137 } },
      'Killed',
      'containers server, istio-proxy still ran when the grace period of 30 s was over',
    ],
    [
      'a hook that never ends: 2 s later',
      { app: { at: 19 }, proxy: { at: 32, code: 137 } },
      'Killed',
      'container istio-proxy still ran',
    ],
    [
      'a native sidecar beside an application that is killed',
      { native: true, app: { at: 30, code: 137 }, proxy: { at: 30 } },
      'Killed',
      'container server',
    ],
    [
      'a kill that the status dates into the second before',
      { app: { at: 29.5, code: 137 }, proxy: { at: 5 } },
      'Killed',
      'container server',
    ],
    [
      'out of memory while it shuts down',
      { app: { at: 8, code: 137, reason: 'OOMKilled' }, proxy: { at: 5 } },
      'Unknown',
      'OOMKilled) after 8 s',
    ],
    [
      'a container that the kubelet has lost',
      { app: { at: 3, code: 137, reason: 'ContainerStatusUnknown' }, proxy: { at: 5 } },
      'Finished',
      'every container',
    ],
    ['removed while containers ran', { app: { at: 1 } }, 'Forced', 'container istio-proxy still ran'],
    [
      'deleted with a grace period of 0',
      { grace: 0, app: { at: 0, code: 137 }, proxy: { at: 0, code: 137 } },
      'Forced',
      'grace period of 0',
    ],
    [
      'removed at once, without a deletionTimestamp',
      { deleted: false },
      'Forced',
      'containers server, istio-proxy still ran',
    ],
  ])('%s', (_, sketch, outcome, why) => {
    const judged = judgeEnding(gone(sketch));

    expect(judged).toMatchObject({ outcome, why: expect.stringContaining(why) as unknown });
  });

  it('is none while containers run, and none for a pod in which nothing ran', () => {
    const notStarted = pod();
    const waiting = { ...notStarted, status: { phase: 'Pending' } };

    expect(judgeEnding(endingOf(pod({ proxy: { at: 5 } }))!)).toBeUndefined();
    expect(judgeEnding(endingOfGone(waiting, undefined, DELETED)!)).toBeUndefined();
    expect(endingOfGone({ ...waiting, metadata: { name: 'x' } }, undefined, DELETED)).toBeUndefined();
  });

  it('is HookFailed where an Event says so, unless the pod was killed', () => {
    const news = { ...NO_NEWS, hookFailures: [{ container: 'istio-proxy', message: 'PreStopHook failed' }] };

    expect(judgeEnding(gone({ app: { at: 19 }, proxy: { at: 5 } }), news)).toEqual({
      outcome: 'HookFailed',
      why: 'the preStop of istio-proxy failed: PreStopHook failed',
    });
    expect(judgeEnding(gone({ app: { at: 30, code: 137 }, proxy: { at: 5 } }), news)).toMatchObject({
      outcome: 'Killed',
    });
  });

  it('is Unknown where the last state was missed, and what was seen before says nothing bad', () => {
    const seen = endingOf(pod({ proxy: { at: 5 } }), undefined, DELETED)!;

    expect(judgeEnding({ ...seen, gone: 'Missed' })).toMatchObject({
      outcome: 'Unknown',
      why: expect.stringContaining('how container server ended') as unknown,
    });
  });
});

describe('one state of a pod after another', () => {
  it("counts from the first deletion: the kubelet's own delete at the end moves the time stamp", () => {
    const first = endingOf(pod({ grace: 60 }), undefined, DELETED)!;
    const second = endingOf(pod({ grace: 60, proxy: { at: 5 } }), first, DELETED + 5_000)!;
    const last = pod({ grace: 60, app: { at: 40 }, proxy: { at: 5 } });
    const ending = endingOfGone(
      { ...last, metadata: { ...last.metadata, deletionTimestamp: stamp(41), deletionGracePeriodSeconds: 0 } },
      second,
      DELETED + 41_000,
    )!;

    expect(ending).toMatchObject({ deletedAt: DELETED, gracePeriodSeconds: 60, gone: 'Seen', running: [] });
    expect(tookSeconds(ending)).toBeCloseTo(40, 0);
    expect(judgeEnding(ending)).toMatchObject({ outcome: 'Finished' });
  });

  it('takes the shorter grace period of a second delete', () => {
    const first = endingOf(pod({ grace: 60 }), undefined, DELETED)!;
    const ending = endingOfGone(
      pod({ grace: 10, app: { at: 10, code: 137 }, proxy: { at: 5 } }),
      first,
      DELETED + 11_000,
    )!;

    expect(judgeEnding(ending)).toMatchObject({ outcome: 'Killed', why: expect.stringContaining('10 s') as unknown });
  });

  it('does not mix up pods that have the same name, as those of a StatefulSet do', () => {
    const old = endingOf(pod({ name: 'web-0', uid: 'old', proxy: { at: 5, code: 137 } }), undefined, DELETED)!;
    const next = endingOf(pod({ name: 'web-0', uid: 'new' }), old, DELETED + 100_000)!;

    expect(next).toMatchObject({ uid: 'new', ends: [] });
  });
});

describe('the Events of pods', () => {
  const event = (reason: string, message: string, name: string, fieldPath?: string): RawEvent => ({
    reason,
    message,
    firstTimestamp: stamp(0),
    involvedObject: {
      kind: reason === 'SuccessfulDelete' ? 'ReplicaSet' : 'Pod',
      name,
      ...(fieldPath === undefined ? {} : { fieldPath }),
    },
  });

  it.each<[string, RawEvent, string[]]>([
    [
      'a ReplicaSet scales down',
      event('SuccessfulDelete', 'Deleted pod: checkout-5d9f7c-abcde', 'checkout-5d9f7c'),
      ['checkout-5d9f7c-abcde'],
    ],
    [
      'a StatefulSet rolls',
      event('SuccessfulDelete', 'delete Pod web-0 in StatefulSet web successful', 'web'),
      ['web-0'],
    ],
    [
      'a container is stopped',
      event('Killing', 'Stopping container istio-proxy', 'checkout-5d9f7c-abcde'),
      ['checkout-5d9f7c-abcde'],
    ],
    [
      'a liveness probe restarts one',
      event('Killing', 'Container server failed liveness probe, will be restarted', 'checkout-5d9f7c-abcde'),
      [],
    ],
    ['something else', event('Scheduled', 'assigned', 'checkout-5d9f7c-abcde'), []],
  ])('tell which pods were stopped: %s', (_, given, names) => {
    const events = new PodEvents();
    events.add(given);

    expect(events.stoppedPods().map((each) => each.pod)).toEqual(names);
  });

  it('tell which hook failed, also of native sidecars and of pods that are gone', () => {
    const events = new PodEvents();
    events.add(event('FailedPreStopHook', 'PreStopHook failed', 'a', 'spec.initContainers{istio-proxy}'));
    events.add(
      event('ExceededGracePeriod', 'Container runtime did not kill the pod within specified grace period.', 'b'),
    );
    events.add(event('Killing', 'Stopping container server', 'c'));

    expect(recordOfGone({ pod: 'a', deletedAt: DELETED }, events.newsOf('a'))).toMatchObject({
      outcome: 'HookFailed',
      hookFailures: [{ container: 'istio-proxy' }],
    });
    expect(recordOfGone({ pod: 'b', deletedAt: DELETED }, events.newsOf('b'))).toMatchObject({ outcome: 'Killed' });
    expect(recordOfGone({ pod: 'c', deletedAt: DELETED }, events.newsOf('c'))).toMatchObject({
      outcome: 'Unknown',
      containers: [],
    });
  });
});
