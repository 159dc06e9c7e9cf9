import { describe, expect, it } from '@jest/globals';
import { fc } from '../../support/fast-check.ts';
import { validatePolicy } from '../../../src/api/policy.ts';
import { policyOf } from './policies.ts';

describe('validatePolicy', () => {
  it.each([
    ['nothing', undefined],
    ['a text', 'policy'],
    ['a list', []],
    ['null', null],
  ])('says what a policy is when given %s', (_, raw) => {
    expect(validatePolicy(raw)).toEqual([
      { path: '', message: 'a SidecarDrainPolicy is an object with apiVersion, kind, metadata and spec' },
    ]);
  });

  it('names another kind and version', () => {
    const found = validatePolicy({ ...policyOf({}), apiVersion: 'sidecardrain.io/v1', kind: 'DrainPolicy' });

    expect(found).toEqual([
      { path: 'apiVersion', message: 'must be sidecardrain.io/v1alpha1' },
      { path: 'kind', message: 'must be SidecarDrainPolicy' },
    ]);
  });

  it.each([
    ['endpointdelay', 'endpointDelay'],
    ['maxwait', 'maxWait'],
    ['strateyg', 'strategy'],
  ])('guesses what %s was meant to be', (written, meant) => {
    const found = validatePolicy(policyOf({ drain: { mode: 'Fixed', duration: '60s', [written]: '5s' } }));

    expect(found).toEqual([
      { path: `spec.drain.${written}`, message: `unknown field "spec.drain.${written}", did you mean "${meant}"?` },
    ]);
  });

  it('finds unknown fields beside the spec', () => {
    expect(validatePolicy({ ...policyOf({}), specs: {} })).toEqual([
      { path: 'specs', message: 'unknown field "specs", did you mean "spec"?' },
    ]);
  });

  it('does not look at the status, which nobody can create', () => {
    expect(validatePolicy({ ...policyOf({}), status: { anything: 1 } })).toEqual([]);
  });

  it('never throws, whatever a file holds', () => {
    fc.assert(
      fc.property(
        fc.object({
          maxDepth: 4,
          key: fc.constantFrom('mode', 'duration', 'maxWait', 'match', 'drain', 'kinds', 'names', 'x'),
        }),
        (spec) => {
          expect(Array.isArray(validatePolicy(policyOf(spec)))).toBe(true);
          expect(Array.isArray(validatePolicy(policyOf({ drain: { mode: 'Combined', ...spec } })))).toBe(true);
          expect(Array.isArray(validatePolicy(spec))).toBe(true);
        },
      ),
    );
  });

  it('never lets a promise through that does not fit into the maximum', () => {
    const seconds = fc.integer({ min: 1, max: 900 });
    fc.assert(
      fc.property(
        seconds,
        seconds,
        seconds,
        fc.constantFrom('Fixed', 'Adaptive', 'Combined'),
        (duration, maxWait, maximum, mode) => {
          const drain = {
            mode,
            ...(mode === 'Adaptive' ? {} : { duration: `${duration}s` }),
            ...(mode === 'Fixed' ? {} : { maxWait: `${maxWait}s` }),
          };

          const accepted = validatePolicy(policyOf({ drain, gracePeriod: { maximum: `${maximum}s` } })).length === 0;

          const longest = mode === 'Fixed' ? duration : maxWait;
          expect(accepted).toBe(10 + longest <= maximum && (mode !== 'Combined' || maxWait >= duration));
        },
      ),
    );
  });
});
