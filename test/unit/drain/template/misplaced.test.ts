import { describe, expect, it } from '@jest/globals';
import { unreadAnnotation, unreadVariable } from '../../../../src/drain/mesh/annotations.ts';
import { misplacedSettings } from '../../../../src/drain/template/misplaced.ts';

const CONFIG = 'proxy.istio.io/config';
const INJECT = 'sidecar.istio.io/inject';
const DEPLOYMENT = { kind: 'Deployment', templatePath: ['spec', 'template'] };
const CRONJOB = { kind: 'CronJob', templatePath: ['spec', 'jobTemplate', 'spec', 'template'] };
const POD = { kind: 'Pod', templatePath: [] };
const ARENA = { kind: 'Arena', templatePath: ['spec', 'template'], custom: true as const };

function pathsOf(raw: unknown, place: Parameters<typeof misplacedSettings>[1] = DEPLOYMENT): string[] {
  return (misplacedSettings(raw as never, place) ?? []).map(({ code, path }) => `${code} ${path}`);
}

const app = (more: object): object => ({ spec: { template: { spec: { containers: [{ name: 'app', ...more }] } } } });
const env = [
  { name: 'PORT', value: '1' },
  { name: 'MINIMUM_DRAIN_DURATION', value: '9s' },
];

describe('a setting that nothing reads', () => {
  it.each<[string, unknown, Parameters<typeof misplacedSettings>[1], string[]]>([
    [
      'an annotation of the workload',
      { metadata: { annotations: { [CONFIG]: '{}' } } },
      DEPLOYMENT,
      [`AnnotationMisplaced metadata.annotations["${CONFIG}"]`],
    ],
    [
      'a label of the workload',
      { metadata: { labels: { [INJECT]: 'false' } } },
      DEPLOYMENT,
      [`AnnotationMisplaced metadata.labels["${INJECT}"]`],
    ],
    [
      'an annotation without its level',
      { spec: { template: { metadata: { [CONFIG]: 'x' } } } },
      DEPLOYMENT,
      [`AnnotationMisplaced spec.template.metadata["${CONFIG}"]`],
    ],
    [
      'annotations of the template without metadata',
      { spec: { template: { annotations: { [CONFIG]: 'x' } } } },
      DEPLOYMENT,
      [`AnnotationMisplaced spec.template.annotations["${CONFIG}"]`],
    ],
    [
      'annotations of the job',
      { spec: { jobTemplate: { metadata: { annotations: { [CONFIG]: 'x' } } } } },
      CRONJOB,
      [`AnnotationMisplaced spec.jobTemplate.metadata.annotations["${CONFIG}"]`],
    ],
    [
      'a grace period of the workload',
      { spec: { terminationGracePeriodSeconds: 9 } },
      DEPLOYMENT,
      ['SettingMisplaced spec.terminationGracePeriodSeconds'],
    ],
    [
      'a grace period of a container',
      app({ terminationGracePeriodSeconds: 9 }),
      DEPLOYMENT,
      ['SettingMisplaced spec.template.spec.containers[0].terminationGracePeriodSeconds'],
    ],
    [
      'a hook outside of lifecycle',
      app({ preStop: {} }),
      DEPLOYMENT,
      ['SettingMisplaced spec.template.spec.containers[0].preStop'],
    ],
    ['a variable of the proxy', app({ env }), DEPLOYMENT, ['SettingMisplaced spec.template.spec.containers[0].env[1]']],
    ['nothing: a gateway of any name', app({ env, image: 'docker.io/istio/proxyv2:1.29.0' }), DEPLOYMENT, []],
    [
      'nothing: the same label on the template',
      {
        metadata: { labels: { [INJECT]: 'false' } },
        spec: { template: { metadata: { annotations: {}, labels: { [INJECT]: 'false' } } } },
      },
      DEPLOYMENT,
      [],
    ],
    [
      'nothing: the annotation of a pod',
      { metadata: { annotations: { [CONFIG]: '{}' } }, spec: { terminationGracePeriodSeconds: 4 } },
      POD,
      [],
    ],
    [
      'nothing: a field of a custom resource',
      { spec: { terminationGracePeriodSeconds: 9, annotations: { [INJECT]: 'x' } } },
      ARENA,
      [],
    ],
    ['nothing: a probe of its own', app({ livenessProbe: { terminationGracePeriodSeconds: 9 } }), DEPLOYMENT, []],
  ])('%s', (_, raw, place, expected) => {
    expect(pathsOf(raw, place)).toEqual(expected);
  });
});

describe('an annotation that Istio does not read', () => {
  it.each([
    ['sidecar.istio.io/drainDuration', /field of the annotation proxy\.istio\.io\/config/],
    ['sidecar.istio.io/terminationGracePeriodSeconds', /spec/],
    ['proxy.istio.io/MINIMUM_DRAIN_DURATION', /proxyMetadata/],
    ['sidecar.istio.io/loglevel', /sidecar\.istio\.io\/logLevel is meant/],
    ['sidecar.istio.io/gentleShutdown', /none of that name/],
  ])('%s', (key, why) => {
    expect(unreadAnnotation(key)).toMatch(why);
  });

  it.each([
    CONFIG,
    INJECT,
    'sidecar.istio.io/nativeSidecar',
    'traffic.sidecar.istio.io/anything',
    'example.com/x',
    'plain',
  ])('not %s', (key) => {
    expect(unreadAnnotation(key)).toBeUndefined();
  });
});

describe('a variable that the proxy does not read', () => {
  it.each([
    ['TERMINATION_DRAIN_DURATION_SECONDS', 'terminationDrainDuration of proxy.istio.io/config'],
    ['MINIMUM_DRAIN_DURATION_SECONDS', 'MINIMUM_DRAIN_DURATION'],
    ['EXIT_ON_ZERO_CONNECTIONS', 'EXIT_ON_ZERO_ACTIVE_CONNECTIONS'],
    ['exitOnZeroActiveConnections', 'EXIT_ON_ZERO_ACTIVE_CONNECTIONS'],
  ])('%s', (name, instead) => {
    expect(unreadVariable(name)).toBe(instead);
  });

  it.each(['EXIT_ON_ZERO_ACTIVE_CONNECTIONS', 'MINIMUM_DRAIN_DURATION', 'ISTIO_META_DNS_CAPTURE', 'MINIMUM', 'EXIT'])(
    'not %s',
    (name) => {
      expect(unreadVariable(name)).toBeUndefined();
    },
  );
});
