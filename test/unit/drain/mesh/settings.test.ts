import { describe, expect, it } from '@jest/globals';
import type { LifecycleHandler } from '../../../../src/api/kubernetes.ts';
import { handlerType, NATIVE_DRAIN_HOOK } from '../../../../src/drain/mesh/settings.ts';
import type { MeshFacts, ProxyConfigResource, ProxyConfigValues } from '../../../../src/drain/model/mesh.ts';
import { sh, sleep } from '../../../fixtures/drain/hooks.ts';
import { meshOf, NAMESPACE, settingsOf, templateOf } from '../../../fixtures/drain/objects.ts';
import { effectiveSettings } from '../../../../src/drain/mesh/settings.ts';

const EXIT = 'EXIT_ON_ZERO_ACTIVE_CONNECTIONS';
const MINIMUM = 'MINIMUM_DRAIN_DURATION';

function withDefaults(defaultConfig: ProxyConfigValues, proxyConfigs: readonly ProxyConfigResource[] = []): MeshFacts {
  const mesh = meshOf('classic', { proxyConfigs });
  return { ...mesh, revisions: mesh.revisions.map((revision) => ({ ...revision, defaultConfig })) };
}

function resource(
  name: string,
  minimum: string | undefined,
  more: Partial<ProxyConfigResource> = {},
): ProxyConfigResource {
  return {
    namespace: 'shop',
    name,
    environmentVariables: minimum === undefined ? {} : { [MINIMUM]: minimum },
    ...more,
  };
}

const ROOT = resource('root', '20s', { namespace: 'istio-system' });
const HERE = resource('here', '30s');
const SELECTS = { selector: { matchLabels: { app: 'shop' } } };
const CHOSEN = resource('chosen', '50s', SELECTS);
const ANNOTATION = `{"proxyMetadata": {"${MINIMUM}": "40s"}}`;

describe('the origin of MINIMUM_DRAIN_DURATION', () => {
  it.each([
    ['nothing', {}, [], undefined, undefined, 5, 'BuiltIn'],
    ['mesh config', { proxyMetadata: { [MINIMUM]: '10s' } }, [], undefined, undefined, 10, 'MeshConfig'],
    [
      '+ root ProxyConfig',
      { proxyMetadata: { [MINIMUM]: '10s' } },
      [ROOT],
      undefined,
      undefined,
      20,
      'RootProxyConfig',
    ],
    [
      '+ namespace ProxyConfig',
      { proxyMetadata: { [MINIMUM]: '10s' } },
      [ROOT, HERE],
      undefined,
      undefined,
      30,
      'NamespaceProxyConfig',
    ],
    ['+ annotation', { proxyMetadata: { [MINIMUM]: '10s' } }, [ROOT, HERE], ANNOTATION, undefined, 40, 'Annotation'],
    [
      '+ selector ProxyConfig',
      { proxyMetadata: { [MINIMUM]: '10s' } },
      [ROOT, HERE, CHOSEN],
      ANNOTATION,
      undefined,
      50,
      'SelectorProxyConfig',
    ],
    [
      '+ env of the container',
      { proxyMetadata: { [MINIMUM]: '10s' } },
      [ROOT, HERE, CHOSEN],
      ANNOTATION,
      '60s',
      60,
      'Template',
    ],
  ] as const)('is the highest that states it: %s', (_, defaults, resources, config, env, value, level) => {
    const template = templateOf({
      ...(config === undefined ? {} : { config }),
      ...(env === undefined ? {} : { proxy: { env: [{ name: MINIMUM, value: env }] } }),
    });

    const settings = settingsOf(template, withDefaults(defaults, resources));

    expect(settings.minimumDrainDuration).toMatchObject({ value, origin: { level } });
  });

  it("is found key by key: a selector ProxyConfig without the key leaves the annotation's", () => {
    const chosen = resource('chosen', undefined, { ...SELECTS, environmentVariables: { [EXIT]: 'true' } });

    const settings = settingsOf(templateOf({ config: ANNOTATION }), withDefaults({}, [chosen]));

    expect(settings.minimumDrainDuration).toMatchObject({ value: 40, origin: { level: 'Annotation' } });
    expect(settings.exitOnZeroActiveConnections).toMatchObject({
      value: true,
      origin: { level: 'SelectorProxyConfig', object: 'ProxyConfig shop/chosen' },
    });
  });
});

