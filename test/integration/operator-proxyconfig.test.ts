// environment: ProxyConfig: the environment stands in a resource of Istio's, and the workload carries a mark, because a
// resource does nothing for pods that are older than it.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { installMesh, installProxyConfigCrd } from '../support/mesh.ts';
import { OPERATOR_ACCOUNT } from '../support/operator.ts';
import {
  deployment,
  fixed,
  inNamespace,
  startScene,
  staysSo,
  waves,
  type KubeObject,
  type Scene,
  type WorkloadObject,
} from '../support/scene.ts';

jest.setTimeout(180_000);

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false', proxyConfigCrd: false } });
});
afterAll(async () => {
  await scene.stop();
});

const MARK = 'sidecardrain.io/proxy-config';
const drain = { mode: 'Combined', duration: '20s', maxWait: '60s', environment: 'ProxyConfig' };

interface ProxyConfig extends KubeObject {
  readonly spec: { readonly selector?: object; readonly environmentVariables: Readonly<Record<string, string>> };
}

function proxyConfigPath(namespace: string, name: string): string {
  return `/apis/networking.istio.io/v1beta1/namespaces/${namespace}/proxyconfigs/${name}`;
}

function markOf(workload: WorkloadObject): string | undefined {
  return workload.spec.template.metadata?.annotations?.[MARK];
}

function revisionOf({ metadata }: Pick<WorkloadObject, 'metadata'>): number {
  return Number(metadata.annotations?.['deployment.kubernetes.io/revision']);
}

async function team(namespace: string, name: string, more: object = {}): Promise<void> {
  await scene.cluster.create({
    apiVersion: 'networking.istio.io/v1beta1',
    kind: 'ProxyConfig',
    metadata: { namespace, name },
    spec: { environmentVariables: { TEAM: 'shop' }, ...more },
  });
}

