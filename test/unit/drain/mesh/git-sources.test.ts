import { describe, expect, it } from '@jest/globals';
import { assembleMesh, readIstioConfigMap, type MeshRecords } from '../../../../src/drain/mesh/facts.ts';
import { readMeshSource, type MeshSettings } from '../../../../src/drain/mesh/git-sources.ts';
import { injectorValues } from '../../../../src/drain/mesh/injector-values.ts';
import { effectiveSettings } from '../../../../src/drain/mesh/settings.ts';
import type { MeshFacts } from '../../../../src/drain/model/mesh.ts';
import { readMeshConfigValues } from '../../../../src/drain/template/mesh-config.ts';
import { templateOf } from '../../../fixtures/drain/objects.ts';

const VALUES = {
  meshConfig: { defaultConfig: { terminationDrainDuration: '25s', proxyMetadata: { MINIMUM_DRAIN_DURATION: '9s' } } },
  pilot: { env: { ENABLE_NATIVE_SIDECARS: false } },
};

function read(group: string, kind: string, spec: object, name = 'plain'): MeshSettings | undefined {
  return readMeshSource(group, kind, { metadata: { name, namespace: 'mesh' }, spec });
}

function factsOf(settings: MeshSettings, more: Partial<MeshRecords> = {}): MeshFacts {
  return assembleMesh({
    configMaps: [settings.mesh, settings.injector],
    istiods: [settings.istiod],
    webhooks: [],
    proxyConfigs: [],
    kubeletMinorByNode: undefined,
    stated: { injected: true },
    defaultRootNamespace: 'istio-system',
    ...more,
  });
}

const helmChart = { spec: { chart: 'istiod', version: '~1.27.1' } };

