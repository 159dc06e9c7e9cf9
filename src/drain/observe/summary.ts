import { PROXY_CONTAINER } from '../../api/names.ts';
import { DEFAULT_DRAIN_BUDGET } from '../nodes/budget.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';
import { proxyClocks } from '../promise/clocks.ts';
import { TOLERANCE_SECONDS } from './pod.ts';
import { SIGKILL_EXIT_CODE } from '../timeline/termination.ts';
import { TERMINATION_OUTCOMES, type TerminationOutcome } from './outcome.ts';
import type { TerminationRecord } from './record.ts';

export interface TerminationSummary {
  readonly count: number;
  readonly outcomes: Readonly<Record<TerminationOutcome, number>>;
  /** Seconds that terminations took, of those whose end was seen. */
  readonly took?: {
    readonly seen: number;
    readonly shortest: Seconds;
    readonly median: Seconds;
    readonly longest: Seconds;
  };
  /** Shortest and longest grace period that was given. */
  readonly gracePeriod?: { readonly shortest: Seconds; readonly longest: Seconds };
  readonly forecast: { readonly compared: number; readonly agree: number; readonly differ: number };
}

export function summarise(records: readonly TerminationRecord[]): TerminationSummary {
  const took = records.flatMap((record) => record.took ?? []).sort((a, b) => a - b);
  const graces = records.flatMap((record) => record.gracePeriod ?? []).sort((a, b) => a - b);
  const compared = records.filter(({ forecast }) => forecast !== undefined);
  const differ = compared.filter(({ forecast }) => forecast?.differences.length !== 0).length;
  const outcomes = Object.fromEntries(
    TERMINATION_OUTCOMES.map((outcome) => [outcome, records.filter((record) => record.outcome === outcome).length]),
  );
  return {
    count: records.length,
    outcomes: outcomes as Record<TerminationOutcome, number>,
    ...(took.length === 0
      ? {}
      : { took: { seen: took.length, shortest: took[0] ?? 0, median: median(took), longest: took.at(-1) ?? 0 } }),
    ...(graces.length === 0 ? {} : { gracePeriod: { shortest: graces[0] ?? 0, longest: graces.at(-1) ?? 0 } }),
    forecast: { compared: compared.length, agree: compared.length - differ, differ },
  };
}

