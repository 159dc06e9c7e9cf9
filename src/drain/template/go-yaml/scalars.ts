import { END, isBlank, isBlankOrEnd, isBreak, isBreakOrEnd, YamlSyntaxError } from './cursor.ts';
import type { Cursor } from './cursor.ts';

/** Line folding: one line break is a space, of several the first is left out; Unicode's own breaks stay. */
function folded(first: string, further: string): string {
  if (first !== '\n') {
    return first + further;
  }
  return further === '' ? ' ' : further;
}

interface Gap {
  readonly text: string;
  readonly broken: boolean;
}

/** Blanks and line breaks inside a plain or quoted scalar. */
function takeGap(cursor: Cursor, broken: boolean, check?: () => void): Gap {
  let blanks = '';
  let first = '';
  let further = '';
  let isBroken = broken;
  while (isBlank(cursor.at()) || isBreak(cursor.at())) {
    if (isBlank(cursor.at())) {
      if (isBroken) {
        check?.();
      }
      const blank = cursor.take();
      blanks += isBroken ? '' : blank;
      continue;
    }
    if (isBroken) {
      further += cursor.takeBreak();
    } else {
      first = cursor.takeBreak();
      isBroken = true;
    }
  }
  return { text: isBroken ? folded(first, further) : blanks, broken: isBroken };
}

export interface PlainScalar {
  readonly value: string;
  readonly end: number;
  /** A line break follows, behind which a key may stand. */
  readonly broken: boolean;
}

/** @param indent the indentation of the block that the scalar stands in; -1 outside of all */
export function scanPlain(cursor: Cursor, indent: number, inFlow: boolean): PlainScalar {
  const start = cursor.offset;
  let value = '';
  let end = start;
  let gap: Gap = { text: '', broken: false };
  while (!cursor.atDocumentMark() && cursor.at() !== '#') {
    const from = cursor.offset;
    const part = takePlainPart(cursor, inFlow);
    if (part !== '') {
      value += gap.text + part;
      end = from + part.length;
      gap = { text: '', broken: false };
    }
    if (!isBlank(cursor.at()) && !isBreak(cursor.at())) {
      break;
    }
    gap = takeGap(cursor, false, () => {
      if (cursor.column <= indent && cursor.at() === '\t') {
        throw new YamlSyntaxError('found a tab where the indentation of a plain scalar is expected', cursor.offset);
      }
    });
    if (!inFlow && cursor.column <= indent) {
      break;
    }
  }
  return { value, end, broken: gap.broken };
}

function takePlainPart(cursor: Cursor, inFlow: boolean): string {
  return cursor.takeAll((character) => {
    const ends =
      isBlankOrEnd(character) ||
      (character === ':' && isBlankOrEnd(cursor.at(1))) ||
      (inFlow && ',?[]{}'.includes(character));
    return !ends;
  });
}

const ESCAPES: Readonly<Record<string, string>> = {
  '0': '\0',
  a: '\x07',
  b: '\b',
  t: '\t',
  '\t': '\t',
  n: '\n',
  v: '\v',
  f: '\f',
  r: '\r',
  e: '\x1b',
  ' ': ' ',
  '"': '"',
  "'": "'",
  '\\': '\\',
  N: '\x85',
  _: '\xa0',
  L: '\u2028',
  P: '\u2029',
};
const DIGITS_OF: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** The value of a scalar in quotes; the cursor stands on the first quote, and then behind the last. */
export function scanQuoted(cursor: Cursor): string {
  const start = cursor.offset;
  const quote = cursor.take();
  let value = '';
  for (;;) {
    if (cursor.atDocumentMark()) {
      throw new YamlSyntaxError('a document ends inside a quoted scalar', start);
    }
    if (cursor.at() === END) {
      throw new YamlSyntaxError(`Missing closing ${quote} quote`, start);
    }
    const part = takeQuotedPart(cursor, quote, start);
    value += part.text;
    if (!part.escapedBreak && cursor.at() === quote) {
      cursor.take();
      return value;
    }
    value += quotedGap(cursor, part.escapedBreak);
  }
}

/** Behind an escaped line break, further ones count, and blanks do not. */
function quotedGap(cursor: Cursor, escapedBreak: boolean): string {
  if (!escapedBreak) {
    return takeGap(cursor, false).text;
  }
  let further = '';
  while (isBlank(cursor.at()) || isBreak(cursor.at())) {
    if (isBlank(cursor.at())) {
      cursor.take();
    } else {
      further += cursor.takeBreak();
    }
  }
  return further;
}

function takeQuotedPart(
  cursor: Cursor,
  quote: string,
  start: number,
): { readonly text: string; readonly escapedBreak: boolean } {
  let text = '';
  while (!isBlankOrEnd(cursor.at())) {
    if (cursor.at() === quote) {
      if (quote === '"' || cursor.at(1) !== "'") {
        break;
      }
      cursor.take();
    } else if (quote === '"' && cursor.at() === '\\') {
      if (isBreak(cursor.at(1))) {
        cursor.take();
        cursor.takeBreak();
        return { text, escapedBreak: true };
      }
      text += takeEscape(cursor, start);
      continue;
    }
    text += cursor.take();
  }
  return { text, escapedBreak: false };
}

