import { describe, expect, it } from '@jest/globals';
import { deploymentOf, type GatewaySurroundings } from '../../../../src/drain/gateways/deployment.ts';
import { readGateway, readGatewayClass, readOverlay } from '../../../../src/drain/gateways/records.ts';
import { effectiveSettings } from '../../../../src/drain/mesh/settings.ts';
import type { MeshFacts } from '../../../../src/drain/model/mesh.ts';
import type { EffectiveSettings } from '../../../../src/drain/model/settings.ts';
import type { Workload } from '../../../../src/drain/model/workload.ts';
import { APPS_KINDS } from '../../../../src/drain/template/kinds/apps.ts';
import { projectWorkload } from '../../../../src/drain/template/index.ts';
import { meshOf } from '../../../fixtures/drain/objects.ts';

const NO_SURROUNDINGS: GatewaySurroundings = { classes: [], overlays: [], systemNamespaces: ['istio-system'] };
const [DEPLOYMENT] = APPS_KINDS;

function gateway(spec: object, metadata: object = {}): ReturnType<typeof readGateway> {
  return readGateway({ metadata: { namespace: 'port', name: 'quay', ...metadata }, spec });
}

function overlay(
  name: string,
  text: string | undefined,
  more: object = {},
): NonNullable<ReturnType<typeof readOverlay>> {
  const raw = { metadata: { namespace: 'port', name, ...more }, data: text === undefined ? {} : { deployment: text } };
  const read = readOverlay(raw);
  if (read === undefined) {
    throw new Error('no overlay');
  }
  return read;
}

const NAMES_PIER = {
  gatewayClassName: 'istio',
  infrastructure: { parametersRef: { group: '', kind: 'ConfigMap', name: 'pier' } },
};

function made(spec: object, around: Partial<GatewaySurroundings> = {}, metadata: object = {}): Workload {
  const result = deploymentOf(gateway(spec, metadata), { ...NO_SURROUNDINGS, ...around });
  if (result.kind !== 'Made' || DEPLOYMENT === undefined) {
    throw new Error(result.kind);
  }
  return projectWorkload(result.deployment, DEPLOYMENT);
}

function settings(
  { template, namespace: name }: Workload,
  mesh: Partial<MeshFacts> = {},
  labels = {},
): EffectiveSettings {
  return effectiveSettings({ template, namespace: { name, labels }, mesh: meshOf('native', mesh) });
}

