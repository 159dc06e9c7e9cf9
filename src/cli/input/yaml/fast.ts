import { resolvePlain } from '../../../drain/template/istio-yaml.ts';
import { LineCursor } from './cursor.ts';
import { FlowReader } from './flow.ts';
import { BAIL, detached, isBlankCode, isIndicator, TemplateFound, unquoted } from './lexical.ts';
import type { DuplicateKey, Position, PositionNode, ReadDocument } from './positions.ts';

/**
 * Reads the YAML that people and tools write for Kubernetes (block maps and lists, plain and quoted scalars on one
 * line, block scalars, flow collections) many times faster than a full parser, with the line of every key. Whatever
 * else it meets (anchors, tags, scalars over several lines, anything odd), it gives up and says so, and the full
 * parser (read.ts) reads the document instead: this one never guesses.
 *
 * With `build: false` it only checks the form and finds the root's `apiVersion` and `kind`.
 */
export function readFast(
  text: string,
  from: number,
  to: number,
  line: number,
  build: boolean,
): ReadDocument | undefined {
  const reader = new BlockReader(text, from, to, line, build);
  try {
    return reader.document();
  } catch (error) {
    if (error === BAIL || error instanceof RangeError) {
      return undefined;
    }
    throw error;
  }
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const HASH = 0x23;
const DASH = 0x2d;
const COLON = 0x3a;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const BRACE = 0x7b;
const BRACKET = 0x5b;
const PIPE = 0x7c;
const GREATER = 0x3e;

const ROOT_KEYS = new Set(['apiVersion', 'kind']);
const BLOCK_HEADER = /^[|>](?:([1-9])([+-]?)|([+-])([1-9])?)?[ \t]*(?:[ \t]#.*)?\r?$/;

class BlockReader extends LineCursor {
  private readonly build: boolean;
  private readonly duplicates: DuplicateKey[] = [];
  private depth = 0;

  constructor(text: string, from: number, to: number, line: number, build: boolean) {
    super(text, from, to, line);
    this.build = build;
  }

  document(): ReadDocument | undefined {
    this.skipMarker();
    this.toContent();
    const line = this.line;
    if (this.column === -1) {
      return { value: null, position: line, duplicates: [], remarks: [] };
    }
    const [value, position] = this.block();
    if (this.column !== -1) {
      throw BAIL;
    }
    return { value, position, duplicates: this.duplicates, remarks: [] };
  }

  /** A scalar is over: the next content must not be its continuation. */
  private afterScalar(indent: number): void {
    this.endLine();
    this.toContent();
    if (this.column > indent) {
      throw BAIL;
    }
  }

  /** The node at the content; a map or a list, or a flow collection as the whole document. */
  private block(): [unknown, Position] {
    const code = this.text.charCodeAt(this.pos);
    if (code === DASH && this.endsWord(this.pos + 1)) {
      return this.sequence(this.column);
    }
    if (code === BRACE || code === BRACKET) {
      const column = this.column;
      const flow = this.flow(column);
      this.afterScalar(column - 1);
      return flow;
    }
    return this.mapping(this.column);
  }

  private mapping(indent: number): [unknown, Position] {
    this.deeper();
    const root = this.depth === 1;
    const value: Record<string, unknown> = {};
    const lines = new Map<string, Position>();
    const node: PositionNode = { line: this.line, keys: lines };
    do {
      const line = this.line;
      const key = this.key();
      const known = lines.get(key);
      if (known !== undefined) {
        this.duplicates.push({ key, line, firstLine: typeof known === 'number' ? known : known.line });
      }
      const [child, position] = this.value(indent, line, true, this.build || (root && ROOT_KEYS.has(key)));
      lines.set(key, this.build ? position : line);
      if (this.build || root) {
        value[key] = child;
      }
      if (this.column > indent) {
        throw BAIL;
      }
    } while (this.column === indent);
    this.depth--;
    return [value, node];
  }

  private sequence(indent: number): [unknown, Position] {
    this.deeper();
    const value: unknown[] = [];
    const lines: Position[] = [];
    const node: PositionNode = { line: this.line, items: lines };
    while (this.column === indent) {
      if (this.text.charCodeAt(this.pos) !== DASH || !this.endsWord(this.pos + 1)) {
        // A list at the column of its key may be followed by the next key.
        break;
      }
      const line = this.line;
      const [child, position] = this.item(indent, line);
      if (this.build) {
        value.push(child);
        lines.push(position);
      }
      if (this.column > indent) {
        throw BAIL;
      }
    }
    this.depth--;
    return [value, node];
  }

  /** What follows a dash: a map or list that starts on the same line, or a value. */
  private item(indent: number, line: number): [unknown, Position] {
    let pos = this.pos + 1;
    while (this.text.charCodeAt(pos) === SPACE) {
      pos++;
    }
    const code = this.text.charCodeAt(pos);
    if (code === 0x09) {
      throw BAIL;
    }
    const column = this.column + (pos - this.pos);
    if ((code === DASH && this.endsWord(pos + 1)) || (pos < this.to && this.startsKey(pos, code))) {
      this.pos = pos;
      this.column = column;
      return code === DASH && this.endsWord(pos + 1) ? this.sequence(column) : this.mapping(column);
    }
    this.pos++;
    return this.value(indent, line, false, this.build);
  }

  /** Whether a key with its colon stands here; only asked where a scalar could stand as well. */
  private startsKey(pos: number, code: number): boolean {
    if (
      code === BRACE ||
      code === BRACKET ||
      code === NEWLINE ||
      code === RETURN ||
      code === HASH ||
      code === PIPE ||
      code === GREATER
    ) {
      return false;
    }
    let at = pos;
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) {
      at = this.quoteEnd(pos, code);
      while (isBlankCode(this.text.charCodeAt(at))) {
        at++;
      }
      return this.text.charCodeAt(at) === COLON && this.endsWord(at + 1);
    }
    for (; at < this.to; at++) {
      const here = this.text.charCodeAt(at);
      if (here === NEWLINE) {
        return false;
      }
      if (here === COLON && this.endsWord(at + 1)) {
        return true;
      }
      if (here === HASH && isBlankCode(this.text.charCodeAt(at - 1))) {
        return false;
      }
    }
    return false;
  }

  /** Reads a key and its colon. */
  private key(): string {
    const text = this.text;
    const start = this.pos;
    const first = text.charCodeAt(start);
    let key: string;
    let pos: number;
    if (first === DOUBLE_QUOTE || first === SINGLE_QUOTE) {
      pos = this.quoteEnd(start, first);
      key = this.unquote(start, pos, first);
      while (isBlankCode(text.charCodeAt(pos))) {
        pos++;
      }
      if (text.charCodeAt(pos) !== COLON || !this.endsWord(pos + 1)) {
        throw BAIL;
      }
    } else {
      this.checkPlainStart(start, first);
      pos = start;
      for (; ; pos++) {
        if (pos >= this.to) {
          throw BAIL;
        }
        const code = text.charCodeAt(pos);
        if (code === COLON && this.endsWord(pos + 1)) {
          break;
        }
        if (code === NEWLINE || (code === HASH && isBlankCode(text.charCodeAt(pos - 1)))) {
          throw BAIL;
        }
      }
      let end = pos;
      while (isBlankCode(text.charCodeAt(end - 1))) {
        end--;
      }
      key = text.slice(start, end);
      if (key === '<<') {
        throw BAIL;
      }
    }
    if (key === '__proto__') {
      throw BAIL;
    }
    this.pos = pos + 1;
    return key;
  }

  /** The value behind a colon or a dash; leaves the reader at the next content. */
  private value(indent: number, line: number, listMayStandHere: boolean, build: boolean): [unknown, Position] {
    const text = this.text;
    const start = this.pos;
    let pos = start;
    while (isBlankCode(text.charCodeAt(pos))) {
      pos++;
    }
    const code = pos < this.to ? text.charCodeAt(pos) : NEWLINE;
    if (code === NEWLINE || code === RETURN || (code === HASH && pos > this.pos)) {
      this.endLine();
      this.toContent();
      const isList =
        this.column === indent && listMayStandHere && text.charCodeAt(this.pos) === DASH && this.endsWord(this.pos + 1);
      if (this.column > indent || isList) {
        const node = isList ? this.sequence(indent) : this.block();
        return listMayStandHere ? withLine(node, line) : node;
      }
      return [null, line];
    }
    this.pos = pos;
    if (code === PIPE || code === GREATER) {
      return [this.blockScalar(indent, code, build), line];
    }
    if (code === BRACE || code === BRACKET) {
      // The full reader has a word about tabs there.
      if (text.slice(start, pos).includes('\t')) {
        throw BAIL;
      }
      const flow = this.flow(indent + 1);
      this.afterScalar(indent);
      return withLine(flow, line);
    }
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) {
      const end = this.quoteEnd(pos, code);
      const value = this.unquote(pos, end, code);
      this.pos = end;
      this.afterScalar(indent);
      return [value, line];
    }
    this.checkPlainStart(pos, code);
    const value = this.plain(pos, build);
    this.afterScalar(indent);
    return [value, line];
  }

  private plain(start: number, build: boolean): unknown {
    const text = this.text;
    let pos = start;
    for (; pos < this.to; pos++) {
      const code = text.charCodeAt(pos);
      if (code === NEWLINE) {
        break;
      }
      if (code === COLON && this.endsWord(pos + 1)) {
        throw BAIL;
      }
      if (code === HASH && isBlankCode(text.charCodeAt(pos - 1))) {
        // The comment stays for the end of the line, with the blank before it.
        pos--;
        break;
      }
    }
    this.pos = pos;
    if (!build) {
      return null;
    }
    let end = pos;
    while (end > start && (isBlankCode(text.charCodeAt(end - 1)) || text.charCodeAt(end - 1) === RETURN)) {
      end--;
    }
    const value = resolvePlain(text.slice(start, end));
    if (typeof value === 'string') {
      return detached(value);
    }
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw BAIL;
    }
    return value;
  }

  private blockScalar(indent: number, style: number, build: boolean): unknown {
    if (build && style === GREATER) {
      throw BAIL;
    }
    const text = this.text;
    const headerEnd = this.lineEnd(this.pos);
    const header = BLOCK_HEADER.exec(text.slice(this.pos, headerEnd));
    if (header === null) {
      throw BAIL;
    }
    const chomp = header[2] ?? header[3] ?? '';
    const stated = header[1] ?? header[4];
    let contentIndent = stated === undefined ? -1 : indent + Number(stated);
    let pos = headerEnd + 1;
    let line = this.line + 1;
    let widestBlank = 0;
    const lines: string[] = [];
    while (pos < this.to) {
      let first = pos;
      while (first < this.to && text.charCodeAt(first) === SPACE) {
        first++;
      }
      const code = first < this.to ? text.charCodeAt(first) : NEWLINE;
      const width = first - pos;
      const isBlank = code === NEWLINE || (code === RETURN && text.charCodeAt(first + 1) === NEWLINE);
      if (!isBlank) {
        if (contentIndent === -1) {
          if (width <= indent) {
            break;
          }
          if (widestBlank > width) {
            throw BAIL;
          }
          contentIndent = width;
        }
        if (width < contentIndent) {
          if (width > indent && code !== HASH) {
            throw BAIL;
          }
          break;
        }
      }
      const end = this.lineEnd(first);
      if (build) {
        const from = contentIndent === -1 ? first : Math.min(pos + contentIndent, end);
        const to = text.charCodeAt(end - 1) === RETURN && end > from ? end - 1 : end;
        lines.push(text.slice(from, to));
      }
      widestBlank = Math.max(widestBlank, width);
      pos = end + 1;
      line++;
    }
    this.pos = Math.min(pos, this.to);
    this.line = line;
    this.toContent();
    if (this.column > indent) {
      throw BAIL;
    }
    return build ? detached(chomped(lines, chomp)) : null;
  }

  private flow(leastColumn: number): [unknown, Position] {
    const reader = new FlowReader(this.text, this.pos, this.to, this.line, leastColumn, this.duplicates);
    const result = reader.collection();
    this.pos = reader.pos;
    this.line = reader.line;
    return result;
  }

  private unquote(start: number, end: number, quote: number): string {
    return unquoted(this.text.slice(start, end), quote === DOUBLE_QUOTE);
  }

  private checkPlainStart(pos: number, code: number): void {
    if (isIndicator(code)) {
      if (code === BRACE && this.text.charCodeAt(pos + 1) === BRACE) {
        throw new TemplateFound(this.line);
      }
      throw BAIL;
    }
    if ((code === DASH || code === COLON || code === 0x3f) && this.endsWord(pos + 1)) {
      throw BAIL;
    }
  }

  private deeper(): void {
    this.depth++;
    if (this.depth > 200) {
      throw BAIL;
    }
  }
}

/** A node that starts below its key is found at the key. */
function withLine([value, position]: [unknown, Position], line: number): [unknown, Position] {
  return [value, typeof position === 'number' ? line : { ...position, line }];
}

function chomped(lines: readonly string[], chomp: string): string {
  if (chomp === '+') {
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  }
  let last = lines.length;
  while (last > 0 && lines[last - 1] === '') {
    last--;
  }
  const text = lines.slice(0, last).join('\n');
  return chomp === '-' || last === 0 ? text : `${text}\n`;
}
