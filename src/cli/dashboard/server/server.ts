import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { CliError } from '../../command.ts';
import type { DashboardSource } from './source.ts';
import { streamEvents } from './stream.ts';

/** A file of the page. */
export interface Asset {
  readonly path: string;
  readonly type: string;
  readonly text: string;
}

export interface RunningServer {
  readonly url: string;
  stop(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
/** The page needs nothing from elsewhere, sends nothing elsewhere, and stands in no frame. Drawings carry style attributes. */
const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};
/** Tabs of the page that may be open at a time. */
const MOST_STREAMS = 16;

/**
 * Serves the page on 127.0.0.1 alone, to GET alone, and only under a name of this machine: the page of somebody else could
 * have let its own name point to 127.0.0.1, and its Host header would say so (DNS rebinding).
 * @param port 0 takes a free one
 * @throws CliError where the port is taken
 */
export async function serveDashboard(
  assets: readonly Asset[],
  source: DashboardSource,
  port: number,
): Promise<RunningServer> {
  const streams = new Set<() => void>();
  const packed = new Map(assets.map((asset) => [asset.path, { ...asset, gzip: gzipSync(asset.text) }]));
  const server = createServer((request, response) => {
    answer(request, response, { packed, source, streams }).catch((error: unknown) => {
      say(response, 500, error instanceof Error ? error.message : String(error));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new CliError(listenProblem(error, port)));
    });
    server.listen(port, LOOPBACK, resolve);
  });
  return {
    url: `http://${LOOPBACK}:${(server.address() as AddressInfo).port}/`,
    stop: () =>
      new Promise((resolve) => {
        for (const end of streams) {
          end();
        }
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function listenProblem({ code, message }: NodeJS.ErrnoException, port: number): string {
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} is taken: give another one with --port, or --port 0 for any that is free`;
    case 'EACCES':
      return `port ${port} may not be opened by this user: give one above 1023 with --port`;
    default:
      return message;
  }
}

interface Served {
  readonly packed: ReadonlyMap<string, Asset & { readonly gzip: Buffer }>;
  readonly source: DashboardSource;
  readonly streams: Set<() => void>;
}

async function answer(request: IncomingMessage, response: ServerResponse, served: Served): Promise<void> {
  for (const [name, value] of Object.entries(HEADERS)) {
    response.setHeader(name, value);
  }
  const { port } = request.socket.address() as AddressInfo;
  if (![`${LOOPBACK}:${port}`, `localhost:${port}`].includes(request.headers.host ?? '')) {
    say(response, 403, `open this page as http://${LOOPBACK}:${port}/`);
    return;
  }
  if (request.method !== 'GET') {
    say(response, 405, 'this page only reads');
    return;
  }
  const url = new URL(request.url ?? '/', `http://${LOOPBACK}`);
  const asset = served.packed.get(url.pathname);
  if (asset !== undefined) {
    response.setHeader('content-type', asset.type);
    sendPacked(request, response, asset.text, asset.gzip);
    return;
  }
  switch (url.pathname) {
    case '/events':
      openStream(request, response, served);
      return;
    case '/workload':
      await sendWorkload(url.searchParams.get('key') ?? '', response, served.source);
      return;
    default:
      say(response, 404, 'there is only one page: /');
  }
}

function sendPacked(request: IncomingMessage, response: ServerResponse, text: string, gzip: Buffer): void {
  if (/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) {
    response.setHeader('content-encoding', 'gzip');
    response.end(gzip);
    return;
  }
  response.end(text);
}

function openStream(request: IncomingMessage, response: ServerResponse, { source, streams }: Served): void {
  if (streams.size >= MOST_STREAMS) {
    say(response, 503, `this page is open ${MOST_STREAMS} times already`);
    return;
  }
  const end = streamEvents(request, response, source, () => {
    streams.delete(end);
  });
  streams.add(end);
}

async function sendWorkload(key: string, response: ServerResponse, source: DashboardSource): Promise<void> {
  const found = await source.workload(key);
  if (found === undefined) {
    say(response, 404, 'there is no such workload');
    return;
  }
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(found));
}

function say(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) {
    response.end();
    return;
  }
  response.statusCode = status;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.end(`${message}\n`);
}
