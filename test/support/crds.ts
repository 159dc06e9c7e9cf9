import { join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { projectRoot } from './control-plane/index.ts';

/**
 * Makes the product's kinds known to the API server and waits until it serves them. Test files may do it side by side.
 * `folder`, below the project's root, has them as they are now, unless said otherwise.
 */
export async function installCrds(cluster: Cluster, folder = 'crds'): Promise<void> {
  await cluster.kubectlOk([
    'apply',
    '--server-side',
    '--force-conflicts',
    '--field-manager=test',
    '-f',
    join(projectRoot(), folder),
  ]);
  await cluster.crdsEstablished();
}
