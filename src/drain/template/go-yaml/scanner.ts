import { Cursor, END, isBlank, isBlankOrEnd, isBreak, isWord, YamlSyntaxError } from './cursor.ts';
import { scanBlockScalar, scanPlain, scanQuoted } from './scalars.ts';
import { scanDirective, scanTag } from './tags.ts';
import type { TagParts } from './tags.ts';

export type ScalarType = 'PLAIN' | 'QUOTE_DOUBLE' | 'QUOTE_SINGLE' | 'BLOCK_LITERAL' | 'BLOCK_FOLDED';

export type TokenKind =
  | 'version'
  | 'tag-directive'
  | '---'
  | '...'
  | 'end'
  | 'block-map'
  | 'block-list'
  | 'block-end'
  | '['
  | ']'
  | '{'
  | '}'
  | ','
  | '-'
  | '?'
  | ':'
  | 'alias'
  | 'anchor'
  | 'tag'
  | 'scalar';

export interface Token {
  readonly kind: TokenKind;
  /** In UTF-16 units from the start of the text. */
  readonly start: number;
  readonly end: number;
  /** Of a scalar, an anchor, an alias; the version of `%YAML`. */
  readonly value?: string;
  readonly type?: ScalarType;
  readonly tag?: TagParts;
}

/** A token that turns out to be a key when a colon follows it. */
interface PossibleKey {
  possible: boolean;
  /** False: go-yaml hands the token on without looking for a colon behind it, as with `[]` and `{}`. */
  looksAhead: boolean;
  readonly required: boolean;
  readonly token: number;
  readonly offset: number;
  readonly line: number;
  readonly column: number;
  readonly characters: number;
}

/** go-yaml: a key that has no `?` before it stands on one line and within as many characters. */
const KEY_LENGTH = 1024;
/** go-yaml bounds this at 10,000; a text that people write has five. */
export const DEEPEST = 1000;

const NO_PLAIN_START = '-?:,[]{}#&*!|>\'"%@`';

/** Splits a text into the tokens that go-yaml v2 finds in it, no further than it is asked. */
export class Scanner {
  private readonly cursor: Cursor;
  private readonly queue: Token[] = [];
  private readonly indents: number[] = [];
  private readonly keys: PossibleKey[] = [NO_KEY];
  private indent = -1;
  private taken = 0;
  private ready = false;
  private keyAllowed = true;

  constructor(text: string) {
    this.cursor = new Cursor(text);
  }

  peek(): Token {
    if (!this.ready) {
      while (this.queue.length === 0 || this.nextMayBeKey()) {
        this.fetch();
      }
      this.ready = true;
    }
    return this.queue[0] as Token;
  }

  take(): Token {
    const token = this.peek();
    if (token.kind !== 'end') {
      this.queue.shift();
      this.taken += 1;
      this.ready = false;
    }
    return token;
  }

  private inFlow(): boolean {
    return this.keys.length > 1;
  }

  private nextMayBeKey(): boolean {
    const key = this.keys.find((one) => one.possible && one.looksAhead && one.token === this.taken);
    return key !== undefined && this.isValid(key);
  }

  private isValid(key: PossibleKey): boolean {
    const cursor = this.cursor;
    if (!key.possible) {
      return false;
    }
    if (key.line < cursor.line || key.characters + KEY_LENGTH < cursor.characters) {
      this.dropKey(key);
      return false;
    }
    return true;
  }

  private dropKey(key: PossibleKey): void {
    if (key.possible && key.required) {
      throw new YamlSyntaxError("could not find expected ':' behind a key", key.offset);
    }
    key.possible = false;
  }

  private lastKey(): PossibleKey {
    return this.keys.at(-1) ?? NO_KEY;
  }

  private saveKey(): void {
    if (!this.keyAllowed) {
      return;
    }
    const { offset, line, column, characters } = this.cursor;
    this.dropKey(this.lastKey());
    this.keys[this.keys.length - 1] = {
      possible: true,
      looksAhead: true,
      required: !this.inFlow() && this.indent === column,
      token: this.taken + this.queue.length,
      offset,
      line,
      column,
      characters,
    };
  }

  private push(kind: TokenKind, start: number, more: Partial<Token> = {}): void {
    this.queue.push({ kind, start, end: this.cursor.offset, ...more });
  }

