// Versions that differ: the operator of today on definitions of an earlier release, and those definitions replaced under its
// live objects. Nothing may be written to workloads for that alone: it would restart their pods.
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { installCrds } from '../support/crds.ts';
import { deployment, fixed, startScene, staysSo, type Scene, type WorkloadObject } from '../support/scene.ts';

jest.setTimeout(180_000);

const OLD = 'test/fixtures/crds-3c77cc4';

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false' }, crds: OLD });
});
afterAll(async () => {
  await scene.stop();
});

function held({ metadata, spec }: WorkloadObject): unknown {
  return [metadata['generation'], metadata.annotations, spec];
}

it('works on older definitions, and writes nothing to workloads because they become newer or older again', async () => {
  const namespace = await scene.meshed('skew');
  await scene.cluster.create(deployment(namespace, 'web', { replicas: 1 }));
  await scene.createPolicy('skew', fixed(namespace));
  await scene.compliant('skew', 1);
  const before = await scene.workload(namespace, 'web');

  const mark = scene.mark();
  for (const folder of ['crds', OLD]) {
    await installCrds(scene.cluster, folder);
    await scene.operator.kill();
    await scene.start();
    // An edit that changes no value makes it evaluate with the definitions that are there now.
    await scene.patchPolicy('skew', { match: { names: ['web', folder.length > 4 ? 'old' : 'new'] } });
    await scene.compliant('skew', 1);
  }
  expect(await staysSo(() => scene.writes({ since: mark }).length, 1_500)).toEqual([0]);
  expect(held(await scene.workload(namespace, 'web'))).toEqual(held(before));
  await scene.deletePolicy('skew');
  await scene.gone('skew');
  expect((await scene.workload(namespace, 'web')).spec.template.spec.terminationGracePeriodSeconds).toBe(30);
});