describe('the settings of a mesh in Git', () => {
  it.each<[string, MeshSettings | undefined, string, string, string]>([
    [
      'a HelmRelease',
      read('helm.toolkit.fluxcd.io', 'HelmRelease', { chart: helmChart, values: VALUES }),
      'default',
      '1.27.1',
      'HelmRelease mesh/plain',
    ],
    [
      'an Application with values as text',
      read('argoproj.io', 'Application', {
        source: { chart: 'istiod', targetRevision: '1.27.1', helm: { values: JSON.stringify(VALUES) } },
      }),
      'default',
      '1.27.1',
      'Application mesh/plain',
    ],
    [
      'an Application with an object and several sources',
      read('argoproj.io', 'Application', {
        sources: [
          { chart: 'base' },
          { chart: 'istiod', targetRevision: '1.27.1', helm: { valuesObject: { ...VALUES, revision: 'blue' } } },
        ],
      }),
      'blue',
      '1.27.1',
      'Application mesh/plain',
    ],
    [
      'an IstioOperator',
      read('install.istio.io', 'IstioOperator', {
        tag: '1.27.1',
        revision: 'blue',
        meshConfig: VALUES.meshConfig,
        components: { pilot: { k8s: { env: [{ name: 'ENABLE_NATIVE_SIDECARS', value: 'false' }] } } },
      }),
      'blue',
      '1.27.1',
      'IstioOperator mesh/plain',
    ],
    [
      'an Istio of Sail',
      read('sailoperator.io', 'Istio', { version: 'v1.27-latest', values: VALUES }),
      'plain',
      '1.27-latest',
      'Istio plain',
    ],
    [
      'one that is updated by revisions',
      read('sailoperator.io', 'Istio', {
        version: 'v1.27.1',
        updateStrategy: { type: 'RevisionBased' },
        values: VALUES,
      }),
      'plain-v1-27-1',
      '1.27.1',
      'Istio plain',
    ],
    [
      'an IstioRevision',
      read('sailoperator.io', 'IstioRevision', { version: 'v1.27.1', values: VALUES }),
      'plain',
      '1.27.1',
      'IstioRevision plain',
    ],
  ])('%s', (_, settings, revision, version, from) => {
    if (settings === undefined) {
      throw new Error('not read');
    }
    const mesh = factsOf(settings);
    const found = effectiveSettings({ template: templateOf(), namespace: { name: 'shop' }, mesh });

    expect(mesh.revisions.map((each) => [each.name, each.version, each.nativeSidecars])).toEqual([
      [revision, version, 'false'],
    ]);
    expect(found.proxy).toMatchObject({ kind: 'Classic', revision });
    expect(found.terminationDrainDuration).toEqual({
      value: 25,
      origin: { level: 'MeshConfig', object: from, path: 'meshConfig.defaultConfig' },
    });
    expect(found.minimumDrainDuration.value).toBe(9);
  });

  it('takes parameters as helm --set does, and says what it does not read', () => {
    const settings = read('argoproj.io', 'Application', {
      source: {
        chart: 'istiod',
        helm: {
          valueFiles: ['prod.yaml'],
          parameters: [
            { name: 'meshConfig.defaultConfig.terminationDrainDuration', value: '31s' },
            { name: 'meshConfig.defaultConfig.holdApplicationUntilProxyStarts', value: 'true' },
          ],
        },
      },
    });

    expect(settings?.mesh.defaultConfig).toEqual({
      terminationDrainDuration: 31,
      holdApplicationUntilProxyStarts: true,
    });
    expect(settings?.notes).toEqual(['the values that Application plain takes from prod.yaml are not read']);
  });

  it.each([
    ['another chart', read('helm.toolkit.fluxcd.io', 'HelmRelease', { chart: { spec: { chart: 'podinfo' } } })],
    ['an Application of manifests', read('argoproj.io', 'Application', { source: { path: 'apps/shop' } })],
    ['another kind', read('sailoperator.io', 'IstioCNI', {})],
  ])('leaves %s alone', (_, settings) => {
    expect(settings).toBeUndefined();
  });

  it('gives way to what an installation has made', () => {
    const settings = read('helm.toolkit.fluxcd.io', 'HelmRelease', { chart: helmChart, values: VALUES });
    const made = readIstioConfigMap({
      metadata: { name: 'istio', namespace: 'istio-system' },
      data: { mesh: 'defaultConfig: {terminationDrainDuration: 12s}' },
    });
    if (settings === undefined || made === undefined) {
      throw new Error('not read');
    }
    const mesh = factsOf(settings, { configMaps: [settings.mesh, settings.injector, made] });

    expect(mesh.revisions[0]?.defaultConfig).toEqual({ terminationDrainDuration: 12 });
  });
});

describe('mesh config that istiod refuses', () => {
  it.each([
    [
      'an unknown word',
      { accessLogEncoding: 'Json', defaultConfig: { terminationDrainDuration: '30s' } },
      /accessLogEncoding: "Json" is none of TEXT, JSON/,
    ],
    ['an unknown mode', { outboundTrafficPolicy: { mode: 'ALLOW_ALL' } }, /mode: "ALLOW_ALL" is none of/],
    ['a boolean in quotes', { enableTracing: 'true' }, /enableTracing: "true" is not a boolean/],
    [
      'a bad default',
      { defaultConfig: { terminationDrainDuration: 30 } },
      /defaultConfig: terminationDrainDuration: 30 is not a duration/,
    ],
    ['a list', ['x'], /a list where a map/],
  ])('%s', (_, value, why) => {
    const reading = readMeshConfigValues(value);
    expect(reading.ok ? '' : reading.why).toMatch(why);
  });

  it('takes the rest, unknown keys and null among it', () => {
    expect(
      readMeshConfigValues({
        accessLogEncoding: 'JSON',
        someday: 1,
        rootNamespace: 'roots',
        enableTracing: null,
        extensionProviders: [{ name: 'x', anything: 1 }],
      }),
    ).toEqual({ ok: true, rootNamespace: 'roots' });
    expect(readMeshConfigValues(null)).toEqual({ ok: true });
  });

  it('makes the settings of its revision unknown', () => {
    const record = readIstioConfigMap({
      metadata: { name: 'istio', namespace: 'istio-system' },
      data: { mesh: 'accessLogEncoding: Json\ndefaultConfig: {terminationDrainDuration: 30s}' },
    });
    const mesh = factsOf({ mesh: record } as MeshSettings, {
      configMaps: record === undefined ? [] : [record],
      istiods: [],
    });

    expect(mesh.revisions[0]).toMatchObject({
      name: 'default',
      settingsUnknown: expect.stringMatching(/cannot be read by istiod/),
    });
    expect(mesh.revisions[0]?.defaultConfig).toBeUndefined();
    const found = effectiveSettings({ template: templateOf(), namespace: { name: 'shop' }, mesh });
    expect(found.terminationDrainDuration).toMatchObject({
      value: 5,
      note: expect.stringMatching(/^assumed.*cannot be read/),
    });
    const stated = templateOf({ config: '{"terminationDrainDuration":"7s"}' });
    expect(
      effectiveSettings({ template: stated, namespace: { name: 'shop' }, mesh }).terminationDrainDuration.note,
    ).toBeUndefined();
  });
});

