import { describe, expect, it } from '@jest/globals';
import { DELIVERED_LABEL } from '../../../../src/api/names.ts';
import type { SidecarDrainPolicySpec } from '../../../../src/api/policy.ts';
import { admitPod, deliveredKey, ownerOfPod, type Admitted } from '../../../../src/drain/admit/index.ts';
import type { Decision } from '../../../../src/drain/model/decision.ts';
import type { Workload } from '../../../../src/drain/model/workload.ts';
import { assess, type AssessInput } from '../../../../src/drain/plan/assess.ts';
import { workloadOf } from '../../../fixtures/drain/objects.ts';
import { carriedOut, factsWith, policy, type Json } from './objects.ts';

const CONFIG = 'proxy.istio.io/config';
const declaredBy = (owner: string) => ({ ownership: 'Declared', owners: [owner] }) as const;

function pod({
  grace = 30,
  config,
  containers = [],
}: { grace?: number; config?: string; containers?: readonly object[] } = {}): Json {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: 'checkout-6d5f-',
      namespace: 'shop',
      labels: { app: 'shop', 'pod-template-hash': '6d5f' },
      ...(config === undefined ? {} : { annotations: { [CONFIG]: config } }),
    },
    spec: { terminationGracePeriodSeconds: grace, containers: [{ name: 'app', image: 'app:1' }, ...containers] },
  };
}

function toPods(spec: Partial<SidecarDrainPolicySpec> = {}): ReturnType<typeof policy> {
  return policy({ delivery: 'Admission', ...spec });
}

function admit(raw: Json, given = toPods(), workload: Workload = workloadOf()): Admitted {
  return admitPod({ pod: raw, workload, facts: () => factsWith(given) });
}

describe('a pod on its way in', () => {
  it('gets the values and the key of the intent', () => {
    const before = pod();
    const after = carriedOut(before, admit(before).patch);

    expect(after.spec.terminationGracePeriodSeconds).toBe(40);
    expect(after.metadata.annotations).toEqual({ [CONFIG]: expect.stringContaining('terminationDrainDuration: 35s') });
    expect(after.metadata.labels).toEqual({ ...before.metadata.labels, [DELIVERED_LABEL]: deliveredKey(toPods()) });
    expect(admit(after).patch).toEqual([]);
  });

  it('keeps what its template declares in the annotation, key by key', () => {
    const before = pod({ config: '# ours\nconcurrency: 2\nproxyMetadata:\n  FOO: bar\n' });
    const after = carriedOut(
      before,
      admit(before, toPods(), workloadOf({ fields: { proxyConfig: declaredBy('flux') } })).patch,
    );

    expect(after.metadata.annotations[CONFIG]).toBe(
      '# ours\nconcurrency: 2\nproxyMetadata:\n  FOO: bar\nterminationDrainDuration: 35s\n',
    );
  });

  it('gets the hook in a container istio-proxy that the injector merges', () => {
    const before = pod();
    const after = carriedOut(
      before,
      admit(before, toPods({ drain: { mode: 'Adaptive', maxWait: '60s', strategy: 'PreStopHook' } })).patch,
    );

    expect(after.spec.containers[1]).toMatchObject({
      name: 'istio-proxy',
      image: 'auto',
      imagePullPolicy: 'IfNotPresent',
      lifecycle: { preStop: { exec: {} } },
    });
  });

  it('gets a sleep for containers that serve and have no preStop, under application Delay', () => {
    const delay = toPods({ drain: { mode: 'Fixed', duration: '30s', endpointDelay: '7s', application: 'Delay' } });
    const before = pod({
      containers: [
        { name: 'metrics', image: 'm:1', ports: [{ containerPort: 9090 }], lifecycle: { postStart: { exec: {} } } },
        {
          name: 'own',
          image: 'o:1',
          readinessProbe: { tcpSocket: { port: 81 } },
          lifecycle: { preStop: { exec: { command: ['sleep', '9'] } } },
        },
      ],
    });
    before.spec.containers[0].ports = [{ containerPort: 8080 }];

    const after = carriedOut(before, admit(before, delay).patch);

    const sleep = { sleep: { seconds: 7 } };
    expect(after.spec.containers.map(({ lifecycle }: Json) => lifecycle)).toEqual([
      { preStop: sleep },
      { postStart: { exec: {} }, preStop: sleep },
      { preStop: { exec: { command: ['sleep', '9'] } } },
    ]);
    // 9 s of the longest preStop, 30 s and the margin of 5 s.
    expect(after.spec.terminationGracePeriodSeconds).toBe(44);
    expect(admit(after, delay).patch).toEqual([]);
  });

  it('of a template that keeps the promise by itself is only counted', () => {
    const before = pod({ grace: 60, config: 'terminationDrainDuration: 50s\n' });

    expect(admit(before).patch).toEqual([
      { op: 'add', path: `/metadata/labels/${DELIVERED_LABEL.replace('/', '~1')}`, value: deliveredKey(toPods()) },
    ]);
  });

  it.each<[string, Json, ReturnType<typeof policy>, Workload | undefined]>([
    ['its workload is delivered to by its template', pod(), policy(), undefined],
    ['the policy is suspended', pod(), toPods({ suspend: true }), undefined],
    ['the policy is Audit', pod(), toPods({ enforcement: 'Audit' }), undefined],
    ['the workload is exempt', pod(), toPods(), workloadOf({ metadata: { 'sidecardrain.io/exempt': 'batch' } })],
    [
      'its grace period is declared shorter',
      pod({ grace: 10 }),
      toPods(),
      workloadOf({ grace: 10, fields: { gracePeriod: declaredBy('flux') } }),
    ],
    [
      'its annotation is declared to say something else',
      pod({ config: 'terminationDrainDuration: 10s\n' }),
      toPods(),
      workloadOf({ fields: { proxyConfig: declaredBy('flux') } }),
    ],
  ])('is left alone where %s', (_, raw, given, workload) => {
    expect(admit(raw, given, workload).patch).toEqual([]);
  });

  it('is left alone once the injector was there', () => {
    const raw = pod();
    raw.metadata.annotations = { 'sidecar.istio.io/status': '{}' };

    expect(admit(raw).patch).toEqual([]);
  });

  it('takes a declared value with conflicts: Force', () => {
    const before = pod({ grace: 10, config: 'terminationDrainDuration: 10s\n' });
    const workload = workloadOf({
      grace: 10,
      fields: { gracePeriod: declaredBy('flux'), proxyConfig: declaredBy('flux') },
    });
    const after = carriedOut(before, admit(before, toPods({ conflicts: 'Force' }), workload).patch);

    expect([after.spec.terminationGracePeriodSeconds, after.metadata.annotations[CONFIG]]).toEqual([
      40,
      'terminationDrainDuration: 35s\n',
    ]);
  });
});

