// What integration tests use: one control plane for the whole jest run, started by global-setup.mjs, because it costs
// seconds to start and a test needs no more than a namespace of its own. A test that stops the API server, or needs a
// cluster without other tests in it, starts its own with startControlPlane().
import { afterAll } from '@jest/globals';
import { Cluster, type Connection } from './control-plane/index.ts';

export { startControlPlane } from './control-plane/index.ts';
export type { Cluster, ControlPlane, KubeObject } from './control-plane/index.ts';

export const connectionVariable = 'SIDECAR_DRAIN_TEST_CLUSTER';

/** The control plane of this jest run. Call it at the top of a test file or in its outermost describe. */
export function useCluster(): Cluster {
  const connection = process.env[connectionVariable];
  if (connection === undefined) {
    throw new Error('no shared control plane: useCluster() works in the integration tests of jest only');
  }
  const cluster = new Cluster(JSON.parse(connection) as Connection);
  afterAll(() => cluster.disconnect());
  return cluster;
}