function takeEscape(cursor: Cursor, start: number): string {
  const at = cursor.offset;
  cursor.take();
  const letter = cursor.take();
  const simple = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
  if (simple !== undefined) {
    return simple;
  }
  const length = Object.hasOwn(DIGITS_OF, letter) ? DIGITS_OF[letter] : undefined;
  if (length === undefined) {
    throw new YamlSyntaxError(`found unknown escape character \\${letter}`, at);
  }
  const digits = cursor.text.slice(cursor.offset, cursor.offset + length);
  if (digits.length < length || !/^[0-9A-Fa-f]+$/.test(digits)) {
    throw new YamlSyntaxError(`\\${letter} needs ${length} hexadecimal digits`, at);
  }
  const code = Number.parseInt(digits, 16);
  if ((code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff) {
    throw new YamlSyntaxError(`\\${letter}${digits} is not a Unicode character`, start);
  }
  for (let taken = 0; taken < length; taken += 1) {
    cursor.take();
  }
  return String.fromCodePoint(code);
}

export interface BlockScalar {
  readonly value: string;
  readonly end: number;
}

/** A literal (`|`) or folded (`>`) scalar; `indent` is that of the block that it stands in, -1 outside of all. */
export function scanBlockScalar(cursor: Cursor, indent: number): BlockScalar {
  const start = cursor.offset;
  const isLiteral = cursor.take() === '|';
  const header = takeHeader(cursor, start);
  const lines = new BlockLines(cursor, indent, header.increment);
  let value = '';
  let lastBreak = '';
  let wasBlank = false;
  let breaks = lines.takeEmpty();
  while (cursor.column === lines.indent && cursor.at() !== END) {
    const startsBlank = isBlank(cursor.at());
    const folds = !isLiteral && !wasBlank && !startsBlank && lastBreak === '\n';
    value += folds ? (breaks === '' ? ' ' : '') : lastBreak;
    value += breaks;
    wasBlank = startsBlank;
    value += cursor.takeAll((character) => !isBreakOrEnd(character));
    lastBreak = cursor.at() === END ? '' : cursor.takeBreak();
    breaks = lines.takeEmpty();
  }
  value += header.chomp === '-' ? '' : lastBreak;
  value += header.chomp === '+' ? breaks : '';
  return { value, end: lines.end };
}

function takeHeader(cursor: Cursor, start: number): { readonly chomp: string; readonly increment: number } {
  const marks = /^(?:([+-])(\d?)|(\d)([+-]?))?/.exec(cursor.text.slice(cursor.offset, cursor.offset + 2));
  const chomp = marks?.[1] ?? marks?.[4] ?? '';
  const digit = marks?.[2] ?? marks?.[3] ?? '';
  if (digit === '0') {
    throw new YamlSyntaxError('found an indentation indicator equal to 0', start);
  }
  for (let taken = 0; taken < (marks?.[0].length ?? 0); taken += 1) {
    cursor.take();
  }
  cursor.takeAll(isBlank);
  cursor.skipComment();
  if (!isBreakOrEnd(cursor.at())) {
    throw new YamlSyntaxError('did not find expected comment or line break behind | or >', start);
  }
  if (cursor.at() !== END) {
    cursor.takeBreak();
  }
  return { chomp, increment: Number(digit) };
}

/** Knows how far a block scalar is indented; without an indicator its first line says it. */
class BlockLines {
  private readonly cursor: Cursor;
  private readonly parent: number;
  indent: number;
  end: number;

  constructor(cursor: Cursor, parent: number, increment: number) {
    this.cursor = cursor;
    this.parent = parent;
    this.indent = increment === 0 ? 0 : Math.max(parent, 0) + increment;
    this.end = cursor.offset;
  }

  takeEmpty(): string {
    const cursor = this.cursor;
    let breaks = '';
    let widest = 0;
    this.end = cursor.offset;
    for (;;) {
      while (this.isOpen() && cursor.at() === ' ') {
        cursor.take();
      }
      widest = Math.max(widest, cursor.column);
      if (this.isOpen() && cursor.at() === '\t') {
        throw new YamlSyntaxError('found a tab where the indentation of a block scalar is expected', cursor.offset);
      }
      if (!isBreak(cursor.at())) {
        break;
      }
      breaks += cursor.takeBreak();
      this.end = cursor.offset;
    }
    if (this.indent === 0) {
      this.indent = Math.max(widest, this.parent + 1, 1);
    }
    return breaks;
  }

  private isOpen(): boolean {
    return this.indent === 0 || this.cursor.column < this.indent;
  }
}
