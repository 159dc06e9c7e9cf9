import { readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { at, listOf, recordOf, textOf } from '../../drain/template/raw.ts';
import { readYaml } from '../input/yaml/read.ts';
import { lineOf, positionAt, type Position } from '../input/yaml/positions.ts';
import type { Overlay } from './flux.ts';

/** The names under which kustomize looks for one, in its order (api/konfig/general.go). */
export const KUSTOMIZATION_FILES = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'] as const;

/** What a kustomization names, with the line at which it does. */
export interface Reference {
  /** As it is written. */
  readonly text: string;
  /** Absolute; absent for what is not on this disk. */
  readonly path?: string;
  readonly line: number;
}

export interface PatchTarget {
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
}

/** One entry of patches, patchesStrategicMerge or patchesJson6902. */
export interface KustomizePatch {
  /** Where the patch stands; for one that is written into the kustomization, that file. */
  readonly file: string;
  /** The text, where it stands in the kustomization itself. */
  readonly text?: string;
  /** The line at which the text starts, for one that is written into the kustomization; else that of the entry. */
  readonly line: number;
  readonly target?: PatchTarget;
}

/** A kustomization.yaml, as far as it tells what belongs to what. Paths are absolute. */
export interface Kustomization {
  readonly folder: string;
  readonly file: string;
  readonly isComponent: boolean;
  /** Files and folders, in order. */
  readonly resources: readonly Reference[];
  readonly components: readonly Reference[];
  /** In the order in which they are applied. */
  readonly patches: readonly KustomizePatch[];
  /** Other files that it reads: what generators and transformers are made of, and patches that are not on this disk. */
  readonly parts: readonly Reference[];
  /** The line of its charts, if it has some: kustomize runs helm for them, and only with --enable-helm. */
  readonly chartsLine?: number;
  /** What whoever applies it does to it before. */
  readonly overlay?: Overlay;
  readonly namePrefix: string;
  readonly nameSuffix: string;
}

export type KustomizationResult =
  | { readonly ok: true; readonly kustomization: Kustomization }
  | { readonly ok: false; readonly why: string; readonly line?: number; readonly foreign?: true };

/** The kustomization file of a folder; undefined where it has none. */
export function kustomizationFileOf(folder: string): string | undefined {
  return KUSTOMIZATION_FILES.map((name) => join(folder, name)).find((path) => {
    try {
      return statSync(path).isFile();
    } catch {
      return false;
    }
  });
}

export function readKustomization(file: string): KustomizationResult {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message : String(error) };
  }
  const read = readYaml(text, 1);
  if (!read.ok) {
    return { ok: false, why: read.problem.message, line: read.problem.line };
  }
  const { value, position } = read.document;
  const apiVersion = textOf(recordOf(value)['apiVersion']) ?? '';
  if (apiVersion !== '' && !apiVersion.startsWith('kustomize.config.k8s.io/')) {
    // Flux has a kind Kustomization too, and some call its file kustomization.yaml.
    return { ok: false, why: `its apiVersion is ${apiVersion}`, foreign: true };
  }
  return { ok: true, kustomization: fromValue(file, text, recordOf(value), position) };
}

function fromValue(
  file: string,
  text: string,
  value: Readonly<Record<string, unknown>>,
  position: Position,
): Kustomization {
  const folder = dirname(file);
  const references = (key: string): Reference[] =>
    entriesOf(value[key]).flatMap((entry, index) => {
      const written = textOf(entry);
      return written === undefined ? [] : [reference(folder, written, lineAt(position, [key, index]))];
    });
  return {
    folder,
    file,
    isComponent: value['kind'] === 'Component',
    resources: [...references('resources'), ...references('bases')],
    components: references('components'),
    patches: patchesOf(file, text, value, position),
    parts: partsOf(folder, value, position),
    chartsLine: chartsLine(value, position),
    namePrefix: textOf(value['namePrefix']) ?? '',
    nameSuffix: textOf(value['nameSuffix']) ?? '',
  };
}

/** kustomize refuses one name in place of a list; what is meant by it belongs to the kustomization all the same. */
function entriesOf(value: unknown): readonly unknown[] {
  return typeof value === 'string' ? [value] : listOf(value);
}

function chartsLine(value: Readonly<Record<string, unknown>>, position: Position): number | undefined {
  const key = ['helmCharts', 'helmChartInflationGenerator'].find((each) => listOf(value[each]).length > 0);
  return key === undefined ? undefined : lineAt(position, [key, 0]);
}

function reference(folder: string, text: string, line: number): Reference {
  return isRemote(text) ? { text, line } : { text, line, path: resolve(folder, text) };
}

/** URLs and git addresses, which kustomize downloads (api/internal/git/repospec.go). A folder of that name wins there too. */
function isRemote(text: string): boolean {
  return (
    /^[a-z][a-z0-9+.-]*::?(\/\/)?|^[\w.-]+@[\w.-]+:|^(www\.)?(github|gitlab)\.com[/:]|[?&](ref|version|timeout|submodules)=/i.test(
      text,
    ) && !/^[A-Za-z]:\\/.test(text)
  );
}

