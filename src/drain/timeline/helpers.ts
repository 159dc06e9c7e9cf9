import type { Seconds } from '../model/workload.ts';
import type { ProxyEnd } from './apps.ts';
import { hookEndOf, playHook } from './hooks.ts';
import { sigkillAfter, SIGKILL_EXIT_CODE, type ContainerEnd, type TerminationInput } from './termination.ts';
import type { PodActivity } from './world.ts';

export interface HelpersPlay {
  readonly input: TerminationInput;
  readonly activity: PodActivity;
  readonly gracePeriod: Seconds;
  /** When the last of the containers under `containers` has exited. */
  readonly lastExit: Seconds;
  readonly proxyEnd?: ProxyEnd;
}

/**
 * Native sidecars other than the proxy: every preStop runs at once, SIGTERM comes in the reverse order of their list, and
 * each waits for the one before to have exited; the grace period bounds all of it [measured].
 */
export function playHelpers({ input, activity, gracePeriod, lastExit, proxyEnd }: HelpersPlay): ContainerEnd[] {
  const helpers = input.settings.apps.filter((container) => container.role === 'NativeSidecar');
  const ends: ContainerEnd[] = [];
  let turn = lastExit;
  for (const { name, preStop: hook, hookEnvironment: environment } of [...helpers].reverse()) {
    const preStop = playHook(hook?.value, {
      input,
      activity,
      container: 'App',
      environment,
      until: gracePeriod,
      httpCutAt: proxyEnd?.at,
    });
    const sigtermAt = Math.min(Math.max(hookEndOf(preStop, gracePeriod), turn), gracePeriod);
    const sigkillAt = sigkillAfter(sigtermAt, gracePeriod);
    const runsOn = input.application.helpersRunOn?.[name] ?? 0;
    const killed = runsOn > 0 && sigtermAt + runsOn >= sigkillAt;
    const exitAt = killed ? sigkillAt : sigtermAt + runsOn;
    ends.unshift({
      name,
      role: 'App',
      serves: false,
      preStop,
      sigtermAt,
      sigkillAt,
      exitAt,
      exitCode: killed ? SIGKILL_EXIT_CODE : 0,
      how: killed ? 'Sigkill' : 'Finished',
    });
    turn = Math.max(turn, exitAt);
  }
  return ends;
}
