// A fault point between any two writes of a wave: the operator is killed after each of its writes, before it has seen the
// answer, and started again. The end is the same, and no workload restarts twice.
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { startFaultProxy, type FaultProxy, type ProxiedWrite } from '../support/fault-proxy.ts';
import { OPERATOR_ACCOUNT, startOperator, type OperatorHandle } from '../support/operator.ts';
import { deployment, fixed, policyPath, startScene, waves, type Scene, type WorkloadObject } from '../support/scene.ts';

jest.setTimeout(300_000);

const NAMES = ['web-0', 'web-1', 'web-2'];
const ARGS = ['--max-rolling-per-namespace', '10'];

let scene: Scene;
let proxy: FaultProxy;
let operator: OperatorHandle | undefined;
const writes: ProxiedWrite[] = [];
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false' }, operator: false });
  proxy = await startFaultProxy(scene.cluster, OPERATOR_ACCOUNT, async (write) => {
    writes.push(write);
    await operator?.kill();
    return false;
  });
});
afterAll(async () => {
  await operator?.kill();
  await proxy.stop();
  await scene.stop();
});

/** Starts the operator again and again, each time until its first write, until there is nothing more to write. */
async function untilDone(isDone: () => Promise<boolean>): Promise<number> {
  const before = writes.length;
  for (let starts = 0; starts < 60; starts += 1) {
    operator = await startOperator(scene.cluster, { kubeconfig: proxy.kubeconfig, args: ARGS, wait: false });
    const { exited } = operator;
    let gone = false;
    void exited.then(() => {
      gone = true;
    });
    for (const until = Date.now() + 60_000; !gone && Date.now() < until;) {
      if (await isDone()) {
        await operator.kill();
        return writes.length - before;
      }
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    }
    await operator.kill();
  }
  throw new Error(`not done after ${writes.length} writes; the last ones: ${JSON.stringify(writes.slice(-6))}`);
}

async function deployments(namespace: string): Promise<WorkloadObject[]> {
  return await Promise.all(NAMES.map(async (name) => await scene.workload(namespace, name)));
}

/** The Deployment controller counts every change of template that restarts pods. */
function revisionOf({ metadata }: WorkloadObject): string | undefined {
  return metadata.annotations?.['deployment.kubernetes.io/revision'];
}

it('killed after each write of a wave and of restoring, it ends as if nothing had happened', async () => {
  const namespace = await scene.meshed('faults');
  for (const name of NAMES) {
    await scene.cluster.create(deployment(namespace, name));
  }
  await Promise.all(
    NAMES.map(async (name) => {
      await scene.rolledOut(namespace, name);
    }),
  );
  const before = await deployments(namespace);

  await scene.createPolicy('faults', fixed(namespace, waves(2, { canary: 1, soak: '2s' })));
  const applying = await untilDone(async () => (await scene.policy('faults')).status?.rollout?.phase === 'Done');
  const applied = await deployments(namespace);

  expect(
    applied.map((workload) => [revisionOf(workload), workload.spec.template.spec.terminationGracePeriodSeconds]),
  ).toEqual([
    ['2', 40],
    ['2', 40],
    ['2', 40],
  ]);
  expect((await scene.policy('faults')).status).toMatchObject({
    workloads: { matched: 3, compliant: 3 },
    rollout: { soaked: true },
  });

  await scene.deletePolicy('faults');
  const restoring = await untilDone(
    async () =>
      (await scene.cluster.client.raw('GET', policyPath('faults'))).status === 404 &&
      (await deployments(namespace)).every(
        ({ metadata }) => metadata.annotations?.['sidecardrain.io/state'] === undefined,
      ),
  );
  await Promise.all(
    NAMES.map(async (name) => {
      await scene.rolledOut(namespace, name);
    }),
  );
  const after = await deployments(namespace);

  expect(after.map(({ spec }) => spec.template)).toEqual(before.map(({ spec }) => spec.template));
  // One restart to change it, one to give it back.
  expect(after.map(revisionOf)).toEqual(['3', '3', '3']);
  expect(applying).toBeGreaterThanOrEqual(NAMES.length + 2);
  expect(restoring).toBeGreaterThanOrEqual(NAMES.length + 1);
  console.log(`killed after each of ${applying} writes of the wave and ${restoring} of restoring`);
});
