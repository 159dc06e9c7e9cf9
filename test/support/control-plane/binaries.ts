import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { envtestFolder, fetchEnvtest } from './envtest.ts';
import { type BinaryName, buildBinaries, builtFolder } from './go-build.ts';
import { apiServerSource, kubernetesVersion } from './paths.ts';

export type { BinaryName } from './go-build.ts';

const inEnvtest: readonly BinaryName[] = ['etcd', 'kube-apiserver', 'kubectl'];

function executable(folder: string, name: string): string | undefined {
  const path = join(folder, name);
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}

function locate(name: BinaryName): string | undefined {
  if (name === 'kube-apiserver' && apiServerSource().version !== kubernetesVersion) {
    // What others provide is of the version of control-plane/go.mod.
    return executable(builtFolder(name), name);
  }
  const assets = process.env.KUBEBUILDER_ASSETS;
  return (
    (assets === undefined || assets === '' ? undefined : executable(assets, name)) ??
    executable(builtFolder(), name) ??
    executable(envtestFolder(), name)
  );
}

/**
 * Paths of the named programs: from KUBEBUILDER_ASSETS, the project's cache, the envtest archives, or a Go build, in
 * this order and each on its own, since KUBEBUILDER_ASSETS and the archives have no controllers.
 */
export async function findBinaries<N extends BinaryName>(names: readonly N[]): Promise<Record<N, string>> {
  if (names.some((name) => inEnvtest.includes(name) && locate(name) === undefined)) {
    await fetchEnvtest();
  }
  const missing = names.filter((name) => locate(name) === undefined);
  const assets = process.env.KUBEBUILDER_ASSETS ?? '';
  if (assets !== '' && missing.length > 0) {
    console.error(`KUBEBUILDER_ASSETS=${assets} has no ${missing.join(', ')}: taken from elsewhere`);
  }
  if (missing.length > 0) {
    await buildBinaries(missing, (name) => locate(name) === undefined);
  }
  return Object.fromEntries(names.map((name) => [name, locate(name)!])) as Record<N, string>;
}
