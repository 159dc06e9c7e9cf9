// The operator of an earlier commit beside the one of today: `make test-upgrade` and `make bench` run both.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from './control-plane/index.ts';

const run = promisify(execFile);

/** The bundle of an earlier commit, built once with the packages that are installed here. */
export async function programOf(commit: string): Promise<string> {
  const root = projectRoot();
  const { stdout } = await run('git', ['rev-parse', '--short=12', `${commit}^{commit}`], { cwd: root });
  const folder = join(root, '.cache', 'earlier', stdout.trim());
  const program = join(folder, 'dist', 'main.js');
  if (!existsSync(program)) {
    const temporary = `${folder}.${process.pid}`;
    await mkdir(temporary, { recursive: true });
    try {
      await run('sh', ['-c', `git archive '${stdout.trim()}' | tar -x -C '${temporary}'`], { cwd: root });
      await symlink(join(root, 'node_modules'), join(temporary, 'node_modules'));
      await run(process.execPath, ['scripts/build.mjs'], { cwd: temporary });
      await rename(temporary, folder);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }
  return program;
}
