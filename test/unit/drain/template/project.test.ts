import { describe, expect, it } from '@jest/globals';
import { projectTemplate, projectWorkload } from '../../../../src/drain/template/project.ts';
import type { Workload } from '../../../../src/drain/model/workload.ts';
import type { RawObject } from '../../../../src/drain/template/raw.ts';
import { WORKLOAD_KINDS, workloadKind } from '../../../../src/drain/template/kinds.ts';

const deployment = workloadKind('Deployment')!;

const raw = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'checkout',
    namespace: 'shop',
    uid: 'u-1',
    resourceVersion: '42',
    generation: 3,
    labels: { app: 'checkout' },
    annotations: {
      'sidecardrain.io/exempt': 'not now',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
      team: 'shop',
    },
    ownerReferences: [
      { apiVersion: 'serving.knative.dev/v1', kind: 'Revision', name: 'r', uid: 'x', controller: true },
    ],
  },
  spec: {
    replicas: 2,
    template: {
      metadata: {
        labels: { app: 'checkout' },
        annotations: {
          'proxy.istio.io/config': 'drainDuration: 60s',
          'sidecar.istio.io/inject': 'true',
          'istio.io/rev': 'stable',
          'sidecardrain.io/pre-stop': '20s',
          'prometheus.io/scrape': 'true',
          'notistio.io/x': 'y',
        },
      },
      spec: {
        terminationGracePeriodSeconds: 30,
        hostNetwork: false,
        serviceAccountName: 'checkout',
        containers: [
          {
            name: 'app',
            image: 'shop/checkout:1',
            resources: { limits: { cpu: '1' } },
            env: [{ name: 'SECRET', value: 'x' }],
            ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
            livenessProbe: { httpGet: { path: '/', port: 8080 }, terminationGracePeriodSeconds: 10 },
            startupProbe: { httpGet: { path: '/', port: 8080 } },
            lifecycle: { preStop: { exec: { command: ['sleep', '5'] } } },
          },
          {
            name: 'istio-proxy',
            image: 'auto',
            env: [
              { name: 'A', value: 'b' },
              { name: 'C', valueFrom: {} },
            ],
            lifecycle: {},
          },
        ],
        initContainers: [{ name: 'migrate', image: 'shop/migrate:1', restartPolicy: 'Always' }],
      },
    },
  },
  status: { observedGeneration: 3, replicas: 2, updatedReplicas: 2, availableReplicas: 2 },
};

describe('the slim record', () => {
  it('holds what the domain reads, and nothing else', () => {
    expect(projectWorkload(raw, deployment)).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      namespace: 'shop',
      name: 'checkout',
      uid: 'u-1',
      resourceVersion: '42',
      generation: 3,
      deleting: false,
      controllerOwner: { apiVersion: 'serving.knative.dev/v1', kind: 'Revision', name: 'r' },
      labels: { app: 'checkout' },
      annotations: { 'sidecardrain.io/exempt': 'not now' },
      template: {
        metadata: {
          labels: { app: 'checkout' },
          annotations: {
            'proxy.istio.io/config': 'drainDuration: 60s',
            'sidecar.istio.io/inject': 'true',
            'istio.io/rev': 'stable',
            'sidecardrain.io/pre-stop': '20s',
          },
        },
        spec: {
          terminationGracePeriodSeconds: 30,
          containers: [
            {
              name: 'app',
              image: 'shop/checkout:1',
              ports: [{ containerPort: 8080 }],
              livenessProbe: { httpGet: {}, terminationGracePeriodSeconds: 10 },
              startupProbe: { httpGet: {} },
              lifecycle: { preStop: { exec: { command: ['sleep', '5'] } } },
            },
            {
              name: 'istio-proxy',
              image: 'auto',
              env: [
                { name: 'A', value: 'b' },
                { name: 'C', valueFrom: {} },
              ],
              lifecycle: {},
            },
          ],
          initContainers: [{ name: 'migrate', image: 'shop/migrate:1', restartPolicy: 'Always' }],
        },
      },
      fields: expect.objectContaining({ proxyConfig: { ownership: 'Declared', owners: ['manifest'] } }),
      rollout: {
        replicas: 2,
        strategy: 'RollingUpdate',
        paused: false,
        partition: 0,
        complete: true,
        healthy: true,
        rolling: false,
        stuck: false,
        terminating: 'NotInStatus',
      },
    });
  });

  it('shares what is equal', () => {
    const one = projectWorkload(raw, deployment);
    const other = projectWorkload({ ...raw, metadata: { ...raw.metadata, name: 'other' } }, deployment);
    expect(one.fields).toBe(other.fields);
    expect(one.rollout).toBe(other.rollout);
    expect(one.template.metadata?.labels).toBe(one.labels);
  });

  it('shares no record of a rollout with one that differs in any part', () => {
    const live = (terminatingReplicas: number): RawObject => ({
      metadata: { name: 'web', uid: 'u', generation: 1 },
      spec: { replicas: 3 },
      status: {
        observedGeneration: 1,
        replicas: 3,
        updatedReplicas: 3,
        readyReplicas: 3,
        availableReplicas: 3,
        terminatingReplicas,
      },
    });
    const ofKind = (kind: string): Workload['rollout'] => projectWorkload(live(0), workloadKind(kind)!).rollout;

    expect(projectWorkload(live(0), deployment).rollout.terminating).toBe(0);
    expect(projectWorkload(live(2), deployment).rollout.terminating).toBe(2);
    expect([ofKind('Deployment').drainRounds, ofKind('StatefulSet').drainRounds]).toEqual([undefined, 3]);
  });

  it('takes namespace and place of a manifest from whoever read it', () => {
    const source = { file: 'shop.yaml', line: 3 };
    const workload = projectWorkload({ kind: 'Deployment', metadata: { name: 'x' }, spec: {} }, deployment, {
      namespace: 'shop',
      source,
    });
    expect(workload).toMatchObject({ namespace: 'shop', source, template: { spec: { containers: [] } } });
  });

  it.each<[string, object]>([
    ['nothing', {}],
    ['a spec that is no object', { spec: 'x', metadata: 5 }],
    [
      'lists that are none',
      {
        spec: {
          template: {
            metadata: { annotations: [], labels: 'x' },
            spec: { containers: { name: 'x' }, initContainers: 3 },
          },
        },
        metadata: { ownerReferences: {}, managedFields: 'x' },
      },
    ],
    ['containers that are none', { spec: { template: { spec: { containers: [null, 'x', 5] } } } }],
    [
      'labels that are no strings',
      { spec: { template: { metadata: { labels: { a: 5 } }, spec: { containers: [] } } } },
    ],
  ])('does not fail on %s', (_, object) => {
    for (const adapter of WORKLOAD_KINDS) {
      expect(projectWorkload(object, adapter).template.spec.containers.length).toBeGreaterThanOrEqual(0);
    }
  });

  it('marks an object that is being deleted', () => {
    expect(projectWorkload({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }, deployment).deleting).toBe(
      true,
    );
  });
});

it('a pod template of its own can be projected', () => {
  expect(projectTemplate({ spec: { containers: [{ name: 'app' }], hostNetwork: true, nodeName: 'n' } })).toEqual({
    metadata: { labels: {}, annotations: {} },
    spec: { containers: [{ name: 'app' }], hostNetwork: true, nodeName: 'n' },
  });
});
