import { statSync } from 'node:fs';
import { basename, dirname, relative, resolve } from 'node:path';
import type { InputProblem } from '../input/problems.ts';
import type { SourceFile } from '../input/sources.ts';
import {
  KUSTOMIZATION_FILES,
  kustomizationFileOf,
  readKustomization,
  type Kustomization,
  type Reference,
} from './kustomization.ts';
import type { Overlay } from './flux.ts';

/** More kustomizations than this, counted with those outside of the input, are a mistake. */
const KUSTOMIZATION_LIMIT = 20_000;

/** What a root is made of: itself, and everything below it. */
export interface Root {
  readonly kustomization: Kustomization;
  /** Why it cannot be built; absent where nothing is known against it. */
  readonly broken?: InputProblem;
}

/** The kustomizations of the input and what belongs to them. Paths are absolute; `shown` gives them as the user would. */
export interface Tree {
  readonly kustomizations: ReadonlyMap<string, Kustomization>;
  /** Kustomizations that no other one names, and those that something applies. */
  readonly roots: readonly Root[];
  /** Files that are patches, or parts of generators and transformers: never judged as they stand. */
  readonly patches: ReadonlySet<string>;
  readonly problems: readonly InputProblem[];
  shown(path: string): string;
  /** The manifest files that a kustomization takes in, at any depth. */
  filesOf(kustomization: Kustomization): ReadonlySet<string>;
  /** Whether a file is a kustomization, and be it one that cannot be read: it has been told of as one. */
  isKustomization(file: string): boolean;
  /** Whether the build of a kustomization reads this file, or would if it were there. */
  reads(kustomization: Kustomization, file: string): boolean;
}

/** What applies kustomizations, and is none itself. */
export interface Appliers {
  /** Whether something names this folder: then it is built for itself, too, whoever else names it. */
  names(folder: string): boolean;
  /** Each way in which a kustomization is changed before it is built; never empty. */
  overlaysOf(folder: string): readonly (Overlay | undefined)[];
}

export function readTree(sources: readonly SourceFile[], applied: Appliers): Tree {
  return new TreeReader(sources, applied).read();
}

function isKustomizationFile(path: string): boolean {
  return (KUSTOMIZATION_FILES as readonly string[]).includes(basename(path));
}

class TreeReader {
  private readonly kustomizations = new Map<string, Kustomization>();
  private readonly problems: InputProblem[] = [];
  private readonly applied: Appliers;
  private readonly given: readonly string[];
  private readonly shown: ReadonlyMap<string, string>;
  private readonly folders = new Map<string, ReadonlySet<string>>();
  private readonly files = new Map<string, ReadonlySet<string>>();
  private readonly unreadable = new Set<string>();
  /** Folders of which nothing below is broken. */
  private readonly sound = new Set<string>();

  constructor(sources: readonly SourceFile[], applied: Appliers) {
    this.applied = applied;
    this.shown = new Map(sources.map(({ path }) => [resolve(path), path]));
    this.given = [...this.shown.keys()].filter(isKustomizationFile);
  }

  read(): Tree {
    for (const file of this.given) {
      if (kustomizationFileOf(dirname(file)) === file) {
        this.folder(dirname(file), file);
      }
    }
    const named = new Set<string>();
    for (const kustomization of this.kustomizations.values()) {
      for (const { path } of [...kustomization.resources, ...kustomization.components]) {
        if (path !== undefined) {
          named.add(path);
        }
      }
    }
    const given = new Set(this.given.map((file) => dirname(file)));
    const all = [...this.kustomizations.values()].filter(({ folder }) => given.has(folder));
    const tops = all.filter(({ folder }) => !named.has(folder) || this.applied.names(folder));
    // A circle has no top: one of it stands for all, so that it is not passed over in silence.
    const reached = new Set(tops.flatMap((top) => [...this.below(top)]));
    for (const kustomization of all) {
      if (!reached.has(kustomization.folder)) {
        tops.push(kustomization);
        this.below(kustomization).forEach((folder) => reached.add(folder));
      }
    }
    for (const { file } of tops.filter(({ isComponent }) => isComponent)) {
      this.problems.push({
        kind: 'NotBuilt',
        file: this.name(file),
        message: 'is a component that no kustomization of the input uses; what it patches is not judged',
      });
    }
    return {
      kustomizations: this.kustomizations,
      roots: tops
        .filter(({ isComponent }) => !isComponent)
        .flatMap((kustomization) => {
          const broken = this.broken(kustomization, []);
          return this.applied
            .overlaysOf(kustomization.folder)
            .map((overlay) => ({
              kustomization: overlay === undefined ? kustomization : { ...kustomization, overlay },
              broken,
            }));
        }),
      patches: new Set(
        [...this.kustomizations.values()].flatMap(({ patches, parts }) => [
          ...patches.filter(({ text }) => text === undefined).map(({ file }) => file),
          ...parts.flatMap(({ path }) => (path === undefined ? [] : [path])),
        ]),
      ),
      problems: this.problems,
      shown: (path) => this.name(path),
      filesOf: (kustomization) => this.filesOf(kustomization),
      isKustomization: (file) =>
        isKustomizationFile(file) && (this.kustomizations.has(dirname(file)) || this.unreadable.has(dirname(file))),
      reads: (kustomization, file) => this.reads(kustomization, file),
    };
  }

  private name(path: string): string {
    return this.shown.get(path) ?? nameOf(path);
  }

