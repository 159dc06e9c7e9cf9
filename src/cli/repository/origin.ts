import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { RE2JS } from 're2js';
import { at, recordOf, textOf } from '../../drain/template/raw.ts';
import type { SourceLocation } from '../../drain/model/workload.ts';
import type { InputDocument } from '../input/documents.ts';
import type { JudgedKinds } from '../input/kinds.ts';
import { readYaml } from '../input/yaml/read.ts';
import type { Kustomization } from './kustomization.ts';
import { patchPieces, piecesOf, type Piece } from './pieces.ts';
import type { Tree } from './tree.ts';

/** https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/buildmetadata/ */
const ORIGIN_ANNOTATION = 'config.kubernetes.io/origin';

/** Where an object of a build comes from. */
export interface BuiltOrigin {
  readonly root: Kustomization;
  /** The manifest; absent for what a generator has made, or where several could be meant. */
  readonly manifest?: Piece;
  /** Absolute path of the manifest's file. */
  readonly path?: string;
  /** The patches that reach it, the last one first: that one wins. */
  readonly patches: readonly Piece[];
}

/** Fields that have a value, and are not only the way to one. */
const IS_VALUE = /terminationGracePeriodSeconds$|annotations\[|\.(preStop|postStart)$/;

/** Leads the objects of builds back to files and lines. Every file is read once. */
export class Origins {
  private readonly tree: Tree;
  private readonly kinds: JudgedKinds;
  private readonly manifests = new Map<string, readonly Piece[]>();
  private readonly patches = new Map<Kustomization, readonly Piece[]>();

  constructor(tree: Tree, kinds: JudgedKinds) {
    this.tree = tree;
    this.kinds = kinds;
  }

  /** @param from the folder that was built, from which the annotation counts */
  originOf(document: InputDocument, root: Kustomization, from: string): BuiltOrigin {
    const origin = originAnnotation(document.value);
    const path = textOf(origin['path']);
    const file = path === undefined ? undefined : resolve(from, path);
    const name = textOf(at(document.value, ['metadata', 'name'])) ?? '';
    const manifest = file === undefined ? undefined : pick(this.manifestPieces(file), document.kind, name);
    const names = [manifest?.name, name].filter((each) => each !== undefined);
    const patches = this.patchesOf(root, new Set()).filter((piece) => reaches(piece, document.kind, names));
    return { root, manifest, path: file, patches };
  }

  /** The place of the object, with the place of each of its fields: in the patch that sets it, else in the manifest. */
  sourceOf(origin: BuiltOrigin): SourceLocation {
    const { manifest, path, patches, root } = origin;
    const file = manifest?.file ?? this.tree.shown(path ?? root.file);
    const fieldLines: Record<string, number> = { ...manifest?.fieldLines };
    const fieldFiles: Record<string, string> = {};
    for (const patch of [...patches].reverse()) {
      for (const [field, line] of Object.entries(patch.fieldLines)) {
        // A patch repeats the way to what it sets; what stands there belongs to the manifest.
        if (fieldLines[field] === undefined || IS_VALUE.test(field)) {
          fieldLines[field] = line;
          fieldFiles[field] = patch.file;
        }
      }
    }
    return { file, line: manifest?.line ?? 1, fieldLines, fieldFiles, builtFrom: this.tree.shown(root.folder) };
  }

  private manifestPieces(file: string): readonly Piece[] {
    const known = this.manifests.get(file);
    if (known !== undefined) {
      return known;
    }
    let pieces: readonly Piece[] = [];
    try {
      pieces = piecesOf(readFileSync(file, 'utf8'), this.tree.shown(file), this.kinds);
    } catch {
      // What a build has read and we cannot has no lines.
    }
    this.manifests.set(file, pieces);
    return pieces;
  }

  /** Of a kustomization and all below it, the last one to be applied first. */
  private patchesOf(kustomization: Kustomization, seen: Set<string>): readonly Piece[] {
    if (seen.has(kustomization.folder)) {
      return [];
    }
    seen.add(kustomization.folder);
    let own = this.patches.get(kustomization);
    if (own === undefined) {
      own = kustomization.patches
        .flatMap((patch) => patchPieces(patch, this.tree.shown(patch.file), this.kinds))
        .reverse();
      this.patches.set(kustomization, own);
    }
    const below = [...kustomization.components, ...kustomization.resources].flatMap(({ path }) => {
      const child = path === undefined ? undefined : this.tree.kustomizations.get(path);
      return child === undefined ? [] : this.patchesOf(child, seen);
    });
    return [...own, ...below];
  }
}

function originAnnotation(value: unknown): Readonly<Record<string, unknown>> {
  const text = textOf(recordOf(at(value, ['metadata', 'annotations']))[ORIGIN_ANNOTATION]);
  const read = text === undefined ? undefined : readYaml(text, 1);
  return read?.ok === true ? recordOf(read.document.value) : {};
}

/** The object as it is without the annotation that was asked for only to find its file. */
export function withoutOrigin(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const metadata = { ...recordOf(value['metadata']) };
  const annotations = { ...recordOf(metadata['annotations']) };
  Reflect.deleteProperty(annotations, ORIGIN_ANNOTATION);
  metadata['annotations'] = annotations;
  if (Object.keys(annotations).length === 0) {
    Reflect.deleteProperty(metadata, 'annotations');
  }
  return { ...value, metadata };
}

/** The manifest that an object of a build was: of its kind, and with a name that prefixes and suffixes may stand around. */
function pick(pieces: readonly Piece[], kind: string, name: string): Piece | undefined {
  const possible = pieces.filter(
    (piece) => piece.kind === kind && piece.name !== undefined && name.includes(piece.name),
  );
  const longest = Math.max(0, ...possible.map((piece) => piece.name?.length ?? 0));
  const best = possible.filter((piece) => piece.name?.length === longest);
  if (best.length === 1) {
    return best[0];
  }
  const ofKind = pieces.filter((piece) => piece.kind === kind);
  return best.length === 0 && ofKind.length === 1 ? ofKind[0] : undefined;
}

function reaches(piece: Piece, kind: string, names: readonly string[]): boolean {
  if (piece.target !== undefined) {
    const { kind: wanted, name } = piece.target;
    return matches(wanted, [kind]) && matches(name, names);
  }
  const { name = '' } = piece;
  return piece.kind === kind && name !== '' && names.some((each) => each.includes(name));
}

/**
 * Targets are regular expressions of Go that must match as a whole, so RE2 reads them, in time that no expression can blow up;
 * what is none is compared as text.
 */
function matches(pattern: string | undefined, values: readonly string[]): boolean {
  if (pattern === undefined || pattern === '') {
    return true;
  }
  let expression: RE2JS;
  try {
    expression = RE2JS.compile(pattern);
  } catch {
    return values.includes(pattern);
  }
  return values.some((value) => expression.matches(value));
}
