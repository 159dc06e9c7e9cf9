import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { KubeClient, LeaderElector, loadClusterConfig, Transport, defineResource } from '../../src/kube/index.ts';
import type { LeaderElectorOptions } from '../../src/kube/index.ts';
import { startControlPlane, useCluster } from '../support/cluster.ts';
import type { Cluster, KubeObject } from '../support/cluster.ts';

jest.setTimeout(180_000);
const leases = defineResource({
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
});
const timings = { leaseDurationMs: 5_000, renewDeadlineMs: 3_000, retryPeriodMs: 300 };
const cleanups: (() => Promise<void>)[] = [];

interface Lease {
  spec: {
    holderIdentity: string;
    leaseTransitions: number;
    renewTime: string;
    acquireTime: string;
    leaseDurationSeconds: number;
  };
}

interface Candidate {
  elector: LeaderElector;
  client: KubeClient;
  history: string[];
  transport: Transport;
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) {
    await cleanup();
  }
});

async function candidate(
  cluster: Cluster,
  namespace: string,
  identity: string,
  log: string[],
  options: Partial<LeaderElectorOptions> = {},
): Promise<Candidate> {
  const transport = new Transport({
    config: await loadClusterConfig({ file: cluster.kubeconfigPath }),
    userAgent: 'test',
  });
  const history: string[] = [];
  const elector = new LeaderElector({
    client: new KubeClient(transport),
    namespace,
    name: 'operator',
    identity,
    timings,
    onStartedLeading: (lost) => {
      log.push(`${identity} leads`);
      lost.addEventListener('abort', () => {
        log.push(`${identity} lost`);
      });
    },
    onStoppedLeading: (end) => {
      log.push(`${identity} stopped: ${end}`);
    },
    onNewLeader: (leader) => {
      history.push(leader);
    },
    ...options,
  });
  cleanups.push(
    () => elector.stop(),
    () => transport.close(),
  );
  return { elector, client: new KubeClient(transport), history, transport };
}

