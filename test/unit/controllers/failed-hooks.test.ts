import { describe, expect, it } from '@jest/globals';
import { EVENT_WATCH, FailedHooks } from '../../../src/controllers/reports/failed-hooks.ts';
import type { RawEvent } from '../../../src/drain/observe/index.ts';
import { defaultReflectorTimings } from '../../../src/kube/index.ts';

function failed(namespace: string, uid: string, message = 'exit status 1'): RawEvent {
  return {
    metadata: { namespace },
    reason: 'FailedPreStopHook',
    message,
    involvedObject: { kind: 'Pod', namespace, name: `pod-${uid}`, uid, fieldPath: 'spec.containers{app}' },
  };
}

describe('hooks of which Events say that they failed', () => {
  it('are told once, when their pod has ended', () => {
    const hooks = new FailedHooks();
    hooks.note(failed('shop', 'a'));

    expect(hooks.take('shop', 'a')).toEqual({ container: 'app', message: 'exit status 1' });
    expect(hooks.take('shop', 'a')).toBeUndefined();
  });

  it('count in the namespace of the Event only: the uid in it may be that of anybody', () => {
    const hooks = new FailedHooks();
    hooks.note(failed('hostile', 'a', 'made up'));

    expect(hooks.take('shop', 'a')).toBeUndefined();
    hooks.note(failed('shop', 'a'));
    expect(hooks.take('shop', 'a')?.message).toBe('exit status 1');
  });

  it('push out none of another namespace, and are kept within bounds', () => {
    const hooks = new FailedHooks();
    hooks.note(failed('shop', 'a'));
    for (let index = 0; index < 20_000; index++) {
      hooks.note(failed('hostile', `h${index}`, 'x'.repeat(100_000)));
    }

    expect(hooks.take('shop', 'a')).toBeDefined();
    expect(hooks.take('hostile', 'h0')).toBeUndefined();
    expect(hooks.take('hostile', 'h19999')?.message).toHaveLength(1_024);
  });
});

it('a quiet watch of Events ends before it counts as dead', () => {
  expect(EVENT_WATCH.watchMaxSeconds * 1000).toBeLessThan(defaultReflectorTimings.idleTimeoutMs - 10_000);
});
