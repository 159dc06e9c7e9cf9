// Kustomize trees and charts as repositories have them, read by the real kustomize (the one in kubectl) and the real helm:
// verdicts on a tree are those on its build, and render changes the wanted leaves of every build and nothing else.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { findBinaries } from '../support/control-plane/index.ts';
import {
  changedLeaves,
  CONFIG,
  GRACE,
  removeRepositories,
  repositoryOf,
  Tools,
  verdicts,
  type Leaves,
} from '../support/repository.ts';

// Where helm is not in the cache yet, it is built first.
jest.setTimeout(600_000);

const FACTS = ['--assume', 'injected=true', '--native-sidecars', 'false', '--istio-version', '1.30.1'];
const POLICY = `apiVersion: sidecardrain.io/v1alpha1
kind: SidecarDrainPolicy
metadata: {name: fixed}
spec:
  enforcement: Enforce
  match: {namespaceSelector: {}}
  drain: {mode: Fixed, duration: 40s}
`;

let programs: { kubectl: string; helm: string };
let tools: Tools;

beforeAll(async () => {
  programs = await findBinaries(['kubectl', 'helm']);
  tools = new Tools(programs.kubectl, programs.helm, FACTS);
});

afterAll(removeRepositories);

function repository(files: Readonly<Record<string, string>>): string {
  return repositoryOf({ 'policy.yaml': POLICY, ...files });
}

function workload(name: string, { pod = '', template = '' } = {}): string {
  return `# ${name}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata:
      labels: {app: ${name}}
${template}    spec:
${pod}      containers:
        - name: main
          image: registry.example/${name}:7
`;
}

const ANNOTATED = `      annotations:
        example.com/team: blue
        proxy.istio.io/config: |
          concurrency: 2
`;

const TREE: Readonly<Record<string, string>> = {
  'base/kustomization.yaml': 'resources:\n  - ledger.yaml\n  - gateway.yaml\n  - worker.yaml\n',
  'base/ledger.yaml': workload('ledger', { pod: '      terminationGracePeriodSeconds: 600\n', template: ANNOTATED }),
  'base/gateway.yaml': workload('gateway'),
  'base/worker.yaml': workload('worker', { pod: '      terminationGracePeriodSeconds: 12\n' }),
  'parts/metrics/kustomization.yaml':
    'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n  - path: metrics.yaml\n    target: {kind: Deployment, name: gateway}\n',
  'parts/metrics/metrics.yaml':
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: any}\nspec:\n  template:\n    metadata:\n      annotations: {example.com/scrape: "yes"}\n',
  'live/kustomization.yaml':
    'namePrefix: live-\nnamespace: money\nresources:\n  - ../base\ncomponents:\n  - ../parts/metrics\npatches:\n  - path: size.yaml\n  - path: slow.yaml\n  - target: {kind: Deployment, name: gateway}\n    patch: |-\n      - op: add\n        path: /spec/replicas\n        value: 4\n',
  // A patch with containers and neither image nor selector: no workload.
  'live/size.yaml':
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ledger}\nspec:\n  replicas: 3\n  template:\n    spec:\n      containers:\n        - name: main\n          resources: {limits: {memory: 2Gi}}\n',
  'live/slow.yaml':
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: worker}\nspec:\n  template:\n    spec:\n      terminationGracePeriodSeconds: 18\n',
  'try/kustomization.yaml': 'namespace: try\nresources:\n  - ../base\n',
};

