import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

import { allOutputs, differing } from '../../../scripts/generate.ts';
import { toTypeScript } from '../../../scripts/generate/cel.ts';
import { readKinds } from '../../../scripts/generate/crds.ts';
import type { Generator, StructuralSchema as Node } from '../../../scripts/generate/types.ts';

// That the generated files are what their sources say is a check of its own in `make test` (npm run verify).
describe('generated files', () => {
  it('are told apart: as they would be written, changed, and absent', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'generate-'));
    try {
      await writeFile(join(folder, 'same'), 'text\n');
      await writeFile(join(folder, 'changed'), 'text \n');
      const outputs = new Map(['same', 'changed', 'docs/absent'].map((path) => [path, 'text\n']));

      expect(await differing(folder, outputs)).toEqual(['changed', 'docs/absent']);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('are each written by one generator', async () => {
    const one = (name: string): Generator => ({ name, outputs: () => Promise.resolve(new Map([['page.md', name]])) });

    await expect(allOutputs([one('first'), one('second')])).rejects.toThrow(
      'generator second writes page.md, and so does another one',
    );
    expect(await allOutputs([one('first')])).toEqual(new Map([['page.md', 'first']]));
  });
});

describe('CEL as TypeScript', () => {
  const evaluate = (source: string, self: unknown): unknown =>
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- that the text is a right expression is what is tested
    new Function('self', 'parsePolicyDuration', `return ${toTypeScript(source).replace(/\(d: string\)/g, '(d)')}`)(
      self,
      (text: string) => Number(text.replace('s', '')),
    );

  it.each([
    ["self.a == 'x' || self.b == 'y' && self.c == 'z'", { a: 'x', b: '', c: '' }, true],
    ["(self.a == 'x' || self.b == 'y') && self.c == 'z'", { a: 'x', b: '', c: '' }, false],
    ["!has(self.a) || self.a != 'x'", { a: 'x' }, false],
    ["!(self.a in ['x', 'y'])", { a: 'y' }, false],
    ["duration(self.a) + duration(self.b) <= duration('10s')", { a: '4s', b: '6s' }, true],
    ["duration(self.a) + duration(self.b) <= duration('10s')", { a: '5s', b: '6s' }, false],
    ["[self.a, self.b].all(d, d != '' && d.matches('^[0-9]+s$'))", { a: '1s', b: '2m' }, false],
    ["'is ' + self.a + '.'", { a: 'x' }, 'is x.'],
    ['size(self.a) > 0', { a: {} }, false],
    ['size(self.a) == 2', { a: ['x', 'y'] }, true],
    ["self.a == 'it\\'s'", { a: "it's" }, true],
  ])('%s', (source, self, expected) => {
    expect(evaluate(source, self)).toBe(expected);
  });

  it.each([
    'self.a ? 1 : 2',
    'self.exists(x, x)',
    'a b',
    'self.a == "x"',
    'size(self.a',
    'has()',
    'self.a.map(x, x)',
    'self # 1',
  ])('is not made of what is not understood: %s', (source) => {
    expect(() => toTypeScript(source)).toThrow(/^CEL not understood/);
  });
});

describe('the schema', () => {
  const nodes: [string, Node][] = [];
  function collect(node: Node, path: string): void {
    nodes.push([path, node]);
    for (const [key, child] of Object.entries(node.properties ?? {})) {
      collect(child, `${path}.${key}`);
    }
    if (node.items !== undefined) {
      collect(node.items, `${path}[]`);
    }
  }
  it('describes every field', async () => {
    for (const { schema } of await readKinds()) {
      collect(schema, '');
    }
    const described = nodes.filter(([path]) => path !== '.metadata' && !path.endsWith('[]') && path !== '');

    expect(described.length).toBeGreaterThan(60);
    expect(described.filter(([, node]) => (node.description ?? '').length < 10).map(([path]) => path)).toEqual([]);
  });

  it('states the same rule and message for every duration', () => {
    const durations = nodes.filter(([path]) =>
      /\.(duration|maxWait|endpointDelay|margin|maximum|longestDrain|longestGrace|longest)$/.test(path),
    );
    const first = durations.map(([, node]) => ({
      maxLength: node.maxLength,
      rule: node['x-kubernetes-validations']?.[0],
    }));

    // Five of a policy and that of its windows, in both of its kinds, two bounds, and that of exemptions.
    expect(first).toHaveLength(15);
    expect(new Set(first.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(first[0]?.maxLength).toBe(12);
  });

  it('ends every rule with a message that says what to write', () => {
    const messages = nodes.flatMap(([, node]) => (node['x-kubernetes-validations'] ?? []).map((one) => one.message));

    expect(messages.length).toBeGreaterThan(20);
    expect(messages.filter((one) => !/write|remove|shorten|raise|must not be shorter/.test(one))).toEqual([]);
  });
});