describe('ProxyConfig resources', () => {
  const at = (
    name: string,
    minimum: string,
    creationTimestamp: string,
    more: Partial<ProxyConfigResource> = {},
  ): ProxyConfigResource => resource(name, minimum, { creationTimestamp, ...more });

  it.each([
    [
      'the oldest',
      [at('b', '7s', '2026-01-01T00:00:00Z'), at('a', '8s', '2026-02-01T00:00:00Z')],
      7,
      ['ProxyConfigShadowed'],
    ],
    [
      'of the same age the first by name',
      [at('b', '7s', '2026-01-01T00:00:00Z'), at('a', '8s', '2026-01-01T00:00:00Z')],
      8,
      ['ProxyConfigShadowed'],
    ],
    [
      'the oldest that selects',
      [
        at('old', '7s', '2026-01-01T00:00:00Z', { selector: { matchLabels: { app: 'cart' } } }),
        at('new', '8s', '2026-02-01T00:00:00Z', SELECTS),
      ],
      8,
      [],
    ],
    ['none with an empty selector', [at('a', '7s', '2026-01-01T00:00:00Z', { selector: {} })], 5, ['ProxyConfigDead']],
    [
      'none with an empty matchLabels',
      [at('a', '7s', '2026-01-01T00:00:00Z', { selector: { matchLabels: {} } })],
      5,
      ['ProxyConfigDead'],
    ],
    ['none of another namespace', [at('a', '7s', '2026-01-01T00:00:00Z', { namespace: 'other' })], 5, []],
    [
      'none that selects from the root namespace',
      [at('a', '7s', '2026-01-01T00:00:00Z', { namespace: 'istio-system', ...SELECTS })],
      5,
      [],
    ],
    [
      'one per level: levels do not shadow each other',
      [at('a', '7s', '2026-01-01T00:00:00Z'), at('b', '8s', '2026-02-01T00:00:00Z', SELECTS)],
      8,
      [],
    ],
  ] as const)('count: %s', (_, proxyConfigs, value, problems) => {
    const settings = settingsOf(templateOf(), meshOf('classic', { proxyConfigs }));

    expect(settings.minimumDrainDuration.value).toBe(value);
    expect(settings.problems.map((problem) => problem.kind)).toEqual(problems);
  });

  it('of the root namespace count once for pods that live there', () => {
    const namespace = { name: 'istio-system', labels: {} };

    const settings = effectiveSettings({
      template: templateOf(),
      namespace,
      mesh: meshOf('classic', { proxyConfigs: [ROOT] }),
    });

    expect(settings.minimumDrainDuration).toMatchObject({ value: 20, origin: { level: 'RootProxyConfig' } });
  });

  it('are no problem of pods without a proxy', () => {
    const settings = settingsOf(
      templateOf(),
      meshOf('none', { proxyConfigs: [resource('dead', '7s', { selector: {} })] }),
    );

    expect(settings.problems).toEqual([]);
  });
});

