import { describe, expect, it } from '@jest/globals';
import {
  compileWindows,
  windowAt,
  windowMessage,
  type CompiledWindow,
  type WindowSpec,
} from '../../../../src/drain/rollout/windows.ts';

function compiled(...specs: readonly Partial<WindowSpec>[]): readonly CompiledWindow[] {
  const result = compileWindows(
    specs.map((spec) => ({ schedule: '0 2 * * *', duration: '3h', timeZone: 'UTC', ...spec })),
  );
  if (!result.ok) {
    throw new Error(`${result.path}: ${result.message}`);
  }
  return result.windows;
}

function at(windows: readonly CompiledWindow[], time: string): string {
  const answer = windowAt(windows, Date.parse(time));
  return answer.open ? 'open' : windowMessage(answer);
}

describe('a window', () => {
  it.each([
    ['2026-03-10T01:59:59.999Z', 'the next window opens at 2026-03-10T02:00:00Z'],
    ['2026-03-10T02:00:00.000Z', 'open'],
    ['2026-03-10T04:59:59.999Z', 'open'],
    ['2026-03-10T05:00:00.000Z', 'the next window opens at 2026-03-11T02:00:00Z'],
  ])('from 02:00 for 3h, at %s: %s', (time, expected) => {
    expect(at(compiled({}), time)).toBe(expected);
  });

  it('is meant in its time zone', () => {
    const windows = compiled({ schedule: '0 2 * * 1-5', timeZone: 'Europe/Berlin' });

    expect(at(windows, '2026-11-20T00:59:59Z')).toBe('the next window opens at 2026-11-20T01:00:00Z');
    expect(at(windows, '2026-11-20T01:00:00Z')).toBe('open');
    // A Friday's window is over: the next one is Monday's.
    expect(at(windows, '2026-11-20T04:00:00Z')).toBe('the next window opens at 2026-11-23T01:00:00Z');
  });

  it('that goes past midnight stays open on the next day', () => {
    expect(at(compiled({ schedule: '0 23 * * 5', duration: '4h' }), '2026-11-21T02:59:00Z')).toBe('open');
  });

  it('that is longer than its interval never closes', () => {
    const windows = compiled({ schedule: '0 * * * *', duration: '1h' });
    for (const time of ['2026-01-01T00:00:00Z', '2026-01-01T00:59:59.999Z', '2026-06-01T13:30:00Z']) {
      expect(at(windows, time)).toBe('open');
    }
  });

  it('beside another one is open when either is, and the sooner of both opens next', () => {
    const windows = compiled({ schedule: '0 2 * * 1', duration: '1h' }, { schedule: '0 14 * * 3', duration: '1h' });

    expect(at(windows, '2026-11-23T02:30:00Z')).toBe('open');
    expect(at(windows, '2026-11-25T14:30:00Z')).toBe('open');
    expect(at(windows, '2026-11-23T03:00:00Z')).toBe('the next window opens at 2026-11-25T14:00:00Z');
  });

  it('is not needed: without one, everything may be written', () => {
    expect(windowAt([], 0)).toEqual({ open: true });
  });
});

describe('where the clock changes in Europe/Berlin', () => {
  const windows = compiled({ schedule: '30 2 * * *', duration: '1h', timeZone: 'Europe/Berlin' });

  it('a time that is left out in spring opens when the clock has jumped, for its full length', () => {
    // 02:00 becomes 03:00 at 01:00 UTC.
    expect(at(windows, '2026-03-29T00:59:59Z')).toBe('the next window opens at 2026-03-29T01:00:00Z');
    expect(at(windows, '2026-03-29T01:00:00Z')).toBe('open');
    expect(at(windows, '2026-03-29T01:59:59Z')).toBe('open');
    expect(at(windows, '2026-03-29T02:00:00Z')).toBe('the next window opens at 2026-03-30T00:30:00Z');
  });

  it('a time that comes twice in autumn opens once, at the first', () => {
    // 03:00 becomes 02:00 at 01:00 UTC: 02:30 is at 00:30 and at 01:30 UTC.
    expect(at(windows, '2026-10-25T00:29:59Z')).toBe('the next window opens at 2026-10-25T00:30:00Z');
    expect(at(windows, '2026-10-25T00:30:00Z')).toBe('open');
    expect(at(windows, '2026-10-25T01:30:00Z')).toBe('the next window opens at 2026-10-26T01:30:00Z');
  });

  it('the length is elapsed time: a window across the change does not grow or shrink', () => {
    const night = compiled({ schedule: '0 1 * * *', duration: '3h', timeZone: 'Europe/Berlin' });

    expect(at(night, '2026-03-29T02:59:59Z')).toBe('open');
    expect(at(night, '2026-03-29T03:00:00Z')).toBe('the next window opens at 2026-03-29T23:00:00Z');
    expect(at(night, '2026-10-25T01:59:59Z')).toBe('open');
    expect(at(night, '2026-10-25T02:00:00Z')).toBe('the next window opens at 2026-10-26T00:00:00Z');
  });
});

