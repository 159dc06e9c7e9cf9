// Stands between the operator and the API server and lets a test act between any two writes: each write reaches the API
// server, and its answer is held until the test says whether it may pass.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kubeconfigText } from './control-plane/cluster.ts';
import type { Cluster } from './cluster.ts';

export interface ProxiedWrite {
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

export interface FaultProxy {
  readonly kubeconfig: string;
  /** From now on nothing comes through on any watch, and no watch ends: as behind a connection that is half open. */
  freezeWatches(): void;
  thawWatches(): void;
  stop(): Promise<void>;
}

/** @param onWrite told of each write that the API server has answered; its answer passes when this resolves to true */
export async function startFaultProxy(
  cluster: Cluster,
  account: { readonly namespace: string; readonly name: string },
  onWrite: (write: ProxiedWrite) => Promise<boolean>,
): Promise<FaultProxy> {
  const agent = new Agent({ ca: readFileSync(cluster.caFile), keepAlive: true });
  const watches = new Watches();
  const server = createServer((incoming, outgoing) => {
    pass({ base: cluster.url, agent, watches, onWrite }, incoming, outgoing);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const kubeconfig = join(cluster.folder, `kubeconfig-proxy-${port}`);
  await writeFile(
    kubeconfig,
    kubeconfigText(`http://127.0.0.1:${port}`, '', await cluster.tokenFor(account), account.namespace),
    { mode: 0o600 },
  );
  return {
    kubeconfig,
    freezeWatches: () => {
      watches.freeze(true);
    },
    thawWatches: () => {
      watches.freeze(false);
    },
    stop: async () => {
      await stopServer(server, agent);
    },
  };
}

class Watches {
  private readonly open = new Set<IncomingMessage>();
  private frozen = false;

  add(answer: IncomingMessage): void {
    this.open.add(answer);
    answer.on('close', () => this.open.delete(answer));
    if (this.frozen) {
      answer.pause();
    }
  }

  freeze(frozen: boolean): void {
    this.frozen = frozen;
    for (const answer of this.open) {
      if (frozen) {
        answer.pause();
      } else {
        answer.resume();
      }
    }
  }
}

interface Passage {
  readonly base: string;
  readonly agent: Agent;
  readonly watches: Watches;
  readonly onWrite: (write: ProxiedWrite) => Promise<boolean>;
}

function pass({ base, agent, watches, onWrite }: Passage, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const method = incoming.method ?? 'GET';
  const path = incoming.url ?? '/';
  const headers = { ...incoming.headers, host: new URL(base).host };
  const upstream = request(new URL(path, base), { method, headers, agent }, (answer) => {
    // An API server that dies in the middle of an answer, as of a watch.
    answer.on('close', () => {
      if (!answer.complete) {
        outgoing.destroy();
      }
    });
    if (method === 'GET' || /\/(events|leases|subjectaccessreviews|selfsubjectaccessreviews)\b/.test(path)) {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
      if (/[?&]watch=/.test(path)) {
        watches.add(answer);
      }
      return;
    }
    const parts: Buffer[] = [];
    answer.on('data', (part: Buffer) => parts.push(part));
    answer.on('end', () => {
      void onWrite({ method, path, status: answer.statusCode ?? 0 }).then((mayPass) => {
        if (mayPass) {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          outgoing.end(Buffer.concat(parts));
        } else {
          outgoing.destroy();
        }
      });
    });
  });
  upstream.on('error', () => {
    outgoing.destroy();
  });
  // Whoever is killed leaves its watches open here.
  outgoing.on('close', () => {
    upstream.destroy();
  });
  incoming.pipe(upstream);
}

async function stopServer(server: Server, agent: Agent): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  agent.destroy();
}
