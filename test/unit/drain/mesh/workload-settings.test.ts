import { describe, expect, it } from '@jest/globals';
import { fc } from '../../../support/fast-check.ts';
import { PRE_STOP_ANNOTATION } from '../../../../src/api/names.ts';
import { effectiveSettings } from '../../../../src/drain/mesh/settings.ts';
import { workloadSettings } from '../../../../src/drain/mesh/workload-settings.ts';
import { findingsOf } from '../../../../src/drain/findings/checks.ts';
import type { MeshFacts, NamespaceFacts } from '../../../../src/drain/model/mesh.ts';
import type { EffectiveSettings } from '../../../../src/drain/model/settings.ts';
import type { Workload } from '../../../../src/drain/model/workload.ts';
import { clocksOf } from '../../../../src/drain/promise/clocks.ts';
import { meshOfPod, podOf, workloadOfPod } from '../../../fixtures/drain/arbitraries.ts';
import { sleep } from '../../../fixtures/drain/hooks.ts';
import { intentFor, meshOf, NAMESPACE, workloadOf, type WorkloadOptions } from '../../../fixtures/drain/objects.ts';

const RESOURCE = {
  namespace: 'shop',
  name: 'slow',
  creationTimestamp: '2026-02-01T00:00:00Z',
  selector: { matchLabels: { app: 'slow' } },
  environmentVariables: { MINIMUM_DRAIN_DURATION: '30s' },
};
const WEBHOOKS: MeshFacts['webhooks'] = [
  {
    configuration: 'injector',
    name: 'pods',
    revision: 'default',
    namespaceSelector: { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['batch'] }] },
    objectSelector: { matchExpressions: [{ key: 'mesh', operator: 'NotIn', values: ['off'] }] },
  },
];
const MESH = meshOf('classic', { proxyConfigs: [RESOURCE], webhooks: WEBHOOKS, stated: { injected: undefined } });

interface Given {
  readonly workload: Workload;
  readonly namespace?: NamespaceFacts;
  readonly mesh?: MeshFacts;
}

function shared({ workload, namespace = NAMESPACE, mesh = MESH }: Given): EffectiveSettings {
  return workloadSettings({ workload, template: workload.template, namespace, mesh });
}

/** Straight from the whole template. */
function whole({ workload, namespace = NAMESPACE, mesh = MESH }: Given): EffectiveSettings {
  const { template, annotations: workloadAnnotations, rolledOutAt } = workload;
  return effectiveSettings({ template, workloadAnnotations, namespace, mesh, rolledOutAt });
}

function withoutTemplate(settings: EffectiveSettings): object {
  return { ...settings, template: undefined };
}

const PLAIN: WorkloadOptions = { grace: 40, appPreStop: sleep(5) };

