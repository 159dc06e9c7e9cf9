import { describe, expect, it } from '@jest/globals';
import { fc } from '../../../support/fast-check.ts';
import { stringify } from 'yaml';
import { readFast } from '../../../../src/cli/input/yaml/fast.ts';
import { readYaml } from '../../../../src/cli/input/yaml/read.ts';
import { TemplateFound } from '../../../../src/cli/input/yaml/lexical.ts';
import { lineOf, positionAt } from '../../../../src/cli/input/yaml/positions.ts';

const RUNS = Number(process.env['CLI_PROPERTY_RUNS'] ?? 3000);

function fast(text: string, build = true): ReturnType<typeof readFast> {
  return readFast(text, 0, text.length, 1, build);
}

/** What both readers make of a text: the fast one may give up, but never differ. */
function expectAgreement(text: string): 'read' | 'gave up' {
  const quick = fast(text);
  if (quick === undefined) {
    return 'gave up';
  }
  const full = readYaml(text, 1);
  expect(full).toMatchObject({ ok: true });
  if (full.ok) {
    expect(quick.value).toEqual(full.document.value);
    expect(quick.duplicates).toEqual(full.document.duplicates);
    if (quick.value !== null) {
      expect(quick.position).toEqual(full.document.position);
    }
  }
  return 'read';
}

