import { describe, expect, it } from '@jest/globals';
import { fc } from '../../../support/fast-check.ts';
import { mergeProxyConfigAnnotation } from '../../../../src/drain/template/annotation-edit.ts';
import type { ProxyConfigEdits } from '../../../../src/drain/template/annotation-edit.ts';
import { parseProxyConfigAnnotation } from '../../../../src/drain/template/annotation.ts';

const ALL: ProxyConfigEdits = {
  terminationDrainDuration: 65,
  drainDuration: 61,
  holdApplicationUntilProxyStarts: true,
  proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true', MINIMUM_DRAIN_DURATION: '65s' },
};
const NONE: ProxyConfigEdits = {
  terminationDrainDuration: null,
  drainDuration: null,
  holdApplicationUntilProxyStarts: null,
  proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: null, MINIMUM_DRAIN_DURATION: null },
};

function edited(text: string | undefined, edits: ProxyConfigEdits): string {
  const result = mergeProxyConfigAnnotation(text, edits);
  if (!result.ok) {
    throw new Error(result.malformed.message);
  }
  return result.text;
}

const BLOCK = [
  'terminationDrainDuration: 1m5s',
  'drainDuration: 1m1s',
  'holdApplicationUntilProxyStarts: true',
  'proxyMetadata:',
  '  EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"',
  '  MINIMUM_DRAIN_DURATION: 65s',
  '',
].join('\n');

describe('a new annotation', () => {
  it.each([[undefined], [''], ['~'], ['null']])('is neat block YAML, made from %j', (text) => {
    expect(edited(text, ALL)).toBe(BLOCK);
  });

  it('keeps a comment that stood alone', () => {
    expect(edited('# drain settings of team shop\n', { drainDuration: 60 })).toBe(
      '# drain settings of team shop\ndrainDuration: 1m\n',
    );
  });

  it('is empty when there is nothing to write', () => {
    expect(mergeProxyConfigAnnotation(undefined, {})).toEqual({ ok: true, text: '', changed: false });
  });
});

