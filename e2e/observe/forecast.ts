// Did a termination go as the engine says? Pure: what was seen of one pod, and the engine's forecast for that very pod.
import type { EffectiveSettings } from '../../src/drain/model/settings.ts';
import { TOLERANCE_SECONDS, type SeenEnd } from '../../src/drain/observe/index.ts';
import type { Application } from '../../src/drain/timeline/application.ts';
import { simulateTermination } from '../../src/drain/timeline/simulate.ts';
import type { Termination } from '../../src/drain/timeline/termination.ts';

/**
 * A request that ends in the very moment in which the proxy does may go either way. It is judged only where the engine
 * says the same for a pod that was deleted this much earlier and later.
 */
export const CLOSE_CALL_SECONDS = 1.5;

export interface SeenRequest {
  readonly id: string;
  /** Milliseconds since 1970, when it reached the application, or else when the client sent it. */
  readonly startedAt: number;
  /** How long the application needs for it. */
  readonly seconds: number;
  readonly survived: boolean;
  readonly error?: string;
}

/** What was seen of one pod's termination. Times are milliseconds since 1970. */
export interface SeenTermination {
  readonly pod: string;
  readonly proxy: 'Classic' | 'Native' | 'None';
  readonly deletedAt: number;
  /** Of the deletion itself: a delete call may bring its own. */
  readonly gracePeriodSeconds: number;
  readonly ends: readonly SeenEnd[];
  /** From the news of the deletion until the object was gone, both by the observer's clock. */
  readonly goneAfterSeconds?: number;
  readonly requests: readonly SeenRequest[];
  /** Calls that the application made after its SIGTERM, one a second; undefined where its log was not seen to its end. */
  readonly lateCalls?: readonly { readonly at: number; readonly ok: boolean }[];
}

export interface Comparison {
  readonly pod: string;
  readonly forecast: Termination;
  /** In words; empty where all agrees. */
  readonly differences: readonly string[];
  /** How much was compared: a comparison of nothing agrees too. */
  readonly compared: {
    readonly requests: number;
    readonly inFlight: number;
    readonly codes: number;
    readonly times: number;
    readonly calls: number;
  };
  /** Requests that ended too close to the cut to be judged. */
  readonly closeCalls: readonly string[];
  /** What could not be seen. */
  /** What was seen and is not held against the forecast. */
  readonly notes: readonly string[];
  readonly missing: readonly string[];
}

export function compareTermination(
  seen: SeenTermination,
  settings: EffectiveSettings,
  application: Application,
): Comparison {
  const forecast = forecastOf(seen, settings, application, 0);
  const early = forecastOf(seen, settings, application, CLOSE_CALL_SECONDS);
  const later = forecastOf(seen, settings, application, -CLOSE_CALL_SECONDS);
  const differences: string[] = [];
  const missing: string[] = [];
  const closeCalls: string[] = [];
  const notes: string[] = [];
  const compared = { requests: 0, inFlight: 0, codes: 0, times: 0, calls: 0 };
  const time = (what: string, observed: number, expected: number): void => {
    compared.times++;
    if (!(Math.abs(observed - expected) <= TOLERANCE_SECONDS)) {
      differences.push(`${what}: forecast ${inSeconds(expected)}, it was ${inSeconds(observed)}`);
    }
  };
  // A busy kubelet removes the object of a pod late (2.5 to 11 s after its last container were seen): that says nothing of
  // how its containers ended, so it is told and not held against the forecast. Too early cannot be.
  const gone = (observed: number, expected: number): void => {
    if (observed - expected > TOLERANCE_SECONDS) {
      notes.push(`the pod's object was gone at ${inSeconds(observed)}, forecast ${inSeconds(expected)}`);
    } else {
      time('pod gone', observed, expected);
    }
  };

  const kind = settings.proxy.container;
  if (kind !== seen.proxy) {
    differences.push(`proxy: forecast ${kind}, the pod's is ${seen.proxy}`);
  }
  for (const request of relevantRequests(seen)) {
    const outcomes = [forecast, early, later].map(
      (each) => each.requests.find(({ id }) => id === request.id)?.survived === true,
    );
    if (outcomes.some((outcome) => outcome !== outcomes[0])) {
      closeCalls.push(request.id);
      continue;
    }
    compared.requests++;
    if (request.startedAt < seen.deletedAt) {
      compared.inFlight++;
    }
    if (outcomes[0] !== request.survived) {
      const lostAt = forecast.requests.find(({ id }) => id === request.id)?.at;
      differences.push(
        request.survived
          ? `request ${request.id}: forecast lost${lostAt === undefined ? '' : ` at ${inSeconds(lostAt)}`}, it survived`
          : `request ${request.id}: forecast survived, it was lost${request.error === undefined ? '' : ` (${request.error})`}`,
      );
    }
  }
  for (const expected of [...forecast.apps, ...(forecast.proxy === undefined ? [] : [forecast.proxy])]) {
    const end = seen.ends.find(
      ({ container, role }) => role === expected.role && (role === 'Proxy' || container === expected.name),
    );
    if (end === undefined) {
      missing.push(`how container ${expected.name} ended`);
      continue;
    }
    compared.codes++;
    if (end.exitCode !== expected.exitCode) {
      differences.push(
        `exit code of ${expected.name}: forecast ${expected.exitCode}, it was ${end.exitCode}${end.reason === undefined ? '' : ` (${end.reason})`}`,
      );
    }
    // The status cuts the time to its whole second, so that the middle of that second is the best guess.
    time(`end of ${expected.name}`, (end.finishedAt - seen.deletedAt) / 1000 + 0.5, expected.exitAt);
  }
  if (seen.goneAfterSeconds === undefined) {
    missing.push('when the pod was gone');
  } else {
    gone(seen.goneAfterSeconds, forecast.podGoneAt);
  }
  compareCalls(seen, application, forecast, { compared, differences, missing, time });
  return { pod: seen.pod, forecast, differences, compared, closeCalls, missing, notes };
}

