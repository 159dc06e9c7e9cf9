/**
 * A short text that tells whether a value is still the one we wrote, without keeping the value: its length and two
 * 32-bit FNV-1a hashes. Pure, because the domain has no crypto; nobody gains by forging it.
 */
export function fingerprint(text: string): string {
  return `${text.length}-${hash(text, 0x811c9dc5)}${hash(text, 0x050c5d1f)}`;
}

function hash(text: string, seed: number): string {
  let value = seed;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return value.toString(16).padStart(8, '0');
}
