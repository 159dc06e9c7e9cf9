// What a reflector is told, and the times it keeps.

import type { KubernetesObject } from '../api/kubernetes.ts';
import type { KubeClient } from './client.ts';
import type { Clock, Logger } from './ports.ts';
import type { Resource } from './resources.ts';
import type { StoreHandlers } from './store.ts';

export type ReflectorState = 'Starting' | 'Synced' | 'Disconnected' | 'Forbidden' | 'Absent';

export type RelistReason = 'start' | 'expired' | 'recovered';

export interface ReflectorMetrics {
  /** A line that was no JSON, a stream that broke in the middle of an object. */
  onTornStream?(resource: string): void;
  onHandlerError?(resource: string): void;
  onRelist?(resource: string, reason: RelistReason): void;
  onWatchError?(resource: string): void;
}

export interface ReflectorTimings {
  /** Waits after failures. */
  backoffBaseMs: number;
  backoffMaxMs: number;
  /** Between looks at a collection that is absent or forbidden: growing up to this. */
  absentMaxMs: number;
  forbiddenMs: number;
  /**
   * A 403 where the watch was allowed before must last this long to count: an API server that has just started refuses for
   * a moment what it grants (its authorizer has not read the roles yet).
   */
  forbiddenConfirmMs: number;
  /** A 404 of a collection that was there must be seen twice, this far apart. */
  absentConfirmMs: number;
  /** The server ends each watch after a random time between these. */
  watchMinSeconds: number;
  watchMaxSeconds: number;
  /** A watch that is silent for this long is dead: bookmarks come every minute. */
  idleTimeoutMs: number;
  headersTimeoutMs: number;
  /** At most this long a wait before listing again after a 410, at random. */
  relistJitterMs: number;
  /** A watch that was opened again, and has said nothing bad for this long, is good. */
  confirmMs: number;
}

export const defaultReflectorTimings: ReflectorTimings = {
  backoffBaseMs: 800,
  backoffMaxMs: 30_000,
  absentMaxMs: 30_000,
  forbiddenMs: 30_000,
  forbiddenConfirmMs: 8_000,
  absentConfirmMs: 1_000,
  watchMinSeconds: 300,
  watchMaxSeconds: 600,
  idleTimeoutMs: 100_000,
  headersTimeoutMs: 30_000,
  relistJitterMs: 1_000,
  confirmMs: 250,
};

export interface ReflectorOptions<Raw extends KubernetesObject, T> {
  client: KubeClient;
  resource: Resource;
  /** The record to keep, or undefined for an object that is of no interest. Must not hold on to the raw object. */
  project: (raw: Raw) => T | undefined;
  /** `namespace/name` where none is given. */
  key?: (raw: Raw) => string;
  /** Says that two records are the same: then nobody is told. Status updates are most of a cluster's traffic. */
  equal?: (a: T, b: T) => boolean;
  handlers?: StoreHandlers<T>;
  /** The last state of an object that was deleted, before its record goes. A list cannot tell it: what is missing there is not reported here. */
  onGone?: (raw: Raw, last: T | undefined) => void;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  metadataOnly?: boolean;
  onStateChange?: (state: ReflectorState, previous: ReflectorState, detail: string | undefined) => void;
  metrics?: ReflectorMetrics;
  timings?: Partial<ReflectorTimings>;
  maxLineBytes?: number;
  logger?: Logger;
  clock?: Clock;
  random?: () => number;
}
