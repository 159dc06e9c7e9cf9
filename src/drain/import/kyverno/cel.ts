import { UNKNOWN_VALUE } from '../overlay.ts';

/**
 * The part of CEL that states values: objects (`Object.spec{...}`), maps, lists, texts, numbers and `+` of texts, and
 * `condition ? value : value` around them. Everything else is a value that is computed, or a condition in words.
 * https://github.com/google/cel-spec/blob/master/doc/langdef.md
 */

export interface CelReading {
  readonly value: unknown;
  /** Conditions under which the value is what it is, as they are written. */
  readonly conditions: readonly string[];
}

/** Longer ones are programs, and no values. */
const LONGEST_EXPRESSION = 20_000;
const DEEPEST = 64;

/** @returns undefined where the text is no expression at all, or too long a one */
export function readCel(text: string): CelReading | undefined {
  if (text.length > LONGEST_EXPRESSION) {
    return undefined;
  }
  const tokens = tokenize(text);
  return tokens === undefined ? undefined : new Reader(tokens).whole();
}

interface Token {
  readonly kind: 'text' | 'number' | 'word' | 'sign';
  readonly written: string;
  readonly value?: string;
}

const TOKEN =
  /\s+|\/\/[^\n]*|([bB]?[rR]?)("""[\s\S]*?"""|'''[\s\S]*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?u?)|([A-Za-z_]\w*)|(&&|\|\||==|!=|<=|>=|[[\]{}().,:?+\-*/%<>!])/y;

function tokenize(text: string): Token[] | undefined {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text);
    if (match === null) {
      return undefined;
    }
    const [written, prefix = '', quoted, number, word, sign] = match;
    if (quoted !== undefined) {
      tokens.push({ kind: 'text', written, value: unquoted(quoted, /r/i.test(prefix)) });
    } else if (number !== undefined) {
      tokens.push({ kind: 'number', written });
    } else if (word !== undefined) {
      tokens.push({ kind: 'word', written });
    } else if (sign !== undefined) {
      tokens.push({ kind: 'sign', written });
    }
  }
  return tokens;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b', f: '\f', v: '\v' };

function unquoted(quoted: string, raw: boolean): string {
  const marks = /^("""|''')/.test(quoted) ? 3 : 1;
  const inside = quoted.slice(marks, -marks);
  return raw
    ? inside
    : inside.replaceAll(/\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)/gs, (_, code: string) =>
        /^[ux]./.test(code) ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (ESCAPES[code] ?? code),
      );
}

const CLOSING: Readonly<Record<string, string>> = { '{': '}', '[': ']', '(': ')' };

class Reader {
  private readonly tokens: readonly Token[];
  private readonly conditions: string[] = [];
  private at = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  whole(): CelReading {
    const value = this.expression(0);
    return { value: this.at < this.tokens.length ? UNKNOWN_VALUE : value, conditions: this.conditions };
  }

  /** Up to the next comma or closing bracket. */
  private expression(depth: number): unknown {
    const end = this.end();
    const mark = this.conditional(end);
    if (mark !== undefined && depth < DEEPEST) {
      return this.choice(mark, end, depth);
    }
    const value = this.sum(end, depth);
    if (this.at !== end) {
      this.at = end;
      return UNKNOWN_VALUE;
    }
    return value;
  }

  /** `condition ? a : b`, where one of both is nothing: the other one, under the condition. */
  private choice(mark: number, end: number, depth: number): unknown {
    const condition = this.written(this.at, mark);
    this.at = mark + 1;
    const yes = this.expression(depth + 1);
    if (!this.take(':')) {
      this.at = end;
      return UNKNOWN_VALUE;
    }
    const no = this.expression(depth + 1);
    if (isNothing(no)) {
      this.conditions.push(condition);
      return yes;
    }
    if (isNothing(yes)) {
      this.conditions.push(`!(${condition})`);
      return no;
    }
    return UNKNOWN_VALUE;
  }

  /** Texts that are joined, or one value. */
  private sum(end: number, depth: number): unknown {
    let value = this.value(depth);
    while (this.at < end && this.take('+')) {
      const next = this.value(depth);
      value =
        typeof value === 'string' && typeof next === 'string'
          ? value + next
          : Array.isArray(value) && Array.isArray(next)
            ? [...(value as unknown[]), ...(next as unknown[])]
            : UNKNOWN_VALUE;
    }
    return value;
  }