describe('values of the environment', () => {
  it.each([
    ['true', true, false],
    ['TRUE', true, false],
    ['1', true, false],
    ['t', true, false],
    ['false', false, false],
    ['0', false, false],
    ['yes', false, true],
    ['on', false, true],
    ['', false, true],
    ['tRUE', false, true],
  ])('EXIT_ON_ZERO_ACTIVE_CONNECTIONS %j is %s', (text, value, noted) => {
    const settings = settingsOf(templateOf({ config: JSON.stringify({ proxyMetadata: { [EXIT]: text } }) }));

    expect(settings.exitOnZeroActiveConnections.value).toBe(value);
    expect(settings.problems.map((problem) => problem.kind)).toEqual(noted ? ['EnvironmentValueIgnored'] : []);
  });

  it.each([
    ['20s', 20, false],
    ['1m30s', 90, false],
    ['500ms', 0.5, false],
    ['0s', 0, false],
    ['-5s', -5, false],
    ['20', 5, true],
    ['1d', 5, true],
    ['', 5, true],
  ])('MINIMUM_DRAIN_DURATION %j is %s s', (text, value, noted) => {
    const settings = settingsOf(templateOf({ config: JSON.stringify({ proxyMetadata: { [MINIMUM]: text } }) }));

    expect(settings.minimumDrainDuration).toMatchObject({ value, origin: { level: 'Annotation' } });
    expect(settings.problems.map((problem) => problem.kind)).toEqual(noted ? ['EnvironmentValueIgnored'] : []);
  });
});

describe('the annotation proxy.istio.io/config', () => {
  it.each([
    ['JSON', '{"terminationDrainDuration":"25s"}', 25],
    ['YAML', 'terminationDrainDuration: 25s\n', 25],
    ['snake case', 'termination_drain_duration: 25s', 25],
    ['both: camel case wins', 'termination_drain_duration: 40s\nterminationDrainDuration: 25s', 25],
    ['minutes', 'terminationDrainDuration: 2m', 120],
    ['fractions', 'terminationDrainDuration: 25.5s', 25.5],
    ['milliseconds', 'terminationDrainDuration: 500ms', 0.5],
    ['empty text', '', 5],
    ['an unknown key beside it', 'terminationDrainDuraton: 25s', 5],
  ])('is read as Istio reads it: %s', (_, config, value) => {
    const settings = settingsOf(templateOf({ config }));

    expect(settings.terminationDrainDuration.value).toBe(value);
    expect(settings.podsRefused).toBeUndefined();
  });

  it.each([
    ['no YAML', '{terminationDrainDuration'],
    ['a number', 'terminationDrainDuration: 25'],
    ['a number in quotes', 'terminationDrainDuration: "25"'],
    ['a boolean in proxyMetadata', `proxyMetadata: {${EXIT}: true}`],
    ['a number in proxyMetadata', 'proxyMetadata: {FOO: 1}'],
    ['drainDuration below a second', 'drainDuration: 500ms'],
  ])('refuses every pod: %s', (_, config) => {
    const settings = settingsOf(templateOf({ config }));

    expect(settings.podsRefused).toMatchObject({ code: 'AnnotationMalformed' });
    expect(settings.problems.map((problem) => problem.kind)).toEqual(['AnnotationMalformed']);
  });

  it('refuses nothing where nothing is injected', () => {
    expect(settingsOf(templateOf({ config: '{' }), meshOf('none')).podsRefused).toBeUndefined();
  });

  it.each([
    ['0s', 'terminationDrainDuration: 0s'],
    ['negative', 'terminationDrainDuration: -5s'],
  ])('is dangerous: %s', (_, config) => {
    expect(settingsOf(templateOf({ config })).problems.map((problem) => problem.kind)).toEqual([
      'AnnotationValueDangerous',
    ]);
  });

  it('merges with mesh config field by field', () => {
    const mesh = withDefaults({
      terminationDrainDuration: 10,
      drainDuration: 60,
      holdApplicationUntilProxyStarts: true,
      proxyMetadata: { [EXIT]: 'true' },
    });

    const settings = settingsOf(
      templateOf({ config: `terminationDrainDuration: 25s\nproxyMetadata: {${MINIMUM}: 9s}` }),
      mesh,
    );

    expect(settings).toMatchObject({
      terminationDrainDuration: { value: 25, origin: { level: 'Annotation' } },
      drainDuration: { value: 60, origin: { level: 'MeshConfig', object: 'ConfigMap istio-system/istio' } },
      holdApplicationUntilProxyStarts: { value: true },
      exitOnZeroActiveConnections: { value: true, origin: { level: 'MeshConfig' } },
      minimumDrainDuration: { value: 9, origin: { level: 'Annotation' } },
    });
  });
});

