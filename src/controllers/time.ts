/** An instant: milliseconds since 1970. The mark keeps it from being taken for seconds; plain numbers may be assigned to it. */
export type EpochMs = number & { readonly unit?: 'EpochMs' };

/** Whatever waits is looked at again after this at the latest: an event that was missed must not be waited for for ever. */
export const LONGEST_WAIT_MS = 60_000;
/** Waits that begin together shall not end together. */
const JITTER = 0.1;

/**
 * How long to wait for something that is due then, or at no known time.
 * @param random from 0 to 1
 * @returns milliseconds
 */
export function waitMs(lookAgainAt: EpochMs | undefined, now: EpochMs, random: () => number = Math.random): number {
  const known = lookAgainAt === undefined ? Infinity : lookAgainAt - now;
  return known < LONGEST_WAIT_MS ? Math.max(10, known) : LONGEST_WAIT_MS * (1 - JITTER * random());
}
