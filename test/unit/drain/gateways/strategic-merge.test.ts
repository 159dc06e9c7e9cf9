import { describe, expect, it } from '@jest/globals';
import { MergeRefused, strategicMerge } from '../../../../src/drain/gateways/strategic-merge.ts';

describe('strategicMerge', () => {
  it.each<[string, object, object, object]>([
    ['merges maps', { a: { x: 1, y: 2 } }, { a: { y: 3 } }, { a: { x: 1, y: 3 } }],
    ['null takes out', { a: 1, b: 2 }, { a: null }, { b: 2 }],
    [
      'merges containers and environment by name',
      { containers: [{ name: 'p', env: [{ name: 'A', value: '1' }] }] },
      { containers: [{ name: 'p', env: [{ name: 'B', value: '2' }] }, { name: 'q' }] },
      {
        containers: [
          {
            name: 'p',
            env: [
              { name: 'A', value: '1' },
              { name: 'B', value: '2' },
            ],
          },
          { name: 'q' },
        ],
      },
    ],
    ['replaces other lists', { args: ['a', 'b'] }, { args: ['c'] }, { args: ['c'] }],
    [
      'merges ports by number',
      { ports: [{ containerPort: 1 }] },
      { ports: [{ containerPort: 2 }] },
      { ports: [{ containerPort: 1 }, { containerPort: 2 }] },
    ],
    [
      'deletes an entry',
      { env: [{ name: 'A' }, { name: 'B' }] },
      { env: [{ name: 'A', $patch: 'delete' }] },
      { env: [{ name: 'B' }] },
    ],
    [
      'replaces a list',
      { env: [{ name: 'A' }] },
      { env: [{ $patch: 'replace' }, { name: 'B' }] },
      { env: [{ name: 'B' }] },
    ],
    ['replaces a map', { a: { x: 1 } }, { a: { $patch: 'replace', y: 2 } }, { a: { y: 2 } }],
    ['passes over other directives', { a: 1 }, { '$setElementOrder/env': [{ name: 'A' }] }, { a: 1 }],
  ])('%s', (_, base, patch, wanted) => {
    expect(strategicMerge(base as never, patch as never)).toEqual(wanted);
  });

  it('refuses an entry without its key, and what is deeper than any Deployment', () => {
    let deep: Record<string, unknown> = {};
    for (let depth = 0; depth < 40; depth++) {
      deep = { a: deep };
    }
    expect(() => strategicMerge({}, { containers: [{ image: 'x' }] })).toThrow(MergeRefused);
    expect(() => strategicMerge({}, deep)).toThrow(MergeRefused);
  });
});