describe('where the clock changes, whatever form the fields have', () => {
  const openings = (schedule: string, timeZone: string, from: string, until: string): string[] => {
    const [window] = compiled({ schedule, duration: '1m', timeZone });
    const found: string[] = [];
    for (let time = Date.parse(from); ;) {
      const next = window!.openingAfter(time);
      if (next === undefined || next >= Date.parse(until)) {
        return found;
      }
      found.push(new Date(next).toISOString().slice(11, 16));
      time = next;
    }
  };
  const spring = ['2027-03-28T00:00:00Z', '2027-03-28T03:00:00Z'] as const;
  const autumn = ['2027-10-30T23:30:00Z', '2027-10-31T03:00:00Z'] as const;

  it.each<[string, string, readonly [string, string], string[]]>([
    ['*/30 2 * * *', 'Europe/Berlin', spring, ['01:00']],
    ['*/30 2 * * *', 'Europe/Berlin', autumn, ['00:00', '00:30']],
    ['0,30 1-3 * * *', 'Europe/Berlin', spring, ['00:30', '01:00', '01:30']],
    ['15 */2 * * *', 'Europe/Berlin', autumn, ['00:15']],
    ['* 2 * * *', 'Europe/Berlin', spring, ['01:00']],
    ['20 2 * * *', 'America/New_York', ['2027-03-14T05:00:00Z', '2027-03-14T09:00:00Z'], ['07:00']],
    ['20 2 * * *', 'Australia/Lord_Howe', ['2027-10-02T12:00:00Z', '2027-10-02T20:00:00Z'], ['15:30']],
    // Every hour means the hours as they pass.
    ['0 * * * *', 'Europe/Berlin', autumn, ['00:00', '01:00', '02:00']],
    ['0 * * * *', 'Europe/Berlin', spring, ['01:00', '02:00']],
  ])('%s in %s from %j opens at %j', (schedule, timeZone, [from, until], expected) => {
    expect(openings(schedule, timeZone, from, until)).toEqual(expected);
  });
});

describe('what the schema cannot refuse', () => {
  it.each<[Partial<WindowSpec>, string, string]>([
    [{ schedule: '61 * * * *' }, 'schedule', '61'],
    [{ schedule: 'a b c d e' }, 'schedule', 'illegal'],
    [{ schedule: '0 2 * * 8' }, 'schedule', '8'],
    [{ schedule: '0 0 2 * * 1' }, 'schedule', 'five fields'],
    [{ schedule: '@daily' }, 'schedule', 'five fields'],
    [{ schedule: '2026-01-01T00:00:00' }, 'schedule', 'five fields'],
    [{ schedule: '0 0 30 2 *' }, 'schedule', 'never comes'],
    [{ timeZone: 'Mars/Olympus' }, 'timeZone', 'no time zone "Mars/Olympus"'],
    [{ timeZone: 'local' }, 'timeZone', 'no time zone'],
  ])('%j is refused at its field', (spec, field, message) => {
    const result = compileWindows([
      { schedule: '0 2 * * *', duration: '3h', timeZone: 'UTC' },
      { schedule: '0 2 * * *', duration: '3h', timeZone: 'UTC', ...spec },
    ]);

    expect(result).toEqual({
      ok: false,
      path: `spec.rollout.windows[1].${field}`,
      message: expect.stringContaining(message),
    });
  });
});
