/** Short names of texts. Pure, because the domain has no crypto: they tell texts apart, and nobody gains by forging one. */

/** Looked up once: in a context of its own, where tests run, a global costs more than the multiplication. */
const { imul } = Math;

const OFFSET_BASIS = 0x811c9dc5;

/** 32-bit FNV-1a over UTF-16 units, as eight hex digits. */
export function fnv1a(text: string, seed = OFFSET_BASIS): string {
  let hash = seed;
  for (let index = 0; index < text.length; index++) {
    hash = imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}

/**
 * 64-bit FNV-1a over UTF-16 units, as sixteen hex digits: enough that two of a hundred thousand plans do not meet, and
 * pure. Its prime is 2^40 + 0x1b3, so that two halves of 32 bits do without big integers.
 */
export function fnv1a64(text: string): string {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  for (let index = 0; index < text.length; index += 1) {
    low = (low ^ text.charCodeAt(index)) >>> 0;
    const product = low * 0x1b3;
    high = (high * 0x1b3 + Math.floor(product / 0x100000000) + low * 0x100) % 0x100000000;
    low = product % 0x100000000;
  }
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}

/** The same lines in any order give the same name. */
export function setHash(lines: readonly string[]): string {
  return fnv1a64([...lines].sort().join('\n'));
}
