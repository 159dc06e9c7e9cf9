import {
  ConnectionError,
  isApiError,
  KubeClient,
  KubeConfigError,
  loadClusterConfig,
  Transport,
} from '../../kube/index.ts';
import { CliError, EXIT_OK, UsageError, type Invocation } from '../command.ts';
import { kindsFrom, statedBy } from '../facts/flags.ts';
import { PRODUCT_VERSION } from '../version/product.ts';
import { dashboardAssets } from './assets.ts';
import { Picture } from './engine/picture.ts';
import { serveDashboard } from './server/server.ts';

export const DEFAULT_PORT = 8484;

/** Serves the page until it is told to end. */
export async function runDashboard(invocation: Invocation): Promise<number> {
  const { flags, io } = invocation;
  const port = portOf(flags.string('port'));
  const stated = statedBy(flags);
  const kinds = kindsFrom(invocation);
  try {
    const config = await loadClusterConfig({ file: flags.string('kubeconfig'), context: flags.string('context') });
    const transport = new Transport({ config, userAgent: `sidecar-drain/${PRODUCT_VERSION}` });
    const picture = new Picture({
      client: new KubeClient(transport),
      kinds,
      stated,
      namespace: flags.string('namespace'),
      cluster: config.context === '' ? config.server : config.context,
    });
    const server = await serveDashboard(dashboardAssets(PRODUCT_VERSION), picture, port);
    picture.start();
    io.stdout.write(`${server.url}\n`);
    await toldToEnd();
    await server.stop();
    await picture.stop();
    await transport.close();
    return EXIT_OK;
  } catch (error) {
    if (error instanceof KubeConfigError || error instanceof ConnectionError || isApiError(error)) {
      throw new CliError(error.message);
    }
    throw error;
  }
}

function portOf(text: string | undefined): number {
  const port = text === undefined ? DEFAULT_PORT : Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535 || text?.trim() === '') {
    throw new UsageError(`--port ${text ?? ''}: a number between 0 and 65535`);
  }
  return port;
}

function toldToEnd(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        resolve();
      });
    }
  });
}
