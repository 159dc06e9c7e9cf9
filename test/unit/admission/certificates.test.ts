import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CertificateFiles, SelfManagedCertificates, type Certificates } from '../../../src/admission/certificates.ts';
import type { ConfigurationState, PresentTrust } from '../../../src/admission/configuration.ts';
import type { ServingCertificate } from '../../../src/admission/server.ts';
import { issueCertificate, type IssuedCertificate } from '../../../src/admission/x509.ts';
import { VirtualClock } from '../../../src/runtime/index.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const EMPTY: PresentTrust = { annotation: '', caBundle: '', injected: false };

/** Notes in which order authorities are published and certificates served. */
class Recorder {
  readonly published: string[] = [];
  readonly served: ServingCertificate[] = [];
  readonly steps: string[] = [];
  kept: ConfigurationState = { kept: true };
  readonly abort = new AbortController();
  private running: Promise<void> = Promise.resolve();

  run(certificates: Certificates): void {
    this.running = certificates.run(
      {
        use: (certificate) => {
          this.served.push(certificate);
          this.steps.push('serve');
        },
        publish: () => {
          const { caBundle } = certificates.wanted(EMPTY);
          this.published.push(caBundle);
          this.steps.push(`publish ${caBundle.split('BEGIN').length - 1}`);
          return Promise.resolve(this.kept);
        },
        onTrusted: () => {
          this.steps.push('trusted');
        },
      },
      this.abort.signal,
    );
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.running;
  }
}

let clock: VirtualClock;
let recorder: Recorder;
beforeEach(() => {
  clock = new VirtualClock();
  recorder = new Recorder();
});
afterEach(async () => {
  await recorder.stop();
});

describe('SelfManagedCertificates', () => {
  function make(): SelfManagedCertificates {
    return new SelfManagedCertificates({ authority: 'me', hosts: ['a.b.svc'], lifetimeMs: DAY_MS, clock });
  }

  it('are trusted before they are served, and the old authority goes last', async () => {
    const certificates = make();
    const first = await certificates.first();
    recorder.run(certificates);

    await clock.advance(2_000);
    const atFirst = [...recorder.steps];
    await clock.advance(16 * HOUR_MS - 3_000);
    const before = [...recorder.steps];
    await clock.advance(2_000);
    const meanwhile = [...recorder.steps];
    await clock.advance(20_000);

    expect(atFirst).toEqual(['publish 1', 'trusted']);
    expect(before).toEqual(atFirst);
    expect(meanwhile).toEqual([...atFirst, 'publish 2']);
    expect(recorder.steps).toEqual([...meanwhile, 'serve', 'publish 1']);
    expect(recorder.served[0]?.cert).not.toBe(first.cert);
    expect(recorder.published[1]).toContain(recorder.published[0]?.trim());
    expect(recorder.published[1]).toContain(recorder.published[2]?.trim());
    expect(recorder.published[2]).not.toBe(recorder.published[0]);
  });

  it('are not replaced by ones that could not be published, unless they are about to expire', async () => {
    recorder.run(make());
    await clock.advance(2_000);
    recorder.kept = { kept: false, because: 'forbidden' };

    await clock.advance(20 * HOUR_MS);
    const early = recorder.served.length;
    await clock.advance(2 * HOUR_MS);

    expect(early).toBe(0);
    expect(recorder.served.length).toBeGreaterThan(0);
  });

  it('are tried again until the configuration is there', async () => {
    recorder.kept = { kept: false, because: 'not there' };
    recorder.run(make());
    await clock.advance(60_000);
    const without = [...recorder.steps];

    recorder.kept = { kept: true };
    await clock.advance(10_000);

    expect(new Set(without)).toEqual(new Set(['publish 1']));
    expect(recorder.steps.at(-1)).toBe('trusted');
  });

  it("leave the others' authorities alone, and go with their replica", () => {
    const certificates = make();
    const { ca } = issueCertificate({ authority: 'other', hosts: ['a'], now: clock.now(), lifetimeMs: DAY_MS });

    const beside = certificates.wanted({ ...EMPTY, annotation: ca });
    certificates.retire();
    const afterwards = certificates.wanted({ ...EMPTY, annotation: beside.annotation });

    expect(beside.annotation.split('BEGIN')).toHaveLength(3);
    expect(beside.caBundle).toBe(beside.annotation);
    expect(afterwards.annotation).toBe(ca);
  });
});

