import { dirname, join, resolve, sep } from 'node:path';
import { existsSync, statSync } from 'node:fs';
import { stringify } from 'yaml';
import { at, listOf, recordOf, textOf } from '../../drain/template/raw.ts';
import type { InputDocument } from '../input/documents.ts';
import { readSource } from '../input/sources.ts';
import { filledIn, parametersOf } from './application-set.ts';
import { readYaml } from '../input/yaml/read.ts';
import type { ChartRelease } from './charts.ts';
import { nearestMap, type KnownMap } from './config-maps.ts';
import { overlayOf } from './flux.ts';

/** Objects that point to manifests or charts: Flux's and Argo CD's. */
export const RELEASE_KINDS: ReadonlySet<string> = new Set(['HelmRelease', 'Application', 'ApplicationSet']);

export interface ReleaseObject {
  readonly document: InputDocument;
  /** The file on disk, from which its repository is found; absent for standard input. */
  readonly path?: string;
}

export function isRelease({ kind, apiVersion }: Pick<InputDocument, 'kind' | 'apiVersion'>): boolean {
  return (
    (kind === 'HelmRelease' && apiVersion.startsWith('helm.toolkit.fluxcd.io/')) ||
    ((kind === 'Application' || kind === 'ApplicationSet') && apiVersion.startsWith('argoproj.io/'))
  );
}

/** What an object tells of charts in its own repository; `elsewhere` counts the sources that are not on this disk. */
export interface ReadRelease {
  readonly releases: readonly ChartRelease[];
  readonly elsewhere: number;
}

/** @param top the folder that everything given stands in */
export function readRelease({ document, path }: ReleaseObject, top: string, maps: readonly KnownMap[]): ReadRelease {
  const repository = path === undefined ? [] : repositoriesOf(path, top);
  switch (document.kind) {
    case 'HelmRelease':
      return helmRelease(document, repository, maps);
    case 'Application':
      return application(recordOf(document.value['spec']), nameOf(document), repository);
    default:
      return applicationSet(document, repository);
  }
}

/** The text of a file of the repository that an object stands in; undefined where there is none, or it stands outside. */
export function repositoryFile(objectFile: string, path: string): string | undefined {
  const [found] = existing(path, [repositoryOf(objectFile)]);
  const read = found === undefined || !statSync(found).isFile() ? undefined : readSource(found);
  return read?.ok === true ? read.text : undefined;
}

/** The nearest folder above that is a repository of Git. */
export function repositoryOf(path: string): string {
  let folder = dirname(resolve(path));
  for (;;) {
    if (existsSync(join(folder, '.git'))) {
      return folder;
    }
    const parent = dirname(folder);
    if (parent === folder) {
      return dirname(resolve(path));
    }
    folder = parent;
  }
}

/**
 * The folders that a path in an object may count from. Without Git, as in a copy, that is the folder which everything that was given
 * stands in.
 */
export function repositoriesOf(path: string, top: string): readonly string[] {
  const found = repositoryOf(path);
  return existsSync(join(found, '.git')) ? [found] : [...new Set([top, found])];
}

/** The nearest folder that all files stand in. */
export function commonFolder(files: readonly string[]): string {
  const [first = '.', ...others] = files.map((file) => dirname(resolve(file)));
  return others.reduce((common, folder) => {
    let shared = common;
    while (folder !== shared && !folder.startsWith(shared === sep ? sep : shared + sep)) {
      shared = dirname(shared);
    }
    return shared;
  }, first);
}

function nameOf({ value }: InputDocument): string {
  return textOf(at(value, ['metadata', 'name'])) ?? 'release';
}

