// What a restart under load has shown. Pure.
import type { EffectiveSettings } from '../src/drain/model/settings.ts';
import type { Application } from '../src/drain/timeline/application.ts';
import { compareTermination, inFlightAtDeletion, type SeenTermination } from './observe/forecast.ts';
import type { LoadRequest } from './observe/lines.ts';
import { lateCallsExpected, type Form, type ScenarioName, type Timing } from './plan/scenarios.ts';
import type { Verdict } from './results.ts';

export interface Checks {
  add(check: string, verdict: Verdict, detail: string, more?: readonly string[]): void;
  /** Kept in the JSON of the results. */
  termination(record: unknown): void;
}

export interface Evidence {
  readonly application: Application;
  readonly timing: Timing;
  readonly seen: readonly {
    readonly termination: SeenTermination;
    readonly settings: EffectiveSettings;
    readonly restarts: number;
  }[];
  /** Those that were sent until the old pods were gone. */
  readonly requests: readonly LoadRequest[];
  readonly watchBreaks: readonly string[];
}

export function judge(checks: Checks, scenario: ScenarioName, form: Form, evidence: Evidence): void {
  judgeRequests(checks, scenario, evidence);
  judgeLateCalls(checks, scenario, form, evidence);
  for (const each of evidence.seen) {
    judgeForecast(checks, evidence, each);
  }
}

function judgeRequests(checks: Checks, scenario: ScenarioName, { requests, seen }: Evidence): void {
  const lost = requests.filter(({ survived }) => survived !== true);
  const bare = seen
    .filter(({ termination }) => inFlightAtDeletion(termination).length === 0)
    .map(({ termination }) => termination.pod);
  const inFlight = seen.reduce((sum, { termination }) => sum + inFlightAtDeletion(termination).length, 0);
  const numbers = `${requests.length} requests, ${inFlight} in flight when their pod was deleted, ${lost.length} lost`;
  const more = lost.map(({ id, error }) => `${id}: ${error ?? 'lost'}`);
  const title = scenario === 'default' ? 'without a policy requests are lost' : 'no request is lost';
  if (seen.length === 0 || bare.length > 0) {
    checks.add(
      title,
      'Void',
      `${numbers}; nothing was in flight in ${bare.join(', ') || 'any pod'}, so that nothing could be lost`,
      more,
    );
  } else if (scenario === 'default') {
    checks.add(
      title,
      lost.length > 0 ? 'Passed' : 'Void',
      lost.length > 0
        ? `${numbers}${example(more)}`
        : `${numbers}: with this mesh the policies have nothing to prove. Longer requests (E2E_HOLD) may`,
      more,
    );
  } else {
    checks.add(title, lost.length === 0 ? 'Passed' : 'Failed', `${numbers}${example(more)}`, more);
  }
}

function example(lines: readonly string[]): string {
  return lines[0] === undefined ? '' : `, for example ${lines[0]}`;
}

function judgeLateCalls(checks: Checks, scenario: ScenarioName, form: Form, { seen }: Evidence): void {
  const expected = lateCallsExpected(scenario, form);
  const title =
    expected === 'Work' ? 'late calls of the application work' : 'late calls of the application are refused';
  const logs = seen.map(({ termination }) => termination.lateCalls);
  const calls = logs.flatMap((each) => each ?? []);
  const failed = calls.filter(({ ok }) => !ok).length;
  const numbers = `${calls.length} calls after SIGTERM, ${failed} failed`;
  if (calls.length === 0 || logs.some((each) => each === undefined || each.length === 0)) {
    checks.add(title, 'Void', `${numbers}; the log of a server was not seen to its end, or it made no call`);
    return;
  }
  const asExpected = expected === 'Work' ? failed === 0 : failed > 0;
  checks.add(title, asExpected ? 'Passed' : scenario === 'default' ? 'Void' : 'Failed', numbers);
}

function judgeForecast(
  checks: Checks,
  { application, watchBreaks }: Evidence,
  { termination, settings, restarts }: Evidence['seen'][number],
): void {
  const title = `forecast of ${termination.pod}`;
  if (Number.isNaN(termination.deletedAt)) {
    checks.add(
      title,
      'Void',
      `its deletion was not seen${watchBreaks.length > 0 ? ` (the watch broke: ${watchBreaks.join('; ')})` : ''}`,
    );
    return;
  }
  const comparison = compareTermination(termination, settings, application);
  checks.termination({ termination, comparison });
  const { compared, differences, closeCalls, missing, notes: seenBeside } = comparison;
  const numbers = `${compared.requests} requests, ${compared.codes} exit codes, ${compared.times} times, ${compared.calls} late calls compared`;
  const notes = [
    ...(closeCalls.length > 0 ? [`${closeCalls.length} too close to the cut to judge`] : []),
    ...missing.map((text) => `not seen: ${text}`),
    ...seenBeside,
    ...(restarts > 0 ? [`containers restarted ${restarts} times`] : []),
  ];
  const detail = [...differences, numbers, ...notes].join('; ');
  const nothing = compared.requests === 0 || compared.codes === 0;
  checks.add(title, differences.length > 0 ? 'Failed' : nothing ? 'Void' : 'Passed', detail, differences);
}
