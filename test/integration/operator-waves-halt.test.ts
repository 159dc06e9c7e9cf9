// Waves stop by themselves: canaries first, a soak, and a halt where a workload that was changed does not become healthy.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { OPERATOR_ACCOUNT, OPERATOR_NAMESPACE } from '../support/operator.ts';
import { makeFleet, recordRollouts } from '../support/rollout-record.ts';
import {
  deployment,
  eventually,
  fixed,
  startScene,
  staysSo,
  waves,
  type KubeObject,
  type PolicyObject,
  type Scene,
} from '../support/scene.ts';

jest.setTimeout(300_000);

const CAPS = ['--max-rolling-per-namespace', '100', '--max-rolling-workloads', '100'];

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false' }, operator: { args: CAPS } });
});
afterAll(async () => {
  await scene.stop();
});

function conditionOf(policy: PolicyObject, type: string): string {
  const found = policy.status?.conditions?.find((condition) => condition.type === type);
  return `${found?.status} ${found?.reason}`;
}

async function some(namespace: string, count: number): Promise<void> {
  await Promise.all(
    Array.from(
      { length: count },
      async (_, index) => await scene.cluster.create(deployment(namespace, `web-${index}`)),
    ),
  );
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      await scene.rolledOut(namespace, `web-${index}`);
    }),
  );
}

describe('200 workloads, one of which never becomes healthy', () => {
  it('never roll more than 5 at once, halt with few restarted, say which one it is, and go on when it is healthy', async () => {
    const fleet = await makeFleet(scene, 'fleet', 200, 6, (namespace, name) => deployment(namespace, name));
    const record = await recordRollouts(scene.cluster, fleet.namespaces);

    await scene.createPolicy('fleet', {
      ...fixed('', waves(5, { canary: 1, soak: '1s', progressDeadline: '5s' })),
      match: { namespaceSelector: { matchLabels: { fleet: 'fleet' } } },
    });
    const halted = await scene.settled(
      'fleet',
      ({ rollout, workloads }) => rollout?.phase === 'Halted' && workloads?.updating === 0,
      120_000,
    );

    const restarted = record.restarts();
    console.log(`restarted ${restarted.size} of 200 workloads before the halt; at most ${record.most()} at once`);
    // Those that were rolled out within the deadline of the sick one: more of them on a slow machine, where it is seen late.
    expect(restarted.size).toBeLessThanOrEqual(50);
    expect(halted.status?.rollout?.haltedBy?.workload).toBe(fleet.sick);
    expect(['Ready', 'Compliant', 'Stalled', 'Reconciling'].map((type) => conditionOf(halted, type))).toEqual([
      'True Evaluated',
      'False RolloutHalted',
      'True RolloutHalted',
      'False Settled',
    ]);
    expect(halted.status?.attention).toEqual([expect.objectContaining({ name: 'sick', reason: 'RolloutStuck' })]);
    expect(await scene.operator.metrics()).toMatch(
      /^sidecar_drain_rollouts_held\{policy="fleet",reason="Halted"\} 1$/m,
    );
    await eventually(
      async () =>
        (await scene.events(fleet.sickNamespace)).some(
          ({ reason, type, involvedObject }) =>
            reason === 'RolloutHalted' && type === 'Warning' && involvedObject.name === 'sick',
        ),
      'an Event tells of the halt',
    );
    const mark = scene.mark();
    expect(await staysSo(() => scene.writes({ since: mark }).length, 1_500)).toEqual([0]);

    // A new leader finds it as it was.
    await scene.operator.kill();
    await scene.start({ args: CAPS });
    expect(await staysSo(() => scene.writes({ since: mark }).length, 2_500)).toEqual([0]);

    await fleet.cure();
    await scene.settled(
      'fleet',
      ({ rollout, workloads }) => rollout?.phase === 'Rolling' && (workloads?.compliant ?? 0) > restarted.size + 10,
      120_000,
    );
    await record.stop();
    expect(record.most()).toBeLessThanOrEqual(5);
    expect([...record.restarts()].filter(([, count]) => count > 1)).toEqual([]);
    await scene.deletePolicy('fleet');
  });
});

