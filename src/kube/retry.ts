// When a request may be sent again, and how long to wait before.
//
// Whether the server may have *acted* on a request decides more than its code: a request that never left, and one that
// was turned away by the server's flow control (429), did nothing and may always be sent again. Everything else may be
// repeated only if doing it twice is the same as once, which only the caller knows.

import { ApiError, ConnectionError } from './errors.ts';

export type RetryMode = 'idempotent' | 'never';

export interface RetryPolicy {
  /** Sending it the first time counts. */
  readonly attempts: number;
  readonly baseMs: number;
  readonly maxMs: number;
  /** The longest wait that a server may ask of us with Retry-After. */
  readonly maxRetryAfterMs: number;
}

export const defaultRetryPolicy: RetryPolicy = { attempts: 5, baseMs: 200, maxMs: 5_000, maxRetryAfterMs: 30_000 };

export function mayRetry(error: unknown, mode: RetryMode): boolean {
  if (error instanceof ApiError) {
    if (error.status === 429) {
      return true;
    }
    return mode === 'idempotent' && error.retryable && isPassing(error);
  }
  if (error instanceof ConnectionError) {
    if (!error.retryable) {
      return false;
    }
    return !error.sent || mode === 'idempotent';
  }
  return false;
}

// A 500 of the API server is an InternalError (etcd in trouble, a webhook that does not answer) or has no reason at
// all (a proxy in between). Other reasons with that code are decisions.
function isPassing(error: ApiError): boolean {
  return (
    error.status !== 500 || error.reason === '' || error.reason === 'InternalError' || error.reason === 'ServerTimeout'
  );
}

/** Exponential with equal jitter: between half of the step and the whole of it. `failures` starts at 1. */
export function backoffMs(failures: number, baseMs: number, maxMs: number, random: () => number = Math.random): number {
  const step = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return step / 2 + random() * (step / 2);
}

export function retryDelayMs(
  error: unknown,
  failures: number,
  policy: RetryPolicy,
  random: () => number = Math.random,
): number {
  const asked = error instanceof ApiError ? error.retryAfterMs : undefined;
  const own = backoffMs(failures, policy.baseMs, policy.maxMs, random);
  if (asked === undefined) {
    return own;
  }
  // Everybody who was turned away got the same number; a tenth of jitter spreads them.
  const bounded = Math.min(Math.max(asked, 0), policy.maxRetryAfterMs);
  return Math.max(bounded + random() * 0.1 * bounded, own);
}

/** The header is a number of seconds or an HTTP date. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) {
    return undefined;
  }
  const text = value.trim();
  if (/^\d+$/.test(text)) {
    return Number(text) * 1000;
  }
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