/** https://fluxcd.io/flux/components/helm/helmreleases/ : the path counts from the root of the source. */
function helmRelease(document: InputDocument, repository: readonly string[], maps: readonly KnownMap[]): ReadRelease {
  const spec = recordOf(document.value['spec']);
  const chartSpec = recordOf(at(spec, ['chart', 'spec']));
  const chart = chartFolder(textOf(chartSpec['chart']), repository);
  if (chart === undefined) {
    return { releases: [], elsewhere: 1 };
  }
  const namespace = textOf(spec['targetNamespace']) ?? textOf(at(document.value, ['metadata', 'namespace']));
  const from = valuesFrom(document, maps);
  const files = filesNamed(chartSpec['valuesFiles'], (file) => existing(file, repository));
  const missing = chartSpec['ignoreMissingValuesFiles'] === true ? [] : files.missing;
  return {
    releases: [
      {
        chart,
        release: textOf(spec['releaseName']) ?? nameOf(document),
        namespace,
        valueFiles: files.found,
        values: [...from.values, ...(spec['values'] === undefined ? [] : [stringify(spec['values'])])],
        postRenderers: listOf(spec['postRenderers']).flatMap((each) => {
          const overlay = overlayOf(recordOf(recordOf(each)['kustomize']), '.');
          return overlay === undefined ? [] : [overlay];
        }),
        unread: unreadText([...missing, ...from.unread]),
      },
    ],
    elsewhere: 0,
  };
}

/** Values of ConfigMaps, which stand below those of the object itself; Secrets are not read. */
function valuesFrom(
  { value, file }: InputDocument,
  maps: readonly KnownMap[],
): { readonly values: readonly string[]; readonly unread: readonly string[] } {
  const namespace = textOf(at(value, ['metadata', 'namespace']));
  const values: string[] = [];
  const unread: string[] = [];
  for (const source of listOf(at(value, ['spec', 'valuesFrom'])).map(recordOf)) {
    const { kind, name } = source;
    const map = kind === 'ConfigMap' ? nearestMap(maps, textOf(name) ?? '', namespace, file) : undefined;
    const text = textOf(map?.data[textOf(source['valuesKey']) ?? 'values.yaml']);
    const target = textOf(source['targetPath']);
    const read =
      text === undefined ? [] : target === undefined ? [text] : parameter({ name: target, value: scalar(text) });
    values.push(...read);
    if (read.length === 0) {
      unread.push(`${textOf(kind) ?? ''} ${textOf(name) ?? ''}`);
    }
  }
  return { values, unread };
}

function unreadText(unread: readonly string[]): string | undefined {
  return unread.length === 0 ? undefined : unread.join(' and ');
}

function filesNamed(
  names: unknown,
  find: (name: string) => readonly string[],
): { readonly found: readonly string[]; readonly missing: readonly string[] } {
  const found: string[] = [];
  const missing: string[] = [];
  for (const name of listOf(names).flatMap((each) => textOf(each) ?? [])) {
    const files = find(name);
    found.push(...files);
    if (files.length === 0) {
      missing.push(`the file ${name}`);
    }
  }
  return { found, missing };
}

/** A value for one path is what YAML makes of its text. */
function scalar(text: string): unknown {
  const read = readYaml(text, 1);
  return read.ok && typeof read.document.value !== 'object' ? read.document.value : text;
}

/** https://argo-cd.readthedocs.io/en/stable/operator-manual/application.yaml : value files count from the chart's folder. */
function application(
  spec: Readonly<Record<string, unknown>>,
  name: string,
  repository: readonly string[],
): ReadRelease {
  const sources = [...listOf(spec['sources']), ...(spec['source'] === undefined ? [] : [spec['source']])];
  const releases: ChartRelease[] = [];
  let elsewhere = 0;
  for (const source of sources.map(recordOf)) {
    const path = textOf(source['path']);
    const folder = path === undefined ? undefined : inRepository(path, repository);
    if (folder === undefined) {
      // A source that only lends its value files has neither a path nor a chart.
      elsewhere += path === undefined && source['chart'] === undefined ? 0 : 1;
      continue;
    }
    if (!existsSync(join(folder, 'Chart.yaml'))) {
      continue;
    }
    const helm = recordOf(source['helm']);
    const files = filesNamed(helm['valueFiles'], (text) => {
      const ref = /^\$[\w-]+\/(.*)$/.exec(text)?.[1];
      return ref === undefined ? existing(text, repository, folder) : existing(ref, repository);
    });
    const parameters = listOf(helm['parameters']).map((each) => ({ each, read: helmParameter(each) }));
    const unread = [
      ...(helm['ignoreMissingValueFiles'] === true ? [] : files.missing),
      ...parameters.flatMap(({ each, read }) =>
        read.length === 0 ? `the parameter ${textOf(recordOf(each)['name']) ?? ''}` : [],
      ),
      ...listOf(helm['fileParameters']).map((each) => `the file parameter ${textOf(recordOf(each)['name']) ?? ''}`),
    ];
    releases.push({
      chart: folder,
      release: textOf(helm['releaseName']) ?? name,
      namespace: textOf(at(spec, ['destination', 'namespace'])),
      valueFiles: files.found,
      values: [...ownValues(helm), ...parameters.flatMap(({ read }) => read)],
      unread: unreadText(unread),
    });
  }
  return { releases: releases.map((each) => ({ ...each, release: plainName(each.release) })), elsewhere };
}

