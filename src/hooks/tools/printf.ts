import type { Run } from '../shell/run-state.ts';
import { demandSize, step } from '../shell/run-state.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  '"': '"',
  "'": "'",
  a: '',
  b: '',
  f: '\f',
  v: '\v',
};
const CONVERSION = /%(%|([-0+ ]{0,5})(\d{0,9})(?:\.(\d{1,9}))?([a-zA-Z]))/g;
const MAXIMUM_WIDTH = 1000;
const CHARACTERS_PER_STEP = 64;

/** What printf of a shell or of awk prints; `undefined` for conversions that are not modelled. */
export function formatPrintf(run: Run, words: readonly string[], repeat = true): string | undefined {
  const format = (words[0] ?? '').replace(/\\([ntr\\"'abfv])/g, (_, letter: string) => ESCAPES[letter] ?? '');
  let next = 1;
  let size = 0;
  let text = '';
  let failed = false;
  const add = (piece: string): string => {
    size += piece.length;
    step(run, 1 + piece.length / CHARACTERS_PER_STEP);
    demandSize('', size);
    return piece;
  };
  do {
    const before = next;
    step(run, 1 + format.length / CHARACTERS_PER_STEP);
    text += format.replace(CONVERSION, (...match: (string | undefined)[]) => {
      const [whole = '', all, flags = '', width = '', precision, letter = ''] = match;
      if (all === '%') {
        return add('%');
      }
      const value = convert(letter, words[next] ?? '', precision);
      next += 1;
      if (value === undefined || Number(width) > MAXIMUM_WIDTH) {
        failed = true;
        return whole;
      }
      if (flags.includes('-')) {
        return add(value.padEnd(Number(width)));
      }
      return add(value.padStart(Number(width), flags.includes('0') && letter !== 's' ? '0' : ' '));
    });
    demandSize(text);
    if (next === before) {
      break;
    }
  } while (repeat && next < words.length);
  return failed ? undefined : text;
}

function convert(letter: string, value: string, precision: string | undefined): string | undefined {
  const number = Number(value === '' ? 0 : value);
  switch (letter) {
    case 's':
      return precision === undefined ? value : value.slice(0, Number(precision));
    case 'c':
      return value.charAt(0);
    case 'd':
    case 'i':
    case 'u':
      return Number.isFinite(number) ? String(Math.trunc(number)) : undefined;
    case 'f':
      return Number.isFinite(number) && Math.abs(number) < 1e15
        ? number.toFixed(Math.min(20, Number(precision ?? 6)))
        : undefined;
    case 'x':
      return Number.isInteger(number) ? number.toString(16) : undefined;
    case 'X':
      return Number.isInteger(number) ? number.toString(16).toUpperCase() : undefined;
    case 'g':
      return Number.isFinite(number) ? String(Number(number.toPrecision(6))) : undefined;
    default:
      return undefined;
  }
}
