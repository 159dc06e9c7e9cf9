import type { EffectiveSettings } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';
import { DEFAULT_APPLICATION, type Application, type InboundRequest } from '../timeline/application.ts';
import { simulateTermination } from '../timeline/simulate.ts';
import { SIGKILL_EXIT_CODE, type Termination } from '../timeline/termination.ts';
import { endedAfter } from './outcome.ts';
import { TOLERANCE_SECONDS } from './pod.ts';
import type { PodEnding } from './story.ts';

/** What the engine says of the proxy's end, given when the application was seen to end. */
export interface ProxyForecast {
  readonly exitCode: number;
  readonly from: Seconds;
  readonly to: Seconds;
}

export interface ForecastComparison {
  /** One per exit code that the engine holds possible. */
  readonly proxy: readonly ProxyForecast[];
  /** In words; empty where all agrees. */
  readonly differences: readonly string[];
  /** How many ends were compared: a comparison of nothing agrees too. */
  readonly compared: number;
}

/**
 * Compares a termination with the engine's forecast for that very pod. Nobody knows afterwards which requests were in
 * flight, but when the application ended is known; the engine plays the pod with everything that may have gone on until then
 * (nothing, a request, a client that holds an idle connection), and what was seen must lie within, give or take 2 s.
 */
export function compareEnding(ending: PodEnding, settings: EffectiveSettings): ForecastComparison {
  const ends = ending.ends.map((end) => ({ ...end, after: endedAfter(end, ending.deletedAt) }));
  const apps = ends.filter(({ role }) => role === 'App');
  const appNames = new Set(settings.apps.filter(({ role }) => role === 'App').map(({ name }) => name));
  const seenApps = apps.filter(({ container }) => appNames.has(container));
  if (ending.running.length > 0 || seenApps.length < appNames.size || ending.gracePeriodSeconds === 0) {
    return { proxy: [], differences: [], compared: 0 };
  }
  const lastApp = seenApps.reduce((last, { after }) => Math.max(last, after), 0);
  const killedApp = seenApps.some(({ exitCode }) => exitCode === SIGKILL_EXIT_CODE);
  const runs = possibleRuns(ending, settings, lastApp, killedApp);
  const differences: string[] = [];
  let compared = 0;
  for (const app of seenApps) {
    const expected = runs.flatMap((run) => run.apps.find(({ name }) => name === app.container) ?? []);
    const earliest = Math.min(...expected.map(({ sigtermAt }) => sigtermAt));
    const latest = Math.max(...expected.map(({ sigkillAt }) => sigkillAt));
    compared++;
    if (app.after < earliest - TOLERANCE_SECONDS) {
      differences.push(
        `container ${app.container} ended after ${words(app.after)}, before the SIGTERM that the engine expects at ${words(earliest)}`,
      );
    } else if (app.after > latest + TOLERANCE_SECONDS) {
      differences.push(
        `container ${app.container} ended after ${words(app.after)}, later than the SIGKILL that the engine expects at ${words(latest)}`,
      );
    }
  }
  const proxy = proxyForecast(runs);
  const seenProxy = ends.find(({ role }) => role === 'Proxy');
  if (settings.proxy.container !== 'None' && seenProxy !== undefined) {
    compared++;
    const fits = proxy.some(
      ({ exitCode, from, to }) =>
        exitCode === seenProxy.exitCode &&
        seenProxy.after >= from - TOLERANCE_SECONDS &&
        seenProxy.after <= to + TOLERANCE_SECONDS,
    );
    if (!fits) {
      differences.push(
        `the proxy ended with code ${seenProxy.exitCode} after ${words(seenProxy.after)}; the engine expects ${proxy.map(proxyWords).join(' or ')}`,
      );
    }
  }
  return { proxy, differences, compared };
}

/** `code 0 after 25 s`, or with a range. */
export function proxyWords({ exitCode, from, to }: ProxyForecast): string {
  return `code ${exitCode} after ${to - from < 1.5 ? words(from) : `${Math.round(from)} to ${words(to)}`}`;
}

function possibleRuns(
  ending: PodEnding,
  settings: EffectiveSettings,
  lastApp: Seconds,
  killedApp: boolean,
): Termination[] {
  const { gracePeriodSeconds } = ending;
  const sigtermAt = simulateTermination({
    settings,
    application: DEFAULT_APPLICATION,
    requests: [],
    deletedWithGracePeriod: gracePeriodSeconds,
  }).apps.reduce((last, app) => Math.max(last, app.sigtermAt), 0);
  const untilEnd = killedApp ? Infinity : lastApp;
  const runsOn = killedApp ? 1e9 : Math.max(0, lastApp - sigtermAt);
  const busy: readonly InboundRequest[] = [{ id: 'longest', startsAt: -1, lasts: untilEnd + 1 }];
  const quiet: Application = { ...DEFAULT_APPLICATION, runsOnAfterSigterm: runsOn };
  const calling: Application = { ...quiet, callsOutEverySecond: 'Pooled' };
  const listening: Application = { ...quiet, onSigterm: 'KeepListeningUntilIdle' };
  const scenarios: { application: Application; requests: readonly InboundRequest[] }[] = [
    { application: quiet, requests: [] },
    { application: quiet, requests: busy },
    { application: calling, requests: [] },
    { application: listening, requests: busy },
    { application: { ...quiet, idleKeepAliveClient: true }, requests: [] },
    { application: { ...listening, idleKeepAliveClient: true }, requests: busy },
  ];
  // What ends in the very second in which the grace period does may go either way.
  return scenarios.flatMap(({ application, requests }) =>
    (['EndAtOnce', 'NeverEnd'] as const).flatMap((unknownHooks) =>
      [gracePeriodSeconds, gracePeriodSeconds + 1].map((deletedWithGracePeriod) =>
        simulateTermination({ settings, application, requests, unknownHooks, deletedWithGracePeriod }),
      ),
    ),
  );
}

function proxyForecast(runs: readonly Termination[]): ProxyForecast[] {
  const ranges = new Map<number, ProxyForecast>();
  for (const { proxy } of runs) {
    if (proxy === undefined) {
      continue;
    }
    const { exitCode, exitAt } = proxy;
    const known = ranges.get(exitCode);
    ranges.set(exitCode, {
      exitCode,
      from: Math.min(known?.from ?? exitAt, exitAt),
      to: Math.max(known?.to ?? exitAt, exitAt),
    });
  }
  return [...ranges.values()].sort((a, b) => a.exitCode - b.exitCode);
}

function words(seconds: Seconds): string {
  return `${Math.round(seconds)} s`;
}
