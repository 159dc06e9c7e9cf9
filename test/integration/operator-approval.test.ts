// What needs somebody's word: plans under approval: Required, and withdrawals of many workloads at once. Writes are counted
// in the API server's own audit log.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { projectRoot } from '../support/control-plane/index.ts';
import { OPERATOR_NAMESPACE } from '../support/operator.ts';
import {
  deployment,
  eventually,
  fixed,
  policyPath,
  startScene,
  staysSo,
  type PolicyObject,
  type Scene,
  type WorkloadObject,
} from '../support/scene.ts';

jest.setTimeout(180_000);

const PLAN = 'sidecardrain.io/approved-plan';
const WITHDRAWAL = 'sidecardrain.io/approved-withdrawal';
const REQUIRED = { rollout: { strategy: 'Immediate', approval: 'Required' } };

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false' } });
});
afterAll(async () => {
  await scene.stop();
});

type Status = NonNullable<PolicyObject['status']> & { readonly planHash?: string };

function reconciling(status: Status | undefined): { reason: string; message: string } | undefined {
  return status?.conditions?.find(({ type }) => type === 'Reconciling');
}

async function waits(name: string, reason: string, accept: (message: string) => boolean = () => true): Promise<Status> {
  const { status } = await scene.settled(
    name,
    (seen) => reconciling(seen)?.reason === reason && accept(reconciling(seen)?.message ?? ''),
  );
  return status as Status;
}

async function annotate(name: string, annotation: string, value: string | null): Promise<void> {
  await scene.cluster.client.call('PATCH', policyPath(name), {
    contentType: 'application/merge-patch+json',
    body: { metadata: { annotations: { [annotation]: value } } },
  });
}

/** Runs what the message says, word for word. */
async function runAdvice(message: string): Promise<void> {
  const command = /kubectl (annotate .* --overwrite)/.exec(message)?.[1];
  if (command === undefined) {
    throw new Error(`no command in: ${message}`);
  }
  await scene.cluster.kubectlOk(command.split(' '));
}

async function kept(): Promise<
  { metadata: { name: string; ownerReferences?: readonly { name: string }[] }; data: Record<string, string> }[]
> {
  const { items } = await scene.cluster.client.call<{ items: [] }>(
    'GET',
    `/api/v1/namespaces/${OPERATOR_NAMESPACE}/configmaps?labelSelector=sidecardrain.io/approval-of`,
  );
  return items;
}

async function create(namespace: string, count: number, prefix = 'web'): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  await Promise.all(
    names.map(async (name) => await scene.cluster.create(deployment(namespace, name, { replicas: 0 }))),
  );
  return names;
}

async function pause(paused: boolean): Promise<void> {
  await scene.cluster.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'sidecar-drain-operator', namespace: OPERATOR_NAMESPACE },
    data: { paused: String(paused) },
  });
}

function graceOf(workload: WorkloadObject): number {
  return workload.spec.template.spec.terminationGracePeriodSeconds;
}

async function graces(namespace: string): Promise<Record<string, number>> {
  const { items } = await scene.cluster.client.call<{ items: WorkloadObject[] }>(
    'GET',
    `/apis/apps/v1/namespaces/${namespace}/deployments`,
  );
  return Object.fromEntries(items.map((item) => [item.metadata.name, graceOf(item)]));
}

/** Values and ownership: restoring may take two patches. */
async function areReleased(namespace: string): Promise<boolean> {
  const { items } = await scene.cluster.client.call<{ items: WorkloadObject[] }>(
    'GET',
    `/apis/apps/v1/namespaces/${namespace}/deployments`,
  );
  return items.every(
    (item) =>
      graceOf(item) === 30 &&
      item.metadata.annotations?.['sidecardrain.io/state'] === undefined &&
      !JSON.stringify(item.metadata.managedFields).includes('"manager":"sidecar-drain-operator"'),
  );
}

