import { afterAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { splitDocuments } from '../../../src/cli/input/split.ts';
import { cli, deployment, folderWith, removeFolders } from './support.ts';

afterAll(removeFolders);

interface Output {
  readonly summary: { workloads: number; files: number; skippedFiles: number; documents: number };
  readonly findings: readonly {
    code: string;
    file: string;
    line: number;
    path?: string;
    workload: { kind: string; namespace: string; name: string };
  }[];
  readonly problems: readonly { kind: string; file: string; line?: number; message: string }[];
}

async function lint(folder: string, ...more: string[]): Promise<{ code: number; err: string; output: Output }> {
  const { code, out, err } = await cli(['lint', '-f', folder, '-o', 'json', '--fail-on', 'error', ...more]);
  return { code, err, output: (out === '' ? undefined : JSON.parse(out)) as Output };
}

const GOOD = deployment({ name: 'good', grace: 5 });

describe('input that is not as it should be', () => {
  it.each([
    [
      'bad YAML',
      'kind: Deployment\napiVersion: apps/v1\nmetadata:\n  name: [x\n',
      'Syntax',
      5,
      /cannot be read as YAML/,
    ],
    ['bad YAML of another kind', 'apiVersion: v1\nkind: Service\nmetadata: {\n', 'Syntax', 4, /cannot be read as YAML/],
    ['bad YAML that is no manifest', 'a: b: c\n', 'Syntax', 1, /bad indentation of a mapping entry/],
    [
      'duplicate keys',
      deployment({ name: 'twice' }).replace('  replicas: 2\n', '  replicas: 2\n  replicas: 3\n'),
      'DuplicateKey',
      7,
      /replicas .* line 6/,
    ],
    [
      'a duplicate key behind an anchor',
      'apiVersion: v1\nkind: Service\nmetadata: &m\n  name: x\n  name: y\n',
      'DuplicateKey',
      5,
      /name .* line 4/,
    ],
    [
      'a template',
      'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ .Release.Name }}\n',
      'Template',
      4,
      /not been rendered/,
    ],
    [
      'a template with control flow',
      '{{- if .Values.x }}\napiVersion: v1\n{{- end }}\n',
      'Template',
      1,
      /not been rendered/,
    ],
    ['a template inside a name', deployment({ name: 'x-{{ .Release.Name }}' }), 'Template', 4, /not been rendered/],
    [
      'an alias bomb',
      `apiVersion: apps/v1\nkind: Deployment\na: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefgh'].map((name, index) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefgh'[index] ?? ''}`).join(',')}]\n`).join('')}`,
      'Syntax',
      9,
      /alias bomb/,
    ],
    [
      'an anchor that contains itself',
      'apiVersion: v1\nkind: Service\nspec: &a {x: *a}\n',
      'Syntax',
      3,
      /contains itself/,
    ],
    [
      'an unknown apiVersion',
      deployment({ name: 'old' }).replace('apps/v1', 'extensions/v1beta1'),
      'UnknownVersion',
      1,
      /extensions\/v1beta1.*apps\/v1 is/,
    ],
    [
      'a patch',
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: p}\nspec: {replicas: 3}\n',
      'Incomplete',
      1,
      /no containers/,
    ],
    [
      'a workload without a name',
      deployment({}).replace('  name: checkout\n', '  labels: {}\n'),
      'Incomplete',
      1,
      /without a name/,
    ],
    [
      'a value that the API server refuses',
      deployment({ name: 'quoted', grace: 5 }).replace('Seconds: 5', 'Seconds: "5"'),
      'Refused',
      11,
      /quoted is refused by the API server.*terminationGracePeriodSeconds is the string "5"/,
    ],
    ['a binary file', Buffer.from([0x1f, 0x8b, 0x08, 0x00, 0xff]), 'Binary', undefined, /binary/],
    ['bytes that are no UTF-8', Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe, 0x0a]), 'Binary', undefined, /UTF-8/],
    [
      'a policy that the schema refuses',
      'apiVersion: sidecardrain.io/v1alpha1\nkind: SidecarDrainPolicy\nmetadata: {name: p}\nspec:\n  match: {namespaceSelector: {}}\n  drain:\n    mode: Fixed\n    duration: 1d\n',
      'Policy',
      8,
      /spec\.drain\.duration/,
    ],
  ] as const)('%s: one line, and the rest is judged', async (_, content, kind, line, message) => {
    const folder = folderWith({ 'a.yaml': content, 'b.yaml': GOOD });

    const { code, err, output } = await lint(folder);

    expect(output.problems.filter((problem) => problem.kind === kind)).toEqual([
      {
        kind,
        file: join(folder, 'a.yaml'),
        ...(line === undefined ? {} : { line }),
        message: expect.stringMatching(message),
      },
    ]);
    expect(output.problems).toHaveLength(1);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(err).toContain(line === undefined ? 'a.yaml: ' : `a.yaml:${line}: `);
    expect(
      output.findings.some((finding) => finding.workload.name === 'good' && finding.code === 'GraceTooShort'),
    ).toBe(true);
    expect(code).toBe(1);
  });

  it('a file above the limit is not read', async () => {
    const folder = folderWith({
      'big.yaml': `# ${'x'.repeat(1_200_000)}\n${deployment({ name: 'big' })}`,
      'b.yaml': GOOD,
    });

    const { output } = await lint(folder, '--max-file-size', '1');

    expect(output.problems).toEqual([
      { kind: 'TooLarge', file: join(folder, 'big.yaml'), message: expect.stringContaining('1 MiB') },
    ]);
    expect(output.summary.workloads).toBe(1);
  });

  it.each([
    ['no such file', ['-f', 'nowhere.yaml'], /nowhere\.yaml: no such file/],
    ['no input', [], /no input: give files/],
    ['only what is broken', ['-f', 'BROKEN'], /nothing to judge/],
    ['an empty folder', ['-f', 'EMPTY'], /nothing to judge/],
    ['a folder without workloads', ['-f', 'SERVICES'], /none of them with a pod template/],
  ])('%s ends with 2', async (_, args, message) => {
    const places: Record<string, string> = {
      BROKEN: folderWith({ 'a.yaml': 'a: [\n' }),
      EMPTY: folderWith({}),
      SERVICES: folderWith({ 'a.yaml': 'apiVersion: v1\nkind: Service\nmetadata: {name: x}\n' }),
    };

    const { code, err } = await cli(['lint', ...args.map((arg) => places[arg] ?? arg)]);

    expect(code).toBe(2);
    expect(err).toMatch(message);
  });

  it('is fine without workloads where that was asked for', async () => {
    const { code } = await cli([
      'lint',
      '--allow-empty',
      '-f',
      folderWith({ 'a.yaml': 'apiVersion: v1\nkind: Service\nmetadata: {name: x}\n' }),
    ]);

    expect(code).toBe(0);
  });

  it('counts for the exit code with --strict', async () => {
    const folder = folderWith({
      'a.yaml': 'a: [\n',
      'b.yaml': deployment({ grace: 60, config: 'terminationDrainDuration: 30s' }),
    });

    expect([(await lint(folder)).code, (await lint(folder, '--strict')).code]).toEqual([0, 1]);
  });
});

