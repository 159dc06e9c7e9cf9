// Notes that whoever may write a workload can put on it: a sound one, spoilt in one place at a time.

export interface ForgedNote {
  /** What is wrong with it, fit for a label. */
  readonly what: string;
  readonly text: string;
}

type Json = Record<string, unknown>;

/** The note that a policy would write; `uid` is the policy's. */
export function soundNote(policy: { readonly name: string; readonly uid: string }): Json {
  return {
    v: 1,
    policy,
    intent: 'Fixed/30',
    onDelete: 'Restore',
    maxConcurrent: 1,
    at: '2026-03-01T10:00:00Z',
    reverts: 1,
    fields: {
      gracePeriod: { before: 30, wrote: 40, owners: ['kubectl'] },
      proxyConfig: { before: null, wrote: 'c0ffee', keys: { terminationDrainDuration: '35s' } },
      proxyContainer: { before: { lifecycle: true, preStop: { exec: { command: ['sleep', '1'] } } }, wrote: 'c0ffee' },
    },
  };
}

const PLACES = [
  'v',
  'uid',
  'policy',
  'policy.name',
  'policy.uid',
  'intent',
  'onDelete',
  'maxConcurrent',
  'at',
  'adopted',
  'reverts',
  'gap',
  'fields',
  'fields.gracePeriod',
  'fields.gracePeriod.before',
  'fields.gracePeriod.wrote',
  'fields.gracePeriod.owners',
  'fields.proxyConfig.before',
  'fields.proxyConfig.keys',
  'fields.proxyContainer.before',
  'fields.proxyContainer.before.preStop',
  'fields.proxyContainer.before.preStop.exec',
];

const SPOILT: readonly unknown[] = [
  // Cannot be turned into text or a number by the language itself.
  { toString: 1, valueOf: null },
  null,
  [[[[]]]],
  -1e308,
  '\u0000'.repeat(300),
];

const TEXTS = [
  '',
  'null',
  '[]',
  '"note"',
  '{',
  '{"v":1}',
  '{"v":9}',
  '{"v":1,"__proto__":{"policy":{"name":"a","uid":"b"}}}',
  '['.repeat(20_000),
  `{"v":1,"a":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`,
  'é'.repeat(50_000),
];

/** More than a hundred of them. */
export function forgedNotes(policy: { readonly name: string; readonly uid: string }): readonly ForgedNote[] {
  return [
    ...TEXTS.map((text, index) => ({ what: `text-${index}`, text })),
    ...PLACES.flatMap((place) =>
      SPOILT.map((value, index) => ({
        what: `${place.toLowerCase()}-${index}`,
        text: JSON.stringify(withValue(soundNote(policy), place.split('.'), value)),
      })),
    ),
  ];
}

function withValue(object: Json, [key = '', ...rest]: readonly string[], value: unknown): Json {
  return { ...object, [key]: rest.length === 0 ? value : withValue(object[key] as Json, rest, value) };
}