describe('environment: ProxyConfig', () => {
  it('says that the kind is not installed, writes nothing, and goes on when it is', async () => {
    const namespace = await scene.meshed('absent');
    await scene.cluster.create(deployment(namespace, 'web'));
    const mark = scene.mark();

    await scene.createPolicy('absent', fixed(namespace, { drain }));
    const { status } = await scene.settled(
      'absent',
      ({ conditions }) =>
        conditions?.some(({ type, status: value }) => type === 'Stalled' && value === 'True') === true,
    );

    expect(status?.conditions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: 'Ready', status: 'False', reason: 'ProxyConfigKindAbsent' }),
        expect.objectContaining({ type: 'Stalled', status: 'True', reason: 'ProxyConfigKindAbsent' }),
      ]),
    );
    expect(scene.writes({ since: mark, namespace })).toEqual([]);
    // That is no error to be tried again and again.
    expect(
      scene.operator.lines.filter(
        ({ message, ...rest }) => /fail|broke/.test(message) && /proxyconfig/i.test(JSON.stringify(rest)),
      ),
    ).toEqual([]);

    await installProxyConfigCrd(scene.cluster);
    await scene.compliant('absent', 1);
  });

  it('makes the resource first, then marks the workload; both go with the policy', async () => {
    const namespace = await scene.meshed('both');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.cluster.create(deployment(namespace, 'api'));
    const before = await scene.workload(namespace, 'web');

    await scene.createPolicy('both', fixed(namespace, { drain }));
    await scene.compliant('both', 2);

    const resource = await scene.cluster.client.call<ProxyConfig>(
      'GET',
      proxyConfigPath(namespace, 'sidecar-drain-both'),
    );
    expect(resource.spec).toEqual({
      environmentVariables: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true', MINIMUM_DRAIN_DURATION: '25s' },
    });
    const web = await scene.workload(namespace, 'web');
    expect(web.spec.template.metadata?.annotations).toEqual({ [MARK]: expect.stringContaining('sidecar-drain-both') });
    expect(web.spec.template.spec.terminationGracePeriodSeconds).toBe(70);
    // One template change each: the resource was there before it.
    expect([web.metadata.generation, (await scene.workload(namespace, 'api')).metadata.generation]).toEqual([2, 2]);
    await scene.rolledOut(namespace, 'web');
    await scene.rolledOut(namespace, 'api');

    await scene.deletePolicy('both');
    await scene.gone('both');
    await scene.cluster.waitForGone(proxyConfigPath(namespace, 'sidecar-drain-both'));
    expect((await scene.workload(namespace, 'web')).spec.template).toEqual(before.spec.template);
  });

  it('selects by the labels of the policy, and follows an edit with one restart per workload', async () => {
    const namespace = await scene.meshed('labels');
    await scene.cluster.create(deployment(namespace, 'web', { labels: { tier: 'web' } }));
    await scene.createPolicy(
      'labels',
      fixed(namespace, {
        drain,
        match: { namespaceSelector: inNamespace(namespace), workloadSelector: { matchLabels: { tier: 'web' } } },
      }),
    );
    await scene.compliant('labels', 1);
    expect(
      (await scene.cluster.client.call<ProxyConfig>('GET', proxyConfigPath(namespace, 'sidecar-drain-labels'))).spec
        .selector,
    ).toEqual({ matchLabels: { tier: 'web' } });

    for (const [duration, grace] of [
      ['40s', 70],
      ['10s', 70],
    ] as const) {
      await scene.rolledOut(namespace, 'web');
      const {
        metadata,
        spec: { template },
      } = await scene.workload(namespace, 'web');
      const previous = template.metadata?.annotations?.[MARK];
      await scene.patchPolicy('labels', { drain: { duration } });
      await scene.untilWorkload(namespace, 'web', (workload) => markOf(workload) !== previous);
      await scene.compliant('labels', 1);
      await scene.rolledOut(namespace, 'web');

      const minimum = `${Number(duration.slice(0, -1)) + 5}s`;
      const { spec } = await scene.cluster.client.call<ProxyConfig>(
        'GET',
        proxyConfigPath(namespace, 'sidecar-drain-labels'),
      );
      expect(spec.environmentVariables.MINIMUM_DRAIN_DURATION).toBe(minimum);
      const after = await scene.workload(namespace, 'web');
      expect(after.spec.template.spec.terminationGracePeriodSeconds).toBe(grace);
      expect([duration, revisionOf(after)]).toEqual([duration, revisionOf({ metadata }) + 1]);
    }
  });

  it('is left out beside a resource of somebody else at the same level, which is never touched', async () => {
    const namespace = await scene.meshed('rival');
    await scene.cluster.create(deployment(namespace, 'web'));
    await team(namespace, 'shop');
    const mark = scene.mark();

    await scene.createPolicy('rival', fixed(namespace, { drain }));
    const { status } = await scene.settled('rival', ({ workloads }) => workloads?.failed === 1);

    expect(status?.attention).toEqual([
      expect.objectContaining({
        name: 'web',
        reason: 'ProxyConfigShadowed',
        message: expect.stringContaining(`${namespace}/shop`),
      }),
    ]);
    expect(scene.everyWrite({ since: mark, namespace })).toEqual([]);

    await scene.cluster.client.call('DELETE', proxyConfigPath(namespace, 'shop'));
    await scene.compliant('rival', 1);
  });

  it('neither writes nor deletes a resource of its own name that somebody else has made', async () => {
    const namespace = await scene.meshed('namesake');
    await team(namespace, 'sidecar-drain-unknown', { selector: { matchLabels: { app: 'other' } } });
    await team(namespace, 'sidecar-drain-namesake', { selector: { matchLabels: { app: 'other' } } });
    await scene.cluster.create(deployment(namespace, 'web'));
    const mark = scene.mark();

    await scene.createPolicy(
      'namesake',
      fixed(namespace, {
        drain,
        match: { namespaceSelector: inNamespace(namespace), workloadSelector: { matchLabels: { app: 'web' } } },
      }),
    );
    await scene.settled('namesake', ({ workloads }) => workloads?.matched === 1);
    await staysSo(() => 0, 1_500);
    await scene.deletePolicy('namesake');
    await scene.gone('namesake');

    for (const name of ['sidecar-drain-unknown', 'sidecar-drain-namesake']) {
      expect(
        (await scene.cluster.client.call<ProxyConfig>('GET', proxyConfigPath(namespace, name))).spec
          .environmentVariables,
      ).toEqual({ TEAM: 'shop' });
    }
    expect(scene.everyWrite({ since: mark, namespace }).filter(({ resource }) => resource === 'proxyconfigs')).toEqual(
      [],
    );
  });

  it('keeps resource and mark over a restart of the operator', async () => {
    const namespace = await scene.meshed('again');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.createPolicy('again', fixed(namespace, { drain }));
    await scene.compliant('again', 1);
    await scene.rolledOut(namespace, 'web');
    const mark = scene.mark();

    await scene.operator.kill();
    await scene.start();
    await staysSo(() => 0, 2_000);

    expect(scene.everyWrite({ since: mark, namespace })).toEqual([]);
  });

  it.each([
    ['suspended', { suspend: true }],
    ['only audits', { enforcement: 'Audit' }],
  ] as const)(
    'neither writes nor takes away what a policy has made that is now %s, until it goes',
    async (how, spec) => {
      const name = how.replace(' ', '-');
      const namespace = await scene.meshed(name);
      await scene.cluster.create(deployment(namespace, 'web'));
      await scene.createPolicy(name, fixed(namespace, { drain }));
      await scene.compliant(name, 1);
      await scene.rolledOut(namespace, 'web');
      await scene.patchPolicy(name, spec);
      await scene.settled(name, () => true);
      const mark = scene.mark();

      await scene.operator.kill();
      await scene.start();
      await staysSo(() => 0, 1_500);
      // Somebody's edit of it is not undone either.
      await scene.cluster.client.call('PATCH', proxyConfigPath(namespace, `sidecar-drain-${name}`), {
        contentType: 'application/merge-patch+json',
        body: { spec: { environmentVariables: { MINIMUM_DRAIN_DURATION: '26s' } } },
      });
      await staysSo(() => 0, 1_500);

      expect(scene.everyWrite({ since: mark, namespace })).toEqual([]);
      const resource = await scene.cluster.client.call<ProxyConfig>(
        'GET',
        proxyConfigPath(namespace, `sidecar-drain-${name}`),
      );
      expect(resource.spec.environmentVariables['MINIMUM_DRAIN_DURATION']).toBe('26s');
      await scene.deletePolicy(name);
      await scene.gone(name);
      await scene.cluster.waitForGone(proxyConfigPath(namespace, `sidecar-drain-${name}`));
      await scene.untilWorkload(namespace, 'web', (workload) => markOf(workload) === undefined);
    },
  );

  it('goes with the last workload that needs it', async () => {
    const namespace = await scene.meshed('last');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.createPolicy('last', fixed(namespace, { drain }));
    await scene.compliant('last', 1);

    await scene.cluster.client.call('DELETE', `/apis/apps/v1/namespaces/${namespace}/deployments/web`);

    await scene.cluster.waitForGone(proxyConfigPath(namespace, 'sidecar-drain-last'));
    await scene.deletePolicy('last');
    await scene.gone('last');
  });

  it('removes a resource whose policy went while the operator was down', async () => {
    const namespace = await scene.meshed('orphaned');
    await scene.cluster.create(deployment(namespace, 'web'));
    await scene.createPolicy('orphaned', fixed(namespace, { drain }));
    await scene.compliant('orphaned', 1);
    await scene.operator.stop();
    await scene.deletePolicy('orphaned');
    await scene.start();

    await scene.gone('orphaned');
    await scene.cluster.waitForGone(proxyConfigPath(namespace, 'sidecar-drain-orphaned'));
    await scene.untilWorkload(namespace, 'web', (workload) => markOf(workload) === undefined);
  });

  it('needs no resource on native sidecars', async () => {
    const namespace = await scene.meshed('native');
    await scene.cluster.create(deployment(namespace, 'web'));
    await installMesh(scene.cluster, { nativeSidecars: 'true' });

    await scene.createPolicy('native', fixed(namespace, { drain }));
    await scene.compliant('native', 1);

    expect((await scene.cluster.client.raw('GET', proxyConfigPath(namespace, 'sidecar-drain-native'))).status).toBe(
      404,
    );
    expect((await scene.workload(namespace, 'web')).spec.template.spec.terminationGracePeriodSeconds).toBe(70);
  });
});