describe('the settings of a workload', () => {
  it.each<[what: string, other: WorkloadOptions]>([
    ['name', { ...PLAIN, name: 'cart' }],
    ['image', { ...PLAIN, app: { image: 'shop.example/cart:2', imagePullPolicy: 'Always' } }],
    ['labels that nobody asks for', { ...PLAIN, labels: { 'app.kubernetes.io/name': 'cart', version: 'v2' } }],
    ['note', { ...PLAIN, metadata: { 'sidecardrain.io/state': '{}' } }],
  ])('are one object with those of a workload of another %s', (_, other) => {
    expect(shared({ workload: workloadOf(other) })).toBe(shared({ workload: workloadOf(PLAIN) }));
  });

  it.each<[what: string, given: Given]>([
    ['a grace period', { workload: workloadOf({ ...PLAIN, grace: 41 }) }],
    ['a hook', { workload: workloadOf({ ...PLAIN, appPreStop: sleep(6) }) }],
    ['a port', { workload: workloadOf({ ...PLAIN, app: { ports: [{ containerPort: 9000 }] } }) }],
    ['the image of the proxy', { workload: workloadOf({ ...PLAIN, proxy: { image: 'proxyv2:1.30.3-distroless' } }) }],
    ['the stated length of a hook', { workload: workloadOf({ ...PLAIN, metadata: { [PRE_STOP_ANNOTATION]: '9s' } }) }],
    ['a label that a ProxyConfig selects', { workload: workloadOf({ ...PLAIN, labels: { app: 'slow' } }) }],
    ['a label that the injector asks for', { workload: workloadOf({ ...PLAIN, labels: { mesh: 'off' } }) }],
    ["a label of Istio's", { workload: workloadOf({ ...PLAIN, labels: { 'sidecar.istio.io/inject': 'false' } }) }],
    [
      'a label of the namespace that the injector asks for',
      { workload: workloadOf(PLAIN), namespace: { ...NAMESPACE, labels: { tier: 'batch' } } },
    ],
    ['a namespace', { workload: workloadOf(PLAIN), namespace: { ...NAMESPACE, name: 'kube-system' } }],
    [
      'pods older than a ProxyConfig',
      {
        workload: workloadOf({ ...PLAIN, labels: { app: 'slow' }, workload: { rolledOutAt: '2026-01-01T00:00:00Z' } }),
      },
    ],
    ['another mesh', { workload: workloadOf(PLAIN), mesh: meshOf('native') }],
  ])('are others with %s', (_, given) => {
    const settings = shared(given);

    expect(withoutTemplate(settings)).toEqual(withoutTemplate(whole(given)));
    expect(withoutTemplate(settings)).not.toEqual(withoutTemplate(shared({ workload: workloadOf(PLAIN) })));
  });

  it('are what the whole template says, for every pod', () => {
    const label = fc.constantFrom('app', 'mesh', 'version', 'istio.io/rev', 'sidecar.istio.io/inject');
    const labels = fc.dictionary(label, fc.constantFrom('slow', 'off', 'true', 'false', 'default'), { maxKeys: 3 });
    fc.assert(
      fc.property(podOf({ mysteries: true }), labels, (pod, more) => {
        const plain = workloadOfPod(pod);
        const { metadata } = plain.template;
        const template = { ...plain.template, metadata: { ...metadata, labels: { ...metadata?.labels, ...more } } };
        const { revisions, nodes, stated } = meshOfPod(pod);
        const given = { workload: { ...plain, template }, mesh: { ...MESH, revisions, nodes, stated } };

        expect(withoutTemplate(shared(given))).toEqual(withoutTemplate(whole(given)));
      }),
      { numRuns: 300 },
    );
  });
});

describe('findings of workloads with the same settings', () => {
  const intent = intentFor();
  const found = (options: WorkloadOptions): string[] => {
    const workload = workloadOf(options);
    const settings = shared({ workload });
    return findingsOf({ workload, settings, intent, clocks: clocksOf(settings, intent.endpointDelay) }).map(
      ({ code }) => code,
    );
  };

  it('are shared, but for those that each has of its own', () => {
    const plain = found(PLAIN);
    const misplaced = {
      code: 'SettingMisplaced',
      path: 'spec.x',
      steps: ['spec', 'x'],
      message: 'nobody reads it',
    } as const;

    expect(found({ ...PLAIN, workload: { misplaced: [misplaced] } }).sort()).toEqual(
      [...plain, 'SettingMisplaced'].sort(),
    );
    expect(found({ ...PLAIN, workload: { refused: 'spec.containers is missing' } })).toContain('TemplateRefused');
    expect(found(PLAIN)).toEqual(plain);
  });

  it("are not a server's where the workload is a Job", () => {
    const server = { ...PLAIN, appPreStop: undefined };

    expect(found(server)).toContain('NewRequestsRefused');
    expect(found({ ...server, kind: 'Job' })).toContain('JobNeverCompletes');
    expect(found({ ...server, kind: 'Job' })).not.toContain('NewRequestsRefused');
    expect(found(server)).not.toContain('JobNeverCompletes');
  });
});
