import { afterAll, describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { validateXML } from 'xmllint-wasm';
import { REASON_CODES, REASONS } from '../../../src/api/reasons.ts';
import { CLASSIC, cli, deployment, folderWith, policy, removeFolders, type Ran } from './support.ts';

afterAll(removeFolders);

interface Json {
  readonly summary: Record<string, number>;
  readonly notes: readonly string[];
  readonly findings: readonly {
    code: string;
    severity: string;
    message: string;
    action: string;
    docs: string;
    baseline: boolean;
    exempt?: string;
    file?: string;
    line?: number;
    workload: { name: string };
  }[];
}

const MIXED: Readonly<Record<string, string>> = {
  'deploy/bad.yaml': deployment({ name: 'bad', namespace: 'shop', grace: 5 }),
  'deploy/good.yaml': deployment({
    name: 'good',
    namespace: 'shop',
    grace: 90,
    config: 'terminationDrainDuration: 45s',
  }),
  'deploy/odd.yaml': deployment({
    name: 'odd',
    namespace: 'x<&"\'>',
    grace: 90,
    config: 'terminationDrainDuration: 60s\nterminationDrainDuratoin: 60s',
  }),
  'deploy/exempt.yaml': deployment({
    name: 'exempt',
    namespace: 'shop',
    grace: 5,
    annotations: { 'sidecardrain.io/exempt': 'batch <only>' },
  }),
  'deploy/broken.yaml': 'a: [\n',
};

async function lintJson(...args: string[]): Promise<{ code: number; json: Json }> {
  const { code, out } = await cli(['lint', ...args, '-o', 'json']);
  return { code, json: JSON.parse(out) as Json };
}

function validator(file: string): (value: unknown) => unknown {
  const schema = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  // Draft 4 names its own id differently, and in a schema without remote references it says nothing.
  delete schema['$schema'];
  delete schema['id'];
  const ajv = new Ajv({
    strict: false,
    allErrors: true,
    formats: {
      uri: (text) => URL.canParse(text),
      'uri-reference': (text) => !/[\s\\<>"{}|^`]/.test(text) && URL.canParse(text, 'file:///x/'),
      'date-time': (text) => !Number.isNaN(Date.parse(text)),
    },
  });
  const validate = ajv.compile(schema);
  return (value) => (validate(value) ? null : validate.errors);
}

describe('lint', () => {
  it('finds a grace period that the default drain breaks, with its line, and no more than that', async () => {
    const folder = folderWith(MIXED);

    const { code, json } = await lintJson('-f', folder, ...CLASSIC);

    expect(code).toBe(1);
    const errors = json.findings.filter((finding) => finding.severity === 'error' && finding.exempt === undefined);
    expect(errors.map(({ code: found, workload, line }) => [found, workload.name, line])).toEqual([
      ['GraceTooShort', 'bad', 12],
      ['DrainTooShort', 'bad', 1],
    ]);
    expect(json.summary).toMatchObject({ workloads: 4, errors: 2, exempt: 2, files: 5 });
  });

  it.each([
    ['error', 0],
    ['warning', 1],
    ['info', 1],
  ])('with --fail-on %s a warning ends with %i', async (failOn, expected) => {
    const folder = folderWith({ 'a.yaml': MIXED['deploy/odd.yaml'] ?? '' });

    expect((await cli(['lint', '-f', folder, ...CLASSIC, '--fail-on', failOn])).code).toBe(expected);
  });

  it('is clean on the same manifest in every form of sidecar when it holds for each', async () => {
    const folder = folderWith({ 'a.yaml': MIXED['deploy/good.yaml'] ?? '' });

    for (const facts of [
      [],
      CLASSIC,
      ['--assume', 'injected=false'],
      ['--assume', 'injected=true', '--istio-version', '1.24.0'],
    ]) {
      const { code, json } = await lintJson('-f', folder, ...facts);
      expect([code, json.findings]).toEqual([0, []]);
    }
  });

  it('says what it assumes, and does not where it is stated', async () => {
    const folder = folderWith({ 'a.yaml': deployment({ grace: 90 }) });

    expect((await lintJson('-f', folder)).json.notes).toEqual([
      expect.stringMatching(/^assumed: pods are injected/),
      expect.stringMatching(/^assumed: .*classic or native/),
    ]);
    expect((await lintJson('-f', folder, '--assume', 'injected=true', ...CLASSIC)).json.notes).toEqual([]);
  });

  it.each([
    [
      'a label on the pods',
      deployment({ grace: 5 }).replace(
        'labels: {app: checkout}',
        'labels: {app: checkout, sidecar.istio.io/inject: "false"}',
      ),
    ],
    [
      'the namespace',
      `apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {istio-injection: disabled}}\n---\n${deployment({ grace: 5 })}`,
    ],
  ])('believes %s that says no to injection', async (_, content) => {
    const { json } = await lintJson('-f', folderWith({ 'a.yaml': content }));

    expect(json.findings).toEqual([]);
  });

  it("takes the mesh's own configuration from the files", async () => {
    const mesh = `apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    defaultConfig:
      terminationDrainDuration: 40s
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system, labels: {app: istiod}}
spec:
  template:
    metadata: {annotations: {sidecar.istio.io/inject: "false"}}
    spec:
      containers:
      - name: discovery
        image: docker.io/istio/pilot:1.30.3
        env: [{name: ENABLE_NATIVE_SIDECARS, value: "false"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: istio-sidecar-injector, labels: {app: sidecar-injector}}
webhooks:
- name: namespace.sidecar-injector.istio.io
  namespaceSelector: {matchLabels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: istio-system}
`;
    const folder = folderWith({
      'mesh.yaml': mesh,
      'a.yaml': deployment({ name: 'in', namespace: 'shop', grace: 30 }),
      'b.yaml': deployment({ name: 'out', namespace: 'elsewhere', grace: 5 }),
    });

    const { json } = await lintJson('-f', folder, '--namespace-labels', 'elsewhere:team=b');

    expect(json.notes).toEqual([]);
    expect(json.findings.map((finding) => [finding.workload.name, finding.code])).toEqual([['in', 'GraceTooShort']]);
    expect(json.findings[0]?.message).toContain('40 s');
  });

  it('judges by a policy where one governs', async () => {
    const folder = folderWith({
      'a.yaml': deployment({ grace: 30, config: 'terminationDrainDuration: 20s' }),
      'p.yaml': policy('slow', 'mode: Fixed, duration: 2m'),
    });

    const { json } = await lintJson('-f', folder, ...CLASSIC);

    expect(json.findings.map((finding) => finding.code).sort()).toEqual(['DrainTooShort', 'GraceTooShort']);
  });

  it('takes findings of a baseline as known, and tells what is new', async () => {
    const folder = folderWith(MIXED);
    const baseline = join(folder, 'baseline.json');
    expect((await cli(['lint', '-f', join(folder, 'deploy'), ...CLASSIC, '--write-baseline', baseline])).code).toBe(0);

    const known = await lintJson('-f', join(folder, 'deploy'), ...CLASSIC, '--baseline', baseline, '--fail-on', 'info');
    const other = folderWith({
      'new.yaml': `# moved\n${deployment({ name: 'bad', namespace: 'shop', grace: 4 })}---\n${deployment({ name: 'new', grace: 5 })}`,
    });
    const fresh = await lintJson('-f', other, ...CLASSIC, '--baseline', baseline);

    expect([known.code, known.json.summary['errors']]).toEqual([0, 0]);
    expect(fresh.json.findings.filter((finding) => !finding.baseline).map((finding) => finding.workload.name)).toEqual([
      'new',
      'new',
    ]);
  });

  it.each([
    ['no JSON', '{'],
    ['another version', '{"version": 9, "findings": []}'],
  ])('refuses a baseline that is %s', async (_, content) => {
    const folder = folderWith({ 'b.json': content, 'a.yaml': deployment({}) });

    expect(await cli(['lint', '-f', join(folder, 'a.yaml'), '--baseline', join(folder, 'b.json')])).toMatchObject({
      code: 2,
      err: expect.stringContaining('--baseline'),
    });
  });
});

describe('outputs', () => {
  it('text: place, severity, code, sentence, what to do, where to read on', async () => {
    const { out } = await cli(['lint', '-f', folderWith(MIXED), ...CLASSIC]);

    expect(out).toMatch(/deploy\/bad\.yaml:12: error GraceTooShort: terminationGracePeriodSeconds is 5/);
    expect(out).toContain('More: sidecar-drain explain-finding GraceTooShort');
    expect(out).toMatch(/\(exempt\)/);
    expect(out).toMatch(/4 workloads, \d clean: 2 errors/);
    expect(out).not.toContain('\u001b');
  });

  it.each([
    ['a terminal', true, {}, true],
    ['a pipe', false, {}, false],
    ['NO_COLOR', true, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR', true, { NO_COLOR: '' }, true],
    ['a dumb terminal', true, { TERM: 'dumb' }, false],
  ])('text on %s', async (_, terminal, env, colours) => {
    const { out } = await cli(['lint', '-f', folderWith(MIXED)], { terminal, env });

    expect(out.includes('\u001b[')).toBe(colours);
  });

  it('text with --quiet: errors only', async () => {
    const { out } = await cli(['lint', '-q', '-f', folderWith(MIXED), ...CLASSIC]);

    expect(out.match(/error /g)).toHaveLength(2);
    expect(out).not.toMatch(/assumed|warning|exempt|workloads/);
  });

  it('json: as its published schema says', async () => {
    const { json } = await lintJson('-f', folderWith(MIXED), ...CLASSIC);

    expect(validator('docs/reference/lint-output.schema.json')(json)).toBeNull();
    expect(json.findings.every((finding) => finding.docs.startsWith('docs/reference/findings.md#'))).toBe(true);
  });

  it('links go to the address that is given, in every format', async () => {
    const url = 'https://git.example.com/mesh/findings.md';
    const page = `${url}#gracetooshort`;
    const folder = folderWith(MIXED);
    const linked = (...args: string[]): Promise<Ran> =>
      cli(['lint', '-f', folder, ...args, ...CLASSIC], { env: { SIDECAR_DRAIN_FINDINGS_URL: `${url}#top` } });

    expect((await linked()).out).toContain(`More: ${page}`);
    expect((await linked('-o', 'json')).out).toContain(`"docs": "${page}"`);
    expect((await linked('-o', 'sarif')).out).toContain(`"helpUri": "${page}"`);
    expect((await linked('-o', 'html')).out).toContain(`<a href="${page}">`);
    expect(await linked('--findings-url', 'findings.md')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--findings-url findings.md: write an http or https address'),
    });
  });

  it('json: links to headings that the page of findings has', () => {
    const page = readFileSync('docs/reference/findings.md', 'utf8');

    for (const code of REASON_CODES) {
      expect(page).toMatch(new RegExp(`^#+ ${code}$`, 'm'));
    }
  });

  it('sarif: valid by the published schema, with a rule and a line for each result, known ones suppressed', async () => {
    const { out } = await cli(['lint', '-f', folderWith(MIXED), ...CLASSIC, '-o', 'sarif']);
    const log = JSON.parse(out) as {
      runs: {
        tool: { driver: { rules: { id: string; shortDescription: { text: string } }[] } };
        results: {
          ruleId: string;
          ruleIndex: number;
          level: string;
          suppressions?: { kind: string }[];
          locations: { physicalLocation: { region: { startLine: number }; artifactLocation: { uri: string } } }[];
        }[];
      }[];
    };

    expect(validator('test/fixtures/cli/schemas/sarif-schema-2.1.0.json')(log)).toBeNull();
    const { tool, results } = log.runs[0]!;
    for (const result of results) {
      expect(tool.driver.rules[result.ruleIndex]?.id).toBe(result.ruleId);
      expect(result.locations[0]?.physicalLocation.region.startLine).toBeGreaterThan(0);
    }
    expect(tool.driver.rules.find((rule) => rule.id === 'GraceTooShort')?.shortDescription.text).toBe(
      REASONS.GraceTooShort.sentence,
    );
    expect(results.filter((result) => result.suppressions?.[0]?.kind === 'inSource')).toHaveLength(2);
    expect(results.find((result) => result.ruleId === 'GraceTooShort')).toMatchObject({ level: 'error' });
  });

  it("sarif: no rule has a name equal to its id, and the tool's page is named where it is known", async () => {
    const folder = folderWith(MIXED);
    const page = 'https://docs.example.com/findings';
    const driver = async (...more: string[]): Promise<{ informationUri?: string; rules: { name?: string }[] }> => {
      const { out } = await cli(['lint', '-f', folder, ...CLASSIC, '-o', 'sarif', ...more]);
      return (
        JSON.parse(out) as { runs: { tool: { driver: { informationUri?: string; rules: { name?: string }[] } } }[] }
      ).runs[0]!.tool.driver;
    };

    expect((await driver()).informationUri).toBeUndefined();
    const { informationUri, rules } = await driver('--findings-url', page);
    expect(informationUri).toBe(page);
    expect(rules.filter(({ name }) => name !== undefined)).toEqual([]);
  });

  it('sarif: paths of the repository are relative references', async () => {
    const { out } = await cli([
      'lint',
      '-f',
      'docs/examples/termination',
      '-o',
      'sarif',
      '--fail-on',
      'error',
      ...CLASSIC,
    ]);

    expect(out).toMatch(/"uri": "docs\/examples\/termination\/[a-z-]+\.yaml"/);
    expect(out).not.toContain('file://');
  });

  it('junit: valid by the schema of Jenkins xUnit, errors are failures', async () => {
    const { out } = await cli(['lint', '-f', folderWith(MIXED), ...CLASSIC, '-o', 'junit']);

    const xsd = readFileSync('test/fixtures/cli/schemas/junit-10.xsd', 'utf8');
    const { errors } = await validateXML({ xml: [{ fileName: 'junit.xml', contents: out }], schema: [xsd] });
    expect(errors).toEqual([]);
    expect(out).toMatch(/<testsuites [^>]*failures="1"/);
    expect(out).toContain("x&lt;&amp;&quot;'&gt;");
    expect(out.match(/<failure /g)).toHaveLength(1);
  });

  it('junit: has a case where there is nothing to find', async () => {
    const { out } = await cli(['lint', '-f', folderWith({ 'a.yaml': MIXED['deploy/good.yaml'] ?? '' }), '-o', 'junit']);

    expect(out).toMatch(/<testsuites [^>]*tests="1" failures="0"/);
  });

  it('goes to a file where one is named', async () => {
    const folder = folderWith(MIXED);
    const { code, out, err } = await cli([
      'lint',
      '-f',
      join(folder, 'deploy'),
      '-o',
      'sarif',
      '--output-file',
      join(folder, 'out.sarif'),
    ]);

    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('written to');
    expect(JSON.parse(readFileSync(join(folder, 'out.sarif'), 'utf8'))).toMatchObject({ version: '2.1.0' });
  });
});

const corpus = process.env['SIDECAR_DRAIN_CORPUS'];
(corpus === undefined ? describe.skip : describe)('published manifests (SIDECAR_DRAIN_CORPUS)', () => {
  it('finds the eight Deployments of Online Boutique with a grace period of 5 s, and no other error', async () => {
    const { json } = await lintJson('-f', join(corpus ?? '', 'online-boutique.yaml'));

    const errors = json.findings.filter((finding) => finding.severity === 'error');
    expect(errors.map((finding) => [finding.code, finding.workload.name])).toEqual(
      [
        'adservice',
        'currencyservice',
        'cartservice',
        'loadgenerator',
        'recommendationservice',
        'emailservice',
        'paymentservice',
        'productcatalogservice',
      ].map((name) => ['GraceTooShort', name]),
    );
    const lines = readFileSync(join(corpus ?? '', 'online-boutique.yaml'), 'utf8').split('\n');
    expect(
      errors.every((finding) => lines[(finding.line ?? 0) - 1]?.includes('terminationGracePeriodSeconds: 5')),
    ).toBe(true);
    expect(json.summary).toMatchObject({ workloads: 12 });
  });

  it('is clean after render, which changes only what it must', async () => {
    const file = join(corpus ?? '', 'online-boutique.yaml');
    const folder = folderWith({ 'p.yaml': policy('all', 'mode: Fixed, duration: 30s'), 'm.yaml': readFileSync(file) });
    const args = ['-f', join(folder, 'm.yaml'), '-p', join(folder, 'p.yaml'), ...CLASSIC];

    const diff = await cli(['render', ...args, '-o', 'diff']);
    const rendered = await cli(['render', ...args, '--in-place']);
    const again = await cli(['render', ...args, '--in-place', '--check']);
    const lint = await lintJson('-f', folder, ...CLASSIC, '--fail-on', 'info');

    expect([rendered.code, again.code, again.out, lint.code, lint.json.findings]).toEqual([0, 0, '', 0, []]);
    const changed = diff.out.split('\n').filter((line) => /^[-+](?![-+]{2} )/.test(line));
    expect(new Set(changed.map((line) => line.replace(/\d+s?$/, '').replace(/^(.)\s+/, '$1 ')))).toEqual(
      new Set([
        '- terminationGracePeriodSeconds: ',
        '+ terminationGracePeriodSeconds: ',
        '+ annotations:',
        '+ proxy.istio.io/config: |',
        '+ terminationDrainDuration: ',
      ]),
    );
  });
});

it('holds workloads against the policies of -p, as they are today', async () => {
  const folder = folderWith({
    'w/m.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: {name: till, namespace: web}
spec:
  selector: {matchLabels: {app: till}}
  template:
    metadata: {labels: {app: till}}
    spec: {terminationGracePeriodSeconds: 60, containers: [{name: till, image: "registry.example/till:2"}]}
`,
    'p.yaml': `apiVersion: sidecardrain.io/v1alpha1
kind: SidecarDrainPolicy
metadata: {name: patient}
spec: {match: {namespaceSelector: {}}, drain: {mode: Fixed, duration: 100s}}
`,
  });
  const native = ['--assume', 'injected=true', '--native-sidecars', 'true', '--istio-version', '1.30.3'];
  const input = join(folder, 'w');
  const without = await cli(['lint', input, ...native]);
  const under = await cli(['lint', input, '-p', join(folder, 'p.yaml'), ...native]);
  const explained = await cli(['explain', 'deployment/till', '-f', input, '-p', join(folder, 'p.yaml'), ...native]);
  expect([without.code, under.code, explained.code]).toEqual([0, 1, 0]);
  expect(under.out).toContain('GraceTooShort');
  expect(explained.out).toContain('patient');
});
