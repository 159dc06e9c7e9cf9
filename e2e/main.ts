// make e2e: proves with real requests, on a real cluster with a real Istio, what the product promises. docs/e2e.md says
// what it needs, how to run it step by step, and how to read what it prints.
//
// Exit codes: 0 everything was proved; 1 something failed or proved nothing; 2 it could not be tried; 130 interrupted.
import { ConnectionError, isApiError, KubeConfigError } from '../src/kube/index.ts';
import { projectRoot } from '../test/support/control-plane/paths.ts';
import { connect, E2eError, LackingError, TimeUpError } from './cluster/api.ts';
import { createKindCluster, type KindCluster } from './kind.ts';
import { OptionsError, readOptions } from './plan/options.ts';
import { runSuite } from './run.ts';

const started = Date.now();
/** Ctrl-C reaches this process twice, from the terminal and through the script that started it. */
const SECOND_SIGNAL_MS = 3000;

function say(text: string): void {
  process.stderr.write(`${((Date.now() - started) / 1000).toFixed(1).padStart(7)} s  ${text}\n`);
}

function interruption(timeoutSeconds: number): AbortSignal {
  const controller = new AbortController();
  let first: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (first === undefined) {
        first = Date.now();
        controller.abort(
          new E2eError(
            `interrupted by ${name}; cleaning up. Once more ends at once, and leaves the rest to the next run`,
          ),
        );
      } else if (Date.now() - first > SECOND_SIGNAL_MS) {
        process.exit(130);
      }
    });
  }
  setTimeout(() => {
    controller.abort(new TimeUpError(`not done within ${timeoutSeconds} s (E2E_TIMEOUT)`));
  }, timeoutSeconds * 1000).unref();
  return controller.signal;
}

async function main(): Promise<number> {
  const root = projectRoot();
  let options = readOptions(process.env);
  const signal = interruption(options.timeoutSeconds);
  let kind: KindCluster | undefined;
  try {
    let { kubeconfig } = options;
    if (kubeconfig === undefined) {
      kind = await createKindCluster(options, root, signal, say);
      ({ options, kubeconfig } = kind);
    }
    const cluster = await connect(kubeconfig, options.context);
    try {
      return await runSuite({ cluster, options, root, signal, say });
    } finally {
      await cluster.close();
    }
  } catch (error) {
    if (signal.aborted && !(signal.reason instanceof TimeUpError)) {
      console.error(error instanceof Error ? error.message : error);
      return 130;
    }
    throw error;
  } finally {
    await kind?.delete();
  }
}

process.exitCode = await main().catch((error: unknown) => {
  if (
    error instanceof LackingError ||
    error instanceof OptionsError ||
    error instanceof KubeConfigError ||
    error instanceof ConnectionError
  ) {
    console.error(`cannot run: ${error.message}`);
    return 2;
  }
  console.error(error instanceof E2eError || isApiError(error) ? error.message : error);
  return 1;
});
process.exit();
