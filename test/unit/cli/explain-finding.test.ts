import { expect, it } from '@jest/globals';
import { CONDITION_REASONS } from '../../../src/api/conditions.ts';
import { EVENTS } from '../../../src/api/events.ts';
import { EXEMPTION_REASONS } from '../../../src/api/exemption.ts';
import { REASON_CODES, REASONS } from '../../../src/api/reasons.ts';
import { cli } from './support.ts';

it('says what a code means, what to do, and where that is known from', async () => {
  const { code, out } = await cli(['explain-finding', 'gracetooshort']);

  expect(code).toBe(0);
  const words = out.replaceAll(/\s+/g, ' ');
  expect(words).toContain('GraceTooShort (finding, error)');
  expect(words).toContain(REASONS.GraceTooShort.sentence);
  expect(words).toContain(`What to do: ${REASONS.GraceTooShort.action}`);
  expect(words).toContain('Known from: Kubernetes pod lifecycle');
});

it('lists every code, for people and for programs', async () => {
  const text = await cli(['explain-finding']);
  const json = await cli(['explain-finding', '-o', 'json']);

  const listed = text.out
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ')[0]);
  const conditions = [...Object.values(CONDITION_REASONS), ...Object.values(EXEMPTION_REASONS)].flatMap((reasons) =>
    Object.keys(reasons),
  );
  expect(listed).toEqual([...new Set([...REASON_CODES, ...conditions, ...Object.keys(EVENTS)])]);
  expect((JSON.parse(json.out) as { code: string }[]).map(({ code }) => code)).toEqual(listed);
});

it('knows the reasons of conditions, once for each thing that they say', async () => {
  const { out } = await cli(['explain-finding', 'invalidwindow']);

  expect(out.replaceAll(/\s+/g, ' ')).toBe(
    `InvalidWindow (condition Ready=False of a policy, Stalled=True of a policy) ${CONDITION_REASONS.Ready.InvalidWindow.sentence} `,
  );
});

it('knows the reasons of Events', async () => {
  const { out } = await cli(['explain-finding', 'PodKilled']);

  const words = out.replaceAll(/\s+/g, ' ');
  expect(words).toContain(`PodKilled (Warning Event on a workload) ${EVENTS.PodKilled.sentence}`);
  expect(words).toContain(`What to do: ${EVENTS.PodKilled.action}`);
});

it('refuses what is no code, and says what may be meant', async () => {
  expect(await cli(['explain-finding', 'GraceToShort'])).toMatchObject({
    code: 2,
    err: expect.stringContaining(
      'GraceToShort is not a code of a finding, a condition or an Event; did you mean GraceTooShort?',
    ),
  });
});
