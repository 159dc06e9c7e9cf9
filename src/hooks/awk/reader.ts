import type { Token } from './lexer.ts';
import { AwkProblem } from './syntax.ts';

/** The tokens of a program and the place reached in them. */
export interface Reader {
  readonly tokens: readonly Token[];
  position: number;
  depth: number;
  /** Inside `print a, b` without parentheses, where `>` would redirect. */
  noGreater: boolean;
}

const MAXIMUM_DEPTH = 80;
const END: Token = { kind: 'end', text: 'the end' };

export function peek(reader: Reader): Token {
  return reader.tokens[reader.position] ?? END;
}

export function is(reader: Reader, symbol: string): boolean {
  const token = peek(reader);
  return token.kind === 'symbol' && token.text === symbol;
}

export function isWord(reader: Reader, word: string): boolean {
  const token = peek(reader);
  return (token.kind === 'name' || token.kind === 'call') && token.text === word;
}

export function take(reader: Reader, symbol: string): boolean {
  if (!is(reader, symbol)) {
    return false;
  }
  reader.position += 1;
  return true;
}

export function takeWord(reader: Reader, word: string): boolean {
  if (!isWord(reader, word)) {
    return false;
  }
  reader.position += 1;
  return true;
}

export function expect(reader: Reader, symbol: string): void {
  if (!take(reader, symbol)) {
    throw new AwkProblem(`${symbol} expected at ${peek(reader).text}`);
  }
}

export function skipNewlines(reader: Reader): void {
  while (peek(reader).kind === 'newline') {
    reader.position += 1;
  }
}

export function deeper<T>(reader: Reader, parse: () => T): T {
  reader.depth += 1;
  if (reader.depth > MAXIMUM_DEPTH) {
    throw new AwkProblem('nested too deeply');
  }
  const result = parse();
  reader.depth -= 1;
  return result;
}
