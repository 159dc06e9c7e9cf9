// Numbers about runs and processes.
import { readFileSync } from 'node:fs';

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median =
    sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
  return { min: sorted[0] ?? 0, median: median ?? 0, max: sorted.at(-1) ?? 0 };
}

/** Of a spread, rounded for people and for files. */
export function rounded(spread: Spread, digits = 3): Spread {
  return { min: round(spread.min, digits), median: round(spread.median, digits), max: round(spread.max, digits) };
}

export function round(value: number, digits = 3): number {
  return Number(value.toFixed(digits));
}

/** Megabytes (10^6 bytes) of memory that the process has held at most so far, and holds now. Linux only. */
export function memoryOf(pid: number): { peakMb: number; nowMb: number } | undefined {
  const status = readProc(`/proc/${pid}/status`);
  const kilobytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status ?? '')?.[1] ?? NaN);
  const megabytes = (field: string): number => round((kilobytes(field) * 1024) / 1e6, 1);
  return status === undefined ? undefined : { peakMb: megabytes('VmHWM'), nowMb: megabytes('VmRSS') };
}

/** Seconds of processor time that the process has used. Linux only, where a tick is a hundredth of a second. */
export function processorSecondsOf(pid: number): number | undefined {
  const stat = readProc(`/proc/${pid}/stat`);
  // The program's name may hold spaces; it stands in brackets.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) / 100;
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
