import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, oneLine, silentLogger, sleep, systemClock, type Clock, type Logger } from '../kube/index.ts';
import { mergeBundle } from './bundle.ts';
import type { ConfigurationState, PresentTrust, Trust, WantedTrust } from './configuration.ts';
import type { ServingCertificate } from './server.ts';
import { assertKeyPair, issueCertificate, type IssuedCertificate } from './x509.ts';

/** Where the server's certificate comes from, and whom the API server has to trust for it. */
export interface Certificates extends Trust {
  /** The one to begin with. */
  first(): Promise<ServingCertificate>;
  /** Runs until the signal: hands over each later certificate, once the API server can trust it. */
  run(surroundings: CertificateSurroundings, signal: AbortSignal): Promise<void>;
  /** A stopped replica is not to be trusted any longer. */
  retire(): void;
}

export interface CertificateSurroundings {
  /** Serves it from now on. */
  readonly use: (certificate: ServingCertificate) => void;
  /** Brings what `wanted` says into the configuration. */
  readonly publish: () => Promise<ConfigurationState>;
  /** The certificate that is served is trusted now. */
  readonly onTrusted: () => void;
}

const LOOK_AT_FILES_MS = 5_000;

interface FileContent extends ServingCertificate {
  readonly ca: string;
}

/** A folder with tls.crt and tls.key (and ca.crt), as cert-manager's and any other Secret of type kubernetes.io/tls is mounted. */
export class CertificateFiles implements Certificates {
  readonly perReplica = false;
  private readonly logger: Logger;
  private readonly clock: Clock;
  private content: FileContent | undefined;
  private said = '';

  constructor(
    private readonly folder: string,
    options: { readonly logger?: Logger; readonly clock?: Clock } = {},
  ) {
    this.logger = options.logger ?? silentLogger;
    this.clock = options.clock ?? systemClock;
  }

  async first(): Promise<ServingCertificate> {
    this.content = await this.read();
    return this.content;
  }

  async run({ use, publish, onTrusted }: CertificateSurroundings, signal: AbortSignal): Promise<void> {
    await publish();
    onTrusted();
    while (!signal.aborted) {
      await sleep(this.clock, LOOK_AT_FILES_MS, signal);
      await this.reload(use, publish);
    }
  }

  retire(): void {
    // Whoever made the files looks after the trust in them.
  }

  /** cert-manager's injector, where the object asks for it, else ca.crt, else what somebody has written there by hand. */
  wanted({ caBundle, injected }: PresentTrust): WantedTrust {
    const own = this.content?.ca ?? '';
    return { annotation: '', caBundle: injected && caBundle !== '' ? caBundle : own === '' ? caBundle : own };
  }

  private async reload(
    use: (certificate: ServingCertificate) => void,
    publish: () => Promise<ConfigurationState>,
  ): Promise<void> {
    try {
      const found = await this.read();
      this.said = '';
      const before = this.content;
      if (before !== undefined && found.cert === before.cert && found.key === before.key && found.ca === before.ca) {
        return;
      }
      this.content = found;
      use(found);
      this.logger.info('a serving certificate was reloaded', { folder: this.folder });
      if (found.ca !== before?.ca) {
        await publish();
      }
    } catch (error) {
      // A Secret is replaced file by file; the next look finds it whole.
      const because = oneLine(errorText(error));
      if (because !== this.said) {
        this.said = because;
        this.logger.warn('cannot load the certificate; the previous one is still served', {
          folder: this.folder,
          reason: because,
        });
      }
    }
  }

  private async read(): Promise<FileContent> {
    const [cert, key, ca] = await Promise.all([
      readFile(join(this.folder, 'tls.crt'), 'utf8'),
      readFile(join(this.folder, 'tls.key'), 'utf8'),
      readFile(join(this.folder, 'ca.crt'), 'utf8').catch(() => ''),
    ]);
    assertKeyPair(cert, key);
    return { cert, key, ca };
  }
}

export interface SelfManagedOptions {
  /** Distinguishes this replica's authority from the others'. */
  readonly authority: string;
  readonly hosts: readonly string[];
  readonly lifetimeMs: number;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/** Several API servers learn of a new bundle at different moments; none needs longer than this. */
const PROPAGATION_MS = 10_000;
const FIRST_PROPAGATION_MS = 1_000;
/** Renewed after this part of its life, so that a failed renewal has the rest of it to be mended. */
const RENEW_AFTER = 2 / 3;
const RETRY_MS = 5_000;
const RENEWAL_RETRY_MS = 60_000;

/**
 * An authority and a certificate of this replica's own, in memory only: no Secret is read or written, so the operator needs
 * no right to any. Replaced while serving: first the new authority is entered beside the old one, then, when every API
 * server knows it, the new certificate is served, and only then the old authority goes.
 */
export class SelfManagedCertificates implements Certificates {
  readonly perReplica = true;
  private readonly logger: Logger;
  private readonly clock: Clock;
  private current: IssuedCertificate;
  private next: IssuedCertificate | undefined;
  private retired = false;

  constructor(private readonly options: SelfManagedOptions) {
    this.logger = options.logger ?? silentLogger;
    this.clock = options.clock ?? systemClock;
    this.current = this.issue();
  }

  first(): Promise<ServingCertificate> {
    return Promise.resolve(this.current);
  }

  wanted({ annotation }: PresentTrust): WantedTrust {
    const own = this.retired ? [] : [this.current.ca, ...(this.next === undefined ? [] : [this.next.ca])];
    const bundle = mergeBundle(annotation, this.options.authority, own, this.clock.now());
    return { annotation: bundle, caBundle: bundle };
  }

  retire(): void {
    this.retired = true;
  }

  async run({ use, publish, onTrusted }: CertificateSurroundings, signal: AbortSignal): Promise<void> {
    while (!(await publish()).kept && !signal.aborted) {
      await sleep(this.clock, this.within(RETRY_MS), signal);
    }
    await sleep(this.clock, this.within(FIRST_PROPAGATION_MS), signal);
    if (!signal.aborted) {
      onTrusted();
    }
    while (!signal.aborted) {
      const renewAt = this.current.notAfter - this.options.lifetimeMs * (1 - RENEW_AFTER);
      await sleep(this.clock, renewAt - this.clock.now(), signal);
      if (signal.aborted || this.clock.now() < renewAt) {
        continue;
      }
      this.next ??= this.issue();
      const { kept } = await publish();
      await sleep(this.clock, this.within(kept ? PROPAGATION_MS : RENEWAL_RETRY_MS), signal);
      if (signal.aborted || !(kept || this.isAboutToExpire())) {
        continue;
      }
      this.current = this.next;
      this.next = undefined;
      use(this.current);
      this.logger.info('a serving certificate was renewed', {
        goodUntil: new Date(this.current.notAfter).toISOString(),
      });
      await publish();
    }
  }

  private isAboutToExpire(): boolean {
    return this.current.notAfter - this.clock.now() < this.options.lifetimeMs / 10;
  }

  /** Short lives, as tests have them, make short waits. */
  private within(milliseconds: number): number {
    return Math.min(milliseconds, this.options.lifetimeMs / 20);
  }

  private issue(): IssuedCertificate {
    const { authority, hosts, lifetimeMs } = this.options;
    return issueCertificate({ authority, hosts, now: this.clock.now(), lifetimeMs });
  }
}