  private value(depth: number): unknown {
    const token = this.tokens[this.at];
    if (token === undefined || depth > DEEPEST) {
      return UNKNOWN_VALUE;
    }
    this.at++;
    if (token.kind === 'text') {
      return token.value;
    }
    if (token.kind === 'number') {
      return Number(token.written.replace(/u$/, ''));
    }
    if (token.written === '-' && this.tokens[this.at]?.kind === 'number') {
      return -Number(this.tokens[this.at++]?.written);
    }
    if (token.written === '[') {
      return this.list(depth);
    }
    if (token.written === '{') {
      return this.fields(depth);
    }
    if (token.written === '(') {
      const inside = this.expression(depth + 1);
      return this.take(')') ? inside : UNKNOWN_VALUE;
    }
    return token.kind === 'word' ? this.named(token, depth) : UNKNOWN_VALUE;
  }

  /** A constant, the name of a type with its fields, or a function of which two are followed. */
  private named(token: Token, depth: number): unknown {
    if (token.written === 'true' || token.written === 'false') {
      return token.written === 'true';
    }
    if (token.written === 'null') {
      return null;
    }
    let name = token.written;
    while (this.tokens[this.at]?.written === '.' && this.tokens[this.at + 1]?.kind === 'word') {
      name += `.${this.tokens[this.at + 1]?.written ?? ''}`;
      this.at += 2;
    }
    if (this.take('{')) {
      return /^(Object|JSONPatch)\b/.test(name) ? this.fields(depth) : UNKNOWN_VALUE;
    }
    if (!this.take('(')) {
      return UNKNOWN_VALUE;
    }
    const argument = this.expression(depth + 1);
    if (!this.take(')')) {
      return UNKNOWN_VALUE;
    }
    if (name === 'jsonpatch.escapeKey' && typeof argument === 'string') {
      return argument.replaceAll('~', '~0').replaceAll('/', '~1');
    }
    return (name === 'string' || name === 'dyn') && (typeof argument === 'string' || typeof argument === 'number')
      ? name === 'string'
        ? String(argument)
        : argument
      : UNKNOWN_VALUE;
  }

  private list(depth: number): unknown {
    const items: unknown[] = [];
    while (!this.take(']')) {
      items.push(this.expression(depth + 1));
      if (!this.take(',') && this.tokens[this.at]?.written !== ']') {
        return UNKNOWN_VALUE;
      }
    }
    return items;
  }

  private fields(depth: number): unknown {
    const entries: [string, unknown][] = [];
    while (!this.take('}')) {
      this.take('?');
      const key = this.tokens[this.at++];
      if (key === undefined || key.kind === 'sign' || !this.take(':')) {
        return UNKNOWN_VALUE;
      }
      entries.push([key.value ?? key.written, this.expression(depth + 1)]);
      if (!this.take(',') && this.tokens[this.at]?.written !== '}') {
        return UNKNOWN_VALUE;
      }
    }
    return Object.fromEntries(entries);
  }

  private take(written: string): boolean {
    const token = this.tokens[this.at];
    if (token?.kind !== 'sign' || token.written !== written) {
      return false;
    }
    this.at++;
    return true;
  }

  /** Where the expression that begins here ends: a comma, colon or closing bracket of its own level. */
  private end(): number {
    let choices = 0;
    for (let index = this.at; index < this.tokens.length; index++) {
      const { kind, written } = this.tokens[index] as Token;
      if (kind !== 'sign') {
        continue;
      }
      if (Object.hasOwn(CLOSING, written)) {
        index = this.closing(index);
      } else if (written === '?' && this.isChoice(index)) {
        choices++;
      } else if (written === ':' && choices > 0) {
        choices--;
      } else if ([',', ':', '}', ']', ')'].includes(written)) {
        return index;
      }
    }
    return this.tokens.length;
  }

  private conditional(end: number): number | undefined {
    for (let index = this.at; index < end; index++) {
      const { kind, written } = this.tokens[index] as Token;
      if (kind === 'sign' && Object.hasOwn(CLOSING, written)) {
        index = this.closing(index);
      } else if (kind === 'sign' && written === '?' && this.isChoice(index)) {
        return index;
      }
    }
    return undefined;
  }

  /** `a.?b` and `[?k]` are optional accesses. */
  private isChoice(index: number): boolean {
    return !['.', '[', '{', ','].includes(this.tokens[index - 1]?.written ?? '');
  }

  private closing(from: number): number {
    let open = 0;
    for (let index = from; index < this.tokens.length; index++) {
      const { kind, written } = this.tokens[index] as Token;
      if (kind !== 'sign') {
        continue;
      }
      open += Object.hasOwn(CLOSING, written) ? 1 : ['}', ']', ')'].includes(written) ? -1 : 0;
      if (open === 0) {
        return index;
      }
    }
    return this.tokens.length;
  }

  private written(from: number, to: number): string {
    return this.tokens
      .slice(from, to)
      .map(({ written }) => written)
      .join(' ')
      .replaceAll(/ ?([.()[\]]) ?/g, '$1');
  }
}

/** `Object{}` and `[]` change nothing. */
function isNothing(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