describe('a kustomize tree', () => {
  it('gets the verdicts of what is built from it, at the lines where the values stand', async () => {
    const folder = repository(TREE);

    const tree = await tools.lint(join(folder, '.'));
    const built = await tools.lintText(
      [tools.build(join(folder, 'live')), tools.build(join(folder, 'try')), POLICY].join('---\n'),
    );

    expect(tree.problems).toEqual([]);
    expect(tree.summary.workloads).toBe(6);
    expect(verdicts(tree)).toEqual(verdicts(built));
    const grace = (name: string): string[] =>
      tree.findings
        .filter((each) => each.code === 'GraceTooShort' && each.workload.name === name)
        .map(({ file, line, builtFrom }) => [file, line, builtFrom].join(' ').replaceAll(`${folder}/`, ''));
    expect(grace('live-worker')).toEqual(['live/slow.yaml 7 live']);
    expect(grace('worker')).toEqual(['base/worker.yaml 12 try']);
  });

  it('keeps a grace period of 600, and gets the wanted leaves of every build and no other', async () => {
    const folder = repository(TREE);
    const before = { live: tools.leaves(join(folder, 'live')), try: tools.leaves(join(folder, 'try')) };

    const { code, out, err } = await tools.run('render', folder, '-p', join(folder, 'policy.yaml'), '--in-place');

    expect({ code, err }).toEqual({ code: 0, err: '' });
    const wanted = (prefix: string): Leaves => ({
      [`Deployment ${prefix}ledger${CONFIG}`]: 'concurrency: 2\nterminationDrainDuration: 45s\n',
      [`Deployment ${prefix}gateway${CONFIG}`]: 'terminationDrainDuration: 45s\n',
      [`Deployment ${prefix}gateway${GRACE}`]: 50,
      [`Deployment ${prefix}worker${CONFIG}`]: 'terminationDrainDuration: 45s\n',
      [`Deployment ${prefix}worker${GRACE}`]: 50,
    });
    expect(changedLeaves(before.live, tools.leaves(join(folder, 'live')))).toEqual(wanted('live-'));
    expect(changedLeaves(before.try, tools.leaves(join(folder, 'try')))).toEqual(wanted(''));
    expect(tools.leaves(join(folder, 'live'))[`Deployment live-ledger${GRACE}`]).toBe(600);
    expect(readFileSync(join(folder, 'base/gateway.yaml'), 'utf8')).toContain('# gateway');
    expect(out).not.toContain('size.yaml');
    expect((await tools.run('render', folder, '-p', join(folder, 'policy.yaml'), '--in-place')).out).toBe('');
  });

  it('puts a value that the builds do not agree on into a patch of the overlay', async () => {
    const folder = repository({
      ...TREE,
      'policy.yaml': POLICY.replace(
        '{namespaceSelector: {}}',
        '{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: try}}}',
      ),
    });
    const before = { live: tools.leaves(join(folder, 'live')), try: tools.leaves(join(folder, 'try')) };

    const { code } = await tools.run('render', folder, '-p', join(folder, 'policy.yaml'), '--in-place');

    expect(code).toBe(0);
    expect(tools.leaves(join(folder, 'live'))).toEqual(before.live);
    expect(Object.keys(changedLeaves(before.try, tools.leaves(join(folder, 'try'))))).toHaveLength(5);
    expect(readFileSync(join(folder, 'try/kustomization.yaml'), 'utf8')).toContain(
      'sidecar-drain-deployment-worker.yaml',
    );
  });

  it('is not written to where the change would not come through', async () => {
    const folder = repository({
      ...TREE,
      'try/kustomization.yaml': `${TREE['try/kustomization.yaml'] ?? ''}transformers:\n  - last.yaml\n`,
      'try/last.yaml':
        'apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: last}\ntarget: {kind: Deployment, name: gateway}\npatch: \'[{"op": "add", "path": "/spec/template/spec/terminationGracePeriodSeconds", "value": 7}]\'\n',
    });

    const { code, err } = await tools.run(
      'render',
      join(folder, 'try'),
      join(folder, 'base'),
      '-p',
      join(folder, 'policy.yaml'),
      '-i',
    );

    expect(code).toBe(1);
    expect(err).toMatch(
      /Deployment\/try\/gateway is not changed: .*terminationGracePeriodSeconds would be 7 and not 50/,
    );
    expect(tools.leaves(join(folder, 'try'))[`Deployment gateway${GRACE}`]).toBe(7);
  });

  it('is built as Flux applies it, for each cluster that patches it', async () => {
    const cluster = (name: string, more: string): Record<string, string> => ({
      [`clusters/${name}.yaml`]: `apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: ${name}}\nspec:\n  path: base\n  targetNamespace: ${name}\n${more}`,
    });
    const folder = repository({
      ...TREE,
      ...cluster('red', '  namePrefix: red-\n'),
      ...cluster(
        'blue',
        '  patches:\n    - target: {kind: Deployment, name: worker}\n      patch: |\n        - op: replace\n          path: /spec/template/spec/terminationGracePeriodSeconds\n          value: 700\n',
      ),
    });
    const before = { live: tools.leaves(join(folder, 'live')), base: tools.leaves(join(folder, 'base')) };

    const { findings, summary } = await tools.lint(folder);
    const { err } = await tools.run('render', folder, '--in-place');

    const grace = findings.filter(({ code }) => code === 'GraceTooShort').map(({ workload }) => workload);
    expect(summary.workloads).toBe(12);
    expect(grace.map(({ namespace, name }) => `${namespace}/${name}`)).toEqual(
      expect.arrayContaining(['red/red-worker', 'try/worker', 'money/live-worker']),
    );
    expect(grace).not.toContainEqual({ kind: 'Deployment', namespace: 'blue', name: 'worker' });
    expect(err).toBe('');
    const worker = `Deployment worker${GRACE}`;
    expect([before.base[worker], tools.leaves(join(folder, 'base'))[worker]]).toEqual([12, 50]);
    expect(tools.leaves(join(folder, 'live'))[`Deployment live-ledger${GRACE}`]).toBe(
      before.live[`Deployment live-ledger${GRACE}`],
    );
  });

  it('is applied by what a kustomization makes of a Kustomization of Flux', async () => {
    const folder = repository({
      'clusters/base/kustomization.yaml': 'resources: [apps.yaml]\n',
      'clusters/base/apps.yaml':
        'apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps, namespace: flux}\nspec: {path: ./nowhere}\n',
      'clusters/one/kustomization.yaml': `resources: [../base]
configMapGenerator:
  - {name: settings, namespace: flux, literals: [STOP=9], options: {disableNameSuffixHash: true}}
patches:
  - target: {kind: Kustomization, name: apps}
    patch: |-
      - {op: replace, path: /spec/path, value: ./apps}
      - {op: add, path: /spec/postBuild, value: {substituteFrom: [{kind: ConfigMap, name: settings}]}}
`,
      'apps/kustomization.yaml': 'namespace: shop\nresources: [app.yaml]\n',
      'apps/app.yaml': workload('app', { pod: '      terminationGracePeriodSeconds: ${STOP}\n' }),
    });

    const { findings, problems } = await tools.lint(folder);

    expect(problems).toEqual([]);
    expect(findings.map(({ code, workload: { namespace, name } }) => `${namespace}/${name} ${code}`)).toContain(
      'shop/app GraceTooShort',
    );
  });

  it('is written to though a kustomization above it, which does not name it, cannot be built', async () => {
    const folder = repository({ ...TREE, 'kustomization.yaml': 'helmCharts: [{name: far}]\n' });

    const { out, err } = await tools.run('render', folder, '-i');

    expect(out).toContain('base/worker.yaml');
    expect(err).not.toContain('is not changed');
  });

  it('that does not build gets one line, and the rest is judged', async () => {
    const workloads = { 'a.yaml': workload('a', { pod: '      terminationGracePeriodSeconds: 3\n' }) };
    const broken = {
      'patch-without-target': 'patches:\n  - path: p.yaml\n',
      'unknown-field': 'resurces: [b]\n',
      'wrong-type': 'namePrefix: [x]\n',
      'no-patch': 'patches:\n  - patch: nonsense\n    target: {kind: Deployment}\n',
      'same-object': 'namespace: x\nconfigMapGenerator: [{name: twin}, {name: twin}]\n',
    };
    const folder = repository({
      ...TREE,
      ...Object.fromEntries(
        Object.entries(broken).flatMap(([name, text]) => [
          [`${name}/kustomization.yaml`, `resources: [a.yaml]\n${text}`],
          ...Object.entries(workloads).map(([file, manifest]) => [`${name}/${file}`, manifest]),
        ]),
      ),
      'patch-without-target/p.yaml':
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: nobody}\nspec: {replicas: 1}\n',
    });

    const { problems, summary } = await tools.lint(folder);
    const strict = await tools.run('lint', folder, '--strict');

    const line = (name: string, why: RegExp): unknown =>
      expect.stringMatching(new RegExp(`^${name}/kustomization.yaml cannot be built: ${why.source}`));
    expect(problems.map(({ file, message }) => `${file} ${message}`.replaceAll(`${folder}/`, ''))).toEqual([
      line('no-patch', /unable to parse SM or JSON patch/),
      line('patch-without-target', /.*no matches for Id Deployment.*nobody/),
      line('same-object', /.*twin.*exists/),
      line('unknown-field', /invalid Kustomization: json: unknown field "resurces"/),
      line('wrong-type', /invalid Kustomization: json: cannot unmarshal/),
    ]);
    expect(summary.workloads).toBe(6 + Object.keys(broken).length);
    expect(strict.code).toBe(1);
  });
});

