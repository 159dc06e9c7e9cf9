import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { example, EXAMPLES, MESH, runExplain } from './run.ts';

const POLICY = ['--policy', `${EXAMPLES}/policy.yaml`];
const ESCAPE = /\u001b/;

interface Output {
  readonly schema: string;
  readonly workload: { readonly name: string; readonly line: number };
  readonly scenario: { readonly longestRequest: number; readonly endpointDelay: number };
  readonly timelines: readonly {
    readonly when: string;
    readonly assumed: object;
    readonly gracePeriod: number;
    readonly verdict: { readonly survives: boolean; readonly longestInFlight?: number; readonly slack: number };
    readonly cuts: readonly { readonly kind: string; readonly at: number }[];
  }[];
  readonly policy?: {
    readonly name: string;
    readonly enforcement: string;
    readonly outcome: string;
    readonly changes: readonly { readonly path: string }[];
  };
  readonly otherPolicies: readonly { readonly name: string; readonly why: string }[];
  readonly settings: readonly {
    readonly name: string;
    readonly value: string;
    readonly withPolicy?: string;
    readonly note?: string;
    readonly origin: { readonly level: string };
  }[];
  readonly findings: readonly { readonly code: string; readonly line: number }[];
}

async function json(...args: string[]): Promise<Output> {
  const { code, out, err } = await runExplain([...args, '-o', 'json']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out) as Output;
}

