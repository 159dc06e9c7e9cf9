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
  return hex(hash);
}

/**
 * 64-bit FNV-1a over UTF-16 units, as sixteen hex digits: enough that two of a hundred thousand plans do not meet, and
 * pure. Its prime is 2^40 + 0x1b3. The products are of 16 bits each, so that all of it stays within integers of 32 bits:
 * half the time of what needs doubles.
 */
export function fnv1a64(text: string): string {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  for (let index = 0; index < text.length; index += 1) {
    low ^= text.charCodeAt(index);
    const lower = (low & 0xffff) * 0x1b3;
    const upper = (low >>> 16) * 0x1b3 + (lower >>> 16);
    high = (imul(high, 0x1b3) + (upper >>> 16) + (low << 8)) | 0;
    low = (upper << 16) | (lower & 0xffff);
  }
  return hex(high) + hex(low);
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}

/** The same lines in any order give the same name. */
export function setHash(lines: readonly string[]): string {
  return fnv1a64([...lines].sort().join('\n'));
}
