import { dirname, resolve } from 'node:path';
import { at, listOf, recordOf, textOf } from '../../drain/template/raw.ts';
import { readDocuments, type InputDocument } from '../input/documents.ts';
import { readSource, STDIN_NAME, type SourceFile } from '../input/sources.ts';
import { filledIn, parametersOf } from './application-set.ts';
import { inRepository, repositoryOf } from './releases.ts';

/** The namespace that whoever applies a folder gives to what is in it. */
export interface Destination {
  readonly namespace: string;
  /** Also to what states one: Flux' targetNamespace, and kustomize.namespace of Argo CD. Argo CD's own fills in what is missing. */
  readonly replaces: boolean;
}

const MAY_POINT = /argoproj\.io\/|kustomize\.toolkit\.fluxcd\.io\//;
const POINTING_KINDS: ReadonlySet<string> = new Set(['Application', 'ApplicationSet', 'Kustomization']);

interface Found extends Destination {
  readonly folder: string;
  /** Whether folders below are applied as well, where it is no kustomization. */
  readonly recursive: boolean;
}

/** Where Argo CD's Application(Set)s and Flux' Kustomizations of the input apply folders of the same repository to. */
export class Destinations {
  private readonly byFolder = new Map<string, Found[]>();

  constructor(sources: readonly SourceFile[]) {
    for (const { path } of sources.filter((source) => source.path !== STDIN_NAME)) {
      const read = readSource(path);
      if (read.ok && MAY_POINT.test(read.text)) {
        this.read(read.text, path);
      }
    }
  }

  private read(text: string, path: string): void {
    readDocuments(text, path, {
      wants: (kind) => POINTING_KINDS.has(kind),
      document: (document) => {
        for (const found of foundIn(document, repositoryOf(path))) {
          const known = this.byFolder.get(found.folder) ?? [];
          if (!known.some((each) => each.namespace === found.namespace)) {
            this.byFolder.set(found.folder, [...known, found]);
          }
        }
      },
      other: () => undefined,
      problem: () => undefined,
    });
  }

  /** Of a kustomization, by its folder. Never empty: nobody may have pointed to it. */
  ofFolder(folder: string): readonly (Destination | undefined)[] {
    return this.byFolder.get(folder) ?? [undefined];
  }

  /** Of a manifest that stands in no kustomization. */
  ofFile(file: string): readonly (Destination | undefined)[] {
    if (this.byFolder.size === 0) {
      return [undefined];
    }
    const own = dirname(resolve(file));
    for (let folder = own; ; folder = dirname(folder)) {
      const found = this.byFolder.get(folder)?.filter(({ recursive }) => recursive || folder === own) ?? [];
      if (found.length > 0) {
        return found;
      }
      if (folder === dirname(folder)) {
        return [undefined];
      }
    }
  }
}

function foundIn({ apiVersion, kind, value }: InputDocument, repository: string): Found[] {
  const spec = recordOf(value['spec']);
  if (kind === 'Kustomization' && apiVersion.startsWith('kustomize.toolkit.fluxcd.io/')) {
    const namespace = textOf(spec['targetNamespace']);
    const folder = inRepository(textOf(spec['path']) ?? '.', [repository]);
    return namespace === undefined || folder === undefined
      ? []
      : [{ folder, namespace, replaces: true, recursive: true }];
  }
  if (!apiVersion.startsWith('argoproj.io/')) {
    return [];
  }
  if (kind === 'Application') {
    return ofApplication(spec, repository);
  }
  const template = at(spec, ['template', 'spec']);
  return kind === 'ApplicationSet'
    ? parametersOf(listOf(spec['generators']), [repository]).flatMap((parameters) =>
        ofApplication(recordOf(filledIn(template, parameters)), repository),
      )
    : [];
}

function ofApplication(spec: Readonly<Record<string, unknown>>, repository: string): Found[] {
  const given = textOf(at(spec, ['destination', 'namespace']));
  return [...listOf(spec['sources']), spec['source']].map(recordOf).flatMap((source) => {
    const own = textOf(at(source, ['kustomize', 'namespace']));
    const namespace = own ?? given;
    const path = textOf(source['path']);
    const folder = path === undefined ? undefined : inRepository(path, [repository]);
    return namespace === undefined || namespace.includes('{{') || folder === undefined
      ? []
      : [{ folder, namespace, replaces: own !== undefined, recursive: at(source, ['directory', 'recurse']) === true }];
  });
}

/** An object as it is applied to a destination. */
export function inDestination(
  value: InputDocument['value'],
  destination: Destination | undefined,
): InputDocument['value'] {
  const metadata = recordOf(value['metadata']);
  return destination === undefined || (metadata['namespace'] !== undefined && !destination.replaces)
    ? value
    : { ...value, metadata: { ...metadata, namespace: destination.namespace } };
}
