import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { build } from 'esbuild';
import { type ControlPlane, type KubeObject, startControlPlane, useCluster } from '../support/cluster.ts';
import { holdTerminationLabel, neverReadyLabel, projectRoot } from '../support/control-plane/index.ts';

jest.setTimeout(180_000);

const cluster = useCluster();

interface Workload extends KubeObject {
  status?: { replicas?: number; readyReplicas?: number; numberReady?: number };
}

interface List {
  items: (KubeObject & { spec: { nodeName?: string }; status: Record<string, unknown> })[];
}

function workload(
  kind: string,
  namespace: string,
  name: string,
  more: { labels?: Record<string, string>; podSpec?: object; spec?: object } = {},
): object {
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace },
    spec: {
      ...(kind === 'DaemonSet' ? {} : { replicas: 2 }),
      ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name, ...more.labels } },
        spec: { containers: [{ name: 'app', image: 'registry.example/app:1' }], ...more.podSpec },
      },
      ...more.spec,
    },
  };
}

function processesWith(text: string): string[] {
  if (!existsSync('/proc/self/cmdline')) {
    return execFileSync('ps', ['-axww', '-o', 'args='], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.includes(text));
  }
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(text));
}

describe('the shared control plane', () => {
  let namespace: string;

  beforeAll(async () => {
    namespace = await cluster.namespace('plane');
  });

  it('is a Kubernetes that kubectl accepts', async () => {
    const versions = JSON.parse(await cluster.kubectlOk(['version', '-o', 'json'])) as Record<
      string,
      { gitVersion: string }
    >;

    expect(versions.serverVersion!.gitVersion).toMatch(/^v1\.\d+\.\d+$/);
    expect(versions.clientVersion!.gitVersion).toMatch(/^v1\.\d+\.\d+$/);
  });

  it('tells server-side apply, client-side apply and create apart', async () => {
    const map = (
      name: string,
    ): { apiVersion: string; kind: string; metadata: { name: string; namespace: string }; data: object } => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace },
      data: { key: 'value' },
    });

    await cluster.apply(map('applied'), { fieldManager: 'flux' });
    await cluster.create(map('created'));
    await cluster.kubectlApply(JSON.stringify(map('client-side')));

    const list = await cluster.client.call<List>('GET', `/api/v1/namespaces/${namespace}/configmaps`);
    const managers = new Map(
      list.items.map(({ metadata }) => [
        metadata.name,
        metadata.managedFields as { manager: string; operation: string }[],
      ]),
    );
    expect(managers.get('applied')).toMatchObject([{ manager: 'flux', operation: 'Apply' }]);
    expect(managers.get('created')).toMatchObject([{ operation: 'Update' }]);
    expect(managers.get('client-side')).toMatchObject([{ manager: 'kubectl-client-side-apply', operation: 'Update' }]);
  });

  it.each([
    ['Deployment', 'deployments', (object: Workload) => object.status?.readyReplicas === 2, 2],
    ['StatefulSet', 'statefulsets', (object: Workload) => object.status?.readyReplicas === 2, 2],
    ['DaemonSet', 'daemonsets', (object: Workload) => object.status?.numberReady === 3, 3],
  ])('gives a %s ready pods and takes them away with it', async (kind, plural, ready, pods) => {
    const name = `moves-${plural}`;
    const path = `/apis/apps/v1/namespaces/${namespace}/${plural}/${name}`;
    const podPath = `/api/v1/namespaces/${namespace}/pods?labelSelector=app%3D${name}`;
    await cluster.create(workload(kind, namespace, name));

    const { metadata } = await cluster.waitFor<Workload>(path, ready);
    // As in every cluster: ownership of fields depends on the name.
    expect(metadata.managedFields).toContainEqual(
      expect.objectContaining({ manager: 'kube-controller-manager', subresource: 'status' }),
    );
    const { items } = await cluster.client.call<List>('GET', podPath);
    await cluster.client.call('DELETE', `${path}?propagationPolicy=Foreground`);
    await cluster.waitForGone(path);

    expect(items).toHaveLength(pods);
    // A pod of a DaemonSet is meant for one node; the others are spread.
    expect(new Set(items.map(({ spec }) => spec.nodeName)).size).toBe(pods);
    expect((await cluster.client.call<List>('GET', podPath)).items).toEqual([]);
  });

  it('keeps native sidecars running and ends other init containers', async () => {
    const initContainers = [
      { name: 'setup', image: 'registry.example/setup:1' },
      { name: 'istio-proxy', image: 'registry.example/proxy:1', restartPolicy: 'Always' },
    ];
    await cluster.create(workload('Deployment', namespace, 'native', { podSpec: { initContainers } }));

    await cluster.waitFor<Workload>(
      `/apis/apps/v1/namespaces/${namespace}/deployments/native`,
      ({ status }) => status?.readyReplicas === 2,
    );
    const { items } = await cluster.client.call<List>(
      'GET',
      `/api/v1/namespaces/${namespace}/pods?labelSelector=app%3Dnative`,
    );

    expect(items[0]!.status.initContainerStatuses).toMatchObject([
      { name: 'setup', state: { terminated: { exitCode: 0 } } },
      { name: 'istio-proxy', ready: true, started: true, state: { running: {} } },
    ]);
  });

  it('never makes a pod ready that is labelled so, until the label goes', async () => {
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/stuck`;
    await cluster.create(workload('Deployment', namespace, 'stuck', { labels: { [neverReadyLabel]: 'true' } }));
    // A second Deployment that is made later and becomes ready proves that there was time for the first.
    await cluster.create(workload('Deployment', namespace, 'fluent'));
    await cluster.waitFor<Workload>(
      `/apis/apps/v1/namespaces/${namespace}/deployments/fluent`,
      ({ status }) => status?.readyReplicas === 2,
    );

    const stuck = await cluster.waitFor<Workload>(path, ({ status }) => status?.replicas === 2);
    expect(stuck.status?.readyReplicas ?? 0).toBe(0);

    await cluster.kubectlOk(['label', 'pods', '-n', namespace, '-l', 'app=stuck', `${neverReadyLabel}-`]);
    await cluster.waitFor<Workload>(path, ({ status }) => status?.readyReplicas === 2);
  });

  it('holds a labelled pod in Terminating', async () => {
    await cluster.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'lingers', namespace, labels: { [holdTerminationLabel]: 'true' } },
      spec: { containers: [{ name: 'app', image: 'registry.example/app:1' }] },
    });
    const path = `/api/v1/namespaces/${namespace}/pods/lingers`;
    await cluster.waitFor<KubeObject & { status: { phase: string } }>(path, ({ status }) => status.phase === 'Running');

    await cluster.client.call('DELETE', path);
    await sleep(300);
    const pod = await cluster.client.call('GET', path);
    expect(pod.metadata.deletionTimestamp).toBeDefined();

    await cluster.kubectlOk(['label', 'pod', '-n', namespace, 'lingers', `${holdTerminationLabel}-`]);
    await cluster.waitForGone(path);
  });

  it('confines a service account to its RBAC', async () => {
    await cluster.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'confined', namespace } });
    const kubeconfig = await cluster.kubeconfigFor({ namespace, name: 'confined' });

    const before = await cluster.kubectl(['get', 'deployments', '-n', namespace], { kubeconfig });
    await cluster.kubectlOk([
      'create',
      'role',
      'reader',
      '-n',
      namespace,
      '--verb=get,list',
      '--resource=deployments.apps',
    ]);
    await cluster.kubectlOk([
      'create',
      'rolebinding',
      'reader',
      '-n',
      namespace,
      '--role=reader',
      `--serviceaccount=${namespace}:confined`,
    ]);
    let after = before;
    for (let attempt = 0; attempt < 300 && after.code !== 0; attempt += 1) {
      // The authorizer sees a new binding a moment later.
      await sleep(50);
      after = await cluster.kubectl(['get', 'deployments', '-n', namespace], { kubeconfig });
    }
    const elsewhere = await cluster.kubectl(['get', 'deployments', '-A'], { kubeconfig });

    expect(before).toMatchObject({ code: 1, stderr: expect.stringContaining('(Forbidden)') });
    expect(after.code).toBe(0);
    expect(elsewhere.stderr).toContain(
      `"system:serviceaccount:${namespace}:confined" cannot list resource "deployments"`,
    );
  });

  it('counts writes by who made them, and leaves dry runs and refusals apart', async () => {
    await cluster.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'writer', namespace } });
    await cluster.kubectlOk([
      'create',
      'rolebinding',
      'writer',
      '-n',
      namespace,
      '--clusterrole=edit',
      `--serviceaccount=${namespace}:writer`,
    ]);
    await cluster.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'counted', namespace } });
    const token = await cluster.tokenFor({ namespace, name: 'writer' });
    const path = `/api/v1/namespaces/${namespace}/configmaps/counted`;
    const patch = (value: string, query = '') =>
      cluster.client.raw('PATCH', path + query, {
        token,
        contentType: 'application/merge-patch+json',
        body: { data: { value } },
      });
    let first = await patch('0');
    for (let attempt = 0; attempt < 600 && first.status === 403; attempt += 1) {
      await sleep(50);
      first = await patch('0');
    }
    const mark = cluster.audit.mark();
    const before = await cluster.apiServerRequestCount({ verb: 'PATCH', resource: 'configmaps' });

    await patch('1');
    await patch('2');
    await patch('3', '?dryRun=All');
    await cluster.client.raw('PATCH', `${path}-other`, {
      token,
      contentType: 'application/merge-patch+json',
      body: {},
    });

    const written = cluster.audit.writesPerObject({
      since: mark,
      user: { namespace, name: 'writer' },
      succeeded: true,
    });
    expect([...written]).toEqual([[`configmaps ${namespace}/counted`, 2]]);
    expect(cluster.audit.writes({ since: mark, user: { namespace, name: 'writer' }, succeeded: false })).toMatchObject([
      { name: 'counted', dryRun: true, code: 200 },
      { name: 'counted-other', dryRun: false, code: 404 },
    ]);
    // The server's own metric, which cannot tell users apart, has them all.
    expect(await cluster.apiServerRequestCount({ verb: 'PATCH', resource: 'configmaps' })).toBeGreaterThanOrEqual(
      before + 4,
    );
  });

  it('enforces the restricted pod security profile where a namespace asks for it', async () => {
    const restricted = await cluster.namespace('restricted', { 'pod-security.kubernetes.io/enforce': 'restricted' });

    const { status, body } = await cluster.client.raw<{ message: string }>(
      'POST',
      `/api/v1/namespaces/${restricted}/pods`,
      {
        body: {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'root' },
          spec: { containers: [{ name: 'app', image: 'app' }] },
        },
      },
    );

    expect(status).toBe(403);
    expect(body.message).toContain('violates PodSecurity "restricted:latest"');
  });
});

describe('a control plane of its own', () => {
  let plane: ControlPlane;

  beforeAll(async () => {
    plane = await startControlPlane();
  });

  afterAll(async () => {
    await plane?.stop();
  });

  it('keeps data, certificate and port over a crash and a restart of the API server', async () => {
    const namespace = await plane.namespace('kept');
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/app`;
    await plane.create(workload('Deployment', namespace, 'app'));
    const before = await plane.waitFor<Workload>(path, ({ status }) => status?.readyReplicas === 2);

    await plane.stopApiServer();
    await expect(plane.client.raw('GET', path)).rejects.toThrow();
    await plane.startApiServer();

    const after = await plane.client.call<Workload>('GET', path);
    expect(after.metadata.uid).toBe(before.metadata.uid);
    // Controllers and pods move on as well.
    await plane.client.call('PATCH', path, {
      contentType: 'application/merge-patch+json',
      body: { spec: { replicas: 3 } },
    });
    await plane.waitFor<Workload>(path, ({ status }) => status?.readyReplicas === 3, 120_000);
  });

  it('leaves no process and no file when it is stopped', async () => {
    expect(processesWith(plane.folder).length).toBeGreaterThanOrEqual(3);

    await plane.stop();

    expect(processesWith(plane.folder)).toEqual([]);
    expect(existsSync(plane.folder)).toBe(false);
  });
});

