import type { Seconds } from '../model/workload.ts';

/** A policy's wish in seconds: what the plan works with, whoever wrote the policy. */
export interface Intent {
  readonly mode: 'Fixed' | 'Adaptive' | 'Combined';
  /** In-flight requests get at least this long from the application's SIGTERM; 0 in Adaptive. */
  readonly duration: Seconds;
  /** At most this long; equal to `duration` in Fixed. */
  readonly maxWait: Seconds;
  readonly endpointDelay: Seconds;
  readonly strategy: 'Auto' | 'ActiveConnections' | 'PreStopHook';
  readonly hook: 'EstablishedConnections' | 'ActiveRequests';
  readonly environment: 'Annotation' | 'ProxyConfig';
  readonly drainDuration: 'Leave' | 'Follow';
  readonly form: 'Keep' | 'Native';
  readonly holdApplicationUntilProxyStarts: 'Keep' | 'Enabled';
  readonly graceChange: 'RaiseOnly' | 'Never';
  readonly margin: Seconds;
  readonly graceMaximum: Seconds;
}

/**
 * A short text that is equal exactly where two intents want the same. It is kept in the workload's state: it tells a
 * changed wish, which is followed, from an operator upgrade that words the same wish differently, which rolls nothing.
 */
export function intentKey(intent: Intent): string {
  const { graceMaximum: _limit, ...wish } = intent;
  return fnv1a(JSON.stringify(Object.entries(wish).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** 32-bit FNV-1a, as eight hex digits: enough to tell wishes apart, and pure. */
export function fnv1a(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}
