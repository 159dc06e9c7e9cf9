import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { assertKeyPair, issueCertificate, type IssuedCertificate } from '../../../src/admission/x509.ts';

const NOW = Date.UTC(2026, 10, 21, 12, 0, 0);
const DAY_MS = 24 * 3600 * 1000;

function issue(more: Partial<Parameters<typeof issueCertificate>[0]> = {}): IssuedCertificate {
  return issueCertificate({
    authority: 'sidecar-drain abc',
    hosts: ['web.system.svc', '127.0.0.1', 'fe80::1:2'],
    now: NOW,
    lifetimeMs: DAY_MS,
    ...more,
  });
}

describe('issueCertificate', () => {
  it('makes an authority and a certificate that it has signed', () => {
    const { ca, cert, key } = issue();
    const authority = new X509Certificate(ca);
    const server = new X509Certificate(cert);

    expect(server.checkIssued(authority)).toBe(true);
    expect(server.verify(authority.publicKey)).toBe(true);
    expect(authority.verify(authority.publicKey)).toBe(true);
    expect([authority.ca, server.ca]).toEqual([true, false]);
    expect([authority.subject, server.subject]).toEqual(['CN=sidecar-drain abc', 'CN=web.system.svc']);
    expect(() => {
      assertKeyPair(cert, key);
    }).not.toThrow();
  });

  it.each([
    ['web.system.svc', 'checkHost', true],
    ['other.system.svc', 'checkHost', false],
    ['127.0.0.1', 'checkIP', true],
    ['127.0.0.2', 'checkIP', false],
    ['fe80::1:2', 'checkIP', true],
    ['fe80::1', 'checkIP', false],
  ] as const)('is for %s (%s): %s', (host, check, expected) => {
    const server = new X509Certificate(issue().cert);

    expect(server[check](host) !== undefined).toBe(expected);
  });

  it.each([
    ["in this century's first half", NOW],
    // RFC 5280: from 2050 on years have four digits.
    ['beyond 2050', Date.UTC(2050, 5, 1)],
    ['across 2050', Date.UTC(2049, 11, 31, 12)],
  ])('is good from a little before until the end of its life: %s', (_when, now) => {
    const { cert, notAfter } = issue({ now });
    const { validFrom, validTo } = new X509Certificate(cert);

    expect(Date.parse(validTo)).toBe(now + DAY_MS);
    expect(notAfter).toBe(now + DAY_MS);
    expect(now - Date.parse(validFrom)).toBe(5 * 60_000);
  });

  it('never makes the same key or number twice', () => {
    const [one, other] = [new X509Certificate(issue().cert), new X509Certificate(issue().cert)];

    expect(one.serialNumber).not.toBe(other.serialNumber);
    expect(one.publicKey.equals(other.publicKey)).toBe(false);
  });

  it('writes numbers with and without a leading bit alike', () => {
    // The serial number is random: an encoding that is wrong for one in two, or one in 256, shows within this many.
    for (let count = 0; count < 300; count++) {
      const { serialNumber } = new X509Certificate(issue({ hosts: ['a'] }).cert);

      expect(serialNumber).toMatch(/^[0-9A-F]{1,32}$/);
    }
  });
});

describe('assertKeyPair', () => {
  it('refuses a key of another certificate', () => {
    expect(() => {
      assertKeyPair(issue().cert, issue().key);
    }).toThrow('does not belong');
  });
});
