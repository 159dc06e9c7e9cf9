// What is wrong from outside: policies that no schema can refuse, annotations that cannot be parsed, a kubeconfig, a
// permission or a kind that is missing. One clear line each, and nothing written.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { installCrds } from '../support/crds.ts';
import { installMesh } from '../support/mesh.ts';
import { startOperator, type OperatorHandle } from '../support/operator.ts';
import {
  deployment,
  eventually,
  fixed,
  inNamespace,
  startScene,
  staysSo,
  type Scene,
  type WorkloadObject,
} from '../support/scene.ts';

jest.setTimeout(180_000);

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({ mesh: false, crds: false, operator: false });
});
afterAll(async () => {
  await scene.stop();
});

const CONFIG = 'proxy.istio.io/config';

function graceOf(workload: WorkloadObject): number {
  return workload.spec.template.spec.terminationGracePeriodSeconds;
}

/** The one line that it ended with. */
async function ended(operator: OperatorHandle): Promise<{ code: number | null; output: string }> {
  const code = await operator.exited;
  return { code, output: operator.output().trim() };
}

async function ready(operator: OperatorHandle): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${operator.healthPort}/readyz?verbose`)).text();
}

describe('where it cannot even start', () => {
  it('ends with one line where the kubeconfig is not there', async () => {
    const operator = await startOperator(scene.cluster, { kubeconfig: '/nowhere/kubeconfig', wait: false });

    const { code, output } = await ended(operator);

    expect(code).toBe(2);
    expect(output.split('\n')).toEqual([expect.stringContaining('/nowhere/kubeconfig')]);
    expect(output).toContain('--kubeconfig');
  });

  it('ends with one line where the kubeconfig is no kubeconfig', async () => {
    const file = join(scene.cluster.folder, 'broken-kubeconfig');
    await writeFile(file, 'clusters: [\n');
    const operator = await startOperator(scene.cluster, { kubeconfig: file, wait: false });

    const { code, output } = await ended(operator);

    expect(code).toBe(2);
    expect(output.split('\n')).toEqual([expect.stringContaining(file)]);
  });

  it('waits where nobody answers at the address, is not ready meanwhile, and says why', async () => {
    const file = join(scene.cluster.folder, 'wrong-address');
    await writeFile(
      file,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'a',
        clusters: [{ name: 'a', cluster: { server: 'https://127.0.0.1:1' } }],
        users: [{ name: 'a', user: { token: 'none' } }],
        contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      }),
    );
    const operator = await startOperator(scene.cluster, { kubeconfig: file, wait: false });

    await eventually(
      () => operator.lines.filter(({ message }) => message.includes('retrying')).length >= 2,
      'it says that it tries again',
    );

    expect(await ready(operator)).toMatch(/api-server.*https:\/\/127\.0\.0\.1:1.*check the kubeconfig/);
    await operator.stop();
  });

  it('ends with one line where a flag makes no sense, or an address is taken', async () => {
    const silly = await startOperator(scene.cluster, { args: ['--max-rolling-workloads', 'many'], wait: false });
    expect(await ended(silly)).toEqual({
      code: 2,
      output: expect.stringContaining('--max-rolling-workloads must be a whole number'),
    });

    const cannot = await startOperator(scene.cluster, {
      args: ['--watch-namespaces', 'a,b', '--admission', 'on'],
      wait: false,
    });
    expect(await ended(cannot)).toEqual({
      code: 2,
      output: expect.stringContaining('--watch-namespaces cannot be used with --admission=on'),
    });
    const noName = await startOperator(scene.cluster, { args: ['--watch-namespaces', 'a,,b'], wait: false });
    expect((await ended(noName)).output).toContain('--watch-namespaces must be names of namespaces');

    const first = await startOperator(scene.cluster, { wait: false });
    await eventually(() => first.lines.some(({ message }) => message === 'starting'), 'the first one is up');
    const starting = first.lines.find(({ message }) => message === 'starting');
    expect([starting?.['node'], starting?.['zoneData']]).toEqual([process.version, process.versions.tz]);
    await eventually(async () => await first.metrics().then(Boolean, () => false), 'the first one has its address');
    const second = await startOperator(scene.cluster, {
      args: ['--metrics-bind-address', `127.0.0.1:${first.metricsPort}`],
      wait: false,
    });
    const { code, output } = await ended(second);
    expect(code).toBe(2);
    expect(output).toContain('--metrics-bind-address');
    expect(output.split('\n')).toHaveLength(1);
    await first.stop();
  });
});

describe('where something is not installed yet', () => {
  it('says so in one line while its own kind is missing, and goes on when it is there', async () => {
    const operator = await scene.start();
    await eventually(
      () => operator.lines.some(({ message }) => message.includes('the kind SidecarDrainPolicy is not installed')),
      'it says what is missing',
    );
    expect(
      operator.lines.filter(({ message }) => message.includes('the kind SidecarDrainPolicy is not installed')),
    ).toHaveLength(1);

    await installCrds(scene.cluster);
    await scene.createPolicy('early', fixed('nowhere'));
    await scene.settled('early', ({ conditions }) => conditions?.[0]?.status === 'True');
    await scene.deletePolicy('early');
    await scene.gone('early');
  });

  it('runs without Istio, says so, writes nothing, and enforces when it appears', async () => {
    const namespace = await scene.meshed('noistio');
    await scene.cluster.create(deployment(namespace, 'web'));
    const mark = scene.mark();

    await scene.createPolicy('noistio', fixed(namespace));
    const { status } = await scene.settled('noistio', ({ workloads }) => workloads?.matched === 1);

    expect(status?.conditions?.[0]).toMatchObject({ type: 'Ready', status: 'True', reason: 'IstioAbsent' });
    expect(status?.workloads).toMatchObject({ matched: 1, exempt: 1 });
    expect(scene.writes({ since: mark })).toEqual([]);

    await installMesh(scene.cluster, { nativeSidecars: 'false' });
    await scene.compliant('noistio', 1);
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(40);
  });
});

describe('a policy that only the domain can refuse', () => {
  const refused: { what: string; name: string; match: (namespace: string) => object; reason: string; says: string }[] =
    [
      {
        what: 'a selector with a key that is none',
        name: 'bad-selector',
        reason: 'InvalidSelector',
        says: 'spec.match.workloadSelector',
        match: (namespace) => ({
          namespaceSelector: inNamespace(namespace),
          workloadSelector: { matchLabels: { 'a//b': 'c' } },
        }),
      },
      {
        what: 'a name pattern that no name can have',
        name: 'bad-pattern',
        reason: 'InvalidNamePattern',
        says: 'spec.match.names[0]',
        match: (namespace) => ({ namespaceSelector: inNamespace(namespace), names: ['Web_*'] }),
      },
    ];

  it.each(refused)('$what: Stalled with a reason, and nothing is written', async ({ name, match, reason, says }) => {
    const namespace = await scene.meshed('stalled');
    await scene.cluster.create(deployment(namespace, 'web'));
    const mark = scene.mark();

    await scene.createPolicy(name, fixed(namespace, { match: match(namespace) }));
    const { status } = await scene.settled(
      name,
      ({ conditions }) =>
        conditions?.some(({ type, status: value }) => type === 'Stalled' && value === 'True') === true,
    );

    expect(status?.conditions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: 'Ready', status: 'False', reason }),
        expect.objectContaining({ type: 'Stalled', status: 'True', reason, message: expect.stringContaining(says) }),
      ]),
    );
    expect(scene.writes({ since: mark, namespace })).toEqual([]);
    await eventually(
      async () => (await scene.events('default')).some((event) => event.reason === reason && event.type === 'Warning'),
      'an Event says so',
    );

    await scene.patchPolicy(name, { match: { workloadSelector: null, names: null } });
    await scene.compliant(name, 1);
  });

  it('takes nothing back, and nobody takes over, while a policy that had written is stalled', async () => {
    const namespace = await scene.meshed('holding');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.createPolicy('holding', fixed(namespace));
    await scene.compliant('holding', 1);
    await scene.createPolicy('heir', fixed(namespace, { priority: -10, drain: { mode: 'Fixed', duration: '90s' } }));
    await scene.settled('heir', ({ workloads }) => workloads?.overridden === 1);
    const mark = scene.mark();

    await scene.patchPolicy('holding', { match: { names: ['Web_*'] } });
    await scene.settled(
      'holding',
      ({ conditions }) => conditions?.some(({ type, status }) => type === 'Stalled' && status === 'True') === true,
    );
    expect(await staysSo(() => scene.writes({ since: mark, namespace }).length, 2_000)).toEqual([0]);

    await scene.deletePolicy('holding');
    await scene.gone('holding');
    await scene.compliant('heir', 1);
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(100);
  });

  it('is Ready where it matches nothing yet', async () => {
    await scene.createPolicy('nothing', fixed('nowhere'));
    const { status } = await scene.settled('nothing', () => true);
    expect(status?.conditions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: 'Ready', status: 'True', reason: 'NoMatchingWorkloads' }),
        expect.objectContaining({ type: 'Stalled', status: 'False' }),
      ]),
    );
  });
});

describe('a workload that cannot be made compliant', () => {
  const TORN = 'terminationDrainDuration: [35s\n';

  it('keeps a malformed annotation, also under Force, and its parse error is reported', async () => {
    const namespace = await scene.meshed('malformed');
    await scene.cluster.create(deployment(namespace, 'web', { annotations: { [CONFIG]: TORN } }));
    const mark = scene.mark();

    await scene.createPolicy('malformed', fixed(namespace, { conflicts: 'Force' }));
    const { status } = await scene.settled('malformed', ({ workloads }) => workloads?.failed === 1);

    expect(status?.attention).toEqual([
      expect.objectContaining({
        name: 'web',
        reason: 'AnnotationMalformed',
        message: expect.stringContaining('proxy.istio.io/config is malformed (did not find expected'),
      }),
    ]);
    expect(scene.writes({ since: mark, namespace })).toEqual([]);
    expect((await scene.workload(namespace, 'web')).spec.template.metadata?.annotations?.[CONFIG]).toBe(TORN);

    await scene.patchWorkload(namespace, 'web', {
      spec: { template: { metadata: { annotations: { [CONFIG]: 'concurrency: 2\n' } } } },
    });
    await scene.compliant('malformed', 1);
  });

  it('is left whole where it would need more than the maximum of the policy', async () => {
    const namespace = await scene.meshed('maximum');
    await scene.cluster.create(
      deployment(namespace, 'web', {
        grace: 55,
        containers: [
          { name: 'app', image: 'registry.example/app:1', lifecycle: { preStop: { sleep: { seconds: 50 } } } },
        ],
      }),
    );
    const mark = scene.mark();

    await scene.createPolicy('maximum', fixed(namespace, { gracePeriod: { maximum: '60s' } }));
    const { status } = await scene.settled('maximum', ({ workloads }) => workloads?.failed === 1);

    expect(status?.attention?.[0]).toMatchObject({
      reason: 'GraceAboveMaximum',
      message: expect.stringContaining('85'),
    });
    expect(status?.conditions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: 'Compliant', status: 'False', reason: 'AttentionNeeded' }),
        expect.objectContaining({ type: 'Conflicted', status: 'False', reason: 'NoConflict' }),
      ]),
    );
    expect(scene.writes({ since: mark, namespace })).toEqual([]);
  });

  it('is left alone where its state annotation has been damaged', async () => {
    const namespace = await scene.meshed('damaged');
    await scene.cluster.create(deployment(namespace, 'web', { ownAnnotations: { 'sidecardrain.io/state': '{"v":1' } }));
    const mark = scene.mark();

    await scene.createPolicy('damaged', fixed(namespace));
    const { status } = await scene.settled('damaged', ({ workloads }) => workloads?.failed === 1);

    expect(status?.attention?.[0]).toMatchObject({ reason: 'StateDamaged' });
    expect(scene.writes({ since: mark, namespace })).toEqual([]);
  });
});

describe('a permission that is missing', () => {
  it('to read workloads: it is not ready, says which rule is missing, and goes on when it has it', async () => {
    await scene.operator.stop();
    await scene.takePermission('deployments');
    const operator = await scene.start({ wait: false });

    await eventually(
      () =>
        operator.lines.some(
          ({ message, resource }) => message === 'the API server forbids the watch' && resource === 'deployments.apps',
        ),
      'it says what is missing',
    );
    const line = operator.lines.find(({ resource }) => resource === 'deployments.apps');
    expect(line).toMatchObject({ level: 'warn', detail: expect.stringContaining('resources: ["deployments"]') });
    expect(await ready(operator)).toContain('deployments');
    await scene.restorePermissions();
    await operator.stop();
  });

  it('to write a status: workloads are enforced all the same, and the line says which rule is missing', async () => {
    await scene.takePermission('sidecardrainpolicies/status');
    const namespace = await scene.meshed('nostatus');
    await scene.cluster.create(deployment(namespace, 'web'));
    const operator = await scene.start();

    await scene.createPolicy('nostatus', fixed(namespace));
    await scene.untilWorkload(namespace, 'web', (workload) => graceOf(workload) === 40);
    await eventually(
      () => operator.lines.some((line) => JSON.stringify(line).includes('sidecardrainpolicies/status')),
      'it says what is missing',
    );

    await scene.restorePermissions();
    await scene.compliant('nostatus', 1, 90_000);
  });

  it('to write workloads: each is reported with the rule that is missing, nothing hangs', async () => {
    await scene.operator.stop();
    await scene.cluster.kubectlOk([
      'patch',
      'clusterrole',
      'sidecar-drain-operator',
      '--type=json',
      '-p',
      JSON.stringify(await withoutPatchOfWorkloads()),
    ]);
    const namespace = await scene.meshed('readonly');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.start();

    await scene.createPolicy('readonly', fixed(namespace));

    await eventually(
      async () =>
        (await scene.events(namespace)).some(
          ({ reason, message }) => reason === 'DrainWriteRefused' && message.includes('verbs: ["patch"]'),
        ),
      'an Event says what is missing',
    );
    const { status } = await scene.settled('readonly', ({ workloads }) => workloads?.failed === 1);
    expect(status?.attention?.[0]?.message).toContain('patch');
    await scene.restorePermissions();
  });
});

async function withoutPatchOfWorkloads(): Promise<object[]> {
  const role = await scene.cluster.client.call<{ rules: { apiGroups: string[]; verbs: string[] }[] }>(
    'GET',
    '/apis/rbac.authorization.k8s.io/v1/clusterroles/sidecar-drain-operator',
  );
  const index = role.rules.findIndex(({ apiGroups }) => apiGroups.includes('apps'));
  return [{ op: 'replace', path: `/rules/${index}/verbs`, value: ['get', 'list', 'watch'] }];
}
