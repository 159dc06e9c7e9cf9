import { afterAll, describe, expect, it } from '@jest/globals';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fc } from '../../support/fast-check.ts';
import { parse, parseAllDocuments } from 'yaml';
import { unifiedDiff } from '../../../src/cli/render/diff.ts';
import { editDocument, type FieldEdit } from '../../../src/cli/render/edit.ts';
import { CLASSIC, cli, deployment, folderWith, policy, removeFolders } from './support.ts';

afterAll(removeFolders);

const POLICY = policy('slow', 'mode: Fixed, duration: 30s');
const GRACE: FieldEdit = { path: ['spec', 'template', 'spec', 'terminationGracePeriodSeconds'], value: 60 };
const CONFIG: FieldEdit = {
  path: ['spec', 'template', 'metadata', 'annotations', 'proxy.istio.io/config'],
  value: 'terminationDrainDuration: 30s\n',
};
const HOOK: FieldEdit = {
  path: ['spec', 'template', 'spec', 'containers', { name: 'istio-proxy' }],
  value: { image: 'auto', lifecycle: { preStop: { exec: { command: ['sh', '-c', 'a\nb'] } } } },
};

describe('editDocument', () => {
  it.each([
    [
      'replaces a number and keeps its comment',
      'spec:\n  template:\n    spec:\n      terminationGracePeriodSeconds:  5   # too short\n      x: 1\n',
      [GRACE],
      'spec:\n  template:\n    spec:\n      terminationGracePeriodSeconds:  60   # too short\n      x: 1\n',
    ],
    [
      "adds a key in the map's own indentation",
      'spec:\n    template:\n        spec:\n            # first\n            x: 1\n',
      [GRACE],
      'spec:\n    template:\n        spec:\n            # first\n            terminationGracePeriodSeconds: 60\n            x: 1\n',
    ],
    [
      'adds what has to stand around it',
      'spec:\n  template:\n    spec:\n      x: 1\n',
      [CONFIG],
      'spec:\n  template:\n    metadata:\n      annotations:\n        proxy.istio.io/config: |\n          terminationDrainDuration: 30s\n    spec:\n      x: 1\n',
    ],
    [
      'fills an empty map',
      'spec:\n  template:\n    metadata:\n      annotations: {}  # none\n    spec: {}\n',
      [CONFIG, GRACE],
      'spec:\n  template:\n    metadata:\n      annotations:  # none\n        proxy.istio.io/config: |\n          terminationDrainDuration: 30s\n    spec:\n      terminationGracePeriodSeconds: 60\n',
    ],
    [
      'fills a key without a value',
      'spec:\n  template:\n    metadata:\n      annotations:\n      labels: {a: b}\n',
      [CONFIG],
      'spec:\n  template:\n    metadata:\n      annotations:\n        proxy.istio.io/config: |\n          terminationDrainDuration: 30s\n      labels: {a: b}\n',
    ],
    [
      'writes into flow maps',
      'spec: {template: {spec: {x: 1}, metadata: {annotations: {}}}}\n',
      [GRACE, CONFIG],
      'spec: {template: {spec: {terminationGracePeriodSeconds: 60, x: 1}, metadata: {annotations: {proxy.istio.io/config: "terminationDrainDuration: 30s\\n"}}}}\n',
    ],
    [
      'writes JSON',
      '{\n  "spec": {\n    "template": {\n      "spec": {\n        "x": 1\n      }\n    }\n  }\n}\n',
      [GRACE],
      '{\n  "spec": {\n    "template": {\n      "spec": {\n        "terminationGracePeriodSeconds": 60,\n        "x": 1\n      }\n    }\n  }\n}\n',
    ],
    [
      'writes KYAML as KYAML',
      '---\n{\n  spec: {\n    template: {\n      spec: {\n        containers: [{\n          name: "a",\n        }],\n      },\n    },\n  },\n}\n',
      [GRACE, CONFIG, HOOK],
      '---\n{\n  spec: {\n    template: {\n      metadata: {\n        annotations: {\n          proxy.istio.io/config: "terminationDrainDuration: 30s\\n",\n        },\n      },\n' +
        '      spec: {\n        terminationGracePeriodSeconds: 60,\n        containers: [{\n          name: "a",\n        }, {\n          name: "istio-proxy",\n          image: "auto",\n          lifecycle: {\n' +
        '            preStop: {\n              exec: {\n                command: ["sh", "-c", "a\\nb"],\n              },\n            },\n          },\n        }],\n      },\n    },\n  },\n}\n',
    ],
    [
      'fills an empty map of KYAML, and a list whose items have lines of their own',
      '{\n  spec: {\n    template: {\n      metadata: {},\n      spec: {\n        containers: [\n          {\n            name: "a",\n          },\n        ],\n      },\n    },\n  },\n}\n',
      [CONFIG, { ...HOOK, value: { image: 'auto' } }],
      '{\n  spec: {\n    template: {\n      metadata: {\n        annotations: {\n          proxy.istio.io/config: "terminationDrainDuration: 30s\\n",\n        },\n      },\n      spec: {\n' +
        '        containers: [\n          {\n            name: "a",\n          },\n          {\n            name: "istio-proxy",\n            image: "auto",\n          },\n        ],\n      },\n    },\n  },\n}\n',
    ],
    [
      'adds to a list on one line',
      'spec: {template: {spec: {containers: [{name: a}]}}}\n',
      [{ ...HOOK, value: { image: 'auto' } }],
      'spec: {template: {spec: {containers: [{name: a}, {name: "istio-proxy", image: "auto"}]}}}\n',
    ],
    [
      'writes maps into JSON over several lines',
      '{\n  "spec": {\n    "template": {\n      "spec": {\n        "x": 1\n      }\n    }\n  }\n}\n',
      [CONFIG],
      '{\n  "spec": {\n    "template": {\n      "metadata": {\n        "annotations": {\n          "proxy.istio.io/config": "terminationDrainDuration: 30s\\n"\n        }\n      },\n      "spec": {\n        "x": 1\n      }\n    }\n  }\n}\n',
    ],
    [
      'replaces a block scalar and leaves the blank line behind it',
      'spec:\n  template:\n    metadata:\n      annotations:\n        proxy.istio.io/config: |\n          old: 1\n          more: 2\n\n        other: x\n',
      [CONFIG],
      'spec:\n  template:\n    metadata:\n      annotations:\n        proxy.istio.io/config: |\n          terminationDrainDuration: 30s\n\n        other: x\n',
    ],
    [
      'keeps double quotes',
      'spec:\n  template:\n    metadata:\n      annotations:\n        proxy.istio.io/config: "{}"\n',
      [{ ...CONFIG, value: '{"a":"1s"}' }],
      'spec:\n  template:\n    metadata:\n      annotations:\n        proxy.istio.io/config: "{\\"a\\":\\"1s\\"}"\n',
    ],
    [
      'keeps Windows line ends',
      'spec:\r\n  template:\r\n    spec:\r\n      x: 1\r\n',
      [GRACE, CONFIG],
      'spec:\r\n  template:\r\n    metadata:\r\n      annotations:\r\n        proxy.istio.io/config: |\r\n          terminationDrainDuration: 30s\r\n    spec:\r\n      terminationGracePeriodSeconds: 60\r\n      x: 1\r\n',
    ],
    [
      'adds a container to a list',
      'spec:\n  template:\n    spec:\n      containers:\n      - name: a # it\n        image: x\n      volumes: []\n',
      [HOOK],
      'spec:\n  template:\n    spec:\n      containers:\n      - name: a # it\n        image: x\n      - name: istio-proxy\n        image: auto\n        lifecycle:\n          preStop:\n            exec:\n              command:\n                - sh\n                - "-c"\n                - |-\n                  a\n                  b\n      volumes: []\n',
    ],
    [
      'writes the last line of a text without a line break',
      'spec:\n  template:\n    spec:\n      containers:\n      - name: a',
      [{ ...HOOK, value: { image: 'auto' } }],
      'spec:\n  template:\n    spec:\n      containers:\n      - name: a\n      - name: istio-proxy\n        image: auto',
    ],
    [
      'writes into a container that is there',
      'spec:\n  template:\n    spec:\n      containers:\n      - name: istio-proxy\n        image: auto\n',
      [{ path: [...HOOK.path, 'lifecycle', 'preStop'], value: { sleep: { seconds: 5 } } }],
      'spec:\n  template:\n    spec:\n      containers:\n      - name: istio-proxy\n        lifecycle:\n          preStop:\n            sleep:\n              seconds: 5\n        image: auto\n',
    ],
    [
      'writes below a key that shares its line with a dash',
      'spec:\n  template:\n    spec:\n      containers:\n      - name: istio-proxy\n',
      [{ path: [...HOOK.path, 'image'], value: 'auto' }],
      'spec:\n  template:\n    spec:\n      containers:\n      - name: istio-proxy\n        image: auto\n',
    ],
  ] as const)('%s', (_, before, edits, expected) => {
    const after = editDocument(before, [], edits);

    expect(after).toBe(expected);
    expect(
      editDocument(
        after,
        [],
        edits.filter((edit) => edit.path.at(-1) !== HOOK.path.at(-1)),
      ),
    ).toBe(expected);
  });

  it.each([
    ['an alias', 'base: &b {x: 1}\nspec:\n  template:\n    spec: *b\n'],
    ['an anchor', 'spec:\n  template:\n    spec: &b\n      x: 1\nother: *b\n'],
    ['a merge key', 'base: &b {x: 1}\nspec:\n  template:\n    spec:\n      <<: *b\n'],
  ])('refuses %s, which may be used elsewhere', (_, text) => {
    expect(() => editDocument(text, [], [GRACE])).toThrow(/anchor|merge/);
  });
});

