import { describe, expect, it } from '@jest/globals';
import { ApiError, ConnectionError } from '../../../src/kube/errors.ts';
import { backoffMs, defaultRetryPolicy, mayRetry, parseRetryAfter, retryDelayMs } from '../../../src/kube/retry.ts';

const purpose = { verb: 'patch', resource: 'deployments.apps', namespace: 'shop', name: 'cart' };

function api(status: number, reason = '', message = 'no'): ApiError {
  return new ApiError(status, { kind: 'Status', code: status, reason, message }, '', purpose);
}

describe('mayRetry', () => {
  it.each([
    ['429: flow control turned it away, nothing happened', api(429, 'TooManyRequests'), true, true],
    ['500 InternalError', api(500, 'InternalError'), true, false],
    ['500 without a reason, from a proxy', api(500), true, false],
    ['502', api(502), true, false],
    ['503', api(503, 'ServiceUnavailable'), true, false],
    ['504', api(504, 'Timeout'), true, false],
    ['500 with another reason', api(500, 'Unknown'), false, false],
    [
      '500 of an apply with an unknown field',
      api(500, '', 'failed to create typed patch object: .spec.bogus: field not declared in schema'),
      false,
      false,
    ],
    ['409', api(409, 'Conflict'), false, false],
    ['422', api(422, 'Invalid'), false, false],
    ['404', api(404, 'NotFound'), false, false],
    ['403', api(403, 'Forbidden'), false, false],
    ['410', api(410, 'Expired'), false, false],
    ['never sent', new ConnectionError('KUBE_UNREACHABLE', 'refused', false), true, true],
    ['broken after sending', new ConnectionError('KUBE_UNREACHABLE', 'reset', true), true, false],
    ['no answer in time', new ConnectionError('KUBE_TIMEOUT', 'slow', true), true, false],
    ['a certificate that is not accepted', new ConnectionError('KUBE_TLS', 'self-signed', false), false, false],
    ['a bug of ours', new TypeError('x'), false, false],
  ])('%s', (_name, error, idempotent, never) => {
    expect(mayRetry(error, 'idempotent')).toBe(idempotent);
    expect(mayRetry(error, 'never')).toBe(never);
  });
});

describe('waits', () => {
  it.each([
    [1, 100, 200],
    [2, 200, 400],
    [3, 400, 800],
    [4, 500, 1_000],
    [60, 500, 1_000],
  ])('failure %i waits between %i and %i ms', (failures, low, high) => {
    expect(backoffMs(failures, 200, 1_000, () => 0)).toBe(low);
    expect(backoffMs(failures, 200, 1_000, () => 1)).toBe(high);
  });

  it.each([
    ['as long as the server asks', 7_000, 7_000],
    ['not for ever', 3_600_000, defaultRetryPolicy.maxRetryAfterMs],
    ['at least its own step', 0, 100],
  ])('waits %s', (_name, asked, expected) => {
    const error = new ApiError(429, undefined, 'slow down', purpose, asked);
    expect(retryDelayMs(error, 1, defaultRetryPolicy, () => 0)).toBe(expected);
  });

  it('takes the seconds of a Status where there is no header', () => {
    const error = new ApiError(503, { kind: 'Status', message: 'x', details: { retryAfterSeconds: 2 } }, '', purpose);
    expect(error.retryAfterMs).toBe(2_000);
  });

  const now = Date.parse('2026-03-01T12:00:00Z');
  it.each([
    ['3', 3_000],
    [' 0 ', 0],
    ['Sun, 01 Mar 2026 12:00:05 GMT', 5_000],
    ['Sun, 01 Mar 2026 11:00:00 GMT', 0],
    ['soon', undefined],
    [undefined, undefined],
  ])('Retry-After "%s" is %s ms', (header, expected) => {
    expect(parseRetryAfter(header, now)).toBe(expected);
  });
});
