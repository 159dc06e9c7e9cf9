// What the operator does not do: write in Audit, while suspended, while switched off, or when nothing differs. And what
// it shows of itself meanwhile: status, Events, metrics, health.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { installMesh } from '../support/mesh.ts';
import { OPERATOR_ACCOUNT, OPERATOR_NAMESPACE } from '../support/operator.ts';
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

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false' } });
});
afterAll(async () => {
  await scene.stop();
});

function graceOf(workload: WorkloadObject): number {
  return workload.spec.template.spec.terminationGracePeriodSeconds;
}

async function switchOff(paused: boolean): Promise<void> {
  await scene.cluster.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'sidecar-drain-operator', namespace: OPERATOR_NAMESPACE },
    data: { paused: String(paused) },
  });
}

async function metric(name: string, labels = ''): Promise<number | undefined> {
  const text = await scene.operator.metrics();
  const line = text.split('\n').find((each) => each.startsWith(`${name}${labels}`));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
}

/** Waits until the operator has written nothing for so long, Events included. */
async function restful(milliseconds: number): Promise<void> {
  const writes = (): number => scene.cluster.audit.writes({ user: OPERATOR_ACCOUNT }).length;
  await eventually(async () => (await staysSo(writes, milliseconds)).length === 1, 'the operator comes to rest');
}

describe('without a write', () => {
  it('evaluates in Audit, and says what it would change', async () => {
    const namespace = await scene.meshed('audit');
    await scene.cluster.create(deployment(namespace, 'low'));
    await scene.cluster.create(
      deployment(namespace, 'high', {
        grace: 300,
        annotations: { 'proxy.istio.io/config': 'terminationDrainDuration: 100s' },
      }),
    );
    const mark = scene.mark();

    await scene.createPolicy('audit', { ...fixed(namespace), enforcement: 'Audit' });
    const { status, metadata } = await scene.settled(
      'audit',
      ({ workloads }) => workloads?.matched === 2 && workloads.nonCompliant === 1,
    );

    expect(status?.workloads).toMatchObject({ matched: 2, compliant: 1, nonCompliant: 1 });
    expect(status?.attention).toEqual([
      expect.objectContaining({ name: 'low', message: expect.stringContaining('grace period 30 s -> 40 s') }),
    ]);
    expect(metadata).not.toHaveProperty('finalizers');
    await scene.patchPolicy('audit', { drain: { duration: '40s' } });
    await scene.settled('audit', () => true);
    expect(scene.writes({ since: mark, namespace })).toEqual([]);
    await scene.deletePolicy('audit');
    await scene.gone('audit');
  });

  it('evaluates while suspended, and goes on when that ends', async () => {
    const namespace = await scene.meshed('suspend');
    await scene.cluster.create(deployment(namespace, 'web'));
    const mark = scene.mark();

    await scene.createPolicy('suspend', fixed(namespace, { suspend: true }));
    await scene.settled(
      'suspend',
      ({ workloads, conditions }) => workloads?.nonCompliant === 1 && conditions?.[0]?.reason === 'Suspended',
    );
    expect(scene.writes({ since: mark, namespace })).toEqual([]);

    await scene.patchPolicy('suspend', { suspend: false });
    await scene.compliant('suspend', 1);
    expect(scene.writes({ since: mark, namespace })).toHaveLength(1);
  });

  it('stops at the off switch, shows it, and goes on when it is off', async () => {
    const namespace = await scene.meshed('off');
    await scene.cluster.create(deployment(namespace, 'web'));
    await switchOff(true);
    await eventually(async () => (await metric('sidecar_drain_paused')) === 1, 'the off switch is seen');
    const mark = scene.mark();

    await scene.createPolicy('off', fixed(namespace));
    const { status } = await scene.settled(
      'off',
      ({ workloads, conditions }) => workloads?.nonCompliant === 1 && conditions?.[0]?.reason === 'Paused',
    );
    expect(status?.attention?.[0]?.message).toContain('off switch');
    await scene.settled('suspend', ({ conditions }) => conditions?.[0]?.reason === 'Paused');
    expect(await staysSo(() => scene.writes({ since: mark, namespace }).length, 1_500)).toEqual([0]);

    await switchOff(false);
    await scene.compliant('off', 1);
    expect(await metric('sidecar_drain_paused')).toBe(0);
    // Every policy says so, also one whose workloads have nothing to wait for.
    for (const name of ['off', 'suspend']) {
      await scene.settled(name, ({ conditions }) => conditions?.[0]?.reason === 'Evaluated');
    }
  });

  it('lets a policy go while switched off, and restores what is left when it is on again', async () => {
    const namespace = await scene.meshed('offdelete');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.createPolicy('offdelete', fixed(namespace));
    await scene.compliant('offdelete', 1);
    await scene.rolledOut(namespace, 'web');
    await switchOff(true);
    await eventually(async () => (await metric('sidecar_drain_paused')) === 1, 'the off switch is seen');
    const mark = scene.mark();

    await scene.deletePolicy('offdelete');
    await scene.gone('offdelete', 100_000);
    expect(scene.writes({ since: mark, namespace })).toEqual([]);
    expect(graceOf(await scene.workload(namespace, 'web'))).toBe(40);

    await switchOff(false);
    await scene.untilWorkload(
      namespace,
      'web',
      (workload) => graceOf(workload) === 30 && workload.metadata.annotations?.['sidecardrain.io/state'] === undefined,
    );
  });

  it('writes nothing at rest, nor when the mesh is touched without a difference, nor after its own restart', async () => {
    const namespace = await scene.meshed('rest');
    await Promise.all(['a', 'b', 'c'].map(async (name) => await scene.cluster.create(deployment(namespace, name))));
    // One that somebody has to look at: its Warning is not told again.
    await scene.cluster.create(deployment(namespace, 'declared', { grace: 5 }));
    await scene.createPolicy('rest', fixed(namespace));
    await scene.settled('rest', ({ workloads }) => workloads?.compliant === 3 && workloads.conflicted === 1);
    await eventually(
      async () => (await scene.events(namespace)).some(({ involvedObject }) => involvedObject.name === 'declared'),
      'the conflict is told',
    );
    await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        await scene.rolledOut(namespace, name);
      }),
    );
    await scene.compliant('rest', 3);
    await restful(4_000);
    const eventsBefore = (await scene.events(namespace)).length;
    const told = (await scene.events(namespace)).reduce((sum, { count }) => sum + count, 0);
    const mark = scene.mark();

    const written = (): string[] =>
      scene
        .everyWrite({ since: mark })
        .map(({ verb, resource, subresource, name }) => `${verb} ${resource}/${subresource} ${name}`);
    expect(await staysSo(written, 20_000)).toEqual([[]]);

    // Every workload is looked at again, and nothing comes of it.
    await installMesh(scene.cluster, {
      nativeSidecars: 'false',
      meshConfig: 'defaultConfig:\n  discoveryAddress: elsewhere:15012\nrootNamespace: istio-system\n',
    });
    await scene.cluster.kubectlOk(['annotate', 'deployment', '-n', namespace, 'a', 'note=not ours']);
    expect(await scene.operator.stop()).toBe(0);
    await scene.start();
    expect(await staysSo(written, 3_000)).toEqual([[]]);
    expect((await scene.events(namespace)).length).toBe(eventsBefore);
    expect((await scene.events(namespace)).reduce((sum, { count }) => sum + count, 0)).toBe(told);
  });
});