describe('render', () => {
  const files = {
    'p.yaml': POLICY,
    'deploy/a.yaml': `# team a\n${deployment({ name: 'a', grace: 5, config: '# ours\ndrainDuration: 60s' })}---\napiVersion: v1\nkind: Service\nmetadata: {name: a}  # untouched\n---\n${deployment({ name: 'b' })}`,
    'deploy/list.yaml': `apiVersion: v1\nkind: List\nitems:\n- ${deployment({ name: 'c' }).trimEnd().replaceAll('\n', '\n  ')}\n- ${deployment({ name: 'd', grace: 10 }).trimEnd().replaceAll('\n', '\n  ')}\n`,
    'deploy/e.json': JSON.stringify(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'e' },
        spec: { template: { spec: { containers: [{ name: 's', image: 'x' }] } } },
      },
      null,
      4,
    ),
    'deploy/fine.yaml': deployment({ name: 'fine', grace: 90, config: 'terminationDrainDuration: 45s' }),
  };
  const args = (folder: string): string[] => ['-f', join(folder, 'deploy'), '-p', join(folder, 'p.yaml'), ...CLASSIC];

  it('changes files in place, keeps everything else, is then clean, and changes nothing the second time', async () => {
    const folder = folderWith(files);

    const first = await cli(['render', ...args(folder), '--in-place']);
    const written = readFileSync(join(folder, 'deploy/a.yaml'), 'utf8');
    const second = await cli(['render', ...args(folder), '--in-place', '--check']);
    const lint = await cli([
      'lint',
      ...args(folder).filter((_, index) => index < 2),
      '-f',
      join(folder, 'p.yaml'),
      ...CLASSIC,
      '-o',
      'json',
    ]);

    expect(first).toMatchObject({
      code: 0,
      err: '',
      out: ['a.yaml', 'e.json', 'list.yaml'].map((name) => `${join(folder, 'deploy', name)}\n`).join(''),
    });
    expect(second).toMatchObject({ code: 0, out: '' });
    expect(JSON.parse(lint.out)).toMatchObject({ summary: { errors: 0, clean: 6 } });
    expect(written).toContain('# team a');
    expect(written).toContain('# ours\n          drainDuration: 60s\n          terminationDrainDuration: 35s\n');
    expect(written).toContain('metadata: {name: a}  # untouched');
    expect(readFileSync(join(folder, 'deploy/fine.yaml'), 'utf8')).toBe(files['deploy/fine.yaml']);
    expect(JSON.parse(readFileSync(join(folder, 'deploy/e.json'), 'utf8'))).toMatchObject({
      spec: { template: { spec: { terminationGracePeriodSeconds: 40 } } },
    });
  });

  it('stands in a pipe: prints everything, changed or not', async () => {
    const text = `${files['deploy/a.yaml']}---\n${files['deploy/fine.yaml']}`;
    const folder = folderWith({ 'p.yaml': POLICY });

    const { out, code } = await cli(['render', '-f', '-', '-p', join(folder, 'p.yaml'), ...CLASSIC], { stdin: text });

    expect(code).toBe(0);
    expect(
      parseAllDocuments(out).map((document) => (document.toJS() as { metadata: { name: string } }).metadata.name),
    ).toEqual(['a', 'a', 'b', 'fine']);
    expect(out).toContain('terminationDrainDuration: 35s');
  });

  it('joins files with markers between them', async () => {
    const folder = folderWith({
      'p.yaml': POLICY,
      'deploy/1.yaml': deployment({ name: 'x' }).trimEnd(),
      'deploy/2.yaml': `# c\n---\n${deployment({ name: 'y' })}`,
      'deploy/3.yaml': deployment({ name: 'z' }),
    });

    const { out } = await cli(['render', ...args(folder)]);

    expect(
      parseAllDocuments(out)
        .map((document) => (document.toJS() as { metadata?: { name: string } } | null)?.metadata?.name)
        .filter((name) => name !== undefined),
    ).toEqual(['x', 'y', 'z']);
  });

  it('keeps the mode of a file', async () => {
    const folder = folderWith({ 'p.yaml': POLICY, 'deploy/x.yaml': '' });
    writeFileSync(join(folder, 'deploy/x.yaml'), deployment({ name: 'x' }), { mode: 0o640 });
    const { mode } = statSync(join(folder, 'deploy/x.yaml'));

    await cli(['render', ...args(folder), '-i']);

    expect(statSync(join(folder, 'deploy/x.yaml')).mode).toBe(mode);
  });

  it('names what cannot be changed in place and renders the rest', async () => {
    const shared = deployment({ name: 'shared' }).replace('    spec:\n', '    spec: &pod\n');
    const folder = folderWith({
      'p.yaml': POLICY,
      'deploy/a.yaml': shared,
      'deploy/b.yaml': deployment({ name: 'b' }),
    });

    const { code, out, err } = await cli(['render', ...args(folder), '-i']);

    expect([code, out]).toEqual([1, `${join(folder, 'deploy/b.yaml')}\n`]);
    expect(err).toMatch(/a\.yaml:1: Deployment\/default\/shared cannot be changed in place: .*anchor/);
    expect(readFileSync(join(folder, 'deploy/a.yaml'), 'utf8')).toBe(shared);
  });

  it('a policy in Audit counts, and one that may not write says why', async () => {
    const folder = folderWith({
      'p.yaml': POLICY.replace('Enforce', 'Audit'),
      'deploy/a.yaml': deployment({ name: 'a' }),
    });
    const strict = folderWith({
      'p.yaml': `${POLICY}  gracePeriod: {change: Never}\n`,
      'deploy/a.yaml': deployment({ name: 'a' }),
    });

    expect((await cli(['render', ...args(folder), '-o', 'diff'])).out).toContain(
      '+      terminationGracePeriodSeconds: 40',
    );
    expect(await cli(['render', ...args(strict), '-o', 'diff'])).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/not rendered: .*change: Never/),
    });
  });

  it('kustomize: a component with a patch for each workload, without namespaces that the manifest does not state', async () => {
    const folder = folderWith({ ...files, 'deploy/next.yaml': deployment({ name: 'next', namespace: 'shop' }) });

    const { out } = await cli(['render', ...args(folder), '-o', 'kustomize']);

    const component = parse(out) as { kind: string; patches: { patch: string }[] };
    const patches = component.patches.map(
      ({ patch }) => parse(patch) as { metadata: Record<string, string>; spec: unknown },
    );
    expect(component.kind).toBe('Component');
    expect(patches.map(({ metadata }) => metadata)).toEqual([
      { name: 'a' },
      { name: 'b' },
      { name: 'e' },
      { name: 'c' },
      { name: 'd' },
      { name: 'next', namespace: 'shop' },
    ]);
    expect(patches[1]?.spec).toEqual({
      template: {
        metadata: { annotations: { 'proxy.istio.io/config': 'terminationDrainDuration: 35s\n' } },
        spec: { terminationGracePeriodSeconds: 40 },
      },
    });
  });

  it('json-patch: adds parents only where they are missing', async () => {
    const folder = folderWith({
      'p.yaml': POLICY,
      'deploy/a.yaml': deployment({ name: 'a' }).replace(
        '    metadata:\n      labels: {app: a}\n',
        '    metadata:\n      annotations: {foreign: "1"}\n',
      ),
      'deploy/b.yaml': deployment({ name: 'b' }),
      'deploy/e.json': files['deploy/e.json'],
    });

    const { out } = await cli(['render', ...args(folder), '-o', 'json-patch']);

    const paths = (JSON.parse(out) as { patch: { path: string }[] }[]).map(({ patch }) =>
      patch.map((each) => each.path),
    );
    expect(paths).toEqual([
      [
        '/spec/template/metadata/annotations/proxy.istio.io~1config',
        '/spec/template/spec/terminationGracePeriodSeconds',
      ],
      ['/spec/template/metadata/annotations', '/spec/template/spec/terminationGracePeriodSeconds'],
      ['/spec/template/metadata', '/spec/template/spec/terminationGracePeriodSeconds'],
    ]);
  });

  it.each([
    ['argocd', /managedFieldsManagers:\n\s+- sidecar-drain-operator/],
    ['flux', /terminationGracePeriodSeconds/],
    ['vap', /variables\.grace >= 40/],
  ])('%s: needs no manifests', async (output, content) => {
    const { code, out } = await cli(['render', '-p', join(folderWith(files), 'p.yaml'), '-o', output]);

    expect(code).toBe(0);
    expect(out).toMatch(content);
    expect(parseAllDocuments(out).every((document) => document.errors.length === 0)).toBe(true);
  });

  it.each(['map', 'vap'])('%s: leaves out what the API server cannot tell, and says so', async (output) => {
    const policyOf = (name: string, match: string): string =>
      `apiVersion: sidecardrain.io/v1alpha1\nkind: SidecarDrainPolicy\nmetadata: {name: ${name}}\nspec: {match: {namespaceSelector: {}, ${match}}, drain: {mode: Fixed, duration: 30s}}\n`;
    const text = [policyOf('stable', 'revisions: [stable]'), policyOf('edges', 'proxies: [Gateway]')].join('---\n');
    const { code, out } = await cli(['render', '-p', join(folderWith({ 'p.yaml': text }), 'p.yaml'), '-o', output]);

    expect(code).toBe(0);
    expect(out).toContain('# Left out: policy stable (match.revisions');
    expect(out).toContain('# Left out: policy edges (match.proxies');
    expect(out).not.toContain('kind:');
  });

  it('map: asks for a sidecar by labels, unless injection is stated', async () => {
    const file = join(folderWith(files), 'p.yaml');
    const [asked, stated] = await Promise.all(
      [[], ['--assume', 'injected=true']].map((flags) => cli(['render', '-p', file, '-o', 'map', ...flags])),
    );

    expect(asked?.out).toContain('variables.injected');
    expect(stated?.code).toBe(0);
    expect(stated?.out).not.toContain('variables.injected');
  });

  it.each([
    ['no policy', ['-f', 'MANIFEST'], /no SidecarDrainPolicy/],
    ['no manifests', ['-p', 'POLICY'], /no manifests/],
    ['--in-place with a patch', ['-f', 'MANIFEST', '-p', 'POLICY', '-i', '-o', 'diff'], /--in-place/],
    ['a refused policy', ['-f', 'MANIFEST', '-p', 'REFUSED'], /no policy that would be accepted/],
  ])('%s ends with 2', async (_, given, message) => {
    const folder = folderWith({ 'm.yaml': deployment({}), 'p.yaml': POLICY, 'r.yaml': policy('r', 'mode: Fixed') });
    const names: Record<string, string> = { MANIFEST: 'm.yaml', POLICY: 'p.yaml', REFUSED: 'r.yaml' };

    const { code, err } = await cli([
      'render',
      ...given.map((arg) => (names[arg] === undefined ? arg : join(folder, names[arg]))),
    ]);

    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});

