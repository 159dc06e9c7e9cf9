// What is understood of kustomize trees and charts where no program is there to build them.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { findProgram, runProgram } from '../../../src/cli/repository/programs.ts';
import { cli, deployment, folderWith, policy, removeFolders } from './support.ts';

afterAll(removeFolders);

interface Output {
  readonly summary: { readonly workloads: number; readonly notJudged: Readonly<Record<string, number>> };
  readonly problems: readonly { readonly kind: string; readonly file: string; readonly message: string }[];
}

async function lint(folder: string, ...more: string[]): Promise<Output> {
  const { out } = await cli(['lint', folder, '-o', 'json', '--allow-empty', ...more]);
  return JSON.parse(out) as Output;
}

const PATCH =
  'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: checkout}\nspec:\n  template:\n    spec:\n      containers:\n      - name: server\n        image: example/server:2\n';

const TREE = {
  'base/kustomization.yaml': 'resources: [app.yaml]\n',
  'base/app.yaml': deployment(),
  'prod/Kustomization': 'resources: [../base]\npatchesStrategicMerge: [image.yaml]\n',
  'prod/image.yaml': PATCH,
};

describe('a tree that cannot be built', () => {
  it('is judged as its manifests stand, without its patches, and says so once', async () => {
    const { summary, problems } = await lint(folderWith(TREE));

    expect(summary.workloads).toBe(1);
    expect(problems).toEqual([
      {
        kind: 'NotBuilt',
        file: expect.stringMatching(/prod\/Kustomization$/),
        message: expect.stringMatching(/no kustomize or kubectl/),
      },
    ]);
  });

  it('is not written to, since nothing can be proved', async () => {
    const folder = folderWith({ ...TREE, 'policy.yaml': policy('p', 'mode: Fixed, duration: 40s') });

    const { code, out, err } = await cli(['render', folder, '-i', '--native-sidecars', 'false']);

    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(
      /Deployment\/default\/checkout is not changed: .*prod\/Kustomization takes it in and was not built/,
    );
  });

  it.each([
    [
      'a directive',
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec:\n  selector: {}\n  template: {spec: {containers: [{name: a, image: b}, {$patch: delete, name: c}]}}\n',
    ],
    [
      'neither selector nor image',
      'apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: x}\nspec:\n  template: {spec: {containers: [{name: a, resources: {}}]}}\n',
    ],
  ])('a patch that stands alone is told by %s', async (_, text) => {
    const { summary, problems } = await lint(folderWith({ 'x.yaml': text }));

    expect(summary.workloads).toBe(0);
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/a patch or a part of one; not judged/),
    ]);
  });

  it('a chart gets one line, whatever the number of its templates', async () => {
    const { problems, summary } = await lint(
      folderWith({
        'shop/Chart.yaml': 'apiVersion: v2\nname: shop\n',
        'shop/templates/a.yaml': 'kind: {{ .Values.kind }}\n',
        'shop/templates/b.yaml': '{{ include "x" . }}\n',
        'shop/charts/part/Chart.yaml': 'apiVersion: v2\nname: part\n',
        'shop/values.yaml': 'a: 1\n',
      }),
    );

    expect(problems.map(({ message }) => message)).toEqual([expect.stringMatching(/is a chart that is not rendered/)]);
    expect(summary.workloads).toBe(0);
  });

  it('kinds with a pod template that nobody knows are counted', async () => {
    const text =
      'apiVersion: games.example/v1\nkind: Arena\nmetadata: {name: x}\nspec: {pools: [{template: {spec: {containers: [{name: a, image: b}]}}}]}\n';

    const { summary } = await lint(folderWith({ 'x.yaml': `${text}---\n${text}` }));

    expect(summary.notJudged).toEqual({ 'Arena (games.example/v1)': 2 });
  });
});

