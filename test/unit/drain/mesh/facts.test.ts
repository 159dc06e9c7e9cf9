import { describe, expect, it } from '@jest/globals';
import {
  assembleMesh,
  isIstiod,
  readInjectorWebhooks,
  readIstioConfigMap,
  UNSEEN_SETTINGS,
  readIstiod,
  readKubeletMinor,
  readProxyConfig,
  type MeshRecords,
} from '../../../../src/drain/mesh/facts.ts';
import { istioMinor } from '../../../../src/drain/mesh/version.ts';

const configMap = (name: string, data: Record<string, string>): Parameters<typeof readIstioConfigMap>[0] => ({
  metadata: { name, namespace: 'istio-system' },
  data,
});

describe("Istio's ConfigMaps", () => {
  it('tell the mesh config of a revision', () => {
    const mesh =
      'rootNamespace: mesh-root\ndefaultConfig:\n  terminationDrainDuration: 30s\n  proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"}\n';

    expect(readIstioConfigMap(configMap('istio-canary', { mesh }))).toEqual({
      kind: 'MeshConfig',
      namespace: 'istio-system',
      revision: 'canary',
      from: 'ConfigMap istio-system/istio-canary',
      rootNamespace: 'mesh-root',
      defaultConfig: { terminationDrainDuration: 30, proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true' } },
    });
  });

  it.each([
    ['istio', 'default'],
    ['istio-canary', 'canary'],
    ['istio-1-30-3', '1-30-3'],
  ])('are known by their names: %s', (name, revision) => {
    expect(readIstioConfigMap(configMap(name, { mesh: '' }))).toMatchObject({ kind: 'MeshConfig', revision });
  });

  it.each(['istio-ca-root-cert', 'istio-gateway-status-leader', 'kube-root-ca.crt', 'istio'])(
    'others are overlooked: %s',
    (name) => {
      expect(readIstioConfigMap(configMap(name, { 'root-cert.pem': '' }))).toBeUndefined();
    },
  );

  it.each([
    ['no YAML', 'defaultConfig: {'],
    ['a duration without unit', 'defaultConfig: {terminationDrainDuration: 30}'],
  ])('that cannot be read say so: %s', (_, mesh) => {
    expect(readIstioConfigMap(configMap('istio', { mesh }))).toMatchObject({
      kind: 'MeshConfig',
      unreadable: expect.any(String),
    });
  });

  it("tell the injector's settings", () => {
    const config =
      'policy: disabled\nneverInjectSelector: [{matchLabels: {job: batch}}]\nalwaysInjectSelector: [{matchExpressions: [{key: mesh, operator: Exists}]}]';
    const values = JSON.stringify({
      global: { proxy: { lifecycle: { preStop: { exec: { command: ['sleep', '5'] } } } }, tag: '1.30.3-distroless' },
    });

    expect(readIstioConfigMap(configMap('istio-sidecar-injector', { config, values }))).toEqual({
      kind: 'Injector',
      namespace: 'istio-system',
      revision: 'default',
      injector: {
        policy: 'disabled',
        neverInjectSelector: [{ matchLabels: { job: 'batch' } }],
        alwaysInjectSelector: [{ matchExpressions: [{ key: 'mesh', operator: 'Exists' }] }],
        proxyLifecycle: { preStop: { exec: { command: ['sleep', '5'] } } },
        imageType: 'distroless',
      },
    });
  });

  it.each([
    ['the variant beats the tag', { global: { variant: 'debug', tag: '1.30.3-distroless' } }, 'debug'],
    ['neither', { global: { tag: '1.30.3' } }, undefined],
    ['no global', {}, undefined],
  ])('tell the image: %s', (_, values, imageType) => {
    const record = readIstioConfigMap(
      configMap('istio-sidecar-injector-canary', { config: 'policy: enabled', values: JSON.stringify(values) }),
    );

    expect(record).toMatchObject({ kind: 'Injector', revision: 'canary', injector: { policy: 'enabled' } });
    expect((record as { injector: { imageType?: string } }).injector.imageType).toBe(imageType);
  });

  it.each([
    ['config', { config: '{', values: '{}' }],
    ['values', { config: '', values: '{' }],
  ])('of an injector that cannot be read say so: %s', (_, data) => {
    expect(readIstioConfigMap(configMap('istio-sidecar-injector', data))).toMatchObject({
      kind: 'Injector',
      unreadable: expect.any(String),
    });
  });
});

describe('istiod', () => {
  const deployment = (
    image: string,
    env: { name: string; value?: string }[] = [],
    labels: Record<string, string> = {},
  ): Parameters<typeof readIstiod>[0] => ({
    metadata: { name: 'istiod', namespace: 'istio-system', labels: { app: 'istiod', ...labels } },
    spec: { template: { spec: { containers: [{ name: 'discovery', image, env }] } } },
  });

  it.each([
    ['gcr.io/istio/pilot:1.30.3', '1.30.3'],
    ['istio/pilot:1.30.3-distroless', '1.30.3-distroless'],
    ['istio/pilot:v1.29.0@sha256:abc', '1.29.0'],
    ['corp/pilot:stable', undefined],
    ['corp/pilot', undefined],
  ])('tells its version by its image: %s', (image, version) => {
    expect(readIstiod(deployment(image)).version).toBe(version);
  });

  it('tells its version by its label where the image does not', () => {
    expect(readIstiod(deployment('corp/pilot:stable', [], { 'app.kubernetes.io/version': '1.29.1' })).version).toBe(
      '1.29.1',
    );
  });

  it.each([
    ['true', 'true'],
    ['False', 'false'],
    ['auto', 'auto'],
    ['maybe', undefined],
  ])('tells ENABLE_NATIVE_SIDECARS=%s', (value, expected) => {
    expect(
      readIstiod(deployment('istio/pilot:1.30.3', [{ name: 'ENABLE_NATIVE_SIDECARS', value }])).nativeSidecars,
    ).toBe(expected);
  });

  it('is known by its label, and belongs to a revision', () => {
    expect(isIstiod(deployment('x'))).toBe(true);
    expect(isIstiod({ metadata: { labels: { app: 'other' } } })).toBe(false);
    expect(readIstiod(deployment('x', [], { 'istio.io/rev': 'canary' })).revision).toBe('canary');
  });
});

describe('the rest of the mesh', () => {
  it.each([
    ['v1.36.3', 36],
    ['1.33.0-eks-1', 33],
    ['v2.0', undefined],
    ['', undefined],
  ])('a kubelet %s', (kubeletVersion, minor) => {
    expect(readKubeletMinor({ status: { nodeInfo: { kubeletVersion } } })).toBe(minor);
  });

  it.each([
    ['1.30.3', 30],
    ['v1.27.0', 27],
    ['1.27-alpha.1', 27],
    ['1.24.2-distroless', 24],
    ['latest', undefined],
    [undefined, undefined],
  ])('the minor of Istio %s', (version, minor) => {
    expect(istioMinor(version)).toBe(minor);
  });

  it('a ProxyConfig with all that counts', () => {
    const raw = {
      metadata: { name: 'a', namespace: 'shop', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: {
        selector: { matchLabels: { app: 'shop' } },
        environmentVariables: { A: 'b' },
        image: { imageType: 'debug' },
      },
    };

    expect(readProxyConfig(raw)).toEqual({
      namespace: 'shop',
      name: 'a',
      creationTimestamp: '2026-01-01T00:00:00Z',
      selector: { matchLabels: { app: 'shop' } },
      environmentVariables: { A: 'b' },
      imageType: 'debug',
    });
    expect(readProxyConfig({})).toEqual({ namespace: '', name: '', environmentVariables: {} });
  });
});

describe('a mesh put together', () => {
  const webhook = (name: string, labels: Record<string, string>): MeshRecords['webhooks'] =>
    readInjectorWebhooks({ metadata: { name, labels }, webhooks: [{ name: 'x' }] });
  const records: MeshRecords = {
    configMaps: [
      {
        kind: 'MeshConfig',
        namespace: 'istio-system',
        revision: 'default',
        from: 'ConfigMap istio-system/istio',
        defaultConfig: { terminationDrainDuration: 9 },
      },
      { kind: 'Injector', namespace: 'istio-system', revision: 'canary', unreadable: 'values' },
    ],
    istiods: [
      { namespace: 'istio-system', name: 'istiod', revision: 'default', version: '1.30.3', nativeSidecars: 'false' },
    ],
    webhooks: [
      ...webhook('istio-revision-tag-prod', { 'istio.io/rev': 'canary', 'istio.io/tag': 'prod' }),
      ...webhook('istio-sidecar-injector', {}),
    ],
    proxyConfigs: [],
    kubeletMinorByNode: new Map([
      ['a', 36],
      ['b', 32],
    ]),
    stated: {},
    defaultRootNamespace: 'istio-system',
  };

  it('has every revision that anything speaks of, and untagged webhooks first', () => {
    const mesh = assembleMesh(records);

    expect(mesh.istio).toBe('Present');
    expect(mesh.revisions).toEqual([
      { name: 'canary', settingsUnknown: UNSEEN_SETTINGS },
      {
        name: 'default',
        version: '1.30.3',
        rootNamespace: 'istio-system',
        defaultConfig: { terminationDrainDuration: 9 },
        defaultConfigFrom: 'ConfigMap istio-system/istio',
        nativeSidecars: 'false',
      },
    ]);
    expect(mesh.webhooks.map(({ configuration }) => configuration)).toEqual([
      'istio-sidecar-injector',
      'istio-revision-tag-prod',
    ]);
    expect(mesh.nodes).toMatchObject({ lowestKubeletMinor: 32, kubeletMinorByNode: { a: 36, b: 32 } });
  });

  it.each([
    ['no webhook: absent', { ...records, webhooks: [] }, { istio: 'Absent' }],
    [
      'no look at them: unknown',
      { ...records, webhooksUnknownBecause: '403' },
      { istio: 'Unknown', unknownBecause: '403' },
    ],
    ['no mesh config: the usual root namespace', { ...records, configMaps: [] }, { rootNamespace: 'istio-system' }],
    ['no nodes seen: nothing known of them', { ...records, kubeletMinorByNode: undefined }, { nodes: {} }],
  ])('%s', (_, given, expected) => {
    expect(assembleMesh(given)).toMatchObject(expected);
  });
});
