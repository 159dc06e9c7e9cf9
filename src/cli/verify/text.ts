import type { Workload } from '../../drain/model/workload.ts';
import {
  proxyWords,
  TERMINATION_OUTCOMES,
  type Advice,
  type TerminationRecord,
  type TerminationSummary,
} from '../../drain/observe/index.ts';
import { secondsWords } from '../../drain/timeline/draw/index.ts';
import { wrap } from '../help.ts';
import { count, nameOf } from '../output/text.ts';
import type { Style } from '../output/style.ts';

/** All that `verify` says, whatever the format. */
export interface Verification {
  readonly workload: Workload;
  readonly cluster: string;
  readonly policy?: { readonly name: string; readonly longestRequest: number };
  /** Seconds back, or seconds watched. */
  readonly last?: number;
  readonly watched?: number;
  readonly notes: readonly string[];
  readonly ongoing: number;
  readonly records: readonly TerminationRecord[];
  readonly summary: TerminationSummary;
  /** Of the template as it stands now. */
  readonly forecast: {
    readonly gracePeriod: number;
    readonly proxy: string;
    readonly quietProxyExit: number;
    readonly longestInFlight: number;
    readonly neededGrace?: number;
  };
  readonly advice: readonly Advice[];
  readonly passed: boolean;
  readonly tooFew?: string;
}

const SHOWN = 20;
const WIDTH = 100;
const FORGETS =
  'A pod that is gone leaves nothing but its Events, and those the API server forgets after an hour unless it is told otherwise; they say neither exit codes nor when a ' +
  'container ended. Which requests were lost no cluster knows: metrics of the clients do.';

export function verifyText(verification: Verification, style: Style): string {
  const { workload, cluster, policy, records, ongoing, advice, notes, watched, last } = verification;
  const shown = records.slice(-SHOWN);
  const period = watched === undefined ? `the last ${timeWords(last ?? 0)}` : `${timeWords(watched)} of watching`;
  const out = [
    `${style.bold(nameOf(workload))}${style.dim(`  in ${cluster}, ${period}${policy === undefined ? '' : `, policy ${policy.name}`}`)}`,
    ...notes.flatMap((note) => wrap(note, WIDTH, '  ')),
    '',
    style.bold('Terminations'),
    ...(records.length === 0 ? ['  none was seen'] : shown.flatMap((record) => linesOf(record, style))),
    ...(records.length > SHOWN ? [`  and ${records.length - SHOWN} earlier ones (-o json has them all)`] : []),
    ...(ongoing > 0 ? [`  ${count(ongoing, 'pod')} still ending`] : []),
    '',
    style.bold('Summary'),
    ...summaryLines(verification),
    '',
    style.bold('What follows'),
    ...advice.flatMap(({ code, message }) => wrap(`${code}: ${message}`, WIDTH, '  ')),
    ...(verification.tooFew === undefined ? [] : [`  ${style.red(`too few: ${verification.tooFew}`)}`]),
    ...(watched === undefined ? ['', ...wrap(FORGETS, WIDTH, '  ').map((line) => style.dim(line))] : []),
  ];
  return `${out.join('\n')}\n`;
}

function summaryLines({ summary, forecast }: Verification): string[] {
  const { count: number, outcomes, took, gracePeriod } = summary;
  const kinds = TERMINATION_OUTCOMES.filter((outcome) => outcomes[outcome] > 0)
    .map((outcome) => `${outcomes[outcome]} ${outcome}`)
    .join(', ');
  const { quietProxyExit, longestInFlight, neededGrace } = forecast;
  const proxy =
    forecast.proxy === 'None'
      ? 'no proxy'
      : `${forecast.proxy} proxy, ${secondsWords(quietProxyExit)} when nothing is in flight`;
  const survive = Number.isFinite(longestInFlight)
    ? `requests in flight survive up to ${secondsWords(longestInFlight)}`
    : 'requests in flight survive';
  return [
    `  seen      ${number}${kinds === '' ? '' : `: ${kinds}`}`,
    ...(took === undefined
      ? []
      : [
          `  took      ${Math.round(took.shortest)} / ${Math.round(took.median)} / ${Math.round(took.longest)} s (shortest, median, longest of ${took.seen})`,
        ]),
    ...(gracePeriod === undefined
      ? []
      : [
          `  grace     ${gracePeriod.shortest === gracePeriod.longest ? '' : `${gracePeriod.shortest} to `}${gracePeriod.longest} s`,
        ]),
    `  forecast  ${summary.forecast.compared === 0 ? 'nothing to compare with' : `${summary.forecast.agree} of ${summary.forecast.compared} as forecast`}`,
    ...wrap(
      `template  grace period ${forecast.gracePeriod} s${neededGrace === undefined ? '' : ` (the policy needs ${neededGrace})`}; ${proxy}; ${survive}`,
      WIDTH,
      '  ',
    ),
  ];
}

/** One termination in one line. */
export function recordLine(record: TerminationRecord): string {
  return [headOf(record), ...detailsOf(record)].join('; ');
}

function headOf({ pod, deletedAt, outcome, took, gracePeriod }: TerminationRecord): string {
  const time = took === undefined ? '' : `${Math.round(took)} of ${gracePeriod ?? '?'} s`;
  return `${new Date(deletedAt).toISOString().slice(0, 19)}Z  ${outcome.padEnd(10)}  ${time.padEnd(11)}  ${pod}`;
}

function detailsOf({ outcome, why, containers, forecast }: TerminationRecord): string[] {
  return [
    ...(containers.length === 0
      ? []
      : [
          containers
            .map(({ name, exitCode, endedAfter }) => `${name} ended with ${exitCode} after ${Math.round(endedAfter)} s`)
            .join(', '),
        ]),
    ...(outcome === 'Finished' ? [] : [why]),
    ...(forecast === undefined
      ? []
      : forecast.differences.length > 0
        ? [`not as forecast: ${forecast.differences.join('; ')}`]
        : forecast.proxy.length > 0
          ? [`as forecast (proxy: ${forecast.proxy.map(proxyWords).join(' or ')})`]
          : ['as forecast']),
  ];
}

function linesOf(record: TerminationRecord, style: Style): string[] {
  const bad =
    record.outcome === 'Killed' ||
    record.outcome === 'Forced' ||
    record.outcome === 'HookFailed' ||
    (record.forecast?.differences.length ?? 0) > 0;
  const head = headOf(record);
  return [`  ${bad ? style.red(head) : head}`, ...detailsOf(record).flatMap((detail) => wrap(detail, WIDTH, '      '))];
}

function timeWords(seconds: number): string {
  return seconds >= 7200 && seconds % 3600 === 0
    ? `${seconds / 3600} h`
    : seconds >= 120 && seconds % 60 === 0
      ? `${seconds / 60} min`
      : `${seconds} s`;
}
