import { describe, expect, it } from '@jest/globals';
import { validatePolicy } from '../../../src/api/policy.ts';
import { policyCases, policyOf } from './policies.ts';

describe('validatePolicy', () => {
  it.each(policyCases.map((one) => [one.title, one] as const))('judges %s', (_, { spec, problems = [] }) => {
    const found = validatePolicy(policyOf(spec));

    expect(found.map(({ path }) => path)).toEqual(problems.map(([path]) => path));
    for (const [index, [, message]] of problems.entries()) {
      expect(found[index]?.message).toContain(message);
    }
  });
});
