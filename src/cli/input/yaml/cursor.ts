import { BAIL, isBlankCode } from './lexical.ts';

const SPACE = 0x20;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const HASH = 0x23;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;

/** A place in a text that moves forward line by line, and knows where it is. */
export class LineCursor {
  protected readonly text: string;
  protected readonly to: number;
  protected pos: number;
  protected line: number;
  /** Column of the content at `pos`; -1 behind the last line. */
  protected column = -1;

  constructor(text: string, from: number, to: number, line: number) {
    this.text = text;
    this.to = to;
    this.pos = from;
    this.line = line;
  }

  /** `---` with nothing but a comment behind it. */
  protected skipMarker(): void {
    if (!this.text.startsWith('---', this.pos)) {
      return;
    }
    this.pos += 3;
    this.endLine();
  }

  /** From the start of a line to the next content: over blank lines and comments. */
  protected toContent(): void {
    const text = this.text;
    let pos = this.pos;
    while (pos < this.to) {
      const start = pos;
      let code = text.charCodeAt(pos);
      while (code === SPACE && pos < this.to) {
        code = text.charCodeAt(++pos);
      }
      if (pos >= this.to) {
        break;
      }
      if (code === NEWLINE) {
        pos++;
        this.line++;
        continue;
      }
      if (code === RETURN && text.charCodeAt(pos + 1) === NEWLINE) {
        pos += 2;
        this.line++;
        continue;
      }
      if (code === HASH) {
        const end = text.indexOf('\n', pos);
        if (end === -1 || end >= this.to) {
          pos = this.to;
          break;
        }
        pos = end + 1;
        this.line++;
        continue;
      }
      if (code === 0x09 || code === RETURN || (code === 0x25 && pos === start)) {
        throw BAIL;
      }
      this.pos = pos;
      this.column = pos - start;
      return;
    }
    this.pos = this.to;
    this.column = -1;
  }

  /** Nothing but blanks and a comment may stand before the end of the line. */
  protected endLine(): void {
    const text = this.text;
    let pos = this.pos;
    let blank = false;
    while (pos < this.to) {
      const code = text.charCodeAt(pos);
      if (code === NEWLINE) {
        this.pos = pos + 1;
        this.line++;
        return;
      }
      if (isBlankCode(code)) {
        blank = true;
        pos++;
        continue;
      }
      if (code === RETURN && text.charCodeAt(pos + 1) === NEWLINE) {
        pos++;
        continue;
      }
      if (code === HASH && blank) {
        const end = text.indexOf('\n', pos);
        if (end === -1 || end >= this.to) {
          break;
        }
        this.pos = end + 1;
        this.line++;
        return;
      }
      throw BAIL;
    }
    this.pos = this.to;
  }

  /** The index behind the closing quote, on the same line. */
  protected quoteEnd(start: number, quote: number): number {
    const text = this.text;
    for (let pos = start + 1; pos < this.to; pos++) {
      const code = text.charCodeAt(pos);
      if (code === NEWLINE) {
        break;
      }
      if (code === 0x5c && quote === DOUBLE_QUOTE) {
        pos++;
        continue;
      }
      if (code === quote) {
        if (quote === SINGLE_QUOTE && text.charCodeAt(pos + 1) === SINGLE_QUOTE) {
          pos++;
          continue;
        }
        return pos + 1;
      }
    }
    throw BAIL;
  }

  protected endsWord(pos: number): boolean {
    if (pos >= this.to) {
      return true;
    }
    const code = this.text.charCodeAt(pos);
    return code === SPACE || code === NEWLINE || code === RETURN || code === 0x09;
  }

  protected lineEnd(pos: number): number {
    const end = this.text.indexOf('\n', pos);
    return end === -1 || end > this.to ? this.to : end;
  }
}