describe('what istiod does not know of yet', () => {
  // Nobody injects here: a container istio-proxy stays as the template has it, without the variables of the resource.
  const containers = [
    { name: 'app', image: 'registry.example/app:1' },
    { name: 'istio-proxy', image: 'auto' },
  ];

  it('is waited for before a pod restarts, and a new pod without the variables stops the wave', async () => {
    await installProxyConfigCrd(scene.cluster);
    await installMesh(scene.cluster, { nativeSidecars: 'false' });
    const namespace = await scene.meshed('unknown');
    for (const name of ['api', 'web']) {
      await scene.cluster.create(deployment(namespace, name, { containers }));
      await scene.rolledOut(namespace, name);
    }
    const mark = scene.mark();

    await scene.createPolicy('unknown', fixed(namespace, { drain, ...waves(1, { soak: '0s' }) }));
    const { status } = await scene.settled('unknown', ({ rollout }) => rollout?.phase === 'Halted');

    const times = scene.cluster.audit.writes({ since: mark, namespace, user: OPERATOR_ACCOUNT, succeeded: true });
    const at = (resource: string): number => Date.parse(times.find((write) => write.resource === resource)?.time ?? '');
    expect(at('deployments') - at('proxyconfigs')).toBeGreaterThanOrEqual(5_000);
    expect(scene.writes({ since: mark, namespace })).toHaveLength(1);
    expect(status?.workloads?.compliant).toBe(0);
    expect(status?.rollout?.haltedBy?.message).toMatch(/variable/);
    await scene.deletePolicy('unknown');
  });
});
