import { describe, expect, it } from '@jest/globals';
import { bundleAuthorities, mergeBundle } from '../../../src/admission/bundle.ts';
import { issueCertificate } from '../../../src/admission/x509.ts';

const NOW = Date.UTC(2026, 10, 21);
const HOUR_MS = 3_600_000;

function ca(authority: string, lifetimeMs = HOUR_MS): string {
  return issueCertificate({ authority, hosts: ['a.b.svc'], now: NOW, lifetimeMs }).ca;
}

describe('mergeBundle', () => {
  it('puts in what is ours, once, beside what is not', () => {
    const [foreign, old, next] = [ca('other'), ca('me'), ca('me')];

    const both = mergeBundle(foreign, 'me', [old, next], NOW);

    expect(bundleAuthorities(both).sort()).toEqual(['me', 'me', 'other']);
    expect(mergeBundle(both, 'me', [old, next], NOW)).toBe(both);
  });

  it('takes out what of ours is no longer wanted', () => {
    const [foreign, old, next] = [ca('other'), ca('me'), ca('me')];
    const both = mergeBundle(foreign, 'me', [old, next], NOW);

    const one = mergeBundle(both, 'me', [next], NOW);
    const none = mergeBundle(both, 'me', [], NOW);

    expect(one).toContain(next.trim());
    expect(one).not.toContain(old.trim());
    expect(bundleAuthorities(none)).toEqual(['other']);
  });

  it('takes out what has expired, with a minute for clocks that differ', () => {
    const bundle = mergeBundle('', 'me', [ca('me')], NOW);

    expect(bundleAuthorities(mergeBundle(bundle, 'other', [], NOW + HOUR_MS + 30_000))).toEqual(['me']);
    expect(mergeBundle(bundle, 'other', [], NOW + HOUR_MS + 61_000)).toBe('');
  });

  it('takes out what nobody can read, and keeps the rest', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

    expect(bundleAuthorities(mergeBundle(`${broken}${ca('other')}words`, 'me', [ca('me')], NOW)).sort()).toEqual([
      'me',
      'other',
    ]);
  });

  it('comes out the same in whatever order replicas write', () => {
    const [a, b, c] = [ca('a'), ca('b'), ca('c')];

    const forwards = mergeBundle(mergeBundle(a, 'b', [b], NOW), 'c', [c], NOW);
    const backwards = mergeBundle(mergeBundle(c, 'b', [b], NOW), 'a', [a], NOW);

    expect(forwards).toBe(backwards);
  });

  it('forgets the oldest where a crash loop leaves too many behind', () => {
    const many = Array.from({ length: 40 }, (_, index) => ca(`dead-${index}`, HOUR_MS + index * 60_000)).join('');

    const left = bundleAuthorities(mergeBundle(many, 'me', [ca('me')], NOW));

    expect(left).toHaveLength(32);
    expect(left).toEqual(expect.arrayContaining(['me', 'dead-39']));
    expect(left).not.toContain('dead-0');
  });
});
