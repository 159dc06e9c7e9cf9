// The door of this room: the API server, as the rest of the program sees it.
//
//   config     which cluster, and who we are
//   transport  requests: pooled, with deadlines, retries, a limit of writes
//   client     the verbs: get, list, create, apply, patches, replace, delete
//   steps      several patches of one object, each planned on the newest of it
//   reflector  a local picture of one collection, kept up by list and watch
//   events     Kubernetes Events
//   lease      leader election
//   errors     what can go wrong, with what to do
//   ports      the logger and the clock that this room is given

export { loadClusterConfig } from './config.ts';
export type { ClusterConfig, Credentials, LoadConfigOptions } from './config.ts';
export { KubeClient, metadataListAccept, metadataOnlyAccept, pageSize } from './client.ts';
export type {
  ApplyOptions,
  CallOptions,
  DeleteOptions,
  JsonPatchOperation,
  ListOptions,
  ObjectRef,
  Page,
  WriteOptions,
} from './client.ts';
export { ApiError, ConnectionError, errorText, isApiError, KubeConfigError, oneLine } from './errors.ts';
export type { ConnectionErrorCode, KubeConfigErrorCode, RequestPurpose, Status, StatusCause } from './errors.ts';
export { EventRecorder } from './events.ts';
export type { EventRecorderOptions, EventSubject } from './events.ts';
export { defaultLeaseTimings, LeaderElector, microTime } from './lease.ts';
export type { LeaderElectorOptions, LeaseTimings } from './lease.ts';
export { silentLogger, sleep, systemClock } from './ports.ts';
export type { Clock, LogFields, Logger, TimerHandle } from './ports.ts';
export { pictureOf } from './reflector-group.ts';
export type { Picture } from './reflector-group.ts';
export { Reflector } from './reflector.ts';
export { defaultReflectorTimings } from './reflector-options.ts';
export type {
  ReflectorMetrics,
  ReflectorOptions,
  ReflectorState,
  ReflectorTimings,
  RelistReason,
} from './reflector-options.ts';
export { defineResource, itemPath, keyOf, listPath, objectKey, splitKey, withQuery } from './resources.ts';
export type { Resource, ResourceNames } from './resources.ts';
export { backoffMs, defaultRetryPolicy } from './retry.ts';
export type { RetryMode, RetryPolicy } from './retry.ts';
export { patchInSteps } from './steps.ts';
export type { StepOptions } from './steps.ts';
export { RecordStore } from './store.ts';
export type { StoreHandlers } from './store.ts';
export { Transport } from './transport.ts';
export type { ApiRequest, RequestObservation, StreamRequest, TransportOptions } from './transport.ts';
