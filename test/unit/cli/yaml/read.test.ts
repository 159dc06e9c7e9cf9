import { describe, expect, it } from '@jest/globals';
import { fc } from '../../../support/fast-check.ts';
import { LineCounter, parseDocument, stringify } from 'yaml';
import type { Node, Pair, YAMLMap } from 'yaml';
import { EXPANSION_LIMIT, readYaml } from '../../../../src/cli/input/yaml/read.ts';
import { lineOf, positionAt } from '../../../../src/cli/input/yaml/positions.ts';

function value(text: string): unknown {
  const read = readYaml(text, 1);
  return read.ok ? read.document.value : read.problem;
}

describe('the full reader', () => {
  it('reads quoted text over several lines, also where it stands at the indent of its key', () => {
    const text = "a:\n  note: 'first\n  second\n\n  third'\n  list: '[\n    {}\n  ]'\n  b: 1\n";

    expect(value(text)).toEqual({ a: { note: 'first second\nthird', list: '[ {} ]', b: 1 } });
    const read = readYaml(text, 10);
    expect(read.ok && lineOf(positionAt(read.document.position, ['a', 'b']) ?? 0)).toBe(18);
  });

  it('reads a tab before a flow collection, as go-yaml does', () => {
    expect(value('a:\t[b, {c: \td}]\ne:\n  f: \t{g: h}\n')).toEqual({ a: ['b', { c: 'd' }], e: { f: { g: 'h' } } });
  });

  it('reads KYAML', () => {
    const text =
      '---\n{\n  kind: "Pod", # a comment\n  spec: {\n    hostNetwork: true,\n    containers: [{\n      name: "a",\n    }],\n  },\n}\n';

    expect(value(text)).toEqual({ kind: 'Pod', spec: { hostNetwork: true, containers: [{ name: 'a' }] } });
  });

  it('takes an explicit key behind a merge key for what it is: no duplicate', () => {
    const read = readYaml('base: &b {x: 1, y: 2}\nc:\n  <<: *b\n  x: 9\n', 1);

    expect(read).toMatchObject({ ok: true, document: { duplicates: [], remarks: [], value: { c: { x: 9, y: 2 } } } });
  });

  it('says where a merge key comes after an explicit key, because not everybody reads that alike', () => {
    const read = readYaml('c:\n  x: 9\n  <<: {x: 1, y: 2}\n', 1);

    // What kubectl 1.32 and 1.36 make of it; kustomize 5.8 gives 9.
    expect(read).toMatchObject({ ok: true, document: { value: { c: { x: 1, y: 2 } } } });
    expect(read.ok && read.document.remarks).toEqual([{ line: 3, message: expect.stringMatching(/comes after x/) }]);
    expect(readYaml('c:\n  x: 1\n  <<: {x: 1}\n', 1)).toMatchObject({ document: { remarks: [], duplicates: [] } });
  });

  it('says what kubectl refuses and others take', () => {
    const read = readYaml('# flow\nargs: [--ready?, "x?"]\nblock: is it?\n', 1);

    expect(read.ok && read.document.remarks).toEqual([
      { line: 2, message: expect.stringMatching(/kubectl refuses the \? in --ready\?/) },
    ]);
  });

  it.each([
    ['an open quote', 'a: 1\nb: "x\n'],
    ['an unknown anchor', 'a: 1\nb: *nobody\n'],
    ['a map as a key', 'a: 1\nb: {{ .Values.x }}\n'],
    ['bad indentation', 'a:\n    b: 1\n  c: 2\n'],
  ])('refuses %s', (_, text) => {
    expect(readYaml(text, 1)).toMatchObject({ ok: false, problem: { line: expect.any(Number) } });
  });

  it('refuses a bomb of aliases and depth without end', () => {
    const bomb = [
      'a: &a [x, x]',
      ...Array.from({ length: 30 }, (_, n) => `a${n}: &a${n} [*a${n === 0 ? '' : n - 1}, *a${n === 0 ? '' : n - 1}]`),
    ].join('\n');

    expect(value(bomb)).toMatchObject({ message: expect.stringContaining(String(EXPANSION_LIMIT)) });
    expect(readYaml('['.repeat(100_000), 1).ok).toBe(false);
  });

  it('gives the values and the lines that the yaml package gives, on generated documents in every style', () => {
    const scalar = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom('yes', '012', 'two\nlines\n', ' lead', '', '- y', '? z'),
    );
    const key = fc.oneof(
      fc.stringMatching(/^[a-z]{1,6}$/),
      fc.constantFrom('app.kubernetes.io/name', 'with space', 'x:y'),
    );
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        scalar,
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 5 }),
      ),
    }));
    const style = fc.record({
      indent: fc.constantFrom(2, 4),
      indentSeq: fc.boolean(),
      lineWidth: fc.constantFrom(0, 40),
      collectionStyle: fc.constantFrom('any' as const, 'flow' as const),
    });
    fc.assert(
      fc.property(fc.dictionary(key, tree, { minKeys: 1, maxKeys: 6 }), style, (object, options) => {
        const text = stringify(object, { ...options, version: '1.1' });
        const read = readYaml(text, 1);
        expect(read).toMatchObject({ ok: true });
        expect(read.ok && JSON.parse(JSON.stringify(read.document.value))).toEqual(JSON.parse(JSON.stringify(object)));
        const lines = new LineCounter();
        const root = parseDocument(text, { version: '1.1', lineCounter: lines }).contents as YAMLMap;
        for (const pair of root.items as Pair<Node>[]) {
          const wanted = lines.linePos(pair.key.range?.[0] ?? 0).line;
          const name = String((pair.key as { value?: unknown }).value);
          expect(read.ok && lineOf(positionAt(read.document.position, [name]) ?? 0)).toBe(wanted);
        }
      }),
      { numRuns: 300 },
    );
  });
});
