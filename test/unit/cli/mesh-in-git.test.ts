import { afterAll, describe, expect, it } from '@jest/globals';
import { cli, deployment, folderWith, removeFolders } from './support.ts';

afterAll(removeFolders);

const WORKLOAD = deployment({ name: 'till', namespace: 'web', grace: 120 });

/** Origin and value of terminationDrainDuration, and what was said of the input. */
async function drainOf(
  files: Readonly<Record<string, string>>,
): Promise<{ value: number; origin: string; err: string }> {
  const folder = folderWith({ '.git/HEAD': 'ref: refs/heads/main\n', 'apps/w.yaml': WORKLOAD, ...files });
  const args = ['-f', folder, '--assume', 'injected=true', '--native-sidecars', 'false'];
  const { out, err } = await cli(['explain', 'deployment/till', '-n', 'web', ...args, '-o', 'json']);
  const { settings } = JSON.parse(out) as {
    settings: { name: string; value: string | number; origin: { object?: string } }[];
  };
  const row = settings.find(({ name }) => name === 'terminationDrainDuration');
  return { value: Number.parseFloat(String(row?.value)), origin: row?.origin.object ?? '', err };
}

const helmRelease = (spec: string): string =>
  `apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: istiod, namespace: istio-system}\nspec:\n${spec}`;
const OF_REPOSITORY =
  '  chart: {spec: {chart: istiod, version: 1.29.2, sourceRef: {kind: HelmRepository, name: istio}}}\n';
const valuesMap = (name: string, key: string, text: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: istio-system}\ndata:\n  ${key}: ${JSON.stringify(text)}\n`;
const drain = (seconds: number): string => `meshConfig: {defaultConfig: {terminationDrainDuration: ${seconds}s}}\n`;

describe('settings of a mesh in Git', () => {
  it('takes valuesFrom of a HelmRelease from ConfigMaps of the input, in whatever order they are read', async () => {
    const { value, origin, err } = await drainOf({
      'a/values.yaml': `${valuesMap('low', 'values.yaml', drain(21))}---\n${valuesMap('high', 'mesh.yaml', drain(22))}`,
      'infra/release.yaml': helmRelease(
        `${OF_REPOSITORY}  valuesFrom:\n  - {kind: ConfigMap, name: low}\n  - {kind: ConfigMap, name: high, valuesKey: mesh.yaml}\n`,
      ),
    });

    expect({ value, origin, err }).toEqual({ value: 22, origin: 'HelmRelease istio-system/istiod', err: '' });
  });

  it('lets values win over valuesFrom, and takes one value at targetPath', async () => {
    const map = valuesMap('one', 'drain', '23s') + '---\n' + valuesMap('base', 'values.yaml', drain(9));
    const from = '  valuesFrom:\n  - {kind: ConfigMap, name: base}\n';
    const at = `${from}  - {kind: ConfigMap, name: one, valuesKey: drain, targetPath: meshConfig.defaultConfig.terminationDrainDuration}\n`;
    const inline = `  values: {meshConfig: {defaultConfig: {terminationDrainDuration: 24s}}}\n`;
    const named = map.replace('name: one,', 'name: one, labels: {for: meshConfig},');

    expect((await drainOf({ 'm.yaml': named, 'r.yaml': helmRelease(OF_REPOSITORY + at) })).value).toBe(23);
    expect((await drainOf({ 'm.yaml': named, 'r.yaml': helmRelease(OF_REPOSITORY + at + inline) })).value).toBe(24);
  });

  it('says of each place that cannot be read that it is not', async () => {
    const { value, err } = await drainOf({
      'r.yaml': helmRelease(
        `${OF_REPOSITORY.replace('chart: istiod,', 'chart: istiod, valuesFiles: [values-big.yaml],')}  valuesFrom:\n  - {kind: ConfigMap, name: elsewhere}\n  - {kind: Secret, name: hidden}\n`,
      ),
    });

    expect(value).toBe(5);
    expect(
      err
        .trimEnd()
        .split('\n')
        .map((line) => /takes from (.*) are not read$/.exec(line)?.[1]),
    ).toEqual(['values-big.yaml of the chart', 'ConfigMap elsewhere', 'Secret hidden']);
  });

  it('takes value files of a chart that stands in the same repository', async () => {
    const { value } = await drainOf({
      'mesh/drain.yaml': drain(25),
      'r.yaml': helmRelease(
        '  chart: {spec: {chart: ./charts/istiod, valuesFiles: [mesh/drain.yaml], sourceRef: {kind: GitRepository, name: this}}}\n',
      ),
    });

    expect(value).toBe(25);
  });

  const application = (valueFile: string): string => `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: istiod, namespace: argocd}
spec:
  destination: {namespace: istio-system}
  sources:
  - repoURL: https://charts.example.com
    chart: istiod
    targetRevision: 1.29.2
    helm: {valueFiles: [${valueFile}], valuesObject: {pilot: {env: {X: "1"}}}}
  - {repoURL: https://git.example.com/mesh.git, ref: here}
`;

  it("takes an Application's value files of another source from the repository", async () => {
    const { value, origin, err } = await drainOf({
      'mesh/drain.yaml': drain(26),
      'app.yaml': application('$here/mesh/drain.yaml'),
    });

    expect({ value, origin, err }).toEqual({ value: 26, origin: 'Application argocd/istiod', err: '' });
  });

  it('reads nothing outside of the repository', async () => {
    const { value, err } = await drainOf({ 'app.yaml': application('$here/../../../../../../../../etc/hostname') });

    expect(value).toBe(5);
    expect(err).toContain('etc/hostname are not read');
  });

  it('does not say that istiod refuses what is put in when it is applied', async () => {
    const { err } = await drainOf({
      'mesh.yaml': `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: |\n    defaultConfig: {terminationDrainDuration: "\${DRAIN}"}\n`,
    });

    expect(err).toContain('has variables that are put in when it is applied');
    expect(err).not.toContain('cannot be read by istiod');
  });

  it("names Sail's Istio without a namespace, which it does not have", async () => {
    const { value, origin } = await drainOf({
      'istio.yaml': `apiVersion: sailoperator.io/v1\nkind: Istio\nmetadata: {name: default}\nspec: {namespace: istio-system, version: v1.29.1, values: {${drain(27).trim()}}}\n`,
    });

    expect({ value, origin }).toEqual({ value: 27, origin: 'Istio default' });
  });
});
