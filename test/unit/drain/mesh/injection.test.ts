import { describe, expect, it } from '@jest/globals';
import type { Container, PodTemplate } from '../../../../src/api/kubernetes.ts';
import { proxyOf } from '../../../../src/drain/mesh/injection.ts';
import type {
  InjectorValues,
  InjectorWebhook,
  MeshFacts,
  NamespaceFacts,
  NativeSetting,
  NodeFacts,
} from '../../../../src/drain/model/mesh.ts';
import { templateOf, type TemplateOptions } from '../../../fixtures/drain/objects.ts';
import {
  DEFAULT_INSTALL,
  EVERYWHERE_INSTALL,
  REVISIONED_INSTALL,
  taggedInstall,
} from '../../../fixtures/drain/webhooks.ts';

const ENABLED: InjectorValues = { policy: 'enabled', neverInjectSelector: [], alwaysInjectSelector: [] };

interface MeshOptions {
  readonly webhooks?: readonly InjectorWebhook[];
  readonly injector?: Partial<InjectorValues>;
  readonly version?: string;
  readonly native?: NativeSetting;
  readonly nodes?: NodeFacts;
  readonly more?: Partial<MeshFacts>;
}

function mesh({
  webhooks = DEFAULT_INSTALL,
  injector = {},
  version = '1.30.3',
  native = 'false',
  nodes = {},
  more = {},
}: MeshOptions = {}): MeshFacts {
  const name = webhooks[0]?.revision ?? 'default';
  return {
    istio: webhooks.length === 0 ? 'Absent' : 'Present',
    rootNamespace: 'istio-system',
    webhooks,
    nodes,
    stated: {},
    revisions: [
      {
        name,
        ...(version === '' ? {} : { version }),
        ...(native === undefined ? {} : { nativeSidecars: native }),
        injector: { ...ENABLED, ...injector },
      },
    ],
    ...more,
  };
}

function kindOf(
  namespaceLabels: Record<string, string> | undefined,
  template: TemplateOptions | PodTemplate,
  options: MeshOptions = {},
  namespace = 'shop',
): string {
  const given =
    'spec' in template && 'containers' in (template.spec ?? {}) ? (template as PodTemplate) : templateOf(template);
  const labels = namespaceLabels === undefined ? {} : { labels: namespaceLabels };
  return proxyOf(given, { name: namespace, ...labels }, mesh(options)).kind;
}

const LEGACY = { 'istio-injection': 'enabled' };
const INJECT = 'sidecar.istio.io/inject';
const pod = (labels: Record<string, string>, annotations: Record<string, string> = {}): TemplateOptions => ({
  labels,
  annotations,
});

describe('the webhooks of a default install', () => {
  it.each([
    ['a labelled namespace', LEGACY, pod({}), 'Classic'],
    ['a labelled namespace, the pod asks for it', LEGACY, pod({ [INJECT]: 'true' }), 'Classic'],
    ['a labelled namespace, the pod declines', LEGACY, pod({ [INJECT]: 'false' }), 'None'],
    ['a labelled namespace, the pod declines by annotation', LEGACY, pod({}, { [INJECT]: 'false' }), 'None'],
    ['the label beats the annotation', LEGACY, pod({ [INJECT]: 'true' }, { [INJECT]: 'false' }), 'Classic'],
    ['a disabled namespace', { 'istio-injection': 'disabled' }, pod({}), 'None'],
    ['a disabled namespace beats the pod', { 'istio-injection': 'disabled' }, pod({ [INJECT]: 'true' }), 'None'],
    ['no label at all', {}, pod({}), 'None'],
    ['no namespace label, the pod asks', {}, pod({ [INJECT]: 'true' }), 'Classic'],
    ['no namespace label, the pod asks by annotation only', {}, pod({}, { [INJECT]: 'true' }), 'None'],
    ['no namespace label, the pod names the revision', {}, pod({ 'istio.io/rev': 'default' }), 'Classic'],
    [
      'no namespace label, the pod names another revision',
      {},
      pod({ 'istio.io/rev': 'canary', [INJECT]: 'true' }),
      'None',
    ],
    ['the namespace names the revision', { 'istio.io/rev': 'default' }, pod({}), 'Classic'],
    ['the namespace names another revision', { 'istio.io/rev': 'canary' }, pod({ [INJECT]: 'true' }), 'None'],
    ['istio-injection beats istio.io/rev', { ...LEGACY, 'istio.io/rev': 'canary' }, pod({}), 'Classic'],
    [
      'istio-injection=disabled beats istio.io/rev',
      { 'istio-injection': 'disabled', 'istio.io/rev': 'default' },
      pod({}),
      'None',
    ],
    [
      'the namespace names the revision, the pod another',
      { 'istio.io/rev': 'default' },
      pod({ 'istio.io/rev': 'canary' }),
      'Classic',
    ],
  ])('%s', (_, labels, template, expected) => {
    expect(kindOf(labels, template)).toBe(expected);
  });

  it.each([
    ['no labels', {}, pod({}), 'shop', 'Classic'],
    ['the pod declines', {}, pod({ [INJECT]: 'false' }), 'shop', 'None'],
    ['a disabled namespace', { 'istio-injection': 'disabled' }, pod({}), 'shop', 'None'],
    ['a system namespace', { 'kubernetes.io/metadata.name': 'kube-system' }, pod({}), 'kube-system', 'None'],
  ])('that injects everywhere: %s', (_, labels, template, namespace, expected) => {
    expect(kindOf(labels, template, { webhooks: EVERYWHERE_INSTALL }, namespace)).toBe(expected);
  });
});