describe('hooks of the proxy', () => {
  const both: LifecycleHandler = sh('sleep 1');

  it.each([
    ['classic: none', 'classic', {}, undefined],
    ['native: the drain call', 'native', {}, NATIVE_DRAIN_HOOK],
    ["classic: the user's", 'classic', { proxyPreStop: sleep(3) }, sleep(3)],
    ["native: the user's exec replaces the drain call", 'native', { proxyPreStop: both }, both],
    ['native: a postStart alone keeps it', 'native', { proxyPostStart: both }, NATIVE_DRAIN_HOOK],
    ['none: nothing', 'none', { proxyPreStop: both }, undefined],
  ] as const)('%s', (_, form, template, preStop) => {
    expect(settingsOf(templateOf(template), meshOf(form)).proxyPreStop?.value).toEqual(preStop);
  });

  it.each([
    ['sleep on native', 'native', { proxyPreStop: sleep(3) }],
    ['httpGet on native', 'native', { proxyPreStop: { httpGet: { port: 15020, path: '/x' } } }],
    [
      'a postStart of another type beside hold',
      'classic',
      { config: 'holdApplicationUntilProxyStarts: true', proxyPostStart: { httpGet: { port: 1 } } },
    ],
    ['under initContainers on classic', 'classic', { initContainers: [{ name: 'istio-proxy', image: 'auto' }] }],
  ] as const)('are illegal: %s', (_, form, template) => {
    expect(settingsOf(templateOf(template), meshOf(form)).podsRefused).toMatchObject({ code: 'HookHandlerIllegal' });
  });

  it.each([
    ['1.20.8', undefined],
    ['1.21.0', NATIVE_DRAIN_HOOK],
  ])('the drain call came with 1.21: Istio %s', (version, expected) => {
    expect(settingsOf(templateOf(), meshOf('native', {}, version)).proxyPreStop?.value).toEqual(expected);
  });

  it("of Helm's global.proxy.lifecycle replace the drain call and the hold hook", () => {
    const mesh = meshOf('native');
    const helm: MeshFacts = {
      ...mesh,
      revisions: mesh.revisions.map((revision) => ({
        ...revision,
        injector: {
          policy: 'enabled',
          neverInjectSelector: [],
          alwaysInjectSelector: [],
          proxyLifecycle: { preStop: both },
        },
      })),
    };

    const settings = settingsOf(templateOf({ config: 'holdApplicationUntilProxyStarts: true' }), helm);

    expect(settings.proxyPreStop).toMatchObject({ value: both, origin: { level: 'Injector' } });
    expect(settings.proxyPostStart).toBeUndefined();
  });

  it.each([
    ['classic', ['pilot-agent', 'wait']],
    ['native', undefined],
  ] as const)('hold adds pilot-agent wait: %s', (form, command) => {
    const settings = settingsOf(templateOf({ config: 'holdApplicationUntilProxyStarts: true' }), meshOf(form));

    expect(settings.proxyPostStart?.value.exec?.command).toEqual(command);
  });

  it('of a template that kube-inject has filled in are only what stands there', () => {
    const template = templateOf({
      initContainers: [
        {
          name: 'istio-proxy',
          image: 'istio/proxyv2:1.30.3',
          restartPolicy: 'Always',
          lifecycle: { preStop: sleep(3) },
          env: [
            { name: 'PROXY_CONFIG', value: '{"terminationDrainDuration":"25s"}' },
            { name: MINIMUM, value: '9s' },
          ],
        },
      ],
    });

    const settings = settingsOf(template, withDefaults({ terminationDrainDuration: 50 }));

    expect(settings).toMatchObject({
      terminationDrainDuration: { value: 25, origin: { level: 'Template' } },
      minimumDrainDuration: { value: 9 },
    });
    expect(settings.proxyPreStop?.value).toEqual(sleep(3));
    expect(settings.podsRefused).toBeUndefined();
  });

  it('names the type of a handler', () => {
    expect([handlerType(sleep(1)), handlerType({})]).toEqual(['sleep', 'none']);
  });
});

