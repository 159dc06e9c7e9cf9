import type { Dialect, Word } from './ast.ts';

/** The text being parsed and the place reached in it. */
export interface Source {
  readonly text: string;
  readonly dialect: Dialect;
  position: number;
  depth: number;
  /** What may still be parsed, shared with the sources inside it: a text that has to be read twice at each level of its nesting would take for ever. */
  readonly work: { left: number };
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

/** Parts of a script; one of ten thousand characters has at most about as many. */
const MAXIMUM_WORK = 40_000;

export function newSource(text: string, dialect: Dialect, outer?: Source): Source {
  return {
    text,
    dialect,
    position: 0,
    depth: outer?.depth ?? 0,
    work: outer?.work ?? { left: MAXIMUM_WORK },
    hereDocuments: [],
  };
}

/** Accounts for parts that are parsed. */
export function spendOn(source: Source, parts: number): void {
  source.work.left -= parts;
  if (source.work.left < 0) {
    throw new Unsupported('a script of this size');
  }
}

export function spentOn(source: Source): number {
  return MAXIMUM_WORK - source.work.left;
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
