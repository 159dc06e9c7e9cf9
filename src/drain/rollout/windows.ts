import { Cron } from 'croner';
import { parsePolicyDuration } from '../../api/duration.ts';
import { WallClock } from './wall-clock.ts';

/** A window as the policy states it, defaults filled in. */
export interface WindowSpec {
  /** Five fields of cron: when the window opens. */
  readonly schedule: string;
  /** How long it stays open, for example 3h: elapsed time, also across a change of the clock. */
  readonly duration: string;
  /** IANA name of the zone in which the schedule is meant; UTC where it is absent. */
  readonly timeZone?: string;
}

export interface CompiledWindow {
  readonly durationMs: number;
  /** The first opening after a time (both in milliseconds since 1970), or undefined where there is none any more. */
  readonly openingAfter: (at: number) => number | undefined;
}

export type CompiledWindows =
  | { readonly ok: true; readonly windows: readonly CompiledWindow[] }
  | { readonly ok: false; readonly path: string; readonly message: string };

export type WindowAnswer =
  | { readonly open: true }
  /** `opensAt` is in milliseconds since 1970; absent where no window ever opens again. */
  | { readonly open: false; readonly opensAt?: number };

const OPEN: WindowAnswer = { open: true };
/** Any leap year: a schedule that has no opening in the years after it has none at all. */
const SOME_TIME = Date.UTC(2024, 0, 1);
/** A clock is put back by a day at most (a change of the date line); a schedule comes once a minute at most. */
const MOST_READINGS = 24 * 60 + 1;
const FIVE_FIELDS = /^\S+( +\S+){4}$/;

/** Reads windows; the schema cannot tell whether a schedule or a zone exists, so this says what is wrong and where. */
export function compileWindows(specs: readonly WindowSpec[]): CompiledWindows {
  const windows: CompiledWindow[] = [];
  for (const [index, spec] of specs.entries()) {
    const path = `spec.rollout.windows[${index}]`;
    const zone = zoneProblem(spec.timeZone ?? 'UTC');
    if (zone !== undefined) {
      return { ok: false, path: `${path}.timeZone`, message: zone };
    }
    const cron = readSchedule(spec);
    if (typeof cron === 'string') {
      return { ok: false, path: `${path}.schedule`, message: cron };
    }
    windows.push({ durationMs: parsePolicyDuration(spec.duration) * 1000, openingAfter: cron });
  }
  return { ok: true, windows };
}

/** Whether something that restarts pods may be written now. Without any window it always may. */
export function windowAt(windows: readonly CompiledWindow[], now: number): WindowAnswer {
  if (windows.length === 0) {
    return OPEN;
  }
  let opensAt: number | undefined;
  for (const { durationMs, openingAfter } of windows) {
    // One that opened within the last `duration` has not closed yet.
    const opening = openingAfter(now - durationMs);
    if (opening !== undefined && opening <= now) {
      return OPEN;
    }
    if (opening !== undefined && (opensAt === undefined || opening < opensAt)) {
      opensAt = opening;
    }
  }
  return { open: false, opensAt };
}

export function windowMessage({ opensAt }: { readonly opensAt?: number }): string {
  return opensAt === undefined
    ? 'no window opens any more'
    : `the next window opens at ${new Date(opensAt).toISOString().replace('.000Z', 'Z')}`;
}

function zoneProblem(timeZone: string): string | undefined {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
    return undefined;
  } catch {
    return `there is no time zone ${JSON.stringify(timeZone)}: write a name of the IANA database, for example Europe/Berlin or UTC`;
  }
}

/** The openings of the schedule, or what is wrong with it. */
function readSchedule({ schedule, timeZone = 'UTC' }: WindowSpec): CompiledWindow['openingAfter'] | string {
  if (!FIVE_FIELDS.test(schedule.trim())) {
    return `${JSON.stringify(schedule)} is not a schedule: write five fields (minute, hour, day of month, month, day of week), for example "0 2 * * 1-5"`;
  }
  try {
    const hour = schedule.trim().split(/ +/u)[1] ?? '';
    const everyHour = hour === '*' || hour === '*/1';
    const cron = new Cron(schedule.trim(), { timezone: everyHour ? timeZone : 'UTC', paused: true, mode: '5-part' });
    if (cron.nextRun(new Date(SOME_TIME)) === null) {
      return `${JSON.stringify(schedule)} never comes: no month has such a day`;
    }
    return everyHour ? (at) => cron.nextRun(new Date(at))?.getTime() : openingsByWallClock(cron, timeZone);
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^Cron\w+: /, '') : String(error);
    return `${JSON.stringify(schedule)} is not a schedule: ${why}`;
  }
}

/**
 * A time that the change to summer time leaves out opens at the moment of the change, and a time that comes twice opens at
 * the first, whatever form the fields have: croner promises that for fixed times only, so it is asked for readings of the
 * wall clock, which know no change.
 * @param cron the schedule, read in UTC
 */
function openingsByWallClock(cron: Cron, timeZone: string): CompiledWindow['openingAfter'] {
  const clock = new WallClock(timeZone);
  return (at) => {
    let reading = cron.nextRun(new Date(clock.reading(at)));
    for (let tries = 0; reading !== null && tries < MOST_READINGS; tries += 1) {
      const opening = clock.instant(reading.getTime());
      if (opening > at) {
        return opening;
      }
      // In an hour that comes twice, at its second time: the first was the one that counted.
      reading = cron.nextRun(reading);
    }
    return undefined;
  };
}
