import { createServer } from 'node:https';
import { hostname } from 'node:os';
import { CertificateFiles, SelfManagedCertificates } from './admission/index.ts';
import { NAMESPACED_POLICY_KIND, NAMESPACED_POLICY_PLURAL, POLICY_KIND, POLICY_PLURAL } from './api/policy.ts';
import { GROUP, VERSION } from './api/names.ts';
import { dashboardAssets } from './cli/dashboard/assets.ts';
import { Picture } from './cli/dashboard/engine/picture.ts';
import { DashboardHandler } from './cli/dashboard/server/handler.ts';
import { ReviewDoor } from './cli/dashboard/server/review.ts';
import { SharedSource } from './cli/dashboard/server/shared.ts';
import { JudgedKinds } from './cli/input/kinds.ts';
import type { StatedFacts } from './drain/model/mesh.ts';
import { DEFAULT_ENDPOINT_DELAY_SECONDS, DEFAULT_LONGEST_REQUEST_SECONDS } from './drain/timeline/application.ts';
import type { WorkloadKindAdapter } from './drain/template/index.ts';
import { defineResource, type KubeClient, type Logger, type Resource } from './kube/index.ts';
import { listenOn, parseAddress } from './runtime/index.ts';

export interface DashboardSettings {
  /** As in `--dashboard-bind-address`. */
  readonly address: string;
  /** With tls.crt and tls.key; without it a certificate of its own, in memory. */
  readonly certificateFolder: string | undefined;
  /** The operator's own. */
  readonly namespace: string;
  readonly kinds: readonly WorkloadKindAdapter[];
  readonly stated: StatedFacts;
  readonly unboundedTenants: boolean;
  /** What the cluster is called on the page. */
  readonly cluster: string;
  readonly version: string;
}

export interface ServedDashboard {
  readonly port: number;
  stop(): Promise<void>;
}

const FLAG = '--dashboard-bind-address';
const CERTIFICATE_LIFETIME_MS = 24 * 3_600_000;

/** Whoever looks must be allowed to list these, and every kind of which there are workloads. */
const ALWAYS_SHOWN: readonly Resource[] = [
  [GROUP, VERSION, POLICY_PLURAL, POLICY_KIND],
  [GROUP, VERSION, NAMESPACED_POLICY_PLURAL, NAMESPACED_POLICY_KIND],
  ['apps', 'v1', 'deployments', 'Deployment'],
  ['apps', 'v1', 'statefulsets', 'StatefulSet'],
  ['apps', 'v1', 'daemonsets', 'DaemonSet'],
  ['', 'v1', 'pods', 'Pod'],
].map(([group = '', version = '', plural = '', kind = '']) =>
  defineResource({ group, version, plural, kind, namespaced: true }),
);

/**
 * Serves the page over HTTPS to those whom the API server knows and who may read what it shows.
 * @throws BindError where the address cannot be had; whatever is wrong with the certificate's files
 */
export async function serveReviewedDashboard(
  settings: DashboardSettings,
  { client, logger }: { readonly client: KubeClient; readonly logger: Logger },
): Promise<ServedDashboard | undefined> {
  const { address } = settings;
  const target = parseAddress(address, FLAG);
  if (target === undefined) {
    return undefined;
  }
  const source = new SharedSource(() => pictureOf(settings, client));
  const door = new ReviewDoor({ client, now: Date.now, always: ALWAYS_SHOWN, seen: () => source.kindsSeen() });
  const handler = new DashboardHandler(dashboardAssets(settings.version), source, door);
  const ended = new AbortController();
  const certificates = certificatesOf(settings, logger);
  const server = createServer({ ...(await certificates.first()), minVersion: 'TLSv1.2' }, handler.handle);
  await listenOn(server, target, { address, flag: FLAG });
  server.on('error', (error) => {
    logger.error('the server of the dashboard failed', { error });
  });
  server.on('tlsClientError', (error) => {
    logger.debug('a TLS handshake with the dashboard failed', { error });
  });
  void certificates.run(
    {
      use: (certificate) => {
        server.setSecureContext({ ...certificate, minVersion: 'TLSv1.2' });
      },
      // Browsers and proxies are told by hand whom to trust.
      publish: () => Promise.resolve({ kept: true }),
      onTrusted: () => undefined,
    },
    ended.signal,
  );
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  logger.info('serving', { address, port, endpoints: '/, /events, /workload' });
  return {
    port,
    async stop() {
      ended.abort();
      handler.endStreams();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      });
      await source.stop();
    },
  };
}

function pictureOf(settings: DashboardSettings, client: KubeClient): Picture {
  const { namespace, stated, unboundedTenants, kinds, cluster } = settings;
  return new Picture({
    client,
    cluster,
    kinds: new JudgedKinds(kinds),
    stated: {
      facts: stated,
      namespaceLabels: [],
      longestRequest: DEFAULT_LONGEST_REQUEST_SECONDS,
      endpointDelay: DEFAULT_ENDPOINT_DELAY_SECONDS,
      operatorNamespace: namespace,
      unboundedTenants,
    },
  });
}

function certificatesOf(
  { certificateFolder }: DashboardSettings,
  logger: Logger,
): CertificateFiles | SelfManagedCertificates {
  return certificateFolder === undefined
    ? new SelfManagedCertificates({
        authority: `sidecar-drain dashboard ${hostname()}`,
        hosts: ['localhost', '127.0.0.1', hostname()],
        lifetimeMs: CERTIFICATE_LIFETIME_MS,
        logger,
      })
    : new CertificateFiles(certificateFolder, { logger });
}
