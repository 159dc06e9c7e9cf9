import { dirname, resolve } from 'node:path';
import { at, listOf, recordOf, textOf } from '../../drain/template/raw.ts';
import { readDocuments, type InputDocument } from '../input/documents.ts';
import { readSource, STDIN_NAME, type SourceFile } from '../input/sources.ts';
import { filledIn, parametersOf } from './application-set.ts';
import { knownMap, type KnownMap } from './config-maps.ts';
import { kustomizationFileOf } from './kustomization.ts';
import { isFluxKustomization, overlayOf, variableMapsOf, variablesOf, type Overlay, type Variables } from './flux.ts';
import type { Appliers } from './tree.ts';
import { commonFolder, inRepository, repositoriesOf } from './releases.ts';

/** What whoever applies a folder does to what is in it. */
export interface Destination {
  /** Absent: what each object states. */
  readonly namespace?: string;
  /** Also to what states one: Flux' targetNamespace, and kustomize.namespace of Argo CD. Argo CD's own fills in what is missing. */
  readonly replaces: boolean;
  readonly overlay?: Overlay;
  readonly variables?: Variables;
  /** The object that says so, and where it stands. */
  readonly by: string;
}

const MAY_POINT = /argoproj\.io\/|kustomize\.toolkit\.fluxcd\.io\//;
const POINTING_KINDS: ReadonlySet<string> = new Set(['Application', 'ApplicationSet', 'Kustomization']);

interface Found extends Destination {
  readonly folder: string;
  /** Whether folders below are applied as well, where it is no kustomization. */
  readonly recursive: boolean;
  /** Whether that is true of kustomizations below, too. */
  readonly takesKustomizations: boolean;
}

/** Objects as kustomizations build them, and the files that they stand in instead of these. */
export interface BuiltPointers {
  readonly documents: readonly InputDocument[];
  readonly maps: readonly KnownMap[];
  /** Absolute. */
  readonly files: ReadonlySet<string>;
}

const NOTHING_BUILT: BuiltPointers = { documents: [], maps: [], files: new Set() };

/** The objects of a build that point to folders, and the ConfigMaps that they may take variables from. */
export function pointersIn(output: string, file: string): Omit<BuiltPointers, 'files'> {
  return {
    documents: documentsOf(output, file, POINTING_KINDS).filter(pointsSomewhere),
    maps: documentsOf(output, file, CONFIG_MAPS).flatMap(knownMap),
  };
}

/** A kustomization.yaml is of kind Kustomization, too. */
function pointsSomewhere(document: InputDocument): boolean {
  return document.apiVersion.startsWith('argoproj.io/') || isFluxKustomization(document);
}

/** Where Argo CD's Application(Set)s and Flux' Kustomizations of the input apply folders of the same repository to. */
export class Destinations implements Appliers {
  private readonly byFolder = new Map<string, Found[]>();

  /** Files with objects that point to folders, absolute. */
  readonly pointingFiles: ReadonlySet<string>;

  /** @param built what kustomizations make of some of these files */
  constructor(sources: readonly SourceFile[], built: BuiltPointers = NOTHING_BUILT) {
    const files = sources.filter((source) => source.path !== STDIN_NAME).map(({ path }) => path);
    const top = commonFolder(files);
    const pointing: InputDocument[] = [...built.documents];
    const pointingFiles = new Set<string>();
    for (const file of files.filter((each) => !built.files.has(resolve(each)))) {
      const read = readSource(file);
      if (read.ok && MAY_POINT.test(read.text)) {
        const documents = documentsOf(read.text, file, POINTING_KINDS).filter(pointsSomewhere);
        pointing.push(...documents);
        if (documents.length > 0) {
          pointingFiles.add(resolve(file));
        }
      }
    }
    this.pointingFiles = pointingFiles;
    const names = new Set(pointing.filter(isFluxKustomization).flatMap(variableMapsOf));
    const maps =
      names.size === 0 ? [] : [...mapsNamed(names, files), ...built.maps.filter(({ name }) => names.has(name))];
    for (const document of pointing) {
      for (const found of foundIn(document, repositoriesOf(document.file, top), maps)) {
        const known = this.byFolder.get(found.folder) ?? [];
        if (!known.some((each) => keyOf(each) === keyOf(found))) {
          this.byFolder.set(found.folder, [...known, found]);
        }
      }
    }
  }

  /** What is assumed of variables, one line for each that puts them in. */
  get assumptions(): readonly string[] {
    const all = [...this.byFolder.values()].flat();
    const notes = all.flatMap(({ by, variables }) =>
      variables?.mayBeOverruled === true
        ? `assumed: ${by} gets from ${variables.open.join(' and ')}, which is not read, no variable that a ConfigMap of the input sets`
        : [],
    );
    return [...new Set(notes)];
  }

