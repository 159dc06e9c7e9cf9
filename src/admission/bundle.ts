import { X509Certificate } from 'node:crypto';

/**
 * A CA bundle is PEM certificates in a row. Each replica keeps its own authorities in it, found by the certificate's subject,
 * and leaves those of the others alone as long as they are valid.
 */

/** An object has room for hundreds; more than this is a crash loop that nobody has to remember. */
const MOST_ENTRIES = 32;
/** The clock of the replica that made an entry may be behind ours. */
const EXPIRY_TOLERANCE_MS = 60_000;

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

interface Entry {
  readonly pem: string;
  readonly subject: string;
  readonly notAfter: number;
}

/** The bundle with exactly `own` as the entries of `authority`, and without what has expired or cannot be read. */
export function mergeBundle(present: string, authority: string, own: readonly string[], now: number): string {
  const foreign = entriesOf(present)
    .filter((entry) => entry.subject !== subjectOf(authority) && entry.notAfter + EXPIRY_TOLERANCE_MS > now)
    .sort((a, b) => a.notAfter - b.notAfter)
    .slice(-(MOST_ENTRIES - own.length));
  const all = [...foreign.map((entry) => entry.pem), ...own.map((text) => text.trim())];
  // One order whoever writes, so that two replicas never rewrite each other's bundle only to turn it around.
  return all.length === 0 ? '' : `${[...new Set(all)].sort().join('\n')}\n`;
}

/** Whether everything of `wanted` is in the bundle. */
export function bundleHolds(bundle: string, wanted: readonly string[]): boolean {
  return wanted.every((text) => bundle.includes(text.trim()));
}

/** Common names of the authorities in a bundle. */
export function bundleAuthorities(bundle: string): string[] {
  return entriesOf(bundle).map((entry) => entry.subject.replace(/^CN=/, ''));
}

function subjectOf(authority: string): string {
  return `CN=${authority}`;
}

function entriesOf(bundle: string): Entry[] {
  return (bundle.match(PEM) ?? []).flatMap((pem) => {
    try {
      const { subject, validTo } = new X509Certificate(pem);
      return [{ pem, subject, notAfter: Date.parse(validTo) }];
    } catch {
      // Nobody can trust what nobody can read.
      return [];
    }
  });
}
