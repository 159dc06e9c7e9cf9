import { describe, expect, it } from '@jest/globals';
import { ApiError, errorText } from '../../../src/kube/errors.ts';

function error(
  status: number,
  reason: string,
  purpose: { verb: string; resource: string; namespace?: string; name?: string },
): ApiError {
  return new ApiError(status, { kind: 'Status', code: status, reason, message: 'the server says no' }, '', purpose);
}

describe('ApiError', () => {
  it.each([
    ['deployments.apps', 'apiGroups: ["apps"], resources: ["deployments"], verbs: ["patch"]'],
    [
      'sidecardrainpolicies.sidecardrain.io/status',
      'apiGroups: ["sidecardrain.io"], resources: ["sidecardrainpolicies/status"], verbs: ["patch"]',
    ],
    ['events', 'apiGroups: [""], resources: ["events"], verbs: ["patch"]'],
    ['/metrics', 'nonResourceURLs: ["/metrics"], verbs: ["patch"]'],
  ])('a 403 on %s says what to grant', (resource, rule) => {
    const { message } = error(403, 'Forbidden', { verb: 'patch', resource, namespace: 'shop', name: 'cart' });
    expect(message).toContain(rule);
    expect(message).toContain(`patch ${resource} shop/cart: forbidden (403): the server says no`);
    expect(message).not.toContain('\n');
  });

  it('a 401 says that the credentials are to be renewed', () => {
    expect(error(401, 'Unauthorized', { verb: 'list', resource: 'pods' }).message).toContain(
      'Renew the token or client certificate',
    );
  });

  it.each([
    [404, 'NotFound', 'isNotFound'],
    [403, 'Forbidden', 'isForbidden'],
    [401, 'Unauthorized', 'isUnauthorized'],
    [409, 'Conflict', 'isConflict'],
    [409, 'AlreadyExists', 'isAlreadyExists'],
    [410, 'Expired', 'isGone'],
    [422, 'Invalid', 'isInvalid'],
    [429, 'TooManyRequests', 'isTooManyRequests'],
  ] as const)('%i %s is exactly %s', (status, reason, expected) => {
    const one = error(status, reason, { verb: 'get', resource: 'pods' });
    const kinds = [
      'isNotFound',
      'isForbidden',
      'isUnauthorized',
      'isConflict',
      'isAlreadyExists',
      'isGone',
      'isInvalid',
      'isTooManyRequests',
    ] as const;
    expect(kinds.filter((kind) => one[kind])).toEqual([expected]);
  });

  it('shows the text of an answer that is no Status, shortened', () => {
    const one = new ApiError(502, undefined, `<html>${'x'.repeat(2_000)}`, { verb: 'get', resource: 'pods' });
    expect(one.serverMessage).toHaveLength(500);
    expect(new ApiError(502, undefined, ' ', { verb: 'get', resource: 'pods' }).message).toBe(
      'get pods: HTTP 502 (502)',
    );
  });
});

describe('errorText', () => {
  it.each([
    [new Error('one'), 'one'],
    ['text', 'text'],
    [new AggregateError([new Error('v4 refused'), new Error('v6 refused')], ''), 'v4 refused; v6 refused'],
  ])('%s', (thrown, text) => {
    expect(errorText(thrown)).toBe(text);
  });
});
