import type { NativeSetting } from '../model/mesh.ts';
import { readIstioYaml } from '../template/annotation.ts';
import { readMeshConfigValues } from '../template/mesh-config.ts';
import { DEFAULT_REVISION, type InjectorRecord, type IstiodRecord, type MeshConfigRecord } from './facts.ts';
import { injectorValues, isMap, list, record, text, type Raw } from './injector-values.ts';

/**
 * The settings of a mesh as they are kept in Git: Helm values of istiod (in a HelmRelease, an Argo CD Application),
 * IstioOperator, and Sail's Istio and IstioRevision. They say what istiod would be installed with; the objects that an
 * installation makes (ConfigMaps, istiod's Deployment) are nearer to the truth and win where they are seen.
 */

export interface MeshSettings {
  readonly mesh: MeshConfigRecord;
  readonly injector: InjectorRecord;
  readonly istiod: IstiodRecord;
  /** What was seen and not understood, in words: one line each. */
  readonly notes: readonly string[];
}

/** Kinds of objects, as `group/Kind`, that may hold settings of a mesh. */
export const MESH_SOURCE_KINDS: ReadonlySet<string> = new Set([
  'helm.toolkit.fluxcd.io/HelmRelease',
  'argoproj.io/Application',
  'install.istio.io/IstioOperator',
  'sailoperator.io/Istio',
  'sailoperator.io/IstioRevision',
]);

/** Values of a release that stand outside of its object. */
export type ValueReference =
  | {
      readonly kind: 'ConfigMap';
      readonly namespace: string;
      readonly name: string;
      readonly key: string;
      /** The key holds the one value of this path (`meshConfig.defaultConfig.drainDuration`), and not a map of them. */
      readonly targetPath?: string;
    }
  /** Counted from the root of the repository. */
  | { readonly kind: 'File'; readonly path: string };

/** The text behind a reference; undefined where it is not among what can be read. */
export type ValueTexts = (reference: ValueReference) => string | undefined;

const NO_TEXTS: ValueTexts = () => undefined;

/**
 * Undefined where the object is of another kind, or installs something else than istiod.
 * @param texts what was read of the places that a release takes values from
 */
export function readMeshSource(
  group: string,
  kind: string,
  raw: Raw,
  texts: ValueTexts = NO_TEXTS,
): MeshSettings | undefined {
  switch (`${group}/${kind}`) {
    case 'helm.toolkit.fluxcd.io/HelmRelease':
      return helmRelease(raw, texts);
    case 'argoproj.io/Application':
      return application(raw, texts);
    case 'install.istio.io/IstioOperator':
      return istioOperator(raw);
    case 'sailoperator.io/Istio':
    case 'sailoperator.io/IstioRevision':
      return sail(kind, raw);
    default:
      return undefined;
  }
}

interface Source {
  /** As findings name it: `HelmRelease istio-system/istiod`. */
  readonly object: string;
  readonly namespace: string;
  readonly values: Raw;
  readonly revision?: string;
  readonly version?: string;
  readonly notes?: readonly string[];
}

/** Helm's values of the chart `istiod` (manifests/charts/istio-control/istio-discovery/values.yaml). */
function settingsOf({ object, namespace, values, revision, version, notes = [] }: Source): MeshSettings {
  const global = record(values['global']);
  const pilot = record(values['pilot']);
  const name = text(values['revision']) ?? revision;
  const base = {
    namespace,
    revision: name === undefined || name === '' ? DEFAULT_REVISION : name,
    planned: true as const,
  };
  const mesh = readMeshConfigValues(values['meshConfig']);
  const setting = text(record(pilot['env'])['ENABLE_NATIVE_SIDECARS'])?.toLowerCase();
  return {
    mesh: mesh.ok
      ? {
          ...base,
          kind: 'MeshConfig',
          from: object,
          rootNamespace: mesh.rootNamespace,
          defaultConfig: mesh.defaultConfig,
        }
      : { ...base, kind: 'MeshConfig', from: object, unreadable: mesh.why },
    injector: { ...base, kind: 'Injector', injector: injectorValues(values, {}) },
    istiod: {
      ...base,
      name: object,
      version: versionIn(text(pilot['tag'])) ?? versionIn(text(global['tag'])) ?? versionIn(version),
      ...(isNativeSetting(setting) ? { nativeSidecars: setting } : {}),
    },
    notes,
  };
}