describe('the webhooks of a named revision and its tags', () => {
  const tagged = { webhooks: [...REVISIONED_INSTALL, ...taggedInstall('prod')] };
  const asDefault = { webhooks: [...REVISIONED_INSTALL, ...taggedInstall('default')] };

  it.each([
    ['the old label means nothing to a named revision', LEGACY, pod({}), { webhooks: REVISIONED_INSTALL }, 'None'],
    ['the revision by namespace', { 'istio.io/rev': '1-30-3' }, pod({}), { webhooks: REVISIONED_INSTALL }, 'Classic'],
    ['the revision by pod', {}, pod({ 'istio.io/rev': '1-30-3' }), { webhooks: REVISIONED_INSTALL }, 'Classic'],
    ['the tag by namespace', { 'istio.io/rev': 'prod' }, pod({}), tagged, 'Classic'],
    ['the tag by pod', {}, pod({ 'istio.io/rev': 'prod' }), tagged, 'Classic'],
    ['a tag that nobody made', { 'istio.io/rev': 'stage' }, pod({}), tagged, 'None'],
    ['the tag default answers the old label', LEGACY, pod({}), asDefault, 'Classic'],
    ['the tag default answers the pod that asks', {}, pod({ [INJECT]: 'true' }), asDefault, 'Classic'],
  ] as const)('%s', (_, labels, template, options, expected) => {
    expect(kindOf(labels, template, options)).toBe(expected);
  });

  it('injects by the istiod that the tag points to', () => {
    const verdict = proxyOf(templateOf(), { name: 'shop', labels: { 'istio.io/rev': 'prod' } }, mesh(tagged));

    expect(verdict.revision).toBe('1-30-3');
  });
});

