import type { LifecycleHandler } from '../../api/kubernetes.ts';
import { runHook } from '../../hooks/index.ts';
import type { HookRun } from '../../hooks/index.ts';
import { hooksOf } from '../mesh/container-hooks.ts';
import type { ContainerSettings } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';
import type { TerminationInput } from './termination.ts';
import { buildWorld, type PodActivity } from './world.ts';

export interface HookPlay {
  readonly input: TerminationInput;
  readonly activity: PodActivity;
  readonly container: 'Proxy' | 'App';
  /** What the pod template says of the variables that it names. */
  readonly environment?: ContainerSettings['hookEnvironment'];
  /** The kubelet waits no longer than that: the grace period. */
  readonly until: Seconds;
  /** The kubelet's own request goes through the proxy: an `httpGet` hook is cut when a classic proxy ends [measured]. */
  readonly httpCutAt?: Seconds;
}

/** Plays a preStop in this pod; undefined where there is none. */
export function playHook(handler: LifecycleHandler | undefined, play: HookPlay): HookRun | undefined {
  if (handler === undefined) {
    return undefined;
  }
  const run = whole(handler, play);
  const cut = play.httpCutAt;
  return handler.httpGet === undefined || cut === undefined || (run.endsAt ?? play.until) <= cut
    ? run
    : { ...run, how: run.how === 'Unknown' ? 'Unknown' : 'Failed', endsAt: cut };
}

/** When the kubelet goes on to SIGTERM: the hook is over, or the grace period is. */
export function hookEndOf(preStop: HookRun | undefined, gracePeriod: Seconds): Seconds {
  return Math.min(preStop === undefined ? 0 : (preStop.endsAt ?? gracePeriod), gracePeriod);
}

function whole(handler: LifecycleHandler, { input, activity, container, until, environment }: HookPlay): HookRun {
  const { settings, application, unknownHooks = 'NeverEnd' } = input;
  const run = runHook(handler, buildWorld(settings, activity), {
    container,
    start: 0,
    until,
    hooksInPod: hooksOf(settings),
    environment,
  });
  if (run.how !== 'Unknown') {
    return run;
  }
  const { atLeast = 0, atMost = Infinity } = run;
  const answered = handler.httpGet === undefined ? undefined : application.answersHookAfter;
  const known = container === 'Proxy' ? undefined : (settings.statedPreStop?.value ?? answered);
  if (known !== undefined) {
    const endsAt = Math.min(atMost, Math.max(atLeast, known));
    return endsAt > until
      ? { how: 'StillRunning', effects: run.effects, notUnderstood: [] }
      : { how: 'Completed', endsAt, effects: run.effects, notUnderstood: [] };
  }
  const asked = unknownHooks === 'NeverEnd' ? Infinity : unknownHooks === 'EndAtOnce' ? 0 : unknownHooks;
  const taken = Math.min(atMost, Math.max(atLeast, asked));
  const { effects, notUnderstood } = run;
  return taken > until
    ? { how: 'Unknown', effects, notUnderstood }
    : { how: 'Unknown', effects, notUnderstood, endsAt: taken };
}