describe('the rest of a pod', () => {
  it("has a grace period of 30 s that nobody asked for, or the template's", () => {
    expect(settingsOf(templateOf()).gracePeriod).toMatchObject({ value: 30, origin: { level: 'BuiltIn' } });
    expect(settingsOf(templateOf({ grace: 75 })).gracePeriod).toMatchObject({
      value: 75,
      origin: { level: 'Template' },
    });
  });

  it('has app containers and other native sidecars, but not init containers that end', () => {
    const template = templateOf({
      containers: [{ name: 'helper', lifecycle: { preStop: sleep(2) } }],
      initContainers: [
        { name: 'migrate' },
        { name: 'logs', restartPolicy: 'Always', lifecycle: { postStart: sleep(1) } },
      ],
    });

    const { apps } = settingsOf(template);

    expect(apps.map(({ name, role }) => [name, role])).toEqual([
      ['app', 'App'],
      ['helper', 'App'],
      ['logs', 'NativeSidecar'],
    ]);
    expect(apps[1]?.preStop).toMatchObject({ value: sleep(2) });
    expect(apps[2]?.postStart).toMatchObject({ value: sleep(1) });
  });

  it.each([
    ['stated', {}, [8080]],
    [
      'several',
      { app: { ports: [{ containerPort: 9000 }, { containerPort: 80 }, { containerPort: 9000 }] } },
      [80, 9000],
    ],
    ['none', { app: { ports: [] } }, [8080]],
  ])('listens on its ports: %s', (_, template, ports) => {
    expect(settingsOf(templateOf(template)).appPorts).toEqual(ports);
  });

  it.each([
    ['on the template', { annotations: { 'sidecardrain.io/pre-stop': '20s' } }, {}, 20, 0],
    [
      'on the workload, which wins',
      { annotations: { 'sidecardrain.io/pre-stop': '20s' } },
      { 'sidecardrain.io/pre-stop': '30s' },
      30,
      0,
    ],
    ['not a duration', {}, { 'sidecardrain.io/pre-stop': 'long' }, undefined, 1],
    ['negative', {}, { 'sidecardrain.io/pre-stop': '-3s' }, undefined, 1],
  ])('may state the length of a preStop: %s', (_, template, workloadAnnotations, value, problems) => {
    const settings = effectiveSettings({
      template: templateOf(template),
      workloadAnnotations,
      namespace: NAMESPACE,
      mesh: meshOf('classic'),
    });

    expect(settings.statedPreStop?.value).toBe(value);
    expect(settings.problems).toHaveLength(problems);
  });
});

