// What Flux puts into objects when it applies them: expressions, values, and what of it nobody here can know.
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from '@jest/globals';
import { fillIn, type Lookup } from '../../../src/cli/repository/envsubst.ts';
import { substituted } from '../../../src/cli/repository/substitution.ts';
import { cli, deployment, folderWith, policy, removeFolders, type Ran } from './support.ts';

afterAll(removeFolders);

const VALUES: Readonly<Record<string, string>> = { A: 'value', EMPTY: '', STOP: '75', MAP: '{a: 1}', QUOTE: 'a: b: c' };
const lookup: Lookup = (name) =>
  name === 'SECRET'
    ? { kind: 'Open' }
    : VALUES[name] === undefined
      ? { kind: 'Missing' }
      : { kind: 'Value', text: VALUES[name] };

describe('an expression', () => {
  // The right side is what github.com/fluxcd/pkg/envsubst v1.8.0 makes of it.
  it.each([
    ['${A}', 'value'],
    ['$A and $$ and $${A} and $$$${A}', '$A and $ and ${A} and $${A}'],
    ['$$${A}', '$value'],
    ['${EMPTY}.', '.'],
    ['${EMPTY:=x}${EMPTY:-y}${EMPTY=z}', 'xyz'],
    ['${A:=x}', 'value'],
    ['${A:?x}${EMPTY:?no}${A:+x}', 'valuenovalue'],
    ['${NONE:=}', ''],
    ['${NONE:=a${A}b}', 'avalueb'],
    ['${NONE:=${OTHER:-deep}}', 'deep'],
    ['${NONE:=$$x}', '$$x'],
    ['${#A}', '5'],
    ['${A:1}${A:1:2}${A:4}', 'alueale'],
    ['${A^}${A^^}${A,}${A,,}', 'ValueVALUEvaluevalue'],
  ])('%s becomes %s', (written, text) => {
    expect(fillIn(written, lookup)).toEqual({ ok: true, text, unknown: [] });
  });

  it.each(['${A-x}', '${A', '${}', '${ A }', '${A.b}', '${@}', '${A:=x', '${A[0]}'])('%s is refused', (written) => {
    expect(fillIn(written, lookup).ok).toBe(false);
  });

  it.each([
    ['${NONE}', ['NONE']],
    ['${SECRET:=30}', ['SECRET']],
    ['${NONE:=${SECRET}}', ['SECRET', 'NONE']],
    ['${A%lue}${A: 4}', ['A']],
  ])('%s has a value that is not known', (written, unknown) => {
    expect(fillIn(written, lookup)).toEqual({ ok: true, text: written, unknown });
  });

  it('ends within its bounds, however deep it is', () => {
    expect(fillIn('${N:='.repeat(10_000), lookup).ok).toBe(false);
  });
});

describe('an object', () => {
  it('is read again after what was put in: text without quotes may become another type, text in them does not', () => {
    const result = substituted(
      { stop: '${STOP}', text: '"${STOP}"', lines: '${STOP}\n', map: '${MAP}', none: '${EMPTY}' },
      lookup,
    );

    expect(result).toMatchObject({
      ok: true,
      value: { stop: 75, text: '"75"', lines: '75\n', map: { a: 1 }, none: null },
    });
  });

  it('that is no YAML any more is refused', () => {
    expect(substituted({ value: '${QUOTE}' }, lookup)).toMatchObject({ ok: false });
  });

  it('is passed over where it says so', () => {
    const metadata = { annotations: { 'kustomize.toolkit.fluxcd.io/substitute': 'disabled' } };

    expect(substituted({ metadata, stop: '${STOP}' }, lookup)).toMatchObject({
      value: { stop: '${STOP}' },
      filled: [],
    });
  });
});

interface Output {
  readonly findings: readonly {
    readonly code: string;
    readonly builtFrom?: string;
    readonly workload: { readonly name: string };
  }[];
  readonly problems: readonly { readonly message: string }[];
  readonly notes: readonly string[];
  readonly summary: { readonly workloads: number };
}

/** @param stop its grace period, as it is written */
function web(stop: string): string {
  return deployment({ name: 'web', grace: 77 }).replace('77', stop);
}

function kustomization(more: string, cluster = 'one'): Record<string, string> {
  return {
    [`clusters/${cluster}/apps.yaml`]: `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec:
  path: ./apps
  sourceRef: {kind: GitRepository, name: here}
${more}`,
  };
}

function settings(data: string, cluster = 'one'): Record<string, string> {
  return {
    [`clusters/${cluster}/settings.yaml`]: `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: flux-system}\ndata: ${data}\n`,
  };
}

const APP = { 'apps/web.yaml': web('${STOP}') };
const FROM = '  postBuild:\n    substituteFrom:\n      - {kind: ConfigMap, name: settings}\n';

async function lint(files: Readonly<Record<string, string>>): Promise<Output> {
  const { out } = await cli([
    'lint',
    folderWith(files),
    '-o',
    'json',
    '--native-sidecars',
    'false',
    '--assume',
    'injected=true',
    '--allow-empty',
  ]);
  return JSON.parse(out) as Output;
}