describe('CertificateFiles', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'certificates-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  async function write(issued: IssuedCertificate, ca = true): Promise<void> {
    await writeFile(join(folder, 'tls.crt'), issued.cert);
    await writeFile(join(folder, 'tls.key'), issued.key);
    if (ca) {
      await writeFile(join(folder, 'ca.crt'), issued.ca);
    }
  }

  function issue(): IssuedCertificate {
    return issueCertificate({ authority: 'cert-manager', hosts: ['a.b.svc'], now: clock.now(), lifetimeMs: DAY_MS });
  }

  /** Virtual time for the timer, real time for the file system. */
  async function until(check: () => boolean): Promise<void> {
    for (let tries = 0; tries < 200 && !check(); tries++) {
      await clock.advance(1_000);
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
    }
  }

  it('are loaded anew when they change, and only then', async () => {
    const [one, two] = [issue(), issue()];
    await write(one);
    const certificates = new CertificateFiles(folder, { clock });
    const first = await certificates.first();
    recorder.run(certificates);
    await clock.advance(60_000);
    const before = recorder.served.length;

    await write(two);
    await until(() => recorder.served.length > 0);

    expect([first.cert, before]).toEqual([one.cert, 0]);
    expect(recorder.served.map((each) => each.cert)).toEqual([two.cert]);
    expect(recorder.published).toEqual([one.ca, two.ca]);
  });

  it('are served on while what is there is half written', async () => {
    const [one, two] = [issue(), issue()];
    await write(one);
    const certificates = new CertificateFiles(folder, { clock });
    await certificates.first();
    recorder.run(certificates);

    await writeFile(join(folder, 'tls.crt'), two.cert);
    await until(() => clock.now() > Date.UTC(2026, 0, 1, 0, 1));
    const meanwhile = recorder.served.length;
    await writeFile(join(folder, 'tls.key'), two.key);
    await until(() => recorder.served.length > 0);

    expect(meanwhile).toBe(0);
    expect(recorder.served[0]).toMatchObject({ cert: two.cert, key: two.key });
  });

  it('cannot be begun with where they are missing or do not belong together', async () => {
    const certificates = new CertificateFiles(folder, { clock });

    await expect(certificates.first()).rejects.toThrow(/tls\.(crt|key)/);
    await write({ ...issue(), key: issue().key });
    await expect(certificates.first()).rejects.toThrow('does not belong');
  });

  it.each([
    ["cert-manager's injector, where the object asks for it", true, 'INJECTED', 'INJECTED'],
    ['ca.crt, until the injector has been there', true, '', 'FILE'],
    ['ca.crt, where nobody injects', false, 'OLD', 'FILE'],
  ])('trust %s', async (_whom, injected, caBundle, expected) => {
    const issued = issue();
    await write(issued);
    const certificates = new CertificateFiles(folder, { clock });
    await certificates.first();

    expect(certificates.wanted({ annotation: 'left by another', caBundle, injected })).toEqual({
      annotation: '',
      caBundle: expected === 'FILE' ? issued.ca : expected,
    });
  });

  it('leave what was written by hand where there is no ca.crt', async () => {
    await write(issue(), false);
    const certificates = new CertificateFiles(folder, { clock });
    await certificates.first();

    expect(certificates.wanted({ ...EMPTY, caBundle: 'BY HAND' }).caBundle).toBe('BY HAND');
  });
});
