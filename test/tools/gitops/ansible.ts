import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../../support/control-plane/index.ts';
import { cacheRoot } from '../../support/control-plane/paths.ts';

const run = promisify(execFile);

/** Installs what requirements.txt pins into the cache, once. Returns the path of `ansible`. Needs Python 3.11 or newer. */
export async function installAnsible(): Promise<string> {
  const requirements = join(projectRoot(), 'test/tools/gitops/ansible/requirements.txt');
  const version = /^ansible==(\S+)/m.exec(await readFile(requirements, 'utf8'))?.[1] ?? '';
  const folder = join(cacheRoot(), `ansible-${version}`);
  const complete = join(folder, 'bin', 'ansible');
  if (!existsSync(complete)) {
    console.error('installing Ansible from PyPI (once; some minutes)');
    await rm(folder, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', folder]);
    await run(join(folder, 'bin/pip'), ['install', '--quiet', '--no-compile', '--requirement', requirements]);
  }
  return complete;
}
