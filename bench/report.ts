// What the bench prints for people and saves for machines.
import { rounded, round, spreadOf, type Spread } from './measure.ts';
import type { Restart } from './rest.ts';
import type { Round } from './rounds.ts';

export interface Results {
  readonly operators: readonly { readonly name: string; readonly commit?: string | undefined; readonly node: string }[];
  readonly processors: number;
  /** Of the machine, a minute before the first round. */
  readonly loadBefore: number;
  readonly connections: number;
  readonly writesInFlight: number;
  readonly workloads: number;
  readonly fleet: number;
  /** By side: base, today, writer. */
  readonly rounds: Readonly<Record<string, readonly Round[]>>;
  readonly atRest: Readonly<Record<string, readonly Restart[]>>;
  readonly audited: { readonly workloads: number; readonly writesPerWorkload: readonly number[] };
}

interface Aim {
  readonly what: string;
  readonly aim: string;
  readonly value: number;
  readonly met: boolean;
}

/** One row of a table: a figure of every side. */
interface Row {
  readonly what: string;
  readonly sides: Readonly<Record<string, Spread>>;
  /** Today's figure by the one of the base: round by round, which is what both sides saw of the machine. */
  readonly todayByBase?: Spread;
}

const SIDES = ['base', 'today', 'writer'];

export function printReport(results: Results): unknown {
  const { rounds, atRest, workloads, fleet } = results;
  const perWorkload = ({ processorSeconds }: Round): number | undefined =>
    processorSeconds === undefined ? undefined : (processorSeconds * 1000) / workloads;
  const processor = row('processor time per workload, ms', rounds, perWorkload);
  const peak = row('peak memory, MB', rounds, ({ peakMb }) => peakMb);
  const writes = row('writes per workload', rounds, ({ patches }) => patches / workloads);
  const converge = [
    row('all written, s', rounds, ({ seconds }) => seconds),
    row('first written, s', rounds, ({ firstSeconds }) => firstSeconds),
    writes,
    processor,
    peak,
  ];
  const check = row('caches synced to all checked, s', atRest, ({ checkSeconds }) => checkSeconds);
  const restPeak = row('peak memory, MB', atRest, ({ peakMb }) => peakMb);
  const restWrites = row('writes', atRest, ({ patches }) => patches);
  const rest = [
    row('start to caches synced, s', atRest, ({ syncSeconds }) => syncSeconds),
    check,
    row('processor time, start to all checked, s', atRest, ({ processorSeconds }) => processorSeconds),
    restPeak,
    row('memory at rest, MB', atRest, ({ restMb }) => restMb),
    restWrites,
  ];
  const toWriter = spreadOf(
    (rounds['today'] ?? []).map(({ seconds }, index) => seconds / (rounds['writer']?.[index]?.seconds ?? NaN)),
  );
  const aims = [
    aim('processor time per workload, today / base', processor.todayByBase, 0.5),
    aim('all written, today / bare writer', toWriter, 1.2),
    aim(`peak memory at ${workloads}, today / base`, peak.todayByBase, 0.8),
    aim(`peak memory at rest with ${fleet}, today / base`, restPeak.todayByBase, 0.8),
    aim(`caches synced to all checked with ${fleet}, today / base`, check.todayByBase, 0.5),
    exactly('writes per workload, today', writes.sides['today']?.max, 1),
    exactly('writes at rest, today', restWrites.sides['today']?.max, 0),
  ].filter((each) => each !== undefined);
  const text = [
    '',
    ...results.operators.map(
      ({ name, commit, node }) => `${name}: ${commit ?? 'the working copy'}, Node.js ${node.replace('v', '')}`,
    ),
    `${results.processors} processors, load ${results.loadBefore} before the run, ${results.writesInFlight} writes in flight`,
    '',
    `${workloads} Deployments become compliant; median (min to max) of ${rounds['today']?.length ?? 0} rounds by turns`,
    '',
    ...table(converge),
    '',
    ...(fleet === 0
      ? []
      : [
          `${fleet} Deployments that are compliant already; ${atRest['today']?.length ?? 0} starts by turns`,
          '',
          ...table(rest),
          '',
        ]),
    `Audit log: ${results.audited.workloads} Deployments, each written ${results.audited.writesPerWorkload.join(' or ')} time(s)`,
    '',
    ...aims.map(
      ({ what, aim: wanted, value, met }) => `  ${met ? 'met   ' : 'MISSED'}  ${what}: ${value}, aim ${wanted}`,
    ),
  ];
  console.log(text.join('\n'));
  return { ...results, summary: { converge, atRest: rest, todayByWriter: rounded(toWriter) }, aims };
}

function row<T>(
  what: string,
  bySide: Readonly<Record<string, readonly T[]>>,
  figure: (one: T) => number | undefined,
): Row {
  const known = (side: string): number[] =>
    (bySide[side] ?? []).map(figure).filter((value): value is number => value !== undefined);
  const sides = Object.fromEntries(
    SIDES.filter((side) => known(side).length > 0).map((side) => [side, rounded(spreadOf(known(side)))]),
  );
  const [base, today] = [known('base'), known('today')];
  return base.length === 0 || base.length !== today.length || base.includes(0)
    ? { what, sides }
    : { what, sides, todayByBase: rounded(spreadOf(today.map((value, index) => value / (base[index] ?? NaN)))) };
}

export function table(rows: readonly Row[]): string[] {
  const sides = SIDES.filter((side) => rows.some((each) => each.sides[side] !== undefined));
  const cell = (spread: Spread | undefined): string =>
    spread === undefined ? '' : `${short(spread.median)} (${short(spread.min)} to ${short(spread.max)})`;
  return [
    `| | ${[...sides, 'today / base'].join(' | ')} |`,
    `|---|${'---|'.repeat(sides.length + 1)}`,
    ...rows.map(
      ({ what, sides: found, todayByBase }) =>
        `| ${what} | ${[...sides.map((side) => cell(found[side])), cell(todayByBase)].join(' | ')} |`,
    ),
  ];
}

function short(value: number): number {
  return round(value, value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

function aim(what: string, spread: Spread | undefined, most: number): Aim | undefined {
  return spread === undefined
    ? undefined
    : { what, aim: `<= ${most}`, value: round(spread.median, 2), met: spread.median <= most };
}

function exactly(what: string, value: number | undefined, wanted: number): Aim | undefined {
  return value === undefined ? undefined : { what, aim: String(wanted), value, met: value === wanted };
}
