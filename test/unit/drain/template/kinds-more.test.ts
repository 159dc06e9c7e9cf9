import { describe, expect, it } from '@jest/globals';
import type { RolloutFacts } from '../../../../src/drain/model/workload.ts';
import { kindName, kindTable, parseConfiguredKind, workloadKind } from '../../../../src/drain/template/kinds.ts';
import { projectWorkload } from '../../../../src/drain/template/project.ts';

const GAME = 'apps.example.com/v1/gameservers:GameServer=spec.pods';

function rollout(kind: string, spec: object, status?: object): RolloutFacts {
  const made = kindTable([GAME]);
  const adapter = made.ok ? made.table.get(kind)! : undefined;
  return adapter!.rollout({
    kind,
    metadata: { generation: 2, uid: 'u' },
    spec,
    ...(status === undefined ? {} : { status }),
  });
}

describe('an Argo Rollout', () => {
  const spec = { replicas: 3 };
  const promoted = { stableRS: 'b', currentPodHash: 'b', updatedReplicas: 3, availableReplicas: 3 };
  const halfway = { stableRS: 'a', currentPodHash: 'b', updatedReplicas: 1, availableReplicas: 3 };
  it.each<[string, object, object, Partial<RolloutFacts>]>([
    [
      'is healthy',
      spec,
      { observedGeneration: '2', phase: 'Healthy', ...promoted },
      { complete: true, healthy: true, rolling: false },
    ],
    [
      'has not been looked at yet',
      spec,
      { observedGeneration: '1', phase: 'Healthy', ...promoted },
      { complete: false, healthy: true, rolling: true },
    ],
    [
      'is progressing',
      spec,
      { observedGeneration: '2', phase: 'Progressing', ...halfway },
      { complete: false, healthy: true, rolling: true },
    ],
    [
      'waits at a step',
      spec,
      { observedGeneration: '2', phase: 'Paused', ...halfway },
      { complete: false, healthy: true, rolling: true, paused: false },
    ],
    [
      'was paused by somebody at rest',
      { ...spec, paused: true },
      { observedGeneration: '2', phase: 'Paused', ...promoted },
      { complete: true, rolling: false, paused: true },
    ],
    [
      'is degraded while it rolls',
      spec,
      { observedGeneration: '2', phase: 'Degraded', ...halfway },
      { complete: false, healthy: false, rolling: true },
    ],
    [
      'exceeded its deadline',
      spec,
      {
        observedGeneration: '2',
        phase: 'Degraded',
        ...halfway,
        conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }],
      },
      { stuck: true, healthy: false },
    ],
    [
      'was aborted',
      spec,
      { observedGeneration: '2', phase: 'Degraded', abort: true, ...halfway },
      { stuck: true, rolling: false, healthy: false },
    ],
    [
      'has a hash for its generation, as before v0.10',
      spec,
      { observedGeneration: '5f7d', phase: 'Healthy', ...promoted },
      { complete: true },
    ],
    [
      'tells no phase, as before v1.0',
      spec,
      { observedGeneration: '2', ...promoted },
      { complete: true, rolling: false },
    ],
    ['has no status yet', spec, {}, { complete: false, rolling: true }],
  ])('that %s', (_, given, status, expected) => {
    expect(rollout('Rollout', given, status)).toMatchObject(expected);
  });

  it('with workloadRef has its template elsewhere', () => {
    expect(workloadKind('Rollout')!.limit?.({ spec: { workloadRef: { kind: 'Deployment', name: 'web' } } })).toEqual({
      reason: 'TemplateElsewhere',
      detail: 'Deployment web',
    });
    expect(workloadKind('Rollout')!.limit?.({ spec: { template: {} } })).toBeUndefined();
  });
});

