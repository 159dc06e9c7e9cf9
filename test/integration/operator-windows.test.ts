// Time windows on a real API server: what restarts pods is written while a window is open, and at no other time.
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import {
  deployment,
  eventually,
  fixed,
  startScene,
  staysSo,
  type PolicyObject,
  type Scene,
  type WorkloadObject,
} from '../support/scene.ts';

jest.setTimeout(180_000);

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false' } });
});
afterAll(async () => {
  await scene.stop();
});

const OPEN_SECONDS = 12;

function reconciling(status: PolicyObject['status']): { reason: string; message: string } | undefined {
  return status?.conditions?.find(({ type }) => type === 'Reconciling');
}

async function graces(namespace: string): Promise<number[]> {
  const { items } = await scene.cluster.client.call<{ items: WorkloadObject[] }>(
    'GET',
    `/apis/apps/v1/namespaces/${namespace}/deployments`,
  );
  return items.map(({ spec }) => spec.template.spec.terminationGracePeriodSeconds);
}

it('writes when the window opens, restores in no other time, and lets a deletion go on', async () => {
  const namespace = await scene.meshed('window');
  for (const name of ['a', 'b']) {
    await scene.cluster.create(deployment(namespace, name, { replicas: 0 }));
  }
  // The next full minute that is not just about to begin: then the window is closed when the policy comes.
  const opens = new Date(Math.ceil((Date.now() + 12_000) / 60_000) * 60_000);
  const mark = scene.mark();
  await scene.createPolicy(
    'window',
    fixed(namespace, {
      rollout: {
        strategy: 'Immediate',
        windows: [{ schedule: `${opens.getUTCMinutes()} * * * *`, duration: `${OPEN_SECONDS}s` }],
      },
    }),
  );

  const { status } = await scene.settled(
    'window',
    (seen) => reconciling(seen)?.reason === 'WaitsForWindow' && seen.workloads?.pending === 2,
  );
  expect(status?.workloads).toMatchObject({ matched: 2, pending: 2 });
  expect(reconciling(status)?.message).toBe(
    `2 workload(s): waits: the next window opens at ${opens.toISOString().replace('.000Z', 'Z')}`,
  );
  await scene.compliant('window', 2, 120_000);
  const writes = scene.writes({ since: mark });
  expect(writes).toHaveLength(2);
  for (const { time } of writes) {
    expect(Date.parse(time)).toBeGreaterThanOrEqual(opens.getTime());
    expect(Date.parse(time)).toBeLessThan(opens.getTime() + OPEN_SECONDS * 1000);
  }

  // Closed again: what the policy no longer selects keeps its values.
  await eventually(() => Date.now() > opens.getTime() + OPEN_SECONDS * 1000, 'the window has closed');
  await scene.patchPolicy('window', { match: { names: ['b'] } });
  await scene.settled('window', ({ workloads }) => workloads?.matched === 1);
  expect(await staysSo(() => scene.writes({ since: mark }).length, 4_000)).toEqual([2]);
  // Who deletes a policy wants its values gone.
  await scene.deletePolicy('window');
  await scene.gone('window');
  await eventually(async () => (await graces(namespace)).every((grace) => grace === 30), 'all is restored');
});

it('says where a window cannot be, and writes nothing', async () => {
  const namespace = await scene.meshed('invalid');
  await scene.cluster.create(deployment(namespace, 'web', { replicas: 0 }));
  const mark = scene.mark();
  const windows = [
    { schedule: '0 2 * * *', duration: '3h' },
    { schedule: '0 2 * * *', duration: '3h', timeZone: 'Mars/Olympus' },
  ];

  await scene.createPolicy('invalid', fixed(namespace, { rollout: { strategy: 'Immediate', windows } }));
  const { status } = await scene.settled(
    'invalid',
    ({ conditions }) =>
      conditions?.some(({ type, reason }) => type === 'Stalled' && reason === 'InvalidWindow') === true,
  );
  expect(status?.conditions?.find(({ type }) => type === 'Stalled')?.message).toContain(
    'spec.rollout.windows[1].timeZone: there is no time zone "Mars/Olympus"',
  );
  expect(await staysSo(() => scene.writes({ since: mark }).length, 1_500)).toEqual([0]);

  await expect(
    scene.createPolicy('refused', fixed(namespace, { rollout: { windows: [{ schedule: '@daily', duration: '3h' }] } })),
  ).rejects.toThrow('write the five fields of cron');
  // Corrected, it goes on: this one is always open.
  await scene.patchPolicy('invalid', {
    rollout: { windows: [{ schedule: '* * * * *', duration: '2m', timeZone: 'Europe/Berlin' }] },
  });
  await scene.compliant('invalid', 1);
});
