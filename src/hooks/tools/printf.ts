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
const CONVERSION = /%(%|([-0+ ]*)(\d*)(?:\.(\d+))?([a-zA-Z]))/g;
const MAXIMUM_WIDTH = 1000;

/** What printf of a shell or of awk prints; `undefined` for conversions that are not modelled. */
export function formatPrintf(words: readonly string[], repeat = true): string | undefined {
  const format = (words[0] ?? '').replace(/\\([ntr\\"'abfv])/g, (_, letter: string) => ESCAPES[letter] ?? '');
  let rest = words.slice(1);
  let text = '';
  let failed = false;
  do {
    const before = rest.length;
    text += format.replace(CONVERSION, (...match: (string | undefined)[]) => {
      const [whole = '', all, flags = '', width = '', precision, letter = ''] = match;
      if (all === '%') {
        return '%';
      }
      const value = convert(letter, rest[0] ?? '', precision);
      rest = rest.slice(1);
      if (value === undefined || Number(width) > MAXIMUM_WIDTH) {
        failed = true;
        return whole;
      }
      if (flags.includes('-')) {
        return value.padEnd(Number(width));
      }
      return value.padStart(Number(width), flags.includes('0') && letter !== 's' ? '0' : ' ');
    });
    if (rest.length === before) {
      break;
    }
  } while (repeat && rest.length > 0);
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