describe('a CloneSet', () => {
  const spec = { replicas: 10 };
  const differs = { currentRevision: 'a', updateRevision: 'b' };
  const same = { currentRevision: 'b', updateRevision: 'b' };
  it.each<[string, object, object, Partial<RolloutFacts>]>([
    [
      'has rolled out',
      spec,
      {
        observedGeneration: 2,
        ...same,
        replicas: 10,
        readyReplicas: 10,
        updatedReplicas: 10,
        updatedReadyReplicas: 10,
      },
      { complete: true, healthy: true, rolling: false },
    ],
    [
      'replaces pods',
      spec,
      {
        observedGeneration: 2,
        ...differs,
        replicas: 10,
        readyReplicas: 9,
        updatedReplicas: 4,
        updatedReadyReplicas: 3,
      },
      { complete: false, healthy: true, rolling: true },
    ],
    [
      'has too many pods away',
      spec,
      {
        observedGeneration: 2,
        ...differs,
        replicas: 10,
        readyReplicas: 7,
        updatedReplicas: 4,
        updatedReadyReplicas: 1,
      },
      { healthy: false, rolling: true },
    ],
    [
      'is held by its partition',
      { ...spec, updateStrategy: { partition: '25%' } },
      {
        observedGeneration: 2,
        ...differs,
        replicas: 10,
        readyReplicas: 10,
        updatedReplicas: 7,
        updatedReadyReplicas: 7,
      },
      { complete: false, rolling: false, partition: 3 },
    ],
    [
      'is paused',
      { ...spec, updateStrategy: { paused: true } },
      {
        observedGeneration: 2,
        ...same,
        replicas: 10,
        readyReplicas: 10,
        updatedReplicas: 10,
        updatedReadyReplicas: 10,
      },
      { paused: true, complete: true },
    ],
    [
      'says it in the form of v1beta1',
      { ...spec, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { paused: true, partition: 2 } } },
      { observedGeneration: 2, ...same },
      { paused: true, partition: 2 },
    ],
    [
      'has not been looked at yet',
      spec,
      {
        observedGeneration: 1,
        ...same,
        replicas: 10,
        readyReplicas: 10,
        updatedReplicas: 10,
        updatedReadyReplicas: 10,
      },
      { complete: false, rolling: true },
    ],
  ])('that %s', (_, given, status, expected) => {
    expect(rollout('CloneSet', given, status)).toMatchObject(expected);
  });

  it.each([
    [{ type: 'InPlaceOnly' }, 'InPlaceOnly'],
    [{ type: 'InPlaceIfPossible' }, 'InPlaceIfPossible'],
    [{ type: 'ReCreate' }, undefined],
    [{}, undefined],
    [{ type: 'RollingUpdate', rollingUpdate: { podUpdatePolicy: 'InPlaceOnly' } }, 'InPlaceOnly'],
  ])('with the strategy %j is limited by %s', (updateStrategy, detail) => {
    expect(workloadKind('CloneSet')!.limit?.({ spec: { updateStrategy } })?.detail).toBe(detail);
  });
});

