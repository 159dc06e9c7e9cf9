import { describe, expect, it } from '@jest/globals';
import { defineResource, itemPath, keyOf, listPath, objectKey, splitKey, withQuery } from '../../../src/kube/index.ts';

const deployments = defineResource({
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  namespaced: true,
});
const nodes = defineResource({ group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false });

describe('paths', () => {
  it.each([
    [listPath(deployments), '/apis/apps/v1/deployments'],
    [listPath(deployments, 'shop'), '/apis/apps/v1/namespaces/shop/deployments'],
    [itemPath(deployments, 'cart', 'shop'), '/apis/apps/v1/namespaces/shop/deployments/cart'],
    [itemPath(deployments, 'cart', 'shop', 'status'), '/apis/apps/v1/namespaces/shop/deployments/cart/status'],
    [listPath(nodes), '/api/v1/nodes'],
    [itemPath(nodes, 'a.b'), '/api/v1/nodes/a.b'],
    [itemPath(nodes, 'system:a/../b'), '/api/v1/nodes/system%3Aa%2F..%2Fb'],
    [withQuery('/x', { a: 1, b: 'k=v,w', c: undefined, d: false, e: '', f: true }), '/x?a=1&b=k%3Dv%2Cw&f=true'],
  ])('%s', (actual, expected) => {
    expect(actual).toBe(expected);
  });

  it.each([
    ['a namespaced item without its namespace', () => itemPath(deployments, 'cart')],
    ['a namespace on a cluster-scoped resource', () => listPath(nodes, 'shop')],
    ['an empty name', () => itemPath(nodes, '')],
    ['a name that is a path', () => itemPath(nodes, '..')],
  ])('refuses %s', (_name, build) => {
    expect(build).toThrow(TypeError);
  });

  it('names resources as RBAC does', () => {
    expect([deployments.fullName, nodes.fullName, deployments.apiVersion, nodes.apiVersion]).toEqual([
      'deployments.apps',
      'nodes',
      'apps/v1',
      'v1',
    ]);
  });
});

describe('keys', () => {
  it.each([
    ['shop', 'cart', 'shop/cart'],
    [undefined, 'node-1', 'node-1'],
  ])('%s %s', (namespace, name, key) => {
    expect(objectKey(namespace, name)).toBe(key);
    expect(splitKey(key)).toEqual({ namespace, name });
    expect(keyOf({ metadata: { name, ...(namespace === undefined ? {} : { namespace }) } })).toBe(key);
  });
});
