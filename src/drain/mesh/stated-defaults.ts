import type { MeshFacts, ProxyConfigValues, Revision } from '../model/mesh.ts';
import type { Origin } from '../model/settings.ts';
import { resolvePlain } from '../template/istio-yaml.ts';
import { proxyConfigValuesFrom } from '../template/proxy-config.ts';

export type MeshDefaultsReading =
  { readonly ok: true; readonly values: ProxyConfigValues } | { readonly ok: false; readonly why: string };

/** Where values stand that somebody states for a mesh whose own settings cannot be read. */
export const STATED_DEFAULTS: Origin = { level: 'MeshConfig', object: '--mesh-defaults' };

/** What environment variables of the proxy look like, and fields of ProxyConfig do not. */
const VARIABLE = /^[A-Z][A-Z0-9_]*$/;
const FORM = 'write KEY=VALUE,... such as terminationDrainDuration=30s,EXIT_ON_ZERO_ACTIVE_CONNECTIONS=true';

/**
 * `KEY=VALUE,...`: fields of Istio's ProxyConfig (`terminationDrainDuration`, `drainDuration`, ...; durations with a unit)
 * and variables of its proxyMetadata, in capitals. Istio's own reading of the values applies.
 */
export function parseMeshDefaults(text: string): MeshDefaultsReading {
  const fields: Record<string, unknown> = {};
  const proxyMetadata: Record<string, string> = {};
  for (const pair of text.split(',')) {
    const equals = pair.indexOf('=');
    const key = pair.slice(0, Math.max(0, equals)).trim();
    const value = pair.slice(equals + 1).trim();
    if (!/^[A-Za-z]\w*$/.test(key) || value === '') {
      return { ok: false, why: `"${pair.trim()}": ${FORM}` };
    }
    if (VARIABLE.test(key)) {
      proxyMetadata[key] = value;
    } else {
      fields[key] = resolvePlain(value);
    }
  }
  const reading = proxyConfigValuesFrom({ ...fields, proxyMetadata });
  if (!reading.ok) {
    return { ok: false, why: `${reading.malformed.message}: ${FORM}` };
  }
  const [unknown] = reading.unknownKeys;
  return unknown === undefined
    ? { ok: true, values: reading.values }
    : { ok: false, why: `${unknown.path} ${unknown.message}` };
}

/**
 * What was stated counts where nobody has read the settings of the control plane: facts win. AKS shows its users' share of
 * them and keeps its own.
 */
export function statedDefaults(mesh: MeshFacts, revision: Revision | undefined): ProxyConfigValues | undefined {
  const seen = revision !== undefined && revision.settingsUnknown === undefined && revision.sharedOnly !== true;
  return seen ? undefined : mesh.stated.meshDefaults;
}
