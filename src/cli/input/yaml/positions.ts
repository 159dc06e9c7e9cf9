/**
 * Where the parts of a document stand: a tree beside the plain value, so that the value stays plain. A leaf is the line
 * of its key (or of its dash in a list). Lines count from 1 in the file.
 */
export type Position = number | PositionNode;

export interface PositionNode {
  readonly line: number;
  readonly keys?: ReadonlyMap<string, Position>;
  readonly items?: readonly Position[];
}

export function lineOf(position: Position): number {
  return typeof position === 'number' ? position : position.line;
}

/** The position at a path, in which an index may be text; undefined where the document has nothing there. */
export function positionAt(position: Position | undefined, path: readonly (string | number)[]): Position | undefined {
  let current = position;
  for (const step of path) {
    if (current === undefined || typeof current === 'number') {
      return undefined;
    }
    current =
      typeof step === 'number' ? current.items?.[step] : (current.keys?.get(step) ?? current.items?.[Number(step)]);
  }
  return current;
}

/** Where a value stands, else its nearest parent. */
export function nearestPosition(position: Position, steps: readonly (string | number)[]): Position {
  for (let length = steps.length; length > 0; length--) {
    const found = positionAt(position, steps.slice(0, length));
    if (found !== undefined) {
      return found;
    }
  }
  return position;
}

/** A key that stands twice in one map; the last one counts. */
export interface DuplicateKey {
  readonly key: string;
  readonly line: number;
  readonly firstLine: number;
}

export interface ReadDocument {
  readonly value: unknown;
  readonly position: Position;
  readonly duplicates: readonly DuplicateKey[];
  readonly remarks: readonly Remark[];
}

/** What is read here, and by others differently or not at all. */
export interface Remark {
  readonly line: number;
  readonly message: string;
}
