import type { LabelSelector } from '../../../../src/api/kubernetes.ts';
import { describe, expect, it } from '@jest/globals';
import type { DefaultedPolicyMatch } from '../../../../src/api/policy.ts';
import type { ProxyVerdict } from '../../../../src/drain/model/settings.ts';
import { compilePolicy, matches, matchesByName, matchesProxy } from '../../../../src/drain/selection/match.ts';
import type { CompiledPolicy, SelectionScope } from '../../../../src/drain/selection/match.ts';
import { workloadKind } from '../../../../src/drain/template/kinds.ts';
import { projectWorkload } from '../../../../src/drain/template/project.ts';

const everything: DefaultedPolicyMatch = {
  namespaceSelector: {},
  kinds: ['Deployment', 'StatefulSet'],
  proxies: ['Sidecar'],
};
const scope: SelectionScope = { rootNamespace: 'istio-system', operatorNamespace: 'sidecar-drain-system' };

function compiled(match: Partial<DefaultedPolicyMatch>): CompiledPolicy {
  const result = compilePolicy({ spec: { match: { ...everything, ...match } } });
  if (!result.ok) {
    throw new Error(JSON.stringify(result.problems));
  }
  return result.policy;
}

const workload = (kind: string, namespace: string, name: string) =>
  projectWorkload(
    {
      metadata: { name, namespace, labels: { tier: 'not-the-pods' } },
      spec: { template: { metadata: { labels: { tier: 'api' } }, spec: { containers: [] } } },
    },
    workloadKind(kind)!,
  );
const checkout = workload('Deployment', 'shop', 'checkout');

describe('which workloads a policy selects', () => {
  it.each<[string, Partial<DefaultedPolicyMatch>, string]>([
    ['everything', {}, 'Match'],
    ['a label of the namespace', { namespaceSelector: { matchLabels: { drain: 'managed' } } }, 'Match'],
    ['another label of the namespace', { namespaceSelector: { matchLabels: { drain: 'off' } } }, 'NamespaceSelector'],
    ['labels of the pod template', { workloadSelector: { matchLabels: { tier: 'api' } } }, 'Match'],
    [
      'labels of the workload itself, which do not count',
      { workloadSelector: { matchLabels: { tier: 'not-the-pods' } } },
      'WorkloadSelector',
    ],
    ['a name', { names: ['cart', 'check*'] }, 'Match'],
    ['another name', { names: ['cart'] }, 'Name'],
    ['no name at all', { names: [] }, 'Name'],
    ['another kind', { kinds: ['DaemonSet'] }, 'Kind'],
  ])('%s', (_, match, expected) => {
    expect(matches(compiled(match), checkout, { drain: 'managed' }, scope)).toEqual(
      expected === 'Match' ? 'Match' : { no: expected },
    );
  });

  it.each([
    ['kube-system', 'SystemNamespace'],
    ['kube-public', 'SystemNamespace'],
    ['kube-node-lease', 'SystemNamespace'],
    ['local-path-storage', 'SystemNamespace'],
    ['istio-system', 'RootNamespace'],
    ['sidecar-drain-system', 'OperatorNamespace'],
  ])('never anything in %s, whatever it asks for', (namespace, no) => {
    expect(matches(compiled({ names: ['x'] }), workload('Deployment', namespace, 'x'), {}, scope)).toEqual({ no });
  });

  it.each<{ selector: LabelSelector; expected: unknown }>([
    { selector: {}, expected: 'Match' },
    { selector: { matchLabels: { 'kubernetes.io/metadata.name': checkout.namespace } }, expected: 'Match' },
    {
      selector: { matchLabels: { 'kubernetes.io/metadata.name': 'elsewhere' } },
      expected: { no: 'NamespaceSelector' },
    },
    { selector: { matchLabels: { drain: 'managed' } }, expected: { no: 'NamespaceUnknown' } },
    {
      selector: { matchExpressions: [{ key: 'drain', operator: 'DoesNotExist' }] },
      expected: { no: 'NamespaceUnknown' },
    },
  ])('of a namespace whose labels are not known, by $selector: $expected', ({ selector, expected }) => {
    expect(matches(compiled({ namespaceSelector: selector }), checkout, undefined, scope)).toEqual(expected);
  });

  it('names a workload only where it lists names', () => {
    expect([
      matchesByName(compiled({}), 'x'),
      matchesByName(compiled({ names: ['x*'] }), 'xy'),
      matchesByName(compiled({ names: ['x*'] }), 'y'),
    ]).toEqual([false, true, false]);
  });
});

describe('which proxies a policy is for', () => {
  const proxy = (kind: ProxyVerdict['kind'], revision?: string): ProxyVerdict => ({
    kind,
    container: 'Unknown',
    because: [],
    missing: [],
    ambient: false,
    ...(revision === undefined ? {} : { revision }),
  });

  it.each<[ProxyVerdict['kind'], boolean, boolean]>([
    ['Classic', true, false],
    ['Native', true, false],
    ['None', true, false],
    ['GrpcAgent', true, false],
    ['Unknown', true, false],
    ['Gateway', false, true],
  ])('%s: asked for sidecars %s, for gateways %s', (kind, asSidecar, asGateway) => {
    expect(matchesProxy(compiled({ proxies: ['Sidecar'] }), proxy(kind))).toBe(asSidecar);
    expect(matchesProxy(compiled({ proxies: ['Gateway'] }), proxy(kind))).toBe(asGateway);
    expect(matchesProxy(compiled({ proxies: ['Sidecar', 'Gateway'] }), proxy(kind))).toBe(true);
  });

  it.each<[string, ProxyVerdict, string[], boolean]>([
    ['the revision', proxy('Classic', 'canary'), ['canary'], true],
    ['another revision', proxy('Classic', 'default'), ['canary'], false],
    ['a tag of the revision', proxy('Classic', 'canary'), ['stable'], true],
    ['a tag of another revision', proxy('Classic', 'default'), ['stable'], false],
    ['no proxy', proxy('None'), ['canary'], false],
    ['a proxy that is not known, so that it is reported', proxy('Unknown'), ['canary'], true],
  ])('revisions: %s', (_, verdict, revisions, expected) => {
    expect(matchesProxy(compiled({ revisions }), verdict, { stable: 'canary' })).toBe(expected);
  });
});

describe('a policy that cannot be evaluated', () => {
  it('says everything that is wrong, with field paths', () => {
    const result = compilePolicy({
      spec: {
        match: {
          ...everything,
          namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] },
          workloadSelector: { matchLabels: { 'a b': 'c' } },
          names: ['ok', 'Not-Ok'],
        },
      },
    });
    expect(result.ok ? [] : result.problems.map(({ reason, path }) => [reason, path])).toEqual([
      ['InvalidSelector', 'spec.match.namespaceSelector.matchExpressions[0].values'],
      ['InvalidSelector', 'spec.match.workloadSelector.matchLabels["a b"]'],
      ['InvalidNamePattern', 'spec.match.names[1]'],
    ]);
  });
});
