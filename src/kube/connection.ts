// The connections to the API server and the credentials that go with them: two pools of HTTP/1.1 connections, one of a
// fixed size for requests, one that grows for watches (each holds its connection for minutes) and for the few requests
// that may never wait behind others, such as the renewal of the lease. HTTP/2 would put all of them on one connection
// and brought no throughput when it was measured.

import { Pool, ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
import type { ClusterConfig, Credentials } from './config.ts';
import { ConnectionError, errorText, KubeConfigError, oneLine } from './errors.ts';
import type { Logger } from './ports.ts';

export interface ConnectionOptions {
  config: ClusterConfig;
  connections: number;
  connectTimeoutMs: number;
  userAgent: string;
  logger: Logger;
}

interface Pools {
  requests: Dispatcher;
  streams: Dispatcher;
}

// kube-apiserver closes idle connections after 90 s and many load balancers after 60 s. Ours go first, so that a
// request never meets a connection that the other side is just closing.
const keepAliveMs = 30_000;

export class Connection {
  /** How many TCP connections were opened since the start. */
  opened = 0;
  /** Grows with each new set of credentials. */
  generation = 0;
  readonly origin: string;
  readonly basePath: string;
  private pools: Pools | undefined;
  private credentials: Credentials | undefined;
  private loadedAt = 0;
  private refreshing: Promise<void> | undefined;
  private headerSets = new Map<string, string[]>();
  private closed = false;

  constructor(private readonly options: ConnectionOptions) {
    const url = new URL(options.config.server);
    this.origin = url.origin;
    this.basePath = url.pathname === '/' ? '' : url.pathname.replace(/\/+$/, '');
  }

  /** A promise only when there is something to wait for: this is on the path of every request. */
  ready(): Promise<void> | undefined {
    if (this.closed) {
      return Promise.reject(
        new ConnectionError('KUBE_UNREACHABLE', 'The connection to the API server is closed.', false),
      );
    }
    const maxAge = this.options.config.credentialsMaxAgeMs;
    if (this.pools !== undefined && (maxAge === 0 || performance.now() - this.loadedAt < maxAge)) {
      return undefined;
    }
    return this.refresh(false);
  }

  /**
   * After a 401 to a request that was sent with the credentials of that generation: forget what is cached and ask the
   * source again. Of many requests that were turned away together, one does it.
   */
  renew(generation: number): Promise<void> {
    return generation === this.generation ? this.refresh(true) : Promise.resolve();
  }

  pool(kind: keyof Pools): Dispatcher {
    if (this.pools === undefined) {
      throw new ConnectionError('KUBE_UNREACHABLE', 'Not connected yet.', false);
    }
    return this.pools[kind];
  }

  /** Flat header lists are what undici takes without another walk; the same few combinations come again and again. */
  headers(accept: string, contentType: string | undefined): string[] {
    const key = contentType === undefined ? accept : `${accept}\n${contentType}`;
    const known = this.headerSets.get(key);
    if (known !== undefined) {
      return known;
    }
    const headers = ['user-agent', this.options.userAgent, 'accept', accept, ...(this.credentials?.headers ?? [])];
    if (contentType !== undefined) {
      headers.push('content-type', contentType);
    }
    this.headerSets.set(key, headers);
    return headers;
  }

  async close(): Promise<void> {
    this.closed = true;
    const pools = this.pools;
    this.pools = undefined;
    if (pools === undefined) {
      return;
    }
    const reason = new ConnectionError('KUBE_UNREACHABLE', 'The connection to the API server was closed.', true);
    await Promise.all([pools.requests.destroy(reason), pools.streams.destroy(reason)]);
  }

  private refresh(fresh: boolean): Promise<void> {
    this.refreshing ??= this.load(fresh).finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  private async load(fresh: boolean): Promise<void> {
    let next: Credentials;
    try {
      next = await this.options.config.credentials(fresh);
    } catch (error) {
      if (this.credentials !== undefined && !fresh) {
        // The old ones may still be good; if they are not, the API server says so with a 401.
        this.options.logger.warn('cannot renew the credentials for the API server; still using the old ones', {
          error,
        });
        this.loadedAt = performance.now();
        return;
      }
      if (error instanceof KubeConfigError) {
        throw new ConnectionError('KUBE_CREDENTIALS', error.message, false, error);
      }
      throw new ConnectionError(
        'KUBE_CREDENTIALS',
        `Cannot get credentials for the API server: ${oneLine(errorText(error))}`,
        false,
        error,
      );
    }
    const previous = this.credentials;
    this.credentials = next;
    this.generation += 1;
    this.loadedAt = performance.now();
    this.headerSets = new Map();
    if (this.pools !== undefined && previous !== undefined && sameTls(previous, next)) {
      return;
    }
    const old = this.pools;
    this.pools = this.build(next);
    if (old !== undefined) {
      // Requests in flight end on the old connections.
      void Promise.all([old.requests.close(), old.streams.close()]).catch(() => undefined);
    }
  }

  private build(credentials: Credentials): Pools {
    const { config } = this.options;
    const tls = {
      ca: credentials.ca,
      cert: credentials.cert,
      key: credentials.key,
      servername: config.serverName,
      ...(config.insecureSkipTlsVerify ? { rejectUnauthorized: false } : {}),
    };
    const common = {
      pipelining: 1,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: keepAliveMs,
      connect: { ...tls, timeout: this.options.connectTimeoutMs, keepAlive: true, keepAliveInitialDelay: 30_000 },
    };
    const make = (connections: number | null): Dispatcher => {
      if (config.proxyUrl !== undefined) {
        if (!/^https?:/.test(config.proxyUrl)) {
          throw new ConnectionError(
            'KUBE_UNREACHABLE',
            `The proxy-url "${config.proxyUrl}" of the kubeconfig is not supported: use an http:// or https:// proxy.`,
            false,
          );
        }
        return new ProxyAgent({ ...common, uri: config.proxyUrl, requestTls: tls, connections });
      }
      const pool = new Pool(this.origin, { ...common, connections });
      pool.on('connect', () => {
        this.opened += 1;
      });
      return pool;
    };
    return { requests: make(this.options.connections), streams: make(null) };
  }
}

function sameTls(a: Credentials, b: Credentials): boolean {
  return sameBytes(a.ca, b.ca) && sameBytes(a.cert, b.cert) && sameBytes(a.key, b.key);
}

function sameBytes(a: Buffer | undefined, b: Buffer | undefined): boolean {
  if (a === undefined || b === undefined) {
    return a === b;
  }
  return a.equals(b);
}
