import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CliError } from '../../command.ts';
import { DashboardHandler, type Asset, type Door, type Refusal } from './handler.ts';
import type { DashboardSource } from './source.ts';

export interface RunningServer {
  readonly url: string;
  stop(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';

/**
 * Under a name of this machine alone: the page of somebody else could have let its own name point to 127.0.0.1, and its Host
 * header would say so (DNS rebinding).
 */
const UNDER_OWN_NAME: Door = {
  admit({ socket, headers }: IncomingMessage): Promise<Refusal | undefined> {
    const { port } = socket.address() as AddressInfo;
    const known = [`${LOOPBACK}:${port}`, `localhost:${port}`].includes(headers.host ?? '');
    return Promise.resolve(
      known ? undefined : { status: 403, message: `open this page as http://${LOOPBACK}:${port}/` },
    );
  },
};

/**
 * Serves the page on 127.0.0.1 alone.
 * @param port 0 takes a free one
 * @throws CliError where the port is taken
 */
export async function serveDashboard(
  assets: readonly Asset[],
  source: DashboardSource,
  port: number,
): Promise<RunningServer> {
  const handler = new DashboardHandler(assets, source, UNDER_OWN_NAME);
  const server = createServer(handler.handle);
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
        handler.endStreams();
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