/** Requests that were over before the deletion say nothing of it. */
export function relevantRequests(seen: SeenTermination): SeenRequest[] {
  return seen.requests.filter(({ startedAt, seconds }) => startedAt + seconds * 1000 > seen.deletedAt);
}

/** Requests that were in flight when the pod was deleted: without one its termination proves nothing. */
export function inFlightAtDeletion(seen: SeenTermination): SeenRequest[] {
  return relevantRequests(seen).filter(({ startedAt }) => startedAt < seen.deletedAt);
}

function forecastOf(
  seen: SeenTermination,
  settings: EffectiveSettings,
  application: Application,
  shiftSeconds: number,
): Termination {
  return simulateTermination({
    settings,
    application,
    deletedWithGracePeriod: seen.gracePeriodSeconds,
    requests: relevantRequests(seen).map(({ id, startedAt, seconds }) => {
      const begun = (startedAt - seen.deletedAt) / 1000;
      // What was in flight stays so: only when it ends is in doubt, not whether it got in.
      const startsAt = begun < 0 ? Math.min(begun + shiftSeconds, -0.001) : begun + shiftSeconds;
      return { id, startsAt, lasts: begun + seconds + shiftSeconds - startsAt };
    }),
  });
}

interface Ledger {
  readonly compared: { calls: number };
  readonly differences: string[];
  readonly missing: string[];
  readonly time: (what: string, observed: number, expected: number) => void;
}

function compareCalls(seen: SeenTermination, application: Application, forecast: Termination, ledger: Ledger): void {
  if (application.callsOutEverySecond === undefined) {
    return;
  }
  if (seen.lateCalls === undefined) {
    ledger.missing.push('the late calls of the application');
    return;
  }
  ledger.compared.calls += seen.lateCalls.length;
  const failed = [...seen.lateCalls].sort((a, b) => a.at - b.at).find(({ ok }) => !ok);
  const expected = forecast.callsOutFailFrom;
  if (failed === undefined) {
    // Nothing can be said of calls that a killed application never came to make.
    if (expected !== undefined && lastCallAt(seen) > expected + TOLERANCE_SECONDS) {
      ledger.differences.push(`late calls: forecast to fail from ${inSeconds(expected)}, none failed`);
    }
    return;
  }
  const failedAt = (failed.at - seen.deletedAt) / 1000;
  if (expected === undefined) {
    ledger.differences.push(`late calls: forecast to work, they failed from ${inSeconds(failedAt)}`);
    return;
  }
  ledger.time('first late call that fails', failedAt, expected);
}

function lastCallAt(seen: SeenTermination): number {
  return (seen.lateCalls ?? []).reduce((last, { at }) => Math.max(last, (at - seen.deletedAt) / 1000), -Infinity);
}

function inSeconds(value: number): string {
  return Number.isFinite(value) ? `${Math.round(value * 10) / 10} s` : 'never';
}
