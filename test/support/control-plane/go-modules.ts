import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/**
 * Support for tests that k8s.io/apiserver keeps in a package of every API server. It imports a fake of the whole client:
 * 58 packages, a sixteenth of all work, and nothing runs them.
 */
const apiServer = 'k8s.io/apiserver';
const leftOut = join('pkg', 'admission', 'plugin', 'policy', 'generic', 'policy_test_context.go');

/** Sources of a module as `go mod download` has them, without that file and without its tests. */
async function copyModule(from: string, to: string): Promise<boolean> {
  let found = false;
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    const path = relative(from, join(entry.parentPath, entry.name));
    if (path === leftOut) {
      found = true;
    } else if (entry.isFile() && !path.endsWith('_test.go')) {
      await mkdir(join(to, relative(from, entry.parentPath)), { recursive: true });
      await copyFile(join(from, path), join(to, path));
    }
  }
  return found;
}

/**
 * Arguments of `go build` that leave that file out: a copy of the module in `folder`, and a go.mod that takes it from
 * there. None where a module does not have Kubernetes' libraries, or they do not have the file.
 */
export async function withoutTestSupport(
  module: string,
  folder: string,
  download: (path: string) => Promise<string>,
): Promise<string[]> {
  const text = await readFile(join(module, 'go.mod'), 'utf8');
  const replaced = new RegExp(`^(\\s*${apiServer} => ).*$`, 'm');
  if (!replaced.test(text)) {
    return [];
  }
  const source = /"Dir": "(.+)"/.exec(await download(apiServer))?.[1];
  const copy = join(folder, 'apiserver');
  if (source === undefined || !(await copyModule(source, copy))) {
    return [];
  }
  const modfile = join(folder, 'go.mod');
  await writeFile(modfile, text.replace(replaced, `$1${copy}`));
  await copyFile(join(module, 'go.sum'), join(folder, 'go.sum'));
  return [`-modfile=${modfile}`];
}