describe('what it shows', () => {
  it('keeps a status that kubectl, GitOps tools and people can read', async () => {
    const namespace = await scene.meshed('status');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.cluster.create(deployment(namespace, 'mine', { grace: 5 }));
    await scene.createPolicy('status', fixed(namespace));
    await scene.settled('status', ({ workloads }) => workloads?.compliant === 1 && workloads.conflicted === 1);

    const { status, metadata } = await scene.policy('status');
    expect(status?.observedGeneration).toBe(metadata.generation);
    expect(status?.conditions?.map(({ type }) => type)).toEqual([
      'Ready',
      'Compliant',
      'Reconciling',
      'Stalled',
      'Conflicted',
    ]);
    expect(status?.conditions?.map((each) => each.observedGeneration)).toEqual(
      Array.from({ length: 5 }, () => metadata.generation),
    );
    // The states are exclusive, and their sum is what is matched.
    const { matched = -1, ...states } = status?.workloads ?? {};
    expect(Object.values(states).reduce((sum, each) => sum + each, 0)).toBe(matched);
    const [heading = '', row = ''] = (await scene.cluster.kubectlOk(['get', 'sdp', 'status'])).split('\n');
    expect(heading.trim().split(/\s+/)).toEqual([
      'NAME',
      'MODE',
      'ENFORCEMENT',
      'MATCHED',
      'COMPLIANT',
      'READY',
      'AGE',
    ]);
    expect(row.trim().split(/\s+/).slice(0, 6)).toEqual(['status', 'Fixed', 'Enforce', '2', '1', 'True']);
    await scene.cluster.kubectlOk(['wait', '--for=condition=Ready', 'sdp/status', '--timeout=5s']);
  });

  it('tells each change in one Event, for people and in a closed vocabulary', async () => {
    const namespace = await scene.meshed('events');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.createPolicy('events', fixed(namespace));
    await scene.compliant('events', 1);
    await scene.rolledOut(namespace, 'web');
    await scene.deletePolicy('events');
    await scene.gone('events');

    await eventually(async () => (await scene.events(namespace)).length >= 2, 'Events are written');
    const told = await scene.events(namespace);
    expect(
      told.map(({ reason, type, count, involvedObject }) => [
        reason,
        type,
        count,
        involvedObject.kind,
        involvedObject.name,
      ]),
    ).toEqual([
      ['DrainApplied', 'Normal', 1, 'Deployment', 'web'],
      ['DrainRestored', 'Normal', 1, 'Deployment', 'web'],
    ]);
    expect(told[0]?.message).toBe(
      'Policy events: terminationDrainDuration 35s; grace period 30 s -> 40 s: 5 s endpoint delay + 30 s for requests in flight + 5 s margin',
    );
    const ofPolicy = (await scene.events('default')).filter(({ involvedObject }) => involvedObject.name === 'events');
    expect(ofPolicy.map(({ reason }) => reason)).toContain('Evaluated');
    expect(new Set(ofPolicy.map(({ reason, message }) => `${reason} ${message}`)).size).toBe(ofPolicy.length);
  });

  it('answers health, readiness and metrics under names that dashboards know', async () => {
    const namespace = await scene.meshed('metrics');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.createPolicy('metrics', fixed(namespace));
    await scene.compliant('metrics', 1);
    const { healthPort } = scene.operator;

    for (const path of ['healthz', 'readyz', 'livez']) {
      const answer = await fetch(`http://127.0.0.1:${healthPort}/${path}`);
      expect([path, answer.status, await answer.text()]).toEqual([path, 200, expect.stringContaining('ok')]);
    }
    expect(await metric('sidecar_drain_workloads', '{policy="metrics",state="compliant"}')).toBe(1);
    expect(await metric('sidecar_drain_writes_total', '{policy="metrics",write="apply"}')).toBe(1);
    const text = await scene.operator.metrics();
    const names = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    for (const name of [
      'controller_runtime_reconcile_total',
      'controller_runtime_reconcile_errors_total',
      'controller_runtime_reconcile_time_seconds',
      'controller_runtime_active_workers',
      'controller_runtime_max_concurrent_reconciles',
      'workqueue_depth',
      'workqueue_adds_total',
      'workqueue_queue_duration_seconds',
      'workqueue_work_duration_seconds',
      'workqueue_retries_total',
      'rest_client_requests_total',
      'rest_client_request_duration_seconds',
      'leader_election_master_status',
      'process_resident_memory_bytes',
      'sidecar_drain_workloads',
      'sidecar_drain_writes_total',
      'sidecar_drain_write_conflicts_total',
      'sidecar_drain_rolling_workloads',
      'sidecar_drain_waiting_workloads',
      'sidecar_drain_paused',
    ]) {
      expect(names).toContain(name);
    }
    expect(text).toMatch(
      /^rest_client_requests_total\{code="200",method="PATCH",host="127\.0\.0\.1:\d+",resource="deployments\.apps"\} \d+$/m,
    );
    // Names of workloads would make as many series as there are workloads.
    expect(text).not.toContain(namespace);
  });

  it('needs no permission beyond those of config/, and forgets the series of a policy that is gone', async () => {
    const denied = scene.operator.lines.filter((line) => /\b403\b|[Ff]orbid/.test(JSON.stringify(line)));
    expect(denied).toEqual([]);
    await scene.cluster.client.call('DELETE', policyPath('metrics'));
    await scene.gone('metrics');
    await eventually(
      async () => (await metric('sidecar_drain_workloads', '{policy="metrics"')) === undefined,
      'no series of the policy is left',
    );
  });

  it('stops in order when it is told to, and says so', async () => {
    const { lines } = scene.operator;
    expect(await scene.operator.stop()).toBe(0);
    expect(lines.slice(-2).map(({ message }) => message)).toEqual(['stopping', 'stopped']);
    const ready = scene.cluster.client.call<PolicyObject>('GET', policyPath('status'));
    expect((await ready).status?.conditions?.[0]?.status).toBe('True');
  });
});