describe('a plan that needs approval', () => {
  it('is not written before its hash is on the policy, and a stale hash is refused', async () => {
    const namespace = await scene.meshed('approve');
    await create(namespace, 3);
    const mark = scene.mark();

    await scene.createPolicy('approve', fixed(namespace, REQUIRED));
    const { planHash = '' } = await waits('approve', 'ApprovalRequired', (message) =>
      message.startsWith('3 workload(s)'),
    );
    expect(planHash).toMatch(/^[0-9a-f]{16}$/);
    await annotate('approve', PLAN, '0123456789abcdef');
    const stale = await waits('approve', 'ApprovalStale');
    expect(reconciling(stale)?.message).toContain('approves 0123456789abcdef, which is not the present plan');
    expect(await staysSo(() => scene.writes({ since: mark }).length, 1_500)).toEqual([0]);

    // The same objects have the same name on the command line.
    const { stdout } = await promisify(execFile)(process.execPath, [
      join(projectRoot(), 'dist/main.js'),
      'plan',
      '--cluster',
      '--kubeconfig',
      scene.cluster.kubeconfigPath,
      '-o',
      'json',
    ]);
    const plan = JSON.parse(stdout) as { policies: { name: string; planHash: string }[] };
    expect(plan.policies.find(({ name }) => name === 'approve')?.planHash).toBe(planHash);

    await runAdvice(reconciling(stale)?.message ?? '');
    const { status } = await scene.compliant('approve', 3);
    expect((status as Status).planHash).toBe(planHash);
    expect(scene.writes({ since: mark, namespace })).toHaveLength(3);
    expect(await kept()).toEqual([
      expect.objectContaining({ data: expect.objectContaining({ policy: 'approve', hash: planHash }) }),
    ]);
  });

  it('holds for what was approved: a later workload waits, also after a restart of the operator, until the approval is renewed', async () => {
    const { namespace } = await namespaceOf('approve');
    await scene.operator.kill();
    await scene.start();
    const mark = scene.mark();

    await create(namespace, 1, 'late');
    const status = await waits('approve', 'ApprovalRequired', (message) => message.startsWith('1 workload(s)'));
    expect(await staysSo(() => scene.writes({ since: mark }).length, 1_500)).toEqual([0]);

    await runAdvice(reconciling(status)?.message ?? '');
    await scene.compliant('approve', 4);
    expect(scene.writes({ since: mark }).map(({ name }) => name)).toEqual(['late-0']);
    await eventually(async () => (await kept()).length === 1, 'the older approval is gone');
  });

  it('is taken back with the annotation', async () => {
    const { namespace } = await namespaceOf('approve');
    await annotate('approve', PLAN, null);
    await eventually(async () => (await kept()).length === 0, 'nothing is kept any more');
    const mark = scene.mark();

    await create(namespace, 1, 'after');
    await waits('approve', 'ApprovalRequired');
    expect(await staysSo(() => scene.writes({ since: mark }).length, 1_500)).toEqual([0]);
    await scene.deletePolicy('approve');
    await scene.gone('approve');
    expect(Object.values(await graces(namespace))).toEqual([30, 30, 30, 30, 30]);
  });

  it('that changes for one workload after the approval is not written there, and is for the others', async () => {
    const namespace = await scene.meshed('changed');
    await create(namespace, 3);
    await pause(true);
    await scene.createPolicy('changed', fixed(namespace, REQUIRED));
    const { status } = await scene.settled(
      'changed',
      ({ workloads, conditions }) => workloads?.matched === 3 && conditions?.[0]?.reason === 'Paused',
    );
    await annotate('changed', PLAN, (status as Status).planHash ?? '');
    await eventually(async () => (await kept()).some(({ data }) => data.policy === 'changed'), 'the approval is kept');
    // Its application takes longer to end now: the grace period that it needs is another one.
    await scene.patchWorkload(namespace, 'web-1', {
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'app', image: 'registry.example/app:1', lifecycle: { preStop: { sleep: { seconds: 15 } } } },
            ],
          },
        },
      },
    });
    const mark = scene.mark();

    await pause(false);
    const waiting = await waits('changed', 'ApprovalRequired', (message) => message.startsWith('1 workload(s)'));

    expect(new Set(scene.writes({ since: mark, namespace }).map(({ name }) => name))).toEqual(
      new Set(['web-0', 'web-2']),
    );
    expect(await graces(namespace)).toEqual({ 'web-0': 40, 'web-1': 30, 'web-2': 40 });
    await runAdvice(reconciling(waiting)?.message ?? '');
    await scene.compliant('changed', 3);
    expect(await graces(namespace)).toEqual({ 'web-0': 40, 'web-1': 50, 'web-2': 40 });

    // The policy's own object owns what is kept.
    await scene.deletePolicy('changed');
    await scene.gone('changed');
    await eventually(async () => (await kept()).length === 0, 'what was kept goes with the policy');
  });
});

