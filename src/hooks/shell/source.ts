import type { Dialect, Word } from './ast.ts';

/** The text being parsed and the place reached in it. */
export interface Source {
  readonly text: string;
  readonly dialect: Dialect;
  position: number;
  depth: number;
  readonly hereDocuments: PendingHereDocument[];
}

export interface PendingHereDocument {
  readonly delimiter: string;
  readonly expand: boolean;
  readonly stripTabs: boolean;
  fill(word: Word): void;
}

/** The shell itself would refuse this text. */
export class SyntaxProblem extends Error {}

/** The shell may know this, the interpreter does not. */
export class Unsupported extends Error {}

/** Nesting beyond this is nobody's hook; it would only use up our own stack. */
const MAXIMUM_DEPTH = 60;

export function newSource(text: string, dialect: Dialect, depth = 0): Source {
  return { text, dialect, position: 0, depth, hereDocuments: [] };
}

export function deeper<T>(source: Source, parse: () => T): T {
  if (source.depth >= MAXIMUM_DEPTH) {
    throw new Unsupported('nested too deeply');
  }
  source.depth += 1;
  try {
    return parse();
  } finally {
    source.depth -= 1;
  }
}

export function current(source: Source): string {
  return source.text.charAt(source.position);
}

export function startsWith(source: Source, text: string): boolean {
  return source.text.startsWith(text, source.position);
}

export function take(source: Source, text: string): boolean {
  if (!startsWith(source, text)) {
    return false;
  }
  source.position += text.length;
  return true;
}

export function atEnd(source: Source): boolean {
  return source.position >= source.text.length;
}

/** Skips spaces, line continuations and a comment, but no newline. */
export function skipBlanks(source: Source): void {
  for (;;) {
    const character = current(source);
    if (character === ' ' || character === '\t' || character === '\r') {
      source.position += 1;
    } else if (character === '\\' && source.text.charAt(source.position + 1) === '\n') {
      source.position += 2;
    } else if (character === '#') {
      while (!atEnd(source) && current(source) !== '\n') {
        source.position += 1;
      }
    } else {
      return;
    }
  }
}

const META = new Set([' ', '\t', '\r', '\n', ';', '&', '|', '<', '>', '(', ')', '']);

/** True where an unquoted word ends. */
export function isMeta(character: string): boolean {
  return META.has(character);
}

/** The reserved word or plain word at this place, without moving; empty where something else stands here. */
export function peekPlainWord(source: Source): string {
  let end = source.position;
  while (!META.has(source.text.charAt(end))) {
    end += 1;
  }
  return source.text.slice(source.position, end);
}

/** Up to 60 characters of the text around the place, for messages. */
export function excerpt(source: Source): string {
  const text = source.text
    .slice(source.position, source.position + 60)
    .replace(/\s+/g, ' ')
    .trim();
  return text === '' ? 'the end of the script' : text;
}
