import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { at, listOf, recordOf, textOf } from '../../drain/template/raw.ts';
import { PROXY_CONTAINER } from '../../api/names.ts';
import { splitDocuments } from '../input/split.ts';
import { readYaml } from '../input/yaml/read.ts';
import { buildKustomization, inOrder, Workshop, type BuildOptions } from '../repository/build.ts';
import type { Kustomization } from '../repository/kustomization.ts';
import { withoutOrigin } from '../repository/origin.ts';
import type { Tree } from '../repository/tree.ts';
import { withValue } from './documents.ts';
import type { FieldEdit } from './edit.ts';

/** A temporary copy larger than this is not made. */
const FILE_LIMIT = 50_000;
const BYTE_LIMIT = 1024 * 1024 * 1024;
const SKIPPED = new Set(['.git', 'node_modules']);

/** One object of one build: what is wanted of it is its value before, with these edits. */
export interface Wanted {
  readonly root: Kustomization;
  readonly id: string;
  readonly edits: readonly FieldEdit[];
  readonly templatePath: readonly string[];
}

/** What a build would become that it must not. */
export interface Fault {
  readonly root: Kustomization;
  /** Absent where the build as a whole fails. */
  readonly id?: string;
  readonly why: string;
}

type Values = ReadonlyMap<string, unknown>;

/** Builds every root that a change reaches, before and after, in a copy, and compares the two. */
export class Proof {
  private readonly tree: Tree;
  private readonly options: BuildOptions & { readonly kustomize: string };
  private readonly workshop = new Workshop();
  private readonly before = new Map<Kustomization, Values | undefined>();
  private readonly common: string;
  private readonly copy: string;
  /** Files of the copy that differ from the original. */
  private readonly dirty = new Set<string>();

  constructor(tree: Tree, options: BuildOptions & { readonly kustomize: string }) {
    this.tree = tree;
    this.options = options;
    const folders = topmost([...tree.kustomizations.keys()]);
    this.common = commonFolder(folders);
    this.copy = this.workshop.make();
    const budget = { files: 0, bytes: 0 };
    for (const folder of folders) {
      copyFolder(folder, join(this.copy, relative(this.common, folder)), budget);
    }
  }

  end(): void {
    this.workshop.remove();
  }

  /** What is wrong with these texts of files; empty where every build becomes what is wanted and nothing else changes. */
  async faults(changed: ReadonlyMap<string, string>, wanted: readonly Wanted[]): Promise<Fault[]> {
    const roots = this.tree.roots
      .map(({ kustomization }) => kustomization)
      .filter((root) => [...changed.keys()].some((file) => this.tree.reads(root, file)));
    for await (const [root, values] of inOrder(
      roots.filter((root) => !this.before.has(root)),
      async (root) => await this.build(root),
    )) {
      this.before.set(root, values.ok ? values.values : undefined);
    }
    this.write(changed);
    const faults: Fault[] = [];
    for await (const [root, after] of inOrder(
      roots,
      async (root) => await this.build({ ...root, folder: join(this.copy, relative(this.common, root.folder)) }),
    )) {
      const before = this.before.get(root);
      if (before === undefined) {
        faults.push({ root, why: 'nothing can be proved, because it cannot be built' });
        continue;
      }
      const own = wanted.filter((each) => each.root === root);
      faults.push(...(after.ok ? differences(root, before, after.values, own) : [{ root, why: after.why }]));
    }
    return faults;
  }

  private async build(
    root: Kustomization,
  ): Promise<{ readonly ok: true; readonly values: Values } | { readonly ok: false; readonly why: string }> {
    const result = await buildKustomization(root, this.workshop, this.options);
    return result.ok
      ? { ok: true, values: valuesOf(result.output) }
      : { ok: false, why: `it cannot be built any more: ${result.why}` };
  }

  /** Makes the copy what the original would be with these texts, and nothing of an earlier try. */
  private write(changed: ReadonlyMap<string, string>): void {
    const inCopy = (file: string): string => join(this.copy, relative(this.common, file));
    for (const file of this.dirty) {
      writeFileSync(inCopy(file), existsSync(file) ? readFileSync(file) : '');
    }
    this.dirty.clear();
    for (const [file, text] of changed) {
      mkdirSync(dirname(inCopy(file)), { recursive: true });
      writeFileSync(inCopy(file), text);
      this.dirty.add(file);
    }
  }
}

