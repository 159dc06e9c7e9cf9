// A namespace's owners may govern their own workloads where the cluster's policy lets them, within its bounds, and nobody else's.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { projectRoot } from '../support/control-plane/index.ts';
import {
  deployment,
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

const graceOf = ({ spec }: WorkloadObject): number => spec.template.spec.terminationGracePeriodSeconds;
const governorOf = ({ metadata }: WorkloadObject): string | undefined => {
  const state = metadata.annotations?.['sidecardrain.io/state'];
  return state === undefined ? undefined : (JSON.parse(state) as { policy: { name: string } }).policy.name;
};
const condition =
  (type: string) =>
  ({ conditions }: NonNullable<PolicyObject['status']>) =>
    conditions?.find((one) => one.type === type);

/** A tenant's policy: a Fixed drain of 60 s, all at once. */
function own(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    enforcement: 'Enforce',
    drain: { mode: 'Fixed', duration: '60s' },
    rollout: { strategy: 'Immediate' },
    ...more,
  };
}

function platform(team: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return fixed('', { match: { namespaceSelector: { matchLabels: { team } } }, priority: 1000, ...more });
}

describe('a namespaced policy', () => {
  it("governs the workloads of its own namespace and no others, where the cluster's policy allows it", async () => {
    const [mine, other] = [
      await scene.meshed('mine', { team: 'allowed' }),
      await scene.meshed('other', { team: 'allowed' }),
    ];
    await scene.createPolicy(
      'allowed',
      platform('allowed', { tenants: 'Allow', bounds: { longestDrain: '2m', longestGrace: '10m' } }),
    );
    await scene.createPolicy(`${mine}/own`, own({ priority: -1000 }));
    await scene.cluster.create(deployment(mine, 'web'));
    await scene.cluster.create(deployment(other, 'web'));

    await scene.compliant(`${mine}/own`, 1);
    await scene.settled(
      'allowed',
      ({ workloads }) => workloads?.matched === 2 && workloads.compliant === 1 && workloads.overridden === 1,
    );

    const [web, stranger] = [await scene.workload(mine, 'web'), await scene.workload(other, 'web')];
    expect([graceOf(web), governorOf(web)]).toEqual([70, `${mine}/own`]);
    expect([graceOf(stranger), governorOf(stranger)]).toEqual([40, 'allowed']);
    const status = (await scene.policy(`${mine}/own`)).status;
    expect(status?.workloads?.matched).toBe(1);
    expect((await scene.policy(`${mine}/own`)).metadata.finalizers).toEqual(['sidecardrain.io/restore']);
    expect(await scene.operator.metrics()).toContain(
      `sidecar_drain_workloads{policy="${mine}/own",state="compliant"} 1`,
    );
    // Events are written behind the writes, and of a namespaced policy they stand beside it.
    await scene.cluster.waitFor<
      { items: { involvedObject: { kind: string; name: string } }[] } & { metadata: { name: string } }
    >(`/api/v1/namespaces/${mine}/events`, ({ items }) =>
      items.some(
        ({ involvedObject }) => involvedObject.kind === 'NamespacedSidecarDrainPolicy' && involvedObject.name === 'own',
      ),
    );
  });

  it('outside the bounds governs no more, says which bound it is, and governs again inside of it', async () => {
    const namespace = await scene.meshed('bounded', { team: 'bounded' });
    await scene.createPolicy('bounded', platform('bounded', { tenants: 'Allow', bounds: { longestDrain: '2m' } }));
    await scene.createPolicy(`${namespace}/own`, own());
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.compliant(`${namespace}/own`, 1);

    await scene.patchPolicy(`${namespace}/own`, { drain: { duration: '5m' } });
    await scene.settled(`${namespace}/own`, (status) => condition('Stalled')(status)?.status === 'True');
    await scene.compliant('bounded', 1);
    const stalled = (await scene.policy(`${namespace}/own`)).status!;
    const message = 'drain.duration 5m is above bounds.longestDrain 2m of SidecarDrainPolicy bounded: write 2m or less';
    expect(condition('Stalled')(stalled)).toMatchObject({ reason: 'OutsideBounds', message });
    expect(condition('Ready')(stalled)).toMatchObject({ status: 'False', reason: 'OutsideBounds', message });
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(40);

    await scene.patchPolicy('bounded', { bounds: { longestDrain: '6m' } });
    await scene.compliant(`${namespace}/own`, 1);
    expect(condition('Stalled')((await scene.policy(`${namespace}/own`)).status!)?.status).toBe('False');
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(310);
  });

  it("loses its workloads in one write each when the cluster's policy forbids tenants, and says to whom", async () => {
    const namespace = await scene.meshed('forbidden', { team: 'forbidden' });
    await scene.createPolicy('forbidden', platform('forbidden', { tenants: 'Allow' }));
    await scene.createPolicy(`${namespace}/own`, own());
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.compliant(`${namespace}/own`, 1);
    await scene.rolledOut(namespace, 'web');
    const mark = scene.mark();

    await scene.patchPolicy('forbidden', { tenants: 'Forbid' });

    await scene.compliant('forbidden', 1);
    await scene.settled(`${namespace}/own`, ({ workloads }) => workloads?.overridden === 1);
    expect(governorOf(await scene.workload(namespace, 'web'))).toBe('forbidden');
    expect(scene.writes({ since: mark, namespace })).toHaveLength(1);
  });

  it('passes its workloads on when it is deleted', async () => {
    const namespace = await scene.meshed('passed', { team: 'passed' });
    await scene.createPolicy('passed', platform('passed', { tenants: 'Allow' }));
    await scene.createPolicy(`${namespace}/own`, own());
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.compliant(`${namespace}/own`, 1);

    await scene.deletePolicy(`${namespace}/own`);

    await scene.gone(`${namespace}/own`);
    await scene.compliant('passed', 1);
    expect(governorOf(await scene.workload(namespace, 'web'))).toBe('passed');
  });

  it("keeps its hold while the cluster's policy that lets it cannot be evaluated", async () => {
    const namespace = await scene.meshed('held', { team: 'held' });
    await scene.createPolicy('held', platform('held', { tenants: 'Allow' }));
    await scene.createPolicy(`${namespace}/own`, own());
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.compliant(`${namespace}/own`, 1);
    const mark = scene.mark();

    await scene.patchPolicy('held', { match: { names: ['Not A Name'] } });

    await scene.settled('held', (status) => condition('Stalled')(status)?.status === 'True');
    expect(await staysSo(() => scene.writes({ since: mark, namespace }).length, 2_000)).toEqual([0]);
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(70);
  });

  it('alone governs nothing, unless the operator was told that it may; then it restores what was there', async () => {
    const namespace = await scene.meshed('alone');
    await scene.cluster.create(deployment(namespace, 'web'));
    const before = (await scene.workload(namespace, 'web')).spec.template;
    const mark = scene.mark();
    await scene.createPolicy(`${namespace}/own`, own());
    await scene.settled(`${namespace}/own`, (status) => condition('Stalled')(status)?.reason === 'NoClusterPolicy');
    expect(scene.writes({ since: mark, namespace })).toEqual([]);

    await scene.operator.stop();
    await scene.start({ args: ['--unbounded-tenants'] });
    await scene.compliant(`${namespace}/own`, 1);
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(70);

    await scene.rolledOut(namespace, 'web');
    await scene.deletePolicy(`${namespace}/own`);
    await scene.gone(`${namespace}/own`);
    expect((await scene.workload(namespace, 'web')).spec.template).toEqual(before);
  });
});