describe('a kind of the configuration', () => {
  it.each<[string, object, object, Partial<RolloutFacts>]>([
    [
      'counts as a Deployment does',
      { replicas: 2 },
      { observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 2 },
      { complete: true, rolling: false, strategy: 'RollingUpdate' },
    ],
    [
      'is halfway',
      { replicas: 2 },
      { observedGeneration: 2, replicas: 3, updatedReplicas: 1, readyReplicas: 2 },
      { complete: false, rolling: true },
    ],
    [
      'has not been looked at yet',
      { replicas: 2 },
      { observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2 },
      { complete: false, rolling: true },
    ],
    [
      'tells only that it is ready',
      {},
      { conditions: [{ type: 'Ready', status: 'True' }] },
      { complete: true, rolling: false, strategy: 'RollingUpdate' },
    ],
    [
      'tells only that it is not ready',
      {},
      { conditions: [{ type: 'Ready', status: 'False' }] },
      { complete: false, healthy: false, rolling: true },
    ],
    [
      'does not know yet',
      {},
      { conditions: [{ type: 'Ready', status: 'Unknown' }] },
      { complete: false, healthy: true, rolling: true },
    ],
    ['tells nothing', {}, {}, { complete: true, rolling: false, strategy: 'Unseen' }],
    [
      'tells its generation and nothing else',
      {},
      { observedGeneration: 1 },
      { complete: false, rolling: true, strategy: 'Unseen' },
    ],
  ])('that %s', (_, spec, status, expected) => {
    expect(rollout('GameServer', spec, status)).toMatchObject(expected);
  });

  it('is read from one line', () => {
    expect(parseConfiguredKind(GAME)).toMatchObject({
      ok: true,
      adapter: {
        apiVersion: 'apps.example.com/v1',
        plural: 'gameservers',
        kind: 'GameServer',
        templatePath: ['spec', 'pods'],
      },
    });
  });

  it.each([
    ['GameServer', 'write group/version/plural'],
    ['apps/v1/gameservers:GameServer=spec.template', 'not a group of a custom resource'],
    ['apps.example.com/1/gameservers:GameServer=spec.template', 'not a version'],
    ['apps.example.com/v1/GameServers:GameServer=spec.template', 'not a plural name'],
    ['apps.example.com/v1/gameservers:gameServer=spec.template', 'not a kind'],
    ['apps.example.com/v1/gameservers:GameServer=spec..template', 'not a path'],
    ['apps.example.com/v1/gameservers:GameServer=', 'not a path'],
    ['apps.example.com/v1/gameservers:GameServer=metadata.annotations', 'below metadata'],
  ])('is refused as %s', (text, why) => {
    expect(parseConfiguredKind(text)).toEqual({ ok: false, why: expect.stringContaining(why) });
  });

  it.each([
    [[GAME, GAME], 'apps.example.com/v1'],
    [[GAME, 'other.example.com/v1/gameservers:GameServer=spec.template'], 'apps.example.com/v1'],
  ])('must not share its name with another: %j', (configured, other) => {
    expect(kindTable(configured)).toEqual({ ok: false, why: expect.stringContaining(`is ${other} already`) });
  });
});

describe('a second group of one kind', () => {
  it.each([
    ['StatefulSet', 'apps/v1', 'StatefulSet'],
    ['StatefulSet', 'apps.kruise.io/v1alpha1', 'StatefulSet.apps.kruise.io'],
    ['Deployment', 'apps.example.com/v1', 'Deployment.apps.example.com'],
    ['GameServer', 'apps.example.com/v1', 'GameServer'],
    ['CronJob', undefined, 'CronJob'],
  ])('%s of %s is named %s', (kind, apiVersion, name) => {
    expect(kindName(kind, apiVersion)).toBe(name);
  });

  it('may be configured, and keeps what is known of it in another version', () => {
    const made = kindTable([
      'apps.example.com/v1/deployments:Deployment=spec.pods',
      'apps.kruise.io/v1alpha1/statefulsets:StatefulSet=spec.template',
    ]);
    expect(made.ok && made.table.get('Deployment')?.apiVersion).toBe('apps/v1');
    expect(made.ok && made.table.get('Deployment.apps.example.com')?.templatePath).toEqual(['spec', 'pods']);
    expect(made.ok && made.table.get('StatefulSet.apps.kruise.io')).toMatchObject({
      apiVersion: 'apps.kruise.io/v1alpha1',
      custom: true,
    });
  });
});