  names(folder: string): boolean {
    return this.byFolder.has(folder);
  }

  overlaysOf(folder: string): readonly (Overlay | undefined)[] {
    return [
      ...new Map(this.ofFolder(folder).map((each) => [JSON.stringify(each?.overlay), each?.overlay] as const)).values(),
    ];
  }

  /** Of a kustomization, by its folder. Never empty: nobody may have pointed to it. */
  ofFolder(folder: string): readonly (Destination | undefined)[] {
    const own = this.byFolder.get(folder);
    return (
      own ??
      this.above(
        dirname(folder),
        (found) => found.takesKustomizations && kustomizationFileOf(found.folder) === undefined,
      )
    );
  }

  /** Of a manifest that stands in no kustomization. */
  ofFile(file: string): readonly (Destination | undefined)[] {
    const own = dirname(resolve(file));
    return this.above(own, ({ folder, recursive }) => recursive || folder === own);
  }

  private above(from: string, applies: (found: Found) => boolean): readonly (Destination | undefined)[] {
    for (let folder = from; this.byFolder.size > 0; folder = dirname(folder)) {
      const found = this.byFolder.get(folder)?.filter(applies) ?? [];
      if (found.length > 0) {
        return found;
      }
      if (folder === dirname(folder)) {
        break;
      }
    }
    return [undefined];
  }
}

function keyOf({ namespace, replaces, overlay, variables }: Destination): string {
  return JSON.stringify([namespace, replaces, overlay, variables?.key]);
}

function documentsOf(text: string, file: string, kinds: ReadonlySet<string>): InputDocument[] {
  const found: InputDocument[] = [];
  readDocuments(text, file, {
    wants: (kind) => kinds.has(kind),
    document: (document) => {
      found.push(document);
    },
    other: () => undefined,
    problem: () => undefined,
  });
  return found;
}

const CONFIG_MAPS: ReadonlySet<string> = new Set(['ConfigMap']);

function mapsNamed(names: ReadonlySet<string>, files: readonly string[]): KnownMap[] {
  return files.flatMap((file) => {
    const read = readSource(file);
    if (!read.ok || !read.text.includes('ConfigMap') || ![...names].some((name) => read.text.includes(name))) {
      return [];
    }
    return documentsOf(read.text, file, CONFIG_MAPS)
      .flatMap(knownMap)
      .filter(({ name }) => names.has(name));
  });
}

function foundIn(document: InputDocument, repositories: readonly string[], maps: readonly KnownMap[]): Found[] {
  const { apiVersion, kind, value, file, line } = document;
  const spec = recordOf(value['spec']);
  const name = textOf(recordOf(value['metadata'])['name']) ?? '';
  const by = `${kind} ${name} (${file}:${line})`;
  if (isFluxKustomization(document)) {
    const folder = inRepository(textOf(spec['path']) ?? '.', repositories);
    return folder === undefined
      ? []
      : [
          {
            folder,
            namespace: textOf(spec['targetNamespace']),
            replaces: true,
            recursive: true,
            takesKustomizations: true,
            overlay: overlayOf(spec, folder),
            variables: variablesOf(document, maps),
            by,
          },
        ];
  }
  if (!apiVersion.startsWith('argoproj.io/')) {
    return [];
  }
  if (kind === 'Application') {
    return ofApplication(spec, repositories, by);
  }
  const template = at(spec, ['template', 'spec']);
  return kind === 'ApplicationSet'
    ? parametersOf(listOf(spec['generators']), repositories).flatMap((parameters) =>
        ofApplication(recordOf(filledIn(template, parameters)), repositories, by),
      )
    : [];
}

function ofApplication(spec: Readonly<Record<string, unknown>>, repositories: readonly string[], by: string): Found[] {
  const given = textOf(at(spec, ['destination', 'namespace']));
  return [...listOf(spec['sources']), spec['source']].map(recordOf).flatMap((source) => {
    const own = textOf(at(source, ['kustomize', 'namespace']));
    const namespace = own ?? given;
    const path = textOf(source['path']);
    const folder = path === undefined ? undefined : inRepository(path, repositories);
    return folder === undefined
      ? []
      : [
          {
            folder,
            namespace: namespace?.includes('{{') === true ? undefined : namespace,
            replaces: own !== undefined,
            recursive: at(source, ['directory', 'recurse']) === true,
            takesKustomizations: false,
            overlay: overlayOf(recordOf(source['kustomize']), folder),
            by,
          },
        ];
  });
}

/** An object as it is applied to a destination. */
export function inDestination(
  value: InputDocument['value'],
  destination: Destination | undefined,
): InputDocument['value'] {
  const metadata = recordOf(value['metadata']);
  return destination?.namespace === undefined || (metadata['namespace'] !== undefined && !destination.replaces)
    ? value
    : { ...value, metadata: { ...metadata, namespace: destination.namespace } };
}