describe('explain', () => {
  it.each([
    ['classic-default', [], false, 5, ['ConnectionLost']],
    ['classic-app-prestop', [], false, 5, ['ConnectionLost']],
    ['fixed-drain', [], true, 25, []],
    ['cut-by-grace', ['--longest-request', '45s'], false, 30, ['Sigkill', 'Sigkill', 'ConnectionLost']],
    ['exit-on-zero', [], true, 60, []],
    ['exit-on-zero', ['--idle-client'], true, 60, ['Sigkill']],
    ['literal-hook', [], true, 30, ['Sigkill']],
    ['filtered-hook', [], false, 5, ['ConnectionLost']],
    ['native-default', [], true, 30, []],
    ['native-default', ['--longest-request', '45s'], false, 30, ['Sigkill', 'ConnectionLost']],
    ['native-default', ['--application', 'exit'], false, 0, ['ConnectionLost']],
    ['native-default', ['--grace-period', '5'], false, 5, ['Sigkill', 'ConnectionLost']],
  ] as const)('%s %j: survives %s, up to %d s, cuts %j', async (name, flags, survives, longest, cuts) => {
    const output = await json('deployment/checkout', ...example(name), ...flags, ...MESH);

    expect(output.timelines).toHaveLength(1);
    expect(output.timelines[0]?.verdict).toMatchObject({ survives, longestInFlight: longest });
    expect(output.timelines[0]?.cuts.map((cut) => cut.kind)).toEqual(cuts);
  });

  it('tells before and after of a policy, and what it would change', async () => {
    const output = await json('deployment/checkout', ...example('classic-default'), ...POLICY, ...MESH);

    expect(output.timelines.map((timeline) => [timeline.when, timeline.verdict.survives])).toEqual([
      ['Now', false],
      ['WithPolicy', true],
    ]);
    expect(output.policy).toMatchObject({ name: 'slow-requests', enforcement: 'Enforce', outcome: 'Pending' });
    expect(output.scenario.longestRequest).toBe(20);
    expect(output.settings.find((row) => row.name === 'terminationGracePeriodSeconds')).toMatchObject({
      value: '30 s',
      withPolicy: '55 s',
    });
    expect(output.policy?.changes.map((change) => change.path)).toEqual(
      expect.arrayContaining(['spec.template.spec.terminationGracePeriodSeconds']),
    );
  });

  it('says why a policy of the input is not for the workload', async () => {
    const flags = MESH.filter((flag) => flag !== '--namespace-labels' && flag !== 'istio-injection=enabled');
    const output = await json(
      'deployment/checkout',
      ...example('classic-default'),
      '-f',
      'test/fixtures/cli/policy-by-namespace-label.yaml',
      ...flags,
    );

    expect(output.policy).toBeUndefined();
    expect(output.otherPolicies).toEqual([
      {
        name: 'slow-requests',
        why: 'the labels of the namespace are not known: add its manifest, or say --namespace-labels',
      },
    ]);
  });

  it('says where each value comes from', async () => {
    const { settings } = await json('deployment/checkout', ...example('fixed-drain'), ...MESH);
    const level = (name: string): string | undefined => settings.find((row) => row.name === name)?.origin.level;

    expect(level('terminationDrainDuration')).toBe('Annotation');
    expect(level('terminationGracePeriodSeconds')).toBe('Template');
    expect(level('drainDuration')).toBe('BuiltIn');
  });

  it('explains a hook', async () => {
    const output = await json('deployment/checkout', ...example('literal-hook'), ...MESH);

    expect(output.settings.find((row) => row.name === 'preStop of istio-proxy')?.note).toContain(
      'pilot-agent itself listens on 15020',
    );
    expect(output.findings.map((finding) => finding.code)).toContain('HookNeverEnds');
  });

  it('shows both forms where the form of the sidecar is not known', async () => {
    const manifest = readFileSync(`${EXAMPLES}/classic-default.yaml`, 'utf8').replace(
      / +annotations:\n.*nativeSidecar.*\n/,
      '',
    );
    const { out } = await runExplain(['-f', '-', '--assume', 'injected=true', '-o', 'json'], { stdin: manifest });
    const { timelines } = JSON.parse(out) as Output;

    expect(timelines.map((timeline) => [timeline.assumed, timeline.verdict.survives])).toEqual([
      [{ form: 'Classic' }, false],
      [{ form: 'Native' }, true],
    ]);
  });

  it('shows both images where a hook needs a shell and the image is not known', async () => {
    const flags = MESH.filter((flag) => flag !== '--proxy-image' && flag !== 'with-shell');
    const { timelines } = await json('deployment/checkout', ...example('literal-hook'), ...flags);

    expect(timelines.map((timeline) => [timeline.assumed, timeline.verdict.survives])).toEqual([
      [{ image: 'with-shell' }, true],
      [{ image: 'distroless' }, false],
    ]);
  });

  it('explains pods that are never created, and pods without a sidecar', async () => {
    const broken = readFileSync(`${EXAMPLES}/fixed-drain.yaml`, 'utf8').replace(
      'terminationDrainDuration: 25s',
      'terminationDrainDuration: 25',
    );
    const refused = await runExplain(['-f', '-', ...MESH], { stdin: broken });
    const { timelines } = await json(
      'deployment/checkout',
      ...example('classic-default'),
      '--assume',
      'injected=false',
    );

    expect(refused.code).toBe(0);
    expect(refused.out).toContain('No pod of this template is created');
    expect(timelines[0]?.verdict).toMatchObject({ survives: true, longestInFlight: 30 });
  });

  it.each(['classic-default', 'literal-hook', 'exit-on-zero', 'native-default'])(
    '%s: the JSON is as its schema says',
    async (name) => {
      const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(
        JSON.parse(readFileSync('docs/reference/explain-output.schema.json', 'utf8')) as object,
      );
      const output = await json('deployment/checkout', ...example(name), ...POLICY, ...MESH);

      validate(output);
      expect(validate.errors).toBeNull();
      expect(validate({ ...output, timelines: [{ ...output.timelines[0], verdict: {} }] })).toBe(false);
    },
  );
});

