// What happens when something dies in the middle: everything converges, and nothing is written twice.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startFaultProxy, type FaultProxy, type ProxiedWrite } from '../support/fault-proxy.ts';
import { OPERATOR_ACCOUNT } from '../support/operator.ts';
import { deployment, eventually, fixed, startScene, type Scene, type WorkloadObject } from '../support/scene.ts';

jest.setTimeout(180_000);

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false' }, operator: false });
  proxy = await startFaultProxy(scene.cluster, OPERATOR_ACCOUNT, onWrite);
  await start();
});
afterAll(async () => {
  await scene.stop();
  await proxy.stop();
});

const WORKLOADS = 200;

let proxy: FaultProxy;
let namespace = '';
let mark = 0;
/** What to do as soon as a third of the workloads is written, before the operator has the answer. */
let cut: (() => Promise<void>) | undefined;
let cutting: Promise<void> | undefined;
let written = 0;

async function start(): Promise<void> {
  await scene.start({ kubeconfig: proxy.kubeconfig, args: ['--max-concurrent-reconciles', '4'] });
}

async function onWrite({ path }: ProxiedWrite): Promise<boolean> {
  if (cut === undefined || !path.includes(`/namespaces/${namespace}/deployments/`)) {
    return true;
  }
  written += 1;
  if (written < WORKLOADS / 3) {
    return true;
  }
  cutting ??= cut();
  await cutting;
  return false;
}

function cutWith(what: () => Promise<void>): void {
  cut = what;
  cutting = undefined;
  written = 0;
}

/** Two hundred workloads and a policy for all of them; returns when a third is written and that was done. */
async function inTheMiddle(prefix: string, what: () => Promise<void>): Promise<void> {
  namespace = await scene.meshed(prefix);
  for (let start = 0; start < WORKLOADS; start += 20) {
    await Promise.all(
      Array.from(
        { length: 20 },
        async (_, index) => await scene.cluster.create(deployment(namespace, `web-${start + index}`, { replicas: 0 })),
      ),
    );
  }
  mark = scene.mark();
  cutWith(what);
  await scene.createPolicy(prefix, fixed(namespace));
  await eventually(() => cutting !== undefined, 'a third is written');
  await cutting;
  cut = undefined;
  expect(scene.writes({ since: mark, namespace }).length).toBeLessThan(WORKLOADS);
}

async function deployments(): Promise<WorkloadObject[]> {
  return (
    await scene.cluster.client.call<{ items: WorkloadObject[] }>(
      'GET',
      `/apis/apps/v1/namespaces/${namespace}/deployments`,
    )
  ).items;
}

async function graces(): Promise<number[]> {
  return (await deployments()).map(({ spec }) => spec.template.spec.terminationGracePeriodSeconds);
}

async function expectOneWriteEach(): Promise<void> {
  expect(new Set(await graces())).toEqual(new Set([40]));
  // The audit log of a killed API server may lack its last lines; the generation of an object counts for ever.
  expect(
    (await deployments()).filter(({ metadata }) => metadata.generation !== 2).map(({ metadata }) => metadata.name),
  ).toEqual([]);
  const perObject = new Map<string, number>();
  for (const { name } of scene.writes({ since: mark, namespace })) {
    perObject.set(name, (perObject.get(name) ?? 0) + 1);
  }
  expect([...perObject].filter(([, count]) => count !== 1)).toEqual([]);
}

afterEach(() => {
  // The next test counts writes of its own namespace only.
  expect(scene.operator.lines.filter(({ level }) => level === 'error')).toEqual([]);
});

describe('in the middle of 200 workloads', () => {
  it('a killed operator goes on after its restart, and writes none twice', async () => {
    await inTheMiddle('killed', async () => {
      await scene.operator.kill();
    });
    await start();

    await scene.compliant('killed', WORKLOADS, 90_000);
    await expectOneWriteEach();
  });

  it('an API server that is killed and comes back is waited for, and none is written twice', async () => {
    await inTheMiddle('apiserver', async () => {
      await scene.cluster.stopApiServer();
    });
    await scene.cluster.startApiServer();

    await scene.compliant('apiserver', WORKLOADS, 90_000);
    await expectOneWriteEach();
  });

  it('restoring goes on after the operator was killed in the middle of it', async () => {
    namespace = await scene.meshed('back');
    const names = Array.from({ length: 60 }, (_, index) => `web-${index}`);
    await Promise.all(
      names.map(async (name) => await scene.cluster.create(deployment(namespace, name, { replicas: 0 }))),
    );
    await scene.createPolicy('back', fixed(namespace));
    await scene.compliant('back', names.length);
    mark = scene.mark();

    await scene.deletePolicy('back');
    await eventually(() => scene.writes({ since: mark, namespace }).length >= 20, 'some are restored');
    await scene.operator.kill();
    await start();

    await scene.gone('back', 100_000);
    await eventually(async () => (await graces()).every((grace) => grace === 30), 'all are restored');
    expect(
      (await deployments()).filter(({ metadata }) => metadata.annotations?.['sidecardrain.io/state'] !== undefined),
    ).toEqual([]);
  });
});

it('started while the API server is away it waits, not ready, and works when it is there', async () => {
  await scene.operator.stop();
  namespace = await scene.meshed('away');
  await scene.cluster.create(deployment(namespace, 'web', { replicas: 0 }));
  await scene.createPolicy('away', fixed(namespace));

  const kubeconfig = await scene.cluster.kubeconfigFor(OPERATOR_ACCOUNT);
  await scene.cluster.stopApiServer();
  const operator = await scene.start({ kubeconfig, wait: false });
  await eventually(() => operator.lines.some(({ message }) => /retrying/.test(message)), 'it says that it tries again');
  expect((await fetch(`http://127.0.0.1:${operator.healthPort}/readyz`)).status).toBe(503);
  expect((await fetch(`http://127.0.0.1:${operator.healthPort}/healthz`)).status).toBe(200);
  await scene.cluster.startApiServer();

  await scene.compliant('away', 1);
});
