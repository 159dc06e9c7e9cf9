import { existsSync, readFileSync } from 'node:fs';
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

/** The Kubernetes that tests run on, as control-plane/go.mod states it. */
export const kubernetesVersion =
  /k8s\.io\/kubernetes (v\d+\.\d+\.\d+)/.exec(
    readFileSync(join(projectRoot(), 'control-plane', 'go.mod'), 'utf8'),
  )?.[1] ?? '';

/** Where binaries are kept between runs: outside git, and shared between clones with SIDECAR_DRAIN_CACHE. */
export function cacheRoot(): string {
  return join(process.env.SIDECAR_DRAIN_CACHE ?? join(projectRoot(), '.cache'), 'control-plane');
}
