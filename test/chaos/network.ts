// Stands between one replica of the operator and the API server, and fails as networks and busy API servers do. It also says in
// each request which replica sent it, so that the audit log tells the replicas apart.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { kubeconfigText } from '../support/control-plane/cluster.ts';
import type { Cluster } from '../support/cluster.ts';
import { OPERATOR_ACCOUNT } from '../support/operator.ts';
import type { NetworkFault } from './operations.ts';

const EXPIRED = {
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  reason: 'Expired',
  code: 410,
  message: 'too old',
};
const TOO_MANY = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'TooManyRequests', code: 429 };
/** Of the requests of a busy time so many are refused. */
const REFUSED_SHARE = 0.5;

export class Network {
  kubeconfig = '';
  /** When this replica has last taken or renewed the Lease, in milliseconds since 1970. */
  leaseWrittenAt = 0;
  private readonly agent: Agent;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly watches = new Set<ServerResponse>();
  /** Bytes of these go nowhere, in neither direction, until the connection is cut. */
  private readonly frozen = new WeakSet<Socket>();
  private delay = { until: 0, byMs: 0 };
  private busyUntil = 0;
  private refused = 0;

  private constructor(
    private readonly cluster: Cluster,
    private readonly replica: string,
  ) {
    this.agent = new Agent({ ca: readFileSync(cluster.caFile), keepAlive: true });
    this.server = createServer((incoming, outgoing) => {
      void this.pass(incoming, outgoing);
    });
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  static async start(cluster: Cluster, replica: string): Promise<Network> {
    const network = new Network(cluster, replica);
    await new Promise<void>((resolve) => {
      network.server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = network.server.address() as AddressInfo;
    network.kubeconfig = join(cluster.folder, `kubeconfig-${replica}`);
    const token = await cluster.tokenFor(OPERATOR_ACCOUNT);
    await writeFile(
      network.kubeconfig,
      kubeconfigText(`http://127.0.0.1:${port}`, '', token, OPERATOR_ACCOUNT.namespace),
      { mode: 0o600 },
    );
    return network;
  }

  fail(fault: NetworkFault): void {
    switch (fault.kind) {
      case 'Cut':
        this.cut([...this.sockets]);
        return;
      case 'Expire':
        for (const watch of this.watches) {
          watch.end(`${JSON.stringify({ type: 'ERROR', object: EXPIRED })}\n`);
        }
        return;
      case 'HalfOpen':
        this.freeze(fault.forMs);
        return;
      case 'TooMany':
        this.busyUntil = Date.now() + fault.forMs;
        return;
      case 'Delay':
        this.delay = { until: Date.now() + fault.forMs, byMs: fault.byMs };
    }
  }

  heal(): void {
    this.delay = { until: 0, byMs: 0 };
    this.busyUntil = 0;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => {
      this.server.close(resolve);
    });
    this.agent.destroy();
  }

  private cut(sockets: readonly Socket[]): void {
    for (const socket of sockets) {
      socket.destroy();
    }
  }

  /** Every connection of now stays open and carries nothing any more; new ones work. A frozen request never arrives later. */
  private freeze(forMs: number): void {
    const frozen = [...this.sockets];
    for (const socket of frozen) {
      this.frozen.add(socket);
      socket.pause();
    }
    setTimeout(() => {
      this.cut(frozen);
    }, forMs).unref();
  }

  private async pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const path = incoming.url ?? '/';
    const isLease = path.includes('/leases');
    if (Date.now() < this.delay.until) {
      await sleep(this.delay.byMs);
    }
    // Every second one, so that nobody is refused for ever.
    if (
      !isLease &&
      Date.now() < this.busyUntil &&
      ++this.refused * REFUSED_SHARE === Math.floor(this.refused * REFUSED_SHARE)
    ) {
      outgoing.writeHead(429, { 'content-type': 'application/json', 'retry-after': '1' });
      outgoing.end(JSON.stringify(TOO_MANY));
      incoming.resume();
      return;
    }
    if (incoming.socket.destroyed || this.frozen.has(incoming.socket)) {
      return;
    }
    this.forward(incoming, outgoing, path);
  }

  private forward(incoming: IncomingMessage, outgoing: ServerResponse, path: string): void {
    const method = incoming.method ?? 'GET';
    const headers: Record<string, string | string[] | undefined> = {
      ...incoming.headers,
      host: new URL(this.cluster.url).host,
      'user-agent': `${incoming.headers['user-agent'] ?? ''} ${this.replica}`,
    };
    if (method !== 'GET') {
      // The whole object in the answer is the whole object in the audit log.
      headers.accept = 'application/json';
    }
    const upstream = request(new URL(path, this.cluster.url), { method, headers, agent: this.agent }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      if (method !== 'GET' && path.includes('/leases') && answer.statusCode === 200) {
        this.leaseWrittenAt = Date.now();
      }
      if (/[?&]watch=/.test(path)) {
        this.watches.add(outgoing);
        outgoing.on('close', () => this.watches.delete(outgoing));
      }
      answer.on('data', (part: Buffer) => {
        if (!this.frozen.has(incoming.socket) && !outgoing.writableEnded) {
          outgoing.write(part);
        }
      });
      answer.on('end', () => {
        if (!this.frozen.has(incoming.socket)) {
          outgoing.end();
        }
      });
      answer.on('error', () => outgoing.destroy());
    });
    upstream.on('error', () => outgoing.destroy());
    outgoing.on('close', () => upstream.destroy());
    outgoing.on('error', () => undefined);
    incoming.pipe(upstream);
  }
}
