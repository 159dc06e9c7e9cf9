import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Registry } from 'prom-client';
import type { PolicyRecord } from '../drain/plan/policies.ts';
import { silentLogger, sleep, systemClock, type Clock, type KubeClient, type Logger } from '../kube/index.ts';
import { CertificateFiles, SelfManagedCertificates, type Certificates } from './certificates.ts';
import { WebhookConfiguration, type ConfigurationState } from './configuration.ts';
import { AdmissionMetrics } from './metrics.ts';
import { needsOf } from './needs.ts';
import type { AdmissionHandler } from './review.ts';
import { AdmissionServer, MUTATE_PATH, type ServingCertificate } from './server.ts';
import { webhooksFor, type WebhookClientConfig, type WebhookKind } from './webhooks.ts';

/** What the webhook has to know of the running operator. Asked again each time: all of it changes. */
export interface AdmissionSources {
  readonly isSynced: () => boolean;
  readonly isLeading: () => boolean;
  readonly policies: () => Iterable<PolicyRecord>;
  readonly kinds: () => readonly WebhookKind[];
  /** Never asked about: system namespaces, Istio's, our own. */
  readonly excludedNamespaces: () => readonly string[];
}

export interface AdmissionOptions {
  readonly client: KubeClient;
  readonly handler: AdmissionHandler;
  readonly sources: AdmissionSources;
  readonly registry: Registry;
  /** `:9443` */
  readonly address: string;
  /** Absent: certificates of its own. */
  readonly certificateFolder?: string;
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number };
  /** Where the API server reaches an operator that runs outside of the cluster; without a path. */
  readonly url?: string;
  readonly certificateLifetimeMs: number;
  /** Distinguishes this process from every other replica; the same again after a restart of its container. */
  readonly instance: string;
  /** Goes on serving for this long after it was asked to stop: until then some API servers still come here. */
  readonly drainMs: number;
  /** The state has changed. */
  readonly onState: () => void;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

export type AdmissionState = 'Starting' | 'Serving';

/** The admission webhook of one replica: its server, its certificates, and its part in the webhook configuration. */
export class Admission {
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly certificates: Certificates;
  private readonly server: AdmissionServer;
  private readonly configuration: WebhookConfiguration;
  private readonly abort = new AbortController();
  private running: Promise<void> | undefined;
  private trusted = false;
  private configured: ConfigurationState | undefined;

  constructor(private readonly options: AdmissionOptions) {
    const { client, sources, service, url } = options;
    setMaxListeners(0, this.abort.signal);
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger ?? silentLogger;
    const { logger, clock } = this;
    this.certificates =
      options.certificateFolder === undefined
        ? new SelfManagedCertificates({
            authority: authorityOf(options.instance),
            hosts: hostsOf(service, url),
            lifetimeMs: options.certificateLifetimeMs,
            logger,
            clock,
          })
        : new CertificateFiles(options.certificateFolder, { logger, clock });
    const metrics = new AdmissionMetrics(
      options.registry,
      (kind) => kind === 'Pod' || sources.kinds().some((known) => known.kind === kind),
    );
    this.server = new AdmissionServer({
      address: options.address,
      handler: options.handler,
      isReady: sources.isSynced,
      logger,
      clock,
      observe: (kind, outcome, seconds) => {
        metrics.answered(kind, outcome, seconds);
      },
    });
    const clientConfig: WebhookClientConfig =
      url === undefined
        ? { service: { namespace: service.namespace, name: service.name, path: MUTATE_PATH, port: service.port } }
        : { url: new URL(MUTATE_PATH, url).href };
    this.configuration = new WebhookConfiguration({
      client,
      trust: this.certificates,
      isLeading: sources.isLeading,
      logger,
      clock,
      webhooks: () =>
        webhooksFor(needsOf(sources.policies()), sources.kinds(), sources.excludedNamespaces(), clientConfig),
      onState: (state) => {
        this.changeState(() => {
          this.configured = state;
        });
      },
    });
  }

  get state(): AdmissionState {
    return this.trusted && this.configured?.kept === true ? 'Serving' : 'Starting';
  }

  /** Why it does not serve, for people. */
  get detail(): string | undefined {
    if (this.configured?.kept === false) {
      return this.configured.because;
    }
    return this.trusted ? undefined : 'the API server does not trust its certificate yet';
  }

  /**
   * While the API server may call this replica and would not trust it, it should not be behind the Service. Where the
   * configuration is missing nobody calls, and to wait for it would only keep the operator from its other work.
   */
  notReadyBecause(): string | undefined {
    return this.trusted || this.configured?.kept === false
      ? undefined
      : 'the certificate of the admission webhook is not trusted yet';
  }

  /** Listens. Rejects with BindError, or where the certificate cannot be read. */
  async start(): Promise<void> {
    await this.server.start(await this.certificates.first());
    this.configuration.start();
    this.running = this.certificates.run(
      {
        use: (certificate: ServingCertificate) => {
          this.server.use(certificate);
        },
        publish: () => this.configuration.look(),
        onTrusted: () => {
          this.changeState(() => {
            this.trusted = true;
          });
        },
      },
      this.abort.signal,
    );
  }

  /** Policies, leadership or the mesh have changed. */
  changed(): void {
    this.configuration.changed();
  }

  async stop(): Promise<void> {
    this.server.drain();
    this.abort.abort();
    await this.running;
    await sleep(this.clock, this.options.drainMs);
    await this.server.stop();
    this.certificates.retire();
    await this.configuration.stop();
  }

  private changeState(change: () => void): void {
    const before = this.state;
    change();
    if (this.state !== before) {
      this.logger.info('the admission webhook has changed its state', { state: this.state, detail: this.detail });
      this.options.onState();
    }
  }
}

function hostsOf(service: { readonly namespace: string; readonly name: string }, url: string | undefined): string[] {
  const host = url === undefined ? undefined : new URL(url).hostname.replace(/^\[|\]$/g, '');
  return [`${service.name}.${service.namespace}.svc`, ...(host === undefined ? [] : [host])];
}

/** A common name has at most 64 characters, a pod's name up to 253. */
function authorityOf(instance: string): string {
  const digest = createHash('sha256').update(instance).digest('hex').slice(0, 8);
  return `sidecar-drain ${instance.slice(0, 40)} ${digest}`;
}
