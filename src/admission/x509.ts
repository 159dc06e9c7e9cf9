import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  type KeyObject,
} from 'node:crypto';
import { isIP, isIPv6 } from 'node:net';

/**
 * Two certificates of one fixed shape (P-256, SHA-256), written down in DER. Node.js makes keys and signatures but no
 * certificates; a general library brings twenty packages, half a megabyte and a global polyfill for these hundred lines.
 * Fields as in RFC 5280, section 4; the tests have Node.js (OpenSSL) and the API server (Go) read the result.
 */

export interface IssuedCertificate {
  /** PEM. Whoever trusts it trusts `cert`. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly notAfter: number;
}

export interface IssueOptions {
  /** Common name of the authority: by it a replica finds its own entry in a bundle of several. At most 64 characters. */
  readonly authority: string;
  /** DNS names and IP addresses. */
  readonly hosts: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly lifetimeMs: number;
}

/** Clocks of nodes differ: an API server that is behind must not find the certificate "not yet valid". */
const BACKDATED_MS = 5 * 60_000;

const OID = {
  commonName: [2, 5, 4, 3],
  ecdsaWithSha256: [1, 2, 840, 10045, 4, 3, 2],
  subjectKeyIdentifier: [2, 5, 29, 14],
  keyUsage: [2, 5, 29, 15],
  subjectAltName: [2, 5, 29, 17],
  basicConstraints: [2, 5, 29, 19],
  authorityKeyIdentifier: [2, 5, 29, 35],
  extKeyUsage: [2, 5, 29, 37],
  serverAuth: [1, 3, 6, 1, 5, 5, 7, 3, 1],
};

/** An authority and the one certificate that it ever signs: its key is gone when this returns. */
export function issueCertificate({ authority, hosts, now, lifetimeMs }: IssueOptions): IssuedCertificate {
  const validity = { notBefore: now - BACKDATED_MS, notAfter: now + lifetimeMs };
  const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = commonName(authority);
  const ca = certificate({
    issuer,
    subject: issuer,
    publicKey: signer.publicKey,
    signer: signer.privateKey,
    validity,
    extensions: [
      extension(OID.basicConstraints, true, sequence(boolean(true), integer(Buffer.of(0)))),
      // keyCertSign
      extension(OID.keyUsage, true, tagged(0x03, Buffer.of(2, 0x04))),
      extension(OID.subjectKeyIdentifier, false, octets(keyIdentifier(signer.publicKey))),
    ],
  });
  const cert = certificate({
    issuer,
    subject: commonName((hosts[0] ?? authority).slice(0, 64)),
    publicKey: server.publicKey,
    signer: signer.privateKey,
    validity,
    extensions: [
      extension(OID.basicConstraints, true, sequence()),
      // digitalSignature
      extension(OID.keyUsage, true, tagged(0x03, Buffer.of(7, 0x80))),
      extension(OID.extKeyUsage, false, sequence(oid(OID.serverAuth))),
      extension(OID.authorityKeyIdentifier, false, sequence(tagged(0x80, keyIdentifier(signer.publicKey)))),
      extension(OID.subjectAltName, false, sequence(...hosts.map(generalName))),
    ],
  });
  return {
    ca: pem(ca),
    cert: pem(cert),
    key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    notAfter: Math.floor(validity.notAfter / 1000) * 1000,
  };
}

/** Throws where the key does not belong to the certificate, which a half-written folder looks like. */
export function assertKeyPair(certificatePem: string, keyPem: string): void {
  const ofCertificate = createPublicKey(certificatePem).export({ type: 'spki', format: 'der' });
  const ofKey = createPublicKey(createPrivateKey(keyPem)).export({ type: 'spki', format: 'der' });
  if (!ofCertificate.equals(ofKey)) {
    throw new Error('the key does not belong to the certificate');
  }
}

interface CertificateParts {
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly validity: { readonly notBefore: number; readonly notAfter: number };
  readonly extensions: readonly Buffer[];
}

function certificate({ issuer, subject, publicKey, signer, validity, extensions }: CertificateParts): Buffer {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const serial = randomBytes(16);
  const signed = sequence(
    // Version 3.
    tagged(0xa0, integer(Buffer.of(2))),
    integer(serial),
    algorithm,
    issuer,
    sequence(time(validity.notBefore), time(validity.notAfter)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', signed, signer);
  return sequence(signed, algorithm, tagged(0x03, Buffer.concat([Buffer.of(0), signature])));
}

function keyIdentifier(publicKey: KeyObject): Buffer {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20);
}

function extension(id: readonly number[], critical: boolean, value: Buffer): Buffer {
  // DER leaves a default out: `critical` is written only where it is true.
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));
}

function generalName(host: string): Buffer {
  return isIP(host) === 0 ? tagged(0x82, Buffer.from(host, 'ascii')) : tagged(0x87, addressBytes(host));
}

function addressBytes(address: string): Buffer {
  if (!isIPv6(address)) {
    return Buffer.from(address.split('.').map(Number));
  }
  const [head = '', tail] = address.split('::');
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const bytes = Buffer.alloc(16);
  for (const [index, group] of [
    ...left,
    ...Array.from({ length: 8 - left.length - right.length }, () => 0),
    ...right,
  ].entries()) {
    bytes.writeUInt16BE(group, index * 2);
  }
  return bytes;
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

function commonName(text: string): Buffer {
  return sequence(tagged(0x31, sequence(oid(OID.commonName), tagged(0x0c, Buffer.from(text, 'utf8')))));
}

/** RFC 5280: two digits of the year before 2050, four from then on. */
function time(milliseconds: number): Buffer {
  const text = new Date(milliseconds).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return text < '2050' ? tagged(0x17, Buffer.from(text.slice(2), 'ascii')) : tagged(0x18, Buffer.from(text, 'ascii'));
}

function boolean(value: boolean): Buffer {
  return tagged(0x01, Buffer.of(value ? 0xff : 0));
}

/** Positive, in as few bytes as it takes: both are DER. */
function integer(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) {
    start++;
  }
  const rest = bytes.subarray(start);
  return tagged(0x02, (rest[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), rest]) : rest);
}

function oid([first = 0, second = 0, ...rest]: readonly number[]): Buffer {
  return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let left = value >> 7; left > 0; left >>= 7) {
    digits.unshift((left & 0x7f) | 0x80);
  }
  return digits;
}

function octets(value: Buffer): Buffer {
  return tagged(0x04, value);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function tagged(tag: number, content: Buffer): Buffer {
  if (content.length < 0x80) {
    return Buffer.concat([Buffer.of(tag, content.length), content]);
  }
  const length =
    content.length < 0x100
      ? Buffer.of(0x81, content.length)
      : Buffer.of(0x82, content.length >> 8, content.length & 0xff);
  return Buffer.concat([Buffer.of(tag), length, content]);
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
