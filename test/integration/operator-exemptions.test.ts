// Exempted workloads are left alone until a stated time; then they are the policies' again, although nothing in the cluster changes.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  deployment,
  fixed,
  startScene,
  type Condition,
  type KubeObject,
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

interface Exemption extends KubeObject {
  readonly status?: {
    readonly matched?: number;
    readonly observedGeneration?: number;
    readonly conditions?: readonly Condition[];
  };
}

const FAR = '2099-01-01T00:00:00Z';
const graceOf = ({ spec }: WorkloadObject): number => spec.template.spec.terminationGracePeriodSeconds;
const pathOf = (namespace: string, name: string): string =>
  `/apis/sidecardrain.io/v1alpha1/namespaces/${namespace}/drainexemptions/${name}`;

async function exempt(namespace: string, name: string, spec: Record<string, unknown> = {}): Promise<void> {
  await scene.cluster.create({
    apiVersion: 'sidecardrain.io/v1alpha1',
    kind: 'DrainExemption',
    metadata: { namespace, name },
    spec: {
      selector: { names: ['legacy'] },
      reason: 'it is replaced in spring',
      owner: 'team-checkout',
      expires: FAR,
      ...spec,
    },
  });
}

async function active(namespace: string, name: string, reason: string, timeoutMs = 60_000): Promise<Exemption> {
  return await scene.cluster.waitFor<Exemption>(
    pathOf(namespace, name),
    ({ metadata, status }) =>
      status?.observedGeneration === metadata.generation &&
      status?.conditions?.find(({ type }) => type === 'Active')?.reason === reason,
    timeoutMs,
  );
}

describe('an exemption', () => {
  it('keeps its workloads from every write until it ends, and no longer', async () => {
    const namespace = await scene.meshed('ends');
    await exempt(namespace, 'spring');
    await scene.createPolicy('ends', fixed(namespace));
    await scene.cluster.create(deployment(namespace, 'legacy'));
    await scene.cluster.create(deployment(namespace, 'web'));

    await scene.settled('ends', ({ workloads }) => workloads?.compliant === 1 && workloads.exempt === 1);
    const holding = await active(namespace, 'spring', 'Exempting');
    expect(holding.status).toMatchObject({ matched: 1 });
    expect(holding.status?.conditions?.[0]?.message).toContain(
      'it is replaced in spring (DrainExemption ' + `${namespace}/spring, owner team-checkout, until `,
    );
    // Nothing changes after this but the time.
    const ends = Date.now() + 5_000;
    expect(scene.writes({ namespace, name: 'legacy' })).toEqual([]);
    await scene.cluster.client.call('PATCH', pathOf(namespace, 'spring'), {
      contentType: 'application/merge-patch+json',
      body: { spec: { expires: new Date(ends).toISOString() } },
    });

    await scene.compliant('ends', 2);
    const [written] = scene.writes({ namespace, name: 'legacy' });
    expect(Date.parse(written?.time ?? '')).toBeGreaterThanOrEqual(ends);
    expect(graceOf(await scene.workload(namespace, 'legacy'))).toBe(40);
    await active(namespace, 'spring', 'Expired');
  });

  it('leaves what has been written as it is, whatever becomes of the policy', async () => {
    const namespace = await scene.meshed('stays');
    await scene.createPolicy('stays', fixed(namespace));
    await scene.cluster.create(deployment(namespace, 'legacy'));
    await scene.compliant('stays', 1);
    await scene.rolledOut(namespace, 'legacy');
    await exempt(namespace, 'now');
    await scene.settled('stays', ({ workloads }) => workloads?.exempt === 1);
    const { template } = (await scene.workload(namespace, 'legacy')).spec;
    const mark = scene.mark();

    await scene.patchPolicy('stays', { drain: { duration: '90s' } });
    await scene.settled('stays', ({ workloads }) => workloads?.exempt === 1);
    expect(scene.writes({ since: mark, namespace })).toEqual([]);

    await scene.deletePolicy('stays');
    await scene.gone('stays');
    const left = await scene.workload(namespace, 'legacy');
    expect(left.spec.template).toEqual(template);
    expect(left.metadata.annotations?.['sidecardrain.io/state']).toBeUndefined();
  });

  it('ends with its deletion, and can be made longer', async () => {
    const namespace = await scene.meshed('deleted');
    await exempt(namespace, 'old', { expires: '2020-01-01T00:00:00Z' });
    await active(namespace, 'old', 'Expired');
    await scene.cluster.client.call('PATCH', pathOf(namespace, 'old'), {
      contentType: 'application/merge-patch+json',
      body: { spec: { expires: FAR } },
    });
    await scene.createPolicy('deleted', fixed(namespace));
    await scene.cluster.create(deployment(namespace, 'legacy'));
    await scene.settled('deleted', ({ workloads }) => workloads?.exempt === 1);

    await scene.cluster.client.call('DELETE', pathOf(namespace, 'old'));

    await scene.compliant('deleted', 1);
  });

  it('that selects nothing says so, and notices when there is something', async () => {
    const namespace = await scene.meshed('nothing');
    await exempt(namespace, 'typo', { selector: { workloadSelector: { matchLabels: { app: 'legacy' } } } });
    expect((await active(namespace, 'typo', 'NoMatchingWorkloads')).status?.matched).toBe(0);

    await scene.cluster.create(deployment(namespace, 'legacy'));

    expect((await active(namespace, 'typo', 'Exempting')).status?.matched).toBe(1);
  });

  it('that cannot be evaluated exempts nothing and is stalled', async () => {
    const namespace = await scene.meshed('invalid');
    await exempt(namespace, 'wrong', { selector: { names: ['Legacy App'] } });

    const { status } = await active(namespace, 'wrong', 'InvalidNamePattern');

    expect(status?.conditions?.map(({ type, status: is }) => [type, is])).toEqual([
      ['Active', 'False'],
      ['Stalled', 'True'],
    ]);
  });
});

it("that lasts longer than the cluster's policy allows does not count, and says so; a shorter one does", async () => {
  const namespace = await scene.meshed('bounded');
  await exempt(namespace, 'forever');
  await scene.cluster.create(deployment(namespace, 'legacy'));
  await scene.createPolicy('bounded', fixed(namespace, { exemptions: { longest: '24h' } }));

  await scene.compliant('bounded', 1);
  const refused = await active(namespace, 'forever', 'OutsideBounds');
  expect(refused.status?.conditions?.find(({ type }) => type === 'Active')).toMatchObject({
    status: 'False',
    message: expect.stringContaining('exemptions.longest of SidecarDrainPolicy bounded is 24h'),
  });

  await scene.cluster.client.call('DELETE', pathOf(namespace, 'forever'));
  await exempt(namespace, 'today', { expires: new Date(Date.now() + 3_600_000).toISOString() });
  await active(namespace, 'today', 'Exempting');
  await scene.settled('bounded', ({ workloads }) => workloads?.exempt === 1);
});
