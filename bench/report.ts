// What the bench prints for people and saves for machines.
import { rounded, round, spreadOf, type Spread } from './measure.ts';
import type { Restart } from './rest.ts';
import type { Round } from './rounds.ts';

export interface Results {
  readonly node: string;
  readonly processors: number;
  readonly connections: number;
  readonly writesInFlight: number;
  readonly workloads: number;
  readonly fleet: number;
  readonly operatorRounds: readonly Round[];
  readonly writerRounds: readonly Round[];
  readonly atRest: readonly Restart[];
  readonly audited: { readonly workloads: number; readonly writesPerWorkload: readonly number[] };
}

interface Aim {
  readonly what: string;
  readonly aim: string;
  readonly value: number;
  readonly met: boolean;
}

export function printReport(results: Results): unknown {
  const { operatorRounds, writerRounds, atRest, workloads, fleet } = results;
  const ratios = operatorRounds.map((one, index) => one.seconds / (writerRounds[index]?.seconds ?? NaN));
  const summary = {
    operatorSeconds: rounded(spreadOf(operatorRounds.map((one) => one.seconds))),
    writerSeconds: rounded(spreadOf(writerRounds.map((one) => one.seconds))),
    ratio: rounded(spreadOf(ratios)),
    operatorFirstSeconds: rounded(spreadOf(operatorRounds.map((one) => one.firstSeconds))),
    writerFirstSeconds: rounded(spreadOf(writerRounds.map((one) => one.firstSeconds))),
    writesPerWorkload: rounded(spreadOf(operatorRounds.map((one) => one.patches / workloads))),
    operatorProcessorMsPerWorkload: perWorkload(operatorRounds, workloads),
    writerProcessorMsPerWorkload: perWorkload(writerRounds, workloads),
    operatorPeakMb: memory(operatorRounds.map((one) => one.peakMb)),
    atRest:
      atRest.length === 0
        ? undefined
        : {
            workloads: fleet,
            syncSeconds: rounded(spreadOf(atRest.map((one) => one.syncSeconds))),
            checkSeconds: rounded(spreadOf(atRest.map((one) => one.checkSeconds))),
            writes: rounded(spreadOf(atRest.map((one) => one.patches))),
            peakMb: memory(atRest.map((one) => one.peakMb)),
            restMb: memory(atRest.map((one) => one.restMb)),
          },
  };
  const aims: Aim[] = [
    aim('ratio operator : bare writer (median)', '<= 1.10', summary.ratio.median, (value) => value <= 1.1),
    aim('writes per workload', '1', summary.writesPerWorkload.max, (value) => value === 1),
    ...(summary.operatorPeakMb === undefined
      ? []
      : [aim(`peak memory at ${workloads}, MB`, '<= 120', summary.operatorPeakMb.max, (value) => value <= 120)]),
    ...(summary.atRest === undefined
      ? []
      : [
          aim(`writes at rest, ${fleet} workloads`, '0', summary.atRest.writes.max, (value) => value === 0),
          aim(
            'seconds from synced caches to all checked (median)',
            '<= 1.5',
            summary.atRest.checkSeconds.median,
            (value) => value <= 1.5,
          ),
          ...(summary.atRest.peakMb === undefined
            ? []
            : [aim(`peak memory at ${fleet}, MB`, '<= 150', summary.atRest.peakMb.max, (value) => value <= 150)]),
        ]),
  ];
  print(results, summary, aims);
  return { ...results, summary, aims };
}

function aim(what: string, wanted: string, value: number, holds: (value: number) => boolean): Aim {
  return { what, aim: wanted, value, met: holds(value) };
}

function memory(values: readonly (number | undefined)[]): Spread | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : rounded(spreadOf(known), 1);
}

function perWorkload(rounds: readonly Round[], workloads: number): Spread | undefined {
  const known = rounds.map((one) => one.processorSeconds).filter((value) => value !== undefined);
  return known.length === 0 ? undefined : rounded(spreadOf(known.map((seconds) => (seconds * 1000) / workloads)));
}

interface Summary {
  readonly operatorSeconds: Spread;
  readonly writerSeconds: Spread;
  readonly ratio: Spread;
  readonly operatorFirstSeconds: Spread;
  readonly writerFirstSeconds: Spread;
  readonly writesPerWorkload: Spread;
  readonly operatorProcessorMsPerWorkload: Spread | undefined;
  readonly writerProcessorMsPerWorkload: Spread | undefined;
  readonly operatorPeakMb: Spread | undefined;
  readonly atRest:
    | {
        readonly syncSeconds: Spread;
        readonly checkSeconds: Spread;
        readonly writes: Spread;
        readonly peakMb: Spread | undefined;
        readonly restMb: Spread | undefined;
      }
    | undefined;
}

function print(results: Results, summary: Summary, aims: readonly Aim[]): void {
  const lines: string[] = [
    '',
    `${results.workloads} Deployments become compliant, ${results.operatorRounds.length} rounds, ${results.writesInFlight} writes in flight, Node.js ${results.node}, ${results.processors} processors`,
    '',
  ];
  const row = (what: string, spread: Spread | undefined): void => {
    lines.push(
      spread === undefined
        ? `  ${what.padEnd(46)} not known here`
        : `  ${what.padEnd(46)}${[spread.min, spread.median, spread.max].map((value) => String(round(value)).padStart(10)).join('')}`,
    );
  };
  const head = (text: string): void => {
    lines.push(`  ${text.padEnd(46)}${['min', 'median', 'max'].map((word) => word.padStart(10)).join('')}`);
  };
  head('');
  row('operator, s', summary.operatorSeconds);
  row('bare writer, s', summary.writerSeconds);
  row('ratio', summary.ratio);
  row('operator: first object, s', summary.operatorFirstSeconds);
  row('bare writer: first object, s', summary.writerFirstSeconds);
  row('operator: writes per workload', summary.writesPerWorkload);
  row('operator: processor time per workload, ms', summary.operatorProcessorMsPerWorkload);
  row('bare writer: processor time per workload, ms', summary.writerProcessorMsPerWorkload);
  row('operator: peak memory, MB', summary.operatorPeakMb);
  if (summary.atRest !== undefined) {
    lines.push(
      '',
      `${results.fleet} Deployments that are compliant already, ${results.atRest.length} starts of the operator`,
      '',
    );
    head('');
    row('start to caches synced, s', summary.atRest.syncSeconds);
    row('caches synced to all checked, s', summary.atRest.checkSeconds);
    row('writes to Deployments', summary.atRest.writes);
    row('peak memory, MB', summary.atRest.peakMb);
    row('memory at rest, MB', summary.atRest.restMb);
  }
  lines.push(
    '',
    `Audit log: ${results.audited.workloads} Deployments, each written ${results.audited.writesPerWorkload.join(' or ')} time(s)`,
    '',
  );
  for (const { what, aim: wanted, value, met } of aims) {
    lines.push(`  ${met ? 'met   ' : 'MISSED'}  ${what}: ${round(value)}, aim ${wanted}`);
  }
  console.log(lines.join('\n'));
}