describe('the Deployment that istiod makes from a Gateway', () => {
  it.each([
    ['a gateway', { gatewayClassName: 'istio' }, {}, 'quay-istio', 'Gateway'],
    ['a waypoint', { gatewayClassName: 'istio-waypoint' }, {}, 'quay', 'Waypoint'],
    [
      'a name of its own',
      { gatewayClassName: 'istio' },
      { annotations: { 'gateway.istio.io/name-override': 'lock' } },
      'lock',
      'Gateway',
    ],
  ])('%s', (_, spec, metadata, name, rendered) => {
    const workload = made(spec, {}, metadata);
    expect(workload).toMatchObject({
      name,
      namespace: 'port',
      limit: { reason: 'RenderedFromGateway', detail: 'quay' },
    });
    expect(workload.controllerOwner).toBeUndefined();
    expect(settings(workload).proxy).toMatchObject({ kind: 'Gateway', rendered, revision: 'default' });
  });

  it('takes the controller from the GatewayClass', () => {
    const classes = [
      readGatewayClass({ metadata: { name: 'edge' }, spec: { controllerName: 'istio.io/gateway-controller' } }),
    ];
    expect(made({ gatewayClassName: 'edge' }, { classes }).name).toBe('quay-edge');
  });

  it.each([
    ["another controller's class", { gatewayClassName: 'nginx' }],
    ['a gateway of another cluster', { gatewayClassName: 'istio-remote' }],
    ['a Service that is there already', { gatewayClassName: 'istio', addresses: [{ type: 'Hostname', value: 'a.b' }] }],
  ])('is none for %s', (_, spec) => {
    expect(deploymentOf(gateway(spec), NO_SURROUNDINGS).kind).toBe('NotIstio');
  });

  it.each([
    [
      'another kind of parameters',
      { gatewayClassName: 'istio', infrastructure: { parametersRef: { group: 'x', kind: 'Options', name: 'y' } } },
      '',
      /ConfigMaps only/,
    ],
    ['an overlay that is no YAML', NAMES_PIER, 'spec: [', /is no YAML/],
    ['an overlay that renames', NAMES_PIER, 'metadata: {name: other}', /illegal metadata change/],
    [
      'an overlay with a nameless container',
      NAMES_PIER,
      'spec: {template: {spec: {containers: [{image: x}]}}}',
      /has no name/,
    ],
  ])('is refused with %s', (_, spec, text, why) => {
    const result = deploymentOf(gateway(spec), { ...NO_SURROUNDINGS, overlays: [overlay('pier', text)] });
    expect(result).toMatchObject({ kind: 'Refused', why: expect.stringMatching(why) as unknown });
  });

  it('has the overlay of its class below its own, and the oldest of several', () => {
    const label = { 'gateway.istio.io/defaults-for-class': 'istio' };
    const grace = (seconds: number): string => `spec: {template: {spec: {terminationGracePeriodSeconds: ${seconds}}}}`;
    const ofClass = (
      name: string,
      seconds: number,
      created: string,
      namespace = 'istio-system',
    ): ReturnType<typeof overlay> =>
      overlay(name, grace(seconds), { namespace, labels: label, creationTimestamp: created });
    const overlays = [
      ofClass('new', 50, '2026-03-01T00:00:00Z'),
      ofClass('old', 40, '2026-02-01T00:00:00Z'),
      ofClass('elsewhere', 99, '2026-01-01T00:00:00Z', 'port'),
    ];
    expect(made({ gatewayClassName: 'istio' }, { overlays }).template.spec.terminationGracePeriodSeconds).toBe(40);
    const own = [...overlays, overlay('pier', grace(70))];
    expect(made(NAMES_PIER, { overlays: own }).template.spec.terminationGracePeriodSeconds).toBe(70);
  });

  it("takes the annotation's durations and not its environment; that stands in the container", () => {
    const config = 'terminationDrainDuration: 33s\nproxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"}';
    const annotations = { 'proxy.istio.io/config': config };
    const text =
      'spec: {template: {spec: {containers: [{name: istio-proxy, env: [{name: MINIMUM_DRAIN_DURATION, value: 9s}]}]}}}';
    const seen = settings(made(NAMES_PIER, { overlays: [overlay('pier', text)] }, { annotations }));
    expect(seen.terminationDrainDuration.value).toBe(33);
    expect(seen.exitOnZeroActiveConnections.value).toBe(false);
    expect(seen.minimumDrainDuration).toMatchObject({ value: 9, origin: { level: 'Template' } });
  });

  it('reads the mesh defaults, and of the ProxyConfig resources those of its name', () => {
    const variables = (value: string): Record<string, string> => ({ MINIMUM_DRAIN_DURATION: value });
    const resource = (name: string, labels: Record<string, string>, value: string) => ({
      namespace: 'port',
      name,
      selector: { matchLabels: labels },
      environmentVariables: variables(value),
    });
    const proxyConfigs = [
      resource('a', { tier: 'edge' }, '77s'),
      resource('b', { 'gateway.networking.k8s.io/gateway-name': 'quay' }, '12s'),
    ];
    const workload = made({ gatewayClassName: 'istio', infrastructure: { labels: { tier: 'edge' } } });
    expect(settings(workload, { proxyConfigs }).minimumDrainDuration.value).toBe(12);
  });

  it.each<[string, object, object, Record<string, string>, boolean]>([
    ['a waypoint', { gatewayClassName: 'istio-waypoint' }, {}, {}, true],
    ['a gateway whose mesh speaks HBONE', { gatewayClassName: 'istio' }, { ISTIO_META_ENABLE_HBONE: 'true' }, {}, true],
    [
      'a gateway in an ambient namespace',
      { gatewayClassName: 'istio' },
      {},
      { 'istio.io/dataplane-mode': 'ambient' },
      true,
    ],
    ['a gateway of a mesh of sidecars', { gatewayClassName: 'istio' }, {}, {}, false],
  ])('%s speaks the tunnel protocol or not', (_, spec, proxyMetadata, labels, ambient) => {
    const [revision] = meshOf('native').revisions;
    const revisions =
      revision === undefined ? [] : [{ ...revision, defaultConfig: { proxyMetadata: { ...proxyMetadata } } }];
    expect(settings(made(spec), { revisions }, labels).proxy.ambient).toBe(ambient);
  });
});