const CHART: Readonly<Record<string, string>> = {
  'charts/shop/Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\n',
  'charts/shop/values.yaml': 'basket:\n  stop: 9\n',
  'charts/shop/templates/web.yaml': workload('web').replace('name: web', 'name: {{ .Release.Name }}-web'),
  'charts/shop/charts/basket/Chart.yaml': 'apiVersion: v2\nname: basket\nversion: 1.0.0\n',
  'charts/shop/charts/basket/values.yaml': 'stop: 30\n',
  'charts/shop/charts/basket/templates/all.yaml': workload('basket', {
    pod: '      terminationGracePeriodSeconds: {{ .Values.stop }}\n',
  }),
};

describe('a chart', () => {
  it('is rendered once as it is, with the parts of an umbrella, and says which value to set', async () => {
    const folder = repository(CHART);

    const tree = await tools.lint(folder);
    const rendered = execFileSync(programs.helm, ['template', 'shop', join(folder, 'charts/shop')], {
      encoding: 'utf8',
    });
    const { code, err } = await tools.run('render', folder, '-p', join(folder, 'policy.yaml'), '-o', 'diff');

    expect(tree.problems).toEqual([]);
    expect(verdicts(tree)).toEqual(verdicts(await tools.lintText(`${rendered}---\n${POLICY}`)));
    const place = tree.findings.find((each) => each.code === 'GraceTooShort' && each.workload.name === 'basket');
    expect(`${place?.file ?? ''}:${place?.line ?? 0}`).toBe(
      join(folder, 'charts/shop/charts/basket/templates/all.yaml:12'),
    );
    expect(code).toBe(1);
    expect(err).toContain('set the value basket.stop to 50');
  });

  it('is rendered for the releases of Flux and Argo CD that point to it, with their values', async () => {
    const folder = repository({
      ...CHART,
      'apps/flux.yaml':
        'apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: one, namespace: flux-one}\nspec:\n  chart: {spec: {chart: ./charts/shop, sourceRef: {kind: GitRepository, name: here}}}\n  values: {basket: {stop: 500}}\n',
      'apps/argo.yaml':
        'apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: two, namespace: argocd}\nspec:\n  destination: {namespace: argo-two}\n  source: {path: charts/shop, helm: {valuesObject: {basket: {stop: 3}}}}\n',
      'apps/elsewhere.yaml':
        'apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: other}\nspec: {chart: {spec: {chart: cache, sourceRef: {kind: HelmRepository, name: far}}}}\n',
      '.git/HEAD': 'ref: refs/heads/main\n',
    });

    const { findings, notes, summary } = await tools.lint(folder);

    const grace = findings
      .filter(({ code }) => code === 'GraceTooShort')
      .map(({ workload: { namespace, name } }) => `${namespace}/${name}`);
    expect(summary.workloads).toBe(4);
    expect(grace).toContain('argo-two/basket');
    expect(grace).not.toContain('flux-one/basket');
    expect(notes.join('\n')).toMatch(/1 of HelmRelease and Application take a chart or manifests from elsewhere/);
  });

  it('is judged with the values that a HelmRelease takes from ConfigMaps, and behind its post-renderers', async () => {
    const release = (name: string, spec: string): string =>
      `apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: ${name}, namespace: ${name}}\nspec:\n  chart: {spec: {chart: ./charts/shop, sourceRef: {kind: GitRepository, name: here}}}\n${spec}`;
    const folder = repository({
      ...CHART,
      '.git/HEAD': 'ref: refs/heads/main\n',
      'apps/values.yaml': `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: values, namespace: one}\ndata:\n  values.yaml: |\n    basket: {stop: 500}\n`,
      'apps/one.yaml': release('one', '  valuesFrom: [{kind: ConfigMap, name: values}]\n'),
      'apps/two.yaml': release(
        'two',
        `  postRenderers:
    - kustomize:
        patches:
          - target: {kind: Deployment, name: basket}
            patch: |
              - {op: replace, path: /spec/template/spec/terminationGracePeriodSeconds, value: 600}
`,
      ),
      'apps/three.yaml': release(
        'three',
        '  valuesFrom: [{kind: Secret, name: hidden}, {kind: ConfigMap, name: sealed}]\n',
      ),
      'apps/sealed.yaml':
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sealed, namespace: three}\ndata: {values.yaml: "ENC[AES256_GCM,data:x]"}\nsops: {version: 3.9.0}\n',
      'apps/four.yaml':
        'apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: four}\nspec:\n  destination: {namespace: four}\n  source: {path: charts/shop, helm: {valueFiles: [gone.yaml], valuesObject: {basket: {stop: 900}}}}\n',
    });

    const { findings, notes, problems } = await tools.lint(folder);

    const baskets = findings.filter(({ code, workload }) => code === 'GraceTooShort' && workload.name === 'basket');
    expect(problems).toEqual([]);
    expect(baskets.map(({ workload }) => workload.namespace)).toEqual(['three']);
    expect(notes.join('\n')).toMatch(/three\.yaml:1 takes values from Secret hidden and ConfigMap sealed, .*not read/);
    expect(notes.join('\n')).toMatch(/four\.yaml:1 takes values from the file gone\.yaml, .*not read/);
    const drain = findings.find(({ code, workload }) => code === 'DrainTooShort' && workload.namespace === 'two');
    expect(drain?.file).toMatch(/charts\/shop\/.*templates/);
  });

  it('that does not render gets one line, and the rest is judged', async () => {
    const chart = (name: string, template: string, more = ''): Record<string, string> => ({
      [`charts/${name}/Chart.yaml`]: `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n${more}`,
      [`charts/${name}/templates/x.yaml`]: template,
    });
    const folder = repository({
      ...chart('absent', workload('{{ .Values.deep.name }}')),
      ...chart(
        'parts',
        workload('x'),
        'dependencies: [{name: far, version: 1.0.0, repository: "https://example.com"}]\n',
      ),
      ...chart('required', 'kind: {{ required "a size is needed" .Values.size }}\n'),
      ...chart('syntax', 'kind: {{ if }}\n'),
      ...chart('text', 'a: b: c\n'),
      'plain.yaml': workload('plain'),
    });

    const { problems, summary } = await tools.lint(folder);

    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/does not render: .*x\.yaml:1:.*nil pointer.*; it is not judged/),
      expect.stringMatching(/does not render: .*missing in charts\/ directory: far; it is not judged/),
      expect.stringMatching(/does not render: .*a size is needed.*; it is not judged/),
      expect.stringMatching(/does not render: .*x\.yaml:1.*missing value for if; it is not judged/),
      expect.stringMatching(/does not render: YAML parse error on text\/templates\/x\.yaml.*; it is not judged/),
    ]);
    expect(summary.workloads).toBe(1);
  });
});
