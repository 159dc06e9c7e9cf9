// The repositories of test/fixtures/repositories with each program that people build them with: kustomize by itself and in
// kubectl, Helm 3 and 4. Verdicts on a repository are those on what the program makes of it, and render changes the wanted
// leaves of every build and nothing else.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { findBinaries, type BinaryName } from '../support/control-plane/index.ts';
import {
  changedLeaves,
  CONFIG,
  fixture,
  GRACE,
  removeRepositories,
  repositoryOf,
  Tools,
  verdicts,
  type Finding,
  type Leaves,
} from '../support/repository.ts';

// Where a program is not in the cache yet, it is built first.
jest.setTimeout(600_000);

const FACTS = ['--assume', 'injected=true', '--native-sidecars', 'false', '--istio-version', '1.29.0'];
const DRAIN = 'terminationDrainDuration: 45s\n';

const PAIRS: readonly (readonly [kustomize: BinaryName, helm: BinaryName])[] = [
  ['kubectl', 'helm'],
  ['kustomize', 'helm4'],
];

afterAll(removeRepositories);

const POLICY = `apiVersion: sidecardrain.io/v1alpha1
kind: SidecarDrainPolicy
metadata: {name: kilns}
spec:
  enforcement: Enforce
  match: {namespaceSelector: {}}
  drain: {mode: Fixed, duration: 40s}
`;

const KILN = `apiVersion: apps/v1
kind: Deployment
metadata: {name: kiln}
spec:
  selector: {matchLabels: {app: kiln}}
  template:
    metadata: {labels: {app: kiln}}
    spec:
      containers:
        - {name: kiln, image: registry.example/kiln:3}
`;

function places(findings: readonly Finding[], code: string, folder: string): Record<string, string> {
  return Object.fromEntries(
    findings
      .filter((each) => each.code === code)
      .map(({ workload, file, line }) => [
        `${workload.namespace}/${workload.name}`,
        `${file}:${line}`.replace(`${folder}/`, ''),
      ]),
  );
}

