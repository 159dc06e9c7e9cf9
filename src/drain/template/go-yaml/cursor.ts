/** Where go-yaml says that a text is no YAML. */
export class YamlSyntaxError extends Error {
  /** In UTF-16 units from the start of the text. */
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** What `at` answers behind the end. It cannot stand in a text: go-yaml refuses control characters. */
export const END = '\0';

const NOT_READABLE = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/** A place in a text. Lines, columns and characters count code points from 0, as go-yaml's rules on indentation do. */
export class Cursor {
  readonly text: string;
  offset = 0;
  line = 0;
  column = 0;
  /** Code points before this place. */
  characters = 0;

  constructor(text: string) {
    const bad = NOT_READABLE.exec(text);
    if (bad !== null) {
      throw new YamlSyntaxError('control characters are not allowed', bad.index);
    }
    this.text = text;
    this.offset = text.startsWith('\ufeff') ? 1 : 0;
  }

  at(ahead = 0): string {
    return this.text[this.offset + ahead] ?? END;
  }

  /** Takes one code point. */
  take(): string {
    const code = this.text.codePointAt(this.offset) ?? 0;
    const taken = String.fromCodePoint(code);
    this.offset += taken.length;
    this.column += 1;
    this.characters += 1;
    return taken;
  }

  takeAll(accepts: (character: string) => boolean): string {
    const start = this.offset;
    while (accepts(this.at())) {
      this.take();
    }
    return this.text.slice(start, this.offset);
  }

  /** Takes one line break, and gives what stands for it in a value. */
  takeBreak(): string {
    const pair = this.at() === '\r' && this.at(1) === '\n';
    const taken = this.at();
    this.offset += pair ? 2 : 1;
    this.characters += pair ? 2 : 1;
    this.line += 1;
    this.column = 0;
    return taken === '\u2028' || taken === '\u2029' ? taken : '\n';
  }

  skipComment(): void {
    if (this.at() === '#') {
      this.takeAll((character) => !isBreakOrEnd(character));
    }
  }

  /** `---` or `...` at the start of a line, alone or followed by a blank. */
  atDocumentMark(mark?: '---' | '...'): boolean {
    const three = this.text.slice(this.offset, this.offset + 3);
    const is = mark === undefined ? three === '---' || three === '...' : three === mark;
    return is && this.column === 0 && isBlankOrEnd(this.at(3));
  }
}

export function isBlank(character: string): boolean {
  return character === ' ' || character === '\t';
}

export function isBreak(character: string): boolean {
  return /^[\r\n\x85\u2028\u2029]$/.test(character);
}

export function isBreakOrEnd(character: string): boolean {
  return character === END || isBreak(character);
}

/** A blank, a line break or the end. */
export function isBlankOrEnd(character: string): boolean {
  return isBlank(character) || isBreakOrEnd(character);
}

export function isWord(character: string): boolean {
  return /^[0-9A-Za-z_-]$/.test(character);
}