  /** Opens a block collection where the indentation has grown. `at` is a place in the queue. */
  private openBlock(kind: 'block-map' | 'block-list', column: number, offset: number, at = this.queue.length): void {
    if (this.inFlow() || this.indent >= column) {
      return;
    }
    this.indents.push(this.indent);
    this.checkDepth(this.indents.length);
    this.indent = column;
    this.queue.splice(at, 0, { kind, start: offset, end: offset });
  }

  private checkDepth(depth: number): void {
    if (depth > DEEPEST) {
      throw new YamlSyntaxError(`nested deeper than ${DEEPEST} levels`, this.cursor.offset);
    }
  }

  private closeBlocks(column: number): void {
    while (!this.inFlow() && this.indent > column) {
      this.push('block-end', this.cursor.offset);
      this.indent = this.indents.pop() ?? -1;
    }
  }

  private skipToToken(): void {
    const cursor = this.cursor;
    for (;;) {
      const tabs = this.inFlow() || !this.keyAllowed;
      cursor.takeAll((character) => character === ' ' || (tabs && character === '\t'));
      cursor.skipComment();
      if (!isBreak(cursor.at())) {
        return;
      }
      cursor.takeBreak();
      this.keyAllowed ||= !this.inFlow();
    }
  }

  private fetch(): void {
    this.skipToToken();
    const cursor = this.cursor;
    this.closeBlocks(cursor.column);
    const character = cursor.at();
    if (character === END) {
      this.fetchEnd();
    } else if (cursor.column === 0 && character === '%') {
      this.fetchDirective();
    } else if (cursor.atDocumentMark()) {
      this.fetchDocumentMark();
    } else if (character === '[' || character === '{') {
      this.openFlow(character);
    } else if (character === ']' || character === '}') {
      this.closeFlow(character);
    } else if (character === ',') {
      this.dropKey(this.lastKey());
      this.keyAllowed = true;
      this.takeIndicator(',');
    } else {
      this.fetchInBlock(character);
    }
  }

  private fetchInBlock(character: string): void {
    const cursor = this.cursor;
    const blankFollows = isBlankOrEnd(cursor.at(1));
    if (character === '-' && blankFollows) {
      this.fetchEntry();
    } else if (character === '?' && (this.inFlow() || blankFollows)) {
      this.fetchKey();
    } else if (character === ':' && (this.inFlow() || blankFollows)) {
      this.fetchValue();
    } else if (character === '*' || character === '&') {
      this.fetchAnchor(character);
    } else if (character === '!') {
      this.fetchTag();
    } else if (!this.inFlow() && (character === '|' || character === '>')) {
      this.fetchBlockScalar(character);
    } else if (character === '"' || character === "'") {
      this.fetchQuoted(character);
    } else if (this.startsPlain(character)) {
      this.fetchPlain();
    } else {
      throw new YamlSyntaxError(
        character === '\t'
          ? 'found a character that cannot start any token: a tab where indentation is expected'
          : `found a character that cannot start any token: ${character}`,
        cursor.offset,
      );
    }
  }

  private startsPlain(character: string): boolean {
    const next = this.cursor.at(1);
    if (character === '-') {
      return !isBlank(next);
    }
    if (character === '?' || character === ':') {
      return !this.inFlow() && !isBlankOrEnd(next);
    }
    return !isBlankOrEnd(character) && !NO_PLAIN_START.includes(character);
  }

  private fetchEnd(): void {
    const cursor = this.cursor;
    if (cursor.column !== 0) {
      cursor.column = 0;
      cursor.line += 1;
    }
    this.leaveContent();
    this.push('end', cursor.offset);
  }

  private leaveContent(): void {
    this.closeBlocks(-1);
    this.dropKey(this.lastKey());
    this.keyAllowed = false;
  }

  private fetchDirective(): void {
    this.leaveContent();
    const start = this.cursor.offset;
    const directive = scanDirective(this.cursor);
    if (directive.kind === 'version') {
      this.push('version', start, { value: directive.version });
    } else {
      this.push('tag-directive', start, { tag: directive.tag });
    }
  }

  private fetchDocumentMark(): void {
    this.leaveContent();
    const cursor = this.cursor;
    const start = cursor.offset;
    const kind = cursor.atDocumentMark('---') ? '---' : '...';
    cursor.take();
    cursor.take();
    cursor.take();
    this.push(kind, start);
  }