describe("AKS's shared mesh config", () => {
  const record = (name: string, mesh: string): MeshRecords['configMaps'][number] => {
    const read = readIstioConfigMap({ metadata: { name, namespace: 'aks-istio-system' }, data: { mesh } });
    if (read === undefined) {
      throw new Error('not read');
    }
    return read;
  };

  it('belongs to its revision and counts below the ConfigMap of the control plane', () => {
    const mesh = factsOf({} as MeshSettings, {
      configMaps: [
        record('istio-shared-configmap-asm-1-27', 'defaultConfig: {terminationDrainDuration: 41s, drainDuration: 50s}'),
        record('istio-asm-1-27', 'defaultConfig: {drainDuration: 60s}'),
      ],
      istiods: [{ namespace: 'aks-istio-system', name: 'istiod', revision: 'asm-1-27', nativeSidecars: 'false' }],
    });
    const found = effectiveSettings({ template: templateOf(), namespace: { name: 'shop' }, mesh });

    expect(mesh.revisions.map(({ name }) => name)).toEqual(['asm-1-27']);
    expect([found.terminationDrainDuration.value, found.drainDuration.value]).toEqual([41, 60]);
    expect(found.terminationDrainDuration.origin.object).toBe(
      'ConfigMap aks-istio-system/istio-shared-configmap-asm-1-27',
    );
  });
});

describe('custom injection templates', () => {
  const sleep =
    'spec:\n  containers:\n  - name: istio-proxy\n    lifecycle: {preStop: {exec: {command: [sleep, "11"]}}}\n';
  const templates = { sidecar: '{{ whatever }}', slow: sleep, coded: `{{ if .X }}\n${sleep}{{ end }}` };
  const settings = (names: string, defaultTemplates: string[] = ['sidecar']): ReturnType<typeof effectiveSettings> =>
    effectiveSettings({
      template: templateOf({ annotations: names === '' ? {} : { 'inject.istio.io/templates': names } }),
      namespace: { name: 'shop' },
      mesh: {
        istio: 'Unknown',
        rootNamespace: 'istio-system',
        webhooks: [],
        nodes: {},
        stated: { injected: true, nativeSidecars: 'false' },
        revisions: [{ name: 'default', injector: injectorValues({}, { templates, defaultTemplates }) }],
      },
    });

  it('give their hooks to the proxy', () => {
    expect(settings('sidecar, slow').proxyPreStop).toMatchObject({
      value: { exec: { command: ['sleep', '11'] } },
      origin: { level: 'Injector', path: 'templates.slow' },
    });
    expect(settings('', ['sidecar', 'slow']).proxyPreStop?.value).toEqual({ exec: { command: ['sleep', '11'] } });
    expect(settings('sidecar').proxyPreStop).toBeUndefined();
  });

  it.each([
    ['sidecar,coded', /coded has template actions/],
    ['sidecar,other', /other was not seen/],
  ])('are said where they are not understood: %s', (names, message) => {
    expect(settings(names).problems).toEqual([
      { kind: 'InjectionTemplateUnread', path: expect.any(String), message: expect.stringMatching(message) },
    ]);
  });
});
