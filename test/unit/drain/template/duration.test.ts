import { describe, expect, it } from '@jest/globals';
import { fc } from '../../../support/fast-check.ts';
import { formatGoDuration, parseGoBool, parseGoDuration } from '../../../../src/drain/duration.ts';

describe('parseGoDuration', () => {
  it.each([
    ['0', 0],
    ['+0', 0],
    ['-0', 0],
    ['0s', 0],
    ['25s', 25],
    ['25.5s', 25.5],
    ['.5s', 0.5],
    ['5.s', 5],
    ['1m30s', 90],
    ['1h', 3600],
    ['1h1m1s', 3661],
    ['500ms', 0.5],
    ['1us', 0.000001],
    ['1µs', 0.000001],
    ['1μs', 0.000001],
    ['1ns', 1e-9],
    ['-5s', -5],
    ['+5s', 5],
    ['30s1m', 90],
    ['0.1m', 6],
    ['9223372036s', 9223372036],
  ])('reads %s as %d seconds', (text, seconds) => {
    expect(parseGoDuration(text)).toEqual({ ok: true, seconds });
  });

  it.each([
    ['', 'time: invalid duration ""'],
    ['25', 'time: missing unit in duration "25"'],
    ['1d', 'time: unknown unit "d" in duration "1d"'],
    ['1m30', 'time: missing unit in duration "1m30"'],
    ['s', 'time: invalid duration "s"'],
    ['.s', 'time: invalid duration ".s"'],
    ['-', 'time: invalid duration "-"'],
    [' 5s', 'time: invalid duration " 5s"'],
    ['5s ', 'time: unknown unit "s " in duration "5s "'],
    ['5 s', 'time: unknown unit " s" in duration "5 s"'],
    ['5S', 'time: unknown unit "S" in duration "5S"'],
    ['1_000s', 'time: unknown unit "_" in duration "1_000s"'],
    ['1e3s', 'time: unknown unit "e" in duration "1e3s"'],
    ['--5s', 'time: invalid duration "--5s"'],
    ['1.2.3s', 'time: missing unit in duration "1.2.3s"'],
    ['9223372037s', 'time: invalid duration "9223372037s"'],
    ['5constructor', 'time: unknown unit "constructor" in duration "5constructor"'],
  ])('refuses %j as Go does', (text, why) => {
    expect(parseGoDuration(text)).toEqual({ ok: false, why });
  });
});

describe('formatGoDuration', () => {
  it.each([
    [0, '0s'],
    [25, '25s'],
    [60, '1m'],
    [90, '1m30s'],
    [300, '5m'],
    [3600, '1h'],
    [5400, '1h30m'],
    [3605, '1h5s'],
    [0.5, '500ms'],
    [1.5, '1.5s'],
    [0.0005, '500us'],
    [1e-9, '1ns'],
    [-5, '-5s'],
  ])('writes %d seconds as %s', (seconds, text) => {
    expect(formatGoDuration(seconds)).toBe(text);
  });

  it('is read back as the same length', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(10 ** 13), max: 10 ** 13 }), (microseconds) => {
        const seconds = microseconds / 1e6;
        const read = parseGoDuration(formatGoDuration(seconds));
        expect(read.ok && Math.round(read.seconds * 1e6)).toBe(microseconds);
      }),
    );
  });

  it.each([Number.NaN, Infinity])('refuses %d', (seconds) => {
    expect(() => formatGoDuration(seconds)).toThrow(RangeError);
  });
});

describe('parseGoBool', () => {
  it.each(['1', 't', 'T', 'TRUE', 'true', 'True'])('%s is true', (text) => {
    expect(parseGoBool(text)).toBe(true);
  });

  it.each(['0', 'f', 'F', 'FALSE', 'false', 'False'])('%s is false', (text) => {
    expect(parseGoBool(text)).toBe(false);
  });

  it.each(['', 'yes', 'on', 'tRUE', ' true', '2'])('%j is neither', (text) => {
    expect(parseGoBool(text)).toBeUndefined();
  });
});
