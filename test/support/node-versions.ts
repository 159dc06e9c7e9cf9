// Other releases of Node.js than the one that runs the tests, as npm packages of the Node project carry them.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheRoot } from './control-plane/paths.ts';

const run = promisify(execFile);

/** The newest patch release of each supported line when this was written. */
export const NODE_VERSIONS = ['20.20.2', '22.23.3', '24.21.0', '26.10.0'] as const;

/** Path of the program; downloaded once by the npm client, then taken from the cache. */
export async function nodeProgram(version: string): Promise<string> {
  const cache = join(dirname(cacheRoot()), 'node');
  const folder = join(cache, version);
  const program = join(folder, 'package', 'bin', 'node');
  if (
    await stat(program).then(
      () => true,
      () => false,
    )
  ) {
    return program;
  }
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(join(cache, 'download-'));
  try {
    const name = `node-${process.platform}-${process.arch}`;
    await run('npm', ['pack', '--silent', `${name}@${version}`, '--pack-destination', fresh]);
    const [archive] = (await readdir(fresh)).filter((file) => file.endsWith('.tgz'));
    if (archive === undefined) {
      throw new Error(`npm pack ${name}@${version} left no archive`);
    }
    await run('tar', ['-xzf', join(fresh, archive), '-C', fresh]);
    await rm(join(fresh, archive));
    // Somebody else may have been faster; theirs is as good.
    await rename(fresh, folder).catch(() => undefined);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return program;
}
