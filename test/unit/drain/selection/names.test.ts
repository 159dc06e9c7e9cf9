import { describe, expect, it } from '@jest/globals';
import { fc } from '../../../support/fast-check.ts';
import { compileNamePattern } from '../../../../src/drain/selection/names.ts';

function fits(pattern: string, name: string): boolean {
  const compiled = compileNamePattern(pattern);
  if (!compiled.ok) {
    throw new Error(compiled.why);
  }
  return compiled.matches(name);
}

describe('a name pattern', () => {
  it.each([
    ['checkout', 'checkout', true],
    ['checkout', 'checkout-v2', false],
    ['checkout-*', 'checkout-v2', true],
    ['checkout-*', 'checkout-', true],
    ['checkout-*', 'checkout', false],
    ['*', 'anything.at-all', true],
    ['*-v?', 'checkout-v2', true],
    ['*-v?', 'checkout-v22', false],
    ['a*b*c', 'abc', true],
    ['a*b*c', 'axbxbyc', true],
    ['a*b*c', 'axbxd', false],
    ['??', 'ab', true],
    ['??', 'a', false],
    ['web.shop', 'web.shop', true],
    ['web.shop', 'webxshop', false],
    ['**', 'x', true],
  ])('%s and %s: %s', (pattern, name, expected) => {
    expect(fits(pattern, name)).toBe(expected);
  });

  it.each([
    ['', 'must not be empty'],
    ['Checkout', '"C"'],
    ['shop/checkout', '"/"'],
    ['check out', '" "'],
    ['checkout_v2', '"_"'],
    ['[a-z]*', '"["'],
    ['^checkout$', '"^"'],
    ['-checkout', "begins or ends with '-' or '.'"],
    ['checkout-', "begins or ends with '-' or '.'"],
    ['a..b*', "has a '.' next to"],
    ['a.-b', "has a '.' next to"],
    ['a'.repeat(254), 'longer than any name'],
    ['caf\u00e9', '"é"'],
  ])('%s is refused', (pattern, why) => {
    expect(compileNamePattern(pattern)).toEqual({ ok: false, why: expect.stringContaining(why) });
  });

  it('agrees with the regular expression that it stands for', () => {
    const pattern = fc.stringMatching(/^[ab*?]{1,8}$/);
    const name = fc.stringMatching(/^[ab]{0,10}$/);
    fc.assert(
      fc.property(pattern, name, (glob, text) => {
        const expression = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`);
        expect(fits(glob, text)).toBe(expression.test(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('takes no longer for a pattern that is made to be slow', () => {
    expect(fits(`${'a*'.repeat(120)}b`, 'a'.repeat(253))).toBe(false);
  });
});