describe('input in every shape', () => {
  const short = (name: string): string => deployment({ name, grace: 5 });
  const json = (name: string): Record<string, unknown> => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      template: {
        metadata: {},
        spec: { terminationGracePeriodSeconds: 5, containers: [{ name: 'server', image: 'x' }] },
      },
    },
  });

  it.each([
    [
      'documents in any order and with comments',
      `# header\n---\n# Source: x\n${short('a')}---\n---\n# nothing\n---\n${short('b')}...\n`,
      ['a', 'b'],
      [14, 32],
    ],
    ['windows line ends', `${short('a')}---\n${short('b')}`.replaceAll('\n', '\r\n'), ['a', 'b'], [11, 26]],
    [
      'a list',
      `apiVersion: v1\nkind: List\nitems:\n- ${short('a').trimEnd().replaceAll('\n', '\n  ')}\n- ${short('b').trimEnd().replaceAll('\n', '\n  ')}\n`,
      ['a', 'b'],
      [14, 28],
    ],
    [
      'a typed list whose items have no kind',
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'DeploymentList',
        items: [{ ...json('a'), kind: undefined, apiVersion: undefined }],
      }),
      ['a'],
      [1],
    ],
    ['JSON', JSON.stringify(json('a'), null, 2), ['a'], [11]],
    ['JSON on one line', JSON.stringify(json('a')), ['a'], [1]],
    [
      'anchors',
      short('a').replace('5\n', '&grace 5\n').replace('image:', 'ports: [{containerPort: *grace}]\n        image:'),
      ['a'],
      [11],
    ],
    ['a directive', `%YAML 1.1\n---\n${short('a')}`, ['a'], [13]],
    [
      'a block scalar that looks like documents',
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  x: |\n    ---\n    kind: Deployment\n---\n${short('a')}`,
      ['a'],
      [19],
    ],
    [
      'an indented root',
      short('a')
        .split('\n')
        .map((line) => (line === '' ? '' : `  ${line}`))
        .join('\n'),
      ['a'],
      [11],
    ],
    [
      'quoted keys',
      short('a').replace('kind: Deployment', '"kind": "Deployment"').replace('apiVersion:', "'apiVersion':"),
      ['a'],
      [11],
    ],
    ['a byte order mark', `\ufeff${short('a')}`, ['a'], [11]],
    ['UTF-16', Buffer.from(`\ufeff${short('a')}`, 'utf16le'), ['a'], [11]],
    [
      'folded and multi-line scalars',
      short('a').replace(
        'image: example/server:1',
        'args:\n        - >-\n          one\n          two\n        - three\n          four\n        image: x',
      ),
      ['a'],
      [11],
    ],
  ] as const)('%s', async (_, content, names, lines) => {
    const { output } = await lint(folderWith({ 'x.yaml': content }));

    const found = output.findings.filter((finding) => finding.code === 'GraceTooShort');
    expect(found.map((finding) => finding.workload.name)).toEqual(names);
    expect(found.map((finding) => finding.line)).toEqual(lines);
    expect(output.problems).toEqual([]);
  });

  it('walks folders in order, passes over what is no manifest, and counts', async () => {
    const folder = folderWith({
      'b/two.yml': short('two'),
      'a/one.yaml': short('one'),
      'c.json': JSON.stringify(json('three')),
      'values.yaml': 'replicas: 1\n',
      'README.md': '# no',
      'kustomization.yaml': 'resources: [a]\n',
      'node_modules/x/y.yaml': short('hidden'),
      '.git/z.yaml': short('hidden'),
      'svc.yaml': 'apiVersion: v1\nkind: Service\nmetadata: {name: x}\n',
    });

    const { output } = await lint(folder);

    expect([...new Set(output.findings.map((finding) => finding.workload.name))]).toEqual(['one', 'two', 'three']);
    expect(output.summary).toMatchObject({ files: 6, skippedFiles: 2, documents: 4, workloads: 3 });
  });

  it('reads standard input', async () => {
    const { code, out } = await cli(['lint', '-f', '-', '-n', 'shop', '-o', 'json'], { stdin: short('a') });

    expect(code).toBe(1);
    expect((JSON.parse(out) as Output).findings[0]).toMatchObject({
      file: '<stdin>',
      workload: { namespace: 'shop', name: 'a' },
    });
  });

  it.each([
    [
      'CronJob',
      'batch/v1',
      '  jobTemplate:\n    spec:\n      template:\n        spec:\n          terminationGracePeriodSeconds: 5\n          containers: [{name: c, image: x}]\n',
      'spec.jobTemplate.spec.template.spec.terminationGracePeriodSeconds',
      9,
    ],
    [
      'Rollout',
      'argoproj.io/v1alpha1',
      '  template:\n    spec:\n      terminationGracePeriodSeconds: 5\n      containers: [{name: c, image: x}]\n',
      'spec.template.spec.terminationGracePeriodSeconds',
      7,
    ],
    [
      'Pod',
      'v1',
      '  terminationGracePeriodSeconds: 5\n  containers: [{name: c, image: x}]\n',
      'spec.terminationGracePeriodSeconds',
      5,
    ],
  ])('judges a %s where its pod template stands', async (kind, apiVersion, spec, path, line) => {
    const { output } = await lint(
      folderWith({ 'x.yaml': `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: x}\nspec:\n${spec}` }),
    );

    expect(output.findings.find((finding) => finding.code === 'GraceTooShort')).toMatchObject({
      path,
      line,
      workload: { kind },
    });
  });

  it('finds the line of a key inside the annotation', async () => {
    const content = deployment({
      grace: 90,
      config: '# comment\nterminationDrainDuration: 30s\nterminationDrianDuration: 60s',
    });

    const { output } = await lint(folderWith({ 'x.yaml': content }));

    const finding = output.findings.find((each) => each.code === 'AnnotationKeyUnknown');
    expect(content.split('\n')[(finding?.line ?? 0) - 1]).toContain('terminationDrianDuration');
  });
});

describe('splitDocuments', () => {
  it.each([
    ['', []],
    ['a: 1\n', [['a: 1\n', 1]]],
    [
      '---\na: 1\n---\nb: 2\n',
      [
        ['---\na: 1\n', 1],
        ['---\nb: 2\n', 3],
      ],
    ],
    [
      'a: 1\n--- # two\nb: 2',
      [
        ['a: 1\n', 1],
        ['--- # two\nb: 2', 2],
      ],
    ],
    ['a: |\n  ---\n  ----\nb: 1\n', [['a: |\n  ---\n  ----\nb: 1\n', 1]]],
    ['---a: 1\n', [['---a: 1\n', 1]]],
    [
      '%YAML 1.1\n# c\n---\na: 1\n...\n%TAG ! x\n---\nb: 2\n',
      [
        ['%YAML 1.1\n# c\n---\na: 1\n', 1],
        ['...\n', 5],
        ['%TAG ! x\n---\nb: 2\n', 6],
      ],
    ],
    [
      'a: 1\r\n---\r\nb: 2\r\n',
      [
        ['a: 1\r\n', 1],
        ['---\r\nb: 2\r\n', 2],
      ],
    ],
    [
      'a\n...\n...\nb\n',
      [
        ['a\n', 1],
        ['...\n', 2],
        ['...\n', 3],
        ['b\n', 4],
      ],
    ],
  ])('%j', (text, expected) => {
    const chunks = [...splitDocuments(text)].map(({ from, to, line }) => [text.slice(from, to), line] as const);

    expect(chunks.filter(([content]) => !/^\.\.\.\s*$/.test(content))).toEqual(
      expected.filter(([content]) => !/^\.\.\.\s*$/.test(content as string)),
    );
  });

  it('leaves nothing out', () => {
    const text = 'a\n---\nb\n...\n# c\n---\n\n--- d\n';

    expect(
      [...splitDocuments(text)]
        .map(({ from, to }) => text.slice(from, to))
        .join('')
        .replaceAll('...\n', ''),
    ).toBe(text.replaceAll('...\n', ''));
  });
});
