/** One document of a YAML stream: its text, and the line of the file at which that starts. */
export interface Chunk {
  readonly from: number;
  readonly to: number;
  readonly line: number;
}

/**
 * Cuts a YAML stream at its document markers. A line that starts with `---` or `...` and ends there, or goes on with a
 * blank, is a marker wherever it stands: the YAML specification forbids such lines inside every kind of scalar.
 * Directives (`%YAML`, `%TAG`) stay with the document that follows them.
 */
export function* splitDocuments(text: string): Generator<Chunk> {
  let from = 0;
  let line = 1;
  let pos = 0;
  while (pos < text.length) {
    const next = nextMarker(text, pos);
    if (next === undefined) {
      break;
    }
    const { at, isEnd } = next;
    // A marker at the very start, or behind directives, opens the document that we are in.
    if (at > from && !onlyDirectives(text, from, at)) {
      yield { from, to: at, line };
      line += newlinesBetween(text, from, at);
      from = at;
    }
    pos = endOfLine(text, at);
    if (isEnd) {
      line += newlinesBetween(text, from, pos);
      from = pos;
    }
  }
  if (from < text.length) {
    yield { from, to: text.length, line };
  }
}

function nextMarker(text: string, start: number): { at: number; isEnd: boolean } | undefined {
  let at = start;
  if (at === 0 && isMarkerAt(text, 0)) {
    return { at: 0, isEnd: text.startsWith('...') };
  }
  for (;;) {
    const begin = at === 0 ? 0 : at - 1;
    const dashes = text.indexOf('\n---', begin);
    const dots = findDots(text, begin, dashes);
    const newline = dots !== -1 && (dashes === -1 || dots < dashes) ? dots : dashes;
    if (newline === -1) {
      return undefined;
    }
    if (isMarkerAt(text, newline + 1)) {
      return { at: newline + 1, isEnd: newline === dots };
    }
    at = newline + 2;
  }
}

/** `...` is rare: it is looked for only up to the next `---`, so that a long stream is not searched again and again. */
function findDots(text: string, begin: number, before: number): number {
  const end = before === -1 ? text.length : before;
  const found = text.slice(begin, end).indexOf('\n...');
  return found === -1 ? -1 : begin + found;
}

function isMarkerAt(text: string, at: number): boolean {
  if (!text.startsWith('---', at) && !text.startsWith('...', at)) {
    return false;
  }
  const after = text.charCodeAt(at + 3);
  return Number.isNaN(after) || after === 0x20 || after === 0x09 || after === 0x0a || after === 0x0d;
}

/** Nothing but comments and blank lines, and among them a directive. */
function onlyDirectives(text: string, from: number, to: number): boolean {
  // Directives are rare, and the text is long: its lines are looked at where one of them can be a directive.
  const first = text.indexOf('%', from);
  if (first === -1 || first >= to) {
    return false;
  }
  let hasDirective = false;
  for (const line of text.slice(from, to).split('\n')) {
    const content = line.trim();
    if (line.startsWith('%')) {
      hasDirective = true;
    } else if (content !== '' && !content.startsWith('#')) {
      return false;
    }
  }
  return hasDirective;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end + 1;
}

function newlinesBetween(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf('\n', from); at !== -1 && at < to; at = text.indexOf('\n', at + 1)) {
    count++;
  }
  return count;
}