describe('when things go wrong', () => {
  it.each(['SIGKILL', 'SIGINT'] as const)('leaves nothing behind when its owner is ended by %s', async (signal) => {
    const script = join(projectRoot(), '.cache', 'run-ts', `owner-${process.pid}-${signal}.ts`);
    await mkdir(dirname(script), { recursive: true });
    const bundle = script.replace(/ts$/, 'mjs');
    await writeFile(
      script,
      `
      import { startControlPlane } from ${JSON.stringify(join(projectRoot(), 'test/support/control-plane/index.ts'))};
      const plane = await startControlPlane({ controllerManager: false });
      process.stdout.write(plane.folder + '\\n');
      setInterval(() => undefined, 1000);
    `,
    );
    await build({
      entryPoints: [script],
      outfile: bundle,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      logLevel: 'warning',
    });
    const owner = spawn(process.execPath, [bundle], { stdio: ['ignore', 'pipe', 'inherit'] });
    const folder = await new Promise<string>((resolve, reject) => {
      owner.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
      owner.once('exit', () => reject(new Error('the owner ended before its control plane was up')));
    });
    const running = processesWith(folder).length;

    owner.kill(signal);
    const deadline = Date.now() + 60_000;
    while ((existsSync(folder) || processesWith(folder).length > 0) && Date.now() < deadline) {
      await sleep(50);
    }
    await rm(script, { force: true });
    await rm(bundle, { force: true });

    expect(running).toBeGreaterThanOrEqual(3);
    expect(processesWith(folder)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  it('says which program failed, how, and what it said last', async () => {
    const start = startControlPlane({ controllerManager: false, apiServerFlags: ['--no-such-flag'] });

    await expect(start).rejects.toThrow(
      /^kube-apiserver ended with exit code 1\. Its last lines:\n[^]*unknown flag: --no-such-flag/,
    );
  });
});