describe('the injector', () => {
  const never = { neverInjectSelector: [{ matchLabels: { job: 'batch' } }] };
  const always = { policy: 'disabled' as const, alwaysInjectSelector: [{ matchLabels: { mesh: 'yes' } }] };

  it.each([
    ['hostNetwork', { spec: { hostNetwork: true } }, {}, 'None'],
    ['a never selector', pod({ job: 'batch' }), { injector: never }, 'None'],
    ['the pod beats the never selector', pod({ job: 'batch', [INJECT]: 'true' }), { injector: never }, 'Classic'],
    ['an empty never selector matches nothing', pod({}), { injector: { neverInjectSelector: [{}] } }, 'Classic'],
    ['policy disabled', pod({}), { injector: { policy: 'disabled' as const } }, 'None'],
    [
      'policy disabled, the pod asks',
      pod({ [INJECT]: 'true' }),
      { injector: { policy: 'disabled' as const } },
      'Classic',
    ],
    ['policy disabled, an always selector', pod({ mesh: 'yes' }), { injector: always }, 'Classic'],
    [
      'policy disabled, an empty always selector',
      pod({}),
      { injector: { policy: 'disabled' as const, alwaysInjectSelector: [{}] } },
      'None',
    ],
    ['never beats always', pod({ job: 'batch', mesh: 'yes' }), { injector: { ...always, ...never } }, 'None'],
    [
      '"yes" is a word of YAML that Istio 1.26 takes for true',
      pod({ [INJECT]: 'yes' }),
      { version: '1.26.0', injector: { policy: 'disabled' as const } },
      'Classic',
    ],
    [
      '"yes" is nothing to Istio 1.27',
      pod({ [INJECT]: 'yes' }),
      { version: '1.27.0', injector: { policy: 'disabled' as const } },
      'None',
    ],
    ['any other word means no to Istio 1.26', pod({ [INJECT]: 'maybe' }), { version: '1.26.0' }, 'None'],
    ['any other word is overlooked by Istio 1.27', pod({ [INJECT]: 'maybe' }), { version: '1.27.0' }, 'Classic'],
    ['a gateway', pod({}, { 'inject.istio.io/templates': 'gateway' }), { native: 'true' as const }, 'Gateway'],
    ['gRPC without a proxy', pod({}, { 'inject.istio.io/templates': 'grpc-agent' }), {}, 'GrpcAgent'],
    [
      "a template of one's own beside sidecar",
      pod({}, { 'inject.istio.io/templates': 'sidecar, corporate' }),
      {},
      'Classic',
    ],
  ])('%s', (_, template, options, expected) => {
    expect(kindOf(LEGACY, template, options)).toBe(expected);
  });

  it.each([
    ['classic', { containers: [{ name: 'istio-proxy', image: 'docker.io/istio/proxyv2:1.30.3' }] }, 'Classic'],
    [
      'native',
      { initContainers: [{ name: 'istio-proxy', image: 'docker.io/istio/proxyv2:1.30.3', restartPolicy: 'Always' }] },
      'Native',
    ],
    ['an entry with image auto is not filled in yet', { containers: [{ name: 'istio-proxy', image: 'auto' }] }, 'None'],
  ] satisfies [string, { containers?: Container[]; initContainers?: Container[] }, string][])(
    'sees a template that kube-inject has filled in: %s',
    (_, template, expected) => {
      expect(kindOf({}, templateOf(template))).toBe(expected);
    },
  );

  it('says ambient beside the verdict, for a pod and for a namespace', () => {
    const ambient = { 'istio.io/dataplane-mode': 'ambient' };
    const byNamespace = proxyOf(templateOf(), { name: 'shop', labels: ambient }, mesh());
    const byPod = proxyOf(templateOf({ labels: ambient }), { name: 'shop', labels: LEGACY }, mesh());

    expect([byNamespace.kind, byNamespace.ambient, byPod.kind, byPod.ambient]).toEqual(['None', true, 'Classic', true]);
  });
});

describe('the form of the sidecar', () => {
  const nodes = (lowest: number, byNode: Record<string, number> = {}): NodeFacts => ({
    lowestKubeletMinor: lowest,
    kubeletMinorByNode: byNode,
  });
  const annotation = (value: string): TemplateOptions => pod({}, { 'sidecar.istio.io/nativeSidecar': value });

  it.each([
    ['ENABLE_NATIVE_SIDECARS=true', {}, { native: 'true' as const }, 'Native'],
    ['ENABLE_NATIVE_SIDECARS=false', {}, { native: 'false' as const, nodes: nodes(36) }, 'Classic'],
    ['auto, new kubelets', {}, { native: 'auto' as const, nodes: nodes(33) }, 'Native'],
    ['auto, one old kubelet', {}, { native: 'auto' as const, nodes: nodes(32, { old: 32, new: 36 }) }, 'Classic'],
    [
      'auto, pinned to a new node',
      { spec: { nodeName: 'new' } },
      { native: 'auto' as const, nodes: nodes(32, { old: 32, new: 36 }) },
      'Native',
    ],
    [
      'auto, pinned to an old node',
      { spec: { nodeName: 'old' } },
      { native: 'auto' as const, nodes: nodes(32, { old: 32, new: 36 }) },
      'Classic',
    ],
    [
      'auto, pinned to a node that is not there',
      { spec: { nodeName: 'gone' } },
      { native: 'auto' as const, nodes: nodes(32, { old: 32 }) },
      'Classic',
    ],
    ['the annotation "true"', annotation('true'), { native: 'false' as const }, 'Native'],
    ['the annotation "false"', annotation('false'), { native: 'true' as const }, 'Classic'],
    ['any other word, since 1.27', annotation('yes'), { native: 'false' as const, version: '1.27.1' }, 'Native'],
    ['any other word, before 1.27', annotation('yes'), { native: 'true' as const, version: '1.26.1' }, 'Classic'],
    ['an empty annotation', annotation(''), { native: 'true' as const }, 'Native'],
    [
      'before 1.24 the annotation is nothing',
      annotation('true'),
      { native: 'false' as const, version: '1.23.4' },
      'Classic',
    ],
  ])('%s', (_, template, options, expected) => {
    expect(kindOf(LEGACY, template, options)).toBe(expected);
  });

  it.each([
    ['1.26.4', 'Classic'],
    ['1.27.0', 'Native'],
    ['1.24.2-distroless', 'Classic'],
    ['1.31.0-rc.0', 'Native'],
  ])('follows the default of Istio %s where istiod says nothing', (version, expected) => {
    const facts = mesh({ version, nodes: nodes(36) });
    const silent: MeshFacts = {
      ...facts,
      revisions: facts.revisions.map(({ name, injector }) => ({
        name,
        version,
        ...(injector === undefined ? {} : { injector }),
      })),
    };

    expect(proxyOf(templateOf(), { name: 'shop', labels: LEGACY }, silent).kind).toBe(expected);
  });
});

