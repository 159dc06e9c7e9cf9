import { describe, expect, it } from '@jest/globals';
import type { RolloutFacts } from '../../../../src/drain/model/workload.ts';
import { templateFieldPath, WORKLOAD_KINDS, workloadKind } from '../../../../src/drain/template/kinds.ts';

function rollout(kind: string, spec: object, status?: object): RolloutFacts {
  return workloadKind(kind)!.rollout({
    kind,
    metadata: { generation: 2, ...(status === undefined ? {} : { uid: 'u' }) },
    spec,
    ...(status === undefined ? {} : { status }),
  });
}

const progressing = (reason: string, status = 'True'): object => ({ type: 'Progressing', status, reason });

describe('a Deployment', () => {
  const spec = { replicas: 3 };
  it.each<[string, object, Partial<RolloutFacts>]>([
    [
      'has rolled out',
      {
        observedGeneration: 2,
        replicas: 3,
        updatedReplicas: 3,
        availableReplicas: 3,
        conditions: [progressing('NewReplicaSetAvailable')],
      },
      { complete: true, healthy: true, rolling: false },
    ],
    [
      'has not been looked at yet',
      {
        observedGeneration: 1,
        replicas: 3,
        updatedReplicas: 3,
        availableReplicas: 3,
        conditions: [progressing('NewReplicaSetAvailable')],
      },
      { complete: false, healthy: true, rolling: true },
    ],
    ['has no status yet', {}, { complete: false, healthy: true, rolling: true }],
    [
      'starts its first pods',
      { observedGeneration: 2, replicas: 3, updatedReplicas: 3, conditions: [progressing('ReplicaSetUpdated')] },
      { complete: false, healthy: true, rolling: true },
    ],
    [
      'is half over',
      {
        observedGeneration: 2,
        replicas: 4,
        updatedReplicas: 2,
        availableReplicas: 3,
        conditions: [progressing('ReplicaSetUpdated')],
      },
      { complete: false, healthy: true, rolling: true },
    ],
    [
      'waits for old pods to end',
      {
        observedGeneration: 2,
        replicas: 4,
        updatedReplicas: 3,
        availableReplicas: 3,
        conditions: [progressing('ReplicaSetUpdated')],
      },
      { complete: false, healthy: true, rolling: true },
    ],
    [
      'is stuck',
      {
        observedGeneration: 2,
        replicas: 4,
        updatedReplicas: 1,
        availableReplicas: 3,
        conditions: [progressing('ProgressDeadlineExceeded', 'False')],
      },
      { complete: false, healthy: false, rolling: true, stuck: true },
    ],
    [
      'cannot make pods',
      {
        observedGeneration: 2,
        replicas: 3,
        updatedReplicas: 0,
        availableReplicas: 3,
        conditions: [progressing('ReplicaSetUpdated'), { type: 'ReplicaFailure', status: 'True' }],
      },
      { complete: false, healthy: false, rolling: true },
    ],
    [
      'has lost a pod since it rolled out',
      {
        observedGeneration: 2,
        replicas: 3,
        updatedReplicas: 3,
        availableReplicas: 2,
        conditions: [progressing('NewReplicaSetAvailable')],
      },
      { complete: false, healthy: false, rolling: false },
    ],
  ])('that %s', (_, status, expected) => {
    expect(rollout('Deployment', spec, status)).toMatchObject({ replicas: 3, strategy: 'RollingUpdate', ...expected });
  });

  it('of no replicas has rolled out', () => {
    expect(rollout('Deployment', { replicas: 0 }, { observedGeneration: 2 })).toMatchObject({
      replicas: 0,
      complete: true,
      healthy: true,
    });
  });

  it('says its strategy and that it is paused', () => {
    expect(rollout('Deployment', { paused: true, strategy: { type: 'Recreate' } }, {})).toMatchObject({
      paused: true,
      strategy: 'Recreate',
      replicas: 1,
    });
  });
});

describe('a StatefulSet', () => {
  const spec = { replicas: 3, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } } };
  const same = { currentRevision: 'a', updateRevision: 'a' };
  const differs = { currentRevision: 'a', updateRevision: 'b' };
  it.each<[string, object, object, Partial<RolloutFacts>]>([
    [
      'has rolled out',
      spec,
      { observedGeneration: 2, ...same, replicas: 3, readyReplicas: 3, availableReplicas: 3 },
      { complete: true, healthy: true, rolling: false },
    ],
    [
      'replaces one pod after the other',
      spec,
      { observedGeneration: 2, ...differs, replicas: 3, readyReplicas: 2, updatedReplicas: 1 },
      { complete: false, healthy: true, rolling: true },
    ],
    [
      'has two pods away while it replaces one at a time',
      spec,
      { observedGeneration: 2, ...differs, replicas: 3, readyReplicas: 1, updatedReplicas: 1 },
      { complete: false, healthy: false, rolling: true },
    ],
    [
      'may have half of its pods away',
      { replicas: 4, updateStrategy: { rollingUpdate: { maxUnavailable: '50%' } } },
      { observedGeneration: 2, ...differs, replicas: 4, readyReplicas: 2, updatedReplicas: 1 },
      { complete: false, healthy: true, rolling: true },
    ],
    [
      'is held by its partition',
      { replicas: 3, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } },
      { observedGeneration: 2, ...differs, replicas: 3, readyReplicas: 3, updatedReplicas: 1 },
      { complete: false, healthy: false, rolling: false, partition: 2 },
    ],
    [
      'waits for somebody to delete its pods',
      { replicas: 3, updateStrategy: { type: 'OnDelete' } },
      { observedGeneration: 2, ...differs, replicas: 3, readyReplicas: 3, updatedReplicas: 0 },
      { complete: false, rolling: false, strategy: 'OnDelete' },
    ],
    [
      'has lost a pod',
      spec,
      { observedGeneration: 2, ...same, replicas: 3, readyReplicas: 2 },
      { complete: false, healthy: false, rolling: false },
    ],
    [
      'starts its pods',
      spec,
      { observedGeneration: 2, ...same, replicas: 1, readyReplicas: 0 },
      { complete: false, healthy: true, rolling: true },
    ],
  ])('that %s', (_, given, status, expected) => {
    expect(rollout('StatefulSet', given, status)).toMatchObject(expected);
  });
});