  /** Reads the kustomization of a folder and those that it names, also outside of the input. */
  private folder(folder: string, file = kustomizationFileOf(folder)): void {
    if (file === undefined || this.kustomizations.has(folder) || this.kustomizations.size >= KUSTOMIZATION_LIMIT) {
      return;
    }
    const read = readKustomization(file);
    if (!read.ok) {
      if (read.foreign !== true && !this.unreadable.has(folder)) {
        this.unreadable.add(folder);
        this.problems.push({
          kind: 'NotBuilt',
          file: this.name(file),
          line: read.line,
          message: `is a kustomization that cannot be read: ${read.why}; it is not built`,
        });
      }
      return;
    }
    this.kustomizations.set(folder, read.kustomization);
    for (const { path } of [...read.kustomization.resources, ...read.kustomization.components]) {
      if (path !== undefined && isFolder(path)) {
        this.folder(path);
      }
    }
  }

  private children(kustomization: Kustomization): { readonly reference: Reference; readonly child: Kustomization }[] {
    return [...kustomization.resources, ...kustomization.components].flatMap((reference) => {
      const child = reference.path === undefined ? undefined : this.kustomizations.get(reference.path);
      return child === undefined ? [] : [{ reference, child }];
    });
  }

  private below(top: Kustomization): ReadonlySet<string> {
    const known = this.folders.get(top.folder);
    if (known !== undefined) {
      return known;
    }
    const seen = new Set([top.folder]);
    const queue = [top];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      for (const { child } of this.children(next)) {
        if (!seen.has(child.folder)) {
          seen.add(child.folder);
          queue.push(child);
        }
      }
    }
    this.folders.set(top.folder, seen);
    return seen;
  }

  private filesOf(top: Kustomization): ReadonlySet<string> {
    const known = this.files.get(top.folder);
    if (known !== undefined) {
      return known;
    }
    const files = new Set<string>();
    for (const folder of this.below(top)) {
      for (const { path } of this.kustomizations.get(folder)?.resources ?? []) {
        if (path !== undefined && !this.kustomizations.has(path)) {
          files.add(path);
        }
      }
    }
    this.files.set(top.folder, files);
    return files;
  }

  /** A folder below that none of them names belongs to others. */
  private reads(top: Kustomization, file: string): boolean {
    const below = this.below(top);
    return (
      this.filesOf(top).has(file) ||
      below.has(dirname(file)) ||
      [...below].some((folder) => {
        const { patches = [], parts = [] } = this.kustomizations.get(folder) ?? {};
        return patches.some((patch) => patch.file === file) || parts.some(({ path }) => path === file);
      })
    );
  }

  /** What is wrong with a tree can be said better here than by the program that would fail at it. */
  private broken(kustomization: Kustomization, above: readonly Kustomization[]): InputProblem | undefined {
    if (this.sound.has(kustomization.folder)) {
      return undefined;
    }
    const problem = (line: number, message: string): InputProblem => ({
      kind: 'NotBuilt',
      file: this.name(kustomization.file),
      line,
      message,
    });
    for (const reference of [...kustomization.resources, ...kustomization.components]) {
      const { text, path, line } = reference;
      if (path === undefined) {
        continue;
      }
      if (!exists(path)) {
        return problem(line, `names ${text}, which does not exist`);
      }
      const child = this.kustomizations.get(path);
      if (child === undefined && isFolder(path)) {
        return problem(line, `names the folder ${text}, which has no kustomization that can be read`);
      }
      if (child !== undefined && [...above, kustomization].includes(child)) {
        return problem(line, `names ${text}, which in the end names this kustomization: a circle`);
      }
      const below = child === undefined ? undefined : this.broken(child, [...above, kustomization]);
      if (below !== undefined) {
        return below;
      }
    }
    const part = kustomization.parts.find(({ path }) => path !== undefined && !exists(path));
    if (part !== undefined) {
      return problem(part.line, `names ${part.text}, which does not exist`);
    }
    const missing = kustomization.patches.find(({ text, file }) => text === undefined && !exists(file));
    if (missing !== undefined) {
      const patch = relative(kustomization.folder, missing.file);
      return problem(missing.line, `names the patch ${patch}, which does not exist`);
    }
    this.sound.add(kustomization.folder);
    return undefined;
  }
}

/** The kustomizations of a root: itself, and all below it that are there. */
function* kustomizationsOf(
  tree: Tree,
  { folder }: Kustomization,
  seen: Set<string> = new Set(),
): Generator<Kustomization> {
  const kustomization = tree.kustomizations.get(folder);
  if (kustomization === undefined || seen.has(folder)) {
    return;
  }
  seen.add(folder);
  yield kustomization;
  for (const { path } of [...kustomization.resources, ...kustomization.components]) {
    const child = path === undefined ? undefined : tree.kustomizations.get(path);
    if (child !== undefined) {
      yield* kustomizationsOf(tree, child, seen);
    }
  }
}

/** The first thing that is named somewhere in a tree and is not on this disk. */
export function remoteReference(
  tree: Tree,
  root: Kustomization,
): { readonly file: string; readonly line: number; readonly text: string } | undefined {
  for (const { file, resources, components, parts } of kustomizationsOf(tree, root)) {
    const remote = [...resources, ...components, ...parts].find(({ path }) => path === undefined);
    if (remote !== undefined) {
      return { file, line: remote.line, text: remote.text };
    }
  }
  return undefined;
}

/** The kustomization of a tree that has charts in it, if there is one. */
export function withCharts(tree: Tree, root: Kustomization): Kustomization | undefined {
  for (const kustomization of kustomizationsOf(tree, root)) {
    if (kustomization.chartsLine !== undefined) {
      return kustomization;
    }
  }
  return undefined;
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** As the user would name it: relative to where they are, if it is below. */
export function nameOf(path: string): string {
  const here = relative(process.cwd(), path);
  if (here === '') {
    return '.';
  }
  return here.startsWith('..') ? path : here;
}
