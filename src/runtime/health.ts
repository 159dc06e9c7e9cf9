// The HTTP endpoints for kubelets and Prometheus: /healthz (also /livez), /readyz, each with named checks and
// `?verbose`, and /metrics. Answers look like those of the API server, which people know how to read.

import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as NetServer } from 'node:net';
import { errorText, silentLogger } from '../kube/index.ts';
import type { Logger } from '../kube/index.ts';

/** Undefined when all is well, else the reason why not. */
export type HealthCheck = () => string | undefined | Promise<string | undefined>;

export interface HealthServerOptions {
  /** `:8081`, `127.0.0.1:8081`, `[::1]:8081`; `0` or nothing: no server. */
  address: string;
  /** The flag that sets the address, for the error message. */
  flag: string;
  health?: boolean;
  metrics?: { readonly contentType: string; text(): Promise<string> };
  logger?: Logger;
}

export class BindError extends Error {
  override readonly name = 'BindError';
  readonly code = 'BIND_FAILED';
}

interface HostPort {
  host: string | undefined;
  port: number;
}

export class HealthServer {
  private readonly live = new Map<string, HealthCheck>([['ping', () => undefined]]);
  private readonly ready = new Map<string, HealthCheck>([['ping', () => undefined]]);
  private readonly logger: Logger;
  private server: Server | undefined;

  constructor(private readonly options: HealthServerOptions) {
    this.logger = options.logger ?? silentLogger;
  }

  addLiveness(name: string, check: HealthCheck): void {
    this.live.set(name, check);
  }

  addReadiness(name: string, check: HealthCheck): void {
    this.ready.set(name, check);
  }

  /** The port that is listened on; undefined when there is no server. */
  get port(): number | undefined {
    const address = this.server?.address();
    return typeof address === 'object' && address !== null ? address.port : undefined;
  }

  async start(): Promise<void> {
    const target = parseAddress(this.options.address, this.options.flag);
    if (target === undefined) {
      return;
    }
    const server = createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        this.logger.error('a request to the health server failed', { error, path: request.url });
        if (!response.headersSent) {
          send(response, 500, 'text/plain', 'internal error\n');
        } else {
          response.destroy();
        }
      });
    });
    // Slow clients must not hold sockets of a process that has better things to do.
    server.headersTimeout = 10_000;
    server.requestTimeout = 20_000;
    await listenOn(server, target, this.options);
    server.on('error', (error) => {
      this.logger.error('the health server failed', { error });
    });
    this.server = server;
    this.logger.info('serving', {
      address: this.options.address,
      port: this.port,
      endpoints: this.endpoints().join(' '),
    });
  }

  async stop(): Promise<void> {
    const { server } = this;
    if (server === undefined) {
      return;
    }
    this.server = undefined;
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
      // A scrape in flight may end; nothing may hold the process for longer.
      setTimeout(() => {
        server.closeAllConnections();
      }, 500).unref();
    });
  }

  private endpoints(): string[] {
    return [
      ...(this.options.health === false ? [] : ['/healthz', '/readyz']),
      ...(this.options.metrics === undefined ? [] : ['/metrics']),
    ];
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      send(response, 405, 'text/plain', 'method not allowed: use GET\n');
      return;
    }
    const path = url.pathname.replace(/\/+$/, '');
    if (this.options.health !== false) {
      for (const [prefix, checks] of [
        ['/healthz', this.live],
        ['/livez', this.live],
        ['/readyz', this.ready],
      ] as const) {
        if (path !== prefix && !path.startsWith(`${prefix}/`)) {
          continue;
        }
        await answerChecks(response, checks, prefix.slice(1), path.slice(prefix.length + 1), url.searchParams);
        return;
      }
    }
    if (path === '/metrics' && this.options.metrics !== undefined) {
      send(response, 200, this.options.metrics.contentType, await this.options.metrics.text());
      return;
    }
    send(response, 404, 'text/plain', `not found; there are: ${this.endpoints().join(' ')}\n`);
  }
}

async function answerChecks(
  response: ServerResponse,
  checks: ReadonlyMap<string, HealthCheck>,
  endpoint: string,
  only: string,
  query: URLSearchParams,
): Promise<void> {
  const excluded = new Set(query.getAll('exclude'));
  const chosen = [...checks].filter(([name]) => (only === '' || name === only) && !excluded.has(name));
  if (only !== '' && chosen.length === 0) {
    send(response, 404, 'text/plain', `there is no check "${only}"; there are: ${[...checks.keys()].join(' ')}\n`);
    return;
  }
  const lines: string[] = [];
  let healthy = true;
  for (const [name, check] of chosen) {
    const reason = await run(check);
    if (reason !== undefined) {
      healthy = false;
    }
    lines.push(reason === undefined ? `[+]${name} ok` : `[-]${name} failed: ${reason}`);
  }
  if (healthy && !query.has('verbose')) {
    send(response, 200, 'text/plain', 'ok');
    return;
  }
  lines.push(`${endpoint} check ${healthy ? 'passed' : 'failed'}`);
  // The API server answers 500; 503 says the same and is what load balancers expect.
  send(response, healthy ? 200 : 503, 'text/plain', `${lines.join('\n')}\n`);
}

async function run(check: HealthCheck): Promise<string | undefined> {
  try {
    return await check();
  } catch (error) {
    return errorText(error);
  }
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, {
    'content-type':
      contentType.startsWith('text/plain') && !contentType.includes('charset')
        ? `${contentType}; charset=utf-8`
        : contentType,
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

export function parseAddress(address: string, flag: string): HostPort | undefined {
  const text = address.trim();
  if (text === '' || text === '0') {
    return undefined;
  }
  const match = /^(?:\[([^\]]+)\]|([^:]*))?:(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new BindError(
      `${flag} "${address}" is not an address. Write :8081, 127.0.0.1:8081 or [::1]:8081, or 0 for none.`,
    );
  }
  return { host: match[1] ?? (match[2] === '' ? undefined : match[2]), port };
}

/**
 * Listens on an address that a flag has given. From then on errors are the caller's to hear.
 * @throws BindError where it cannot be had
 */
export async function listenOn(
  server: NetServer,
  { host, port }: { readonly host?: string; readonly port: number },
  given: { readonly address: string; readonly flag: string },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException): void => {
      reject(bindError(error, given));
    };
    server.once('error', refuse);
    server.listen({ port, host }, () => {
      server.removeListener('error', refuse);
      resolve();
    });
  });
}

/** What is wrong with an address that could not be listened on, with what to do. */
function bindError(
  error: NodeJS.ErrnoException,
  options: { readonly address: string; readonly flag: string },
): BindError {
  const what = `Cannot listen on ${options.address} (${options.flag})`;
  switch (error.code) {
    case 'EADDRINUSE':
      return new BindError(
        `${what}: the port is in use by another process. Choose another one with ${options.flag}, or 0 for none.`,
        { cause: error },
      );
    case 'EACCES':
      return new BindError(
        `${what}: this user may not. Ports below 1024 need privileges; choose a higher one with ${options.flag}.`,
        { cause: error },
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new BindError(`${what}: this machine has no such address. Leave the host out to listen on all of them.`, {
        cause: error,
      });
    default:
      return new BindError(`${what}: ${error.message}`, { cause: error });
  }
}
