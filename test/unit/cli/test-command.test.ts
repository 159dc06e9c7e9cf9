import { afterAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { validateXML } from 'xmllint-wasm';
import { cli, deployment, folderWith, policy, removeFolders } from './support.ts';

afterAll(removeFolders);

const INPUT = {
  'policies/p.yaml': policy('slow', 'mode: Fixed, duration: 30s'),
  'deploy/w.yaml': `${deployment({ name: 'a', namespace: 'shop' })}---\n${deployment({ name: 'b', namespace: 'shop', grace: 5 })}`,
};

function testFile(cases: string, more = ''): string {
  return `apiVersion: sidecardrain.io/v1alpha1\nkind: SidecarDrainTest\nmetadata: {name: shop}\npolicies: [policies]\nmanifests: [deploy/w.yaml]\nfacts: {nativeSidecars: false}\n${more}cases:\n${cases}`;
}

async function run(cases: string, more = '', ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return cli(['test', '-f', folderWith({ ...INPUT, 'shop.test.yaml': testFile(cases, more) }), ...args]);
}

describe('test', () => {
  it('passes where everything is as expected', async () => {
    const { code, out } = await run(`- name: gets its drain
  workload: Deployment/shop/a
  expect:
    policy: slow
    outcome: Pending
    reason: null
    proxy: Classic
    findings: [GraceTooShort, DrainTooShort]
    excludes: [HookNeverEnds]
    changes: {gracePeriod: 40, proxyConfig: "terminationDrainDuration: 35s"}
    survives: 30s
- workload: Deployment/b
  expect: {outcome: Conflicted, reason: FieldConflict, includes: [FieldConflict]}
`);

    expect(out).toBe('ok   shop: gets its drain\nok   shop: Deployment/b\n\n2 cases: 2 as expected, 0 not\n');
    expect(code).toBe(0);
  });

  it.each([
    ['policy: null', 'policy', 'none', 'slow'],
    ['outcome: Compliant', 'outcome', 'Compliant', 'Pending'],
    ['reason: Exempt', 'reason', 'Exempt', 'none'],
    ['proxy: Native', 'proxy', 'Native', 'Classic: '],
    ['findings: []', 'findings', 'none', 'DrainTooShort, GraceTooShort'],
    ['includes: [HookUnbounded]', 'includes', 'HookUnbounded', 'GraceTooShort'],
    ['excludes: [GraceTooShort]', 'excludes', 'no GraceTooShort', 'GraceTooShort: '],
    ['changes: {gracePeriod: 41, proxyConfig: null}', 'changes.gracePeriod', '41', '40'],
    ['changes: {gracePeriod: 40}', 'changes.proxyConfig', 'no change', 'terminationDrainDuration: 35s'],
    ['changes: {gracePeriod: 40, proxyConfig: null, statsSuffixes: x}', 'changes.statsSuffixes', 'x', 'no change'],
    ['survives: 2m', 'survives', 'at least 120 s', '35 s: then the proxy is gone'],
  ])('shows the difference of %s', async (expectation, what, expected, got) => {
    const { code, out } = await run(`- workload: Deployment/shop/a\n  expect: {${expectation}}\n`);

    expect(code).toBe(1);
    expect(out).toMatch(/^FAIL shop: Deployment\/shop\/a {2}\S+shop\.test\.yaml:8$/m);
    const lines = out.split('\n').map((line) => line.trim());
    expect(lines.slice(1, 4)).toEqual([what, `expected ${expected}`, expect.stringContaining(got)]);
  });

  it.each([
    [
      'a member that does not exist',
      '- workload: Deployment/a\n  expect: {outcom: Pending}\n',
      /shop\.test\.yaml:9: cases\[0\]\.expect\.outcom: .*did you mean outcome/,
    ],
    [
      'an outcome that does not exist',
      '- workload: Deployment/a\n  expect: {outcome: Pendng}\n',
      /:9: .*did you mean Pending/,
    ],
    [
      'a code that does not exist',
      '- workload: Deployment/a\n  expect: {findings: [GraceToShort]}\n',
      /did you mean GraceTooShort/,
    ],
    [
      'a workload without a name',
      '- workload: Deployment\n  expect: {}\n',
      /:8: cases\[0\]\.workload: must be KIND\/NAME/,
    ],
    ['no cases', '  []\n', /must be a list/],
    ['bad YAML', '- {\n', /shop\.test\.yaml:9: cannot be read as YAML/],
  ])('ends with 2 at %s', async (_, cases, message) => {
    const { code, err } = await run(cases);

    expect(code).toBe(2);
    expect(err).toMatch(message);
  });

  it('says when a workload is not there, or is there twice', async () => {
    const { out } = await cli([
      'test',
      '-f',
      folderWith({
        ...INPUT,
        'deploy/x.yaml': deployment({ name: 'a', namespace: 'shop' }),
        'x.yaml': testFile('- {workload: Deployment/c, expect: {}}\n- {workload: Deployment/a, expect: {}}\n').replace(
          'deploy/w.yaml',
          'deploy',
        ),
      }),
    ]);

    expect(out).toMatch(/not among the manifests/);
    expect(out).toMatch(/2: .*w\.yaml:1, .*x\.yaml:1/);
  });

  it.each([
    ['nativeSidecars: true', 'Native'],
    ['injected: false', 'None'],
    ['istioVersion: 1.20.0', 'Classic'],
    ['{istioVersion: "1.30", kubernetesVersion: "1.33"}', 'Native'],
    ['{injected: true, nativeSidecars: false, namespaceLabels: {shop: {a: b}}}', 'Classic'],
  ])('takes facts: %s', async (facts, proxy) => {
    const files = {
      ...INPUT,
      't.yaml': testFile(`- {workload: Deployment/shop/a, expect: {proxy: ${proxy}}}\n`).replace(
        '{nativeSidecars: false}',
        facts.startsWith('{') ? facts : `{${facts}}`,
      ),
    };

    expect(await cli(['test', '-f', folderWith(files)])).toMatchObject({ code: 0 });
  });

  it('takes policies of -p beside those that a test names', async () => {
    const { code } = await run(
      '- workload: Deployment/shop/a\n  expect: {policy: first}\n',
      '',
      '-p',
      join(folderWith({ 'p.yaml': policy('first', 'mode: Fixed, duration: 9s', '  priority: 7\n') }), 'p.yaml'),
    );

    expect(code).toBe(0);
  });

  it('runs only the cases that are asked for', async () => {
    const cases =
      '- {name: one, workload: Deployment/a, expect: {outcome: Exempt}}\n- {name: two, workload: Deployment/a, expect: {}}\n';

    expect((await run(cases, '', '--run', 'two')).code).toBe(0);
    expect((await run(cases, '', '--run', 'three')).code).toBe(2);
  });

  it('junit and json', async () => {
    const cases =
      '- {name: <one>, workload: Deployment/a, expect: {outcome: Exempt}}\n- {name: two, workload: Deployment/a, expect: {}}\n';

    const { errors } = await validateXML({
      xml: [{ fileName: 'junit.xml', contents: (await run(cases, '', '-o', 'junit')).out }],
      schema: [readFileSync(join('test/fixtures/cli/schemas/junit-10.xsd'), 'utf8')],
    });
    const json = JSON.parse((await run(cases, '', '-o', 'json')).out) as { cases: unknown[] };

    expect(errors).toEqual([]);
    expect(json.cases).toMatchObject([
      { name: '<one>', ok: false, differences: [{ what: 'outcome', expected: 'Exempt' }] },
      { name: 'two', ok: true },
    ]);
  });
});