describe.each(PAIRS)('with %s and %s', (kustomize, helm) => {
  let tools: Tools;

  beforeAll(async () => {
    const programs = await findBinaries([kustomize, helm]);
    tools = new Tools(programs[kustomize], programs[helm], FACTS);
  });

  describe('a tree with overlays, a component, prefixes and patches of all forms', () => {
    it('gets the verdicts of its builds, at the lines where the values stand', async () => {
      const folder = fixture('bakery');

      const tree = await tools.lint(folder);
      const built = await tools.lintText(
        tools.build(join(folder, 'overlays/market')),
        tools.build(join(folder, 'overlays/village')),
        readFileSync(join(folder, 'policy.yaml'), 'utf8'),
      );

      expect(tree.problems).toEqual([]);
      expect(tree.summary.workloads).toBe(9);
      expect(verdicts(tree)).toEqual(verdicts(built));
      expect(places(tree.findings, 'GraceTooShort', folder)).toEqual({
        'market/market-counter': 'overlays/market/counter-stop.yaml:8',
        'market/market-counter-queue': 'overlays/market/kustomization.yaml:19',
        'market/market-stall': 'overlays/market/stall.yaml:13',
        'market/market-cash-till': 'overlays/market/kustomization.yaml:28',
        'village/counter-small': 'base/counter.yaml:27',
        'village/counter-queue-small': 'base/counter.yaml:46',
        'village/cash-till-small': 'base/till/till.yaml:13',
      });
    });

    it('gets the wanted leaves of every build and no other, and keeps what is long enough', async () => {
      const folder = fixture('bakery');
      const roots = ['market', 'village'].map((name) => join(folder, 'overlays', name));
      const before = roots.map((root) => tools.leaves(root));

      const { code, err } = await tools.run('render', folder, '--in-place');

      expect({ code, err }).toEqual({ code: 0, err: '' });
      const after = roots.map((root) => tools.leaves(root));
      expect(changedLeaves(before[0]!, after[0]!)).toEqual({
        ...leavesFor('market-counter', ''),
        ...leavesFor('market-counter-queue', ''),
        ...leavesFor('market-stall', ''),
        [`Deployment market-oven${CONFIG}`]: `# two threads are enough\nconcurrency: 2\nholdApplicationUntilProxyStarts: true\n${DRAIN}`,
      });
      expect(changedLeaves(before[1]!, after[1]!)).toEqual({
        ...leavesFor('counter', '-small'),
        ...leavesFor('counter-queue', '-small'),
        [`Deployment oven-small${CONFIG}`]: `# two threads are enough\nconcurrency: 2\nholdApplicationUntilProxyStarts: true\n${DRAIN}`,
      });
      expect(after[0]![`Deployment market-oven${GRACE}`]).toBe(600);
      expect(after[0]!['Deployment market-oven/spec/template/metadata/annotations/example.com/owner']).toBe('heat');
      expect(readFileSync(join(folder, 'base/counter.yaml'), 'utf8')).toContain(': 50 # as before the mesh');
      expect((await tools.run('render', folder, '--in-place')).out).toBe('');
    });
  });

  describe('two instances of one base under one overlay', () => {
    it('both get what the component says, wherever it stands', async () => {
      const folder = repositoryOf({
        'policy.yaml': POLICY,
        'base/kustomization.yaml': 'resources: [kiln.yaml]\n',
        'base/kiln.yaml': KILN,
        'all/kustomization.yaml': 'resources: [../north, ../south]\n',
        ...Object.fromEntries(
          ['north', 'south'].map((name) => [
            `${name}/kustomization.yaml`,
            `namePrefix: ${name}-\nresources: [../base]\n`,
          ]),
        ),
      });
      const component = await tools.run(
        'render',
        join(folder, 'base'),
        '-p',
        join(folder, 'policy.yaml'),
        '-o',
        'kustomize',
      );
      const write = (path: string, text: string): void => {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      };
      write('drain/kustomization.yaml', component.out);

      const graces = (): unknown[] =>
        Object.entries(tools.leaves(join(folder, 'all')))
          .filter(([path]) => path.endsWith(GRACE))
          .map(([, value]) => value);

      write('all/kustomization.yaml', 'resources: [../north, ../south]\ncomponents: [../drain]\n');
      const atTheTop = graces();
      write('all/kustomization.yaml', 'resources: [../north, ../south]\n');
      for (const name of ['north', 'south']) {
        write(`${name}/kustomization.yaml`, `namePrefix: ${name}-\nresources: [../base]\ncomponents: [../drain]\n`);
      }
      expect([atTheTop, graces()]).toEqual([
        [50, 50],
        [50, 50],
      ]);
    });
  });

  describe('an umbrella chart', () => {
    it('gets the verdicts of its rendering, at the lines of its templates', async () => {
      const folder = fixture('umbrella');

      const tree = await tools.lint(folder);
      const built = await tools.lintText(
        tools.template(join(folder, 'harbour'), 'harbour'),
        readFileSync(join(folder, 'policy.yaml'), 'utf8'),
      );

      expect(tree.problems).toEqual([]);
      expect(tree.summary.workloads).toBe(4);
      expect(verdicts(tree)).toEqual(verdicts(built));
      expect(places(tree.findings, 'GraceTooShort', folder)).toEqual({
        'default/harbour-harbour': 'harbour/templates/office.yaml:17',
        'default/harbour-tug-port': 'harbour/charts/tug/templates/tug.yaml:14',
        'default/harbour-tug-starboard': 'harbour/charts/tug/templates/tug.yaml:14',
      });
    });

    it('is told which values to set, as the umbrella names them', async () => {
      const { code, out, err } = await tools.run('render', fixture('umbrella'), '-i');

      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toMatch(/harbour-harbour .*set the value stop\.seconds to 50/);
      expect(err).toMatch(/harbour-tug-port .*set the value pilot\.grace to 50/);
    });
  });

  describe('a repository of everything, with the settings of its mesh', () => {
    it('gets the verdicts of its builds and renderings under these settings', async () => {
      const folder = fixture('monorepo');
      const text = (path: string): string => readFileSync(join(folder, path), 'utf8');

      const tree = await tools.lint(folder);
      const built = await tools.lintText(
        tools.build(join(folder, 'apps/ferry/overlays/north')),
        // Argo CD puts what states no namespace into that of the application.
        tools
          .build(join(folder, 'apps/ferry/overlays/south'))
          .replace('  name: south-deck\n', '  name: south-deck\n  namespace: ferry\n'),
        tools
          .template(join(folder, 'charts/depot'), 'depot', '--values', join(folder, 'charts/depot/live.yaml'))
          .replace('  name: depot\n', '  name: depot\n  namespace: depot\n'),
        text('platform/mesh/istiod.yaml'),
        text('platform/namespaces.yaml'),
        text('policy.yaml'),
      );

      expect(tree.problems).toEqual([]);
      expect(tree.notes.join('\n')).not.toMatch(/not judged/);
      expect(verdicts(tree)).toEqual(verdicts(built));
      expect(verdicts(tree)).toEqual([
        'depot/depot DrainTooShort',
        'depot/depot GraceTooShort',
        'ferry/north-deck DrainTooShort',
        'ferry/north-deck GraceTooShort',
        'ferry/south-deck DrainTooShort',
      ]);
    });

    it('is changed in the base, since its builds agree, and a longer grace period of an overlay stays', async () => {
      const folder = fixture('monorepo');
      const roots = ['north', 'south'].map((name) => join(folder, 'apps/ferry/overlays', name));
      const before = roots.map((root) => tools.leaves(root));

      const { out, err } = await tools.run('render', folder, '--in-place');

      expect(out).toBe(`${join(folder, 'apps/ferry/base/deck.yaml')}\n`);
      expect(err).toMatch(/depot\/depot .*set the value grace to 50/);
      const after = roots.map((root) => tools.leaves(root));
      expect(changedLeaves(before[0]!, after[0]!)).toEqual(leavesFor('north-deck', ''));
      expect(changedLeaves(before[1]!, after[1]!)).toEqual({ [`Deployment south-deck${CONFIG}`]: DRAIN });
      expect(after[1]![`Deployment south-deck${GRACE}`]).toBe(120);
    });
  });
});

function leavesFor(name: string, suffix: string): Leaves {
  return { [`Deployment ${name}${suffix}${CONFIG}`]: DRAIN, [`Deployment ${name}${suffix}${GRACE}`]: 50 };
}
