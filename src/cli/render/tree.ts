import { existsSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { workloadKey, type Workload } from '../../drain/model/workload.ts';
import { SPEC_TEMPLATE } from '../../drain/template/index.ts';
import type { BuildOptions } from '../repository/build.ts';
import { nameInRoot } from '../repository/kustomization.ts';
import type { BuiltOrigin } from '../repository/origin.ts';
import type { Piece } from '../repository/pieces.ts';
import type { Tree } from '../repository/tree.ts';
import { editText, withValue, type ObjectEdits } from './documents.ts';
import { appendEntry, CannotEdit, type FieldEdit, type PathStep } from './edit.ts';
import { yamlText } from './yaml-text.ts';
import { Proof, TooLarge, type Fault, type Wanted } from './proof.ts';

/** A workload of a build, with what is to change in it; none where it is as it should be. */
export interface BuiltWorkload {
  readonly workload: Workload;
  readonly origin: BuiltOrigin;
  /** As the build names it. */
  readonly id: string;
  readonly edits: readonly FieldEdit[];
}

/** What is to be written into a tree. Paths are absolute. */
export interface TreeChanges {
  readonly files: ReadonlyMap<string, string>;
  /** What is not written, one line each. */
  readonly refused: readonly string[];
}

/** All builds of one manifest. */
interface Group {
  readonly members: readonly BuiltWorkload[];
  /** Where the values go: to where they stand or would have to stand, else into a patch of the overlay; undefined: nowhere. */
  place: 'Source' | 'Overlay' | undefined;
  why: string;
}

/** A file that more than one group writes to is written as a whole: its texts are made of all of them. */
interface Draft {
  readonly files: Map<string, string>;
  /** Groups that could not be drafted at their place. */
  readonly failed: Map<Group, string>;
}

/**
 * Puts values where they belong: into the manifest or the patch where they stand, when all builds of it agree, else into
 * a patch of the overlay. Nothing is returned but what the program at hand has proved: every build before and after
 * differs in the wanted fields and in nothing else.
 */
export async function treeChanges(
  built: readonly BuiltWorkload[],
  tree: Tree,
  given: ReadonlySet<string>,
  options: BuildOptions & { readonly kustomize: string },
): Promise<TreeChanges> {
  const groups = groupsOf(built, given);
  if (groups.length === 0) {
    return { files: new Map(), refused: [] };
  }
  let proof: Proof | undefined;
  try {
    proof = new Proof(tree, options);
    const files = await settle(groups, tree, proof);
    return { files, refused: groups.flatMap((group) => (group.place === undefined ? refusals(group) : [])) };
  } catch (error) {
    if (!(error instanceof TooLarge)) {
      throw error;
    }
    return { files: new Map(), refused: groups.flatMap((group) => refusals({ ...group, why: error.message })) };
  } finally {
    proof?.end();
  }
}

/** Tries a place for every group, and the next one for those whose builds become something else. */
async function settle(groups: readonly Group[], tree: Tree, proof: Proof): Promise<ReadonlyMap<string, string>> {
  for (;;) {
    const { files, failed } = draft(groups, tree);
    if (failed.size > 0) {
      failed.forEach((why, group) => {
        demote(group, why);
      });
      continue;
    }
    const wanted = groups
      .filter(({ place }) => place !== undefined)
      .flatMap(({ members }) => members.flatMap(wantedOf));
    const faults = files.size === 0 ? [] : await proof.faults(files, wanted);
    if (faults.length === 0) {
      return files;
    }
    const before = placesOf(groups);
    for (const fault of faults) {
      groups
        .filter((group) => isToBlame(group, fault))
        .forEach((group) => {
          demote(group, `in ${tree.shown(fault.root.folder)} ${fault.why}`);
        });
    }
    if (isDeepStrictEqual(before, placesOf(groups))) {
      // A fault that is nobody's in particular: whatever reaches that root steps back.
      const roots = new Set(faults.map(({ root }) => root));
      groups
        .filter(({ members }) => members.some(({ origin }) => roots.has(origin.root)))
        .forEach((group) => {
          demote(group, faults[0]?.why ?? '');
        });
    }
    if (isDeepStrictEqual(before, placesOf(groups))) {
      groups.forEach((group) => {
        demote(group, faults[0]?.why ?? '');
      });
    }
  }
}

function placesOf(groups: readonly Group[]): readonly Group['place'][] {
  return groups.map(({ place }) => place);
}

function demote(group: Group, why: string): void {
  if (group.place === undefined) {
    return;
  }
  group.why = why;
  group.place = group.place === 'Source' ? 'Overlay' : undefined;
}

function isToBlame(group: Group, { root, id }: Fault): boolean {
  return group.members.some((member) => member.origin.root === root && (id === undefined || id === member.id));
}

function refusals({ members, why }: Group): string[] {
  const [first] = members.filter(({ edits }) => edits.length > 0);
  return first === undefined
    ? []
    : [
        `${first.workload.source?.file}:${first.workload.source?.line}: ${workloadKey(first.workload)} is not changed: ${why}`,
      ];
}

function groupsOf(built: readonly BuiltWorkload[], given: ReadonlySet<string>): Group[] {
  const byManifest = new Map<string, BuiltWorkload[]>();
  for (const one of built) {
    const { manifest, path, root } = one.origin;
    const key = manifest === undefined ? `${root.file} ${workloadKey(one.workload)}` : `${path ?? ''}:${manifest.line}`;
    byManifest.set(key, [...(byManifest.get(key) ?? []), one]);
  }
  return [...byManifest.values()]
    .filter((members) => members.some(({ edits }) => edits.length > 0))
    .map((members) => ({ members, place: agree(members) && isOurs(members, given) ? 'Source' : 'Overlay', why: '' }));
}

/** Whether all builds that want a change of a field want the same one. That the others can live with it is for the proof. */
function agree(members: readonly BuiltWorkload[]): boolean {
  const wanted = new Map<string, FieldEdit['value']>();
  return members
    .flatMap(({ edits }) => edits)
    .every(({ path, value }) => {
      const key = JSON.stringify(path);
      const known = wanted.get(key);
      wanted.set(key, value);
      return known === undefined || isDeepStrictEqual(known, value);
    });
}

/** A manifest outside of the input may serve builds that we do not see. */
function isOurs(members: readonly BuiltWorkload[], given: ReadonlySet<string>): boolean {
  const { path, manifest } = members[0]?.origin ?? {};
  return manifest !== undefined && path !== undefined && given.has(path);
}

function wantedOf({ workload, origin, id, edits }: BuiltWorkload): Wanted[] {
  return edits.length === 0
    ? []
    : [{ root: origin.root, id, edits, templatePath: workload.templatePath ?? SPEC_TEMPLATE }];
}

function draft(groups: readonly Group[], tree: Tree): Draft {
  const objects = new Map<string, ObjectEdits[]>();
  const failed = new Map<Group, string>();
  const owners = new Map<ObjectEdits, Group>();
  const put = (file: string, line: number, edits: readonly FieldEdit[], group: Group, name: string): void => {
    const own = { line, edits, name };
    owners.set(own, group);
    objects.set(file, [...(objects.get(file) ?? []), own]);
  };
  for (const group of groups.filter(({ place }) => place === 'Source')) {
    for (const { file, line, edits, name } of sourceEdits(group)) {
      put(file, line, edits, group, name);
    }
  }
  const files = new Map<string, string>();
  for (const [file, edits] of objects) {
    const result = editText(readFileSync(file, 'utf8'), edits);
    for (const { line, why } of result.refused) {
      const owner = edits.find((each) => each.line === line);
      const group = owner === undefined ? undefined : owners.get(owner);
      if (group !== undefined) {
        failed.set(group, why);
      }
    }
    files.set(file, result.text);
  }
  for (const group of groups.filter(({ place }) => place === 'Overlay')) {
    for (const member of group.members.filter(({ edits }) => edits.length > 0)) {
      try {
        overlayPatch(member, files, tree);
      } catch (error) {
        if (!(error instanceof CannotEdit)) {
          throw error;
        }
        failed.set(group, error.message);
      }
    }
  }
  return { files, failed };
}

interface SourceEdit {
  readonly file: string;
  readonly line: number;
  readonly name: string;
  readonly edits: readonly FieldEdit[];
}

/** Each value goes into the patch where it stands, if there is one in a file of its own, else into the manifest. */
function sourceEdits({ members }: Group): SourceEdit[] {
  const byPlace = new Map<string, SourceEdit>();
  for (const { workload, origin, edits } of members) {
    for (const edit of edits) {
      const patch = origin.patches.find((piece) => sets(piece, edit, workload));
      const place =
        patch?.form === 'StrategicMerge'
          ? { file: resolve(patch.file), line: patch.line }
          : { file: origin.path ?? '', line: origin.manifest?.line ?? 1 };
      const key = `${place.file}:${place.line}`;
      const known = byPlace.get(key)?.edits ?? [];
      // All builds agree on the value, so what one has put there is what the next one wants.
      const isThere = known.some(({ path }) => isDeepStrictEqual(path, edit.path));
      byPlace.set(key, { ...place, name: workloadKey(workload), edits: isThere ? known : [...known, edit] });
    }
  }
  return [...byPlace.values()];
}

function keyOf(step: PathStep | undefined): string {
  return typeof step === 'string' ? step : '';
}

function sets(piece: Piece, { path }: FieldEdit, { templatePath = SPEC_TEMPLATE }: Workload): boolean {
  const rest = path.slice(templatePath.length);
  const field =
    rest[0] === 'metadata'
      ? `spec.template.metadata.annotations["${keyOf(rest[2])}"]`
      : rest.length === 2
        ? 'spec.template.spec.terminationGracePeriodSeconds'
        : `spec.template.spec.containers[istio-proxy].lifecycle.preStop`;
  return piece.fieldLines[field] !== undefined;
}

/** A patch of its own for one workload, and its entry in the kustomization of the root. */
function overlayPatch(
  { workload, origin: { root }, edits }: BuiltWorkload,
  files: Map<string, string>,
  tree: Tree,
): void {
  const { apiVersion, kind } = workload;
  const name = nameInRoot(workload.name, root);
  const file = join(root.folder, `sidecar-drain-${kind.toLowerCase()}-${name}.yaml`);
  const head = { apiVersion, kind, metadata: { name } };
  const value = edits.reduce<unknown>((current, edit) => withValue(current, edit.path, edit.value), head);
  const known = files.get(root.file) ?? readFileSync(root.file, 'utf8');
  const path = relative(root.folder, file);
  if (files.get(file) === yamlText(value)) {
    // Another build of the same root wants the same.
    return;
  }
  if (files.has(file) || existsSync(file)) {
    throw new CannotEdit(`${tree.shown(file)} is there already`);
  }
  files.set(file, yamlText(value));
  // The target names the object by the name that it has when the patches of this kustomization are applied, in whatever namespace.
  const target = { kind, name: name.replaceAll('.', '\\.') };
  files.set(root.file, appendEntry(known, 'patches', { path, target }));
}