describe('the role for tenants', () => {
  it('lets them write in the namespace where it is bound, and nowhere else', async () => {
    const [bound, other] = [await scene.meshed('bound'), await scene.meshed('unbound')];
    await scene.cluster.kubectlOk([
      'create',
      'rolebinding',
      'tenants',
      '-n',
      bound,
      '--clusterrole=sidecar-drain-tenant-editor',
      '--user=jane',
    ]);
    const creating = { verb: 'create', group: 'sidecardrain.io', resource: 'namespacedsidecardrainpolicies' };
    await scene.cluster.waitUntilAllowed('jane', { ...creating, namespace: bound });
    const may = async (...args: string[]): Promise<string> =>
      (await scene.cluster.kubectl(['auth', 'can-i', ...args, '--as=jane'])).stdout.trim();

    expect(await may('create', 'namespacedsidecardrainpolicies.sidecardrain.io', '-n', bound)).toBe('yes');
    expect(await may('create', 'drainexemptions.sidecardrain.io', '-n', bound)).toBe('yes');
    expect(await may('create', 'namespacedsidecardrainpolicies.sidecardrain.io', '-n', other)).toBe('no');
    expect(await may('create', 'sidecardrainpolicies.sidecardrain.io')).toBe('no');
  });
});

describe('an operator for some namespaces, with Roles in them and no ClusterRole', () => {
  const account = { namespace: 'drain-own', name: 'sidecar-drain-operator' };
  const KINDS = ['ServiceAccount', 'Role', 'RoleBinding'];

  /** The permissions of config/namespaced, for these namespaces and this account. */
  async function permissions(teamA: string, teamB: string): Promise<void> {
    const rendered = await scene.cluster.kubectlOk(['kustomize', join(projectRoot(), 'config/namespaced')]);
    const objects = parseAllDocuments(
      rendered
        .replaceAll('sidecar-drain-system', account.namespace)
        .replaceAll('team-a', teamA)
        .replaceAll('team-b', teamB),
    ).map((document) => document.toJS() as { kind: string });
    expect(objects.filter(({ kind }) => kind.startsWith('ClusterRole'))).toEqual([]);
    await scene.cluster.kubectl(['create', 'namespace', account.namespace]);
    await scene.cluster.kubectlOk(['apply', '--server-side', '--force-conflicts', '-f', '-'], {
      input: objects
        .filter(({ kind }) => KINDS.includes(kind))
        .map((object) => JSON.stringify(object))
        .join('\n---\n'),
    });
  }

  it('keeps the workloads there to the policies there, and touches no others', async () => {
    await scene.operator.stop();
    const [one, two, other] = [await scene.meshed('one'), await scene.meshed('two'), await scene.meshed('other')];
    for (const namespace of [one, two, other]) {
      await scene.cluster.create(deployment(namespace, 'web'));
      await scene.rolledOut(namespace, 'web');
      await scene.createPolicy(`${namespace}/own`, own());
    }
    const before = (await scene.workload(one, 'web')).spec.template;
    await permissions(one, two);
    const args = ['--namespace', account.namespace, '--watch-namespaces', `${one},${two}`, '--leader-elect'];
    const stated = ['--assume-injected=true', '--istio-version=1.30.3', '--native-sidecars=false'];

    const operator = await scene.start({
      args: [...args, ...stated],
      kubeconfig: await scene.cluster.kubeconfigFor(account),
    });
    await scene.compliant(`${one}/own`, 1);
    await scene.compliant(`${two}/own`, 1);

    expect(graceOf(await scene.workload(one, 'web'))).toBe(70);
    expect(graceOf(await scene.workload(other, 'web'))).toBe(30);
    expect((await scene.policy(`${other}/own`)).status?.observedGeneration).toBe(-1);
    // What is of the whole cluster is missed, and nothing else.
    const missed = operator.lines.filter(({ message }) => message.includes('forbids')).map(({ resource }) => resource);
    expect(new Set(missed)).toEqual(
      new Set(['nodes', 'nodepools.karpenter.sh', 'mutatingwebhookconfigurations.admissionregistration.k8s.io']),
    );

    await scene.rolledOut(one, 'web');
    await scene.deletePolicy(`${one}/own`);
    await scene.gone(`${one}/own`);
    expect((await scene.workload(one, 'web')).spec.template).toEqual(before);
    expect(operator.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
