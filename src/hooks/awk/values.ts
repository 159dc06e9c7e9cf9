/** A field or other text from outside: it compares as a number where it looks like one. */
export class Field {
  readonly text: string;
  readonly number: number | undefined;

  constructor(text: string) {
    this.text = text;
    this.number = /^\s*[-+]?(\d+(?:\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*$/.test(text) ? Number(text) : undefined;
  }
}

export type Value = number | string | Field;

/** A variable that was never set is both an empty text and zero. */
export const UNSET: Value = new Field('');

export function toNumber(value: Value): number {
  if (typeof value === 'number') {
    return value;
  }
  if (value instanceof Field && value.number !== undefined) {
    return value.number;
  }
  const number = parseFloat(value instanceof Field ? value.text : value);
  return Number.isFinite(number) ? number : 0;
}

export function toText(value: Value): string {
  if (typeof value === 'string') {
    return value;
  }
  if (value instanceof Field) {
    return value.text;
  }
  if (Number.isInteger(value)) {
    return String(value);
  }
  return String(Number(value.toPrecision(6)));
}

export function isTrue(value: Value): boolean {
  if (typeof value === 'number') {
    return value !== 0;
  }
  if (typeof value === 'string') {
    return value !== '';
  }
  return value.number === undefined ? value.text !== '' : value.number !== 0;
}

function numeric(value: Value): number | undefined {
  if (typeof value === 'number') {
    return value;
  }
  if (value === UNSET) {
    return 0;
  }
  return value instanceof Field ? value.number : undefined;
}

/** Below zero, zero or above it, by number where both sides are numbers, else by text. */
export function compareValues(left: Value, right: Value): number {
  if (typeof left !== 'string' && typeof right !== 'string') {
    const first = numeric(left);
    const second = numeric(right);
    if (first !== undefined && second !== undefined) {
      return first - second;
    }
  }
  const first = toText(left);
  const second = toText(right);
  if (first === second) {
    return 0;
  }
  return first < second ? -1 : 1;
}
