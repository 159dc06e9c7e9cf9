/** Thrown, and always caught, where the fast reader gives a document to the full parser. Made once: a stack trace would cost more than the document. */
export const BAIL: Error = new Error('not for the fast reader');

/** `{{` stands where a value or a key should: this is a template that has not been rendered. */
export class TemplateFound extends Error {
  readonly line: number;
  constructor(line: number) {
    super('unrendered template');
    this.line = line;
  }
}

export function isBlankCode(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

const INDICATORS = new Set([...',[]{}#&*!|>\'"%@`'].map((character) => character.charCodeAt(0)));

/** Characters that cannot start a plain scalar; `-`, `?` and `:` can where something follows them. */
export function isIndicator(code: number): boolean {
  return code < 0x7f && INDICATORS.has(code);
}

/** A quoted scalar of one line. Escapes that are not JSON's are for the full parser. */
export function unquoted(written: string, double: boolean): string {
  const inner = written.slice(1, -1);
  if (!double) {
    return inner.includes("''") ? inner.replaceAll("''", "'") : detached(inner);
  }
  if (!inner.includes('\\')) {
    return detached(inner);
  }
  try {
    return JSON.parse(written) as string;
  } catch {
    throw BAIL;
  }
}

/** V8 keeps a slice of 13 characters or more as a pointer into its parent, and so the whole file with it. */
const SHORTEST_SLICE = 13;

/** The same text with nothing behind it, so that a record of a few words does not hold a file of megabytes. */
export function detached(text: string): string {
  return text.length < SHORTEST_SLICE ? text : ` ${text}`.slice(1);
}
