import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { join } from 'node:path';
import { parse } from 'yaml';
import { cli, deployment, folderWith, policy, removeFolders } from '../unit/cli/support.ts';
import { useCluster } from '../support/cluster.ts';
import { installCrds } from '../support/crds.ts';

jest.setTimeout(180_000);

const cluster = useCluster();
beforeAll(() => installCrds(cluster));
afterAll(removeFolders);

function clusterFlags(): string[] {
  return ['--cluster', '--kubeconfig', cluster.kubeconfigPath];
}

describe('the CLI beside a cluster', () => {
  it('lints what runs there, and writes nothing', async () => {
    const namespace = await cluster.namespace('cli-lint');
    await cluster.kubectlApply(deployment({ selector: true, name: 'checkout', namespace, grace: 5 }));
    await cluster.kubectlApply(
      deployment({ selector: true, name: 'cart', namespace, grace: 60, config: 'terminationDrainDuration: 30s' }),
    );
    const mark = cluster.audit.mark();

    const { code, out } = await cli([
      'lint',
      ...clusterFlags(),
      '-n',
      namespace,
      '--assume',
      'injected=true',
      '--native-sidecars',
      'false',
      '-o',
      'json',
    ]);

    const { findings, summary } = JSON.parse(out) as {
      findings: { code: string; file?: string; workload: { name: string; namespace: string } }[];
      summary: Record<string, number>;
    };
    expect(code).toBe(1);
    expect(findings.map((finding) => [finding.code, finding.workload.name])).toEqual([
      ['GraceTooShort', 'checkout'],
      ['DrainTooShort', 'checkout'],
    ]);
    expect(findings.every((finding) => finding.file === undefined && finding.workload.namespace === namespace)).toBe(
      true,
    );
    expect(summary).toMatchObject({ workloads: 2 });
    expect(cluster.audit.writes({ since: mark, user: 'admin', namespace })).toEqual([]);
  });

  it('takes the facts that the files do not give from the cluster', async () => {
    const namespace = await cluster.namespace('cli-facts', { drain: 'managed' });
    const folder = folderWith({
      'w.yaml': deployment({ name: 'a', namespace }),
      'p.yaml': policy('cli-facts', 'mode: Fixed, duration: 30s').replace(
        'namespaceSelector: {}',
        `namespaceSelector: {matchLabels: {drain: managed, kubernetes.io/metadata.name: ${namespace}}}`,
      ),
    });

    const { out } = await cli([
      'plan',
      folder,
      ...clusterFlags(),
      '--assume',
      'injected=true',
      '--native-sidecars',
      'false',
      '-o',
      'json',
    ]);

    const { workloads, totals } = JSON.parse(out) as {
      workloads: { outcome: string; workload: { name: string } }[];
      totals: Record<string, number>;
    };
    expect(workloads.map((one) => [one.workload.name, one.outcome])).toEqual([['a', 'Pending']]);
    expect(totals['workloads']).toBe(1);
  });

  it('says what it may not read, and goes on', async () => {
    const namespace = await cluster.namespace('cli-rights');
    await cluster.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'reader', namespace } });
    await cluster.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'reader', namespace },
      rules: [{ apiGroups: ['apps'], resources: ['deployments', 'statefulsets', 'daemonsets'], verbs: ['list'] }],
    });
    await cluster.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'reader', namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
      subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace }],
    });
    await cluster.kubectlApply(deployment({ selector: true, name: 'checkout', namespace, grace: 5 }));
    const kubeconfig = await cluster.kubeconfigFor({ namespace, name: 'reader' });
    for (const resource of ['deployments', 'statefulsets', 'daemonsets']) {
      await cluster.waitUntilAllowed(
        { namespace, name: 'reader' },
        { verb: 'list', group: 'apps', resource, namespace },
      );
    }

    const { code, out } = await cli([
      'lint',
      '--cluster',
      '--kubeconfig',
      kubeconfig,
      '-n',
      namespace,
      '--assume',
      'injected=true',
      '--native-sidecars',
      'false',
    ]);

    expect(code).toBe(1);
    expect(out).toMatch(/not known: nodes may not be listed/);
    expect(out).toMatch(/not known: mutatingwebhookconfigurations\.admissionregistration\.k8s\.io may not be listed/);
    expect(out).toMatch(/error GraceTooShort/);
  });

  it('says in one line that there is no cluster', async () => {
    const { code, err } = await cli(['lint', '--cluster', '--kubeconfig', join(folderWith({}), 'nothing')]);

    expect([code, err.trim().split('\n').length]).toEqual([2, 1]);
  });

  it('render -o vap: the API server accepts the policy, and it warns about what breaks the promise', async () => {
    const namespace = await cluster.namespace('cli-vap', { 'istio-injection': 'enabled' });
    const selecting = policy('vap-test', 'mode: Fixed, duration: 30s').replace(
      'namespaceSelector: {}',
      `namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ${namespace}}}, names: ["app-*"], workloadSelector: {matchExpressions: [{key: app, operator: Exists}, {key: app, operator: NotIn, values: [app-other]}]}`,
    );
    const { out } = await cli(['render', '-p', join(folderWith({ 'p.yaml': selecting }), 'p.yaml'), '-o', 'vap']);
    await cluster.kubectlOk(['apply', '-f', '-'], { input: out });

    const dryRun = async (yaml: string): Promise<string> =>
      (await cluster.kubectl(['apply', '--dry-run=server', '-f', '-'], { input: yaml })).stderr;
    let short = '';
    // The policy takes a moment to be enforced.
    for (let attempt = 0; attempt < 60 && !short.includes('vap-test'); attempt++) {
      short = await dryRun(deployment({ selector: true, name: 'app-1', namespace }));
      await new Promise((resolve) => setTimeout(resolve, 500));
    }

    expect(short).toContain('terminationGracePeriodSeconds is 30, policy vap-test needs at least 40');
    expect(await dryRun(deployment({ selector: true, name: 'app-2', namespace, grace: 40 }))).not.toContain('vap-test');
    expect(
      await dryRun(
        deployment({ selector: true, name: 'app-3', namespace, grace: 40 }).replace(
          'image: example/server:1',
          'lifecycle: {preStop: {sleep: {seconds: 10}}}\n        image: example/server:1',
        ),
      ),
    ).toContain('a preStop sleep and 35 seconds');
    for (const left of [
      deployment({ selector: true, name: 'other', namespace }),
      deployment({ selector: true, name: 'app-other', namespace }),
      deployment({ selector: true, name: 'app-4', namespace, annotations: { 'sidecardrain.io/exempt': 'x' } }),
      deployment({ selector: true, name: 'app-5', namespace }).replace(
        'labels: {app: app-5}',
        'labels: {app: app-5, sidecar.istio.io/inject: "false"}',
      ),
    ]) {
      expect(await dryRun(left)).not.toContain('vap-test');
    }
  });

  it('render -o map: the API server writes what CEL can, into workloads and into pods', async () => {
    const namespace = await cluster.namespace('cli-map', { map: 'yes', 'istio-injection': 'enabled' });
    const selector = 'namespaceSelector: {matchLabels: {map: "yes"}}';
    const folder = folderWith({
      'fixed.yaml': policy('map-fixed', 'mode: Fixed, duration: 40s').replace('namespaceSelector: {}', selector),
      'late.yaml': policy(
        'map-late',
        'mode: Combined, duration: 20s, maxWait: 60s, endpointDelay: 7s, application: Delay',
      )
        .replace('namespaceSelector: {}', selector)
        .concat('  delivery: Admission\n'),
    });
    const { out } = await cli(['render', '-p', folder, '-o', 'map']);
    await cluster.kubectlOk(['apply', '-f', '-'], { input: out });
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'late-6d5f-x1',
        namespace,
        labels: { 'pod-template-hash': '6d5f' },
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'late-6d5f', uid: 'u-1', controller: true },
        ],
      },
      spec: {
        containers: [
          { name: 'serves', image: 'example/server:1', ports: [{ containerPort: 8080 }] },
          {
            name: 'has-its-own',
            image: 'example/server:1',
            ports: [{ containerPort: 8081 }],
            lifecycle: { preStop: { exec: { command: ['sleep', '9'] } } },
          },
          { name: 'helper', image: 'example/helper:1' },
        ],
      },
    };
    interface Template {
      metadata: { annotations?: Record<string, string> };
      spec: { terminationGracePeriodSeconds: number; containers: { name: string; lifecycle?: unknown }[] };
    }
    const dryRun = async (object: object): Promise<unknown> =>
      JSON.parse(
        await cluster.kubectlOk(['create', '--dry-run=server', '-o', 'json', '-f', '-'], {
          input: JSON.stringify(object),
        }),
      );
    const workload = parse(deployment({ selector: true, name: 'app', namespace })) as object;
    const template = async (): Promise<Template> =>
      ((await dryRun(workload)) as { spec: { template: Template } }).spec.template;
    const ofPod = async (): Promise<Template> => (await dryRun(pod)) as Template;
    let [written, late] = [await template(), await ofPod()];
    const isDefault = ({ spec }: Template): boolean => spec.terminationGracePeriodSeconds === 30;
    // The policies take a moment to be enforced, each one of its own.
    for (let attempt = 0; attempt < 60 && (isDefault(written) || isDefault(late)); attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      [written, late] = [await template(), await ofPod()];
    }

    expect(written.spec.terminationGracePeriodSeconds).toBe(50);
    expect(written.metadata.annotations).toEqual({ 'proxy.istio.io/config': 'terminationDrainDuration: 45s\n' });
    expect(late.spec.terminationGracePeriodSeconds).toBe(72);
    expect(late.metadata.annotations?.['proxy.istio.io/config']).toContain('MINIMUM_DRAIN_DURATION: 27s');
    expect(late.spec.containers.map(({ name, lifecycle }) => [name, lifecycle])).toEqual([
      ['serves', { preStop: { sleep: { seconds: 7 } } }],
      ['has-its-own', { preStop: { exec: { command: ['sleep', '9'] } } }],
      ['helper', undefined],
    ]);
  });

  it('render -o kustomize: kubectl builds it, and the result is clean', async () => {
    const files = {
      'p.yaml': policy('kustomize', 'mode: Combined, duration: 10s, maxWait: 60s, strategy: PreStopHook'),
      'base/kustomization.yaml': 'resources: [w.yaml]\n',
      'base/w.yaml': `${deployment({ name: 'a', grace: 5 })}---\n${deployment({ name: 'b', namespace: 'shop', config: 'drainDuration: 60s' })}`,
      'kustomization.yaml': 'resources: [base]\ncomponents: [drain]\n',
    };
    const folder = folderWith({ ...files, 'drain/kustomization.yaml': '' });
    const facts = ['--native-sidecars', 'false', '--proxy-image', 'with-shell', '--assume', 'injected=true'];
    const component = await cli([
      'render',
      join(folder, 'base'),
      '-p',
      join(folder, 'p.yaml'),
      ...facts,
      '-o',
      'kustomize',
    ]);
    const overlay = folderWith({ ...files, 'drain/kustomization.yaml': component.out });

    const built = await cluster.kubectlOk(['kustomize', overlay]);
    const { code, out } = await cli(
      ['lint', '-f', '-', '-f', join(overlay, 'p.yaml'), ...facts, '--fail-on', 'warning'],
      { stdin: built },
    );

    expect([code, out.match(/ error | warning /g)]).toEqual([0, null]);
    expect(built.match(/name: istio-proxy/g)).toHaveLength(2);
  });
});