function tooShort({ findings }: Output): string[] {
  return findings
    .filter(({ code }) => code === 'GraceTooShort')
    .map(({ builtFrom = '' }) => builtFrom.replace(/.*clusters\/(\w+)\/.*/, '$1'));
}

describe('what a Flux Kustomization applies', () => {
  it('is judged with the variables that are put in, its own before those of ConfigMaps', async () => {
    const own = '    substitute: {STOP: "3"}\n';

    expect(await lint({ ...APP, ...kustomization(FROM), ...settings('{STOP: "600"}') })).toMatchObject({
      problems: [],
      summary: { workloads: 1 },
    });
    expect(tooShort(await lint({ ...APP, ...kustomization(FROM), ...settings('{STOP: "3"}') }))).toHaveLength(1);
    expect(tooShort(await lint({ ...APP, ...kustomization(FROM + own), ...settings('{STOP: "600"}') }))).toHaveLength(
      1,
    );
  });

  it('is judged for each cluster, with the settings that stand nearest', async () => {
    const output = await lint({
      ...APP,
      ...kustomization(FROM, 'one'),
      ...settings('{STOP: "3"}', 'one'),
      ...kustomization(FROM, 'two'),
      ...settings('{STOP: "600"}', 'two'),
    });

    expect(output.summary.workloads).toBe(2);
    expect(tooShort(output)).toEqual(['one']);
  });

  it.each([
    [
      'a Secret',
      '  postBuild: {substituteFrom: [{kind: Secret, name: keys}]}\n',
      /\$\{STOP\} in .*comes from Secret flux-system\/keys, which is not read/,
    ],
    ['a ConfigMap that is not there', FROM, /comes from ConfigMap flux-system\/settings, which is not read/],
    ['nothing at all', '  postBuild: {substitute: {OTHER: "1"}}\n', /\$\{STOP\} in .*is set nowhere/],
    ['nobody', '', /has the variable \$\{STOP\}, and nothing in the input tells/],
  ])('is not judged where %s decides, in one line', async (_, more, line) => {
    const { problems, summary } = await lint({ ...APP, ...kustomization(more) });

    expect(summary.workloads).toBe(0);
    expect(problems.map(({ message }) => message)).toEqual([expect.stringMatching(line)]);
  });

  it('is judged where what is not known decides nothing', async () => {
    const app = web('600').replace(/image: \S+/, 'image: "${REGISTRY}/web:1"');
    const { problems, summary } = await lint({
      'apps/web.yaml': app,
      ...kustomization('  postBuild: {substituteFrom: [{kind: Secret, name: keys}]}\n'),
    });

    expect({ problems, workloads: summary.workloads }).toEqual({ problems: [], workloads: 1 });
  });

  it('says what it assumes of a Secret behind a ConfigMap', async () => {
    const { notes } = await lint({
      ...APP,
      ...kustomization(`${FROM}      - {kind: Secret, name: keys}\n`),
      ...settings('{STOP: "600"}'),
    });

    expect(notes.join('\n')).toMatch(
      /assumed: Kustomization apps .* gets from Secret flux-system\/keys, .*no variable that a ConfigMap/,
    );
  });
});

describe('render', () => {
  const render = async (files: Readonly<Record<string, string>>): Promise<Ran & { readonly app: string }> => {
    const folder = folderWith({ ...files, 'policy.yaml': policy('p', 'mode: Fixed, duration: 40s') });
    const ran = await cli(['render', folder, '-i', '--native-sidecars', 'false']);
    return { ...ran, app: readFileSync(join(folder, 'apps/web.yaml'), 'utf8') };
  };

  it('leaves a variable where it stands, and says which one to set', async () => {
    const { code, err, app } = await render({ ...APP, ...kustomization('  postBuild: {substitute: {STOP: "20"}}\n') });

    expect([code, app]).toEqual([1, APP['apps/web.yaml']]);
    expect(err).toMatch(
      /web is not changed: terminationGracePeriodSeconds is \$\{STOP\}, which Kustomization apps .* puts in; set the variable to what gives 50/,
    );
  });

  it('writes what has no variable in it', async () => {
    const { code, app } = await render({ ...APP, ...kustomization('  postBuild: {substitute: {STOP: "600"}}\n') });

    expect(code).toBe(0);
    expect(app).toContain('terminationGracePeriodSeconds: ${STOP}');
    expect(app).toContain('terminationDrainDuration');
  });

  it('leaves alone what the Kustomization patches and nothing builds here', async () => {
    const { code, err } = await render({
      'apps/web.yaml': web('20'),
      ...kustomization('  patches: [{patch: "x", target: {kind: Deployment}}]\n'),
    });

    expect(code).toBe(1);
    expect(err).toMatch(/apps: has no kustomization of its own, and Kustomization apps .* patches what is in it/);
    expect(err).toMatch(/web is not changed: Kustomization apps .* patches it when it is applied/);
  });
});