describe('a mass withdrawal', () => {
  it('of 60 workloads by a selector edit waits for approval, and then goes on', async () => {
    const namespace = await scene.meshed('mass');
    await create(namespace, 60);
    await scene.createPolicy('mass', fixed(namespace));
    await scene.compliant('mass', 60);
    const mark = scene.mark();

    await scene.patchPolicy('mass', { match: { names: ['other-*'] } });
    const held = await waits('mass', 'WithdrawalHeld', (message) => message.startsWith('60 of 60'));
    expect(await staysSo(() => scene.writes({ since: mark }).length, 4_000)).toEqual([0]);

    // It does not come undone by a restart of the operator either.
    await scene.operator.kill();
    await scene.start();
    await annotate('mass', WITHDRAWAL, '0123456789abcdef');
    await waits('mass', 'WithdrawalHeld');
    expect(await staysSo(() => scene.writes({ since: mark }).length, 3_000)).toEqual([0]);

    await runAdvice(reconciling(held)?.message ?? '');
    await eventually(
      async () => Object.values(await graces(namespace)).every((grace) => grace === 30),
      'all are restored',
    );
    await waits('mass', 'Settled');
    await scene.deletePolicy('mass');
    await scene.gone('mass');
  });

  it('lets those go that are left once it is none any more', async () => {
    const [first, second] = (await Promise.all(
      ['a', 'b'].map(async (name) => await scene.meshed(`fewer-${name}`, { fewer: 'yes' })),
    )) as [string, string];
    await create(first, 13);
    await create(second, 3);
    await scene.createPolicy('fewer', {
      ...fixed(''),
      match: { namespaceSelector: { matchLabels: { fewer: 'yes' } } },
    });
    await scene.compliant('fewer', 16);
    const label = async (namespace: string, value: string | null): Promise<void> => {
      await scene.cluster.client.call('PATCH', `/api/v1/namespaces/${namespace}`, {
        contentType: 'application/merge-patch+json',
        body: { metadata: { labels: { fewer: value } } },
      });
    };
    const mark = scene.mark();
    await Promise.all([label(first, null), label(second, null)]);
    await waits('fewer', 'WithdrawalHeld', (message) => message.startsWith('16 of 16'));
    expect(await staysSo(() => scene.writes({ since: mark }).length, 3_500)).toEqual([0]);

    // Three of sixteen are no mass withdrawal, and nothing of theirs changes any more.
    await label(first, 'yes');

    await eventually(async () => await areReleased(second), 'the three are restored');
    expect(scene.writes({ since: mark, namespace: first })).toEqual([]);
    await scene.deletePolicy('fewer');
    await scene.gone('fewer');
  });

  it('that comes in small portions is one all the same, and nothing happens where the edit is undone', async () => {
    const namespaces = await Promise.all(
      ['a', 'b', 'c', 'd'].map(async (name) => await scene.meshed(`portion-${name}`, { portion: 'yes' })),
    );
    for (const [index, namespace] of namespaces.entries()) {
      await create(namespace, index < 2 ? 3 : 7);
    }
    await scene.createPolicy('portion', {
      ...fixed(''),
      match: { namespaceSelector: { matchLabels: { portion: 'yes' } } },
    });
    await scene.compliant('portion', 20);
    const [first = '', second = ''] = namespaces;
    const label = async (namespace: string, value: string | null): Promise<void> => {
      await scene.cluster.client.call('PATCH', `/api/v1/namespaces/${namespace}`, {
        contentType: 'application/merge-patch+json',
        body: { metadata: { labels: { portion: value } } },
      });
    };

    await label(first, null);
    await eventually(async () => await areReleased(first), 'three of twenty are restored');
    const mark = scene.mark();
    await label(second, null);
    const held = await waits('portion', 'WithdrawalHeld');
    expect(reconciling(held)?.message).toContain('3 of 17 workload(s)');
    expect(await staysSo(() => scene.writes({ since: mark }).length, 3_000)).toEqual([0]);

    await label(second, 'yes');
    await waits('portion', 'Settled');
    expect(scene.writes({ since: mark })).toEqual([]);
    // Deleting the policy is the word itself.
    await scene.deletePolicy('portion');
    await scene.gone('portion');
    for (const namespace of namespaces) {
      expect(new Set(Object.values(await graces(namespace)))).toEqual(new Set([30]));
    }
  });
});

async function namespaceOf(policy: string): Promise<{ namespace: string }> {
  const { spec } = await scene.policy(policy);
  const { match } = spec as { match: { namespaceSelector: { matchLabels: Record<string, string> } } };
  return { namespace: match.namespaceSelector.matchLabels['kubernetes.io/metadata.name'] ?? '' };
}