function median(sorted: readonly Seconds[]): Seconds {
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** What follows from what was seen, as a closed list. */
export interface Advice {
  readonly code:
    | 'RaiseGracePeriod'
    | 'BoundTheWait'
    | 'RepairHook'
    | 'KeepProxyLonger'
    | 'DoNotForce'
    | 'LookCloser'
    | 'LowerGracePeriod'
    | 'NothingToDo'
    | 'NothingSeen';
  readonly message: string;
}

export interface AdviceInput {
  readonly records: readonly TerminationRecord[];
  /** Of the template as it stands now: whatever is advised changes that. */
  readonly settings: EffectiveSettings;
  /** The grace period that the policy, or what is assumed in its place, needs. */
  readonly neededGrace?: Seconds;
}

/** A grace period that is this much longer than what is used is worth a word. */
const FAR_TOO_LONG_FACTOR = 3;
const FAR_TOO_LONG_SECONDS = 60;
/** Fewer terminations than this say nothing about the usual. */
const ENOUGH_TO_LOWER = 3;

/** The most important first; never empty. */
export function recommend(input: AdviceInput): Advice[] {
  const { records } = input;
  if (records.length === 0) {
    return [{ code: 'NothingSeen', message: 'Nothing was seen, so nothing follows. Watch a rollout with --watch.' }];
  }
  const first = [...killedAdvice(input), ...hookAdvice(input), ...forcedAdvice(input)];
  // Who was killed needs time first of all; whether the proxy was there for it is the next question.
  const advice = [...first, ...(first.length === 0 ? earlyProxyAdvice(input) : []), ...differenceAdvice(input)];
  if (advice.length > 0) {
    return advice;
  }
  const longGrace = longGraceAdvice(input);
  return [
    longGrace ??
      (records.every(({ outcome }) => outcome === 'Unknown')
        ? {
            code: 'NothingSeen',
            message: 'What is left of these pods does not say how they ended. Watch a rollout with --watch.',
          }
        : { code: 'NothingToDo', message: 'Nothing to do: the pods ended by themselves within their grace period.' }),
  ];
}

function killedAdvice({ records, settings, neededGrace }: AdviceInput): Advice[] {
  const killed = records.filter(({ outcome }) => outcome === 'Killed');
  if (killed.length === 0) {
    return [];
  }
  const present = settings.gracePeriod.value;
  const shortest = killed.reduce((least, record) => Math.min(least, record.gracePeriod ?? present), Infinity);
  if (shortest < present && killed.every((record) => (record.gracePeriod ?? present) < present)) {
    return [
      {
        code: 'LookCloser',
        message: `The pods that were killed had ${shortest} s; the template gives ${present} s now. Whoever deleted them gave less time, or they were made before the change.`,
      },
    ];
  }
  if (neededGrace !== undefined && neededGrace > present) {
    return [
      {
        code: 'RaiseGracePeriod',
        message: `Raise terminationGracePeriodSeconds from ${present} to ${neededGrace}: what is promised to requests does not fit into it.`,
      },
    ];
  }
  const victims = killed.flatMap(({ containers }) =>
    containers.filter(({ exitCode }) => exitCode === SIGKILL_EXIT_CODE),
  );
  const endless = endlessHook(settings);
  const advice: Advice[] = [];
  if (victims.some(({ role }) => role === 'Proxy')) {
    advice.push(
      endless !== undefined
        ? {
            code: 'RepairHook',
            message: `The preStop of ${PROXY_CONTAINER} has no end of its own, so the proxy is killed: ${endless}.`,
          }
        : settings.exitOnZeroActiveConnections.value && settings.proxy.container === 'Classic'
          ? {
              code: 'BoundTheWait',
              message:
                'With EXIT_ON_ZERO_ACTIVE_CONNECTIONS the proxy waited for a connection that never closed: an idle keep-alive client, or a request longer than the grace period. mode: Fixed, or strategy: PreStopHook with hook: ActiveRequests, does not wait for idle connections.',
            }
          : raised(present, `the proxy was still draining`),
    );
  }
  const apps = [...new Set(victims.filter(({ role }) => role === 'App').map(({ name }) => name))];
  if (apps.length > 0 && advice.length === 0) {
    advice.push(
      raised(
        present,
        `${apps.join(', ')} still ran when it was over, and how long it would have needed cannot be seen`,
      ),
    );
  }
  return advice.length === 0 ? [raised(present, 'it was exceeded')] : advice;
}

function raised(present: Seconds, why: string): Advice {
  const twice = Math.min(2 * present, DEFAULT_DRAIN_BUDGET.seconds);
  return twice > present
    ? {
        code: 'RaiseGracePeriod',
        message: `terminationGracePeriodSeconds: ${present} is too short: ${why}. Raise it to ${twice}, and verify again; or find out what the application waits for.`,
      }
    : {
        code: 'LookCloser',
        message: `${present} s were not enough: ${why}. More than that cluster autoscalers do not wait for; the work has to end earlier, or be handed over.`,
      };
}

/** Why the proxy's preStop has no end, where it has none. */
function endlessHook(settings: EffectiveSettings): string | undefined {
  const hook = proxyClocks(settings).hook;
  return hook === undefined || (!hook.neverEnds && typeof hook.atMost === 'number')
    ? undefined
    : (hook.recognised?.explanation ?? hook.summary).replace(/\.$/, '');
}

function hookAdvice({ records, settings }: AdviceInput): Advice[] {
  const failed = records.filter(({ hookFailures }) => hookFailures.length > 0);
  const containers = [...new Set(failed.flatMap(({ hookFailures }) => hookFailures.map(({ container }) => container)))];
  return containers.map((container) => {
    const number = failed.filter(({ hookFailures }) =>
      hookFailures.some((failure) => failure.container === container),
    ).length;
    return {
      code: 'RepairHook' as const,
      message: `The preStop of ${container} failed in ${number} of ${records.length} terminations, so that SIGTERM came at once${becauseOf(container, settings)}. A hook that cannot run waits for nothing: repair it, or take it away.`,
    };
  });
}

function becauseOf(container: string, settings: EffectiveSettings): string {
  const hook = container === PROXY_CONTAINER ? proxyClocks(settings).hook : undefined;
  if (hook?.needsShell !== true) {
    return '';
  }
  const { tools } = hook;
  return settings.proxyImage.value === 'distroless'
    ? `: it needs ${tools.join(', ')}, and the proxy image is distroless`
    : `: it needs ${tools.join(', ')}; see whether the proxy image has them`;
}

/**
 * A proxy that was gone while the application still ran: what was in flight then was cut, and calls of the application were
 * refused. Both ends were seen, so that this needs no forecast.
 */
function earlyProxyAdvice({ records, settings }: AdviceInput): Advice[] {
  const gaps = records.flatMap(({ containers }) => {
    const proxy = containers.find(({ role }) => role === 'Proxy');
    const lastApp = containers
      .filter(({ role, name }) => role === 'App' && servesIn(settings, name))
      .reduce((last, { endedAfter }) => Math.max(last, endedAfter), 0);
    const gap = proxy === undefined ? 0 : lastApp - proxy.endedAfter;
    return gap > TOLERANCE_SECONDS ? [gap] : [];
  });
  if (gaps.length === 0) {
    return [];
  }
  const longest = Math.round(Math.max(...gaps));
  return [
    {
      code: 'KeepProxyLonger',
      message: `In ${gaps.length} of ${records.length} terminations the proxy ended before the application, by up to ${longest} s: what was in flight then was cut, and calls of the application were refused. A policy, or a longer drain of the proxy, keeps it alive; sidecar-drain explain shows how.`,
    },
  ];
}

/** A worker beside the server may run on without anybody; a container that the template does not have may be any. */
function servesIn(settings: EffectiveSettings, name: string): boolean {
  return settings.apps.find((app) => app.name === name)?.serves !== false;
}

function forcedAdvice({ records }: AdviceInput): Advice[] {
  const forced = records.filter(({ outcome }) => outcome === 'Forced').length;
  return forced === 0
    ? []
    : [
        {
          code: 'DoNotForce',
          message: `${forced} of ${records.length} pods were removed without waiting for their end (kubectl delete --force, or a node that was lost). No setting of a pod helps against that.`,
        },
      ];
}

function differenceAdvice({ records }: AdviceInput): Advice[] {
  const differing = records.filter(({ forecast }) => (forecast?.differences.length ?? 0) > 0);
  const example = differing[0];
  return example === undefined
    ? []
    : [
        {
          code: 'LookCloser',
          message: `${differing.length} of ${records.length} terminations did not go as the engine says, for example ${example.pod}: ${example.forecast?.differences.join('; ') ?? ''}. sidecar-drain explain shows what it expects and where each setting comes from.`,
        },
      ];
}

function longGraceAdvice({ records, settings, neededGrace }: AdviceInput): Advice | undefined {
  const took = records.flatMap((record) => record.took ?? []);
  const present = settings.gracePeriod.value;
  const longest = took.reduce((most, seconds) => Math.max(most, seconds), 0);
  if (
    took.length < ENOUGH_TO_LOWER ||
    present < FAR_TOO_LONG_FACTOR * longest ||
    present - longest < FAR_TOO_LONG_SECONDS ||
    present <= (neededGrace ?? 0)
  ) {
    return undefined;
  }
  const enough = Math.max(neededGrace ?? 0, Math.ceil(2 * longest), 30);
  return enough >= present
    ? undefined
    : {
        code: 'LowerGracePeriod',
        message: `Pods end after at most ${Math.round(longest)} s and may take ${present} s. That costs nothing as long as all goes well; a pod that hangs holds up rollouts and node drains for that long. terminationGracePeriodSeconds: ${enough} would do.`,
      };
}