describe('the proxy image', () => {
  const type = (imageType: string): ProxyConfigResource => resource('image', undefined, { ...SELECTS, imageType });

  it.each([
    ['nothing said', {}, meshOf('classic'), 'with-shell', 'BuiltIn'],
    ['mesh config', {}, withDefaults({ imageType: 'distroless' }), 'distroless', 'MeshConfig'],
    [
      'root ProxyConfig',
      {},
      withDefaults({ imageType: 'debug' }, [{ ...ROOT, imageType: 'distroless' }]),
      'distroless',
      'RootProxyConfig',
    ],
    [
      'namespace ProxyConfig',
      {},
      withDefaults({}, [
        { ...ROOT, imageType: 'debug' },
        { ...HERE, imageType: 'distroless' },
      ]),
      'distroless',
      'NamespaceProxyConfig',
    ],
    [
      'annotation',
      { config: 'image: {imageType: debug}' },
      withDefaults({ imageType: 'distroless' }),
      'with-shell',
      'Annotation',
    ],
    [
      'selector ProxyConfig',
      { config: 'image: {imageType: debug}' },
      withDefaults({}, [type('distroless')]),
      'distroless',
      'SelectorProxyConfig',
    ],
    [
      'annotation of its own, above all',
      { annotations: { 'sidecar.istio.io/proxyImageType': 'debug' } },
      withDefaults({}, [type('distroless')]),
      'with-shell',
      'Annotation',
    ],
    [
      'an image by name',
      { annotations: { 'sidecar.istio.io/proxyImage': 'istio/proxyv2:1.30.3-distroless' } },
      meshOf('classic'),
      'distroless',
      'Template',
    ],
    [
      'an image that says nothing',
      { proxy: { image: 'corp.example/proxy:7' } },
      meshOf('classic'),
      'unknown',
      'Template',
    ],
    [
      'stated',
      { proxy: { image: 'corp.example/proxy:7' } },
      meshOf('classic', { stated: { proxyImage: 'distroless' } }),
      'distroless',
      'BuiltIn',
    ],
  ] as const)('%s', (_, template, mesh, value, level) => {
    expect(settingsOf(templateOf(template), mesh).proxyImage).toMatchObject({ value, origin: { level } });
  });

  it('is not known where the injector was not seen', () => {
    const mesh = meshOf('classic');

    expect(settingsOf(templateOf(), { ...mesh, revisions: [{ name: 'default' }] }).proxyImage.value).toBe('unknown');
  });
});

describe('exported stats', () => {
  it.each([
    ['nothing', {}, { prefixes: [], suffixes: [], regexps: [] }],
    [
      'suffixes',
      { annotations: { 'sidecar.istio.io/statsInclusionSuffixes': 'downstream_rq_active, downstream_cx_active' } },
      { prefixes: [], suffixes: ['downstream_rq_active', 'downstream_cx_active'], regexps: [] },
    ],
    [
      'prefixes and regexps',
      {
        annotations: {
          'sidecar.istio.io/statsInclusionPrefixes': 'http.inbound',
          'sidecar.istio.io/statsInclusionRegexps': '.*active',
        },
      },
      { prefixes: ['http.inbound'], suffixes: [], regexps: ['.*active'] },
    ],
    [
      'by config',
      { config: 'proxyStatsMatcher: {inclusionSuffixes: [rq_active]}' },
      { prefixes: [], suffixes: ['rq_active'], regexps: [] },
    ],
    [
      'the annotation replaces its own list only',
      {
        config: 'proxyStatsMatcher: {inclusionPrefixes: [http], inclusionSuffixes: [a]}',
        annotations: { 'sidecar.istio.io/statsInclusionSuffixes': 'b' },
      },
      { prefixes: ['http'], suffixes: ['b'], regexps: [] },
    ],
  ])('%s', (_, template, expected) => {
    expect(settingsOf(templateOf(template)).statsInclusion.value).toEqual(expected);
  });
});

describe("Istio's own drain call on a native sidecar", () => {
  const portAnnotation = 'status.sidecar.istio.io/port';
  const preStopWith = (port: string): unknown => {
    const template = templateOf();
    const annotations = { ...template.metadata?.annotations, [portAnnotation]: port };
    return settingsOf({ ...template, metadata: { ...template.metadata, annotations } }, meshOf('native')).proxyPreStop;
  };

  it('goes to the status port, wherever an annotation moves that', () => {
    expect(preStopWith('15020')).toEqual({ value: NATIVE_DRAIN_HOOK, origin: { level: 'BuiltIn' } });
    expect(preStopWith('16020')).toMatchObject({
      value: { exec: { command: ['pilot-agent', 'request', '--debug-port=16020', 'POST', 'drain'] } },
      origin: { level: 'Annotation', path: `spec.template.metadata.annotations["${portAnnotation}"]` },
    });
  });
});