describe('canaries', () => {
  it('go first, are soaked across a restart of the operator, and the rest follows', async () => {
    const namespace = await scene.meshed('canary');
    await some(namespace, 6);
    const record = await recordRollouts(scene.cluster, new Set([namespace]));

    await scene.createPolicy('canary', fixed(namespace, waves(5, { canary: 2, soak: '6s' })));
    const soaking = await scene.settled('canary', ({ rollout }) => rollout?.phase === 'Soaking');
    const since = Date.parse(soaking.status?.rollout?.healthySince ?? '');
    await scene.operator.kill();
    await scene.start({ args: CAPS });
    await scene.compliant('canary', 6, 60_000);

    await record.stop();
    const starts = record.rolled.map(({ from }) => from).sort((a, b) => a - b);
    // Two before the soak is over, and the others after it.
    expect(starts[1]).toBeLessThan(since + 6_000);
    expect(starts[2]).toBeGreaterThanOrEqual(since + 6_000);
    expect((await scene.policy('canary')).status?.rollout).toMatchObject({
      phase: 'Done',
      soaked: true,
      healthySince: soaking.status?.rollout?.healthySince,
    });
  });

  it('come once for each intent, and are not waited for where all workloads are canaries', async () => {
    const namespace = await scene.meshed('intent');
    await some(namespace, 1);
    await scene.createPolicy('intent', fixed(namespace, waves(5, { canary: 1, soak: '1h' })));
    const done = await scene.settled(
      'intent',
      ({ rollout, workloads }) =>
        rollout?.phase === 'Done' && rollout.healthySince !== undefined && workloads?.compliant === 1,
    );

    await scene.patchPolicy('intent', { drain: { duration: '40s' } });
    const again = await scene.settled(
      'intent',
      ({ rollout, workloads }) =>
        rollout?.phase === 'Done' &&
        rollout.intent !== done.status?.rollout?.intent &&
        rollout.healthySince !== undefined &&
        workloads?.compliant === 1,
    );

    expect(Date.parse(again.status?.rollout?.healthySince ?? '')).toBeGreaterThan(
      Date.parse(done.status?.rollout?.healthySince ?? ''),
    );
  });

  it('are corrected first when the policy is corrected', async () => {
    const namespace = await scene.meshed('correct');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.rolledOut(namespace, 'web');
    await scene.cluster.create({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { namespace, name: 'full' },
      spec: { hard: { pods: '1' } },
    });
    await scene.cluster.waitFor<KubeObject & { status?: { used?: { pods?: string } } }>(
      `/api/v1/namespaces/${namespace}/resourcequotas/full`,
      ({ status }) => status?.used?.pods === '1',
    );
    await scene.createPolicy('correct', fixed(namespace, waves(1, { canary: 1, soak: '1s', progressDeadline: '5s' })));
    await scene.settled('correct', ({ rollout }) => rollout?.phase === 'Halted');

    await scene.patchPolicy('correct', { drain: { duration: '45s' } });

    await scene.untilWorkload(namespace, 'web', ({ spec }) => spec.template.spec.terminationGracePeriodSeconds === 55);
  });
});