describe('what is wrong with a tree', () => {
  it.each([
    [
      'a resource that is missing',
      'resources:\n  - app.yaml\n  - gone.yaml\n',
      /:3: names gone\.yaml, which does not exist/,
    ],
    [
      'a folder without a kustomization',
      'resources: [app.yaml, empty]\n',
      /:1: names the folder empty, which has no kustom/,
    ],
    [
      'a circle',
      'resources:\n  - app.yaml\n  - .\n',
      /:3: names \., which in the end names this kustomization: a circle/,
    ],
    ['a patch that is missing', 'patches:\n  - path: p.yaml\n', /:2: names the patch p\.yaml, which does not exist/],
    [
      'a file of a generator that is missing',
      'configMapGenerator:\n  - name: x\n    files: [a=gone.txt]\n',
      /:3: names gone\.txt,/,
    ],
    ['a transformer that is missing', 'transformers: [t.yaml]\n', /:1: names t\.yaml, which does not exist/],
    [
      'a resource of another machine',
      'resources:\n  - https://example.com/x.yaml\n',
      /:2: names https:.*would be downloaded/,
    ],
    [
      'a base of another repository',
      'resources: ["git@git.example:a/b.git"]\n',
      /:1: names git@git\.example.*would be downloaded/,
    ],
    [
      'a component of another repository',
      'components: ["github.com/a/b//c?ref=v1"]\n',
      /:1: names github.*would be downloaded/,
    ],
    [
      'a patch of another machine',
      'patches:\n  - path: https://example.com/p.yaml\n',
      /:2: names https:.*would be downloaded/,
    ],
    ['charts of kustomize', 'helmCharts:\n  - name: x\n', /:2: has charts, for which kustomize would run helm/],
    ['a text that is no YAML', 'resources: [\n', /is a kustomization that cannot be read/],
  ])('is said in one line: %s', async (_, kustomization, line) => {
    const folder = folderWith({
      'shop/kustomization.yaml': kustomization,
      'shop/app.yaml': deployment(),
      'shop/empty/x.txt': '',
      'rest.yaml': deployment({ name: 'rest' }),
    });

    const { code, err } = await cli(['lint', folder, '--assume', 'injected=true']);
    const strict = await cli(['lint', folder, '--assume', 'injected=true', '--strict']);

    expect(err.trimEnd().split('\n')).toEqual([expect.stringMatching(line)]);
    expect([code, strict.code]).toEqual([0, 1]);
    expect((await lint(folder)).summary.workloads).toBe(2);
  });

  it('is not written to, where a name stands in place of a list', async () => {
    const folder = folderWith({
      'kustomization.yaml': 'resources: app.yaml\n',
      'app.yaml': deployment(),
      'policy.yaml': policy('p', 'mode: Fixed, duration: 40s'),
    });

    const { code, out } = await cli(['render', folder, '-i', '--native-sidecars', 'false']);

    expect({ code, out }).toEqual({ code: 1, out: '' });
  });

  it('is told of the kustomization below that has charts', async () => {
    const { problems } = await lint(
      folderWith({
        'base/kustomization.yaml': 'helmCharts: [{name: x}]\n',
        'live/kustomization.yaml': 'resources: [../base]\n',
      }),
    );

    expect(problems.map(({ file, message }) => `${file} ${message}`)).toEqual([
      expect.stringMatching(/base\/kustomization\.yaml has charts, .*live is not built/),
    ]);
  });
});

describe('a folder that something applies', () => {
  const application = (name: string, path: string, namespace: string): string =>
    `apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: ${name}, namespace: argocd}\nspec:\n  destination: {namespace: ${namespace}}\n  source: {repoURL: "https://git.example/x.git", path: ${path}}\n`;
  const judged = async (files: Record<string, string>): Promise<string[]> => {
    const { out } = await cli([
      'lint',
      folderWith({ '.git/HEAD': '', ...files }),
      '-o',
      'json',
      '--native-sidecars',
      'false',
    ]);
    const { findings } = JSON.parse(out) as { findings: { workload: { namespace: string; name: string } }[] };
    return [...new Set(findings.map(({ workload }) => `${workload.namespace}/${workload.name}`))].sort();
  };

  it('of Argo CD is in the namespace of the application where it states none', async () => {
    expect(
      await judged({
        'argo/web.yaml': application('web', 'apps/web', 'shop'),
        'apps/web/a.yaml': deployment({ name: 'a' }),
        'apps/web/b.yaml': deployment({ name: 'b', namespace: 'own' }),
        'apps/web/deep/c.yaml': deployment({ name: 'c' }),
      }),
    ).toEqual(['default/c', 'own/b', 'shop/a']);
  });

  it('of Flux is in the target namespace whatever it states', async () => {
    expect(
      await judged({
        'flux/apps.yaml':
          'apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps, namespace: flux-system}\nspec: {path: ./apps, targetNamespace: shop}\n',
        'apps/b.yaml': deployment({ name: 'b', namespace: 'own' }),
        'apps/deep/c.yaml': deployment({ name: 'c' }),
      }),
    ).toEqual(['shop/b', 'shop/c']);
  });

  it('is judged in every namespace, and not changed where one of them wants something else', async () => {
    const files = {
      '.git/HEAD': '',
      'argo/one.yaml': application('one', 'apps', 'one'),
      'argo/two.yaml': application('two', 'apps', 'two'),
      'apps/a.yaml': deployment({ name: 'a' }),
    };
    const drain = policy('p', 'mode: Fixed, duration: 40s');
    const render = async (text: string): Promise<Awaited<ReturnType<typeof cli>>> =>
      await cli(['render', folderWith({ ...files, 'policy.yaml': text }), '-i', '--native-sidecars', 'false']);

    const [all, one] = [
      await render(drain),
      await render(
        drain.replace(
          '{namespaceSelector: {}}',
          '{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: one}}}',
        ),
      ),
    ];

    expect(await judged(files)).toEqual(['one/a', 'two/a']);
    expect(all).toMatchObject({ code: 0, out: expect.stringMatching(/^\S+apps\/a\.yaml\n$/), err: '' });
    expect(one).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/one\/a is not changed: .*more than once/),
    });
  });
});

describe('a program', () => {
  it('is run without a shell, without the environment of the user, and for a bounded time', async () => {
    const folder = folderWith({ tool: '#!/bin/sh\necho "$1|$SECRET|$PATH|$HTTPS_PROXY"\n' });
    chmodSync(join(folder, 'tool'), 0o755);

    const found = findProgram(['other', 'tool'], folder);
    const result = await runProgram(found ?? '', {
      args: ['$(id)'],
      cwd: folder,
      home: folder,
      network: false,
      env: { SECRET: 's', PATH: '/bin' },
    });

    expect(found).toBe(join(folder, 'tool'));
    expect(result).toEqual({ ok: true, output: '$(id)|||http://127.0.0.1:9\n' });
  });

  it('that is named and not there is wrong usage', async () => {
    const { code, err } = await cli(['lint', folderWith(TREE), '--kustomize', '/no/such']);

    expect(code).toBe(2);
    expect(err).toContain('--kustomize /no/such: no such program');
  });
});
