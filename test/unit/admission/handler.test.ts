import { describe, expect, it } from '@jest/globals';
import {
  createAdmissionHandler,
  type AdmissionAnswer,
  type AdmissionOperation,
  type AdmissionFacts,
} from '../../../src/admission/index.ts';
import type { PolicyRecord } from '../../../src/drain/plan/policies.ts';
import { workloadOf } from '../../fixtures/drain/objects.ts';
import { AT, DEPLOYMENT, factsWith, incoming, policy, type Json } from '../drain/admit/objects.ts';

interface Asking {
  readonly object?: Json;
  readonly kind?: { group: string; version: string; kind: string };
  readonly operation?: AdmissionOperation;
  readonly policies?: readonly PolicyRecord[];
  readonly picture?: Partial<AdmissionFacts>;
}

const PODS = policy({ delivery: 'Admission' });

async function ask({
  object,
  kind = { group: 'apps', version: 'v1', kind: 'Deployment' },
  operation = 'CREATE',
  policies = [policy()],
  picture = {},
}: Asking): Promise<AdmissionAnswer> {
  const handler = createAdmissionHandler({
    now: () => Date.parse(AT),
    picture: () => ({
      adapterOf: (name, apiVersion) => (name === 'Deployment' && apiVersion === 'apps/v1' ? DEPLOYMENT : undefined),
      workload: () => workloadOf(),
      factsFor: () => factsWith(...policies),
      deliversToPods: () => true,
      ...picture,
    }),
  });
  return await handler({
    uid: 'r-1',
    kind,
    resource: { group: kind.group, version: kind.version, resource: '' },
    operation,
    namespace: 'shop',
    name: '',
    object,
    oldObject: undefined,
    dryRun: false,
    userInfo: {},
  });
}

const podKind = { group: '', version: 'v1', kind: 'Pod' };
const pod = (): Json => ({
  metadata: {
    labels: { 'pod-template-hash': '6d5f' },
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'checkout-6d5f', uid: 'u', controller: true }],
  },
  spec: { terminationGracePeriodSeconds: 30, containers: [{ name: 'app', image: 'app:1' }] },
});

describe('the handler', () => {
  it.each<[string, Asking, number]>([
    ['a Deployment', { object: incoming() }, 4],
    ['a pod', { object: pod(), kind: podKind, policies: [PODS] }, 3],
    ['a kind that it does not know', { object: incoming(), kind: { group: 'apps', version: 'v1', kind: 'Other' } }, 0],
    [
      'a version that it does not know',
      { object: incoming(), kind: { group: 'apps', version: 'v2', kind: 'Deployment' } },
      0,
    ],
    ['a deletion', { operation: 'DELETE' }, 0],
    ['an update of a pod', { object: pod(), kind: podKind, operation: 'UPDATE', policies: [PODS] }, 0],
    ['a pod of nobody', { object: { ...pod(), metadata: {} }, kind: podKind, policies: [PODS] }, 0],
    [
      'a pod while nothing is delivered to pods',
      { object: pod(), kind: podKind, policies: [PODS], picture: { deliversToPods: () => false } },
      0,
    ],
    [
      'a pod whose workload never shows',
      { object: pod(), kind: podKind, policies: [PODS], picture: { workload: () => undefined } },
      0,
    ],
    ['anything while the off switch is on', { object: incoming(), picture: { factsFor: () => undefined } }, 0],
  ])('answers for %s', async (_, asking, operations) => {
    expect((await ask(asking)).patch ?? []).toHaveLength(operations);
  });

  it('waits a moment for the workload of a pod that is faster than the watch', async () => {
    const keys: string[] = [];
    const workload = (key: string) => {
      keys.push(key);
      return keys.length < 4 ? undefined : workloadOf();
    };

    const { patch } = await ask({ object: pod(), kind: podKind, policies: [PODS], picture: { workload } });

    expect(patch).toHaveLength(3);
    expect(keys).toEqual(Array.from({ length: 4 }, () => 'Deployment/shop/checkout'));
  });

  it('passes warnings on', async () => {
    expect(await ask({ object: incoming({ config: 'concurrency: 2\n' }) })).toEqual({
      warnings: [expect.stringContaining('FieldConflict')],
    });
  });
});