describe('what is not known', () => {
  const unknown = (
    more: Partial<MeshFacts>,
    labels: Record<string, string> | undefined = LEGACY,
  ): { kind: string; missing: readonly string[] } => {
    const { kind, missing } = proxyOf(
      templateOf(),
      { name: 'shop', ...(labels === undefined ? {} : { labels }) },
      mesh({ more }),
    );
    return { kind, missing };
  };

  it('is the injector, where it could not be looked at', () => {
    expect(
      unknown({ istio: 'Unknown', unknownBecause: 'no permission to list mutatingwebhookconfigurations' }),
    ).toEqual({ kind: 'Unknown', missing: ['no permission to list mutatingwebhookconfigurations'] });
  });

  it('are the labels of a namespace that was not seen', () => {
    const { kind, missing } = proxyOf(templateOf(), { name: 'shop' }, mesh());

    expect({ kind, missing }).toEqual({ kind: 'Unknown', missing: ['the labels of namespace shop'] });
  });

  it('is the form, where neither version nor setting is known', () => {
    expect(unknown({ revisions: [{ name: 'default' }] })).toEqual({
      kind: 'Unknown',
      missing: ['the version of Istio, or ENABLE_NATIVE_SIDECARS of istiod'],
    });
  });

  it('is the form under auto, where no node was seen', () => {
    expect(unknown({ revisions: [{ name: 'default', nativeSidecars: 'auto' }] })).toEqual({
      kind: 'Unknown',
      missing: ['the kubelet versions of the nodes'],
    });
  });

  it('is nothing where there is certainly no injector', () => {
    expect(unknown({ istio: 'Absent', webhooks: [] })).toEqual({ kind: 'None', missing: [] });
  });

  it.each([
    [true, 'Classic'],
    [false, 'None'],
  ])('can be stated: injected %s', (injected, expected) => {
    const facts = mesh({ webhooks: [], more: { istio: 'Unknown', stated: { injected, nativeSidecars: 'false' } } });

    expect(proxyOf(templateOf(), { name: 'shop' }, facts).kind).toBe(expected);
  });

  it.each([
    ['the tag of the namespace', { 'istio.io/rev': 'prod' }, '1-30-3'],
    ['the revision of the namespace', { 'istio.io/rev': '1-30-3' }, '1-30-3'],
    ['the only one', {}, '1-30-3'],
  ])('and the revision then follows: %s', (_, labels, expected) => {
    const facts = mesh({
      webhooks: [...REVISIONED_INSTALL, ...taggedInstall('prod')],
      more: { stated: { injected: true } },
    });

    expect(proxyOf(templateOf(), { name: 'shop', labels }, facts).revision).toBe(expected);
  });
});

const ASSUMED: InjectorWebhook = {
  configuration: 'the injector',
  name: '(assumed)',
  revision: 'default',
  assumed: true,
};

