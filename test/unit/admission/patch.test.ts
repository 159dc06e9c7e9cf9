import { describe, expect, it } from '@jest/globals';
import { patchProblem } from '../../../src/admission/patch.ts';
import type { JsonPatchOperation } from '../../../src/drain/restore/index.ts';

const OBJECT = { metadata: { annotations: { 'a/b': 'c' } }, spec: { containers: [{ name: 'app' }] } };

describe('patchProblem', () => {
  it.each<[string, JsonPatchOperation[]]>([
    ['an empty one', []],
    [
      'a member that is added',
      [
        { op: 'add', path: '/metadata/labels', value: {} },
        { op: 'add', path: '/metadata/labels/x', value: 'y' },
      ],
    ],
    [
      'a member that is replaced',
      [
        { op: 'replace', path: '/metadata/annotations/a~1b', value: 'd' },
        { op: 'test', path: '/metadata/annotations/a~1b', value: 'd' },
      ],
    ],
    [
      'an element at the end',
      [
        { op: 'add', path: '/spec/containers/-', value: { name: 'istio-proxy' } },
        { op: 'test', path: '/spec/containers/1/name', value: 'istio-proxy' },
      ],
    ],
    [
      'an element in front',
      [
        { op: 'add', path: '/spec/containers/0', value: { name: 'istio-proxy' } },
        { op: 'test', path: '/spec/containers/1', value: { name: 'app' } },
      ],
    ],
    [
      'an element that is removed',
      [
        { op: 'remove', path: '/spec/containers/0' },
        { op: 'test', path: '/spec/containers', value: [] },
      ],
    ],
    ['the whole object', [{ op: 'test', path: '', value: OBJECT }]],
  ])('finds nothing wrong with %s', (_what, patch) => {
    expect(patchProblem(OBJECT, patch)).toBeUndefined();
  });

  it.each<[string, JsonPatchOperation]>([
    ['a parent that is not there', { op: 'add', path: '/metadata/labels/x', value: 'y' }],
    ['a member that is not there to be replaced', { op: 'replace', path: '/metadata/labels', value: {} }],
    ['a member that is not there to be removed', { op: 'remove', path: '/spec/replicas' }],
    ['what every object inherits', { op: 'replace', path: '/spec/constructor', value: {} }],
    ['an element beyond the end', { op: 'add', path: '/spec/containers/2', value: {} }],
    ['an element that is no number', { op: 'replace', path: '/spec/containers/x', value: {} }],
    ['a test that fails', { op: 'test', path: '/spec/containers/0/name', value: 'other' }],
    ['a path that is none', { op: 'add', path: 'spec', value: {} }],
  ])('finds %s', (_what, operation) => {
    expect(patchProblem(OBJECT, [operation])).toContain(`${operation.op} ${operation.path}: `);
  });

  it('leaves the object as it is', () => {
    const object = structuredClone(OBJECT);

    patchProblem(object, [
      { op: 'remove', path: '/spec/containers/0' },
      { op: 'add', path: '/metadata/annotations/x', value: 'y' },
    ]);

    expect(object).toEqual(OBJECT);
  });
});