describe('whose a pod is', () => {
  const owned = (
    kind: string,
    name: string,
    labels: Record<string, string> = {},
    controller = true,
  ): string | undefined =>
    ownerOfPod({ labels, ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: 'u', controller }] }, 'shop');

  it.each([
    [
      "a Deployment's",
      owned('ReplicaSet', 'check-out-6d5f', { 'pod-template-hash': '6d5f' }),
      'Deployment/shop/check-out',
    ],
    [
      "a Rollout's",
      owned('ReplicaSet', 'check-out-6d5f', { 'rollouts-pod-template-hash': '6d5f' }),
      'Rollout/shop/check-out',
    ],
    ["a StatefulSet's", owned('StatefulSet', 'db'), 'StatefulSet/shop/db'],
    ["a bare ReplicaSet's", owned('ReplicaSet', 'check-out'), undefined],
    [
      'of a ReplicaSet with another hash',
      owned('ReplicaSet', 'check-out-6d5f', { 'pod-template-hash': 'f5d6' }),
      undefined,
    ],
    ["no controller's", owned('StatefulSet', 'db', {}, false), undefined],
    ["nobody's", ownerOfPod({}, 'shop'), undefined],
  ])('%s', (_, key, expected) => {
    expect(key).toBe(expected);
  });
});

describe('a policy with delivery: Admission', () => {
  const decided = (more: Partial<AssessInput> = {}, given = toPods()): Decision | undefined =>
    assess({ ...factsWith(given), workload: workloadOf(), ...more }).governing?.decision;

  it.each<[string, Partial<AssessInput>, string, string]>([
    ['no pods can be looked at (files)', {}, 'Pending', 'its pods get it when they are created'],
    [
      'every pod carries the key',
      { countDelivered: () => ({ current: 3, wanted: 3 }) },
      'Compliant',
      'every pod carries',
    ],
    [
      'more than wanted carry it',
      { countDelivered: () => ({ current: 4, wanted: 3 }) },
      'Compliant',
      'every pod carries',
    ],
    [
      'some are older',
      { countDelivered: () => ({ current: 1, wanted: 3 }) },
      'Pending',
      '2 of 3 pod(s) are older than the policy; they get it at their next restart',
    ],
    ['pods may not be read', { countDelivered: () => undefined }, 'Unknown', 'cannot be read'],
  ])('says of a workload where %s', (_, more, outcome, message) => {
    expect(decided(more)).toMatchObject({ outcome, message: expect.stringContaining(message), carrier: 'Pod' });
  });

  it('counts the pods of its own intent', () => {
    const keys: string[] = [];
    const countDelivered = (_: Workload, key: string) => {
      keys.push(key);
      return { current: 0, wanted: 1 };
    };
    decided({ countDelivered });
    decided({ countDelivered }, toPods({ drain: { mode: 'Fixed', duration: '31s' } }));
    decided({ countDelivered }, toPods({ onDelete: 'Orphan' }));

    expect([keys[0] === keys[1], keys[0] === keys[2]]).toEqual([false, true]);
  });

  it('meets no conflict in an annotation to which it only adds, and names the key where it does not', () => {
    const workload = (config: string): Workload => workloadOf({ config, fields: { proxyConfig: declaredBy('flux') } });

    expect(decided({ workload: workload('concurrency: 2\n') })?.outcome).toBe('Pending');
    expect(decided({ workload: workload('terminationDrainDuration: 10s\n') })).toMatchObject({
      outcome: 'Conflicted',
      reason: 'FieldConflict',
      message: expect.stringMatching(/states terminationDrainDuration, declared by flux/),
    });
  });
});
