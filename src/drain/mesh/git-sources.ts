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

/** Undefined where the object is of another kind, or installs something else than istiod. */
export function readMeshSource(group: string, kind: string, raw: Raw): MeshSettings | undefined {
  switch (`${group}/${kind}`) {
    case 'helm.toolkit.fluxcd.io/HelmRelease':
      return helmRelease(raw);
    case 'argoproj.io/Application':
      return application(raw);
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

function helmRelease(raw: Raw): MeshSettings | undefined {
  const spec = record(raw['spec']);
  const chart = record(record(spec['chart'])['spec']);
  const values = record(spec['values']);
  const chartName = text(chart['chart']) ?? text(record(spec['chartRef'])['name']) ?? '';
  if (!isIstiodChart(chartName)) {
    return undefined;
  }
  const { name, namespace, object } = place('HelmRelease', raw);
  const from = list(spec['valuesFrom']).map(
    (each) => `${text(record(each)['kind']) ?? ''} ${text(record(each)['name']) ?? ''}`,
  );
  return settingsOf({
    object,
    namespace: text(spec['targetNamespace']) ?? namespace,
    values,
    version: text(chart['version']),
    notes: from.map((what) => `the values that HelmRelease ${name} takes from ${what} are not read`),
  });
}

function application(raw: Raw): MeshSettings | undefined {
  const spec = record(raw['spec']);
  const sources = [record(spec['source']), ...list(spec['sources']).map(record)];
  const source = sources.find((each) => isIstiodChart(text(each['chart']) ?? ''));
  if (source === undefined) {
    return undefined;
  }
  const { name, object } = place('Application', raw);
  const helm = record(source['helm']);
  const inline = readIstioYaml(text(helm['values']) ?? '');
  const values = mergeValues(inline.ok ? record(inline.value) : {}, record(helm['valuesObject']));
  const parameters = list(helm['parameters']).map(record);
  return settingsOf({
    object,
    namespace: text(record(spec['destination'])['namespace']) ?? 'istio-system',
    values: parameters.reduce<Raw>((all, each) => withParameter(all, each), values),
    version: text(source['targetRevision']),
    notes: [
      ...list(helm['valueFiles']).map(
        (file) => `the values that Application ${name} takes from ${String(file)} are not read`,
      ),
      ...(inline.ok ? [] : [`the values of Application ${name} cannot be read: ${inline.malformed.message}`]),
    ],
  });
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

/** In place the control plane's revision bears the name of the Istio; RevisionBased adds the version to it. */
function sail(kind: string, raw: Raw): MeshSettings {
  const spec = record(raw['spec']);
  const { name, object } = place(kind, raw);
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
