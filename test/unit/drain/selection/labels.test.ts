import { describe, expect, it } from '@jest/globals';
import type { LabelSelector } from '../../../../src/api/kubernetes.ts';
import { compileSelector, matchesSelector } from '../../../../src/drain/selection/labels.ts';

const labels = { app: 'checkout', tier: 'api', empty: '' };

describe('a selector', () => {
  it.each<[string, LabelSelector, boolean]>([
    ['nothing at all', {}, true],
    ['empty parts', { matchLabels: {}, matchExpressions: [] }, true],
    ['an equal label', { matchLabels: { app: 'checkout' } }, true],
    ['another value', { matchLabels: { app: 'cart' } }, false],
    ['a label that is not there', { matchLabels: { team: 'shop' } }, false],
    ['two labels', { matchLabels: { app: 'checkout', tier: 'api' } }, true],
    ['two labels, one of which differs', { matchLabels: { app: 'checkout', tier: 'web' } }, false],
    ['an empty value', { matchLabels: { empty: '' } }, true],
    ['In', { matchExpressions: [{ key: 'tier', operator: 'In', values: ['web', 'api'] }] }, true],
    ['In, other values', { matchExpressions: [{ key: 'tier', operator: 'In', values: ['web'] }] }, false],
    ['In, no such label', { matchExpressions: [{ key: 'team', operator: 'In', values: ['shop'] }] }, false],
    ['NotIn', { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['web'] }] }, true],
    ['NotIn, the value is there', { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['api'] }] }, false],
    ['NotIn, no such label', { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['shop'] }] }, true],
    ['Exists', { matchExpressions: [{ key: 'empty', operator: 'Exists' }] }, true],
    ['Exists, no such label', { matchExpressions: [{ key: 'team', operator: 'Exists', values: [] }] }, false],
    ['DoesNotExist', { matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] }, true],
    ['DoesNotExist, the label is there', { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] }, false],
    [
      'all must hold',
      {
        matchLabels: { app: 'checkout' },
        matchExpressions: [
          { key: 'tier', operator: 'Exists' },
          { key: 'tier', operator: 'NotIn', values: ['api'] },
        ],
      },
      false,
    ],
    ['a name that every object inherits', { matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }, false],
  ])('with %s', (_, selector, expected) => {
    expect(matchesSelector(selector, labels)).toBe(expected);
  });
});

describe('a selector that the API server would refuse', () => {
  it.each<[string, LabelSelector, string, string]>([
    [
      'an empty key',
      { matchExpressions: [{ key: '', operator: 'Exists' }] },
      'matchExpressions[0].key',
      'must not be empty',
    ],
    ['blanks in a key', { matchLabels: { 'a b': 'x' } }, 'matchLabels["a b"]', 'is not a label key'],
    [
      'a key that is too long',
      { matchLabels: { ['a'.repeat(64)]: 'x' } },
      `matchLabels["${'a'.repeat(64)}"]`,
      'is not a label key',
    ],
    [
      'a prefix that is no domain',
      { matchLabels: { 'Example.com/a': 'x' } },
      'matchLabels["Example.com/a"]',
      'DNS subdomain',
    ],
    [
      'nothing behind the slash',
      { matchLabels: { 'example.com/': 'x' } },
      'matchLabels["example.com/"]',
      'is not a label key',
    ],
    ['a value with a blank', { matchLabels: { a: 'x y' } }, 'matchLabels["a"]', 'is not a label value'],
    ['a value that ends in a dash', { matchLabels: { a: 'x-' } }, 'matchLabels["a"]', 'is not a label value'],
    ['a value that is too long', { matchLabels: { a: 'x'.repeat(64) } }, 'matchLabels["a"]', 'is not a label value'],
    ['a boolean value', { matchLabels: { a: true as unknown as string } }, 'matchLabels["a"]', 'put it in quotes'],
    [
      'In without values',
      { matchExpressions: [{ key: 'a', operator: 'In' }] },
      'matchExpressions[0].values',
      'needs at least one value',
    ],
    [
      'NotIn with an empty list',
      { matchExpressions: [{ key: 'a', operator: 'NotIn', values: [] }] },
      'matchExpressions[0].values',
      'needs at least one value',
    ],
    [
      'Exists with values',
      { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['x'] }] },
      'matchExpressions[0].values',
      'takes no values',
    ],
    [
      'DoesNotExist with values',
      { matchExpressions: [{ key: 'a', operator: 'DoesNotExist', values: ['x'] }] },
      'matchExpressions[0].values',
      'takes no values',
    ],
    [
      'a bad value in a list',
      { matchExpressions: [{ key: 'a', operator: 'In', values: ['ok', '-'] }] },
      'matchExpressions[0].values[1]',
      'is not a label value',
    ],
    [
      'an unknown operator',
      { matchExpressions: [{ key: 'a', operator: 'Gt' as 'In', values: ['5'] }] },
      'matchExpressions[0].operator',
      'is none of',
    ],
  ])('because of %s says so and selects nothing', (_, selector, path, message) => {
    expect(compileSelector(selector)).toEqual({
      ok: false,
      problems: [{ path, message: expect.stringContaining(message) }],
    });
    expect(matchesSelector(selector, labels)).toBe(false);
  });

  it('says everything that is wrong at once', () => {
    const result = compileSelector({ matchLabels: { '-': '-' }, matchExpressions: [{ key: '', operator: 'In' }] });
    expect(result.ok ? [] : result.problems).toHaveLength(4);
  });

  it.each(['a', 'A.b_c-d', 'example.com/a', 'app.kubernetes.io/name'])('the key %s is fine', (key) => {
    expect(compileSelector({ matchLabels: { [key]: '' } }).ok).toBe(true);
  });
});
