/** One way in for what others write. */
export interface FuzzTarget {
  readonly name: string;
  /** What it reads, for the table. */
  readonly about: string;
  /** Where the search begins, besides the corpus. */
  readonly seeds: readonly string[];
  /** What its language is made of. */
  readonly words: readonly string[];
  /** Reads the input and throws where something that has to hold does not. */
  run(input: string): void | Promise<void>;
}

/** Broken: what had to hold, and what was seen. */
export class Violation extends Error {}

/** @throws Violation */
export function demand(holds: boolean, what: string, seen?: unknown): asserts holds {
  if (!holds) {
    throw new Violation(seen === undefined ? what : `${what}: ${JSON.stringify(seen)}`);
  }
}
