// For generators whose source is the product's own TypeScript: runs a script that prints JSON, in a process of its own.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './root.ts';

export async function printedBy<T>(script: string): Promise<T> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(root, 'scripts', 'run-ts.mjs'), join(root, script)],
    { cwd: root, maxBuffer: 64 * 1024 * 1024 },
  );
  return JSON.parse(stdout) as T;
}