function patchesOf(
  file: string,
  text: string,
  value: Readonly<Record<string, unknown>>,
  position: Position,
): KustomizePatch[] {
  const folder = dirname(file);
  const strategic = listOf(value['patchesStrategicMerge']).flatMap((entry, index): KustomizePatch[] => {
    const written = textOf(entry);
    const line = lineAt(position, ['patchesStrategicMerge', index]);
    return written === undefined || isRemotePatch(written)
      ? []
      : [patchAt(file, written, line, isInline(written) ? written : undefined)];
  });
  const others = ['patches', 'patchesJson6902'].flatMap((key) =>
    listOf(value[key]).flatMap((entry, index): KustomizePatch[] => {
      const target = targetOf(recordOf(entry)['target']);
      const path = textOf(recordOf(entry)['path']);
      const inline = textOf(recordOf(entry)['patch']);
      if (path !== undefined) {
        return isRemotePatch(path)
          ? []
          : [{ file: resolve(folder, path), line: lineAt(position, [key, index, 'path']), target }];
      }
      const line = lineAt(position, [key, index, 'patch']);
      return inline === undefined ? [] : [{ ...patchAt(file, inline, line + startsBelow(text, line), inline), target }];
    }),
  );
  return [...strategic, ...others];
}

function patchAt(file: string, written: string, line: number, inline: string | undefined): KustomizePatch {
  return inline === undefined ? { file: resolve(dirname(file), written), line } : { file, text: inline, line };
}

/** 1 where a block scalar starts at this line: its first line is the next one. */
function startsBelow(text: string, line: number): number {
  return /[|>][-+0-9]*\s*(#.*)?$/.test(text.split('\n')[line - 1] ?? '') ? 1 : 0;
}

/** patchesStrategicMerge takes file names and whole patches alike. */
function isInline(text: string): boolean {
  return /\n|^\s*\{|^\w+:\s/.test(text);
}

function targetOf(value: unknown): PatchTarget | undefined {
  const raw = recordOf(value);
  const target: PatchTarget = {
    kind: textOf(raw['kind']),
    name: textOf(raw['name']),
    namespace: textOf(raw['namespace']),
  };
  return Object.keys(raw).length === 0 ? undefined : target;
}

/** Files that a kustomization reads and that are no workloads of their own. */
function partsOf(folder: string, value: Readonly<Record<string, unknown>>, position: Position): Reference[] {
  const found: Reference[] = [];
  const add = (written: unknown, path: readonly (string | number)[]): void => {
    const text = textOf(written);
    if (text !== undefined && !isInline(text)) {
      found.push(reference(folder, text, lineAt(position, path)));
    }
  };
  for (const key of ['configMapGenerator', 'secretGenerator']) {
    for (const [index, entry] of listOf(value[key]).entries()) {
      for (const list of ['files', 'envs']) {
        listOf(at(entry, [list])).forEach((each, place) => {
          // A file may be given a key of its own: KEY=FILE.
          add(textOf(each)?.replace(/^[^=]*=/, ''), [key, index, list, place]);
        });
      }
    }
  }
  listOf(value['replacements']).forEach((entry, index) => {
    add(at(entry, ['path']), ['replacements', index, 'path']);
  });
  for (const key of ['configurations', 'crds', 'transformers', 'generators', 'validators']) {
    listOf(value[key]).forEach((entry, index) => {
      add(entry, [key, index]);
    });
  }
  for (const [key, index, path] of patchPaths(value)) {
    if (isRemotePatch(path)) {
      add(path, [key, index]);
    }
  }
  add(at(value, ['openapi', 'path']), ['openapi', 'path']);
  return found;
}

/** Where patches are named by a path. */
function patchPaths(value: Readonly<Record<string, unknown>>): [key: string, index: number, path: string][] {
  return ['patches', 'patchesJson6902', 'patchesStrategicMerge'].flatMap((key) =>
    listOf(value[key]).flatMap((entry, index): [string, number, string][] => {
      const path = textOf(entry) ?? textOf(recordOf(entry)['path']);
      return path === undefined ? [] : [[key, index, path]];
    }),
  );
}

function isRemotePatch(text: string): boolean {
  return !isInline(text) && isRemote(text);
}

function lineAt(position: Position, path: readonly (string | number)[]): number {
  return lineOf(positionAt(position, path) ?? position);
}

/** The name before this kustomization has put its own prefix and suffix around it. */
export function nameInRoot(name: string, { namePrefix, nameSuffix }: Kustomization): string {
  const start = name.startsWith(namePrefix) ? namePrefix.length : 0;
  const end = nameSuffix !== '' && name.endsWith(nameSuffix) ? name.length - nameSuffix.length : name.length;
  return name.slice(start, end);
}