async function eventually(check: () => boolean, what: string, timeoutMs = 60_000): Promise<number> {
  const started = performance.now();
  while (!check()) {
    if (performance.now() > started + timeoutMs) {
      throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
  return performance.now() - started;
}

describe('leader election', () => {
  const cluster = useCluster();

  it('lets one of two lead; a graceful stop hands over at once', async () => {
    const ns = await cluster.namespace('lease');
    const log: string[] = [];
    const a = await candidate(cluster, ns, 'a', log);
    const b = await candidate(cluster, ns, 'b', log);
    a.elector.start();
    await eventually(() => a.elector.isLeader, 'a leads');
    b.elector.start();
    await eventually(() => b.elector.leader === 'a', 'b knows the leader');
    // Longer than the lease: it is renewed.
    await new Promise((resolve) => {
      setTimeout(resolve, timings.leaseDurationMs + 500);
    });
    expect([a.elector.isLeader, b.elector.isLeader]).toEqual([true, false]);
    const held = await a.client.get<Lease>(leases, { name: 'operator', namespace: ns });
    expect(held.spec).toMatchObject({
      holderIdentity: 'a',
      leaseTransitions: 0,
      leaseDurationSeconds: 5,
      renewTime: expect.stringMatching(/\.\d{6}Z$/),
    });
    expect(held.spec.renewTime > held.spec.acquireTime).toBe(true);

    await a.elector.stop();
    const tookMs = await eventually(() => b.elector.isLeader, 'b leads');

    expect(log).toEqual(['a leads', 'a lost', 'a stopped: Released', 'b leads']);
    // The wait of a candidate, not the duration of the lease.
    expect(tookMs).toBeLessThan(timings.leaseDurationMs - 1_000);
    expect(b.history).toEqual(['a', 'b']);
    expect((await b.client.get<Lease>(leases, { name: 'operator', namespace: ns })).spec.leaseTransitions).toBe(1);
  });

  it('another takes over after a crash, no sooner than the lease lasts', async () => {
    const ns = await cluster.namespace('lease');
    const log: string[] = [];
    const a = await candidate(cluster, ns, 'a', log);
    const b = await candidate(cluster, ns, 'b', log);
    a.elector.start();
    await eventually(() => a.elector.isLeader, 'a leads');
    b.elector.start();
    await eventually(() => b.elector.leader === 'a', 'b knows the leader');

    const records: Lease['spec'][] = [];
    const following = await cluster.follow(`/apis/coordination.k8s.io/v1/namespaces/${ns}/leases`, (object) => {
      records.push((object as unknown as Lease).spec);
    });

    const crashed = performance.now();
    await a.transport.close();
    await eventually(() => log.includes('a lost'), 'a stops leading');
    const lostAfter = performance.now() - crashed;
    await eventually(() => b.elector.isLeader, 'b leads');
    await eventually(() => records.at(-1)?.holderIdentity === 'b', 'the record of b is seen');
    await following.stop();

    // The old leader had stopped before the new one began, although nobody told it; a good while before, and not by luck.
    expect(log).toEqual(['a leads', 'a lost', 'a stopped: Lost', 'b leads']);
    expect(lostAfter).toBeLessThan(timings.leaseDurationMs);
    const [last] = records.filter(({ holderIdentity }) => holderIdentity === 'a').slice(-1);
    const [first] = records.filter(({ holderIdentity }) => holderIdentity === 'b');
    const between = Date.parse(first?.acquireTime ?? '') - Date.parse(last?.renewTime ?? '');
    expect(between).toBeGreaterThanOrEqual(timings.leaseDurationMs);
  });

  it('does not trust the clock of others: a record from the past still counts for its duration', async () => {
    const ns = await cluster.namespace('lease');
    const log: string[] = [];
    const a = await candidate(cluster, ns, 'a', log);
    await a.client.create(
      leases,
      {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'operator' },
        spec: {
          holderIdentity: 'someone',
          leaseDurationSeconds: 3,
          acquireTime: '2020-01-01T00:00:00.000000Z',
          renewTime: '2020-01-01T00:00:00.000000Z',
          leaseTransitions: 4,
        },
      },
      ns,
    );
    a.elector.start();
    const tookMs = await eventually(() => a.elector.isLeader, 'a leads');

    expect(tookMs).toBeGreaterThanOrEqual(2_900);
    expect((await a.client.get<Lease>(leases, { name: 'operator', namespace: ns })).spec).toMatchObject({
      holderIdentity: 'a',
      leaseTransitions: 5,
    });
  });

  it('stops at once when somebody else has written his name there, and competes no more', async () => {
    const ns = await cluster.namespace('lease');
    const log: string[] = [];
    const a = await candidate(cluster, ns, 'a', log);
    a.elector.start();
    await eventually(() => a.elector.isLeader, 'a leads');
    await a.client.mergePatch(
      leases,
      { name: 'operator', namespace: ns },
      { spec: { holderIdentity: 'thief', leaseDurationSeconds: 1 } },
    );
    await eventually(() => log.includes('a stopped: Lost'), 'a stops');
    // The thief's lease is over by then: a process that is ending must not take it again.
    await new Promise((resolve) => {
      setTimeout(resolve, 1_500);
    });

    expect(log).toEqual(['a leads', 'a lost', 'a stopped: Lost']);
  });

  it('gives the lease back when the work of a leader cannot begin, and another one leads', async () => {
    const ns = await cluster.namespace('lease');
    const log: string[] = [];
    const a = await candidate(cluster, ns, 'a', log, {
      onStartedLeading: () => {
        throw new Error('cannot begin');
      },
    });
    const b = await candidate(cluster, ns, 'b', log);
    a.elector.start();
    await eventually(() => log.includes('a stopped: Failed'), 'a gives up');
    b.elector.start();
    const tookMs = await eventually(() => b.elector.isLeader, 'b leads');

    expect(log).toEqual(['a stopped: Failed', 'b leads']);
    expect(tookMs).toBeLessThan(timings.leaseDurationMs - 1_000);
  });

  it('survives a change of the record that leaves the holder: a label, a restored object', async () => {
    const ns = await cluster.namespace('lease');
    const log: string[] = [];
    const a = await candidate(cluster, ns, 'a', log);
    a.elector.start();
    await eventually(() => a.elector.isLeader, 'a leads');
    const before = await a.client.mergePatch<Lease>(
      leases,
      { name: 'operator', namespace: ns },
      { metadata: { labels: { team: 'x' } } },
    );
    const after = await cluster.waitFor<KubeObject & Lease>(
      `/apis/coordination.k8s.io/v1/namespaces/${ns}/leases/operator`,
      ({ spec }) => spec.renewTime > before.spec.renewTime,
    );

    expect(log).toEqual(['a leads']);
    expect(after.metadata.labels).toEqual({ team: 'x' });
  });

  it('without permission keeps trying and says so', async () => {
    const ns = await cluster.namespace('lease');
    const warnings: string[] = [];
    const log: string[] = [];
    const transport = new Transport({
      config: await loadClusterConfig({ file: await cluster.kubeconfigFor({ namespace: ns, name: 'default' }) }),
      userAgent: 'test',
    });
    cleanups.push(() => transport.close());
    const logger = {
      debug: () => undefined,
      info: () => undefined,
      error: () => undefined,
      child: () => logger,
      warn: (_message: string, fields?: Readonly<Record<string, unknown>>) => {
        warnings.push((fields?.error as Error).message);
      },
    };
    const a = await candidate(cluster, ns, 'a', log, { client: new KubeClient(transport), logger });
    a.elector.start();
    await eventually(() => warnings.length >= 2, 'it says so again');

    expect(warnings[0]).toContain('apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get"]');
    expect(log).toEqual([]);
  });
});

describe('a restart of the API server', () => {
  it('that is shorter than the renew deadline changes nothing', async () => {
    const plane = await startControlPlane({ controllerManager: false, audit: false });
    try {
      const ns = await plane.namespace('lease', {}, { controllerManager: false });
      const log: string[] = [];
      const a = await candidate(plane, ns, 'a', log, {
        timings: { leaseDurationMs: 45_000, renewDeadlineMs: 40_000, retryPeriodMs: 300 },
      });
      a.elector.start();
      await eventually(() => a.elector.isLeader, 'a leads');
      await plane.restartApiServer();
      const before = await plane.waitFor<Lease>(
        `/apis/coordination.k8s.io/v1/namespaces/${ns}/leases/operator`,
        () => true,
      );
      await plane.waitFor<Lease>(
        `/apis/coordination.k8s.io/v1/namespaces/${ns}/leases/operator`,
        (lease) => lease.spec.renewTime > before.spec.renewTime,
      );

      expect(a.elector.isLeader).toBe(true);
      expect(log).toEqual(['a leads']);
      await a.elector.stop();
    } finally {
      await plane.stop();
    }
  });
});