describe('the workloads of OpenKruise', () => {
  const rolling = { replicas: 4, readyReplicas: 4, currentRevision: 'a', updateRevision: 'b', observedGeneration: 2 };
  it.each<[string, string, object, object, Partial<RolloutFacts>]>([
    [
      'wait at a partition',
      'StatefulSet.apps.kruise.io',
      { replicas: 4, updateStrategy: { rollingUpdate: { partition: 3, paused: true } } },
      { ...rolling, updatedReplicas: 1 },
      { rolling: false, paused: true, partition: 3 },
    ],
    [
      'roll',
      'StatefulSet.apps.kruise.io',
      { replicas: 4 },
      { ...rolling, updatedReplicas: 1 },
      { rolling: true, paused: false, healthy: true },
    ],
    [
      'keep nodes back',
      'DaemonSet.apps.kruise.io',
      { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: '50%' } } },
      {
        observedGeneration: 2,
        desiredNumberScheduled: 4,
        currentNumberScheduled: 4,
        updatedNumberScheduled: 2,
        numberAvailable: 4,
      },
      { rolling: false, complete: false, partition: 2 },
    ],
  ])('%s (%s)', (_, kind, spec, status, expected) => {
    expect(rollout(kind, spec, status)).toMatchObject(expected);
  });

  it.each([
    ['StatefulSet.apps.kruise.io', { podUpdatePolicy: 'InPlaceIfPossible' }],
    ['DaemonSet.apps.kruise.io', { rollingUpdateType: 'InPlaceIfPossible' }],
  ])('%s that is updated in place gets no annotations', (kind, rollingUpdate) => {
    const raw = { kind, spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate } } };
    expect(workloadKind(kind)?.limit?.(raw)).toEqual({ reason: 'UpdatedInPlace', detail: 'InPlaceIfPossible' });
  });
});

describe('a DeploymentConfig', () => {
  it('is complete as a Deployment is', () => {
    const status = { observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2 };
    expect(rollout('DeploymentConfig', { replicas: 2 }, status)).toMatchObject({ complete: true, rolling: false });
    expect(rollout('DeploymentConfig', { replicas: 2 }, { ...status, replicas: 3 })).toMatchObject({ rolling: true });
  });

  it.each([
    [undefined, undefined],
    [[{ type: 'ConfigChange' }], undefined],
    [[{ type: 'ImageChange' }], { reason: 'TemplateNotRolled' }],
  ])('with the triggers %j has the limit %j', (triggers, limit) => {
    const raw = { spec: triggers === undefined ? {} : { triggers } };
    expect(workloadKind('DeploymentConfig')?.limit?.(raw)).toEqual(limit);
  });
});

describe('kinds of batch/v1, and ReplicaSets', () => {
  it.each(['CronJob', 'Job', 'ReplicaSet'])('%s never rolls', (kind) => {
    expect(rollout(kind, { suspend: true }, { active: 3 })).toMatchObject({
      strategy: 'None',
      complete: true,
      rolling: false,
      paused: false,
    });
  });

  it.each([
    ['Job', 'TemplateImmutable'],
    ['ReplicaSet', 'TemplateNotRolled'],
    ['CronJob', undefined],
  ])('%s is limited by %s', (kind, reason) => {
    expect(workloadKind(kind)!.limit?.({})?.reason).toBe(reason);
  });
});

describe('a custom resource on the API server', () => {
  const containers = [{ name: 'app', image: 'a' }];
  const managed = (fields: object): object[] => [
    {
      manager: 'kubectl',
      operation: 'Apply',
      fieldsV1: { 'f:spec': { 'f:template': { 'f:spec': { 'f:containers': fields } } } },
    },
  ];
  const project = (metadata: object, template: object): ReturnType<typeof projectWorkload> =>
    projectWorkload(
      { metadata: { name: 'x', namespace: 'n', ...metadata }, spec: { template } },
      workloadKind('CloneSet')!,
    );

  it.each<[string, object, true | undefined]>([
    ['as one value', { uid: 'u', managedFields: managed({}) }, true],
    ['by name', { uid: 'u', managedFields: managed({ 'k:{"name":"app"}': { '.': {} } }) }, undefined],
    ['by nobody', { uid: 'u' }, true],
    ['in a file', {}, undefined],
  ])('has containers that are held %s', (_, metadata, atomic) => {
    expect(project(metadata, { spec: { containers } }).atomicContainers).toBe(atomic);
  });

  it.each<[object, string | undefined]>([
    [{ spec: { containers } }, 'NoMetadata'],
    [{ metadata: { annotations: {} }, spec: { containers } }, 'EmptyAnnotations'],
    [{ metadata: { labels: { a: 'b' } }, spec: { containers } }, undefined],
  ])('remembers what is missing in %j', (template, gap) => {
    expect(project({ uid: 'u' }, template).templateGap).toBe(gap);
  });
});
