import { resolvePlain } from '../../../drain/template/istio-yaml.ts';
import { BAIL, detached, isBlankCode, isIndicator, TemplateFound, unquoted } from './lexical.ts';
import type { DuplicateKey, Position } from './positions.ts';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const HASH = 0x23;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;

/** Flow collections, and with them JSON: over several lines, with comments. Anything unusual is for the full parser. */
export class FlowReader {
  pos: number;
  line: number;
  private readonly text: string;
  private readonly to: number;
  private readonly duplicates: DuplicateKey[];
  private readonly leastColumn: number;
  private depth = 0;

  /** `leastColumn`: where the collection is the value of a block map, its other lines must stand at least there. */
  constructor(text: string, pos: number, to: number, line: number, leastColumn: number, duplicates: DuplicateKey[]) {
    this.text = text;
    this.to = to;
    this.pos = pos;
    this.line = line;
    this.leastColumn = leastColumn;
    this.duplicates = duplicates;
  }

  /** At `{` or `[`; ends behind its counterpart. */
  collection(): [unknown, Position] {
    if (++this.depth > 200) {
      throw BAIL;
    }
    const result = this.code() === OPEN_BRACE ? this.map() : this.list();
    this.depth--;
    return result;
  }

  private map(): [unknown, Position] {
    if (this.text.charCodeAt(this.pos + 1) === OPEN_BRACE) {
      throw new TemplateFound(this.line);
    }
    const value: Record<string, unknown> = {};
    const keys = new Map<string, Position>();
    const node = { line: this.line, keys };
    this.pos++;
    this.blanks();
    while (this.code() !== CLOSE_BRACE) {
      const line = this.line;
      const key = this.key();
      const known = keys.get(key);
      if (known !== undefined) {
        this.duplicates.push({ key, line, firstLine: typeof known === 'number' ? known : known.line });
      }
      this.blanks();
      const [child, position] = this.value();
      value[key] = child;
      keys.set(key, typeof position === 'number' ? line : { ...position, line });
      this.separator(CLOSE_BRACE);
    }
    this.pos++;
    return [value, node];
  }

  private list(): [unknown, Position] {
    const value: unknown[] = [];
    const items: Position[] = [];
    const node = { line: this.line, items };
    this.pos++;
    this.blanks();
    while (this.code() !== CLOSE_BRACKET) {
      const [child, position] = this.value();
      value.push(child);
      items.push(position);
      this.separator(CLOSE_BRACKET);
    }
    this.pos++;
    return [value, node];
  }

  private separator(close: number): void {
    this.blanks();
    if (this.code() === COMMA) {
      this.pos++;
      this.blanks();
      return;
    }
    if (this.code() !== close) {
      throw BAIL;
    }
  }

  private key(): string {
    const first = this.code();
    const quoted = first === DOUBLE_QUOTE || first === SINGLE_QUOTE;
    const key = quoted ? this.quoted(first) : this.plainText();
    this.blanks();
    if (this.code() !== COLON || key === '<<' || key === '__proto__' || key === '') {
      throw BAIL;
    }
    this.pos++;
    const next = this.code();
    if (!quoted && !isBlankCode(next) && next !== NEWLINE && next !== RETURN) {
      throw BAIL;
    }
    return key;
  }

  private value(): [unknown, Position] {
    const line = this.line;
    const code = this.code();
    if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      return this.collection();
    }
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) {
      return [this.quoted(code), line];
    }
    const value = resolvePlain(this.plainText());
    if (typeof value === 'string') {
      return [detached(value), line];
    }
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw BAIL;
    }
    return [value, line];
  }

  private quoted(quote: number): string {
    const start = this.pos;
    for (let pos = start + 1; pos < this.to; pos++) {
      const code = this.text.charCodeAt(pos);
      if (code === NEWLINE) {
        break;
      }
      if (code === 0x5c && quote === DOUBLE_QUOTE) {
        pos++;
        continue;
      }
      if (code === quote) {
        if (quote === SINGLE_QUOTE && this.text.charCodeAt(pos + 1) === SINGLE_QUOTE) {
          pos++;
          continue;
        }
        this.pos = pos + 1;
        return unquoted(this.text.slice(start, this.pos), quote === DOUBLE_QUOTE);
      }
    }
    throw BAIL;
  }

  /** A plain scalar of one line; not empty. */
  private plainText(): string {
    const text = this.text;
    const start = this.pos;
    const first = this.code();
    if (
      isIndicator(first) ||
      first === 0x3f ||
      first === COLON ||
      (first === 0x2d && !/[0-9A-Za-z.]/.test(text.charAt(start + 1)))
    ) {
      throw BAIL;
    }
    let pos = start;
    for (; pos < this.to; pos++) {
      const code = text.charCodeAt(pos);
      if (code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || code === NEWLINE || code === RETURN) {
        break;
      }
      if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        throw BAIL;
      }
      const next = text.charCodeAt(pos + 1);
      if (
        code === COLON &&
        (isBlankCode(next) ||
          next === NEWLINE ||
          next === RETURN ||
          next === COMMA ||
          next === CLOSE_BRACE ||
          next === CLOSE_BRACKET)
      ) {
        break;
      }
      if (code === HASH && isBlankCode(text.charCodeAt(pos - 1))) {
        break;
      }
    }
    let end = pos;
    while (end > start && isBlankCode(text.charCodeAt(end - 1))) {
      end--;
    }
    this.pos = end;
    this.notContinued(pos);
    return text.slice(start, end);
  }

  /** A plain scalar may go on in the next line; then what follows is neither a separator nor an end. */
  private notContinued(pos: number): void {
    const { pos: at, line } = this;
    this.pos = pos;
    this.blanks();
    const code = this.code();
    if (code !== COMMA && code !== CLOSE_BRACE && code !== CLOSE_BRACKET && code !== COLON) {
      throw BAIL;
    }
    this.pos = at;
    this.line = line;
  }

  private blanks(): void {
    const text = this.text;
    let lineStart = -1;
    while (this.pos < this.to) {
      const code = text.charCodeAt(this.pos);
      if (code === NEWLINE) {
        this.line++;
        lineStart = this.pos + 1;
      } else if (code === HASH) {
        const before = text.charCodeAt(this.pos - 1);
        if (!isBlankCode(before) && before !== NEWLINE) {
          throw BAIL;
        }
        const end = text.indexOf('\n', this.pos);
        this.pos = end === -1 || end > this.to ? this.to : end;
        continue;
      } else if (!isBlankCode(code) && code !== RETURN) {
        if (lineStart !== -1 && this.pos - lineStart < this.leastColumn) {
          throw BAIL;
        }
        return;
      }
      this.pos++;
    }
    throw BAIL;
  }

  private code(): number {
    if (this.pos >= this.to) {
      throw BAIL;
    }
    return this.text.charCodeAt(this.pos);
  }
}