/** `values` counts only where there is no `valuesObject`. */
function ownValues({ values, valuesObject }: Readonly<Record<string, unknown>>): string[] {
  const text = valuesObject === undefined ? textOf(values) : stringify(valuesObject);
  return text === undefined ? [] : [text];
}

/** Given to helm with --set, which makes numbers and switches of what looks like one. */
function helmParameter(value: unknown): string[] {
  const { name, value: given, forceString } = recordOf(value);
  const text = textOf(given);
  return parameter({ name, value: text === undefined || forceString === true ? given : scalar(text) });
}

/** An ApplicationSet names its applications by a template. */
function plainName(name: string): string {
  return name.includes('{{') ? 'release' : name;
}

function applicationSet({ value }: InputDocument, repository: readonly string[]): ReadRelease {
  const template = at(value, ['spec', 'template']);
  const made = parametersOf(listOf(at(value, ['spec', 'generators'])), repository).map((parameters) => {
    const filled = filledIn(template, parameters);
    const name = textOf(at(filled, ['metadata', 'name'])) ?? 'release';
    return application(recordOf(at(filled, ['spec'])), name, repository);
  });
  return {
    releases: made.flatMap(({ releases }) => releases),
    elsewhere: made.reduce((sum, { elsewhere }) => sum + elsewhere, 0),
  };
}

function parameter(value: unknown): string[] {
  const { name, value: given } = recordOf(value);
  const path = textOf(name)?.split('.') ?? [];
  // Keys with an index or an escaped dot are Helm's own language.
  if (path.length === 0 || path.some((key) => !/^[\w-]+$/.test(key))) {
    return [];
  }
  return [stringify(path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), given))];
}

function chartFolder(text: string | undefined, repository: readonly string[]): string | undefined {
  const folder = text === undefined ? undefined : inRepository(text, repository);
  return folder !== undefined && existsSync(join(folder, 'Chart.yaml')) ? folder : undefined;
}

/** A folder of the repository; undefined where there is none of that path. */
export function inRepository(text: string, repository: readonly string[]): string | undefined {
  if (text.includes('{{') || /^[a-z]+:\/\//.test(text)) {
    return undefined;
  }
  return repository
    .map((root) => resolve(root, text))
    .find((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true);
}

/** @param folder where the path counts from first, before the root of the repository */
function existing(text: string | undefined, repository: readonly string[], folder?: string): string[] {
  if (text === undefined) {
    return [];
  }
  const found = repository
    .flatMap((root) => [...(folder === undefined ? [] : [inside(root, resolve(folder, text))]), inside(root, text)])
    .find(isThere);
  return found === undefined ? [] : [found];
}

/** Nothing of a repository is outside of it, whatever its manifests say. */
function inside(root: string, path: string): string | undefined {
  const full = resolve(root, path);
  return full === root || full.startsWith(`${root}/`) ? full : undefined;
}

function isThere(path: string | undefined): path is string {
  return path !== undefined && existsSync(path);
}