describe('a DaemonSet', () => {
  it.each<[string, object, object, Partial<RolloutFacts>]>([
    [
      'has rolled out',
      {},
      {
        observedGeneration: 2,
        desiredNumberScheduled: 5,
        currentNumberScheduled: 5,
        updatedNumberScheduled: 5,
        numberAvailable: 5,
      },
      { complete: true, healthy: true, replicas: 5 },
    ],
    [
      'replaces one pod after the other',
      {},
      {
        observedGeneration: 2,
        desiredNumberScheduled: 5,
        currentNumberScheduled: 5,
        updatedNumberScheduled: 2,
        numberAvailable: 4,
      },
      { complete: false, healthy: true, rolling: true },
    ],
    [
      'has two pods away',
      {},
      {
        observedGeneration: 2,
        desiredNumberScheduled: 5,
        currentNumberScheduled: 5,
        updatedNumberScheduled: 2,
        numberAvailable: 3,
      },
      { complete: false, healthy: false, rolling: true },
    ],
    [
      'waits for somebody to delete its pods',
      { updateStrategy: { type: 'OnDelete' } },
      {
        observedGeneration: 2,
        desiredNumberScheduled: 5,
        currentNumberScheduled: 5,
        updatedNumberScheduled: 0,
        numberAvailable: 5,
      },
      { complete: false, rolling: false, strategy: 'OnDelete' },
    ],
  ])('that %s', (_, spec, status, expected) => {
    expect(rollout('DaemonSet', spec, status)).toMatchObject(expected);
  });
});

describe('new pods that wait until old ones are gone', () => {
  const daemons = { observedGeneration: 2, desiredNumberScheduled: 6 };
  it.each<[string, string, object, object, number | undefined]>([
    ['of a Deployment do not', 'Deployment', { replicas: 4 }, { observedGeneration: 2 }, undefined],
    [
      'of Recreate do once',
      'Deployment',
      { replicas: 4, strategy: { type: 'Recreate' } },
      { observedGeneration: 2 },
      1,
    ],
    ['of a StatefulSet do one by one', 'StatefulSet', { replicas: 4 }, { observedGeneration: 2 }, 4],
    [
      'of a StatefulSet do as many at once as may be away',
      'StatefulSet',
      { replicas: 5, updateStrategy: { rollingUpdate: { maxUnavailable: 2, partition: 1 } } },
      { observedGeneration: 2 },
      2,
    ],
    ['of a DaemonSet do one by one', 'DaemonSet', {}, daemons, 6],
    [
      'of a DaemonSet do as many at once as its surge allows',
      'DaemonSet',
      { updateStrategy: { rollingUpdate: { maxSurge: '50%', maxUnavailable: 0 } } },
      daemons,
      2,
    ],
  ])('%s', (_, kind, spec, status, rounds) => {
    expect(rollout(kind, spec, status).drainRounds).toBe(rounds);
  });
});

it('a manifest has nothing that rolls', () => {
  for (const { kind } of WORKLOAD_KINDS) {
    expect(rollout(kind, { replicas: 3 })).toMatchObject({ complete: true, healthy: true, rolling: false });
  }
});

describe('the table of kinds', () => {
  it.each([
    ['Deployment', undefined, true],
    ['Deployment', 'apps/v1', true],
    ['Deployment', 'extensions/v1beta1', false],
    ['Job', undefined, true],
    ['Job', 'batch/v1beta1', false],
    ['Pod', undefined, false],
    ['constructor', undefined, false],
  ])('knows %s of %s: %s', (kind, apiVersion, known) => {
    expect(workloadKind(kind, apiVersion) !== undefined).toBe(known);
  });

  it('says where the template stands', () => {
    expect(
      WORKLOAD_KINDS.filter((adapter) => templateFieldPath(adapter) !== 'spec.template').map((adapter) => [
        adapter.kind,
        templateFieldPath(adapter),
      ]),
    ).toEqual([['CronJob', 'spec.jobTemplate.spec.template']]);
  });
});