describe('the fast reader', () => {
  it.each([
    ['a map', 'a: 1\nb: two\n'],
    ['nested maps', 'a:\n  b:\n    c: x\n  d: y\ne: z\n'],
    ['a list below its key', 'a:\n- 1\n- 2\nb: 3\n'],
    ['an indented list', 'a:\n  - x: 1\n    y: 2\n  -   z: 3\nb: 4\n'],
    ['lists in lists', '- - a\n  - b\n-\n  - c\n- d: 1\n'],
    ['an empty item', '- \n- a\n-\n'],
    ['an empty first item below its key', 'a:\n-\n- b\nc:\n  - - \n    - d\n'],
    [
      'comments everywhere',
      '# top\na: 1 # one\n# between\nb:   # what follows\n  # inside\n  c: "x # no" # yes\n  # end\n',
    ],
    ['quoted scalars', 'a: "x: y"\nb: \'it\'\'s\'\nc: "tab\\tquote\\" \\u00e4"\n"d e": 1\n\'f\': 2\n'],
    ['a literal block', 'a: |\n  one\n   two\n\n  three\nb: 1\n'],
    ['a literal block, stripped and kept', 'a: |-\n  one\n\nb: |+\n  two\n\nc: 1\n'],
    ['a block with an indentation indicator', 'a: |2\n    x\n  y\nb: 1\n'],
    ['an empty block', 'a: |\nb: 1\n'],
    ['a block that looks like YAML', 'a: |\n  b: {c\n  - "d\n  # no comment\ne: 1\n'],
    ['a comment behind a block', 'a: |\n  one\n# comment\nb: 1\n'],
    ['flow collections', 'a: [1, "b", c d, {e: f}]\ng: {h: [], i: {}}\nj: [\n  k,  # comment\n  l\n  ]\n'],
    ['JSON', '{"a": {"b": [1, 2.5, true, null, "x"]}, "c": "\\u00e9\\n"}\n'],
    ['JSON over lines', '{\n  "a": 1,\n  "b": [\n    {\n      "c": "d"\n    }\n  ]\n}\n'],
    ["go-yaml's types", 'a: yes\nb: 012\nc: 0x1f\nd: 1_000\ne: ~\nf: 1e3\ng: .5\nh: 1.2.3\ni: "yes"\n'],
    ['windows line ends', 'a: 1\r\nb:\r\n  - "x" # y\r\n  - |\r\n    one\r\n    two\r\nc: d\r\n'],
    ['no line break at the end', 'a:\n  b: c'],
    ['a colon inside words', 'a: b:c\nimage: registry:5000/x:v1\nurl: http://x/y\n'],
    ['a key with blanks before its colon', 'a : 1\nb  : x\n'],
    ['duplicate keys', 'a: 1\nb: 2\na: 3\n'],
    ['a marker with a comment', '--- # first\na: 1\n'],
    ['an empty value at the end', 'a:\n  b:\n'],
    ['an indented root', '  a: 1\n  b: 2\n'],
  ])('reads %s as the full one does', (_, text) => {
    expect(expectAgreement(text)).toBe('read');
  });

  it.each([
    ['an anchor', 'a: &x 1\nb: *x\n'],
    ['a merge key', 'a:\n  <<: {b: 1}\n'],
    ['a tag', 'a: !!str 1\n'],
    ['a plain scalar over two lines', 'a: one\n  two\n'],
    ['a quoted scalar over two lines', 'a: "one\n  two"\n'],
    ['an escape that JSON does not have', 'a: "\\x41"\n'],
    ['an explicit key', '? a\n: b\n'],
    ['a nested map on one line', 'a: b: c\n'],
    ['a tab as indentation', 'a:\n\tb: 1\n'],
    ['bad indentation', 'a:\n    b: 1\n  c: 2\n'],
    ['an open bracket', 'a: [1, 2\nb: 3\n'],
    ['an open quote', 'a: "x\nb: 1\n'],
    ['a list item among keys', 'a: 1\n- b\n'],
    ['a scalar as the whole', 'hello\n'],
    ['__proto__', '__proto__: {a: 1}\n'],
    ['something behind a quoted scalar', 'a: "x" y\n'],
    ['a directive', '%YAML 1.1\n---\na: 1\n'],
    ['very deep nesting', `${Array.from({ length: 400 }, (_each, depth) => `${' '.repeat(depth)}a:`).join('\n')}\n`],
  ])('gives up on %s', (_, text) => {
    expect(fast(text)).toBeUndefined();
    expect(fast(text, false)).toBeUndefined();
  });

  it('leaves the value of a folded block to the full reader, and checks its form itself', () => {
    const text = 'a: >\n  one\n  two\nb: 1\n';

    expect([fast(text), fast(text, false) === undefined]).toEqual([undefined, false]);
  });

  it.each(['a: {{ .Values.x }}\n', 'a:\n  {{- toYaml . }}\n', '- {{ .x }}\n', 'a: [{{ .x }}]\n'])(
    'recognises an unrendered template in %j',
    (text) => {
      expect(() => fast(text)).toThrow(TemplateFound);
    },
  );

  it('knows the line of every key and item', () => {
    const read = fast(
      '# comment\nspec:\n  containers:\n  - name: a\n\n  - lifecycle:\n      preStop: {sleep: {seconds: 5}}\n',
    );

    const line = (...path: (string | number)[]): number | undefined => {
      const position = positionAt(read?.position, path);
      return position === undefined ? undefined : lineOf(position);
    };
    expect([
      line('spec'),
      line('spec', 'containers'),
      line('spec', 'containers', 0),
      line('spec', 'containers', 1, 'lifecycle', 'preStop'),
      line('nothing'),
    ]).toEqual([2, 3, 4, 7, undefined]);
  });

  it('only looks for the kind where nothing is to be built', () => {
    const read = fast('apiVersion: v1\nkind: Service\nmetadata:\n  name: x\nspec: {a: 1}\n', false);

    expect(read?.value).toMatchObject({ apiVersion: 'v1', kind: 'Service' });
  });

  it('agrees with the full reader on whatever it reads of generated documents, in every style', () => {
    const scalar = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom(
        'yes',
        '012',
        'a: b',
        '# x',
        '- y',
        'two\nlines\n',
        ' lead',
        'trail ',
        '{{ x }}',
        '1_0',
        '',
        '"',
        "'",
        '|',
        '>',
        '*a',
        '&b',
      ),
    );
    const key = fc.oneof(
      fc.stringMatching(/^[a-z]{1,6}$/),
      fc.constantFrom('app.kubernetes.io/name', 'with space', '1', 'on', 'x:y', '"q"', '#'),
    );
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        scalar,
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 5 }),
      ),
    }));
    const document = fc.dictionary(key, tree, { minKeys: 1, maxKeys: 6 });
    const style = fc.record({
      indent: fc.constantFrom(2, 4),
      indentSeq: fc.boolean(),
      lineWidth: fc.constantFrom(0, 40),
      flow: fc.boolean(),
    });
    let read = 0;
    fc.assert(
      fc.property(document, style, (value, { indent, indentSeq, lineWidth, flow }) => {
        const text = flow
          ? `${JSON.stringify(value, null, indent)}\n`
          : stringify(value, { indent, indentSeq, lineWidth, version: '1.1' });
        try {
          read += expectAgreement(text) === 'read' ? 1 : 0;
        } catch (error) {
          if (!(error instanceof TemplateFound)) {
            throw error;
          }
        }
      }),
      { numRuns: RUNS },
    );
    expect(read).toBeGreaterThan(RUNS / 3);
  });

  it('never takes a text for YAML that the full reader refuses, whatever is done to it', () => {
    const base = 'a: 1\nb:\n  - c: "d"\n    e: [f, {g: h}]\n  - |\n    x\n    y\ni: j # k\n';
    fc.assert(
      fc.property(
        fc.nat(base.length),
        fc.nat(4),
        fc.stringMatching(/^[-:{}[\]"'#|>,&*!? \n\tab]{0,4}$/),
        (at, remove, insert) => {
          const text = base.slice(0, at) + insert + base.slice(at + remove);
          try {
            expectAgreement(text);
          } catch (error) {
            if (!(error instanceof TemplateFound)) {
              throw error;
            }
          }
        },
      ),
      { numRuns: RUNS },
    );
  });
});