/**
 * Later values win: files of the chart, valuesFrom in their order, values
 * (https://fluxcd.io/flux/components/helm/helmreleases/#values).
 */
function helmRelease(raw: Raw, texts: ValueTexts): MeshSettings | undefined {
  const spec = record(raw['spec']);
  const chart = record(record(spec['chart'])['spec']);
  const chartName = text(chart['chart']) ?? text(record(spec['chartRef'])['name']) ?? '';
  if (!isIstiodChart(chartName)) {
    return undefined;
  }
  const { name, namespace, object } = place('HelmRelease', raw);
  const reader = new ValueReader(`HelmRelease ${name}`, texts);
  for (const file of list(chart['valuesFiles']).flatMap((each) => text(each) ?? [])) {
    if (text(record(chart['sourceRef'])['kind']) === 'GitRepository') {
      reader.file(file, file);
    } else {
      reader.notRead(`${file} of the chart`);
    }
  }
  for (const each of list(spec['valuesFrom']).map(record)) {
    reader.valuesFrom(each, namespace);
  }
  reader.merge(record(spec['values']));
  return settingsOf({
    object,
    namespace: text(spec['targetNamespace']) ?? namespace,
    values: reader.values,
    version: text(chart['version']),
    notes: reader.notes,
  });
}

/**
 * Later values win: valueFiles in their order, values, valuesObject, parameters
 * (https://argo-cd.readthedocs.io/en/stable/user-guide/helm/#helm-value-precedence).
 */
function application(raw: Raw, texts: ValueTexts): MeshSettings | undefined {
  const spec = record(raw['spec']);
  const sources = [record(spec['source']), ...list(spec['sources']).map(record)];
  const source = sources.find((each) => isIstiodChart(text(each['chart']) ?? text(each['path']) ?? ''));
  if (source === undefined) {
    return undefined;
  }
  const { name, object } = place('Application', raw);
  const helm = record(source['helm']);
  const reader = new ValueReader(`Application ${name}`, texts);
  for (const file of list(helm['valueFiles']).flatMap((each) => text(each) ?? [])) {
    const ofSource = /^\$[\w-]+\/(.+)$/.exec(file)?.[1];
    const folder = text(source['path']);
    if (ofSource !== undefined) {
      reader.file(ofSource, file);
    } else if (folder !== undefined && !file.includes('://')) {
      reader.file(file.startsWith('/') ? file.slice(1) : `${folder}/${file}`, file);
    } else {
      reader.notRead(file);
    }
  }
  reader.text(text(helm['values']) ?? '', 'its values');
  reader.merge(record(helm['valuesObject']));
  for (const each of list(helm['parameters']).map(record)) {
    reader.parameter(each);
  }
  return settingsOf({
    object,
    namespace: text(record(spec['destination'])['namespace']) ?? 'istio-system',
    values: reader.values,
    version: text(source['targetRevision']),
    notes: reader.notes,
  });
}

/** Puts the values of a release together, and notes what it could not read. */
class ValueReader {
  values: Raw = {};
  readonly notes: string[] = [];
  private readonly release: string;
  private readonly texts: ValueTexts;

  constructor(release: string, texts: ValueTexts) {
    this.release = release;
    this.texts = texts;
  }

  merge(values: Raw): void {
    this.values = mergeValues(this.values, values);
  }

  parameter(parameter: Raw): void {
    this.values = withParameter(this.values, parameter);
  }

  notRead(what: string): void {
    this.notes.push(`the values that ${this.release} takes from ${what} are not read`);
  }

  text(yaml: string, what: string): void {
    const read = readIstioYaml(yaml);
    if (read.ok) {
      this.merge(record(read.value));
    } else {
      this.notes.push(`the values that ${this.release} takes from ${what} cannot be read: ${read.malformed.message}`);
    }
  }

