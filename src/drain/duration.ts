import type { Seconds } from './model/workload.ts';

/**
 * Go's durations and booleans, as Istio and Kubernetes read them. The rules and the words of the errors are those of
 * Go's `time.ParseDuration` and `strconv.ParseBool`, so that people can search for what they are told.
 */

export type ParsedDuration =
  { readonly ok: true; readonly seconds: Seconds } | { readonly ok: false; readonly why: string };

const NANOSECONDS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  // U+00B5 micro sign and U+03BC Greek letter mu: Go takes both.
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** A Go duration is an int64 of nanoseconds; `-2^63` is the one magnitude that only fits with a sign. */
const MAX_MAGNITUDE = 1n << 63n;
const PART = /^([0-9]*)(?:\.([0-9]*))?([^0-9.]*)/;

/** Exactly `time.ParseDuration`: sign, decimals, several parts, units ns us µs ms s m h, and a bare "0". */
export function parseGoDuration(text: string): ParsedDuration {
  const invalid = { ok: false, why: `time: invalid duration ${JSON.stringify(text)}` } as const;
  const negative = text.startsWith('-');
  let rest = negative || text.startsWith('+') ? text.slice(1) : text;
  if (rest === '0') {
    return { ok: true, seconds: 0 };
  }
  if (rest === '') {
    return invalid;
  }
  let total = 0n;
  while (rest !== '') {
    const match = PART.exec(rest);
    const whole = match?.[1] ?? '';
    const fraction = match?.[2] ?? '';
    const unit = match?.[3] ?? '';
    if (match === null || (whole === '' && fraction === '')) {
      return invalid;
    }
    if (unit === '') {
      return { ok: false, why: `time: missing unit in duration ${JSON.stringify(text)}` };
    }
    const scale = Object.hasOwn(NANOSECONDS, unit) ? NANOSECONDS[unit] : undefined;
    if (scale === undefined) {
      return { ok: false, why: `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}` };
    }
    // Digits beyond the 18th of a fraction are less than a nanosecond of an hour.
    const digits = fraction.slice(0, 18);
    total += BigInt(whole === '' ? '0' : whole) * scale;
    total += digits === '' ? 0n : (BigInt(digits) * scale) / 10n ** BigInt(digits.length);
    if (total > MAX_MAGNITUDE) {
      return invalid;
    }
    rest = rest.slice(match[0].length);
  }
  if (total === MAX_MAGNITUDE && !negative) {
    return invalid;
  }
  const seconds = Number(total) / 1e9;
  return { ok: true, seconds: negative && seconds !== 0 ? -seconds : seconds };
}

/** The shortest form that people write: `1m30s`, `25s`, `5m`, `500ms`. */
export function formatGoDuration(seconds: Seconds): string {
  if (!Number.isFinite(seconds)) {
    throw new RangeError(`not a duration: ${seconds}`);
  }
  const sign = seconds < 0 ? '-' : '';
  let nanoseconds = BigInt(Math.round(Math.abs(seconds) * 1e9));
  if (nanoseconds === 0n) {
    return '0s';
  }
  if (nanoseconds < 1_000_000_000n) {
    const unit = nanoseconds % 1_000_000n === 0n ? 'ms' : nanoseconds % 1_000n === 0n ? 'us' : 'ns';
    return `${sign}${nanoseconds / (NANOSECONDS[unit] ?? 1n)}${unit}`;
  }
  let text = sign;
  for (const unit of ['h', 'm'] as const) {
    const scale = NANOSECONDS[unit] ?? 1n;
    if (nanoseconds >= scale) {
      text += `${nanoseconds / scale}${unit}`;
      nanoseconds %= scale;
    }
  }
  if (nanoseconds > 0n) {
    const fraction = String(nanoseconds % 1_000_000_000n)
      .padStart(9, '0')
      .replace(/0+$/, '');
    text += `${nanoseconds / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}s`;
  }
  return text;
}

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

/** `strconv.ParseBool`; `undefined` where Go reports an error (so `yes` is neither). */
export function parseGoBool(text: string): boolean | undefined {
  if (TRUE.has(text)) {
    return true;
  }
  return FALSE.has(text) ? false : undefined;
}
