import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { RE2JS } from 're2js';
import { listOf, recordOf, textOf } from '../../drain/template/raw.ts';
import { readSource } from '../input/sources.ts';
import { readYaml } from '../input/yaml/read.ts';

/** What a generator gives to one application: values by the names that templates call them by, without a leading dot. */
export type Parameters = ReadonlyMap<string, string>;

/** More applications of one set are not looked at. */
const LIMIT = 2000;

/**
 * The parameters of each application that a set makes: those of `list`, of `git` with directories or files, since these are on this disk, and
 * `matrix` and `merge` of these (https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Generators/). Another generator asks a
 * cluster or a service: it makes one application whose parameters nobody knows.
 *
 * @param repository folders from which the paths count
 */
export function parametersOf(generators: readonly unknown[], repository: readonly string[]): readonly Parameters[] {
  return generators.flatMap((generator) => ofGenerator(recordOf(generator), repository)).slice(0, LIMIT);
}

function ofGenerator(
  generator: Readonly<Record<string, unknown>>,
  repository: readonly string[],
): readonly Parameters[] {
  const { list, git, matrix, merge } = generator;
  if (list !== undefined) {
    return listOf(recordOf(list)['elements']).map((each) => valuesBelow(each));
  }
  if (git !== undefined) {
    return ofGit(recordOf(git), repository);
  }
  if (matrix !== undefined) {
    // A later generator may take parameters of those before it.
    return listOf(recordOf(matrix)['generators']).reduce<readonly Parameters[]>(
      (made, inner) =>
        made
          .flatMap((known) =>
            ofGenerator(recordOf(filledIn(inner, known)), repository).map((more) => new Map([...known, ...more])),
          )
          .slice(0, LIMIT),
      [new Map()],
    );
  }
  return merge === undefined ? [new Map()] : merged(recordOf(merge), repository);
}

/** The first generator makes the applications; later ones may say more of those with the same keys. */
function merged(merge: Readonly<Record<string, unknown>>, repository: readonly string[]): Parameters[] {
  const keys = listOf(merge['mergeKeys']).flatMap((key) => textOf(key) ?? []);
  const [first = [], ...others] = listOf(merge['generators']).map((each) => ofGenerator(recordOf(each), repository));
  return first.map((base) =>
    others
      .flatMap((more) => more.filter((each) => keys.every((key) => each.get(key) === base.get(key))))
      .reduce<Parameters>((known, each) => new Map([...known, ...each]), base),
  );
}

function ofGit(git: Readonly<Record<string, unknown>>, repository: readonly string[]): Parameters[] {
  const own = valuesBelow(git['values'], 'values.');
  const [directories, files] = [listOf(git['directories']), listOf(git['files'])];
  const made = repository.flatMap((root) =>
    files.length > 0 ? ofFiles(files, root) : directories.length > 0 ? ofDirectories(directories, root) : [],
  );
  return files.length + directories.length === 0
    ? [new Map()]
    : made.map(
        (each) => new Map([...each, ...[...own].map(([key, text]) => [key, String(filledIn(text, each))] as const)]),
      );
}

/** Texts, numbers and switches of a value by their dotted path. */
function valuesBelow(value: unknown, prefix = ''): Parameters {
  return new Map(
    Object.entries(recordOf(value)).flatMap(([key, each]): (readonly [string, string])[] =>
      ['string', 'number', 'boolean'].includes(typeof each)
        ? [[`${prefix}${key}`, String(each)]]
        : [...valuesBelow(each, `${prefix}${key}.`)],
    ),
  );
}

/** A file holds the parameters of one application, or a list of them; its folder is the path. */
function ofFiles(files: readonly unknown[], root: string): Parameters[] {
  const chosen = chosenBy(files);
  return ['.', ...foldersBelow(root)]
    .flatMap((folder) =>
      readdirSync(join(root, folder), { withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => (folder === '.' ? entry.name : `${folder}/${entry.name}`)),
    )
    .filter(chosen)
    .sort()
    .flatMap((file) => {
      const read = readSource(join(root, file));
      const content = read.ok ? readYaml(read.text, 1) : undefined;
      const value = content?.ok === true ? content.document.value : undefined;
      const folder = file.includes('/') ? file.slice(0, file.lastIndexOf('/')) : '.';
      const name = file.slice(file.lastIndexOf('/') + 1);
      return (Array.isArray(value) ? value : [value]).map(
        (each) => new Map([...valuesBelow(each), ...pathParameters(folder), ['path.filename', name]]),
      );
    });
}

function ofDirectories(directories: readonly unknown[], root: string): Parameters[] {
  return foldersBelow(root).filter(chosenBy(directories)).map(pathParameters);
}

/** Whether a path is one of those that are wanted and none that is excluded. */
function chosenBy(entries: readonly unknown[]): (path: string) => boolean {
  const patterns = (excluded: boolean): RE2JS[] =>
    entries
      .map(recordOf)
      .filter(({ exclude }) => (exclude === true) === excluded)
      .flatMap(({ path }) => (textOf(path) === undefined ? [] : [globPattern(textOf(path) ?? '')]));
  const wanted = patterns(false);
  const unwanted = patterns(true);
  return (path) => wanted.some((each) => each.matches(path)) && !unwanted.some((each) => each.matches(path));
}

function pathParameters(path: string): Parameters {
  const basename = path.slice(path.lastIndexOf('/') + 1);
  const normalized = basename.toLowerCase().replaceAll(/[^a-z0-9.-]/g, '-');
  return new Map([
    ['path', path],
    ['path.path', path],
    ['path.basename', basename],
    ['path.basenameNormalized', normalized],
    ...path.split('/').map((part, index) => [`path[${index}]`, part] as const),
  ]);
}

/** `*` stands for a part of a name, `**` for folders of any depth. */
function globPattern(glob: string): RE2JS {
  const parts = glob.replace(/^\.?\//, '').split(/(\*\*\/?|\*|\?)/);
  const translated = parts.map((part) => {
    if (part.startsWith('**')) {
      return part.endsWith('/') ? '(?:[^/]+/)*' : '.*';
    }
    return part === '*' ? '[^/]*' : part === '?' ? '[^/]' : part.replaceAll(/[\\^$.|+()[\]{}]/g, '\\$&');
  });
  return RE2JS.compile(translated.join(''));
}

/** Every folder below, with slashes between, but for those of tools. */
function foldersBelow(root: string): string[] {
  const found: string[] = [];
  const queue = [root];
  for (let next = queue.pop(); next !== undefined && found.length < 50_000; next = queue.pop()) {
    for (const entry of readdirSync(next, { withFileTypes: true })) {
      if (entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules') {
        const folder = join(next, entry.name);
        found.push(relative(root, folder).split(sep).join('/'));
        queue.push(folder);
      }
    }
  }
  return found.sort();
}

/** A template with its parameters in place, in either syntax of Argo CD. What is unknown stays as it is written. */
export function filledIn(value: unknown, parameters: Parameters): unknown {
  if (typeof value === 'string') {
    return value.replaceAll(
      /\{\{-?\s*(?:\.?([\w.[\]]+)|index\s+\.path\.segments\s+(\d+))\s*-?\}\}/g,
      (whole, name: string | undefined, segment: string | undefined) =>
        parameters.get(name ?? `path[${segment}]`) ?? whole,
    );
  }
  if (Array.isArray(value)) {
    return value.map((each) => filledIn(each, parameters));
  }
  return recordOf(value) === value
    ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, filledIn(each, parameters)]))
    : value;
}