describe('what is waited for', () => {
  it('is a PodDisruptionBudget that allows nothing, until it does', async () => {
    const namespace = await scene.meshed('budget');
    await some(namespace, 2);
    const path = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/web`;
    await scene.cluster.create({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { namespace, name: 'web' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'web-0' } } },
    });
    await scene.cluster.waitFor<{ status?: { expectedPods?: number; currentHealthy?: number } }>(
      path,
      ({ status }) => status?.currentHealthy === 1,
    );

    await scene.createPolicy('budget', fixed(namespace, waves(2)));
    const waiting = await scene.settled(
      'budget',
      ({ workloads }) => workloads?.compliant === 1 && workloads.pending === 1,
    );
    expect(waiting.status?.attention).toEqual([
      expect.objectContaining({
        name: 'web-0',
        reason: 'WaitsForWorkload',
        message: expect.stringMatching(/PodDisruptionBudget web .* never allows/),
      }),
    ]);

    await scene.cluster.client.call('PATCH', path, {
      contentType: 'application/merge-patch+json',
      body: { spec: { minAvailable: 0 } },
    });
    await scene.compliant('budget', 2);
  });

  it('is a partition; OnDelete is written at once and complies when its pods are new', async () => {
    const namespace = await scene.meshed('sets');
    const set = (name: string, updateStrategy: object): object => ({
      ...deployment(namespace, name, { replicas: 2, spec: { serviceName: name, updateStrategy } }),
      kind: 'StatefulSet',
    });
    await scene.cluster.create(set('held', { type: 'RollingUpdate', rollingUpdate: { partition: 1 } }));
    await scene.cluster.create(set('by-hand', { type: 'OnDelete' }));
    for (const name of ['held', 'by-hand']) {
      await scene.cluster.waitFor<{ status?: { readyReplicas?: number } }>(
        `/apis/apps/v1/namespaces/${namespace}/statefulsets/${name}`,
        ({ status }) => status?.readyReplicas === 2,
      );
    }

    await scene.createPolicy('sets', fixed(namespace, waves(2)));
    const waiting = await scene.settled(
      'sets',
      ({ workloads }) => workloads?.updating === 1 && workloads.pending === 1,
    );
    expect(waiting.status?.attention).toEqual([
      expect.objectContaining({ name: 'held', message: expect.stringContaining('partition: 1') }),
    ]);
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    const { items } = await scene.cluster.client.call<{
      items: { metadata: { name: string }; spec: { terminationGracePeriodSeconds: number } }[];
    }>('GET', pods);
    expect(new Set(items.map(({ spec }) => spec.terminationGracePeriodSeconds))).toEqual(new Set([30]));

    await Promise.all(
      ['by-hand-0', 'by-hand-1'].map(async (name) => await scene.cluster.client.call('DELETE', `${pods}/${name}`)),
    );
    await scene.cluster.client.call('PATCH', `/apis/apps/v1/namespaces/${namespace}/statefulsets/held`, {
      contentType: 'application/merge-patch+json',
      body: { spec: { updateStrategy: { rollingUpdate: { partition: 0 } } } },
    });
    await scene.compliant('sets', 2);
  });
});

describe('the off switch', () => {
  const SWITCH = '/api/v1/namespaces/sidecar-drain-system/configmaps/sidecar-drain-operator';

  it('is seen behind watches that tell nothing any more: the rest of a wave is not written', async () => {
    await scene.operator.stop();
    const proxy = await startFaultProxy(scene.cluster, OPERATOR_ACCOUNT, async () => await Promise.resolve(true));
    await scene.start({ args: CAPS, kubeconfig: proxy.kubeconfig });
    const namespace = await scene.meshed('frozen');
    await some(namespace, 3);
    const mark = scene.mark();
    await scene.createPolicy('frozen', fixed(namespace, waves(3, { canary: 1, soak: '7s' })));
    await scene.settled('frozen', ({ rollout }) => rollout?.phase === 'Soaking');

    proxy.freezeWatches();
    await scene.cluster.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: OPERATOR_NAMESPACE, name: 'sidecar-drain-operator' },
      data: { paused: 'true' },
    });

    expect(await staysSo(() => scene.writes({ since: mark, namespace }).length, 9_000)).toEqual([1]);
    await scene.cluster.client.call('DELETE', SWITCH);
    proxy.thawWatches();
    await scene.compliant('frozen', 3);
    await scene.operator.stop();
    await proxy.stop();
  });
});
