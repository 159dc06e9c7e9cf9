import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The folder with the project's package.json. Looked for upwards, because a script that was bundled runs from
 * another folder of the project than its source.
 */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && readFileSync(manifest, 'utf8').includes('"name": "sidecar-drain-operator"')) {
      return folder;
    }
    const parent = dirname(folder);
    if (parent === folder) {
      throw new Error('cannot find the root folder of sidecar-drain-operator above ' + fileURLToPath(import.meta.url));
    }
    folder = parent;
  }
}

function versionIn(module: string): string {
  const text = readFileSync(join(projectRoot(), module, 'go.mod'), 'utf8');
  return /k8s\.io\/kubernetes (v\d+\.\d+\.\d+)/.exec(text)?.[1] ?? '';
}

/** The Kubernetes that tests run on, as control-plane/go.mod states it. */
export const kubernetesVersion = versionIn('control-plane');

/** What one kube-apiserver is built from: the folder of its go.mod below the project's root, and its version. */
export interface ApiServerSource {
  readonly module: string;
  readonly version: string;
}

/**
 * The API server that tests run on: KUBERNETES, a minor version such as `1.37`, picks one of control-plane/versions. The
 * other programs stay those of control-plane/go.mod.
 */
export function apiServerSource(minor = process.env.KUBERNETES ?? ''): ApiServerSource {
  if (minor === '' || kubernetesVersion.startsWith(`v${minor}.`)) {
    return { module: 'control-plane', version: kubernetesVersion };
  }
  const known = readdirSync(join(projectRoot(), 'control-plane', 'versions')).sort();
  if (!known.includes(minor)) {
    const own = /\d+\.\d+/.exec(kubernetesVersion)?.[0] ?? '';
    throw new Error(
      `KUBERNETES=${minor} is not pinned here: take one of ${[...known, own].sort().join(', ')}, or add control-plane/versions/${minor}/go.mod`,
    );
  }
  const module = join('control-plane', 'versions', minor);
  return { module, version: versionIn(module) };
}

/** Where binaries are kept between runs: outside git, and shared between clones with SIDECAR_DRAIN_CACHE. */
export function cacheRoot(): string {
  return join(process.env.SIDECAR_DRAIN_CACHE ?? join(projectRoot(), '.cache'), 'control-plane');
}
