/**
 * How many samples each property gets. `make test` takes ten thousand in all, `make test-properties` a million; the
 * environment variable PROPERTY_RUNS says another number.
 */
const TOTAL = Number(process.env['PROPERTY_RUNS'] ?? 10_000);

/** A property's share; the shares of all properties sum up to 1. */
export function runs(share: number): number {
  return Math.max(1, Math.ceil(TOTAL * share));
}

/** Jest's own limit per test: a sample takes a few milliseconds. */
export const TIMEOUT_MILLIS = 60_000 + TOTAL * 50;
