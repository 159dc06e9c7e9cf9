export { type BinaryName, findBinaries } from './binaries.ts';
export { ApiError, type Answer, Client, type KubeObject, type RequestOptions } from './client.ts';
export { type AuditedWrite, AuditLog, type WriteFilter } from './audit.ts';
export { Cluster, type Connection, type CountFilter, type RunResult } from './cluster.ts';
export { ControlPlane, type ControlPlaneOptions, startControlPlane } from './control-plane.ts';
export { holdTerminationLabel, neverReadyLabel, nodeManifest } from './pods.ts';
export { projectRoot } from './paths.ts';
