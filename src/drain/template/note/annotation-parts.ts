import type { ProxyConfigValues } from '../../model/mesh.ts';
import { mergeProxyConfigAnnotation } from '../annotation-edit.ts';
import type { ProxyConfigEdits } from '../annotation-edit.ts';
import { parseProxyConfigAnnotation, readIstioYaml } from '../annotation.ts';
import { isPlainMap } from '../istio-yaml.ts';
import { snakeCase } from '../proxy-config-fields.ts';

/**
 * The keys of `proxy.istio.io/config` that a plan may set, taken on their own: so that they can be restored when
 * somebody else has written other keys into the text since.
 */

const PARTS = ['terminationDrainDuration', 'drainDuration', 'holdApplicationUntilProxyStarts'] as const;

/** What was changed from one text to another, as edits; only keys that a plan may set. */
export function partsWritten(before: string | undefined, after: string): ProxyConfigEdits {
  const old = valuesOf(before);
  const now = valuesOf(after);
  const raw = rawParts(after);
  const changed: Record<string, string | boolean> = {};
  for (const part of PARTS) {
    const value = raw[part];
    if (
      now[part] !== undefined &&
      now[part] !== old[part] &&
      (typeof value === 'string' || typeof value === 'boolean')
    ) {
      changed[part] = value;
    }
  }
  const variables = Object.entries(now.proxyMetadata ?? {}).filter(([name, value]) => variableOf(old, name) !== value);
  return { ...changed, ...(variables.length === 0 ? {} : { proxyMetadata: Object.fromEntries(variables) }) };
}

/**
 * The text without what we wrote into it: each key that still has our value goes back to what it was before. A key that
 * somebody has changed since is theirs. `undefined` where the text cannot be edited so.
 */
export function withoutParts(
  current: string,
  before: string | undefined,
  written: ProxyConfigEdits,
): string | undefined {
  const values = valuesOf(current);
  const raw = rawParts(before);
  const old = valuesOf(before);
  const back: Record<string, unknown> = {};
  for (const part of PARTS) {
    const ours = written[part];
    if (ours !== undefined && ours !== null && values[part] === valuesOf(partText(part, ours))[part]) {
      back[part] = raw[part] ?? null;
    }
  }
  const variables: Record<string, string | null> = {};
  for (const [name, ours] of Object.entries(written.proxyMetadata ?? {})) {
    if (variableOf(values, name) === ours) {
      variables[name] = variableOf(old, name) ?? null;
    }
  }
  const merged = mergeProxyConfigAnnotation(current, {
    ...back,
    ...(Object.keys(variables).length === 0 ? {} : { proxyMetadata: variables }),
  });
  return merged.ok ? merged.text : undefined;
}

function partText(part: string, value: string | number | boolean): string {
  return JSON.stringify({ [part]: value });
}

function valuesOf(text: string | undefined): ProxyConfigValues {
  const reading = parseProxyConfigAnnotation(text ?? '');
  return reading.ok ? reading.values : {};
}

function variableOf(values: ProxyConfigValues, name: string): string | undefined {
  const variables = values.proxyMetadata ?? {};
  return Object.hasOwn(variables, name) ? variables[name] : undefined;
}

/** As they are written: `90s` must not come back as `1m30s`. */
function rawParts(text: string | undefined): Readonly<Record<string, unknown>> {
  const reading = readIstioYaml(text ?? '');
  const root = reading.ok && isPlainMap(reading.value) ? reading.value : {};
  const parts: Record<string, unknown> = {};
  for (const part of PARTS) {
    parts[part] = Object.hasOwn(root, part) ? root[part] : root[snakeCase(part)];
  }
  return parts;
}
