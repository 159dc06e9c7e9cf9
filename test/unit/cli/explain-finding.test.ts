import { expect, it } from '@jest/globals';
import { REASON_CODES, REASONS } from '../../../src/api/reasons.ts';
import { cli } from './support.ts';

it('says what a code means, what to do, and where that is known from', async () => {
  const { code, out } = await cli(['explain-finding', 'gracetooshort']);

  expect(code).toBe(0);
  const words = out.replaceAll(/\s+/g, ' ');
  expect(words).toContain('GraceTooShort (error)');
  expect(words).toContain(REASONS.GraceTooShort.sentence);
  expect(words).toContain(`What to do: ${REASONS.GraceTooShort.action}`);
  expect(words).toContain('Known from: Kubernetes pod lifecycle');
});

it('lists every code, for people and for programs', async () => {
  const text = await cli(['explain-finding']);
  const json = await cli(['explain-finding', '-o', 'json']);

  expect(
    text.out
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0]),
  ).toEqual(REASON_CODES);
  expect((JSON.parse(json.out) as { code: string }[]).map(({ code }) => code)).toEqual(REASON_CODES);
});

it('refuses what is no code, and says what may be meant', async () => {
  expect(await cli(['explain-finding', 'GraceToShort'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('GraceToShort is no code of a finding; did you mean GraceTooShort?'),
  });
});
