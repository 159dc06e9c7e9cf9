// An HTTP server for faults that a real API server cannot be made to show: refusals with Retry-After, torn lines, hung
// connections. Everything else is tested against the real one.

import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { ClusterConfig } from '../../../src/kube/index.ts';

export interface SeenRequest {
  method: string;
  url: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: string;
  at: number;
}

export type Handler = (request: SeenRequest, response: ServerResponse, count: number) => void | Promise<void>;

export class FakeServer {
  readonly requests: SeenRequest[] = [];
  connections = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(handler: Handler): Promise<FakeServer> {
    const holder: { fake?: FakeServer } = {};
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const url = request.url ?? '/';
        const seen = {
          method: request.method ?? '',
          url,
          query: new URL(url, 'http://x').searchParams,
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
          at: performance.now(),
        };
        holder.fake!.requests.push(seen);
        void handler(seen, response, holder.fake!.requests.length);
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const fake = new FakeServer(server, (server.address() as AddressInfo).port);
    holder.fake = fake;
    server.on('connection', (socket) => {
      fake.connections += 1;
      fake.sockets.add(socket);
      socket.on('close', () => fake.sockets.delete(socket));
    });
    return fake;
  }

  get config(): ClusterConfig {
    return fakeConfig(`http://127.0.0.1:${this.port}`);
  }

  breakConnections(): void {
    for (const socket of this.sockets) {
      socket.destroy();
    }
  }

  async stop(): Promise<void> {
    this.breakConnections();
    await new Promise<void>((resolve) => {
      this.server.close(() => {
        resolve();
      });
    });
  }
}

export function fakeConfig(server: string, overrides: Partial<ClusterConfig> = {}): ClusterConfig {
  return {
    server,
    context: 'fake',
    namespace: 'default',
    source: 'fake',
    insecureSkipTlsVerify: false,
    credentials: () => Promise.resolve({ headers: ['authorization', 'Bearer fake'] }),
    credentialsMaxAgeMs: 0,
    ...overrides,
  };
}

export function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

export function status(code: number, reason: string, message: string, extra: Record<string, unknown> = {}): unknown {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, ...extra };
}

export async function eventually(check: () => boolean, what: string, timeoutMs = 30_000): Promise<void> {
  const until = performance.now() + timeoutMs;
  while (!check()) {
    if (performance.now() > until) {
      throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}