describe('unifiedDiff', () => {
  it('is what patch reads', () => {
    const before = Array.from({ length: 30 }, (_, index) => `line ${index}\n`).join('');
    const after = before
      .replace('line 3\n', 'line three\n')
      .replace('line 20\n', 'line 20\nline 20.5\n')
      .replace('line 29\n', 'line 29');

    expect(unifiedDiff('x.yaml', before, after)).toBe(
      [
        '--- a/x.yaml',
        '+++ b/x.yaml',
        '@@ -1,7 +1,7 @@',
        ' line 0',
        ' line 1',
        ' line 2',
        '-line 3',
        '+line three',
        ' line 4',
        ' line 5',
        ' line 6',
        '@@ -19,6 +19,7 @@',
        ' line 18',
        ' line 19',
        ' line 20',
        '+line 20.5',
        ' line 21',
        ' line 22',
        ' line 23',
        '@@ -27,4 +28,4 @@',
        ' line 26',
        ' line 27',
        ' line 28',
        '-line 29',
        '+line 29',
        '\\ No newline at end of file',
        '',
      ].join('\n'),
    );
  });

  it('applied to the old text gives the new one', () => {
    const text = fc
      .array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 30 })
      .map((lines) => lines.map((line) => `${line}\n`).join(''));
    fc.assert(
      fc.property(text, text, (before, after) => {
        expect(applied(before, unifiedDiff('x', before, after))).toBe(after);
      }),
      { numRuns: 2000 },
    );
  });
});

/** Applies hunks at their line numbers, and checks their context. */
function applied(before: string, diff: string): string {
  const old = before.split(/(?<=\n)/).filter((line) => line !== '');
  const out: string[] = [];
  let at = 0;
  for (const line of diff.split('\n').slice(2)) {
    const hunk = /^@@ -(\d+)(?:,(\d+))? /.exec(line);
    if (hunk !== null) {
      const start = Number(hunk[1]) - (hunk[2] === '0' ? 0 : 1);
      out.push(...old.slice(at, start));
      at = start;
    } else if (line.startsWith('+')) {
      out.push(`${line.slice(1)}\n`);
    } else if (line.startsWith('-') || line.startsWith(' ')) {
      expect(old[at]).toBe(`${line.slice(1)}\n`);
      if (line.startsWith(' ')) {
        out.push(old[at] ?? '');
      }
      at++;
    }
  }
  return [...out, ...old.slice(at)].join('');
}