  file(path: string, written: string): void {
    const found = this.texts({ kind: 'File', path });
    if (found === undefined) {
      this.notRead(written);
    } else {
      this.text(found, written);
    }
  }

  /** An entry of a HelmRelease's valuesFrom. */
  valuesFrom(entry: Raw, namespace: string): void {
    const kind = text(entry['kind']) ?? '';
    const name = text(entry['name']) ?? '';
    const key = text(entry['valuesKey']) ?? 'values.yaml';
    const targetPath = text(entry['targetPath']);
    const found = kind === 'ConfigMap' ? this.texts({ kind, namespace, name, key, targetPath }) : undefined;
    if (found === undefined) {
      this.notRead(`${kind} ${name}`);
    } else if (targetPath === undefined) {
      this.text(found, `${kind} ${name}`);
    } else {
      this.parameter({ name: targetPath, value: found.trimEnd() });
    }
  }
}

function istioOperator(raw: Raw): MeshSettings {
  const spec = record(raw['spec']);
  const values = record(spec['values']);
  const env = list(record(record(record(spec['components'])['pilot'])['k8s'])['env']).map(record);
  const fromEnv = Object.fromEntries(env.map((each) => [text(each['name']) ?? '', each['value']]));
  const { namespace, object } = place('IstioOperator', raw);
  return settingsOf({
    object,
    namespace: text(spec['namespace']) ?? (namespace === '' ? 'istio-system' : namespace),
    values: mergeValues(values, { meshConfig: record(spec['meshConfig']), pilot: { env: fromEnv } }),
    revision: text(spec['revision']),
    version: text(spec['tag']),
  });
}

/** Both kinds are of the cluster. In place the control plane's revision bears the name of the Istio; RevisionBased adds the version to it. */
function sail(kind: string, raw: Raw): MeshSettings {
  const spec = record(raw['spec']);
  const { name } = place(kind, raw);
  const object = `${kind} ${name}`;
  const version = text(spec['version']);
  const perVersion = kind === 'Istio' && record(spec['updateStrategy'])['type'] === 'RevisionBased';
  const revision = perVersion ? `${name}-${(version ?? '').replaceAll('.', '-')}` : name;
  const values = record(spec['values']);
  return settingsOf({ object, namespace: text(spec['namespace']) ?? 'istio-system', values, revision, version });
}

function isIstiodChart(name: string): boolean {
  return /(^|\/)(istiod|istio-discovery)$/.test(name);
}

function place(kind: string, raw: Raw): { name: string; namespace: string; object: string } {
  const metadata = record(raw['metadata']);
  const name = text(metadata['name']) ?? '';
  const namespace = text(metadata['namespace']) ?? '';
  return { name, namespace, object: `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}` };
}

/** As Helm merges values: maps key by key, everything else replaced. */
function mergeValues(below: Raw, above: Raw): Raw {
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    merged[key] = isMap(value) && isMap(merged[key]) ? mergeValues(record(merged[key]), value) : value;
  }
  return merged;
}

const LONGEST_PARAMETER = 20;

/** `meshConfig.defaultConfig.drainDuration` = `50s`, as helm --set takes it. */
function withParameter(values: Raw, parameter: Raw): Raw {
  const path = (text(parameter['name']) ?? '').split('.');
  const given = text(parameter['value']) ?? '';
  if (path.length > LONGEST_PARAMETER || path.includes('__proto__')) {
    return values;
  }
  const value =
    parameter['forceString'] === true || !/^(true|false|-?\d+)$/.test(given) ? given : (JSON.parse(given) as unknown);
  return mergeValues(
    values,
    path.reduceRight<Raw>((inner, key, index) => ({ [key]: index === path.length - 1 ? value : inner }), {}),
  );
}

/** `1.27.1`, `v1.27-latest`, `~1.27.0`, `1.27.1-distroless`: what stands before the first number is left out. */
function versionIn(value: string | undefined): string | undefined {
  return /^[~^>=v\s]*(1\.\d{1,3}(?:[.-][A-Za-z0-9.-]+)?)$/.exec(value ?? '')?.[1];
}

function isNativeSetting(value: string | undefined): value is NativeSetting {
  return value === 'true' || value === 'false' || value === 'auto';
}
