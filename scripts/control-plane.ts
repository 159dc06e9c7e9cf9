// The control plane of the tests, for use by hand:
//   binaries   make its programs available (KUBEBUILDER_ASSETS, cache, download or build) and print their paths
//   tools      the same for kustomize and Helm, which read trees and charts
//   run        start one, say how to reach it, and end it on Ctrl-C
import { findBinaries, startControlPlane } from '../test/support/control-plane/index.ts';

async function binaries(): Promise<void> {
  const paths = await findBinaries(['etcd', 'kube-apiserver', 'controllers', 'kubectl']);
  for (const path of Object.values(paths)) {
    console.log(path);
  }
}

async function tools(): Promise<void> {
  for (const path of Object.values(await findBinaries(['kubectl', 'kustomize', 'helm', 'helm4']))) {
    console.log(path);
  }
}

async function run(): Promise<void> {
  const started = Date.now();
  const plane = await startControlPlane();
  console.log(`up after ${((Date.now() - started) / 1000).toFixed(1)} s: ${plane.url}, logs in ${plane.folder}/logs`);
  console.log(`export KUBECONFIG=${plane.kubeconfigPath}`);
  console.log('Ctrl-C ends it.');
  await new Promise<void>((resolve) => {
    const stay = setInterval(() => undefined, 60_000);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        clearInterval(stay);
        resolve();
      });
    }
  });
  await plane.stop();
}

const commands: Record<string, () => Promise<void>> = { binaries, tools, run };
const command = commands[process.argv[2] ?? ''];
if (command === undefined) {
  console.error('usage: node scripts/run-ts.mjs scripts/control-plane.ts binaries|tools|run');
  process.exit(2);
}
try {
  await command();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