  private takeIndicator(kind: TokenKind): void {
    const start = this.cursor.offset;
    this.cursor.take();
    this.push(kind, start);
  }

  private openFlow(kind: '[' | '{'): void {
    this.saveKey();
    this.keys.push({ ...NO_KEY, token: this.taken + this.queue.length });
    this.checkDepth(this.keys.length);
    this.keyAllowed = true;
    this.takeIndicator(kind);
  }

  private closeFlow(kind: ']' | '}'): void {
    this.dropKey(this.lastKey());
    if (this.inFlow()) {
      const inner = this.keys.pop();
      this.lastKey().looksAhead &&= inner?.token !== this.lastKey().token;
    }
    this.keyAllowed = false;
    this.takeIndicator(kind);
  }

  private fetchEntry(): void {
    const cursor = this.cursor;
    this.demandKeyAllowed('an entry of a list');
    this.openBlock('block-list', cursor.column, cursor.offset);
    this.dropKey(this.lastKey());
    this.keyAllowed = true;
    this.takeIndicator('-');
  }

  private demandKeyAllowed(what: string): void {
    if (!this.inFlow() && !this.keyAllowed) {
      throw new YamlSyntaxError(`${what} is not allowed here`, this.cursor.offset);
    }
  }

  private fetchKey(): void {
    const cursor = this.cursor;
    this.demandKeyAllowed('a key of a map');
    this.openBlock('block-map', cursor.column, cursor.offset);
    this.dropKey(this.lastKey());
    this.keyAllowed = !this.inFlow();
    this.takeIndicator('?');
  }

  private fetchValue(): void {
    const cursor = this.cursor;
    const key = this.lastKey();
    if (this.isValid(key)) {
      const at = key.token < this.taken ? this.queue.length : key.token - this.taken;
      this.queue.splice(at, 0, { kind: '?', start: key.offset, end: key.offset });
      this.openBlock('block-map', key.column, key.offset, at);
      key.possible = false;
      this.keyAllowed = false;
    } else {
      this.demandKeyAllowed('the value of a map');
      this.openBlock('block-map', cursor.column, cursor.offset);
      this.keyAllowed = !this.inFlow();
    }
    this.takeIndicator(':');
  }

  private fetchAnchor(mark: '*' | '&'): void {
    this.saveKey();
    this.keyAllowed = false;
    const cursor = this.cursor;
    const start = cursor.offset;
    cursor.take();
    const value = cursor.takeAll(isWord);
    if (value === '' || !(isBlankOrEnd(cursor.at()) || '?:,]}%@`'.includes(cursor.at()))) {
      throw new YamlSyntaxError(`the name behind ${mark} is made of letters, digits, - and _`, start);
    }
    this.push(mark === '*' ? 'alias' : 'anchor', start, { value });
  }

  private fetchTag(): void {
    this.saveKey();
    this.keyAllowed = false;
    const start = this.cursor.offset;
    this.push('tag', start, { tag: scanTag(this.cursor) });
  }

  private fetchBlockScalar(mark: '|' | '>'): void {
    this.dropKey(this.lastKey());
    this.keyAllowed = true;
    const start = this.cursor.offset;
    const scalar = scanBlockScalar(this.cursor, this.indent);
    this.push('scalar', start, { ...scalar, type: mark === '|' ? 'BLOCK_LITERAL' : 'BLOCK_FOLDED' });
  }

  private fetchQuoted(quote: '"' | "'"): void {
    this.saveKey();
    this.keyAllowed = false;
    const start = this.cursor.offset;
    const value = scanQuoted(this.cursor);
    this.push('scalar', start, { value, type: quote === '"' ? 'QUOTE_DOUBLE' : 'QUOTE_SINGLE' });
  }

  private fetchPlain(): void {
    this.saveKey();
    const start = this.cursor.offset;
    const { value, end, broken } = scanPlain(this.cursor, this.indent, this.inFlow());
    this.keyAllowed = broken;
    this.push('scalar', start, { value, end, type: 'PLAIN' });
  }
}

const NO_KEY: PossibleKey = {
  possible: false,
  looksAhead: false,
  required: false,
  token: 0,
  offset: 0,
  line: 0,
  column: 0,
  characters: 0,
};