export function idOf(value: unknown): string {
  const metadata = recordOf(recordOf(value)['metadata']);
  const text = (part: unknown): string => textOf(part) ?? '';
  return [
    text(recordOf(value)['apiVersion']),
    text(recordOf(value)['kind']),
    text(metadata['namespace']),
    text(metadata['name']),
  ].join(' ');
}

function valuesOf(output: string): Values {
  const values = new Map<string, unknown>();
  for (const chunk of splitDocuments(output)) {
    const read = readYaml(output.slice(chunk.from, chunk.to), chunk.line);
    if (read.ok && read.document.value !== null) {
      const value = withoutOrigin(recordOf(read.document.value));
      values.set(idOf(value), value);
    }
  }
  return values;
}

function differences(root: Kustomization, before: Values, after: Values, wanted: readonly Wanted[]): Fault[] {
  const faults: Fault[] = [];
  const edits = new Map(wanted.map((each) => [each.id, each]));
  for (const [id, value] of before) {
    const own = edits.get(id);
    const expected =
      own?.edits.reduce((current, { path, value: leaf }) => withValue(current, path, leaf), value) ?? value;
    const became = after.get(id);
    if (!isDeepStrictEqual(settled(expected, own), settled(became, own))) {
      faults.push({ root, id, why: own === undefined ? `it would change ${id}` : whatDiffers(became, own) });
    }
  }
  for (const id of after.keys()) {
    if (!before.has(id)) {
      faults.push({ root, id, why: `it would add ${id}` });
    }
  }
  return faults;
}

function whatDiffers(became: unknown, { edits }: Wanted): string {
  for (const { path, value } of edits) {
    const keys = path.filter((step) => typeof step === 'string');
    const found = keys.length === path.length ? at(became, keys) : value;
    if (!isDeepStrictEqual(found, value)) {
      return `${keys.at(-1) ?? ''} would be ${JSON.stringify(found) ?? 'absent'} and not ${JSON.stringify(value)}`;
    }
  }
  return 'more than the wanted fields would change';
}

/** A container that a merge puts first and an edit last is the same pod: the place of ours in the list does not count. */
function settled(value: unknown, wanted: Wanted | undefined): unknown {
  const path = [...(wanted?.templatePath ?? []), 'spec', 'containers'];
  const containers = wanted === undefined ? [] : listOf(at(value, path));
  const isOurs = (each: unknown): boolean => recordOf(each)['name'] === PROXY_CONTAINER;
  return containers.some(isOurs)
    ? withValue(value, path, [...containers.filter((each) => !isOurs(each)), ...containers.filter(isOurs)] as never)
    : value;
}

function topmost(folders: readonly string[]): string[] {
  const tops: string[] = [];
  for (const folder of [...folders].sort()) {
    if (!tops.some((top) => folder.startsWith(top + sep))) {
      tops.push(folder);
    }
  }
  return tops;
}

function commonFolder(folders: readonly string[]): string {
  let common = folders[0] ?? sep;
  for (const folder of folders) {
    while (folder !== common && !folder.startsWith(common === sep ? sep : common + sep)) {
      common = dirname(common);
    }
  }
  return common;
}

/** Too large to be copied, so nothing is proved and nothing written. */
export class TooLarge extends Error {}

function copyFolder(from: string, to: string, budget: { files: number; bytes: number }): void {
  cpSync(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => {
      if (SKIPPED.has(path.slice(path.lastIndexOf(sep) + 1))) {
        return false;
      }
      const stat = lstatSync(path);
      budget.files++;
      budget.bytes += stat.isFile() ? stat.size : 0;
      if (budget.files > FILE_LIMIT || budget.bytes > BYTE_LIMIT) {
        throw new TooLarge(`${from} has more than ${FILE_LIMIT} files or ${BYTE_LIMIT / 1024 ** 3} GiB`);
      }
      return !stat.isSocket() && !stat.isFIFO();
    },
  });
}
