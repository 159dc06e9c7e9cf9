import { join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { projectRoot } from './control-plane/index.ts';

/** Makes the product's kinds known to the API server and waits until it serves them. Test files may do it side by side. */
export async function installCrds(cluster: Cluster): Promise<void> {
  await cluster.kubectlOk([
    'apply',
    '--server-side',
    '--force-conflicts',
    '--field-manager=test',
    '-f',
    join(projectRoot(), 'crds'),
  ]);
  await cluster.kubectlOk(['wait', '--for=condition=Established', '--timeout=30s', '-f', join(projectRoot(), 'crds')]);
}