describe('an existing annotation', () => {
  it.each<[string, string, ProxyConfigEdits, string]>([
    ['a new key goes to the end', 'concurrency: 2\n', { drainDuration: 60 }, 'concurrency: 2\ndrainDuration: 1m\n'],
    [
      'without a last line break there is none after',
      'concurrency: 2',
      { drainDuration: 60 },
      'concurrency: 2\ndrainDuration: 1m',
    ],
    [
      'before comments that end the text',
      'concurrency: 2\n# end\n',
      { drainDuration: 60 },
      'concurrency: 2\ndrainDuration: 1m\n# end\n',
    ],
    [
      'quotes and a comment on the line stay',
      'drainDuration: "45s" # as before\nconcurrency: 2\n',
      { drainDuration: 60 },
      'drainDuration: "1m" # as before\nconcurrency: 2\n',
    ],
    ['single quotes stay', "drainDuration: '45s'\n", { drainDuration: 60 }, "drainDuration: '1m'\n"],
    [
      'a key without a value gets one',
      'drainDuration:\nconcurrency: 2\n',
      { drainDuration: 60 },
      'drainDuration: 1m\nconcurrency: 2\n',
    ],
    [
      'the order of keys stays',
      'b: 1\ndrainDuration: 45s\na: 2\n',
      { drainDuration: 60 },
      'b: 1\ndrainDuration: 1m\na: 2\n',
    ],
    [
      'odd indentation is followed',
      'tracing:\n      sampling: 5\n',
      { proxyMetadata: { A: 'b' } },
      'tracing:\n      sampling: 5\nproxyMetadata:\n      A: b\n',
    ],
    ['an indented text', '  concurrency: 2\n', { drainDuration: 60 }, '  concurrency: 2\n  drainDuration: 1m\n'],
    [
      'a variable joins the others',
      'proxyMetadata:\n    A: "x" # mine\n\nconcurrency: 2\n',
      { proxyMetadata: { B: 'true' } },
      'proxyMetadata:\n    A: "x" # mine\n    B: "true"\n\nconcurrency: 2\n',
    ],
    [
      'a proxyMetadata without entries',
      'proxyMetadata: # none yet\nconcurrency: 2\n',
      { proxyMetadata: { B: 'x' } },
      'proxyMetadata: # none yet\n  B: x\nconcurrency: 2\n',
    ],
    ['a proxyMetadata that is null', 'proxyMetadata: ~\n', { proxyMetadata: { B: 'x' } }, 'proxyMetadata: {B: x}\n'],
    [
      'a flow map inside a block',
      'proxyMetadata: {A: b}\n',
      { proxyMetadata: { B: '5' } },
      'proxyMetadata: {A: b, B: "5"}\n',
    ],
    ['flow YAML', '{concurrency: 2}', { drainDuration: 60 }, '{concurrency: 2, drainDuration: 1m}'],
    ['flow YAML with a last comma', '{concurrency: 2,}', { drainDuration: 60 }, '{concurrency: 2, drainDuration: 1m}'],
    [
      'compact JSON',
      '{"concurrency":2,"meshId":"m"}',
      { drainDuration: 60, proxyMetadata: { A: 'b' } },
      '{"concurrency":2,"meshId":"m","drainDuration":"1m","proxyMetadata":{"A":"b"}}',
    ],
    [
      'JSON with blanks',
      '{"concurrency": 2}',
      { holdApplicationUntilProxyStarts: true },
      '{"concurrency": 2, "holdApplicationUntilProxyStarts": true}',
    ],
    ['empty JSON', '{}', { drainDuration: 60 }, '{"drainDuration": "1m"}'],
    [
      'JSON over several lines',
      '{\n\t"proxyMetadata": {\n\t\t"A": "b"\n\t}\n}\n',
      { drainDuration: 60, proxyMetadata: { B: 'c' } },
      '{\n\t"proxyMetadata": {\n\t\t"A": "b",\n\t\t"B": "c"\n\t},\n\t"drainDuration": "1m"\n}\n',
    ],
    ['Windows line breaks', 'concurrency: 2\r\n', { drainDuration: 60 }, 'concurrency: 2\r\ndrainDuration: 1m\r\n'],
    [
      'after a block scalar',
      'customConfigFile: |\n  a\n  b\n',
      { drainDuration: 60 },
      'customConfigFile: |\n  a\n  b\ndrainDuration: 1m\n',
    ],
    [
      'after a list',
      'extraStatTags:\n- a\n- b\n',
      { drainDuration: 60 },
      'extraStatTags:\n- a\n- b\ndrainDuration: 1m\n',
    ],
    [
      'inside document markers',
      '---\nconcurrency: 2\n...\n',
      { drainDuration: 60 },
      '---\nconcurrency: 2\ndrainDuration: 1m\n...\n',
    ],
    [
      'the spelling that stands there is kept',
      'drain_duration: 45s\nproxy_metadata: {A: b}\n',
      { drainDuration: 60, proxyMetadata: { B: 'c' } },
      'drain_duration: 1m\nproxy_metadata: {A: b, B: c}\n',
    ],
    [
      'two spellings never disagree',
      'drain_duration: 45s\ndrainDuration: 46s\n',
      { drainDuration: 60 },
      'drain_duration: 1m\ndrainDuration: 1m\n',
    ],
    [
      'of two equal keys the last one counts',
      'drainDuration: 45s\ndrainDuration: 46s\n',
      { drainDuration: 60 },
      'drainDuration: 45s\ndrainDuration: 1m\n',
    ],
    [
      'a value that a merge key gives is overridden',
      'x: &x {drainDuration: 9s}\n<<: *x\n',
      { drainDuration: 60 },
      'x: &x {drainDuration: 9s}\n<<: *x\ndrainDuration: 1m\n',
    ],
    [
      'a duration as it is to be written',
      'concurrency: 2\n',
      { drainDuration: '90s' },
      'concurrency: 2\ndrainDuration: 90s\n',
    ],
    [
      'a key that YAML would take for something else',
      'proxyMetadata: {A: b}\n',
      { proxyMetadata: { yes: 'x: y' } },
      'proxyMetadata: {A: b, "yes": "x: y"}\n',
    ],
  ])('%s', (_, before, edits, after) => {
    expect(edited(before, edits)).toBe(after);
  });

  it.each<[string, ProxyConfigEdits]>([
    ['terminationDrainDuration: 60s', { terminationDrainDuration: 60 }],
    ['terminationDrainDuration: "1m"', { terminationDrainDuration: 60 }],
    ['termination_drain_duration: 60000ms', { terminationDrainDuration: '1m' }],
    ['holdApplicationUntilProxyStarts: yes', { holdApplicationUntilProxyStarts: true }],
    ['proxyMetadata: {MINIMUM_DRAIN_DURATION: 1m}', { proxyMetadata: { MINIMUM_DRAIN_DURATION: '60s' } }],
    [
      'proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "1"}',
      { proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true' } },
    ],
    ['concurrency:   2   # odd', { drainDuration: null, proxyMetadata: { A: null } }],
  ])('%s has the value already: not a byte changes', (text, edits) => {
    expect(mergeProxyConfigAnnotation(text, edits)).toEqual({ ok: true, text, changed: false });
  });

  it('tells another variable by its text, not by what it might mean', () => {
    expect(edited('proxyMetadata: {A: "1"}', { proxyMetadata: { A: 'true' } })).toBe('proxyMetadata: {A: "true"}');
  });
});

describe('taking keys out', () => {
  it.each<[string, string, ProxyConfigEdits, string]>([
    ['a line', 'a: 1\ndrainDuration: 60s # ours\nb: 2\n', { drainDuration: null }, 'a: 1\nb: 2\n'],
    ['the only key', 'drainDuration: 60s\n', { drainDuration: null }, ''],
    ['a proxyMetadata that is left empty', 'a: 1\nproxyMetadata:\n  A: b\n', { proxyMetadata: { A: null } }, 'a: 1\n'],
    [
      'one variable of two',
      'proxyMetadata:\n  A: b\n  C: d\n',
      { proxyMetadata: { A: null } },
      'proxyMetadata:\n  C: d\n',
    ],
    ['the first entry of a flow map', '{drainDuration: 60s, a: 1}', { drainDuration: null }, '{a: 1}'],
    ['the last entry of a flow map', '{a: 1, drainDuration: 60s}', { drainDuration: null }, '{a: 1}'],
    ['JSON', '{"a":1,"proxyMetadata":{"A":"b"}}', { proxyMetadata: { A: null } }, '{"a":1}'],
    ['both spellings', 'drain_duration: 1s\na: 1\ndrainDuration: 2s\n', { drainDuration: null }, 'a: 1\n'],
    ['every one of equal keys', 'drainDuration: 1s\na: 1\ndrainDuration: 2s\n', { drainDuration: null }, 'a: 1\n'],
    ['a key without a value', 'drainDuration:\na: 1\n', { drainDuration: null }, 'a: 1\n'],
  ])('%s', (_, before, edits, after) => {
    expect(edited(before, edits)).toBe(after);
  });
});

describe('what cannot be edited is refused and stays', () => {
  it.each([
    ['a malformed text', 'drainDuration: 5', 'is not a duration'],
    ['a syntax error', '{', 'did not find expected'],
    ['several documents', 'a: 1\n---\nb: 2\n', 'several YAML documents'],
    [
      'a value that an anchor shares',
      'drainDuration: &d 5s\nterminationDrainDuration: *d\n',
      'without changing something else',
    ],
  ])('%s', (_, text, message) => {
    expect(mergeProxyConfigAnnotation(text, { drainDuration: 60 })).toMatchObject({
      ok: false,
      malformed: { message: expect.stringContaining(message) },
    });
  });
});

/** Annotations as people write them, with keys that are not ours. */
const foreignText: fc.Arbitrary<string> = fc
  .record({
    style: fc.constantFrom('block', 'flow', 'json', 'pretty'),
    concurrency: fc.option(fc.integer({ min: 0, max: 8 })),
    meshId: fc.option(fc.stringMatching(/^[a-z]{1,8}$/)),
    tags: fc.option(fc.array(fc.stringMatching(/^[a-z]{1,5}$/), { minLength: 1, maxLength: 3 })),
    variables: fc.option(
      fc.dictionary(fc.stringMatching(/^[A-Z]{1,6}$/), fc.stringMatching(/^[ -~]{0,12}$/), { minKeys: 1, maxKeys: 3 }),
    ),
    indent: fc.constantFrom(2, 4),
    comment: fc.option(fc.stringMatching(/^[ -~]{0,20}$/)),
    lastBreak: fc.boolean(),
  })
  .map(({ style, concurrency, meshId, tags, variables, indent, comment, lastBreak }) => {
    const object = {
      ...(concurrency === null ? {} : { concurrency }),
      ...(tags === null ? {} : { extraStatTags: tags }),
      ...(meshId === null ? {} : { meshId: `m-${meshId}` }),
      ...(variables === null ? {} : { proxyMetadata: variables }),
    };
    if (style === 'json' || style === 'pretty') {
      return JSON.stringify(object, null, style === 'pretty' ? indent : undefined);
    }
    if (style === 'flow') {
      return `{${Object.entries(object)
        .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
        .join(', ')}}`;
    }
    const pad = ' '.repeat(indent);
    const lines = Object.entries(object).flatMap(([key, value]) =>
      Array.isArray(value)
        ? [`${key}:`, ...value.map((item) => `- tag-${item}`)]
        : typeof value === 'object'
          ? [`${key}:`, ...Object.entries(value).map(([name, text]) => `${pad}${name}: ${JSON.stringify(text)}`)]
          : [`${key}: ${value}${comment === null ? '' : ` # ${comment}`}`],
    );
    const text = [...(comment === null ? [] : [`# ${comment}`]), ...lines].join('\n');
    return lastBreak && text !== '' ? `${text}\n` : text;
  });

const someEdits: fc.Arbitrary<ProxyConfigEdits> = fc.record(
  {
    terminationDrainDuration: fc.integer({ min: 1, max: 3600 }),
    drainDuration: fc.integer({ min: 1, max: 3600 }),
    holdApplicationUntilProxyStarts: fc.boolean(),
    proxyMetadata: fc.record(
      {
        EXIT_ON_ZERO_ACTIVE_CONNECTIONS: fc.constantFrom('true', 'false'),
        MINIMUM_DRAIN_DURATION: fc.integer({ min: 1, max: 600 }).map((seconds) => `${seconds}s`),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

describe('any edit of any annotation', () => {
  it('sets what was asked for and keeps every other value', () => {
    fc.assert(
      fc.property(foreignText, someEdits, (text, edits) => {
        const before = parseProxyConfigAnnotation(text);
        const after = parseProxyConfigAnnotation(edited(text, edits));
        const variables = { ...(before.ok ? before.values.proxyMetadata : {}), ...edits.proxyMetadata };
        expect(after).toEqual({
          ...before,
          values: {
            ...(before.ok ? before.values : {}),
            ...edits,
            ...(Object.keys(variables).length === 0
              ? { proxyMetadata: before.ok ? before.values.proxyMetadata : undefined }
              : { proxyMetadata: variables }),
          },
        });
      }),
    );
  });

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(foreignText, someEdits, (text, edits) => {
        const once = edited(text, edits);
        expect(mergeProxyConfigAnnotation(once, edits)).toEqual({ ok: true, text: once, changed: false });
      }),
    );
  });

  it('can be taken back to the byte', () => {
    fc.assert(
      fc.property(foreignText, someEdits, (text, edits) => {
        const back = edited(edited(text, edits), NONE);
        // An empty flow map stays one; nothing else may differ.
        expect(back).toBe(text);
      }),
    );
  });

  it('keeps every line of a block text as it is, in its order', () => {
    fc.assert(
      fc.property(
        foreignText.filter((text) => text !== '' && !text.startsWith('{')),
        (text) => {
          const lines = edited(text, ALL).split('\n');
          let from = 0;
          for (const line of text.split('\n').filter((each) => each !== '')) {
            const at = lines.indexOf(line, from);
            expect(at).toBeGreaterThanOrEqual(from);
            from = at + 1;
          }
        },
      ),
    );
  });
});
