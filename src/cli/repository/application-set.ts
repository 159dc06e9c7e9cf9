import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { RE2JS } from 're2js';
import { listOf, recordOf, textOf } from '../../drain/template/raw.ts';

/** What a generator gives to one application: values by the names that templates call them by, without a leading dot. */
export type Parameters = ReadonlyMap<string, string>;

/** More applications of one set are not looked at. */
const LIMIT = 2000;

/**
 * The parameters of each application that a set makes: those of `list`, and of `git` with directories, since these are on
 * this disk (https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Generators/). Another generator asks a
 * cluster or a service: it makes one application whose parameters nobody knows.
 *
 * @param repository folders from which the paths count
 */
export function parametersOf(generators: readonly unknown[], repository: readonly string[]): readonly Parameters[] {
  return generators
    .flatMap((generator) => {
      const { list, git } = recordOf(generator);
      if (list !== undefined) {
        return listOf(recordOf(list)['elements']).map(elementParameters);
      }
      const directories = listOf(recordOf(git)['directories']);
      return directories.length === 0 ? [new Map()] : repository.flatMap((root) => ofDirectories(directories, root));
    })
    .slice(0, LIMIT);
}

function elementParameters(element: unknown): Parameters {
  return new Map(
    Object.entries(recordOf(element)).flatMap(([key, value]) => {
      const text = textOf(value);
      return text === undefined ? [] : [[key, text] as const];
    }),
  );
}

function ofDirectories(directories: readonly unknown[], root: string): Parameters[] {
  const patterns = (excluded: boolean): RE2JS[] =>
    directories
      .map(recordOf)
      .filter(({ exclude }) => (exclude === true) === excluded)
      .flatMap(({ path }) => (textOf(path) === undefined ? [] : [globPattern(textOf(path) ?? '')]));
  const wanted = patterns(false);
  const unwanted = patterns(true);
  return foldersBelow(root)
    .filter((path) => wanted.some((each) => each.matches(path)) && !unwanted.some((each) => each.matches(path)))
    .map(pathParameters);
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