describe('explain as text', () => {
  it('has the verdict, the picture, the events, the settings, the findings and the assumptions', async () => {
    const { code, out } = await runExplain(['deployment/checkout', ...example('classic-default'), ...POLICY, ...MESH]);

    expect(code).toBe(0);
    expect(out).toContain('Deployment shop/checkout');
    const parts = [
      'Requests in flight survive up to 5 s',
      'istio-proxy   ▼',
      'What happens now',
      'What happens with the policy',
      'Policy slow-requests (Enforce): Pending',
      'Settings that count',
      'Findings',
      'Assumed',
    ];
    expect(parts.map((part) => out.indexOf(part))).toEqual(
      parts.map((part) => out.indexOf(part)).sort((a, b) => a - b),
    );
    expect(parts.filter((part) => !out.includes(part))).toEqual([]);
    expect(out).not.toMatch(ESCAPE);
  });

  it('has colours on a terminal, unless NO_COLOR is set', async () => {
    const args = ['deployment/checkout', ...example('classic-default'), ...MESH];

    expect((await runExplain(args, { columns: 100 })).out).toMatch(ESCAPE);
    expect((await runExplain(args, { columns: 100, env: { NO_COLOR: '1' } })).out).not.toMatch(ESCAPE);
  });

  it.each([80, 120, 200])('keeps to the %i columns of the terminal', async (columns) => {
    const { out } = await runExplain(['deployment/checkout', ...example('classic-default'), ...POLICY, ...MESH], {
      columns,
      env: { NO_COLOR: '1' },
    });
    // Paths and texts that are one word cannot be broken.
    const tooWide = out.split('\n').filter((line) => line.length > columns && line.trim().includes(' '));

    expect(tooWide).toEqual([]);
  });

  it.each([
    ['--ascii', ['--ascii'], {}],
    ['a locale without UTF-8', [], { LANG: 'de_DE.ISO-8859-1' }],
  ] as const)('is ASCII with %s', async (_, flags, env) => {
    const { out } = await runExplain(['deployment/checkout', ...example('literal-hook'), ...MESH, ...flags], { env });

    expect(out).toMatch(/^[\n\x20-\x7e]+$/);
    expect(out).toContain('SIGKILL ends istio-proxy');
  });
});

describe('explain: what it cannot do', () => {
  it.each([
    ['an unknown name', ['deployment/chekout', ...example('classic-default')], 'did you mean checkout?'],
    ['a kind alone', ['checkout', ...example('classic-default')], 'write KIND/NAME'],
    ['another namespace', ['deployment/checkout', '-n', 'other', ...example('classic-default')], 'in namespace other'],
    ['no input', ['deployment/checkout'], 'no input'],
    ['a file without workloads', ['deployment/checkout', ...example('policy')], 'nothing to judge'],
    ['a choice between several', [...example('classic-default'), ...example('fixed-drain')], 'which one?'],
    [
      'one that stands twice',
      ['deployment/checkout', ...example('classic-default'), ...example('fixed-drain')],
      'stands 2 times',
    ],
    ['a width that is none', ['deployment/checkout', '--width', '20', ...example('classic-default')], '--width 20'],
    [
      'a grace period with a unit',
      ['deployment/checkout', '--grace-period', '5s', ...example('classic-default')],
      'a whole number of seconds',
    ],
    [
      'a duration without a unit',
      ['deployment/checkout', '--longest-request', '30', ...example('classic-default')],
      '--longest-request 30',
    ],
    [
      'a file that cannot be written',
      ['deployment/checkout', ...example('classic-default'), '--output-file', 'no/such/folder/x.svg'],
      '--output-file no/such/folder/x.svg',
    ],
  ])('%s: one line and exit code 2', async (_, args, words) => {
    const { code, out, err } = await runExplain(args);

    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain(words);
  });

  it.each(['deploy/checkout', 'Deployment/checkout', 'deployments/checkout', 'deployments.apps/checkout'])(
    '%s is understood',
    async (target) => {
      expect((await runExplain([target, ...example('classic-default'), ...MESH])).code).toBe(0);
    },
  );
});

describe('explain to a file', () => {
  it('writes the picture there and nothing to the terminal', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'explain-'));
    try {
      const file = join(folder, 'termination.svg');
      const { code, out } = await runExplain([
        'deployment/checkout',
        ...example('native-default'),
        ...MESH,
        '-o',
        'svg',
        '--output-file',
        file,
      ]);

      expect({ code, out }).toEqual({ code: 0, out: '' });
      expect(readFileSync(file, 'utf8')).toBe(readFileSync('docs/images/termination/native-default.svg', 'utf8'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