describe('a no that stands in the manifests', () => {
  const labels = { metadata: { labels: { 'sidecar.istio.io/inject': 'false' } } };
  const annotations = { metadata: { annotations: { 'sidecar.istio.io/inject': 'false' } } };
  const linkerd = { metadata: { annotations: { 'linkerd.io/inject': 'enabled' } } };
  const asks = { metadata: { labels: { 'sidecar.istio.io/inject': 'true' } } };

  const cases: [string, Partial<PodTemplate>, NamespaceFacts, RegExp | true][] = [
    ['a label of the pods', labels, { name: 'crm', labels: LEGACY }, /of the pods is false/],
    ['an annotation of the pods', annotations, { name: 'crm', labels: LEGACY }, /of the pods is false/],
    ['a namespace that is switched off', {}, { name: 'crm', labels: { 'istio-injection': 'disabled' } }, /disabled/],
    ['although the pods ask', asks, { name: 'crm', labels: { 'istio-injection': 'disabled' } }, /disabled/],
    ['an ambient namespace', {}, { name: 'crm', labels: { 'istio.io/dataplane-mode': 'ambient' } }, /ambient/],
    ['pods of Linkerd', linkerd, { name: 'crm' }, /Linkerd/],
    ['a namespace of Linkerd', {}, { name: 'crm', linkerd: true }, /Linkerd/],
    ['Windows', { spec: { containers: [], windows: true } }, { name: 'crm', labels: LEGACY }, /Windows/],
    ['none: the pods ask', asks, { name: 'crm', labels: {} }, true],
    ['none: the namespace asks', linkerd, { name: 'crm', labels: { 'istio.io/rev': 'stable' } }, true],
    ['none: the namespace was not seen', {}, { name: 'crm' }, true],
  ];

  it.each(cases)('beats a statement: %s', (_, part, namespace, no) => {
    const facts = mesh({ webhooks: [], more: { istio: 'Unknown', stated: { injected: true } } });
    const verdict = proxyOf({ ...templateOf(), ...part }, namespace, facts);

    expect([verdict.kind, verdict.assumed]).toEqual([no === true ? 'Classic' : 'None', undefined]);
    expect(verdict.because.join()).toMatch(no === true ? /stated/ : no);
  });

  it.each(cases)('beats an assumption: %s', (_, part, { name, labels = { any: 'label' }, ...more }, no) => {
    const seen: NamespaceFacts = { name, labels, ...more, ...('any' in labels ? { assumed: true } : {}) };
    const verdict = proxyOf({ ...templateOf(), ...part }, seen, mesh({ webhooks: [ASSUMED] }));

    expect([verdict.kind, verdict.assumed]).toEqual(no === true ? ['Classic', true] : ['None', undefined]);
  });

  it('a namespace that was seen and asks for nothing is not injected by default, and not for certain where it is stated', () => {
    const namespace = { name: 'crm', labels: { team: 'a' } };
    const stated = mesh({ webhooks: [], more: { istio: 'Unknown', stated: { injected: true } } });
    const everywhere = mesh({ webhooks: [ASSUMED], injector: { byDefault: true } });

    expect(proxyOf(templateOf(), namespace, mesh({ webhooks: [ASSUMED] })).kind).toBe('None');
    expect(proxyOf(templateOf(), namespace, stated)).toMatchObject({ kind: 'Classic', assumed: true });
    expect(proxyOf(templateOf(), namespace, everywhere).kind).toBe('Classic');
  });
});

describe('a container istio-proxy with an image of its own', () => {
  const proxy = (more: Partial<Container>): PodTemplate => ({
    spec: { containers: [{ name: 'istio-proxy', image: 'registry.example/proxyv2:1.29.0', ...more }] },
  });
  it.each<[string, Partial<Container>, string]>([
    ['a sidecar', { args: ['proxy', 'sidecar'] }, 'Classic'],
    ['a gateway', { args: ['proxy', 'router', '--domain'] }, 'Gateway'],
    ['ztunnel by its arguments', { args: ['proxy', 'ztunnel'] }, 'None'],
    ['ztunnel by its image', { image: 'registry.example/istio/ztunnel:1.29.0-distroless' }, 'None'],
  ])('%s', (_, container, kind) => {
    expect(proxyOf(proxy(container), { name: 'crm' }, mesh()).kind).toBe(kind);
  });
});
