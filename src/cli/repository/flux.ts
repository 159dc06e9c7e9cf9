import { resolve } from 'node:path';
import { at, listOf, recordOf, textOf } from '../../drain/template/raw.ts';
import type { InputDocument } from '../input/documents.ts';
import { nearestMap, type KnownMap } from './config-maps.ts';
import type { Lookup } from './envsubst.ts';

/** What a Flux Kustomization puts into the objects that it applies. */
export interface Variables {
  readonly lookup: Lookup;
  /** Tells two of them apart that put in something else. */
  readonly key: string;
  /** Where variables come from that nobody here can see, in words. */
  readonly open: readonly string[];
  /** Whether something that is not read comes behind a ConfigMap that is, and so may change what that sets. */
  readonly mayBeOverruled: boolean;
}

export function isFluxKustomization({ kind, apiVersion }: Pick<InputDocument, 'kind' | 'apiVersion'>): boolean {
  return kind === 'Kustomization' && apiVersion.startsWith('kustomize.toolkit.fluxcd.io/');
}

interface ValueSource {
  readonly kind: string;
  readonly name: string;
  readonly optional: boolean;
}

function sourcesOf(value: unknown): ValueSource[] {
  return listOf(at(value, ['spec', 'postBuild', 'substituteFrom'])).map((each) => {
    const { kind, name, optional } = recordOf(each);
    return { kind: textOf(kind) ?? '', name: textOf(name) ?? '', optional: optional === true };
  });
}

/** The names of the ConfigMaps that a Flux Kustomization takes variables from. */
export function variableMapsOf({ value }: InputDocument): string[] {
  return sourcesOf(value).flatMap(({ kind, name }) => (kind === 'ConfigMap' ? [name] : []));
}

/**
 * The variables of a Flux Kustomization: those of its sources in order, then its own (fluxcd/pkg/kustomize, kustomize_varsub.go).
 * Secrets are not read. undefined where nothing is put in.
 */
export function variablesOf({ value, file }: InputDocument, maps: readonly KnownMap[]): Variables | undefined {
  const namespace = textOf(at(value, ['metadata', 'namespace']));
  const values = new Map<string, string>();
  const open: string[] = [];
  let mayBeOverruled = false;
  for (const { kind, name, optional } of sourcesOf(value)) {
    const map = kind === 'ConfigMap' ? nearestMap(maps, name, namespace, file) : undefined;
    if (map !== undefined) {
      putAll(values, map.data);
    } else {
      open.push(`${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}${optional ? ' (optional)' : ''}`);
      mayBeOverruled ||= values.size > 0;
    }
  }
  putAll(values, recordOf(at(value, ['spec', 'postBuild', 'substitute'])));
  const always = at(value, ['spec', 'postBuild', 'substituteStrategy']) === 'Always';
  if (values.size === 0 && open.length === 0 && !always) {
    return undefined;
  }
  return {
    lookup: (variable) => {
      const text = values.get(variable);
      return text === undefined ? { kind: open.length > 0 ? 'Open' : 'Missing' } : { kind: 'Value', text };
    },
    key: JSON.stringify([[...values].sort(([a], [b]) => (a < b ? -1 : 1)), open]),
    open,
    mayBeOverruled,
  };
}

function putAll(values: Map<string, string>, data: Readonly<Record<string, unknown>>): void {
  for (const [name, text] of Object.entries(data)) {
    if (typeof text === 'string') {
      values.set(name, text.replaceAll('\n', ''));
    }
  }
}

/** What whoever applies a kustomization does to it before it is built: as a kustomization above it would. */
export interface Overlay {
  /** Fields of a kustomization. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Folders of components, absolute. */
  readonly components: readonly string[];
}

/**
 * patches, components and name affixes of a Flux Kustomization, or of the `kustomize` of an Argo CD source; images change nothing here.
 *
 * @param folder from which components count
 */
export function overlayOf(raw: Readonly<Record<string, unknown>>, folder: string): Overlay | undefined {
  const fields = Object.fromEntries(
    ['patches', 'patchesStrategicMerge', 'patchesJson6902', 'namePrefix', 'nameSuffix'].flatMap((key) => {
      const value = raw[key];
      const isEmpty = value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
      return isEmpty ? [] : [[key, value]];
    }),
  );
  const components = listOf(raw['components']).flatMap((each) =>
    typeof each === 'string' ? [resolve(folder, each)] : [],
  );
  return Object.keys(fields).length + components.length === 0 ? undefined : { fields, components };
}
